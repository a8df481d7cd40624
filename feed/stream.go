package feed

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"flyleaf/qa"
	"flyleaf/storage"
)

// Each log that is served holds its event in memory.
const (
	// MaxStreams is how many logs one ChangesHandler serves at a time. A further request takes
	// the place of another: of the sender with the most, the one that has had nothing to
	// say for longest. Where there is none to take, it gets 503.
	MaxStreams = 64
	// MaxStreamsFrom is how many of one sender's, where ChangesHandler.From tells them apart;
	// then it is a silent one of its own that gives way, or it gets 429.
	MaxStreamsFrom = 16
	// Silence is for how long a log must have had nothing to say before it gives way to
	// another of the same sender's.
	Silence = 30 * time.Second
)

// writeWithin is how long a client may take one entry before it is given up, and
// beat how often a stream that is silent says that it is alive.
const (
	writeWithin   = 30 * time.Second
	beat          = 15 * time.Second
	giveWayWithin = time.Second
)

// Source is where a ChangesHandler's events come from.
type Source interface {
	Ledger
	// Allowed returns nil when the request may read the event's log,
	// ErrNoEvent when there is none, or ErrForbidden.
	Allowed(r *http.Request, event qa.EventID) error
	// Watch returns a channel that gets a value when the event's ledger may have
	// grown, and a function that ends the watching.
	Watch(event qa.EventID) (<-chan struct{}, func())
}

// Errors of a Source.
var (
	ErrNoEvent   = errors.New("there is no such event here")
	ErrForbidden = errors.New("this event's log is not to be read here")
)

// ChangesHandler serves the log of events:
//
//	GET …/{event}/changes?after=CURSOR&follow=1
//
// as JSON lines, one Entry a line (application/jsonl), or as server-sent events
// with the cursor as their ID where the client accepts text/event-stream. Without
// follow a response ends with what there is; a stream of server-sent events
// always follows, and goes on after Last-Event-ID where the client sends one. An
// error in the middle is a line, or an event named error, of {"error": text}.
type ChangesHandler struct {
	Source Source
	// Stop ends all streams when it is closed. nil: never.
	Stop <-chan struct{}
	// From tells senders apart, by their address or the like; "" is one that has no
	// bound of its own. nil: all are "".
	From func(*http.Request) string
	// Silence is the constant, if it is not 0.
	Silence time.Duration

	places places
}

// ServeHTTP needs the path value "event".
func (h *ChangesHandler) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	event, err := qa.ParseEventID(req.PathValue("event"))
	if err != nil {
		problem(w, http.StatusBadRequest, err)
		return
	}
	after, follow, sse, err := params(req)
	if err != nil {
		problem(w, http.StatusBadRequest, err)
		return
	}
	switch err := h.Source.Allowed(req, event); {
	case errors.Is(err, ErrNoEvent):
		problem(w, http.StatusNotFound, err)
		return
	case errors.Is(err, ErrForbidden):
		problem(w, http.StatusForbidden, err)
		return
	case err != nil:
		problem(w, http.StatusInternalServerError, err)
		return
	}
	from := ""
	if h.From != nil {
		from = h.From(req)
	}
	ctx, cancel := context.WithCancelCause(req.Context())
	defer cancel(nil)
	s := newStream(w, sse)
	p, status := h.places.take(from, cmp.Or(h.Silence, Silence), func() {
		cancel(errGaveWay)
		// If it is being written to somebody who does not read, that is over, too.
		_ = s.c.SetWriteDeadline(time.Now().Add(giveWayWithin))
	})
	if p == nil {
		w.Header().Set("Retry-After", "10")
		problem(w, status, errors.New("too many logs are being read here now; try again later"))
		return
	}
	defer h.places.leave(p)
	s.place = p
	s.begin()
	s.run(ctx, h, event, after, follow)
	if errors.Is(context.Cause(ctx), errGaveWay) {
		s.fail(errGaveWay)
	}
}

func params(req *http.Request) (after int64, follow, sse bool, err error) {
	q := req.URL.Query()
	sse = strings.Contains(req.Header.Get("Accept"), "text/event-stream")
	text := q.Get("after")
	if last := req.Header.Get("Last-Event-ID"); sse && last != "" {
		text = last
	}
	if text != "" {
		if after, err = strconv.ParseInt(text, 10, 64); err != nil || after < 0 {
			return 0, false, false, errors.New("after takes a cursor, which is a whole number of 0 or more")
		}
	}
	switch q.Get("follow") {
	case "", "0", "false":
	case "1", "true":
		follow = true
	default:
		return 0, false, false, errors.New("follow takes 1 or 0")
	}
	return after, follow || sse, sse, nil
}

// problem answers with an error as JSON.
func problem(w http.ResponseWriter, status int, err error) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(failure{err.Error()})
}

type failure struct {
	Error string `json:"error"`
}

// stream writes entries to one client.
type stream struct {
	w    http.ResponseWriter
	c    *http.ResponseController
	sse  bool
	sent int // entries since the last flush

	place *place
}

func newStream(w http.ResponseWriter, sse bool) *stream {
	return &stream{w: w, c: http.NewResponseController(w), sse: sse}
}

func (s *stream) begin() {
	w, kind := s.w, "application/jsonl"
	if s.sse {
		kind = "text/event-stream"
	}
	w.Header().Set("Content-Type", kind)
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
}

func (s *stream) run(ctx context.Context, h *ChangesHandler, event qa.EventID, after int64, follow bool) {
	defer func() { _ = s.c.SetWriteDeadline(time.Time{}) }() // the connection may serve other requests
	more, end := h.Source.Watch(event)                       // before the first look, so that nothing falls between
	defer end()
	reader := NewReader(h.Source, event, after)
	tick := time.NewTicker(beat)
	defer tick.Stop()
	for {
		err := reader.Read(ctx, func(e Entry) error {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			return s.entry(e)
		})
		if err == nil {
			err = s.flush()
		}
		if err != nil {
			if ctx.Err() == nil {
				s.fail(err)
			}
			return
		}
		if !follow {
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-h.Stop:
			return
		case <-more:
		case <-tick.C:
			if s.alive() != nil {
				return
			}
		}
	}
}

func (s *stream) entry(e Entry) error {
	b, err := json.Marshal(e)
	if err != nil {
		return err
	}
	id := ""
	if !e.More { // a part is nothing to go on from
		id = strconv.FormatInt(e.Cursor, 10)
	}
	if err := s.line(b, "", id); err != nil {
		return err
	}
	s.place.said()
	return nil
}

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
	if err := s.c.SetWriteDeadline(time.Now().Add(writeWithin)); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return err
	}
	_, err := s.w.Write(out)
	if s.sent++; err == nil && s.sent >= 100 {
		err = s.flush()
	}
	return err
}

// fail tells the client why there is no more.
func (s *stream) fail(err error) {
	text := "the log could not be read: " + err.Error()
	if errors.Is(err, errGaveWay) {
		text = err.Error()
	}
	if errors.Is(err, storage.ErrDamaged) {
		text += ". Begin anew at 0 when it has been fetched again"
	}
	b, jerr := json.Marshal(failure{text})
	if jerr != nil {
		return
	}
	if s.line(b, "error", "") == nil {
		_ = s.flush()
	}
}

// alive sends what a client passes over: a comment, or an empty line.
func (s *stream) alive() error {
	if err := s.c.SetWriteDeadline(time.Now().Add(writeWithin)); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return err
	}
	beat := "\n"
	if s.sse {
		beat = ":\n\n"
	}
	if _, err := s.w.Write([]byte(beat)); err != nil {
		return err
	}
	return s.flush()
}

func (s *stream) flush() error {
	s.sent = 0
	if err := s.c.Flush(); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return err
	}
	return nil
}
