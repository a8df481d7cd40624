package webui

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"flyleaf/qa"
)

// heartbeat is how often a stream without updates sends a comment, so that a dead
// connection is noticed.
const heartbeat = 20 * time.Second

// The maximum numbers of posts in one fragment: rendered, and without contents. The script asks for fewer.
const (
	maxFragment = 60
	maxOthers   = 300
)

// stream reports changes as server-sent events: "posts" with the IDs of the changed posts,
// and "status" when delivery, the relay connection or the event itself has changed. It
// sends no content: the page then asks for the posts that it shows.
func (s *server) stream(w http.ResponseWriter, r *http.Request) {
	event := qa.EventID(r.PathValue("event"))
	out := http.NewResponseController(w)
	ctx, stop := context.WithCancel(r.Context())
	defer stop()
	updates := make(chan qa.Update)
	go func() {
		defer close(updates)
		// An error means that the page was closed or the node has stopped. The stream ends in both
		// cases.
		_ = s.node.Watch(ctx, event, func(u qa.Update) error {
			select {
			case updates <- u:
			case <-ctx.Done():
			}
			return ctx.Err()
		})
	}()
	h := w.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("X-Accel-Buffering", "no")
	<-updates // the first update says that Watch reports all later changes
	if _, err := fmt.Fprint(w, "retry: 2000\nevent: hello\ndata: {}\n\n"); err != nil || out.Flush() != nil {
		return
	}
	tick := time.NewTicker(heartbeat)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			if _, err := fmt.Fprint(w, ":\n\n"); err != nil {
				return
			}
		case u, open := <-updates:
			if !open {
				return
			}
			if !sendUpdate(w, u) {
				return
			}
		}
		if out.Flush() != nil {
			return
		}
	}
}

func sendUpdate(w http.ResponseWriter, u qa.Update) bool {
	if len(u.Posts) > 0 {
		b, err := json.Marshal(map[string]any{"event": u.Event, "posts": u.Posts})
		if err != nil {
			return false
		}
		if _, err := fmt.Fprintf(w, "event: posts\ndata: %s\n\n", b); err != nil {
			return false
		}
	}
	if u.Status {
		if _, err := fmt.Fprint(w, "event: status\ndata: {}\n\n"); err != nil {
			return false
		}
	}
	return true
}

// fragmentPage has what a script asked for.
type fragmentPage struct {
	Posts   []postView
	Others  []otherPost
	Threads []threadView
	Offer   bool // see server.offersPhrase
	// Path and CSRF are for the offer.
	Path, CSRF string
}

// otherPost is a post that the page does not show.
type otherPost struct {
	ID                 qa.PostID
	Elem, Thread, Kind string
}

// fragment renders the current version of the posts that the query lists as "post", and of the thread of the
// post "thread", which the reader has just written, with the offer of the recovery phrase. Of the posts "other" it
// says only what they are. The script replaces the posts in the page with them.
func (s *server) fragment(w http.ResponseWriter, r *http.Request) {
	v, ok := s.load(w, r)
	if !ok {
		return
	}
	var out fragmentPage
	for n, id := range r.URL.Query()["post"] {
		if n == maxFragment {
			break
		}
		if t, i, known := v.find(qa.PostID(id)); known {
			out.Posts = append(out.Posts, v.post(t, i))
		}
	}
	for n, id := range r.URL.Query()["other"] {
		if n == maxOthers {
			break
		}
		if t, i, known := v.find(qa.PostID(id)); known {
			p := postAt(t, i)
			out.Others = append(out.Others, otherPost{p.ID, postElem(p.ID), threadElem(t.Question.ID), kindOf(p)})
		}
	}
	if t, _, known := v.find(qa.PostID(r.URL.Query().Get("thread"))); known {
		out.Threads = append(out.Threads, v.thread(t))
		out.Offer, out.Path, out.CSRF = s.offersPhrase(r.Context(), v), eventPath(v.Event.ID), v.csrf
	}
	write(w, http.StatusOK, s.render.of(partials), "fragment", out)
}
