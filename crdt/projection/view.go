package projection

import (
	"cmp"
	"slices"
	"strconv"

	"flyleaf/crdt/authority"
	"flyleaf/qa"
	"flyleaf/schema"
)

// Event returns what the event says of itself, its roles included, ascending.
func (f *Projection) Event() qa.Event {
	e := qa.Event{
		ID:      f.event,
		Founder: f.founder,
		Kind:    winner(&f.root, "kind").str(),
		Gate:    winner(&f.root, "gate").uint(),
		Access:  winner(&f.root, "access").str(),
	}
	about := child(&f.root, "event")
	if e.Kind == "club" {
		about = child(&f.root, "club")
	}
	x := child(about, schema.KeyX)
	for _, r := range schema.Fields(e.Kind) {
		in := about
		if r.In == schema.MapEventX {
			in = x
		}
		qa.SetField(&e, r.Field, f.effective(in, r.Key, "", r.By).as(r))
	}
	links := child(about, "links")
	for i := range schema.MaxLinks {
		at := child(links, strconv.Itoa(i))
		var l qa.Link
		for _, r := range schema.MapLink.Values() {
			qa.SetField(&l, r.Field, f.effective(at, r.Key, "", r.By).as(r))
		}
		if l != (qa.Link{}) {
			e.Links = append(e.Links, l)
		}
	}
	relays := child(&f.root, "relays")
	for i := range schema.MaxRelays {
		if r := f.effective(relays, strconv.Itoa(i), "", organiser).str(); r != "" {
			e.Relays = append(e.Relays, r)
		}
	}
	e.X = f.strings(x, organiser)
	e.Roles = f.grants()
	e.Winners = f.winners()
	e.Draw = f.draw()
	e.Weeks = f.weeks()
	e.Edits = f.edits
	if in, ok := f.Blob(e.Cover); ok {
		e.CoverIn = in.String()
	}
	e.Clean()
	return e
}

// strings returns the texts of an x map that are no fields, nil when there are none: those
// that one of the roles authorizes, or with none those that stand.
func (f *Projection) strings(o *object, roles authority.Roles) map[string]string {
	if o == nil {
		return nil
	}
	var out map[string]string
	for i := range o.props {
		key := o.props[i].key
		if o.slot.IsField(key) {
			continue
		}
		e := winner(o, key)
		if roles != 0 {
			e = f.effective(o, key, "", roles)
		}
		if v := e.str(); v != "" {
			if out == nil {
				out = map[string]string{}
			}
			out[key] = v
		}
	}
	return out
}

func (f *Projection) grants() []qa.Grant {
	var out []qa.Grant
	f.authority.Holders(func(p authority.Person, held authority.Roles) {
		for _, role := range authority.Names(held) {
			out = append(out, qa.Grant{ID: p.Identity(), Role: role})
		}
	})
	slices.SortFunc(out, func(a, b qa.Grant) int {
		return cmp.Or(cmp.Compare(a.ID, b.ID), cmp.Compare(a.Role, b.Role))
	})
	return out
}

// Person returns what somebody says of themselves, false when they say nothing. What
// they wrote after they were blocked is left out.
func (f *Projection) Person(id qa.Identity) (qa.Person, bool) {
	of := child(child(&f.root, "people"), string(id))
	if of == nil {
		return qa.Person{}, false
	}
	p := qa.Person{ID: id}
	for _, r := range schema.MapPerson.Values() {
		if e := winner(of, r.Key); e != nil && !f.blockedOut(id, e.change) {
			qa.SetField(&p, r.Field, e.as(r))
		}
	}
	p.Clean()
	return p, true
}

// People returns everybody who says something of themselves, ascending.
func (f *Projection) People() []qa.Person {
	people := child(&f.root, "people")
	if people == nil {
		return nil
	}
	var out []qa.Person
	for i := range people.props {
		if p, ok := f.Person(qa.Identity(people.props[i].key)); ok {
			out = append(out, p)
		}
	}
	slices.SortFunc(out, func(a, b qa.Person) int { return cmp.Compare(a.ID, b.ID) })
	return out
}

// Posts returns all posts, by their operations ascending.
func (f *Projection) Posts() []qa.Post {
	var out []qa.Post
	f.eachPost(func(key string, o *object) { out = append(out, f.post(key, o)) })
	sortPosts(out)
	return out
}

// PostsWithOrigin returns the posts that say that they stand for another, by their operations
// ascending. Unlike Posts it reads only these.
func (f *Projection) PostsWithOrigin(origin qa.PostID) []qa.Post {
	var out []qa.Post
	f.eachPost(func(key string, o *object) {
		if winner(o, "origin").str() == string(origin) {
			out = append(out, f.post(key, o))
		}
	})
	sortPosts(out)
	return out
}

func sortPosts(posts []qa.Post) {
	slices.SortFunc(posts, func(a, b qa.Post) int {
		return a.Op.Compare(b.Op)
	})
}

// Post returns a post, false when there is none of that ID.
func (f *Projection) Post(id qa.PostID) (qa.Post, bool) {
	o := child(child(&f.root, "posts"), string(id))
	if o == nil {
		return qa.Post{}, false
	}
	return f.post(string(id), o), true
}

func (f *Projection) post(key string, o *object) qa.Post {
	parent, at, made := winner(o, "parent"), winner(o, "at"), o.change
	void := f.voidPost(o)
	if void {
		made = o.place
		parent, at = f.said(o, "parent", made), f.said(o, "at", made)
	}
	p := qa.Post{
		ID:         qa.PostID(key),
		Parent:     qa.PostID(parent.str()),
		By:         f.by(made),
		AtMillis:   at.millis(),
		Op:         f.qaID(o.opID),
		OnBehalfOf: winner(o, "onBehalfOf").str(),
		Source:     winner(o, "source").str(),
		Origin:     qa.PostID(winner(o, "origin").str()),
		AsAuthor:   winner(o, "as").str() == "author",
		Tags:       qa.SplitTags(winner(o, "tags").str()),
		X:          f.strings(child(o, "x"), 0),
	}
	p.AuthorThen = f.authorThen(made, p.AsAuthor)
	p.Answers = f.answers(string(p.Parent), made)
	// Only an organiser's sources say where something comes from: anybody can write one.
	imported := p.Source != "" && f.authorThen(made, true)
	if received := f.changes[made].received; qa.BelievedMillis(p.AtMillis, received, f.founded, imported) != p.AtMillis {
		p.ReceivedAtMillis = received
	}
	if state := winner(o, "state"); state.str() == "withdrawn" {
		p.Withdrawn, p.WithdrawnAtMillis = true, f.when(state.change, false)
	}
	p.Marks = f.marks(child(o, "marks"), p.By)
	p.Blocked = !p.Marks.Approved && f.blockedOut(p.By, made)
	p.Late = f.late(made)
	p.Revisions = f.revisions(child(o, "revisions"), p.By, p.Marks.Approved || p.Blocked, imported)
	p.Reactions = f.reactions(child(o, "reactions"))
	if void {
		p.Void, p.VoidVersion = true, f.changes[made].hash.String()
		p.OnBehalfOf = f.drawnFrom(o, p.Marks.InDraw)
	}
	p.Clean()
	return p
}

// late reports whether the event is closed and a change is not among what the closing knew:
// written without knowing of it, or in sight of it.
func (f *Projection) late(change uint32) bool {
	e := f.effective(child(&f.root, "event"), "closed", "", organiser)
	return e.isTrue() && !f.inPast(change, e.change)
}

func (f *Projection) marks(o *object, owner qa.Identity) qa.Marks {
	if o == nil {
		return qa.Marks{}
	}
	get := func(key string) *entry { return f.effective(o, key, "", organiser|moderator) }
	m := qa.Marks{
		Hidden:      get("hidden").str(),
		Pinned:      get("pinned").isTrue(),
		Approved:    get("approved").isTrue(),
		DuplicateOf: qa.PostID(get("duplicateOf").str()),
		Answered:    f.effective(o, "answered", owner, organiser|moderator|author).isTrue(),
		Assigned:    f.marked(child(o, "assigned")),
		Candidate:   f.marked(child(o, "candidate")),
	}
	m.InDraw = f.inDraw(child(o, "candidate"))
	if m.Hidden != "" {
		e := get("hidden")
		m.HiddenBy, m.HiddenAtMillis = f.by(e.change), f.when(e.change, false)
	}
	if m.DuplicateOf != "" {
		m.DuplicateBy = f.by(get("duplicateOf").change)
	}
	return m
}

func (f *Projection) marked(o *object) []qa.Identity {
	if o == nil {
		return nil
	}
	var out []qa.Identity
	for i := range o.props {
		if f.effective(o, o.props[i].key, "", author).isTrue() {
			out = append(out, qa.Identity(o.props[i].key))
		}
	}
	slices.Sort(out)
	return out
}

// revisions returns the texts of a post, ascending by operation. What a blocked
// writer added unseen by the block is left out of a post that is itself shown, unless
// everything is asked for.
func (f *Projection) revisions(o *object, owner qa.Identity, everything, imported bool) []qa.Revision {
	if o == nil {
		return nil
	}
	var taken []*entry
	names := map[opID]string{}
	left := false
	for i := range o.props {
		e := winner(o, o.props[i].key)
		if e == nil || e.made {
			continue
		}
		if _, ok := e.value().Str(); !ok {
			continue
		}
		if !everything && f.blockedOut(owner, e.change) {
			left = true
			continue
		}
		taken = append(taken, e)
		names[e.opID] = o.props[i].key
	}
	slices.SortFunc(taken, f.byID)
	out := make([]qa.Revision, len(taken))
	for i, e := range taken {
		superseded := e.superseded
		if left && superseded {
			// By one that is left out, perhaps.
			superseded = slices.ContainsFunc(taken[i+1:], func(later *entry) bool {
				return e.change == later.change || f.before(e.change, later.change)
			})
		}
		out[i] = qa.Revision{
			ID: qa.RevisionID(names[e.opID]), Text: e.raw, AtMillis: f.when(e.change, imported),
			Op: f.qaID(e.opID), Superseded: superseded, Late: f.late(e.change),
		}
	}
	return out
}

func (f *Projection) reactions(o *object) []qa.Reaction {
	if o == nil {
		return nil
	}
	var out []qa.Reaction
	for i := range o.props {
		by := qa.Identity(o.props[i].key)
		of := child(o, string(by))
		for emoji := range keys(of) {
			if e := winner(of, emoji); e.isTrue() && !f.blockedOut(by, e.change) {
				out = append(out, qa.Reaction{By: by, Emoji: emoji})
			}
		}
	}
	slices.SortFunc(out, func(a, b qa.Reaction) int {
		return cmp.Or(cmp.Compare(a.Emoji, b.Emoji), cmp.Compare(a.By, b.By))
	})
	return out
}
