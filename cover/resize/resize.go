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

	"github.com/bep/imagemeta"
	"golang.org/x/image/draw"
	_ "golang.org/x/image/webp"

	"flyleaf/cover"
)

// minEdge is the edge of the smallest result that is tried, in pixels.
const minEdge = 64

// Shrink returns the picture as a JPEG of at most maxBytes bytes, upright, without metadata, with edges of at most
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
	turn := orientation(b)
	longer := max(src.Bounds().Dx(), src.Bounds().Dy())
	for edge := min(cover.MaxEdge, longer); edge >= min(minEdge, longer); edge = edge * 4 / 5 {
		small := upright(scale(src, edge), turn)
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
func scale(src image.Image, edge int) *image.RGBA {
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

// orientation returns how a picture must be turned to be seen as it was taken: the value of the EXIF tag Orientation, 1 to 8;
// 1, as it is, if it says nothing that can be read.
func orientation(b []byte) int {
	_, name, err := image.DecodeConfig(bytes.NewReader(b))
	format, ok := map[string]imagemeta.ImageFormat{"jpeg": imagemeta.JPEG, "png": imagemeta.PNG, "webp": imagemeta.WebP}[name]
	if err != nil || !ok {
		return 1
	}
	out := 1
	_, _ = imagemeta.Decode(imagemeta.Options{ // bad metadata says nothing
		R: bytes.NewReader(b), ImageFormat: format, Sources: imagemeta.EXIF, Warnf: func(string, ...any) {},
		ShouldHandleTag: func(tag imagemeta.TagInfo) bool { return tag.Tag == "Orientation" && tag.Namespace == "IFD0" },
		HandleTag: func(tag imagemeta.TagInfo) error {
			if n, ok := tag.Value.(uint16); ok && n >= 1 && n <= 8 {
				out = int(n)
			}
			return nil
		},
	})
	return out
}

// upright turns or mirrors a picture as an EXIF orientation says (EXIF 2.32, 4.6.4, tag 0x0112).
func upright(src *image.RGBA, orientation int) *image.RGBA {
	w, h := src.Bounds().Dx(), src.Bounds().Dy()
	from := map[int]func(x, y int) (int, int){
		2: func(x, y int) (int, int) { return w - 1 - x, y },
		3: func(x, y int) (int, int) { return w - 1 - x, h - 1 - y },
		4: func(x, y int) (int, int) { return x, h - 1 - y },
		5: func(x, y int) (int, int) { return y, x },
		6: func(x, y int) (int, int) { return y, h - 1 - x },
		7: func(x, y int) (int, int) { return w - 1 - y, h - 1 - x },
		8: func(x, y int) (int, int) { return w - 1 - y, x },
	}[orientation]
	if from == nil {
		return src
	}
	size := image.Rect(0, 0, w, h)
	if orientation >= 5 {
		size = image.Rect(0, 0, h, w)
	}
	dst := image.NewRGBA(size)
	for y := range size.Dy() {
		for x := range size.Dx() {
			dst.SetRGBA(x, y, src.RGBAAt(from(x, y)))
		}
	}
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
