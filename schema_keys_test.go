package flyleaf_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"flyleaf/schema"
)

// keyLiterals returns the string literals of a file that are certainly keys or paths of the schema: paths
// such as "event/title", keys that are not an ordinary word, and any key where code handles keys: as an
// act's mark, among an act's fields, or compared with the key of an operation. Most keys are also words
// of forms, flags and file formats, which have their own names.
func keyLiterals(f *ast.File) (found []*ast.BasicLit) {
	keys, never := map[string]bool{}, map[string]bool{}
	for _, r := range schema.Rows() {
		if r.Keys == schema.IsMap {
			keys[r.Key] = true
			never[r.Key] = strings.ToLower(r.Key) != r.Key || strings.Contains(r.Key, "-")
		}
		never[r.Name] = never[r.Name] || strings.Contains(r.Name, "/")
	}
	add := func(n ast.Expr, in map[string]bool) {
		if lit, ok := n.(*ast.BasicLit); ok && lit.Kind == token.STRING && !slices.Contains(found, lit) {
			if s, err := strconv.Unquote(lit.Value); err == nil && in[s] {
				found = append(found, lit)
			}
		}
	}
	named := func(n ast.Expr, names ...string) bool {
		if s, ok := n.(*ast.SelectorExpr); ok {
			n = s.Sel
		}
		id, ok := n.(*ast.Ident)
		return ok && slices.Contains(names, id.Name)
	}
	ast.Inspect(f, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.BasicLit:
			add(n, never)
		case *ast.KeyValueExpr:
			if named(n.Key, "Mark") {
				add(n.Value, keys)
			}
			if fields, ok := n.Value.(*ast.CompositeLit); ok && named(n.Key, "Fields") {
				for _, e := range fields.Elts {
					if kv, ok := e.(*ast.KeyValueExpr); ok {
						add(kv.Key, keys)
					}
				}
			}
		case *ast.IndexExpr:
			if named(n.X, "Fields") {
				add(n.Index, keys)
			}
		case *ast.BinaryExpr:
			if named(n.X, "Mark", "Prop") {
				add(n.Y, keys)
			}
		}
		return true
	})
	return found
}

// TestSchemaKeysAreNamed: outside of schema, code uses the names of keys (schema.KeyTitle, Row.Name), so
// that a key that is misspelt, or no longer in the schema, does not compile.
func TestSchemaKeysAreNamed(t *testing.T) {
	sample := `package p
var a = qa.Act{Mark: "pinned", Fields: map[string]any{"closed": true}}
var b = a.Fields["cover"] == nil || op.Key.Prop == "origin" || a.Mark == "rule"
var c = []string{"event/title", "startsAt", "invite-author"}
var words = []string{"title", "closed", "event"}
`
	f, err := parser.ParseFile(token.NewFileSet(), "sample.go", sample, 0)
	if err != nil {
		t.Fatal(err)
	}
	if got := len(keyLiterals(f)); got != 8 {
		t.Errorf("%d keys were found in the sample", got)
	}
	files := token.NewFileSet()
	err = filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		path = filepath.ToSlash(path)
		if d.IsDir() {
			name := d.Name()
			// policytest writes hostile changes, which need not keep to the schema.
			if path != "." && (strings.HasPrefix(name, ".") || name == "testdata" || name == "node_modules") || path == "schema" || path == "crdt/policy/policytest" {
				return filepath.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return nil
		}
		f, err := parser.ParseFile(files, path, nil, 0)
		if err != nil {
			return err
		}
		for _, lit := range keyLiterals(f) {
			t.Errorf("%s: %s is a key of the schema: use its name", files.Position(lit.Pos()), lit.Value)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
