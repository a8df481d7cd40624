package cover

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"image"
	"image/color"

	"golang.org/x/image/draw"
)

// Limits for decoding a picture. They are compared with the picture's headers before any memory is
// allocated for it.
const (
	// MaxSide is the maximum length of an edge in pixels. Scaling needs memory for each pixel
	// of an edge.
	MaxSide = 20_000
	// MaxMemory is the maximum number of bytes for the pixels during decoding: 40 megapixels of
	// four bytes, fewer if a format needs more.
	MaxMemory = 200 << 20
	// MaxShownSide and MaxShownMemory are the stricter bounds for a picture that is already in an
	// event, which any program may have written and every reader's browser decodes.
	MaxShownSide   = 4_096
	MaxShownMemory = 32 << 20
	// maxScans is the maximum number of scans of a JPEG. Ordinary JPEGs have up to ten.
	maxScans = 100
)

// Decode decodes a picture whose edges have at most side pixels and whose decoding takes at
// most memory bytes. For any other it returns ErrFormat or ErrTooLarge.
func Decode(b []byte, side int, memory int64) (image.Image, error) {
	if err := check(b, side, memory); err != nil {
		return nil, err
	}
	m, _, err := image.Decode(bytes.NewReader(b))
	if err != nil {
		return nil, fmt.Errorf("%w: %v", ErrFormat, err)
	}
	if m.Bounds().Empty() {
		return nil, fmt.Errorf("%w: it has no pixels", ErrFormat)
	}
	return m, nil
}

// CheckShown reports whether a picture in an event is safe to show in a browser. It decodes
// nothing.
func CheckShown(b []byte) error { return check(b, MaxShownSide, MaxShownMemory) }

func check(b []byte, side int, memory int64) error {
	c, format, err := image.DecodeConfig(bytes.NewReader(b))
	if err != nil {
		return fmt.Errorf("%w: %v", ErrFormat, err)
	}
	if c.Width <= 0 || c.Height <= 0 {
		return fmt.Errorf("%w: it has no pixels", ErrFormat)
	}
	if c.Width > side || c.Height > side {
		return fmt.Errorf("%w: %d by %d pixels, an edge has at most %d", ErrTooLarge, c.Width, c.Height, side)
	}
	need, err := cost(b, format, &c)
	if err != nil {
		return err
	}
	if need > memory {
		return fmt.Errorf("%w: %d by %d pixels need %d bytes of memory; the limit is %d", ErrTooLarge, c.Width, c.Height, need, memory)
	}
	return nil
}

// cost returns an upper bound of the bytes that the pixels take while they are decoded.
func cost(b []byte, format string, c *image.Config) (int64, error) {
	pixels := int64(c.Width) * int64(c.Height)
	switch format {
	case "jpeg":
		return jpegCost(b)
	case "png":
		each := int64(4) // even if the header says less, because with transparency one byte becomes four
		switch c.ColorModel {
		case color.RGBA64Model, color.NRGBA64Model, color.Gray16Model:
			each = 8
		}
		need := pixels * each
		if len(b) > 28 && b[28] != 0 { // interlaced: the last pass, half of the pixels, is decoded into a copy
			need += need / 2
		}
		return need, nil
	case "gif":
		return 2 * pixels, nil // one byte each; interlaced pictures are reordered in a copy
	case "webp":
		return 8 * pixels, nil // four bytes each, plus memory for the transforms; the same for alpha
	}
	return 0, fmt.Errorf("%w: %s", ErrFormat, format)
}

// jpegCost returns the number of bytes that the components of a JPEG take. A progressive JPEG
// also takes four bytes for each sample's coefficient. A JPEG with more than maxScans scans is
// refused.
func jpegCost(b []byte) (need int64, err error) {
	scans := 0
	for i := 2; i+1 < len(b); {
		if b[i] != 0xff || b[i+1] == 0 || b[i+1] == 0xff || b[i+1] >= 0xd0 && b[i+1] <= 0xd7 {
			i++ // pixels, or padding
			continue
		}
		marker := b[i+1]
		if marker == 0xd9 { // end of image
			break
		}
		if i+4 > len(b) {
			break
		}
		length := int(binary.BigEndian.Uint16(b[i+2:]))
		segment := b[min(i+4, len(b)):min(i+2+max(length, 2), len(b))]
		switch {
		case marker >= 0xc0 && marker <= 0xc2: // the frame
			n, err := frameCost(segment, marker == 0xc2)
			if err != nil {
				return 0, err
			}
			need = max(need, n)
		case marker == 0xda:
			if scans++; scans > maxScans {
				return 0, fmt.Errorf("%w: a JPEG of more than %d scans", ErrTooLarge, maxScans)
			}
		}
		i += 2 + max(length, 2)
	}
	if need == 0 {
		return 0, fmt.Errorf("%w: a JPEG without a frame", ErrFormat)
	}
	return need, nil
}

// frameCost returns the number of bytes required by a JPEG's frame header.
func frameCost(s []byte, progressive bool) (need int64, err error) {
	bad := fmt.Errorf("%w: a JPEG with an invalid frame header", ErrFormat)
	if len(s) < 6 {
		return 0, bad
	}
	height, width, components := int64(binary.BigEndian.Uint16(s[1:])), int64(binary.BigEndian.Uint16(s[3:])), int(s[5])
	if components < 1 || components > 4 || len(s) < 6+3*components {
		return 0, bad
	}
	var across, down int64 // maximum over the components, in blocks per MCU
	for k := range components {
		f := s[6+3*k+1]
		across, down = max(across, int64(f>>4)), max(down, int64(f&15))
	}
	if across < 1 || across > 4 || down < 1 || down > 4 {
		return 0, bad
	}
	mcus := ((width + 8*across - 1) / (8 * across)) * ((height + 8*down - 1) / (8 * down))
	for k := range components {
		f := s[6+3*k+1]
		samples := mcus * int64(f>>4) * int64(f&15) * 64
		need += samples
		if progressive {
			need += 4 * samples
		}
	}
	if components == 4 {
		need += 4 * width * height // converted to CMYK in a copy
	}
	return need, nil
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
