package slack

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"flyleaf/internal/testfiles"
)

// TestExportsOfFormerBugs reads the exports that earlier versions read wrongly, if they are available.
// Each also has a case with invented words in content_test.go, shapes_test.go or slack_test.go.
func TestExportsOfFormerBugs(t *testing.T) {
	dir := testfiles.Shared(t, "faults")
	for file, want := range map[string]string{
		"s01-null-channels.zip": "2026-03-09 The Patient Ledger: 3 posts, ",
		"s06-forwarded.zip":     "2026-03-09 The Patient Ledger: 5 posts, ",
		"s08-table-block.zip":   "2026-03-09 The Patient Ledger: 7 posts, ",
		"s11-bom-users.zip":     "2026-03-09 The Patient Ledger: 3 posts, ",
		"s12-ts-number.zip":     "2026-03-09 The Patient Ledger: 5 posts, ",
		"s13-broadcast.zip":     "2026-03-02 Book of the week, 2 March 2026: 2 posts, 2026-03-09 The Patient Ledger: 4 posts, ",
		"s19-renamed.zip":       "2026-03-09 The Patient Ledger: 3 posts, ",
		"ann3.zip":              "2026-03-09 Design by Contract: 3 posts, ",
		"inc-edit-1.zip":        "2026-03-09 The Patient Ledger: 3 posts, ",
		"inc-edit-2.zip":        "2026-03-09 The Patient Ledger: 4 posts, ",
	} {
		b, err := os.ReadFile(filepath.Join(dir, file))
		if err != nil {
			t.Error(err)
			continue
		}
		z, err := OpenZip(file, bytes.NewReader(b), int64(len(b)))
		if err != nil {
			t.Error(err)
			continue
		}
		channel := "books"
		if file == "s19-renamed.zip" {
			channel = "book-of-the-week"
		}
		x, err := Read(z, Options{Channel: channel})
		got := ""
		for _, w := range x.Weeks {
			got += fmt.Sprintf("%s %s: %d posts, ", w.Monday, w.Event.Title, len(w.Posts))
		}
		if err != nil || got != want {
			t.Errorf("%s: %q, want %q (%v)", file, got, want, err)
		}
	}
}
