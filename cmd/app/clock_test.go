package main

import (
	"bytes"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestStampsOfOtherYearsShowTheYear(t *testing.T) {
	now := time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)
	for at, want := range map[int64]string{
		now.UnixMilli():                   "Sat 28 Nov 12:00",
		now.AddDate(-1, 0, 0).UnixMilli(): "Fri 28 Nov 2025 12:00",
		now.AddDate(1, 0, 0).UnixMilli():  "Sun 28 Nov 2027 12:00",
		math.MaxInt64:                     "(no valid time)",
		math.MinInt64:                     "(no valid time)",
	} {
		if got := stampAt(at, now); got != want {
			t.Errorf("%d: %s, want %s", at, got, want)
		}
	}
}

// Posts with the smallest and largest 64-bit times are accepted, shown as invalid, and survive an
// export and import.
func TestExtremeTimesSurviveExportAndImport(t *testing.T) {
	file := filepath.Join("..", "..", "..", "shared", "faults", "attacks", "09-times", "times.bundle")
	if _, err := os.Stat(file); err != nil {
		t.Skip("the shared faults (../shared/faults) are not here")
	}
	dir := t.TempDir()
	flyleaf := func(data string, args ...string) string {
		t.Helper()
		var out, said bytes.Buffer
		args = append([]string{"--data", filepath.Join(dir, data)}, args...)
		if code := run(t.Context(), args, streams{strings.NewReader(""), &out, &said}); code != exitOK {
			t.Fatalf("%v ended with %d: %s", args, code, said.String())
		}
		return out.String()
	}
	flyleaf("a", "import", file)
	if list := flyleaf("a", "list"); strings.Count(list, "clock was wrong") != 2 || strings.Contains(list, "no valid time") {
		t.Errorf("listed as %s", list)
	}
	if told := flyleaf("a", "digest"); !strings.Contains(told, "post 0") || !strings.Contains(told, "post 1") {
		t.Errorf("the digest is %s", told)
	}
	for _, format := range []string{"json", "jekyll"} {
		out := filepath.Join(dir, "week."+format)
		flyleaf("a", "export", "--format", format, "-o", out)
		if said := flyleaf("b"+format, "import", out); !strings.Contains(said, "3 new questions") {
			t.Errorf("importing %s again printed %s", format, said)
		}
	}
}
