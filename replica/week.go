package replica

import (
	"context"
	"errors"
	"slices"

	"flyleaf/internal/lockorder"
	"flyleaf/qa"
	"flyleaf/storage"
)

// maxWeeks is how many weeks a node keeps in memory as read from the views.
const maxWeeks = 4

// maxReadAgain is how many changed posts are read one by one. If more have changed, all are read.
const maxReadAgain = 500

// cachedWeek keeps a week as it was read from the views, so that a page of a large event reads only
// the rows that have changed since the page before.
//
// mu is not held while the store works. What was read is kept, unless somebody else has kept newer
// rows meanwhile. Rows that were written while they were read are read again.
type cachedWeek struct {
	mu       lockorder.Mutex[lockorder.Week] // guards what follows
	version  int                             // counts writes, and writes that may have happened
	posts    map[qa.PostID]int               // posts written since read, each with the version of the last write; at most maxReadAgain
	people   int                             // version of the last write of people
	replaced int                             // version of the last write that replaced all rows
	read     *weekRead                       // nil: not read, or dropped
}

// weekRead is what was read from the views. It is never modified.
type weekRead struct {
	version int // of cachedWeek, before reading
	posts   []qa.Post
	places  map[qa.PostID]int // in posts
	people  []qa.Person
	week    qa.Week
	// future: some times were capped when the week was made, because they are in the future.
	future bool
}

// noteWritten records which rows were written.
func (c *cachedWeek) noteWritten(u storage.ViewUpdate) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.version++
	if len(u.People) > 0 {
		c.people = c.version
	}
	if c.posts == nil {
		c.posts = map[qa.PostID]int{}
	}
	for i := range u.Posts {
		c.posts[u.Posts[i].ID] = c.version
	}
	for i := range u.Reactions {
		c.posts[u.Reactions[i].Post] = c.version
	}
	if len(c.posts) > maxReadAgain {
		c.replaceLocked()
	}
}

// noteReplaced records that all rows were replaced, or may have been.
func (c *cachedWeek) noteReplaced() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.version++
	c.replaceLocked()
}

// replaceLocked makes the next Week read all rows. mu is held.
func (c *cachedWeek) replaceLocked() { c.replaced, c.read, c.posts = c.version, nil, nil }

// drop frees the memory. What is being read is not kept if rows were written since: which ones is forgotten too.
func (c *cachedWeek) drop() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.replaceLocked()
}

// state returns what was read last, the current version, and which posts were written since; all says that all
// rows have to be read, people that people do.
func (c *cachedWeek) state() (read *weekRead, version int, written []qa.PostID, all, people bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.read == nil {
		return nil, c.version, nil, true, true
	}
	for id := range c.posts {
		written = append(written, id)
	}
	return c.read, c.version, written, false, c.people > c.read.version
}

// keep keeps what was read, and reports whether it did.
func (c *cachedWeek) keep(r *weekRead) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.replaced > r.version || c.read != nil && c.read.version > r.version {
		return false
	}
	c.read = r
	for id, version := range c.posts {
		if version <= r.version {
			delete(c.posts, id)
		}
	}
	return true
}

// Week returns an event with its posts in reading order, from the views alone. The caller may sort the threads, and
// modifies nothing else.
func (n *Node) Week(ctx context.Context, id qa.EventID) (qa.Week, error) {
	doc, err := n.document(id)
	if err != nil {
		return qa.Week{}, err
	}
	last, version, written, all, newPeople := doc.week.state()
	if last != nil && last.version == version && !last.future {
		n.noteWeek(doc)
		return ownThreads(last.week), nil
	}
	e, err := n.read(ctx, id)
	if err != nil {
		return qa.Week{}, err
	}
	now := &weekRead{version: version}
	if all = all || e.OutdatedView(); !all {
		all, err = now.readAgain(ctx, doc, last, written)
	}
	if err == nil && all {
		now.places = nil
		e, now.posts, err = n.withPosts(ctx, e)
		for i := range now.posts {
			now.posts[i].Clean()
		}
	}
	if err != nil {
		return qa.Week{}, err
	}
	if newPeople {
		if now.people, err = n.store.People(ctx, id); err != nil {
			return qa.Week{}, err
		}
		for i := range now.people {
			now.people[i].Clean()
		}
	} else {
		now.people = last.people
	}
	now.arrange(e, n.cfg.Now().UnixMilli())
	if doc.week.keep(now) {
		n.noteWeek(doc)
	}
	return ownThreads(now.week), nil
}

func ownThreads(w qa.Week) qa.Week {
	w.Threads = slices.Clone(w.Threads)
	return w
}

// readAgain takes the posts that were read before, and reads those that were written since. It returns true if
// all posts have to be read instead.
func (r *weekRead) readAgain(ctx context.Context, doc *document, last *weekRead, written []qa.PostID) (all bool, err error) {
	r.posts, r.places = slices.Clone(last.posts), last.places
	shared := true
	for _, id := range written {
		p, err := doc.node.store.Post(ctx, doc.id, id)
		if errors.Is(err, storage.ErrNotFound) || err == nil && p.OutdatedView() {
			return true, nil
		}
		if err != nil {
			return false, err
		}
		p.Clean()
		at, known := r.places[id]
		if known {
			r.posts[at] = p
			continue
		}
		if shared {
			r.places, shared = cloneWith(r.places, len(written)), false
		}
		r.places[id] = len(r.posts)
		r.posts = append(r.posts, p)
	}
	return false, nil
}

func cloneWith(m map[qa.PostID]int, more int) map[qa.PostID]int {
	out := make(map[qa.PostID]int, len(m)+more)
	for id, at := range m {
		out[id] = at
	}
	return out
}

// arrange makes the week of what was read.
func (r *weekRead) arrange(e qa.Event, nowMillis int64) {
	if r.places == nil {
		r.places = make(map[qa.PostID]int, len(r.posts))
		for i := range r.posts {
			r.places[r.posts[i].ID] = i
		}
	}
	r.future = slices.ContainsFunc(r.posts, func(p qa.Post) bool { return p.ShownMillis() > nowMillis })
	posts := r.posts
	if r.future {
		posts = slices.Clone(posts) // the cap depends on the time of reading
		qa.CapShownTimes(posts, nowMillis)
	}
	r.week = qa.NewWeek(e, posts, r.people)
}

// noteWeek notes that a week in memory was read, and drops another one if there are too many.
func (n *Node) noteWeek(doc *document) {
	n.mu.Lock()
	i := slices.Index(n.weeks, doc)
	if i >= 0 {
		n.weeks = slices.Delete(n.weeks, i, i+1)
	}
	n.weeks = append(n.weeks, doc)
	var oldest *document
	if len(n.weeks) > maxWeeks {
		oldest = n.weeks[0]
		n.weeks = slices.Delete(n.weeks, 0, 1)
	}
	n.mu.Unlock()
	if oldest != nil {
		oldest.week.drop()
	}
}
