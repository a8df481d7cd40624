package fold

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
func (f *Fold) winners() []qa.Winner {
	all := child(&f.root, "winners")
	if all == nil {
		return nil
	}
	var out []qa.Winner
	for i := range all.props {
		by := all.props[i].key
		eachSaid(all, by, func(post string) {
			var note *entry
			eachMap(all, by, func(of *object) { // two devices of one person may each have made it
				e := f.effective(of, post, "", organiser|author)
				if e != nil && (note == nil || f.less(note.id, e.id)) {
					note = e
				}
			})
			if note.str() != "" {
				out = append(out, qa.Winner{Post: qa.PostID(post), By: qa.Identity(by), Note: note.str()})
			}
		})
	}
	slices.SortFunc(out, func(a, b qa.Winner) int { return cmp.Or(cmp.Compare(a.Post, b.Post), cmp.Compare(a.By, b.By)) })
	return out
}

// closing returns the closing of the event that is in effect, nil while it is open.
func (f *Fold) closing() *entry {
	if e := f.effective(child(&f.root, "event"), "closed", "", organiser); e.isTrue() {
		return e
	}
	return nil
}

// asOf returns the value of a key that stood when the event was closed, or stands
// now while it is open: the highest operation, among those in effect that c knows
// of, that none of these has overwritten.
func (f *Fold) asOf(c *entry, o *object, key string, roles authority.Roles) *entry {
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
	var known []*entry
	for e := range f.ever(o, p) {
		if f.inPast(e.change, c.change) && f.counts(e.id, e.change, "", roles) {
			known = append(known, e)
		}
	}
	var best *entry
	for _, e := range known {
		if slices.ContainsFunc(known, func(x *entry) bool {
			return e.change == x.change && f.less(e.id, x.id) || f.before(e.change, x.change)
		}) {
			continue
		}
		if best == nil || f.less(best.id, e.id) {
			best = e
		}
	}
	return best
}

// draw returns what the event holds of its draw, nil when nobody has begun one. The
// commitments that count are those that stood when the event was closed.
func (f *Fold) draw() *qa.Draw {
	all := child(&f.root, "draw")
	commits, reveals := child(all, "commit"), child(all, "reveal")
	if commits == nil {
		return nil
	}
	d := &qa.Draw{Rule: qa.DrawAll}
	if f.effective(all, "rule", "", organiser).str() == qa.DrawFounderLast {
		d.Rule = qa.DrawFounderLast
	}
	c := f.closing()
	d.Closed = c != nil
	committed := func(by qa.Identity) []byte {
		return f.asOf(c, commits, string(by), organiser|author).bytes()
	}
	founders := f.secrets(reveals, f.founder, committed(f.founder))
	for i := range commits.props {
		by := qa.Identity(commits.props[i].key)
		hash := committed(by)
		if len(hash) == 0 {
			continue
		}
		m := qa.Commitment{By: by, Hash: hex.EncodeToString(hash)}
		for _, r := range f.secrets(reveals, by, hash) {
			m.Secret = hex.EncodeToString(r.bytes())
			m.TooEarly = m.TooEarly || c != nil && f.inPast(r.change, c.change)
			m.KnownToFounder = m.KnownToFounder || by != f.founder && len(founders) > 0 && f.inPast(r.change, founders[0].change)
		}
		d.Commitments = append(d.Commitments, m)
	}
	if len(d.Commitments) == 0 {
		return nil
	}
	slices.SortFunc(d.Commitments, func(a, b qa.Commitment) int { return cmp.Compare(a.By, b.By) })
	return d
}

// secrets returns what somebody opened of a commitment, ascending by operation:
// whenever it was written, and whatever was written over it, since it was known from
// then on. When nothing fits the commitment it is the last that was written.
func (f *Fold) secrets(o *object, by qa.Identity, hash []byte) []*entry {
	if o == nil {
		return nil
	}
	p := o.find(string(by))
	if p == nil {
		return nil
	}
	var fit []*entry
	var last *entry
	for e := range f.ever(o, p) {
		if len(e.bytes()) == 0 {
			continue
		}
		if last == nil || f.less(last.id, e.id) {
			last = e
		}
		if want, err := qa.CommitDraw(f.event, by, e.bytes()); err == nil && bytes.Equal(want, hash) {
			fit = append(fit, e)
		}
	}
	if len(fit) == 0 && last != nil {
		return []*entry{last}
	}
	slices.SortFunc(fit, func(a, b *entry) int {
		if f.less(a.id, b.id) {
			return -1
		}
		return 1
	})
	return fit
}

// inDraw reports whether an author had marked a post as a candidate when the event
// was closed, or has by now.
func (f *Fold) inDraw(candidates *object) bool {
	if candidates == nil || len(candidates.props) == 0 {
		return false
	}
	c := f.closing()
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
