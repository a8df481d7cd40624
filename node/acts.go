package node

import (
	"context"

	"flyleaf/qa"
)

// complete fills in what an act leaves to the device that carries it out.
func (d *Device) complete(act *qa.Act) {
	if act.Kind == qa.ActMark && (act.Mark == "assigned" || act.Mark == "candidate") && act.Identity == "" {
		act.Identity = d.replica.Identity()
	}
}

// introduces reports whether the event is told who this person is before an act. It is not
// told before an anonymous question, which would show who asks.
func introduces(act *qa.Act) bool { return act.Kind == qa.ActPost && !act.Anonymous }

func (d *Device) Do(ctx context.Context, event qa.EventID, act qa.Act) (qa.PostID, error) {
	d.complete(&act)
	if introduces(&act) {
		if err := d.introduce(ctx, event); err != nil {
			return "", explainAct(&act, err)
		}
	}
	post, err := d.replica.Do(ctx, event, act)
	return post, explainAct(&act, err)
}

func (d *Device) DoAll(ctx context.Context, event qa.EventID, acts []qa.Act) error {
	if len(acts) == 0 {
		return nil
	}
	all := make([]qa.Act, len(acts))
	introduce := false
	for i, act := range acts {
		d.complete(&act)
		all[i] = act
		introduce = introduce || introduces(&act)
	}
	if introduce {
		if err := d.introduce(ctx, event); err != nil {
			return explainAct(&all[0], err)
		}
	}
	return explainAct(&all[0], d.replica.DoAll(ctx, event, all))
}

func (d *Device) ListWeeks(ctx context.Context, club qa.EventID, weeks []qa.ListedWeek) error {
	acts := make([]qa.Act, len(weeks))
	for i := range weeks {
		acts[i] = weeks[i].Act(d.nowMillis())
	}
	return explainAct(&qa.Act{Kind: qa.ActWeek}, d.replica.DoAll(ctx, club, acts))
}
