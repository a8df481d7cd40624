// Package cover shrinks a cover picture to a JPEG that fits in an event (at most schema.MaxBlob
// bytes). It reads JPEG, PNG, GIF and WebP.
//
// It reads the headers first, so decoding a file takes at most MaxMemory bytes. The result is a
// JPEG without metadata (location, camera, names).
package cover

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	"image/color"
	_ "image/gif" // registers the decoder
	"image/jpeg"
	_ "image/png"

	"golang.org/x/image/draw"
	_ "golang.org/x/image/webp"

	"flyleaf/schema"
)

// Bounds of the file that is read and of the result.
const (
	MaxInput = 16 << 20 // bytes of a file
	MaxEdge  = 900      // pixels of the longer edge of the result
	minEdge  = 64       // pixels; a smaller result is not tried
)

var (
	// ErrFormat is returned for anything but a JPEG, PNG, GIF or WebP, and for a damaged one.
	ErrFormat = errors.New("this cannot be read as a picture (JPEG, PNG, GIF or WebP)")
	// ErrTooLarge is returned for more than MaxInput bytes, and for a picture that exceeds MaxSide or
	// MaxMemory.
	ErrTooLarge = errors.New("this picture is too large")
	// ErrCannotShrink is returned for a picture that cannot be made small enough.
	ErrCannotShrink = errors.New("this picture cannot be made small enough")
)

// Shrink returns the picture as a JPEG of at most schema.MaxBlob bytes with edges of at most
// MaxEdge pixels. Transparent parts become white. For an animation, it returns the first frame.
// Errors are ErrFormat, ErrTooLarge or ErrCannotShrink.
func Shrink(b []byte) ([]byte, error) {
	if len(b) > MaxInput {
		return nil, fmt.Errorf("%w: %d bytes, at most %d", ErrTooLarge, len(b), MaxInput)
	}
	src, err := Decode(b, MaxSide, MaxMemory)
	if err != nil {
		return nil, err
	}
	longer := max(src.Bounds().Dx(), src.Bounds().Dy())
	for edge := min(MaxEdge, longer); edge >= min(minEdge, longer); edge = edge * 4 / 5 {
		small := scale(src, edge)
		for _, quality := range []int{88, 78, 66, 54} {
			var out bytes.Buffer
			if err := jpeg.Encode(&out, small, &jpeg.Options{Quality: quality}); err != nil {
				return nil, err
			}
			if out.Len() <= schema.MaxBlob {
				return out.Bytes(), nil
			}
		}
		if edge == 1 {
			break
		}
	}
	return nil, ErrCannotShrink
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
