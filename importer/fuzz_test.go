package importer

import (
	"bytes"
	"errors"
	"testing"
	"unicode/utf8"

	"flyleaf/internal/testfiles"
	"flyleaf/internal/testfixture"
	"flyleaf/publish"
	"flyleaf/qa"
	"flyleaf/schema"
	"flyleaf/weekfile"
)

// wellFormed checks the guarantees that every reader gives about its result.
func wellFormed(t *testing.T, im qa.Imported) {
	t.Helper()
	if err := im.Event.Validate(); err != nil {
		t.Fatal(err)
	}
	if len(im.Posts) > MaxMessages {
		t.Fatalf("%d messages", len(im.Posts))
	}
	sources := map[string]bool{}
	for i, p := range im.Posts {
		if p.Parent >= i || p.Parent < -1 {
			t.Fatalf("message %d replies to %d", i, p.Parent)
		}
		if len(p.Text) > schema.MaxText || len(p.Name) > schema.MaxName || len(p.Source) > schema.MaxShort || p.Name == "" || p.Source == "" {
			t.Fatalf("message %d: %+v", i, p)
		}
		if !utf8.ValidString(p.Text) || !utf8.ValidString(p.Name) {
			t.Fatalf("message %d is not UTF-8", i)
		}
		if sources[p.Source] {
			t.Fatalf("two messages with the source %s", p.Source)
		}
		sources[p.Source] = true
	}
	var b bytes.Buffer
	if err := publish.WriteJekyll(&b, testfixture.AsWeek(im)); err != nil {
		t.Fatal(err)
	}
	if _, err := ReadJekyll("export", b.Bytes(), nil); err != nil {
		t.Fatalf("the export cannot be read: %v\n%s", err, b.Bytes())
	}
	b.Reset()
	if im.Format == string(weekfile.FormatJSON) {
		if err := WriteOutline(&b, im); !errors.Is(err, ErrNoOutline) {
			t.Fatalf("an outline of JSON: %v", err)
		}
		return
	}
	if err := WriteOutline(&b, im); err != nil {
		t.Fatal(err)
	}
	got, err := ReadOutline("outline", b.Bytes())
	if err != nil {
		t.Fatalf("the outline cannot be read: %v\n%s", err, b.Bytes())
	}
	if len(got.Posts) != len(im.Posts) {
		t.Fatalf("the outline has %d messages of %d", len(got.Posts), len(im.Posts))
	}
	for i := range im.Posts {
		if got.Posts[i].Source != im.Posts[i].Source || got.Posts[i].Parent != im.Posts[i].Parent {
			t.Fatalf("message %d of the outline is %+v, was %+v", i, got.Posts[i], im.Posts[i])
		}
	}
}

func FuzzReadJekyll(f *testing.F) {
	f.Add(testfiles.Read(f, "tides.md"))
	f.Add([]byte("---\ntitle: T\narchive: &a\n- {name: A, text: ~, replies: *a}\n---\n"))
	f.Add([]byte("---\r\ntitle: \"a\\0b\"\r\nstart: 2021-03-08\r\nlinks: [x, {text: a, list: b}]\r\n...\r\nbody"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if im, err := ReadJekyll("fuzz", b, nil); err == nil {
			wellFormed(t, im)
		}
	})
}

func FuzzReadPage(f *testing.F) {
	f.Add(testfiles.Read(f, "lanterns.page.txt"))
	f.Add([]byte("T\nby A\n\nQuestions and Answers\n\nA\n  • b\nC\n\nD?\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if im, err := ReadPage("fuzz", b); err == nil {
			wellFormed(t, im)
		}
	})
}

func FuzzReadOutline(f *testing.F) {
	f.Add(testfiles.Read(f, "lanterns.outline.txt"))
	f.Add([]byte("flyleaf outline 1\ntitle: T\nx a: \"b\"\nlink: {}\n\nQ: \"a\\n\"\n    json: \"\"\nRRR: b\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if im, err := ReadOutline("fuzz", b); err == nil {
			wellFormed(t, im)
		}
	})
}

func FuzzReadJSON(f *testing.F) {
	f.Add(testfiles.Read(f, "tides.week.json"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if im, err := ReadJSON("fuzz", b); err == nil {
			wellFormed(t, im)
		}
	})
}
