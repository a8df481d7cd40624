// Package slack reads weeks out of a Slack export.
//
// An export is a ZIP, or the directory that it unpacks to: users.json (org_users.json on
// Enterprise Grid), channels.json, groups.json, and for each channel a directory of files
// YYYY-MM-DD.json, each a JSON array of messages. Read also accepts what other programs make
// of an export: one JSON file for each channel, dumps and archives of slackdump, lists that are
// null or inside an object, files with a byte order mark. Read reads one channel and returns
// its weeks as qa.Imported.
//
// The words of a message are read from every place where Slack puts words: text, blocks of every
// kind, forwarded and quoted messages, attachments of programs, snippets, transcriptions.
// The message's Outcome lists the omitted pieces. A field of an unexpected type loses that
// field only, not the message.
//
// Guarantees:
//   - Every message of the channel has one Outcome, which says whether it was imported and why.
//   - Threads are built from thread_ts alone. So a reply in the file of a later day or week
//     is under its question, and a deleted question keeps its place if it has replies.
//   - The same export gives the same weeks, with the same sources, on every device.
//   - Reactions are kept as reactions in Slack (qa.XReactions). They never become votes.
//
// The export may be hostile: the number of files and messages, their inflated size and the size of
// each message are bounded. Exceeding a bound returns importer.ErrTooBig. Nothing is unpacked to a
// disk.
package slack

import (
	"fmt"
	"io/fs"
	"strings"
	"time"

	"flyleaf/importer"
	"flyleaf/qa"
)

// Format is the qa.Imported.Format of weeks that this package reads.
const Format = "slack"

// Bounds of one export. A channel of five years has about 20,000 messages and 20 MiB. The
// users of a workspace of 80,000 people take 150 MiB.
const (
	MaxEntries  = 1_000_000 // files in a ZIP
	MaxDayFiles = 20_000    // of one channel
	MaxMessages = 500_000   // of one channel
	MaxUsers    = 1_000_000
	MaxElement  = 8 << 20   // bytes of one message or user
	MaxChannel  = 512 << 20 // bytes of one channel's files, inflated
	MaxUserFile = 2 << 30   // bytes of users.json, inflated
)

// Options say what to read.
type Options struct {
	// Channel is the name of the channel (with or without #) or its ID.
	Channel string
	// Day selects the week that contains it (in Zone).
	Day time.Time
	// Zone is the time zone in which weeks begin on Monday; nil: UTC.
	Zone *time.Location
	// KeepAnnouncements also imports messages that look like announcements.
	KeepAnnouncements bool
	// KeepBots also imports messages by programs: questions from a form, messages that a bridge
	// brings from another chat.
	KeepBots bool
	// Title and Authors, if not "", replace those of the announcement. They need Day. Authors
	// are names, separated by commas.
	Title, Authors string
}

// Export is what was read.
type Export struct {
	Channel string // its name
	// Weeks ascend. Each has a question, or at least a deleted message. A week with only deleted
	// messages has no posts (see qa.Imported.Deleted).
	Weeks    []Week
	Outcomes []Outcome
	// SkippedFiles are the files of the channel in which no message was found, and why.
	SkippedFiles []SkippedFile
}

// SkippedFile is a file that was not read, or that has no message.
type SkippedFile struct {
	File   string `json:"file"`
	Reason string `json:"reason"`
}

// Week is one week of the channel.
type Week struct {
	qa.Imported
	Monday string   // 2021-03-08
	Notes  []string // what the reader decided or did not find, for a person to check
}

// Result says what was done with a message.
type Result string

// The results of messages.
const (
	Question  Result = "question"  // imported; opens a thread
	Reply     Result = "reply"     // imported
	Proposed  Result = "proposed"  // an announcement: left out unless Options.KeepAnnouncements
	Skipped   Result = "skipped"   // not imported; Outcome.Reason says why
	OtherWeek Result = "otherWeek" // in another week than Options.Day
)

// Outcome says what was done with one message of the channel.
type Outcome struct {
	File  string `json:"file"`
	Index int    `json:"index"` // in the file's array, from 0
	// Within says where in the element the message is, when it is not the element itself: a
	// reply nested in its question, or a copy inside another message.
	Within string `json:"within,omitempty"`
	TS     string `json:"ts,omitempty"`
	Name   string `json:"name,omitempty"`
	Result Result `json:"fate"`
	Week   string `json:"week,omitempty"`   // its Monday
	Reason string `json:"reason,omitempty"` // why it was not imported, or what was changed
	Text   string `json:"text,omitempty"`   // its first words
	// Omitted are the pieces of the message that are not among the words of the post.
	Omitted []Omitted `json:"left,omitempty"`
}

// Omitted is a piece of a message that was not imported: a button, a file, the preview of a page.
type Omitted struct {
	Kind  string `json:"kind"` // what the piece is, in words
	Count int    `json:"count"`
	Text  string `json:"text,omitempty"` // the first words of the piece, or its name
}

// Where says where in the export the message is.
func (o *Outcome) Where() string {
	if o.Within != "" {
		return fmt.Sprintf("%s[%d] (%s)", o.File, o.Index, o.Within)
	}
	return fmt.Sprintf("%s[%d]", o.File, o.Index)
}

// AtMillis returns when the message was written, in milliseconds since 1970 UTC, and false
// when its ts is not a time.
func (o *Outcome) AtMillis() (int64, bool) { return millis(o.TS) }

// Read reads the channel that opts name. It changes nothing in fsys. An *importer.InputError
// is returned when the export is refused.
func Read(fsys fs.FS, opts Options) (Export, error) {
	if opts.Zone == nil {
		opts.Zone = time.UTC
	}
	if (opts.Title != "" || opts.Authors != "") && opts.Day.IsZero() {
		return Export{}, refuse("", importer.ErrSyntax, "--title and --by need --week, because they belong to one week")
	}
	r := &reader{opts: opts, users: map[string]user{}, channels: map[string]string{}}
	root, err := findRoot(fsys)
	if err != nil {
		return Export{}, err
	}
	if err := r.readUsers(root); err != nil {
		return Export{}, err
	}
	if err := r.findChannel(root); err != nil {
		return Export{}, err
	}
	if err := r.readDays(root); err != nil {
		return Export{}, err
	}
	r.buildThreads()
	r.nameWriters()
	weeks, err := r.weeks()
	if err != nil {
		return Export{}, err
	}
	return Export{Channel: r.channel, Weeks: weeks, Outcomes: r.outcomes(), SkippedFiles: r.skipped}, nil
}

func refuse(file string, err error, format string, args ...any) error {
	return &importer.InputError{Name: file, Err: err, Detail: fmt.Sprintf(format, args...)}
}

// reader holds an export while it is read.
type reader struct {
	opts      Options
	users     map[string]user
	channels  map[string]string // ID → name
	dirs      []string          // of the channel: one, or several after it was renamed
	files     []string          // of the channel, outside its directories
	skipped   []SkippedFile
	inArchive map[string]bool // ts of messages that were read from archives of slackdump
	channel   string          // its name
	channelID string          // "" when the export does not say
	messages  []*message      // in the order of the files
	byTS      map[string]*message
	threads   []*thread
	deleted   map[string]bool // ts of messages that another entry says were deleted
	from, to  int64           // times of the first and the last message, milliseconds since 1970
	// near maps a Monday to the ts of messages that an earlier import, with other options, may have
	// put into that week.
	near  map[string][]string
	names map[string]string // writer → the name shown
}

// outcomes returns the outcome of each message, in the order of the files.
func (r *reader) outcomes() []Outcome {
	out := make([]Outcome, len(r.messages))
	for i, m := range r.messages {
		out[i] = Outcome{File: m.file, Index: m.index, Within: m.within, TS: m.TS, Name: r.nameOf(m), Result: m.result, Week: m.week, Reason: strings.Join(m.reasons, "; "), Text: beginning(m.words), Omitted: m.omitted}
	}
	return out
}

// beginning returns the first words of s, for a report.
func beginning(s string) string { return beginningOf(s, 80) }

// beginningOf returns the first words of s, at most limit characters.
func beginningOf(s string, limit int) string {
	r := []rune(strings.Join(strings.Fields(s), " "))
	if len(r) <= limit {
		return string(r)
	}
	return string(r[:limit-1]) + "…"
}
