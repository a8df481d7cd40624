package node

import (
	"context"
	"slices"

	"flyleaf/qa"
	"flyleaf/schema"
)

// nothingToUndo says, for acts that undo something, that there is nothing to undo; by kind, and by mark.
var nothingToUndo = map[qa.ActKind]map[string]string{
	qa.ActBlock:    {"": "This person is not blocked"},
	qa.ActWithdraw: {"": "The post is not withdrawn"},
	qa.ActReact:    {"": "You have not reacted to the post in this way"},
	qa.ActWinner:   {"": "You have not chosen this question"},
	qa.ActMark: {
		schema.KeyHidden:      "The post is not hidden",
		schema.KeyPinned:      "The question is not pinned",
		schema.KeyApproved:    "The post is not approved",
		schema.KeyAnswered:    "The question is not marked as answered",
		schema.KeyDuplicateOf: "The question is not marked as a duplicate",
		schema.KeyAssigned:    "You have not taken this question",
		schema.KeyCandidate:   "You have not marked this question as a candidate",
	},
}

// NothingToUndo checks an act that undoes something, such as removing a mark. If, as far as
// this device knows, there is nothing to undo, it returns a sentence that says so; the act
// should then not be carried out. For every other act it returns "".
func NothingToUndo(ctx context.Context, n Node, event qa.EventID, act *qa.Act) (string, error) {
	if act.On || act.Text != "" || len(act.Bytes) > 0 {
		return "", nil
	}
	why, isUndo := nothingToUndo[act.Kind][act.Mark], act.Kind == qa.ActRole || act.Kind == qa.ActEvent
	if why == "" && !isUndo {
		return "", nil
	}
	w, err := n.Week(ctx, event)
	if err != nil {
		return "", err
	}
	if act.Kind == qa.ActEvent {
		if closed, ok := act.Fields[schema.KeyClosed].(bool); ok && !closed && !w.Event.Closed {
			return "The event is not closed", nil
		}
		return "", nil
	}
	if act.Kind == qa.ActRole {
		why = "This person does not have the role " + string(act.Role)
	}
	now, err := UndoActs(ctx, n, &w, []qa.Act{*act})
	if err != nil || len(now) == 0 || !now[0].SameValue(act) {
		return "", err
	}
	return why, nil
}

// UndoActs returns the acts that undo acts which are not carried out yet; none if one of them cannot be undone.
func UndoActs(ctx context.Context, n Node, w *qa.Week, acts []qa.Act) ([]qa.Act, error) {
	me, err := n.Identity(ctx)
	if err != nil {
		return nil, err
	}
	var blocks map[qa.Identity]qa.LogEntry
	out := make([]qa.Act, 0, len(acts))
	for i := range acts {
		if acts[i].Kind == qa.ActBlock && blocks == nil {
			log, err := n.Log(ctx, w.Event.ID)
			if err != nil {
				return nil, err
			}
			blocks = qa.Blocks(log)
		}
		now, ok := w.Current(me, blocks, &acts[i])
		if !ok {
			return nil, nil
		}
		out = append(out, now)
	}
	return out, nil
}

// Undo carries out acts that undo others, as UndoActs has returned them. It leaves out those whose value somebody has
// changed since, and returns how many it carried out.
func Undo(ctx context.Context, n Node, event qa.EventID, done, undo []qa.Act) (int, error) {
	w, err := n.Week(ctx, event)
	if err != nil {
		return 0, err
	}
	done = slices.Clone(done)
	for i := range done {
		done[i].Clean() // as it was written
	}
	now, err := UndoActs(ctx, n, &w, done)
	if err != nil {
		return 0, err
	}
	var acts []qa.Act
	for i := range now {
		if now[i].SameValue(&done[i]) {
			acts = append(acts, undo[i])
		}
	}
	return len(acts), n.DoAll(ctx, event, acts)
}
