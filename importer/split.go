package importer

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"flyleaf/qa"
	"flyleaf/schema"
)

// SplitText cuts a text into pieces of at most schema.MaxText bytes, if possible between paragraphs,
// lines or words. Each piece is valid UTF-8 if s is. Only spaces and line ends between two pieces
// are dropped. A text that fits is one piece.
func SplitText(s string) []string {
	var out []string
	for len(s) > schema.MaxText {
		at := schema.MaxText
		for at > 0 && !utf8.RuneStart(s[at]) {
			at--
		}
		for _, sep := range []string{"\n\n", "\n", " "} {
			if i := strings.LastIndex(s[:at], sep); i > at/2 {
				at = i
				break
			}
		}
		if at == 0 { // not UTF-8: no rune begins anywhere
			at = schema.MaxText
		}
		out = append(out, s[:at])
		s = strings.TrimLeft(s[at:], "\n ")
	}
	return append(out, s)
}

// splitLong splits messages that are longer than a post may be. The first piece stays in place, and
// the others become replies of the same writer: to the message itself if it opens a thread, else to
// its parent. If the message has a source, the first piece keeps it, and the others get the source
// with a number. Otherwise nameSources names each piece like a message of its own, so the same
// pieces in an outline get the same sources.
func splitLong(im *qa.Imported) {
	if !slices.ContainsFunc(im.Posts, func(p qa.ImportedPost) bool { return len(p.Text) > schema.MaxText }) {
		return
	}
	posts := make([]qa.ImportedPost, 0, len(im.Posts)+1)
	at := make([]int, len(im.Posts)) // the new index of each message
	for i := range im.Posts {
		p := im.Posts[i]
		if p.Parent >= 0 {
			p.Parent = at[p.Parent]
		}
		at[i] = len(posts)
		pieces := SplitText(p.Text)
		if n := len(pieces); n > 1 {
			im.Remarks = append(im.Remarks, qa.Remark{Line: p.Line, Text: fmt.Sprintf(
				"The message by %s has %d bytes (maximum %d) and was split into %d posts.", beginning(p.Name), len(p.Text), schema.MaxText, n-1)})
		}
		for j, piece := range pieces {
			next := p
			next.Text = piece
			if j > 0 {
				next.X = nil
				if p.Parent < 0 {
					next.Parent, next.Guessed = at[i], false
				}
				if p.Source != "" {
					next.Source = fmt.Sprintf("%s-%d", p.Source, j+1)
				}
			}
			posts = append(posts, next)
		}
	}
	im.Posts = posts
}
