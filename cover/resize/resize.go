// Package resize decodes and scales pictures: JPEG, PNG, GIF and WebP.
//
// It reads the headers first, so decoding a file takes a bounded amount of memory.
package resize

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	_ "image/gif" // registers the decoder
	"image/jpeg"
	_ "image/png"

	"golang.org/x/image/draw"
	_ "golang.org/x/image/webp"

	"flyleaf/cover"
)

// minEdge is the edge of the smallest result that is tried, in pixels.
const minEdge = 64

// Shrink returns the picture as a JPEG of at most maxBytes bytes, without metadata, with edges of at most
// cover.MaxEdge pixels. Transparent parts become white. For an animation, it returns the first frame.
// Errors are cover.ErrFormat, cover.ErrTooLarge or cover.ErrCannotShrink.
func Shrink(b []byte, maxBytes int) ([]byte, error) {
	if len(b) > cover.MaxInput {
		return nil, fmt.Errorf("%w: %d bytes, at most %d", cover.ErrTooLarge, len(b), cover.MaxInput)
	}
	src, err := Decode(b, cover.MaxSide, cover.MaxMemory)
	if err != nil {
		return nil, err
	}
	longer := max(src.Bounds().Dx(), src.Bounds().Dy())
	for edge := min(cover.MaxEdge, longer); edge >= min(minEdge, longer); edge = edge * 4 / 5 {
		small := scale(src, edge)
		for _, quality := range []int{88, 78, 66, 54} {
			var out bytes.Buffer
			if err := jpeg.Encode(&out, small, &jpeg.Options{Quality: quality}); err != nil {
				return nil, err
			}
			if out.Len() <= maxBytes {
				return out.Bytes(), nil
			}
		}
		if edge == 1 {
			break
		}
	}
	return nil, cover.ErrCannotShrink
}

// scale draws the picture on white. Its longer edge becomes edge pixels.
func scale(src image.Image, edge int) image.Image {
	b := src.Bounds()
	w, h := edge, edge
	if b.Dx() > b.Dy() {
		h = max(1, b.Dy()*edge/b.Dx())
	} else {
		w = max(1, b.Dx()*edge/b.Dy())
	}
	dst := image.NewRGBA(image.Rect(0, 0, w, h))
	draw.Draw(dst, dst.Bounds(), image.NewUniform(color.White), image.Point{}, draw.Src)
	Scale(dst, dst.Bounds(), src, draw.Over)
	return dst
}

// Decode decodes a picture whose edges have at most side pixels and whose decoding takes at
// most memory bytes. For any other it returns cover.ErrFormat or cover.ErrTooLarge.
func Decode(b []byte, side int, memory int64) (image.Image, error) {
	if err := cover.Check(b, side, memory); err != nil {
		return nil, err
	}
	m, _, err := image.Decode(bytes.NewReader(b))
	if err != nil {
		return nil, fmt.Errorf("%w: %v", cover.ErrFormat, err)
	}
	if m.Bounds().Empty() {
		return nil, fmt.Errorf("%w: it has no pixels", cover.ErrFormat)
	}
	return m, nil
}

// Scale draws a picture into a rectangle of another. A picture that becomes much smaller is scaled
// in two steps, so that the second step needs memory only for a picture of at most twice the
// result's size.
func Scale(dst draw.Image, r image.Rectangle, src image.Image, op draw.Op) {
	b := src.Bounds()
	w, h := min(b.Dx(), 2*r.Dx()), min(b.Dy(), 2*r.Dy())
	if w < b.Dx() || h < b.Dy() {
		half := image.NewRGBA(image.Rect(0, 0, w, h))
		draw.ApproxBiLinear.Scale(half, half.Bounds(), src, b, draw.Src, nil)
		src, b = half, half.Bounds()
	}
	draw.CatmullRom.Scale(dst, r, src, b, op, nil)
}
