package markdown

import (
	"strconv"
	"strings"

	xhtml "golang.org/x/net/html"
)

// Text renders a person's text as plain text: the words that HTML shows, without formatting, with
// a blank line between paragraphs, "- " or a number before list items, "> " before quotes, and the
// address of a link in parentheses if the link's text is not the address.
func Text(text string) string {
	root, err := xhtml.Parse(strings.NewReader(string(HTML(text))))
	if err != nil { // cannot happen: a strings.Reader does not fail, and any bytes parse
		return text
	}
	return strings.Trim(strings.Join(lines(root), "\n"), "\n")
}

// Line renders a person's text as one line of plain text of at most limit characters. A longer
// text is cut, between words if possible, and ends with an ellipsis.
func Line(text string, limit int) string {
	s := strings.Join(strings.Fields(Text(text)), " ")
	r := []rune(s)
	if len(r) <= limit {
		return s
	}
	if limit < 1 {
		return ""
	}
	cut := limit - 1
	for i := cut; i > cut-20 && i > 0; i-- {
		if r[i] == ' ' {
			cut = i
			break
		}
	}
	return strings.TrimRight(string(r[:cut]), " ,;:.") + "…"
}

// lines returns the text of n, line by line. n must be parsed from the result of HTML, so that its
// elements are those of the sanitiser's list, and their depth is bounded.
func lines(n *xhtml.Node) []string {
	var out []string
	var line strings.Builder
	flush := func() {
		if line.Len() > 0 {
			out = append(out, strings.TrimRight(line.String(), " "))
			line.Reset()
		}
	}
	// block appends lines on lines of their own, after an empty line if emptyLine is set.
	block := func(emptyLine bool, more []string) {
		flush()
		if emptyLine && len(out) > 0 {
			out = append(out, "")
		}
		out = append(out, more...)
	}
	number := listStart(n)
	for c := n.FirstChild; c != nil; c = c.NextSibling {
		switch {
		case c.Type == xhtml.TextNode || inline[c.Data] || c.Data == "code" && n.Data != "pre":
			s := strings.ReplaceAll(inlineText(c), "\n", " ")
			if line.Len() == 0 {
				s = strings.TrimLeft(s, " ")
			}
			line.WriteString(s)
		case c.Data == "br":
			flush()
		case c.Data == "hr":
			block(true, []string{"* * *"})
		case c.Data == "pre":
			block(true, lines(c))
		case c.Data == "code": // inside a pre
			block(false, strings.Split(strings.TrimSuffix(inlineText(c), "\n"), "\n"))
		case c.Data == "blockquote":
			block(true, prefixed("> ", "> ", lines(c)))
		case c.Data == "ul", c.Data == "ol":
			block(n.Data != "li", lines(c))
		case c.Data == "li":
			mark := "- "
			if n.Data == "ol" {
				mark = strconv.Itoa(number) + ". "
				number++
			}
			block(false, prefixed(mark, strings.Repeat(" ", len(mark)), lines(c)))
		case c.Data == "tr":
			var cells []string
			for cell := c.FirstChild; cell != nil; cell = cell.NextSibling {
				if cell.Type == xhtml.ElementNode {
					cells = append(cells, strings.TrimSpace(inlineText(cell)))
				}
			}
			block(false, []string{strings.Join(cells, " | ")})
		case c.Data == "p", c.Data == "table":
			block(true, lines(c))
		default: // html, body, thead, tbody
			block(false, lines(c))
		}
	}
	flush()
	return out
}

// listStart returns the number of an ordered list's first item.
func listStart(n *xhtml.Node) int {
	for _, a := range n.Attr {
		if i, err := strconv.Atoi(a.Val); a.Key == "start" && err == nil {
			return i
		}
	}
	return 1
}

// inline lists the elements that are part of a line. So is code outside a pre.
var inline = map[string]bool{"a": true, "strong": true, "em": true, "del": true, "span": true}

func inlineText(n *xhtml.Node) string {
	if n.Type == xhtml.TextNode {
		return n.Data
	}
	var b strings.Builder
	for c := n.FirstChild; c != nil; c = c.NextSibling {
		b.WriteString(inlineText(c))
	}
	for _, a := range n.Attr {
		words := b.String()
		if to := strings.TrimPrefix(a.Val, "mailto:"); a.Key == "href" && to != words && strings.TrimPrefix(to, "http://") != words {
			b.WriteString(" (" + to + ")")
		}
	}
	return b.String()
}

func prefixed(first, next string, in []string) []string {
	out := make([]string, len(in))
	for i, l := range in {
		p := next
		if i == 0 {
			p = first
		}
		out[i] = strings.TrimRight(p+l, " ")
	}
	return out
}
