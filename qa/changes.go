package qa

import "flyleaf/schema"

// Times returns pointers to the event's times, by their keys in the document.
func (e *Event) Times() map[string]*int64 {
	return map[string]*int64{
		schema.KeyStartsAt: &e.StartsAtMillis, schema.KeyAnswersFrom: &e.AnswersFromMillis, schema.KeyAnswersUntil: &e.AnswersUntilMillis,
		schema.KeyWinnersAt: &e.WinnersAtMillis, schema.KeyEndsAt: &e.EndsAtMillis,
	}
}

// Changes returns the fields that must be set to turn e into want.
func (e *Event) Changes(want *Event) map[string]any {
	out := map[string]any{}
	before, after := e.Fields(), want.Fields()
	for key, v := range after {
		if before[key] != v {
			out[key] = v
		}
	}
	for key := range before {
		if _, still := after[key]; !still {
			out[key] = Zero(EventField(key).Type)
		}
	}
	return out
}
