package main

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"unicode/utf8"

	"flyleaf/importer"
)

// folder is a folder with untrusted content. Symbolic links cannot lead out of it, and only files and
// folders can be opened, because opening a pipe would block. It implements fs.FS, so names use
// slashes; they are taken literally, not as patterns.
type folder struct {
	root *os.Root
	fs   fs.FS
}

func openFolder(dir string) (*folder, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	return &folder{root, root.FS()}, nil
}

// openFolderIn opens a folder of a site. A symbolic link that leads out of the site is an error.
func openFolderIn(site, name string) (*folder, error) {
	outer, err := os.OpenRoot(site)
	if err != nil {
		return nil, err
	}
	defer outer.Close()
	root, err := outer.OpenRoot(filepath.FromSlash(name))
	if err != nil {
		return nil, err
	}
	return &folder{root, root.FS()}, nil
}

func (f *folder) Close() error { return f.root.Close() }

// errNotRegular is returned for anything that is neither a file nor a folder.
var errNotRegular = errors.New("it is a pipe, a socket or a device, not a file")

// Open opens a file or a folder. For any other kind it returns an error at once.
func (f *folder) Open(name string) (fs.File, error) {
	if !utf8.ValidString(name) {
		return nil, &fs.PathError{Op: "open", Path: name, Err: errors.New("its name is not UTF-8; rename it")}
	}
	if !fs.ValidPath(name) {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrInvalid}
	}
	// Non-blocking, because a pipe may have replaced the file since it was listed.
	file, err := f.root.OpenFile(filepath.FromSlash(name), os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	info, err := file.Stat()
	if err == nil && !info.Mode().IsRegular() && !info.IsDir() {
		err = &fs.PathError{Op: "open", Path: name, Err: errNotRegular}
	}
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return file, nil
}

// Stat follows symbolic links within the folder.
func (f *folder) Stat(name string) (fs.FileInfo, error) { return fs.Stat(f.fs, name) }

// ReadDir lists a folder, by name.
func (f *folder) ReadDir(name string) ([]fs.DirEntry, error) { return fs.ReadDir(f.fs, name) }

// readConfig reads the _config.yml of a site, see importer.ReadConfig.
func readConfig(site string) (importer.SiteConfig, error) {
	f, err := openFolder(site)
	if err != nil {
		return importer.ReadSiteConfig("", nil)
	}
	defer f.Close()
	return importer.ReadConfig(f)
}

// peopleOfSite returns the names in a site's pages about people, see importer.ReadPeople.
func peopleOfSite(site string, c importer.SiteConfig) map[string]string {
	return importer.ReadPeople(c, func(dir string) (fs.FS, error) { return openFolderIn(site, dir) })
}

// maxParents is how many folders above a page's folder are searched for people; for
// _books/2025/spring/page.md, three are needed.
const maxParents = 4

// peopleForPage reads the pages about people for a single page, from the nearest folder above its
// folder that contains a folder for such pages.
func peopleForPage(file string) map[string]string {
	if file == "-" {
		return nil
	}
	at := filepath.Dir(file)
	if whole, err := filepath.Abs(at); err == nil {
		at = whole
	}
	for range maxParents {
		at = filepath.Dir(at)
		for _, dir := range importer.PeopleFolders {
			if info, err := os.Stat(filepath.Join(at, dir)); err == nil && info.IsDir() {
				c, _ := readConfig(at) // on error, c has Jekyll's defaults
				return peopleOfSite(at, c)
			}
		}
	}
	return nil
}
