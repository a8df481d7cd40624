package main

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"os"
	"strings"

	"github.com/boombuler/barcode/qr"
	"golang.org/x/term"
)

// quietZone is the margin that a QR code needs on each side, in modules.
const quietZone = 4

// qrCode is a square of modules, with its margin. true is dark.
type qrCode [][]bool

func newQR(text string) (qrCode, error) {
	code, err := qr.Encode(text, qr.M, qr.Auto)
	if err != nil {
		return nil, fmt.Errorf("drawing a QR code: %w", err)
	}
	size := code.Bounds().Dx() + 2*quietZone
	out := make(qrCode, size)
	for y := range out {
		out[y] = make([]bool, size)
		for x := range out[y] {
			if x >= quietZone && y >= quietZone && x < size-quietZone && y < size-quietZone {
				out[y][x] = code.At(x-quietZone, y-quietZone) == color.Black
			}
		}
	}
	return out, nil
}

// text draws the code with two modules in each character, one above the other. Light modules
// are filled, dark ones are background. With colours, the code is black on white whatever the
// terminal's colours are.
func (q qrCode) text(colours bool) string {
	var b strings.Builder
	for y := 0; y < len(q); y += 2 {
		if colours {
			b.WriteString("\x1b[38;5;231;48;5;16m")
		}
		for x := range q[y] {
			upper, lower := !q[y][x], y+1 < len(q) && !q[y+1][x]
			b.WriteString(map[[2]bool]string{
				{true, true}: "█", {true, false}: "▀", {false, true}: "▄", {false, false}: " ",
			}[[2]bool{upper, lower}])
		}
		if colours {
			b.WriteString("\x1b[0m")
		}
		b.WriteString("\n")
	}
	return b.String()
}

// png draws the code as a PNG, 8 pixels for each module.
func (q qrCode) png() ([]byte, error) {
	const scale = 8
	img := image.NewPaletted(image.Rect(0, 0, len(q)*scale, len(q)*scale), color.Palette{color.White, color.Black})
	for y := range img.Rect.Dy() {
		for x := range img.Rect.Dx() {
			if q[y/scale][x/scale] {
				img.SetColorIndex(x, y, 1)
			}
		}
	}
	var out bytes.Buffer
	if err := png.Encode(&out, img); err != nil {
		return nil, fmt.Errorf("drawing a QR code: %w", err)
	}
	return out.Bytes(), nil
}

// colours reports whether standard output is a terminal.
func (s streams) colours() bool {
	out := s.out
	if c, ok := out.(*checkedWriter); ok {
		out = c.w
	}
	f, ok := out.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}
