// Package style holds the style sheet that Flyleaf's pages and the published site share:
// colours, type, spacing, dark mode, and every rule that both of them need.
//
// The sheet is one file that is sent unchanged: nothing builds it, and it fetches nothing.
package style

import _ "embed"

// Name is the file name under which style sheets refer to Sheet.
const Name = "flyleaf.css"

// Sheet is the style sheet. It must not be changed.
//
//go:embed flyleaf.css
var Sheet []byte

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
