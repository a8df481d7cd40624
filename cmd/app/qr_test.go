package main

import (
	"bytes"
	"image/color"
	"image/png"
	"strings"
	"testing"
)

// A QR code is the same on the terminal and as a picture. The test does not check that cameras can
// read it.
func TestQRCodeIsTheSameInBothForms(t *testing.T) {
	q, err := newQR("flyleaf:2kuc5yuMvWnkErdeNjRzMrhYyHRG@wss://relay.example#" + strings.Repeat("z", 49))
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSuffix(q.text(false), "\n"), "\n")
	if len(lines) != (len(q)+1)/2 || len(q) > 79 {
		t.Fatalf("%d lines for %d modules", len(lines), len(q))
	}
	b, err := q.png()
	if err != nil {
		t.Fatal(err)
	}
	img, err := png.Decode(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	scale := img.Bounds().Dx() / len(q)
	dark := 0
	for y := range q {
		for x := range q[y] {
			char := []rune(lines[y/2])[x]
			light := char == '█' || char == '▀' && y%2 == 0 || char == '▄' && y%2 == 1
			r, _, _, _ := color.GrayModel.Convert(img.At(x*scale+scale/2, y*scale+scale/2)).RGBA()
			if light == q[y][x] || (r > 0) == q[y][x] {
				t.Fatalf("module %d, %d: %v, on the terminal light is %v, in the picture %d", x, y, q[y][x], light, r)
			}
			margin := x < quietZone || y < quietZone || x >= len(q)-quietZone || y >= len(q)-quietZone
			if margin && q[y][x] {
				t.Fatalf("module %d, %d of the margin is dark", x, y)
			}
			if q[y][x] {
				dark++
			}
		}
	}
	if n := (len(q) - 2*quietZone) * (len(q) - 2*quietZone); dark < n/3 || dark > 2*n/3 {
		t.Errorf("%d of %d modules are dark", dark, n)
	}
	if s := q.text(true); !strings.Contains(s, "\x1b[38") || !strings.HasSuffix(s, "\x1b[0m\n") {
		t.Error("colours are missing or not reset")
	}
}
