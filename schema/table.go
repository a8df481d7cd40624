package schema

// The keys of the document.
const (
	KeyKind     = "kind"
	KeyGate     = "gate"
	KeyAccess   = "access"
	KeyEvent    = "event"
	KeyClub     = "club"
	KeyWeeks    = "weeks"
	KeyPeople   = "people"
	KeyRoles    = "roles"
	KeyBlocks   = "blocks"
	KeyClaims   = "claims"
	KeyPosts    = "posts"
	KeyWinners  = "winners"
	KeyDraw     = "draw"
	KeyContacts = "contacts"
	KeyBlobs    = "blobs"
	KeyRelays   = "relays"

	KeyTitle        = "title"
	KeyAuthors      = "authors"
	KeyLanguage     = "language"
	KeyZone         = "zone"
	KeyDescription  = "description"
	KeySource       = "source" // of an event, and of a post
	KeyStartsAt     = "startsAt"
	KeyEndsAt       = "endsAt"
	KeyAnswersFrom  = "answersFrom"
	KeyAnswersUntil = "answersUntil"
	KeyWinnersAt    = "winnersAt"
	KeyPrizes       = "prizes"
	KeyClosed       = "closed"
	KeyApprove      = "approve"
	KeyMovedTo      = "movedTo"
	KeyCover        = "cover"
	KeyLinks        = "links"
	KeyX            = "x"
	KeyText         = "text"
	KeyURL          = "url"
	KeyRelay        = "relay"

	KeyName      = "name"
	KeyAbout     = "about" // of a person, and of a club
	KeyLink      = "link"
	KeyPublishAs = "publishAs"

	KeyParent     = "parent"
	KeyAt         = "at"
	KeyOnBehalfOf = "onBehalfOf"
	KeyOrigin     = "origin"
	KeyAs         = "as"
	KeyState      = "state"
	KeyTags       = "tags"
	KeyRevisions  = "revisions"
	KeyReactions  = "reactions"
	KeyMarks      = "marks"

	KeyHidden      = "hidden"
	KeyPinned      = "pinned"
	KeyApproved    = "approved"
	KeyDuplicateOf = "duplicateOf"
	KeyAnswered    = "answered"
	KeyAssigned    = "assigned"
	KeyCandidate   = "candidate"

	KeyCommit = "commit"
	KeyReveal = "reveal"
	KeyRule   = "rule"
)

// The words that may stand at some of the keys.
const (
	KindEvent = "event"
	KindClub  = "club"

	AccessOpen    = "open"
	AccessInvited = "invited"

	StateWithdrawn = "withdrawn"
	AsAuthor       = "author"

	PublishName     = "name"
	PublishInitials = "initials"
	PublishNothing  = "none"
)

const (
	moderators = Moderator | Organiser
	jury       = Author | Organiser
)

// table is the document. Maps come before what stands in them.
var table = []struct {
	in   Map
	rows []Row
}{
	{MapRoot, []Row{
		{Key: KeyKind, Type: Word, Words: []string{KindEvent, KindClub}, When: AtFounding, Required: true},
		{Key: KeyGate, Type: Number, When: AtFounding, Required: true},
		{Key: KeyAccess, Type: Word, Words: []string{AccessOpen, AccessInvited}, When: AtFounding, Required: true},
		{Key: KeyEvent, Map: MapEvent, Only: KindEvent, When: AtFounding, Required: true, Act: ActEvent, View: ViewEvent},
		{Key: KeyClub, Map: MapClub, Only: KindClub, When: AtFounding, Required: true, Act: ActEvent, View: ViewEvent},
		{Key: KeyWeeks, Map: MapWeeks, Only: KindClub, When: AtFounding, Required: true, Act: ActWeek, View: ViewEvent},
		{Key: KeyPeople, Map: MapPeople, When: AtFounding, Required: true, Act: ActPerson, View: ViewPerson},
		{Key: KeyRoles, Map: MapRoles, When: AtFounding, Required: true, Act: ActRole, View: ViewEvent},
		{Key: KeyBlocks, Map: MapBlocks, When: AtFounding, Required: true, Act: ActBlock},
		{Key: KeyClaims, Map: MapClaims, When: AtFounding, Required: true, Act: ActClaim},
		{Key: KeyPosts, Map: MapPosts, When: AtFounding, Required: true, Act: ActPost, View: ViewPost},
		{Key: KeyWinners, Map: MapWinners, When: AtFounding, Required: true, Act: ActWinner, View: ViewEvent},
		{Key: KeyDraw, Map: MapDraw, When: AtFounding, Required: true, Act: ActDraw, View: ViewEvent},
		{Key: KeyContacts, Map: MapContacts, When: AtFounding, Required: true, Act: ActContact},
		{Key: KeyBlobs, Map: MapBlobs, When: AtFounding, Required: true, Act: ActBlob, View: ViewEvent},
		{Key: KeyRelays, Map: MapRelays, When: AtFounding, Required: true, Act: ActEvent, View: ViewEvent},
	}},

	// What an event says of itself.
	{MapEvent, []Row{
		{Key: KeyTitle, Type: Line, Max: MaxShort, By: Organiser},
		{Key: KeyAuthors, Type: Line, Max: MaxShort, By: Organiser},
		{Key: KeyLanguage, Type: Line, Max: MaxShort, By: Organiser},
		{Key: KeyZone, Type: Line, Max: MaxShort, By: Organiser},
		{Key: KeyDescription, Type: Text, Max: MaxDescription, By: Organiser},
		{Key: KeySource, Type: Line, Max: MaxShort, By: Organiser},
		{Key: KeyStartsAt, Type: Time, By: Organiser},
		{Key: KeyEndsAt, Type: Time, By: Organiser},
		{Key: KeyAnswersFrom, Type: Time, By: Organiser},
		{Key: KeyAnswersUntil, Type: Time, By: Organiser},
		{Key: KeyWinnersAt, Type: Time, By: Organiser},
		{Key: KeyPrizes, Type: Number, By: Organiser},
		{Key: KeyClosed, Type: Flag, By: Organiser},
		{Key: KeyApprove, Type: Flag, By: Organiser},
		{Key: KeyMovedTo, Type: EventID, Empty: true, By: Organiser},
		{Key: KeyCover, Type: Hash, Empty: true, By: Organiser},
		{Key: KeyLinks, Map: MapLinks, By: Organiser},
		{Key: KeyX, Map: MapEventX, By: Organiser},
	}},
	{MapLinks, []Row{
		{Key: "<number>", Keys: Index, Most: MaxLinks, Map: MapLink, By: Organiser},
	}},
	{MapLink, []Row{
		{Key: KeyText, Type: Line, Max: MaxShort, By: Organiser},
		{Key: KeyURL, Type: Line, Max: MaxShort, By: Organiser},
	}},
	{MapEventX, []Row{
		{Key: "<name>", Keys: Name, Most: MaxXKeys, Type: Text, Max: MaxXValue, By: Organiser},
	}},
	{MapRelays, []Row{
		{Key: "<number>", Keys: Index, Most: MaxRelays, Type: Line, Max: MaxShort, By: Organiser},
	}},

	// What a club says of itself, and the weeks that it lists.
	{MapClub, []Row{
		{Key: KeyTitle, Type: Line, Max: MaxShort, By: Organiser},
		{Key: KeyAbout, Field: KeyDescription, Type: Text, Max: MaxDescription, By: Organiser},
		{Key: KeyLanguage, Type: Line, Max: MaxShort, By: Organiser},
		{Key: KeyX, Map: MapClubX, By: Organiser},
	}},
	{MapClubX, []Row{
		{Key: "<name>", Keys: Name, Most: MaxXKeys, Type: Text, Max: MaxXValue, By: Organiser},
	}},
	{MapWeeks, []Row{
		{Key: "<event>", Keys: EventID, Map: MapWeek, By: Organiser},
	}},
	{MapWeek, []Row{
		{Key: KeyTitle, Type: Line, Max: MaxShort, By: Organiser},
		{Key: KeyAuthors, Type: Line, Max: MaxShort, By: Organiser},
		{Key: KeyStartsAt, Type: Time, By: Organiser},
		{Key: KeyEndsAt, Type: Time, By: Organiser},
		{Key: KeyRelay, Type: Line, Max: MaxShort, By: Organiser},
	}},

	// People, and what they may do.
	{MapPeople, []Row{
		{Key: "<identity>", Keys: Identity, Map: MapPerson, Self: true},
	}},
	{MapPerson, []Row{
		{Key: KeyName, Type: Line, Max: MaxName, Owner: true},
		{Key: KeyAbout, Type: Text, Max: MaxAbout, Owner: true},
		{Key: KeyLink, Type: Line, Max: MaxPersonLink, Owner: true},
		{Key: KeyPublishAs, Type: Word, Words: []string{PublishName, PublishInitials, PublishNothing}, Owner: true},
	}},
	{MapRoles, []Row{
		{Key: "<identity>", Keys: Identity, Map: MapRolesOf, By: Organiser},
	}},
	{MapRolesOf, []Row{
		{Key: "organiser", Type: Flag, By: Founder, Grants: Organiser},
		{Key: "author", Type: Flag, By: Organiser, Grants: Author},
		{Key: "moderator", Type: Flag, By: Organiser, Grants: Moderator},
		{Key: "member", Type: Flag, By: Organiser, Grants: Member},
		{Key: "invite-author", Type: Flag, By: Organiser, Grants: InviteAuthor},
		{Key: "invite-moderator", Type: Flag, By: Organiser, Grants: InviteModerator},
		{Key: "invite-member", Type: Flag, By: Organiser, Grants: InviteMember},
	}},
	{MapBlocks, []Row{
		{Key: "<identity>", Keys: Identity, Type: Text, Max: MaxReason, By: moderators},
	}},
	{MapClaims, []Row{
		{Key: "<invitation>", Keys: Identity, Type: Identity, Self: true, Once: true},
	}},
	{MapContacts, []Row{
		{Key: "<identity>", Keys: Identity, Type: Bytes, Max: MaxContact, Self: true},
	}},

	// Posts.
	{MapPosts, []Row{
		{Key: "<post>", Keys: ByOperation, Map: MapPost},
	}},
	{MapPost, []Row{
		{Key: KeyParent, Type: PostID, Empty: true, Owner: true, When: AtMaking, Required: true},
		{Key: KeyAt, Type: Time, Owner: true, When: AtMaking, Required: true},
		{Key: KeyOnBehalfOf, Type: Line, Max: MaxName, Owner: true, When: AtMaking},
		{Key: KeySource, Type: Line, Max: MaxShort, Owner: true, When: AtMaking},
		{Key: KeyOrigin, Type: PostID, Owner: true, When: AtMaking},
		{Key: KeyAs, Type: Word, Words: []string{AsAuthor}, By: Organiser, Owner: true, When: AtMaking},
		{Key: KeyRevisions, Map: MapRevisions, Owner: true, When: AtMaking, Required: true},
		{Key: KeyReactions, Map: MapReactions, Owner: true, When: AtMaking, Required: true, Act: ActReact, View: ViewReaction},
		{Key: KeyMarks, Map: MapMarks, Owner: true, When: AtMaking, Required: true, Act: ActMark},
		{Key: KeyState, Type: Word, Words: []string{"", StateWithdrawn}, Owner: true},
		{Key: KeyTags, Type: Line, Max: MaxTags, Owner: true},
		{Key: KeyX, Map: MapPostX, Owner: true},
	}},
	{MapRevisions, []Row{
		{Key: "<revision>", Keys: ByOperation, Type: Text, Max: MaxText, Owner: true, Once: true, Required: true, Name: "post/text"},
	}},
	{MapReactions, []Row{
		{Key: "<identity>", Keys: Identity, Map: MapReactionsOf, Self: true},
	}},
	{MapReactionsOf, []Row{
		{Key: "<emoji>", Keys: Emoji, Most: MaxReactions, Type: Flag, Owner: true},
	}},
	{MapMarks, []Row{
		{Key: KeyHidden, Type: Text, Max: MaxReason, By: moderators},
		{Key: KeyPinned, Type: Flag, By: moderators},
		{Key: KeyApproved, Type: Flag, By: moderators},
		{Key: KeyDuplicateOf, Type: PostID, Empty: true, By: moderators},
		{Key: KeyAnswered, Type: Flag, By: moderators | Author, OrOwner: true},
		{Key: KeyAssigned, Map: MapAssigned, Owner: true, When: AtMaking, Required: true},
		{Key: KeyCandidate, Map: MapCandidate, Owner: true, When: AtMaking, Required: true},
	}},
	{MapAssigned, []Row{
		{Key: "<identity>", Keys: Identity, Type: Flag, By: Author},
	}},
	{MapCandidate, []Row{
		{Key: "<identity>", Keys: Identity, Type: Flag, By: Author, Self: true},
	}},
	{MapPostX, []Row{
		{Key: "<name>", Keys: Name, Most: MaxXKeys, Type: Text, Max: MaxXValue, Owner: true},
	}},

	// Who gets a copy.
	{MapWinners, []Row{
		{Key: "<identity>", Keys: Identity, Map: MapWinnersOf, By: jury, Self: true},
	}},
	{MapWinnersOf, []Row{
		{Key: "<post>", Keys: PostID, Type: Line, Max: MaxShort, By: jury, Owner: true},
	}},
	{MapDraw, []Row{
		{Key: KeyCommit, Map: MapCommit, By: jury},
		{Key: KeyReveal, Map: MapReveal, By: jury},
		{Key: KeyRule, Type: Text, Max: MaxAbout, By: Organiser},
	}},
	{MapCommit, []Row{
		{Key: "<identity>", Keys: Identity, Type: Bytes, Max: MaxDraw, By: jury, Self: true},
	}},
	{MapReveal, []Row{
		{Key: "<identity>", Keys: Identity, Type: Bytes, Max: MaxDraw, By: jury, Self: true},
	}},

	// Pictures.
	{MapBlobs, []Row{
		{Key: "<hash>", Keys: Hash, Type: Bytes, Max: MaxBlob, By: Organiser},
	}},
}
