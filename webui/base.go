package webui

import (
	"bytes"
	"encoding/json"
	"maps"
	"net/http"
	"strings"

	"golang.org/x/net/html"

	"flyleaf/internal/response"
)

// below serves pages below a path, such as "/flyleaf". The handler of the pages does not
// know the path: below removes it from the requests and adds it to every address of this
// server in the responses. An address of this server begins with exactly one slash.
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
		page := &response.Buffer{} // an address can only be changed in a complete response
		stripped.ServeHTTP(page, r)
		writeMoved(w, base, page)
	})
}

// writeMoved writes a response with its addresses moved below base.
func writeMoved(w http.ResponseWriter, base string, page *response.Buffer) {
	h := w.Header()
	maps.Copy(h, page.Header())
	if to := h.Get("Location"); to != "" {
		h.Set("Location", moveAddress(base, to))
	}
	body := page.Body.Bytes()
	switch kind, _, _ := strings.Cut(h.Get("Content-Type"), ";"); kind {
	case "text/html":
		body = movePage(base, body)
		h.Del("Content-Length")
	case "application/json":
		body = moveJSON(base, body)
		h.Del("Content-Length")
	}
	w.WriteHeader(page.Status())
	_, _ = w.Write(body) // fails only when the browser has disconnected
}

// moveAddress puts base before an address of this server.
func moveAddress(base, address string) string {
	if strings.HasPrefix(address, "/") && !strings.HasPrefix(address, "//") {
		return base + address
	}
	return address
}

// addresses are the attributes of our pages whose value is an address.
var addresses = map[string]bool{"href": true, "src": true, "action": true, "formaction": true, "data-root": true, "data-stream": true, "data-event": true, "data-whole": true}

// movePage moves the addresses in a page. Everything else stays as it is, byte by byte.
func movePage(base string, page []byte) []byte {
	var out bytes.Buffer
	z := html.NewTokenizer(bytes.NewReader(page))
	folded := false // within a <noscript>, whose contents are one text for the tokenizer
	for {
		kind := z.Next()
		if kind == html.ErrorToken {
			return out.Bytes()
		}
		raw := append([]byte(nil), z.Raw()...)
		if kind == html.TextToken && folded {
			raw = movePage(base, raw)
		}
		if kind != html.StartTagToken && kind != html.SelfClosingTagToken {
			folded = false
			out.Write(raw)
			continue
		}
		token, moved := z.Token(), false
		folded = token.Data == "noscript"
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

// moveJSON moves the address to which a script should go.
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
