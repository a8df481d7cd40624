package feed

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"flyleaf/publish/syndication"
	"flyleaf/qa"
)

// APIPrefix is the path that the API answers below.
const APIPrefix = "/api/v1/"

//go:embed openapi.yaml
var description []byte

// Node is the device whose events are served.
type Node interface {
	Events(ctx context.Context) ([]qa.Event, error)
	Week(ctx context.Context, event qa.EventID) (qa.Week, error)
}

// APIConfig configures an API: the data that it serves, and the clients that may read it.
type APIConfig struct {
	// Node is nil on a relay, which has change feeds and no pages.
	Node   Node
	Source Source
	// Requests must send Token in the Authorization header ("Bearer …"). A relay has no token: "".
	Token string
	// Hosts are the allowed values of the Host header; none: all. A device must set Hosts to prevent
	// DNS rebinding: otherwise a page of another site could reach the API through its own host
	// name.
	Hosts []string
	// Stop ends all streams when it is closed. nil: never.
	Stop <-chan struct{}
	// Client returns a key for the client (such as its IP address), for the limit
	// MaxStreamsPerClient. Clients with the key "" do not have this limit. nil: all keys are "".
	Client func(*http.Request) string
}

// API is the HTTP handler of everything below APIPrefix.
type API struct {
	config  APIConfig
	handler http.Handler
	streams openStreams
	minIdle time.Duration // MinIdle, except in tests
}

// NewAPI returns the API of a device or a relay.
func NewAPI(c APIConfig) *API {
	a := &API{config: c, minIdle: MinIdle}
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+APIPrefix+"openapi.yaml", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/yaml")
		_, _ = w.Write(description)
	})
	if c.Node != nil {
		mux.HandleFunc("GET "+APIPrefix+"events", a.withToken(a.events))
		mux.HandleFunc("GET "+APIPrefix+"events/{event}", a.withToken(a.week))
	}
	if c.Node != nil && c.Token != "" {
		mux.HandleFunc("GET "+APIPrefix+"events/{event}/feed.atom", a.subscription(syndication.AtomType, syndication.WriteAtom))
		mux.HandleFunc("GET "+APIPrefix+"events/{event}/feed.json", a.subscription(syndication.JSONType, syndication.WriteJSON))
	}
	mux.HandleFunc("GET "+APIPrefix+"events/{event}/changes", a.withToken(a.changes))
	mux.HandleFunc(APIPrefix, func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			w.Header().Set("Allow", "GET, HEAD")
			fail(w, http.StatusMethodNotAllowed, "this API is read-only")
			return
		}
		fail(w, http.StatusNotFound, "unknown path; "+APIPrefix+"openapi.yaml lists the paths")
	})
	a.handler = mux
	return a
}

// ServeHTTP refuses requests from pages of other sites, and answers all other requests.
func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Header().Set("Cross-Origin-Resource-Policy", "same-origin")
	if hosts := a.config.Hosts; len(hosts) > 0 {
		if !slices.Contains(hosts, strings.ToLower(r.Host)) {
			fail(w, http.StatusForbidden, "unknown name in the Host header")
			return
		}
		if o := r.Header.Get("Origin"); o != "" && o != "http://"+r.Host && o != "https://"+r.Host {
			fail(w, http.StatusForbidden, "requests from pages of other sites are not allowed")
			return
		}
	}
	a.handler.ServeHTTP(w, r)
}

// TokenFrom derives the API's token from the secret that gives a browser access to the device's
// pages. A program that has the token cannot learn the secret from it.
func TokenFrom(secret string) string { return derivedKey(secret, "flyleaf api v1") }

// derivedKey derives a key for a purpose from a secret, as text for addresses and headers.
func derivedKey(secret, purpose string) string {
	m := hmac.New(sha256.New, []byte(secret))
	m.Write([]byte(purpose))
	return base64.RawURLEncoding.EncodeToString(m.Sum(nil))
}

// withToken answers requests that have the token.
func (a *API) withToken(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		given, bearer := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		if token := a.config.Token; token != "" && (!bearer || !hmac.Equal([]byte(given), []byte(token))) {
			w.Header().Set("WWW-Authenticate", `Bearer realm="flyleaf"`)
			fail(w, http.StatusUnauthorized, "missing or wrong token. Run `flyleaf serve token` and send Authorization: Bearer TOKEN")
			return
		}
		next(w, r)
	}
}

// event returns the event in a request's path. If the path has no valid event ID, it answers the
// request and returns false.
func event(w http.ResponseWriter, r *http.Request) (qa.EventID, bool) {
	id, err := qa.ParseEventID(r.PathValue("event"))
	if err != nil {
		fail(w, http.StatusBadRequest, err.Error())
		return "", false
	}
	return id, true
}

// readableEvent is like event, and also checks that the client may read the event.
func (a *API) readableEvent(w http.ResponseWriter, r *http.Request) (qa.EventID, bool) {
	id, ok := event(w, r)
	return id, ok && a.allowed(w, r, id)
}

// allowed asks the source whether an event may be read, and answers the request if not.
func (a *API) allowed(w http.ResponseWriter, r *http.Request, id qa.EventID) bool {
	err := a.config.Source.Allowed(r.Context(), id)
	switch {
	case err == nil:
		return true
	case errors.Is(err, ErrNoEvent):
		fail(w, http.StatusNotFound, err.Error())
	case errors.Is(err, ErrForbidden):
		fail(w, http.StatusForbidden, err.Error())
	default:
		fail(w, http.StatusInternalServerError, err.Error())
	}
	return false
}

func (a *API) events(w http.ResponseWriter, r *http.Request) {
	events, err := a.config.Node.Events(r.Context())
	if err != nil {
		fail(w, http.StatusInternalServerError, err.Error())
		return
	}
	if events == nil {
		events = []qa.Event{}
	}
	answer(w, http.StatusOK, events)
}

func (a *API) week(w http.ResponseWriter, r *http.Request) {
	id, ok := a.readableEvent(w, r)
	if !ok {
		return
	}
	week, err := a.config.Node.Week(r.Context(), id)
	if err != nil {
		fail(w, http.StatusInternalServerError, err.Error())
		return
	}
	answer(w, http.StatusOK, week)
}

// failure is the answer to a failed request, and the last line of a failed stream.
type failure struct {
	Error string `json:"error"`
}

func fail(w http.ResponseWriter, status int, text string) { answer(w, status, failure{text}) }

func answer(w http.ResponseWriter, status int, v any) {
	b, err := json.Marshal(v)
	if err != nil {
		status, b = http.StatusInternalServerError, []byte(`{"error":"the answer cannot be written"}`)
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write(append(b, '\n'))
}
