// Package describe describes what a change did, as values. The change feed, `event log` and
// `verify` print these values, so they use the same words. It reads operations and the schema, and
// decides nothing.
package describe

import (
	"encoding/hex"
	"iter"
	"slices"
	"strings"

	"flyleaf/crdt/wire"
	"flyleaf/qa"
	"flyleaf/schema"
)

// Paths returns the path of a map that was made by the change's ancestors; false if unknown.
type Paths func(*wire.Change, wire.OpID) ([]string, bool)

// operation is one operation of a change.
type operation struct {
	*wire.Op
	Path []string    // from the root to its key
	Row  *schema.Row // what the schema says of the path, nil: nothing
}

// operations yields the operations of a change on keys of maps, in their order.
// Operations in unknown maps are skipped.
func operations(c *wire.Change, paths Paths) iter.Seq[operation] {
	return func(yield func(operation) bool) {
		made := map[uint64][]string{} // the maps that the change makes, by counter
		for k := range c.Ops {
			op := &c.Ops[k]
			if op.Key.Kind != wire.MapKey {
				continue
			}
			var in []string
			if op.Obj != (wire.OpID{}) {
				var ok bool
				if c.IsOwn(op.Obj) {
					in, ok = made[op.Obj.Counter]
				} else {
					in, ok = paths(c, op.Obj)
				}
				if !ok {
					continue
				}
			}
			path := append(slices.Clone(in), strings.Clone(op.Key.Prop))
			if op.Action == wire.MakeMap {
				made[c.StartOp+uint64(k)] = path
			}
			if !yield(operation{op, path, schema.Find(path...)}) {
				return
			}
		}
	}
}

// Change describes a change. It omits what readers do not need, such as a post's time.
func Change(c *wire.Change, paths Paths) []qa.ChangeDescription {
	if len(c.Ops) == 0 {
		return []qa.ChangeDescription{{Kind: schema.DidMerge}}
	}
	if len(c.Deps) == 0 {
		return []qa.ChangeDescription{{Kind: schema.DidCreate}}
	}
	var out []qa.ChangeDescription
	posts := map[string]int{} // the posts that the change makes, as indexes into out
	for op := range operations(c, paths) {
		r := op.Row
		switch {
		case r == nil:
		case op.Action == wire.MakeMap:
			if r.Map == schema.MapPost {
				posts[op.Key.Prop] = len(out)
				out = append(out, qa.ChangeDescription{Kind: schema.DidAsk, Post: qa.PostID(op.Path[1])})
			}
		case r.Map != schema.NoMap:
		default:
			if len(op.Path) > 1 && op.Path[0] == schema.KeyPosts {
				if i, ok := posts[op.Path[1]]; ok {
					addToPost(&out[i], r, op.Value)
					continue
				}
			}
			if r.Did != "" {
				out = append(out, value(r, op.Path, op.Value))
			}
		}
	}
	return out
}

// addToPost adds text and parent to the description of a new post.
func addToPost(d *qa.ChangeDescription, r *schema.Row, v wire.Value) {
	s, _ := v.Str()
	switch {
	case r.In == schema.MapRevisions:
		d.Text = s
	case r.In == schema.MapPost && r.Key == schema.KeyParent && s != "":
		d.Kind, d.Parent = schema.DidReply, qa.PostID(s)
	}
}

// value describes the write of a value.
func value(r *schema.Row, path []string, v wire.Value) qa.ChangeDescription {
	d := qa.ChangeDescription{Kind: r.Did}
	key := path[len(path)-1]
	s, _ := v.Str()
	on, _ := v.Bool()
	switch path[0] {
	case schema.KeyPosts:
		d.Post = qa.PostID(path[1])
	case schema.KeyPeople, schema.KeyRoles, schema.KeyBlocks, schema.KeyClaims, schema.KeyContacts, schema.KeyWinners:
		d.Person = qa.Identity(path[1])
	}
	switch r.Did {
	case schema.DidEvent:
		if path[0] != schema.KeyRelays {
			path = path[1:]
		}
		d.Key, d.Value = strings.Join(path, "/"), plain(v)
	case schema.DidWeek:
		d.Text, d.Key, d.Value = path[1], key, plain(v)
	case schema.DidPerson, schema.DidExtra:
		d.Key, d.Text = key, s
	case schema.DidRole, schema.DidReact:
		d.Key, d.On = key, on
	case schema.DidBlock, schema.DidClaim, schema.DidTags, schema.DidEdit:
		d.Text = s
	case schema.DidWinner:
		d.Post, d.Text = qa.PostID(key), s
	case schema.DidWithdraw:
		d.On = s == schema.StateWithdrawn
	case schema.DidMark, schema.DidDraw:
		d.Key = key
		if r.Keys == schema.Identity { // assigned, candidate; commit, reveal
			d.Key, d.Person = path[len(path)-2], qa.Identity(key)
		}
		if r.Did == schema.DidDraw {
			d.Value = plain(v)
		} else {
			d.On, d.Text = on, s
		}
	case schema.DidBlob:
		d.Key = key
	}
	return d
}

// plain returns a value as JSON has it; bytes are hex.
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
