package publish

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"flyleaf/qa"
	"flyleaf/qa/people"
	"flyleaf/schema"
	"flyleaf/weekfile"
)

// WriteJekyll writes the publishable content of a week (see Publish) as a Jekyll page, in the
// layout that package weekfile describes. importer.ReadJekyll reads it.
//
// The archive has the questions and, one level below, all their replies in reading order. In names
// and texts the HTML entities of &, < and > are encoded, and nothing else is changed. Liquid syntax
// in the description is escaped (see weekfile.EscapeLiquid). Other keys come from Event.X, where
// ReadJekyll stored them.
//
// Each message has extra keys: id, time (UTC, if known) and reactions (of imported messages). A
// week that was imported keeps its source. Errors are those of writing to w, or say that the week
// cannot be written.
func WriteJekyll(w io.Writer, week qa.Week) error { return WriteJekyllAt(w, week, "") }

// WriteJekyllAt is WriteJekyll for a week that is published at the address page, which must
// have no fragment. Each message has its own address as url.
func WriteJekyllAt(w io.Writer, week qa.Week, page string) error {
	front := jekyllPage(week, page)
	var out bytes.Buffer
	out.WriteString("---\n")
	enc := yaml.NewEncoder(&out)
	enc.SetIndent(2)
	if err := enc.Encode(front); err != nil {
		return fmt.Errorf("write a Jekyll page: %w", err)
	}
	if err := enc.Close(); err != nil {
		return fmt.Errorf("write a Jekyll page: %w", err)
	}
	out.WriteString("---\n")
	if d := week.Event.Description; d != "" {
		out.WriteString("\n" + weekfile.EscapeLiquid(d) + "\n")
	}
	if _, err := w.Write(out.Bytes()); err != nil {
		return fmt.Errorf("write a Jekyll page: %w", err)
	}
	return nil
}

func jekyllPage(week qa.Week, url string) *yaml.Node {
	// The importer refuses dates that contradict each other.
	consistent := week.Event.Consistent()
	e, page := &consistent, &yaml.Node{Kind: yaml.MappingNode}
	add := func(key string, value *yaml.Node) {
		page.Content = append(page.Content, plain(key), value)
	}
	add("title", text(e.Title))
	if e.Subtitle != "" {
		add("subtitle", text(e.Subtitle))
	}
	description := e.X[weekfile.XDescription]
	if description == "" && e.Authors != "" {
		description = e.Title + " by " + e.Authors
	}
	for _, kv := range []struct{ key, value string }{{"description", description}, {"cover", e.X[weekfile.XCover]}, {"image", e.X[weekfile.XImage]}} {
		if kv.value != "" {
			add(kv.key, text(kv.value))
		}
	}
	if e.StartsAtMillis != 0 {
		add("start", timeNode(e.StartsAtMillis, e.X[weekfile.XStart], false))
	}
	if e.EndsAtMillis != 0 {
		add("end", timeNode(e.EndsAtMillis, e.X[weekfile.XEnd], true))
	}
	if authors := jekyllAuthors(e); len(authors) > 0 {
		list := &yaml.Node{Kind: yaml.SequenceNode, Style: yaml.FlowStyle}
		for _, a := range authors {
			list.Content = append(list.Content, text(a))
		}
		add("authors", list)
	}
	if links := jekyllLinks(e); len(links) > 0 {
		list := &yaml.Node{Kind: yaml.SequenceNode}
		for _, l := range links {
			list.Content = append(list.Content, &yaml.Node{Kind: yaml.MappingNode, Content: []*yaml.Node{
				plain("text"), text(l.Text), plain("link"), text(l.URL),
			}})
		}
		add("links", list)
	}
	if e.Source != "" && e.Source != weekfile.Source(string(weekfile.FormatJekyll), e) {
		add("source", text(e.Source))
	}
	if archive := jekyllArchive(week, url); len(archive.Content) > 0 {
		add("archive", archive)
	}
	return page
}

// jekyllAuthors returns the authors as written on the imported page, unless the event's authors
// have changed since the import.
func jekyllAuthors(e *qa.Event) []string {
	var kept weekfile.WrittenAuthors
	if json.Unmarshal([]byte(e.X[weekfile.XAuthors]), &kept) == nil && kept.Shown == e.Authors {
		return kept.Written
	}
	return people.SplitNames(e.Authors)
}

// jekyllLinks returns the links of the imported page: the event's links, plus the links that were
// too long for the event, at their original positions.
func jekyllLinks(e *qa.Event) []qa.Link {
	links := append([]qa.Link(nil), e.Links...)
	for i := 0; i < len(e.Links)+schema.MaxXKeys; i++ {
		var l qa.Link
		if s, ok := e.X[weekfile.XLink+strconv.Itoa(i)]; !ok || json.Unmarshal([]byte(s), &l) != nil {
			continue
		}
		at := min(i, len(links))
		links = append(links[:at:at], append([]qa.Link{l}, links[at:]...)...)
	}
	return links
}

func jekyllArchive(week qa.Week, page string) *yaml.Node {
	list := &yaml.Node{Kind: yaml.SequenceNode}
	for _, t := range Publish(week).Threads {
		replies := &yaml.Node{Kind: yaml.SequenceNode}
		for i := range t.Replies {
			replies.Content = append(replies.Content, jekyllMessage(&t.Replies[i], page))
		}
		if len(replies.Content) == 0 {
			replies.Style = yaml.FlowStyle // []
		}
		question := jekyllMessage(&t.PublishedPost, page)
		question.Content = append(question.Content, plain("replies"), replies)
		list.Content = append(list.Content, question)
	}
	return list
}

func jekyllMessage(p *PublishedPost, page string) *yaml.Node {
	n := &yaml.Node{Kind: yaml.MappingNode, Content: []*yaml.Node{
		plain("name"), text(encode(p.Name)), plain("text"), text(encode(p.Body())), plain("id"), text(p.ID),
	}}
	if p.AtMillis != 0 {
		n.Content = append(n.Content, plain("time"), plain(weekfile.FormatTime(p.AtMillis)))
		n.Content[len(n.Content)-1].Tag = ""
	}
	if page != "" {
		n.Content = append(n.Content, plain("url"), text(page+"#"+weekfile.Anchor(p.ID)))
	}
	if len(p.Reactions) > 0 {
		list := &yaml.Node{Kind: yaml.SequenceNode}
		for _, r := range p.Reactions {
			one := &yaml.Node{Kind: yaml.MappingNode, Style: yaml.FlowStyle, Content: []*yaml.Node{
				plain("emoji"), text(r.Emoji), plain("count"), {Kind: yaml.ScalarNode, Value: strconv.Itoa(r.Count)},
			}}
			if len(r.By) > 0 {
				names := &yaml.Node{Kind: yaml.SequenceNode, Style: yaml.FlowStyle}
				for _, name := range r.By {
					names.Content = append(names.Content, text(name))
				}
				one.Content = append(one.Content, plain("by"), names)
			}
			list.Content = append(list.Content, one)
		}
		n.Content = append(n.Content, plain("reactions"), list)
	}
	return n
}

var encoder = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;")

// encode encodes HTML entities. Decoding them once gives s again.
func encode(s string) string { return encoder.Replace(s) }

func plain(s string) *yaml.Node { return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: s} }

// text returns a node that every YAML reader reads as the same string. It is always quoted: Ruby
// reads a plain `:+1:` as a symbol, a plain `yes` as true and a plain 1:30 as a number. A text of
// several lines becomes a literal block, which is easier to edit, if a block preserves the text.
func text(s string) *yaml.Node {
	n := &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: s, Style: yaml.DoubleQuotedStyle}
	if strings.Contains(s, "\n") && literal(s) {
		n.Style = yaml.LiteralStyle
	}
	return n
}

// literal reports whether a YAML literal block preserves s: s has no white space at its beginning,
// at its end or before a line end, and no character that YAML escapes.
func literal(s string) bool {
	if strings.TrimSpace(s) != s {
		return false
	}
	for line := range strings.SplitSeq(s, "\n") {
		if strings.HasSuffix(line, " ") {
			return false
		}
	}
	for _, r := range s {
		if r != '\n' && (r < ' ' || r >= 0x7f && r <= 0xa0 || r == 0x2028 || r == 0x2029 || r == 0xfeff || r > 0xfffd) {
			return false
		}
	}
	return true
}

// timeNode writes a time in the imported page's form, if that is still the same time.
func timeNode(ms int64, written string, end bool) *yaml.Node {
	value := weekfile.FormatTime(ms)
	if parsed, ok := weekfile.ParseTime(written, end); ok && parsed == ms {
		value = written
	}
	return &yaml.Node{Kind: yaml.ScalarNode, Value: value}
}
