package node

import (
	"context"
	"slices"

	"flyleaf/qa"
	"flyleaf/schema"
)

// NothingToUndo checks an act that undoes something, such as removing a mark. If, as far as
// this device knows, there is nothing to undo, it returns a sentence that says so; the act
// should then not be carried out. For every other act it returns "".
func NothingToUndo(ctx context.Context, n Node, event qa.EventID, act *qa.Act) (string, error) {
	if act.On || act.Text != "" || len(act.Bytes) > 0 {
		return "", nil
	}
	me, err := n.Identity(ctx)
	if err != nil {
		return "", err
	}
	switch act.Kind {
	case qa.ActBlock:
		log, err := n.Log(ctx, event)
		if _, blocked := qa.Blocks(log)[act.Identity]; blocked || err != nil {
			return "", err
		}
		return "This person is not blocked", nil
	case qa.ActMark, qa.ActWithdraw, qa.ActReact, qa.ActWinner, qa.ActRole, qa.ActEvent:
	default:
		return "", nil
	}
	w, err := n.Week(ctx, event)
	if err != nil {
		return "", err
	}
	switch act.Kind {
	case qa.ActRole:
		if !w.Event.HasRole(act.Identity, act.Role) {
			return "This person does not have the role " + string(act.Role), nil
		}
		return "", nil
	case qa.ActEvent:
		if closed, ok := act.Fields[schema.KeyClosed].(bool); ok && !closed && !w.Event.Closed {
			return "The event is not closed", nil
		}
		return "", nil
	}
	p := w.Post(act.Post)
	if p == nil {
		return "", nil
	}
	for _, c := range []struct {
		kind qa.ActKind
		mark string
		set  bool // there is something to undo
		why  string
	}{
		{qa.ActWithdraw, "", p.Withdrawn, "The post is not withdrawn"},
		{qa.ActReact, "", slices.Contains(p.Reactions, qa.Reaction{By: me, Emoji: act.Emoji}), "You have not reacted to the post in this way"},
		{qa.ActWinner, "", slices.ContainsFunc(w.Event.Winners, func(x qa.Winner) bool { return x.Post == p.ID && x.By == me }), "You have not chosen this question"},
		{qa.ActMark, schema.KeyHidden, p.Marks.Hidden != "", "The post is not hidden"},
		{qa.ActMark, schema.KeyPinned, p.Marks.Pinned, "The question is not pinned"},
		{qa.ActMark, schema.KeyApproved, p.Marks.Approved, "The post is not approved"},
		{qa.ActMark, schema.KeyAnswered, p.Marks.Answered, "The question is not marked as answered"},
		{qa.ActMark, schema.KeyDuplicateOf, p.Marks.DuplicateOf != "", "The question is not marked as a duplicate"},
		{qa.ActMark, schema.KeyAssigned, slices.Contains(p.Marks.Assigned, me), "You have not taken this question"},
		{qa.ActMark, schema.KeyCandidate, slices.Contains(p.Marks.Candidate, me), "You have not marked this question as a candidate"},
	} {
		if c.kind == act.Kind && c.mark == act.Mark && !c.set {
			return c.why, nil
		}
	}
	return "", nil
}
