package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/andybalholm/brotli"
)

// Somebody who opens a link waits for the whole program, so it must not grow unnoticed. The limits,
// in bytes, are a little above the current sizes, and such that what make web serves stays below 3 MB. The tests compress at level 5, which is fast; the
// result is a fifth larger than what make web serves.
const (
	maxProgram    = 19_600_000
	maxCompressed = 3_550_000
	maxFirstPage  = 30_000 // compressed: what is transferred before somebody can read anything
)

func TestTheProgramOfTheTabIsSmall(t *testing.T) {
	if testing.Short() {
		t.Skip("builds and compresses the program")
	}
	t.Chdir(filepath.Join("..", ".."))
	root, err := goroot()
	if err != nil {
		t.Fatal(err)
	}
	b, err := program(root, "./cmd/web")
	if err != nil {
		t.Fatal(err)
	}
	compressed := compressedSize(t, b)
	t.Logf("%d bytes, compressed %d", len(b), compressed)
	if len(b) > maxProgram {
		t.Errorf("the program has %d bytes, the bound is %d", len(b), maxProgram)
	}
	if compressed > maxCompressed {
		t.Errorf("the compressed program has %d bytes, the bound is %d", compressed, maxCompressed)
	}
}

func TestTheFirstPageIsSmall(t *testing.T) {
	t.Chdir(filepath.Join("..", ".."))
	total := 0
	for _, name := range []string{"cmd/web/static/index.html", "cmd/web/static/boot.css", "cmd/web/static/boot.js", "style/flyleaf.css"} {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		total += compressedSize(t, b)
	}
	if total > maxFirstPage {
		t.Errorf("the first page has %d bytes compressed, the bound is %d", total, maxFirstPage)
	}
}

func compressedSize(t *testing.T, b []byte) int {
	t.Helper()
	var out bytes.Buffer
	w := brotli.NewWriterLevel(&out, 5)
	if _, err := w.Write(b); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Len()
}

// notInTheTab are packages that the program in a browser tab must not contain, with the reason.
var notInTheTab = map[string]string{
	"archive/zip":                            "cmd/convert packs and unpacks archives",
	"crypto/x509":                            "the browser encrypts connections",
	"filippo.io/age":                         "cmd/convert encrypts and decrypts contacts and key files",
	"flyleaf/cover/resize":                   "cmd/convert shrinks pictures",
	"flyleaf/keys/encrypted":                 "cmd/convert encrypts and decrypts contacts and key files",
	"flyleaf/publish/site":                   "cmd/convert makes sites",
	"golang.org/x/crypto/ssh":                "cmd/convert encrypts and decrypts contacts",
	"golang.org/x/image/draw":                "cmd/convert shrinks pictures",
	"golang.org/x/image/webp":                "cmd/convert shrinks pictures",
	"image/gif":                              "cmd/convert shrinks pictures",
	"image/jpeg":                             "cmd/convert shrinks pictures",
	"image/png":                              "cmd/convert shrinks pictures",
	"flyleaf/importer":                       "cmd/convert reads files",
	"flyleaf/importer/slack":                 "cmd/convert reads files",
	"flyleaf/node/convert":                   "cmd/convert has the formats",
	"github.com/boombuler/barcode/qr":        "cmd/convert draws QR codes",
	"github.com/kyokomi/emoji/v2":            "the names of emoji in Slack exports are for cmd/convert",
	"github.com/tyler-smith/go-bip39":        "it has word lists in nine languages; keys/identity has the one that is used",
	"github.com/automerge/automerge-go":      "it needs cgo",
	"github.com/gorilla/websocket":           "the browser has its own WebSocket",
	"github.com/spf13/cobra":                 "a tab has no command line",
	"github.com/andybalholm/brotli":          "the browser unpacks what it loads",
	"encoding/gob":                           "nothing uses it",
	"flyleaf/relay":                          "a tab is no relay",
	"flyleaf/storage/sqlite":                 "a tab stores in IndexedDB",
	"github.com/mmcdole/gofeed":              "only tests read feeds",
	"github.com/getkin/kin-openapi/openapi3": "only tests read the API's description",
}

func TestPackagesThatTheTabDoesWithout(t *testing.T) {
	t.Chdir(filepath.Join("..", ".."))
	root, err := goroot()
	if err != nil {
		t.Fatal(err)
	}
	replaced, err := overlay(t.TempDir(), root, "./cmd/web")
	if err != nil {
		t.Fatal(err)
	}
	list := exec.Command("go", "list", "-overlay", replaced, "-deps", "./cmd/web")
	list.Env = forBrowser()
	out, err := list.Output()
	if err != nil {
		t.Fatal(err)
	}
	imported := strings.Fields(string(out))
	if !slices.Contains(imported, "flyleaf/webui") {
		t.Fatal("the list of packages is not that of the program")
	}
	for pkg, why := range notInTheTab {
		if slices.Contains(imported, pkg) {
			t.Errorf("cmd/web must not depend on %s: %s", pkg, why)
		}
	}
}
