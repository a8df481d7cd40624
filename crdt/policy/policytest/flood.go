package policytest

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"

	"flyleaf/crdt/wire"
	"flyleaf/qa"
	"flyleaf/schema"
)

// Flood is a large number of valid changes of one kind, which an attacker writes because they
// cost other replicas more than their writer.
type Flood struct {
	Name  string
	Event qa.EventID
	Setup []Signed // the changes before them
	Many  []Signed // valid, in causal order
}

// Operations returns the number of operations in Many.
func (f *Flood) Operations() (n int) {
	for i := range f.Many {
		n += len(f.Many[i].Change.Ops)
	}
	return n
}

// Bytes returns the number of bytes in Many.
func (f *Flood) Bytes() (n int) {
	for i := range f.Many {
		n += len(f.Many[i].Bytes)
	}
	return n
}

// flood writes changes fast: it keeps the current values that a Draft computes.
type flood struct {
	*World
	many []Signed
	maxs map[wire.Hash]uint64
	live map[string][]wire.OpID // by map and key, the current writes of keys that are written again
}

// write signs a change of x that depends on the given changes and on x's last change.
func (f *flood) write(x *Writer, on []wire.Hash, ops func(start uint64) []wire.Op) Signed {
	deps := slices.Clone(on)
	if x.seq > 0 && !slices.Contains(deps, x.last) {
		deps = append(deps, x.last)
	}
	slices.SortFunc(deps, func(a, b wire.Hash) int { return bytes.Compare(a[:], b[:]) })
	c := &wire.Change{Actor: x.Actor, Seq: x.seq + 1, StartOp: 1, Deps: deps, TimeMillis: Millis}
	for _, d := range deps {
		c.StartOp = max(c.StartOp, f.maxs[d]+1)
	}
	if ops != nil {
		c.Ops = ops(c.StartOp)
	}
	s := (&Draft{Change: c, x: x}).Sign()
	f.maxs[c.Hash] = c.MaxOp()
	f.many = append(f.many, s)
	return s
}

// set returns an operation that writes a key and replaces its current value.
func (f *flood) set(x *Writer, in wire.OpID, key string, v wire.Value, start uint64) wire.Op {
	at := fmt.Sprint(in, key)
	op := wire.Op{Action: wire.Set, Obj: in, Key: wire.Key{Prop: key}, Value: v, Pred: f.live[at]}
	f.live[at] = []wire.OpID{{Counter: start, Actor: x.Actor}}
	return op
}

// Floods returns one flood of each kind, with about n changes each.
func Floods(n int) []Flood {
	var out []Flood
	add := func(name string, write func(f *flood, n int)) {
		f := &flood{World: NewWorld(Options{}), maxs: map[wire.Hash]uint64{}, live: map[string][]wire.OpID{}}
		eve := f.Writer("eve")
		f.Founder.Do(func(d *Draft) { d.Role(f.Writer("moderator").ID(), qa.RoleModerator, true) })
		eve.Do(func(d *Draft) { d.Post("", "spam") })
		for _, s := range f.Changes {
			f.maxs[s.Change.Hash] = s.Change.MaxOp()
		}
		write(f, n)
		out = append(out, Flood{Name: name, Event: f.Event, Setup: f.Changes, Many: f.many})
	}
	// The helpers below return what the setup made.
	eveOf := func(f *flood) *Writer {
		x := f.Writer("eve")
		s := f.Changes[2]
		x.seq, x.last = 1, s.Change.Hash
		return x
	}
	post := func(f *flood, k uint64) wire.OpID { // 0 the post, 1 revisions, 2 reactions, 3 marks
		c := f.Changes[2].Change
		return wire.OpID{Counter: c.StartOp + k, Actor: c.Actor}
	}
	root := func(f *flood, key string) wire.OpID {
		return f.Founder.Draft(f.Changes[0].Change.Hash).Obj(key)
	}
	toggle := func(i int) wire.Value { return wire.StringValue([]string{"withdrawn", ""}[i%2]) }
	truth := func(i int) wire.Value { return wire.BoolValue(i%2 == 0) }
	crowd := func(f *flood, person string, i int) *Writer {
		k := KeyOf(person)
		sum := sha256.Sum256([]byte(fmt.Sprint(person, i)))
		a, err := k.NewActor(bytes.NewReader(sum[:]))
		if err != nil {
			panic(err)
		}
		return &Writer{w: f.World, Key: k, Actor: a}
	}

	add("posts", func(f *flood, n int) {
		x, posts := eveOf(f), root(f, "posts")
		for range n {
			f.write(x, nil, func(at uint64) []wire.Op {
				id := func(k uint64) wire.OpID { return wire.OpID{Counter: at + k, Actor: x.Actor} }
				mk := func(in wire.OpID, key string) wire.Op {
					return wire.Op{Action: wire.MakeMap, Obj: in, Key: wire.Key{Prop: key}}
				}
				set := func(in wire.OpID, key string, v wire.Value) wire.Op {
					return wire.Op{Action: wire.Set, Obj: in, Key: wire.Key{Prop: key}, Value: v}
				}
				return []wire.Op{
					mk(posts, string(qa.MakePostID(x.ID(), []byte(x.Actor), at))),
					mk(id(0), "revisions"), mk(id(0), "reactions"), mk(id(0), "marks"), mk(id(3), "assigned"), mk(id(3), "candidate"),
					set(id(0), "parent", wire.StringValue("")), set(id(0), "at", wire.IntValue(Millis)),
					set(id(1), string(qa.MakeRevisionID([]byte(x.Actor), at+8)), wire.StringValue("a")),
				}
			})
		}
	})
	add("one key written again and again", func(f *flood, n int) {
		x := eveOf(f)
		for i := range min(n, schema.MaxWrites) {
			f.write(x, nil, func(at uint64) []wire.Op { return []wire.Op{f.set(x, post(f, 0), "state", toggle(i), at)} })
		}
	})
	add("one key written concurrently by many devices", func(f *flood, n int) {
		on := []wire.Hash{f.Changes[2].Change.Hash}
		for i := range n {
			x := crowd(f, "eve", i)
			f.write(x, on, func(uint64) []wire.Op {
				return []wire.Op{{Action: wire.Set, Obj: post(f, 0), Key: wire.Key{Prop: "state"}, Value: toggle(i)}}
			})
		}
	})
	add("revisions of one post", func(f *flood, n int) {
		x := eveOf(f)
		for range min(n, schema.MaxRevisions-1) {
			f.write(x, nil, func(at uint64) []wire.Op {
				return []wire.Op{{
					Action: wire.Set, Obj: post(f, 1), Key: wire.Key{Prop: string(qa.MakeRevisionID([]byte(x.Actor), at))},
					Value: wire.StringValue("again"),
				}}
			})
		}
	})
	add("long revisions of one post", func(f *flood, n int) {
		x := eveOf(f)
		text := wire.StringValue(strings.Repeat("Again, and not one word of it is new. ", schema.MaxText/38))
		for range min(n, schema.MaxRevisions-1) {
			f.write(x, nil, func(at uint64) []wire.Op {
				return []wire.Op{{
					Action: wire.Set, Obj: post(f, 1), Key: wire.Key{Prop: string(qa.MakeRevisionID([]byte(x.Actor), at))}, Value: text,
				}}
			})
		}
	})
	add("concurrent revisions of one post by many devices", func(f *flood, n int) {
		on := []wire.Hash{f.Changes[2].Change.Hash}
		for i := range n {
			x := crowd(f, "eve", i)
			f.write(x, on, func(at uint64) []wire.Op {
				return []wire.Op{{
					Action: wire.Set, Obj: post(f, 1), Key: wire.Key{Prop: string(qa.MakeRevisionID([]byte(x.Actor), at))},
					Value: wire.StringValue("again"),
				}}
			})
		}
	})
	add("20 reactions by each of many people", func(f *flood, n int) {
		on := f.Changes[2].Change.Hash
		for i := range n {
			x := crowd(f, fmt.Sprint("p", i), 0)
			s := f.write(x, []wire.Hash{on}, func(at uint64) []wire.Op {
				ops := []wire.Op{{Action: wire.MakeMap, Obj: post(f, 2), Key: wire.Key{Prop: string(x.ID())}}}
				for e := range schema.MaxReactions {
					ops = append(ops, wire.Op{
						Action: wire.Set, Obj: wire.OpID{Counter: at, Actor: x.Actor}, Key: wire.Key{Prop: fmt.Sprint("e", e)}, Value: wire.BoolValue(true),
					})
				}
				return ops
			})
			on = s.Change.Hash
		}
	})
	add("marks turned on and off", func(f *flood, n int) {
		x, on := f.Writer("moderator"), []wire.Hash{f.Changes[2].Change.Hash}
		for i := range min(n, schema.MaxWrites) {
			f.write(x, on, func(at uint64) []wire.Op {
				return []wire.Op{f.set(x, post(f, 3), "pinned", truth(i), at), f.set(x, post(f, 3), "approved", truth(i), at+1)}
			})
		}
	})
	add("names of many people", func(f *flood, n int) {
		people, on := root(f, "people"), f.Changes[2].Change.Hash
		for i := range n {
			x := crowd(f, fmt.Sprint("p", i), 0)
			s := f.write(x, []wire.Hash{on}, func(at uint64) []wire.Op {
				me := wire.OpID{Counter: at, Actor: x.Actor}
				return []wire.Op{
					{Action: wire.MakeMap, Obj: people, Key: wire.Key{Prop: string(x.ID())}},
					{Action: wire.Set, Obj: me, Key: wire.Key{Prop: "name"}, Value: wire.StringValue("A")},
				}
			})
			on = s.Change.Hash
		}
	})
	add("concurrent changes, merged again and again", func(f *flood, n int) {
		on := []wire.Hash{f.Changes[2].Change.Hash}
		const wide = 16
		var xs []*Writer
		for i := range wide {
			xs = append(xs, crowd(f, "eve", i))
		}
		contacts := root(f, "contacts")
		for len(f.many) < n {
			var heads []wire.Hash
			for i, x := range xs {
				s := f.write(x, on, func(uint64) []wire.Op {
					op := wire.Op{Action: wire.Set, Obj: contacts, Key: wire.Key{Prop: string(x.ID())}, Value: wire.BytesValue([]byte{byte(i)}), Pred: f.live["all"]}
					return []wire.Op{op}
				})
				heads = append(heads, s.Change.Hash)
			}
			f.live["all"] = nil
			for _, x := range xs {
				f.live["all"] = append(f.live["all"], wire.OpID{Counter: f.maxs[x.last], Actor: x.Actor})
			}
			slices.SortFunc(f.live["all"], func(a, b wire.OpID) int {
				if a.Less(b) {
					return -1
				}
				return 1
			})
			if len(f.many)+2*wide > schema.MaxWrites { // the limit of writes of one key by one person
				break
			}
			on = heads
		}
	})
	add("empty merges", func(f *flood, n int) {
		base := f.Changes[2].Change.Hash
		a, b := crowd(f, "eve", 1), crowd(f, "eve", 2)
		first := f.write(a, []wire.Hash{base}, func(at uint64) []wire.Op {
			return []wire.Op{f.set(a, post(f, 0), "state", toggle(0), at)}
		})
		second := f.write(b, []wire.Hash{base}, func(at uint64) []wire.Op {
			return []wire.Op{{Action: wire.Set, Obj: post(f, 0), Key: wire.Key{Prop: "tags"}, Value: wire.StringValue("a")}}
		})
		x, y := first.Change.Hash, second.Change.Hash
		for i := range n {
			w := []*Writer{a, b}[i%2]
			s := f.write(w, []wire.Hash{x, y}, nil)
			if i%2 == 0 {
				x = s.Change.Hash
			} else {
				y = s.Change.Hash
			}
		}
	})
	add("concurrent claims", func(f *flood, n int) {
		// Anybody with an invitation link can write with its key, on any number of devices.
		f.Founder.Do(func(d *Draft) { d.Role(f.Writer("link").ID(), qa.RoleInviteAuthor, true) })
		given := f.Changes[len(f.Changes)-1].Change
		f.maxs[given.Hash] = given.MaxOp()
		claims := root(f, "claims")
		for i := range n {
			x := crowd(f, "link", i)
			f.write(x, []wire.Hash{given.Hash}, func(uint64) []wire.Op {
				return []wire.Op{{
					Action: wire.Set, Obj: claims, Key: wire.Key{Prop: string(x.ID())},
					Value: wire.StringValue(string(KeyOf(fmt.Sprint("claimer", i)).Identity())),
				}}
			})
		}
	})
	add("concurrent grants and revocations of one role", func(f *flood, n int) {
		of := f.Writer("moderator").ID()
		on := f.Changes[2].Change.Hash
		roles := f.Founder.Draft(on).Obj("roles/" + string(of))
		was := f.Founder.Draft(on).Live(roles, string(qa.RoleModerator))
		for i := range n {
			f.write(crowd(f, "founder", i), []wire.Hash{on}, func(uint64) []wire.Op {
				return []wire.Op{{Action: wire.Set, Obj: roles, Key: wire.Key{Prop: string(qa.RoleModerator)}, Value: truth(i), Pred: was}}
			})
		}
	})
	add("pictures", func(f *flood, n int) {
		x, on, blobs := crowd(f, "founder", 0), f.Changes[2].Change.Hash, root(f, "blobs")
		for i := range n {
			b := bytes.Repeat([]byte{byte(i), byte(i >> 8), 1, 7}, schema.MaxBlob/4)
			f.write(x, []wire.Hash{on}, func(uint64) []wire.Op {
				return []wire.Op{{Action: wire.Set, Obj: blobs, Key: wire.Key{Prop: fmt.Sprintf("%x", sha256.Sum256(b))}, Value: wire.BytesValue(b)}}
			})
		}
	})
	return out
}
