package replica

import (
	"context"
	"slices"
	"strings"
	"unicode"

	"github.com/agnivade/levenshtein"

	"flyleaf/qa"
	"flyleaf/schema"
)

// Recognising a week whose title or first day was corrected since it was imported. Its
// source is made from both (qa.Imported.SourceFromTitle), so it has another one now; its
// messages are the same.

// importedWeek is an event that this person founded by an import.
type importedWeek struct {
	id     qa.EventID
	format string // what its source begins with
	week   qa.ListedWeek
	writer string // event/authors
}

// maxCandidates bounds the events whose messages are compared with those of one import.
const maxCandidates = 20

// sharedAlone is how many messages two weeks of one day must share to be the same whatever
// their titles are. Fewer could be what people say everywhere ("Thank you!").
const sharedAlone = 3

// sameWeek finds the event that this person imported a week as, under another title or
// first day; "" when there is none, or more than one that could be it. It is the same
// when the format is, one of title and first day is or is alike, and half of the messages
// of the one with fewer are; or, without any messages, title, day and authors.
func (n *Node) sameWeek(ctx context.Context, week *qa.Imported) (importedWeek, error) {
	if !week.SourceFromTitle {
		return importedWeek{}, nil
	}
	candidates := n.sources.alike(week)
	names := messageNames(week.Source, func(yield func(string)) {
		for i := range week.Posts {
			yield(week.Posts[i].Source)
		}
	})
	var best importedWeek
	most, equals := -1, 0
	for _, c := range candidates[:min(len(candidates), maxCandidates)] {
		event, err := n.read(ctx, c.id)
		if err != nil {
			return importedWeek{}, err
		}
		c.week, c.writer = event.Listing(), event.Authors // they may have been edited since
		c.week.ID = c.id
		posts, err := n.store.Posts(ctx, c.id)
		if err != nil {
			return importedWeek{}, err
		}
		here := messageNames(event.Source, func(yield func(string)) {
			for i := range posts {
				if event.HasRole(posts[i].By, qa.RoleOrganiser) {
					yield(posts[i].Source)
				}
			}
		})
		shared := 0
		for name := range names {
			if here[name] {
				shared++
			}
		}
		fewer := min(len(names), len(here))
		half := shared > 0 && 2*shared >= fewer
		sameDay := c.week.StartsAtMillis == week.Event.StartsAtMillis
		alike := alikeTitles(c.week.Title, week.Event.Title)
		same := alike && half || sameDay && half && shared >= sharedAlone ||
			alike && sameDay && fewer == 0 && c.writer == week.Event.Authors
		switch {
		case !same || shared < most:
		case shared == most:
			equals++
		default:
			best, most, equals = c, shared, 1
		}
	}
	if equals != 1 {
		return importedWeek{}, nil
	}
	return best, nil
}

// messageNames returns what the sources of a week's messages say behind the week's own.
func messageNames(source string, each func(yield func(string))) map[string]bool {
	out := map[string]bool{}
	each(func(s string) {
		if name, ok := strings.CutPrefix(s, source+"#"); ok {
			out[name] = true
		}
	})
	return out
}

// underSource gives a week and the messages that its import names the sources that they
// have in the event which came from another source.
func underSource(week *qa.Imported, is string) {
	rename := func(source string) string {
		if name, ok := strings.CutPrefix(source, week.Source+"#"); ok && len(is)+1+len(name) <= schema.MaxShort {
			return is + "#" + name
		}
		return source
	}
	week.Posts = slices.Clone(week.Posts)
	for i := range week.Posts {
		week.Posts[i].Source = rename(week.Posts[i].Source)
	}
	for _, list := range []*[]string{&week.Deleted, &week.Absent, &week.Present} {
		*list = slices.Clone(*list)
		for i, source := range *list {
			(*list)[i] = rename(source)
		}
	}
	week.Source = is
}

// alike returns the weeks that could be this one: of its format, and of its first day or
// its title.
func (s *sources) alike(week *qa.Imported) []importedWeek {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []importedWeek
	for _, list := range [][]importedWeek{s.byDay[week.Event.StartsAtMillis], s.byTitle[foldTitle(week.Event.Title)]} {
		for _, w := range list {
			if w.format == week.Format && !slices.ContainsFunc(out, func(x importedWeek) bool { return x.id == w.id }) {
				out = append(out, w)
			}
		}
	}
	// The likely ones first, as there is a bound.
	slices.SortStableFunc(out, func(a, b importedWeek) int {
		x, y := alikeTitles(a.week.Title, week.Event.Title), alikeTitles(b.week.Title, week.Event.Title)
		switch {
		case x == y:
			return 0
		case x:
			return -1
		}
		return 1
	})
	return out
}

// add remembers an event. s.mu is held.
func (s *sources) add(e *qa.Event, id qa.EventID) {
	format, _, _ := strings.Cut(e.Source, ":")
	w := importedWeek{id: id, format: format, week: e.Listing(), writer: e.Authors}
	w.week.ID = id
	s.byDay[e.StartsAtMillis] = append(s.byDay[e.StartsAtMillis], w)
	title := foldTitle(e.Title)
	s.byTitle[title] = append(s.byTitle[title], w)
}

// foldTitle returns the words of a title in lower case, between single spaces.
func foldTitle(s string) string { return strings.Join(titleWords(s), " ") }

func titleWords(s string) []string {
	return strings.FieldsFunc(strings.ToLower(s), func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !unicode.IsMark(r) })
}

// mistyped is how many letters of a word may differ, and shortWord up to how many letters
// none may: "Volume 2" is another book than "Volume 1".
const (
	mistyped  = 2
	shortWord = 3
)

// alikeTitles reports whether one title is the other with letters mistyped, or with more
// words behind it. Words of up to three letters, and numbers, have to be the same.
func alikeTitles(a, b string) bool {
	x, y := titleWords(a), titleWords(b)
	if len(x) == 0 || len(y) == 0 {
		return false
	}
	if strings.Join(x, "") == strings.Join(y, "") {
		return true
	}
	for i := range min(len(x), len(y)) {
		if x[i] == y[i] {
			continue
		}
		if len(x[i]) > schema.MaxShort || len(y[i]) > schema.MaxShort || strings.ContainsFunc(x[i]+y[i], unicode.IsDigit) ||
			min(len([]rune(x[i])), len([]rune(y[i]))) <= shortWord || levenshtein.ComputeDistance(x[i], y[i]) > mistyped {
			return false
		}
	}
	return true
}
