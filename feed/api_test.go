package feed_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/gorillamux"
	"github.com/mmcdole/gofeed"

	"flyleaf/feed"
	"flyleaf/keys"
	"flyleaf/qa"
	"flyleaf/replica"
	"flyleaf/storage/mem"
)

const token = "the-token"

// source is a store as a feed.Source, in which one event may not be read.
type source struct {
	*mem.Store
	forbidden qa.EventID
}

func (s source) Allowed(ctx context.Context, event qa.EventID) error {
	if event == s.forbidden {
		return feed.ErrForbidden
	}
	if _, err := s.Event(ctx, event); err != nil {
		return feed.ErrNoEvent
	}
	return nil
}

func (source) Watch(qa.EventID) (<-chan struct{}, func()) { return nil, func() {} }

// fixture is an API with a week that has an act of every kind.
type fixture struct {
	url       string
	event     qa.EventID
	forbidden qa.EventID
	doc       *openapi3.T
	router    routers.Router
}

func newFixture(t *testing.T, onRelay bool) *fixture {
	t.Helper()
	store := mem.New()
	key, err := keys.KeyFromSeed(slices.Repeat([]byte{7}, keys.SeedSize))
	if err != nil {
		t.Fatal(err)
	}
	node, err := replica.Open(t.Context(), replica.Config{Store: store, Key: key, Offline: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = node.Close() })
	f := &fixture{forbidden: qa.MakeEventID([16]byte{9})}
	f.event, _, err = node.CreateEvent(t.Context(), qa.Event{Title: "A Week", Authors: "Ada", StartsAtMillis: 1, EndsAtMillis: 2, Links: []qa.Link{{Text: "a", URL: "https://example.org"}}}, "ws://127.0.0.1:1")
	if err != nil {
		t.Fatal(err)
	}
	do := func(a qa.Act) qa.PostID {
		t.Helper()
		id, err := node.Do(t.Context(), f.event, a)
		if err != nil {
			t.Fatal(err)
		}
		return id
	}
	q := do(qa.Act{Kind: qa.ActPost, Text: "Why?", Tags: []string{"a", "b"}})
	r := do(qa.Act{Kind: qa.ActPost, Parent: q, Text: "Because.", OnBehalfOf: "Zoë", AsAuthor: true})
	do(qa.Act{Kind: qa.ActEdit, Post: q, Text: "Why not?"})
	do(qa.Act{Kind: qa.ActWithdraw, Post: r, On: true})
	do(qa.Act{Kind: qa.ActReact, Post: q, Emoji: qa.WantEmoji, On: true})
	do(qa.Act{Kind: qa.ActPerson, Person: &qa.Person{Name: "Ada", PublishAs: "initials"}})
	do(qa.Act{Kind: qa.ActMark, Post: q, Mark: "hidden", Text: "why"})
	do(qa.Act{Kind: qa.ActRole, Identity: qa.Identity(strings.Repeat("ab", 32)), Role: qa.RoleAuthor, On: true})
	do(qa.Act{Kind: qa.ActEvent, Fields: map[string]any{"prizes": uint64(3), "closed": true}})

	c := feed.APIConfig{Source: source{store, f.forbidden}, Token: token, Node: node}
	if onRelay {
		c.Token, c.Node = "", nil
	}
	s := httptest.NewUnstartedServer(nil)
	host := s.Listener.Addr().String()
	if !onRelay {
		c.Hosts = []string{host}
	}
	s.Config.Handler = feed.NewAPI(c)
	s.Start()
	t.Cleanup(s.Close)
	f.url = s.URL + "/api/v1"

	description, err := http.Get(f.url + "/openapi.yaml")
	if err != nil {
		t.Fatal(err)
	}
	f.doc, err = openapi3.NewLoader().LoadFromIoReader(description.Body)
	_ = description.Body.Close()
	if err != nil {
		t.Fatal(err)
	}
	if err := f.doc.Validate(t.Context()); err != nil {
		t.Fatalf("the description itself: %v", err)
	}
	f.doc.Servers = openapi3.Servers{{URL: f.url}}
	if f.router, err = gorillamux.NewRouter(f.doc); err != nil {
		t.Fatal(err)
	}
	return f
}

type request struct {
	path   string
	header http.Header
	method string
}

// ask sends a request and checks that request and answer match the description. outside: the request
// itself is not described.
func (f *fixture) ask(t *testing.T, r request, outside bool) (status int, body []byte) {
	t.Helper()
	if r.method == "" {
		r.method = http.MethodGet
	}
	req, err := http.NewRequestWithContext(t.Context(), r.method, f.url+r.path, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	for k, v := range r.header {
		req.Header[k] = v
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if body, err = io.ReadAll(res.Body); err != nil {
		t.Fatal(err)
	}
	route, params, err := f.router.FindRoute(req)
	if err != nil {
		t.Fatalf("%s is not described: %v", r.path, err)
	}
	input := &openapi3filter.RequestValidationInput{
		Request: req, PathParams: params, Route: route,
		Options: &openapi3filter.Options{AuthenticationFunc: openapi3filter.NoopAuthenticationFunc, IncludeResponseStatus: true},
	}
	if err := openapi3filter.ValidateRequest(t.Context(), input); (err != nil) != outside {
		t.Errorf("%s: the request is described: %t (%v)", r.path, err == nil, err)
	}
	kind, _, _ := strings.Cut(res.Header.Get("Content-Type"), ";")
	described := route.Operation.Responses.Status(res.StatusCode)
	if described == nil || described.Value.Content[kind] == nil {
		t.Fatalf("%s: %d as %s is not described", r.path, res.StatusCode, kind)
	}
	schema := described.Value.Content[kind].Schema.Value
	switch kind {
	case "application/json", "application/feed+json":
		f.check(t, schema, body)
	case "application/jsonl":
		for line := range bytes.Lines(body) {
			f.check(t, schema, line)
		}
	case "text/event-stream":
		for line := range bytes.Lines(body) {
			if data, ok := bytes.CutPrefix(line, []byte("data: ")); ok {
				f.check(t, schema, data)
			}
		}
	}
	return res.StatusCode, body
}

func (f *fixture) check(t *testing.T, schema *openapi3.Schema, b []byte) {
	t.Helper()
	var v any
	if err := json.Unmarshal(b, &v); err != nil {
		t.Fatalf("%v in %s", err, b)
	}
	if err := schema.VisitJSON(v); err != nil {
		t.Errorf("%v\nin %s", err, b)
	}
}

// TestAnswersMatchTheDescription sends every request in the description, once for each described
// answer, and checks that every answer matches.
func TestAnswersMatchTheDescription(t *testing.T) {
	f := newFixture(t, false)
	other := string(qa.MakeEventID([16]byte{1}))
	event := string(f.event)
	wrong := http.Header{"Authorization": {"Bearer nonsense"}}
	foreign := http.Header{"Origin": {"https://example.org"}}
	seen := map[string]bool{}
	type described struct {
		request
		status  int
		outside bool // the request breaks the description
	}
	cases := []described{
		{request{path: "/openapi.yaml", header: wrong}, 200, false},
		{request{path: "/events"}, 200, false},
		{request{path: "/events", header: wrong}, 401, false},
		{request{path: "/events", header: foreign}, 403, false},
		{request{path: "/events/" + event}, 200, false},
		{request{path: "/events/" + event, header: wrong}, 401, false},
		{request{path: "/events/" + event, header: foreign}, 403, false},
		{request{path: "/events/nonsense"}, 400, false},
		{request{path: "/events/" + other}, 404, false},
		{request{path: "/events/" + string(f.forbidden)}, 403, false},
		{request{path: "/events/" + event + "/changes"}, 200, false},
		{request{path: "/events/" + event + "/changes?after=2&follow=0"}, 200, false},
		{request{path: "/events/" + event + "/changes?after=x"}, 400, true},
		{request{path: "/events/" + event + "/changes?follow=maybe"}, 400, true},
		{request{path: "/events/" + event + "/changes", header: wrong}, 401, false},
		{request{path: "/events/" + event + "/changes", header: foreign}, 403, false},
		{request{path: "/events/" + string(f.forbidden) + "/changes"}, 403, false},
		{request{path: "/events/" + other + "/changes"}, 404, false},
	}
	for _, name := range []string{"feed.atom", "feed.json"} {
		at := func(event string) string {
			return "/events/" + event + "/" + name + "?key=" + feed.SubscriptionKey(token, qa.EventID(event))
		}
		cases = append(cases, []described{
			{request{path: at(event), header: wrong}, 200, false}, // a feed reader has no token
			{request{path: at(event), header: foreign}, 403, false},
			{request{path: "/events/" + event + "/" + name + "?key=" + feed.SubscriptionKey(token, f.forbidden)}, 401, false},
			{request{path: "/events/" + event + "/" + name + "?key=" + token}, 401, false},
			{request{path: at("nonsense")}, 400, false},
			{request{path: at(other)}, 404, false},
			{request{path: at(string(f.forbidden))}, 403, false},
		}...)
	}
	for _, c := range cases {
		status, body := f.ask(t, c.request, c.outside)
		if status != c.status {
			t.Errorf("%s %v: %d %s", c.path, c.header, status, body)
		}
		if route, ok := operationOf(c.path); ok {
			seen[fmt.Sprintf("%s %d", route, status)] = true
		}
	}
	for path, item := range f.doc.Paths.Map() {
		for status := range item.Get.Responses.Map() {
			// Too many streams are tested in feed_test.go, and unchanged feeds in TestAtomAndJSONFeeds.
			if status != "503" && status != "429" && status != "304" && !seen[path+" "+status] {
				t.Errorf("%s %s is described and was never seen", path, status)
			}
		}
	}
}

func operationOf(path string) (string, bool) {
	path, _, _ = strings.Cut(path, "?")
	switch parts := strings.Split(strings.Trim(path, "/"), "/"); {
	case len(parts) == 1:
		return "/" + parts[0], true
	case len(parts) == 2:
		return "/events/{event}", true
	case len(parts) == 3:
		return "/events/{event}/" + parts[2], true
	}
	return "", false
}

// TestStreamIsDescribed: the entries in server-sent events match the description.
func TestStreamIsDescribed(t *testing.T) {
	f := newFixture(t, false)
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, f.url+"/events/"+string(f.event)+"/changes", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	req.Header.Set("Accept", "text/event-stream")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	schema := f.doc.Paths.Find("/events/{event}/changes").Get.Responses.Status(200).Value.Content["text/event-stream"].Schema.Value
	var got []byte
	entries := 0
	for b := make([]byte, 4096); entries < 10; {
		n, err := res.Body.Read(b)
		got = append(got, b[:n]...)
		for {
			event, rest, ok := bytes.Cut(got, []byte("\n\n"))
			if !ok {
				break
			}
			got = rest
			_, data, ok := bytes.Cut(event, []byte("\ndata: "))
			if !ok || !bytes.HasPrefix(event, []byte("id: ")) {
				t.Fatalf("%q", event)
			}
			f.check(t, schema, data)
			entries++
		}
		if err != nil {
			t.Fatalf("after %d entries: %v", entries, err)
		}
	}
}

// TestUndescribedRequestsAreRefused: paths and methods without a description are refused, and change
// nothing.
func TestUndescribedRequestsAreRefused(t *testing.T) {
	f := newFixture(t, false)
	relay := newFixture(t, true)
	for _, c := range []struct {
		name, method, url string
		status            int
	}{
		{"another path", "GET", f.url + "/posts", 404},
		{"a change", "POST", f.url + "/events", 405},
		{"a deletion", "DELETE", f.url + "/events/" + string(f.event), 405},
		{"a relay's events", "GET", relay.url + "/events", 404},
		{"a relay's week", "GET", relay.url + "/events/" + string(relay.event), 404},
		{"a relay's log without a token", "GET", relay.url + "/events/" + string(relay.event) + "/changes", 200},
	} {
		req, err := http.NewRequestWithContext(t.Context(), c.method, c.url, nil)
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasPrefix(c.url, f.url) {
			req.Header.Set("Authorization", "Bearer "+token)
		}
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(res.Body)
		_ = res.Body.Close()
		if res.StatusCode != c.status {
			t.Errorf("%s: %d %s", c.name, res.StatusCode, body)
		}
	}
}

// TestOtherHostNamesAreRefused: a request to a host name that somebody pointed at this
// machine is refused, even for the description.
func TestOtherHostNamesAreRefused(t *testing.T) {
	f := newFixture(t, false)
	for _, path := range []string{"/openapi.yaml", "/events"} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, f.url+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Host = "rebound.example"
		req.Header.Set("Authorization", "Bearer "+token)
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
		if res.StatusCode != http.StatusForbidden {
			t.Errorf("%s: %s", path, res.Status)
		}
	}
}

// TestAtomAndJSONFeeds: independent readers read the feeds, an unchanged feed is not sent twice,
// and a relay has no feeds.
func TestAtomAndJSONFeeds(t *testing.T) {
	f := newFixture(t, false)
	for _, json := range []bool{false, true} {
		address := strings.TrimSuffix(f.url, "/api/v1") + feed.SubscriptionPath(token, f.event, json)
		get := func(tag string) (*http.Response, []byte) {
			t.Helper()
			req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, nil)
			if err != nil {
				t.Fatal(err)
			}
			if tag != "" {
				req.Header.Set("If-None-Match", tag)
			}
			res, err := http.DefaultClient.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			defer res.Body.Close()
			body, err := io.ReadAll(res.Body)
			if err != nil {
				t.Fatal(err)
			}
			return res, body
		}
		res, body := get("")
		if res.StatusCode != http.StatusOK {
			t.Fatalf("%s: %s", res.Status, body)
		}
		// The question is hidden and its one reply withdrawn: only the week is left.
		read, err := gofeed.NewParser().Parse(bytes.NewReader(body))
		if err != nil || read.Title != "A Week, with Ada" || len(read.Items) != 0 {
			t.Errorf("%v: %+v", err, read)
		}
		if bytes.Contains(body, []byte(feed.SubscriptionKey(token, f.event))) {
			t.Error("the feed contains the key")
		}
		if res, _ := get(res.Header.Get("ETag")); res.StatusCode != http.StatusNotModified {
			t.Errorf("what did not change is sent again: %s", res.Status)
		}
	}
	relay := newFixture(t, true)
	res, err := http.Get(strings.TrimSuffix(relay.url, "/api/v1") + feed.SubscriptionPath("", relay.event, false))
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	if res.StatusCode != http.StatusNotFound {
		t.Errorf("a relay answers %s", res.Status)
	}
}

func TestTokenFrom(t *testing.T) {
	a, b := feed.TokenFrom("one"), feed.TokenFrom("two")
	if a == b || len(a) < 40 || strings.Contains(a, "one") {
		t.Errorf("%q %q", a, b)
	}
}

// TestTokenAndKeyNeverChange: addresses and tokens that other programs have stay valid.
func TestTokenAndKeyNeverChange(t *testing.T) {
	token := feed.TokenFrom("secret")
	if want := "LzqmICYkb1Lh_UbxdgmILWqOac8hC8KPEWZS_gj_GFg"; token != want {
		t.Errorf("the token is %s, was %s", token, want)
	}
	if got, want := feed.SubscriptionKey(token, "event"), "3SiTK9B0iNh2JOveq6ihmQDYmnIMfhNBy_KhVb5azBw"; got != want {
		t.Errorf("the key is %s, was %s", got, want)
	}
}
