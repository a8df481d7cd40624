package feed_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"flyleaf/crdt/policy/policytest"
	"flyleaf/crdt/wire"
	"flyleaf/feed"
	"flyleaf/keys"
	"flyleaf/qa"
	"flyleaf/replica"
	"flyleaf/schema"
	"flyleaf/storage"
	"flyleaf/storage/mem"
)

const wait = 20 * time.Second

// device is a device with an event. It writes changes and serves its change feed.
type device struct {
	t     *testing.T
	store *mem.Store
	node  *replica.Node
	event qa.EventID
	rnd   *rand.Rand
	posts []qa.PostID

	mu       sync.Mutex
	watchers map[chan struct{}]bool
}

func newDevice(t *testing.T, seed uint64) *device {
	t.Helper()
	d := &device{t: t, store: mem.New(), rnd: rand.New(rand.NewPCG(seed, 1)), watchers: map[chan struct{}]bool{}}
	key, err := keys.KeyFromSeed(slices.Repeat([]byte{7}, keys.SeedSize))
	if err != nil {
		t.Fatal(err)
	}
	if d.node, err = replica.Open(t.Context(), replica.Config{Store: d.store, Key: key, Offline: true}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.node.Close() })
	if d.event, _, err = d.node.CreateEvent(t.Context(), qa.Event{Title: "A Week"}, ""); err != nil {
		t.Fatal(err)
	}
	return d
}

func (d *device) do(a qa.Act) qa.PostID {
	d.t.Helper()
	id, err := d.node.Do(d.t.Context(), d.event, a)
	if err != nil {
		d.t.Fatal(err)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	for c := range d.watchers {
		select {
		case c <- struct{}{}:
		default:
		}
	}
	return id
}

// randomAct performs one random act.
func (d *device) randomAct() {
	text := fmt.Sprintf("words %d", d.rnd.Int())
	if len(d.posts) == 0 {
		d.posts = append(d.posts, d.do(qa.Act{Kind: qa.ActPost, Text: text}))
		return
	}
	post := d.posts[d.rnd.IntN(len(d.posts))]
	on := d.rnd.IntN(3) > 0
	switch d.rnd.IntN(9) {
	case 0:
		d.posts = append(d.posts, d.do(qa.Act{Kind: qa.ActPost, Text: text}))
	case 1:
		d.posts = append(d.posts, d.do(qa.Act{Kind: qa.ActPost, Parent: post, Text: text}))
	case 2:
		d.do(qa.Act{Kind: qa.ActEdit, Post: post, Text: text})
	case 3:
		d.do(qa.Act{Kind: qa.ActWithdraw, Post: post, On: on})
	case 4:
		d.do(qa.Act{Kind: qa.ActReact, Post: post, Emoji: []string{"👍", qa.WantEmoji}[d.rnd.IntN(2)], On: on})
	case 5:
		d.do(qa.Act{Kind: qa.ActPerson, Person: &qa.Person{Name: text}})
	case 6:
		d.do(qa.Act{Kind: qa.ActEvent, Fields: map[string]any{"title": text}})
	case 7:
		d.do(qa.Act{Kind: qa.ActRole, Identity: qa.Identity(strings.Repeat("ab", 32)), Role: qa.RoleAuthor, On: on})
	case 8:
		d.do(qa.Act{Kind: qa.ActMark, Post: post, Mark: "hidden", Text: []string{"", "not about the book"}[d.rnd.IntN(2)]})
	}
}

// Entries, Allowed and Watch make the device a feed.Source.
func (d *device) Entries(ctx context.Context, event qa.EventID, after int64, fn func(storage.Entry) error) error {
	return d.store.Entries(ctx, event, after, fn)
}

// forbidden is an event that nobody may read.
var forbidden = qa.MakeEventID([16]byte{2})

func (d *device) Allowed(_ context.Context, event qa.EventID) error {
	switch event {
	case d.event:
		return nil
	case forbidden:
		return feed.ErrForbidden
	}
	return feed.ErrNoEvent
}

func (d *device) Watch(qa.EventID) (<-chan struct{}, func()) {
	c := make(chan struct{}, 1)
	d.mu.Lock()
	defer d.mu.Unlock()
	d.watchers[c] = true
	return c, func() {
		d.mu.Lock()
		defer d.mu.Unlock()
		delete(d.watchers, c)
	}
}

// feedCopy is another program's copy of the views, made only from the change feed.
type feedCopy struct {
	cursor int64
	event  qa.Event
	posts  map[qa.PostID]qa.Post
	people map[qa.Identity]qa.Person
}

func newFeedCopy() *feedCopy {
	return &feedCopy{posts: map[qa.PostID]qa.Post{}, people: map[qa.Identity]qa.Person{}}
}

func (o *feedCopy) take(e feed.Entry) {
	if e.Reset {
		o.posts, o.people = map[qa.PostID]qa.Post{}, map[qa.Identity]qa.Person{}
	}
	if e.Now.Event != nil {
		o.event = *e.Now.Event
	}
	for _, p := range e.Now.Posts {
		o.posts[p.ID] = p
	}
	for _, p := range e.Now.People {
		o.people[p.ID] = p
	}
	if !e.More {
		o.cursor = e.Cursor
	}
}

// differs returns how the copy differs from the views of the device.
func (o *feedCopy) differs(t *testing.T, d *device) string {
	t.Helper()
	event, err := d.store.Event(t.Context(), d.event)
	if err != nil {
		t.Fatal(err)
	}
	posts, err := d.store.Posts(t.Context(), d.event)
	if err != nil {
		t.Fatal(err)
	}
	people, err := d.store.People(t.Context(), d.event)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := asJSON(t, o.event), asJSON(t, event); got != want {
		return "event: " + got + "\nwant   " + want
	}
	if len(posts) != len(o.posts) || len(people) != len(o.people) {
		return fmt.Sprintf("%d posts and %d people, want %d and %d", len(o.posts), len(o.people), len(posts), len(people))
	}
	for _, p := range posts {
		if got, want := asJSON(t, o.posts[p.ID]), asJSON(t, p); got != want {
			return "post:  " + got + "\nwant   " + want
		}
	}
	for _, p := range people {
		if !reflect.DeepEqual(o.people[p.ID], p) {
			return fmt.Sprintf("%+v, want %+v", o.people[p.ID], p)
		}
	}
	return ""
}

func asJSON(t *testing.T, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func serve(t *testing.T, d *device, stop <-chan struct{}) *httptest.Server {
	return serveAPI(t, feed.NewAPI(feed.APIConfig{Source: d, Stop: stop}))
}

func serveAPI(t *testing.T, api *feed.API) *httptest.Server {
	s := httptest.NewServer(api)
	t.Cleanup(s.Close)
	return s
}

func get(t *testing.T, url, accept string) *http.Response {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Accept", accept)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = res.Body.Close() })
	return res
}

// TestCopyFromTheFeedEqualsTheDevice: a copy that is made only from the feed, with connections that
// end again and again in the middle of an answer, equals the device's views.
func TestCopyFromTheFeedEqualsTheDevice(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	if s := os.Getenv("FLYLEAF_SEED"); s != "" {
		seed, _ = strconv.ParseUint(s, 10, 64)
	}
	t.Logf("FLYLEAF_SEED=%d", seed)
	d := newDevice(t, seed)
	copied := newFeedCopy()
	cut := 0
	for range 25 {
		for range 1 + d.rnd.IntN(12) {
			d.randomAct()
		}
		s := serve(t, d, nil) // a new one each time: nothing is remembered on that side
		for {
			res := get(t, fmt.Sprintf("%s/api/v1/events/%s/changes?after=%d", s.URL, d.event, copied.cursor), "application/jsonl")
			lines, whole := bufio.NewScanner(res.Body), true
			for n := d.rnd.IntN(8); lines.Scan(); n-- {
				if n == 0 {
					whole = false
					cut++
					break
				}
				var e feed.Entry
				if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
					t.Fatalf("%v in %s", err, lines.Text())
				}
				copied.take(e)
			}
			_ = res.Body.Close()
			if whole {
				break
			}
		}
		s.Close()
		if d := copied.differs(t, d); d != "" {
			t.Fatal(d)
		}
	}
	if cut == 0 || len(copied.posts) < 10 {
		t.Errorf("cut off %d times, %d posts: too little happened", cut, len(copied.posts))
	}
}

// TestStreamContinuesAfterReconnecting: server-sent events are sent as changes are made,
// and after a lost connection they continue after the ID of the last event.
func TestStreamContinuesAfterReconnecting(t *testing.T) {
	d := newDevice(t, 1)
	stop := make(chan struct{})
	s := serve(t, d, stop)
	url := s.URL + "/api/v1/events/" + string(d.event) + "/changes"
	res := get(t, url, "text/event-stream")
	events := bufio.NewScanner(res.Body)
	first := nextEvent(t, events)
	if first["id"] == "" || !strings.Contains(first["data"], `"kind":"found"`) {
		t.Fatalf("%v", first)
	}
	post := d.do(qa.Act{Kind: qa.ActPost, Text: "Is it live?"})
	asked := nextEvent(t, events)
	var e feed.Entry
	if err := json.Unmarshal([]byte(asked["data"]), &e); err != nil {
		t.Fatal(err)
	}
	want := []qa.ChangeDescription{{Kind: schema.DidAsk, Post: post, Text: "Is it live?"}}
	if !slices.Equal(e.Did, want) || e.By != d.node.Identity() || len(e.Now.Posts) != 1 || e.Now.Posts[0].Text() != "Is it live?" {
		t.Fatalf("%+v", e)
	}
	_ = res.Body.Close()
	d.do(qa.Act{Kind: qa.ActReact, Post: post, Emoji: "👍", On: true})
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url+"?after=0", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Accept", "text/event-stream")
	req.Header.Set("Last-Event-ID", asked["id"])
	res, err = http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	events = bufio.NewScanner(res.Body)
	if again := nextEvent(t, events); !strings.Contains(again["data"], `"kind":"react"`) {
		t.Fatalf("%v", again)
	}
	close(stop)
	if events.Scan() {
		t.Fatalf("more after the end: %q", events.Text())
	}
}

// closed is a source whose ledgers will not grow any more.
type closed struct{ *device }

func (closed) Watch(qa.EventID) (<-chan struct{}, func()) {
	c := make(chan struct{})
	close(c)
	return c, func() {}
}

// TestFollowEndsWhenTheLedgerIsClosed: Follow reports all existing entries, then returns.
func TestFollowEndsWhenTheLedgerIsClosed(t *testing.T) {
	d := newDevice(t, 1)
	d.do(qa.Act{Kind: qa.ActPost, Text: "Is it over?"})
	var told []string
	err := feed.Follow(t.Context(), closed{d}, d.event, 0, func(e feed.Entry) error {
		told = append(told, string(e.Did[0].Kind))
		return nil
	}, func(news bool) error {
		told = append(told, fmt.Sprint("news ", news))
		return nil
	})
	if err != nil || !slices.Equal(told, []string{string(schema.DidCreate), string(schema.DidAsk), "news true"}) {
		t.Errorf("%q, %v", told, err)
	}
}

func nextEvent(t *testing.T, lines *bufio.Scanner) map[string]string {
	t.Helper()
	got := make(chan map[string]string, 1)
	go func() {
		out := map[string]string{}
		for lines.Scan() && lines.Text() != "" {
			name, value, _ := strings.Cut(lines.Text(), ": ")
			out[name] = value
		}
		got <- out
	}()
	select {
	case out := <-got:
		return out
	case <-time.After(wait):
		t.Fatal("no event came")
		return nil
	}
}

// TestEveryActHasADescription: the feed describes every act that a device can author.
func TestEveryActHasADescription(t *testing.T) {
	d := newDevice(t, 1)
	q := d.do(qa.Act{Kind: qa.ActPost, Text: "Q", Tags: []string{"a"}})
	r := d.do(qa.Act{Kind: qa.ActPost, Parent: q, Text: "R", OnBehalfOf: "Zoë"})
	other := qa.Identity(strings.Repeat("cd", 32))
	d.do(qa.Act{Kind: qa.ActEdit, Post: q, Text: "Q2"})
	d.do(qa.Act{Kind: qa.ActWithdraw, Post: r, On: true})
	d.do(qa.Act{Kind: qa.ActReact, Post: q, Emoji: "👍", On: true})
	d.do(qa.Act{Kind: qa.ActPerson, Person: &qa.Person{Name: "Ada"}})
	d.do(qa.Act{Kind: qa.ActRole, Identity: other, Role: qa.RoleAuthor, On: true})
	d.do(qa.Act{Kind: qa.ActMark, Post: q, Mark: "pinned", On: true})
	d.do(qa.Act{Kind: qa.ActMark, Post: q, Mark: "hidden", Text: "why"})
	d.do(qa.Act{Kind: qa.ActEvent, Fields: map[string]any{"closed": true}})
	var got []qa.ChangeDescription
	read := feed.NewReader(d.store, d.event, 0)
	if err := read.Read(t.Context(), func(e feed.Entry) error { got = append(got, e.Did...); return nil }); err != nil {
		t.Fatal(err)
	}
	me := d.node.Identity()
	want := []qa.ChangeDescription{
		{Kind: schema.DidCreate},
		{Kind: schema.DidAsk, Post: q, Text: "Q"},
		{Kind: schema.DidReply, Post: r, Parent: q, Text: "R"},
		{Kind: schema.DidEdit, Post: q, Text: "Q2"},
		{Kind: schema.DidWithdraw, Post: r, On: true},
		{Kind: schema.DidReact, Post: q, Key: "👍", On: true},
		{Kind: schema.DidPerson, Person: me, Key: "name", Text: "Ada"},
		{Kind: schema.DidRole, Person: other, Key: "author", On: true},
		{Kind: schema.DidMark, Post: q, Key: "pinned", On: true},
		{Kind: schema.DidMark, Post: q, Key: "hidden", Text: "why"},
		{Kind: schema.DidEvent, Key: "closed", Value: true},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

// TestExcludedChangesResetTheCopy: when changes are excluded from the event, a copy starts again, whatever
// its cursor.
func TestExcludedChangesResetTheCopy(t *testing.T) {
	d := newDevice(t, 1)
	keep := d.do(qa.Act{Kind: qa.ActPost, Text: "stays"})
	d.do(qa.Act{Kind: qa.ActPost, Text: "goes"})
	live, late := newFeedCopy(), newFeedCopy()
	reader := feed.NewReader(d.store, d.event, 0)
	read := func(o *feedCopy, r *feed.Reader) (entries []feed.Entry) {
		t.Helper()
		if err := r.Read(t.Context(), func(e feed.Entry) error {
			o.take(e)
			entries = append(entries, e)
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		return entries
	}
	read(live, reader)
	late.cursor = live.cursor
	for id, p := range live.posts {
		late.posts[id] = p
	}
	// Like an earlier version on an equivocation: exclude the last change, and the other change of
	// the same writer, which arrives now.
	var last storage.Entry
	if err := d.store.Entries(t.Context(), d.event, 0, func(e storage.Entry) error { last = e; return nil }); err != nil {
		t.Fatal(err)
	}
	if err := d.store.Append(t.Context(), storage.Batch{Event: d.event, Statuses: map[wire.Hash]storage.Status{last.Hash(): storage.Excluded}}); err != nil {
		t.Fatal(err)
	}
	identical := newDevice(t, 1)
	var other storage.Entry
	if err := identical.store.Entries(t.Context(), identical.event, 0, func(e storage.Entry) error { other = e; return nil }); err != nil {
		t.Fatal(err)
	}
	other.Status = storage.Excluded
	if err := d.store.Append(t.Context(), storage.Batch{Event: d.event, Entries: []storage.Entry{other}}); err != nil {
		t.Fatal(err)
	}
	for name, entries := range map[string][]feed.Entry{
		"live":    read(live, reader),
		"resumed": read(late, feed.NewReader(d.store, d.event, late.cursor)),
	} {
		if len(entries) != 1 || !entries[0].Reset {
			t.Fatalf("%s: %+v", name, entries)
		}
	}
	for _, o := range []*feedCopy{live, late} {
		if _, ok := o.posts[keep]; !ok || len(o.posts) != 1 {
			t.Errorf("%d posts", len(o.posts))
		}
	}
}

// TestManyRowsAreSentInParts: closing an event touches every post, and a reader cannot resume
// after a part.
func TestManyRowsAreSentInParts(t *testing.T) {
	d := newDevice(t, 1)
	for i := range 450 {
		d.do(qa.Act{Kind: qa.ActPost, Text: strconv.Itoa(i)})
	}
	r := feed.NewReader(d.store, d.event, 0)
	if err := r.Read(t.Context(), func(feed.Entry) error { return nil }); err != nil {
		t.Fatal(err)
	}
	before := r.Cursor()
	d.do(qa.Act{Kind: qa.ActEvent, Fields: map[string]any{"closed": true}})
	stop := errors.New("stop")
	if err := r.Read(t.Context(), func(e feed.Entry) error {
		if !e.More || len(e.Did) != 1 {
			t.Errorf("more %t, did %v", e.More, e.Did)
		}
		return stop
	}); !errors.Is(err, stop) || r.Cursor() != before {
		t.Fatalf("%v, cursor %d, was %d", err, r.Cursor(), before)
	}
	parts, posts := 0, 0
	if err := r.Read(t.Context(), func(e feed.Entry) error {
		parts++
		posts += len(e.Now.Posts)
		if e.More != (parts < 3) || (parts > 1) != (len(e.Did) == 0) {
			t.Errorf("part %d: more %t, did %v", parts, e.More, e.Did)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if parts != 3 || posts != 450 {
		t.Errorf("%d parts with %d posts", parts, posts)
	}
}

func TestRequestsThatAreRefused(t *testing.T) {
	d := newDevice(t, 1)
	s := serve(t, d, nil)
	base := s.URL + "/api/v1/events/" + string(d.event) + "/changes"
	other := s.URL + "/api/v1/events/" + string(qa.MakeEventID([16]byte{1})) + "/changes"
	for _, c := range []struct {
		url    string
		status int
	}{
		{base, 200},
		{base + "?after=x", 400},
		{base + "?after=-1", 400},
		{base + "?follow=maybe", 400},
		{s.URL + "/api/v1/events/nonsense/changes", 400},
		{other, 404},
		{s.URL + "/api/v1/events/" + string(forbidden) + "/changes", 403},
		{base + "?after=999999", 200},
	} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, c.url, nil)
		if err != nil {
			t.Fatal(err)
		}
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(res.Body)
		_ = res.Body.Close()
		if res.StatusCode != c.status || c.status >= 400 && !strings.Contains(string(body), `"error":`) {
			t.Errorf("%s: %d %s", c.url, res.StatusCode, body)
		}
	}
}

// follow opens streams of an address, and fails the test when one is not opened.
func follow(t *testing.T, url, address string, n int) (all []*http.Response) {
	t.Helper()
	for range n {
		res := getFrom(t, url, address)
		if res.StatusCode != 200 {
			t.Fatalf("%s: %s", address, res.Status)
		}
		all = append(all, res)
	}
	return all
}

func getFrom(t *testing.T, url, address string) *http.Response {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("X-From", address)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = res.Body.Close() })
	return res
}

// TestSilentStreamsGiveWay: idle streams of one address do not keep others out. The number of streams of an address is
// limited; a further request from it ends the stream that was idle for longest, and that stream is told why.
func TestSilentStreamsGiveWay(t *testing.T) {
	d := newDevice(t, 1)
	api := feed.NewAPI(feed.APIConfig{Source: d, Client: func(r *http.Request) string { return r.Header.Get("X-From") }})
	s := serveAPI(t, api)
	url := s.URL + "/api/v1/events/" + string(d.event) + "/changes?follow=1"

	one := follow(t, url, "203.0.113.1", feed.MaxStreamsPerClient)
	if res := getFrom(t, url, "203.0.113.1"); res.StatusCode != http.StatusTooManyRequests || res.Header.Get("Retry-After") == "" {
		t.Fatalf("%s", res.Status)
	}
	for i := range feed.MaxStreams/feed.MaxStreamsPerClient - 1 {
		follow(t, url, fmt.Sprint("203.0.113.", 2+i), feed.MaxStreamsPerClient)
	}
	// The maximum number of streams is open; a new client's request ends a stream of a client with many.
	follow(t, url, "198.51.100.7", 1)
	api.SetMinIdle(time.Nanosecond)
	follow(t, url, "203.0.113.1", feed.MaxStreamsPerClient)
	for _, res := range one {
		b, err := io.ReadAll(res.Body) // it has ended
		if err != nil || !strings.Contains(string(b), "make room for others") {
			t.Fatalf("it ended with %q, %v", b, err)
		}
	}
}

// TestSilentStreamsOfOneMachineGiveWay: requests from this machine, and of clients that are not distinguished, have no
// limit per client. Idle streams still end when the maximum number of streams is open.
func TestSilentStreamsOfOneMachineGiveWay(t *testing.T) {
	d := newDevice(t, 1)
	api := feed.NewAPI(feed.APIConfig{Source: d})
	api.SetMinIdle(time.Nanosecond)
	s := serveAPI(t, api)
	url := s.URL + "/api/v1/events/" + string(d.event) + "/changes?follow=1"
	first := follow(t, url, "", 1)[0]
	follow(t, url, "", feed.MaxStreams)
	if b, err := io.ReadAll(first.Body); err != nil || !strings.Contains(string(b), "make room for others") {
		t.Errorf("it ended with %q, %v", b, err)
	}
}

// stalledClient is a client that reads nothing.
type stalledClient struct {
	http.ResponseWriter
	over chan struct{} // closed when it may take no longer
	once sync.Once
	in   *sync.WaitGroup // done when it is written to
	met  sync.Once
}

func (c *stalledClient) Header() http.Header { return http.Header{} }
func (c *stalledClient) WriteHeader(int)     {}

func (c *stalledClient) Write([]byte) (int, error) {
	c.met.Do(c.in.Done)
	<-c.over
	return 0, os.ErrDeadlineExceeded
}

func (c *stalledClient) SetWriteDeadline(t time.Time) error {
	if !t.IsZero() && time.Until(t) < 10*time.Second {
		c.once.Do(func() { close(c.over) })
	}
	return nil
}

// TestUnreadStreamsAreEvicted: a stream of a client that does not read is evicted too.
func TestUnreadStreamsAreEvicted(t *testing.T) {
	d := newDevice(t, 1)
	api := feed.NewAPI(feed.APIConfig{Source: d, Client: func(*http.Request) string { return "one" }})
	api.SetMinIdle(time.Nanosecond)
	s := serveAPI(t, api)
	var all, in sync.WaitGroup
	var clients []*stalledClient
	for range feed.MaxStreamsPerClient {
		in.Add(1)
		c := &stalledClient{over: make(chan struct{}), in: &in}
		clients = append(clients, c)
		all.Go(func() {
			req := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/api/v1/events/"+string(d.event)+"/changes", nil)
			api.ServeHTTP(c, req)
		})
	}
	in.Wait()
	url := s.URL + "/api/v1/events/" + string(d.event) + "/changes?follow=1"
	follow(t, url, "one", feed.MaxStreamsPerClient)
	for _, c := range clients {
		<-c.over
	}
	all.Wait()
}

// TestTooManyStreams: a request beyond the maximum number of streams gets an error that says so, and when a stream ends
// another can be opened.
func TestTooManyStreams(t *testing.T) {
	d := newDevice(t, 1)
	s := serve(t, d, nil)
	url := s.URL + "/api/v1/events/" + string(d.event) + "/changes?follow=1"
	var open []*http.Response
	for range feed.MaxStreams {
		res := get(t, url, "")
		if res.StatusCode != 200 {
			t.Fatal(res.Status)
		}
		open = append(open, res)
	}
	if res := get(t, url, ""); res.StatusCode != 503 || res.Header.Get("Retry-After") == "" {
		t.Fatalf("%s", res.Status)
	}
	_ = open[0].Body.Close()
	for deadline := time.Now().Add(wait); ; {
		res := get(t, url, "")
		if res.StatusCode == 200 {
			return
		}
		_ = res.Body.Close()
		if time.Now().After(deadline) {
			t.Fatal("no place became free")
		}
	}
}

// TestVoid: two versions of a change are reported as changes. A program that applies the entries then has the same rows
// as a device that knows both versions.
func TestVoid(t *testing.T) {
	w := policytest.NewWorld(policytest.Options{})
	equivocator, reader := w.Writer("equivocator"), w.Writer("reader")
	other := equivocator.Clone()
	var question, reply qa.PostID
	on := w.Heads()
	equivocator.Do(func(d *policytest.Draft) { question = d.Post("", "Honest?") })
	reader.Do(func(d *policytest.Draft) { reply = d.Post(question, "A reply.") })
	other.DoOn(on, func(d *policytest.Draft) { d.Post("", "Another?") })
	store := mem.New()
	for i, s := range w.Changes {
		err := store.Append(t.Context(), storage.Batch{Event: w.Event, Entries: []storage.Entry{{
			Chunk: s.Change.Chunk(), Actor: s.Change.Actor, Seq: s.Change.Seq, Signature: s.Signature, ReceivedAtMillis: int64(i),
		}}})
		if err != nil {
			t.Fatal(err)
		}
	}
	o := newFeedCopy()
	var entries []feed.Entry
	err := feed.NewReader(store, w.Event, 0).Read(t.Context(), func(e feed.Entry) error {
		o.take(e)
		entries = append(entries, e)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(entries) != 4 || entries[1].Void || entries[2].Void || !entries[3].Void || entries[3].Reset {
		t.Fatalf("%+v", entries)
	}
	if q, r := o.posts[question], o.posts[reply]; !q.Void || q.Text() != "" || r.Void || r.Text() != "A reply." || len(o.posts) != 2 {
		t.Errorf("%+v", o.posts)
	}
}
