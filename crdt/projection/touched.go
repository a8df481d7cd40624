package projection

import (
	"cmp"
	"maps"
	"slices"

	"flyleaf/internal/smallsort"
	"flyleaf/qa"
	"flyleaf/schema"
)

// Touched lists the rows of the views that must be read again. All lists are ascending.
type Touched struct {
	Event     bool
	Posts     []qa.PostID // without their reactions
	Reactions []Reaction  // with their current state
	People    []qa.Identity
}

// Reaction is one person's emoji on a post, on or off.
type Reaction struct {
	Post qa.PostID
	qa.Reaction
	On bool
}

type reactionKey struct {
	post  string
	by    string
	emoji string
}

// touched collects what was touched since the last call of Touched.
type touched struct {
	event     bool
	posts     map[string]struct{}
	people    map[string]struct{}
	reactions map[reactionKey]struct{}
}

func (t *touched) reset() {
	*t = touched{posts: map[string]struct{}{}, people: map[string]struct{}{}, reactions: map[reactionKey]struct{}{}}
}

// Touched returns what was touched since the last call.
func (f *Projection) Touched() Touched {
	if f.touched.event {
		f.touchDraw()
	}
	t := Touched{Event: f.touched.event}
	for _, id := range slices.Sorted(maps.Keys(f.touched.posts)) {
		t.Posts = append(t.Posts, qa.PostID(id))
	}
	for _, id := range slices.Sorted(maps.Keys(f.touched.people)) {
		t.People = append(t.People, qa.Identity(id))
	}
	keys := slices.Collect(maps.Keys(f.touched.reactions))
	smallsort.Func(keys, func(a, b reactionKey) int {
		return cmp.Or(cmp.Compare(a.post, b.post), cmp.Compare(a.emoji, b.emoji), cmp.Compare(a.by, b.by))
	})
	for _, k := range keys {
		r := Reaction{Post: qa.PostID(k.post), Reaction: qa.Reaction{By: qa.Identity(k.by), Emoji: k.emoji}}
		if po := child(child(&f.root, schema.KeyPosts), k.post); po != nil {
			e := currentValue(child(child(po, schema.KeyReactions), k.by), k.emoji)
			r.On = e.isTrue() && !f.hiddenByBlock(r.By, e.Place)
		}
		t.Reactions = append(t.Reactions, r)
	}
	f.touched.reset()
	return t
}

// postOf returns the ID of the post that an object belongs to.
func postOf(o *object) string {
	for ; o != nil; o = o.up {
		if o.slot == schema.MapPost {
			return o.key
		}
	}
	return ""
}

// touch touches the rows that depend on a key: e is the key's new write, or nil after writes
// of the key became void.
func (f *Projection) touch(o *object, p *prop, e *write) {
	t := &f.touched
	switch o.slot.View() {
	case schema.ViewEvent:
		t.event = true
	case schema.ViewPerson:
		t.people[keyIn(schema.MapPeople, o, p)] = struct{}{}
	case schema.ViewPost:
		t.posts[keyIn(schema.MapPosts, o, p)] = struct{}{}
	}
	switch o.slot {
	case schema.MapEvent:
		if p.key == schema.KeyClosed || p.key == schema.KeyApprove {
			f.touchPosts()
		}
	case schema.MapRoles, schema.MapRolesOf:
		f.touchEffect(qa.Identity(keyIn(schema.MapRoles, o, p)))
	case schema.MapBlocks:
		f.touchBlock(p.key)
	case schema.MapPosts:
		if e == nil {
			f.touchReplies(p.key)
		}
	case schema.MapRevisions:
		if e != nil {
			f.markSuperseded(o, p, e)
		}
	case schema.MapReactionsOf:
		t.reactions[reactionKey{post: postOf(o), by: o.key, emoji: p.key}] = struct{}{}
	}
}

// keyIn returns the key of the map `in` on the path to p. p is a key of o, and o is that map
// or lies in it.
func keyIn(in schema.Map, o *object, p *prop) string {
	key := p.key
	for ; o.slot != in; o = o.up {
		key = o.key
	}
	return key
}

// isEdit reports whether writing a key changes the event's own fields, as calendars count
// edits. Keys of an x map that other programs use are not fields.
func isEdit(m schema.Map, key string) bool {
	return m.Act() == schema.ActEvent && (m != schema.MapEventX && m != schema.MapClubX || m.IsField(key))
}

// eachPost calls fn for every post.
func (f *Projection) eachPost(fn func(key string, o *object)) {
	posts := child(&f.root, schema.KeyPosts)
	if posts == nil {
		return
	}
	for i := range posts.props {
		if o := child(posts, posts.props[i].key); o != nil {
			fn(posts.props[i].key, o)
		}
	}
}
