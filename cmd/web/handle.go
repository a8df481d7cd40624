//go:build js && wasm

package main

import (
	"bytes"
	"context"
	"net/http"
	"net/url"
	"syscall/js"

	"flyleaf/internal/jsvalue"
	"flyleaf/internal/response"
)

// restart is the key of a *bool in a request's context: true if the program has to be started
// again after this request.
type restart struct{}

// handle serves a request of a tab: an object of method, url, headers (an array of pairs)
// and body (a Uint8Array or null). See jsResponse for the object that it returns.
func (a *app) handle(args []js.Value) (any, error) {
	a.requests.begin()
	defer a.requests.end()
	again := false
	ctx := context.WithValue(context.Background(), restart{}, &again)
	in := args[0]
	target, err := url.Parse(in.Get("url").String())
	if err != nil {
		return nil, err
	}
	var body []byte
	if b := in.Get("body"); b.Truthy() {
		body = jsvalue.Bytes(b)
	}
	r, err := http.NewRequestWithContext(ctx, in.Get("method").String(), target.RequestURI(), bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	r.Host, r.RequestURI = a.host, target.RequestURI()
	headers := in.Get("headers")
	for i, n := 0, headers.Length(); i < n; i++ {
		pair := headers.Index(i)
		r.Header.Add(pair.Index(0).String(), pair.Index(1).String())
	}
	w := &response.Buffer{}
	a.pages.ServeHTTP(w, r)
	value := jsResponse(w)
	value["restart"] = again // sw.js stops the program and starts it again
	return value, nil
}

// jsResponse returns a response as an object of status, headers (an array of pairs) and
// body (a Uint8Array).
func jsResponse(w *response.Buffer) map[string]any {
	var headers []any
	for name, values := range w.Header() {
		for _, v := range values {
			headers = append(headers, []any{name, v})
		}
	}
	return map[string]any{"status": w.Status(), "headers": headers, "body": jsvalue.Uint8Array(w.Body.Bytes())}
}
