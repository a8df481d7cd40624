// Buildweb builds Flyleaf for the browser: a directory that any web server can serve, below any
// path. Files that become smaller also have compressed versions, name.br and name.gz.
package main

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/andybalholm/brotli"
)

func main() {
	out := flag.String("out", "bin/web", "the `directory` to write; everything in it except .gitignore is replaced")
	embed := flag.Bool("embed", false, "leave out the files that the relay does not need: the uncompressed program, and gzip versions")
	fast := flag.Bool("fast", false, "compress less, for tests and make run")
	from := flag.String("from", "", "a `directory` written before, whose compressed files are used if it has the same build")
	flag.Parse()
	if err := build(*out, options{*embed, *fast, *from}); err != nil {
		fmt.Fprintln(os.Stderr, "buildweb:", err)
		os.Exit(1)
	}
}

const static = "cmd/web/static"

type options struct {
	embed, fast bool
	from        string
}

// versionFile identifies the build in a directory, so that the same build is not written again.
const versionFile = ".version"

func build(out string, o options) error {
	files := map[string][]byte{}
	entries, err := os.ReadDir(static)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if files[e.Name()], err = os.ReadFile(filepath.Join(static, e.Name())); err != nil {
			return err
		}
	}
	if files["icon.svg"], err = os.ReadFile("webui/static/icon.svg"); err != nil {
		return err
	}
	for name, size := range icons {
		if files[name], err = draw(files["icon.svg"], size); err != nil {
			return err
		}
	}
	if files["flyleaf.css"], err = os.ReadFile("style/flyleaf.css"); err != nil {
		return err
	}
	root, err := goroot()
	if err != nil {
		return err
	}
	if files["wasm_exec.js"], err = os.ReadFile(filepath.Join(root, "lib", "wasm", "wasm_exec.js")); err != nil {
		return err
	}
	if files["app.wasm"], err = program(root, "./cmd/web"); err != nil {
		return err
	}
	if files["convert.wasm"], err = program(root, "./cmd/convert"); err != nil {
		return err
	}
	version := stamp(files)
	if had, err := os.ReadFile(filepath.Join(out, versionFile)); err == nil {
		// A better compressed build of the same files is fine too.
		if is := string(had); is == (options{embed: o.embed}).describe(version) || is == o.describe(version) {
			return nil
		}
	}
	if err := os.MkdirAll(out, 0o755); err != nil {
		return err
	}
	old, err := os.ReadDir(out)
	if err != nil {
		return err
	}
	for _, e := range old {
		if e.Name() != ".gitignore" {
			if err := os.Remove(filepath.Join(out, e.Name())); err != nil {
				return err
			}
		}
	}
	if had, err := os.ReadFile(filepath.Join(o.from, versionFile)); o.from != "" && (err != nil || string(had) != (options{fast: o.fast}).describe(version)) {
		o.from = ""
	}
	var writing sync.WaitGroup
	var mu sync.Mutex
	for name, b := range files {
		writing.Go(func() {
			if werr := write(out, name, b, o); werr != nil {
				mu.Lock()
				err = errors.Join(err, werr)
				mu.Unlock()
			}
		})
	}
	if writing.Wait(); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(out, versionFile), []byte(o.describe(version)), 0o644)
}

// goroot returns the directory of the Go installation that the go command uses.
func goroot() (string, error) {
	out, err := exec.Command("go", "env", "GOROOT").Output()
	return strings.TrimSpace(string(out)), err
}

func (o options) describe(version string) string {
	return fmt.Sprintf("%s embed=%t fast=%t\n", version, o.embed, o.fast)
}

// notInlined are packages that are compiled without inlining: they run once for a page or a request, and the program is
// smaller by one part in a hundred when compressed.
var notInlined = []string{"flyleaf/webui", "flyleaf/node", "github.com/microcosm-cc/bluemonday", "html/template", "text/template/parse", "net/http"}

// program builds a program for js and wasm.
func program(root, pkg string) ([]byte, error) {
	dir, err := os.MkdirTemp("", "flyleaf-web-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "program.wasm")
	replaced, err := overlay(dir, root, pkg)
	if err != nil {
		return nil, err
	}
	args := []string{"build", "-trimpath", "-ldflags=-s -w", "-overlay", replaced, "-o", path}
	for _, cold := range notInlined {
		args = append(args, "-gcflags="+cold+"=-l")
	}
	cmd := exec.Command("go", append(args, pkg)...)
	cmd.Env = forBrowser()
	cmd.Stderr = os.Stderr
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("building %s: %w", pkg, err)
	}
	complete, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	without, err := dropLines(complete)
	if errors.Is(err, errOtherTables) {
		fmt.Fprintf(os.Stderr, "buildweb: %v, so %s is larger by an eighth\n", err, pkg)
		return complete, nil
	}
	return without, err
}

// stamp writes the version and the size of the program into the service worker, so that the
// browser notices when any file changes. It returns the version.
func stamp(files map[string][]byte) string {
	h := sha256.New()
	names := make([]string, 0, len(files))
	for name := range files {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		fmt.Fprintf(h, "%s %d\n", name, len(files[name]))
		h.Write(files[name])
	}
	version := hex.EncodeToString(h.Sum(nil)[:8])
	sw := files["sw.js"]
	sw = bytes.ReplaceAll(sw, []byte("{{version}}"), []byte(version))
	sw = bytes.ReplaceAll(sw, []byte("{{size}}"), []byte(strconv.Itoa(len(files["app.wasm"]))))
	converter := sha256.Sum256(files["convert.wasm"])
	files["sw.js"] = bytes.ReplaceAll(sw, []byte("{{convert}}"), []byte(hex.EncodeToString(converter[:])))
	return version
}

// write writes a file and, if they are smaller, its compressed versions.
func write(dir, name string, b []byte, o options) error {
	path := filepath.Join(dir, name)
	if !o.embed || filepath.Ext(path) != ".wasm" {
		if err := os.WriteFile(path, b, 0o644); err != nil {
			return err
		}
	}
	level, gz := brotli.BestCompression, gzip.BestCompression
	if o.fast {
		level, gz = 5, gzip.BestSpeed
	}
	for suffix, compressor := range map[string]func(io.Writer) (io.WriteCloser, error){
		".br": func(w io.Writer) (io.WriteCloser, error) { return brotli.NewWriterLevel(w, level), nil },
		".gz": func(w io.Writer) (io.WriteCloser, error) { return gzip.NewWriterLevel(w, gz) },
	} {
		if o.embed && suffix == ".gz" {
			continue
		}
		if o.from != "" {
			packed, err := os.ReadFile(filepath.Join(o.from, name+suffix))
			if errors.Is(err, fs.ErrNotExist) {
				continue // it would not be smaller
			}
			if err == nil {
				err = os.WriteFile(path+suffix, packed, 0o644)
			}
			if err != nil {
				return err
			}
			continue
		}
		var packed bytes.Buffer
		w, err := compressor(&packed)
		if err != nil {
			return err
		}
		if _, err := w.Write(b); err != nil {
			return err
		}
		if err := w.Close(); err != nil {
			return err
		}
		if packed.Len() >= len(b) {
			continue
		}
		if err := os.WriteFile(path+suffix, packed.Bytes(), 0o644); err != nil {
			return err
		}
	}
	return nil
}
