package webui

import (
	"net/http"
	"strings"

	"flyleaf/qa"
	"flyleaf/schema"
)

// refusal is a change of the reader's that was not accepted, with what the reader can do
// about it.
type refusal struct {
	Elem, Title, Why, Next string
	Words                  string // the text that the reader wrote
	Rows                   int    // height of the box that shows Words, in lines
	Week, Path             string
	PostURL                string // address of the post that the change is about; "" when it is not on this device
	When                   *moment
	Discard                string // address of the form that discards the change; "" when it may still be accepted
	CSRF, Hash             string
	Organisers             []personLine
	Code                   string
}

// maxRefusals is the maximum number of listed refusals of one event: the latest ones.
const maxRefusals = 50

// byPost returns the changes that were not accepted, by the post that they are about.
func byPost(all []qa.NotAccepted) map[qa.PostID]qa.NotAccepted {
	out := make(map[qa.PostID]qa.NotAccepted)
	for _, r := range all {
		if r.Post != "" {
			out[r.Post] = r
		}
	}
	return out
}

// refusals lists the changes that were not accepted, for the page of the sync status.
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
		r.Next = "The relay does not accept the change now. The change is saved here and will be sent again automatically."
	case n.ByRelay:
		r.Next = "This relay rejects the change, although it is valid. The change is saved here, and another relay may accept it."
	default:
		r.Next = "Other devices reject the change, so nobody else will see it. Your text is kept here until you discard it."
		r.Discard = path + "/refused/" + n.Hash
	}
	return r
}

func (v *weekView) has(id qa.PostID) bool { _, ok := v.threadIndex[id]; return ok }

func refusalElem(hash string) string { return "n-" + hash[:min(len(hash), 16)] }

// actWords names an act of the reader in a few words.
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
		return "Your change to show a post again"
	case qa.ActExtra:
		return "Your answer to why a post was hidden"
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
		return "Your change to somebody’s role"
	case qa.ActClaim:
		return "Your invitation"
	case qa.ActBlock:
		return "Your change to who is blocked"
	case qa.ActEvent, qa.ActCreate:
		return "Your change to the week’s settings"
	}
	return "A change you made"
}

// textOf returns the text that the reader wrote in an act.
func textOf(a qa.Act) string {
	switch {
	case a.Kind == qa.ActPerson && a.Person != nil:
		return strings.TrimSpace(strings.Join([]string{a.Person.Name, a.Person.About, a.Person.Link}, "\n"))
	case a.Kind == qa.ActEvent && a.Fields != nil:
		text, _ := a.Fields[schema.KeyDescription].(string)
		return text
	}
	return a.Text
}

func (s *server) discardRefused(w http.ResponseWriter, r *http.Request) {
	if err := s.node.DiscardRefusal(r.Context(), qa.EventID(r.PathValue("event")), r.PathValue("hash")); err != nil {
		s.problem(w, r, statusOf(err), "It was not discarded", sentence(err.Error())+" Your text is still kept on this device.")
		return
	}
	formDone(w, r, "/sync", "")
}
