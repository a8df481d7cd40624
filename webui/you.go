package webui

import (
	"context"
	"html/template"
	"net/http"
	"strings"

	"flyleaf/node"
	"flyleaf/qa"
	"flyleaf/schema"
)

// youPage is the body of the page about the reader.
type youPage struct {
	CSRF, Error string
	Person      qa.Person
	Identity    qa.Identity
	Short       string
	Nameless    string // what the reader is called without a name; "" if they have one
	Saved       bool
	Phrase      []string // the words of the recovery phrase, when the reader asked to see them
	PhraseError string
	// Site is the address of Flyleaf in a browser, Link opens Site with this identity, QR is the QR
	// code of Link. All are "" if no site is known.
	Site, Link string
	QR         template.HTML
	Browser    bool // see Config.Browser
	Replaced   bool // the identity was replaced just now
}

// person returns the reader's profile. It is empty when the profile cannot be read,
// because the page must open anyway.
func (s *server) person(ctx context.Context) qa.Person {
	p, _ := s.node.Person(ctx)
	return p
}

// nameBox is the field for a name in the forms of somebody who has none. They may leave it empty.
type nameBox struct {
	Elem    string // "": the reader has a name, so there is no field
	Typed   string
	Without string // what the reader is called without a name; "" where that is not known
}

func (v *weekView) nameBox(elem, typed string) nameBox {
	if !v.nameless {
		return nameBox{}
	}
	return nameBox{Elem: elem, Typed: typed, Without: v.PersonName(v.me)}
}

// saveName saves the name that the reader typed in a form for something else.
func (s *server) saveName(r *http.Request) error {
	name := strings.Join(strings.Fields(r.PostForm.Get("name")), " ")
	if name == "" {
		return nil
	}
	p, err := s.node.Person(r.Context())
	if err != nil {
		return err
	}
	p.Name = name
	if err = s.node.SetPerson(r.Context(), p); node.KindOf(err) == node.ProfileNotShared {
		return nil // those weeks get the name later
	}
	return err
}

func (s *server) you(w http.ResponseWriter, r *http.Request) {
	s.showYou(w, r, http.StatusOK, youPage{Person: s.person(r.Context()), Saved: r.URL.Query().Has("saved")})
}

func (s *server) showYou(w http.ResponseWriter, r *http.Request, status int, p youPage) {
	p.CSRF, p.Browser, p.Replaced = s.guard.form, s.browser, r.URL.Query().Has("identity")
	p.Identity, _ = s.node.Identity(r.Context())
	p.Short = p.Identity.Short()
	if s.person(r.Context()).Name == "" {
		p.Nameless = qa.NamelessName(p.Identity, "")
	}
	l := s.layout(r, "You", "you", p)
	if r.Method != http.MethodGet {
		l.Here = "/you"
	}
	s.page(w, r, status, "you", l)
}

func (s *server) setPerson(w http.ResponseWriter, r *http.Request) {
	ctx, form := r.Context(), r.PostForm
	p := qa.Person{
		Name:  strings.Join(strings.Fields(form.Get("name")), " "),
		About: strings.TrimSpace(qa.LineEnds(form.Get("about"))), Link: strings.TrimSpace(form.Get("link")),
		PublishAs: form.Get(schema.KeyPublishAs),
	}
	if err := s.node.SetPerson(ctx, p); err != nil {
		words := "Not saved. " + sentence(err.Error()) + " What you typed is still there."
		if node.KindOf(err) == node.ProfileNotShared {
			words = sentence(err.Error())
		}
		s.showYou(w, r, statusOf(err), youPage{Person: p, Error: words})
		return
	}
	formDone(w, r, localPathOr(r.PostForm.Get("back"), "/you?saved"), "")
}

// phrase shows the recovery phrase. It requires a form with its token, so that no address, history
// entry or prefetch can show the phrase. The guard forbids caching.
func (s *server) phrase(w http.ResponseWriter, r *http.Request) {
	p := youPage{Person: s.person(r.Context())}
	words, err := s.node.RecoveryPhrase(r.Context())
	if err != nil {
		p.PhraseError = sentence(err.Error()) + " Nothing was changed."
		s.showYou(w, r, http.StatusInternalServerError, p)
		return
	}
	p.Phrase = words
	p.Site = s.siteFor(r.Context())
	if p.Site != "" {
		p.Link = node.IdentityLink(p.Site, words)
		if svg, err := s.converter.QRCode(r.Context(), p.Link); err == nil { // without the code, the words are enough
			p.QR = template.HTML(svg)
		}
	}
	if s.browser {
		_ = s.node.SetSetting(r.Context(), settingPhraseOffered, "shown") // after an error, the phrase is offered again
	}
	s.showYou(w, r, http.StatusOK, p)
}

// mayAskAnonymously reports whether the reader can ask without a name now. If not, why is
// the reason to show, or "".
func (s *server) mayAskAnonymously(v *weekView) (ok bool, why string) {
	if v.Event.Access == schema.AccessInvited || v.Event.Closed {
		return false, ""
	}
	if v.undelivered > 0 {
		return false, "You can ask without your name once everything you wrote here is on the relay. Until then, this device would send your question together with your other posts, which could show who asked."
	}
	return true, ""
}

// checkAnonymous refuses an anonymous question that would reveal who asks.
func checkAnonymous(a qa.Act) error {
	if a.OnBehalfOf != "" {
		return node.Errorf(node.Invalid, "a question for someone else shows your name. Either remove their name, or untick “Ask without my name”")
	}
	return nil
}

// claimNotice describes the state of the invitation with which this device joined an event.
type claimNotice struct {
	Words      string
	State      string // one of the qa.Invite states
	Path, CSRF string // of the form that dismisses the notice
}

// settingClaimSeen holds the state of an event's own invitation whose notice the reader has dismissed.
const settingClaimSeen = "invitation/seen/" // followed by the event's ID

// claimNotice returns the notice about the own invitation; nil when there is none, and when the reader has
// dismissed it and the state has not changed since.
func (s *server) claimNotice(ctx context.Context, event qa.EventID) *claimNotice {
	own, err := s.node.OwnInvitation(ctx, event)
	if err != nil {
		return nil
	}
	as := "to a role" // the event has not been downloaded, so its role is not known
	if own.Role != "" {
		as = "to be " + roleWords(own.Role)
	}
	words := ""
	switch own.State {
	case qa.InviteOpen, qa.InviteClaimed:
		words = "You opened an invitation " + as + ". The role is granted automatically when the organiser’s device is next online."
	case qa.InviteNotNeeded:
		words = "You opened an invitation " + as + ". You are an organiser, so it stays unused, for the person it is meant for. To have the role yourself, give it to yourself under “People and roles”."
	case qa.InviteUsedByOther:
		words = "Someone else already used your invitation " + as + ". Each invitation works once. Ask an organiser for another."
	case qa.InviteRevoked:
		words = "Your invitation " + as + " was revoked. Ask an organiser for another."
	default:
		return nil
	}
	if seen, err := s.node.Setting(ctx, settingClaimSeen+string(event)); err == nil && seen == own.State {
		return nil
	}
	return &claimNotice{Words: words, State: own.State, Path: eventPath(event), CSRF: s.guard.form}
}

// dismissClaim hides the notice about the own invitation until its state changes.
func (s *server) dismissClaim(w http.ResponseWriter, r *http.Request) {
	event := qa.EventID(r.PathValue("event"))
	if !isEventID(event) {
		s.pageNotFound(w, r)
		return
	}
	if err := s.node.SetSetting(r.Context(), settingClaimSeen+string(event), r.PostForm.Get("state")); err != nil {
		s.problem(w, r, http.StatusInternalServerError, "Not saved", sentence(err.Error())+" Nothing has changed.")
		return
	}
	formDone(w, r, eventPath(event), "")
}
