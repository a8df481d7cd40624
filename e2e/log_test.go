package e2e

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"reflect"
	"strings"
	"testing"
)

// row is a row of a view as JSON.
type row = map[string]any

// copied is a copy of an event built from the change feed alone.
type copied struct {
	cursor        int64
	event         row
	posts, people map[string]row
	parts         int // number of lines applied
}

func newCopied() *copied { return &copied{posts: map[string]row{}, people: map[string]row{}} }

func (c *copied) take(t *testing.T, line []byte) {
	t.Helper()
	var e struct {
		Cursor      int64
		Reset, More bool
		Error       string
		Now         struct {
			Event         row
			Posts, People []row
		}
	}
	if err := json.Unmarshal(line, &e); err != nil || e.Error != "" {
		t.Fatalf("%v in %s", err, line)
	}
	if e.Reset {
		c.posts, c.people = map[string]row{}, map[string]row{}
	}
	if e.Now.Event != nil {
		c.event = e.Now.Event
	}
	for _, p := range e.Now.Posts {
		c.posts[p["id"].(string)] = p
	}
	for _, p := range e.Now.People {
		c.people[p["id"].(string)] = p
	}
	if !e.More {
		c.cursor = e.Cursor
	}
	c.parts++
}

// pull reads at most most lines after the cursor; 0 means all.
func (c *copied) pull(t *testing.T, base, token string, most int) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, fmt.Sprintf("%s/changes?after=%d", base, c.cursor), nil)
	if err != nil {
		t.Fatal(err)
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("%s", res.Status)
	}
	lines := bufio.NewScanner(res.Body)
	lines.Buffer(nil, 16<<20)
	for n := 1; lines.Scan(); n++ {
		c.take(t, lines.Bytes())
		if n == most {
			return nil // the response ended early
		}
	}
	return lines.Err()
}

// shownWeek returns the event as the device's API shows it.
func shownWeek(t *testing.T, base, token string) (posts, people map[string]row, event row) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, base, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var w struct {
		Event   row
		People  map[string]row
		Threads []struct {
			Question row
			Replies  []row
		}
	}
	if err := json.NewDecoder(res.Body).Decode(&w); err != nil {
		t.Fatal(err)
	}
	posts = map[string]row{}
	add := func(p row) {
		for _, made := range []string{"name", "byAuthor", "replyTo"} { // computed for the page, not part of the post
			delete(p, made)
		}
		posts[p["id"].(string)] = p
	}
	for _, th := range w.Threads {
		add(th.Question)
		for _, r := range th.Replies {
			add(r)
		}
	}
	return posts, w.People, w.Event
}

func (c *copied) same(posts, people map[string]row, event row) error {
	switch {
	case !reflect.DeepEqual(c.event, event):
		return fmt.Errorf("event %v, want %v", c.event, event)
	case !reflect.DeepEqual(c.people, people):
		return fmt.Errorf("people %v, want %v", c.people, people)
	case len(c.posts) != len(posts):
		return fmt.Errorf("%d posts, want %d", len(c.posts), len(posts))
	}
	for id, p := range posts {
		if !reflect.DeepEqual(c.posts[id], p) {
			return fmt.Errorf("post %v, want %v", c.posts[id], p)
		}
	}
	return nil
}

// TestLogKeepsACopyInStep: copies built from the change feeds of a device and of the relay
// equal what the device shows, after changes of every kind from two devices, responses that end
// early, and kills of both processes.
func TestLogKeepsACopyInStep(t *testing.T) {
	t.Parallel()
	relay := newRelay(t).up("--api")
	a, b := newDevice(t), newDevice(t)
	a.run("identity", "name", "Ada")
	week := a.createWeek(relay.url())
	b.run("identity", "name", "Bela")
	a.run("sync")
	b.run("join", week.Invitation)

	token := a.run("serve", "token")
	fromDevice, fromRelay := newCopied(), newCopied()
	onRelay := "http://" + relay.addr + "/api/v1/events/" + week.Event
	server, link := a.serve()
	onDevice := func() string {
		u, err := url.Parse(link)
		if err != nil {
			t.Fatal(err)
		}
		return "http://" + u.Host + "/api/v1/events/" + week.Event
	}
	if err := fromDevice.pull(t, onDevice(), "wrong", 0); err == nil || !strings.Contains(err.Error(), "401") {
		t.Errorf("a wrong token: %v", err)
	}
	for round := range 4 {
		q := a.run("ask", fmt.Sprintf("What of round %d?", round))
		a.run("sync")
		b.run("sync")
		r := b.run("reply", q, "Nothing.")
		b.run("post", "react", q, "👍")
		b.run("post", "edit", r, "Nothing at all.")
		if round == 2 {
			b.run("post", "withdraw", r)
		}
		b.run("sync")
		if round == 3 {
			a.run("identity", "name", "Ada L.")
		}
		a.run("sync")

		if err := fromDevice.pull(t, onDevice(), token, 2); err != nil { // only the first lines
			t.Fatal(err)
		}
		if err := fromRelay.pull(t, onRelay, "", 2); err != nil {
			t.Fatal(err)
		}
		switch round {
		case 1:
			server.kill()
			server, link = a.serve()
		case 2:
			relay.kill()
			relay.up("--api")
		}
		posts, people, event := shownWeek(t, onDevice(), token)
		if err := fromDevice.pull(t, onDevice(), token, 0); err != nil {
			t.Fatal(err)
		}
		if err := fromDevice.same(posts, people, event); err != nil {
			t.Fatalf("round %d: the device's log: %v", round, err)
		}
		eventually(t, "the relay's log", func() error {
			if err := fromRelay.pull(t, onRelay, "", 0); err != nil {
				return err
			}
			return fromRelay.same(posts, people, event)
		})
	}
	if len(fromDevice.posts) != 8 || fromDevice.parts < 12 {
		t.Errorf("%d posts in %d lines: too little happened", len(fromDevice.posts), fromDevice.parts)
	}

	// The command prints the same, through the serving process.
	lines := bytes.Count([]byte(a.run("event", "log", "--json")), []byte("\n")) + 1
	if whole := newCopied(); whole.pull(t, onDevice(), token, 0) != nil || whole.parts != lines {
		t.Errorf("flyleaf event log has %d lines, the API %d", lines, whole.parts)
	}
	// With --follow it continues with new changes until Ctrl-C.
	following := start(t, a.env(), "flyleaf", "log", "--json", "--follow", fmt.Sprintf("--after=%d", fromDevice.cursor))
	a.run("ask", "Is anybody following?")
	following.line("Is anybody following?")
	if code := following.stop(); code != 0 {
		t.Errorf("Ctrl-C ended it with %d", code)
	}
	// A relay without --api does not serve the change feed.
	relay.kill()
	relay.up()
	if err := newCopied().pull(t, onRelay, "", 0); err == nil {
		t.Error("a relay without --api answers")
	}
}
