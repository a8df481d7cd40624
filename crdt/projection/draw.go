package projection

import (
	"bytes"
	"cmp"
	"encoding/hex"
	"maps"
	"slices"

	"flyleaf/crdt/authority"
	"flyleaf/crdt/wire"
	"flyleaf/internal/smallsort"
	"flyleaf/qa"
	"flyleaf/schema"
)

// winners returns the winners that people chose, if the choices are in effect.
func (f *Projection) winners() []qa.Winner {
	all := child(&f.root, schema.KeyWinners)
	if all == nil {
		return nil
	}
	var out []qa.Winner
	for i := range all.props {
		by := all.props[i].key
		of := child(all, by)
		for post := range keys(of) {
			if note := f.effective(of, post); note.str() != "" {
				out = append(out, qa.Winner{Post: qa.PostID(post), By: qa.Identity(by), Note: note.str()})
			}
		}
	}
	smallsort.Func(out, func(a, b qa.Winner) int { return cmp.Or(cmp.Compare(a.Post, b.Post), cmp.Compare(a.By, b.By)) })
	return out
}

// closing returns the write that closed the event and is in effect, nil if the event is open.
func (f *Projection) closing() *write {
	if by, closed := f.authority.Closing(); closed {
		return f.closings()[by]
	}
	return nil
}

// valueAt returns the value that a key had when the closing c was written, or the value in
// effect now if c is nil: the highest operation in the past of c that was in effect as of c.
// Nothing that becomes known later changes the answer, neither another closing nor the
// revocation of the role of a value's writer.
func (f *Projection) valueAt(c *write, o *object, key string) *write {
	if c == nil {
		return f.effective(o, key)
	}
	if o == nil {
		return nil
	}
	p, r := o.find(key), o.slot.Row(key)
	if p == nil || r == nil {
		return nil
	}
	var best *write
	for e := range f.allWrites(p) {
		// A value written in sight of another has the higher operation.
		if (best == nil || f.less(best.Op, e.Op)) && f.inPast(e.Place, c.Place) && f.inEffectAt(c.Place, e, r.NeededRoles(false)) {
			best = e
		}
	}
	return best
}

// inEffectAt reports whether a write was in effect as of a change, the change included.
func (f *Projection) inEffectAt(change int32, e *write, roles authority.Roles) bool {
	past, ok := f.pasts[change]
	if !ok {
		const keep = 512
		if len(f.pasts) >= keep {
			clear(f.pasts)
		}
		past = f.graph.Past([]wire.Hash{f.hash(change)})
		f.pasts[change] = past
	}
	return f.authority.RankIn(&past, f.personOf(e.Place), f.hash(e.Place), roles) != authority.NotCounted
}

// reveal is a secret that matches its writer's commitment, and the closing that it is for.
// It was written after that closing.
type reveal struct {
	e       *write
	by      qa.Identity
	secret  string // 32 bytes
	closing *write
}

// drawState is the state of the draw, as the reveals of secrets determine it.
type drawState struct {
	applied int // Projection.applied when this was computed
	closing *write
	reveals []reveal // ascending by operation
	void    string   // a qa.Void…, "" for a valid draw
}

// drawState returns the closing that the draw is for, and the reveals. The past of a
// reveal decides which closing it is for. The draw is for the closing that everybody's
// reveals are for. So nobody who knows the secrets can make another closing count, or
// another set of candidates.
func (f *Projection) drawState() *drawState {
	if f.drawn == nil || f.drawn.applied != f.applied {
		f.drawn = f.computeDrawState()
	}
	return f.drawn
}

func (f *Projection) computeDrawState() *drawState {
	d := &drawState{applied: f.applied}
	d.reveals = f.reveals()
	if len(d.reveals) == 0 {
		d.closing = f.closing()
		return d
	}
	// The closings for which everybody revealed a secret.
	people := map[qa.Identity]bool{}
	by := map[*write]map[qa.Identity]bool{}
	for i := range d.reveals {
		f.steps++
		o := &d.reveals[i]
		people[o.by] = true
		if by[o.closing] == nil {
			by[o.closing] = map[qa.Identity]bool{}
		}
		by[o.closing][o.by] = true
	}
	var common []*write
	for c, who := range by {
		if len(who) == len(people) {
			common = append(common, c)
		}
	}
	// There are several only if everybody revealed twice. The first closing decides if all
	// others were written after it; it has the lowest operation then.
	slices.SortFunc(common, f.compareWrites)
	for i, c := range common {
		f.steps++
		if i > 0 && !f.isAncestor(common[0].Place, c.Place) {
			common = nil
			break
		}
	}
	if len(common) == 0 {
		d.closing, d.void = d.reveals[0].closing, qa.VoidClosings
		return d
	}
	d.closing = common[0]
	return d
}

// closings returns the writes that closed the event, by their changes; of several in one
// change, the last.
func (f *Projection) closings() map[wire.Hash]*write {
	about := child(&f.root, schema.KeyEvent)
	if about == nil {
		return nil
	}
	p := about.find(schema.KeyClosed)
	if p == nil {
		return nil
	}
	last := map[wire.Hash]*write{}
	for e := range f.allWrites(p) {
		if h := f.hash(e.Place); last[h] == nil || f.less(last[h].Op, e.Op) {
			last[h] = e
		}
	}
	maps.DeleteFunc(last, func(_ wire.Hash, e *write) bool { return !e.isTrue() })
	return last
}

// reveals returns the reveals that are for a closing, ascending by operation.
func (f *Projection) reveals() []reveal {
	all := child(&f.root, schema.KeyDraw)
	commits, revealMap := child(all, schema.KeyCommit), child(all, schema.KeyReveal)
	if commits == nil || revealMap == nil {
		return nil
	}
	type revealWrite struct {
		e  *write
		by string
	}
	var written []revealWrite
	for i := range revealMap.props {
		p := &revealMap.props[i]
		for e := range f.allWrites(p) {
			if len(secretIn(e.bytes())) == qa.DrawSecretSize {
				written = append(written, revealWrite{e, p.key})
			}
		}
	}
	if len(written) == 0 {
		return nil
	}
	smallsort.Func(written, func(a, b revealWrite) int { return f.compareWrites(a.e, b.e) })
	closings := f.closings()
	// A person's commitment at a closing is looked up once, because the person may have
	// written many commitments and many reveals.
	type at struct {
		closing *write
		by      string
	}
	committed := map[at][]byte{}
	commitment := func(c *write, by string) []byte {
		hash, ok := committed[at{c, by}]
		if !ok {
			hash = f.valueAt(c, commits, by).bytes()
			committed[at{c, by}] = hash
		}
		return hash
	}
	type act struct {
		by      string
		closing *write
		change  int32
	}
	type deviceFor struct {
		device
		closing *write
	}
	var out, firsts []reveal // firsts: the first reveal of each device for each closing; the device's others depend on it
	seen, begun := map[act]bool{}, map[deviceFor]bool{}
	for _, w := range written {
		f.steps++
		b := w.e.bytes()
		var c *write
		if len(b) == qa.DrawRevealSize {
			c = closings[wire.Hash(b[qa.DrawSecretSize:])]
		} else {
			c = f.impliedClosing(closings, firsts, w.e)
		}
		if c == nil || c.Place == w.e.Place || !f.inPast(c.Place, w.e.Place) {
			continue
		}
		o := reveal{e: w.e, by: qa.Identity(w.by), secret: string(secretIn(b)), closing: c}
		is := act{w.by, c, w.e.Place}
		if seen[is] || !f.matches(o.by, b, commitment(c, w.by)) {
			continue
		}
		seen[is] = true
		out = append(out, o)
		if of := (deviceFor{f.deviceOf(w.e.Place), c}); !begun[of] {
			begun[of] = true
			firsts = append(firsts, o)
		}
	}
	return out
}

// device identifies an actor, whose changes depend on its earlier ones. The void changes of
// an equivocating actor need not do so, so each is a device of its own.
type device struct {
	actor uint32
	void  int32 // the void change + 1, 0 for none
}

func (f *Projection) deviceOf(change int32) device {
	d := device{actor: f.changes[change].actor}
	if f.isVoid(change) {
		d.void = change + 1
	}
	return d
}

// impliedClosing returns the closing that a reveal is for if the reveal names none, as
// earlier versions wrote them. It is the closing of the reveals in its past; if there are
// none, the closing that its writer saw.
func (f *Projection) impliedClosing(closings map[wire.Hash]*write, earlier []reveal, e *write) *write {
	var meant *write
	for i := range earlier {
		f.steps++
		o := &earlier[i]
		if o.closing == meant || !f.inPast(o.e.Place, e.Place) {
			continue
		}
		if meant != nil {
			return nil
		}
		meant = o.closing
	}
	if meant != nil {
		return meant
	}
	if by, closed := f.authority.ClosingAt(f.pastOf(e.Place)); closed {
		return closings[by]
	}
	return nil
}

// draw returns the event's draw, nil if nobody has made a commitment. The rule, the
// commitments and the candidates are those at the closing.
func (f *Projection) draw() *qa.Draw {
	all := child(&f.root, schema.KeyDraw)
	commits, revealMap := child(all, schema.KeyCommit), child(all, schema.KeyReveal)
	if commits == nil {
		return nil
	}
	state := f.drawState()
	c := state.closing
	d := &qa.Draw{Rule: qa.DrawAll, Closed: c != nil, Void: state.void}
	if f.valueAt(c, all, schema.KeyRule).str() == qa.DrawFounderLast {
		d.Rule = qa.DrawFounderLast
	}
	if c != nil {
		d.Closing = f.hash(c.Place).String()
	}
	for i := range state.reveals {
		o := &state.reveals[i]
		d.Reveals = append(d.Reveals, qa.Reveal{By: o.by, Closing: f.hash(o.closing.Place).String(), ClosedBy: f.by(o.closing.Place)})
	}
	revealsBy := func(by qa.Identity) (out []*reveal) {
		for i := range state.reveals {
			if o := &state.reveals[i]; o.by == by && o.closing == c {
				out = append(out, o)
			}
		}
		return out
	}
	founders := revealsBy(f.founder)
	for i := range commits.props {
		by := qa.Identity(commits.props[i].key)
		hash := f.valueAt(c, commits, string(by)).bytes()
		if len(hash) == 0 {
			continue
		}
		m := qa.Commitment{By: by, Hash: hex.EncodeToString(hash)}
		revealed := revealsBy(by)
		if len(revealed) > 0 {
			m.Secret = hex.EncodeToString([]byte(revealed[0].secret))
			m.Last = !slices.ContainsFunc(state.reveals, func(x reveal) bool {
				return x.by != by && x.closing == c && f.isAncestor(revealed[0].e.Place, x.e.Place)
			})
		} else if e := f.unusedSecret(revealMap, by, hash); e != nil {
			m.Secret, m.NotForClosing = hex.EncodeToString(secretIn(e.bytes())), true
		}
		m.TooEarly = f.revealedTooEarly(c, revealMap, by, hash)
		// A change that depends on a later reveal of a device also depends on its first.
		var firsts []*reveal
		begun := map[device]bool{}
		for _, o := range revealed {
			if of := f.deviceOf(o.e.Place); !begun[of] {
				begun[of] = true
				firsts = append(firsts, o)
			}
		}
		for k, founders := range founders {
			f.steps += int64(len(firsts))
			known := by != f.founder && slices.ContainsFunc(firsts, func(o *reveal) bool { return f.inPast(o.e.Place, founders.e.Place) })
			if k > 0 && known != m.KnownToFounder && d.Rule == qa.DrawFounderLast {
				d.Void = cmp.Or(d.Void, qa.VoidFounder) // somebody could choose afterwards which of the founder's reveals counts
			}
			if k == 0 {
				m.KnownToFounder = known
			}
		}
		d.Commitments = append(d.Commitments, m)
	}
	if len(d.Commitments) == 0 {
		return nil
	}
	smallsort.Func(d.Commitments, func(a, b qa.Commitment) int { return cmp.Compare(a.By, b.By) })
	return d
}

// secretIn returns the secret in the bytes of a reveal, which may name a closing as well.
func secretIn(b []byte) []byte {
	if len(b) == qa.DrawRevealSize {
		return b[:qa.DrawSecretSize]
	}
	return b
}

// matches reports whether the secret in the bytes of a reveal matches a commitment.
func (f *Projection) matches(by qa.Identity, b, commitment []byte) bool {
	want, err := qa.CommitDraw(f.event, by, secretIn(b))
	return err == nil && bytes.Equal(want, commitment)
}

// revealedTooEarly reports whether a secret was written before the event was closed. Then it
// was known from that time on, even if another value replaced it.
func (f *Projection) revealedTooEarly(c *write, revealMap *object, by qa.Identity, hash []byte) bool {
	if c == nil || revealMap == nil {
		return false
	}
	p := revealMap.find(string(by))
	if p == nil {
		return false
	}
	for e := range f.allWrites(p) {
		if f.inPast(e.Place, c.Place) && f.matches(by, e.bytes(), hash) {
			return true
		}
	}
	return false
}

// unusedSecret returns a secret that a person wrote and that is for no closing: one that
// matches the commitment, else the last; nil if there is none.
func (f *Projection) unusedSecret(revealMap *object, by qa.Identity, hash []byte) *write {
	if revealMap == nil {
		return nil
	}
	p := revealMap.find(string(by))
	if p == nil {
		return nil
	}
	var best *write
	bestMatches := false
	for e := range f.allWrites(p) {
		b := e.bytes()
		if len(b) == 0 {
			continue
		}
		matches := f.matches(by, b, hash)
		if best == nil || matches && !bestMatches || matches == bestMatches && f.less(best.Op, e.Op) {
			best, bestMatches = e, matches
		}
	}
	return best
}

// touchDraw touches the posts that may be candidates if the draw's closing has changed
// since the last call.
func (f *Projection) touchDraw() {
	var now int32
	if c := f.drawState().closing; c != nil {
		now = c.Place + 1
	}
	if now == f.drawnFor {
		return
	}
	f.drawnFor = now
	f.eachPost(func(key string, o *object) {
		if m := child(child(o, schema.KeyMarks), schema.KeyCandidate); m != nil && len(m.props) > 0 {
			f.touched.posts[key] = struct{}{}
		}
	})
}

// inDraw reports whether an author had marked a post as a candidate when the event was
// closed, or by now if it is open.
func (f *Projection) inDraw(candidates *object) bool {
	if candidates == nil || len(candidates.props) == 0 {
		return false
	}
	c := f.drawState().closing
	for i := range candidates.props {
		if f.valueAt(c, candidates, candidates.props[i].key).isTrue() {
			return true
		}
	}
	return false
}
