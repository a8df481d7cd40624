package projection

import (
	"cmp"
	"slices"
	"strconv"

	"flyleaf/crdt/authority"
	"flyleaf/crdt/graph"
	"flyleaf/internal/smallsort"
	"flyleaf/qa"
	"flyleaf/schema"
)

// Event returns the event's own fields, with its roles, ascending.
func (f *Projection) Event() qa.Event {
	e := qa.Event{
		ID:      f.event,
		Founder: f.founder,
		Kind:    currentValue(&f.root, schema.KeyKind).str(),
		Rules:   currentValue(&f.root, schema.KeyRulesVersion).uint(),
		Access:  currentValue(&f.root, schema.KeyAccess).str(),
	}
	about := child(&f.root, schema.KeyEvent)
	if e.Kind == schema.KindClub {
		about = child(&f.root, schema.KeyClub)
	}
	x := child(about, schema.KeyX)
	for _, r := range schema.Fields(e.Kind) {
		in := about
		if r.In == schema.MapEventX {
			in = x
		}
		if r.In == schema.MapEvent && r.Key == schema.KeyClosed {
			e.Closed = f.authority.Closed()
			continue
		}
		qa.SetField(&e, r.Field, f.effective(in, r.Key).schemaValue(r))
	}
	links := child(about, schema.KeyLinks)
	for i := range schema.MaxLinks {
		at := child(links, strconv.Itoa(i))
		var l qa.Link
		for _, r := range schema.MapLink.Values() {
			qa.SetField(&l, r.Field, f.effective(at, r.Key).schemaValue(r))
		}
		if l != (qa.Link{}) {
			e.Links = append(e.Links, l)
		}
	}
	relays := child(&f.root, schema.KeyRelays)
	for i := range schema.MaxRelays {
		if r := f.effective(relays, strconv.Itoa(i)).str(); r != "" {
			e.Relays = append(e.Relays, r)
		}
	}
	e.X = f.strings(x)
	e.Roles = f.grants()
	if since := f.approvalSince(); since != nil {
		e.ApproveSince = f.hash(since.Place).String()
	}
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

// strings returns the texts in effect of an x map that are not fields, nil if there are none.
func (f *Projection) strings(o *object) map[string]string {
	if o == nil {
		return nil
	}
	var out map[string]string
	for i := range o.props {
		key := o.props[i].key
		if o.slot.IsField(key) {
			continue
		}
		if v := f.effective(o, key).str(); v != "" {
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
	smallsort.Func(out, func(a, b qa.Grant) int {
		return cmp.Or(cmp.Compare(a.ID, b.ID), cmp.Compare(a.Role, b.Role))
	})
	return out
}

// Person returns a person's profile, false if there is none. It omits fields that the person's
// block hides.
func (f *Projection) Person(id qa.Identity) (qa.Person, bool) {
	of := child(child(&f.root, schema.KeyPeople), string(id))
	if of == nil {
		return qa.Person{}, false
	}
	p := qa.Person{ID: id}
	for _, r := range schema.MapPerson.Values() {
		if e := currentValue(of, r.Key); e != nil && !f.hiddenByBlock(id, e.Place) {
			qa.SetField(&p, r.Field, e.schemaValue(r))
		}
	}
	p.Clean()
	return p, true
}

// People returns all profiles, ascending by identity.
func (f *Projection) People() []qa.Person {
	people := child(&f.root, schema.KeyPeople)
	if people == nil {
		return nil
	}
	var out []qa.Person
	for i := range people.props {
		if p, ok := f.Person(qa.Identity(people.props[i].key)); ok {
			out = append(out, p)
		}
	}
	smallsort.Func(out, func(a, b qa.Person) int { return cmp.Compare(a.ID, b.ID) })
	return out
}

// Posts returns all posts, ascending by operation.
func (f *Projection) Posts() []qa.Post {
	var out []qa.Post
	f.eachPost(func(key string, o *object) { out = append(out, f.post(key, o)) })
	sortPosts(out)
	return out
}

// PostsWithOrigin returns the posts that are copies of another post, ascending by operation.
// It reads only these posts, and so costs less than Posts.
func (f *Projection) PostsWithOrigin(origin qa.PostID) []qa.Post {
	var out []qa.Post
	f.eachPost(func(key string, o *object) {
		if currentValue(o, schema.KeyOrigin).str() == string(origin) {
			out = append(out, f.post(key, o))
		}
	})
	sortPosts(out)
	return out
}

func sortPosts(posts []qa.Post) {
	smallsort.Func(posts, func(a, b qa.Post) int {
		return a.Op.Compare(b.Op)
	})
}

// Post returns a post, false if there is none with that ID.
func (f *Projection) Post(id qa.PostID) (qa.Post, bool) {
	o := child(child(&f.root, schema.KeyPosts), string(id))
	if o == nil {
		return qa.Post{}, false
	}
	return f.post(string(id), o), true
}

func (f *Projection) post(key string, o *object) qa.Post {
	parent, at, made := currentValue(o, schema.KeyParent), currentValue(o, schema.KeyAt), o.Place
	void := f.voidPost(o)
	if void {
		made = o.position
		parent, at = f.writtenIn(o, schema.KeyParent, made), f.writtenIn(o, schema.KeyAt, made)
	}
	p := qa.Post{
		ID:         qa.PostID(key),
		Parent:     qa.PostID(parent.str()),
		By:         f.by(made),
		AtMillis:   at.millis(),
		Op:         f.qaID(o.Op),
		OnBehalfOf: currentValue(o, schema.KeyOnBehalfOf).str(),
		Source:     currentValue(o, schema.KeySource).str(),
		Origin:     qa.PostID(currentValue(o, schema.KeyOrigin).str()),
		AsAuthor:   currentValue(o, schema.KeyAs).str() == schema.AsAuthor,
		Tags:       qa.SplitTags(currentValue(o, schema.KeyTags).str()),
		X:          f.strings(child(o, schema.KeyX)),
	}
	p.AuthorThen = f.authorizedAsAuthor(made, p.AsAuthor)
	p.Ancestors = f.ancestors(string(p.Parent), made)
	imported := p.Source != "" && f.authorizedAsAuthor(made, true)
	if received := f.changes[made].received; qa.PlausibleMillis(p.AtMillis, received, f.founded, imported) != p.AtMillis {
		p.ReceivedAtMillis = received
	}
	if state := currentValue(o, schema.KeyState); state.str() == schema.StateWithdrawn {
		p.Withdrawn, p.WithdrawnAtMillis = true, f.when(state.Place, false)
	}
	p.Marks = f.marks(child(o, schema.KeyMarks), p.By)
	p.Blocked = !p.Marks.Approved && f.hiddenByBlock(p.By, made)
	p.Late, p.AfterApproval = f.authority.Late(f.hash(made)), f.afterApproval(made)
	p.Revisions = f.revisions(child(o, schema.KeyRevisions), p.By, p.Marks.Approved || p.Blocked, imported)
	p.Reactions = f.reactions(child(o, schema.KeyReactions))
	if void {
		p.Void, p.VoidVersion = true, f.hash(made).String()
		p.OnBehalfOf = f.drawnOnBehalfOf(o, p.Marks.InDraw)
	}
	p.Clean()
	if p.Source != "" {
		p.Imported = &imported
	}
	return p
}

func (f *Projection) marks(o *object, owner qa.Identity) qa.Marks {
	if o == nil {
		return qa.Marks{}
	}
	m := qa.Marks{InDraw: f.inDraw(child(o, schema.KeyCandidate))}
	for _, r := range schema.MapMarks.Values() {
		e := f.effectiveFor(o, r.Key, owner)
		if e == nil {
			continue
		}
		qa.SetField(&m, r.Field, e.schemaValue(r))
		switch r.Key {
		case schema.KeyHidden:
			if m.Hidden != "" {
				m.HiddenBy, m.HiddenAtMillis = f.by(e.Place), f.when(e.Place, false)
			}
		case schema.KeyDuplicateOf:
			if m.DuplicateOf != "" {
				m.DuplicateBy = f.by(e.Place)
			}
		}
	}
	for _, r := range schema.MapMarks.Maps() {
		if people := f.marked(child(o, r.Key)); people != nil {
			qa.SetField(&m, r.Field, people)
		}
	}
	return m
}

func (f *Projection) marked(o *object) []qa.Identity {
	if o == nil {
		return nil
	}
	var out []qa.Identity
	for i := range o.props {
		if f.effective(o, o.props[i].key).isTrue() {
			out = append(out, qa.Identity(o.props[i].key))
		}
	}
	slices.Sort(out)
	return out
}

// revisions returns the texts of a post, ascending by operation. Unless everything is set, it
// omits revisions that the block of their writer hides.
func (f *Projection) revisions(o *object, owner qa.Identity, everything, imported bool) []qa.Revision {
	if o == nil {
		return nil
	}
	var shown []*write
	names := map[graph.Op]string{}
	omitted := false
	for i := range o.props {
		e := currentValue(o, o.props[i].key)
		if e == nil || e.made {
			continue
		}
		if _, ok := e.value().Str(); !ok {
			continue
		}
		if !everything && f.hiddenByBlock(owner, e.Place) {
			omitted = true
			continue
		}
		shown = append(shown, e)
		names[e.Op] = o.props[i].key
	}
	slices.SortFunc(shown, f.compareWrites)
	out := make([]qa.Revision, len(shown))
	for i, e := range shown {
		superseded := e.superseded
		if omitted && superseded {
			// Perhaps only by a revision that is omitted.
			superseded = slices.ContainsFunc(shown[i+1:], func(later *write) bool {
				return e.Place == later.Place || f.isAncestor(e.Place, later.Place)
			})
		}
		out[i] = qa.Revision{
			ID: qa.RevisionID(names[e.Op]), Text: e.raw, AtMillis: f.when(e.Place, imported),
			Op: f.qaID(e.Op), Superseded: superseded, Late: f.authority.Late(f.hash(e.Place)), AfterApproval: f.afterApproval(e.Place),
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
			if e := currentValue(of, emoji); e.isTrue() && !f.hiddenByBlock(by, e.Place) {
				out = append(out, qa.Reaction{By: by, Emoji: emoji})
			}
		}
	}
	smallsort.Func(out, func(a, b qa.Reaction) int {
		return cmp.Or(cmp.Compare(a.Emoji, b.Emoji), cmp.Compare(a.By, b.By))
	})
	return out
}
