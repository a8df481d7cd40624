package policytest

import (
	"flyleaf/crdt/policy"
	"flyleaf/qa"
)

// Case is a change that every replica must refuse, and the changes before it.
type Case struct {
	Name  string
	Code  policy.Code // with which Bad is refused
	Event qa.EventID
	Setup []Signed // valid, in causal order
	Bad   Signed
}

// scene is the event of most cases, and its people.
type scene struct {
	*World
	founder, organiser, author, moderator *Writer
	reader, eve                           *Writer
	question, reply                       qa.PostID // the reader's, and the author's reply to it
	byEve                                 qa.PostID // a question by Eve
}

func newScene(o Options) *scene {
	s := &scene{World: NewWorld(o)}
	s.founder = s.Founder
	s.organiser, s.author, s.moderator = s.Writer("organiser"), s.Writer("author"), s.Writer("moderator")
	s.reader, s.eve = s.Writer("reader"), s.Writer("eve")
	s.founder.Do(func(d *Draft) {
		d.Role(s.organiser.ID(), qa.RoleOrganiser, true)
		d.Role(s.author.ID(), qa.RoleAuthor, true)
		d.Role(s.moderator.ID(), qa.RoleModerator, true)
		if o.Access == "invited" {
			d.Role(s.reader.ID(), qa.RoleMember, true)
		}
	})
	s.reader.Do(func(d *Draft) { s.question = d.Post("", "Why?") })
	s.author.Do(func(d *Draft) { s.reply = d.Post(s.question, "Because.") })
	if o.Access != "invited" {
		s.eve.Do(func(d *Draft) { s.byEve = d.Post("", "And I?") })
	}
	return s
}

// at returns a path in the question.
func (s *scene) at(rest string) string { return "posts/" + string(s.question) + "/" + rest }

// build collects cases.
type build []Case

// add adds a case in an open event. make returns the bad change.
func (b *build) add(code policy.Code, name string, make func(s *scene) Signed) {
	b.addIn(Options{}, code, name, make)
}

// addIn is add for an event with other options.
func (b *build) addIn(o Options, code policy.Code, name string, make func(s *scene) Signed) {
	s := newScene(o)
	bad := make(s)
	*b = append(*b, Case{Name: name, Code: code, Event: s.Event, Setup: s.Changes, Bad: bad})
}

// addBy adds a case in which a person drafts the bad change on the scene's heads.
func (b *build) addBy(who func(*scene) *Writer, code policy.Code, name string, f func(s *scene, d *Draft)) {
	b.add(code, name, func(s *scene) Signed {
		d := who(s).Draft()
		f(s, d)
		return d.Sign()
	})
}

// addGenesis adds a case whose bad change is the genesis.
func (b *build) addGenesis(code policy.Code, name string, o Options, f func(d *Draft)) {
	w := &World{}
	d := Genesis(w, o)
	if f != nil {
		f(d)
	}
	bad := d.Sign()
	*b = append(*b, Case{Name: name, Code: code, Event: w.Event, Bad: bad})
}

func founder(s *scene) *Writer   { return s.founder }
func organiser(s *scene) *Writer { return s.organiser }
func author(s *scene) *Writer    { return s.author }
func moderator(s *scene) *Writer { return s.moderator }
func reader(s *scene) *Writer    { return s.reader }
func eve(s *scene) *Writer       { return s.eve }

// Cases returns the table. The cases are independent of each other. Many of their events
// have the same genesis, and so the same ID.
func Cases() []Case {
	var b build
	b.signatures()
	b.encodings()
	b.shapes()
	b.sequences()
	b.equivocations()
	b.genesis()
	b.objects()
	b.keys()
	b.values()
	b.lengths()
	b.texts()
	b.posts()
	b.roles()
	b.owners()
	b.invitations()
	b.blobs()
	b.limits()
	return b
}
