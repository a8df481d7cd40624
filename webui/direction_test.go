package webui

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"

	"flyleaf/internal/testfixture"
	"flyleaf/node"
	"flyleaf/qa"
)

var inHebrew = testfixture.InHebrew

var hebrewOnce = sync.OnceValue(func() sampleWeek { return writeSample(inHebrew) })

// newHebrewSite is newSite with a week in which all that people wrote is Hebrew.
func newHebrewSite(t *testing.T) *site {
	n, event := hebrewSample(t)
	return newSiteOf(t, "", n, event)
}

// hebrewSample is the node of newHebrewSite.
func hebrewSample(t *testing.T) (*testNode, qa.EventID) {
	n, event := sampleIn(t, hebrewOnce(), inHebrew)
	ctx, he := t.Context(), inHebrew
	n.giveReaderRole(event, qa.RoleOrganiser)
	n.giveReaderRole(event, qa.RoleAuthor)
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	as := func(who qa.Identity, acts ...qa.Act) qa.PostID { return n.doAs(who, event, acts...) }
	me := func(act qa.Act) qa.PostID {
		id, err := n.Node.Do(ctx, event, act)
		must(err)
		return id
	}
	must(n.SetPerson(ctx, qa.Person{Name: he("Wren"), About: he("Keeps bees."), Link: "https://example.org/wren"}))
	as(noor, qa.Act{Kind: qa.ActEvent, Fields: map[string]any{"subtitle": he("Books for the sleepless"), "announcement": he("Everybody wins."), "approve": true}},
		qa.Act{Kind: qa.ActBlock, Identity: person('1'), Text: he("advertises in every week")})
	me(qa.Act{Kind: qa.ActMark, Post: n.sample[pQuestion], Mark: "pinned", On: true})
	as(obi, qa.Act{Kind: qa.ActPost, Text: he("A question that waits, by Obi"), Tags: []string{he("waiting"), he("bees")}, AtMillis: testNow.UnixMilli()})
	as(ilse, qa.Act{Kind: qa.ActMark, Post: n.sample[pBehalf], Mark: "assigned", Identity: ilse, On: true},
		qa.Act{Kind: qa.ActPost, Parent: n.sample[pMine], Text: he("Close it with a line."), AtMillis: testNow.UnixMilli()},
		qa.Act{Kind: qa.ActMark, Post: n.sample[pQuestion], Mark: "candidate", Identity: ilse, On: true})
	for _, in := range []struct {
		role  qa.Role
		label string
	}{{qa.RoleAuthor, "Maren, by post"}, {qa.RoleMember, "somebody"}} {
		made, err := n.Invite(ctx, event, in.role, he(in.label))
		must(err)
		if in.role == qa.RoleAuthor {
			n.onDeviceOf(maren, event, func(d *node.Device) error { return d.Join(ctx, made.Link) })
		}
	}
	hidden := n.sample[pMine]
	as(noor, qa.Act{Kind: qa.ActMark, Post: hidden, Mark: "hidden", Text: he("one thing at a time")})
	me((&qa.Post{ID: hidden, Marks: qa.Marks{Hidden: he("one thing at a time")}}).AppealAct(he("It is one thing.")))
	club, err := node.CreateClub(ctx, n, qa.Event{Title: he("The club"), Description: he("Reads at night")}, "", false)
	must(err)
	week, err := n.Week(ctx, event)
	must(err)
	_, err = node.UpdateClubLists(ctx, n, &week.Event, func(id qa.EventID, _ bool) bool { return id == club.Event })
	must(err)
	n.editViews(event, func(w *shownWeek) {
		w.refusals = []qa.NotAccepted{
			{Hash: strings.Repeat("ab", 32), Code: "closed", Reason: "the week had been closed", Act: qa.Act{Kind: qa.ActPost, Text: he("Would you let an accountant edit?")}, AtMillis: testNow.UnixMilli()},
			{Hash: strings.Repeat("cd", 32), Code: "quota", Reason: "too much today", Deferred: true, ByRelay: true, Post: n.sample[pUnsent], Act: qa.Act{Kind: qa.ActPost, Text: he("Is once a minute a sin?")}, AtMillis: testNow.UnixMilli()},
		}
		w.presence = []qa.Presence{{Kind: qa.PresenceAnswering, By: teodor, Post: n.sample[pDuplicate]}, {Kind: qa.PresenceAnswering, By: ilse, Post: n.sample[pForked]}}
	})
	return n, event
}

// TestEveryTextOfPeopleHasItsOwnDirection looks at every text on every page of a Hebrew week.
func TestEveryTextOfPeopleHasItsOwnDirection(t *testing.T) {
	s := newHebrewSite(t)
	p := func(i int) string { return s.week() + "/p/" + s.id(i) }
	seen := 0
	check := func(name, page string) {
		t.Helper()
		n, wrong := testfixture.Direction(page)
		seen += n
		for _, w := range wrong {
			t.Errorf("%s: %s", name, w)
		}
	}
	clubs, err := s.node.Clubs(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{
		"/", "/you", "/sync", "/digest", "/digest?since=2026-11-01", "/files", "/search?q=" + inHebrew("ledger"), "/search?week=" + string(s.event) + "&q=" + inHebrew("ledger"), "/club/" + string(clubs[0].ID),
		s.week(), s.week() + "?sort=wanted", s.week() + "/inbox", s.week() + "/inbox?show=answered", s.week() + "/winners", s.week() + "/people", s.week() + "/log", s.week() + "/queue", s.week() + "/verify",
		s.week() + "/setup", s.week() + "/stage", s.week() + "/switch?switch=closed&on=1", s.week() + "/switch?switch=approve&on=0", s.week() + "/fragment?post=" + s.id(pQuestion), "/sync/summary",
		p(pQuestion), p(pReply), p(pForked), p(pForked) + "/edit", p(pForked) + "/edit?merge=1", p(pForked) + "/withdraw", p(pQuestion) + "/proof", p(pAnswer) + "/proof", p(pQuestion) + "/moderate", p(pDuplicate) + "/moderate",
		p(pHidden) + "/moderate", p(pMine), p(pMine) + "/appeal",
	} {
		check(path, s.raw(path))
	}
	for name, w := range map[string]*httptest.ResponseRecorder{
		"preview":      s.send(s.week()+"/ask", "body", inHebrew("May I? And can I?"), "onBehalfOf", inHebrew("Priya"), "tags", inHebrew("bees"), "preview", "1"),
		"suggestions":  s.send(s.week()+"/suggest", "body", inHebrew("How long should a volunteer association keep its ledger? May a typo be fixed?")),
		"invited":      s.send(s.week()+"/invite", "role", "author", "label", inHebrew("Sunniva")),
		"block":        s.send(p(pQuestion)+"/block", "on", "1", "why", ""),
		"draft":        s.send(p(pQuestion)+"/reply", "body", inHebrew("Words"), "preview", "1"),
		"no such name": s.send("/you", "name", inHebrew(strings.Repeat("long ", 90))),
		"import":       s.importFile(inHebrew("weather.md"), []byte("---\ntitle: "+inHebrew("Small Weather")+"\nauthors: ["+inHebrew("Aino Berglund")+"]\n---\n\n**"+inHebrew("Ana")+":** "+inHebrew("Does it rain?")+"\n"), "preview", "1"),
	} {
		if w.Code == http.StatusSeeOther {
			check(name, s.raw(w.Header().Get("Location")))
			continue
		}
		check(name, w.Body.String())
	}
	if seen < 500 {
		t.Errorf("only %d texts of people were found", seen)
	}
}

// TestEveryFieldForWordsHasItsOwnDirection: what people type is shown in the direction of their language. Fields for
// names of files and keys, and addresses, are Latin.
func TestEveryFieldForWordsHasItsOwnDirection(t *testing.T) {
	latin := map[string]bool{"relay": true, "zone": true, "language": true, "key": true, "channel": true, "link": true, "base": true, "copies": true, "invitation": true, "since": true, "starts": true, "passphrase": true}
	fields := regexp.MustCompile(`(?s)<(?:input|textarea)\b(?:\{\{.*?\}\}|[^>{])*>`)
	attr := regexp.MustCompile(`\b(name|type|dir|translate)="([^"{]*)"`)
	found := 0
	for _, glob := range []string{"templates/*.html", "templates/partials/*.html", "../publish/site/templates/*.html"} {
		names, err := filepath.Glob(glob)
		if err != nil || len(names) == 0 {
			t.Fatal(glob, err)
		}
		for _, name := range names {
			text, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			for _, field := range fields.FindAllString(string(text), -1) {
				at := map[string]string{}
				for _, m := range attr.FindAllStringSubmatch(field, -1) {
					at[m[1]] = m[2]
				}
				switch {
				case at["type"] != "" && at["type"] != "text" && at["type"] != "search", latin[at["name"]], at["translate"] == "no", at["name"] == "" && strings.Contains(field, " readonly") && strings.HasPrefix(field, "<input"):
				case at["dir"] != "auto":
					t.Errorf("%s: no dir=\"auto\": %s", name, field)
				default:
					found++
				}
			}
		}
	}
	if found < 20 {
		t.Errorf("only %d fields were found", found)
	}
}

// TestPostsHaveTheLanguageOfTheWeek: screen readers and browsers need it to read aloud and to break lines. An unknown
// language is left out.
func TestPostsHaveTheLanguageOfTheWeek(t *testing.T) {
	s := newHebrewSite(t)
	for language, want := range map[string]string{"": "", "he": ` lang="he"`, "no such language": ""} {
		s.node.editViews(s.event, func(w *shownWeek) { w.event.Language = language })
		for _, path := range []string{s.week(), s.week() + "/p/" + s.id(pAnswer), s.week() + "/inbox", s.week() + "/stage"} {
			page := s.raw(path)
			words := `<div class="words" dir="auto"` + want + ">"
			if strings.HasSuffix(path, "/stage") {
				words = `dir="auto"` + want + ` data-question`
			}
			if !strings.Contains(page, words) {
				t.Errorf("%q, %s: no %s", language, path, words)
			}
			if n := strings.Count(page, " lang="); want == "" && n != 1 {
				t.Errorf("%q, %s: %d languages", language, path, n)
			}
		}
	}
}
