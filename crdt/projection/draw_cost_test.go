package projection_test

import (
	"testing"

	"flyleaf/crdt/wire"
)

// TestManyRevealsCostFewSteps: the cost of a draw is linear in the number of reveals, also
// when one person closes and reveals as often as the policy allows.
func TestManyRevealsCostFewSteps(t *testing.T) {
	for name, flood := range map[string]func(p *drawPlay, n int){
		"old reveals": func(p *drawPlay, n int) {
			p.boss.write(put("event/closed", true))
			for range n {
				p.revealOld(p.boss)
			}
		},
		"old reveals, each for another closing": func(p *drawPlay, n int) {
			for range n {
				p.boss.write(put("event/closed", true))
				p.revealOld(p.boss)
			}
		},
		"reveals, each for another closing": func(p *drawPlay, n int) {
			var closings []*wire.Change
			for range n {
				closings = append(closings, p.boss.write(put("event/closed", true)))
			}
			for _, c := range closings {
				p.reveal(p.boss, c)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			const n = 400
			p := newDrawPlay(t)
			p.commit(p.boss)
			p.commit(p.author)
			p.sync(p.boss)
			flood(p, n)
			f := p.boss.f
			before := f.Steps()
			if d := f.Event().Draw; d == nil || len(d.Reveals) != n {
				t.Fatalf("%+v", d)
			}
			if steps := f.Steps() - before; steps < n || steps > 10*n {
				t.Errorf("%d reveals: %d steps", n, steps)
			}
		})
	}
}
