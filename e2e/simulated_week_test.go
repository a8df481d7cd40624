package e2e

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"flyleaf/keys"
	"flyleaf/keys/encrypted"
	"flyleaf/publish"
	"flyleaf/publish/site"
	"flyleaf/qa"
	relays "flyleaf/relay"
	"flyleaf/replica"
	"flyleaf/replica/relayclient"
	"flyleaf/storage/mem"
)

// clock is the clock of everybody in a simulated week.
type clock struct{ ms atomic.Int64 }

func (c *clock) now() time.Time       { return time.UnixMilli(c.ms.Load()) }
func (c *clock) set(t time.Time)      { c.ms.Store(t.UnixMilli()) }
func (c *clock) pass(d time.Duration) { c.ms.Add(d.Milliseconds()) }

// train is a dialler that has a network only while it is at a station.
type train struct {
	relayclient.WebSocket
	mu      sync.Mutex
	station bool
	open    []relayclient.Conn
}

func (n *train) Dial(ctx context.Context, url string) (relayclient.Conn, error) {
	n.mu.Lock()
	station := n.station
	n.mu.Unlock()
	if !station {
		return nil, errors.New("there is no network on this train")
	}
	conn, err := n.WebSocket.Dial(ctx, url)
	n.mu.Lock()
	defer n.mu.Unlock()
	if err == nil && !n.station { // it left the station during the dial
		_ = conn.Close()
		return nil, errors.New("there is no network on this train")
	}
	n.open = append(n.open, conn)
	return conn, err
}

// stop arrives at a station, or leaves it.
func (n *train) stop(at bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.station = at; at {
		return
	}
	for _, c := range n.open {
		if c != nil {
			_ = c.Close()
		}
	}
	n.open = nil
}

// someone is a person with one device in a simulated week.
type someone struct {
	*testing.T
	name  string
	key   keys.Key
	node  *replica.Node
	event qa.EventID
	clock *clock
	train *train
}

func (s *someone) id() qa.Identity { return s.node.Identity() }

// do carries out an act at the clock's time, and advances the clock by a minute.
func (s *someone) do(a qa.Act) qa.PostID {
	s.Helper()
	a.AtMillis = s.clock.now().UnixMilli()
	id, err := s.node.Do(s.Context(), s.event, a)
	if err != nil {
		s.Fatalf("%s, %s: %v", s.name, a.Kind, err)
	}
	s.clock.pass(time.Minute)
	return id
}

// online connects until device and relay are in sync.
func (s *someone) online() {
	s.Helper()
	s.train.stop(true)
	defer s.train.stop(false)
	s.node.Wake()
	ctx, cancel := context.WithTimeout(s.Context(), patience)
	defer cancel()
	if err := s.node.Sync(ctx, s.event); err != nil {
		s.Fatalf("%s: %v", s.name, err)
	}
}

func (s *someone) week() qa.Week {
	s.Helper()
	w, err := s.node.Week(s.Context(), s.event)
	if err != nil {
		s.Fatal(err)
	}
	w.Event.ID = s.event
	return w
}

// TestSimulatedWeek plays a week from its setup to the published page with a simulated clock:
// eight readers, two authors who are offline half of the time, late questions, moderation, a
// draw, encrypted contacts, and a site that is checked in a browser.
func TestSimulatedWeek(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	if s := os.Getenv("FLYLEAF_SEED"); s != "" {
		seed, _ = strconv.ParseUint(s, 10, 64)
	}
	t.Logf("FLYLEAF_SEED=%d", seed)
	rnd := rand.New(rand.NewPCG(seed, 1))
	day := func(d, h int) time.Time { return time.Date(2026, 11, d, h, 0, 0, 0, time.UTC) }
	c := &clock{}
	c.set(day(20, 10)) // the Friday before the week

	hub, err := relays.New(relays.Config{Store: mem.New(), Now: c.now})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(hub)
	t.Cleanup(func() { _ = hub.Shutdown(context.Background()); server.Close() })
	url := "ws" + strings.TrimPrefix(server.URL, "http")
	enter := func(name string) *someone {
		key, err := keys.NewKey(nil)
		if err != nil {
			t.Fatal(err)
		}
		network := &train{}
		node, err := replica.Open(t.Context(), replica.Config{Store: mem.New(), Key: key, Now: c.now, Dial: network, RetryMin: time.Millisecond, RetryMax: 20 * time.Millisecond})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = node.Close() })
		return &someone{T: t, name: name, key: key, node: node, clock: c, train: network}
	}

	// Friday: the organiser sets up the week and invites two authors.
	orla := enter("Orla")
	week := qa.Event{Title: "The Patient Ledger", Authors: "Ilse Marrow, Teodor Anand", Zone: "UTC", Prizes: 2, Description: "Append-only thinking."}
	week.SetWeek(2026, time.November, 23, time.UTC)
	event, open, err := orla.node.CreateEvent(t.Context(), week, url)
	if err != nil {
		t.Fatal(err)
	}
	orla.event = event
	orla.do(qa.Act{Kind: qa.ActPerson, Person: &qa.Person{Name: "Orla"}})
	var authors, readers, all []*someone
	join := func(s *someone, inv qa.Invitation) {
		t.Helper()
		s.event = event
		if err := s.node.Join(t.Context(), inv); err != nil {
			t.Fatal(err)
		}
		s.online()
		s.do(qa.Act{Kind: qa.ActPerson, Person: &qa.Person{Name: s.name}})
	}
	for _, name := range []string{"Ilse", "Teodor"} {
		made, err := orla.node.Invite(t.Context(), event, qa.RoleAuthor, name)
		if err != nil {
			t.Fatal(err)
		}
		orla.online()
		s := enter(name)
		join(s, made.Link)
		authors = append(authors, s)
	}
	eventually(t, "the roles", func() error {
		all := append([]*someone{orla}, authors...)
		for _, s := range all {
			s.online()
		}
		for _, s := range authors {
			if w := s.week(); !w.Event.HasRole(s.id(), qa.RoleAuthor) {
				return fmt.Errorf("%s is no author yet", s.name)
			}
		}
		return nil
	})
	for i := range 8 {
		s := enter(fmt.Sprintf("Reader %d", i+1))
		join(s, open)
		readers = append(readers, s)
	}
	all = append(append(append(all, orla), authors...), readers...)

	// Monday to Thursday.
	questions, answers := 0, 0
	for d := 23; d <= 26; d++ {
		c.set(day(d, 9))
		for i, r := range readers {
			if rnd.IntN(3) > 0 {
				r.online()
			}
			if rnd.IntN(2) == 0 || d == 23 {
				r.do(qa.Act{Kind: qa.ActPost, Text: fmt.Sprintf("Question of %s on day %d?", r.name, d)})
				questions++
			}
			// React to somebody else's question, if the device has one.
			if w := r.week(); len(w.Threads) > 0 {
				if th := w.Threads[rnd.IntN(len(w.Threads))]; th.Question.By != r.id() {
					r.do(qa.Act{Kind: qa.ActReact, Post: th.Question.ID, Emoji: qa.WantEmoji, On: true})
				}
			}
			if i%2 == d%2 {
				r.online()
			}
		}
		for i, a := range authors {
			online := (i+d)%2 == 0 // each author is offline every other day, and answers anyway
			if online {
				a.online()
			}
			in := a.week()
			for k, item := range in.NewInbox(a.id(), nil, 0, qa.InboxWanted).Waiting {
				if k < 3 {
					a.do(qa.Act{Kind: qa.ActPost, Parent: item.Thread.Question.ID, Text: fmt.Sprintf("Answer of %s.", a.name)})
					answers++
				}
			}
			if online {
				a.online()
			}
		}
	}
	for _, s := range all {
		s.online()
	}
	orla.online()

	// Moderation: one question is hidden, one is marked as a duplicate, one person is blocked.
	w := orla.week()
	if questions < 10 || answers < 4 || len(w.Threads) != questions {
		t.Fatalf("%d questions, %d of them here, %d answers: too little happened", questions, len(w.Threads), answers)
	}
	hidden, first, again := w.Threads[0].Question, w.Threads[1].Question, w.Threads[2].Question
	orla.do(qa.Act{Kind: qa.ActMark, Post: hidden.ID, Mark: "hidden", Text: "not about the book"})
	orla.do(qa.Act{Kind: qa.ActMark, Post: again.ID, Mark: "duplicateOf", Text: string(first.ID)})
	blocked := readers[7]
	orla.do(qa.Act{Kind: qa.ActBlock, Identity: blocked.id(), Text: "sells watches"})
	orla.online()

	// Friday: candidates, secrets, one choice by hand.
	c.set(day(27, 9))
	authors[0].online()
	entrants := map[qa.Identity]bool{}
	for _, th := range authors[0].week().Threads {
		q := th.Question
		if q.Shown() && q.By != blocked.id() && !entrants[q.By] && len(entrants) < 4 {
			entrants[q.By] = true
			authors[0].do(qa.Act{Kind: qa.ActMark, Post: q.ID, Mark: "candidate", Identity: authors[0].id(), On: true})
		}
	}
	partners := []*someone{orla, authors[0], authors[1]}
	for _, s := range partners {
		s.online()
		hash, err := qa.CommitDraw(event, s.id(), secretOf(s))
		if err != nil {
			t.Fatal(err)
		}
		s.do(qa.Act{Kind: qa.ActDraw, Mark: "commit", Bytes: hash})
		s.online()
	}
	// A reader on a train does not learn of the closing before the evening, and the blocked person
	// keeps writing.
	late := readers[0].do(qa.Act{Kind: qa.ActPost, Text: "Asked on a train, while the week was being closed?"})
	unseen := blocked.do(qa.Act{Kind: qa.ActPost, Text: "Watches, cheap!"})
	c.set(day(27, 12))
	orla.online()
	orla.do(qa.Act{Kind: qa.ActEvent, Fields: map[string]any{"closed": true}})
	orla.online()
	for _, s := range partners {
		s.online()
		s.do(qa.Act{Kind: qa.ActDraw, Mark: "reveal", Bytes: secretOf(s)})
		s.online()
	}
	for range 2 {
		for _, s := range all {
			if s != blocked { // the relay defers the blocked person's posts
				s.online()
			}
		}
	}

	// Everybody sees the same.
	shown := shownBy(t, orla)
	for _, s := range all {
		if s != blocked && shownBy(t, s) != shown {
			t.Errorf("%s sees a different week", s.name)
		}
	}
	w = orla.week()
	find := func(id qa.PostID) *qa.PostView {
		for i := range w.Threads {
			if w.Threads[i].Question.ID == id {
				return &w.Threads[i].Question
			}
		}
		return nil
	}
	if p := find(late); p == nil || !p.Late {
		t.Errorf("the late question: %+v", p)
	}
	if p := find(unseen); p != nil && p.Shown() {
		t.Error("a post of the blocked person is shown")
	}
	drawn, err := w.RunDraw()
	if err != nil || drawn.State != qa.DrawDone || len(drawn.Secrets) != 3 || len(drawn.Order) != 4 {
		t.Fatalf("%+v, %v", drawn, err)
	}
	prizes := w.Prizes(drawn)
	if len(prizes) != 2 || prizes[0].By == prizes[1].By {
		t.Fatalf("%+v", prizes)
	}

	// Claims: encrypted by the winners, readable only for the founder.
	for _, s := range readers {
		if s.id() == prizes[0].By || s.id() == prizes[1].By {
			sealed, err := encrypted.SealContact(orla.id(), "Send it to "+s.name)
			if err != nil {
				t.Fatal(err)
			}
			s.do(qa.Act{Kind: qa.ActContact, Bytes: sealed})
			s.online()
		}
	}
	orla.online()
	contacts, err := orla.node.Contacts(t.Context(), event)
	if err != nil || len(contacts) != 2 {
		t.Fatalf("%d contacts, %v", len(contacts), err)
	}
	for by, sealed := range contacts {
		text, err := encrypted.OpenContact(orla.key, sealed)
		if err != nil || !strings.HasPrefix(text, "Send it to Reader") {
			t.Errorf("%s: %q, %v", by.Short(), text, err)
		}
		if _, err := encrypted.OpenContact(authors[0].key, sealed); err == nil {
			t.Error("an author can read a winner's contact")
		}
	}

	// The published page, read without a server.
	c.set(day(28, 9))
	for _, th := range publish.Publish(orla.week()).Threads {
		if strings.Contains(th.Text, "Asked on a train") {
			t.Error("a late question is published without approval")
		}
	}
	orla.do(qa.Act{Kind: qa.ActMark, Mark: "approved", Post: late, On: true})
	made, err := site.Build(publish.SiteConfig{Title: "The Lamplight Readers", Now: c.now()}, []site.Week{{Key: string(event), Published: publish.Publish(orla.week())}})
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for _, f := range made.Files {
		path := filepath.Join(dir, filepath.FromSlash(f.Path))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, f.Body, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	ctx := browser(t)
	do(t, ctx, chromedp.Navigate("file://"+filepath.Join(dir, made.Pages[string(event)])))
	shows(t, ctx, "The Patient Ledger")
	text := ask[string](t, ctx, `document.body.innerText`)
	for _, want := range []string{first.Text(), "Answer of Ilse.", "Asked on a train"} {
		if !strings.Contains(text, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	for _, not := range []string{hidden.Text(), "Watches"} {
		if strings.Contains(text, not) {
			t.Errorf("the page shows %q", not)
		}
	}
	if n := strings.Count(text, "Question of Reader"); n < questions/2 {
		t.Errorf("%d of %d questions on the page", n, questions)
	}
}

// secretOf returns a person's secret for the draw.
func secretOf(s *someone) []byte {
	s.Helper()
	secret, err := keys.DrawSecret(s.key, s.event)
	if err != nil {
		s.Fatal(err)
	}
	return secret
}

// shownBy returns everything that a device shows of the week, as one text.
func shownBy(t *testing.T, s *someone) string {
	t.Helper()
	w := s.week()
	slices.SortFunc(w.Event.Roles, func(a, b qa.Grant) int {
		return strings.Compare(string(a.ID+qa.Identity(a.Role)), string(b.ID+qa.Identity(b.Role)))
	})
	b, err := json.Marshal(w)
	if err != nil {
		t.Fatal(err)
	}
	return hex.EncodeToString(b)
}
