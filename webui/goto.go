package webui

import (
	"context"
	"net/http"
	"strconv"
	"strings"

	"flyleaf/node"
	"flyleaf/publish/ical"
	"flyleaf/qa"
	"flyleaf/schema"
)

// gotoPage is the body of the page that lists where the reader can go and what they can do, by name. A script opens its
// list as a command palette.
type gotoPage struct {
	Typed, Week string // what is looked for; the ID of the week whose pages are listed, or ""
	Groups      []destinations
	CSRF, Back  string
}

type destinations struct {
	Name  string
	Links []destination
}

// destination is a link to a page, or a button: then the form of Back is sent to Action with Field and Value.
type destination struct {
	Name, URL            string
	Current              string // value of aria-current: "page", "true" on a page below it; "" elsewhere
	Count                int
	Note                 string
	Action, Field, Value string
}

const gotoPath = "/goto"

// Of the weeks and posts that fit, the list has at most so many.
const (
	maxGotoWeeks = 8
	maxGotoPosts = 5
)

// NavLinks returns the links of the header.
func (l layout) NavLinks() []destination {
	link := func(name, nav, url string) destination {
		out := destination{Name: name, URL: url}
		if l.Nav == nav {
			out.Current = "page"
		}
		return out
	}
	out := []destination{link("Weeks", "library", "/")}
	if l.Event != "" {
		week := link("Week", "this week", l.Event)
		switch l.Nav {
		case "this week":
			week.URL = "" // it leads nowhere else
		case "week":
			week.Current = "true"
		}
		out = append(out, week)
	}
	if l.Author {
		out = append(out, link("Inbox", "inbox", l.Event+"/inbox"))
	}
	if l.Moderator {
		queue := link("To approve", "queue", l.Event+"/queue")
		queue.Count = l.ToApprove
		out = append(out, queue)
	}
	if l.Winners {
		out = append(out, link("Winners", "winners", l.Event+"/winners"))
	}
	return append(out, link("You", "you", "/you"))
}

// otherPages returns the links to the other pages of the week that the reader may open.
func (v *weekView) otherPages() []destination {
	path := eventPath(v.Event.ID)
	out := []destination{{Name: "People and roles", URL: path + "/people"}}
	if v.can.Organise {
		out = append(out, destination{Name: "Week settings", URL: path + "/setup"})
	}
	if len(ical.Readers(&v.Event, string(v.Event.ID), "")) > 0 {
		out = append(out, destination{Name: "Add to calendar (.ics)", URL: path + "/calendar.ics"})
		if v.can.Organise || v.Event.HasRole(v.me, qa.RoleAuthor) {
			out = append(out, destination{Name: "Add authors’ calendar (.ics)", URL: path + "/calendar.ics?for=authors"})
		}
	}
	return append(out, destination{Name: "Moderation log", URL: path + "/log"}, destination{Name: "Presenter view", URL: path + "/stage"},
		destination{Name: "Save or publish", URL: "/files?week=" + string(v.Event.ID)})
}

// commands returns what the reader can do in the week from any page.
func (v *weekView) commands() (out []destination) {
	path := eventPath(v.Event.ID)
	if !v.Event.Closed {
		out = append(out, destination{Name: "Ask a question", URL: path + "#ask"})
	}
	if fresh := v.fresh(); fresh != nil {
		out = append(out, destination{Name: "Mark all posts as read", Action: path + "/read", Field: "upTo", Value: strconv.FormatInt(fresh.UpTo, 10)})
	}
	if v.can.Organise {
		switched := destination{Name: "Close the week", URL: path + "/switch?closed=1"}
		if v.Event.Closed {
			switched = destination{Name: "Reopen the week", URL: path + "/switch?closed=0"}
		}
		out = append(out, switched)
	}
	return out
}

// sitePages are the pages that belong to no week, besides those of the header.
func (s *server) sitePages() []destination {
	out := []destination{
		{Name: "Search", URL: searchPath},
		{Name: "What is new in all weeks", URL: "/digest"},
		{Name: "Import a file, save or publish weeks", URL: "/files"},
		{Name: "Sync status", URL: "/sync"},
		{Name: "Recovery phrase and keys", URL: "/you#phrase"},
	}
	if s.browser {
		out = append(out, destination{Name: "What this browser stores", URL: "/storage"})
	}
	return out
}

var themes = []destination{
	{Name: "Dark theme", Action: "/you/theme", Field: "theme", Value: "dark"},
	{Name: "Light theme", Action: "/you/theme", Field: "theme", Value: "light"},
	{Name: "Theme of the system", Action: "/you/theme", Field: "theme"},
}

// weekForNav returns the view of a week as the links to its pages need it; nil if it has not arrived or cannot be read.
func (s *server) weekForNav(ctx context.Context, event qa.EventID) *weekView {
	week, err := s.node.Week(ctx, event)
	keys, errKeys := s.node.Keys(ctx, event)
	if err != nil || errKeys != nil || week.Event.Title == "" {
		return nil
	}
	v := s.newWeekView(week, keys)
	v.can = permissionsOf(week.Event, v.me)
	return v
}

func (s *server) showGoto(w http.ResponseWriter, r *http.Request) {
	ctx, q := r.Context(), r.URL.Query()
	p := gotoPage{Typed: strings.TrimSpace(q.Get("q")), CSRF: s.guard.form, Back: "/"}
	l := s.layout(r, "Go to", "goto", nil)
	var commands []destination
	var here []destination
	if event := qa.EventID(q.Get("week")); event != "" {
		if v := s.weekForNav(ctx, event); v != nil && v.Event.Kind != schema.KindClub {
			l.Event = eventPath(event)
			v.read, _ = s.node.ReadState(ctx, event)
			v.nav(&l)
			p.Week, p.Back = string(event), l.Event
			here, commands = v.otherPages(), v.commands()
			here = append([]destination{{Name: v.Event.Title, URL: l.Event}}, here...)
		}
	}
	site := s.sitePages()
	for _, link := range l.NavLinks() {
		switch {
		case link.Name == "Week": // it is there with its title
		case l.Event != "" && strings.HasPrefix(link.URL, l.Event):
			here = append(here, link)
		default:
			site = append(site, link)
		}
	}
	library, err := s.node.Library(ctx)
	if err != nil {
		s.readFailed(w, r, err)
		return
	}
	var weeks []destination
	for _, e := range library {
		if e.Arrived() && string(e.Event.ID) != p.Week && e.Event.Kind != schema.KindClub {
			weeks = append(weeks, destination{Name: e.Event.Title, URL: eventPath(e.Event.ID), Note: e.Event.Authors})
		}
	}
	var posts []destination
	if p.Typed != "" {
		if posts, err = s.postsToGoTo(ctx, p.Typed); err != nil {
			s.readFailed(w, r, err)
			return
		}
		posts = append(posts, destination{Name: "Search all posts for “" + p.Typed + "”", URL: searchQuery{Words: p.Typed}.address(1)})
	}
	for _, g := range []destinations{
		{"Do", fitting(p.Typed, commands)},
		{"This week", fitting(p.Typed, here)},
		{"Weeks", firstOf(fitting(p.Typed, weeks), maxGotoWeeks)},
		{"Flyleaf", fitting(p.Typed, append(site, themes...))},
		{"Posts", posts},
	} {
		if len(g.Links) > 0 {
			p.Groups = append(p.Groups, g)
		}
	}
	l.Body = p
	s.page(w, r, http.StatusOK, "goto", l)
}

func firstOf(links []destination, n int) []destination { return links[:min(len(links), n)] }

// fitting returns the links whose names or notes have a word that begins with each of the typed words.
func fitting(typed string, links []destination) (out []destination) {
	words := strings.Fields(strings.ToLower(typed))
	for _, link := range links {
		name, fits := " "+strings.ToLower(link.Name+" "+link.Note), true
		for _, word := range words {
			fits = fits && strings.Contains(name, " "+word)
		}
		if fits {
			out = append(out, link)
		}
	}
	return out
}

// postsToGoTo returns the posts of all weeks that fit the words best.
func (s *server) postsToGoTo(ctx context.Context, words string) (out []destination, err error) {
	hits, _, err := node.NewWeekCache(s.node).Search(ctx, node.Query{Words: words, Limit: maxGotoPosts})
	if err != nil {
		return nil, err
	}
	for _, hit := range hits {
		keys, err := s.node.Keys(ctx, hit.Week.Event.ID)
		if err != nil {
			return nil, err
		}
		found := s.newWeekView(*hit.Week, keys).result(hit.Post, searchQuery{Words: words})
		var text strings.Builder
		for _, segment := range found.Words {
			text.WriteString(segment.Text)
		}
		out = append(out, destination{Name: text.String(), URL: found.URL, Note: found.Who + ", " + found.Week})
	}
	return out, nil
}
