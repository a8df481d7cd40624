package slack

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"flyleaf/importer"
	"flyleaf/qa"
	"flyleaf/schema"
)

const maxEmoji = schema.MaxEmoji

func sprintf(format string, args ...any) string { return fmt.Sprintf(format, args...) }

// What stands for a question whose words are not there while replies to it are.
const (
	deletedQuestion = "(This question was deleted in Slack.)"
	absentQuestion  = "(This question is not in the export.)"
	wordlessLead    = "(A message without words.)"
)

// weeks makes the weeks of the threads.
func (r *reader) weeks() ([]Week, error) {
	starts := r.announced()
	by := map[string][]*thread{}
	for _, t := range r.threads {
		monday := r.monday(t.at)
		// What is said after a book was announced at a weekend is about that book.
		if at, ok := starts[monday.Format(time.DateOnly)]; ok && t.at >= at {
			monday = monday.AddDate(0, 0, 7)
		}
		key := monday.Format(time.DateOnly)
		by[key] = append(by[key], t)
	}
	r.nearWeeks(by)
	want := ""
	if !r.opts.Day.IsZero() {
		want = r.monday(r.opts.Day.UnixMilli()).Format(time.DateOnly)
	}
	var out []Week
	for _, monday := range slices.Sorted(maps.Keys(by)) {
		if want != "" && monday != want {
			for _, t := range by[monday] {
				for _, m := range t.all() {
					if m.taken() {
						m.fate, m.week = OtherWeek, monday
					}
				}
			}
			continue
		}
		w, err := r.week(monday, by[monday])
		if err != nil {
			return nil, err
		}
		if len(w.Posts)+len(w.Deleted) > 0 {
			out = append(out, w)
		}
	}
	return out, nil
}

func (t *thread) all() []*message {
	if t.lead == nil {
		return t.replies
	}
	return append([]*message{t.lead}, t.replies...)
}

// inFileOrder returns the messages of threads in the order of Export.Outcomes.
func inFileOrder(threads []*thread) []*message {
	var out []*message
	for _, t := range threads {
		out = append(out, t.all()...)
	}
	slices.SortFunc(out, func(a, b *message) int { return cmp.Compare(a.position, b.position) })
	return out
}

// announced returns, by the Monday before, when a book was announced at a weekend.
func (r *reader) announced() map[string]int64 {
	out := map[string]int64{}
	for _, t := range r.threads {
		if t.lead == nil || !t.lead.taken() || !announcesBook(t.lead.words) {
			continue
		}
		if day := time.UnixMilli(t.at).In(r.opts.Zone).Weekday(); day != time.Saturday && day != time.Sunday {
			continue
		}
		key := r.monday(t.at).Format(time.DateOnly)
		if at, ok := out[key]; !ok || t.at < at {
			out[key] = t.at
		}
	}
	return out
}

func (r *reader) week(monday string, threads []*thread) (Week, error) {
	start, err := time.ParseInLocation(time.DateOnly, monday, r.opts.Zone)
	if err != nil {
		return Week{}, refuse(r.channel, importer.ErrSyntax, "%v", err)
	}
	w := Week{Monday: monday}
	w.Format = Format
	w.Source = Format + ":" + cmp.Or(r.channelID, cut(r.channel, 100)) + ":" + strings.ReplaceAll(monday, "-", "")
	e := &w.Event
	e.StartsAtMillis = start.UnixMilli()
	e.EndsAtMillis = start.AddDate(0, 0, 5).UnixMilli() - 1000
	if zone := r.opts.Zone.String(); zone != "UTC" && zone != "Local" {
		e.Zone = zone
	}
	slices.SortStableFunc(threads, func(a, b *thread) int { return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.ts, b.ts)) })

	title, authors, from := r.book(threads)
	e.Title, e.Authors = cmp.Or(r.opts.Title, title), cmp.Or(r.opts.Authors, authors)
	switch {
	case e.Title == "":
		e.Title = "Book of the week, " + start.Format("2 January 2006")
		w.Notes = append(w.Notes, "No announcement says which book it was; the week is named by its date. --title gives it another name.")
	case r.opts.Title == "":
		w.Notes = append(w.Notes, "Title and authors were read from the announcement at "+from.Where()+"; look whether they are right.")
	}
	if e.Authors == "" {
		w.Notes = append(w.Notes, "The authors are not known, so no reply is marked as an author's. --by names them.")
	}
	for _, t := range threads {
		r.take(&w, t)
	}
	r.tellLaterImports(&w)
	notices := 0
	for _, m := range inFileOrder(threads) {
		switch {
		case m.fate == Question || m.fate == Reply:
			continue
		case m.notice:
			notices++
			continue
		}
		w.Skipped = append(w.Skipped, qa.Skipped{Reason: strings.Join(m.reasons, "; "), Text: beginning(m.words), Where: m.where()})
	}
	switch {
	case notices == 1:
		w.Notes = append(w.Notes, "1 notice of the chat itself (who joined, what was pinned) was passed over.")
	case notices > 1:
		w.Notes = append(w.Notes, fmt.Sprintf("%d notices of the chat itself (who joined, what was pinned) were passed over.", notices))
	}
	if len(w.Posts)+len(w.Deleted) == 0 {
		return w, nil
	}
	if err := importer.Finish(r.channel, &w.Imported); err != nil {
		return Week{}, err
	}
	if e.Authors != "" && !slices.ContainsFunc(w.Posts, func(p qa.ImportedPost) bool { return p.AsAuthor }) {
		w.Notes = append(w.Notes, "None of the writers has the name of an author ("+e.Authors+"), so no reply is marked as one. --by names them as they are shown.")
	}
	return w, nil
}

// tellLaterImports says of the messages that may once have been in a week, and are not among
// its posts, whether they were deleted; that depends on how the export was read then: in
// which zone, with announcements or without.
func (r *reader) tellLaterImports(w *Week) {
	w.FromMillis, w.ToMillis = r.from, r.to
	taken := map[string]bool{}
	for i := range w.Posts {
		taken[w.Posts[i].Source] = true
	}
	for _, ts := range r.near[w.Monday] {
		source := w.Source + "#" + ts
		switch m := r.byTS[ts]; {
		case r.deleted[ts] || m != nil && m.deleted:
			w.Deleted = append(w.Deleted, source)
		case m != nil && !taken[source]:
			w.Present = append(w.Present, source)
		case m == nil && taken[source]:
			w.Absent = append(w.Absent, source)
		}
	}
}

// nearWeeks notes for each week what was written in it, in its threads, or about then.
func (r *reader) nearWeeks(by map[string][]*thread) {
	r.near = map[string][]string{}
	note := func(monday, ts string) { r.near[monday] = append(r.near[monday], ts) }
	about := func(ts string) {
		ms, ok := millis(ts)
		if !ok {
			return
		}
		for _, weeks := range []int{-1, 0, 1} {
			note(r.monday(ms).AddDate(0, 0, 7*weeks).Format(time.DateOnly), ts)
		}
	}
	for monday, threads := range by {
		for _, t := range threads {
			note(monday, t.ts)
			for _, m := range t.all() {
				note(monday, m.TS)
			}
		}
	}
	for ts := range r.byTS {
		ms, _ := millis(ts)
		if r.from == 0 || ms < r.from {
			r.from = ms
		}
		r.to = max(r.to, ms)
		about(ts)
	}
	for ts := range r.deleted {
		about(ts)
	}
	for monday, list := range r.near {
		slices.Sort(list)
		r.near[monday] = slices.Compact(list)
	}
}

// take takes a thread into a week.
func (r *reader) take(w *Week, t *thread) {
	for _, m := range t.all() {
		m.week = w.Monday
		if m.taken() && m.words == "" {
			m.skip("it holds no words")
		}
	}
	var replies []*message
	for _, m := range t.replies {
		if m.taken() {
			replies = append(replies, m)
		}
	}
	lead := t.lead
	if lead != nil && lead.taken() {
		if what := announcement(lead.words); what != "" && !r.opts.KeepAnnouncements {
			if !slices.ContainsFunc(replies, func(m *message) bool { return strings.Contains(m.words, "?") }) {
				for _, m := range append([]*message{lead}, replies...) {
					m.fate = Proposed
					m.note("%s; it is left out unless --announcements is given", cmp.Or(map[bool]string{m != lead: "a reply to an announcement, and asks nothing"}[true], what))
				}
				return
			}
			lead.note("%s; taken, as a reply to it asks something", what)
		}
	}
	at := -1
	switch {
	case lead != nil && lead.taken():
		lead.fate = Question
		at = r.post(w, lead, -1)
	case len(replies) == 0:
		return
	default:
		stands := qa.ImportedPost{Parent: -1, Name: qa.NoName, Text: absentQuestion, AtMillis: t.at, Source: w.Source + "#" + t.ts}
		switch {
		case lead == nil:
		case lead.deleted:
			stands.Text = deletedQuestion
			lead.note("its replies are kept, under a line that says so")
		case lead.words != "":
			// A bot or a notice that people replied to: without it they make no sense.
			stands.Name, stands.Text = cmp.Or(r.nameOf(lead), qa.NoName), clipText(lead.words)
			lead.fate = Question
			lead.note("taken all the same, as people replied to it")
		default:
			stands.Text = wordlessLead
			lead.note("its replies are kept, under a line that says so")
		}
		at = len(w.Posts)
		w.Posts = append(w.Posts, stands)
	}
	for _, m := range replies {
		m.fate = Reply
		r.post(w, m, at)
	}
}

// post takes a message, and returns its index. importer.Finish makes one that is
// longer than a post may be go on in replies.
func (r *reader) post(w *Week, m *message, parent int) int {
	ms, _ := millis(m.TS)
	if n := len(importer.SplitText(m.words)); n > 1 {
		m.note("longer than %d bytes, so it goes on in %d replies", schema.MaxText, n-1)
	}
	w.Posts = append(w.Posts, qa.ImportedPost{
		Parent: parent, Name: r.nameOf(m), Text: m.words, AtMillis: ms, Source: w.Source + "#" + m.TS, X: r.carriedOver(m),
	})
	return len(w.Posts) - 1
}

// clipText is the first piece of a text.
func clipText(s string) string { return importer.SplitText(s)[0] }

// clip makes a name fit.
func clip(name string) string { return cut(name, schema.MaxName) }

func cut(s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	at := limit - len("…")
	for !utf8.RuneStart(s[at]) {
		at--
	}
	return s[:at] + "…"
}
