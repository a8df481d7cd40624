package resize_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"image"
	"image/color"
	"image/draw"
	"image/gif"
	"image/jpeg"
	"image/png"
	"math/rand/v2"
	"testing"

	"flyleaf/cover"
	"flyleaf/cover/resize"
	"flyleaf/schema"
)

// noise returns a picture that is as hard to compress as possible.
func noise(w, h int) image.Image {
	r := rand.New(rand.NewPCG(1, 2))
	m := image.NewRGBA(image.Rect(0, 0, w, h))
	for i := range m.Pix {
		m.Pix[i] = byte(r.Uint32())
	}
	return m
}

func encoded(t *testing.T, format string, m image.Image) []byte {
	t.Helper()
	var b bytes.Buffer
	var err error
	switch format {
	case "png":
		err = png.Encode(&b, m)
	case "jpeg":
		err = jpeg.Encode(&b, m, nil)
	case "gif":
		err = gif.Encode(&b, m, nil)
	}
	if err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestShrink(t *testing.T) {
	for name, c := range map[string]struct {
		in   []byte
		w, h int // of the result; 0: any
	}{
		"a small one keeps its size": {encoded(t, "png", image.NewGray(image.Rect(0, 0, 300, 400))), 300, 400},
		"a large one":                {encoded(t, "jpeg", image.NewGray(image.Rect(0, 0, 3000, 2000))), cover.MaxEdge, 600},
		"noise":                      {encoded(t, "png", noise(1600, 1200)), 0, 0},
		"a line":                     {encoded(t, "png", image.NewGray(image.Rect(0, 0, 5000, 1))), cover.MaxEdge, 1},
		"one pixel":                  {encoded(t, "gif", image.NewGray(image.Rect(0, 0, 1, 1))), 1, 1},
	} {
		out, err := resize.Shrink(c.in, schema.MaxBlob)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		got, err := jpeg.DecodeConfig(bytes.NewReader(out))
		if err != nil || len(out) > schema.MaxBlob || c.w > 0 && (got.Width != c.w || got.Height != c.h) {
			t.Errorf("%s: %d bytes, %d by %d, %v", name, len(out), got.Width, got.Height, err)
		}
	}
}

func TestTransparentBecomesWhite(t *testing.T) {
	m := image.NewNRGBA(image.Rect(0, 0, 64, 64)) // all transparent
	out, err := resize.Shrink(encoded(t, "png", m), schema.MaxBlob)
	if err != nil {
		t.Fatal(err)
	}
	got, err := jpeg.Decode(bytes.NewReader(out))
	if err != nil {
		t.Fatal(err)
	}
	if r, _, _, _ := got.At(32, 32).RGBA(); r < 0xf000 {
		t.Errorf("%v", color.RGBAModel.Convert(got.At(32, 32)))
	}
}

// TestHugeDimensionsAreRefused: a small file whose header claims an enormous picture is refused.
func TestHugeDimensionsAreRefused(t *testing.T) {
	b := encoded(t, "png", image.NewGray(image.Rect(0, 0, 1, 1)))
	binary.BigEndian.PutUint32(b[16:], 1<<16)
	binary.BigEndian.PutUint32(b[20:], 1<<16)
	binary.BigEndian.PutUint32(b[29:], crc32.ChecksumIEEE(b[12:29]))
	if _, err := resize.Shrink(b, schema.MaxBlob); !errors.Is(err, cover.ErrTooLarge) {
		t.Error(err)
	}
	// 30 megapixels are too many at eight bytes each.
	for m, want := range map[image.Image]error{
		image.NewNRGBA64(image.Rect(0, 0, 1, 1)): cover.ErrTooLarge,
		image.NewNRGBA(image.Rect(0, 0, 1, 1)):   cover.ErrFormat, // the data is too short
	} {
		m.(draw.Image).Set(0, 0, color.NRGBA{R: 1, A: 128})
		b := encoded(t, "png", m)
		binary.BigEndian.PutUint32(b[16:], 6000)
		binary.BigEndian.PutUint32(b[20:], 5000)
		binary.BigEndian.PutUint32(b[29:], crc32.ChecksumIEEE(b[12:29]))
		if _, err := resize.Shrink(b, schema.MaxBlob); !errors.Is(err, want) {
			t.Errorf("%T: %v", m, err)
		}
	}
}

func TestTooLongAndBrokenFilesAreRefused(t *testing.T) {
	if _, err := resize.Shrink(make([]byte, cover.MaxInput+1), schema.MaxBlob); !errors.Is(err, cover.ErrTooLarge) {
		t.Error(err)
	}
	b := encoded(t, "png", image.NewGray(image.Rect(0, 0, 1, 1)))
	for _, bad := range [][]byte{nil, []byte("GIF89a"), []byte("<svg/>"), b[:20], encoded(t, "jpeg", noise(50, 50))[:300]} {
		if _, err := resize.Shrink(bad, schema.MaxBlob); !errors.Is(err, cover.ErrFormat) {
			t.Errorf("%.10q: %v", bad, err)
		}
	}
}

// FuzzShrink: whatever the bytes, an error or a JPEG that fits.
func FuzzShrink(f *testing.F) {
	for _, format := range []string{"png", "jpeg", "gif"} {
		var b bytes.Buffer
		m := image.NewGray(image.Rect(0, 0, 9, 5))
		switch format {
		case "png":
			_ = png.Encode(&b, m)
		case "jpeg":
			_ = jpeg.Encode(&b, m, nil)
		case "gif":
			_ = gif.Encode(&b, m, nil)
		}
		f.Add(b.Bytes())
	}
	for _, b := range webps(9, 5) {
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		c, _, err := image.DecodeConfig(bytes.NewReader(b))
		if err == nil && cover.Check(b, max(c.Width, c.Height)-1, cover.MaxMemory) == nil {
			t.Fatalf("the header says that the picture is smaller than %d by %d", c.Width, c.Height)
		}
		if err == nil && c.Width*c.Height > 1<<20 {
			return // slow, and covers nothing new
		}
		out, err := resize.Shrink(b, schema.MaxBlob)
		if err != nil {
			return
		}
		if _, err := jpeg.DecodeConfig(bytes.NewReader(out)); err != nil || len(out) > schema.MaxBlob {
			t.Fatalf("%d bytes, %v", len(out), err)
		}
	})
}

// webps returns the beginnings of WebP files, one of each kind.
func webps(w, h int) [][]byte {
	chunk := func(kind string, b []byte) []byte {
		out := append([]byte("RIFF\x00\x00\x00\x00WEBP"+kind), byte(len(b)), 0, 0, 0)
		out = append(out, b...)
		out = append(out, make([]byte, len(b)%2)...)
		out[4] = byte(len(out) - 8)
		return out
	}
	lossless := binary.LittleEndian.AppendUint32([]byte{0x2f}, uint32(w-1)|uint32(h-1)<<14)
	extended := []byte{0, 0, 0, 0, byte(w - 1), byte((w - 1) >> 8), 0, byte(h - 1), byte((h - 1) >> 8), 0}
	return [][]byte{
		chunk("VP8 ", []byte{0x10, 0, 0, 0x9d, 0x01, 0x2a, byte(w), byte(w >> 8), byte(h), byte(h >> 8)}), chunk("VP8L", lossless), chunk("VP8X", extended),
	}
}

// TestHeadersAreReadAsTheDecodersDo: the size that is checked is the one that is decoded.
func TestHeadersAreReadAsTheDecodersDo(t *testing.T) {
	for _, size := range []image.Point{{300, 2}, {2, 300}, {1, 1}} {
		m := image.NewGray(image.Rectangle{Max: size})
		files := append(webps(size.X, size.Y), pngOf(t, size.X, size.Y, true, true))
		for _, format := range []string{"png", "jpeg", "gif"} {
			files = append(files, encoded(t, format, m))
		}
		for _, b := range files {
			c, format, err := image.DecodeConfig(bytes.NewReader(b))
			if err != nil || c.Width != size.X || c.Height != size.Y {
				t.Errorf("%s of %v: %d by %d, %v", format, size, c.Width, c.Height, err)
			}
			longer := max(size.X, size.Y)
			if err := cover.Check(b, longer, cover.MaxMemory); err != nil {
				t.Errorf("%s of %v: %v", format, size, err)
			}
			if err := cover.Check(b, longer-1, cover.MaxMemory); !errors.Is(err, cover.ErrTooLarge) {
				t.Errorf("%s of %v with an edge of %d: %v", format, size, longer-1, err)
			}
		}
		for _, b := range files {
			for n := range b {
				_ = cover.CheckShown(b[:n]) // must not read beyond the end
			}
		}
	}
}

// turned returns a JPEG whose EXIF metadata has an orientation: a big-endian TIFF with one entry, in the segment APP1.
func turned(photo []byte, orientation uint16) []byte {
	tiff := []byte("MM\x00*\x00\x00\x00\x08\x00\x01\x01\x12\x00\x03\x00\x00\x00\x01")
	tiff = binary.BigEndian.AppendUint16(tiff, orientation)
	tiff = append(tiff, 0, 0, 0, 0, 0, 0)
	segment := append([]byte("Exif\x00\x00"), tiff...)
	out := append([]byte{}, photo[:2]...)
	out = append(out, 0xff, 0xe1)
	out = binary.BigEndian.AppendUint16(out, uint16(len(segment)+2))
	return append(append(out, segment...), photo[2:]...)
}

// TestShrinkTurnsPhotos: a camera stores how it was held, and the result has no metadata to say so. The corners of the
// result, from the top left one clockwise, are those of the photo in this order.
func TestShrinkTurnsPhotos(t *testing.T) {
	greys := []uint8{0, 80, 160, 240} // of the quarters, clockwise
	m := image.NewGray(image.Rect(0, 0, 64, 32))
	for i, at := range []image.Rectangle{image.Rect(0, 0, 32, 16), image.Rect(32, 0, 64, 16), image.Rect(32, 16, 64, 32), image.Rect(0, 16, 32, 32)} {
		draw.Draw(m, at, image.NewUniform(color.Gray{Y: greys[i]}), image.Point{}, draw.Src)
	}
	photo := encoded(t, "jpeg", m)
	for orientation, want := range map[uint16][4]int{
		0: {0, 1, 2, 3}, 1: {0, 1, 2, 3}, 2: {1, 0, 3, 2}, 3: {2, 3, 0, 1}, 4: {3, 2, 1, 0},
		5: {0, 3, 2, 1}, 6: {3, 0, 1, 2}, 7: {2, 1, 0, 3}, 8: {1, 2, 3, 0}, 9: {0, 1, 2, 3},
	} {
		small, err := resize.Shrink(turned(photo, orientation), schema.MaxBlob)
		if err != nil {
			t.Errorf("orientation %d: %v", orientation, err)
			continue
		}
		got, err := jpeg.Decode(bytes.NewReader(small))
		if err != nil {
			t.Fatal(err)
		}
		size := got.Bounds().Size()
		if upright := orientation >= 5 && orientation <= 8; upright != (size == image.Pt(32, 64)) {
			t.Errorf("orientation %d: the result has %v", orientation, size)
		}
		for i, at := range []image.Point{{4, 4}, {size.X - 5, 4}, {size.X - 5, size.Y - 5}, {4, size.Y - 5}} {
			grey := int(color.GrayModel.Convert(got.At(at.X, at.Y)).(color.Gray).Y)
			if wanted := int(greys[want[i]]); grey+20 < wanted || grey > wanted+20 {
				t.Errorf("orientation %d, corner %d: grey %d, want %d", orientation, i, grey, wanted)
			}
		}
	}
}

// TestShrinkIgnoresBadMetadata: a picture with metadata that cannot be read is shrunk as it is.
func TestShrinkIgnoresBadMetadata(t *testing.T) {
	photo := turned(encoded(t, "jpeg", image.NewGray(image.Rect(0, 0, 64, 32))), 6)
	const start, end = 6, 6 + 32 // of the contents of the segment
	for i := start; i < end; i++ {
		bad := bytes.Clone(photo)
		bad[i] ^= 0xff
		small, err := resize.Shrink(bad, schema.MaxBlob)
		if err != nil {
			t.Errorf("byte %d: %v", i, err)
		} else if _, err := jpeg.Decode(bytes.NewReader(small)); err != nil {
			t.Errorf("byte %d: %v", i, err)
		}
	}
}
