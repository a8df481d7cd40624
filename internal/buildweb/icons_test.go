package main

import (
	"bytes"
	"image/color"
	"image/png"
	"os"
	"testing"
)

// TestIcons: each picture has its size, the paper's colour near the edge and the pen's in the middle
// of the nib.
func TestIcons(t *testing.T) {
	svg, err := os.ReadFile("../../webui/static/icon.svg")
	if err != nil {
		t.Fatal(err)
	}
	for name, size := range icons {
		b, err := draw(svg, size)
		if err != nil {
			t.Fatal(err)
		}
		img, err := png.Decode(bytes.NewReader(b))
		if err != nil {
			t.Fatal(err)
		}
		if got := img.Bounds().Size(); got.X != size || got.Y != size {
			t.Errorf("%s is %v", name, got)
		}
		at := func(x, y float64) color.Color { // in the units of the SVG, 16 a side
			return color.RGBAModel.Convert(img.At(int(x*float64(size)/16), int(y*float64(size)/16)))
		}
		if got, want := at(1, 3), (color.RGBA{0xf5, 0xf7, 0xf1, 0xff}); got != want {
			t.Errorf("%s: the paper is %v, not %v", name, got, want)
		}
		if got, want := at(12, 5), (color.RGBA{0x7b, 0x1c, 0x50, 0xff}); got != want {
			t.Errorf("%s: the pen is %v, not %v", name, got, want)
		}
	}
	if _, err := draw([]byte("<svg"), 10); err == nil {
		t.Error("half an SVG was drawn")
	}
}
