// Package publish selects the publishable content of a week (Publish), and writes it as a Jekyll
// page, Markdown, CSV and JSON. The packages below it write a static site (publish/site), Atom and
// JSON feeds (publish/syndication), calendars (publish/ical) and digests (publish/digest), and a
// directory of files (publish/outdir).
//
// Except for outdir, these packages do no I/O and use no clock: equal input gives equal bytes.
package publish

import (
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"flyleaf/picture"
	"flyleaf/qa"
	"flyleaf/qa/people"
	"flyleaf/schema"
	"flyleaf/weekfile"
)

// Published is the publishable content of a week, under the names that people chose. Every published
// format is written from it, so all formats show the same content.
type Published struct {
	Event   qa.Event
	Threads []PublishedThread // in the week's order
}

// PublishedThread is a question with its published replies.
type PublishedThread struct {
	PublishedPost
	Replies  []PublishedPost
	Answered bool
	Wants    int
	Won      bool // the question was chosen by the authors or drawn: its writer gets a copy
	// DuplicateOf is the ID of the question that this one repeats; "" when there is none, or
	// when that question is not published.
	DuplicateOf string
}

// PublishedPost is a post as it is published.
type PublishedPost struct {
	// ID names the post within its week, permanently and in every format. It is the post's ID, or for
	// an imported post its ID in the source, so a week that was exported, lost and imported again
	// keeps its addresses. ID is unique in the week and has at most schema.MaxShort
	// bytes, of any characters.
	ID       string
	Name     string // as its writer wants to be published; "" when the name is not known
	Text     string
	AtMillis int64 // 0: not known
	// BeforeMillis is an upper bound of the time. It is set even if AtMillis is unknown.
	BeforeMillis int64
	Author       bool   // written by an author of the book
	Not          string // a warning such as "not the author", for a name that looks like another's; see people.Lookalike.Badge
	ReplyTo      string // for a reply to a reply, the published name of the writer of that reply
	Late         bool   // written after the week was closed
	// Placeholder is the reason why a placeholder replaces a question: Withdrawn, Hidden or Void. Name and
	// Text are then "". Placeholder is "" for every other post.
	Placeholder string
	Reactions   []qa.ImportedReaction // reactions in the original chat; they do not count as votes
}

// The values of PublishedPost.Placeholder.
const (
	Withdrawn = "withdrawn" // by its writer
	Hidden    = "hidden"    // by a moderator, or not approved, or written by a blocked person
	Void      = "void"      // its writer's device signed two versions of it
)

// Body returns the post's text, or for a replaced question the placeholder text.
func (p *PublishedPost) Body() string {
	switch p.Placeholder {
	case Withdrawn:
		return weekfile.WithdrawnQuestion
	case Hidden:
		return weekfile.HiddenQuestion
	case Void:
		return weekfile.VoidQuestion
	}
	return p.Text
}

// ShownName returns the writer's name as readers see it.
func (p *PublishedPost) ShownName() string {
	if strings.TrimSpace(p.Name) == "" {
		return "Somebody"
	}
	return p.Name
}

// Publish returns what may be published of a week. It leaves out posts that were withdrawn or
// hidden, posts of blocked people, and unapproved posts (in an event with approval, any post;
// otherwise posts written after closing). If such a question has published replies, a placeholder
// takes its place. Writers can choose to appear as initials or without a name (people/publishAs);
// this also applies to ReplyTo. A post with several versions that nobody has resolved is published with all of them.
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
			ID: ids[p.ID], Name: publishedName(&week, p), Text: publishedText(&week.Event, &p.Post), AtMillis: knownTime(&week.Event, p, posts), BeforeMillis: p.AtMillis,
			Author: p.ByAuthor, Late: p.Late, Reactions: qa.ImportedReactions(p.X),
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
			why := Hidden
			switch {
			case q.Void:
				why = Void
			case q.Withdrawn:
				why = Withdrawn
			}
			pt.PublishedPost = PublishedPost{ID: ids[q.ID], AtMillis: pt.AtMillis, Placeholder: why}
		}
		shown[t.Question.ID] = true
		out.Threads = append(out.Threads, pt)
	}
	won := week.WinningQuestions()
	n := 0
	for i := range week.Threads {
		if t := &week.Threads[i]; shown[t.Question.ID] {
			out.Threads[n].Won = won[t.Question.ID] && out.Threads[n].Placeholder == ""
			if shown[t.DuplicateOf] {
				out.Threads[n].DuplicateOf = ids[t.DuplicateOf]
			}
			n++
		}
	}
	return out
}

// publishedText returns the text of a post. If the writer edited it on two devices at once and has not chosen a version,
// it has both. Words take the place of pictures if the week has none, and in several versions.
func publishedText(e *qa.Event, p *qa.Post) string {
	texts := e.PublishedTexts(p)
	if len(texts) < 2 && e.HasPictures() {
		return e.PublishedText(p)
	}
	for i := range texts {
		texts[i] = picture.Words(texts[i])
	}
	if len(texts) < 2 {
		return picture.Words(e.PublishedText(p))
	}
	return fmt.Sprintf("*Edited on several devices at once. All %d versions:*\n\n%s", len(texts), strings.Join(texts, "\n\n---\n\n"))
}

// publishedName returns the name under which a writer wants to be published; "" when the post was
// imported without a name.
func publishedName(week *qa.Week, p *qa.PostView) string {
	if p.OnBehalfOf == qa.NoName && p.IsImported() {
		return ""
	}
	if p.OnBehalfOf != "" {
		return p.Name
	}
	switch week.People[p.By].PublishAs {
	case schema.PublishNothing:
		return "Anonymous"
	case schema.PublishInitials:
		if week.People[p.By].Name == "" {
			return p.Name
		}
		var out []string
		for _, word := range strings.Fields(p.Name) {
			r, _ := utf8.DecodeRuneInString(word)
			out = append(out, string(unicode.ToUpper(r))+".")
		}
		return strings.Join(out, " ")
	}
	return p.Name
}

// knownTime returns the time of a post, 0 when an import invented it.
func knownTime(e *qa.Event, p *qa.PostView, posts int) int64 {
	if p.TimeUnknown(e, posts) {
		return 0
	}
	return p.AtMillis
}

// publishedIDs returns the PublishedPost.ID of every post of a week: its source if it is imported.
func publishedIDs(week *qa.Week) map[qa.PostID]string {
	ids := map[qa.PostID]string{}
	used := map[string]bool{}
	name := func(p *qa.PostView) {
		id := string(p.ID)
		if p.IsImported() {
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

// maxSlug bounds a slug in bytes. File systems allow 255 for a name.
const maxSlug = 100

// Slug returns the name of a week in addresses, such as 20210308-the-title: its first day
// in its time zone and its title, in letters, digits and hyphens, at most 100 bytes.
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
