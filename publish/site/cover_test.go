package site

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"image"
	"image/png"
	"strings"
	"testing"

	"flyleaf/publish"
	"flyleaf/qa"
)

// TestCoverThatCostsTooMuch: a cover that claims a width of 40 million pixels is left out of
// the site. The site has the drawn picture of the week (pictures/) in any case.
func TestCoverThatCostsTooMuch(t *testing.T) {
	var b bytes.Buffer
	if err := png.Encode(&b, image.NewGray(image.Rect(0, 0, 1, 1))); err != nil {
		t.Fatal(err)
	}
	large := bytes.Clone(b.Bytes())
	binary.BigEndian.PutUint32(large[16:], 40_000_000)
	binary.BigEndian.PutUint32(large[29:], crc32.ChecksumIEEE(large[12:29]))
	for name, c := range map[string]struct {
		cover  []byte
		covers int
	}{"a small one": {b.Bytes(), 1}, "a large one": {large, 0}} {
		week := publish.Publish(qa.NewWeek(qa.Event{ID: "e", Title: "The Patient Ledger", Authors: "Ilse Marrow"}, nil, nil))
		s, err := Build(publish.SiteConfig{BaseURL: "https://books.example/"}, []Week{{Key: "e", Published: week, Cover: c.cover}})
		if err != nil {
			t.Fatal(err)
		}
		covers, pictures := 0, 0
		for _, f := range s.Files {
			if strings.HasPrefix(f.Path, "covers/") {
				covers++
			}
			if strings.HasPrefix(f.Path, "pictures/") && len(f.Body) > 0 {
				pictures++
			}
			if c.covers == 0 && bytes.Contains(f.Body, []byte("covers/")) && strings.HasSuffix(f.Path, ".html") {
				t.Errorf("%s: %s refers to a cover", name, f.Path)
			}
		}
		if covers != c.covers || pictures != 1 {
			t.Errorf("%s: %d covers, %d pictures", name, covers, pictures)
		}
	}
}
