// Package cover has the limits of a week's cover picture, and checks them in the headers of JPEG, PNG, GIF
// and WebP files. It decodes no pixels; package resize does, and makes covers.
package cover

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
)

// Bounds of the file that is read and of the result.
const (
	MaxInput = 16 << 20 // bytes of a file
	MaxEdge  = 900      // pixels of the longer edge of the result
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

// CheckShown reports whether a picture in an event is safe to show in a browser.
func CheckShown(b []byte) error { return Check(b, MaxShownSide, MaxShownMemory) }

// Check reports whether the edges of a picture have at most side pixels, and whether decoding the picture takes at
// most memory bytes: nil, ErrFormat or ErrTooLarge. A picture that passes may still be damaged.
func Check(b []byte, side int, memory int64) error {
	_, _, err := Size(b, side, memory)
	return err
}

// Size returns the width and height of a picture in pixels, after what Check checks.
func Size(b []byte, side int, memory int64) (w, h int, err error) {
	w, h, cost, err := header(b)
	switch {
	case err != nil:
	case w <= 0 || h <= 0:
		err = fmt.Errorf("%w: it has no pixels", ErrFormat)
	case w > side || h > side:
		err = fmt.Errorf("%w: %d by %d pixels, an edge has at most %d", ErrTooLarge, w, h, side)
	case cost > float64(memory):
		err = fmt.Errorf("%w: %d by %d pixels need %.0f bytes of memory; the limit is %d", ErrTooLarge, w, h, cost, memory)
	}
	return w, h, err
}

// header returns the size of a picture, and an upper bound of the bytes that its pixels take while they are
// decoded: a float, so that no size overflows.
func header(b []byte) (w, h int, cost float64, err error) {
	big, little := binary.BigEndian, binary.LittleEndian
	has := func(at int, text string) bool { return len(b) >= at && bytes.HasPrefix(b[at:], []byte(text)) }
	each := 0.0 // bytes of a pixel
	switch {
	case has(0, "\x89PNG\r\n\x1a\n") && has(12, "IHDR") && len(b) >= 33:
		w, h, each = int(big.Uint32(b[16:])), int(big.Uint32(b[20:])), 4 // even if the header says less, because with transparency one byte becomes four
		if b[24] == 16 {                                                 // bits of a channel
			each = 8
		}
		if b[28] != 0 { // interlaced: the last pass, half of the pixels, is decoded into a copy
			each *= 1.5
		}
	case (has(0, "GIF87a") || has(0, "GIF89a")) && len(b) >= 13:
		w, h, each = int(little.Uint16(b[6:])), int(little.Uint16(b[8:])), 2 // one byte; interlaced pictures are reordered in a copy
	case has(0, "RIFF") && has(8, "WEBP"):
		each = 8 // four bytes, plus memory for the transforms; the same for alpha
		switch {
		case has(12, "VP8X") && len(b) >= 30:
			w, h = 1+int(little.Uint32(b[23:])>>8), 1+int(little.Uint32(b[26:])>>8)
		case has(12, "VP8L") && len(b) >= 25 && b[20] == 0x2f:
			size := little.Uint32(b[21:])
			w, h = 1+int(size&0x3fff), 1+int(size>>14&0x3fff)
		case has(12, "VP8 ") && len(b) >= 30 && has(23, "\x9d\x01\x2a"):
			w, h = int(little.Uint16(b[26:])&0x3fff), int(little.Uint16(b[28:])&0x3fff)
		default:
			return 0, 0, 0, ErrFormat
		}
	case has(0, "\xff\xd8"):
		return jpegHeader(b)
	default:
		return 0, 0, 0, ErrFormat
	}
	return w, h, float64(w) * float64(h) * each, nil
}

// jpegHeader returns the size of a JPEG and the number of bytes that its components take. A progressive JPEG
// also takes four bytes for each sample's coefficient. A JPEG with more than maxScans scans is
// refused.
func jpegHeader(b []byte) (w, h int, cost float64, err error) {
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
			width, height, need, err := frameHeader(segment, marker == 0xc2)
			if err != nil {
				return 0, 0, 0, err
			}
			w, h, cost = max(w, width), max(h, height), max(cost, float64(need))
		case marker == 0xda:
			if scans++; scans > maxScans {
				return 0, 0, 0, fmt.Errorf("%w: a JPEG of more than %d scans", ErrTooLarge, maxScans)
			}
		}
		i += 2 + max(length, 2)
	}
	if cost == 0 {
		return 0, 0, 0, fmt.Errorf("%w: a JPEG without a frame", ErrFormat)
	}
	return w, h, cost, nil
}

// frameHeader returns the size in a JPEG's frame header, and the number of bytes that the components take.
func frameHeader(s []byte, progressive bool) (w, h int, need int64, err error) {
	bad := fmt.Errorf("%w: a JPEG with an invalid frame header", ErrFormat)
	if len(s) < 6 {
		return 0, 0, 0, bad
	}
	height, width, components := int64(binary.BigEndian.Uint16(s[1:])), int64(binary.BigEndian.Uint16(s[3:])), int(s[5])
	if components < 1 || components > 4 || len(s) < 6+3*components {
		return 0, 0, 0, bad
	}
	var across, down int64 // maximum over the components, in blocks per MCU
	for k := range components {
		f := s[6+3*k+1]
		across, down = max(across, int64(f>>4)), max(down, int64(f&15))
	}
	if across < 1 || across > 4 || down < 1 || down > 4 {
		return 0, 0, 0, bad
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
	return int(width), int(height), need, nil
}
