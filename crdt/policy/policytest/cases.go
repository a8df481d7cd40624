package policytest

import (
	"flyleaf/crdt/policy"
	"flyleaf/qa"
)

// Case is a change that nobody may take, and what has to be there before it.
type Case struct {
	Name  string
	Code  policy.Code // it is refused with
	Event qa.EventID
	Setup []Signed // valid, in causal order
	Bad   Signed
}

// scene is the event that most cases are set in, and who is in it.
type scene struct {
	*World
	founder, organiser, author, moderator *Writer
	reader, eve                           *Writer
	question, reply                       qa.PostID // the reader's, and the author's reply to it
	byEve                                 qa.PostID // a question of Eve's
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

func (s *scene) at(rest string) string { return "posts/" + string(s.question) + "/" + rest }

// build collects cases.
type build []Case

// add adds a case that is set in a scene. make returns the bad change.
func (b *build) add(code policy.Code, name string, make func(s *scene) Signed) {
	b.addIn(Options{}, code, name, make)
}

func (b *build) addIn(o Options, code policy.Code, name string, make func(s *scene) Signed) {
	s := newScene(o)
	bad := make(s)
	*b = append(*b, Case{Name: name, Code: code, Event: s.Event, Setup: s.Changes, Bad: bad})
}

// addBy adds a case in which somebody drafts the bad change on the scene's heads.
func (b *build) addBy(who func(*scene) *Writer, code policy.Code, name string, f func(s *scene, d *Draft)) {
	b.add(code, name, func(s *scene) Signed {
		d := who(s).Draft()
		f(s, d)
		return d.Sign()
	})
}

// addGenesis adds a case whose bad change begins the event.
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

// Cases returns the table. The cases do not depend on each other; many are set in
// events that begin alike and so have one ID.
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
