package qa

import (
	"reflect"
	"strings"

	"flyleaf/schema"
)

// The fields of Event, Person, ListedWeek, Link and Marks have the values of the document. The name of a field is
// the same in the schema (Row.Field), in the JSON tag and in Act.Fields.

// fieldsByName are the indexes of a struct's fields by their JSON names.
var fieldsByName = map[reflect.Type]map[string]int{}

func init() {
	for _, t := range []reflect.Type{reflect.TypeFor[Event](), reflect.TypeFor[Person](), reflect.TypeFor[ListedWeek](), reflect.TypeFor[Link](), reflect.TypeFor[Marks]()} {
		fieldsByName[t] = map[string]int{}
		for i := range t.NumField() {
			name, _, _ := strings.Cut(t.Field(i).Tag.Get("json"), ",")
			fieldsByName[t][name] = i
		}
	}
}

// SetField sets a field of an *Event, *Person, *ListedWeek, *Link or *Marks by its name. The value is
// a string, int64, uint64 or bool, as the schema's type of the field is, or the people who set a mark.
// It panics when
// the struct does not have the field, which would be an error in the schema.
func SetField(of any, name string, value any) {
	v := reflect.ValueOf(of).Elem()
	field := v.Field(fieldsByName[v.Type()][name])
	field.Set(reflect.ValueOf(value).Convert(field.Type()))
}

// Field returns a field of an *Event, *Person, *ListedWeek or *Link by its name: a string,
// int64, uint64 or bool. It panics when there is no such field.
func Field(of any, name string) any {
	v := reflect.ValueOf(of).Elem()
	switch field := v.Field(fieldsByName[v.Type()][name]); field.Kind() {
	case reflect.String:
		return field.String()
	case reflect.Int64:
		return field.Int()
	case reflect.Uint64:
		return field.Uint()
	default:
		return field.Bool()
	}
}

// Fields returns the scalar fields of e that are set, by their names.
func (e *Event) Fields() map[string]any {
	out := map[string]any{}
	for _, r := range schema.Fields(schema.KindEvent) {
		if v := Field(e, r.Field); v != Zero(r.Type) {
			out[r.Field] = v
		}
	}
	return out
}

// Zero returns the value that a missing value of the type has.
func Zero(t schema.Type) any {
	switch t {
	case schema.Time:
		return int64(0)
	case schema.Number:
		return uint64(0)
	case schema.Flag:
		return false
	}
	return ""
}

// cleanFields cleans the texts and lines of a struct, as the types in the schema's rows say.
func cleanFields(of any, rows []*schema.Row) {
	for _, r := range rows {
		if r.Type != schema.Text && r.Type != schema.Line {
			continue
		}
		now, _ := Field(of, r.Field).(string)
		if s := cleanAs(r.Type, now); s != now {
			SetField(of, r.Field, s)
		}
	}
}

// cleanAs is CleanText or CleanLine, depending on the type.
func cleanAs(t schema.Type, s string) string {
	if t == schema.Text {
		return CleanText(s)
	}
	return CleanLine(s)
}
