package projection_test

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"

	"flyleaf/crdt/wire"
	"flyleaf/qa"
)

// TestApprovalHoldsForLaterPosts: after approval was turned on, posts in the past of that change
// need none. Posts and edits that are concurrent or later do, whatever their clocks say.
func TestApprovalHoldsForLaterPosts(t *testing.T) {
	boss, org, _, reader, all := crew(t)
	reader.now = 1_000_000 // this device's clock is ahead of everybody's
	reader.post("early")
	all()
	boss.f.Touched()
	on := org.write(put("event/approve", true))
	reader.now = 1 // and now it is behind
	reader.post("concurrent")
	reader.write(put("posts/q/revisions/r2", "an edit by somebody who does not know"))
	all()
	reader.post("later")
	reader.write(put("posts/early/revisions/r2", "a later edit"))
	all()
	if tt := boss.f.Touched(); !slices.Contains(tt.Posts, "early") {
		t.Errorf("turning approval on touched %v", tt.Posts)
	}
	for _, d := range []*device{boss, reader} {
		if e := d.f.Event(); !e.Approve || e.ApproveSince != on.Hash.String() || e.OutdatedView() {
			t.Fatalf("event: %v since %q", e.Approve, e.ApproveSince)
		}
		for post, want := range map[string]bool{"q": false, "early": false, "concurrent": true, "later": true} {
			if got := d.get(post); got.AfterApproval != want || got.Revisions[0].AfterApproval != want {
				t.Errorf("%s is after approval: %v, its text %v, want %v", post, got.AfterApproval, got.Revisions[0].AfterApproval, want)
			}
		}
		for _, post := range []string{"q", "early"} {
			if r := d.get(post).Revisions; len(r) != 2 || !r[1].AfterApproval {
				t.Errorf("an edit of %s: %+v", post, r)
			}
		}
	}
	boss.f.Touched()
	boss.write(put("event/approve", false))
	if tt := boss.f.Touched(); !slices.Contains(tt.Posts, "later") || boss.get("later").AfterApproval || boss.f.Event().ApproveSince != "" {
		t.Errorf("approval is off: touched %v, the later post waits: %v", tt.Posts, boss.get("later").AfterApproval)
	}
}

// TestApprovalTurnedOnAgain: turning on what is on releases nobody. After approval was off, it
// holds for posts after the time when it was turned on again.
func TestApprovalTurnedOnAgain(t *testing.T) {
	boss, org, mod, reader, all := crew(t)
	first := boss.write(put("event/approve", true))
	all()
	reader.post("second")
	all()
	org.write(put("event/approve", true))
	all()
	if !boss.get("second").AfterApproval || boss.f.Event().ApproveSince != first.Hash.String() {
		t.Error("turning approval on again released a post")
	}
	boss.write(put("event/approve", false))
	all()
	again := org.write(put("event/approve", true))
	all()
	reader.post("third")
	all()
	if boss.get("second").AfterApproval || !boss.get("third").AfterApproval || boss.f.Event().ApproveSince != again.Hash.String() {
		t.Error("approval that was off holds again for posts from then on")
	}
	// A moderator, who must not turn approval off, and an organiser whose role was revoked meanwhile,
	// change nothing.
	mod.write(put("event/approve", false))
	org.write(put("event/approve", false))
	boss.role(org, qa.RoleOrganiser, false)
	boss.f.Touched()
	all()
	if !boss.f.Event().Approve || !boss.get("third").AfterApproval {
		t.Error("people without the role turned approval off")
	}
}

// TestApprovalIsTheSameInEveryOrder: devices that receive the changes in different orders agree
// for which posts approval holds, even if organisers turned it on and off at the same time.
func TestApprovalIsTheSameInEveryOrder(t *testing.T) {
	for seed := range uint64(12) {
		rng := rand.New(rand.NewPCG(seed, 0))
		boss, org, mod, reader, all := crew(t)
		devices := []*device{boss, org, mod, reader}
		for n := range 60 {
			d := devices[rng.IntN(len(devices))]
			switch rng.IntN(6) {
			case 0, 1:
				d.from(devices[rng.IntN(len(devices))])
			case 2:
				devices[rng.IntN(2)].write(put("event/approve", rng.IntN(3) > 0))
			case 3:
				if rng.IntN(4) == 0 {
					boss.role(org, qa.RoleOrganiser, rng.IntN(2) == 0)
				}
			default:
				d.post(fmt.Sprint("p", n))
			}
		}
		all()
		want := boss.f.Posts()
		for k := range byte(3) {
			d := newDevice(t, 8, k)
			left := slices.Clone(boss.known)
			for len(left) > 0 {
				rng.Shuffle(len(left), func(i, j int) { left[i], left[j] = left[j], left[i] })
				left = slices.DeleteFunc(left, func(c *wire.Change) bool {
					for _, h := range c.Deps {
						if !d.g.Has(h) {
							return false
						}
					}
					d.take(c)
					return true
				})
			}
			if d.f.Event().ApproveSince != boss.f.Event().ApproveSince || !reflect.DeepEqual(d.f.Posts(), want) {
				t.Fatalf("seed %d: two devices disagree: %q and %q", seed, d.f.Event().ApproveSince, boss.f.Event().ApproveSince)
			}
		}
	}
}

// TestViewsFollowApproval: the posts that are reported as touched are enough to keep views current.
func TestViewsFollowApproval(t *testing.T) {
	boss, org, mod, reader, all := crew(t)
	views := map[qa.PostID]qa.Post{}
	follow := func() {
		t.Helper()
		for _, id := range reader.f.Touched().Posts {
			views[id], _ = reader.f.Post(id)
		}
		for _, p := range reader.f.Posts() {
			if views[p.ID].AfterApproval != p.AfterApproval {
				t.Errorf("the view of %s says after approval: %v", p.ID, views[p.ID].AfterApproval)
			}
		}
	}
	steps := []func(){
		func() { org.write(put("event/approve", true)) },
		func() { mod.from(org); mod.post("later") },
		func() { boss.role(org, qa.RoleOrganiser, false) }, // concurrent with both
		func() { org.write(put("event/approve", true)) },
		func() { boss.role(org, qa.RoleOrganiser, true) },
		func() { org.write(put("event/approve", true)) },
		func() { mod.post("last") },
	}
	follow()
	for i, step := range steps {
		step()
		reader.from(org)
		reader.from(mod)
		follow()
		if i < 2 {
			continue
		}
		all()
		follow()
	}
	if !reader.get("last").AfterApproval || reader.get("later").AfterApproval {
		t.Error("the test needs approval that holds for the last post")
	}
}
