package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// A template may call any method by its name. So once a program has text/template, the linker
// keeps every exported method of every type, called or not: a fifth of the program for the
// browser. Which names the templates can call is known when it is built, for templates are
// text in files. So this build gives the compiler a copy of one file of text/template that looks up
// these names and no others, each as a constant, which the linker understands. Every template
// works as before. A program that is built without that copy is larger, and does the same.

// anyMethod is the call in text/template/exec.go by which a template calls a method. It occurs once.
const anyMethod = "ptr.MethodByName(fieldName)"

var errOtherTemplates = errors.New("text/template looks methods up in another way than in the Go versions known here")

// limitMethods returns the source of text/template/exec.go with its lookup of methods limited
// to names. errOtherTemplates is returned for a source that does not have the call anyMethod once.
func limitMethods(source string, names []string) (string, error) {
	if strings.Count(source, anyMethod) != 1 || strings.Contains(source, "namedMethod") {
		return "", errOtherTemplates
	}
	var b strings.Builder
	b.WriteString(strings.Replace(source, anyMethod, "namedMethod(ptr, fieldName)", 1))
	b.WriteString("\nfunc namedMethod(v reflect.Value, name string) reflect.Value {\n\tswitch name {\n")
	for _, name := range names {
		fmt.Fprintf(&b, "\tcase %q:\n\t\treturn v.MethodByName(%q)\n", name, name)
	}
	b.WriteString("\t}\n\treturn reflect.Value{}\n}\n")
	return b.String(), nil
}

var (
	action = regexp.MustCompile(`(?s)\{\{.*?\}\}`)
	// called matches what can be a method's name in an action of a template; also fields and
	// more, which does no harm.
	called = regexp.MustCompile(`\.([A-Z]\w*)`)
)

// templateNames returns the names that templates of a package and of what it imports can call,
// sorted. Templates are looked for in embedded files and in Go files outside of the standard library.
func templateNames(pkg string) ([]string, error) {
	list := exec.Command("go", "list", "-deps", "-f",
		`{{if not .Standard}}{{$d := .Dir}}{{range .EmbedFiles}}{{$d}}/{{.}}{{"\n"}}{{end}}{{range .GoFiles}}{{$d}}/{{.}}{{"\n"}}{{end}}{{end}}`, pkg)
	list.Env = forBrowser()
	list.Stderr = os.Stderr
	paths, err := list.Output()
	if err != nil {
		return nil, fmt.Errorf("listing the files of %s: %w", pkg, err)
	}
	var names []string
	for path := range strings.Lines(string(paths)) {
		b, err := os.ReadFile(strings.TrimSpace(path))
		if err != nil {
			return nil, err
		}
		for _, a := range action.FindAll(b, -1) {
			for _, m := range called.FindAllSubmatch(a, -1) {
				names = append(names, string(m[1]))
			}
		}
	}
	slices.Sort(names)
	return slices.Compact(names), nil
}

// limitTemplates gives the build of a package its copy of text/template: it writes the copy into dir and adds it to
// what go build -overlay replaces.
func limitTemplates(replace map[string]string, dir, root, pkg string) error {
	names, err := templateNames(pkg)
	if err != nil {
		return err
	}
	original := filepath.Join(root, "src", "text", "template", "exec.go")
	source, err := os.ReadFile(original)
	if err != nil {
		return err
	}
	limited, err := limitMethods(string(source), names)
	if err != nil {
		return err
	}
	replacement := filepath.Join(dir, "exec.go")
	replace[original] = replacement
	return os.WriteFile(replacement, []byte(limited), 0o644)
}
