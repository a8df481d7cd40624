package qa

import (
	"crypto/sha256"
	"encoding/hex"
	"regexp"
)

// Imported is a week that was read from a file or export, before it is written as changes.
type Imported struct {
	Format string // "jekyll", "page", "json", "slack"
	// Source identifies the input; it is the same on every device.
	Source string
	// SourceFromTitle says that the input has no name of its own: Source was made from
	// the format, the first day and the title, so that a corrected title or day gives
	// the same week another source.
	SourceFromTitle bool           `json:"SourceFromTitle,omitempty"`
	Event           Event          // title, authors, dates, description, links, x; no ID
	Posts           []ImportedPost // in reading order, a reply after its parent
	// Skipped is what was read and not taken, with the reason.
	Skipped []Skipped
	// Remarks say what the person should know of what was taken.
	Remarks []Remark `json:"Remarks,omitempty"`
	// Unpublished says that the input is a page that its own site does not show.
	Unpublished bool `json:"Unpublished,omitempty"`
	// Cleaned counts the texts from which invalid characters were removed (control characters,
	// direction overrides).
	Cleaned int `json:"Cleaned,omitempty"`
	// Guesses counts what the format does not say and the reader decided.
	Guesses int

	// What the input says, beside Posts, about messages that an earlier version of it may
	// have held; each is named by its source (ImportedPost.Source).
	//
	// Deleted were deleted where the input comes from. A post of Posts that is among them
	// holds a line in the place of its words.
	Deleted []string `json:",omitempty"`
	// Absent are posts of Posts whose words the input does not hold, though they were not deleted.
	Absent []string `json:",omitempty"`
	// Present are messages that the input holds and that are left out of Posts.
	Present []string `json:",omitempty"`
	// The input is complete between these times, in milliseconds since 1970 UTC; 0: without a bound.
	FromMillis, ToMillis int64 `json:",omitempty"`

	// Accept is what the person who imports has chosen.
	Accept ImportChoice `json:",omitzero"`
}

// ImportChoice selects which differences a repeated import applies. By default none.
type ImportChoice struct {
	Revise   bool // edits, as revisions
	Withdraw bool // deletions, as withdrawals
}

// The ways in which an input can differ from the posts that an earlier import made of it.
const (
	ChangedText      = "text"      // edited there
	ChangedDeleted   = "deleted"   // deleted there, as the input says
	ChangedMissing   = "missing"   // no longer in the input, which does not say why
	ChangedName      = "name"      // its writer has another name there
	ChangedReactions = "reactions" // it has other reactions there
	ChangedWeek      = "week"      // what is said of the week itself; Name is the field, there is no Post
)

// ImportChange is a post of an earlier import that the input has otherwise now, or has no
// longer, or such a field of the week.
type ImportChange struct {
	Post     PostID `json:"post"`
	Source   string `json:"source"`
	Name     string `json:"name"` // of the writer, as it stands here; of the field, such as "title"
	AtMillis int64  `json:"at"`
	Kind     string `json:"kind"` // one of the Changed constants
	// Was and Is are the beginnings of the text, or the names, here and there.
	Was string `json:"was,omitempty"`
	Is  string `json:"is,omitempty"`
	// Applied: it was brought in now.
	Applied bool `json:"done,omitempty"`
	// NotApplied is the reason why a requested difference was not applied.
	NotApplied string `json:"kept,omitempty"`
}

// ImportedPost is one message of an import.
type ImportedPost struct {
	Parent   int    // index into Posts, -1 for a question
	Name     string // the writer's name, as it stood there; becomes OnBehalfOf
	Text     string
	AtMillis int64  // 0: not known; the importer then spreads posts over the week in order
	Source   string // names this message within Imported.Source, stable across imports; ≤ 300 bytes
	AsAuthor bool   // an imported answer by an author of the week
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

// SourceByText makes a source from writer and text, for messages without an ID. It does not depend
// on position or nesting. So if a page has grown, or somebody has corrected its threads, an import
// adds only new messages. An edited message gets another source.
func SourceByText(week, name, text string) string {
	sum := sha256.Sum256([]byte(name + "\x00" + text))
	return week + "#" + hex.EncodeToString(sum[:8])
}

// byText is the end of such a name, with a number where the same was written again.
var byText = regexp.MustCompile(`#[0-9a-f]{16}(?:-\d+)?$`)

// IsSourceByText reports whether a source was made by SourceByText.
func IsSourceByText(source string) bool { return byText.MatchString(source) }

// Remark is something to know of a piece of input that was taken.
type Remark struct {
	Line int    `json:"line"` // 1-based; 0: the whole file
	Text string `json:"text"` // whole sentences
}

// NoName stands for a writer whose name the input leaves empty: without any name
// the message would appear to be the importer's own. WriteJekyll writes it as
// the empty name it was.
const NoName = "(no name)"
