package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// withComments are the files for pages that are part of the programs. Nobody reads their comments in a browser, and
// they are a sixth of the scripts. Nobody needs the indentation either: pages leave out that of templates anyway.
var withComments = []string{"webui/static/*.js", "webui/styles/*.css", "style/*.css", "webui/templates/*.html", "webui/templates/partials/*.html"}

// dropComments adds these files without comments to replace. It writes them below dir.
func dropComments(replace map[string]string, dir string) error {
	for _, pattern := range withComments {
		names, err := filepath.Glob(filepath.FromSlash(pattern))
		if err != nil {
			return err
		}
		for _, name := range names {
			text, err := os.ReadFile(name)
			if err != nil {
				return err
			}
			path, err := filepath.Abs(name)
			if err != nil {
				return err
			}
			replace[path] = filepath.Join(dir, strings.ReplaceAll(filepath.ToSlash(name), "/", "-"))
			if err := os.WriteFile(replace[path], []byte(withoutComments(filepath.Ext(name), string(text))), 0o644); err != nil {
				return err
			}
		}
	}
	return nil
}

var (
	cssComments = regexp.MustCompile(`(?ms)^[ \t]*/\*.*?\*/[ \t]*\n`)
	indentation = regexp.MustCompile(`(?m)^[ \t]+`)
)

// withoutComments removes the comments that have lines of their own from a style sheet or a script, and the indentation.
// ext is the ending of its name. It leaves the lines of template literals alone.
func withoutComments(ext, text string) string {
	switch ext {
	case ".css":
		text = cssComments.ReplaceAllString(text, "")
		fallthrough
	case ".html":
		return indentation.ReplaceAllString(text, "")
	}
	var out strings.Builder
	literal := false
	for line := range strings.Lines(text) {
		if !literal {
			if line = strings.TrimLeft(line, " \t"); strings.HasPrefix(line, "//") {
				continue
			}
		}
		if strings.Count(line, "`")%2 == 1 {
			literal = !literal
		}
		out.WriteString(line)
	}
	return out.String()
}
