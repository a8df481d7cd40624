package publish

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"time"

	"flyleaf/qa"
	"flyleaf/weekfile"
)

// WriteMarkdown writes the publishable content of a week (see Publish) as one Markdown text for
// people: title, subtitle, authors, days, description, links, then the threads. Every post is a
// quotation and every reply a quotation within one, so that no post's text can look like a
// part of the page. Errors are those of writing to w.
func WriteMarkdown(w io.Writer, week qa.Week) error {
	var b bytes.Buffer
	p := Publish(week)
	e := &p.Event
	fmt.Fprintf(&b, "# %s\n", escapeLine(e.Title))
	if e.Subtitle != "" {
		fmt.Fprintf(&b, "\n%s\n", escapeLine(e.Subtitle))
	}
	if e.Authors != "" {
		fmt.Fprintf(&b, "\nby %s\n", escapeLine(e.Authors))
	}
	if e.StartsAtMillis != 0 && e.EndsAtMillis != 0 {
		last, _ := qa.LastDay(e.EndsAtMillis, e.Location())
		fmt.Fprintf(&b, "\n%s to %s\n", day(e, e.StartsAtMillis), last.Format("2 January 2006"))
	}
	if d := strings.TrimSpace(e.Description); d != "" {
		b.WriteString("\n" + d + "\n")
	}
	if len(e.Links) > 0 {
		b.WriteByte('\n')
	}
	for _, l := range e.Links {
		text := l.Text
		if text == "" {
			text = l.URL
		}
		fmt.Fprintf(&b, "- [%s](<%s>)\n", escapeLine(text), strings.NewReplacer("<", "%3C", ">", "%3E", "\n", "%0A", "\r", "%0D", "\\", "%5C").Replace(l.URL))
	}
	b.WriteString("\n## " + weekfile.Heading + "\n")
	for _, t := range p.Threads {
		markdownPost(&b, &t.PublishedPost, "> ", "asks")
		for i := range t.Replies {
			verb := "replies"
			if t.Replies[i].Author {
				verb = "answers"
			}
			if to := t.Replies[i].ReplyTo; to != "" {
				verb += " to " + escapeLine(to)
			}
			markdownPost(&b, &t.Replies[i], "> > ", verb)
		}
	}
	if _, err := w.Write(b.Bytes()); err != nil {
		return fmt.Errorf("write Markdown: %w", err)
	}
	return nil
}

func markdownPost(b *bytes.Buffer, p *PublishedPost, prefix, verb string) {
	if prefix == "> " {
		b.WriteByte('\n')
	} else {
		b.WriteString(">\n")
	}
	if p.Placeholder == "" {
		if p.Not != "" {
			verb = "(" + p.Not + ") " + verb
		}
		when := ""
		if p.AtMillis != 0 {
			when = ", " + weekfile.UTC(p.AtMillis).Format("2 January 2006 15:04") + " UTC"
		}
		fmt.Fprintf(b, "%s**%s** %s%s:\n%s\n", prefix, escapeLine(p.ShownName()), verb, when, strings.TrimRight(prefix, " "))
	}
	for line := range strings.SplitSeq(strings.Trim(p.Body(), "\n"), "\n") {
		b.WriteString(strings.TrimRight(prefix+strings.TrimRight(line, "\r"), " ") + "\n")
	}
}

// day writes the day of a time in the event's zone.
func day(e *qa.Event, ms int64) string {
	return time.UnixMilli(ms).In(e.Location()).Format("2 January 2006")
}

// escapeLine writes a text on one line, without anything that Markdown reads as markup.
func escapeLine(s string) string {
	var b strings.Builder
	for _, r := range strings.Join(strings.Fields(s), " ") {
		if strings.ContainsRune("\\`*_[]<>#|~&!", r) {
			b.WriteByte('\\')
		}
		b.WriteRune(r)
	}
	return b.String()
}
