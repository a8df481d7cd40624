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
	// SourceFromTitle: the input does not identify itself, so Source was made from the format, the first
	// day and the title. The same week with a corrected title or day has another source.
	SourceFromTitle bool           `json:"SourceFromTitle,omitempty"`
	Event           Event          // title, authors, dates, description, links, x; no ID
	Posts           []ImportedPost // in reading order, a reply after its parent
	// Skipped has the parts of the input that are not imported, with the reasons.
	Skipped []Skipped
	// Remarks tell the person about the parts that are imported.
	Remarks []Remark `json:"Remarks,omitempty"`
	// Unpublished: the input is a page that its own site does not show.
	Unpublished bool `json:"Unpublished,omitempty"`
	// Cleaned counts the texts from which invalid characters were removed (control characters,
	// direction overrides).
	Cleaned int `json:"Cleaned,omitempty"`
	// Guesses counts the facts that the format does not state and that the reader guessed.
	Guesses int

	// The next fields are about messages that an earlier version of the input may have contained. They are
	// lists of sources (ImportedPost.Source).
	//
	// Deleted: messages that were deleted in the original. If one of them is in Posts, its text is a
	// placeholder.
	Deleted []string `json:",omitempty"`
	// Absent: messages in Posts whose text is not in the input, although they were not deleted.
	Absent []string `json:",omitempty"`
	// Present: messages that are in the input and not in Posts.
	Present []string `json:",omitempty"`
	// The input is complete between these times, in milliseconds since 1970 UTC; 0: without a bound.
	FromMillis, ToMillis int64 `json:",omitempty"`

	// Accept is the choice of the person who imports.
	Accept ImportChoice `json:",omitzero"`
}

// Count counts the posts.
func (w *Imported) Count() (questions, replies int) {
	for i := range w.Posts {
		if w.Posts[i].Parent < 0 {
			questions++
		}
	}
	return questions, len(w.Posts) - questions
}

// ImportChoice selects which differences a repeated import applies. By default none.
type ImportChoice struct {
	Revise   bool // edits, as revisions
	Withdraw bool // deletions, as withdrawals
}

// The ways in which an input can differ from the posts that an earlier import made of it.
const (
	ChangedText      = "text"      // edited in the original
	ChangedDeleted   = "deleted"   // deleted in the original, as the input says
	ChangedMissing   = "missing"   // no longer in the input, which does not say why
	ChangedName      = "name"      // the writer has another name in the input
	ChangedReactions = "reactions" // the post has other reactions in the input
	ChangedWeek      = "week"      // a field of the week: Name is the field, and Post is ""
)

// ImportChange is a difference between the input and a post of an earlier import, or a field of the week.
type ImportChange struct {
	Post     PostID `json:"post"`
	Source   string `json:"source"`
	Name     string `json:"name"` // of the writer, as on this device; or of the field, such as "title"
	AtMillis int64  `json:"at"`
	Kind     string `json:"kind"` // one of the Changed constants
	// Was and Is are the beginnings of the texts, or the names: on this device, and in the input.
	Was string `json:"was,omitempty"`
	Is  string `json:"is,omitempty"`
	// Applied: this import applied the difference.
	Applied bool `json:"done,omitempty"`
	// NotApplied is the reason why a requested difference was not applied.
	NotApplied string `json:"kept,omitempty"`
}

// ImportedPost is one message of an import.
type ImportedPost struct {
	Parent   int    // index into Posts, -1 for a question
	Name     string // the writer's name in the input; becomes OnBehalfOf
	Text     string
	AtMillis int64  // 0: not known; the importer then spreads posts over the week in order
	Source   string // names this message within Imported.Source, stable across imports; ≤ 300 bytes
	AsAuthor bool   // an imported answer by an author of the week
	Line     int    // 1-based line of the input, for the report
	Guessed  bool   // whether it opens a thread was guessed
	// X becomes the post's x: data of the message that nobody here wrote, such as reactions of people
	// without an identity.
	X map[string]string `json:"X,omitempty"`
}

// Skipped is a part of the input that is not imported.
type Skipped struct {
	Line   int    `json:"line"` // 1-based; 0: the whole file
	Reason string `json:"reason"`
	Text   string `json:"text,omitempty"`  // the beginning of the part
	Where  string `json:"where,omitempty"` // if the input has many files: the file, and the place in it
}

// SourceByText makes a source from writer and text, for messages without an ID. It does not depend
// on position or nesting. So if a page has grown, or somebody has corrected its threads, an import
// adds only new messages. An edited message gets another source.
func SourceByText(week, name, text string) string {
	sum := sha256.Sum256([]byte(name + "\x00" + text))
	return week + "#" + hex.EncodeToString(sum[:8])
}

// byText matches the end of a source by text. A number follows if the same text occurs again.
var byText = regexp.MustCompile(`#[0-9a-f]{16}(?:-\d+)?$`)

// IsSourceByText reports whether a source was made by SourceByText.
func IsSourceByText(source string) bool { return byText.MatchString(source) }

// Remark tells the person about a part of the input that is imported.
type Remark struct {
	Line int    `json:"line"` // 1-based; 0: the whole file
	Text string `json:"text"` // whole sentences
}

// NoName is the name of a writer whose name is empty in the input. Without a name the message would appear
// to be the importer's own. WriteJekyll writes it as an empty name.
const NoName = "(no name)"
