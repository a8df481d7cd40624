// Package schema is the one table of the event document: which paths it has, what may
// stand there and how long it may be, and who may write it. It holds plain data and
// imports nothing of Flyleaf, so that every package can read it.
package schema

// The limits, in bytes of UTF-8 unless they say otherwise. What is at the limit is
// taken; what is above it is refused by every device.
const (
	MaxShort       = 300      // title, authors, language, zone, source, link text and URL, relay, winner note
	MaxDescription = 16 << 10 // event/description
	MaxName        = 200      // people/name, onBehalfOf
	MaxAbout       = 2 << 10  // people/about, draw/rule
	MaxPersonLink  = 300      // people/link
	MaxText        = 32 << 10 // one revision
	MaxTags        = 300      // a post's tags, joined by ", "
	MaxEmoji       = 32       // a reaction's emoji
	MaxReactions   = 20       // emoji of one identity on one post, those turned off included
	MaxReason      = 300      // marks/hidden, blocks
	MaxLinks       = 20       // event/links
	MaxRelays      = 8        // relays
	MaxXKeys       = 20       // x/<name> in one place
	MaxXName       = 64       // an x key
	MaxXValue      = 1 << 10  // an x value
	MaxBlob        = 40 << 10 // one blob
	MaxDraw        = 64       // draw/commit, draw/reveal
	MaxContact     = 1 << 10  // contacts
	MaxWrites      = 500      // changes in which one person writes one key
	MaxRevisions   = 250      // texts that one post ever had
)

// MaxKey returns how long a key of a type may be: a name, an emoji, or the name of an
// operation. 0: the type's form bounds it.
func MaxKey(t Type) int {
	switch t {
	case Name:
		return MaxXName
	case Emoji:
		return MaxEmoji
	case ByOperation:
		return maxOperationName
	}
	return 0
}

// maxOperationName bounds a key before it is held against the operation's name.
const maxOperationName = 64

// MaxInteger is the highest integer of the document, and -MaxInteger the lowest:
// between them integers are exact in every language that reads the document.
const MaxInteger = 1<<53 - 1

// RulesVersion is the version of the rules that new events are founded with, and the
// highest that this program knows.
const RulesVersion = 2

// TextRules is the first version of the rules that holds strings to the forms of a
// text and a line.
const TextRules = 2
