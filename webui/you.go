package webui

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"

	"flyleaf/qa"
	"flyleaf/schema"
)

// youPage is the body of the page about the reader.
type youPage struct {
	CSRF, Error string
	Person      qa.Person
	Identity    qa.Identity
	Short       string
	Saved       bool
	HasPhrase   bool
	Phrase      []string // shown because it was asked for
	PhraseError string
}

// person is what the reader says about themselves, from this device's settings.
func (s *server) person(ctx context.Context) qa.Person {
	return qa.Person{
		ID: s.node.Identity(), Name: s.name(ctx), About: s.setting(ctx, SettingAbout), Link: qa.CleanLine(s.setting(ctx, SettingLink)),
		PublishAs: s.setting(ctx, SettingPublishAs),
	}
}

func (s *server) you(w http.ResponseWriter, r *http.Request) {
	s.showYou(w, r, http.StatusOK, youPage{Person: s.person(r.Context()), Saved: r.URL.Query().Has("saved")})
}

func (s *server) showYou(w http.ResponseWriter, r *http.Request, status int, p youPage) {
	p.CSRF, p.Identity = s.guard.form, s.node.Identity()
	p.Short = p.Identity.Short()
	_, p.HasPhrase = s.node.(Phraser)
	l := s.layout(r, "You", "you", p)
	if r.Method != http.MethodGet {
		l.Here = "/you"
	}
	s.page(w, status, "you", l)
}

// setPerson keeps what the reader says about themselves on this device, and says
// it in every event that already knows them; the others learn it with the first
// post there.
func (s *server) setPerson(w http.ResponseWriter, r *http.Request) {
	ctx, form := r.Context(), r.PostForm
	p := qa.Person{
		ID: s.node.Identity(), Name: strings.Join(strings.Fields(form.Get("name")), " "),
		About: strings.TrimSpace(qa.LineEnds(form.Get("about"))), Link: strings.TrimSpace(form.Get("link")),
		PublishAs: form.Get("publishAs"),
	}
	if err := checkPerson(&p); err != nil {
		s.showYou(w, r, http.StatusUnprocessableEntity, youPage{Person: p, Error: "Not saved. " + sentence(err.Error()) + " What you typed is still there."})
		return
	}
	for _, f := range []struct{ key, value string }{
		{SettingName, p.Name}, {SettingAbout, p.About}, {SettingLink, p.Link}, {SettingPublishAs, p.PublishAs},
	} {
		if err := s.node.SetSetting(ctx, f.key, f.value); err != nil {
			s.showYou(w, r, http.StatusInternalServerError, youPage{Person: p, Error: "Not saved. " + sentence(err.Error()) + " What you typed is still there."})
			return
		}
	}
	if err := s.tellPerson(ctx); err != nil {
		s.showYou(w, r, http.StatusInternalServerError, youPage{Person: p, Error: "It is saved on this device, but not every week could be told: " +
			sentence(err.Error()) + " It is said again with your next post there."})
		return
	}
	done(w, r, localPathOr(r.PostForm.Get("back"), "/you?saved"), "")
}

func checkPerson(p *qa.Person) error {
	for _, f := range []struct {
		what, value string
		limit       int
	}{{"the name", p.Name, schema.MaxName}, {"what you say about yourself", p.About, schema.MaxAbout}, {"the link", p.Link, schema.MaxPersonLink}} {
		if len(f.value) > f.limit {
			return errors.New(f.what + " is too long: at most " + plural(f.limit, "byte") + " fit")
		}
	}
	if p.Link != "" && !outside(p.Link) {
		return errors.New("the link has to be a web address, https://…, or mailto: and an e-mail address")
	}
	if !slices.Contains([]string{"", "name", "initials", "none"}, p.PublishAs) {
		return errors.New("choose how you are named when the week is published")
	}
	return p.Validate()
}

// introduction is the act that tells an event what it does not know yet of the
// reader, and whether there is anything to tell.
func (s *server) introduction(ctx context.Context, known qa.Person) (qa.Act, bool) {
	p := s.person(ctx)
	said := qa.Person{ID: p.ID}
	act := qa.Act{Kind: qa.ActPerson, AtMillis: s.now().UnixMilli(), Person: &said}
	if p.PublishAs == "" && known.PublishAs != "" {
		p.PublishAs = "name" // what was chosen once can be chosen otherwise, not unsaid
	}
	for _, f := range []struct {
		clear, now, before string
		to                 *string
	}{
		{"", p.Name, known.Name, &said.Name},
		{"about", p.About, known.About, &said.About},
		{"link", p.Link, known.Link, &said.Link},
		{"", p.PublishAs, known.PublishAs, &said.PublishAs},
	} {
		switch {
		case f.now == f.before:
		case f.now != "":
			*f.to = f.now
		case f.clear != "":
			act.Clear = append(act.Clear, f.clear)
		}
	}
	return act, said != qa.Person{ID: p.ID} || len(act.Clear) > 0
}

func (s *server) tellPerson(ctx context.Context) error {
	events, err := s.node.Events(ctx)
	if err != nil {
		return err
	}
	for _, e := range events {
		if e.Title == "" || e.Closed {
			continue
		}
		week, err := s.node.Week(ctx, e.ID)
		if err != nil {
			return err
		}
		known, ok := week.People[s.node.Identity()]
		if !ok {
			continue
		}
		if act, changed := s.introduction(ctx, known); changed {
			if _, err := s.node.Do(ctx, e.ID, act); err != nil {
				return err
			}
		}
	}
	return nil
}

// phrase shows the recovery phrase. It takes a form with its token, so that no
// address, history or prefetch can bring it up; the guard forbids every cache.
func (s *server) phrase(w http.ResponseWriter, r *http.Request) {
	n, ok := s.node.(Phraser)
	if !ok {
		s.nowhere(w, r)
		return
	}
	p := youPage{Person: s.person(r.Context())}
	words, err := n.Phrase(r.Context())
	if err != nil {
		p.PhraseError = sentence(err.Error()) + " Nothing was changed."
		s.showYou(w, r, http.StatusInternalServerError, p)
		return
	}
	p.Phrase = words
	s.showYou(w, r, http.StatusOK, p)
}

// keys lists the identities the reader writes with in an event, their own first.
func (s *server) keys(ctx context.Context, event qa.EventID) []qa.Identity {
	me := s.node.Identity()
	n, ok := s.node.(Keyring)
	if !ok {
		return []qa.Identity{me}
	}
	all, err := n.Keys(ctx, event)
	if err != nil || len(all) == 0 {
		return []qa.Identity{me}
	}
	return all
}

// mayAskAnonymously reports whether a question can be asked without a name now,
// and if not, and it is worth a word, why.
func (s *server) mayAskAnonymously(v *weekView) (ok bool, why string) {
	if _, has := s.node.(Keyring); !has || v.Event.Access == "invited" || v.Event.Closed {
		return false, ""
	}
	if v.undelivered > 0 {
		return false, "You can ask without your name as soon as everything you wrote here is on the relay: until then what this device sends together would tell who asked."
	}
	return true, ""
}

// checkAnonymous refuses what would give the asker away.
func checkAnonymous(a qa.Act) error {
	if a.OnBehalfOf != "" {
		return errors.New("a question for somebody else carries your name, so it cannot be asked without it; empty one of the two")
	}
	return nil
}

// claimWords says what becomes of the invitation with which this device joined.
func (s *server) claimWords(ctx context.Context, event qa.EventID) string {
	n, ok := s.node.(Inviter)
	if !ok {
		return ""
	}
	role, state, err := n.Claims(ctx, event)
	if err != nil {
		return ""
	}
	switch state {
	case qa.InviteOpen, qa.InviteClaimed:
		return "You opened an invitation to be " + roleWords(role) + ". Waiting for the organiser’s device: it answers by itself when it is next switched on. Until then you can read and ask."
	case qa.InviteTaken:
		return "Somebody else had already used the invitation you opened, to be " + roleWords(role) + ". It works once. Ask the organisers for another."
	case qa.InviteRevoked:
		return "The invitation you opened, to be " + roleWords(role) + ", was withdrawn. Ask the organisers for another."
	}
	return ""
}
