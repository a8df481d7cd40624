package e2e

import (
	"encoding/json"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"flyleaf/e2e/stockjs"
)

// TestStockAutomergeReadsAnExport: stock Automerge loads the whole file, and Flyleaf can verify
// what it saves.
func TestStockAutomergeReadsAnExport(t *testing.T) {
	t.Parallel()
	js := stockjs.Start(t, "load.mjs")
	d := newDevice(t)
	week := d.createWeek("ws://127.0.0.1:1")
	question := d.run("ask", "What comes first?")
	d.run("reply", question, "The **ledger**.")
	file, saved := filepath.Join(t.TempDir(), "week.automerge"), filepath.Join(t.TempDir(), "saved.automerge")
	d.run("export", "--format", "automerge", "-o", file)

	var got struct {
		Title   string   `json:"title"`
		Texts   []string `json:"texts"`
		Changes int      `json:"changes"`
		Heads   []string `json:"heads"`
	}
	if err := json.Unmarshal([]byte(js.Line("load", file)), &got); err != nil {
		t.Fatal(err)
	}
	want := d.status(week.Event)
	if got.Title != "The Patient Ledger" || !slices.Equal(got.Texts, []string{"The **ledger**.", "What comes first?"}) || !slices.Equal(got.Heads, want.Heads) {
		t.Errorf("stock Automerge reads %+v", got)
	}

	js.Line("save", file, saved)
	out, errs, code := d.try("verify", saved)
	if code != 8 || !strings.Contains(out, "permitted: 3. This file has no signatures") || !strings.Contains(out, week.Event) || !strings.Contains(errs, "no signatures") {
		t.Errorf("exit code %d\n%s%s", code, out, errs)
	}
}
