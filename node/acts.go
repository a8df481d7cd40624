package node

import (
	"context"
	"slices"
	"strings"

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

// checkAct refuses acts that the rules of the document allow: setting the draw's rule after closing,
// which has no effect, blocking an organiser, and marking as a duplicate of anything but another
// question. It leaves acts for which the user has no role to the replica.
func (d *Device) checkAct(ctx context.Context, event qa.EventID, act *qa.Act) error {
	setsRule, blocks := act.Kind == qa.ActDraw && act.Mark == schema.KeyRule, act.Kind == qa.ActBlock && act.Text != ""
	marks := act.Kind == qa.ActMark && act.Mark == schema.KeyDuplicateOf && act.Text != ""
	if !setsRule && !blocks && !marks {
		return nil
	}
	w, err := d.replica.Week(ctx, event)
	if err != nil {
		return err
	}
	me := d.replica.Identity()
	switch {
	case setsRule && w.DrawFixed() && w.Event.MayWrite(me, schema.MapDraw.Row(schema.KeyRule), false):
		return Errorf(Invalid, "the event has been closed, so the rule of its draw can no longer be changed; nothing was changed")
	case blocks && act.Identity != me && !w.Event.MayBlock(act.Identity) && w.Event.HoldsAny(me, schema.Moderators):
		return Errorf(Invalid, "organisers cannot be blocked; nothing was changed")
	case marks && w.Event.MayWrite(me, schema.MapMarks.Row(schema.KeyDuplicateOf), false):
		return checkDuplicate(&w, act.Post, qa.PostID(act.Text))
	}
	return nil
}

// checkDraw refuses choices of winners, and a number of copies, that would take a copy from somebody who was drawn.
func (d *Device) checkDraw(ctx context.Context, event qa.EventID, acts []qa.Act) error {
	if !slices.ContainsFunc(acts, func(a qa.Act) bool {
		return a.Kind == qa.ActWinner && a.Text != "" || a.Kind == qa.ActEvent && a.Fields[schema.KeyPrizes] != nil
	}) {
		return nil
	}
	w, err := d.replica.Week(ctx, event)
	if err != nil {
		return err
	}
	if names := w.LosesDrawnCopy(d.replica.Identity(), acts); len(names) > 0 {
		return Errorf(Invalid, "a draw stands once it is made, and this would take the drawn copy of %s away. Nothing was changed; more people can be chosen if there are more copies",
			strings.Join(names, ", "))
	}
	return nil
}

// checkDuplicate refuses a mark that pages would ignore (see qa.Week).
func checkDuplicate(w *qa.Week, post, original qa.PostID) error {
	of := make(map[qa.PostID]qa.PostID, len(w.Threads))
	for i := range w.Threads {
		of[w.Threads[i].Question.ID] = w.Threads[i].DuplicateOf
	}
	_, isQuestion := of[post]
	if _, ok := of[original]; !ok || !isQuestion || post == original {
		return Errorf(Invalid, "only a question can be a duplicate, and only of another question of the same week; nothing was changed")
	}
	for at := original; at != ""; at = of[at] {
		if at == post {
			return Errorf(Invalid, "the other question is a duplicate of this one already; nothing was changed")
		}
	}
	return nil
}

func (d *Device) Do(ctx context.Context, event qa.EventID, act qa.Act) (qa.PostID, error) {
	d.fillDefaults(&act)
	if err := d.checkAct(ctx, event, &act); err != nil {
		return "", err
	}
	if err := d.checkDraw(ctx, event, []qa.Act{act}); err != nil {
		return "", err
	}
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
		if err := d.checkAct(ctx, event, &act); err != nil {
			return err
		}
		all[i] = act
		introduce = introduce || needsProfile(&act)
	}
	if err := d.checkDraw(ctx, event, all); err != nil {
		return err
	}
	if introduce {
		if err := d.shareProfile(ctx, event); err != nil {
			return explainAct(&all[0], err)
		}
	}
	return explainAct(&all[0], d.replica.DoAll(ctx, event, all))
}

// AssignActs returns the acts with which a person assigns a question to an author. If that is somebody else, they also
// withdraw the person's own mark on the question.
func AssignActs(week *qa.Week, me qa.Identity, question *qa.PostView, to qa.Identity) ([]qa.Act, error) {
	if !week.Event.HasRole(to, qa.RoleAuthor) {
		return nil, Errorf(Invalid, "choose one of the week’s authors")
	}
	acts := []qa.Act{{Kind: qa.ActMark, Post: question.ID, Mark: schema.KeyAssigned, Identity: to, On: true}}
	if to != me && slices.Contains(question.Marks.Assigned, me) {
		acts = append(acts, qa.Act{Kind: qa.ActMark, Post: question.ID, Mark: schema.KeyAssigned, Identity: me})
	}
	return acts, nil
}

func (d *Device) ListWeeks(ctx context.Context, club qa.EventID, weeks []qa.ListedWeek) error {
	acts := make([]qa.Act, len(weeks))
	for i := range weeks {
		acts[i] = weeks[i].Act(d.nowMillis())
	}
	return explainAct(&qa.Act{Kind: qa.ActWeek}, d.replica.DoAll(ctx, club, acts))
}
