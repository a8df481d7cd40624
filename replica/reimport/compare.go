// Package reimport compares an import with the posts that earlier imports of the same
// source created. It prevents duplicates, and recognises edits, deletions and corrected
// titles. It writes nothing: the caller carries out the acts that Compare returns.
package reimport

import (
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"flyleaf/qa"
)

// The reasons why a difference is not applied even if the person asked for it.
const (
	keptEdited = "it was edited here since it was imported"
	keptOthers = "another organiser imported it, and only they can change it"
	keptWeek   = "an import changes posts only; `flyleaf event set` changes the week"
	keptFixed  = "a post keeps the name and the reactions that it was imported with"
)

// Comparison is how an input differs from the posts that earlier imports of it created in
// an event.
type Comparison struct {
	IDs     []qa.PostID // for each post of the input: the existing post, "" for a new one
	New     int         // posts of the input that the event does not have
	Same    int         // posts that the event has and that need no change
	Changes []qa.ImportChange
	Acts    []qa.Act // carry out those of Changes that the person has chosen to apply
}

// Compare compares an input with the posts of an event, here, for the person me.
//
// An imported post (qa.Post.Imported) is recognised by its source. A revision
// written by an import has the post's own time, like the first revision; a person's edit
// has the time of the edit. So every device can tell whether an import or a person wrote
// the current text, and an import never replaces text that a person wrote.
//
// A post is missing if the input should contain it and does not: its source belongs to this
// input, its time is within the time that the input covers, and the post is shown in the
// event.
func Compare(me qa.Identity, event qa.Event, here []qa.Post, week *qa.Imported) Comparison {
	c := Comparison{IDs: make([]qa.PostID, len(week.Posts))}
	c.Changes = changedFields(&event, week)
	known := map[string]*qa.Post{}
	for i := range here {
		if p := &here[i]; p.IsImported() {
			known[p.Source] = p
		}
	}
	deleted, absent := setOf(week.Deleted), setOf(week.Absent)
	found := map[string]bool{} // sources of posts here that the input still has
	scopes := map[string]bool{week.Source: true}
	var unmatched []int // indexes of the input's posts that the event does not have
	for i := range week.Posts {
		in := &week.Posts[i]
		scopes[scopeOf(in.Source)] = true
		if p := known[in.Source]; in.Source != "" && p != nil {
			found[in.Source] = true
			c.IDs[i] = p.ID
			switch {
			case deleted[in.Source] && p.Text() != in.Text:
				c.withdraw(me, p, qa.ChangedDeleted, week.Accept)
			case absent[in.Source]:
				c.Same++
			default:
				c.compare(me, p, in, week.Accept)
			}
			continue
		}
		unmatched = append(unmatched, i)
	}
	for _, s := range week.Present {
		found[s] = true
	}
	var missing []*qa.Post
	for i := range here {
		p := &here[i]
		switch {
		case known[p.Source] != p || found[p.Source]:
		case p.Withdrawn:
		case deleted[p.Source]:
			c.withdraw(me, p, qa.ChangedDeleted, week.Accept)
		case scopes[scopeOf(p.Source)] && p.Marks.Hidden == "" &&
			(week.FromMillis == 0 || p.AtMillis >= week.FromMillis) && (week.ToMillis == 0 || p.AtMillis <= week.ToMillis):
			missing = append(missing, p)
		}
	}
	unmatched, missing = c.pairEdited(me, week, unmatched, missing)
	for _, p := range missing {
		c.withdraw(me, p, qa.ChangedMissing, week.Accept)
	}
	c.New = len(unmatched)
	return c
}

// changedFields returns the fields of the week that differ in the input. A field that is
// missing in the input is not a change. The fields of a Slack import are guesses that
// people correct, so they are not compared.
func changedFields(here *qa.Event, week *qa.Imported) (out []qa.ImportChange) {
	if week.Source != here.Source || week.Format == "slack" {
		return nil
	}
	there := &week.Event
	differs := func(field, was, is string) {
		if is != "" && !sameExceptSpaces(is, was) {
			out = append(out, qa.ImportChange{Source: week.Source, Kind: qa.ChangedWeek, Name: field, Was: excerpt(was), Is: excerpt(is), NotApplied: keptWeek})
		}
	}
	differs("title", here.Title, there.Title)
	differs("subtitle", here.Subtitle, there.Subtitle)
	// A name of one word may be a person's ID, if the person's page was not imported too.
	if !slices.ContainsFunc(strings.Split(there.Authors, ", "), func(name string) bool { return !strings.Contains(name, " ") }) {
		differs("authors", here.Authors, there.Authors)
	}
	differs("first day", minute(here.StartsAtMillis), minute(there.StartsAtMillis))
	differs("end", minute(here.EndsAtMillis), minute(there.EndsAtMillis))
	differs("description", here.Description, there.Description)
	differs("links", linkLines(here.Links), linkLines(there.Links))
	return out
}

// minute formats a time to the minute, in UTC; "" for no time.
func minute(ms int64) string {
	if ms == 0 {
		return ""
	}
	return time.UnixMilli(ms).UTC().Format("2 January 2006 15:04 UTC")
}

func linkLines(links []qa.Link) string {
	lines := make([]string, len(links))
	for i, l := range links {
		lines[i] = l.Text + " " + l.URL
	}
	return strings.Join(lines, "\n")
}

func setOf(list []string) map[string]bool {
	out := make(map[string]bool, len(list))
	for _, s := range list {
		out[s] = true
	}
	return out
}

// scopeOf returns the part of a post's source that names the input: the text before the
// last #.
func scopeOf(source string) string {
	return source[:max(0, strings.LastIndexByte(source, '#'))]
}

// byImport reports whether an import wrote a revision of a post.
func byImport(p *qa.Post, r *qa.Revision) bool { return r.AtMillis == p.AtMillis }

// compare records how an existing post differs from the input.
func (c *Comparison) compare(me qa.Identity, p *qa.Post, in *qa.ImportedPost, accept qa.ImportChoice) {
	if p.Withdrawn {
		c.Same++ // somebody withdrew it here; an import does not bring it back
		return
	}
	note := func(kind, was, is string) *qa.ImportChange {
		was, is = trimSharedPrefix(was, is)
		c.Changes = append(c.Changes, qa.ImportChange{Post: p.ID, Source: p.Source, Name: p.OnBehalfOf, AtMillis: p.AtMillis, Kind: kind, Was: excerpt(was), Is: excerpt(is)})
		return &c.Changes[len(c.Changes)-1]
	}
	same := true
	if in.Name != p.OnBehalfOf {
		same = false
		note(qa.ChangedName, p.OnBehalfOf, in.Name).NotApplied = keptFixed
	}
	if in.X[qa.XReactions] != p.X[qa.XReactions] {
		same = false
		note(qa.ChangedReactions, "", "").NotApplied = keptFixed
	}
	edited := slices.ContainsFunc(p.Versions(), func(r qa.Revision) bool { return !byImport(p, &r) })
	last := ""
	for i := range p.Revisions {
		if byImport(p, &p.Revisions[i]) {
			last = p.Revisions[i].Text
		}
	}
	if !sameExceptSpaces(in.Text, p.Text()) && (!edited || !sameExceptSpaces(in.Text, last)) {
		same = false
		change := note(qa.ChangedText, p.Text(), in.Text)
		switch {
		case p.By != me:
			change.NotApplied = keptOthers
		case edited:
			change.NotApplied = keptEdited
		case accept.Revise:
			change.Applied = true
			c.Acts = append(c.Acts, qa.Act{Kind: qa.ActEdit, AtMillis: p.AtMillis, Post: p.ID, Text: in.Text})
		}
	}
	if same {
		c.Same++
	}
}

// sameExceptSpaces reports whether two texts are equal, apart from the kind of spaces.
// Browsers may copy no-break spaces as plain ones, and nobody would see such an edit.
func sameExceptSpaces(a, b string) bool {
	return a == b || strings.Map(plainSpace, a) == strings.Map(plainSpace, b)
}

func plainSpace(r rune) rune {
	if r != '\n' && r != '\t' && unicode.IsSpace(r) {
		return ' '
	}
	return r
}

// withdraw records that the input no longer contains a post.
func (c *Comparison) withdraw(me qa.Identity, p *qa.Post, kind string, accept qa.ImportChoice) {
	if p.Withdrawn {
		c.Same++
		return
	}
	change := qa.ImportChange{Post: p.ID, Source: p.Source, Name: p.OnBehalfOf, AtMillis: p.AtMillis, Kind: kind, Was: excerpt(p.Text())}
	switch {
	case p.By != me:
		change.NotApplied = keptOthers
	case accept.Withdraw:
		change.Applied = true
		c.Acts = append(c.Acts, qa.Act{Kind: qa.ActWithdraw, Post: p.ID, On: true})
	}
	c.Changes = append(c.Changes, change)
}

// maxPairs bounds how many missing posts of one writer a new message is compared with.
const maxPairs = 50

// pairEdited finds new messages that are edited versions of missing posts: they have the
// same writer, and at least half of the words in common. Only messages whose source is
// derived from their text need this; others keep their source when they are edited. It
// returns the messages and the missing posts that were not paired.
func (c *Comparison) pairEdited(me qa.Identity, week *qa.Imported, unmatched []int, missing []*qa.Post) ([]int, []*qa.Post) {
	byName := map[string][]*qa.Post{}
	for _, p := range missing {
		if qa.IsSourceByText(p.Source) {
			byName[p.OnBehalfOf] = append(byName[p.OnBehalfOf], p)
		}
	}
	paired := map[*qa.Post]bool{}
	var unpaired []int
	for _, i := range unmatched {
		in := &week.Posts[i]
		var best *qa.Post
		bestOverlap, compared := 0.5, 0
		for _, p := range byName[in.Name] {
			if paired[p] || !qa.IsSourceByText(in.Source) {
				continue
			}
			if compared++; compared > maxPairs {
				break
			}
			if n := wordOverlap(p.Text(), in.Text); n > bestOverlap || n == bestOverlap && best == nil {
				best, bestOverlap = p, n
			}
		}
		if best == nil {
			unpaired = append(unpaired, i)
			continue
		}
		paired[best] = true
		c.IDs[i] = best.ID
		c.compare(me, best, in, week.Accept)
	}
	return unpaired, slices.DeleteFunc(missing, func(p *qa.Post) bool { return paired[p] })
}

// maxCompared bounds how many words of a text are compared.
const maxCompared = 500

// wordOverlap returns which share of the words of two texts they have in common, from 0
// to 1.
func wordOverlap(a, b string) float64 {
	wa, wb := wordsOf(a), wordsOf(b)
	if len(wa)+len(wb) == 0 {
		return 0
	}
	count := map[string]int{}
	for _, w := range wa {
		count[w]++
	}
	both := 0
	for _, w := range wb {
		if count[w] > 0 {
			count[w]--
			both++
		}
	}
	return 2 * float64(both) / float64(len(wa)+len(wb))
}

func wordsOf(s string) []string {
	w := strings.FieldsFunc(strings.ToLower(s), func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !unicode.IsMark(r) })
	return w[:min(len(w), maxCompared)]
}

// excerpt returns the beginning of a text, on one line, for a report.
func excerpt(s string) string {
	const limit = 120 // characters
	r := []rune(strings.Join(strings.Fields(strings.ToValidUTF8(s[:min(len(s), 8*limit)], "")), " "))
	if len(r) <= limit {
		return string(r)
	}
	return string(r[:limit-1]) + "…"
}

// trimSharedPrefix cuts off most of the beginning that two texts share, if it is long, so
// that a report shows where the texts differ.
func trimSharedPrefix(a, b string) (string, string) {
	const before = 40 // bytes of the shared beginning that are kept
	n := 0
	for n < min(len(a), len(b)) && a[n] == b[n] {
		n++
	}
	if n <= 2*before {
		return a, b
	}
	start := n - before
	if at := strings.IndexByte(a[start:n], ' '); at >= 0 {
		start += at + 1 // begin with a whole word
	}
	for start > 0 && start < len(a) && !utf8.RuneStart(a[start]) {
		start--
	}
	return "…" + a[start:], "…" + b[start:]
}
