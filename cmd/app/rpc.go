package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"flyleaf/qa"
	"flyleaf/replica"
)

// The running process answers commands over a local socket: HTTP with one JSON
// object in and one out, POST /rpc/NAME. Only this user may open the socket's
// directory (mode 0700). A method that is missing here is a compile error in
// remote, which implements backend with the same names.

// maxRPC bounds one request; an import of a whole week is the largest.
const maxRPC = 64 << 20

type rpcError struct {
	Message string    `json:"message"`
	Code    int       `json:"code"`
	Refused []refusal `json:"refused,omitempty"` // then Message does not list them
}

type (
	rpcNothing struct{}
	rpcFound   struct {
		Event qa.Event
		Relay string
	}
	rpcDo struct {
		Event qa.EventID
		Act   qa.Act
	}
	rpcImport struct {
		Event qa.EventID
		Week  qa.Imported
		Relay string
	}
	rpcPost struct {
		Event qa.EventID
		Post  qa.PostID
	}
	rpcSearch struct {
		Event qa.EventID
		Query string
		Limit int
	}
	rpcSync struct {
		Event         qa.EventID
		TimeoutMillis int64
	}
)

// rpcHandler serves a backend.
func rpcHandler(b backend) *http.ServeMux {
	mux := http.NewServeMux()
	handle(mux, "identity", func(ctx context.Context, _ rpcNothing) (qa.Identity, error) { return b.Identity(ctx) })
	handle(mux, "name", func(ctx context.Context, _ rpcNothing) (string, error) { return b.Name(ctx) })
	handle(mux, "setName", func(ctx context.Context, name string) (rpcNothing, error) { return rpcNothing{}, b.SetName(ctx, name) })
	handle(mux, "found", func(ctx context.Context, r rpcFound) (qa.Invitation, error) { return b.Found(ctx, r.Event, r.Relay) })
	handle(mux, "join", func(ctx context.Context, inv qa.Invitation) (rpcNothing, error) {
		return rpcNothing{}, b.Join(ctx, inv)
	})
	handle(mux, "invitation", func(ctx context.Context, e qa.EventID) (qa.Invitation, error) { return b.Invitation(ctx, e) })
	handle(mux, "events", func(ctx context.Context, _ rpcNothing) ([]qa.Event, error) { return b.Events(ctx) })
	handle(mux, "do", func(ctx context.Context, r rpcDo) (qa.PostID, error) { return b.Do(ctx, r.Event, r.Act) })
	handle(mux, "import", func(ctx context.Context, r rpcImport) (importResult, error) {
		return b.Import(ctx, r.Event, r.Week, r.Relay)
	})
	handle(mux, "week", func(ctx context.Context, e qa.EventID) (qa.Week, error) { return b.Week(ctx, e) })
	handle(mux, "post", func(ctx context.Context, r rpcPost) (qa.Post, error) { return b.Post(ctx, r.Event, r.Post) })
	handle(mux, "search", func(ctx context.Context, r rpcSearch) ([]qa.PostID, error) {
		return b.Search(ctx, r.Event, r.Query, r.Limit)
	})
	handle(mux, "status", func(ctx context.Context, _ rpcNothing) ([]qa.Status, error) { return b.Status(ctx) })
	handle(mux, "sync", func(ctx context.Context, r rpcSync) (rpcNothing, error) {
		return rpcNothing{}, explainSync(b.Sync(ctx, r.Event, time.Duration(r.TimeoutMillis)*time.Millisecond))
	})
	handle(mux, "rebuild", func(ctx context.Context, e qa.EventID) (rpcNothing, error) { return rpcNothing{}, b.Rebuild(ctx, e) })
	handle(mux, "keys", func(ctx context.Context, e qa.EventID) ([]qa.Identity, error) { return b.Keys(ctx, e) })
	handle(mux, "digestState", func(ctx context.Context, _ rpcNothing) (string, error) { return b.DigestState(ctx) })
	handle(mux, "setDigestState", func(ctx context.Context, s string) (rpcNothing, error) { return rpcNothing{}, b.SetDigestState(ctx, s) })
	handle(mux, "later", func(ctx context.Context, e qa.EventID) (map[qa.PostID]bool, error) { return b.Later(ctx, e) })
	handle(mux, "setLater", func(ctx context.Context, r rpcLater) (rpcNothing, error) {
		return rpcNothing{}, b.SetLater(ctx, r.Event, r.Post, r.On)
	})
	handle(mux, "moderation", func(ctx context.Context, e qa.EventID) ([]qa.LogEntry, error) { return b.Log(ctx, e) })
	carryHandler(mux, b)
	refusedHandler(mux, b)
	handle(mux, "commitDraw", func(ctx context.Context, e qa.EventID) (rpcNothing, error) { return rpcNothing{}, b.CommitDraw(ctx, e) })
	handle(mux, "revealDraw", func(ctx context.Context, e qa.EventID) (rpcNothing, error) { return rpcNothing{}, b.RevealDraw(ctx, e) })
	handle(mux, "claim", func(ctx context.Context, r rpcClaim) ([]qa.Identity, error) { return b.Claim(ctx, r.Event, r.Text) })
	handle(mux, "claims", func(ctx context.Context, e qa.EventID) ([]qa.Claim, error) { return b.PrizeClaims(ctx, e) })
	inviteHandler(mux, b)
	clubHandler(mux, b)
	return mux
}

func handle[Req, Resp any](mux *http.ServeMux, name string, fn func(context.Context, Req) (Resp, error)) {
	mux.HandleFunc("POST /rpc/"+name, func(w http.ResponseWriter, r *http.Request) {
		var req Req
		dec := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxRPC))
		dec.UseNumber() // acts hold integers as any; see qa.Act.Fields
		if err := dec.Decode(&req); err != nil {
			writeRPC(w, http.StatusBadRequest, rpcError{Message: "the request cannot be read: " + err.Error(), Code: exitUsage})
			return
		}
		resp, err := fn(r.Context(), req)
		if err != nil {
			out := rpcError{Message: err.Error(), Code: codeOf(err)}
			var refused *refusedError
			if errors.As(err, &refused) {
				out.Message, out.Refused = refused.err.Error(), refused.refused
			}
			writeRPC(w, http.StatusUnprocessableEntity, out)
			return
		}
		writeRPC(w, http.StatusOK, resp)
	})
}

func writeRPC(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // the caller that went away hears nothing, and needs nothing
}

// codeOf gives the errors of the packages below their exit codes.
func codeOf(err error) int {
	var c *codedError
	var notSynced *replica.NotSyncedError
	switch {
	case errors.As(err, &c):
		return c.code
	case errors.As(err, &notSynced):
		return exitNotSynced
	case isNotFound(err):
		return exitNotFound
	case isRefused(err):
		return exitRefused
	}
	return exitError
}

// listenRPC opens the local socket.
func listenRPC() (net.Listener, string, error) {
	path, err := socketPath()
	if err != nil {
		return nil, "", err
	}
	ln, err := net.Listen("unix", path)
	if err != nil {
		return nil, "", fmt.Errorf("the local socket: %w", err)
	}
	return ln, path, nil
}

// removeSocket takes the socket and its directory away.
func removeSocket(path string) {
	_ = os.Remove(path)
	_ = os.Remove(filepath.Dir(path))
}

// remote is the backend of another process.
type remote struct{ http *http.Client }

func dialRemote(ctx context.Context, s serving) (*remote, error) {
	if _, err := os.Stat(s.Socket); err != nil {
		return nil, err
	}
	r := &remote{&http.Client{Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "unix", s.Socket)
		},
	}}}
	ctx, cancel := context.WithTimeout(ctx, busyFor)
	defer cancel()
	if _, err := r.Identity(ctx); err != nil {
		return nil, err
	}
	return r, nil
}

func call[Resp any](ctx context.Context, r *remote, name string, req any) (Resp, error) {
	body, err := json.Marshal(req)
	if err != nil {
		var none Resp
		return none, err
	}
	return decodeRPC[Resp](r.exchange(ctx, http.MethodPost, "/rpc/"+name, body))
}

func decodeRPC[Resp any](b []byte, err error) (Resp, error) {
	var resp Resp
	if err != nil {
		return resp, err
	}
	return resp, json.Unmarshal(b, &resp)
}

// exchange sends a request to the running process and returns its answer, or the
// error it answered with.
func (r *remote) exchange(ctx context.Context, method, path string, body []byte) ([]byte, error) {
	hr, err := http.NewRequestWithContext(ctx, method, "http://flyleaf"+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	answer, err := r.http.Do(hr)
	if err != nil {
		return nil, fmt.Errorf("the running flyleaf does not answer: %w", err)
	}
	defer answer.Body.Close()
	b, err := io.ReadAll(answer.Body)
	if err != nil {
		return nil, fmt.Errorf("the running flyleaf stopped in the middle of its answer; look with `flyleaf list` whether it was done: %w", err)
	}
	if answer.StatusCode != http.StatusOK {
		var e rpcError
		if json.Unmarshal(b, &e) != nil || e.Message == "" {
			return nil, fmt.Errorf("the running flyleaf answered %s: is it of another version? Stop it and start it again", answer.Status)
		}
		if e.Code == exitDisagree {
			return nil, coded(e.Code, &refusedError{errors.New(e.Message), e.Refused})
		}
		return nil, codedf(e.Code, "%s", e.Message)
	}
	return b, nil
}

func (r *remote) Identity(ctx context.Context) (qa.Identity, error) {
	return call[qa.Identity](ctx, r, "identity", rpcNothing{})
}

func (r *remote) Name(ctx context.Context) (string, error) {
	return call[string](ctx, r, "name", rpcNothing{})
}

func (r *remote) SetName(ctx context.Context, name string) error {
	_, err := call[rpcNothing](ctx, r, "setName", name)
	return err
}

func (r *remote) Found(ctx context.Context, e qa.Event, relay string) (qa.Invitation, error) {
	return call[qa.Invitation](ctx, r, "found", rpcFound{e, relay})
}

func (r *remote) Join(ctx context.Context, inv qa.Invitation) error {
	_, err := call[rpcNothing](ctx, r, "join", inv)
	return err
}

func (r *remote) Invitation(ctx context.Context, event qa.EventID) (qa.Invitation, error) {
	return call[qa.Invitation](ctx, r, "invitation", event)
}

func (r *remote) Events(ctx context.Context) ([]qa.Event, error) {
	return call[[]qa.Event](ctx, r, "events", rpcNothing{})
}

func (r *remote) Do(ctx context.Context, event qa.EventID, act qa.Act) (qa.PostID, error) {
	return call[qa.PostID](ctx, r, "do", rpcDo{event, act})
}

func (r *remote) Import(ctx context.Context, event qa.EventID, week qa.Imported, relay string) (importResult, error) {
	return call[importResult](ctx, r, "import", rpcImport{event, week, relay})
}

func (r *remote) Week(ctx context.Context, event qa.EventID) (qa.Week, error) {
	return call[qa.Week](ctx, r, "week", event)
}

func (r *remote) Post(ctx context.Context, event qa.EventID, post qa.PostID) (qa.Post, error) {
	return call[qa.Post](ctx, r, "post", rpcPost{event, post})
}

func (r *remote) Search(ctx context.Context, event qa.EventID, query string, limit int) ([]qa.PostID, error) {
	return call[[]qa.PostID](ctx, r, "search", rpcSearch{event, query, limit})
}

func (r *remote) Status(ctx context.Context) ([]qa.Status, error) {
	return call[[]qa.Status](ctx, r, "status", rpcNothing{})
}

func (r *remote) Sync(ctx context.Context, event qa.EventID, timeout time.Duration) error {
	_, err := call[rpcNothing](ctx, r, "sync", rpcSync{event, timeout.Milliseconds()})
	return err
}

func (r *remote) Rebuild(ctx context.Context, event qa.EventID) error {
	_, err := call[rpcNothing](ctx, r, "rebuild", event)
	return err
}

func (r *remote) Close() error {
	r.http.CloseIdleConnections()
	return nil
}
