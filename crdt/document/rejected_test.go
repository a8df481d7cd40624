package document_test

import (
	"testing"

	"flyleaf/crdt/document"
	"flyleaf/crdt/policy"
	"flyleaf/crdt/policy/policytest"
	"flyleaf/qa"
	"flyleaf/storage"
)

// family is a parent change, a child that depends on it, and an independent change.
type family struct {
	*policytest.World
	parent, child, other policytest.Signed
	refusals             *document.Refusals
	d                    *document.Document
}

func newFamily() *family {
	w := policytest.NewWorld(policytest.Options{})
	ann := w.Writer("ann")
	var question qa.PostID
	f := &family{World: w, refusals: document.NewRefusals(100)}
	f.parent = ann.Do(func(d *policytest.Draft) { question = d.Post("", "first") })
	f.child = ann.Do(func(d *policytest.Draft) { d.Post(question, "second") })
	f.other = w.Writer("ben").DoOn(f.parent.Change.Deps, func(d *policytest.Draft) { d.Post("", "independent") })
	f.d = document.New(w.Event, document.Options{Refusals: f.refusals})
	return f
}

// before returns the changes that were made before the parent.
func (f *family) before() (out []policytest.Signed) {
	for _, s := range f.Changes {
		if s.Change.Hash == f.parent.Change.Hash {
			break
		}
		out = append(out, s)
	}
	return out
}

func (f *family) inspect(t *testing.T, s policytest.Signed) *document.Change {
	t.Helper()
	found, err := (&document.Inspector{Event: f.Event}).Inspect(s.Bytes, s.Signature)
	if err != nil || found.Refusal != nil {
		t.Fatal(err, found.Refusal)
	}
	return found.Change
}

func (f *family) add(t *testing.T, s policytest.Signed) document.Added {
	t.Helper()
	added, err := f.d.Add(f.inspect(t, s))
	if err != nil {
		t.Fatal(err)
	}
	return added
}

// orphan makes the child pending and refuses the parent for its signature.
func (f *family) orphan(t *testing.T) {
	t.Helper()
	for _, s := range f.before() {
		f.add(t, s)
	}
	if added := f.add(t, f.child); len(added.Applied) != 0 || added.Refusal != nil {
		t.Fatalf("%+v", added)
	}
	rejected := f.d.Refuse(f.parent.Change.Hash, &policy.Refusal{Code: policy.CodeSignature})
	if len(rejected) != 1 || rejected[0].Change.Meta.Hash != f.child.Change.Hash || rejected[0].Refusal.Code != policy.CodeDependsOn {
		t.Fatalf("rejected: %+v", rejected)
	}
	if !f.d.Unwanted(f.child.Change.Hash) || f.d.HasOrPending(f.child.Change.Hash) {
		t.Error("the child is not refused with its parent")
	}
}

// TestRefusingRejectsPendingDependents: a pending change is rejected at once when its dependency
// is refused, and causes no error later, even if it is forgotten in between.
func TestRefusingRejectsPendingDependents(t *testing.T) {
	f := newFamily()
	f.orphan(t)
	f.d.Forget(f.child.Change.Hash) // as a relay does when the session that sent the child ends
	if added := f.add(t, f.other); len(added.Applied) != 1 || len(added.Rejected) != 0 {
		t.Errorf("%+v", added)
	}
}

// TestRetriedChangesAreAccepted: once the parent has arrived with its correct signature, the child
// is accepted too, whichever of the two arrives first.
func TestRetriedChangesAreAccepted(t *testing.T) {
	for _, childFirst := range []bool{true, false} {
		f := newFamily()
		f.orphan(t)
		f.refusals.ForgetRetryable()
		order := []policytest.Signed{f.parent, f.child}
		if childFirst {
			order = []policytest.Signed{f.child, f.parent}
		}
		for _, s := range order {
			if added := f.add(t, s); added.Refusal != nil || len(added.Rejected) != 0 {
				t.Errorf("%+v", added)
			}
		}
		if !f.d.Graph().Has(f.child.Change.Hash) || f.d.Unwanted(f.child.Change.Hash) {
			t.Error("a valid change is not accepted")
		}
	}
}

// TestExcludedRowIsOfferedAgain: a row that is excluded for its signature becomes part of the
// document, in memory and on disk, when a peer offers it with the correct signature.
func TestExcludedRowIsOfferedAgain(t *testing.T) {
	f := newFamily()
	row := func(s policytest.Signed) storage.Entry {
		return storage.Entry{Chunk: s.Change.Chunk(), Actor: s.Change.Actor, Seq: s.Change.Seq, Signature: s.Signature}
	}
	var rows []storage.Entry
	for _, s := range f.before() {
		rows = append(rows, row(s))
	}
	bad := row(f.parent)
	bad.Status, bad.Signature = storage.Excluded, f.child.Signature
	f.d, _ = load(t, f.Event, nil, append(rows, bad))
	if !f.d.Unwanted(f.parent.Change.Hash) {
		t.Fatal("accepted with a wrong signature")
	}
	added := f.add(t, f.parent)
	var b storage.Batch
	added.AppendTo(&b, 1)
	if len(added.Applied) != 1 || f.d.Unwanted(f.parent.Change.Hash) || b.Statuses[f.parent.Change.Hash] != storage.InDocument || len(b.Statuses) != 1 {
		t.Errorf("%+v with %v", added, b.Statuses)
	}
	if why := f.d.RefusalFromDeps(f.inspect(t, f.child)); why != nil {
		t.Errorf("a change that depends on it: %v", why)
	}
}
