package main

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// A program without its tables of source lines runs as before. A crash prints the functions, but
// not the lines.
func TestAProgramWithoutLines(t *testing.T) {
	node, err := exec.LookPath("node")
	if err != nil {
		if os.Getenv("FLYLEAF_REQUIRE_ALL") != "" {
			t.Fatal("node is missing")
		}
		t.Skip("node is missing")
	}
	dir := t.TempDir()
	source := `package main

import (
	"fmt"
	"os"
	"runtime"
	"strings"
)

type tree struct{ left, right *tree }

func grow(depth int) *tree {
	if depth == 0 {
		return &tree{}
	}
	return &tree{grow(depth - 1), grow(depth - 1)}
}

func (t *tree) size() int {
	if t == nil {
		return 0
	}
	return 1 + t.left.size() + t.right.size()
}

func inlined(m map[string]int) int { return m["a"] }

//go:noinline
func caught() (said any) {
	defer func() { said = recover() }()
	var none []int
	return none[len(os.Args)]
}

//go:noinline
func crash() { panic(strings.Repeat("x", inlined(map[string]int{"a": 3}))) }

func main() {
	t := grow(10)
	for range 20 {
		runtime.GC()
		t = &tree{grow(10), t}
	}
	fmt.Println("size", t.size(), caught())
	crash()
}
`
	for name, text := range map[string]string{"main.go": source, "go.mod": "module crash\n\ngo 1.24\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	build := exec.Command("go", "build", "-trimpath", "-ldflags=-s -w", "-o", "program.wasm", ".")
	build.Dir = dir
	build.Env = append(os.Environ(), "GOOS=js", "GOARCH=wasm", "GOWORK=off")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	program, err := os.ReadFile(filepath.Join(dir, "program.wasm"))
	if err != nil {
		t.Fatal(err)
	}
	without, err := dropLines(program)
	if err != nil {
		t.Fatal(err)
	}
	root, err := goroot()
	if err != nil {
		t.Fatal(err)
	}
	run := func(program []byte) string {
		t.Helper()
		path := filepath.Join(dir, "run.wasm")
		if err := os.WriteFile(path, program, 0o600); err != nil {
			t.Fatal(err)
		}
		out, err := exec.Command(node, filepath.Join(root, "lib", "wasm", "wasm_exec_node.js"), path).CombinedOutput()
		var exit *exec.ExitError
		if !errors.As(err, &exit) {
			t.Fatalf("the program did not crash: %v\n%s", err, out)
		}
		return string(out)
	}
	for _, said := range []string{"size 43007 runtime error: index out of range [1] with length 0\n", "panic: xxx", "main.crash", "main.main"} {
		if out := run(without); !strings.Contains(out, said) {
			t.Errorf("it does not say %q:\n%s", said, out)
		}
	}
	if !strings.Contains(run(program), "main.go:") || strings.Contains(run(without), "main.go:") {
		t.Error("lines are in a stack trace with the tables, and not without them")
	}
	if a, b := compressedSize(t, program), compressedSize(t, without); b*20 > a*19 {
		t.Errorf("compressed it has %d bytes, and %d with the tables", b, a)
	}
}

func TestOtherProgramsKeepTheirTables(t *testing.T) {
	for _, program := range []string{"", "\x00asm\x01\x00\x00\x00", "\x00asm\x01\x00\x00\x00\x0b\x0a\x01\x00\x41\x00\x0b\x04\xf1\xff\xff\xff", "\x00asm\x01\x00\x00\x00\x0b\xff\xff\xff\xff\x0f"} {
		if _, err := dropLines([]byte(program)); !errors.Is(err, errOtherTables) {
			t.Errorf("%q: %v", program, err)
		}
	}
}
