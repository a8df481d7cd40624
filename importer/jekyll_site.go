package importer

import (
	"errors"
	"io/fs"
	"path"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Which files of a Jekyll collection are pages, by Jekyll's own rules (its EntryFilter
// and Collection):
//
//   - A file is not a page if its name, or its path within the collection, begins with "_", ".",
//     "#" or "~", or if its name ends with "~" (templates, drafts, editor backup files).
//   - Files matched by `exclude` are not pages; files matched by `include` are pages in any case.
//   - Subfolders of the collection's folder are searched too.
//   - Jekyll copies a file without front matter unchanged; it is not a page. ReadJekyll detects
//     such files, and pages whose front matter says `published: false`.
//
// Only pages with a Markdown extension (`markdown_ext`) are weeks.

// SiteConfig holds the settings of _config.yml that decide which files are pages.
type SiteConfig struct {
	Exclude, Include []string // patterns, of paths below the site's folder
	MarkdownExt      []string // endings without a dot, in lower case
	CollectionsDir   string   // the parent folder of the collections; "" is the site's folder
}

// markdownExt are Jekyll's endings of Markdown.
var markdownExt = []string{"markdown", "mkdown", "mkdn", "mkd", "md"}

// maxPatterns bounds the patterns that are read from a configuration.
const maxPatterns = 1000

// ReadSiteConfig reads a site's _config.yml. With b == nil, or on an error, it returns the
// defaults. An *InputError is returned when b cannot be read.
func ReadSiteConfig(name string, b []byte) (SiteConfig, error) {
	c := SiteConfig{MarkdownExt: markdownExt}
	if b == nil {
		return c, nil
	}
	s, err := clean(name, b)
	if err != nil {
		return c, err
	}
	// Jekyll accepts a list or a single string.
	var in struct {
		Exclude, Include yaml.Node
		MarkdownExt      string `yaml:"markdown_ext"`
		CollectionsDir   string `yaml:"collections_dir"`
	}
	if err := yaml.Unmarshal([]byte(s), &in); err != nil {
		line, what := yamlLine(err, 1)
		return c, refuse(name, line, ErrSyntax, "%s", what)
	}
	list := func(n *yaml.Node) (out []string) {
		if n.Kind == yaml.ScalarNode {
			return []string{n.Value}
		}
		for _, item := range n.Content {
			if item.Kind == yaml.ScalarNode && len(out) < maxPatterns {
				out = append(out, item.Value)
			}
		}
		return out
	}
	c.Exclude, c.Include = list(&in.Exclude), list(&in.Include)
	if in.MarkdownExt != "" {
		c.MarkdownExt = nil
		for ext := range strings.SplitSeq(strings.ToLower(in.MarkdownExt), ",") {
			c.MarkdownExt = append(c.MarkdownExt, strings.TrimSpace(ext))
		}
	}
	if dir := path.Clean("/" + in.CollectionsDir)[1:]; fs.ValidPath(dir) {
		c.CollectionsDir = dir
	}
	return c, nil
}

// matches reports whether a pattern of `exclude` or `include` names a path: if the pattern equals
// the path, is a prefix of it, or matches it as a glob whose * also matches slashes.
func (SiteConfig) matches(patterns []string, name string) bool {
	slashes := strings.NewReplacer("/", "\x00", "[!", "[^")
	for _, p := range patterns {
		p = strings.TrimPrefix(path.Clean("/"+p), "/")
		if p == "" {
			continue
		}
		if strings.HasPrefix(name, p) {
			return true
		}
		if ok, err := path.Match(slashes.Replace(p), strings.ReplaceAll(name, "/", "\x00")); ok && err == nil {
			return true
		}
	}
	return false
}

// SkippedFile is a file that is not imported, with the reason.
type SkippedFile struct {
	File   string `json:"file"` // with slashes, below the folder
	Reason string `json:"reason"`
}

// maxEntries bounds the files that SitePages looks at.
const maxEntries = 100_000

// ErrTooManyFiles is returned by SitePages for a folder with more files than it looks at.
var ErrTooManyFiles = errors.New("the folder has more than 100,000 files. Nothing was read")

// SitePages returns the pages of a collection's folder by path, ascending, and the skipped files.
// collection is the folder's name within its site, such as _books. Symbolic links to files
// are followed if fsys allows it; links to folders are not. An error is returned only if the folder
// itself cannot be read, or ErrTooManyFiles. Files and subfolders that cannot be read are skipped.
func SitePages(fsys fs.FS, collection string, c SiteConfig) (pages []string, skipped []SkippedFile, err error) {
	n := 0
	skip := func(name, reason string) { skipped = append(skipped, SkippedFile{name, reason}) }
	err = fs.WalkDir(fsys, ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil && name == ".":
			return err
		case err != nil:
			skip(name, "cannot be read: "+reasonOf(err))
			return nil
		case name == ".":
			return nil
		}
		if n++; n > maxEntries {
			return ErrTooManyFiles
		}
		if d.IsDir() {
			// Jekyll skips every file below a hidden top-level folder, because the path starts with
			// a dot. Report the folder once instead of each file.
			if !strings.Contains(name, "/") && isIgnored(name) && len(c.Include) == 0 {
				skip(name+"/", ignoredReason(name))
				return fs.SkipDir
			}
			return nil
		}
		inSite := path.Join(collection, name)
		included := c.matches(c.Include, inSite) || c.matches(c.Include, path.Base(name))
		switch {
		case strings.HasSuffix(name, "."):
			skip(name, "Jekyll skips names that end with a full stop")
			return nil
		case !included && c.matches(c.Exclude, inSite):
			skip(name, "the site's _config.yml excludes it")
			return nil
		case !included && isIgnored(name):
			skip(name, ignoredReason(name))
			return nil
		case !included && isIgnored(path.Base(name)):
			skip(name, ignoredReason(path.Base(name)))
			return nil
		case !included && strings.HasSuffix(name, "~"):
			skip(name, "Jekyll skips names that end with ~: copies that editors make")
			return nil
		}
		mode := d.Type()
		if mode&fs.ModeSymlink != 0 {
			info, err := fs.Stat(fsys, name)
			switch {
			case err != nil:
				skip(name, "it is a link to something that is not in this folder")
				return nil
			case info.IsDir():
				skip(name, "a link to a folder. Pages in that folder are imported only if it is inside this folder")
				return nil
			}
			mode = info.Mode().Type()
		}
		if !mode.IsRegular() {
			skip(name, "not a regular file, but a pipe, a socket or a device")
			return nil
		}
		ext := strings.ToLower(strings.TrimPrefix(path.Ext(name), "."))
		if !slices.Contains(c.MarkdownExt, ext) {
			skip(name, "its name has no Markdown extension (."+strings.Join(c.MarkdownExt, ", .")+")")
			return nil
		}
		pages = append(pages, name)
		return nil
	})
	if err != nil {
		return nil, nil, err
	}
	slices.Sort(pages)
	return pages, skipped, nil
}

// isIgnored reports whether Jekyll ignores files and folders whose names begin like this.
func isIgnored(name string) bool { return strings.IndexByte("._#~", name[0]) >= 0 }

func ignoredReason(name string) string {
	what := map[byte]string{'_': "templates and drafts", '.': "hidden files", '#': "copies that editors make", '~': "copies that editors make"}
	return "Jekyll skips names that begin with " + name[:1] + ": " + what[name[0]]
}

// reasonOf returns the text of a file system's error without the path, which the report already
// names.
func reasonOf(err error) string {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err.Error()
	}
	return err.Error()
}
