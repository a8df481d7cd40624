package webui

import (
	"crypto/rand"
	_ "embed"
	"encoding/base64"
	"html/template"
	"io"
	"slices"
	"sync"
)

// StartTokens are tokens that admit a browser that has no cookie. Each token works once,
// and only while the process runs. So a token that somebody finds later, in a browser's
// history or in the arguments of a program, is useless. The zero value is ready to use.
// Its methods may be called concurrently.
type StartTokens struct {
	mu     sync.Mutex
	tokens []string // unused ones, oldest first
}

// maxStartTokens is the maximum number of unused tokens. Making another one discards the oldest.
const maxStartTokens = 16

// New returns a new token: 32 random bytes, written as 43 characters that are valid in a URL.
func (s *StartTokens) New() string {
	raw := make([]byte, 32)
	_, _ = rand.Read(raw) // never returns an error
	t := base64.RawURLEncoding.EncodeToString(raw)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tokens = append(s.tokens, t)
	s.tokens = s.tokens[max(0, len(s.tokens)-maxStartTokens):]
	return t
}

// use reports whether a token is valid, and uses it up.
func (s *StartTokens) use(t string) bool {
	if s == nil || t == "" {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	i := slices.IndexFunc(s.tokens, func(x string) bool { return equalSecrets(x, t) })
	if i < 0 {
		return false
	}
	s.tokens = slices.Delete(s.tokens, i, i+1)
	return true
}

// startPath is the address of the form that WriteStartPage writes.
const startPath = "/start"

//go:embed start.html
var startHTML string

var startPage = template.Must(template.New("start").Parse(startHTML))

// WriteStartPage writes a page that takes the browser that opens it to a path of the UI at base.
// The caller must store it in a file that nobody else can read. Token and path are in the page's
// form, so they do not appear in the arguments of the program that opens the browser.
func WriteStartPage(w io.Writer, base, token, path string) error {
	return startPage.Execute(w, struct{ Action, Token, Path string }{base + startPath, token, path})
}
