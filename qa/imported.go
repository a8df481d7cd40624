package qa

// Imported is a week as an exchange format holds it, before it becomes changes.
type Imported struct {
	Format string // "jekyll", "page", "json", "slack"
	// Source names the input in a way that is the same wherever it is imported.
	Source string
	Event  Event          // title, authors, dates, description, links, x; no ID
	Posts  []ImportedPost // in reading order, a reply after its parent
	// Skipped is what was read and not taken, with the reason.
	Skipped []Skipped
	// Cleaned counts the texts out of which characters were taken that cannot stand in
	// a text: control characters, what turns the direction of a line, and the like.
	Cleaned int `json:"Cleaned,omitempty"`
	// Guesses counts what the format does not say and the reader decided.
	Guesses int
}

// ImportedPost is one message of an import.
type ImportedPost struct {
	Parent   int    // index into Posts, -1 for a question
	Name     string // the writer's name, as it stood there; becomes OnBehalfOf
	Text     string
	AtMillis int64  // 0: not known; the importer then spreads posts over the week in order
	Source   string // names this message within Imported.Source, stable across imports; ≤ 300 bytes
	AsAuthor bool   // a carried-over answer of one of the week's authors
	Line     int    // 1-based line of the input, for the report
	Guessed  bool   // whether it opens a thread was guessed
	// X is kept with the post as its x: what came with the message and is no act of
	// anybody here, such as reactions by people who have no identity.
	X map[string]string `json:"X,omitempty"`
}

// Skipped is a piece of input that was not taken.
type Skipped struct {
	Line   int    `json:"line"` // 1-based; 0: the whole file
	Reason string `json:"reason"`
	Text   string `json:"text,omitempty"`  // the beginning of it
	Where  string `json:"where,omitempty"` // in an input of many files: which, and where in it
}
