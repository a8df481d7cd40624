package projection

import "flyleaf/schema"

// approval is the answer of approvalSince.
type approval struct {
	applied int // Projection.applied when this was computed
	since   *write
}

// approvalSince returns the write that turned approval on, nil if approval is off. If several
// writes in a row turned it on, it is the first of them, so that nobody releases the posts that
// wait by turning it on again. Which writes come before others is decided by the past of the
// current one, not by clocks.
func (f *Projection) approvalSince() *write {
	if f.approval == nil || f.approval.applied != f.applied {
		f.approval = &approval{f.applied, f.computeApprovalSince()}
	}
	return f.approval.since
}

func (f *Projection) computeApprovalSince() *write {
	about := child(&f.root, schema.KeyEvent)
	now := f.effective(about, schema.KeyApprove)
	if !now.isTrue() {
		return nil
	}
	p, roles := about.find(schema.KeyApprove), about.slot.Row(schema.KeyApprove)
	known := func(e *write) bool { return f.inPast(e.Place, now.Place) && f.inEffect(e.Place, roles, "") }
	var off *write // the last write before the current one that turned approval off
	for e := range f.allWrites(p) {
		f.steps++
		if !e.isTrue() && (off == nil || f.less(off.Op, e.Op)) && f.less(e.Op, now.Op) && known(e) {
			off = e
		}
	}
	since := now
	for e := range f.allWrites(p) {
		f.steps++
		if e.isTrue() && f.less(e.Op, since.Op) && (off == nil || f.less(off.Op, e.Op)) && known(e) {
			since = e
		}
	}
	return since
}

// afterApproval reports whether approval is on and a change is not in the past of the change
// that turned it on: it is concurrent with that change, or later.
func (f *Projection) afterApproval(change int32) bool {
	since := f.approvalSince()
	return since != nil && !f.inPast(change, since.Place)
}
