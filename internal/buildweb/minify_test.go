package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestScriptsAreMinified: a script is smaller without its comments, and still exports and imports the same names.
func TestScriptsAreMinified(t *testing.T) {
	t.Chdir(filepath.Join("..", ".."))
	if err := limitPageFiles(map[string]string{}, t.TempDir()); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join("webui", "static", "place.js")
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	small, err := minified(path)
	if err != nil {
		t.Fatal(err)
	}
	if len(small) > len(whole)*2/3 || strings.Contains(string(small), "// ") {
		t.Errorf("%d bytes became %d: %s", len(whole), len(small), small)
	}
	exported := regexp.MustCompile(`export (?:async )?function (\w+)`).FindAllStringSubmatch(string(whole), -1)
	for _, name := range exported {
		if !regexp.MustCompile(`export\{[^}]*\b` + name[1] + `\b`).Match(small) {
			t.Errorf("%s is not exported: %s", name[1], small)
		}
	}
	if len(exported) == 0 || !strings.Contains(string(small), `from"./dom.js"`) {
		t.Errorf("%d exports, %s", len(exported), small)
	}
}

// TestScriptsMustBeRight: the build fails if a script or a style sheet has a syntax error.
func TestScriptsMustBeRight(t *testing.T) {
	path := filepath.Join(t.TempDir(), "wrong.js")
	if err := os.WriteFile(path, []byte("const a = ;"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := minified(path); err == nil || !strings.Contains(err.Error(), "wrong.js") {
		t.Errorf("%v", err)
	}
}

// TestTemplatesLoseTheirIndentation: and nothing else.
func TestTemplatesLoseTheirIndentation(t *testing.T) {
	path := filepath.Join(t.TempDir(), "page.html")
	if err := os.WriteFile(path, []byte("<p>\n  {{.A}}  b\n</p>\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got, err := minified(path); string(got) != "<p>\n{{.A}}  b\n</p>\n" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
}
