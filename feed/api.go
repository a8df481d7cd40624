package feed

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"slices"
	"strings"

	"flyleaf/publish/syndication"
	"flyleaf/qa"
)

// APIPrefix is the path that Handler answers below.
const APIPrefix = "/api/v1/"

//go:embed openapi.yaml
var description []byte

// OpenAPI returns the API's description: OpenAPI 3, as YAML.
func OpenAPI() []byte { return slices.Clone(description) }

// Node is the device whose events are served.
type Node interface {
	Events(ctx context.Context) ([]qa.Event, error)
	Week(ctx context.Context, event qa.EventID) (qa.Week, error)
}

// APIConfig is what an API is made of.
type APIConfig struct {
	// Node is nil on a relay, which knows events only as logs of changes.
	Node Node
	Log  Source
	// Token has to stand in the Authorization header ("Bearer …"). "" asks for
	// none, which is for a relay alone.
	Token string
	// Hosts are the values of the Host header that are answered; none: all. A
	// device must set it, or pages of other sites can reach it by a name of theirs.
	Hosts []string
	// Stop ends all streams when it is closed. nil: never.
	Stop <-chan struct{}
	// From tells those apart who read logs: ChangesHandler.
	From func(*http.Request) string
}

// TokenFrom derives the API's token from the device's secret for its pages, so
// that a program that was given the one does not have the other.
func TokenFrom(secret string) string {
	m := hmac.New(sha256.New, []byte(secret))
	m.Write([]byte("flyleaf api v1"))
	return base64.RawURLEncoding.EncodeToString(m.Sum(nil))
}

// NewAPI returns the handler of everything below APIPrefix.
func NewAPI(c APIConfig) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+APIPrefix+"openapi.yaml", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/yaml")
		_, _ = w.Write(description)
	})
	closed := c.locked
	if c.Node != nil {
		mux.HandleFunc("GET "+APIPrefix+"events", closed(c.events))
		mux.HandleFunc("GET "+APIPrefix+"events/{event}", closed(c.week))
	}
	if c.Node != nil && c.Token != "" {
		mux.HandleFunc("GET "+APIPrefix+"events/{event}/feed.atom", c.feed(syndication.AtomType, syndication.WriteAtom))
		mux.HandleFunc("GET "+APIPrefix+"events/{event}/feed.json", c.feed(syndication.JSONType, syndication.WriteJSON))
	}
	log := &ChangesHandler{Source: c.Log, Stop: c.Stop, From: c.From}
	mux.HandleFunc("GET "+APIPrefix+"events/{event}/changes", closed(log.ServeHTTP))
	mux.HandleFunc(APIPrefix, func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			w.Header().Set("Allow", "GET, HEAD")
			fail(w, http.StatusMethodNotAllowed, "nothing can be changed through this API")
			return
		}
		fail(w, http.StatusNotFound, "there is nothing here; "+APIPrefix+"openapi.yaml says what there is")
	})
	return c.guard(mux)
}

// guard refuses requests that a page of another site made.
func (c *APIConfig) guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Content-Type-Options", "nosniff")
		w.Header().Set("Cross-Origin-Resource-Policy", "same-origin")
		if len(c.Hosts) > 0 {
			if !slices.Contains(c.Hosts, strings.ToLower(r.Host)) {
				fail(w, http.StatusForbidden, "Flyleaf does not answer under this name")
				return
			}
			if o := r.Header.Get("Origin"); o != "" && o != "http://"+r.Host && o != "https://"+r.Host {
				fail(w, http.StatusForbidden, "this request came from a page of another address")
				return
			}
		}
		next.ServeHTTP(w, r)
	})
}

// locked asks for the token.
func (c *APIConfig) locked(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		given, bearer := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		if c.Token != "" && (!bearer || !hmac.Equal([]byte(given), []byte(c.Token))) {
			w.Header().Set("WWW-Authenticate", `Bearer realm="flyleaf"`)
			fail(w, http.StatusUnauthorized, "this needs the token that `flyleaf serve token` prints, as Authorization: Bearer TOKEN")
			return
		}
		next(w, r)
	}
}

func (c *APIConfig) events(w http.ResponseWriter, r *http.Request) {
	events, err := c.Node.Events(r.Context())
	if err != nil {
		fail(w, http.StatusInternalServerError, err.Error())
		return
	}
	if events == nil {
		events = []qa.Event{}
	}
	answer(w, http.StatusOK, events)
}

func (c *APIConfig) week(w http.ResponseWriter, r *http.Request) {
	event, err := qa.ParseEventID(r.PathValue("event"))
	if err != nil {
		fail(w, http.StatusBadRequest, err.Error())
		return
	}
	// Asked before, and of the log, so that both paths know the same events.
	if err := c.Log.Allowed(r, event); err != nil {
		fail(w, statusOf(err), err.Error())
		return
	}
	week, err := c.Node.Week(r.Context(), event)
	if err != nil {
		fail(w, http.StatusInternalServerError, err.Error())
		return
	}
	answer(w, http.StatusOK, week)
}

func fail(w http.ResponseWriter, status int, text string) {
	answer(w, status, map[string]string{"error": text})
}

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
