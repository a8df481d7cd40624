package policy_test

import (
	"fmt"
	"slices"
	"testing"

	"flyleaf/crdt/policy/policytest"
	"flyleaf/crdt/projection"
	"flyleaf/crdt/wire"
	"flyleaf/qa"
)

// TestEquivocationsCostFewSteps: changes of strangers who equivocate cost no more steps than
// other changes of strangers, whatever they write and whenever the second version arrives. The
// cost does not grow with the number of other people's changes.
func TestEquivocationsCostFewSteps(t *testing.T) {
	const n = 200
	post := func(text string) func(*policytest.Draft) {
		return func(d *policytest.Draft) { d.Post("", text) }
	}
	// steps applies all changes and returns the steps for each of the last ones.
	steps := func(t *testing.T, event qa.EventID, changes []policytest.Signed, many int) (policy, views float64) {
		t.Helper()
		r := policytest.NewReplica(event)
		w := projection.New(event, r.Graph, r.Policy.Authority())
		var before, beforeViews int64
		for i, s := range changes {
			if i == len(changes)-many {
				w.Touched()
				before, beforeViews = r.Policy.Steps(), w.Steps()
			}
			if err := r.Apply(s); err != nil || len(r.Applied) != i+1 {
				t.Fatalf("change %d: %v", i, err)
			}
			if err := w.Apply(r.Applied[i]); err != nil {
				t.Fatal(err)
			}
			r.Policy.Authority().Closed() // a question that pages ask after each change
		}
		w.Touched()
		return float64(r.Policy.Steps()-before) / float64(many), float64(w.Steps()-beforeViews) / float64(many)
	}
	for name, lies := range map[string]func(w *policytest.World) []policytest.Signed{
		"honest posts, to compare": func(w *policytest.World) (out []policytest.Signed) {
			on := w.Heads()
			for i := range 2 * n {
				out = append(out, w.Writer(fmt.Sprint("stranger ", i)).DoOn(on, post("Honest?")))
			}
			return out
		},
		"many people, two versions each": func(w *policytest.World) (out []policytest.Signed) {
			on := w.Heads()
			for i := range n {
				x := w.Writer(fmt.Sprint("equivocator ", i))
				y := x.Clone()
				out = append(out, x.DoOn(on, post("X?")), y.DoOn(on, post("Y?")))
			}
			return out
		},
		"one person, many versions": func(w *policytest.World) (out []policytest.Signed) {
			on, x := w.Heads(), w.Writer("equivocator")
			for i := range 2 * n {
				out = append(out, x.Clone().DoOn(on, post(fmt.Sprint("Version ", i, "?"))))
			}
			return out
		},
		"a long row of posts, and then a second version of the first": func(w *policytest.World) (out []policytest.Signed) {
			on, x := w.Heads(), w.Writer("equivocator")
			first, before := x.Clone(), on
			for i := range 2*n - 1 {
				s := x.DoOn(on, post(fmt.Sprint("Post ", i, "?")))
				out, on = append(out, s), []wire.Hash{s.Change.Hash}
			}
			return append(out, first.DoOn(before, post("Another first?")))
		},
		"a long row of posts, and then a second version of each, from the last to the first": func(w *policytest.World) (out []policytest.Signed) {
			on, x := w.Heads(), w.Writer("equivocator")
			type step struct {
				x  *policytest.Writer
				on []wire.Hash
			}
			var row []step
			for i := range n {
				row = append(row, step{x.Clone(), on})
				s := x.DoOn(on, post(fmt.Sprint("Post ", i, "?")))
				out, on = append(out, s), []wire.Hash{s.Change.Hash}
			}
			for _, s := range slices.Backward(row) {
				out = append(out, s.x.DoOn(s.on, post("Another?")))
			}
			return out
		},
		"a post that many answer and react to, and then its second version": func(w *policytest.World) (out []policytest.Signed) {
			on, x := w.Heads(), w.Writer("equivocator")
			second := x.Clone()
			var id qa.PostID
			out = append(out, x.DoOn(on, func(d *policytest.Draft) { id = d.Post("", "Is that so?") }))
			for i := range 2*n - 2 {
				out = append(out, w.Writer(fmt.Sprint("answers ", i)).DoOn([]wire.Hash{out[0].Change.Hash}, func(d *policytest.Draft) { d.Post(id, "It is.") }))
			}
			return append(out, second.DoOn(on, post("Or is it not?")))
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := policytest.NewWorld(policytest.Options{})
			for i := range n {
				w.Writer(fmt.Sprint("reader ", i)).Do(post("What for?"))
			}
			many := lies(w)
			policy, views := steps(t, w.Event, w.Changes, len(many))
			t.Logf("%.1f steps of the policy and %.1f of the projection for each of %d changes", policy, views, len(many))
			if policy > 10 || views > 10 {
				t.Errorf("%.1f steps of the policy and %.1f of the projection for each change", policy, views)
			}
		})
	}
}
