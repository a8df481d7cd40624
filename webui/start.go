package webui

import (
	"crypto/rand"
	"encoding/base64"
	"html/template"
	"io"
	"slices"
	"sync"
)

// StartTokens are what lets a browser in for the first time: each once, and only as
// long as the process runs. So nothing is lost with one that is seen afterwards, in a
// browser's history or in the arguments of a program. The zero value is ready to use,
// by many goroutines.
type StartTokens struct {
	mu     sync.Mutex
	tokens []string // not used yet, the oldest first
}

// maxStartTokens bounds those that wait to be used: of more, the oldest end.
const maxStartTokens = 16

// New makes a token: 32 random bytes, in 43 characters that an address can hold.
func (s *StartTokens) New() string {
	raw := make([]byte, 32)
	_, _ = rand.Read(raw) // it never fails, or ends the process
	t := base64.RawURLEncoding.EncodeToString(raw)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tokens = append(s.tokens, t)
	s.tokens = s.tokens[max(0, len(s.tokens)-maxStartTokens):]
	return t
}

// use reports whether a token lets somebody in, which it then does no more.
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

// startPath takes the form of WriteStartPage.
const startPath = "/start"

var startPage = template.Must(template.New("start").Parse(`<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><meta name="referrer" content="no-referrer"><title>Flyleaf</title></head>
<body><form method="post" action="{{.Action}}"><input type="hidden" name="token" value="{{.Token}}"><button>Open Flyleaf</button></form>
<script>document.forms[0].submit()</script></body></html>
`))

// WriteStartPage writes a page, to be kept in a file that nobody else can read, that
// takes the browser that opens it to the UI at base. The token is in the page's form, so
// that it stands neither in the arguments of what opens the browser nor in an address.
func WriteStartPage(w io.Writer, base, token string) error {
	return startPage.Execute(w, struct{ Action, Token string }{base + startPath, token})
}
