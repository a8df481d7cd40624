package socket

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"time"

	"flyleaf/feed"
	"flyleaf/keys"
	"flyleaf/node"
	"flyleaf/qa"
	"flyleaf/storage/mem"
)

// pair returns a device, and the same device as a client sees it through a socket.
func pair(t *testing.T) (here *node.Device, there node.Node, server *httptest.Server) {
	t.Helper()
	key, err := keys.NewKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	here, err = node.Open(t.Context(), node.Config{Store: mem.New(), Key: key})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = here.Close() })
	server, client := dial(t, here)
	return here, client, server
}

func dial(t *testing.T, n node.Node) (*httptest.Server, node.Node) {
	t.Helper()
	server := httptest.NewServer(Handler(n))
	t.Cleanup(server.Close)
	client := NewClient(&http.Client{Transport: to{server.Listener.Addr().String()}})
	t.Cleanup(client.Close)
	return server, any(client).(node.Node)
}

// to sends every request to one host.
type to struct{ host string }

func (t to) RoundTrip(r *http.Request) (*http.Response, error) {
	r.URL.Host = t.host
	return http.DefaultTransport.RoundTrip(r)
}

func TestBothSidesSeeTheSameWeek(t *testing.T) {
	here, there, _ := pair(t)
	ctx := t.Context()
	inv, err := there.CreateEvent(ctx, qa.Event{Title: "A week", Links: []qa.Link{{URL: "https://example.org", Text: "The book"}}, Prizes: 3}, "")
	if err != nil {
		t.Fatal(err)
	}
	post, err := there.Do(ctx, inv.Event, qa.Act{Kind: qa.ActPost, Text: "A question?", Tags: []string{"a", "b"}})
	if err != nil {
		t.Fatal(err)
	}
	// Numbers keep their types, and an empty list of links differs from no list.
	if _, err := there.Do(ctx, inv.Event, qa.Act{Kind: qa.ActEvent, Fields: map[string]any{"startsAt": int64(1_790_000_000_123), "prizes": uint64(1)}, Links: []qa.Link{}}); err != nil {
		t.Fatal(err)
	}
	mine, err := here.Week(ctx, inv.Event)
	if err != nil {
		t.Fatal(err)
	}
	theirs, err := there.Week(ctx, inv.Event)
	if err != nil || !reflect.DeepEqual(mine, theirs) {
		t.Errorf("%+v, %v\nwant %+v", theirs, err, mine)
	}
	if e := theirs.Event; e.StartsAtMillis != 1_790_000_000_123 || e.Prizes != 1 || len(e.Links) != 0 {
		t.Errorf("the event is %+v", e)
	}
	bundle, err := there.Bundle(ctx, inv.Event)
	if err != nil {
		t.Fatal(err)
	}
	_, other, _ := pair(t)
	if m, err := other.Merge(ctx, bundle); err != nil || m.Added != 3 || m.Title != "A week" || m.Refused == nil {
		t.Errorf("%+v, %v", m, err)
	}
	if later, err := there.SavedForLater(ctx, inv.Event); err != nil || later == nil {
		t.Errorf("%v, %v", later, err)
	}
	if v, err := there.VerifyPost(ctx, inv.Event, post); err != nil || len(v.Changes) != 1 || !v.Changes[0].Signed {
		t.Errorf("%+v, %v", v, err)
	}
}

// TestEveryMethodIsCarried calls each method with zero values. Whatever the method returns, the
// socket must carry its arguments and results.
func TestEveryMethodIsCarried(t *testing.T) {
	_, there, _ := pair(t)
	v := reflect.ValueOf(there)
	for i := range reflect.TypeFor[node.Node]().NumMethod() {
		m := reflect.TypeFor[node.Node]().Method(i)
		ctx, end := context.WithTimeout(t.Context(), 5*time.Second)
		args := []reflect.Value{reflect.ValueOf(ctx)}
		for k := 1; k < m.Type.NumIn(); k++ {
			in := m.Type.In(k)
			if in.Kind() != reflect.Func {
				args = append(args, reflect.Zero(in))
				continue
			}
			args = append(args, reflect.MakeFunc(in, func([]reflect.Value) []reflect.Value {
				return []reflect.Value{reflect.ValueOf(&errEnough).Elem()}
			}))
		}
		out := v.MethodByName(m.Name).Call(args)
		end()
		err, _ := out[len(out)-1].Interface().(error)
		if err != nil && (strings.Contains(err.Error(), "cannot be read") || strings.Contains(err.Error(), "in the middle") || node.KindOf(err) == node.OtherVersion) {
			t.Errorf("%s: %v", m.Name, err)
		}
	}
}

var errEnough = errors.New("enough")

func TestErrorsKeepTheirKind(t *testing.T) {
	_, there, _ := pair(t)
	_, err := there.Week(t.Context(), qa.MakeEventID([16]byte{1}))
	if node.KindOf(err) != node.NotFound || !strings.Contains(err.Error(), "does not follow that event") {
		t.Errorf("%v, of kind %q", err, node.KindOf(err))
	}
	if err := there.SetPerson(t.Context(), qa.Person{Name: "a\nb"}); node.KindOf(err) != node.Invalid {
		t.Errorf("%v, of kind %q", err, node.KindOf(err))
	}
}

func TestStreams(t *testing.T) {
	_, there, _ := pair(t)
	inv, err := there.CreateEvent(t.Context(), qa.Event{Title: "A week"}, "")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	began, updates, ended := make(chan struct{}), make(chan qa.Update, 9), make(chan error, 1)
	go func() {
		ended <- there.Watch(ctx, inv.Event, func(u qa.Update) error {
			if u.Event == "" {
				close(began)
			} else {
				updates <- u
			}
			return nil
		})
	}()
	<-began
	post, err := there.Do(ctx, inv.Event, qa.Act{Kind: qa.ActPost, Text: "A question?"})
	if err != nil {
		t.Fatal(err)
	}
	for u := range updates {
		if len(u.Posts) == 1 && u.Posts[0] == post {
			break
		}
	}
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("Watch ended with %v", err)
	}

	var did []feed.Entry
	if err := there.Changes(t.Context(), inv.Event, 0, false, func(e feed.Entry) error { did = append(did, e); return nil }); err != nil || len(did) != 2 {
		t.Errorf("%d entries, %v", len(did), err)
	}
	// The function ends the stream by returning an error, and the caller gets it.
	if err := there.Changes(t.Context(), inv.Event, 0, true, func(feed.Entry) error { return errEnough }); !errors.Is(err, errEnough) {
		t.Errorf("ended with %v", err)
	}
	// A stream of an event that does not exist must not hang.
	if err := there.Changes(t.Context(), "nonsense", -1, false, func(feed.Entry) error { return nil }); err != nil {
		t.Logf("a log of nothing ends with %v", err)
	}
}

// TestAnotherVersionIsReported covers both an older client and an older server.
func TestAnotherVersionIsReported(t *testing.T) {
	_, _, server := pair(t)
	ask := func(path, fingerprint string) int {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL+path, strings.NewReader("[]"))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set(headerFingerprint, fingerprint)
		res, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		return res.StatusCode
	}
	for path, want := range map[string]int{prefix + "Identity": http.StatusConflict, prefix + "Gone": http.StatusNotFound, "/rpc/identity": http.StatusNotFound} {
		if status := ask(path, "another"); status != want {
			t.Errorf("%s: %d, want %d", path, status, want)
		}
	}
	if status := ask(prefix+"Identity", Fingerprint); status != http.StatusOK {
		t.Errorf("the same version: %d", status)
	}
	for name, old := range map[string]http.Handler{
		"knows no such path": http.NotFoundHandler(),
		"answers another fingerprint": http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			answer(w, http.StatusConflict, failureOf(errVersion))
		}),
	} {
		older := httptest.NewServer(old)
		client := any(NewClient(&http.Client{Transport: to{older.Listener.Addr().String()}})).(node.Node)
		_, err := client.Identity(t.Context())
		if node.KindOf(err) != node.OtherVersion || !strings.Contains(err.Error(), "a different version") || !strings.Contains(err.Error(), "nothing was changed") {
			t.Errorf("%s: %v", name, err)
		}
		older.Close()
	}
}

// TestFingerprintsDiffer: a change to method names, parameters or JSON tags changes the
// fingerprint.
func TestFingerprintsDiffer(t *testing.T) {
	seen := map[string]reflect.Type{}
	for _, f := range []reflect.Type{
		reflect.TypeFor[interface{ M(context.Context) error }](),
		reflect.TypeFor[interface{ N(context.Context) error }](),
		reflect.TypeFor[interface {
			M(context.Context, string) error
		}](),
		reflect.TypeFor[interface {
			M(context.Context, []string) error
		}](),
		reflect.TypeFor[interface {
			M(context.Context, map[string]bool) error
		}](),
		reflect.TypeFor[interface {
			M(context.Context, struct{ A string }) error
		}](),
		reflect.TypeFor[interface {
			M(context.Context, struct {
				A string `json:"a"`
			}) error
		}](),
		reflect.TypeFor[interface {
			M(context.Context, struct{ A, B string }) error
		}](),
	} {
		print := fingerprint(f)
		if other, ok := seen[print]; ok {
			t.Errorf("%v and %v have the same fingerprint", f, other)
		}
		seen[print] = f
	}
}

// TestATruncatedResponseIsAnError covers a single result and a stream.
func TestATruncatedResponseIsAnError(t *testing.T) {
	for name, body := range map[string]string{"a result": `["abc`, "a stream": `{"value":{}}` + "\n"} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(body)) }))
		client := any(NewClient(&http.Client{Transport: to{server.Listener.Addr().String()}})).(node.Node)
		var err error
		if name == "a stream" {
			err = client.Watch(t.Context(), "", func(qa.Update) error { return nil })
		} else {
			_, err = client.Identity(t.Context())
		}
		if err == nil || !strings.Contains(err.Error(), "in the middle of its answer") {
			t.Errorf("%s: %v", name, err)
		}
		server.Close()
	}
}
