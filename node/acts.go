package node

import (
	"context"
	"slices"

	"flyleaf/qa"
	"flyleaf/schema"
)

// fillDefaults sets the fields of an act that the caller may leave to the device.
func (d *Device) fillDefaults(act *qa.Act) {
	if act.Kind == qa.ActMark && (act.Mark == schema.KeyAssigned || act.Mark == schema.KeyCandidate) && act.Identity == "" {
		act.Identity = d.replica.Identity()
	}
}

// needsProfile reports whether the user's profile must be written to the event before an act.
// It is not written before an anonymous question, because it would show who asks.
func needsProfile(act *qa.Act) bool { return act.Kind == qa.ActPost && !act.Anonymous }

func (d *Device) Do(ctx context.Context, event qa.EventID, act qa.Act) (qa.PostID, error) {
	d.fillDefaults(&act)
	if needsProfile(&act) {
		if err := d.shareProfile(ctx, event); err != nil {
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
		d.fillDefaults(&act)
		all[i] = act
		introduce = introduce || needsProfile(&act)
	}
	if introduce {
		if err := d.shareProfile(ctx, event); err != nil {
			return explainAct(&all[0], err)
		}
	}
	return explainAct(&all[0], d.replica.DoAll(ctx, event, all))
}

// AssignQuestion assigns a question to an author. Another author than this user then answers it
// instead of this user.
func AssignQuestion(ctx context.Context, n Node, week *qa.Week, question *qa.PostView, to qa.Identity) error {
	if !week.Event.HasRole(to, qa.RoleAuthor) {
		return Errorf(Invalid, "choose one of the week’s authors")
	}
	me, err := n.Identity(ctx)
	if err != nil {
		return err
	}
	acts := []qa.Act{{Kind: qa.ActMark, Post: question.ID, Mark: schema.KeyAssigned, Identity: to, On: true}}
	if to != me && slices.Contains(question.Marks.Assigned, me) {
		acts = append(acts, qa.Act{Kind: qa.ActMark, Post: question.ID, Mark: schema.KeyAssigned, Identity: me})
	}
	return n.DoAll(ctx, week.Event.ID, acts)
}

func (d *Device) ListWeeks(ctx context.Context, club qa.EventID, weeks []qa.ListedWeek) error {
	acts := make([]qa.Act, len(weeks))
	for i := range weeks {
		acts[i] = weeks[i].Act(d.nowMillis())
	}
	return explainAct(&qa.Act{Kind: qa.ActWeek}, d.replica.DoAll(ctx, club, acts))
}
