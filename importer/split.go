package importer

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"flyleaf/qa"
	"flyleaf/schema"
)

// SplitText cuts a text into pieces of at most schema.MaxText bytes, at a paragraph, a
// line or a word where one is near. Each piece is valid UTF-8 if s is; between two
// pieces only spaces and line ends are left out. A text that fits is one piece.
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

// splitLong makes a message that is longer than a post may be go on in replies of the
// same writer: in replies to it when it opens a thread, else in replies beside it. Of
// a message that has a source, the first piece keeps it and the others have a number
// behind it; the pieces of any other are named by nameSources as messages of their own,
// so that an outline, which holds the pieces, gives them the same names.
func splitLong(im *qa.Imported) {
	if !slices.ContainsFunc(im.Posts, func(p qa.ImportedPost) bool { return len(p.Text) > schema.MaxText }) {
		return
	}
	posts := make([]qa.ImportedPost, 0, len(im.Posts)+1)
	at := make([]int, len(im.Posts)) // where each message stands now
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
