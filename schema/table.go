package schema

// The keys of the document.
const (
	KeyKind         = "kind"
	KeyRulesVersion = "gate"
	KeyAccess       = "access"
	KeyEvent        = "event"
	KeyClub         = "club"
	KeyWeeks        = "weeks"
	KeyPeople       = "people"
	KeyRoles        = "roles"
	KeyBlocks       = "blocks"
	KeyClaims       = "claims"
	KeyPosts        = "posts"
	KeyWinners      = "winners"
	KeyDraw         = "draw"
	KeyContacts     = "contacts"
	KeyBlobs        = "blobs"
	KeyRelays       = "relays"

	KeyTitle        = "title"
	KeyAuthors      = "authors"
	KeySubtitle     = "subtitle"
	KeyAnnouncement = "announcement"
	KeyMath         = "math"
	KeyPictures     = "pictures"
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

	KeyOrganiser       = "organiser"
	KeyAuthor          = "author"
	KeyModerator       = "moderator"
	KeyMember          = "member"
	KeyInviteAuthor    = "invite-author"
	KeyInviteModerator = "invite-moderator"
	KeyInviteMember    = "invite-member"

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

// Enumeration values.
const (
	KindEvent = "event"
	KindClub  = "club"

	AccessOpen    = "open"
	AccessInvited = "invited"

	StateWithdrawn = "withdrawn"
	AsAuthor       = "author"

	MathTeX = "tex"
	// PicturesOn lets posts have pictures.
	PicturesOn = "on"

	PublishName     = "name"
	PublishInitials = "initials"
	PublishNothing  = "none"
)

// table describes the document, parents first.
var table = []struct {
	in   Map
	rows []Row
}{
	{MapRoot, []Row{
		{Key: KeyKind, Type: Word, Words: []string{KindEvent, KindClub}, When: AtGenesis, Required: true, Label: "kind of the event"},
		{Key: KeyRulesVersion, Type: Number, When: AtGenesis, Required: true, Label: "version of the rules"},
		{Key: KeyAccess, Type: Word, Words: []string{AccessOpen, AccessInvited}, When: AtGenesis, Required: true, Label: "setting for who may take part"},
		{Key: KeyEvent, Map: MapEvent, Only: KindEvent, When: AtGenesis, Required: true, Act: ActEvent, View: ViewEvent, Label: "event", Did: DidEvent},
		{Key: KeyClub, Map: MapClub, Only: KindClub, When: AtGenesis, Required: true, Act: ActEvent, View: ViewEvent, Label: "club", Did: DidEvent},
		{Key: KeyWeeks, Map: MapWeeks, Only: KindClub, When: AtGenesis, Required: true, Act: ActWeek, View: ViewEvent, Label: "list of weeks", Did: DidWeek},
		{Key: KeyPeople, Map: MapPeople, When: AtGenesis, Required: true, Act: ActPerson, View: ViewPerson, Label: "person", Did: DidPerson},
		{Key: KeyRoles, Map: MapRoles, When: AtGenesis, Required: true, Act: ActRole, View: ViewEvent, Label: "role", Did: DidRole},
		{Key: KeyBlocks, Map: MapBlocks, When: AtGenesis, Required: true, Act: ActBlock, Label: "block", Did: DidBlock},
		{Key: KeyClaims, Map: MapClaims, When: AtGenesis, Required: true, Act: ActClaim, Label: "invitation", Did: DidClaim},
		{Key: KeyPosts, Map: MapPosts, When: AtGenesis, Required: true, Act: ActPost, View: ViewPost, Label: "post"},
		{Key: KeyWinners, Map: MapWinners, When: AtGenesis, Required: true, Act: ActWinner, View: ViewEvent, Label: "choice of a winner", Did: DidWinner},
		{Key: KeyDraw, Map: MapDraw, When: AtGenesis, Required: true, Act: ActDraw, View: ViewEvent, Label: "draw", Did: DidDraw},
		{Key: KeyContacts, Map: MapContacts, When: AtGenesis, Required: true, Act: ActContact, Label: "contact message", Did: DidContact},
		{Key: KeyBlobs, Map: MapBlobs, When: AtGenesis, Required: true, Act: ActBlob, View: ViewEvent, Label: "picture", Did: DidBlob},
		{Key: KeyRelays, Map: MapRelays, When: AtGenesis, Required: true, Act: ActEvent, View: ViewEvent, Label: "list of relays", Did: DidEvent},
	}},

	// The fields of an event.
	{MapEvent, []Row{
		{Key: KeyTitle, Type: Line, Max: MaxShort, By: Organiser, Noun: "the title"},
		{Key: KeyAuthors, Type: Line, Max: MaxShort, By: Organiser, Label: "list of authors", Noun: "the authors"},
		{Key: KeyLanguage, Type: Line, Max: MaxShort, By: Organiser, Noun: "the language"},
		{Key: KeyZone, Type: Line, Max: MaxShort, By: Organiser, Noun: "the time zone"},
		{Key: KeyDescription, Type: Text, Max: MaxDescription, By: Organiser, Noun: "the description"},
		{Key: KeySource, Type: Line, Max: MaxShort, By: Organiser, Label: "source of the import", Noun: "where the week was imported from"},
		{Key: KeyStartsAt, Type: Time, By: Organiser, Noun: "the first day"},
		{Key: KeyEndsAt, Type: Time, By: Organiser, Noun: "the last day"},
		{Key: KeyAnswersFrom, Type: Time, By: Organiser, Label: "time when the authors begin to answer", Noun: "when the authors begin to answer"},
		{Key: KeyAnswersUntil, Type: Time, By: Organiser, Label: "time when the last answers are due", Noun: "when the last answers are due"},
		{Key: KeyWinnersAt, Type: Time, By: Organiser, Label: "time when the authors choose the winners", Noun: "when the authors choose the winners"},
		{Key: KeyPrizes, Type: Number, By: Organiser, Noun: "the number of copies"},
		{Key: KeyClosed, Type: Flag, By: Organiser, Label: "setting that closes the event", On: "closed the event", Off: "opened the event again"},
		{
			Key: KeyApprove, Type: Flag, By: Organiser,
			Label: "setting that posts need approval", On: "made posts wait for approval", Off: "let posts appear without approval",
		},
		{Key: KeyMovedTo, Type: EventID, Empty: true, By: Organiser, Label: "event that this one moved to", Noun: "where the event has moved"},
		{Key: KeyCover, Type: Hash, Empty: true, By: Organiser, Label: "cover", On: "changed the cover", Off: "removed the cover"},
		{Key: KeyLinks, Map: MapLinks, By: Organiser, Label: "list of links"},
		{Key: KeyX, Map: MapEventX, By: Organiser, Label: "list of extra fields"},
	}},
	{MapLinks, []Row{
		{Key: "<number>", Keys: Index, MaxKeys: MaxLinks, Map: MapLink, By: Organiser},
	}},
	{MapLink, []Row{
		{Key: KeyText, Type: Line, Max: MaxShort, By: Organiser, Label: "text of a link", On: "changed the links", Off: "changed the links"},
		{Key: KeyURL, Type: Line, Max: MaxShort, By: Organiser, Label: "address of a link", On: "changed the links", Off: "changed the links"},
	}},
	// Fields of an event that were added after version 2 of the rules. Programs that do not know
	// them keep them.
	{MapEventX, []Row{
		{Key: KeySubtitle, Type: Line, Max: MaxShort, By: Organiser, Noun: "the subtitle"},
		{Key: KeyAnnouncement, Type: Text, Max: MaxXValue, By: Organiser, Noun: "the announcement"},
		{Key: KeyPictures, Type: Line, Max: MaxShort, By: Organiser, Label: "setting for pictures", On: "turned on pictures", Off: "turned off pictures"},
		{Key: KeyMath, Type: Line, Max: MaxShort, By: Organiser, Label: "setting for formulas", On: "turned on formulas", Off: "turned off formulas"},
		{
			Key: "<name>", Keys: Name, MaxKeys: MaxXKeys, Type: Text, Max: MaxXValue, By: Organiser,
			On: "set the extra field {key} to {value}", Off: "removed the extra field {key}",
		},
	}},
	{MapRelays, []Row{
		{Key: "<number>", Keys: Index, MaxKeys: MaxRelays, Type: Line, Max: MaxShort, By: Organiser, On: "changed a relay to {value}", Off: "removed a relay"},
	}},

	// The fields of a club, and the weeks that it lists.
	{MapClub, []Row{
		{Key: KeyTitle, Type: Line, Max: MaxShort, By: Organiser, Noun: "the title"},
		{Key: KeyAbout, Field: KeyDescription, Type: Text, Max: MaxDescription, By: Organiser, Noun: "the description"},
		{Key: KeyLanguage, Type: Line, Max: MaxShort, By: Organiser, Noun: "the language"},
		{Key: KeyX, Map: MapClubX, By: Organiser, Label: "list of extra fields"},
	}},
	{MapClubX, []Row{
		{
			Key: "<name>", Keys: Name, MaxKeys: MaxXKeys, Type: Text, Max: MaxXValue, By: Organiser,
			On: "set the extra field {key} to {value}", Off: "removed the extra field {key}",
		},
	}},
	{MapWeeks, []Row{
		{Key: "<event>", Keys: EventID, Map: MapWeek, By: Organiser},
	}},
	{MapWeek, []Row{
		{
			Key: KeyTitle, Type: Line, Max: MaxShort, By: Organiser,
			Label: "title of a listed week", On: "listed the week {value}", Off: "removed a week from the list",
		},
		{Key: KeyAuthors, Type: Line, Max: MaxShort, By: Organiser, Label: "authors' names of a listed week", Noun: "the authors of a listed week"},
		{Key: KeyStartsAt, Type: Time, By: Organiser, Noun: "the first day of a listed week"},
		{Key: KeyEndsAt, Type: Time, By: Organiser, Noun: "the last day of a listed week"},
		{Key: KeyRelay, Type: Line, Max: MaxShort, By: Organiser, Noun: "the relay of a listed week"},
	}},

	// People and their roles.
	{MapPeople, []Row{
		{Key: "<identity>", Keys: Identity, Map: MapPerson, Self: true},
	}},
	{MapPerson, []Row{
		{Key: KeyName, Type: Line, Max: MaxName, Owner: true, Label: "name", Noun: "their name"},
		{Key: KeyAbout, Type: Text, Max: MaxAbout, Owner: true, Label: "text about the person", Noun: "what they say about themselves"},
		{Key: KeyLink, Type: Line, Max: MaxPersonLink, Owner: true, Label: "person's link", Noun: "their link"},
		{
			Key: KeyPublishAs, Type: Word, Words: []string{PublishName, PublishInitials, PublishNothing}, Owner: true,
			Label: "setting for the published name", Noun: "how their name is published",
		},
	}},
	{MapRoles, []Row{
		{Key: "<identity>", Keys: Identity, Map: MapRolesOf, By: Organiser},
	}},
	{MapRolesOf, []Row{
		{
			Key: KeyOrganiser, Type: Flag, By: Founder, Grants: Organiser,
			Label: "role of an organiser", On: "made {person} an organiser", Off: "removed {person} as organiser",
		},
		{Key: KeyAuthor, Type: Flag, By: Organiser, Grants: Author, Label: "role of an author", On: "made {person} an author", Off: "removed {person} as author"},
		{
			Key: KeyModerator, Type: Flag, By: Organiser, Grants: Moderator,
			Label: "role of a moderator", On: "made {person} a moderator", Off: "removed {person} as moderator",
		},
		{Key: KeyMember, Type: Flag, By: Organiser, Grants: Member, Label: "role of a member", On: "made {person} a member", Off: "removed {person} as member"},
		{
			Key: KeyInviteAuthor, Type: Flag, By: Organiser, Grants: InviteAuthor,
			Label: "invitation of an author", On: "made an invitation for an author", Off: "revoked or used up an author invitation",
		},
		{
			Key: KeyInviteModerator, Type: Flag, By: Organiser, Grants: InviteModerator,
			Label: "invitation of a moderator", On: "made an invitation for a moderator", Off: "revoked or used up a moderator invitation",
		},
		{
			Key: KeyInviteMember, Type: Flag, By: Organiser, Grants: InviteMember,
			Label: "invitation of a member", On: "made an invitation for a member", Off: "revoked or used up a member invitation",
		},
	}},
	{MapBlocks, []Row{
		{
			Key: "<identity>", Keys: Identity, Type: Text, Max: MaxReason, By: Moderators,
			On: "blocked {person}: {value}", Off: "unblocked {person}",
		},
	}},
	{MapClaims, []Row{
		{Key: "<invitation>", Keys: Identity, Type: Identity, By: InvitationRoles, Self: true, Once: true, On: "used an invitation as {claimer}"},
	}},
	{MapContacts, []Row{
		{Key: "<identity>", Keys: Identity, Type: Bytes, Max: MaxContact, Self: true, On: "sent contact details to the founder"},
	}},

	// Posts.
	{MapPosts, []Row{
		{Key: "<post>", Keys: ByOperation, Map: MapPost},
	}},
	{MapPost, []Row{
		{
			Key: KeyParent, Type: PostID, Empty: true, Owner: true, When: AtCreation, Required: true,
			Label: "post that is replied to", Did: DidAsk, On: "replied to {parent} in {post}: {value}", Off: "asked {post}: {value}",
		},
		{Key: KeyAt, Type: Time, Owner: true, When: AtCreation, Required: true, Label: "time of the post"},
		{Key: KeyOnBehalfOf, Type: Line, Max: MaxName, Owner: true, When: AtCreation, Label: "name of the person asked for"},
		{Key: KeySource, Type: Line, Max: MaxShort, Owner: true, When: AtCreation, Label: "source of the import"},
		{Key: KeyOrigin, Type: PostID, Owner: true, When: AtCreation, Label: "post that is replaced"},
		{Key: KeyAs, Type: Word, Words: []string{AsAuthor}, By: Organiser, Owner: true, When: AtCreation, Label: "setting that an author speaks"},
		{Key: KeyRevisions, Map: MapRevisions, Owner: true, When: AtCreation, Required: true, Label: "list of revisions"},
		{Key: KeyReactions, Map: MapReactions, Owner: true, When: AtCreation, Required: true, Act: ActReact, View: ViewReaction, Label: "reaction", Did: DidReact},
		{Key: KeyMarks, Map: MapMarks, Owner: true, When: AtCreation, Required: true, Act: ActMark, Label: "mark", Did: DidMark},
		{
			Key: KeyState, Type: Word, Words: []string{"", StateWithdrawn}, Owner: true,
			Label: "withdrawal", Did: DidWithdraw, On: "withdrew {post}", Off: "brought {post} back",
		},
		{
			Key: KeyTags, Type: Line, Max: MaxTags, Owner: true,
			Label: "list of tags", Did: DidTags, On: "changed the tags of {post} to {value}", Off: "removed the tags of {post}",
		},
		{Key: KeyX, Map: MapPostX, Owner: true, Label: "list of extra fields", Did: DidExtra},
	}},
	{MapRevisions, []Row{
		{
			Key: "<revision>", Keys: ByOperation, Type: Text, Max: MaxText, Owner: true, Once: true, Required: true, Name: "post/text",
			Label: "text", Did: DidEdit, On: "edited {post}: {value}", Off: "emptied {post}",
		},
	}},
	{MapReactions, []Row{
		{Key: "<identity>", Keys: Identity, Map: MapReactionsOf, Self: true},
	}},
	{MapReactionsOf, []Row{
		{
			Key: "<emoji>", Keys: Emoji, MaxKeys: MaxReactions, Type: Flag, Owner: true,
			On: "reacted {key} to {post}", Off: "took back the reaction {key} to {post}",
		},
	}},
	{MapMarks, []Row{
		{Key: KeyHidden, Type: Text, Max: MaxReason, By: Moderators, Label: "reason for hiding", On: "hid {post}: {value}", Off: "unhid {post}"},
		{Key: KeyPinned, Type: Flag, By: Moderators, Label: "pin", On: "pinned {post}", Off: "unpinned {post}"},
		{Key: KeyApproved, Type: Flag, By: Moderators, Label: "approval", On: "approved {post}", Off: "took back the approval of {post}"},
		{
			Key: KeyDuplicateOf, Type: PostID, Empty: true, By: Moderators,
			Label: "original of a duplicate", On: "marked {post} as a duplicate of {of}", Off: "marked {post} as not a duplicate",
		},
		{
			Key: KeyAnswered, Type: Flag, By: Moderators | Author, OwnerExempt: true,
			Label: "mark as answered", On: "marked {post} as answered", Off: "marked {post} as not answered",
		},
		{Key: KeyAssigned, Map: MapAssigned, Owner: true, When: AtCreation, Required: true, Label: "author that a question is assigned to"},
		{Key: KeyCandidate, Map: MapCandidate, Owner: true, When: AtCreation, Required: true, Label: "candidate for a copy"},
	}},
	{MapAssigned, []Row{
		{Key: "<identity>", Keys: Identity, Type: Flag, By: Author, On: "assigned {post} to {person}", Off: "unassigned {post} from {person}"},
	}},
	{MapCandidate, []Row{
		{
			Key: "<identity>", Keys: Identity, Type: Flag, By: Author, Self: true,
			On: "made the writer of {post} a candidate for a copy", Off: "removed the writer of {post} as a candidate",
		},
	}},
	{MapPostX, []Row{
		{
			Key: "<name>", Keys: Name, MaxKeys: MaxXKeys, Type: Text, Max: MaxXValue, Owner: true,
			On: "set the extra field {key} of {post} to {value}", Off: "removed the extra field {key} of {post}",
		},
	}},

	// Winners and the draw.
	{MapWinners, []Row{
		{Key: "<identity>", Keys: Identity, Map: MapWinnersOf, By: Jury, Self: true},
	}},
	{MapWinnersOf, []Row{
		{
			Key: "<post>", Keys: PostID, Type: Line, Max: MaxShort, By: Jury, Owner: true,
			On: "gave a copy to the writer of {post}: {value}", Off: "took the copy back from the writer of {post}",
		},
	}},
	{MapDraw, []Row{
		{Key: KeyCommit, Map: MapCommit, By: Jury, Label: "hash of a draw's secret"},
		{Key: KeyReveal, Map: MapReveal, By: Jury, Label: "secret for the draw"},
		{Key: KeyRule, Type: Text, Max: MaxAbout, By: Organiser, Noun: "the rule of the draw"},
	}},
	{MapCommit, []Row{
		{
			Key: "<identity>", Keys: Identity, Type: Bytes, Max: MaxDraw, By: Jury, Self: true,
			On: "committed to a secret for the draw", Off: "took back the secret for the draw",
		},
	}},
	{MapReveal, []Row{
		{
			Key: "<identity>", Keys: Identity, Type: Bytes, Max: MaxDraw, By: Jury, Self: true,
			On: "opened the secret for the draw", Off: "took back the secret for the draw",
		},
	}},

	// Pictures.
	{MapBlobs, []Row{
		{Key: "<hash>", Keys: Hash, Type: Bytes, Max: MaxBlob, By: Organiser, On: "added a picture"},
	}},
}
