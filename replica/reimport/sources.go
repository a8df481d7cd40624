package reimport

import (
	"context"
	"errors"
	"slices"
	"strings"
	"unicode"

	"github.com/agnivade/levenshtein"

	"flyleaf/internal/lockorder"
	"flyleaf/internal/smallsort"
	"flyleaf/qa"
	"flyleaf/schema"
	"flyleaf/storage"
)

// Sources finds the event that this person imported from a source. It keeps an index, so
// that a thousand imports do not each search a thousand events. It is safe for concurrent
// use.
type Sources struct {
	store storage.Store
	posts func(context.Context, qa.EventID) ([]qa.Post, error)
	me    qa.Identity

	mu      lockorder.Mutex[lockorder.Sources] // guards what follows; not held during calls of the store
	version int                                // counts the calls of Invalidate
	index   *index                             // nil: not read yet
}

// NewSources returns the Sources of the events that the person me imported into a store. posts returns the
// posts of an event.
func NewSources(store storage.Store, posts func(context.Context, qa.EventID) ([]qa.Post, error), me qa.Identity) *Sources {
	return &Sources{store: store, posts: posts, me: me}
}

// index maps sources, first days and titles to the weeks that this person imported.
type index struct {
	bySource map[string]qa.EventID
	byDay    map[int64][]importedWeek  // by the first day, ms
	byTitle  map[string][]importedWeek // by foldTitle
}

// importedWeek is an event that this person created by an import.
type importedWeek struct {
	id      qa.EventID
	format  string // the first part of its source
	week    qa.ListedWeek
	authors string
}

// add adds an imported event. Events without a source are not imports, and are ignored.
func (x *index) add(e *qa.Event, id qa.EventID) {
	if e.Source == "" {
		return
	}
	format, _, _ := strings.Cut(e.Source, ":")
	w := importedWeek{id: id, format: format, week: e.Listing(), authors: e.Authors}
	w.week.ID = id
	x.bySource[e.Source] = id
	x.byDay[e.StartsAtMillis] = append(x.byDay[e.StartsAtMillis], w)
	title := foldTitle(e.Title)
	x.byTitle[title] = append(x.byTitle[title], w)
}

// read returns the index, and reads it from the store if it is not in memory.
func (s *Sources) read(ctx context.Context) (*index, error) {
	s.mu.Lock()
	known, version := s.index, s.version
	s.mu.Unlock()
	if known != nil {
		return known, nil
	}
	following, err := s.store.Following(ctx)
	if err != nil {
		return nil, err
	}
	x := &index{bySource: map[string]qa.EventID{}, byDay: map[int64][]importedWeek{}, byTitle: map[string][]importedWeek{}}
	for _, f := range slices.Backward(following) { // if two events have one source, use the one followed first
		e, err := s.store.Event(ctx, f.Event)
		if errors.Is(err, storage.ErrNotFound) {
			continue
		}
		if err != nil {
			return nil, err
		}
		if e.Founder == s.me {
			x.add(&e, f.Event)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.version == version {
		s.index = x
	}
	return x, nil
}

// Imported records an event that was just created by an import.
func (s *Sources) Imported(event *qa.Event, id qa.EventID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.index != nil {
		s.index.add(event, id)
	}
}

// Invalidate makes the next call read the store again. It is called after an event with a
// source changed other than by an import on this device.
func (s *Sources) Invalidate() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.index = nil
	s.version++
}

// Find returns the event that this person created from a source, "" when there is none.
func (s *Sources) Find(ctx context.Context, source string) (qa.EventID, error) {
	if source == "" {
		return "", nil
	}
	x, err := s.read(ctx)
	if err != nil {
		return "", err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return x.bySource[source], nil
}

// maxCandidates bounds the events whose messages are compared with those of one import.
const maxCandidates = 20

// minSharedMessages is how many messages two weeks with the same first day must share to
// count as the same week if their titles differ. Fewer shared messages could be common
// phrases ("Thank you!").
const minSharedMessages = 3

// SameWeek finds the event that an earlier import of this week created under another title
// or first day. The source is derived from both (qa.Imported.SourceFromTitle), so
// correcting either changes the source. It returns an event with the ID "" if no event, or
// more than one, could be the week.
//
// Two weeks are the same if they have the same format, their titles are similar or their
// first days equal, and they share at least half of the messages of the week that has fewer
// (at least minSharedMessages if only the first days agree). Weeks without messages are the
// same if their titles are similar and first day and authors are equal.
func (s *Sources) SameWeek(ctx context.Context, week *qa.Imported) (qa.Event, error) {
	if !week.SourceFromTitle {
		return qa.Event{}, nil
	}
	x, err := s.read(ctx)
	if err != nil {
		return qa.Event{}, err
	}
	s.mu.Lock()
	candidates := x.candidates(week)
	s.mu.Unlock()
	importedNames := messageNames(week.Source, func(yield func(string)) {
		for i := range week.Posts {
			yield(week.Posts[i].Source)
		}
	})
	var best qa.Event
	mostShared, ties := -1, 0
	for _, c := range candidates[:min(len(candidates), maxCandidates)] {
		event, err := s.store.Event(ctx, c.id) // the index may be older than the last edit
		if errors.Is(err, storage.ErrNotFound) {
			continue
		}
		if err != nil {
			return qa.Event{}, err
		}
		event.ID = c.id
		event.Clean() // an earlier version, which did not clean texts, may have written the view
		posts, err := s.posts(ctx, c.id)
		if err != nil {
			return qa.Event{}, err
		}
		eventNames := messageNames(event.Source, func(yield func(string)) {
			for i := range posts {
				if posts[i].IsImported() {
					yield(posts[i].Source)
				}
			}
		})
		shared := 0
		for name := range importedNames {
			if eventNames[name] {
				shared++
			}
		}
		fewer := min(len(importedNames), len(eventNames))
		half := shared > 0 && 2*shared >= fewer
		sameDay := event.StartsAtMillis == week.Event.StartsAtMillis
		similar := similarTitles(event.Title, week.Event.Title)
		same := similar && half || sameDay && half && shared >= minSharedMessages ||
			similar && sameDay && fewer == 0 && event.Authors == week.Event.Authors
		switch {
		case !same || shared < mostShared:
		case shared == mostShared:
			ties++
		default:
			best, mostShared, ties = event, shared, 1
		}
	}
	if ties != 1 {
		return qa.Event{}, nil
	}
	return best, nil
}

// messageNames returns, for the messages' sources, the part after the week's source.
func messageNames(source string, each func(yield func(string))) map[string]bool {
	out := map[string]bool{}
	each(func(s string) {
		if name, ok := strings.CutPrefix(s, source+"#"); ok {
			out[name] = true
		}
	})
	return out
}

// RenameSource replaces a week's source with newSource, also in the sources of its messages,
// so that they match the event that was imported from newSource.
func RenameSource(week *qa.Imported, newSource string) {
	rename := func(source string) string {
		if name, ok := strings.CutPrefix(source, week.Source+"#"); ok && len(newSource)+1+len(name) <= schema.MaxShort {
			return newSource + "#" + name
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
	week.Source = newSource
}

// candidates returns the weeks that could be this one: those with the same format, and the
// same first day or title. Weeks with similar titles come first.
func (x *index) candidates(week *qa.Imported) []importedWeek {
	var out []importedWeek
	for _, list := range [][]importedWeek{x.byDay[week.Event.StartsAtMillis], x.byTitle[foldTitle(week.Event.Title)]} {
		for _, w := range list {
			if w.format == week.Format && !slices.ContainsFunc(out, func(o importedWeek) bool { return o.id == w.id }) {
				out = append(out, w)
			}
		}
	}
	smallsort.StableFunc(out, func(a, b importedWeek) int {
		x, y := similarTitles(a.week.Title, week.Event.Title), similarTitles(b.week.Title, week.Event.Title)
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

// foldTitle returns the words of a title in lower case, separated by single spaces.
func foldTitle(s string) string { return strings.Join(titleWords(s), " ") }

func titleWords(s string) []string {
	return strings.FieldsFunc(strings.ToLower(s), func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !unicode.IsMark(r) })
}

// maxTypos is how many letters of a word may differ. Words of up to shortWord letters must
// be equal.
const (
	maxTypos  = 2
	shortWord = 3
)

// similarTitles reports whether one title is the other with typos, or with words added at
// the end. Words of up to shortWord letters, and words with digits, have to be equal:
// "Volume 2" is not the same book as "Volume 1".
func similarTitles(a, b string) bool {
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
			min(len([]rune(x[i])), len([]rune(y[i]))) <= shortWord || levenshtein.ComputeDistance(x[i], y[i]) > maxTypos {
			return false
		}
	}
	return true
}
