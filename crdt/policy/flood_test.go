package policy_test

import (
	"testing"

	"flyleaf/crdt/policy/policytest"
	"flyleaf/crdt/projection"
)

// TestFloodsCostFewSteps: the steps of policy and projection for one operation stay bounded,
// however many changes of one kind there are. The bound of the policy is reached at 500 writes of
// a key by one person. Only for concurrent changes by devices of one person does the cost grow
// with their number; see the table in DESIGN.md.
func TestFloodsCostFewSteps(t *testing.T) {
	// The bounds of steps for each operation, with 500 changes. An "n" grows with their number.
	bounds := map[string]struct{ policy, projection float64 }{
		"posts":                           {0.1, 0.1},
		"one key written again and again": {130, 1},
		"one key written concurrently by many devices":     {130, 8}, // n/4, log n
		"revisions of one post":                            {1, 1},
		"long revisions of one post":                       {1, 1},
		"concurrent revisions of one post by many devices": {130, 130}, // n/4, both
		"20 reactions by each of many people":              {0.1, 0.1},
		"marks turned on and off":                          {170, 1},
		"names of many people":                             {0.1, 0.1},
		"concurrent changes, merged again and again":       {250, 40},
		"empty merges":                                     {1, 1},
		"concurrent claims":                                {130, 8}, // n/4, log n
		"concurrent grants and revocations of one role":    {260, 8}, // n/2, log n
		"pictures": {1, 1},
	}
	for _, f := range policytest.Floods(500) {
		r := policytest.NewReplica(f.Event)
		w := projection.New(f.Event, r.Graph, r.Policy.Authority())
		for i, s := range append(f.Setup, f.Many...) {
			if err := r.Apply(s); err != nil || len(r.Applied) != i+1 {
				t.Fatalf("%s: change %d: %v", f.Name, i, err)
			}
			if err := w.Apply(r.Applied[i]); err != nil {
				t.Fatal(err)
			}
		}
		n := float64(f.Operations() + len(f.Many))
		steps, views := float64(r.Policy.Steps())/n, float64(w.Steps())/n
		t.Logf("%-60s %4d changes, %5d operations, %6d bytes: %7.1f steps of the policy and %6.1f of the projection for each", f.Name, len(f.Many), f.Operations(), f.Bytes(), steps, views)
		b, ok := bounds[f.Name]
		if !ok || steps > b.policy || views > b.projection {
			t.Errorf("%s: %.1f steps of the policy and %.1f of the projection for each operation, at most %.1f and %.1f", f.Name, steps, views, b.policy, b.projection)
		}
	}
}
