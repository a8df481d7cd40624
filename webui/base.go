package webui

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strings"

	"golang.org/x/net/html"
)

// below serves pages that know nothing of it below a path, such as "/flyleaf": it takes
// the path off the requests and puts it before every address of this server in the
// answers. An address of this server begins with one slash.
func below(base string, pages http.Handler) http.Handler {
	if base == "" {
		return pages
	}
	stripped := http.StripPrefix(base, pages)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != base && !strings.HasPrefix(r.URL.Path, base+"/") {
			http.NotFound(w, r)
			return
		}
		moved := &movedAnswer{ResponseWriter: w, base: base}
		stripped.ServeHTTP(moved, r)
		moved.finish()
	})
}

// movedAnswer holds an answer back until it is whole, so that its addresses can be moved.
type movedAnswer struct {
	http.ResponseWriter
	base   string
	status int
	body   bytes.Buffer
}

func (w *movedAnswer) WriteHeader(status int) {
	if w.status == 0 {
		w.status = status
	}
}

func (w *movedAnswer) Write(b []byte) (int, error) {
	w.WriteHeader(http.StatusOK)
	return w.body.Write(b)
}

func (w *movedAnswer) finish() {
	w.WriteHeader(http.StatusOK)
	h := w.Header()
	if to := h.Get("Location"); to != "" {
		h.Set("Location", moveAddress(w.base, to))
	}
	body := w.body.Bytes()
	switch kind, _, _ := strings.Cut(h.Get("Content-Type"), ";"); kind {
	case "text/html":
		body = movePage(w.base, body)
		h.Del("Content-Length")
	case "application/json":
		body = moveJSON(w.base, body)
		h.Del("Content-Length")
	}
	w.ResponseWriter.WriteHeader(w.status)
	_, _ = w.ResponseWriter.Write(body) // the reader has gone away: nobody to tell
}

// moveAddress puts base before an address of this server.
func moveAddress(base, address string) string {
	if strings.HasPrefix(address, "/") && !strings.HasPrefix(address, "//") {
		return base + address
	}
	return address
}

// addresses are the attributes of our pages that hold one.
var addresses = map[string]bool{"href": true, "src": true, "action": true, "formaction": true, "data-root": true, "data-stream": true, "data-event": true}

// movePage moves the addresses in a page. Everything else stays as it is, byte by byte.
func movePage(base string, page []byte) []byte {
	var out bytes.Buffer
	z := html.NewTokenizer(bytes.NewReader(page))
	for {
		kind := z.Next()
		if kind == html.ErrorToken {
			return out.Bytes()
		}
		raw := append([]byte(nil), z.Raw()...)
		if kind != html.StartTagToken && kind != html.SelfClosingTagToken {
			out.Write(raw)
			continue
		}
		token, moved := z.Token(), false
		for i := range token.Attr {
			a := &token.Attr[i]
			if !addresses[a.Key] {
				continue
			}
			if to := moveAddress(base, a.Val); to != a.Val {
				a.Val, moved = to, true
			}
		}
		if !moved {
			out.Write(raw)
			continue
		}
		out.WriteString(token.String())
	}
}

// moveJSON moves the address that a script is to go to.
func moveJSON(base string, body []byte) []byte {
	var answer map[string]any
	if json.Unmarshal(body, &answer) != nil {
		return body
	}
	to, ok := answer["location"].(string)
	if !ok {
		return body
	}
	answer["location"] = moveAddress(base, to)
	b, err := json.Marshal(answer)
	if err != nil {
		return body
	}
	return b
}
