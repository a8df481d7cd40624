package webui

import (
	"cmp"
	"fmt"
	"html/template"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"flyleaf/internal/smallsort"
	"flyleaf/markdown"
	"flyleaf/node"
	"flyleaf/qa"
	"flyleaf/qa/people"
	"flyleaf/schema"
)

// want is the count of "me too" votes for a question.
type want struct {
	Count    int
	Mine, Me bool // Mine: the reader asked the question. Me: the reader voted for it
}

type reaction struct {
	Emoji string
	Count int
	Me    bool
}

type version struct {
	N       int // of concurrent versions, from 1
	Header  string
	ID      qa.RevisionID
	Words   template.HTML
	Changes template.HTML // compared with the version before; "": Words are shown
}

// importedReaction is a reaction that came with an import. People gave it elsewhere, so it
// is no vote, and readers cannot add to its count.
type importedReaction struct{ Emoji, Words string }

// importedReactions lists the imported reactions of a post, with people's names if the
// import had them.
func importedReactions(x map[string]string) []importedReaction {
	var out []importedReaction
	for _, r := range qa.ImportedReactions(x) {
		if len([]rune(r.Emoji)) > maxEmojiShown {
			continue
		}
		words := "from " + plural(r.Count, "person", "people") + ", before this post was imported"
		if len(r.By) > 0 {
			words = "from " + people.And(r.By) + ", before this post was imported"
		}
		out = append(out, importedReaction{fmt.Sprintf("%s %d", r.Emoji, r.Count), words})
	}
	return out
}

// postView is one post, ready for the template "post". Elem is the ID of its HTML element,
// which live updates replace as a whole.
type postView struct {
	ID                qa.PostID
	Elem, Path        string
	Lang              string // of the words, see weekView.lang
	Thread            string // HTML element of the post's thread
	Kind              string // "question", "answer", "reply"
	Class             string
	Unread            bool   // the reader has not read the post on this device
	Label             string // names the post in the labels of buttons and links, for screen readers
	Who, Verb         string
	Author, Mine      bool
	Open              bool   // the event accepts changes
	LookalikeNote     string // warns about a look-alike name: "Not the author …"; "" for none
	Badges            []string
	NotShown          string // why the words are not shown: "withdrawn", "hidden", "blocked" or "void"; "" when they are
	Reason            string // why the post is hidden
	Words             template.HTML
	Versions          []version // concurrent versions, all of which are shown; empty when there is only one
	History           int       // number of versions; 0 when the post was never edited
	When              moment
	Delivery          delivery
	Presence          string  // names the authors who are answering the post now
	Proof             string  // address of the page with the post's signatures; "" when its words are not shown
	By                string  // name of the moderator who hid the post
	Appeal            string  // what the writer answers to why the post is hidden
	AppealPage        string  // address of the page for that; "" when the post is not the reader's
	At                *moment // when the post was withdrawn or hidden
	Log               string
	Awaiting          bool   // the post, or an edit of it, waits for a moderator
	Moderate          string // address of the page to moderate the post; "" when the reader may not
	Answerable        bool   // the reader may mark the question as answered or unanswered
	Marked            bool   // the question is marked as answered
	Want              *want
	Reactions         []reaction
	ImportedReactions []importedReaction // reactions from the place where the post was first written
	Notes             []string
	Tags              []tagLink
	Duplicate         *postLink
	WithdrawnByMe     bool
	CSRF              string
	Replyable         bool
}

// postLink is a link to another post.
type postLink struct{ URL, Name string }

// threadView is a question and its replies, ready for the template "thread".
type threadView struct {
	Elem     string
	Question postView
	Replies  []postView
	Open     bool
	Reply    replyBox
	Day      string // set where a new day begins
	DayElem  string
}

// replyBox is the form under a thread.
type replyBox struct {
	Action, CSRF, Key string
	Elem              string
	Draft             node.Draft
	DraftSaved        string
	Label             string
	Name              nameBox
	Picture           pictureBox
}

// palette are the reactions that every post offers. Readers can also add to any other
// reaction that a post has.
var palette = []string{"👍", "❤️", "💡", "😄", "🙏", "🤔", "👏", "🎉"}

// paletteButtons are the buttons of the palette. A template would take longer for them than for the rest of
// the post.
var paletteButtons = func() template.HTML {
	var b strings.Builder
	for _, emoji := range palette {
		fmt.Fprintf(&b, "<button name=\"on\" value=\"%s\">%s</button>\n", emoji, emoji)
	}
	return template.HTML(b.String())
}()

// maxEmojiShown is the maximum length of a reaction that is shown, in characters.
const maxEmojiShown = 8

func eventPath(e qa.EventID) string { return "/e/" + url.PathEscape(string(e)) }

func postPath(e qa.EventID, p qa.PostID) string {
	return eventPath(e) + "/p/" + url.PathEscape(string(p))
}

func postElem(p qa.PostID) string   { return "p-" + string(p) }
func threadElem(p qa.PostID) string { return "t-" + string(p) }

// weekView turns posts of one week into views.
type weekView struct {
	qa.Week
	me             qa.Identity
	formula        markdown.Formula // renders those of posts; nil if the week has none
	lang           string           // BCP 47, of what people write: the language of the event; "" if it is not known
	keys           []qa.Identity    // me, and the keys of the reader's anonymous questions
	can            permissions
	presence       map[qa.PostID][]qa.Presence
	rejectedByPost map[qa.PostID]qa.NotAccepted
	unsent         map[qa.PostID]qa.Unsent
	where          qa.Whereabouts
	relay          qa.RelayStatus
	undelivered    int // number of the reader's changes that are only on this device
	rejected       []qa.NotAccepted
	cal            calendar // of the week
	ownCal         calendar // of the reader's own time zone
	csrf           string
	nameless       bool // the reader has no name, neither in the week nor in the profile, so the forms for posts ask for one
	claim          *claimNotice
	drafts         map[string]node.Draft
	read           qa.ReadState
	threadIndex    map[qa.PostID]int // post → index of its thread
	look           *people.Lookalikes
	mentioned      *mentionable // see mentions
}

func (v *weekView) index() {
	v.threadIndex = make(map[qa.PostID]int)
	for i := range v.Threads {
		t := &v.Threads[i]
		v.threadIndex[t.Question.ID] = i
		for j := range t.Replies {
			v.threadIndex[t.Replies[j].ID] = i
		}
	}
}

// newPlace returns the index of the thread in which a new post will be shown: the thread of
// its parent, or for a question the place after all questions that were asked before it.
func (v *weekView) newPlace(parent qa.PostID, atMillis int64) int {
	if parent != "" {
		return v.threadIndex[parent]
	}
	before := 0
	for i := range v.Threads {
		if pinned(&v.Threads[i]) || v.AskedBefore(&v.Threads[i], atMillis) {
			before++
		}
	}
	return before
}

// find returns a post, its thread, and its place among the replies (-1: the question).
func (v *weekView) find(id qa.PostID) (*qa.Thread, int, bool) {
	i, ok := v.threadIndex[id]
	if !ok {
		return nil, 0, false
	}
	t := &v.Threads[i]
	if t.Question.ID == id {
		return t, -1, true
	}
	return t, slices.IndexFunc(t.Replies, func(p qa.PostView) bool { return p.ID == id }), true
}

// mine reports whether the reader wrote a post, with any of their keys.
func (v *weekView) mine(p *qa.PostView) bool { return slices.Contains(v.keys, p.By) }

// anonymous reports whether the reader wrote a post anonymously, with a key made for it.
func (v *weekView) anonymous(p *qa.PostView) bool { return p.By != v.me && v.mine(p) }

// pinnedFirst puts pinned questions before the others, which keep their order.
func (v *weekView) pinnedFirst() {
	smallsort.StableFunc(v.Threads, func(a, b qa.Thread) int {
		return cmp.Or(oneIf(pinned(&b))-oneIf(pinned(&a)), oneIf(a.Question.AfterClosing)-oneIf(b.Question.AfterClosing))
	})
}

func pinned(t *qa.Thread) bool { return t.Question.Marks.Pinned && t.Question.Shown() }

func oneIf(b bool) int {
	if b {
		return 1
	}
	return 0
}

func (v *weekView) thread(t *qa.Thread) threadView {
	q := t.Question
	out := threadView{Elem: threadElem(q.ID), Question: v.post(t, -1), Open: !v.Event.Closed && q.Shown()}
	for i := range t.Replies {
		out.Replies = append(out.Replies, v.post(t, i))
	}
	out.Reply = v.replyBox(&q)
	return out
}

func (v *weekView) replyBox(p *qa.PostView) replyBox {
	key := string(p.ID)
	return replyBox{
		Action: postPath(v.Event.ID, p.ID) + "/reply", CSRF: v.csrf, Key: key, Draft: v.drafts[key],
		Elem: "r-" + key, DraftSaved: v.ownCal.draftSaved(v.drafts[key]), Label: v.replyLabel(p), Name: v.nameBox("n-"+key, ""), Picture: v.pictureBox("i-" + key),
	}
}

func (v *weekView) replyLabel(p *qa.PostView) string {
	if v.mine(p) && p.OnBehalfOf == "" {
		return "Add to your post"
	}
	return "Your reply to " + v.writerName(p)
}

// possessive says whose a post is: "Maren Holt’s" or "your".
func (v *weekView) possessive(p *qa.PostView) string {
	if who := v.writerName(p); who != "you" {
		return who + "’s"
	}
	return "your"
}

// label names a post in the labels of its buttons and links, for screen readers:
// "Maren Holt’s question, Mon 09:04".
func (v *weekView) label(p *qa.PostView) string {
	return v.possessive(p) + " " + kindOf(p) + ", " + v.writtenAt(p).Words
}

func (v *weekView) writerName(p *qa.PostView) string {
	if v.mine(p) && p.OnBehalfOf == "" {
		return "you"
	}
	return people.Isolate(p.Name)
}

// post makes the view of a thread's question (i = -1) or of its reply i.
func (v *weekView) post(t *qa.Thread, i int) postView {
	p := &t.Question
	if i >= 0 {
		p = &t.Replies[i]
	}
	mine := v.mine(p)
	out := postView{
		ID: p.ID, Elem: postElem(p.ID), Lang: v.lang, Path: postPath(v.Event.ID, p.ID), Thread: threadElem(t.Question.ID),
		CSRF: v.csrf, Kind: kindOf(p), Mine: mine, Author: p.ByAuthor, Open: !v.Event.Closed,
		When: v.writtenAt(p), Replyable: i >= 0,
	}
	out.Who = upperFirst(v.writerName(p))
	out.Label = v.label(p)
	out.Verb = v.verb(t, i)
	out.Class = out.Kind
	if !mine {
		out.LookalikeNote = upperFirstLetter(v.lookalikes().Post(p).String())
	}
	saved := out.When.Words
	if v.timeUnknown(p) {
		saved = ""
	}
	if mine {
		at, author := v.whereIs(p, i < 0 && t.Answered)
		name := ""
		if author != "" {
			name = v.firstName(author)
		}
		out.Delivery = deliveryOf(at, i < 0, t.Answered, v.relay, saved, name)
	} else {
		out.Delivery = otherDelivery(i < 0, t.Answered)
	}
	if n, ok := v.rejectedByPost[p.ID]; ok && mine {
		out.Delivery = refusedDelivery(out.Delivery, n)
	}
	out.Delivery.About = out.Label
	if v.can.Moderate {
		out.Moderate = out.Path + "/moderate"
	}
	out.Awaiting = p.WaitsForModerator()
	if n := len(p.Revisions); n > 1 {
		out.History = n
	}
	v.badges(p, &out)
	if v.fillNotShown(p, &out) {
		if !mine {
			out.Delivery = delivery{}
		}
		return out
	}
	v.text(p, &out)
	out.Tags = v.tags(p)
	out.Unread = v.isUnread(p)
	out.Proof = out.Path + "/proof"
	out.Presence = v.answering(p.ID)
	out.Answerable, out.Marked = out.Open && v.mayMark(t, i, schema.KeyAnswered) && i < 0 && (p.Marks.Answered || !t.Answered), p.Marks.Answered
	out.Reactions, out.ImportedReactions = v.reactions(p), importedReactions(p.X)
	if out.Kind == "question" {
		if t.DuplicateOf != "" {
			out.Duplicate = v.linkTo(t.DuplicateOf)
			if !mine && !t.Answered {
				out.Delivery = delivery{} // the original question waits for an answer
			}
		} else {
			out.Want = v.want(t)
		}
	}
	return out
}

func kindOf(p *qa.PostView) string {
	switch {
	case p.Parent == "":
		return "question"
	case p.ByAuthor:
		return "answer"
	}
	return "reply"
}

func upperFirst(s string) string {
	if s == "you" {
		return "You"
	}
	return s
}

func (v *weekView) verb(t *qa.Thread, i int) string {
	p, verb := &t.Question, "asks"
	you := func(p *qa.PostView) bool { return v.mine(p) && p.OnBehalfOf == "" }
	if i >= 0 {
		p = &t.Replies[i]
		switch {
		case p.ByAuthor:
			verb = "answers"
			if you(p) {
				verb = "answered"
			}
			if i == 0 || !t.Replies[i-1].ByAuthor || !t.Replies[i-1].Shown() {
				break
			}
			if before := &t.Replies[i-1]; before.By != p.By || before.Name != p.Name {
				verb += " too"
			} else if verb = "adds"; you(p) {
				verb = "added"
			}
		case you(p):
			verb = "added"
		default:
			verb = "adds"
		}
		if p.ReplyTo != "" && p.ReplyTo != p.Name {
			verb += ", to " + people.Isolate(p.ReplyTo)
		}
	} else if you(p) {
		verb = "asked"
		if v.anonymous(p) {
			verb = "asked without your name"
		}
	}
	if p.OnBehalfOf != "" && !p.IsImported() {
		through := "you"
		if !v.mine(p) {
			through = v.personName(p.By)
		}
		verb += ", through " + through
	}
	return verb
}

func (v *weekView) personName(id qa.Identity) string {
	return people.Isolate(v.PersonName(id))
}

// firstName returns the first name of a person, or what they are called without a name.
func (v *weekView) firstName(id qa.Identity) string {
	if v.People[id].Name == "" {
		return v.PersonName(id)
	}
	return people.Isolate(firstName(v.People[id].Name))
}

// lookalikes returns the detector of names that look like another person's name.
func (v *weekView) lookalikes() *people.Lookalikes {
	if v.look == nil {
		v.look = people.NewLookalikes(&v.Week)
	}
	return v.look
}

// upperFirstLetter returns s with its first letter, an ASCII letter, in upper case.
func upperFirstLetter(s string) string {
	if s == "" {
		return ""
	}
	return strings.ToUpper(s[:1]) + s[1:]
}

func (v *weekView) badges(p *qa.PostView, out *postView) {
	if p.OnBehalfOf == "" && !p.ByAuthor {
		switch {
		case v.Event.HasRole(p.By, qa.RoleModerator):
			out.Badges = append(out.Badges, "Moderator")
		case v.Event.HasRole(p.By, qa.RoleOrganiser):
			out.Badges = append(out.Badges, "Organiser")
		}
	}
	if p.Marks.Pinned {
		out.Badges = append(out.Badges, "Pinned")
	}
	if p.NeedsApproval {
		out.Badges = append(out.Badges, "Waiting for approval")
		if v.mine(p) {
			out.Notes = append(out.Notes, "Only you and moderators can see it until a moderator approves it.")
		}
	}
	if p.EditNeedsApproval {
		out.Badges = append(out.Badges, "Edit waits for approval")
		out.Notes = append(out.Notes, "Until a moderator approves the edit, everybody else sees the text from before.")
	}
	if p.Late {
		out.Badges = append(out.Badges, "Late")
		note := "Written before the writer’s device knew that the week was closed."
		if p.AfterClosing {
			note += " It is published only when a moderator approves it."
		}
		out.Notes = append(out.Notes, note)
	}
	if p.ClockWrong() {
		said := v.cal.moment(p.ClockMillis).Words
		out.Badges = append(out.Badges, "Clock was wrong")
		out.Notes = append(out.Notes, "The clock of its writer’s device was wrong ("+said+"). The time shown is when this device received it.")
	}
	if p.IsImported() {
		by := "you"
		if p.By != v.me {
			by = v.personName(p.By)
		}
		out.Notes = append(out.Notes, "Imported by "+by)
	}
	if _, refused := v.rejectedByPost[p.ID]; v.unsent[p.ID].Text && v.mine(p) && !refused && v.relay.State != qa.RelayNone {
		out.Notes = append(out.Notes, "Sent automatically when the relay can be reached.")
	}
}

// fillNotShown fills in what the page shows instead of words that are not shown. It
// reports false for a post whose words are shown.
func (v *weekView) fillNotShown(p *qa.PostView, out *postView) bool {
	switch {
	case p.Void:
		out.NotShown = "void"
	case p.Withdrawn:
		out.NotShown, out.WithdrawnByMe, out.At = "withdrawn", out.Mine, v.momentOrNil(p.WithdrawnAtMillis)
	case p.Marks.Hidden != "":
		out.NotShown, out.Reason, out.At, out.By = "hidden", p.Marks.Hidden, v.momentOrNil(p.Marks.HiddenAtMillis), "a moderator"
		if p.Marks.HiddenBy != "" {
			out.By = v.nameOrYou(p.Marks.HiddenBy)
		}
		out.Log = eventPath(v.Event.ID) + "/log"
		out.hideName()
		if out.Mine {
			out.AppealPage = appealPath(v.Event.ID, p.ID)
		}
		if out.Mine || v.can.Moderate {
			out.Appeal = p.Appeal()
		}
	case p.Blocked:
		out.NotShown = "blocked"
		out.hideName()
	default:
		return false
	}
	if out.Mine || out.NotShown != "withdrawn" && v.can.Moderate { // the writer and moderators can still read the words
		out.Words = v.wordsOf(p, p.Text())
	}
	out.Class += " removed"
	out.Badges = nil
	return true
}

// hideName removes the writer's name from the label of a hidden post, unless the reader
// wrote it.
func (p *postView) hideName() {
	if !p.Mine {
		p.Label = "hidden " + p.Kind + ", " + p.When.Words
	}
}

// momentOrNil returns the moment of a time, or nil when millis is 0, which means unknown.
func (v *weekView) momentOrNil(millis int64) *moment {
	if millis == 0 {
		return nil
	}
	m := v.cal.moment(millis)
	return &m
}

func (v *weekView) text(p *qa.PostView, out *postView) {
	versions := p.Versions()
	if len(versions) < 2 {
		out.Words = v.wordsOf(p, p.Text())
		return
	}
	for i, r := range versions {
		out.Versions = append(out.Versions, version{
			N: i + 1, Header: "Version " + strconv.Itoa(i+1) + ", " + v.revisedAt(p, &r).Words + v.deviceWords(&r), ID: r.ID, Words: v.wordsOf(p, r.Text),
		})
	}
}

// deviceWords says on which of the reader's devices a version of their post was written; "" if that is not known, and for
// posts of others, whose devices are not told apart.
func (v *weekView) deviceWords(r *qa.Revision) string {
	switch elsewhere, known := v.where.Elsewhere[r.ID]; {
	case elsewhere:
		return ", on another device of yours"
	case known:
		return ", on this device"
	}
	return ""
}

func (v *weekView) reactions(p *qa.PostView) []reaction {
	var out []reaction
	for _, r := range p.Reactions {
		if r.Emoji == qa.WantEmoji || len([]rune(r.Emoji)) > maxEmojiShown {
			continue
		}
		i := slices.IndexFunc(out, func(x reaction) bool { return x.Emoji == r.Emoji })
		if i < 0 {
			i = len(out)
			out = append(out, reaction{Emoji: r.Emoji})
		}
		out[i].Count++
		out[i].Me = out[i].Me || r.By == v.me
	}
	return out
}

func (v *weekView) want(t *qa.Thread) *want {
	w := &want{Count: t.Wants, Mine: v.mine(&t.Question) && t.Question.OnBehalfOf == ""}
	w.Me = slices.Contains(t.Question.Reactions, qa.Reaction{By: v.me, Emoji: qa.WantEmoji})
	return w
}

func (v *weekView) linkTo(id qa.PostID) *postLink {
	t, i, ok := v.find(id)
	if !ok {
		return nil
	}
	p := &t.Question
	if i >= 0 {
		p = &t.Replies[i]
	}
	return &postLink{URL: eventPath(v.Event.ID) + "/go/" + url.PathEscape(string(id)), Name: people.Isolate(p.Name)}
}
