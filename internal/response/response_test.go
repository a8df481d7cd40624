package response

import (
	"net/http"
	"testing"
)

func TestFirstStatusCounts(t *testing.T) {
	for _, c := range []struct {
		name   string
		handle func(w http.ResponseWriter)
		want   int
		body   string
	}{
		{"nothing", func(http.ResponseWriter) {}, http.StatusOK, ""},
		{"a body alone", func(w http.ResponseWriter) { _, _ = w.Write([]byte("a")); w.WriteHeader(http.StatusTeapot) }, http.StatusOK, "a"},
		{"two", func(w http.ResponseWriter) {
			w.WriteHeader(http.StatusNotFound)
			w.WriteHeader(http.StatusOK)
			_, _ = w.Write([]byte("b"))
		}, http.StatusNotFound, "b"},
	} {
		var b Buffer
		b.Header().Set("X-Test", "kept")
		c.handle(&b)
		if b.Status() != c.want || b.Body.String() != c.body || b.Header().Get("X-Test") != "kept" {
			t.Errorf("%s: %d, %q, %v", c.name, b.Status(), b.Body.String(), b.Header())
		}
	}
}
