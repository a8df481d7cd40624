package picture_test

import (
	"bytes"
	"encoding/base64"
	"image"
	"image/jpeg"
	"image/png"
	"strings"
	"testing"

	"flyleaf/cover"
	"flyleaf/picture"
)

func jpegOf(t *testing.T, w, h int) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := jpeg.Encode(&b, image.NewGray(image.Rect(0, 0, w, h)), nil); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestAPictureIsTheLastParagraph(t *testing.T) {
	b := jpegOf(t, 40, 20)
	for _, words := range []string{"", "Which ford?", "```\nan open block of code", "A text (with an end)\n\nand ![an image](https://example.org/a.png)"} {
		text := picture.Add(words, picture.Picture{Alt: " A map\nof the [old] river ", JPEG: b})
		got, p, ok := picture.In(text)
		if !ok || got != words || p.Alt != "A map of the (old) river" || !bytes.Equal(p.JPEG, b) || p.Width != 40 || p.Height != 20 {
			t.Errorf("%q: %q, %q, %d by %d, %v", words, got, p.Alt, p.Width, p.Height, ok)
		}
		if got, want := picture.Words(text), strings.TrimSpace(words+"\n\n[Picture: A map of the (old) river]"); got != want {
			t.Errorf("%q: %q", want, got)
		}
		if again := picture.Add(got, p); again != text {
			t.Errorf("%q: another text", words)
		}
	}
	if got := picture.Words(picture.Add("a", picture.Picture{JPEG: b})); got != "a\n\n[Picture: no description]" {
		t.Error(got)
	}
}

// TestTextsWithoutAPicture: any program may have written the bytes, and people write similar texts.
func TestTextsWithoutAPicture(t *testing.T) {
	text := func(alt, kind string, b []byte) string {
		return "words\n\n![" + alt + "](data:image/" + kind + ";base64," + base64.StdEncoding.EncodeToString(b) + ")"
	}
	good := jpegOf(t, 40, 20)
	var other bytes.Buffer
	if err := png.Encode(&other, image.NewGray(image.Rect(0, 0, 4, 4))); err != nil {
		t.Fatal(err)
	}
	huge := bytes.Clone(good)
	frame := bytes.Index(huge, []byte{0xff, 0xc0})
	copy(huge[frame+5:], []byte{0xff, 0xff, 0xff, 0xff}) // 65,535 by 65,535 pixels
	for name, text := range map[string]string{
		"nothing":               "",
		"words":                 "words (in brackets)",
		"another kind":          text("a", "png", other.Bytes()),
		"the bytes of another":  text("a", "jpeg", other.Bytes()),
		"a page":                text("a", "jpeg", []byte("<script>alert(1)</script>")),
		"a script after a head": text("a", "jpeg", []byte("\xff\xd8\xff<script>alert(1)</script>")),
		"no bytes":              text("a", "jpeg", nil),
		"too many bytes":        text("a", "jpeg", append(bytes.Clone(good), make([]byte, picture.MaxBytes)...)),
		"huge":                  text("a", "jpeg", huge),
		"a long edge":           text("a", "jpeg", jpegOf(t, cover.MaxEdge+1, 1)),
		"no base64":             "words\n\n![a](data:image/jpeg;base64,!!!)",
		"words behind it":       text("a", "jpeg", good) + "!",
		"in a line":             "words ![a](data:image/jpeg;base64," + base64.StdEncoding.EncodeToString(good) + ")",
		"brackets":              text("a]b", "jpeg", good),
		"no beginning":          "a](data:image/jpeg;base64," + base64.StdEncoding.EncodeToString(good) + ")",
		"elsewhere":             "words\n\n![a](https://example.org/a.jpg)",
	} {
		if _, _, ok := picture.In(text); ok {
			t.Errorf("%s: there is a picture", name)
		}
	}
}
