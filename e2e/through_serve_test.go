package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestTrustThroughARunningServe: commands about signatures and roles print the same when
// another process has the data directory open.
func TestTrustThroughARunningServe(t *testing.T) {
	t.Parallel()
	d, other := newDevice(t), newDevice(t)
	d.run("identity", "name", "Robin")
	d.run("event", "new", "--title", "The Patient Ledger")
	question := d.run("ask", "What comes first?")
	d.run("event", "invite", "--role", "author", "--label", "Ilse")
	d.run("mod", "hide", question, "a test")
	file := func(name string) string { return filepath.Join(t.TempDir(), name) }
	before, after := file("before"), file("after")
	d.run("export", "--format", "bundle", "-o", before)

	read := [][]string{
		{"mod", "log"},
		{"mod", "log", "--json"},
		{"post", "refused", "--json"},
		{"event", "roles", "--json"},
		{"event", "invite", "list", "--links", "--json"},
		{"verify"},
		{"verify", "--json", "--post", question},
		{"list", "--json"},
		{"identity", "export"},
	}
	alone := map[string]string{}
	for _, args := range read {
		alone[strings.Join(args, " ")] = d.run(args...)
	}
	d.serve()
	for _, args := range read {
		if got, want := d.run(args...), alone[strings.Join(args, " ")]; got != want || want == "" {
			t.Errorf("flyleaf %s: through the running one\n%s\nalone\n%s", strings.Join(args, " "), got, want)
		}
	}
	d.run("export", "--format", "bundle", "-o", after)
	a, errA := os.ReadFile(before)
	b, errB := os.ReadFile(after)
	if errA != nil || errB != nil || string(a) != string(b) {
		t.Errorf("the bundles differ: %v, %v", errA, errB)
	}

	// The same for commands that write: a bundle is merged, an invitation is created and revoked.
	other.run("import", after)
	other.run("ask", "And what last?")
	back := file("back")
	other.run("export", "--format", "bundle", "-o", back)
	if out := d.run("import", back); !strings.Contains(out, "1 new change") {
		t.Error(out)
	}
	if _, errs, code := d.try("import", writeTo(t, file("cut"), a[:len(a)/2])); code != 5 || !strings.Contains(errs, "damaged") {
		t.Errorf("exit code %d, %s", code, errs)
	}
	d.run("event", "invite", "--undo", "Ilse")
	if _, errs, code := d.try("post", "refused", "--discard", "ab"); code != 4 {
		t.Errorf("exit code %d, %s", code, errs)
	}
	if _, errs, code := d.try("identity", "import", "--replace", writeTo(t, file("key"), []byte(strings.Repeat("07", 32)))); code != 6 || !strings.Contains(errs, "nothing was changed") {
		t.Errorf("the identity of a served directory was replaced: exit code %d, %s", code, errs)
	}
}

func writeTo(t *testing.T, file string, b []byte) string {
	t.Helper()
	if err := os.WriteFile(file, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}
