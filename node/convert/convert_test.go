package convert

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"io"
	"reflect"
	"strings"
	"testing"
	"time"

	"flyleaf/node"
	"flyleaf/node/convert/call"
	"flyleaf/publish/site"
	"flyleaf/qa"
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

func TestAChannelIsReadTheSameThroughCalls(t *testing.T) {
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for name, text := range map[string]string{
		"channels.json":             `[{"id":"C1","name":"book-club"}]`,
		"users.json":                `[{"id":"U1","profile":{"display_name":"Ana"}}]`,
		"book-club/2021-03-08.json": `[{"type":"message","user":"U1","ts":"1615200000.000100","text":"May nothing ever be changed?"}]`,
	} {
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
	f := node.FileToRead{Name: "export.zip", Data: b.Bytes()}
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

func TestAnArchiveIsTheSameThroughCalls(t *testing.T) {
	at := time.Date(2026, 11, 9, 9, 0, 0, 0, time.UTC)
	week := qa.Week{Event: qa.Event{ID: "w1", Title: "The Patient Ledger", Authors: "Ilse Marrow", StartsAtMillis: at.UnixMilli()}}
	for _, format := range []string{node.FormatSite, "markdown", "json", "csv", "jekyll"} {
		in := node.WeeksToPublish{Weeks: []qa.Week{week}, Covers: [][]byte{nil}}
		in.Publication.Format, in.Publication.Site = format, site.Config{Now: at, BaseURL: "https://books.example/"}
		var want []byte
		for _, way := range []string{"direct", "through calls"} {
			got, err := converters[way].Archive(t.Context(), in)
			if err != nil {
				t.Fatalf("%s, %s: %v", format, way, err)
			}
			z, err := zip.NewReader(bytes.NewReader(got), int64(len(got)))
			if err != nil || len(z.File) == 0 {
				t.Fatalf("%s, %s: %v", format, way, err)
			}
			if want == nil {
				want = got
			} else if !bytes.Equal(got, want) {
				t.Errorf("%s: the archive is another through calls", format)
			}
		}
	}
	in := node.WeeksToPublish{Weeks: []qa.Week{week}}
	in.Publication.Format = "punched cards"
	for way, c := range converters {
		if _, err := c.Archive(t.Context(), in); node.KindOf(err) != node.Invalid {
			t.Errorf("%s: %v", way, err)
		}
	}
}

func TestACallThatCannotBeMadeChangesNothing(t *testing.T) {
	broken := errors.New("no network")
	c := call.Client{Call: func(context.Context, string, []byte, []byte) ([]byte, []byte, error) { return nil, nil, broken }}
	if _, err := c.ReadWeeks(t.Context(), node.FileToRead{}); !errors.Is(err, broken) || !strings.Contains(err.Error(), "Nothing was changed") {
		t.Error(err)
	}
	if _, _, err := call.Serve(Direct{})(t.Context(), "juggle", nil, nil); err == nil {
		t.Error("there is no such call")
	}
}
