package feed

import (
	"encoding/hex"

	"flyleaf/crdt/projection"
	"flyleaf/crdt/wire"
	"flyleaf/qa"
)

// The kinds of change descriptions. A reader passes over kinds that it does not know.
const (
	KindFound    = "found"    // made the event
	KindAsk      = "ask"      // Post, Text
	KindReply    = "reply"    // Post, Parent, Text
	KindEdit     = "edit"     // Post, Text
	KindWithdraw = "withdraw" // Post, On (false takes the withdrawal back)
	KindReact    = "react"    // Post, Key (the emoji), On
	KindMark     = "mark"     // Post, Key (hidden, pinned, …), and On, Text or Person
	KindTags     = "tags"     // Post, Text
	KindPerson   = "person"   // Person, Key (name, about, …), Text
	KindEvent    = "event"    // Key of event, club, links or relays, Value
	KindRole     = "role"     // Person, Key (the role), On
	KindBlock    = "block"    // Person, Text (the reason; "" lifts it)
	KindClaim    = "claim"    // Person (the invitation), Text (the successor)
	KindWinner   = "winner"   // Post, Person (who chose), Text
	KindDraw     = "draw"     // Key (rule, commit, reveal), Person, Value
	KindContact  = "contact"  // Person; what it says is encrypted
	KindBlob     = "blob"     // Key (its SHA-256)
	KindWeek     = "week"     // Text (the week's event ID), Key, Value
	KindMerge    = "merge"    // only merged heads
)

// ChangeDescription says one thing that a change did; Kind says which fields are set.
type ChangeDescription struct {
	Kind   string      `json:"kind"`
	Post   qa.PostID   `json:"post,omitempty"`
	Parent qa.PostID   `json:"parent,omitempty"`
	Person qa.Identity `json:"person,omitempty"`
	Key    string      `json:"key,omitempty"`
	Text   string      `json:"text,omitempty"`
	On     bool        `json:"on,omitempty"`
	Value  any         `json:"value,omitempty"` // string, number or truth value; bytes as hex
}

// describe says what a change did. The projection must already have applied the change.
func describe(c *wire.Change, f *projection.Projection) []ChangeDescription {
	if len(c.Ops) == 0 {
		return []ChangeDescription{{Kind: KindMerge}}
	}
	if len(c.Deps) == 0 {
		return []ChangeDescription{{Kind: KindFound}}
	}
	var out []ChangeDescription
	made := map[string]int{} // index in out of each post that the change makes
	for k := range c.Ops {
		op := &c.Ops[k]
		path, ok := f.Path(c, op.Obj)
		if !ok || op.Key.Kind != wire.MapKey {
			continue
		}
		key := op.Key.Prop
		if op.Action == wire.MakeMap {
			if len(path) == 1 && path[0] == "posts" {
				made[key] = len(out)
				out = append(out, ChangeDescription{Kind: KindAsk, Post: qa.PostID(key)})
			}
			continue
		}
		if len(path) > 1 && path[0] == "posts" {
			if i, ok := made[path[1]]; ok {
				out[i].addToNewPost(path, key, op.Value)
				continue
			}
		}
		if d, ok := describeKey(path, key, op.Value); ok {
			out = append(out, d)
		}
	}
	return out
}

// addToNewPost adds what the change that makes a post says of it.
func (d *ChangeDescription) addToNewPost(path []string, key string, v wire.Value) {
	s, _ := v.Str()
	switch {
	case len(path) == 3 && path[2] == "revisions":
		d.Text = s
	case len(path) == 2 && key == "parent" && s != "":
		d.Kind, d.Parent = KindReply, qa.PostID(s)
	}
}

// describeKey says what setting a key of a map does; false for a key that readers do not
// need.
func describeKey(path []string, key string, v wire.Value) (ChangeDescription, bool) {
	s, _ := v.Str()
	on, _ := v.Bool()
	if len(path) == 0 {
		return ChangeDescription{}, false
	}
	second := ""
	if len(path) > 1 {
		second = path[1]
	}
	switch path[0] {
	case "event", "club", "relays":
		return ChangeDescription{Kind: KindEvent, Key: fieldName(path, key), Value: plainValue(v)}, true
	case "weeks":
		return ChangeDescription{Kind: KindWeek, Text: second, Key: key, Value: plainValue(v)}, true
	case "people":
		return ChangeDescription{Kind: KindPerson, Person: qa.Identity(second), Key: key, Text: s}, true
	case "roles":
		return ChangeDescription{Kind: KindRole, Person: qa.Identity(second), Key: key, On: on}, true
	case "blocks":
		return ChangeDescription{Kind: KindBlock, Person: qa.Identity(key), Text: s}, true
	case "claims":
		return ChangeDescription{Kind: KindClaim, Person: qa.Identity(key), Text: s}, true
	case "winners":
		return ChangeDescription{Kind: KindWinner, Person: qa.Identity(second), Post: qa.PostID(key), Text: s}, true
	case "draw":
		if second == "" {
			return ChangeDescription{Kind: KindDraw, Key: key, Value: plainValue(v)}, true
		}
		return ChangeDescription{Kind: KindDraw, Key: second, Person: qa.Identity(key), Value: plainValue(v)}, true
	case "contacts":
		return ChangeDescription{Kind: KindContact, Person: qa.Identity(key)}, true
	case "blobs":
		return ChangeDescription{Kind: KindBlob, Key: key}, true
	case "posts":
		return describePostKey(path, key, v)
	}
	return ChangeDescription{}, false
}

func describePostKey(path []string, key string, v wire.Value) (ChangeDescription, bool) {
	if len(path) < 2 {
		return ChangeDescription{}, false
	}
	d := ChangeDescription{Post: qa.PostID(path[1])}
	s, _ := v.Str()
	d.On, _ = v.Bool()
	inner := ""
	if len(path) > 2 {
		inner = path[2]
	}
	switch {
	case inner == "revisions":
		d.Kind, d.Text = KindEdit, s
	case inner == "reactions":
		d.Kind, d.Key = KindReact, key
	case inner == "marks" && len(path) == 4: // assigned, candidate
		d.Kind, d.Key, d.Person = KindMark, path[3], qa.Identity(key)
	case inner == "marks":
		d.Kind, d.Key, d.Text = KindMark, key, s
	case inner == "" && key == "state":
		d.Kind, d.On = KindWithdraw, s == "withdrawn"
	case inner == "" && key == "tags":
		d.Kind, d.Text = KindTags, s
	default:
		return ChangeDescription{}, false
	}
	return d, true
}

// fieldName names a key of event, club, links or relays, as in "links/0/text".
func fieldName(path []string, key string) string {
	out := ""
	for _, p := range path {
		if p != "event" && p != "club" {
			out += p + "/"
		}
	}
	return out + key
}

// plainValue is a value as JSON has it; bytes are hex.
func plainValue(v wire.Value) any {
	switch v.Kind {
	case wire.String:
		s, _ := v.Str()
		return s
	case wire.Int:
		n, _ := v.Int()
		return n
	case wire.Uint:
		n, _ := v.Uint()
		return n
	case wire.True, wire.False:
		return v.Kind == wire.True
	}
	return hex.EncodeToString(v.Raw)
}
