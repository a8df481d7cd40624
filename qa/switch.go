package qa

import (
	"fmt"

	"flyleaf/schema"
)

// SwitchEffects says, in sentences, what happens when an organiser turns a switch of the event on or off:
// schema.KeyClosed or schema.KeyApprove. Pages and commands show them before they do it. It is nil if the
// switch is that way already.
func (w *Week) SwitchEffects(key string, on bool) []string {
	switch {
	case key == schema.KeyApprove && on != w.Event.Approve:
		return w.approvalEffects(on)
	case key == schema.KeyClosed && on && !w.Event.Closed:
		return append([]string{
			"No new questions and replies are accepted from now on." + w.openQuestions(),
			"Posts from devices that do not know of it yet are marked as late. They are published only if a moderator approves them, " +
				"except those of authors, moderators and organisers.",
		}, w.closingEffectsOnDraw()...)
	case key == schema.KeyClosed && !on && w.Event.Closed:
		out := []string{"Questions and replies are accepted again."}
		if n := w.count(func(p *PostView) bool { return p.Late && p.Shown() }); n > 0 {
			out[0] += fmt.Sprintf(" %s not late any more.", are(n, "post that is late is", "posts that are late are"))
		}
		return append(out, w.reopeningEffectsOnWinners()...)
	}
	return nil
}

func are(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

// count counts posts.
func (w *Week) count(is func(*PostView) bool) (n int) {
	w.EachPost(func(p *PostView) {
		if is(p) {
			n++
		}
	})
	return n
}

func (w *Week) openQuestions() string {
	n := w.CountQuestions().Open
	if n == 0 {
		return ""
	}
	return " " + are(n, "question is not answered yet; it can still be marked as answered.", "questions are not answered yet; they can still be marked as answered.")
}

func (w *Week) approvalEffects(on bool) []string {
	if !on {
		waits := "No post waits now."
		if n := w.count(func(p *PostView) bool { return p.Shown() && (p.NeedsApproval || p.EditNeedsApproval) }); n > 0 {
			waits = "Everybody sees " + are(n, "post or edit that waits now.", "posts and edits that wait now.")
		}
		return []string{waits, "New posts are shown immediately. If you turn approval on again, it holds for posts from then on."}
	}
	out := []string{
		"Questions, replies and edits from now on wait until a moderator approves them. Until then only their writer and moderators see them. " +
			"Those of authors, moderators and organisers do not wait.",
		"Posts from devices that do not know of it yet wait, too.",
	}
	if n := w.count(func(p *PostView) bool { return w.Event.Published(&p.Post) }); n > 0 {
		stay := are(n, "post that everybody sees now stays visible.", "posts that everybody sees now stay visible.")
		out = append([]string{stay}, out...)
	}
	return out
}

// drawMayTakePlace reports whether there are copies to draw, or somebody takes part in a draw.
func (w *Week) drawMayTakePlace() bool {
	return w.Event.Prizes > 0 || w.Event.Draw != nil && len(w.Event.Draw.Commitments) > 0
}

// closingEffectsOnDraw says what closing the open event does to the draw.
func (w *Week) closingEffectsOnDraw() []string {
	d := w.Event.Draw
	switch {
	case !w.drawMayTakePlace():
		return nil
	case d != nil && d.Closed:
		return []string{"The draw stays as it is. " + w.drawWasFixed()}
	case d == nil || len(d.Commitments) == 0:
		return []string{"There will be no draw, because nobody takes part in it. Nobody can join it after closing. The authors can still choose winners."}
	case len(w.Entrants()) == 0:
		return []string{"There will be no draw, because no question is marked as a candidate. No candidates can be added after closing. The authors can still choose winners."}
	}
	return []string{"The draw is fixed: " + are(len(d.Commitments), "person takes part", "people take part") + ", with " +
		are(len(w.Entrants()), "candidate", "candidates") + ". Until somebody reveals a secret, you can reopen the week and close it again."}
}

// reopeningEffectsOnWinners says what reopening the closed event does to its winners and its draw.
func (w *Week) reopeningEffectsOnWinners() []string {
	var out []string
	drawn, err := w.RunDraw()
	if err != nil {
		return nil // the week's pages report it
	}
	var chosen, won []string
	for _, p := range w.Prizes(drawn) {
		name := w.EntrantName(p.Entrant)
		if len(p.ChosenBy) > 0 {
			chosen = append(chosen, name)
		} else {
			won = append(won, name)
		}
	}
	if len(chosen) > 0 {
		out = append(out, "Chosen by hand, and stays so: "+and(chosen)+".")
	}
	d := w.Event.Draw
	switch {
	case len(won) > 0:
		return append(out, "The draw stands. "+and(won)+" "+map[bool]string{true: "keeps the copy that was", false: "keep the copies that were"}[len(won) == 1]+
			" drawn. Closing the week again draws nobody else.")
	case d == nil || len(d.Commitments) == 0:
		if w.drawMayTakePlace() {
			out = append(out, "People can take part in the draw until you close the week again.")
		}
		return out
	case drawn.State == DrawVoid:
		return append(out, w.WhyNoDraw(drawn)+" Reopening does not change that.")
	case len(d.Reveals) > 0:
		return append(out, "The draw stays as it is. "+w.drawWasFixed())
	}
	return append(out, "The draw has not begun: nobody has revealed a secret. Until you close the week again, people can take part, and authors can change the candidates.")
}

// drawWasFixed says what was fixed by the closing for which secrets were revealed.
func (w *Week) drawWasFixed() string {
	return "Secrets were revealed for an earlier closing, so the people who take part and the candidates are those of that closing."
}
