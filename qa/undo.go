package qa

import (
	"slices"

	"flyleaf/schema"
)

// Current returns the act that would write what the week has now, of all that a would write: carried out after a, it undoes a.
// blocks are the blocked people, see Blocks. ok is false for acts that cannot be undone, such as a post, and for an unknown post.
func (w *Week) Current(me Identity, blocks map[Identity]LogEntry, a *Act) (now Act, ok bool) {
	now = Act{Kind: a.Kind, Post: a.Post, Mark: a.Mark, Emoji: a.Emoji, Identity: a.Identity, Role: a.Role}
	switch a.Kind {
	case ActBlock:
		now.Text = blocks[a.Identity].Text
		return now, true
	case ActRole:
		now.On = w.Event.HasRole(a.Identity, a.Role)
		return now, true
	}
	p := w.Post(a.Post)
	if p == nil {
		return Act{}, false
	}
	switch a.Kind {
	case ActWithdraw:
		now.On = p.Withdrawn
	case ActReact:
		now.On = slices.Contains(p.Reactions, Reaction{By: me, Emoji: a.Emoji})
	case ActWinner:
		if i := slices.IndexFunc(w.Event.Winners, func(x Winner) bool { return x.Post == p.ID && x.By == me }); i >= 0 {
			now.Text = w.Event.Winners[i].Note
		}
	case ActMark:
		return now, now.readMark(me, &p.Marks)
	default:
		return Act{}, false
	}
	return now, true
}

// readMark sets the value of a mark; false for an unknown one. The marks "assigned" and "candidate" are me's, unless the
// act names somebody.
func (a *Act) readMark(me Identity, m *Marks) bool {
	switch a.Mark {
	case schema.KeyHidden:
		a.Text = m.Hidden
	case schema.KeyDuplicateOf:
		a.Text = string(m.DuplicateOf)
	case schema.KeyPinned:
		a.On = m.Pinned
	case schema.KeyApproved:
		a.On = m.Approved
	case schema.KeyAnswered:
		a.On = m.Answered
	case schema.KeyAssigned, schema.KeyCandidate:
		if a.Identity == "" {
			a.Identity = me
		}
		of := m.Assigned
		if a.Mark == schema.KeyCandidate {
			of = m.Candidate
		}
		a.On = slices.Contains(of, a.Identity)
	default:
		return false
	}
	return true
}

// SameValue reports whether two acts that write the same place write the same value.
func (a *Act) SameValue(b *Act) bool { return a.On == b.On && a.Text == b.Text }
