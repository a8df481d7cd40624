package webui

import (
	"context"
	"fmt"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"flyleaf/node"
	"flyleaf/qa"
)

// counting counts the calls that cost what an event, or all events, hold.
type counting struct {
	node.Node
	mu    sync.Mutex
	calls map[string]int
}

func (c *counting) count(call string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.calls[call]++
}

func (c *counting) Week(ctx context.Context, event qa.EventID) (qa.Week, error) {
	c.count("Week")
	return c.Node.Week(ctx, event)
}

func (c *counting) Events(ctx context.Context) ([]qa.Event, error) {
	c.count("Events")
	return c.Node.Events(ctx)
}

func (c *counting) Status(ctx context.Context, event qa.EventID) (qa.Status, error) {
	c.count("Status")
	return c.Node.Status(ctx, event)
}

func (c *counting) Statuses(ctx context.Context) ([]qa.Status, error) {
	c.count("Statuses")
	return c.Node.Statuses(ctx)
}

func (c *counting) Overview(ctx context.Context) ([]qa.Status, error) {
	c.count("Overview")
	return c.Node.Overview(ctx)
}

func (c *counting) Summary(ctx context.Context) (node.Summary, error) {
	c.count("Summary")
	return c.Node.Summary(ctx)
}

// TestAPageLoadsItsWeekOnce: every page, and every form, reads its week at most once, the
// status of its event at most once, and the summary of all events at most once.
func TestAPageLoadsItsWeekOnce(t *testing.T) {
	s := newSite(t, "")
	s.node.giveReaderRole(s.event, qa.RoleOrganiser)
	s.node.giveReaderRole(s.event, qa.RoleAuthor)
	c := &counting{Node: s.node}
	s.serve(c)
	post, mine := s.week()+"/p/"+s.id(pQuestion), s.week()+"/p/"+s.id(pMine)
	event := map[string]int{"Week": 1, "Status": 1, "Summary": 1}
	for _, p := range []struct {
		path string
		want map[string]int
	}{
		{s.week(), event},
		{s.week() + "?show=unanswered", event},
		{post, event},
		{mine + "/edit", event},
		{mine + "/withdraw", event},
		{post + "/moderate", event},
		{post + "/proof", event},
		{s.week() + "/people", event},
		{s.week() + "/log", event},
		{s.week() + "/inbox", event},
		{s.week() + "/winners", event},
		{s.week() + "/setup", event},
		{s.week() + "/go/" + s.id(pMine), map[string]int{"Week": 1, "Status": 1}},
		{s.week() + "/fragment?post=" + s.id(pMine), map[string]int{"Week": 1, "Status": 1}},
		{"/", map[string]int{"Overview": 1}},
		{"/you", map[string]int{"Summary": 1}},
		{"/sync/summary", map[string]int{"Summary": 1}},
		{"/sync/summary?nav=week&event=" + string(s.event), map[string]int{"Summary": 1, "Week": 1}},
		{"/sync", map[string]int{"Overview": 1, "Week": 1}}, // the one week in which something waits
	} {
		c.calls = map[string]int{}
		r := httptest.NewRequest("GET", p.path, nil)
		if w := s.do(r); w.Code >= 400 {
			t.Fatalf("GET %s: %d", p.path, w.Code)
		}
		compareCalls(t, "GET "+p.path, c.calls, p.want)
	}
	form := map[string]int{"Week": 1, "Status": 1}
	for _, p := range []struct {
		path   string
		fields []string
		want   map[string]int
	}{
		{s.week() + "/ask", []string{"body", "A question?"}, form},
		{s.week() + "/suggest", []string{"body", "A question?"}, form},
		{post + "/reply", []string{"body", "A reply"}, form},
		{post + "/answer", []string{"body", "An answer", "back", s.week() + "/inbox"}, form},
		{mine + "/edit", []string{"body", "Other words?"}, form},
		{post + "/mark", []string{"pinned", "1"}, form},
		{post + "/take", []string{"take", "1"}, form},
		{post + "/react", []string{"want", "1"}, map[string]int{}},
		{s.week() + "/ask", []string{"body", "Shown first", "preview", "1"}, event},
		{s.week() + "/setup", []string{"title", "Another title"}, form},
	} {
		c.calls = map[string]int{}
		if w := s.send(p.path, p.fields...); w.Code >= 400 {
			t.Fatalf("POST %s: %d\n%s", p.path, w.Code, w.Body)
		}
		compareCalls(t, "POST "+p.path, c.calls, p.want)
	}
}

func compareCalls(t *testing.T, what string, got, want map[string]int) {
	t.Helper()
	for _, call := range []string{"Week", "Events", "Status", "Statuses", "Overview", "Summary"} {
		if got[call] != want[call] {
			t.Errorf("%s: %s was called %d times, want %d", what, call, got[call], want[call])
		}
	}
}

// TestAFormLeadsToTheNewPost: a form leads to the right page and place of the new post, without
// loading the week again.
func TestAFormLeadsToTheNewPost(t *testing.T) {
	s := newSite(t, "")
	for n := range ThreadsOnPage - 8 + 1 { // the sample has 8 threads: the last fills no page
		to := s.sent(s.week()+"/ask", "body", fmt.Sprintf("One more, the %d.?", n))
		path, elem, _ := strings.Cut(to, "#")
		if page := s.get(path); !strings.Contains(page, `id="`+elem+`"`) {
			t.Fatalf("%s does not show the new question", to)
		}
	}
	to := s.sent(s.week()+"/ask", "body", "On the second page?")
	if !strings.Contains(to, "?page=2#p-") {
		t.Errorf("leads to %s", to)
	}
	path, elem, _ := strings.Cut(to, "#")
	mustContain(t, s.get(path), `id="`+elem+`"`)
	to = s.sent(s.week()+"/p/"+strings.TrimPrefix(elem, "p-")+"/reply", "body", "And a reply there")
	if !strings.Contains(to, "?page=2#p-") {
		t.Errorf("a reply leads to %s", to)
	}
	// A new question comes after a pinned question.
	if to := s.sent(s.week()+"/p/"+s.id(pQuestion)+"/reply", "body", "A reply on the first page"); strings.Contains(to, "page=") {
		t.Errorf("a reply on the first page leads to %s", to)
	}
}
