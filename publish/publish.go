// Package publish decides what of a week may be published (Publish), and writes it as a
// Jekyll page, Markdown, CSV and JSON. The packages below it write a static site
// (publish/site), Atom and JSON feeds (publish/syndication), calendars (publish/ical) and
// digests (publish/digest), and a directory of files (publish/outdir).
//
// All but outdir are functions of values: the same week gives the same bytes, and they use
// no network, disk or clock.
package publish

import (
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"flyleaf/qa"
	"flyleaf/qa/people"
	"flyleaf/weekfile"
)

// Published is a week as it leaves Flyleaf: what everybody may read, under the
// names that people chose. Every format that is published is written from it, so
// that nothing is left out in one and shown in another.
type Published struct {
	Event   qa.Event
	Threads []PublishedThread // in the week's order
}

// PublishedThread is a question with the replies to it that are shown.
type PublishedThread struct {
	PublishedPost
	Replies  []PublishedPost
	Answered bool
	Wants    int
	Won      bool // its writer gets a copy for it: chosen by the authors, or drawn
	// DuplicateOf is the ID of the question this one repeats; "" when none, or
	// when that one is not published.
	DuplicateOf string
}

// PublishedPost is a post as it is published.
type PublishedPost struct {
	// ID names the post within its week, for ever and in every format: the post's
	// ID, or what an import named it by, so that a week that was exported, lost and
	// imported again keeps its addresses. It is unique in its week and has no more
	// than schema.MaxShort bytes, of any characters.
	ID       string
	Name     string // as its writer wants to be published; "" when the name is not known
	Text     string
	AtMillis int64 // 0: not known
	// BeforeMillis is a time by which it was written, also where AtMillis is not known.
	BeforeMillis int64
	Author       bool   // an author's
	Not          string // "not the author" of a name that only looks so; see people.Lookalike.Badge
	ReplyTo      string // the published name, when this replies to a reply
	Late         bool
	// Gone is "withdrawn" or "hidden" for a question that keeps its place because of
	// its replies. Name and Text are then "".
	Gone      string
	Reactions []qa.CarriedReaction // brought along by an import; nobody's votes here
}

// Publish returns what of a week is published. A withdrawn, hidden, blocked or
// (where an event approves, or after it was closed) unapproved post is left out; a question that is left
// out while it has replies that are shown keeps its place. Writers who publish as
// initials or without a name (people/publishAs) are named so, also where somebody
// replies to them.
func Publish(week qa.Week) Published {
	out := Published{Event: week.Event.Consistent(), Threads: []PublishedThread{}}
	ids := publishedIDs(&week)
	by := map[qa.PostID]*qa.PostView{}
	posts := 0
	for i := range week.Threads {
		t := &week.Threads[i]
		by[t.Question.ID] = &t.Question
		posts += 1 + len(t.Replies)
		for j := range t.Replies {
			by[t.Replies[j].ID] = &t.Replies[j]
		}
	}
	look := people.NewLookalikes(&week)
	view := func(p *qa.PostView) PublishedPost {
		v := PublishedPost{
			ID: ids[p.ID], Name: publishedName(&week, p), Text: week.Event.PublishedText(&p.Post), AtMillis: knownTime(&week.Event, p, posts), BeforeMillis: p.AtMillis,
			Author: p.ByAuthor, Late: p.Late, Reactions: qa.Carried(p.X),
		}
		if v.Name == p.Name {
			v.Not = look.Post(p).Badge()
		}
		if up := by[p.Parent]; up != nil && up.Parent != "" && week.Event.Published(&up.Post) {
			v.ReplyTo = publishedName(&week, up)
		}
		return v
	}
	shown := map[qa.PostID]bool{}
	for i := range week.Threads {
		t := &week.Threads[i]
		pt := PublishedThread{PublishedPost: view(&t.Question), Answered: t.Answered, Wants: t.Wants, Replies: []PublishedPost{}}
		for j := range t.Replies {
			if p := &t.Replies[j]; week.Event.Published(&p.Post) {
				pt.Replies = append(pt.Replies, view(p))
			}
		}
		if q := &t.Question; !week.Event.Published(&q.Post) {
			if len(pt.Replies) == 0 {
				continue
			}
			gone := "hidden"
			if q.Withdrawn {
				gone = "withdrawn"
			}
			pt.PublishedPost = PublishedPost{ID: ids[q.ID], AtMillis: pt.AtMillis, Gone: gone}
		}
		shown[t.Question.ID] = true
		out.Threads = append(out.Threads, pt)
	}
	won := winners(&week)
	n := 0
	for i := range week.Threads {
		if t := &week.Threads[i]; shown[t.Question.ID] {
			out.Threads[n].Won = won[t.Question.ID] && out.Threads[n].Gone == ""
			if shown[t.DuplicateOf] {
				out.Threads[n].DuplicateOf = ids[t.DuplicateOf]
			}
			n++
		}
	}
	return out
}

// winners returns the questions that won.
func winners(week *qa.Week) map[qa.PostID]bool {
	e := &week.Event
	var drawn qa.Drawn
	if e.Draw != nil {
		// A draw that cannot be run has drawn nobody; those chosen by hand stay.
		drawn, _ = e.Draw.Run(e.ID, e.Founder, week.Entrants())
	}
	out := map[qa.PostID]bool{}
	for _, p := range week.Prizes(drawn) {
		out[p.Post] = true
	}
	return out
}

// publishedName is the name a writer wants to be published under; "" is the empty
// name of an import.
func publishedName(week *qa.Week, p *qa.PostView) string {
	if p.OnBehalfOf == qa.NoName && p.Source != "" {
		return ""
	}
	if p.OnBehalfOf != "" {
		return p.Name
	}
	switch week.People[p.By].PublishAs {
	case "none":
		return "Anonymous"
	case "initials":
		var out []string
		for _, word := range strings.Fields(p.Name) {
			r, _ := utf8.DecodeRuneInString(word)
			out = append(out, string(unicode.ToUpper(r))+".")
		}
		return strings.Join(out, " ")
	}
	return p.Name
}

// knownTime returns the time of a post, 0 when an import made it up.
func knownTime(e *qa.Event, p *qa.PostView, posts int) int64 {
	if p.TimeMadeUp(e, posts) {
		return 0
	}
	return p.AtMillis
}

// publishedIDs names every post of a week, see PublishedPost.ID. Only what an
// organiser brought in is named by its source: others can write any source into
// their posts.
func publishedIDs(week *qa.Week) map[qa.PostID]string {
	ids := map[qa.PostID]string{}
	used := map[string]bool{}
	name := func(p *qa.PostView) {
		id := string(p.ID)
		if p.Source != "" && week.Event.HasRole(p.By, qa.RoleOrganiser) {
			source := p.Source
			if rest, ok := strings.CutPrefix(source, week.Event.Source+"#"); ok && week.Event.Source != "" && weekfile.IsLocalID(rest) {
				source = rest
			}
			if !used[source] {
				id = source
			}
		}
		ids[p.ID], used[id] = id, true
	}
	for i := range week.Threads {
		name(&week.Threads[i].Question)
		for j := range week.Threads[i].Replies {
			name(&week.Threads[i].Replies[j])
		}
	}
	return ids
}

// maxSlug bounds a slug in bytes: a file's name has no more than 255.
const maxSlug = 100

// Slug returns the name of a week in addresses: 20210308-the-title, by its first day
// in its time zone, in letters, digits and hyphens, of at most 100 bytes.
func Slug(e *qa.Event) string {
	s := weekfile.Hyphenated(e.Title)
	if e.StartsAtMillis != 0 {
		first := time.UnixMilli(e.StartsAtMillis).In(e.Location())
		s = strings.TrimSuffix(first.Format("20060102")+"-"+s, "-")
	}
	if s == "" {
		s = "week"
	}
	if len(s) > maxSlug {
		cut := maxSlug
		for !utf8.RuneStart(s[cut]) {
			cut--
		}
		s = strings.TrimRight(s[:cut], "-")
	}
	return s
}
