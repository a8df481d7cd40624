package cover_test

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
		out, err := cover.Shrink(c.in)
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
	out, err := cover.Shrink(encoded(t, "png", m))
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
	if _, err := cover.Shrink(b); !errors.Is(err, cover.ErrTooLarge) {
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
		if _, err := cover.Shrink(b); !errors.Is(err, want) {
			t.Errorf("%T: %v", m, err)
		}
	}
}

func TestTooLongAndBrokenFilesAreRefused(t *testing.T) {
	if _, err := cover.Shrink(make([]byte, cover.MaxInput+1)); !errors.Is(err, cover.ErrTooLarge) {
		t.Error(err)
	}
	b := encoded(t, "png", image.NewGray(image.Rect(0, 0, 1, 1)))
	for _, bad := range [][]byte{nil, []byte("GIF89a"), []byte("<svg/>"), b[:20], encoded(t, "jpeg", noise(50, 50))[:300]} {
		if _, err := cover.Shrink(bad); !errors.Is(err, cover.ErrFormat) {
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
	f.Fuzz(func(t *testing.T, b []byte) {
		if c, _, err := image.DecodeConfig(bytes.NewReader(b)); err == nil && c.Width*c.Height > 1<<20 {
			return // slow, and covers nothing new
		}
		out, err := cover.Shrink(b)
		if err != nil {
			return
		}
		if _, err := jpeg.DecodeConfig(bytes.NewReader(out)); err != nil || len(out) > schema.MaxBlob {
			t.Fatalf("%d bytes, %v", len(out), err)
		}
	})
}
