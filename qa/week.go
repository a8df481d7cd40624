package qa

import (
	"cmp"
	"slices"

	"flyleaf/schema"
)

// Week is an event in the form that a page shows. It depends only on the event, posts and people, so
// devices with the same changes have the same Week.
type Week struct {
	Event   Event               `json:"event"`
	People  map[Identity]Person `json:"people"`
	Threads []Thread            `json:"threads"`
	// Anonymous has the keys that were made for anonymous questions, ascending. See XAnonymous.
	Anonymous []Identity `json:"anonymous,omitempty"`
}

// EachPost calls fn with every post of the week, in the order of the page. fn may modify the post.
func (w *Week) EachPost(fn func(*PostView)) {
	for i := range w.Threads {
		t := &w.Threads[i]
		fn(&t.Question)
		for k := range t.Replies {
			fn(&t.Replies[k])
		}
	}
}

// Post returns the post with an ID, nil when the week has none. The result points into the week.
func (w *Week) Post(id PostID) (found *PostView) {
	w.EachPost(func(p *PostView) {
		if p.ID == id {
			found = p
		}
	})
	return found
}

// Thread is a question with its replies, two levels deep. Withdrawn and hidden posts keep their
// place; the page decides what to show.
type Thread struct {
	Question PostView   `json:"question"`
	Replies  []PostView `json:"replies"`
	// Answered: marked as answered, or has a visible reply by an author.
	Answered bool `json:"answered"`
	// Wants is how many people want this answered too: the people who voted for it, and those who asked or
	// voted for one of its duplicates, each counted once.
	Wants int `json:"wants"`
	// DuplicateOf is the question that this one repeats; "" if there is none, or if the mark was ignored because the
	// marks form a cycle.
	DuplicateOf PostID `json:"duplicateOf,omitempty"`
}

// Original reports whether the thread's question is one of the week's questions: shown, and not a duplicate.
func (t *Thread) Original() bool { return t.Question.Shown() && t.DuplicateOf == "" }

// LastMillis returns when the last shown post of the thread was written, as its page shows the time; 0 if none is shown.
func (t *Thread) LastMillis() (last int64) {
	if t.Question.Shown() {
		last = t.Question.AtMillis
	}
	for i := range t.Replies {
		if r := &t.Replies[i]; r.Shown() {
			last = max(last, r.AtMillis)
		}
	}
	return last
}

// Open reports whether the thread's question still has to be answered.
func (t *Thread) Open() bool { return t.Original() && !t.Answered }

// PostView is a post with facts that depend on the rest of the week. Its AtMillis is the time to show
// (Post.ShownMillis).
type PostView struct {
	Post
	// ClockMillis is the time of the writer's clock, if another time is shown (ReceivedAtMillis is set). See
	// ClockWrong.
	ClockMillis int64  `json:"clock,omitempty"`
	Name        string `json:"name"`              // on whose behalf, else Week.PersonName
	ByAuthor    bool   `json:"byAuthor"`          // by an author, or by an author and imported by an organiser
	ReplyTo     string `json:"replyTo,omitempty"` // the name, when this replies to a reply
	// NeedsApproval: posts of the event need approval, and this one has none yet; see Week.VisibleTo.
	NeedsApproval bool `json:"awaiting,omitempty"`
	// AfterClosing: late, not by an author, moderator or organiser, and not approved. The post is
	// not published, and is sorted after all others, until a moderator approves it.
	AfterClosing bool `json:"afterClosing,omitempty"`
	// EditedAfterClosing: the published text is the revision before closing; see PublishedText.
	EditedAfterClosing bool `json:"editedAfterClosing,omitempty"`
	// EditNeedsApproval: the post needs no approval, and a later revision waits for it; see Week.VisibleTo.
	EditNeedsApproval bool `json:"editAwaiting,omitempty"`
}

// WriterMillis returns the time of the writer's clock.
func (v *PostView) WriterMillis() int64 {
	if v.ReceivedAtMillis != 0 {
		return v.ClockMillis
	}
	return v.AtMillis
}

// ClockWrong reports whether the writer's clock was wrong (see Post.ClockWrong).
func (v *PostView) ClockWrong() bool {
	return v.ReceivedAtMillis != 0 && clocksDiffer(v.ClockMillis, v.ReceivedAtMillis)
}

// Published reports whether a post is published: it is shown, and does not wait for approval.
func (e Event) Published(p *Post) bool { return p.Shown() && !e.needsApproval(p) && !e.afterClosing(p) }

// Shown reports whether the post's text is in effect: neither withdrawn, nor
// hidden, nor void, nor written by somebody blocked.
func (p *Post) Shown() bool {
	return !p.Withdrawn && p.Marks.Hidden == "" && !p.Blocked && !p.Void
}

// orderMarginMillis is how far outside the event's days a post's time may lie before it no longer decides
// the order: clocks are wrong, and nobody can pin a post to the top by setting their clock back.
const orderMarginMillis = 90 * 24 * 60 * 60 * 1000

// HasRole reports whether id holds the role. The founder is an organiser.
func (e Event) HasRole(id Identity, role Role) bool {
	if role == RoleOrganiser && id != "" && id == e.Founder {
		return true
	}
	return slices.Contains(e.Roles, Grant{ID: id, Role: role})
}

// HoldsAny reports whether a person holds one of the roles.
func (e Event) HoldsAny(id Identity, roles schema.Roles) bool {
	if roles&schema.Founder != 0 && id != "" && id == e.Founder {
		return true
	}
	for _, role := range schema.MapRolesOf.Values() {
		if roles&role.Grants != 0 && e.HasRole(id, Role(role.Key)) {
			return true
		}
	}
	return false
}

// MayWrite reports whether a person holds one of the roles that writing a value of the document needs, or
// it needs none. own says that they created the map that the value is in.
func (e Event) MayWrite(id Identity, r *schema.Row, own bool) bool {
	need := r.NeededRoles(own)
	return need == 0 || e.HoldsAny(id, need)
}

// clamp limits at to the event's days plus or minus 90 days.
func (e Event) clamp(at int64) int64 {
	from, until := zeroIfOutOfRange(e.StartsAtMillis), zeroIfOutOfRange(e.EndsAtMillis)
	if from == 0 {
		from = until
	}
	if until == 0 {
		until = from
	}
	if from == 0 { // no days are set, so there is nothing to measure by
		return at
	}
	if until < from {
		from, until = until, from
	}
	return min(max(at, from-orderMarginMillis), until+orderMarginMillis)
}

// AskedBefore reports whether t is sorted before a new question asked at atMillis.
func (w *Week) AskedBefore(t *Thread, atMillis int64) bool {
	return !t.Question.AfterClosing && w.Event.clamp(t.Question.AtMillis) <= w.Event.clamp(atMillis)
}

// place determines the order of posts; places are compared field by field. A reply's place is never before
// its parent's, whatever their clocks said.
type place struct {
	late  bool // the post or one of its ancestors is AfterClosing
	at    int64
	op    OpID // the highest operation that created the post or one of its ancestors
	depth int  // 0 for a question
	own   OpID // the operation that created the post
}

func (a place) compare(b place) int {
	return cmp.Or(compareBool(a.late, b.late), cmp.Compare(a.at, b.at), a.op.Compare(b.op), cmp.Compare(a.depth, b.depth), a.own.Compare(b.own))
}

// compareBool puts false first.
func compareBool(a, b bool) int {
	switch {
	case a == b:
		return 0
	case b:
		return -1
	}
	return 1
}

// arranged is a post while NewWeek sorts.
type arranged struct {
	post  *Post
	place place
	root  PostID
	state uint8 // 0 new, 1 being placed, 2 placed
}

// NewWeek arranges posts into threads. It sorts questions, and the replies of a thread, by their time (limited
// to 90 days before and after the event), then by their operations. Posts that are AfterClosing come last. A
// reply never comes before its parent. A reply whose parent is not known starts its own thread. The order of
// the slices does not matter, unless two posts have the same ID: then the last one is used.
func NewWeek(e Event, posts []Post, people []Person) Week {
	w := Week{Event: e, People: make(map[Identity]Person, len(people)), Threads: []Thread{}}
	for _, p := range people {
		w.People[p.ID] = p
	}
	w.findAnonymous(posts)
	by := make(map[PostID]*arranged, len(posts))
	for i := range posts {
		by[posts[i].ID] = &arranged{post: &posts[i]}
	}
	order := make([]*arranged, 0, len(by))
	for _, a := range by {
		order = append(order, a)
	}
	// A fixed order, so that every device breaks a cycle of parents at the same post.
	slices.SortFunc(order, func(a, b *arranged) int {
		return cmp.Or(a.post.Op.Compare(b.post.Op), cmp.Compare(a.post.ID, b.post.ID))
	})
	for _, a := range order {
		e.placeWithAncestors(by, a)
	}
	slices.SortFunc(order, func(a, b *arranged) int {
		return cmp.Or(a.place.compare(b.place), cmp.Compare(a.post.ID, b.post.ID))
	})

	threads := make(map[PostID]int)
	for _, a := range order {
		if a.root == a.post.ID {
			threads[a.root] = len(w.Threads)
			w.Threads = append(w.Threads, Thread{Question: w.view(a, by), Replies: []PostView{}})
		}
	}
	for _, a := range order {
		if a.root != a.post.ID {
			t := &w.Threads[threads[a.root]]
			t.Replies = append(t.Replies, w.view(a, by))
		}
	}
	for i := range w.Threads {
		w.Threads[i].countAnswersAndVotes()
	}
	w.markDuplicates(by)
	w.mergeWants()
	return w
}

// placeWithAncestors sets the place of a and of its ancestors. It is iterative, because a chain of replies can be
// arbitrarily long.
func (e Event) placeWithAncestors(by map[PostID]*arranged, a *arranged) {
	var path []*arranged // from the post to the question
	for a.state == 0 {
		a.state = 1
		path = append(path, a)
		parent := displayedParent(by, a.post)
		// A parent that is being placed means a cycle, which no valid document has. The cycle is broken here.
		if parent == nil || parent.state == 1 {
			break
		}
		a = parent
	}
	for _, a := range slices.Backward(path) {
		op := a.post.Op
		a.place = place{late: e.afterClosing(a.post), at: e.clamp(a.post.AtMillis), op: op, own: op}
		a.root = a.post.ID
		if parent := displayedParent(by, a.post); parent != nil && parent.state == 2 {
			a.root = parent.root
			a.place.late = a.place.late || parent.place.late
			a.place.at = max(a.place.at, parent.place.at)
			a.place.depth = parent.place.depth + 1
			if a.place.op.Less(parent.place.op) {
				a.place.op = parent.place.op
			}
		}
		a.state = 2
	}
}

// displayedParent returns the parent for sorting, nil when there is none. If a post replies to a version of a
// void post that is not the displayed version, its parent is the nearest ancestor that is displayed
// in the version its writer saw. So an equivocating writer cannot move other people's replies.
func displayedParent(by map[PostID]*arranged, p *Post) *arranged {
	if p.Parent == "" {
		return nil
	}
	for _, a := range p.Ancestors {
		if ancestor := by[a.Post]; ancestor != nil && (!ancestor.post.Void || ancestor.post.VoidVersion == a.Version) {
			return ancestor
		}
	}
	return by[p.Parent]
}

func (w *Week) view(a *arranged, by map[PostID]*arranged) PostView {
	p := a.post
	v := PostView{Post: *p, Name: w.EntrantName(EntrantOf(p)), NeedsApproval: w.Event.needsApproval(p), AfterClosing: w.Event.afterClosing(p)}
	v.EditedAfterClosing, v.EditNeedsApproval = w.Event.editedAfterClosing(p), w.Event.editNeedsApproval(p)
	if p.ReceivedAtMillis != 0 {
		v.ClockMillis, v.AtMillis = p.AtMillis, p.ShownMillis()
	}
	switch {
	case p.AsAuthor:
		v.ByAuthor = p.AuthorThen || w.Event.HasRole(p.By, RoleOrganiser)
	case p.OnBehalfOf == "":
		v.ByAuthor = p.AuthorThen || w.Event.HasRole(p.By, RoleAuthor)
	}
	if a.place.depth > 1 {
		v.ReplyTo = w.EntrantName(EntrantOf(displayedParent(by, p).post))
	}
	return v
}

func (t *Thread) countAnswersAndVotes() {
	t.Answered = t.Question.Marks.Answered
	for i := range t.Replies {
		r := &t.Replies[i]
		if r.ByAuthor && r.Shown() {
			t.Answered = true
		}
	}
	t.Wants = len(t.voters(nil))
}

// voters adds the people who voted for the question to a set, and returns the set. It makes one if the set is nil
// and somebody voted.
func (t *Thread) voters(to map[Entrant]bool) map[Entrant]bool {
	for _, r := range t.Question.Reactions {
		if r.Emoji == WantEmoji {
			if to == nil {
				to = map[Entrant]bool{}
			}
			to[Entrant{By: r.By}] = true
		}
	}
	return to
}

// markDuplicates sets DuplicateOf from the marks of questions, the newest question first, and ignores a mark that
// would create a cycle. If two questions are marked as duplicates of each other, the newer is the duplicate.
func (w *Week) markDuplicates(by map[PostID]*arranged) {
	newest := make([]*Thread, len(w.Threads))
	for i := range w.Threads {
		newest[i] = &w.Threads[i]
	}
	slices.SortFunc(newest, func(a, b *Thread) int { return b.Question.Op.Compare(a.Question.Op) })
	originals := make(map[PostID]PostID) // by duplicate
	for _, t := range newest {
		of := t.Question.Marks.DuplicateOf
		if of == "" && repeatsOwnQuestion(by, t) {
			of = t.Question.Origin
		}
		if _, known := by[of]; of == "" || !known {
			continue
		}
		cycle := false
		for at := of; at != ""; at = originals[at] {
			if at == t.Question.ID {
				cycle = true
				break
			}
		}
		if !cycle {
			originals[t.Question.ID] = of
			t.DuplicateOf = of
		}
	}
}

// repeatsOwnQuestion reports whether a writer posted their excluded question again (Origin), and the excluded question
// has since been restored.
func repeatsOwnQuestion(by map[PostID]*arranged, t *Thread) bool {
	of, ok := by[t.Question.Origin]
	return ok && of.post.By == t.Question.By && of.post.Parent == "" && of.post.ID != t.Question.ID && of.post.Shown()
}

// mergeWants counts for each question the people who want one of its duplicates: its voters, and
// its asker unless the duplicate was withdrawn, is void, or is not shown because its asker is
// blocked. The asker of the question itself is not counted, unless they also voted.
func (w *Week) mergeWants() {
	at := map[PostID]int{}
	merged := map[PostID][]int{} // threads that repeat a question, by that question
	for i := range w.Threads {
		at[w.Threads[i].Question.ID] = i
	}
	for i := range w.Threads {
		last := PostID("")
		for of := w.Threads[i].DuplicateOf; of != ""; {
			last = of
			next, ok := at[of]
			if !ok {
				break // a reply: nothing is counted there
			}
			of = w.Threads[next].DuplicateOf
		}
		if _, ok := at[last]; ok {
			merged[last] = append(merged[last], i)
		}
	}
	for id, duplicates := range merged {
		t := &w.Threads[at[id]]
		own := t.voters(map[Entrant]bool{})
		all := t.voters(map[Entrant]bool{})
		for _, i := range duplicates {
			d := &w.Threads[i]
			d.voters(all)
			if !d.Question.Withdrawn && !d.Question.Blocked && !d.Question.Void {
				all[EntrantOf(&d.Question.Post)] = true
			}
		}
		if asker := EntrantOf(&t.Question.Post); !own[asker] {
			delete(all, asker)
		}
		t.Wants = len(all)
	}
}
