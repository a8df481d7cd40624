// Package describe says what a change did, as values that every log shows in the same
// words: the change feed, the log of an event, its verification. It reads operations and
// the schema, and decides nothing.
package describe

import (
	"encoding/hex"
	"slices"
	"strings"

	"flyleaf/crdt/wire"
	"flyleaf/qa"
	"flyleaf/schema"
)

// Change describes a change. path returns the keys that lead from the root to a map that
// the change works in and did not make itself; what is written in a map that path does
// not find is left out, and so is what readers do not need, such as a post's time.
func Change(c *wire.Change, path func(*wire.Change, wire.OpID) ([]string, bool)) []qa.ChangeDescription {
	if len(c.Ops) == 0 {
		return []qa.ChangeDescription{{Kind: schema.DidMerge}}
	}
	if len(c.Deps) == 0 {
		return []qa.ChangeDescription{{Kind: schema.DidFound}}
	}
	d := describing{c: c, path: path, made: map[uint64][]string{}, posts: map[string]int{}}
	for k := range c.Ops {
		d.op(k)
	}
	return d.out
}

// describing is one change that is being described.
type describing struct {
	c     *wire.Change
	path  func(*wire.Change, wire.OpID) ([]string, bool)
	made  map[uint64][]string // paths of the maps that the change makes, by counter
	posts map[string]int      // the posts that it makes, as indexes into out
	out   []qa.ChangeDescription
}

func (d *describing) op(k int) {
	op := &d.c.Ops[k]
	if op.Key.Kind != wire.MapKey {
		return
	}
	in, ok := d.mapOf(op.Obj)
	if !ok {
		return
	}
	path := append(slices.Clone(in), op.Key.Prop)
	r := schema.Find(path...)
	if op.Action == wire.MakeMap {
		d.made[d.c.StartOp+uint64(k)] = path
		if r != nil && r.Map == schema.MapPost {
			d.posts[op.Key.Prop] = len(d.out)
			d.out = append(d.out, qa.ChangeDescription{Kind: schema.DidAsk, Post: qa.PostID(strings.Clone(op.Key.Prop))})
		}
		return
	}
	if r == nil || r.Map != schema.NoMap {
		return
	}
	if len(path) > 1 && path[0] == schema.KeyPosts {
		if i, ok := d.posts[path[1]]; ok {
			addToPost(&d.out[i], r, op.Value)
			return
		}
	}
	if r.Did != "" {
		d.out = append(d.out, value(r, path, op.Value))
	}
}

// mapOf returns the path of a map.
func (d *describing) mapOf(id wire.OpID) ([]string, bool) {
	if id == (wire.OpID{}) {
		return nil, true
	}
	if id.Actor == d.c.Actor && id.Counter >= d.c.StartOp {
		path, ok := d.made[id.Counter]
		return path, ok
	}
	return d.path(d.c, id)
}

// addToPost adds what the change that makes a post says of it.
func addToPost(d *qa.ChangeDescription, r *schema.Row, v wire.Value) {
	s, _ := v.Str()
	switch {
	case r.In == schema.MapRevisions:
		d.Text = s
	case r.In == schema.MapPost && r.Key == schema.KeyParent && s != "":
		d.Kind, d.Parent = schema.DidReply, qa.PostID(s)
	}
}

// value describes that a value was written.
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
