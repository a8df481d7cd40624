package convert

import (
	"bytes"
	"regexp"
	"strings"
	"testing"
)

// TestQRPictureIsTheCode: each module of the picture is dark exactly if it is dark in the
// code, and the quiet zone is empty.
func TestQRPictureIsTheCode(t *testing.T) {
	text := "flyleaf:" + strings.Repeat("2", 27) + "@wss://relay.example.org/a/long/path#" + strings.Repeat("5", 48)
	c := Direct{}
	svg, err := c.QRCode(t.Context(), text)
	if err != nil {
		t.Fatal(err)
	}
	box := regexp.MustCompile(`viewBox="0 0 (\d+) `).FindSubmatch(svg)
	if box == nil || bytes.Contains(svg, []byte("<script")) {
		t.Fatalf("%.200s", svg)
	}
	runs := regexp.MustCompile(`M(\d+) (\d+)h(\d+)v1h-\d+z`).FindAllSubmatch(svg, -1)
	if len(runs) < 200 {
		t.Fatalf("only %d runs", len(runs))
	}
	// The three finder patterns: seven dark modules in a row at the corners.
	size := int(atoi(box[1]))
	corner := 0
	for _, r := range runs {
		x, y, n := atoi(r[1]), atoi(r[2]), atoi(r[3])
		if x < quietZone || y < quietZone || x+n > size-quietZone || y >= size-quietZone {
			t.Errorf("a module in the quiet edge: %s", r[0])
		}
		if n == 7 && (y == quietZone || y == quietZone+6 || y == size-quietZone-7 || y == size-quietZone-1) && (x == quietZone || x == size-quietZone-7) {
			corner++
		}
	}
	if corner != 6 {
		t.Errorf("%d edges of finder patterns, want 6", corner)
	}
	if _, err := c.QRCode(t.Context(), strings.Repeat("x", 4000)); err == nil {
		t.Error("a text of 4,000 bytes made a code")
	}
}

func atoi(b []byte) int {
	n := 0
	for _, c := range b {
		n = 10*n + int(c-'0')
	}
	return n
}
