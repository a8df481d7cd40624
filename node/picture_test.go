package node_test

import (
	"bytes"
	"image"
	"image/color"
	"image/jpeg"
	"math/rand/v2"
	"strings"
	"testing"

	"flyleaf/node"
	"flyleaf/node/convert"
	"flyleaf/picture"
	"flyleaf/qa"
	"flyleaf/schema"
)

// photo is a JPEG that is hard to compress, with metadata.
func photo(t *testing.T) []byte {
	t.Helper()
	m, r := image.NewRGBA(image.Rect(0, 0, 1200, 800)), rand.New(rand.NewPCG(1, 2))
	for y := range 800 {
		for x := range 1200 {
			m.Set(x, y, color.RGBA{byte(x / 5), byte(y / 4), byte(r.IntN(90)), 255})
		}
	}
	var b bytes.Buffer
	if err := jpeg.Encode(&b, m, nil); err != nil {
		t.Fatal(err)
	}
	return append([]byte("\xff\xd8\xff\xe1\x00\x16Exif\x00\x00GPS at my house"), b.Bytes()[2:]...)
}

func TestTextWithPicture(t *testing.T) {
	on, off := qa.Event{}, qa.Event{}
	on.SetPictures(true)
	file := photo(t)
	with := func(e *qa.Event, words, old string, file []byte, alt string) (string, error) {
		return node.TextWithPicture(t.Context(), convert.Direct{}, e, words, old, file, alt)
	}
	text, err := with(&on, "Which ford?", "", file, "A map")
	words, p, ok := picture.In(text)
	if err != nil || !ok || words != "Which ford?" || p.Alt != "A map" || len(p.JPEG) > picture.MaxBytes || p.Width < 200 || bytes.Contains(p.JPEG, []byte("Exif")) {
		t.Fatalf("%q, %q, %d bytes, %d wide, %v, %v", words, p.Alt, len(p.JPEG), p.Width, ok, err)
	}
	// An edit keeps the picture, also after pictures were turned off, or replaces it.
	if got, err := with(&off, "Which of the fords?", text, nil, ""); err != nil || got != picture.Add("Which of the fords?", p) {
		t.Errorf("an edit: %v", err)
	}
	if got, err := with(&on, "No picture", "Which ford?", nil, ""); err != nil || got != "No picture" {
		t.Errorf("without a picture: %q, %v", got, err)
	}
	for name, c := range map[string]struct {
		e     *qa.Event
		words string
		file  []byte
		alt   string
		kind  node.Kind
		want  string
	}{
		"not turned on":    {&off, "a", file, "", node.NotAllowed, "have not turned on pictures"},
		"not a picture":    {&on, "a", []byte("%PDF-1.7"), "", node.Invalid, "cannot be read as a picture"},
		"too large":        {&on, "a", make([]byte, 17<<20), "", node.Invalid, "too large"},
		"a long text":      {&on, strings.Repeat("a", schema.MaxText-picture.MaxBytes), file, "", node.Invalid, "the text can have at most"},
		"a long statement": {&on, "a", file, strings.Repeat("a", picture.MaxAlt+1), node.Invalid, "at most 300 bytes"},
	} {
		if _, err := with(c.e, c.words, "", c.file, c.alt); node.KindOf(err) != c.kind || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
