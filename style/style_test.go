package style_test

import (
	"fmt"
	"strings"
	"testing"

	"flyleaf/style"
)

// TestSheetDefinesEveryCoverColour: the style sheet has each colour that CoverColour returns, and
// no others.
func TestSheetDefinesEveryCoverColour(t *testing.T) {
	returned := map[int]bool{}
	for c := range 256 {
		returned[style.CoverColour("week"+string([]byte{byte(c)}))] = true
	}
	if len(returned) != style.CoverColours {
		t.Errorf("%d colours are returned, want %d", len(returned), style.CoverColours)
	}
	for n := range style.CoverColours + 2 {
		defined := strings.Contains(string(style.Sheet), fmt.Sprintf("--cover-%d:", n))
		if defined != returned[n] {
			t.Errorf("colour %d: defined %v, returned %v", n, defined, returned[n])
		}
	}
}
