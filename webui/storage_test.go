package webui

import (
	"context"
	"errors"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// The page about storage says what the browser may do, and calls nothing safe that the browser
// may clear.
func TestStoragePage(t *testing.T) {
	for _, c := range []struct {
		what   Storage
		err    error
		says   []string
		denies []string
	}{
		{Storage{Used: 34_500_000, Allowed: 6_000_000_000}, nil, []string{"This browser may delete it.", "34 MB", "6.0 GB", "data-persist"}, []string{"does not delete it to save space"}},
		{Storage{Persistent: true, Used: 4_200_000}, nil, []string{"does not delete it to save space", "It is still lost when you clear", "4.2 MB", "The browser does not say"}, []string{"data-persist", "This browser may delete it."}},
		{Storage{}, errors.New("no"), []string{"does not say how long", "It may delete all of it"}, []string{"data-persist"}},
	} {
		s := newSite(t, "")
		s.h = New(Config{
			Node: s.node, Hosts: []string{testHost}, Browser: true, Now: func() time.Time { return testNow }, Zone: time.UTC,
			Storage: func(context.Context) (Storage, error) { return c.what, c.err },
		})
		w := s.do(httptest.NewRequest("GET", "/storage", nil))
		page := w.Body.String()
		mustContain(t, page, append(c.says, "In a private window", "Keep a second copy")...)
		mustNotContain(t, page, c.denies...)
		if strings.Contains(strings.ReplaceAll(page, "Safari", ""), "afe") {
			t.Errorf("something is called safe: %s", page)
		}
	}
}
