package webui

import (
	"bytes"
	"context"
	"encoding/xml"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"flyleaf/node"
	"flyleaf/qa"
)

func TestPeoplePageForEverybody(t *testing.T) {
	s := newSite(t, "")
	s.node.editViews(s.event, func(w *shownWeek) {
		p := w.people[noor]
		p.Link = "https://example.org/noor"
		w.people[noor] = p
		p = w.people[ilse]
		p.Link = "javascript:alert(1)"
		w.people[ilse] = p
	})
	page := s.get(s.week() + "/people")
	mustContain(t, page, "Organisers", "Noor Adeyemi", "Authors", "Ilse Marrow", "Moderators", "Open: everyone", `href="https://example.org/noor" rel="noopener nofollow noreferrer"`, "javascript:alert(1)</span>")
	mustNotContain(t, page, "Create invitation", ">Remove<", "Close the week", `href="javascript`, "Members")
	s.node.editViews(s.event, func(w *shownWeek) { w.event.Access = "invited" })
	mustContain(t, s.get(s.week()+"/people"), "Invitation only: only the people named here")
	mustContain(t, s.get(s.week()), "To read it, they also need a role")
}

func TestOrganiserGivesAndTakesRoles(t *testing.T) {
	s := asRole(t, qa.RoleOrganiser)
	mustContain(t, s.get(s.week()+"/people"), "Create invitation", "Remove the role author from Ilse Marrow", "Maren Holt ("+maren.Short()+")", "Close the week")
	s.sent(s.week()+"/role", "identity", string(maren), "role", "moderator", "on", "1")
	if act := s.lastAct(qa.ActRole); act.Identity != maren || act.Role != qa.RoleModerator || !act.On {
		t.Errorf("act = %+v", act)
	}
	s.sent(s.week()+"/role", "identity", string(obi), "key", " "+string(person('7'))+" ", "role", "member", "on", "1")
	if act := s.lastAct(qa.ActRole); act.Identity != person('7') {
		t.Errorf("a pasted key does not win: %+v", act)
	}
	s.sent(s.week()+"/role", "identity", string(ilse), "role", "author", "on", "0")
	if act := s.lastAct(qa.ActRole); act.On {
		t.Errorf("act = %+v", act)
	}
	mustNotContain(t, s.get(s.week()+"/people"), "Remove the role author from Ilse Marrow")
	before := len(s.node.acts())
	for _, fields := range [][]string{
		{"identity", "", "role", "author", "on", "1"},
		{"key", "abc", "role", "author", "on", "1"},
		{"identity", string(obi), "role", "organiser", "on", "1"},
		{"identity", string(obi), "role", "invite-author", "on", "1"},
	} {
		w := s.send(s.week()+"/role", fields...)
		if w.Code != http.StatusUnprocessableEntity {
			t.Errorf("%v: %d", fields, w.Code)
		}
		mustContain(t, w.Body.String(), "Nothing was changed")
	}
	if len(s.node.acts()) != before {
		t.Errorf("acts = %+v", s.node.acts()[before:])
	}
}

func TestOnlyOrganisersOrganise(t *testing.T) {
	s := asRole(t, qa.RoleModerator)
	for path, fields := range map[string][]string{
		"/role": {"identity", string(obi), "role", "author", "on", "1"}, "/switch": {"switch", "closed", "on", "1"},
		"/invite": {"role", "author"}, "/invite/" + string(s.invitation()) + "/revoke": nil,
	} {
		if w := s.send(s.week()+path, fields...); w.Code != http.StatusForbidden {
			t.Errorf("%s: %d", path, w.Code)
		}
	}
	s = newSite(t, "")
	if w := s.send(s.week()+"/unblock", "identity", string(obi)); w.Code != http.StatusForbidden {
		t.Errorf("unblock: %d", w.Code)
	}
	if len(s.node.acts()) != 0 || s.invitation() != noInvitation {
		t.Error("something was changed")
	}
}

// noInvitation is returned instead of the key of an invitation if there is none.
const noInvitation = qa.Identity("none")

// invitation returns the key of a role invitation in the sample week that is not in known.
func (s *site) invitation(known ...qa.Identity) qa.Identity {
	s.t.Helper()
	all, err := s.node.Node.Invitations(s.t.Context(), s.event)
	if err != nil {
		s.t.Fatal(err)
	}
	for _, i := range all {
		if !slices.Contains(known, i.Key) {
			return i.Key
		}
	}
	return noInvitation
}

// link returns the link of the newest invitation.
func (s *site) link() string {
	s.t.Helper()
	all, err := s.node.Node.Invitations(s.t.Context(), s.event)
	if err != nil || len(all) == 0 {
		s.t.Fatal(err)
	}
	return all[len(all)-1].Link.String()
}

func TestInvitationsToARole(t *testing.T) {
	s := asRole(t, qa.RoleOrganiser)
	to := s.sent(s.week()+"/invite", "role", "author", "label", "  Ilse,  by post ")
	key := s.invitation()
	if want := s.week() + "/people?made=" + string(key) + "#invitations"; to != want {
		t.Errorf("leads to %s, want %s", to, want)
	}
	path, _, _ := strings.Cut(to, "#")
	page := s.get(path)
	all, err := s.node.Invitations(t.Context(), s.event)
	if err != nil || len(all) != 1 || len(all[0].Link.Secret) == 0 {
		t.Fatalf("%+v, %v", all, err)
	}
	link := all[0].Link.String()
	mustContain(t, page, link, "Ilse, by post", "Not used yet", `<img src="`+s.week()+"/invite/"+string(key)+`.svg"`, "gets the role “author”")
	s.sent(s.week()+"/invite", "role", "moderator", "label", "")
	s.sent(s.week() + "/invite/" + string(s.invitation(key)) + "/revoke")
	mustContain(t, s.get(s.week()+"/people"), "Revoked", "No name")
	// The device that made an invitation grants the role. Until then, others see that the
	// invitation was opened.
	byNoor := s.node.inviteAs(noor, s.event, qa.RoleModerator)
	s.node.onDeviceOf(obi, s.event, func(d *node.Device) error { return d.Join(t.Context(), byNoor.Link) })
	mustContain(t, s.get(s.week()+"/people"), "Opened; the role is being granted: Obi Tamsin")
	if w := s.do(httptest.NewRequest("GET", s.week()+"/invite/"+string(byNoor.Key)+".svg", nil)); w.Code != http.StatusNotFound {
		t.Errorf("the code of another device's invitation: %d", w.Code)
	}
	for _, fields := range [][]string{{"role", "organiser"}, {"role", ""}, {"role", "author", "label", strings.Repeat("x", maxLabel+1)}} {
		if w := s.send(s.week()+"/invite", fields...); w.Code != http.StatusUnprocessableEntity {
			t.Errorf("%.40v: %d", fields, w.Code)
		}
	}
	if w := s.send(s.week() + "/invite/nothing/revoke"); w.Code != http.StatusNotFound {
		t.Errorf("an unknown invitation: %d", w.Code)
	}
	// The person who opens it has the role once the organiser's device has granted it
	// automatically.
	s.node.onDeviceOf(maren, s.event, func(d *node.Device) error { return d.Join(t.Context(), all[0].Link) })
	page = s.get(path)
	mustContain(t, page, "Granted: Maren Holt")
	mustNotContain(t, page, link)
	if w := s.do(httptest.NewRequest("GET", s.week()+"/invite/"+string(key)+".svg", nil)); w.Code != http.StatusNotFound {
		t.Errorf("the code is still there: %d", w.Code)
	}
	if page := s.get(s.week() + "/people"); !strings.Contains(page, "Remove the role author from Maren Holt") {
		t.Error("the role is not hers")
	}
}

// TestInvitationCodes: only the organiser gets the QR code of an invitation with a secret.
func TestInvitationCodes(t *testing.T) {
	s := asRole(t, qa.RoleOrganiser)
	s.sent(s.week()+"/invite", "role", "author")
	w := s.do(httptest.NewRequest("GET", s.week()+"/invite/"+string(s.invitation())+".svg", nil))
	if w.Code != http.StatusOK || w.Header().Get("Content-Type") != "image/svg+xml" || w.Header().Get("Cache-Control") != "no-store" {
		t.Errorf("%d %v", w.Code, w.Header())
	}
	for d := xml.NewDecoder(w.Body); ; {
		tok, err := d.Token()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if e, ok := tok.(xml.StartElement); ok && e.Name.Local != "svg" && e.Name.Local != "path" {
			t.Errorf("the picture holds %s", e.Name.Local)
		}
	}
	if w := s.do(httptest.NewRequest("GET", s.week()+"/invite/all.svg", nil)); w.Code != http.StatusOK {
		t.Errorf("the open invitation: %d", w.Code)
	}
	link := s.link()
	s.node.doAs(noor, s.event, qa.Act{Kind: qa.ActRole, Identity: reader, Role: qa.RoleOrganiser})
	for _, name := range []string{string(s.invitation()) + ".svg", "nothing.svg", "all.png", "all"} {
		if w := s.do(httptest.NewRequest("GET", s.week()+"/invite/"+name, nil)); w.Code != http.StatusNotFound {
			t.Errorf("%s for a reader: %d", name, w.Code)
		}
	}
	mustNotContain(t, s.get(s.week()+"/people"), link)
}

func TestCloseAndOpenAgain(t *testing.T) {
	s := asRole(t, qa.RoleOrganiser)
	mustContain(t, s.get(s.week()+"/people"), `<form method="get" action="`+s.week()+`/switch">`, "Close the week…", "Turn on approval…")
	page := s.get(s.week() + "/switch?switch=closed&on=1&back=" + url.QueryEscape(s.week()+"/winners"))
	mustContain(t, page, "<h1>Close the week?</h1>", "No new questions and replies", "There will be no draw, because nobody takes part", `name="back" value="`+s.week()+`/winners"`)
	if len(s.node.acts()) != 0 {
		t.Fatal("the page that asks has done it")
	}
	s.sent(s.week()+"/switch", "switch", "closed", "on", "1")
	if act := s.lastAct(qa.ActEvent); act.Fields["closed"] != true || len(act.Fields) != 1 {
		t.Errorf("act = %+v", act)
	}
	mustContain(t, s.get(s.week()), "This week is closed")
	mustNotContain(t, s.get(s.week()), `id="ask"`)
	mustContain(t, s.get(s.week()+"/people"), "Reopen the week…")
	mustContain(t, s.get(s.week()+"/switch?switch=closed&on=1"), "This is done already")
	mustContain(t, s.get(s.week()+"/switch?switch=closed&on=0"), "<h1>Reopen the week?</h1>", "accepted again")
	s.sent(s.week()+"/switch", "switch", "closed", "on", "0")
	mustContain(t, s.get(s.week()), `id="ask"`)
	s.sent(s.week()+"/switch", "switch", "approve", "on", "1")
	mustContain(t, s.get(s.week()+"/people"), "New posts need approval")
	mustContain(t, s.get(s.week()+"/switch?switch=approve&on=0"), "<h1>Turn off approval?</h1>", "No post waits now.")
	for _, path := range []string{"/switch?switch=title&on=1", "/switch"} {
		if w := s.do(httptest.NewRequest("GET", s.week()+path, nil)); w.Code != http.StatusUnprocessableEntity {
			t.Errorf("%s: %d", path, w.Code)
		}
	}
	if w := s.send(s.week()+"/switch", "switch", "title", "on", "1"); w.Code != http.StatusUnprocessableEntity {
		t.Errorf("another field: %d", w.Code)
	}
}

func TestWhoOpenedAnInvitationWaits(t *testing.T) {
	s := newSite(t, "")
	mustNotContain(t, s.get(s.week()), `id="claim"`)
	join := func(s *site, made qa.InviteInfo) {
		if err := s.node.Join(t.Context(), made.Link); err != nil {
			t.Fatal(err)
		}
	}
	join(s, s.node.inviteAs(noor, s.event, qa.RoleAuthor))
	mustContain(t, s.get(s.week()), `id="claim"`, "to be an author", "The role is granted automatically")
	s.node.onDeviceOf(noor, s.event, noAction) // her device grants it
	mustNotContain(t, s.get(s.week()), `id="claim"`)

	for words, happens := range map[string]func(s *site, made qa.InviteInfo){
		"was revoked": func(s *site, made qa.InviteInfo) {
			s.node.onDeviceOf(noor, s.event, func(d *node.Device) error { return d.RevokeInvite(t.Context(), s.event, made.Key) })
		},
		"Someone else already used": func(s *site, made qa.InviteInfo) {
			s.node.onDeviceOf(maren, s.event, func(d *node.Device) error { return d.Join(t.Context(), made.Link) })
		},
	} {
		s := newSite(t, "")
		made := s.node.inviteAs(noor, s.event, qa.RoleAuthor)
		happens(s, made)
		join(s, made)
		mustContain(t, s.get(s.week()), `id="claim"`, "to be an author", words)

		// The notice can be dismissed. It is shown again when something else becomes of the invitation.
		state := regexp.MustCompile(`name="state" value="([a-z-]+)"`).FindStringSubmatch(s.get(s.week()))
		if state == nil {
			t.Fatal("no form dismisses the notice")
		}
		s.sent(s.week()+"/invitation/seen", "state", state[1])
		mustNotContain(t, s.get(s.week()), `id="claim"`)
		s.sent(s.week()+"/invitation/seen", "state", qa.InviteClaimed)
		mustContain(t, s.get(s.week()), `id="claim"`, words)
	}
	// Also before the event has arrived. Until then the role is unknown.
	link := qa.Invitation{Event: eventID(77), Relay: sampleRelay, Secret: bytes.Repeat([]byte{7}, qa.SecretSize)}
	mustContain(t, s.get(s.sent("/join", "invitation", link.String())), "This week has not arrived yet", "You opened an invitation to a role. The role is granted automatically")
}

// TestOrganiserOpensAnInvitation: the invitation stays unused, and the page says what to do instead.
func TestOrganiserOpensAnInvitation(t *testing.T) {
	s := asRole(t, qa.RoleOrganiser)
	made := s.node.inviteAs(noor, s.event, qa.RoleAuthor)
	if err := s.node.Join(t.Context(), made.Link); err != nil {
		t.Fatal(err)
	}
	mustContain(t, s.get(s.week()), `id="claim"`, "to be an author. You are an organiser, so it stays unused")
	mustNotContain(t, s.get(s.week()), "granted automatically")
	page := s.get(s.week() + "/people")
	mustContain(t, page, "Not used yet")
	// The role is chosen there, also by somebody who has no name in the week.
	mustContain(t, page, `<option value="`+string(reader)+`">You, organiser</option>`, `<option value="`+string(noor)+`">Noor Adeyemi`)
	s.sent(s.week()+"/role", "on", "1", "identity", string(reader), "role", "author")
	mustNotContain(t, s.get(s.week()), `id="claim"`)
}

func TestCreateInvitationOnlyWeek(t *testing.T) {
	s := newSite(t, "")
	to := s.sent("/new", "title", "Quiet Week", "access", "invited")
	mustContain(t, s.get(strings.TrimSuffix(to, "/setup?new=1")+"/people"), "Invitation only")
	to = s.sent("/new", "title", "Loud Week", "access", "nonsense")
	mustContain(t, s.get(strings.TrimSuffix(to, "/setup?new=1")+"/people"), "Open: everyone")
}

// TestInvitationThatOpensInABrowser: the link that opens in a browser comes first, and the QR
// code has that link.
func TestInvitationThatOpensInABrowser(t *testing.T) {
	s := asRole(t, qa.RoleOrganiser)
	const relay = "wss://relay.example"
	if err := s.node.Join(t.Context(), qa.Invitation{Event: s.event, Relay: relay, Move: true}); err != nil {
		t.Fatal(err)
	}
	s.node.setSetting("app/"+relay, "yes") // what the relay reports on connecting
	s.sent(s.week()+"/invite", "role", "author", "label", "Ilse")
	all, err := s.node.Invitations(t.Context(), s.event)
	if err != nil || len(all) != 1 {
		t.Fatalf("%+v, %v", all, err)
	}
	if all[0].Link.Relay != relay || !all[0].Link.Web {
		t.Fatalf("%+v", all[0].Link)
	}
	page := s.get(s.week() + "/people?made=" + string(all[0].Key))
	link, program := all[0].Link.WebLink(), all[0].Link.String()
	mustContain(t, page, `<input id="fresh" readonly value="`+link+`"`, `<input id="fresh-program" readonly value="`+program+`"`,
		`<input id="l-`+string(all[0].Key)+`" readonly value="`+link+`"`, `<input id="p-`+string(all[0].Key)+`" readonly value="`+program+`"`)
	svg, err := s.converter.QRCode(t.Context(), link)
	if err != nil || s.get(s.week()+"/invite/"+string(all[0].Key)+".svg") != string(svg) {
		t.Errorf("the QR code is not the link's: %v", err)
	}
}

// grantsMeanwhile is a node in which the reader's role is granted right after their week was read.
type grantsMeanwhile struct {
	*testNode
	granted func()
}

func (n grantsMeanwhile) Week(ctx context.Context, event qa.EventID) (qa.Week, error) {
	defer n.granted()
	return n.testNode.Week(ctx, event)
}

// TestRoleGrantedWhileAPageIsMade: such a page still announces the role, because only a page that
// announces a role loads the new links.
func TestRoleGrantedWhileAPageIsMade(t *testing.T) {
	s := newSite(t, "")
	if err := s.node.Join(t.Context(), s.node.inviteAs(noor, s.event, qa.RoleModerator).Link); err != nil {
		t.Fatal(err)
	}
	s.serve(grantsMeanwhile{s.node, func() { s.node.onDeviceOf(noor, s.event, noAction) }})
	mustContain(t, s.get(s.week()), `id="claim"`)
	mustNotContain(t, s.get(s.week()), `id="claim"`)
}
