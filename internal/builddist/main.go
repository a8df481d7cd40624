// Builddist writes the archives of a release: flyleaf and syncserver for each operating system and
// architecture, built without cgo, with the licences of all that is in them, and a file of SHA-256
// checksums. The archives of a commit are the same bytes wherever they are built with the same Go.
package main

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// systems are the GOOS/GOARCH pairs of a release.
var systems = []string{"linux/amd64", "linux/arm64", "darwin/amd64", "darwin/arm64", "windows/amd64", "windows/arm64"}

// programs are the packages of a release, by the name of the program.
var programs = map[string]string{"flyleaf": "./cmd/app", "syncserver": "./cmd/syncserver"}

func main() {
	out := flag.String("out", "bin/dist", "the `directory` to write; archives that are in it stay")
	release := flag.String("version", "", "the `version`, such as v1.2.0 (default: from the last tag or the commit's date)")
	only := flag.String("systems", strings.Join(systems, ","), "`GOOS/GOARCH` pairs, separated by commas")
	flag.Parse()
	if err := build(*out, *release, strings.Split(*only, ",")); err != nil {
		fmt.Fprintln(os.Stderr, "builddist:", err)
		os.Exit(1)
	}
}

func build(out, release string, systems []string) error {
	if err := os.MkdirAll(out, 0o755); err != nil {
		return err
	}
	commit, at, err := checkout()
	if err != nil {
		return err
	}
	if release == "" {
		release = version(commit, at)
	}
	licences, err := thirdParty()
	if err != nil {
		return err
	}
	var sums strings.Builder
	for _, system := range systems {
		goos, goarch, ok := strings.Cut(system, "/")
		if !ok {
			return fmt.Errorf("%q is no GOOS/GOARCH", system)
		}
		name := fmt.Sprintf("flyleaf_%s_%s_%s", strings.TrimPrefix(release, "v"), goos, goarch)
		files, err := contents(goos, goarch, release, commit, licences)
		if err != nil {
			return err
		}
		archive := tarball
		suffix := ".tar.gz"
		if goos == "windows" {
			archive, suffix = zipped, ".zip"
		}
		b, err := archive(name, files, at)
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(out, name+suffix), b, 0o644); err != nil {
			return err
		}
		sum := sha256.Sum256(b)
		fmt.Fprintf(&sums, "%s  %s\n", hex.EncodeToString(sum[:]), name+suffix)
		fmt.Printf("%s (%.1f MB)\n", filepath.Join(out, name+suffix), float64(len(b))/1e6)
	}
	return os.WriteFile(filepath.Join(out, "SHA256SUMS"), []byte(sums.String()), 0o644)
}

// checkout returns the checkout's commit, with "-dirty" if files differ from it, and the commit's time.
func checkout() (commit string, at time.Time, err error) {
	head, err := output("git", "log", "-1", "--format=%H %ct")
	if err != nil {
		return "", at, err
	}
	commit, seconds, _ := strings.Cut(head, " ")
	unix, err := strconv.ParseInt(seconds, 10, 64)
	if err != nil {
		return "", at, fmt.Errorf("the time of commit %s: %w", commit, err)
	}
	changed, err := output("git", "status", "--porcelain", "--untracked-files=no")
	if err != nil {
		return "", at, err
	}
	if changed != "" {
		commit += "-dirty"
	}
	return commit, time.Unix(unix, 0).UTC(), nil
}

// version returns the version of a commit: that of the last tag if there is one, otherwise one made
// of the commit's time, as Go makes pseudo-versions.
func version(commit string, at time.Time) string {
	if tag, err := output("git", "describe", "--tags", "--dirty", "--match", "v[0-9]*"); err == nil {
		return tag
	}
	hash, dirty, _ := strings.Cut(commit, "-")
	v := fmt.Sprintf("v0.0.0-%s-%s", at.Format("20060102150405"), hash[:min(12, len(hash))])
	if dirty != "" {
		v += "-" + dirty
	}
	return v
}

// file is one file of an archive.
type file struct {
	name       string
	bytes      []byte
	executable bool
}

// contents returns the files of a system's archive.
func contents(goos, goarch, release, commit string, licences []byte) ([]file, error) {
	dir, err := os.MkdirTemp("", "flyleaf-dist-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	const stamp = "flyleaf/internal/version"
	var files []file
	for name, pkg := range programs {
		if goos == "windows" {
			name += ".exe"
		}
		at := filepath.Join(dir, name)
		cmd := exec.Command("go", "build", "-trimpath", "-buildvcs=false",
			"-ldflags", fmt.Sprintf("-s -w -X %s.release=%s -X %s.commit=%s", stamp, release, stamp, commit), "-o", at, pkg)
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS="+goos, "GOARCH="+goarch)
		cmd.Stderr = os.Stderr
		if err := cmd.Run(); err != nil {
			return nil, fmt.Errorf("building %s for %s/%s: %w", pkg, goos, goarch, err)
		}
		b, err := os.ReadFile(at)
		if err != nil {
			return nil, err
		}
		files = append(files, file{name, b, true})
	}
	for _, name := range []string{"LICENSE", "README.md", "CHANGELOG.md"} {
		b, err := os.ReadFile(name)
		if err != nil {
			return nil, err
		}
		files = append(files, file{name: name, bytes: b})
	}
	err = fs.WalkDir(os.DirFS("docs"), ".", func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(filepath.Join("docs", filepath.FromSlash(p)))
		files = append(files, file{name: path.Join("docs", p), bytes: b})
		return err
	})
	files = append(files, file{name: "THIRD_PARTY_LICENSES.txt", bytes: licences})
	slices.SortFunc(files, func(a, b file) int { return strings.Compare(a.name, b.name) })
	return files, err
}

// licenceNames are the beginnings of names of files in which a module states its licence.
var licenceNames = []string{"LICENSE", "LICENCE", "COPYING", "NOTICE", "PATENTS"}

// thirdParty returns the licences of Go and of every module that the programs are built of. A
// module without one is an error: nobody could say whether it may be passed on.
func thirdParty() ([]byte, error) {
	var out bytes.Buffer
	root, err := output("go", "env", "GOROOT")
	if err != nil {
		return nil, err
	}
	list := []string{"Go " + root}
	seen := map[string]bool{}
	for _, of := range []struct{ goos, goarch, packages string }{
		{"linux", "amd64", "./cmd/app ./cmd/syncserver"},
		{"darwin", "arm64", "./cmd/app ./cmd/syncserver"},
		{"windows", "amd64", "./cmd/app ./cmd/syncserver"},
		{"js", "wasm", "./cmd/web"},
	} {
		args := append([]string{"list", "-deps", "-f", "{{with .Module}}{{if not .Main}}{{.Path}} {{.Version}} {{.Dir}}{{end}}{{end}}"},
			strings.Fields(of.packages)...)
		modules, err := outputFor(of.goos, of.goarch, "go", args...)
		if err != nil {
			return nil, err
		}
		for line := range strings.Lines(modules) {
			if line = strings.TrimSpace(line); line != "" && !seen[line] {
				seen[line] = true
				list = append(list, line)
			}
		}
	}
	slices.Sort(list[1:])
	for _, line := range list {
		i := strings.LastIndexByte(line, ' ')
		name, dir := line[:i], line[i+1:]
		entries, err := os.ReadDir(dir)
		if err != nil {
			return nil, err
		}
		found := false
		for _, e := range entries {
			if e.IsDir() || !slices.ContainsFunc(licenceNames, func(n string) bool { return strings.HasPrefix(strings.ToUpper(e.Name()), n) }) {
				continue
			}
			b, err := os.ReadFile(filepath.Join(dir, e.Name()))
			if err != nil {
				return nil, err
			}
			found = true
			fmt.Fprintf(&out, "==== %s: %s\n\n%s\n\n", name, e.Name(), bytes.TrimSpace(b))
		}
		if !found {
			return nil, fmt.Errorf("no licence in %s (%s)", name, dir)
		}
	}
	return out.Bytes(), nil
}

func output(name string, args ...string) (string, error) { return outputFor("", "", name, args...) }

// outputFor runs a command for another system and returns its output without the last line end.
func outputFor(goos, goarch, name string, args ...string) (string, error) {
	cmd := exec.Command(name, args...)
	if goos != "" {
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS="+goos, "GOARCH="+goarch)
	}
	b, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("%s %s: %w", name, strings.Join(args, " "), err)
	}
	return strings.TrimRight(string(b), "\n"), nil
}

// tarball returns files as a .tar.gz, in a folder of a name.
func tarball(folder string, files []file, at time.Time) ([]byte, error) {
	var b bytes.Buffer
	gz, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
	if err != nil {
		return nil, err
	}
	w := tar.NewWriter(gz)
	for _, f := range files {
		mode := int64(0o644)
		if f.executable {
			mode = 0o755
		}
		h := &tar.Header{Name: path.Join(folder, f.name), Mode: mode, Size: int64(len(f.bytes)), ModTime: at, Format: tar.FormatPAX}
		if err := w.WriteHeader(h); err != nil {
			return nil, err
		}
		if _, err := w.Write(f.bytes); err != nil {
			return nil, err
		}
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	if err := gz.Close(); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// zipped returns files as a .zip, in a folder of a name.
func zipped(folder string, files []file, at time.Time) ([]byte, error) {
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for _, f := range files {
		entry, err := w.CreateHeader(&zip.FileHeader{Name: path.Join(folder, f.name), Method: zip.Deflate, Modified: at})
		if err != nil {
			return nil, err
		}
		if _, err := entry.Write(f.bytes); err != nil {
			return nil, err
		}
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}
