// Package schema defines the event document in one table: its paths, the type and maximum length of
// each value, and who may write it. It holds plain data and imports nothing of Flyleaf, so that
// every package can read it.
package schema

// The limits, in bytes of UTF-8 or as numbers of items. A value may reach its limit.
const (
	MaxShort       = 300      // title, authors, language, zone, source, link text and URL, relay, winner note
	MaxDescription = 16 << 10 // event/description
	MaxName        = 200      // people/name, onBehalfOf
	MaxAbout       = 2 << 10  // people/about, draw/rule
	MaxPersonLink  = 300      // people/link
	MaxText        = 32 << 10 // one revision
	MaxTags        = 300      // a post's tags, joined by ", "
	MaxEmoji       = 32       // a reaction's emoji
	MaxReactions   = 20       // including removed ones
	MaxReason      = 300      // marks/hidden, blocks
	MaxLinks       = 20       // event/links
	MaxRelays      = 8        // relays
	MaxXKeys       = 20       // extra fields of one event or post
	MaxXName       = 64       // an x key
	MaxXValue      = 1 << 10  // an x value
	MaxBlob        = 40 << 10 // one blob
	MaxDraw        = 64       // draw/commit, draw/reveal
	MaxContact     = 1 << 10  // contacts
	MaxWrites      = 500      // changes in which one person writes one key
	MaxRevisions   = 250      // texts that one post ever had
)

// MaxKey returns how many bytes a key of a type may have; 0 if the type fixes the length.
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

// maxOperationName bounds a key before it is compared with the operation's ID.
const maxOperationName = 64

// MaxInteger is the highest integer in the document, and -MaxInteger the lowest. Integers in this
// range are exact in every language that reads the document.
const MaxInteger = 1<<53 - 1

// RulesVersion is the version of the rules of new events, and the highest that this program
// knows.
const RulesVersion = 2

// TextRules is the first rules version that checks the characters of strings (qa.CheckText).
const TextRules = 2
