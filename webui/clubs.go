package webui

import (
	"cmp"
	"context"
	"html/template"
	"net/http"
	"slices"
	"strings"

	"flyleaf/exchange/markdown"
	"flyleaf/qa"
)

// Clubber is a Node that follows clubs.
type Clubber interface {
	// ListWeeks puts weeks on a club's list; one without a title is taken off it.
	ListWeeks(ctx context.Context, club qa.EventID, weeks []qa.ListedWeek) error
	// Visit says that somebody is looking at an event: one that only a club lists is
	// fetched.
	Visit(ctx context.Context, event qa.EventID) error
}

// Searcher is a Node that finds words in all events on this device.
type Searcher interface {
	SearchAll(ctx context.Context, query string, limit int) ([]FoundPost, error)
}

// FoundPost is a post that a search found.
type FoundPost struct {
	Event qa.EventID
	Post  qa.PostID
}

// clubShelf is a club on the shelf page: its weeks now, to come, and over.
type clubShelf struct {
	ID         qa.EventID
	Title      string
	About      template.HTML
	Now        []book
	Coming     []book
	Read       []book
	Years      []year
	Count      int
	Invitation string
}

// clubShelves fills in the page's clubs, and returns which events they list.
func (s *server) clubShelves(ctx context.Context, events []qa.Event, states map[qa.EventID]qa.Status, p *shelfPage) map[qa.EventID]bool {
	here := map[qa.EventID]qa.Event{}
	for _, e := range events {
		here[e.ID] = e
	}
	listed := map[qa.EventID]bool{}
	for _, e := range events {
		if e.Kind != "club" {
			continue
		}
		c := qa.NewClub(e, s.now().UnixMilli())
		shelf := clubShelf{ID: e.ID, Title: e.Title, Count: len(e.Weeks)}
		if e.Description != "" {
			shelf.About = markdown.HTML(e.Description)
		}
		if inv, err := s.node.Invitation(ctx, e.ID); err == nil {
			shelf.Invitation = inv.String()
		}
		books := func(weeks []qa.ListedWeek) (out []book) {
			for _, w := range weeks {
				listed[w.ID] = true
				out = append(out, s.listedBook(w, here, states))
			}
			return out
		}
		shelf.Now, shelf.Coming, shelf.Read = books(c.Now), books(c.Upcoming), books(c.Archive)
		shelf.Years = byYear(shelf.Read)
		p.Clubs = append(p.Clubs, shelf)
		if e.HasRole(s.node.Identity(), qa.RoleOrganiser) {
			p.Forms.Clubs = append(p.Forms.Clubs, choice{ID: string(e.ID), Words: e.Title, Chosen: string(e.ID) == p.Forms.Club})
		}
	}
	slices.SortStableFunc(p.Clubs, func(a, b clubShelf) int { return cmp.Compare(strings.ToLower(a.Title), strings.ToLower(b.Title)) })
	return listed
}

// listedBook is what the shelf shows of a week that a club lists: what the week
// says of itself where it is here, else what the club says.
func (s *server) listedBook(w qa.ListedWeek, here map[qa.EventID]qa.Event, states map[qa.EventID]qa.Status) book {
	if e, ok := here[w.ID]; ok && e.Founder != "" {
		return s.book(e, states[w.ID])
	}
	b := s.book(qa.Event{ID: w.ID, Title: w.Title, Authors: w.Authors, StartsAtMillis: w.StartsAtMillis, EndsAtMillis: w.EndsAtMillis}, qa.Status{})
	b.Posts = "fetched when you open it"
	return b
}

// listIn puts a week on a club's list; "" is no club.
func (s *server) listIn(ctx context.Context, club qa.EventID, e qa.Event) error {
	n, ok := s.node.(Clubber)
	if club == "" || !ok {
		return nil
	}
	return n.ListWeeks(ctx, club, []qa.ListedWeek{e.Listing()})
}

// visit has an event fetched that only a club lists.
func (s *server) visit(r *http.Request) {
	if n, ok := s.node.(Clubber); ok {
		// What cannot be fetched is said by the page that follows.
		_ = n.Visit(r.Context(), qa.EventID(r.PathValue("event")))
	}
}

// searchPage is the body of what a search over all weeks found.
type searchPage struct {
	Query string
	Found []foundLine
	More  bool
}

type foundLine struct {
	Who, Words, URL, Week string
	When                  moment
}

// maxFound is how many posts a search shows.
const maxFound = 100

func (s *server) search(w http.ResponseWriter, r *http.Request) {
	p := searchPage{Query: strings.TrimSpace(r.URL.Query().Get("q"))}
	n, ok := s.node.(Searcher)
	if !ok {
		s.nowhere(w, r)
		return
	}
	found, err := n.SearchAll(r.Context(), p.Query, maxFound+1)
	if err != nil {
		s.failed(w, r, err)
		return
	}
	p.More = len(found) > maxFound
	weeks := map[qa.EventID]*weekView{}
	for _, f := range found[:min(len(found), maxFound)] {
		v := weeks[f.Event]
		if v == nil {
			week, err := s.node.Week(r.Context(), f.Event)
			if err != nil {
				s.failed(w, r, err)
				return
			}
			week.Event.ID = f.Event
			v = &weekView{me: s.node.Identity(), keys: s.keys(r.Context(), f.Event), cal: s.calendar(week.Event)}
			v.Week = week.For(v.keys...)
			v.pinnedFirst()
			v.index()
			weeks[f.Event] = v
		}
		t, i, ok := v.find(f.Post)
		if !ok || !at(t, i).Shown() {
			continue
		}
		post := at(t, i)
		p.Found = append(p.Found, foundLine{
			Who: upperFirst(v.who(post)), Words: excerpt(post.Text(), 200), URL: v.address(f.Post), Week: v.Event.Title, When: v.cal.moment(post.AtMillis),
		})
	}
	s.page(w, http.StatusOK, "search", s.layout(r, "Search", "shelf", p))
}
