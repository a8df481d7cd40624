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

// The texts of questions that have replies and no words of their own.
const (
	deletedQuestion = "(This question was deleted in Slack.)"
	absentQuestion  = "(This question is not in the export.)"
	wordlessLead    = "(A message without words.)"
)

// weeks puts the threads into weeks. It returns the week of Options.Day, or all weeks.
func (r *reader) weeks() ([]Week, error) {
	starts := r.announced()
	by := map[string][]*thread{}
	for _, t := range r.threads {
		monday := r.monday(t.at)
		// After the announcement of a book at a weekend, people write about that book.
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
					if m.included() {
						m.result, m.week = OtherWeek, monday
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

// all returns the question, if there is one, and the replies.
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

// announced returns the times at which books were announced at a weekend, by the Monday of
// the week that ends with that weekend. Times are in milliseconds since 1970.
func (r *reader) announced() map[string]int64 {
	out := map[string]int64{}
	for _, t := range r.threads {
		if t.lead == nil || !t.lead.included() || !announcesBook(t.lead.words) {
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

// week makes the week that begins on a Monday.
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
		w.Notes = append(w.Notes, "No announcement names the book, so the week is named by its date. --title gives it another name.")
	case r.opts.Title == "":
		w.Notes = append(w.Notes, "Title and authors were read from the announcement at "+from.Where()+". Check whether they are right.")
	}
	if e.Authors == "" {
		w.Notes = append(w.Notes, "The authors are not known, so no reply is marked as an author's. --by names them.")
	}
	for _, t := range threads {
		r.addThread(&w, t)
	}
	r.noteForLaterImports(&w)
	notices := 0
	for _, m := range inFileOrder(threads) {
		switch {
		case m.result == Question || m.result == Reply:
			continue
		case m.notice:
			notices++
			continue
		}
		w.Skipped = append(w.Skipped, qa.Skipped{Reason: strings.Join(m.reasons, "; "), Text: beginning(m.words), Where: m.where()})
	}
	switch {
	case notices == 1:
		w.Notes = append(w.Notes, "1 notice of Slack itself (who joined, what was pinned) was left out.")
	case notices > 1:
		w.Notes = append(w.Notes, fmt.Sprintf("%d notices of Slack itself (who joined, what was pinned) were left out.", notices))
	}
	if len(w.Posts)+len(w.Deleted) == 0 {
		return w, nil
	}
	if err := importer.Finish(r.channel, &w.Imported); err != nil {
		return Week{}, err
	}
	if e.Authors != "" && !slices.ContainsFunc(w.Posts, func(p qa.ImportedPost) bool { return p.AsAuthor }) {
		w.Notes = append(w.Notes, "No writer has the name of an author ("+e.Authors+"), so no reply is marked as an author's. Give the authors' names as they are in Slack with --by.")
	}
	return w, nil
}

// noteForLaterImports fills in Deleted, Absent and Present for messages that an earlier import may
// have put into the week. Which messages it did put there depends on its options: the time zone, and
// whether announcements were imported.
func (r *reader) noteForLaterImports(w *Week) {
	w.FromMillis, w.ToMillis = r.from, r.to
	imported := map[string]bool{}
	for i := range w.Posts {
		imported[w.Posts[i].Source] = true
	}
	for _, ts := range r.near[w.Monday] {
		source := w.Source + "#" + ts
		switch m := r.byTS[ts]; {
		case r.deleted[ts] || m != nil && m.deleted:
			w.Deleted = append(w.Deleted, source)
		case m != nil && !imported[source]:
			w.Present = append(w.Present, source)
		case m == nil && imported[source]:
			w.Absent = append(w.Absent, source)
		}
	}
}

// nearWeeks fills in reader.near: messages of the week's threads, and messages written in the
// week, in the week before or in the week after.
func (r *reader) nearWeeks(by map[string][]*thread) {
	r.near = map[string][]string{}
	note := func(monday, ts string) { r.near[monday] = append(r.near[monday], ts) }
	noteNear := func(ts string) {
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
		noteNear(ts)
	}
	for ts := range r.deleted {
		noteNear(ts)
	}
	for monday, list := range r.near {
		slices.Sort(list)
		r.near[monday] = slices.Compact(list)
	}
}

// addThread adds a thread to a week, and decides the results of its messages.
func (r *reader) addThread(w *Week, t *thread) {
	for _, m := range t.all() {
		m.week = w.Monday
		if m.included() && m.words == "" {
			m.skip("it has no words")
		}
	}
	var replies []*message
	for _, m := range t.replies {
		if m.included() {
			replies = append(replies, m)
		}
	}
	lead := t.lead
	if lead != nil && lead.included() {
		if what := announcement(lead.words); what != "" && !r.opts.KeepAnnouncements {
			if !slices.ContainsFunc(replies, func(m *message) bool { return strings.Contains(m.words, "?") }) {
				for _, m := range append([]*message{lead}, replies...) {
					m.result = Proposed
					m.note("%s; --announcements imports it", cmp.Or(map[bool]string{m != lead: "a reply to an announcement, without a question"}[true], what))
				}
				return
			}
			lead.note("%s; it was imported because a reply to it asks something", what)
		}
	}
	at := -1
	switch {
	case lead != nil && lead.included():
		lead.result = Question
		at = r.addPost(w, lead, -1)
	case len(replies) == 0:
		return
	default:
		placeholder := qa.ImportedPost{Parent: -1, Name: qa.NoName, Text: absentQuestion, AtMillis: t.at, Source: w.Source + "#" + t.ts}
		switch {
		case lead == nil:
		case lead.deleted:
			placeholder.Text = deletedQuestion
			lead.note("its replies were imported, under a line that says so")
		case lead.words != "":
			// Without the words of a bot or a notice, the replies to it make no sense.
			placeholder.Name, placeholder.Text = cmp.Or(r.nameOf(lead), qa.NoName), clipText(lead.words)
			lead.result = Question
			lead.note("it was imported because people replied to it")
		default:
			placeholder.Text = wordlessLead
			lead.note("its replies were imported, under a line that says so")
		}
		at = len(w.Posts)
		w.Posts = append(w.Posts, placeholder)
	}
	for _, m := range replies {
		m.result = Reply
		r.addPost(w, m, at)
	}
}

// addPost adds a message as a post, and returns its index. importer.Finish splits a message that is
// longer than a post may be.
func (r *reader) addPost(w *Week, m *message, parent int) int {
	ms, _ := millis(m.TS)
	if n := len(importer.SplitText(m.words)); n > 1 {
		m.note("it is longer than %d bytes, so it continues in %d replies", schema.MaxText, n-1)
	}
	w.Posts = append(w.Posts, qa.ImportedPost{
		Parent: parent, Name: r.nameOf(m), Text: m.words, AtMillis: ms, Source: w.Source + "#" + m.TS, X: r.reactionsOf(m),
	})
	return len(w.Posts) - 1
}

// clipText returns as much of a text as a post can have.
func clipText(s string) string { return importer.SplitText(s)[0] }

// clip returns as much of a name as a post can have.
func clip(name string) string { return cut(name, schema.MaxName) }

// cut returns at most limit bytes of s, with an ellipsis if it is longer.
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
