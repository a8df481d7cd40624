// Package markdown renders posts: Markdown as safe HTML, and as plain text.
//
// The web UI, the published pages, the feeds and the digest all use this package, so a text looks
// the same everywhere and is sanitised in one place.
//
// The HTML contains only allow-listed elements, attributes and URL schemes. Displaying it loads and
// runs nothing. No word of the text is lost. The work is bounded for any text of schema.MaxText
// bytes.
package markdown

import (
	"bytes"
	"html/template"
	"net/url"
	"reflect"
	"regexp"
	"strings"
	"sync"

	"github.com/microcosm-cc/bluemonday"
	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	"github.com/yuin/goldmark/parser"
	"github.com/yuin/goldmark/renderer"
	"github.com/yuin/goldmark/renderer/html"
	"github.com/yuin/goldmark/util"

	"flyleaf/picture"
)

// LinkRel is the rel attribute of every link in a text.
const LinkRel = "noopener nofollow noreferrer"

// maxNesting is the maximum depth of nested quotes and lists. A text with deeper nesting is shown
// as it was typed, because parsers and browsers need time and stack for every level.
const maxNesting = 40

// maxLinks is the maximum number of "](" in a text. Texts with more are shown as plain text,
// because unclosed links take quadratic time.
const maxLinks = 1000

var (
	// In posts a line end is a line break, as in a chat. In prose it is a space, as in Markdown.
	postParser = sync.OnceValue(func() goldmark.Markdown { return newParser(html.WithHardWraps()) })
	mathParser = sync.OnceValue(func() goldmark.Markdown {
		md := newParser(html.WithHardWraps())
		md.Parser().AddOptions(formulaParsers()...)
		return md
	})
	proseParser = sync.OnceValue(func() goldmark.Markdown { return newParser() })
)

func newParser(lines ...renderer.Option) goldmark.Markdown {
	// Without the parsers for HTML, "<b>" and "List<String>" are ordinary text, and no word is
	// lost.
	blocks := without(parser.DefaultBlockParsers(), parser.NewHTMLBlockParser())
	inlines := without(parser.DefaultInlineParsers(), parser.NewRawHTMLParser())
	return goldmark.New(
		goldmark.WithParser(parser.NewParser(
			parser.WithBlockParsers(blocks...),
			parser.WithInlineParsers(inlines...),
			// Without the transformer for link reference definitions: with it, "[a]: b" would
			// not be shown.
		)),
		goldmark.WithExtensions(
			extension.Linkify, extension.Strikethrough,
			extension.NewTable(extension.WithTableCellAlignMethod(extension.TableCellAlignNone)),
			emojiCodes{},
		),
		goldmark.WithRendererOptions(append(lines,
			renderer.WithNodeRenderers(util.Prioritized(customRenderer{}, 10)),
		)...),
	)
}

// without returns all parsers except those of the same type as p.
func without(all []util.PrioritizedValue, p any) []util.PrioritizedValue {
	var out []util.PrioritizedValue
	for _, v := range all {
		if reflect.TypeOf(v.Value) != reflect.TypeOf(p) {
			out = append(out, v)
		}
	}
	return out
}

var sanitiser = sync.OnceValue(func() *bluemonday.Policy {
	p := bluemonday.NewPolicy()
	p.AllowElements("p", "br", "hr", "strong", "em", "del", "code", "pre", "ul", "ol", "li", "blockquote",
		"table", "thead", "tbody", "tr", "th", "td")
	p.AllowAttrs("class").Matching(regexp.MustCompile(`^language-[A-Za-z0-9_+#-]{1,30}$`)).OnElements("code")
	p.AllowAttrs("class").Matching(regexp.MustCompile(`^hl-(comment|string|number|keyword)$`)).OnElements("span")
	p.AllowAttrs("data-person").Matching(regexp.MustCompile(`^[0-9a-f]{16}$`)).OnElements("span")
	allowMath(p)
	p.AllowAttrs("start").Matching(regexp.MustCompile(`^[0-9]{1,9}$`)).OnElements("ol")
	p.AllowAttrs("href").OnElements("a")
	p.AllowAttrs("rel").Matching(regexp.MustCompile("^" + LinkRel + "$")).OnElements("a")
	// A URL without a host, such as "http:/you", would lead to one of our own pages.
	hosted := func(u *url.URL) bool { return u.Host != "" }
	p.AllowURLSchemeWithCustomPolicy("http", hosted)
	p.AllowURLSchemeWithCustomPolicy("https", hosted)
	p.AllowURLSchemes("mailto")
	p.AllowRelativeURLs(false)
	p.RequireParseableURLs(true)
	p.RequireNoFollowOnLinks(true)
	p.RequireNoReferrerOnLinks(true)
	return p
})

// HTML renders a person's text: Markdown with fenced code, tables, strike-through, bare links and
// :emoji: codes. The result contains no HTML from the text, no images (but links to them), no
// headings, and only http, https and mailto links. Of a picture it has the description, see package picture. It is safe to embed in a page, and showing it
// loads nothing.
func HTML(text string) template.HTML {
	return htmlCache.get(picture.Words(text))
}

// Prose renders a longer text, such as the description of a book. It is like HTML, but line ends
// are spaces, as in standard Markdown.
func Prose(text string) template.HTML { return renderWith(proseParser(), text) }

func render(text string) template.HTML { return renderWith(postParser(), text) }

func renderWith(md goldmark.Markdown, text string, options ...parser.ParseOption) template.HTML {
	text = strings.ToValidUTF8(picture.Words(text), "\uFFFD")
	var b bytes.Buffer
	if tooDeep(text) || strings.Count(text, "](") > maxLinks || md.Convert([]byte(text), &b, options...) != nil {
		b.Reset()
		b.WriteString("<pre><code>")
		template.HTMLEscape(&b, []byte(text))
		b.WriteString("</code></pre>")
	}
	clean := sanitiser().SanitizeBytes(b.Bytes())
	// Every "<" in the text has been escaped, so these elements were generated here.
	out := scrolled.Replace(string(clean))
	return template.HTML(out) //nolint:gosec // sanitised above
}

// scrolled lets people scroll elements that may be wider than the page with the keyboard.
var scrolled = strings.NewReplacer("<pre>", `<pre tabindex="0">`, `<math display="block"`, `<math tabindex="0" display="block"`)

// tooDeep reports whether a line opens more than maxNesting quotes and lists.
func tooDeep(text string) bool {
	for line := range strings.Lines(text) {
		opened := 0
	scan:
		for i := range len(line) {
			switch c := line[i]; {
			case c == ' ' || c == '\t':
				continue
			case c == '>', strings.IndexByte("-+*", c) >= 0 && i+1 < len(line) && (line[i+1] == ' ' || line[i+1] == '\t'):
				opened++
				continue
			}
			break scan
		}
		if opened > maxNesting {
			return true
		}
	}
	return false
}

// customRenderer renders images, links and headings in other ways than standard Markdown.
type customRenderer struct{}

func (customRenderer) RegisterFuncs(reg renderer.NodeRendererFuncRegisterer) {
	reg.Register(ast.KindImage, renderImage)
	reg.Register(ast.KindLink, renderLink)
	reg.Register(ast.KindAutoLink, renderAutoLink)
	reg.Register(ast.KindHeading, renderHeading)
	reg.Register(ast.KindFencedCodeBlock, renderFenced)
}

func openLink(w util.BufWriter, dest []byte) {
	_, _ = w.WriteString(`<a href="`)
	_, _ = w.Write(util.EscapeHTML(util.URLEscape(dest, true)))
	_, _ = w.WriteString(`" rel="` + LinkRel + `">`)
}

func insideLink(n ast.Node) bool {
	for p := n.Parent(); p != nil; p = p.Parent() {
		if p.Kind() == ast.KindLink || p.Kind() == ast.KindImage {
			return true
		}
	}
	return false
}

// renderImage renders a link instead of the image, because loading the image would tell its server
// who reads the page and when.
func renderImage(w util.BufWriter, _ []byte, n ast.Node, entering bool) (ast.WalkStatus, error) {
	img := n.(*ast.Image)
	if insideLink(n) { // the image's text becomes part of the link around it
		return ast.WalkContinue, nil
	}
	if entering {
		openLink(w, img.Destination)
		if n.ChildCount() == 0 {
			_, _ = w.Write(util.EscapeHTML(img.Destination))
		}
	} else {
		_, _ = w.WriteString("</a>")
	}
	return ast.WalkContinue, nil
}

func renderLink(w util.BufWriter, _ []byte, n ast.Node, entering bool) (ast.WalkStatus, error) {
	if insideLink(n) {
		return ast.WalkContinue, nil
	}
	if m := mentionAddress.FindSubmatch(n.(*ast.Link).Destination); m != nil {
		if entering {
			_, _ = w.WriteString(`<span data-person="` + string(m[1]) + `">`)
		} else {
			_, _ = w.WriteString("</span>")
		}
		return ast.WalkContinue, nil
	}
	if entering {
		openLink(w, n.(*ast.Link).Destination)
	} else {
		_, _ = w.WriteString("</a>")
	}
	return ast.WalkContinue, nil
}

func renderAutoLink(w util.BufWriter, source []byte, n ast.Node, entering bool) (ast.WalkStatus, error) {
	l := n.(*ast.AutoLink)
	if !entering {
		return ast.WalkContinue, nil
	}
	label := util.EscapeHTML(l.Label(source))
	if insideLink(n) {
		_, _ = w.Write(label)
		return ast.WalkContinue, nil
	}
	dest := l.URL(source)
	if l.AutoLinkType == ast.AutoLinkEmail && !bytes.HasPrefix(bytes.ToLower(dest), []byte("mailto:")) {
		dest = append([]byte("mailto:"), dest...)
	}
	openLink(w, dest)
	_, _ = w.Write(label)
	_, _ = w.WriteString("</a>")
	return ast.WalkContinue, nil
}

// renderHeading renders a heading as bold text, so that the page's own headings stay usable for
// navigation with a screen reader.
func renderHeading(w util.BufWriter, _ []byte, _ ast.Node, entering bool) (ast.WalkStatus, error) {
	if entering {
		_, _ = w.WriteString("<p><strong>")
	} else {
		_, _ = w.WriteString("</strong></p>\n")
	}
	return ast.WalkContinue, nil
}

// htmlCache caches rendered texts, because a week is shown many times.
var htmlCache = renderCache{limit: 8 << 20}

// renderCache holds two generations of at most limit bytes each. When the young generation is full,
// it replaces the old one. Entries in use are copied back to the young one.
type renderCache struct {
	limit      int
	mu         sync.Mutex
	young, old map[string]template.HTML
	size       int
}

func (c *renderCache) get(text string) template.HTML {
	c.mu.Lock()
	h, ok := c.young[text]
	if !ok {
		if h, ok = c.old[text]; ok {
			c.put(text, h)
		}
	}
	c.mu.Unlock()
	if ok {
		return h
	}
	h = render(text)
	c.mu.Lock()
	c.put(text, h)
	c.mu.Unlock()
	return h
}

func (c *renderCache) put(text string, h template.HTML) {
	if c.young == nil || c.size+len(text)+len(h) > c.limit {
		c.old, c.young, c.size = c.young, make(map[string]template.HTML), 0
	}
	if _, ok := c.young[text]; !ok {
		c.young[text] = h
		c.size += len(text) + len(h)
	}
}
