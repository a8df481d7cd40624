package policy

import (
	"flyleaf/crdt/authority"
	"flyleaf/crdt/wire"
	"flyleaf/qa"
	"flyleaf/schema"
)

// slot says which of the schema's maps an object is.
type slot uint8

const (
	slotRoot slot = iota
	slotEvent
	slotClub
	slotLinks
	slotLink
	slotAboutX // event/x, club/x
	slotPeople
	slotPerson
	slotRoles
	slotRolesOf
	slotBlocks
	slotClaims
	slotPosts
	slotPost
	slotRevisions
	slotReactions
	slotReactionsOf
	slotMarks
	slotAssigned
	slotCandidate
	slotPostX
	slotWinners
	slotWinnersOf
	slotDraw
	slotDrawBy // draw/commit, draw/reveal
	slotContacts
	slotBlobs
	slotRelays
	slotWeeks
	slotWeek
	slotFree // a map of an event with rules that this version does not know
	slots
)

// The roles, by short names for the table.
type roles = authority.Roles

const (
	founder   = authority.Founder
	organiser = authority.Organiser
	author    = authority.Author
	moderator = authority.Moderator

	ordinary = authority.Ordinary
	invites  = authority.Invites
)

// part is something that a genesis or a new post must have.
type part uint32

const (
	partKind part = 1 << iota
	partGate
	partAccess
	partAbout
	partWeeks
	partPeople
	partRoles
	partBlocks
	partClaims
	partPosts
	partWinners
	partDraw
	partContacts
	partBlobs
	partRelays

	partsOfGenesis = partKind | partGate | partAccess | partAbout | partPeople | partRoles | partBlocks |
		partClaims | partPosts | partWinners | partDraw | partContacts | partBlobs | partRelays
)

const (
	partRevisions part = 1 << iota
	partReactions
	partMarks
	partAssigned
	partCandidate
	partParent
	partAt
	partRevision

	partsOfPost = partRevisions | partReactions | partMarks | partAssigned | partCandidate | partParent | partAt | partRevision
)

// when says when a key may be written.
type when uint8

const (
	anyTime   when = iota
	atGenesis      // in the event's first change only
	atMaking       // in the change that makes the map it is in, once
)

// row is a line of the schema's table: what may stand at a key, and who may write it.
type row struct {
	child slot           // of a map; slotRoot: a value
	kind  wire.ValueKind // of a value; True stands for both truth values
	max   int            // bytes of a string or bytes
	form  func(string) bool
	line  bool // a string that has no line breaks
	words bool // the key is words of a person, which are a line

	when when
	part part // of what the map, or the genesis, must have

	by      roles // one of them is needed; 0: none
	self    bool  // the key is the writer's identity
	owner   bool  // the writer made the map
	orOwner bool  // or needs no role when so

	count int // how many keys the map may have
}

func text(limit int) row             { return row{kind: wire.String, max: limit} }
func line(limit int) row             { return row{kind: wire.String, max: limit, line: true} }
func formed(f func(string) bool) row { return row{kind: wire.String, form: f} }
func blob(limit int) row             { return row{kind: wire.Bytes, max: limit} }
func aMap(s slot) row                { return row{child: s} }

var (
	truth  = row{kind: wire.True}
	millis = row{kind: wire.Int}
	number = row{kind: wire.Uint}
)

func (r row) from(by roles) row   { r.by = by; return r }
func (r row) ofSelf() row         { r.self = true; return r }
func (r row) ofOwner() row        { r.owner = true; return r }
func (r row) at(w when) row       { r.when = w; return r }
func (r row) needed(p part) row   { r.part = p; return r }
func (r row) atMost(n int) row    { r.count = n; return r }
func (r row) ofWords() row        { r.words = true; return r }
func (r row) orOfOwner() row      { r.orOwner = true; return r }
func (r row) root(p part) row     { return r.at(atGenesis).needed(p) }
func (r row) creation(p part) row { return r.ofOwner().at(atMaking).needed(p) }

// fixed holds the keys that are named in the schema.
var fixed = [slots]map[string]row{
	slotRoot: {
		"kind":     formed(oneOf("event", "club")).root(partKind),
		"gate":     number.root(partGate),
		"access":   formed(oneOf("open", "invited")).root(partAccess),
		"event":    aMap(slotEvent).root(partAbout),
		"club":     aMap(slotClub).root(partAbout),
		"weeks":    aMap(slotWeeks).root(partWeeks),
		"people":   aMap(slotPeople).root(partPeople),
		"roles":    aMap(slotRoles).root(partRoles),
		"blocks":   aMap(slotBlocks).root(partBlocks),
		"claims":   aMap(slotClaims).root(partClaims),
		"posts":    aMap(slotPosts).root(partPosts),
		"winners":  aMap(slotWinners).root(partWinners),
		"draw":     aMap(slotDraw).root(partDraw),
		"contacts": aMap(slotContacts).root(partContacts),
		"blobs":    aMap(slotBlobs).root(partBlobs),
		"relays":   aMap(slotRelays).root(partRelays),
	},
	slotEvent: {
		"title":        line(schema.MaxShort).from(organiser),
		"authors":      line(schema.MaxShort).from(organiser),
		"language":     line(schema.MaxShort).from(organiser),
		"zone":         line(schema.MaxShort).from(organiser),
		"description":  text(schema.MaxDescription).from(organiser),
		"source":       line(schema.MaxShort).from(organiser),
		"startsAt":     millis.from(organiser),
		"endsAt":       millis.from(organiser),
		"answersFrom":  millis.from(organiser),
		"answersUntil": millis.from(organiser),
		"winnersAt":    millis.from(organiser),
		"prizes":       number.from(organiser),
		"closed":       truth.from(organiser),
		"approve":      truth.from(organiser),
		"movedTo":      formed(orNothing(isEventID)).from(organiser),
		"cover":        formed(orNothing(isHash)).from(organiser),
		"links":        aMap(slotLinks).from(organiser),
		"x":            aMap(slotAboutX).from(organiser),
	},
	slotClub: {
		"title":    line(schema.MaxShort).from(organiser),
		"about":    text(schema.MaxDescription).from(organiser),
		"language": line(schema.MaxShort).from(organiser),
		"x":        aMap(slotAboutX).from(organiser),
	},
	slotLink: {
		"text": line(schema.MaxShort).from(organiser),
		"url":  line(schema.MaxShort).from(organiser),
	},
	slotPerson: {
		"name":      line(schema.MaxName).ofOwner(),
		"about":     text(schema.MaxAbout).ofOwner(),
		"link":      line(schema.MaxPersonLink).ofOwner(),
		"publishAs": formed(oneOf("name", "initials", "none")).ofOwner(),
	},
	slotRolesOf: {
		string(qa.RoleOrganiser):       truth.from(founder),
		string(qa.RoleAuthor):          truth.from(organiser),
		string(qa.RoleModerator):       truth.from(organiser),
		string(qa.RoleMember):          truth.from(organiser),
		string(qa.RoleInviteAuthor):    truth.from(organiser),
		string(qa.RoleInviteModerator): truth.from(organiser),
		string(qa.RoleInviteMember):    truth.from(organiser),
	},
	slotPost: {
		"parent":     formed(orNothing(isPostID)).creation(partParent),
		"at":         millis.creation(partAt),
		"onBehalfOf": line(schema.MaxName).creation(0),
		"source":     line(schema.MaxShort).creation(0),
		"origin":     formed(isPostID).creation(0),
		"as":         formed(oneOf("author")).creation(0).from(organiser),
		"revisions":  aMap(slotRevisions).creation(partRevisions),
		"reactions":  aMap(slotReactions).creation(partReactions),
		"marks":      aMap(slotMarks).creation(partMarks),
		"state":      formed(oneOf("", "withdrawn")).ofOwner(),
		"tags":       line(schema.MaxTags).ofOwner(),
		"x":          aMap(slotPostX).ofOwner(),
	},
	slotMarks: {
		"hidden":      text(schema.MaxReason).from(moderator | organiser),
		"pinned":      truth.from(moderator | organiser),
		"approved":    truth.from(moderator | organiser),
		"duplicateOf": formed(orNothing(isPostID)).from(moderator | organiser),
		"answered":    truth.from(author | moderator | organiser).orOfOwner(),
		"assigned":    aMap(slotAssigned).creation(partAssigned),
		"candidate":   aMap(slotCandidate).creation(partCandidate),
	},
	slotDraw: {
		"commit": aMap(slotDrawBy).from(author | organiser),
		"reveal": aMap(slotDrawBy).from(author | organiser),
		"rule":   text(schema.MaxAbout).from(organiser),
	},
	slotWeek: {
		"title":    line(schema.MaxShort).from(organiser),
		"authors":  line(schema.MaxShort).from(organiser),
		"startsAt": millis.from(organiser),
		"endsAt":   millis.from(organiser),
		"relay":    line(schema.MaxShort).from(organiser),
	},
}

// keyed holds the maps whose keys are names of a form.
var keyed = [slots]struct {
	key func(string) bool
	row row
}{
	slotLinks:       {numberBelow(schema.MaxLinks), aMap(slotLink).from(organiser)},
	slotAboutX:      {isXName, text(schema.MaxXValue).from(organiser).atMost(schema.MaxXKeys).ofWords()},
	slotPeople:      {isIdentity, aMap(slotPerson).ofSelf()},
	slotRoles:       {isIdentity, aMap(slotRolesOf).from(organiser)},
	slotBlocks:      {isIdentity, text(schema.MaxReason).from(moderator | organiser)},
	slotClaims:      {isIdentity, formed(isIdentity).ofSelf()},
	slotPosts:       {isShort, aMap(slotPost)},
	slotRevisions:   {isShort, text(schema.MaxText).ofOwner()},
	slotReactions:   {isIdentity, aMap(slotReactionsOf).ofSelf()},
	slotReactionsOf: {isEmoji, truth.ofOwner().atMost(schema.MaxReactions).ofWords()},
	slotAssigned:    {isIdentity, truth.from(author)},
	slotCandidate:   {isIdentity, truth.from(author).ofSelf()},
	slotPostX:       {isXName, text(schema.MaxXValue).ofOwner().atMost(schema.MaxXKeys).ofWords()},
	slotWinners:     {isIdentity, aMap(slotWinnersOf).from(author | organiser).ofSelf()},
	slotWinnersOf:   {isPostID, line(schema.MaxShort).from(author | organiser).ofOwner()},
	slotDrawBy:      {isIdentity, blob(schema.MaxDraw).from(author | organiser).ofSelf()},
	slotContacts:    {isIdentity, blob(schema.MaxContact).ofSelf()},
	slotBlobs:       {isHash, blob(schema.MaxBlob).from(organiser)},
	slotRelays:      {numberBelow(schema.MaxRelays), line(schema.MaxShort).from(organiser)},
	slotWeeks:       {isEventID, aMap(slotWeek).from(organiser)},
}

// kind is the kind of act that an operation belongs to, by the map in which it works.
// What one change may say of each is bounded (R25).
type kind uint8

const (
	kindFounding kind = iota
	kindAbout         // what an event or club says of itself, and its relays
	kindWeek          // a club's list
	kindPerson
	kindRoles
	kindBlock
	kindClaim
	kindPost // a post and its owner's changes to it
	kindReaction
	kindMark
	kindWinner
	kindDraw
	kindContact
	kindBlob
	kinds
)

var kindOf = [slots]kind{
	slotRoot:  kindFounding,
	slotEvent: kindAbout, slotClub: kindAbout, slotLinks: kindAbout, slotLink: kindAbout,
	slotAboutX: kindAbout, slotRelays: kindAbout,
	slotWeeks: kindWeek, slotWeek: kindWeek,
	slotPeople: kindPerson, slotPerson: kindPerson,
	slotRoles: kindRoles, slotRolesOf: kindRoles,
	slotBlocks: kindBlock, slotClaims: kindClaim,
	slotPosts: kindPost, slotPost: kindPost, slotRevisions: kindPost, slotPostX: kindPost,
	slotReactions: kindReaction, slotReactionsOf: kindReaction,
	slotMarks: kindMark, slotAssigned: kindMark, slotCandidate: kindMark,
	slotWinners: kindWinner, slotWinnersOf: kindWinner,
	slotDraw: kindDraw, slotDrawBy: kindDraw,
	slotContacts: kindContact, slotBlobs: kindBlob,
}

// mostOperations is how many operations of each kind a change may hold: at least what
// the largest act of our own writer makes, which a test of package crdt holds it to.
// The first change of an event has the bound of any change alone, wire.MaxOps.
var mostOperations = [kinds]int{
	// All fields of an event, all its links, an x and all relays.
	kindAbout: len(fixed[slotEvent]) + schema.MaxLinks*(1+len(fixed[slotLink])) + schema.MaxXKeys + schema.MaxRelays,
	kindWeek:  1 + len(fixed[slotWeek]),
	// The map, and each of its fields.
	kindPerson: 1 + len(fixed[slotPerson]),
	kindRoles:  2 * len(fixed[slotRolesOf]), // our writer: an invitation answered, 3
	kindBlock:  4,
	kindClaim:  1,
	// The map with each of its keys, the marks' two maps, a revision and an x.
	kindPost:     1 + len(fixed[slotPost]) + 2 + 1 + schema.MaxXKeys,
	kindReaction: 1 + schema.MaxReactions,
	kindMark:     len(fixed[slotMarks]) + 2,
	kindWinner:   8,
	kindDraw:     5,
	kindContact:  1,
	kindBlob:     1,
}

// lookup returns the row of a key in a map of the schema, nil when it has none.
func lookup(s slot, key string) *row {
	if k := &keyed[s]; k.key != nil {
		if !k.key(key) {
			return nil
		}
		return &k.row
	}
	if r, ok := rows[s][key]; ok {
		return r
	}
	return nil
}

// rows is fixed with rows that can be pointed at.
var rows = func() (out [slots]map[string]*row) {
	for s, keys := range fixed {
		out[s] = make(map[string]*row, len(keys))
		for key, r := range keys {
			out[s][key] = &r
		}
	}
	return out
}()

// The forms of keys and values. All are decided by their bytes alone, in a way
// that no library's next version changes: what is valid once is valid for good.

func oneOf(words ...string) func(string) bool {
	return func(s string) bool {
		for _, w := range words {
			if s == w {
				return true
			}
		}
		return false
	}
}

func orNothing(form func(string) bool) func(string) bool {
	return func(s string) bool { return s == "" || form(s) }
}

// numberBelow accepts 0 to n-1 in decimal, without leading zeros; n is at most 100.
func numberBelow(n int) func(string) bool {
	return func(s string) bool {
		switch len(s) {
		case 1:
			return s[0] >= '0' && s[0] <= '9' && int(s[0]-'0') < n
		case 2:
			return s[0] >= '1' && s[0] <= '9' && s[1] >= '0' && s[1] <= '9' && int(s[0]-'0')*10+int(s[1]-'0') < n
		}
		return false
	}
}

// isHex reports whether s is n lower-case hex characters.
func isHex(s string, n int) bool {
	if len(s) != n {
		return false
	}
	for i := range len(s) {
		if c := s[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}

func isIdentity(s string) bool { return isHex(s, 64) }
func isHash(s string) bool     { return isHex(s, 64) }
func isXName(s string) bool    { return s != "" && len(s) <= schema.MaxXName }
func isEmoji(s string) bool    { return s != "" && len(s) <= schema.MaxEmoji }

func isEventID(s string) bool {
	_, err := qa.ParseEventID(s)
	return err == nil
}

func isPostID(s string) bool {
	_, err := qa.ParsePostID(s)
	return err == nil
}

// isShort bounds a key that has to be the name of an operation; that it is, is
// looked at when the operation is.
func isShort(s string) bool { return len(s) <= 64 }
