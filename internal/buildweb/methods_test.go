package main

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestOnlyTheNamesInTemplatesAreLookedUpAsMethods(t *testing.T) {
	got, err := limitMethods("package template\n\nfunc f() { "+anyMethod+" }\n", []string{"Empty", "Parts"})
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"namedMethod(ptr, fieldName)", `v.MethodByName("Empty")`, `v.MethodByName("Parts")`} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is not in\n%s", want, got)
		}
	}
	if strings.Contains(got, anyMethod) {
		t.Error("any method can still be looked up")
	}
}

func TestAnUnknownSourceOfTextTemplateIsNotChanged(t *testing.T) {
	for _, source := range []string{"package template\n", anyMethod + anyMethod, "namedMethod " + anyMethod} {
		if _, err := limitMethods(source, nil); !errors.Is(err, errOtherTemplates) {
			t.Errorf("%q: %v", source, err)
		}
	}
}

// With another version of Go the program would grow by a fifth: anyMethod must then be adapted.
func TestTheInstalledGoLooksMethodsUpAsExpected(t *testing.T) {
	root, err := goroot()
	if err != nil {
		t.Fatal(err)
	}
	source, err := os.ReadFile(filepath.Join(root, "src", "text", "template", "exec.go"))
	if err != nil {
		t.Skip("the standard library's source is not installed:", err)
	}
	if _, err := limitMethods(string(source), nil); err != nil {
		t.Error(err)
	}
}

func TestNamesAreFoundInEmbeddedTemplatesAndInGoFiles(t *testing.T) {
	t.Chdir(filepath.Join("..", ".."))
	names, err := templateNames("./webui")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"CSRF", "Parts", "Token"} { // of partials, inbox.html and start.go
		if !slices.Contains(names, want) {
			t.Errorf("%s is not among the names", want)
		}
	}
}
