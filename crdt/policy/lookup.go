package policy

import (
	"flyleaf/qa"
	"flyleaf/schema"
)

// lookup returns the schema's row that a change has to keep at a key of a map, nil when
// the map has no such key.
func lookup(in schema.Map, key string) *schema.Row {
	r := in.Rule(key)
	if r == nil || r.Keys != schema.IsMap && !qa.ValidKey(r, key) {
		return nil
	}
	return r
}
