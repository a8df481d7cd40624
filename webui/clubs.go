package webui

import (
	"context"
	"fmt"
	"html/template"
	"net/http"
	"net/url"
	"slices"

	"flyleaf/markdown"
	"flyleaf/qa"
)

// weekSection is a club in the library, or all weeks that no club lists: the current, upcoming and past weeks.
type weekSection struct {
	ID         qa.EventID // "" for weeks that no club lists
	Title      string
	About      template.HTML
	Now        []weekCard
	Coming     []weekCard
	Read       []weekCard
	Years      []year
	Count      int    // number of all weeks
	All        string // address of the page with all weeks; "" when the library shows them all
	Invitation string
	Program    string // the flyleaf: link, when Invitation opens in a browser
}

// rank orders the sections of the library: those with a running week come first, then those with an upcoming
// one.
func (c *weekSection) rank() int {
	switch {
	case len(c.Now) > 0:
		return 0
	case len(c.Coming) > 0:
		return 1
	}
	return 2
}

// How many weeks of a club the library shows at most. A separate page shows all of them.
const (
	maxNow    = 4
	maxComing = 12
	maxOld    = 40 // the template shows the first twelve as book spines, too
)

// clubSections fills in the page's clubs, and returns the events that they list.
func (s *server) clubSections(ctx context.Context, me qa.Identity, clubs []qa.Event, library []qa.LibraryEntry, p *libraryPage) map[qa.EventID]bool {
	here := downloadedEvents(library)
	listed := map[qa.EventID]bool{}
	for _, e := range clubs {
		c := qa.NewClub(e, s.now().UnixMilli())
		section := weekSection{ID: e.ID, Title: e.Title, Count: len(e.Weeks)}
		if e.Description != "" {
			section.About = markdown.Prose(e.Description)
		}
		if inv, err := s.node.Invitation(ctx, e.ID); err == nil {
			section.Invitation, section.Program = s.linksOf(inv)
		}
		for i := range e.Weeks {
			listed[e.Weeks[i].ID] = true
		}
		section.Now = s.cardsOfListed(c.Now, maxNow, here)
		section.Coming = s.cardsOfListed(c.Upcoming, maxComing, here)
		section.Read = s.cardsOfListed(c.Archive, maxOld, here)
		if len(c.Now) > maxNow || len(c.Upcoming) > maxComing || len(c.Archive) > maxOld {
			section.All = clubPath(e.ID)
		}
		p.Sections = append(p.Sections, section)
		if e.HasRole(me, qa.RoleOrganiser) {
			p.Forms.Clubs = append(p.Forms.Clubs, choice{ID: string(e.ID), Words: e.Title, Chosen: string(e.ID) == p.Forms.Club})
		}
	}
	return listed
}

func clubPath(id qa.EventID) string { return "/club/" + url.PathEscape(string(id)) }

// downloadedEvents returns the events of which at least one change is on this device.
func downloadedEvents(library []qa.LibraryEntry) map[qa.EventID]qa.Event {
	here := make(map[qa.EventID]qa.Event, len(library))
	for i := range library {
		if library[i].Arrived() {
			here[library[i].Event.ID] = library[i].Event
		}
	}
	return here
}

// cardsOfListed returns the cards of the first limit weeks.
func (s *server) cardsOfListed(weeks []qa.ListedWeek, limit int, here map[qa.EventID]qa.Event) []weekCard {
	out := make([]weekCard, 0, min(len(weeks), limit))
	for _, w := range weeks[:min(len(weeks), limit)] {
		out = append(out, s.cardOfListed(w, here))
	}
	return out
}

// notDownloaded is shown instead of numbers for a week that is not on this device.
const notDownloaded = "not downloaded yet"

// cardOfListed returns the card of a week that a club lists. It has the week's own
// details if the week is on this device, otherwise those in the club's list.
func (s *server) cardOfListed(w qa.ListedWeek, here map[qa.EventID]qa.Event) weekCard {
	if e, ok := here[w.ID]; ok {
		return s.cardOf(e)
	}
	b := s.cardOf(qa.Event{ID: w.ID, Title: w.Title, Authors: w.Authors, StartsAtMillis: w.StartsAtMillis, EndsAtMillis: w.EndsAtMillis})
	b.Posts = notDownloaded
	return b
}

// countAllQuestions counts the questions and the new posts of the weeks that the page shows.
func (s *server) countAllQuestions(ctx context.Context, p *libraryPage) {
	news, _ := s.node.News(ctx) // the page must open anyway
	for i := range p.Sections {
		c := &p.Sections[i]
		for _, cards := range [][]weekCard{c.Now, c.Coming, c.Read} {
			addNews(cards, news)
		}
		s.countQuestions(ctx, c.Now)
		s.countQuestions(ctx, c.Read)
		c.Years = groupByYear(c.Read)
	}
}

// countQuestions sets the number of questions of each card. If a week cannot be
// read, its card has no number: the page of the week shows the error.
func (s *server) countQuestions(ctx context.Context, books []weekCard) {
	for i := range books {
		b := &books[i]
		if b.Posts == notDownloaded {
			continue
		}
		n, err := s.node.Numbers(ctx, b.id)
		if err != nil {
			continue
		}
		b.Bold = plural(n.Questions, "question")
		if n.Open > 0 {
			b.Posts = fmt.Sprintf("%d unanswered", n.Open)
		}
		switch {
		case !b.winnersTold || len(n.Winners) == 0:
		case n.Won:
			b.Winners = "You won a copy"
		default:
			b.Winners = "Won by " + winnersWords(n.Winners)
		}
	}
}

// clubPage is the body of the page with all weeks of a club.
type clubPage struct {
	Title string
	Count int
	Years []year
	paging
}

// weeksOnPage is how many weeks one page of a club shows.
const weeksOnPage = 100

// clubWeeks shows all weeks of a club, from the latest to the earliest.
func (s *server) clubWeeks(w http.ResponseWriter, r *http.Request) {
	ctx, id := r.Context(), qa.EventID(r.PathValue("event"))
	clubs, err := s.node.Clubs(ctx)
	if err != nil {
		s.readFailed(w, r, err)
		return
	}
	i := slices.IndexFunc(clubs, func(e qa.Event) bool { return e.ID == id })
	if i < 0 {
		s.problem(w, r, http.StatusNotFound, "This club is not on this device", "To join it, paste its invitation under “Your weeks”.")
		return
	}
	library, err := s.node.Library(ctx)
	if err != nil {
		s.readFailed(w, r, err)
		return
	}
	c := qa.NewClub(clubs[i], s.now().UnixMilli())
	weeks := slices.Clone(c.Upcoming)
	slices.Reverse(weeks)
	weeks = append(append(weeks, c.Now...), c.Archive...)
	p := clubPage{Title: clubs[i].Title, Count: len(weeks)}
	p.paging = newPaging(len(weeks), weeksOnPage, r.URL.Query().Get("page"), -1, func(n int) string { return pageAddress(clubPath(id), nil, n) })
	from, until := p.on(len(weeks), weeksOnPage)
	books := s.cardsOfListed(weeks[from:until], weeksOnPage, downloadedEvents(library))
	s.countQuestions(ctx, books)
	news, _ := s.node.News(ctx) // the page must open anyway
	addNews(books, news)
	p.Years = groupByYear(books)
	s.page(w, r, http.StatusOK, "club", s.layout(r, p.Title, "library", p))
}
