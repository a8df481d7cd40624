package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/evanw/esbuild/pkg/api"
)

// pageFiles are the files for pages that are part of the programs.
var pageFiles = []string{"webui/static/*.js", "webui/styles/*.css", "style/*.css", "webui/templates/*.html", "webui/templates/partials/*.html"}

// limitPageFiles adds these files to replace, minified. It writes them below dir.
func limitPageFiles(replace map[string]string, dir string) error {
	for _, pattern := range pageFiles {
		paths, err := filepath.Glob(filepath.FromSlash(pattern))
		if err != nil {
			return err
		}
		if len(paths) == 0 {
			return fmt.Errorf("there is no %s", pattern)
		}
		for _, path := range paths {
			content, err := minified(path)
			if err != nil {
				return err
			}
			original, err := filepath.Abs(path)
			if err != nil {
				return err
			}
			replace[original] = filepath.Join(dir, strings.ReplaceAll(filepath.ToSlash(path), "/", "-"))
			if err := os.WriteFile(replace[original], content, 0o644); err != nil {
				return err
			}
		}
	}
	return nil
}

var indentation = regexp.MustCompile(`(?m)^[ \t]+`)

// minified returns a script or style sheet without comments and spaces, and with short local names,
// or a template without its indentation, which pages leave out anyway.
func minified(path string) ([]byte, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	options := api.TransformOptions{
		Sourcefile: path, Charset: api.CharsetUTF8,
		MinifyWhitespace: true, MinifySyntax: true, MinifyIdentifiers: true,
	}
	switch filepath.Ext(path) {
	case ".html":
		return indentation.ReplaceAll(content, nil), nil
	case ".css":
		options.Loader = api.LoaderCSS
	default:
		options.Loader, options.Format = api.LoaderJS, api.FormatESModule
	}
	result := api.Transform(string(content), options)
	if len(result.Errors) > 0 {
		return nil, fmt.Errorf("%s: %s", path, result.Errors[0].Text)
	}
	return result.Code, nil
}
