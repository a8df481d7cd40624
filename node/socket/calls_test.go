package socket

import (
	"flag"
	"fmt"
	"go/format"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"flyleaf/node"
)

var update = flag.Bool("update", false, "regenerate calls.go")

// TestCallsMatchTheInterface compares calls.go with node.Node. After changing the
// interface, run: go generate ./node/socket
func TestCallsMatchTheInterface(t *testing.T) {
	want := calls(t)
	if *update {
		if err := os.WriteFile("calls.go", want, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	have, err := os.ReadFile("calls.go")
	if err != nil {
		t.Fatal(err)
	}
	if string(have) != string(want) {
		t.Error("calls.go does not match node.Node; run go generate ./node/socket")
	}
}

// calls generates a method of Client for each method of node.Node.
func calls(t *testing.T) []byte {
	t.Helper()
	imports := map[string]bool{"context": true}
	// name returns a type as written in calls.go, which imports every package under its own
	// name.
	name := func(t reflect.Type) string {
		for inner := t; ; inner = inner.Elem() {
			if inner.PkgPath() != "" {
				imports[inner.PkgPath()] = true
			}
			if inner.Kind() == reflect.Map {
				imports[inner.Key().PkgPath()] = inner.Key().PkgPath() != ""
			}
			if inner.Kind() == reflect.Func {
				imports[inner.In(0).PkgPath()] = true
			}
			if inner.Name() != "" || !slices.Contains([]reflect.Kind{reflect.Slice, reflect.Map, reflect.Pointer}, inner.Kind()) {
				return strings.ReplaceAll(t.String(), "uint8", "byte")
			}
		}
	}
	var b strings.Builder
	of := reflect.TypeFor[node.Node]()
	for i := range of.NumMethod() {
		m := of.Method(i)
		carried := methods[m.Name]
		params, args := []string{"ctx context.Context"}, []string{}
		for k, in := range carried.in {
			params = append(params, fmt.Sprintf("a%d %s", k, name(in)))
			args = append(args, fmt.Sprintf("a%d", k))
		}
		in := "nil"
		if len(args) > 0 {
			in = "[]any{" + strings.Join(args, ", ") + "}"
		}
		if carried.item != nil {
			params = append(params, "fn "+name(carried.item))
			fmt.Fprintf(&b, "\nfunc (c *Client) %s(%s) error {\n\treturn stream(ctx, c, %q, %s, fn)\n}\n", m.Name, strings.Join(params, ", "), m.Name, in)
			continue
		}
		results, out := []string{}, ""
		for k := range m.Type.NumOut() - 1 {
			results = append(results, fmt.Sprintf("r%d %s", k, name(m.Type.Out(k))))
			out += fmt.Sprintf(", &r%d", k)
		}
		results = append(results, "err error")
		fmt.Fprintf(&b, "\nfunc (c *Client) %s(%s) (%s) {\n\terr = c.call(ctx, %q, %s%s)\n\treturn\n}\n", m.Name, strings.Join(params, ", "), strings.Join(results, ", "), m.Name, in, out)
	}
	var std, ours []string
	for path, used := range imports {
		switch {
		case !used || path == "":
		case strings.HasPrefix(path, "flyleaf/"):
			ours = append(ours, fmt.Sprintf("\t%q\n", path))
		default:
			std = append(std, fmt.Sprintf("\t%q\n", path))
		}
	}
	slices.Sort(std)
	slices.Sort(ours)
	src, err := format.Source([]byte("// Code generated from node.Node by go generate ./node/socket. DO NOT EDIT.\n\npackage socket\n\nimport (\n" +
		strings.Join(std, "") + "\n" + strings.Join(ours, "") + ")\n" + b.String()))
	if err != nil {
		t.Fatal(err)
	}
	return src
}
