package schema

// Map is one of the maps that the document is made of. Every map of one kind, such as
// each person's, has the same keys.
type Map uint8

// The maps. NoMap: a value, or an object other than a map. Unknown: a map that is not in the
// schema; events with later rules may have such maps.
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
	Maps // the number of maps
)

// Type is the type of a value or of a variable key.
type Type uint8

// The types. Text to PostID are Automerge strings, Time is an int, Number a uint, Flag a boolean. The last four are types of keys only.
const (
	IsMap    Type = iota
	Text          // text of any number of lines
	Line          // text on one line
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

// IsID reports whether values of the type are IDs, or one of a few fixed words.
func (t Type) IsID() bool { return t >= Word && t <= PostID }

// IsWords reports whether keys of the type are text that a person chose, on one line.
func (t Type) IsWords() bool { return t == Name || t == Emoji }

// Roles is a set of roles.
type Roles uint16

// The roles, and sets of them. The founder always holds the organiser role. The founder's own role cannot be granted.
const (
	Founder Roles = 1 << iota
	Organiser
	Author
	Moderator
	Member
	InviteAuthor
	InviteModerator
	InviteMember

	PersonRoles     = Founder | Organiser | Author | Moderator | Member
	InvitationRoles = InviteAuthor | InviteModerator | InviteMember

	Moderators = Moderator | Organiser          // who hides, pins and approves posts and blocks people
	Jury       = Author | Organiser             // who chooses winners and takes part in the draw
	Trusted    = Author | Moderator | Organiser // whose posts wait for no approval, even if they are late
)

// When says when a path may be written.
type When uint8

// The values of When.
const (
	AnyTime    When = iota
	AtGenesis       // only in the first change
	AtCreation      // only in the change that creates the map of the key
)

// View is a kind of view row. It is rebuilt after writes to the maps it depends on.
type View uint8

// The kinds of view rows.
const (
	NoView View = iota
	ViewEvent
	ViewPost
	ViewReaction
	ViewPerson
)

// Act is the kind of act that an operation belongs to, determined by the operation's map. The
// number of operations of each kind in one change is bounded, see MaxOperations.
type Act uint8

// The kinds of acts.
const (
	ActGenesis Act = iota
	ActEvent       // the fields of an event or club, and its relays
	ActWeek        // a club's list
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
	Acts // the number of kinds
)

// Did is the kind of a change description (qa.ChangeDescription.Kind). The values are part of the
// change feed and must not change.
type Did string

// The kinds, with the fields of the description that each uses.
const (
	DidCreate   Did = "found"    // made the event
	DidAsk      Did = "ask"      // Post, Text
	DidReply    Did = "reply"    // Post, Parent, Text
	DidEdit     Did = "edit"     // Post, Text
	DidWithdraw Did = "withdraw" // Post, On (false: the post was brought back)
	DidReact    Did = "react"    // Post, Key (the emoji), On
	DidMark     Did = "mark"     // Post, Key (hidden, pinned, …), and On, Text or Person
	DidTags     Did = "tags"     // Post, Text
	DidExtra    Did = "extra"    // Post, Key, Text: an extra field, such as those of imports
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

// Row is one row of the table: what a path may contain, and who may write it.
type Row struct {
	// Key is the key in its map. If Keys is set, Key is a placeholder such as <identity>.
	Key     string
	Keys    Type
	MaxKeys int // how many keys the map may have; 0: no bound of its own

	Map   Map      // of a map: which. NoMap: a value
	Type  Type     // of a value
	Max   int      // bytes of a string or of bytes; 0: its type bounds it
	Words []string // that a Word may be
	Empty bool     // the empty string is also allowed

	By          Roles // the writer needs one of these roles; 0: none
	OwnerExempt bool  // the creator of the map needs none of these roles
	Owner       bool  // only the creator of the map may write it
	Self        bool  // the key must be the writer's own identity

	When     When
	Once     bool   // a value that is never written again; see WrittenOnce
	Required bool   // the genesis, or a post, is not whole without it
	Only     string // KindEvent or KindClub: in documents of that kind; "": in both

	Grants Roles  // the role granted by the value true
	Field  string // name of the Go struct's JSON field, if different from Key; "": the key
	Act    Act    // of a map: the kind of act; ActGenesis: that of the map around it
	View   View   // of a map at the root: the view rows that depend on it and on the maps in it

	// Label names the value in errors, without an article: "title". By default it is Noun without "the", or the label of the map, if both have one Name.
	Label string

	// How logs describe the value. Did is inherited by the rows below a map. On (value set) and Off (value cleared) are sentences without their subject, in which {post}, {person}, {key} and {value} are replaced. If both are empty, they are made from Noun: "changed the title to {value}", "removed the title".
	Did     Did
	Noun    string
	On, Off string

	Path string // from the root, with slashes: "people/<identity>/name"
	Name string // the path in errors and in acts: "people/name"
	In   Map    // the map that the key is in
	Part uint32 // Part is this row's bit in PartsOfGenesis or PartsOfPost, if Required.
}

// NeededRoles returns the roles of which somebody needs one to write the path, 0 if none. own says
// that they created the map that the key is in.
func (r *Row) NeededRoles(own bool) Roles {
	if r.OwnerExempt && own {
		return 0
	}
	return r.By
}

// WrittenOnce reports whether the path can be written only once.
func (r *Row) WrittenOnce() bool { return r.Map != NoMap || r.When != AnyTime || r.Once }

// Revocable reports whether a value can lose its effect because its writer's role was revoked. The
// previous value then applies again.
func (r *Row) Revocable() bool { return !r.WrittenOnce() && r.By != 0 && r.Keys != Hash }
