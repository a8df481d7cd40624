package main

import (
	"archive/zip"
	"context"
	"image"
	"image/png"
	"os"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"flyleaf/crdt"
	"flyleaf/crdt/wire"
	"flyleaf/qa"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"flyleaf": func() {
			os.Exit(run(context.Background(), os.Args[1:], streams{os.Stdin, os.Stdout, os.Stderr}))
		},
	})
}

// TestScripts runs the scripts in testdata/script. They contain commands as users type them.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"automerge-document": writeDocument,
			"picture":            writePicture,
			"zip":                zipDirectory,
		},
		Setup: func(e *testscript.Env) error {
			e.Setenv("HOME", e.WorkDir)
			e.Setenv("XDG_DATA_HOME", e.WorkDir+"/share")
			e.Setenv("XDG_RUNTIME_DIR", e.WorkDir)
			e.Setenv("TZ", "UTC")
			return nil
		},
	})
}

// The demo's sample has two authors and a dozen threads, and every reply and reaction names an
// earlier post.
func TestDemoSampleIsComplete(t *testing.T) {
	s, err := readSample()
	if err != nil {
		t.Fatal(err)
	}
	if len(s.Authors) != 2 || s.Title == "" || s.You == "" {
		t.Errorf("title %q, authors %v, you %q", s.Title, s.Authors, s.You)
	}
	seen, threads := map[string]bool{}, 0
	for _, p := range s.Posts {
		if p.Key == "" || seen[p.Key] || p.By == "" || p.Text == "" {
			t.Errorf("post %q has no key of its own, no writer or no text", p.Key)
		}
		if p.Re == "" {
			threads++
		} else if !seen[p.Re] {
			t.Errorf("post %q replies to %q, which is not an earlier post", p.Key, p.Re)
		}
		seen[p.Key] = true
	}
	if threads < 12 {
		t.Errorf("only %d threads", threads)
	}
	for _, r := range s.Reactions {
		if !seen[r.On] || len(r.By) == 0 {
			t.Errorf("a reaction %q on %q", r.Emoji, r.On)
		}
	}
}

// writePicture writes a PNG of 1,200 by 1,800 pixels: picture FILE.
func writePicture(ts *testscript.TestScript, _ bool, args []string) {
	m := image.NewRGBA(image.Rect(0, 0, 1200, 1800))
	for i := range m.Pix {
		m.Pix[i] = byte(i / 7 * 31)
	}
	f, err := os.Create(ts.MkAbs(args[0]))
	ts.Check(err)
	ts.Check(png.Encode(f, m))
	ts.Check(f.Close())
}

// zipDirectory packs a directory: zip FILE DIR.
func zipDirectory(ts *testscript.TestScript, _ bool, args []string) {
	f, err := os.Create(ts.MkAbs(args[0]))
	ts.Check(err)
	z := zip.NewWriter(f)
	ts.Check(z.AddFS(os.DirFS(ts.MkAbs(args[1]))))
	ts.Check(z.Close())
	ts.Check(f.Close())
}

// writeDocument writes an event in Automerge's document format, as one chunk:
// automerge-document FILE. The event is invitation-only, and has a post by somebody without a
// role.
func writeDocument(ts *testscript.TestScript, _ bool, args []string) {
	actor := func(n string) wire.ActorID { return wire.ActorID(strings.Repeat(n, 40)) }
	doc, _, err := crdt.Create(actor("f"), qa.Act{Kind: qa.ActCreate, AtMillis: 1, Event: &qa.Event{Title: "Saved whole", Access: "invited"}})
	ts.Check(err)
	defer doc.Close()
	ts.Check(doc.WriteAs(actor("g")))
	_, err = doc.Do(qa.Act{Kind: qa.ActPost, AtMillis: 2, Text: "May I?"})
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), doc.Save(), 0o644))
}
