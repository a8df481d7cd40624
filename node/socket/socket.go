// Package socket carries node.Node from the process that serves a data directory to other
// processes of the same program, over HTTP on a local socket. The program listens and dials.
//
// Each method of the interface is one path, POST /node/METHOD. The request is a JSON array of
// the method's arguments without the context; the response is a JSON array of its results
// without the error. For a stream, a method whose last parameter is a function, the response is
// JSON lines: {"value": …} for each call of the function, then {"end": true}, so that a
// truncated response is detected. A failure is {"kind", "message", "refused"}, with the kind
// from node.KindOf.
//
// The server finds methods by reflection. The client's methods are in calls.go, which a test
// generates from the interface. Both sides send a fingerprint of all methods and their types.
// If the fingerprints differ, the caller gets an error of kind OtherVersion.
package socket

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"reflect"
	"strings"

	"flyleaf/crdt/bundle"
	"flyleaf/node"
)

const (
	prefix = "/node/"
	// headerFingerprint carries Fingerprint in requests and responses.
	headerFingerprint = "Flyleaf-Node"
	// maxRequest is the maximum size of a request in bytes. The largest requests contain a
	// bundle in base64.
	maxRequest = bundle.MaxSize/3*4 + 1<<20
)

// method is one method of node.Node as the socket carries it.
type method struct {
	index int
	in    []reflect.Type // after the context, and before the function of a stream
	item  reflect.Type   // the function parameter of a stream, nil for other methods
}

var (
	typeContext = reflect.TypeFor[context.Context]()
	typeError   = reflect.TypeFor[error]()
	methods     = methodsOf(reflect.TypeFor[node.Node]())
	// Fingerprint identifies a version of node.Node: its methods and all types in them.
	Fingerprint = fingerprint(reflect.TypeFor[node.Node]())
)

// methodsOf panics if the interface has a method that cannot be carried, which is a bug.
func methodsOf(t reflect.Type) map[string]method {
	out := map[string]method{}
	for i := range t.NumMethod() {
		m, f := method{index: i}, t.Method(i).Type
		if f.NumIn() == 0 || f.In(0) != typeContext || f.NumOut() == 0 || f.Out(f.NumOut()-1) != typeError {
			panic("socket: " + t.Method(i).Name + " does not begin with a context and end with an error")
		}
		for k := 1; k < f.NumIn(); k++ {
			if f.In(k).Kind() != reflect.Func {
				m.in = append(m.in, f.In(k))
				continue
			}
			m.item = f.In(k)
			if k != f.NumIn()-1 || m.item.NumIn() != 1 || m.item.NumOut() != 1 || m.item.Out(0) != typeError || f.NumOut() != 1 {
				panic("socket: " + t.Method(i).Name + " has a function parameter but is not a stream")
			}
		}
		out[t.Method(i).Name] = m
	}
	return out
}

func fingerprint(t reflect.Type) string {
	var b strings.Builder
	seen := map[reflect.Type]bool{}
	var describe func(t reflect.Type)
	describe = func(t reflect.Type) {
		fmt.Fprintf(&b, "%s %s.%s ", t.Kind(), t.PkgPath(), t.Name())
		if seen[t] || t == typeContext || t == typeError {
			return
		}
		seen[t] = true
		switch t.Kind() {
		case reflect.Interface:
			for i := range t.NumMethod() {
				b.WriteString(t.Method(i).Name + " ")
				describe(t.Method(i).Type)
			}
		case reflect.Func:
			for i := range t.NumIn() {
				describe(t.In(i))
			}
			b.WriteString("to ")
			for i := range t.NumOut() {
				describe(t.Out(i))
			}
		case reflect.Struct:
			for i := range t.NumField() {
				if f := t.Field(i); f.IsExported() {
					b.WriteString(f.Name + " " + string(f.Tag) + " ")
					describe(f.Type)
				}
			}
		case reflect.Map:
			describe(t.Key())
			describe(t.Elem())
		case reflect.Array:
			fmt.Fprint(&b, t.Len(), " ")
			describe(t.Elem())
		case reflect.Pointer, reflect.Slice:
			describe(t.Elem())
		}
	}
	describe(t)
	sum := sha256.Sum256([]byte(b.String()))
	return hex.EncodeToString(sum[:8])
}

// failure is an error in a response.
type failure struct {
	Kind    node.Kind      `json:"kind"`
	Message string         `json:"message"`
	Refused []node.Refusal `json:"refused,omitempty"`
}

func failureOf(err error) *failure {
	return &failure{node.KindOf(err), err.Error(), node.RefusedBy(err)}
}

func (f *failure) error() error {
	return &node.Error{Kind: f.Kind, Refused: f.Refused, Err: errors.New(f.Message)}
}

// line is one line of a stream.
type line struct {
	Value json.RawMessage `json:"value,omitempty"`
	End   bool            `json:"end,omitempty"`
	Error *failure        `json:"error,omitempty"`
}

// Handler serves a node. It checks no access rights; the program has to.
func Handler(n node.Node) http.Handler {
	mux := http.NewServeMux()
	for name, m := range methods {
		mux.HandleFunc("POST "+prefix+name, func(w http.ResponseWriter, r *http.Request) { serve(w, r, n, m) })
	}
	mux.HandleFunc(prefix, func(w http.ResponseWriter, r *http.Request) {
		answer(w, http.StatusNotFound, failureOf(errVersion))
	})
	return mux
}

var errVersion = node.Errorf(node.OtherVersion, "the running flyleaf that serves this data directory is a different version; nothing was changed. Stop it, start it again, and repeat the command")

func serve(w http.ResponseWriter, r *http.Request, n node.Node, m method) {
	if r.Header.Get(headerFingerprint) != Fingerprint {
		answer(w, http.StatusConflict, failureOf(errVersion))
		return
	}
	args := []reflect.Value{reflect.ValueOf(r.Context())}
	var raw []json.RawMessage
	err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxRequest)).Decode(&raw)
	if err == nil && len(raw) != len(m.in) {
		err = fmt.Errorf("got %d arguments, want %d", len(raw), len(m.in))
	}
	for i := 0; err == nil && i < len(m.in); i++ {
		arg := reflect.New(m.in[i])
		err = decode(raw[i], arg.Interface())
		args = append(args, arg.Elem())
	}
	if err != nil {
		answer(w, http.StatusBadRequest, &failure{Kind: node.Invalid, Message: "the request cannot be read: " + err.Error()})
		return
	}
	call := reflect.ValueOf(n).MethodByName(reflect.TypeFor[node.Node]().Method(m.index).Name)
	if m.item != nil {
		serveStream(w, call, args, m.item)
		return
	}
	out := call.Call(args)
	if err, _ := out[len(out)-1].Interface().(error); err != nil {
		answer(w, http.StatusUnprocessableEntity, failureOf(err))
		return
	}
	results := make([]any, len(out)-1)
	for i := range results {
		results[i] = out[i].Interface()
	}
	answer(w, http.StatusOK, results)
}

func serveStream(w http.ResponseWriter, call reflect.Value, args []reflect.Value, item reflect.Type) {
	out := http.NewResponseController(w)
	w.Header().Set("Content-Type", "application/jsonl")
	write := func(l line) error {
		b, err := json.Marshal(l)
		if err == nil {
			_, err = w.Write(append(b, '\n'))
		}
		if err == nil {
			err = out.Flush()
		}
		return err
	}
	each := reflect.MakeFunc(item, func(in []reflect.Value) []reflect.Value {
		b, err := json.Marshal(in[0].Interface())
		if err == nil {
			err = write(line{Value: b})
		}
		result := reflect.New(typeError).Elem()
		if err != nil {
			result.Set(reflect.ValueOf(err))
		}
		return []reflect.Value{result}
	})
	end := line{End: true}
	if err, _ := call.Call(append(args, each))[0].Interface().(error); err != nil {
		end.Error = failureOf(err)
	}
	_ = write(end) // an error means that the caller is gone
}

func answer(w http.ResponseWriter, status int, v any) {
	b, err := json.Marshal(v)
	if err != nil {
		status, b = http.StatusUnprocessableEntity, []byte(`{"message":"the answer cannot be written"}`)
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set(headerFingerprint, Fingerprint)
	w.WriteHeader(status)
	_, _ = w.Write(b) // an error means that the caller is gone
}

// decode decodes numbers into interface values as json.Number, which keeps large integers
// exact.
func decode(b []byte, to any) error {
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	return d.Decode(to)
}

// Client is the node of another process. It implements node.Node; its methods are in calls.go.
// No declaration here asserts that, because then calls.go could not be regenerated after a
// change to node.Node.
type Client struct{ http *http.Client }

//go:generate sh -c "echo 'package socket' > calls.go && go test . -run CallsMatch -update"

// NewClient returns a client that sends its requests through h. h must dial the socket whatever
// the host of the request is.
func NewClient(h *http.Client) *Client { return &Client{h} }

// Close closes idle connections.
func (c *Client) Close() { c.http.CloseIdleConnections() }

func (c *Client) send(ctx context.Context, name string, in []any) (*http.Response, error) {
	if in == nil {
		in = []any{}
	}
	body, err := json.Marshal(in)
	if err != nil {
		return nil, err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://flyleaf"+prefix+name, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	r.Header.Set(headerFingerprint, Fingerprint)
	res, err := c.http.Do(r)
	if err != nil {
		return nil, node.Errorf(node.Unreachable, "the running flyleaf does not answer: %w", err)
	}
	if res.StatusCode == http.StatusOK {
		return res, nil
	}
	defer res.Body.Close()
	var f failure
	if json.NewDecoder(io.LimitReader(res.Body, maxRequest)).Decode(&f) != nil || f.Message == "" {
		return nil, errVersion // a version that predates this protocol
	}
	return nil, f.error()
}

func (c *Client) call(ctx context.Context, name string, in []any, out ...any) error {
	res, err := c.send(ctx, name, in)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	var raw []json.RawMessage
	if err := json.NewDecoder(res.Body).Decode(&raw); err != nil {
		return interruptedError(ctx, err)
	}
	if len(raw) != len(out) {
		return errVersion
	}
	for i := range out {
		if err := decode(raw[i], out[i]); err != nil {
			return err
		}
	}
	return nil
}

func stream[T any](ctx context.Context, c *Client, name string, in []any, fn func(T) error) error {
	res, err := c.send(ctx, name, in)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	d := json.NewDecoder(res.Body)
	for {
		var l line
		switch err := d.Decode(&l); {
		case err != nil:
			return interruptedError(ctx, err)
		case l.Error != nil:
			return l.Error.error()
		case l.End:
			return nil
		}
		var v T
		if err := decode(l.Value, &v); err != nil {
			return err
		}
		if err := fn(v); err != nil {
			return err
		}
	}
}

// interruptedError is the error for a response that ended too early.
func interruptedError(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return fmt.Errorf("the running flyleaf stopped in the middle of its answer. Check with `flyleaf list` whether your command took effect: %w", err)
}
