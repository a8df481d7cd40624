package importer

import (
	"bytes"
	"reflect"
	"strings"
	"testing"

	"flyleaf/internal/testfiles"
	"flyleaf/internal/testfixture"
	"flyleaf/publish"
	"flyleaf/qa"
	"flyleaf/weekfile"
)

func tides(t testing.TB) qa.Imported {
	t.Helper()
	people := PeopleFromFiles(map[string][]byte{"people/orlaquist.md": testfiles.Read(t, "people/orlaquist.md")})
	im, err := ReadJekyll("tides.md", testfiles.Read(t, "tides.md"), people)
	if err != nil {
		t.Fatal(err)
	}
	return im
}

func lanterns(t testing.TB) qa.Imported {
	t.Helper()
	im, err := ReadPage("lanterns.page.txt", testfiles.Read(t, "lanterns.page.txt"))
	if err != nil {
		t.Fatal(err)
	}
	return im
}

func TestGoldenJekyll(t *testing.T) {
	im := tides(t)
	testfiles.GoldenJSON(t, "tides.imported.json", im)
	var b bytes.Buffer
	if err := publish.WriteJekyll(&b, testfixture.AsWeek(im)); err != nil {
		t.Fatal(err)
	}
	testfiles.Golden(t, "tides.exported.md", b.Bytes())
	again, err := ReadJekyll("x", b.Bytes(), map[string]string{"orlaquist": "Orla Quist"})
	if err != nil {
		t.Fatal(err)
	}
	// Nesting below the second level is lost; the order and everything else stay.
	if again.Source != im.Source || !reflect.DeepEqual(again.Event, im.Event) || len(again.Posts) != len(im.Posts) {
		t.Errorf("the import of the export is another week: %+v", again)
	}
	for i := range im.Posts {
		if a, b := im.Posts[i], again.Posts[i]; a.Name != b.Name || a.Text != b.Text || a.Source != b.Source {
			t.Errorf("message %d was %+v, is %+v", i, a, b)
		}
	}
	b.Reset()
	if err := publish.WriteJSON(&b, testfixture.AsWeek(im)); err != nil {
		t.Fatal(err)
	}
	testfiles.Golden(t, "tides.week.json", b.Bytes())
}

func TestGoldenPage(t *testing.T) {
	im := lanterns(t)
	testfiles.GoldenJSON(t, "lanterns.imported.json", im)
	var b bytes.Buffer
	if err := WriteOutline(&b, im); err != nil {
		t.Fatal(err)
	}
	testfiles.Golden(t, "lanterns.outline.txt", b.Bytes())

	t.Run("the outline is the same week", func(t *testing.T) {
		got, err := ReadOutline("outline", b.Bytes())
		if err != nil {
			t.Fatal(err)
		}
		if got.Guesses != 0 {
			t.Errorf("%d guesses are left", got.Guesses)
		}
		want := im
		want.Guesses, want.Skipped = 0, nil
		want.Posts = append([]qa.ImportedPost(nil), im.Posts...)
		for i := range want.Posts {
			want.Posts[i].Guessed = false
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("got %+v\nwant %+v", got, want)
		}
	})

	t.Run("a correction keeps the sources", func(t *testing.T) {
		s := strings.Replace(b.String(), "Q? 37: mapnerd_42", "  R 37: mapnerd_42", 1)
		s = strings.Replace(s, "  R? 42: Tomas O'Neil", "RR: Tomas O'Neil", 1)
		got, err := ReadOutline("outline", []byte(s))
		if err != nil {
			t.Fatal(err)
		}
		for i := range got.Posts {
			if got.Posts[i].Source != im.Posts[i].Source {
				t.Errorf("message %d has another source", i)
			}
		}
		if p := got.Posts[4]; p.Name != "mapnerd_42" || p.Parent != 0 {
			t.Errorf("%+v", p)
		}
		if p := got.Posts[5]; p.Name != "Tomas O'Neil" || p.Parent != 4 || !p.AsAuthor {
			t.Errorf("%+v", p)
		}
	})
}

func TestDetect(t *testing.T) {
	for name, want := range map[string]weekfile.Format{
		"tides.md": weekfile.FormatJekyll, "lanterns.page.txt": weekfile.FormatPage, "lanterns.outline.txt": weekfile.FormatOutline, "tides.week.json": weekfile.FormatJSON,
	} {
		got, err := Detect(name, testfiles.Read(t, name))
		if err != nil || got != want {
			t.Errorf("%s: %q, %v", name, got, err)
		}
		im, err := Read(name, testfiles.Read(t, name), nil)
		if err != nil || len(im.Posts) == 0 {
			t.Errorf("%s: %d messages, %v", name, len(im.Posts), err)
		}
	}
}

// TestLineEndingsAndMarks: the same page from another operating system is the same week.
func TestLineEndingsAndMarks(t *testing.T) {
	for _, name := range []string{"tides.md", "lanterns.page.txt", "lanterns.outline.txt"} {
		want, err := Read(name, testfiles.Read(t, name), nil)
		if err != nil {
			t.Fatal(err)
		}
		unix := testfiles.Read(t, name)
		for how, b := range map[string][]byte{
			"Windows":    bytes.ReplaceAll(unix, []byte("\n"), []byte("\r\n")),
			"old Mac":    bytes.ReplaceAll(unix, []byte("\n"), []byte("\r")),
			"BOM":        append([]byte("\xef\xbb\xbf"), unix...),
			"no newline": bytes.TrimRight(unix, "\n"),
		} {
			got, err := Read(name, b, nil)
			if err != nil {
				t.Errorf("%s, %s: %v", name, how, err)
				continue
			}
			if !reflect.DeepEqual(got, want) {
				t.Errorf("%s, %s: another week", name, how)
			}
		}
	}
}
