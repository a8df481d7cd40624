package webui

import (
	"net/http"
	"strings"

	"flyleaf/qa"
)

// refusal is something the reader wrote that was not taken, with what can be
// done about it.
type refusal struct {
	Elem, Title, Why, Next string
	Words                  string // the reader's own, kept
	Rows                   int    // of the box they stand in
	Week, Path             string
	PostURL                string // of the post it is about, when that is here
	When                   *moment
	Discard                string // where the form goes; "" when it is pending
	CSRF, Hash             string
	Organisers             []personLine
	Code                   string
}

// maxRefusals is how many are listed of one event.
const maxRefusals = 50

// byPost returns what was not taken by the post that it is about.
func byPost(all []qa.NotAccepted) map[qa.PostID]qa.NotAccepted {
	out := make(map[qa.PostID]qa.NotAccepted)
	for _, r := range all {
		if r.Post != "" {
			out[r.Post] = r
		}
	}
	return out
}

// refusals lists what was not taken for the page about where everything is.
func (v *weekView) refusals(all []qa.NotAccepted, csrf string) []refusal {
	organisers := v.organisers()
	var out []refusal
	for _, n := range all[max(0, len(all)-maxRefusals):] {
		out = append(out, v.refusal(n, csrf, organisers))
	}
	return out
}

func (v *weekView) refusal(n qa.NotAccepted, csrf string, organisers []personLine) refusal {
	path := eventPath(v.Event.ID)
	r := refusal{
		Elem: refusalElem(n.Hash), Title: actWords(n.Act), Why: sentence(n.Reason), Words: textOf(n.Act),
		Week: v.Event.Title, Path: path, CSRF: csrf, Hash: n.Hash, Code: n.Code, Organisers: organisers,
	}
	r.Rows = min(max(3, strings.Count(r.Words, "\n")+len(r.Words)/60+1), 12)
	if n.Post != "" && v.has(n.Post) {
		r.PostURL = path + "/go/" + string(n.Post)
	}
	if n.AtMillis != 0 {
		at := v.cal.moment(n.AtMillis)
		r.When = &at
	}
	switch {
	case n.ByRelay && n.Deferred:
		r.Next = "The relay does not accept it now. It is saved here and will be sent again automatically."
	case n.ByRelay:
		r.Next = "Only this relay rejects it; this device finds nothing wrong with it. It is saved here, and another relay may accept it."
	default:
		r.Next = "Other devices reject it, so nobody else will see it. Your words are kept here until you discard them."
		r.Discard = path + "/refused/" + n.Hash
	}
	return r
}

func (v *weekView) has(id qa.PostID) bool { _, ok := v.threadIndex[id]; return ok }

func refusalElem(hash string) string { return "n-" + hash[:min(len(hash), 16)] }

// actWords says in a few words what somebody did.
func actWords(a qa.Act) string {
	switch a.Kind {
	case qa.ActPost:
		if a.Parent == "" {
			return "Your question"
		}
		return "Your reply"
	case qa.ActEdit:
		return "Your edit of a post"
	case qa.ActWithdraw:
		if a.On {
			return "Your withdrawal of a post"
		}
		return "Your request to show a post again"
	case qa.ActReact:
		if a.Emoji == qa.WantEmoji {
			return "Your “me too”"
		}
		return "Your reaction " + excerpt(a.Emoji, maxEmojiShown)
	case qa.ActPerson:
		return "Your profile"
	case qa.ActMark:
		return "Your change to a post’s status"
	case qa.ActRole, qa.ActInvite, qa.ActAdmit:
		return "Your change of a role"
	case qa.ActClaim:
		return "Your invitation"
	case qa.ActBlock:
		return "Your block of a person"
	case qa.ActEvent, qa.ActCreate:
		return "Your change to the week’s settings"
	}
	return "A change you made"
}

// textOf is the text in an act that somebody would be sorry to lose.
func textOf(a qa.Act) string {
	switch {
	case a.Kind == qa.ActPerson && a.Person != nil:
		return strings.TrimSpace(strings.Join([]string{a.Person.Name, a.Person.About, a.Person.Link}, "\n"))
	case a.Kind == qa.ActEvent && a.Fields != nil:
		text, _ := a.Fields["description"].(string)
		return text
	}
	return a.Text
}

func (s *server) discardRefused(w http.ResponseWriter, r *http.Request) {
	if err := s.node.DiscardRefusal(r.Context(), qa.EventID(r.PathValue("event")), r.PathValue("hash")); err != nil {
		s.problem(w, r, statusOf(err), "It was not discarded", sentence(err.Error())+" Your words are still kept on this device.")
		return
	}
	formDone(w, r, "/sync", "")
}
