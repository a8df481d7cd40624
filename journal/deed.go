package journal

import (
	"encoding/hex"

	"flyleaf/crdt/projection"
	"flyleaf/crdt/wire"
	"flyleaf/qa"
)

// The kinds of deeds. A reader passes over kinds it does not know.
const (
	DeedFound    = "found"    // made the event
	DeedAsk      = "ask"      // Post, Text
	DeedReply    = "reply"    // Post, Parent, Text
	DeedEdit     = "edit"     // Post, Text
	DeedWithdraw = "withdraw" // Post, On (false takes the withdrawal back)
	DeedReact    = "react"    // Post, Key (the emoji), On
	DeedMark     = "mark"     // Post, Key (hidden, pinned, …), and On, Text or Person
	DeedTags     = "tags"     // Post, Text
	DeedPerson   = "person"   // Person, Key (name, about, …), Text
	DeedEvent    = "event"    // Key of event, club, links or relays, Value
	DeedRole     = "role"     // Person, Key (the role), On
	DeedBlock    = "block"    // Person, Text (the reason; "" lifts it)
	DeedClaim    = "claim"    // Person (the invitation), Text (the successor)
	DeedWinner   = "winner"   // Post, Person (who chose), Text
	DeedDraw     = "draw"     // Key (rule, commit, reveal), Person, Value
	DeedContact  = "contact"  // Person; what it says is encrypted
	DeedBlob     = "blob"     // Key (its SHA-256)
	DeedWeek     = "week"     // Text (the week's event ID), Key, Value
	DeedMerge    = "merge"    // joined what stood beside each other; nothing else
)

// Deed is one thing that a change did.
type Deed struct {
	Kind   string      `json:"kind"`
	Post   qa.PostID   `json:"post,omitempty"`
	Parent qa.PostID   `json:"parent,omitempty"`
	Person qa.Identity `json:"person,omitempty"`
	Key    string      `json:"key,omitempty"`
	Text   string      `json:"text,omitempty"`
	On     bool        `json:"on,omitempty"`
	Value  any         `json:"value,omitempty"` // string, number or truth value; bytes as hex
}

// deeds says what a change did. The fold has it already.
func deeds(c *wire.Change, f *projection.Projection) []Deed {
	if len(c.Ops) == 0 {
		return []Deed{{Kind: DeedMerge}}
	}
	if len(c.Deps) == 0 {
		return []Deed{{Kind: DeedFound}}
	}
	var out []Deed
	made := map[string]int{} // posts this change makes, as places in out
	for k := range c.Ops {
		op := &c.Ops[k]
		path, ok := f.Path(op.Obj)
		if !ok || op.Key.Kind != wire.MapKey {
			continue
		}
		key := op.Key.Prop
		if op.Action == wire.MakeMap {
			if len(path) == 1 && path[0] == "posts" {
				made[key] = len(out)
				out = append(out, Deed{Kind: DeedAsk, Post: qa.PostID(key)})
			}
			continue
		}
		if len(path) > 1 && path[0] == "posts" {
			if i, ok := made[path[1]]; ok {
				out[i].born(path, key, op.Value)
				continue
			}
		}
		if d, ok := deed(path, key, op.Value); ok {
			out = append(out, d)
		}
	}
	return out
}

// born notes what is said of a post in the change that makes it.
func (d *Deed) born(path []string, key string, v wire.Value) {
	s, _ := v.Str()
	switch {
	case len(path) == 3 && path[2] == "revisions":
		d.Text = s
	case len(path) == 2 && key == "parent" && s != "":
		d.Kind, d.Parent = DeedReply, qa.PostID(s)
	}
}

// deed says what setting a key of a map means.
func deed(path []string, key string, v wire.Value) (Deed, bool) {
	s, _ := v.Str()
	on, _ := v.Bool()
	if len(path) == 0 {
		return Deed{}, false
	}
	second := ""
	if len(path) > 1 {
		second = path[1]
	}
	switch path[0] {
	case "event", "club", "relays":
		return Deed{Kind: DeedEvent, Key: joined(path, key), Value: plain(v)}, true
	case "weeks":
		return Deed{Kind: DeedWeek, Text: second, Key: key, Value: plain(v)}, true
	case "people":
		return Deed{Kind: DeedPerson, Person: qa.Identity(second), Key: key, Text: s}, true
	case "roles":
		return Deed{Kind: DeedRole, Person: qa.Identity(second), Key: key, On: on}, true
	case "blocks":
		return Deed{Kind: DeedBlock, Person: qa.Identity(key), Text: s}, true
	case "claims":
		return Deed{Kind: DeedClaim, Person: qa.Identity(key), Text: s}, true
	case "winners":
		return Deed{Kind: DeedWinner, Person: qa.Identity(second), Post: qa.PostID(key), Text: s}, true
	case "draw":
		if second == "" {
			return Deed{Kind: DeedDraw, Key: key, Value: plain(v)}, true
		}
		return Deed{Kind: DeedDraw, Key: second, Person: qa.Identity(key), Value: plain(v)}, true
	case "contacts":
		return Deed{Kind: DeedContact, Person: qa.Identity(key)}, true
	case "blobs":
		return Deed{Kind: DeedBlob, Key: key}, true
	case "posts":
		return postDeed(path, key, v)
	}
	return Deed{}, false
}

func postDeed(path []string, key string, v wire.Value) (Deed, bool) {
	if len(path) < 2 {
		return Deed{}, false
	}
	d := Deed{Post: qa.PostID(path[1])}
	s, _ := v.Str()
	d.On, _ = v.Bool()
	inner := ""
	if len(path) > 2 {
		inner = path[2]
	}
	switch {
	case inner == "revisions":
		d.Kind, d.Text = DeedEdit, s
	case inner == "reactions":
		d.Kind, d.Key = DeedReact, key
	case inner == "marks" && len(path) == 4: // assigned, candidate
		d.Kind, d.Key, d.Person = DeedMark, path[3], qa.Identity(key)
	case inner == "marks":
		d.Kind, d.Key, d.Text = DeedMark, key, s
	case inner == "" && key == "state":
		d.Kind, d.On = DeedWithdraw, s == "withdrawn"
	case inner == "" && key == "tags":
		d.Kind, d.Text = DeedTags, s
	default:
		return Deed{}, false
	}
	return d, true
}

// joined writes the way to a key below event, club or relays.
func joined(path []string, key string) string {
	out := ""
	for _, p := range path {
		if p != "event" && p != "club" {
			out += p + "/"
		}
	}
	return out + key
}

func plain(v wire.Value) any {
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
