// Package outdir writes a set of files into a directory. A later run updates them, and deletes
// those that are no longer in the set. The file Manifest lists what it wrote.
//
// Guarantees:
//   - A file is written only when its content differs.
//   - A file that was written before and is no longer in the set is removed.
//   - A file that another program or person wrote is never changed or removed. If such a file has
//     the path of a file in the set, nothing is written.
//   - A file is written completely or not at all: under another name first, then renamed.
//   - Nothing outside the directory is touched, even if the directory contains links.
//
// No other package below publish uses a disk.
package outdir

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"slices"
	"strings"
)

// Manifest is the file that lists what was written.
const Manifest = ".flyleaf-published.json"

// maxManifest bounds the bytes of a manifest, and of a file that is compared.
const maxManifest = 64 << 20

// File is one file to write. Path is relative, with slashes (fs.ValidPath).
type File struct {
	Path string
	Body []byte
}

// Report says what was done, by path, ascending.
type Report struct {
	Written []string
	Same    []string
	Removed []string
	// Kept are files that are no longer in the set but were edited since Sync wrote them. They are not
	// removed, and Flyleaf no longer manages them.
	Kept []string
}

// ForeignError is returned when files in the set have the paths of files that Sync did not write.
// Nothing was changed.
type ForeignError struct{ Paths []string }

// Error names the files.
func (e *ForeignError) Error() string {
	shown := e.Paths
	more := ""
	if len(shown) > 5 {
		more = fmt.Sprintf(" and %d more", len(shown)-5)
		shown = shown[:5]
	}
	return "these files exist already, and Flyleaf did not write them: " + strings.Join(shown, ", ") + more +
		"; nothing was changed. Move them away, or publish into another directory"
}

// ErrBadManifest is returned when the manifest cannot be read. Nothing was changed.
var ErrBadManifest = errors.New("the list of published files (" + Manifest + ") is damaged; nothing was changed. Delete it and publish again; you may then have to move files that differ")

// ErrBadPath is returned for a path that is not inside the directory, or that is twice in the set.
// Nothing was changed.
var ErrBadPath = errors.New("a path that cannot be written")

// manifest is the content of Manifest: the SHA-256 of each file, in hex.
type manifest struct {
	Version int               `json:"version"`
	Files   map[string]string `json:"files"`
	// Notes belong to the caller of Sync.
	Notes map[string]string `json:"notes,omitempty"`
}

const manifestVersion = 1

// Dir is a directory that is written into.
type Dir struct {
	root *os.Root
	last manifest // of the last Sync
}

// Open opens a directory, and creates it if it does not exist. ErrBadManifest is returned when the
// manifest cannot be read.
func Open(dir string) (*Dir, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	d := &Dir{root: root, last: manifest{Files: map[string]string{}}}
	b, err := d.read(Manifest, maxManifest)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return d, nil
	case err != nil:
		return nil, errors.Join(ErrBadManifest, err, root.Close())
	}
	var m manifest
	if err := json.Unmarshal(b, &m); err != nil || m.Version != manifestVersion {
		return nil, errors.Join(ErrBadManifest, root.Close())
	}
	for p := range m.Files {
		if !valid(p) {
			return nil, errors.Join(ErrBadManifest, root.Close())
		}
	}
	if m.Files != nil {
		d.last = m
	}
	return d, nil
}

// Close releases the directory.
func (d *Dir) Close() error { return d.root.Close() }

// Notes returns the notes of the last Sync.
func (d *Dir) Notes() map[string]string { return maps.Clone(d.last.Notes) }

// Unmodified returns the content of a file that Sync wrote and that is unchanged; nil for any other file.
func (d *Dir) Unmodified(p string) []byte {
	sum, ok := d.last.Files[p]
	if !ok {
		return nil
	}
	b, err := d.read(p, maxManifest)
	if err != nil || hash(b) != sum {
		return nil
	}
	return b
}

func valid(p string) bool {
	return fs.ValidPath(p) && p != "." && p != Manifest && !strings.Contains(p, "\\") && !strings.ContainsRune(p, 0)
}

func hash(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

func (d *Dir) read(p string, limit int64) ([]byte, error) {
	info, err := d.root.Stat(p)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() || info.Size() > limit {
		return nil, fmt.Errorf("%s is not a file of at most %d bytes", p, limit)
	}
	return d.root.ReadFile(p)
}

// Sync writes files into the directory and removes those that it wrote before and that are not in
// files. A *ForeignError or ErrBadPath is returned before anything is changed. After any other
// error, call Sync again to continue.
func (d *Dir) Sync(files []File, notes map[string]string) (Report, error) {
	var r Report
	next := manifest{Version: manifestVersion, Files: make(map[string]string, len(files)), Notes: notes}
	var foreign []string
	var write []File
	for _, f := range files {
		if _, twice := next.Files[f.Path]; twice || !valid(f.Path) {
			return Report{}, fmt.Errorf("%q: %w", f.Path, ErrBadPath)
		}
		sum := hash(f.Body)
		next.Files[f.Path] = sum
		b, err := d.read(f.Path, max(maxManifest, int64(len(f.Body))))
		_, written := d.last.Files[f.Path]
		switch {
		case err == nil && bytes.Equal(b, f.Body):
			r.Same = append(r.Same, f.Path)
			continue
		case errors.Is(err, fs.ErrNotExist):
		case !written:
			foreign = append(foreign, f.Path)
		}
		write = append(write, f)
	}
	if len(foreign) > 0 {
		slices.Sort(foreign)
		return Report{}, &ForeignError{foreign}
	}
	// First write a manifest with all old and new files, so that it lists every file that Flyleaf
	// wrote even if the program stops before it has written them all.
	both := manifest{Version: manifestVersion, Files: maps.Clone(d.last.Files), Notes: notes}
	maps.Copy(both.Files, next.Files)
	if len(write) > 0 {
		if err := d.writeManifest(both); err != nil {
			return Report{}, err
		}
	}
	for _, f := range write {
		if err := d.write(f.Path, f.Body); err != nil {
			return r, err
		}
		r.Written = append(r.Written, f.Path)
	}
	for p, sum := range d.last.Files {
		if _, needed := next.Files[p]; needed {
			continue
		}
		b, err := d.read(p, maxManifest)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			continue
		case err != nil || hash(b) != sum:
			r.Kept = append(r.Kept, p)
			continue
		}
		if err := d.root.Remove(p); err != nil {
			return r, err
		}
		r.Removed = append(r.Removed, p)
		for dir := path.Dir(p); dir != "."; dir = path.Dir(dir) {
			if d.root.Remove(dir) != nil { // not empty
				break
			}
		}
	}
	if err := d.writeManifest(next); err != nil {
		return r, err
	}
	d.last = next
	slices.Sort(r.Written)
	slices.Sort(r.Same)
	slices.Sort(r.Removed)
	slices.Sort(r.Kept)
	return r, nil
}

// writeManifest writes the manifest, if it has changed.
func (d *Dir) writeManifest(m manifest) error {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", " ")
	if err := enc.Encode(m); err != nil {
		return err
	}
	if old, err := d.read(Manifest, maxManifest); err == nil && bytes.Equal(old, b.Bytes()) {
		return nil
	}
	return d.write(Manifest, b.Bytes())
}

// write replaces a file, so that a reader sees all of the old one or all of the new one.
func (d *Dir) write(p string, body []byte) error {
	if dir := path.Dir(p); dir != "." {
		if err := d.root.MkdirAll(dir, 0o755); err != nil {
			return err
		}
	}
	part := path.Join(path.Dir(p), ".flyleaf-part-"+hash([]byte(p))[:12])
	if err := d.root.WriteFile(part, body, 0o644); err != nil {
		return errors.Join(err, d.root.RemoveAll(part))
	}
	if err := d.root.Rename(part, p); err != nil {
		return errors.Join(err, d.root.RemoveAll(part))
	}
	return nil
}
