package site

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"strconv"
	"strings"
	"sync"

	"github.com/go-fonts/liberation/liberationserifitalic"
	"github.com/go-fonts/liberation/liberationserifregular"
	"golang.org/x/image/draw"
	"golang.org/x/image/font"
	"golang.org/x/image/font/opentype"
	"golang.org/x/image/math/fixed"

	"flyleaf/cover"
	"flyleaf/cover/resize"
	"flyleaf/style"
)

// The Open Graph preview image of a week: 1200 by 630 pixels, the size that
// programs that read Open Graph expect.
const (
	pictureWidth, pictureHeight = 1200, 630
	// pictureVersion must change when the drawing does, so that all pictures are drawn again.
	pictureVersion = "1"
)

// picture is what a picture shows.
type picture struct {
	Title, By, Club, Days string
	CoverColour           int
	cover                 []byte
}

// key is the same for pictures that look the same.
func (p *picture) key() string {
	b, err := json.Marshal(p)
	if err != nil {
		return "" // it cannot fail for strings and a number
	}
	h := sha256.New()
	h.Write([]byte(pictureVersion))
	h.Write(b)
	h.Write(p.cover)
	return hex.EncodeToString(h.Sum(nil)[:12])
}

// light returns a colour of the style sheet's light theme.
func light(name string) color.RGBA {
	hex, _ := style.Colour(name)
	n, _ := strconv.ParseUint(hex[1:], 16, 32) // style.Colour returns six digits
	return color.RGBA{uint8(n >> 16), uint8(n >> 8), uint8(n), 0xff}
}

// fonts are the fonts of the pictures.
type fonts struct{ regular, italic *opentype.Font }

// faces returns the fonts of the pictures, parsed once. A font.Face is not safe for concurrent use,
// so each picture makes its own faces from these fonts. A variable with an initial value would keep
// the fonts in programs that draw no picture.
func faces() fonts {
	facesOnce.Do(func() {
		facesParsed.regular, _ = opentype.Parse(liberationserifregular.TTF) // a test checks that they parse
		facesParsed.italic, _ = opentype.Parse(liberationserifitalic.TTF)
	})
	return facesParsed
}

var (
	facesOnce   sync.Once
	facesParsed fonts
)

// draw draws the picture as PNG. Characters that the fonts lack are dropped, rather than drawn as
// boxes.
func (p *picture) draw() []byte {
	img := image.NewRGBA(image.Rect(0, 0, pictureWidth, pictureHeight))
	fill(img, img.Bounds(), light("paper"))
	for x := 0; x < pictureWidth; x += 30 { // a bookbinder's headband
		fill(img, image.Rect(x, 0, x+10, 14), light("ink"))
		fill(img, image.Rect(x+10, 0, x+20, 14), light("edge"))
	}
	p.drawBook(img, image.Rect(810, 92, 1110, 542))
	const left, width = 90, 640
	y := 120
	text(img, faces().italic, 30, light("ink-soft"), left, y, width, 1, p.Club)
	y += 40
	size := 78.0
	lines := wrap(faces().regular, size, width, p.Title)
	for len(lines) > 4 && size > 40 {
		size -= 8
		lines = wrap(faces().regular, size, width, p.Title)
	}
	lines = lines[:min(len(lines), 5)]
	for _, l := range lines {
		y += int(size * 1.08)
		text(img, faces().regular, size, light("ink"), left, y, width, 1, l)
	}
	y += 30
	text(img, faces().regular, 38, light("author"), left, y+46, width, 2, p.By)
	text(img, faces().italic, 30, light("ink-soft"), left, 560, width, 1, p.Days)
	fill(img, image.Rect(left, 584, pictureWidth-left, 585), light("rule"))
	var out bytes.Buffer
	enc := png.Encoder{CompressionLevel: png.DefaultCompression}
	if enc.Encode(&out, img) != nil {
		return nil // it cannot fail for a buffer
	}
	return out.Bytes()
}

// drawBook draws the cover into a box, or a book with a plain cover if there is none.
func (p *picture) drawBook(img *image.RGBA, box image.Rectangle) {
	shadow := box.Add(image.Pt(9, 11))
	fill(img, shadow, light("rule"))
	if src, err := resize.Decode(p.cover, cover.MaxShownSide, cover.MaxShownMemory); err == nil {
		c := src.Bounds()
		h := max(1, min(box.Dy(), box.Dx()*c.Dy()/c.Dx()))
		w := min(box.Dx(), max(1, h*c.Dx()/c.Dy()))
		fill(img, shadow, light("paper"))
		at := image.Rect(box.Max.X-w, box.Min.Y+(box.Dy()-h)/2, box.Max.X, box.Min.Y+(box.Dy()-h)/2+h)
		fill(img, at.Add(image.Pt(9, 11)), light("rule"))
		resize.Scale(img, at, src, draw.Over)
		return
	}
	c := light(fmt.Sprintf("cover-%d", max(1, p.CoverColour)))
	fill(img, box, c)
	fill(img, image.Rect(box.Min.X, box.Min.Y, box.Min.X+16, box.Max.Y), color.RGBA{c.R * 3 / 4, c.G * 3 / 4, c.B * 3 / 4, 0xff})
	y := box.Min.Y + 40
	width := box.Dx() - 70
	for i, l := range wrap(faces().regular, 34, width, p.Title) {
		if i == 7 {
			break
		}
		y += 38
		text(img, faces().regular, 34, light("stamp"), box.Min.X+46, y, width, 1, l)
	}
	fill(img, image.Rect(box.Min.X+46, box.Max.Y-60, box.Max.X-30, box.Max.Y-58), light("stamp"))
}

func fill(img *image.RGBA, r image.Rectangle, c color.Color) {
	draw.Draw(img, r, image.NewUniform(c), image.Point{}, draw.Src)
}

func face(f *opentype.Font, size float64) font.Face {
	if f == nil {
		return nil
	}
	out, err := opentype.NewFace(f, &opentype.FaceOptions{Size: size, DPI: 72, Hinting: font.HintingNone})
	if err != nil {
		return nil
	}
	return out
}

// drawable removes the characters that the font does not have, and surplus spaces.
func drawable(f font.Face, s string) string {
	return strings.TrimSpace(strings.Map(func(r rune) rune {
		if _, ok := f.GlyphAdvance(r); !ok {
			return -1
		}
		return r
	}, strings.Join(strings.Fields(s), " ")))
}

// wrap breaks a text into lines of at most width pixels. A word that is longer is cut at the
// end of the line.
func wrap(of *opentype.Font, size float64, width int, s string) []string {
	f := face(of, size)
	if f == nil {
		return nil
	}
	defer f.Close()
	var out []string
	line := ""
	for word := range strings.FieldsSeq(drawable(f, s)) {
		next := strings.TrimSpace(line + " " + word)
		if line != "" && font.MeasureString(f, next).Ceil() > width {
			out = append(out, line)
			next = word
		}
		for len(next) > 0 && font.MeasureString(f, next).Ceil() > width {
			cut := []rune(next)
			n := len(cut)
			for n > 1 && font.MeasureString(f, string(cut[:n])).Ceil() > width {
				n--
			}
			out = append(out, string(cut[:n]))
			next = string(cut[n:])
		}
		line = next
	}
	if line != "" {
		out = append(out, line)
	}
	return out
}

// text draws at most most lines of a text, and an ellipsis if there are more.
func text(img *image.RGBA, of *opentype.Font, size float64, c color.Color, x, y, width, most int, s string) {
	lines := wrap(of, size, width, s)
	if len(lines) > most {
		lines = lines[:most]
		lines[most-1] = strings.TrimRight(lines[most-1], " ,.;:") + "…"
	}
	f := face(of, size)
	if f == nil {
		return
	}
	defer f.Close()
	for i, l := range lines {
		d := font.Drawer{Dst: img, Src: image.NewUniform(c), Face: f, Dot: fixed.P(x, y+i*int(size*1.2))}
		d.DrawString(l)
	}
}
