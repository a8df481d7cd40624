package projection

import (
	"bytes"

	"flyleaf/crdt/graph"
	"flyleaf/crdt/wire"
	"flyleaf/qa"
	"flyleaf/schema"
)

// keepPosition notes that a change created a post. Several changes can create one post only
// if their actor equivocates. Then the post keeps the position of a question rather than that
// of an answer, and else that of the change with the lower hash.
func (f *Projection) keepPosition(o *object, change int32, question bool) {
	at, h := f.hash(o.position), f.hash(change)
	if o.hasPosition && (o.question && !question || o.question == question && bytes.Compare(at[:], h[:]) <= 0) {
		return
	}
	o.hasPosition, o.position, o.question = true, change, question
	f.touched.posts[o.key] = struct{}{}
}

// voidPost reports whether a post is void: all changes that created it are.
func (f *Projection) voidPost(o *object) bool { return o.hasPosition && f.isVoid(o.position) }

// IsVoid reports whether a change was applied and is void.
func (f *Projection) IsVoid(h wire.Hash) bool {
	place, ok := f.graph.Place(h)
	if !ok {
		return false
	}
	change, ok := f.change(place)
	return ok && f.isVoid(change)
}

// writtenIn returns what a change wrote at a key, nil if it wrote nothing there.
func (f *Projection) writtenIn(o *object, key string, change int32) *write {
	if p := o.find(key); p != nil {
		for e := range f.allWrites(p) {
			f.steps++
			if e.Place == change {
				return e
			}
		}
	}
	return nil
}

// drawnOnBehalfOf returns for whom a void post was written, if it takes part in a draw: the
// value in the version of the post that is in the past of the draw's closing.
func (f *Projection) drawnOnBehalfOf(o *object, inDraw bool) string {
	if !inDraw {
		return ""
	}
	c, made := f.drawState().closing, o.up.find(o.key)
	if c == nil || made.history == nil {
		return ""
	}
	var version *write
	for i := range made.history.all {
		if e := &made.history.all[i]; e.made && f.inPast(e.Place, c.Place) && (version == nil || f.less(e.Op, version.Op)) {
			version = e
		}
	}
	if version == nil {
		return ""
	}
	return f.writtenIn(o, schema.KeyOnBehalfOf, version.Place).str()
}

// ancestors returns qa.Post.Ancestors of a post that a change created.
func (f *Projection) ancestors(parent string, change int32) []qa.PostVersion {
	posts := child(&f.root, schema.KeyPosts)
	if o := child(posts, parent); o == nil || !f.voidPost(o) {
		return nil
	}
	var out []qa.PostVersion
	for parent != "" && len(out) < qa.MaxAncestors {
		o := child(posts, parent)
		if o == nil {
			break
		}
		made, ok := f.versionFor(o, change)
		if !ok {
			break
		}
		out = append(out, qa.PostVersion{Post: qa.PostID(parent), Version: f.hash(made).String()})
		parent, change = f.writtenIn(o, schema.KeyParent, made).str(), made
	}
	return out
}

// versionFor returns the change that created a post as another change sees it: the one in
// its past, or itself.
func (f *Projection) versionFor(o *object, change int32) (int32, bool) {
	if _, own := f.objects[graph.Op{Place: change, Counter: o.Counter}]; own && f.changes[change].actor == f.changes[o.Place].actor {
		return change, true
	}
	past := f.graph.LazyPast(f.graph.Deps(nil, f.hash(change)))
	made, ok := f.resolve(f.graph.ID(o.Op), &past)
	return made.Place, ok
}

// touchReplies touches the replies to a post that has become void.
func (f *Projection) touchReplies(id string) {
	for _, o := range f.replies[id] {
		f.touched.posts[o.key] = struct{}{}
	}
}
