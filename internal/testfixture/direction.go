package testfixture

import (
	"fmt"
	"regexp"
	"strings"
	"unicode"

	"golang.org/x/net/html"
)

// addresses are left as they are by InHebrew, as are codes of emoji.
var addresses = regexp.MustCompile(`https?://\S+|:smile:`)

// InHebrew replaces each letter of the Latin alphabet, except in addresses. So a test can tell people's words,
// which are all Hebrew, from the page's own.
func InHebrew(words string) string {
	var out strings.Builder
	at := 0
	for _, link := range append(addresses.FindAllStringIndex(words, -1), []int{len(words), len(words)}) {
		out.WriteString(strings.Map(func(r rune) rune {
			if lower := unicode.ToLower(r); lower >= 'a' && lower <= 'z' {
				return 'א' + lower - 'a'
			}
			if unicode.Is(unicode.Latin, r) {
				return 'ת'
			}
			return r
		}, words[at:link[0]]))
		out.WriteString(words[link[0]:link[1]])
		at = link[1]
	}
	return out.String()
}

// isolatedRun is text between U+2068 and U+2069, which isolate it inside of other text.
var isolatedRun = regexp.MustCompile("\u2068[^\u2068\u2069]*\u2069")

// Direction looks for Hebrew and Arabic text in a page in English. Such text must be isolated, so that it does not
// reorder the page's own words: in an element <bdi> or with a dir, in which there are no Latin letters, or between
// U+2068 and U+2069. It returns how many such texts the page has, and what is wrong with each that is not isolated. It
// leaves out attributes and <title>, in which there are no elements.
func Direction(page string) (found int, wrong []string) {
	doc, err := html.Parse(strings.NewReader(page))
	if err != nil {
		return 0, []string{err.Error()}
	}
	type run struct {
		root *html.Node
		text strings.Builder
	}
	runs, order := map[*html.Node]*run{}, []*run{}
	var walk func(n, root *html.Node)
	walk = func(n, root *html.Node) {
		if n.Type == html.ElementNode {
			switch n.Data {
			case "title", "script", "style":
				return
			case "noscript": // its contents are text for the parser
				inner, deeper := "", []string(nil)
				for c := n.FirstChild; c != nil; c = c.NextSibling {
					inner += c.Data
				}
				m, deeper := Direction(inner)
				found, wrong = found+m, append(wrong, deeper...)
				return
			case "bdi", "option", "textarea":
				root = n
			case "p", "div", "li", "h1", "h2", "h3", "h4", "td", "th", "dd", "dt", "summary", "label", "blockquote", "header", "section", "span", "a", "b", "i", "legend", "q":
				if attribute(n, "dir") != "" || root == nil || !isolates(root) && blocks[n.Data] {
					root = n
				}
			case "input":
				if rtl(attribute(n, "value")) && attribute(n, "type") != "hidden" {
					found++
					if attribute(n, "dir") != "auto" {
						wrong = append(wrong, fmt.Sprintf("an input without dir=auto: %s", outer(n)))
					}
				}
			default:
				if attribute(n, "dir") != "" {
					root = n
				}
			}
		}
		if n.Type == html.TextNode && strings.TrimSpace(n.Data) != "" {
			r := runs[root]
			if r == nil {
				r = &run{root: root}
				runs[root] = r
				order = append(order, r)
			}
			found += strings.Count(n.Data, "\u2068")
			r.text.WriteString(isolatedRun.ReplaceAllString(n.Data, " "))
			r.text.WriteString(" ")
		}
		for c := n.FirstChild; c != nil; c = c.NextSibling {
			walk(c, root)
		}
	}
	walk(doc, nil)
	for _, r := range order {
		text := r.text.String()
		if !rtl(text) {
			continue
		}
		found++
		switch {
		case r.root == nil || !isolates(r.root):
			wrong = append(wrong, fmt.Sprintf("not isolated: %q in %s", text, outer(r.root)))
		case r.root.Data != "textarea" && strings.ContainsFunc(addresses.ReplaceAllString(text, ""), latin): // a person wrote all of a textarea
			wrong = append(wrong, fmt.Sprintf("isolated together with the page's own words: %q in %s", text, outer(r.root)))
		}
	}
	return found, wrong
}

// blocks are elements with lines of their own, beside which nothing is reordered.
var blocks = map[string]bool{"p": true, "div": true, "li": true, "h1": true, "h2": true, "h3": true, "h4": true, "td": true, "th": true, "dd": true, "dt": true, "summary": true, "blockquote": true, "header": true, "section": true, "legend": true}

func isolates(n *html.Node) bool {
	dir := attribute(n, "dir")
	return dir == "auto" || dir == "" && n.Data == "bdi"
}

func attribute(n *html.Node, name string) string {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}

func rtl(s string) bool {
	return strings.ContainsFunc(s, func(r rune) bool { return unicode.In(r, unicode.Hebrew, unicode.Arabic) })
}

func latin(r rune) bool { return unicode.Is(unicode.Latin, r) }

// outer is the start tag of an element and those around it.
func outer(n *html.Node) string {
	out := ""
	for i := 0; n != nil && n.Type == html.ElementNode && i < 4; n, i = n.Parent, i+1 {
		tag := "<" + n.Data
		for _, a := range n.Attr {
			if a.Key == "class" || a.Key == "id" || a.Key == "name" || a.Key == "dir" {
				tag += fmt.Sprintf(" %s=%q", a.Key, a.Val)
			}
		}
		out = tag + ">" + out
	}
	return out
}
