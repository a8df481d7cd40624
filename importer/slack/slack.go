// Package slack reads weeks out of a Slack export.
//
// An export is a ZIP, or the directory it unpacks to: users.json (org_users.json on
// Enterprise Grid), channels.json, groups.json, and for each channel a directory of
// files YYYY-MM-DD.json, each a JSON array of messages. What other programs make of it
// is read too: one JSON file for each channel, slackdump's dumps with their nested threads, its
// compressed archives,
// lists that are null or inside of an object, a byte order mark. Read takes one channel of
// it and gives the weeks it holds, as qa.Imported.
//
// Words are taken from wherever Slack puts them: text, blocks of every kind, forwarded and
// quoted messages, what programs attached, snippets and transcriptions. What of a message
// is not taken stands in its Outcome. A field of an unexpected type costs
// that field, not the message.
//
// Guarantees: every message of the channel has one Outcome, which says what became
// of it and why; nothing is dropped in silence. Threads are built from thread_ts
// alone, so replies that lie in files of later days and weeks stand under their
// question, and a question that was deleted keeps its place above the replies that
// live. The same export gives the same weeks, with the same sources, on every
// device. Nobody's reaction becomes a vote: reactions are kept as what they were
// (qa.XReactions).
//
// The export is hostile until read: the number of files and messages, their
// inflated size and the size of each message are bounded, and a bound that is
// reached is an error with a name. Nothing is unpacked to a disk.
package slack

import (
	"fmt"
	"io/fs"
	"strings"
	"time"

	"flyleaf/importer"
	"flyleaf/qa"
)

// Format is qa.Imported.Format of what this package reads.
const Format = "slack"

// Bounds of one export. A channel of five years has some 20,000 messages and 20 MiB;
// the users of a workspace of 80,000 people take 150 MiB.
const (
	MaxEntries  = 1_000_000 // files in a ZIP
	MaxDayFiles = 20_000    // of one channel
	MaxMessages = 500_000   // of one channel
	MaxUsers    = 1_000_000
	MaxElement  = 8 << 20   // bytes of one message or user
	MaxChannel  = 512 << 20 // bytes of one channel's files, inflated
	MaxUserFile = 2 << 30   // bytes of users.json, inflated
)

// Options say what of an export is wanted.
type Options struct {
	// Channel is the name of the channel (with or without #) or its ID.
	Channel string
	// Day chooses the week that holds it, in Zone; the zero time: all weeks.
	Day time.Time
	// Zone is where the weeks begin on Monday; nil: UTC.
	Zone *time.Location
	// KeepAnnouncements takes what looks like an announcement too.
	KeepAnnouncements bool
	// KeepBots takes what programs wrote too: the questions of a form, what a bridge brings
	// from another chat.
	KeepBots bool
	// Title and Authors, where not "", stand instead of what an announcement says;
	// they go with Day. Authors are names, separated by commas.
	Title, Authors string
}

// Export is what was read.
type Export struct {
	Channel string // its name
	// Weeks ascend. They have a question, or at least a message that was deleted: then they
	// hold no posts, and say only that (qa.Imported.Deleted).
	Weeks    []Week
	Outcomes []Outcome
	// PassedOver are the files of the channel that gave no message, and why.
	PassedOver []PassedOver
}

// PassedOver is a file that was not read, or holds no message.
type PassedOver struct {
	File   string `json:"file"`
	Reason string `json:"reason"`
}

// Week is one week of the channel.
type Week struct {
	qa.Imported
	Monday string   // 2021-03-08
	Notes  []string // what the reader decided, or did not find, for a person to check
}

// Fate says what became of a message.
type Fate string

// What becomes of messages.
const (
	Question  Fate = "question"  // taken, opens a thread
	Reply     Fate = "reply"     // taken
	Proposed  Fate = "proposed"  // an announcement: left out unless KeepAnnouncements
	Skipped   Fate = "skipped"   // not taken; Reason says why
	OtherWeek Fate = "otherWeek" // not of the week that is wanted
)

// Outcome accounts for one message of the channel, in the order of the files.
type Outcome struct {
	File  string `json:"file"`
	Index int    `json:"index"` // in the file's array, from 0
	// Within is where in that element the message stands, when it is not the element
	// itself: a reply that is nested in its question, or a copy inside of another message.
	Within string `json:"within,omitempty"`
	TS     string `json:"ts,omitempty"`
	Name   string `json:"name,omitempty"`
	Fate   Fate   `json:"fate"`
	Week   string `json:"week,omitempty"`   // the Monday, of what was taken or proposed
	Reason string `json:"reason,omitempty"` // why not, or what was changed
	Text   string `json:"text,omitempty"`   // the beginning
	// Left is what of the message, taken or not, is not among its words here.
	Left []Left `json:"left,omitempty"`
}

// Left is what stood in a message and was not taken: buttons, a file, the preview of a page.
type Left struct {
	Kind  string `json:"kind"` // what it is, in words
	Count int    `json:"count"`
	Text  string `json:"text,omitempty"` // what it says or is called, the beginning
}

// Where says where in the export the message stands.
func (o *Outcome) Where() string {
	if o.Within != "" {
		return fmt.Sprintf("%s[%d] (%s)", o.File, o.Index, o.Within)
	}
	return fmt.Sprintf("%s[%d]", o.File, o.Index)
}

// AtMillis returns when the message was written, in milliseconds since 1970 UTC, and false
// when its ts is no time.
func (o *Outcome) AtMillis() (int64, bool) { return millis(o.TS) }

// Read reads the channel that opts name. An *importer.InputError is returned when
// the export is refused; fsys is then as it was, like always.
func Read(fsys fs.FS, opts Options) (Export, error) {
	if opts.Zone == nil {
		opts.Zone = time.UTC
	}
	if (opts.Title != "" || opts.Authors != "") && opts.Day.IsZero() {
		return Export{}, refuse("", importer.ErrSyntax, "a title or authors go with one week")
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
	r.thread()
	r.nameWriters()
	weeks, err := r.weeks()
	if err != nil {
		return Export{}, err
	}
	return Export{Channel: r.channel, Weeks: weeks, Outcomes: r.outcomes(), PassedOver: r.passed}, nil
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
	files     []string          // of the channel, outside of directories
	passed    []PassedOver
	inArchive map[string]bool // ts of what one of slackdump's archives has given
	channel   string          // its name
	channelID string          // "" when the export does not say
	messages  []*message      // in the order of the files
	byTS      map[string]*message
	threads   []*thread
	deleted   map[string]bool // ts of messages that an entry says were deleted
	from, to  int64           // of the first and the last message, milliseconds since 1970
	// near are, by week, the messages that are or may once have been in it.
	near  map[string][]string
	names map[string]string // writer → the name shown
}

// outcomes returns what became of each message.
func (r *reader) outcomes() []Outcome {
	out := make([]Outcome, len(r.messages))
	for i, m := range r.messages {
		out[i] = Outcome{File: m.file, Index: m.index, Within: m.within, TS: m.TS, Name: r.nameOf(m), Fate: m.fate, Week: m.week, Reason: strings.Join(m.reasons, "; "), Text: beginning(m.words), Left: m.left}
	}
	return out
}

// beginning returns the first words of s.
func beginning(s string) string { return beginningOf(s, 80) }

// beginningOf returns the first words of s, at most limit characters.
func beginningOf(s string, limit int) string {
	r := []rune(strings.Join(strings.Fields(s), " "))
	if len(r) <= limit {
		return string(r)
	}
	return string(r[:limit-1]) + "…"
}
