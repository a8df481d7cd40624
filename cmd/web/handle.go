//go:build js && wasm

package main

import (
	"bytes"
	"context"
	"net/http"
	"net/url"
	"syscall/js"
)

// handle answers a request of a tab: an object of method, url, headers (an array of
// pairs) and body (a Uint8Array or null). The answer has status, headers and body.
func (a *app) handle(args []js.Value) (any, error) {
	in := args[0]
	target, err := url.Parse(in.Get("url").String())
	if err != nil {
		return nil, err
	}
	var body []byte
	if b := in.Get("body"); b.Truthy() {
		body = make([]byte, b.Length())
		js.CopyBytesToGo(body, b)
	}
	r, err := http.NewRequestWithContext(context.Background(), in.Get("method").String(), target.RequestURI(), bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	r.Host, r.RequestURI = a.host, target.RequestURI()
	headers := in.Get("headers")
	for i, n := 0, headers.Length(); i < n; i++ {
		pair := headers.Index(i)
		r.Header.Add(pair.Index(0).String(), pair.Index(1).String())
	}
	w := &answer{header: http.Header{}}
	a.pages.ServeHTTP(w, r)
	return w.value(), nil
}

// answer is a response that is put together in memory.
type answer struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (w *answer) Header() http.Header { return w.header }

func (w *answer) WriteHeader(status int) {
	if w.status == 0 {
		w.status = status
	}
}

func (w *answer) Write(b []byte) (int, error) {
	w.WriteHeader(http.StatusOK)
	return w.body.Write(b)
}

func (w *answer) value() map[string]any {
	w.WriteHeader(http.StatusOK)
	var headers []any
	for name, values := range w.header {
		for _, v := range values {
			headers = append(headers, []any{name, v})
		}
	}
	body := js.Global().Get("Uint8Array").New(w.body.Len())
	js.CopyBytesToJS(body, w.body.Bytes())
	return map[string]any{"status": w.status, "headers": headers, "body": body}
}
