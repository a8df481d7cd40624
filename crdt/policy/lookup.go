package policy

import (
	"flyleaf/crdt/wire"
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

// kindOf returns how Automerge stores a value of the schema; True stands for both
// truth values.
func kindOf(t schema.Type) wire.ValueKind {
	switch t {
	case schema.Time:
		return wire.Int
	case schema.Number:
		return wire.Uint
	case schema.Flag:
		return wire.True
	case schema.Bytes:
		return wire.Bytes
	}
	return wire.String
}
