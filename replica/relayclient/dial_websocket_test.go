//go:build !js

package relayclient

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// TestExplainDialSaysWhyARelayRefuses: a relay that accepts no connection now says why. Only a server that
// answers otherwise is called none.
func TestExplainDialSaysWhyARelayRefuses(t *testing.T) {
	for _, c := range []struct {
		status     int
		body, want string
	}{
		{http.StatusTooManyRequests, "Too many connections from your address.\n", "the relay refused the connection: Too many connections from your address"},
		{http.StatusServiceUnavailable, "The relay has too many connections. Try again later.\n", "the relay refused the connection: The relay has too many connections. Try again later"},
		{http.StatusServiceUnavailable, "<html><h1>503</h1>", "the relay refused the connection: service unavailable"},
		{http.StatusTooManyRequests, "", "the relay refused the connection: too many requests"},
		{http.StatusNotFound, "Nothing here.", "the server at this address is not a relay"},
	} {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { http.Error(w, c.body, c.status) }))
		_, err := WebSocket{}.Dial(t.Context(), "ws"+strings.TrimPrefix(s.URL, "http"))
		s.Close()
		if err == nil || ExplainDial(err) != c.want {
			t.Errorf("%d %q: %s (%v)", c.status, c.body, ExplainDial(err), err)
		}
	}
}
