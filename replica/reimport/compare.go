// Package reimport compares an input with what earlier imports made of it, so that
// importing again adds nothing twice, and edits, deletions and corrected titles are
// recognised. It writes nothing: the caller carries out the acts that Compare returns.
package reimport

import (
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"flyleaf/qa"
)

// Why a change of an input was not brought in although the person asked for it.
const (
	keptEdited = "it was edited here since it was imported"
	keptOthers = "another organiser imported it, and can alone change it"
	keptWeek   = "an import changes posts alone; `flyleaf event set` changes the week"
	keptFixed  = "a post keeps the name and the reactions that it was imported with"
)

// Comparison says how an input differs from the posts of an event that earlier imports made
// of it.
type Comparison struct {
	IDs     []qa.PostID // for each post of the input: the post that is there, "" for a new one
	New     int         // posts of the input that are not there
	Same    int         // posts that are there and are the same
	Changes []qa.ImportChange
	Acts    []qa.Act // those of Changes that the person has chosen to bring in
}

// Compare compares an input with the posts of an event, here, for the person me.
//
// An imported post is recognised by its source, if an organiser wrote it. A revision that
// an import wrote has the time of the post itself, as the post's first revision does; a
// person's edit has the time of the edit. So every device can tell whether an import or a
// person wrote the current text, and an import never replaces a person's words.
//
// A post is missing if the input should have it and does not: its source is one of this
// input, its time is within what the input covers, and it is shown here.
func Compare(me qa.Identity, event qa.Event, here []qa.Post, week *qa.Imported) Comparison {
	c := Comparison{IDs: make([]qa.PostID, len(week.Posts))}
	c.Changes = changedFields(&event, week)
	known := map[string]*qa.Post{}
	for i := range here {
		if p := &here[i]; p.Source != "" && event.HasRole(p.By, qa.RoleOrganiser) {
			known[p.Source] = p
		}
	}
	deleted, absent := setOf(week.Deleted), setOf(week.Absent)
	found := map[string]bool{} // sources of posts here that the input still has
	scopes := map[string]bool{week.Source: true}
	var fresh []int
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
		fresh = append(fresh, i)
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
	fresh, missing = c.pair(me, week, fresh, missing)
	for _, p := range missing {
		c.withdraw(me, p, qa.ChangedMissing, week.Accept)
	}
	c.New = len(fresh)
	return c
}

// changedFields returns the fields of the week that the input has otherwise. A field that
// the input does not have is no change. Of a Slack channel the fields are guesses, which
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
	// One word may be the ID of a person whose page was not beside this input.
	if !slices.ContainsFunc(strings.Split(there.Authors, ", "), func(name string) bool { return !strings.Contains(name, " ") }) {
		differs("authors", here.Authors, there.Authors)
	}
	differs("first day", minute(here.StartsAtMillis), minute(there.StartsAtMillis))
	differs("end", minute(here.EndsAtMillis), minute(there.EndsAtMillis))
	differs("description", here.Description, there.Description)
	differs("links", linkLines(here.Links), linkLines(there.Links))
	return out
}

// minute writes a time; "" is none.
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

// scopeOf is the part of a source that names the input: what stands before its last #.
func scopeOf(source string) string {
	return source[:max(0, strings.LastIndexByte(source, '#'))]
}

// byImport reports whether an import wrote a revision of a post.
func byImport(p *qa.Post, r *qa.Revision) bool { return r.AtMillis == p.AtMillis }

// compare compares a post that is here with what the input says of it.
func (c *Comparison) compare(me qa.Identity, p *qa.Post, in *qa.ImportedPost, accept qa.ImportChoice) {
	if p.Withdrawn {
		c.Same++ // somebody withdrew it here, which the input does not change
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

// sameExceptSpaces reports whether two texts differ in nothing but no-break spaces and the like,
// which a browser may or may not copy: nobody would see the edit.
func sameExceptSpaces(a, b string) bool {
	return a == b || strings.Map(plainSpace, a) == strings.Map(plainSpace, b)
}

func plainSpace(r rune) rune {
	if r != '\n' && r != '\t' && unicode.IsSpace(r) {
		return ' '
	}
	return r
}

// withdraw notes that the input no longer has a post.
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

// maxPairs bounds how many missing posts of one writer a new one is compared with.
const maxPairs = 50

// pair finds the new messages that are an edited form of a missing one: by the same writer,
// and with half of the words in common. Only messages that are named by their words need
// this; others keep their source when they are edited. It returns what is left of fresh
// and missing.
func (c *Comparison) pair(me qa.Identity, week *qa.Imported, fresh []int, missing []*qa.Post) ([]int, []*qa.Post) {
	byName := map[string][]*qa.Post{}
	for _, p := range missing {
		if qa.IsSourceByText(p.Source) {
			byName[p.OnBehalfOf] = append(byName[p.OnBehalfOf], p)
		}
	}
	paired := map[*qa.Post]bool{}
	var left []int
	for _, i := range fresh {
		in := &week.Posts[i]
		var best *qa.Post
		most, looked := 0.5, 0
		for _, p := range byName[in.Name] {
			if paired[p] || !qa.IsSourceByText(in.Source) {
				continue
			}
			if looked++; looked > maxPairs {
				break
			}
			if n := wordOverlap(p.Text(), in.Text); n > most || n == most && best == nil {
				best, most = p, n
			}
		}
		if best == nil {
			left = append(left, i)
			continue
		}
		paired[best] = true
		c.IDs[i] = best.ID
		c.compare(me, best, in, week.Accept)
	}
	return left, slices.DeleteFunc(missing, func(p *qa.Post) bool { return paired[p] })
}

// maxCompared bounds the words of a text by which it is compared.
const maxCompared = 500

// wordOverlap returns the part of the words of two texts that both have, from 0 to 1.
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

// excerpt returns the first words of a text, for a report.
func excerpt(s string) string {
	const limit = 120 // characters
	r := []rune(strings.Join(strings.Fields(strings.ToValidUTF8(s[:min(len(s), 8*limit)], "")), " "))
	if len(r) <= limit {
		return string(r)
	}
	return string(r[:limit-1]) + "…"
}

// trimSharedPrefix cuts off the beginning that two texts share, where it is longer than a
// report shows, so that the report shows where they differ.
func trimSharedPrefix(a, b string) (string, string) {
	const before = 40 // bytes of the shared beginning that are kept
	n := 0
	for n < min(len(a), len(b)) && a[n] == b[n] {
		n++
	}
	if n <= 2*before {
		return a, b
	}
	from := n - before
	if at := strings.IndexByte(a[from:n], ' '); at >= 0 {
		from += at + 1 // a whole word
	}
	for from > 0 && from < len(a) && !utf8.RuneStart(a[from]) {
		from--
	}
	return "…" + a[from:], "…" + b[from:]
}
