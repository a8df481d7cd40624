package projection

import (
	"cmp"
	"maps"
	"slices"

	"flyleaf/qa"
	"flyleaf/schema"
)

// Touched says what has to be read again. All lists are ascending.
type Touched struct {
	Event     bool
	Posts     []qa.PostID // all but their reactions
	Reactions []Reaction  // with what they are now
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

// touched collects what was touched since it was last asked for.
type touched struct {
	event     bool
	posts     map[string]struct{}
	people    map[string]struct{}
	reactions map[reactionKey]struct{}
}

func (t *touched) reset() {
	*t = touched{posts: map[string]struct{}{}, people: map[string]struct{}{}, reactions: map[reactionKey]struct{}{}}
}

// Touched returns what was touched since the last call, and forgets it.
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
	keys := slices.SortedFunc(maps.Keys(f.touched.reactions), func(a, b reactionKey) int {
		return cmp.Or(cmp.Compare(a.post, b.post), cmp.Compare(a.emoji, b.emoji), cmp.Compare(a.by, b.by))
	})
	for _, k := range keys {
		r := Reaction{Post: qa.PostID(k.post), Reaction: qa.Reaction{By: qa.Identity(k.by), Emoji: k.emoji}}
		if po := child(child(&f.root, "posts"), k.post); po != nil {
			e := winner(child(child(po, "reactions"), k.by), k.emoji)
			r.On = e.isTrue() && !f.blockedOut(r.By, e.change)
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

// touch notes what an operation on a key has an effect on: a new one, or with nil one
// that is void.
func (f *Projection) touch(o *object, p *prop, e *entry) {
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
		if p.key == schema.KeyClosed {
			f.touchLate()
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
			f.supersede(o, p, e)
		}
	case schema.MapReactionsOf:
		t.reactions[reactionKey{post: postOf(o), by: o.key, emoji: p.key}] = struct{}{}
	}
}

// keyIn returns which key of a map leads to p, a key of o, which lies in that map or is
// it.
func keyIn(in schema.Map, o *object, p *prop) string {
	key := p.key
	for ; o.slot != in; o = o.up {
		key = o.key
	}
	return key
}

// edits reports whether writing a key of such a map changes what an event says of itself,
// as calendars count it. What an x holds for other programs is none of that.
func edits(m schema.Map, key string) bool {
	return m.Act() == schema.ActEvent && (m != schema.MapEventX && m != schema.MapClubX || m.IsField(key))
}

// eachPost calls fn for every post.
func (f *Projection) eachPost(fn func(key string, o *object)) {
	posts := child(&f.root, "posts")
	if posts == nil {
		return
	}
	for i := range posts.props {
		if o := child(posts, posts.props[i].key); o != nil {
			fn(posts.props[i].key, o)
		}
	}
}
