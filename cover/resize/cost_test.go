package resize_test

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"image"
	"image/png"
	"runtime"
	"testing"

	"flyleaf/cover"
	"flyleaf/cover/resize"
	"flyleaf/schema"
)

// pngOf returns a black PNG of this size, with 8-bit grey pixels, or, if deep, four 16-bit
// channels.
func pngOf(t *testing.T, w, h int, deep, interlaced bool) []byte {
	t.Helper()
	depth, kind, each := byte(8), byte(0), 1
	if deep {
		depth, kind, each = 16, 6, 8
	}
	var out bytes.Buffer
	out.WriteString("\x89PNG\r\n\x1a\n")
	chunk := func(name string, b []byte) {
		b = append([]byte(name), b...)
		_ = binary.Write(&out, binary.BigEndian, uint32(len(b)-4))
		out.Write(b)
		_ = binary.Write(&out, binary.BigEndian, crc32.ChecksumIEEE(b))
	}
	head := binary.BigEndian.AppendUint32(nil, uint32(w))
	head = binary.BigEndian.AppendUint32(head, uint32(h))
	lace := byte(0)
	if interlaced {
		lace = 1
	}
	chunk("IHDR", append(head, depth, kind, 0, 0, lace))
	var data bytes.Buffer
	z, err := zlib.NewWriterLevel(&data, zlib.BestSpeed)
	if err != nil {
		t.Fatal(err)
	}
	for row := make([]byte, 1+w*each); h > 0; h-- {
		if _, err := z.Write(row); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	chunk("IDAT", data.Bytes())
	chunk("IEND", nil)
	return out.Bytes()
}

// jpegOf returns the beginning of a JPEG: a frame header, and scans without pixels.
func jpegOf(frame byte, w, h int, sampling []byte, scans int) []byte {
	b := []byte{0xff, 0xd8, 0xff, frame, 0, byte(8 + 3*len(sampling)), 8}
	b = binary.BigEndian.AppendUint16(b, uint16(h))
	b = binary.BigEndian.AppendUint16(b, uint16(w))
	b = append(b, byte(len(sampling)))
	for i, s := range sampling {
		b = append(b, byte(i+1), s, 0)
	}
	for range scans {
		b = append(b, 0xff, 0xda, 0, 8, 1, 1, 0, 0, 0, 0, 0xff, 0x00, 0xff, 0xd0, 0x12)
	}
	return append(b, 0xff, 0xd9)
}

// TestExpensivePicturesAreRefused: pictures that are expensive to decode are refused by their headers, before they are
// decoded, even if the file is small.
func TestExpensivePicturesAreRefused(t *testing.T) {
	gif := append([]byte("GIF89a\x20\x4e\x20\x4e\x80\x00\x00\x00\x00\x00\xff\xff\xff"), // 20000 by 20000
		0x2c, 0, 0, 0, 0, 0x20, 0x4e, 0x20, 0x4e, 0, 2, 0, 0x3b)
	webp := append([]byte("RIFF\x00\x00\x00\x00WEBPVP8L\x05\x00\x00\x00\x2f"), 0xff, 0xff, 0xff, 0x0f) // 16384 by 16384
	binary.LittleEndian.PutUint32(webp[4:], uint32(len(webp)-8))
	colour, four := []byte{0x22, 0x11, 0x11}, []byte{0x11, 0x11, 0x11, 0x11}
	for name, b := range map[string][]byte{
		"a line of 40 megapixels":              pngOf(t, 40_000_000, 1, false, false),
		"a column of 40 megapixels":            pngOf(t, 1, 40_000_000, false, false),
		"a line of deep colour":                pngOf(t, 5_000_000, 1, true, false),
		"28 megapixels of deep colour":         pngOf(t, 7_000, 4_000, true, false),
		"40 megapixels, interlaced":            pngOf(t, 8_000, 5_000, false, true),
		"a progressive JPEG of 40 megapixels":  jpegOf(0xc2, 8_000, 5_000, colour, 1),
		"one of 16 megapixels, in full colour": jpegOf(0xc2, 4_000, 4_000, []byte{0x11, 0x11, 0x11}, 1),
		"a JPEG of four components":            jpegOf(0xc0, 8_000, 5_000, four, 1),
		"a progressive JPEG of too many scans": jpegOf(0xc2, 8, 8, colour, 101),
		"a GIF":                                gif,
		"a WebP":                               webp,
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := resize.Shrink(b, schema.MaxBlob)
		runtime.ReadMemStats(&after)
		if !errors.Is(err, cover.ErrTooLarge) {
			t.Errorf("%s: %v", name, err)
		}
		if took := after.TotalAlloc - before.TotalAlloc; took > 1<<20 {
			t.Errorf("%s: %d bytes were allocated to refuse it", name, took)
		}
		if err := cover.CheckShown(b); !errors.Is(err, cover.ErrTooLarge) {
			t.Errorf("%s, in an event: %v", name, err)
		}
	}
}

// TestAcceptedPicturesStayWithinMaxMemory: shrinking the largest accepted pictures allocates no
// more than MaxMemory plus the memory for scaling.
func TestAcceptedPicturesStayWithinMaxMemory(t *testing.T) {
	for _, size := range []image.Point{{20_000, 2_000}, {2_000, 20_000}, {6_300, 6_300}} {
		b := pngOf(t, size.X, size.Y, false, false)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		out, err := resize.Shrink(b, schema.MaxBlob)
		runtime.ReadMemStats(&after)
		if err != nil {
			t.Errorf("%v: %v", size, err)
		}
		if took := after.TotalAlloc - before.TotalAlloc; took > cover.MaxMemory+(100<<20) {
			t.Errorf("%v: %d bytes were allocated", size, took)
		}
		if err := cover.CheckShown(out); err != nil {
			t.Errorf("%v: CheckShown refuses the result: %v", size, err)
		}
	}
	// A camera's progressive JPEG of 24 megapixels is within the limits.
	if _, err := resize.Shrink(jpegOf(0xc2, 6_000, 4_000, []byte{0x22, 0x11, 0x11}, 10), schema.MaxBlob); !errors.Is(err, cover.ErrFormat) {
		t.Errorf("a camera's picture: %v", err) // ErrFormat because the pixels are missing
	}
}

// TestCheckShown accepts an ordinary cover and refuses pictures that are too large or damaged.
func TestCheckShown(t *testing.T) {
	var b bytes.Buffer
	if err := png.Encode(&b, image.NewGray(image.Rect(0, 0, 600, 900))); err != nil {
		t.Fatal(err)
	}
	if err := cover.CheckShown(b.Bytes()); err != nil {
		t.Error(err)
	}
	for name, bad := range map[string][]byte{
		"a long edge":     pngOf(t, cover.MaxShownSide+1, 1, false, false),
		"many pixels":     pngOf(t, 4_000, 4_000, false, false),
		"no picture":      []byte("<svg/>"),
		"nothing":         nil,
		"half a header":   b.Bytes()[:20],
		"a broken frame":  jpegOf(0xc0, 8, 8, []byte{0x55}, 1),
		"a frame of none": jpegOf(0xc0, 0, 8, []byte{0x11}, 1),
	} {
		if err := cover.CheckShown(bad); err == nil {
			t.Errorf("%s is accepted", name)
		}
	}
}
