package importer

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"strings"

	"flyleaf/qa"
)

// Limits on what is read from a site. A real one has some hundred pages and 200 people.
const (
	maxPages      = 10_000
	maxSite       = 256 << 20 // bytes of all its pages
	maxPeople     = 10_000
	maxPersonFile = 256 << 10 // bytes
	maxSiteConfig = 1 << 20   // bytes
)

// BooksFolder is the folder of a site's weeks, below its CollectionsDir.
const BooksFolder = "_books"

// PeopleFolders are the folders of a site's pages about people, below its CollectionsDir.
var PeopleFolders = []string{"_people", "people"}

// SitePage is a page of a site: a week, or why it cannot be read.
type SitePage struct {
	Name string // with slashes, below the folder
	Week qa.Imported
	Err  error // says that nothing was imported
}

// ReadPages reads the pages of a collection's folder, by path, ascending, and returns the skipped files. collection is
// the folder's name within its site. people are the names for the short names that the pages use. An error is returned
// if the folder cannot be read, or is beyond the limits.
func ReadPages(fsys fs.FS, collection string, c SiteConfig, people map[string]string) (pages []SitePage, skipped []SkippedFile, err error) {
	names, skipped, err := SitePages(fsys, collection, c)
	if err != nil {
		return nil, nil, err
	}
	if len(names) > maxPages {
		return nil, nil, fmt.Errorf("the folder contains %d pages, but at most %d can be imported at once; nothing was imported", len(names), maxPages)
	}
	size := 0
	for _, name := range names {
		p := SitePage{Name: name}
		b, err := readFile(fsys, name, MaxInput)
		if size += len(b); size > maxSite {
			return nil, nil, fmt.Errorf("the pages have more than %d MB; nothing was imported", maxSite>>20)
		}
		switch {
		case err != nil:
			p.Err = fmt.Errorf("%s: it cannot be read: %s; nothing was imported", name, reasonOf(err))
		case !HasFrontMatter(b):
			skipped = append(skipped, SkippedFile{name, "it has no front matter, so Jekyll does not treat it as a page"})
			continue
		default:
			p.Week, p.Err = ReadJekyll(name, b, people)
		}
		if p.Err == nil && p.Week.Unpublished {
			skipped = append(skipped, SkippedFile{name, "its front matter says published: false, so the site does not show it; to import it, import the file by itself"})
			continue
		}
		pages = append(pages, p)
	}
	return pages, skipped, nil
}

// readFile reads a file. Of a larger one it reads a byte more than limit, so that its reader can tell.
func readFile(fsys fs.FS, name string, limit int64) ([]byte, error) {
	f, err := fsys.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", name, err)
	}
	return b, nil
}

// ReadConfig reads the _config.yml of a site. Without one it returns Jekyll's defaults, which it also returns with an
// error.
func ReadConfig(site fs.FS) (SiteConfig, error) {
	for _, name := range []string{"_config.yml", "_config.yaml"} {
		b, err := readFile(site, name, maxSiteConfig)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			continue
		case err == nil && len(b) > maxSiteConfig:
			err = fmt.Errorf("%s has more than %d bytes", name, maxSiteConfig)
		}
		if err != nil {
			c, _ := ReadSiteConfig("", nil)
			return c, err
		}
		return ReadSiteConfig(name, b)
	}
	return ReadSiteConfig("", nil)
}

// SkippedConfig reports that a _config.yml was not used because ReadConfig returned an error.
func SkippedConfig(file string, err error) SkippedFile {
	return SkippedFile{file, "it cannot be read (" + err.Error() + "), so Jekyll's default settings were used"}
}

// ReadPeople returns the names in a site's pages about people, by the short names that other pages use. It is empty
// if the site has no such pages. open opens a folder of the site; an error means that there is none.
func ReadPeople(c SiteConfig, open func(dir string) (fs.FS, error)) map[string]string {
	files := map[string][]byte{}
	for _, dir := range PeopleFolders {
		f, err := open(path.Join(".", c.CollectionsDir, dir))
		if err != nil {
			continue
		}
		pages, _, err := SitePages(f, dir, c)
		if err != nil {
			pages = nil
		}
		for _, name := range pages {
			if len(files) >= maxPeople {
				break
			}
			if b, err := readFile(f, name, maxPersonFile-1); err == nil {
				files[name] = b
			}
		}
		if closer, ok := f.(io.Closer); ok {
			_ = closer.Close() // opened for reading only
		}
	}
	return PeopleFromFiles(files)
}

// ReadSite reads the weeks of a whole site without symbolic links, such as the contents of a ZIP: the pages in its folder
// _books, or all its pages. The site may be in a folder of its own.
func ReadSite(site fs.FS) (pages []SitePage, skipped []SkippedFile, err error) {
	c, configErr := ReadConfig(site)
	books := path.Join(".", c.CollectionsDir, BooksFolder)
	folder, err := openDir(site, books)
	if err != nil {
		if dir, ok := onlyFolder(site); ok {
			inner, err := fs.Sub(site, dir)
			if err != nil {
				return nil, nil, err
			}
			return ReadSite(inner)
		}
		folder, books, c.CollectionsDir = site, ".", ""
	}
	if configErr != nil {
		skipped = append(skipped, SkippedConfig("_config.yml", configErr))
	}
	people := ReadPeople(c, func(dir string) (fs.FS, error) { return openDir(site, dir) })
	pages, more, err := ReadPages(folder, books, c, people)
	return pages, append(skipped, more...), err
}

// openDir returns a folder of a site.
func openDir(site fs.FS, dir string) (fs.FS, error) {
	if _, err := fs.ReadDir(site, dir); err != nil {
		return nil, err
	}
	return fs.Sub(site, dir)
}

// onlyFolder returns the folder in which everything is, as in the ZIP that a program makes of a folder.
func onlyFolder(site fs.FS) (dir string, ok bool) {
	entries, err := fs.ReadDir(site, ".")
	for _, e := range entries {
		switch name := e.Name(); {
		case strings.HasPrefix(name, ".") || name == "__MACOSX":
		case dir != "" || !e.IsDir():
			return "", false
		default:
			dir = name
		}
	}
	return dir, err == nil && dir != ""
}
