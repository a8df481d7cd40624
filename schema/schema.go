package schema

// Map is one of the maps that the document is made of. Every map of one kind, such as
// each person's, has the same keys.
type Map uint8

// The maps. NoMap is a value, and an object that is no map. Unknown is a map that the
// schema does not have: events with later rules may hold some.
const (
	NoMap Map = iota
	Unknown
	MapRoot
	MapEvent
	MapLinks
	MapLink
	MapEventX
	MapClub
	MapClubX
	MapPeople
	MapPerson
	MapRoles
	MapRolesOf // one person's roles
	MapBlocks
	MapClaims
	MapPosts
	MapPost
	MapRevisions
	MapReactions
	MapReactionsOf // one person's reactions to one post
	MapMarks
	MapAssigned
	MapCandidate
	MapPostX
	MapWinners
	MapWinnersOf // one person's choices
	MapDraw
	MapCommit
	MapReveal
	MapContacts
	MapBlobs
	MapRelays
	MapWeeks
	MapWeek
	Maps // how many there are
)

// Type is what stands at a path: a map, or a value of one type and form. Keys that are
// names rather than fixed words have one of these types, too.
type Type uint8

// The types. Text to PostID are strings of Automerge, Time is its int, Number its uint,
// Flag its two truth values. The last four are types of keys only.
const (
	IsMap    Type = iota
	Text          // words of any number of lines
	Line          // words on one line
	Word          // one of Row.Words
	Identity      // 64 lower-case hex characters: a public key
	Hash          // 64 lower-case hex characters: a SHA-256
	EventID
	PostID
	Time   // ms since 1970 UTC, from -MaxInteger to MaxInteger
	Number // 0 to MaxInteger
	Flag
	Bytes

	ByOperation // the ID that follows from the operation: a post's or a revision's
	Index       // 0 to Row.Most-1 in decimal
	Name        // a line of 1 to MaxXName bytes
	Emoji       // a line of 1 to MaxEmoji bytes
)

// IsString reports whether values of the type are strings.
func (t Type) IsString() bool { return t >= Text && t <= PostID }

// IsID reports whether values of the type are one of a few words, or an ID.
func (t Type) IsID() bool { return t >= Word && t <= PostID }

// IsWords reports whether a key of the type is words of a person, which are a line.
func (t Type) IsWords() bool { return t == Name || t == Emoji }

// Roles is a set of roles.
type Roles uint16

// The roles, and two sets of them. Founder is who made the event: they hold the
// organiser's role for good, and nobody can be given theirs.
const (
	Founder Roles = 1 << iota
	Organiser
	Author
	Moderator
	Member
	InviteAuthor
	InviteModerator
	InviteMember

	Ordinary = Founder | Organiser | Author | Moderator | Member
	Invites  = InviteAuthor | InviteModerator | InviteMember
)

// When says when a path may be written.
type When uint8

// The moments. AtMaking is in the change that makes the map that the key is in.
const (
	AnyTime When = iota
	AtFounding
	AtMaking
)

// View is the kind of row that pages are drawn from. It is read again when something
// is written in the maps that it is made of.
type View uint8

// The kinds of view rows.
const (
	NoView View = iota
	ViewEvent
	ViewPost
	ViewReaction
	ViewPerson
)

// Act is the kind of act that an operation belongs to, by the map in which it works.
// What one change may say of each kind is bounded, see MostOperations.
type Act uint8

// The kinds of acts.
const (
	ActFounding Act = iota
	ActEvent        // what an event or club says of itself, and its relays
	ActWeek         // a club's list
	ActPerson
	ActRole
	ActBlock
	ActClaim
	ActPost // a post and its owner's changes to it
	ActReact
	ActMark
	ActWinner
	ActDraw
	ActContact
	ActBlob
	Acts // how many there are
)

// Did is the kind under which a description of a change tells what it did. The kinds
// are part of the change feed: none may be renamed.
type Did string

// The kinds. Which fields of a description each uses stands beside it.
const (
	DidFound    Did = "found"    // made the event
	DidAsk      Did = "ask"      // Post, Text
	DidReply    Did = "reply"    // Post, Parent, Text
	DidEdit     Did = "edit"     // Post, Text
	DidWithdraw Did = "withdraw" // Post, On (false takes the withdrawal back)
	DidReact    Did = "react"    // Post, Key (the emoji), On
	DidMark     Did = "mark"     // Post, Key (hidden, pinned, …), and On, Text or Person
	DidTags     Did = "tags"     // Post, Text
	DidExtra    Did = "extra"    // Post, Key, Text: what an import keeps with a post
	DidPerson   Did = "person"   // Person, Key (name, about, …), Text
	DidEvent    Did = "event"    // Key of event, club, links or relays, Value
	DidRole     Did = "role"     // Person, Key (the role), On
	DidBlock    Did = "block"    // Person, Text (the reason; "" lifts it)
	DidClaim    Did = "claim"    // Person (the invitation), Text (the successor)
	DidWinner   Did = "winner"   // Post, Person (who chose), Text
	DidDraw     Did = "draw"     // Key (rule, commit, reveal), Person, Value
	DidContact  Did = "contact"  // Person; what it says is encrypted
	DidBlob     Did = "blob"     // Key (its SHA-256)
	DidWeek     Did = "week"     // Text (the week's event ID), Key, Value
	DidMerge    Did = "merge"    // only merged heads
)

// Row is one line of the table: what may stand at a path, and who may write it.
type Row struct {
	// Key is the key in its map. Where Keys is set it is a name for all keys of that
	// type, in angle brackets: <identity>.
	Key  string
	Keys Type
	Most int // how many keys the map may have; 0: no bound of its own

	Map   Map      // of a map: which. NoMap: a value
	Type  Type     // of a value
	Max   int      // bytes of a string or of bytes; 0: its type bounds it
	Words []string // that a Word may be
	Empty bool     // "" may stand there as well

	By      Roles // one of them is needed; 0: none
	OrOwner bool  // who made the map needs none of them
	Owner   bool  // only who made the map may write it
	Self    bool  // the key is the writer's own identity

	When     When
	Once     bool   // a value that is never written again; see WrittenOnce
	Required bool   // the genesis, or a post, is not whole without it
	Only     string // KindEvent or KindClub: in documents of that kind; "": in both

	Grants Roles  // the role that true gives
	Field  string // of what an event, club, week or person says: the name of the field that holds it; "": the key
	Act    Act    // of a map: the kind of act; ActFounding: that of the map around it
	View   View   // of a map at the root: what is made of it and of the maps in it

	// How a description of a change tells of the value. Did is inherited by what stands
	// in a map. On and Off are sentences without their subject, in which {post}, {person},
	// {key} and {value} stand for those of the description; Off is for a value that says
	// that something is not so, or is no more. Where both are empty, Noun makes them:
	// "changed the title to {value}", "removed the title".
	Did     Did
	Noun    string
	On, Off string

	Path string // from the root, with slashes: "people/<identity>/name"
	Name string // the path in errors and in acts: "people/name"
	In   Map    // the map that the key is in
	Part uint32 // of what is required: a bit of its own among the genesis's, or a post's
}

// WrittenOnce reports whether nothing is ever written again at the path: maps, what
// stands from the beginning, and values that say so.
func (r *Row) WrittenOnce() bool { return r.Map != NoMap || r.When != AnyTime || r.Once }

// Remembered reports whether a value counts only while the role does that its writer
// used: values that it replaced may stand again. What the key itself determines, as a
// picture's hash, cannot be replaced by something else.
func (r *Row) Remembered() bool { return r.Map == NoMap && r.By != 0 && r.Keys != Hash }
