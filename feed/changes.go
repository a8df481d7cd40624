package feed

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"flyleaf/storage"
)

// Bounds of the streams that one API serves at the same time.
const (
	// MaxStreams is the maximum number of streams. A further request ends a stream of the
	// client with the most streams: the stream that has had no entry for longest. If no
	// other client has more streams than the requesting one, the rule of MaxStreamsPerClient
	// applies, and the error is 503.
	MaxStreams = 64
	// MaxStreamsPerClient is the maximum number of streams of one client, if
	// APIConfig.Client distinguishes clients. A further request ends a stream of the same
	// client that has had no entry for MinIdle. If there is none, the error is 429.
	MaxStreamsPerClient = 16
	// MinIdle is how long a client's stream must have been without an entry before it is closed
	// in favour of another stream of the same client.
	MinIdle = 30 * time.Second
)

const (
	writeTimeout   = 30 * time.Second // for one entry
	evictedTimeout = time.Second      // to say why the stream ends
	flushEvery     = 100              // entries
)

// changes serves the change feed of an event as JSON lines (application/jsonl), one Entry a
// line, or as server-sent events with the cursor as their ID to clients that accept
// text/event-stream. Query parameters:
//
//	after=CURSOR  resume after this cursor (default 0: from the start)
//	follow=1      keep the stream open for new changes
//
// A stream of server-sent events always follows. It begins after Last-Event-ID, if the client sends
// one. If a stream ends because of an error, its last line (or an event named error) is
// {"error": text}.
func (a *API) changes(w http.ResponseWriter, req *http.Request) {
	event, ok := a.readableEvent(w, req)
	if !ok {
		return
	}
	after, follow, sse, err := parameters(req)
	if err != nil {
		fail(w, http.StatusBadRequest, err.Error())
		return
	}
	client := ""
	if a.config.Client != nil {
		client = a.config.Client(req)
	}
	ctx, cancel := context.WithCancelCause(req.Context())
	defer cancel(nil)
	s := &stream{w: w, c: http.NewResponseController(w), sse: sse}
	open, status := a.streams.admit(client, a.minIdle, func() {
		cancel(errEvicted)
		// Also ends a write to a client that does not read.
		_ = s.c.SetWriteDeadline(time.Now().Add(evictedTimeout))
	})
	if open == nil {
		w.Header().Set("Retry-After", "10")
		fail(w, status, "too many open change streams; try again later")
		return
	}
	defer a.streams.remove(open)
	if stop := a.config.Stop; stop != nil {
		go func() {
			select {
			case <-stop:
				cancel(nil)
			case <-ctx.Done():
			}
		}()
	}
	s.open = open
	s.begin()
	defer func() { _ = s.c.SetWriteDeadline(time.Time{}) }() // the connection may serve other requests
	entry := func(e Entry) error {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return s.entry(e)
	}
	if follow {
		err = Follow(ctx, a.config.Source, event, after, entry, s.pause)
	} else if err = NewReader(a.config.Source, event, after).Read(ctx, entry); err == nil {
		err = s.flush()
	}
	switch {
	case errors.Is(context.Cause(ctx), errEvicted):
		s.fail(errEvicted.Error())
	case err != nil && ctx.Err() == nil:
		text := "the changes could not be read: " + err.Error()
		if errors.Is(err, storage.ErrDamaged) {
			text += ". Read again from cursor 0 when the damaged changes have been fetched again"
		}
		s.fail(text)
	}
}

func parameters(req *http.Request) (after int64, follow, sse bool, err error) {
	q := req.URL.Query()
	sse = strings.Contains(req.Header.Get("Accept"), "text/event-stream")
	text := q.Get("after")
	if last := req.Header.Get("Last-Event-ID"); sse && last != "" {
		text = last
	}
	if text != "" {
		if after, err = strconv.ParseInt(text, 10, 64); err != nil || after < 0 {
			return 0, false, false, errors.New("after must be a cursor (a whole number, 0 or more)")
		}
	}
	switch q.Get("follow") {
	case "", "0", "false":
	case "1", "true":
		follow = true
	default:
		return 0, false, false, errors.New("follow must be 1 or 0")
	}
	return after, follow || sse, sse, nil
}

// stream writes entries to one client.
type stream struct {
	w    http.ResponseWriter
	c    *http.ResponseController
	sse  bool // server-sent events; else JSON lines
	open *openStream

	unflushed int // entries
}

func (s *stream) begin() {
	kind := "application/jsonl"
	if s.sse {
		kind = "text/event-stream"
	}
	s.w.Header().Set("Content-Type", kind)
	s.w.Header().Set("Cache-Control", "no-store")
}

func (s *stream) entry(e Entry) error {
	b, err := json.Marshal(e)
	if err != nil {
		return err
	}
	id := ""
	if !e.More { // a client cannot resume in the middle of an entry
		id = strconv.FormatInt(e.Cursor, 10)
	}
	if err := s.line(b, "", id); err != nil {
		return err
	}
	s.open.sent()
	return nil
}

// line writes one line, or one server-sent event with its name and ID.
func (s *stream) line(b []byte, name, id string) error {
	var out []byte
	if s.sse {
		if name != "" {
			out = append(out, "event: "+name+"\n"...)
		}
		if id != "" {
			out = append(out, "id: "+id+"\n"...)
		}
		out = append(append(append(out, "data: "...), b...), "\n\n"...)
	} else {
		out = append(b, '\n')
	}
	if err := s.write(out); err != nil {
		return err
	}
	if s.unflushed++; s.unflushed >= flushEvery {
		return s.flush()
	}
	return nil
}

// pause flushes the lines that were written. If nothing is new, it sends a keep-alive (an empty line or a
// comment), so that both sides notice a broken connection.
func (s *stream) pause(news bool) error {
	if !news {
		keepAlive := "\n"
		if s.sse {
			keepAlive = ":\n\n"
		}
		if err := s.write([]byte(keepAlive)); err != nil {
			return err
		}
	}
	return s.flush()
}

// fail says why the stream ends. If writing fails, the client sees the stream end.
func (s *stream) fail(text string) {
	b, err := json.Marshal(failure{text})
	if err == nil && s.line(b, "error", "") == nil {
		_ = s.flush()
	}
}

func (s *stream) write(b []byte) error {
	if err := s.c.SetWriteDeadline(time.Now().Add(writeTimeout)); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return err
	}
	_, err := s.w.Write(b)
	return err
}

func (s *stream) flush() error {
	s.unflushed = 0
	if err := s.c.Flush(); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return err
	}
	return nil
}
