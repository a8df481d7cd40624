package exchange

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"

	"flyleaf/qa"
)

// What stands for a question that is not shown while replies to it are.
const (
	withdrawnQuestion = "(This question was withdrawn.)"
	hiddenQuestion    = "(This question was hidden.)"
)

// WriteJekyll writes w as a Jekyll page, the layout ReadJekyll reads.
//
// The archive holds what is shown: posts in the week's order, two levels deep,
// deeper replies in reading order. Names and texts have their HTML entities
// (&, < and >) encoded, always, and nothing else changed. A withdrawn, hidden or
// (where an event approves) unapproved post is left out; a question that is
// left out while it has replies that are shown keeps its place, without name and
// text. Writers who publish as initials or without a name (people/publishAs) are
// written so. The keys that an event has no field for come from event/x, where
// ReadJekyll put them. Errors are w's, or say that the week cannot be written.
func WriteJekyll(w io.Writer, week qa.Week) error {
	page, err := jekyllPage(week)
	if err != nil {
		return err
	}
	var out bytes.Buffer
	out.WriteString("---\n")
	enc := yaml.NewEncoder(&out)
	enc.SetIndent(2)
	if err := enc.Encode(page); err != nil {
		return fmt.Errorf("write a Jekyll page: %w", err)
	}
	if err := enc.Close(); err != nil {
		return fmt.Errorf("write a Jekyll page: %w", err)
	}
	out.WriteString("---\n")
	if d := week.Event.Description; d != "" {
		out.WriteString("\n" + d + "\n")
	}
	if _, err := w.Write(out.Bytes()); err != nil {
		return fmt.Errorf("write a Jekyll page: %w", err)
	}
	return nil
}

func jekyllPage(week qa.Week) (*yaml.Node, error) {
	e, page := &week.Event, &yaml.Node{Kind: yaml.MappingNode}
	add := func(key string, value *yaml.Node) {
		page.Content = append(page.Content, plain(key), value)
	}
	add("title", text(e.Title))
	description := e.X[xDescription]
	if description == "" && e.Authors != "" {
		description = e.Title + " by " + e.Authors
	}
	for _, kv := range []struct{ key, value string }{{"description", description}, {"cover", e.X[xCover]}, {"image", e.X[xImage]}} {
		if kv.value != "" {
			add(kv.key, text(kv.value))
		}
	}
	if e.StartsAtMillis != 0 {
		add("start", timeNode(e.StartsAtMillis, e.X[xStart], false))
	}
	if e.EndsAtMillis != 0 {
		add("end", timeNode(e.EndsAtMillis, e.X[xEnd], true))
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
	if archive := jekyllArchive(week); len(archive.Content) > 0 {
		add("archive", archive)
	}
	return page, nil
}

// jekyllAuthors returns the authors as the page wrote them, if they are still
// the event's: who changed the field changed it for the export too.
func jekyllAuthors(e *qa.Event) []string {
	var was writtenAuthors
	if json.Unmarshal([]byte(e.X[xAuthors]), &was) == nil && was.Shown == e.Authors {
		return was.Written
	}
	names := splitAuthors(e.Authors)
	out := make([]string, len(names))
	for i, a := range names {
		out[i] = a.name
	}
	return out
}

// jekyllLinks returns the event's links, with those that it could not hold put
// back into their places.
func jekyllLinks(e *qa.Event) []qa.Link {
	links := append([]qa.Link(nil), e.Links...)
	for i := 0; i < len(e.Links)+qa.MaxXKeys; i++ {
		var l qa.Link
		if s, ok := e.X[xLink+strconv.Itoa(i)]; !ok || json.Unmarshal([]byte(s), &l) != nil {
			continue
		}
		at := min(i, len(links))
		links = append(links[:at:at], append([]qa.Link{l}, links[at:]...)...)
	}
	return links
}

func jekyllArchive(week qa.Week) *yaml.Node {
	list := &yaml.Node{Kind: yaml.SequenceNode}
	for i := range week.Threads {
		t := &week.Threads[i]
		replies := &yaml.Node{Kind: yaml.SequenceNode}
		for j := range t.Replies {
			if p := &t.Replies[j]; published(&week, p) {
				replies.Content = append(replies.Content, &yaml.Node{Kind: yaml.MappingNode, Content: []*yaml.Node{
					plain("name"), text(encode(publishedName(&week, p))), plain("text"), text(encode(p.Text())),
				}})
			}
		}
		q := &t.Question
		name, body := publishedName(&week, q), q.Text()
		if !published(&week, q) {
			if len(replies.Content) == 0 {
				continue
			}
			name, body = "", hiddenQuestion
			if q.Withdrawn {
				body = withdrawnQuestion
			}
		}
		if len(replies.Content) == 0 {
			replies.Style = yaml.FlowStyle // []
		}
		list.Content = append(list.Content, &yaml.Node{Kind: yaml.MappingNode, Content: []*yaml.Node{
			plain("name"), text(encode(name)), plain("text"), text(encode(body)), plain("replies"), replies,
		}})
	}
	return list
}

// published reports whether a post belongs on a published page.
func published(week *qa.Week, p *qa.PostView) bool {
	e := &week.Event
	if !p.Shown() {
		return false
	}
	return !e.Approve || p.Marks.Approved ||
		e.HasRole(p.By, qa.RoleOrganiser) || e.HasRole(p.By, qa.RoleModerator) || e.HasRole(p.By, qa.RoleAuthor)
}

// publishedName is the name a writer wants to be published under.
func publishedName(week *qa.Week, p *qa.PostView) string {
	if p.OnBehalfOf == NoName && p.Source != "" {
		return ""
	}
	if p.OnBehalfOf != "" {
		return p.OnBehalfOf
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

var encoder = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;")

// encode encodes the HTML entities of s. Decoded once it is s again.
func encode(s string) string { return encoder.Replace(s) }

func plain(s string) *yaml.Node { return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: s} }

// text returns a string node that every YAML reader takes for the same string.
// It is quoted always: Ruby reads a plain `:+1:` as a symbol, a plain `yes` as
// true and a plain 1:30 as a number. Long texts stand as literal blocks, which
// people can edit, where nothing in them would be lost that way.
func text(s string) *yaml.Node {
	n := &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: s, Style: yaml.DoubleQuotedStyle}
	if strings.Contains(s, "\n") && literal(s) {
		n.Style = yaml.LiteralStyle
	}
	return n
}

// literal reports whether s survives as a YAML literal block: it neither begins
// nor ends with white space, has none before a line's end, and holds nothing
// that YAML does not print as it is.
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

func timeNode(ms int64, written string, end bool) *yaml.Node {
	value := formatTime(ms)
	if again, ok := parseTime(written, end); ok && again == ms {
		value = written
	}
	return &yaml.Node{Kind: yaml.ScalarNode, Value: value}
}
