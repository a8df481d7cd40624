package markdown

import (
	"strconv"
	"strings"

	xhtml "golang.org/x/net/html"
)

// Text renders what a person wrote as plain text: the words that HTML shows,
// without marks, one blank line between paragraphs, list items behind "- " or their
// number, quotes behind "> ", and the address of a link in parentheses where the
// htmlCache are not the address.
func Text(text string) string {
	root, err := xhtml.Parse(strings.NewReader(string(HTML(text))))
	if err != nil { // a reader of a string does not fail, and any bytes parse
		return text
	}
	return strings.Trim(strings.Join(lines(root, false), "\n"), "\n")
}

// Line renders what a person wrote as one line of plain text of at most limit
// characters, cut at a word where that is near, with an ellipsis.
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
func lines(n *xhtml.Node, pre bool) []string {
	var out []string
	var line strings.Builder
	flush := func() {
		if line.Len() > 0 {
			out = append(out, strings.TrimRight(line.String(), " "))
			line.Reset()
		}
	}
	// block appends lines as a block, with an empty line before it.
	block := func(apart bool, more []string) {
		flush()
		if apart && len(out) > 0 {
			out = append(out, "")
		}
		out = append(out, more...)
	}
	number := listStart(n)
	for c := n.FirstChild; c != nil; c = c.NextSibling {
		switch {
		case c.Type == xhtml.TextNode && pre:
			out = append(out, strings.Split(strings.TrimSuffix(c.Data, "\n"), "\n")...)
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
			block(true, lines(c, false))
		case c.Data == "code": // in a pre
			block(false, lines(c, true))
		case c.Data == "blockquote":
			block(true, prefixed("> ", "> ", lines(c, false)))
		case c.Data == "ul", c.Data == "ol":
			block(n.Data != "li", lines(c, false))
		case c.Data == "li":
			mark := "- "
			if n.Data == "ol" {
				mark = strconv.Itoa(number) + ". "
				number++
			}
			block(false, prefixed(mark, strings.Repeat(" ", len(mark)), lines(c, false)))
		case c.Data == "tr":
			var cells []string
			for cell := c.FirstChild; cell != nil; cell = cell.NextSibling {
				if cell.Type == xhtml.ElementNode {
					cells = append(cells, strings.TrimSpace(inlineText(cell)))
				}
			}
			block(false, []string{strings.Join(cells, " | ")})
		case c.Data == "p", c.Data == "table":
			block(true, lines(c, false))
		default: // html, body, thead, tbody
			block(false, lines(c, false))
		}
	}
	flush()
	return out
}

// listStart is the number of an ordered list's first item.
func listStart(n *xhtml.Node) int {
	for _, a := range n.Attr {
		if i, err := strconv.Atoi(a.Val); a.Key == "start" && err == nil {
			return i
		}
	}
	return 1
}

// inline lists the elements that stand within a line; so does code outside a pre.
var inline = map[string]bool{"a": true, "strong": true, "em": true, "del": true}

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
