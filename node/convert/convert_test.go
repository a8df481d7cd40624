package convert

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"image"
	"image/jpeg"
	"image/png"
	"io"
	"maps"
	"reflect"
	"strings"
	"testing"
	"time"

	"flyleaf/cover"
	"flyleaf/keys"
	"flyleaf/keys/encrypted"
	"flyleaf/keys/identity"
	"flyleaf/node"
	"flyleaf/node/convert/call"
	"flyleaf/publish"
	"flyleaf/qa"
	"flyleaf/schema"
)

// converters are the two ways to convert: in this program, and through another one.
var converters = map[string]node.Converter{
	"direct": Direct{}, "through calls": call.Client{Call: call.Serve(Direct{})},
}

func TestAWeekIsReadTheSameThroughCalls(t *testing.T) {
	f := node.FileToRead{Name: "week.md", Data: []byte("---\ntitle: The Patient Ledger\nauthors: [Ilse Marrow]\n---\n\n**Ana:** May nothing ever be changed?\n")}
	want, err := Direct{}.ReadWeeks(t.Context(), f)
	if err != nil || len(want.Weeks) != 1 || want.Weeks[0].Week.Event.Title != "The Patient Ledger" {
		t.Fatalf("%+v, %v", want, err)
	}
	got, err := converters["through calls"].ReadWeeks(t.Context(), f)
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, %v; want %+v", got, err, want)
	}
}

// zipOf returns a ZIP of files.
func zipOf(t *testing.T, files map[string]string) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for name, text := range files {
		w, err := z.Create(name)
		if err == nil {
			_, err = io.WriteString(w, text)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestASiteIsReadTheSameThroughCalls(t *testing.T) {
	f := node.FileToRead{Name: "site.zip", Data: zipOf(t, map[string]string{
		"site/_books/a.md":        "---\ntitle: The Patient Ledger\nauthors: [ilse]\n---\n",
		"site/_books/b.md":        "---\ntitle: [\n---\n",
		"site/_books/cover.jpg":   "",
		"site/_people/ilse.md":    "---\nshort: ilse\ntitle: Ilse Marrow\n---\n",
		"site/_layouts/book.html": "",
	})}
	want, err := Direct{}.ReadWeeks(t.Context(), f)
	if err != nil || !want.Site || len(want.Weeks) != 2 || want.Weeks[0].Week.Event.Authors != "Ilse Marrow" || want.Weeks[1].Refused == "" || len(want.Skipped) != 1 {
		t.Fatalf("%+v, %v", want, err)
	}
	got, err := converters["through calls"].ReadWeeks(t.Context(), f)
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, %v; want %+v", got, err, want)
	}
}

func TestAChannelIsReadTheSameThroughCalls(t *testing.T) {
	data := zipOf(t, map[string]string{
		"channels.json":             `[{"id":"C1","name":"book-club"}]`,
		"users.json":                `[{"id":"U1","profile":{"display_name":"Ana"}}]`,
		"book-club/2021-03-08.json": `[{"type":"message","user":"U1","ts":"1615200000.000100","text":"May nothing ever be changed?"}]`,
	})
	f := node.FileToRead{Name: "export.zip", Data: data}
	want, err := Direct{}.ReadWeeks(t.Context(), f)
	if err != nil || want.Channel != "book-club" || len(want.Weeks) != 1 || len(want.Weeks[0].Week.Posts) != 1 {
		t.Fatalf("%+v, %v", want, err)
	}
	got, err := converters["through calls"].ReadWeeks(t.Context(), f)
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, %v; want %+v", got, err, want)
	}
}

func TestWhatIsWrongWithAFileIsSaid(t *testing.T) {
	for way, c := range converters {
		for _, data := range []string{"%PDF-1.4", "PK\x03\x04 but no archive", "\xff\xfe"} {
			_, err := c.ReadWeeks(t.Context(), node.FileToRead{Name: "week.pdf", Data: []byte(data)})
			if node.KindOf(err) != node.Invalid || !strings.Contains(err.Error(), "week.pdf") {
				t.Errorf("%s: %q: %v", way, data, err)
			}
		}
	}
}

func TestAWeekIsWrittenTheSameThroughCalls(t *testing.T) {
	week := qa.Week{Event: qa.Event{ID: "w1", Title: "The Patient Ledger", Authors: "Ilse Marrow"}}
	read, err := Direct{}.ReadWeeks(t.Context(), node.FileToRead{Name: "week.txt", Data: []byte("The Patient Ledger\nby Ilse Marrow\n\nQuestions and Answers\n\nAna\nMay nothing ever be changed?\n\nIlse Marrow\nNothing.\n")})
	if err != nil {
		t.Fatal(err)
	}
	for _, format := range []string{node.FormatJSON, node.FormatJekyll, "outline", "punched cards"} {
		write := func(c node.Converter) ([]byte, error) {
			if format == "outline" {
				return c.WriteOutline(t.Context(), read.Weeks[0].Week)
			}
			return c.WriteWeek(t.Context(), format, week)
		}
		want, err := write(Direct{})
		if format == "punched cards" {
			if node.KindOf(err) != node.Invalid {
				t.Error(err)
			}
			continue
		}
		if err != nil || !bytes.Contains(want, []byte("The Patient Ledger")) {
			t.Errorf("%s: %v\n%s", format, err, want)
		}
		if got, err := write(converters["through calls"]); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s: %v\n%s", format, err, got)
		}
	}
}

func TestAnArchiveIsTheSameThroughCalls(t *testing.T) {
	at := time.Date(2026, 11, 9, 9, 0, 0, 0, time.UTC)
	week := qa.Week{Event: qa.Event{ID: "w1", Title: "The Patient Ledger", Authors: "Ilse Marrow", StartsAtMillis: at.UnixMilli()}}
	for _, format := range []string{node.FormatSite, "markdown", "json", "csv", "jekyll"} {
		in := node.WeeksToPublish{Weeks: []qa.Week{week}, Covers: [][]byte{nil}}
		in.Publication.Format, in.Publication.Site = format, publish.SiteConfig{Now: at, BaseURL: "https://books.example/"}
		var want []byte
		var memory map[string]string
		for _, way := range []string{"direct", "through calls"} {
			got, known, err := converters[way].Archive(t.Context(), in)
			if err != nil {
				t.Fatalf("%s, %s: %v", format, way, err)
			}
			z, err := zip.NewReader(bytes.NewReader(got), int64(len(got)))
			if err != nil || len(z.File) == 0 {
				t.Fatalf("%s, %s: %v", format, way, err)
			}
			if known["page w1"] == "" {
				t.Errorf("%s, %s: the address of the page is not returned: %v", format, way, known)
			}
			if want == nil {
				want, memory = got, known
			} else if !bytes.Equal(got, want) || !maps.Equal(known, memory) {
				t.Errorf("%s: the archive is another through calls", format)
			}
		}
	}
	in := node.WeeksToPublish{Weeks: []qa.Week{week}}
	in.Publication.Format = "punched cards"
	for way, c := range converters {
		if _, _, err := c.Archive(t.Context(), in); node.KindOf(err) != node.Invalid {
			t.Errorf("%s: %v", way, err)
		}
	}
}

func TestAPictureIsShrunkTheSameThroughCalls(t *testing.T) {
	var picture bytes.Buffer
	must(t, png.Encode(&picture, image.NewGray(image.Rect(0, 0, 1000, 10))))
	var small []byte
	for way, c := range converters {
		got, err := c.ShrinkPicture(t.Context(), picture.Bytes(), schema.MaxBlob)
		if size, err2 := jpeg.DecodeConfig(bytes.NewReader(got)); err != nil || err2 != nil || size.Width != cover.MaxEdge {
			t.Errorf("%s: %d pixels wide, %v, %v", way, size.Width, err, err2)
		}
		if small != nil && !bytes.Equal(got, small) {
			t.Errorf("%s: another picture", way)
		}
		small = got
		for in, want := range map[string]string{
			"<svg>":                               "this cannot be read as a picture (JPEG, PNG, GIF or WebP); nothing was changed",
			strings.Repeat("x", cover.MaxInput+1): "this picture is too large: 16777217 bytes, at most 16777216; nothing was changed",
		} {
			if _, err := c.ShrinkPicture(t.Context(), []byte(in), schema.MaxBlob); node.KindOf(err) != node.Invalid || err.Error() != want {
				t.Errorf("%s: %.20q: %v", way, in, err)
			}
		}
	}
}

func TestAContactIsSealedAndOpenedTheSameThroughCalls(t *testing.T) {
	founder, err := keys.NewKey(nil)
	must(t, err)
	other, err := keys.NewKey(nil)
	must(t, err)
	const text = "Zoë, Lange Straße 1"
	for sealing, c := range converters {
		sealed, err := c.SealContact(t.Context(), founder.Identity(), text)
		must(t, err)
		for opening, c := range converters {
			if got, err := c.OpenContact(t.Context(), founder, sealed); err != nil || got != text {
				t.Errorf("%s, %s: %q, %v", sealing, opening, got, err)
			}
			if got, err := c.OpenContact(t.Context(), other, sealed); err == nil || got != "" || !strings.HasPrefix(err.Error(), "this contact cannot be read with this key") {
				t.Errorf("%s, %s, with another key: %q, %v", sealing, opening, got, err)
			}
		}
		for long, want := range map[int]string{0: "a contact is a text of 1 to 600 bytes; it has 0", 601: "a contact is a text of 1 to 600 bytes; it has 601"} {
			if _, err := c.SealContact(t.Context(), founder.Identity(), strings.Repeat("x", long)); node.KindOf(err) != node.Invalid || err.Error() != want {
				t.Errorf("%s: a contact of %d bytes: %v", sealing, long, err)
			}
		}
	}
}

func TestAKeyFileIsOpenedTheSameThroughCalls(t *testing.T) {
	k, err := keys.NewKey(nil)
	must(t, err)
	file, err := encrypted.SealFile(k, "größe 🙏")
	must(t, err)
	for way, c := range converters {
		if got, err := c.OpenKeyFile(t.Context(), file, "größe 🙏"); err != nil || got.Identity() != k.Identity() {
			t.Errorf("%s: %v, %v", way, got.Identity(), err)
		}
		for _, wrong := range []struct {
			file       []byte
			passphrase string
			want       error
		}{{file, "grosse", encrypted.ErrPassphrase}, {file, "", identity.ErrNoPassphrase}, {file[:len(file)/2], "größe 🙏", identity.ErrFile}} {
			got, err := c.OpenKeyFile(t.Context(), wrong.file, wrong.passphrase)
			if err == nil || !strings.HasPrefix(err.Error(), wrong.want.Error()) || node.KindOf(err) != node.KindOf(wrong.want) || !got.IsZero() {
				t.Errorf("%s: %v, want %v", way, err, wrong.want)
			}
		}
	}
}

func TestACallThatCannotBeMadeChangesNothing(t *testing.T) {
	broken := errors.New("no network")
	c := call.Client{Call: func(context.Context, string, []byte, []byte) ([]byte, []byte, error) { return nil, nil, broken }}
	if _, err := c.ReadWeeks(t.Context(), node.FileToRead{}); !errors.Is(err, broken) || !strings.Contains(err.Error(), "Nothing was changed") {
		t.Error(err)
	}
	if _, err := c.OpenContact(t.Context(), keys.Key{}, nil); !errors.Is(err, broken) {
		t.Error(err)
	}
	if _, _, err := call.Serve(Direct{})(t.Context(), "juggle", nil, nil); err == nil {
		t.Error("there is no such call")
	}
}

func TestAFormulaIsTheSameThroughCalls(t *testing.T) {
	for name, c := range converters {
		got, err := c.Formula(t.Context(), `\frac12`, true)
		if want := `<math display="block" alttext="\frac12"><mfrac><mn>1</mn><mn>2</mn></mfrac></math>`; err != nil || got != want {
			t.Errorf("%s: %v, %s", name, err, got)
		}
		if got, err := c.Formula(t.Context(), `\foo`, false); node.KindOf(err) != node.Invalid || got != "" {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
}
