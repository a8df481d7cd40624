package webui

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"flyleaf/node"
	"flyleaf/qa"
)

// The pages that only a browser needs: another device's identity, and the state of the browser's storage.

// Storage is what a browser says about what it keeps for a site.
type Storage struct {
	// Persistent: the browser does not clear it by itself, for example when space runs out.
	Persistent bool
	// Used and Allowed are in bytes; 0 when the browser does not say.
	Used, Allowed int64
}

// settingPhraseOffered is "shown" or "later" once the recovery phrase was offered.
const settingPhraseOffered = "browser/phrase"

// identityPage is the body of the page that takes another device's identity.
type identityPage struct {
	CSRF, Error string
	Text        string // typed
	Replace     bool   // the browser has written under another identity: it is asked for
	Short       string
}

func (s *server) identity(w http.ResponseWriter, r *http.Request) {
	s.showIdentity(w, r, http.StatusOK, identityPage{})
}

func (s *server) showIdentity(w http.ResponseWriter, r *http.Request, status int, p identityPage) {
	p.CSRF = s.guard.form
	id, _ := s.node.Identity(r.Context()) // the page must open all the same
	p.Short = id.Short()
	l := s.layout(r, "Use my identity", "you", p)
	if r.Method != http.MethodGet {
		l.Here = "/you/identity"
	}
	s.page(w, r, status, "identity", l)
}

func (s *server) takeIdentity(w http.ResponseWriter, r *http.Request) {
	p := identityPage{Text: r.PostForm.Get("text")}
	text := []byte(p.Text)
	if strings.TrimSpace(p.Text) == "" {
		var err error
		if _, text, err = chosenFile(r, "file", node.MaxIdentityFile); err != nil || len(text) == 0 {
			p.Error = "Type the recovery phrase (24 words), paste the link, or choose a key file. Nothing was changed."
			s.showIdentity(w, r, http.StatusUnprocessableEntity, p)
			return
		}
	}
	switch err := s.useIdentity(r.Context(), text, r.PostForm.Get("passphrase"), r.PostForm.Get("replace") == "1"); {
	case errors.Is(err, node.ErrOtherIdentity):
		p.Replace = true
		p.Error = "You have already written in this browser under another identity. Nothing was changed. If you go on, what you wrote there stays under that identity, and its key is kept in this browser."
		s.showIdentity(w, r, http.StatusConflict, p)
	case err != nil:
		p.Error = sentence(strings.TrimSuffix(err.Error(), "; nothing was changed")) + " Nothing was changed."
		s.showIdentity(w, r, http.StatusUnprocessableEntity, p)
	default:
		formDone(w, r, "/you?identity", "")
	}
}

// siteFor is an address at which a browser opens Flyleaf; "" when none is known.
func (s *server) siteFor(ctx context.Context) string {
	if s.browser {
		return s.site
	}
	all, err := s.node.Overview(ctx)
	if err != nil {
		return ""
	}
	for i := range all {
		inv, err := s.node.Invitation(ctx, all[i].Event)
		if err != nil {
			continue
		}
		if site, _, ok := strings.Cut(inv.Links()[0], "/join/"); ok {
			return site
		}
	}
	return ""
}

// storageBody is the body of the page about the browser's storage.
type storageBody struct {
	CSRF        string
	Unknown     bool // the browser says nothing
	Persistent  bool
	Used        string
	Allowed     string // "" when the browser does not say
	Here        string // what is only in this browser
	Nothing     bool   // nothing is
	NoRelay     bool   // of it, something is in weeks without a relay
	Weeks       []choice
	PhraseShown bool
	Wrote       bool // something was written in this browser
}

func (s *server) storagePage(w http.ResponseWriter, r *http.Request) {
	ctx := r.Context()
	all, err := s.node.Overview(ctx)
	if err != nil {
		s.readFailed(w, r, err)
		return
	}
	p := storageBody{CSRF: s.guard.form}
	what, err := s.storage(ctx)
	p.Unknown, p.Persistent = err != nil, what.Persistent
	if what.Used > 0 {
		p.Used = bytesWords(what.Used)
	}
	if what.Allowed > 0 {
		p.Allowed = bytesWords(what.Allowed)
	}
	pending := 0
	for i := range all {
		st := &all[i]
		if st.Pending == 0 {
			continue
		}
		pending += st.Pending
		p.NoRelay = p.NoRelay || st.Relay.URL == ""
		p.Weeks = append(p.Weeks, choice{ID: string(st.Event), Words: st.Title})
	}
	p.Nothing, p.Here = pending == 0, plural(pending, "change")
	offered, _ := s.node.Setting(ctx, settingPhraseOffered)
	p.PhraseShown = offered == "shown"
	p.Wrote = s.hasWritten(ctx)
	l := s.layout(r, "This browser’s storage", "sync", p)
	l.RefreshWhole = true
	s.page(w, r, http.StatusOK, "storage", l)
}

// bytesWords writes a size for people.
func bytesWords(n int64) string {
	const kB, MB, GB = 1e3, 1e6, 1e9
	switch {
	case n < MB:
		return fmt.Sprintf("%d kB", (n+kB-1)/kB)
	case n < 10*MB:
		return fmt.Sprintf("%.1f MB", float64(n)/MB)
	case n < GB:
		return fmt.Sprintf("%d MB", n/MB)
	}
	return fmt.Sprintf("%.1f GB", float64(n)/GB)
}

// hasWritten reports whether the reader has written in a week, or has founded one.
func (s *server) hasWritten(ctx context.Context) bool {
	me, err := s.node.Identity(ctx)
	if err != nil {
		return false
	}
	events, err := s.node.Events(ctx)
	if err != nil {
		return false
	}
	for i := range events {
		if events[i].Founder == me {
			return true
		}
		if week, err := s.node.Week(ctx, events[i].ID); err == nil && wroteIn(&week, me) {
			return true
		}
	}
	return false
}

func wroteIn(week *qa.Week, me qa.Identity) bool {
	for i := range week.Threads {
		t := &week.Threads[i]
		if t.Question.By == me {
			return true
		}
		for j := range t.Replies {
			if t.Replies[j].By == me {
				return true
			}
		}
	}
	return false
}

// offersPhrase reports whether the page of a week offers the recovery phrase: in a browser,
// once the reader has written something and not before, until they have seen it or put it off.
func (s *server) offersPhrase(ctx context.Context, v *weekView) bool {
	if !s.browser || !wroteIn(&v.Week, v.me) {
		return false
	}
	offered, err := s.node.Setting(ctx, settingPhraseOffered)
	return err == nil && offered == ""
}

// leavePhrase puts the recovery phrase off.
func (s *server) leavePhrase(w http.ResponseWriter, r *http.Request) {
	if err := s.node.SetSetting(r.Context(), settingPhraseOffered, "later"); err != nil {
		s.problem(w, r, http.StatusInternalServerError, "Not saved", sentence(err.Error())+" Nothing has changed.")
		return
	}
	formDone(w, r, localPathOr(r.PostForm.Get("back"), "/"), "")
}
