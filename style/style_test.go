package style_test

import (
	"fmt"
	"strings"
	"testing"

	"flyleaf/style"
)

// TestColour: a colour has a value for each theme, and the sheet defines it.
func TestColour(t *testing.T) {
	for _, name := range []string{"paper", "ink", "author", "stamp"} {
		light, dark := style.Colour(name)
		if light == dark != (name == "stamp") {
			t.Errorf("%s: %s in the light theme, %s in the dark one", name, light, dark)
		}
		if sheet := string(style.Sheet); !strings.Contains(sheet, "--"+name+": light-dark("+light+", "+dark+");") && !strings.Contains(sheet, "--"+name+": "+light+";") {
			t.Errorf("%s is not %s and %s", name, light, dark)
		}
	}
	defer func() {
		if recover() == nil {
			t.Error("the sheet has no such colour")
		}
	}()
	style.Colour("no-such-colour")
}

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
