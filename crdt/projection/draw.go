package projection

import (
	"bytes"
	"cmp"
	"encoding/hex"
	"slices"

	"flyleaf/crdt/authority"
	"flyleaf/crdt/wire"
	"flyleaf/qa"
)

// winners returns the choices by hand that are in effect.
func (f *Projection) winners() []qa.Winner {
	all := child(&f.root, "winners")
	if all == nil {
		return nil
	}
	var out []qa.Winner
	for i := range all.props {
		by := all.props[i].key
		of := child(all, by)
		for post := range keys(of) {
			if note := f.effective(of, post, "", organiser|author); note.str() != "" {
				out = append(out, qa.Winner{Post: qa.PostID(post), By: qa.Identity(by), Note: note.str()})
			}
		}
	}
	slices.SortFunc(out, func(a, b qa.Winner) int { return cmp.Or(cmp.Compare(a.Post, b.Post), cmp.Compare(a.By, b.By)) })
	return out
}

// closing returns the closing of the event that is in effect, nil while it is open.
func (f *Projection) closing() *entry {
	if e := f.effective(child(&f.root, "event"), "closed", "", organiser); e.isTrue() {
		return e
	}
	return nil
}

// asOf returns the value of a key that stood when the event was closed, or stands
// now while c is nil: the highest operation among those that c knows of and that
// count by what c knows. Nothing that becomes known later changes the answer: neither
// another closing nor a role that is taken back from who wrote the value.
func (f *Projection) asOf(c *entry, o *object, key string, roles authority.Roles) *entry {
	if c == nil {
		return f.effective(o, key, "", roles)
	}
	if o == nil {
		return nil
	}
	p := o.find(key)
	if p == nil {
		return nil
	}
	var best *entry
	for e := range f.ever(p) {
		// What was written in sight of another value has the higher operation.
		if (best == nil || f.less(best.opID, e.opID)) && f.inPast(e.change, c.change) && f.countsFor(c.change, e, roles) {
			best = e
		}
	}
	return best
}

// countsFor reports whether an act counts by what a change and its past know.
func (f *Projection) countsFor(change uint32, e *entry, roles authority.Roles) bool {
	past, ok := f.pasts[change]
	if !ok {
		const keep = 512
		if len(f.pasts) >= keep {
			clear(f.pasts)
		}
		past = f.graph.Past([]wire.Hash{f.changes[change].hash})
		f.pasts[change] = past
	}
	return f.authority.RankIn(&past, f.personOf(e.change), f.changes[e.change].hash, roles) != authority.NotCounted
}

// opening is a secret that fits its commitment, written after the closing that it
// is for.
type opening struct {
	e       *entry
	by      qa.Identity
	secret  string // 32 bytes
	closing *entry
}

// drawing is what the openings of secrets say of the draw.
type drawing struct {
	at       int // len(Fold.changes) when it was worked out
	closing  *entry
	openings []opening // by operation ascending
	void     string    // a qa.Void…, "" when nothing is wrong
}

// drawing returns which closing the draw is for, and who opened what. Each opening is
// for one closing, which is decided by what lies in the opening's past; the draw is
// for the one closing that everybody's openings are for. So nobody who knows the
// secrets can have another closing count, nor another set of candidates.
func (f *Projection) drawing() *drawing {
	if f.drawn == nil || f.drawn.at != len(f.changes) {
		f.drawn = f.newDrawing()
	}
	return f.drawn
}

func (f *Projection) newDrawing() *drawing {
	d := &drawing{at: len(f.changes)}
	d.openings = f.openings()
	if len(d.openings) == 0 {
		d.closing = f.closing()
		return d
	}
	// Which closings has everybody opened for?
	people := map[qa.Identity]bool{}
	by := map[*entry]map[qa.Identity]bool{}
	for i := range d.openings {
		f.steps++
		o := &d.openings[i]
		people[o.by] = true
		if by[o.closing] == nil {
			by[o.closing] = map[qa.Identity]bool{}
		}
		by[o.closing][o.by] = true
	}
	var common []*entry
	for c, who := range by {
		if len(who) == len(people) {
			common = append(common, c)
		}
	}
	// More than one only if everybody opened twice. A later closing changes nothing: what
	// knows of another has the higher operation, so the first is the lowest, if any is.
	slices.SortFunc(common, f.byID)
	for i, c := range common {
		f.steps++
		if i > 0 && !f.before(common[0].change, c.change) {
			common = nil
			break
		}
	}
	if len(common) == 0 {
		d.closing, d.void = d.openings[0].closing, qa.VoidClosings
		return d
	}
	d.closing = common[0]
	return d
}

// closings returns all that was ever written of the event's being closed, of each
// change the last.
func (f *Projection) closings() []*entry {
	about := child(&f.root, "event")
	if about == nil {
		return nil
	}
	p := about.find("closed")
	if p == nil {
		return nil
	}
	last := map[uint32]*entry{}
	for e := range f.ever(p) {
		if l := last[e.change]; l == nil || f.less(l.opID, e.opID) {
			last[e.change] = e
		}
	}
	out := make([]*entry, 0, len(last))
	for _, e := range last {
		out = append(out, e)
	}
	slices.SortFunc(out, f.byID)
	return out
}

// openings returns the openings that are for a closing, by operation ascending.
func (f *Projection) openings() []opening {
	all := child(&f.root, "draw")
	commits, reveals := child(all, "commit"), child(all, "reveal")
	if commits == nil || reveals == nil {
		return nil
	}
	type written struct {
		e  *entry
		by string
	}
	var ws []written
	for i := range reveals.props {
		p := &reveals.props[i]
		for e := range f.ever(p) {
			if n := len(e.bytes()); n == qa.DrawSecretSize || n == qa.DrawOpeningSize {
				ws = append(ws, written{e, p.key})
			}
		}
	}
	if len(ws) == 0 {
		return nil
	}
	slices.SortFunc(ws, func(a, b written) int { return f.byID(a.e, b.e) })
	closings := f.closings()
	// What somebody had committed to at a closing is looked up once: they may have
	// written many values, and many openings.
	type at struct {
		closing *entry
		by      string
	}
	committed := map[at][]byte{}
	fits := func(c *entry, by string, secret []byte) bool {
		hash, ok := committed[at{c, by}]
		if !ok {
			hash = f.asOf(c, commits, by, organiser|author).bytes()
			committed[at{c, by}] = hash
		}
		want, err := qa.CommitDraw(f.event, qa.Identity(by), secret)
		return err == nil && len(hash) > 0 && bytes.Equal(want, hash)
	}
	named := map[wire.Hash]*entry{}
	for _, c := range closings {
		if c.isTrue() {
			named[f.changes[c.change].hash] = c
		}
	}
	type act struct {
		by      string
		closing *entry
		change  uint32
	}
	type deviceFor struct {
		device
		closing *entry
	}
	var out, firsts []opening // firsts are each device's first for each closing: the others know of it
	taken, begun := map[act]bool{}, map[deviceFor]bool{}
	for _, w := range ws {
		f.steps++
		b := w.e.bytes()
		var c *entry
		if len(b) == qa.DrawOpeningSize {
			c = named[wire.Hash(b[qa.DrawSecretSize:])]
		} else {
			c = f.closingMeant(closings, firsts, w.e)
		}
		if c == nil || c.change == w.e.change || !f.inPast(c.change, w.e.change) {
			continue
		}
		o := opening{e: w.e, by: qa.Identity(w.by), secret: string(b[:qa.DrawSecretSize]), closing: c}
		is := act{w.by, c, w.e.change}
		if taken[is] || !fits(c, w.by, b[:qa.DrawSecretSize]) {
			continue
		}
		taken[is] = true
		out = append(out, o)
		if of := (deviceFor{f.deviceOf(w.e.change), c}); !begun[of] {
			begun[of] = true
			firsts = append(firsts, o)
		}
	}
	return out
}

// device is an actor, whose changes know of its earlier ones; of an actor that
// equivocates each change stands for itself.
type device struct {
	actor uint32
	void  uint32 // the change + 1, 0 for none
}

func (f *Projection) deviceOf(change uint32) device {
	d := device{actor: f.changes[change].actor}
	if f.isVoid(change) {
		d.void = change + 1
	}
	return d
}

// closingMeant returns the closing that an opening is for which names none, as
// devices wrote them before openings did: the one that the openings it knew of were
// for, or, of the first, the one that closed the event for whoever wrote it.
func (f *Projection) closingMeant(closings []*entry, earlier []opening, e *entry) *entry {
	var meant *entry
	for i := range earlier {
		f.steps++
		o := &earlier[i]
		if o.closing == meant || !f.inPast(o.e.change, e.change) {
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
	for i := len(closings) - 1; i >= 0; i-- {
		f.steps++
		c := closings[i]
		if c.change != e.change && f.inPast(c.change, e.change) && f.countsFor(e.change, c, organiser) {
			if c.isTrue() {
				return c
			}
			return nil // it was open
		}
	}
	return nil
}

// draw returns what the event holds of its draw, nil when nobody has begun one. The
// rule, the commitments and the candidates are those that stood at the closing.
func (f *Projection) draw() *qa.Draw {
	all := child(&f.root, "draw")
	commits, reveals := child(all, "commit"), child(all, "reveal")
	if commits == nil {
		return nil
	}
	w := f.drawing()
	c := w.closing
	d := &qa.Draw{Rule: qa.DrawAll, Closed: c != nil, Void: w.void}
	if f.asOf(c, all, "rule", organiser).str() == qa.DrawFounderLast {
		d.Rule = qa.DrawFounderLast
	}
	if c != nil {
		d.Closing = f.changes[c.change].hash.String()
	}
	for i := range w.openings {
		o := &w.openings[i]
		d.Openings = append(d.Openings, qa.Opening{By: o.by, Closing: f.changes[o.closing.change].hash.String(), ClosedBy: f.by(o.closing.change)})
	}
	mine := func(by qa.Identity) (out []*opening) {
		for i := range w.openings {
			if o := &w.openings[i]; o.by == by && o.closing == c {
				out = append(out, o)
			}
		}
		return out
	}
	founders := mine(f.founder)
	for i := range commits.props {
		by := qa.Identity(commits.props[i].key)
		hash := f.asOf(c, commits, string(by), organiser|author).bytes()
		if len(hash) == 0 {
			continue
		}
		m := qa.Commitment{By: by, Hash: hex.EncodeToString(hash)}
		opened := mine(by)
		if len(opened) > 0 {
			m.Secret = hex.EncodeToString([]byte(opened[0].secret))
			m.Last = !slices.ContainsFunc(w.openings, func(x opening) bool {
				return x.by != by && x.closing == c && f.before(opened[0].e.change, x.e.change)
			})
		} else if e := f.written(reveals, by, hash); e != nil {
			m.Secret, m.NotForClosing = hex.EncodeToString(e.bytes()), true
			if len(e.bytes()) == qa.DrawOpeningSize {
				m.Secret = hex.EncodeToString(e.bytes()[:qa.DrawSecretSize])
			}
		}
		m.TooEarly = f.openedBefore(c, reveals, by, hash)
		// What knows of a later opening of a device knows of its first.
		var firsts []*opening
		begun := map[device]bool{}
		for _, o := range opened {
			if of := f.deviceOf(o.e.change); !begun[of] {
				begun[of] = true
				firsts = append(firsts, o)
			}
		}
		for k, mineOf := range founders {
			f.steps += int64(len(firsts))
			known := by != f.founder && slices.ContainsFunc(firsts, func(o *opening) bool { return f.inPast(o.e.change, mineOf.e.change) })
			if k > 0 && known != m.KnownToFounder && d.Rule == qa.DrawFounderLast {
				d.Void = cmp.Or(d.Void, qa.VoidFounder) // it could be chosen, afterwards, which of them counts
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
	slices.SortFunc(d.Commitments, func(a, b qa.Commitment) int { return cmp.Compare(a.By, b.By) })
	return d
}

// openedBefore reports whether a secret was written by the time the event was closed:
// whatever was written over it, it was known from then on.
func (f *Projection) openedBefore(c *entry, reveals *object, by qa.Identity, hash []byte) bool {
	if c == nil || reveals == nil {
		return false
	}
	p := reveals.find(string(by))
	if p == nil {
		return false
	}
	for e := range f.ever(p) {
		b := e.bytes()
		if (len(b) == qa.DrawSecretSize || len(b) == qa.DrawOpeningSize) && f.inPast(e.change, c.change) {
			if want, err := qa.CommitDraw(f.event, by, b[:qa.DrawSecretSize]); err == nil && bytes.Equal(want, hash) {
				return true
			}
		}
	}
	return false
}

// written returns what somebody wrote as a secret and is for no closing, nil when
// nothing: what fits the commitment, else the last.
func (f *Projection) written(reveals *object, by qa.Identity, hash []byte) *entry {
	if reveals == nil {
		return nil
	}
	p := reveals.find(string(by))
	if p == nil {
		return nil
	}
	var best *entry
	bestFits := false
	for e := range f.ever(p) {
		b := e.bytes()
		if len(b) == 0 {
			continue
		}
		fits := false
		if len(b) == qa.DrawSecretSize || len(b) == qa.DrawOpeningSize {
			want, err := qa.CommitDraw(f.event, by, b[:qa.DrawSecretSize])
			fits = err == nil && bytes.Equal(want, hash)
		}
		if best == nil || fits && !bestFits || fits == bestFits && f.less(best.opID, e.opID) {
			best, bestFits = e, fits
		}
	}
	return best
}

// touchDraw notes the posts that may be candidates, when the draw is for another
// closing than when it was last asked.
func (f *Projection) touchDraw() {
	var now uint32
	if c := f.drawing().closing; c != nil {
		now = c.change + 1
	}
	if now == f.drawnFor {
		return
	}
	f.drawnFor = now
	f.eachPost(func(key string, o *object) {
		if m := child(child(o, "marks"), "candidate"); m != nil && len(m.props) > 0 {
			f.touched.posts[key] = struct{}{}
		}
	})
}

func (f *Projection) byID(a, b *entry) int {
	switch {
	case f.less(a.opID, b.opID):
		return -1
	case f.less(b.opID, a.opID):
		return 1
	}
	return 0
}

// inDraw reports whether an author had marked a post as a candidate when the event
// was closed, or has by now.
func (f *Projection) inDraw(candidates *object) bool {
	if candidates == nil || len(candidates.props) == 0 {
		return false
	}
	c := f.drawing().closing
	for i := range candidates.props {
		if f.asOf(c, candidates, candidates.props[i].key, author).isTrue() {
			return true
		}
	}
	return false
}

func (e *entry) bytes() []byte {
	if e == nil || e.made || e.kind != wire.Bytes {
		return nil
	}
	return []byte(e.raw)
}
