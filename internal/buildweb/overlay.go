package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// A browser encrypts the connections of the programs itself. But net/http imports crypto/tls, and with it
// come elliptic curves, certificates and ciphers, which their packages' variables keep in the program: a fifteenth
// of it. So this build replaces crypto/tls with internal/buildweb/tls, which has what net/http is compiled with,
// and no more.

// withoutTLS is replace, and the files of crypto/tls replaced.
func withoutTLS(replace map[string]string) (map[string]string, error) {
	list := exec.Command("go", "list", "-f", `{{$d := .Dir}}{{range .GoFiles}}{{$d}}/{{.}}{{"\n"}}{{end}}`, "crypto/tls")
	list.Env = forBrowser()
	list.Stderr = os.Stderr
	out, err := list.Output()
	if err != nil {
		return nil, fmt.Errorf("listing the files of crypto/tls: %w", err)
	}
	files := strings.Fields(string(out))
	i := slices.IndexFunc(files, func(path string) bool { return filepath.Base(path) == "tls.go" })
	if i < 0 {
		return nil, errors.New("crypto/tls has no file tls.go")
	}
	without := maps.Clone(replace)
	for _, path := range files {
		without[path] = "" // deleted
	}
	without[files[i]], err = filepath.Abs(filepath.Join("internal", "buildweb", "tls", "tls.go"))
	return without, err
}

// overlay writes the file in dir that go build -overlay reads, and returns its path. pkg is the package that is
// built with it.
func overlay(dir, root, pkg string) (string, error) {
	replace := map[string]string{}
	if err := limitPageFiles(replace, dir); err != nil {
		return "", err
	}
	switch err := limitTemplates(replace, dir, root, pkg); {
	case errors.Is(err, errOtherTemplates):
		fmt.Fprintf(os.Stderr, "buildweb: %v, so %s is larger by a fifth\n", err, pkg)
	case err != nil:
		return "", err
	}
	switch err := limitZones(replace, dir, root); {
	case errors.Is(err, errZone), errors.Is(err, fs.ErrNotExist):
		fmt.Fprintf(os.Stderr, "buildweb: the time zones of this Go are not as expected, so %s is larger by a fiftieth: %v\n", pkg, err)
	case err != nil:
		return "", err
	}
	without, err := withoutTLS(replace)
	if err == nil {
		var path string
		if path, err = writeOverlay(dir, without); err != nil {
			return "", err
		}
		try := exec.Command("go", "build", "-trimpath", "-overlay", path, "net/http")
		try.Env = forBrowser()
		var said []byte
		if said, err = try.CombinedOutput(); err == nil {
			return path, nil
		}
		err = fmt.Errorf("%w\n%s", err, said)
	}
	fmt.Fprintf(os.Stderr, "buildweb: net/http cannot be built without crypto/tls, so %s is larger by a fifteenth: %v\n", pkg, err)
	return writeOverlay(dir, replace)
}

func writeOverlay(dir string, replace map[string]string) (string, error) {
	b, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "overlay.json")
	return path, os.WriteFile(path, b, 0o644)
}

// forBrowser is the environment in which the go command builds for a browser.
func forBrowser() []string { return append(os.Environ(), "GOOS=js", "GOARCH=wasm") }
