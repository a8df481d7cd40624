package projection_test

import (
	"bytes"
	"encoding/hex"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"flyleaf/crdt/authority"
	"flyleaf/crdt/bundle"
	"flyleaf/crdt/graph"
	"flyleaf/crdt/projection"
	"flyleaf/crdt/wire"
	"flyleaf/qa"
)

// weekOf returns the week of a bundle.
func weekOf(t *testing.T, file string) qa.Week {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	id, changes, err := bundle.Read(b)
	if err != nil {
		t.Fatal(err)
	}
	g := graph.New()
	f := projection.New(id, g, authority.New(g))
	for _, c := range changes {
		d, err := wire.DecodeChange(c.Bytes)
		if err != nil {
			t.Fatal(err)
		}
		if added, err := g.Add(graph.MetaOf(d)); err != nil || len(added) != 1 {
			t.Fatalf("%v, %d added", err, len(added))
		}
		if err := f.Apply(d); err != nil {
			t.Fatal(err)
		}
	}
	return qa.NewWeek(f.Event(), f.Posts(), f.People())
}

func drawnOf(t *testing.T, w qa.Week) qa.Drawn {
	t.Helper()
	d, err := w.RunDraw()
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// TestDrawOfAnEarlierVersion: a week keeps its seed and order if it was closed, reopened,
// closed again and drawn by a version whose reveals do not name their closing.
func TestDrawOfAnEarlierVersion(t *testing.T) {
	w := weekOf(t, "testdata/drawn-by-v0.bundle")
	d := drawnOf(t, w)
	const seed = "9ced57a5b075234ef100a5f5324efe1883421af40d7bf57063d9ce619139f62d"
	if d.State != qa.DrawDone || d.Seed != seed || len(d.Order) != 2 || w.People[d.Order[0].By].Name != "Orla" || w.People[d.Order[1].By].Name != "Rosa" {
		t.Errorf("%+v", d)
	}
	if len(d.Last) != 1 || w.People[d.Last[0]].Name != "Orla" {
		t.Errorf("last was %v", d.Last)
	}
	if w.Event.Draw.Rule != qa.DrawAll {
		t.Errorf("rule %s", w.Event.Draw.Rule)
	}
}

// TestOrganiserCannotChangeADraw: in bundles of an organiser who knew all other secrets, and
// then closed again or set the rule, the winners stay the same.
func TestOrganiserCannotChangeADraw(t *testing.T) {
	files, _ := filepath.Glob("../../../shared/faults/attacks/04-draw-chosen-by-the-organiser/*.bundle")
	if len(files) == 0 {
		t.Skip("no ../shared/faults/attacks beside this module")
	}
	for _, file := range files {
		w := weekOf(t, file)
		d := drawnOf(t, w)
		const seed = "7f305c10c6be27323686c4c3b78093ecff802fadf2e865b922813687dbccc7d4"
		if d.State != qa.DrawDone || d.Seed != seed || len(d.Entrants) != 6 || d.Order[0].OnBehalfOf != "Reader 1" {
			t.Errorf("%s: %s %s, %d candidates", filepath.Base(file), d.State, d.Seed, len(d.Entrants))
		}
		if w.Event.Draw.Rule != qa.DrawAll {
			t.Errorf("%s: the rule is %s, which was set after the closing", filepath.Base(file), w.Event.Draw.Rule)
		}
	}
}

// drawPlay is an event with a draw and several devices. The test decides which changes each
// device has.
type drawPlay struct {
	t                          *testing.T
	event                      qa.EventID
	boss, author, other, extra *device
}

func newDrawPlay(t *testing.T) *drawPlay {
	p := &drawPlay{t: t, event: qa.MakeEventID([16]byte{9}), boss: newDevice(t, 9, 1), author: newDevice(t, 2, 1), other: newDevice(t, 3, 1), extra: newDevice(t, 9, 2)}
	for _, d := range p.all() {
		d.f = projection.New(p.event, d.g, authority.New(d.g))
	}
	p.boss.genesis()
	p.boss.write(mk("draw"), mk("draw/commit"), mk("draw/reveal"))
	p.boss.role(p.author, qa.RoleAuthor, true)
	p.boss.role(p.other, qa.RoleAuthor, true)
	p.sync()
	for _, post := range []string{"a", "b", "c", "d"} {
		p.other.post(post)
	}
	p.sync(p.author)
	return p
}

func (p *drawPlay) all() []*device { return []*device{p.boss, p.author, p.other, p.extra} }

// sync gives the named devices, or all, every change of every device.
func (p *drawPlay) sync(to ...*device) {
	if len(to) == 0 {
		to = p.all()
	}
	for range 2 {
		for _, a := range to {
			for _, b := range p.all() {
				a.from(b)
			}
		}
	}
}

func (p *drawPlay) secret(d *device) []byte {
	return bytes.Repeat([]byte{d.actor[0]}, qa.DrawSecretSize)
}

func (p *drawPlay) commit(d *device) {
	p.t.Helper()
	hash, err := qa.CommitDraw(p.event, d.id(), p.secret(d))
	if err != nil {
		p.t.Fatal(err)
	}
	d.write(raw("draw/commit/"+string(d.id()), hash))
}

func (p *drawPlay) reveal(d *device, closing *wire.Change) {
	b, err := qa.RevealDraw(p.secret(d), closing.Hash.String())
	if err != nil {
		p.t.Fatal(err)
	}
	d.write(raw("draw/reveal/"+string(d.id()), b))
}

// revealOld writes a reveal in the format of earlier versions.
func (p *drawPlay) revealOld(d *device) { d.write(raw("draw/reveal/"+string(d.id()), p.secret(d))) }

func (p *drawPlay) candidate(d *device, post string, on bool) {
	d.write(put("posts/"+post+"/marks/candidate/"+string(d.id()), on))
}

// result returns the draw as all devices show it. It must be the same on all.
func (p *drawPlay) result() (qa.Drawn, *qa.Draw) {
	p.t.Helper()
	p.sync()
	var first qa.Drawn
	var draw *qa.Draw
	for i, d := range p.all() {
		w := qa.NewWeek(d.f.Event(), d.f.Posts(), d.f.People())
		got := drawnOf(p.t, w)
		if i == 0 {
			first, draw = got, w.Event.Draw
		} else if got.Seed != first.Seed || got.State != first.State || !slices.Equal(got.Entrants, first.Entrants) {
			p.t.Errorf("two devices: %+v and %+v", first, got)
		}
	}
	return first, draw
}

// ready returns the closing of an event in which author and boss have committed, there are two
// candidates, and the author has revealed a secret.
func (p *drawPlay) ready(reveal func(*device, *wire.Change)) (closing *wire.Change) {
	p.commit(p.author)
	p.candidate(p.author, "a", true)
	p.sync(p.boss, p.extra)
	p.commit(p.boss)
	p.candidate(p.author, "b", true)
	p.sync(p.boss, p.author)
	closing = p.boss.write(put("event/closed", true))
	p.sync(p.author)
	reveal(p.author, closing)
	return closing
}

// closeConcurrently adds a second closing that is concurrent with the first and has the same
// past.
func (p *drawPlay) closeConcurrently(c *wire.Change) *wire.Change {
	for _, x := range p.boss.known {
		if x.Hash == c.Hash {
			break
		}
		p.extra.take(x)
	}
	return p.extra.write(put("event/closed", true))
}

// TestNobodyCanChangeADraw: a person with all roles who knows all other secrets cannot choose
// another result. The draw stays the same, or is void with a reason.
func TestNobodyCanChangeADraw(t *testing.T) {
	posts := func(d *drawPlay) int { e, _ := d.result(); return len(e.Entrants) }
	honest := newDrawPlay(t)
	c := honest.ready(honest.reveal)
	honest.sync(honest.boss)
	honest.reveal(honest.boss, c)
	want, _ := honest.result()
	if want.State != qa.DrawDone || len(want.Last) != 1 || want.Last[0] != honest.boss.id() {
		t.Fatalf("%+v", want)
	}
	if posts(honest) != 1 { // both questions are by one person
		t.Fatalf("%d candidates", posts(honest))
	}

	type attack struct {
		name string
		do   func(p *drawPlay, c *wire.Change)
		void string // "": the same draw
		wait bool   // the draw waits: a reveal does not count
	}
	attacks := []attack{
		{"closes again before revealing", func(p *drawPlay, c *wire.Change) {
			p.sync(p.boss)
			p.boss.write(put("event/closed", true))
			p.reveal(p.boss, c)
		}, "", false},
		{"reopens, accepts more candidates, closes again", func(p *drawPlay, c *wire.Change) {
			p.sync(p.boss)
			p.reveal(p.boss, c)
			p.boss.write(put("event/closed", false))
			p.sync(p.author)
			p.candidate(p.author, "c", true)
			p.sync(p.boss)
			p.boss.write(put("event/closed", true))
		}, "", false},
		{"reopens for good", func(p *drawPlay, c *wire.Change) {
			p.sync(p.boss)
			p.reveal(p.boss, c)
			p.boss.write(put("event/closed", false))
		}, "", false},
		{"closes concurrently, with a smaller past and higher operations", func(p *drawPlay, c *wire.Change) {
			for range 40 {
				p.extra.write(put("event/closed", true))
			}
			p.sync(p.boss)
			p.reveal(p.boss, c)
		}, "", false},
		{"reveals for a closing without the commitment in its past", func(p *drawPlay, _ *wire.Change) {
			other := p.extra.write(put("event/closed", true))
			p.sync(p.boss)
			p.reveal(p.boss, other)
		}, "", true},
		{"reveals for another closing", func(p *drawPlay, c *wire.Change) {
			other := p.closeConcurrently(c)
			p.sync(p.boss)
			p.reveal(p.boss, other)
		}, qa.VoidClosings, false},
		{"reveals for both", func(p *drawPlay, c *wire.Change) {
			other := p.closeConcurrently(c)
			p.sync(p.boss)
			p.reveal(p.boss, other)
			p.reveal(p.boss, c)
		}, "", false},
		{"reveals for a change that is not a closing", func(p *drawPlay, _ *wire.Change) {
			p.sync(p.boss)
			nothing := p.boss.write(put("event/title", "x"))
			p.reveal(p.boss, nothing)
		}, "", true},
		{"sets the rule afterwards", func(p *drawPlay, c *wire.Change) {
			p.boss.write(put("draw/rule", qa.DrawFounderLast)) // concurrent with the author's secret
			p.reveal(p.boss, c)
		}, "", false},
		{"revokes the author's role concurrently", func(p *drawPlay, c *wire.Change) {
			p.extra.role(p.author, qa.RoleAuthor, false)
			p.sync(p.boss)
			p.reveal(p.boss, c)
		}, "", false},
		{"grants a role and adds commitments afterwards", func(p *drawPlay, c *wire.Change) {
			p.sync(p.boss)
			p.reveal(p.boss, c)
			p.sync(p.other)
			p.commit(p.other)
			p.candidate(p.other, "d", true)
			p.revealOld(p.other)
		}, "", false},
		{"reveals as an earlier version does, after two closings", func(p *drawPlay, _ *wire.Change) {
			p.extra.write(put("event/closed", true))
			p.sync(p.boss)
			p.revealOld(p.boss)
		}, "", false},
	}
	for _, how := range []string{"reveals name the closing", "reveals of an earlier version"} {
		for _, a := range attacks {
			t.Run(how+"/"+a.name, func(t *testing.T) {
				p := newDrawPlay(t)
				reveal := p.reveal
				if strings.HasSuffix(how, "version") {
					reveal = func(d *device, _ *wire.Change) { p.revealOld(d) }
				}
				c := p.ready(reveal)
				a.do(p, c)
				got, d := p.result()
				switch {
				case a.wait:
					if got.State != qa.DrawWaiting || !slices.Contains(got.Unrevealed, p.boss.id()) {
						t.Errorf("%+v", got)
					}
				case a.void != "":
					if got.State != qa.DrawVoid || d.Void != a.void {
						t.Errorf("%s %s", got.State, d.Void)
					}
				case got.State != qa.DrawDone || got.Seed != want.Seed || !slices.Equal(got.Order, want.Order):
					t.Errorf("%s, seed %.8s instead of %.8s, %d candidates, void %q, %+v", got.State, got.Seed, want.Seed, len(got.Entrants), d.Void, d)
				case d.Closing != c.Hash.String():
					t.Error("the draw names another closing")
				}
			})
		}
	}
}

// TestFounderCannotChooseBetweenOpenings: the rule founder-last ignores secrets that are not in
// the past of the founder's reveal. A founder cannot reveal again with another past.
func TestFounderCannotChooseBetweenOpenings(t *testing.T) {
	p := newDrawPlay(t)
	p.boss.write(put("draw/rule", qa.DrawFounderLast))
	c := p.ready(p.reveal)
	p.extra.from(p.boss)
	p.sync(p.boss)
	p.reveal(p.boss, c) // the author's secret is in its past
	if got, _ := p.result(); got.State != qa.DrawDone || len(got.Secrets) != 2 {
		t.Fatalf("%+v", got)
	}
	q := newDrawPlay(t)
	q.boss.write(put("draw/rule", qa.DrawFounderLast))
	c = q.ready(q.reveal)
	q.extra.from(q.boss) // without the author's reveal
	q.sync(q.boss)
	q.reveal(q.boss, c)
	q.reveal(q.extra, c)
	if got, d := q.result(); got.State != qa.DrawVoid || d.Void != qa.VoidFounder {
		t.Errorf("%+v", got)
	}
}

// TestCandidatesAreTouchedWithTheClosing: candidates are touched when the closing of the draw
// changes.
func TestCandidatesAreTouchedWithTheClosing(t *testing.T) {
	p := newDrawPlay(t)
	c := p.ready(p.reveal)
	p.sync(p.other)
	p.extra.write(put("event/closed", true), put("event/closed", true), put("event/closed", true), put("event/closed", true), put("event/closed", true))
	p.boss.from(p.extra)
	p.boss.f.Touched()
	inDraw := func() bool { return p.boss.get("b").Marks.InDraw }
	before := inDraw()
	p.boss.from(p.author)
	touched := p.boss.f.Touched()
	if before == inDraw() {
		t.Fatal("b is in the past of the other closing, so this tests nothing")
	}
	if !slices.Contains(touched.Posts, "b") {
		t.Errorf("touched %v", touched.Posts)
	}
	if d := p.boss.f.Event().Draw; d.Closing != c.Hash.String() || hex.EncodeToString(c.Hash[:]) != d.Closing {
		t.Error(d.Closing)
	}
}
