package webui

import (
	"net/http"
	"time"

	"flyleaf/node"
	"flyleaf/schema"
)

// digestPage is the body of the page that lists what is new in all weeks, or since a day.
type digestPage struct {
	CSRF, Action, Since string
	Weeks               any // []digest.Week
	Until, Last         string
	Error               string
	Feeds               []feedLink
}

// feedLink is the feed of one week.
type feedLink struct{ Title, URL string }

// digestPath is the address of the page.
const digestPath = "/digest"

// digestOptions reads the day from which on a digest is asked for.
func (s *server) digestOptions(r *http.Request) (o node.DigestOptions, err error) {
	o.Pages = "/" // links begin with a slash: they lead to pages of this device
	since := r.FormValue("since")
	if since == "" {
		return o, nil
	}
	day, err := time.ParseInLocation(time.DateOnly, since, s.zone)
	if err != nil {
		return o, node.Errorf(node.Invalid, "write the day like 2026-11-09, or leave it empty")
	}
	o.SinceMillis = day.UnixMilli()
	return o, nil
}

func (s *server) digest(w http.ResponseWriter, r *http.Request) {
	ctx := r.Context()
	page := digestPage{CSRF: s.guard.form, Action: digestPath, Since: r.FormValue("since"), Until: s.now().In(s.zone).Format("Monday 2 January 2006")}
	o, err := s.digestOptions(r)
	status := http.StatusOK
	if err != nil {
		status, page.Error = statusOf(err), sentence(err.Error())
	}
	state, err := s.node.DigestState(ctx)
	if err != nil {
		s.readFailed(w, r, err)
		return
	}
	if state.SentAtMillis != 0 {
		page.Last = time.UnixMilli(state.SentAtMillis).In(s.zone).Format("Monday 2 January, 15:04")
	}
	d, err := node.MakeDigest(ctx, s.node, state, o, s.now())
	if err != nil {
		s.readFailed(w, r, err)
		return
	}
	if !d.Empty() {
		page.Weeks = d.Weeks
	}
	if s.feed != nil {
		library, err := s.node.Library(ctx)
		if err != nil {
			s.readFailed(w, r, err)
			return
		}
		for i := range library {
			if e := library[i].Event.Consistent(); e.Title != "" && e.Kind != schema.KindClub {
				page.Feeds = append(page.Feeds, feedLink{e.Title, "http://" + r.Host + s.feed(e.ID)})
			}
		}
	}
	s.page(w, r, status, "digest", s.layout(r, "What is new", "library", page))
}

// rememberDigest marks what the page lists as read, so that the next digest does not list it again.
func (s *server) rememberDigest(w http.ResponseWriter, r *http.Request) {
	ctx := r.Context()
	state, err := s.node.DigestState(ctx)
	if err != nil {
		s.readFailed(w, r, err)
		return
	}
	o, err := s.digestOptions(r)
	if err == nil {
		d, e := node.MakeDigest(ctx, s.node, state, o, s.now())
		if err = e; err == nil {
			err = node.RememberDigest(ctx, s.node, state, d, s.now())
		}
	}
	if err != nil {
		s.problem(w, r, statusOf(err), "Not saved", sentence(err.Error())+" Everything is still listed as new.")
		return
	}
	formDone(w, r, digestPath, "")
}
