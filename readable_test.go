package flyleaf_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"
)

// maxLine is the maximum length of a line in a template, a style sheet or a script, in
// characters. A side-by-side diff of such lines fits in a wide window.
const maxLine = 160

// inText are elements that occur within a sentence. A line may have several of
// these, but only one other element.
var inText = map[string]bool{
	"a": true, "b": true, "bdi": true, "br": true, "code": true, "em": true, "i": true, "kbd": true,
	"q": true, "span": true, "strong": true, "time": true,
}

var startTag = regexp.MustCompile(`<([a-z][a-z0-9]*)[\s>{]`)

// TestTemplatesStylesAndScriptsCanBeRead checks that lines are short enough to read, and that a
// diff shows one element per line.
func TestTemplatesStylesAndScriptsCanBeRead(t *testing.T) {
	checked := 0
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			name := d.Name()
			if path != "." && (strings.HasPrefix(name, ".") || name == "testdata" || name == "node_modules" || name == "bin" || name == "dist") {
				return filepath.SkipDir
			}
			return nil
		}
		kind := filepath.Ext(path)
		if kind != ".html" && kind != ".css" && kind != ".js" {
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		checked++
		for n, line := range strings.Split(string(text), "\n") {
			if length := utf8.RuneCountInString(line); length > maxLine {
				t.Errorf("%s:%d has %d characters; at most %d", path, n+1, length, maxLine)
			}
			if kind != ".html" {
				continue
			}
			var begun []string
			for _, m := range startTag.FindAllStringSubmatch(line, -1) {
				if !inText[m[1]] {
					begun = append(begun, m[1])
				}
			}
			if len(begun) > 1 {
				t.Errorf("%s:%d has several elements: %s", path, n+1, strings.Join(begun, ", "))
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if checked < 20 {
		t.Errorf("only %d files were checked", checked)
	}
}
