package projection

import (
	"bytes"

	"flyleaf/crdt/wire"
	"flyleaf/qa"
	"flyleaf/schema"
)

// keepPlace notes that a change has made a post. Only of a writer who equivocates
// several can have made one: the post keeps the place of a question before that of an
// answer, then of the lower hash.
func (f *Projection) keepPlace(o *object, change uint32, question bool) {
	if o.placed && (o.question && !question || o.question == question && bytes.Compare(f.changes[o.place].hash[:], f.changes[change].hash[:]) <= 0) {
		return
	}
	o.placed, o.place, o.question = true, change, question
	f.touched.posts[o.key] = struct{}{}
}

// voidPost reports whether a post is void: all changes that made it are.
func (f *Projection) voidPost(o *object) bool { return o.placed && f.isVoid(o.place) }

// IsVoid reports whether a change that was applied is void.
func (f *Projection) IsVoid(h wire.Hash) bool {
	place, ok := f.graph.Place(h)
	if !ok {
		return false
	}
	change, ok := f.applied(place)
	return ok && f.isVoid(change)
}

// said returns what a change wrote at a key, nil when it did not.
func (f *Projection) said(o *object, key string, change uint32) *entry {
	if p := o.find(key); p != nil {
		for e := range f.ever(p) {
			f.steps++
			if e.change == change {
				return e
			}
		}
	}
	return nil
}

// drawnFrom returns for whom a void post was written, if it is among those of a draw: of
// its versions, as that one said which the draw's closing knew.
func (f *Projection) drawnFrom(o *object, inDraw bool) string {
	if !inDraw {
		return ""
	}
	c, made := f.drawing().closing, o.up.find(o.key)
	if c == nil || made.history == nil {
		return ""
	}
	var of *entry
	for i := range made.history.all {
		if e := &made.history.all[i]; e.made && f.inPast(e.change, c.change) && (of == nil || f.less(e.opID, of.opID)) {
			of = e
		}
	}
	if of == nil {
		return ""
	}
	return f.said(o, schema.KeyOnBehalfOf, of.change).str()
}

// answers returns qa.Post.Answers of a post that was made in a change.
func (f *Projection) answers(parent string, change uint32) []qa.Answered {
	posts := child(&f.root, schema.KeyPosts)
	if o := child(posts, parent); o == nil || !f.voidPost(o) {
		return nil
	}
	var out []qa.Answered
	for parent != "" && len(out) < qa.MaxAnswers {
		o := child(posts, parent)
		if o == nil {
			break
		}
		made, ok := f.versionFor(o, change)
		if !ok {
			break
		}
		out = append(out, qa.Answered{Post: qa.PostID(parent), Version: f.changes[made].hash.String()})
		parent, change = f.said(o, schema.KeyParent, made).str(), made
	}
	return out
}

// versionFor returns which of the changes that made a post another change means: the
// one in its past, or itself.
func (f *Projection) versionFor(o *object, change uint32) (uint32, bool) {
	if _, own := f.objects[opID{o.counter, change}]; own && f.changes[change].actor == f.changes[o.change].actor {
		return change, true
	}
	past := f.graph.LazyPast(f.graph.Deps(nil, f.changes[change].hash))
	made, ok := f.resolve(f.wireID(o.opID), &past)
	return made.change, ok
}

// touchReplies notes the replies to a post that has become void.
func (f *Projection) touchReplies(id string) {
	for _, o := range f.replies[id] {
		f.touched.posts[o.key] = struct{}{}
	}
}
