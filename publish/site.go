package publish

import "time"

// SiteConfig says what a site is called and where it will be.
type SiteConfig struct {
	Title       string // of the club; "" is "Book of the week"
	Description string // Markdown
	Language    string // BCP 47, of the posts; "" is en. The pages' own words are English.
	// Rules is Markdown that replaces the standard participation rules.
	Rules string
	// BaseURL is the address of the site, http or https; "" when it is not known.
	BaseURL string
	// Now decides which weeks are over.
	Now time.Time
	// Memory is what the last site.Build returned; nil the first time.
	Memory map[string]string
	// Unmodified returns the bytes of a file that was published before and is unchanged since, nil for any
	// other file. If Unmodified is nil, there are no such files.
	Unmodified func(path string) []byte `json:"-"`
}

// File is one file of a publication. Path is relative, with slashes.
type File struct {
	Path string
	Body []byte
}
