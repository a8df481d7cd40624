// Package style holds the style sheet that Flyleaf's pages and the published site share:
// colours, type, spacing, dark mode, and every rule that both of them need.
//
// The sheet is one file that is sent unchanged: nothing builds it, and it fetches nothing.
package style

import (
	_ "embed"
	"regexp"
	"sync"
)

// Name is the file name under which style sheets refer to Sheet.
const Name = "flyleaf.css"

// Sheet is the style sheet. It must not be changed.
//
//go:embed flyleaf.css
var Sheet []byte

// Colour returns a colour of Sheet, such as "ink" for --ink, as #rrggbb in the light and in the dark
// theme. It is for places that cannot use a style sheet: mail and pictures. It panics if Sheet does not
// define the colour.
func Colour(name string) (light, dark string) {
	c, ok := colours()[name]
	if !ok {
		panic("the style sheet has no colour --" + name)
	}
	return c.light, c.dark
}

type themed struct{ light, dark string }

var colours = sync.OnceValue(func() map[string]themed {
	found := map[string]themed{}
	for _, m := range regexp.MustCompile(`--([a-z0-9-]+): (?:light-dark\((#[0-9a-f]{6}), (#[0-9a-f]{6})\)|(#[0-9a-f]{6}));`).FindAllSubmatch(Sheet, -1) {
		both := string(m[4]) // a colour that is the same in both themes
		found[string(m[1])] = themed{string(m[2]) + both, string(m[3]) + both}
	}
	return found
})

// CoverColours is the number of colours of books without a cover picture. Sheet calls them
// --cover-1, --cover-2 and so on.
const CoverColours = 4

// CoverColour returns the colour of a book without a cover picture, from 1 to CoverColours. It
// depends only on the ID of the week, so a book has the same colour on every page.
func CoverColour(id string) int {
	sum := 0
	for _, c := range []byte(id) {
		sum += int(c)
	}
	return sum%CoverColours + 1
}
