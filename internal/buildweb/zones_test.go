package main

import (
	"archive/zip"
	"io"
	"path/filepath"
	"testing"
	"time"
)

// TestZonesAreAsTheyWere: the shortened time zones say of the time since zonesSince what the complete ones say, and are
// shorter.
func TestZonesAreAsTheyWere(t *testing.T) {
	root, err := goroot()
	if err != nil {
		t.Fatal(err)
	}
	all, err := zip.OpenReader(filepath.Join(root, "lib", "time", "zoneinfo.zip"))
	if err != nil {
		t.Fatal(err)
	}
	defer all.Close()
	before, after := 0, 0
	for _, f := range all.File {
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		complete, err := io.ReadAll(r)
		r.Close()
		if err != nil {
			t.Fatal(err)
		}
		shortened, err := shortenZone(complete, zonesSince.Unix())
		if err != nil {
			t.Fatalf("%s: %v", f.Name, err)
		}
		before, after = before+len(complete), after+len(shortened)
		want, err := time.LoadLocationFromTZData(f.Name, complete)
		if err != nil {
			t.Fatal(err)
		}
		got, err := time.LoadLocationFromTZData(f.Name, shortened)
		if err != nil {
			t.Fatalf("%s: %v", f.Name, err)
		}
		for at := zonesSince; at.Year() < 2050; at = at.Add(5 * time.Hour) {
			wantName, wantOffset := at.In(want).Zone()
			if name, offset := at.In(got).Zone(); name != wantName || offset != wantOffset {
				t.Fatalf("%s at %v: %s %d, want %s %d", f.Name, at, name, offset, wantName, wantOffset)
			}
		}
		for n := range len(complete) { // a damaged file is an error
			if _, err := shortenZone(complete[:min(n, 100)], 0); err == nil {
				t.Fatalf("%s: %d bytes are enough", f.Name, n)
			}
		}
	}
	if len(all.File) < 300 || after*2 > before {
		t.Errorf("%d zones, %d bytes of %d", len(all.File), after, before)
	}
}
