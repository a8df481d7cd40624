// Package qa is the domain of Flyleaf: events, posts, people, roles and the
// acts that change them, as plain values and pure functions.
//
// It knows nothing of Automerge, storage or networks. Of Flyleaf it imports schema, which has the limits of its
// values, and packages that know nothing of an event. Times are Unix milliseconds, and their names end in Millis.
// Limits are bytes of UTF-8 unless they say otherwise.
package qa

import (
	"cmp"

	"flyleaf/picture"
	"flyleaf/schema"
)

// Identity is a person: an Ed25519 public key as 64 lower-case hex characters.
type Identity string

// EventID is the document ID of an event: 16 bytes, base58check-encoded as
// automerge-repo does (see ParseEventID).
type EventID string

// PostID is the ID of a post. It is computed from the operation that makes the post's map, so nobody can
// take over or replace a post; see MakePostID.
type PostID string

// RevisionID is the ID of one revision of a post's text; see MakeRevisionID.
type RevisionID string

// OpID is the ID of an Automerge operation. Its order breaks ties between values, and between posts of the
// same time.
type OpID struct {
	Counter uint64 `json:"counter"`
	Actor   string `json:"actor"` // lower-case hex
}

// Compare orders operations as Automerge does: by counter, then by actor bytes.
func (o OpID) Compare(p OpID) int {
	return cmp.Or(cmp.Compare(o.Counter, p.Counter), cmp.Compare(o.Actor, p.Actor))
}

// Less reports whether o comes before p.
func (o OpID) Less(p OpID) bool { return o.Compare(p) < 0 }

// Event holds the metadata of a week or a club: title, dates, settings, roles.
type Event struct {
	ID      EventID  `json:"id"`
	Kind    string   `json:"kind"`   // "event" or "club"
	Rules   uint64   `json:"gate"`   // version of the rules, 1 to schema.RulesVersion; larger if a later program made the event
	Access  string   `json:"access"` // "open" or "invited"
	Founder Identity `json:"founder"`

	Title       string `json:"title"`
	Subtitle    string `json:"subtitle,omitempty"`
	Authors     string `json:"authors"` // names, separated by ", "
	Language    string `json:"language,omitempty"`
	Zone        string `json:"zone,omitempty"` // IANA name
	Description string `json:"description,omitempty"`
	// Announcement is a text of the organisers for everybody, such as who won. It can be written in a closed event.
	Announcement string `json:"announcement,omitempty"`
	// Math is schema.MathTeX if posts have formulas, see HasMath. Other values are for later versions.
	Math string `json:"math,omitempty"`
	// Pictures is schema.PicturesOn if pictures of posts are shown, see HasPictures. Other values are for later versions.
	Pictures string `json:"pictures,omitempty"`
	Source   string `json:"source,omitempty"`

	StartsAtMillis     int64 `json:"startsAt,omitempty"` // 0: not set
	EndsAtMillis       int64 `json:"endsAt,omitempty"`
	AnswersFromMillis  int64 `json:"answersFrom,omitempty"`
	AnswersUntilMillis int64 `json:"answersUntil,omitempty"`
	WinnersAtMillis    int64 `json:"winnersAt,omitempty"`

	Prizes  uint64 `json:"prizes,omitempty"`
	Closed  bool   `json:"closed,omitempty"`
	Approve bool   `json:"approve,omitempty"` // posts need approval, see late.go
	// ApproveSince is the hash of the change that turned Approve on, 64 hex characters. It is "" while
	// Approve is off, and in views of earlier versions, see OutdatedView.
	ApproveSince string `json:"approveSince,omitempty"`

	MovedTo EventID           `json:"movedTo,omitempty"`
	Cover   string            `json:"cover,omitempty"` // key in blobs
	Links   []Link            `json:"links,omitempty"`
	Relays  []string          `json:"relays,omitempty"`
	X       map[string]string `json:"x,omitempty"` // stored, and ignored by views
	Roles   []Grant           `json:"roles,omitempty"`

	Winners []Winner `json:"winners,omitempty"` // ascending by post, then by who chose
	Draw    *Draw    `json:"draw,omitempty"`    // nil: nobody has committed to a secret or set a rule

	// Weeks is a club's list of weeks: those that start latest come first; at most MaxWeeks.
	Weeks []ListedWeek `json:"weeks,omitempty"`
	// CoverIn is the hash of the change that holds the cover's bytes, 64 hex
	// characters; "" until that change arrives.
	CoverIn string `json:"coverIn,omitempty"`
	// Edits counts the later changes to the event's own fields.
	Edits int `json:"edits,omitempty"`
}

// HasMath reports whether posts have formulas in the notation of TeX, see markdown.PostHTML.
func (e *Event) HasMath() bool { return e.Math == schema.MathTeX }

// SetMath turns formulas on or off.
func (e *Event) SetMath(on bool) {
	if e.Math = ""; on {
		e.Math = schema.MathTeX
	}
}

// HasPictures reports whether posts can have pictures, and those that they have are shown.
func (e *Event) HasPictures() bool { return e.Pictures == schema.PicturesOn }

// SetPictures turns pictures on or off.
func (e *Event) SetPictures(on bool) {
	if e.Pictures = ""; on {
		e.Pictures = schema.PicturesOn
	}
}

// OutdatedView reports whether an earlier version of Flyleaf wrote this view of the event, so that it does not
// say for which closing the draw is, or since when posts need approval.
func (e *Event) OutdatedView() bool {
	return e.Draw != nil && e.Draw.Closed && e.Draw.Closing == "" || e.Approve && e.ApproveSince == ""
}

// Link is one of an event's links.
type Link struct {
	Text string `json:"text"`
	URL  string `json:"url"`
}

// Role says what a person may do in an event.
type Role string

// The roles. The founder of an event is always an organiser.
const (
	RoleOrganiser Role = schema.KeyOrganiser
	RoleAuthor    Role = schema.KeyAuthor
	RoleModerator Role = schema.KeyModerator
	RoleMember    Role = schema.KeyMember
)

// Grant says that an identity holds a role.
type Grant struct {
	ID   Identity `json:"id"`
	Role Role     `json:"role"`
}

// Person is a person's description of themselves in an event.
type Person struct {
	ID        Identity `json:"id"`
	Name      string   `json:"name,omitempty"`
	About     string   `json:"about,omitempty"`
	Link      string   `json:"link,omitempty"`
	PublishAs string   `json:"publishAs,omitempty"` // "name", "initials", "none"
}

// Revision is one text of a post. Revisions are added, never overwritten.
type Revision struct {
	ID       RevisionID `json:"id"`
	Text     string     `json:"text"`
	AtMillis int64      `json:"at"` // the time of the change that added it
	Op       OpID       `json:"op"`
	// Superseded: a later revision was written by somebody who had seen this
	// one. Two revisions that are not superseded are concurrent: both are shown.
	Superseded bool `json:"superseded,omitempty"`
	// Late: the event is closed, and the revision is not in the past of the closing; see late.go.
	Late bool `json:"late,omitempty"`
	// AfterApproval: posts need approval, and the revision is not in the past of the change that turned
	// that on; see late.go.
	AfterApproval bool `json:"afterApproval,omitempty"`
}

// Reaction is one person's emoji on a post. WantEmoji is "me too".
type Reaction struct {
	By    Identity `json:"by"`
	Emoji string   `json:"emoji"`
}

// WantEmoji is the reaction that says "I want this answered too".
const WantEmoji = "want"

// Marks are a post's marks by moderators, authors and organisers.
type Marks struct {
	Hidden      string     `json:"hidden,omitempty"` // the reason for hiding; empty if the post is visible
	Pinned      bool       `json:"pinned,omitempty"`
	Approved    bool       `json:"approved,omitempty"`
	DuplicateOf PostID     `json:"duplicateOf,omitempty"`
	Answered    bool       `json:"answered,omitempty"`
	Assigned    []Identity `json:"assigned,omitempty"`
	Candidate   []Identity `json:"candidate,omitempty"`

	// The person who set the mark that is in effect, and the time by their clock.
	HiddenBy       Identity `json:"hiddenBy,omitempty"`
	HiddenAtMillis int64    `json:"hiddenAt,omitempty"`
	DuplicateBy    Identity `json:"duplicateBy,omitempty"`
	// InDraw: the post takes part in the draw: it was marked as a candidate before the event was
	// closed (or is marked now, while the event is open).
	InDraw bool `json:"inDraw,omitempty"`
}

// Post is a question (Parent is "") or a reply.
type Post struct {
	ID       PostID   `json:"id"`
	Parent   PostID   `json:"parent,omitempty"`
	By       Identity `json:"by"`
	AtMillis int64    `json:"at"` // the writer's clock, permissions never depend on it
	// ReceivedAtMillis is when this device received the post, by its own clock; only set
	// where AtMillis cannot be true, see PlausibleMillis.
	ReceivedAtMillis int64  `json:"received,omitempty"`
	Op               OpID   `json:"op"` // the operation that made the post
	OnBehalfOf       string `json:"onBehalfOf,omitempty"`
	Source           string `json:"source,omitempty"` // the imported message that it was made from, if Imported
	// Imported: whether the writer of a post with a Source held the organiser role at the time of writing.
	// Anybody can write a source; only an organiser's makes the post an import. Later revocations do not
	// matter. It is nil without a source, and in views of earlier versions, see OutdatedView.
	Imported *bool  `json:"imported,omitempty"`
	Origin   PostID `json:"origin,omitempty"`
	AsAuthor bool   `json:"asAuthor,omitempty"` // an imported answer of an author
	// AuthorThen: at the time of writing, the writer held the author role (with AsAuthor: the
	// organiser role). Later revocations do not matter.
	AuthorThen bool       `json:"authorThen,omitempty"`
	Revisions  []Revision `json:"revisions"` // ascending by operation; at least one, unless Void
	Withdrawn  bool       `json:"withdrawn,omitempty"`
	// WithdrawnAtMillis is when it was withdrawn, by the writer's clock.
	WithdrawnAtMillis int64             `json:"withdrawnAt,omitempty"`
	Tags              []string          `json:"tags,omitempty"`
	Marks             Marks             `json:"marks"`
	X                 map[string]string `json:"x,omitempty"`
	// Late: the event is closed, and the post is not in the past of the closing; see late.go.
	Late bool `json:"late,omitempty"`
	// AfterApproval: posts need approval, and the post is not in the past of the change that turned that
	// on; see late.go.
	AfterApproval bool `json:"afterApproval,omitempty"`
	// Blocked: the writer is blocked, the post is not in the past of the block, and no moderator
	// approved it. It is kept and not shown.
	Blocked bool `json:"blocked,omitempty"`
	// Void: its writer's device signed two versions of the change that made it, or of an earlier
	// one, so its text is not shown. Replies of others stay visible below it.
	Void bool `json:"void,omitempty"`
	// VoidVersion is the hash of the change whose version of the post determines its position.
	VoidVersion string `json:"voidVersion,omitempty"`
	// For a reply to a void post, Ancestors lists its ancestors as its writer saw them: each post
	// with the version, at most MaxAncestors of them.
	Ancestors []PostVersion `json:"answers,omitempty"`
	// Reactions that are on, ascending by emoji, then identity.
	Reactions []Reaction `json:"reactions,omitempty"`
}

// MaxAncestors is the maximum length of Post.Ancestors.
const MaxAncestors = 8

// PostVersion is one version of a post. A post has several versions only if its writer's device signed
// several.
type PostVersion struct {
	Post    PostID `json:"post"`
	Version string `json:"version"` // the hash of the change that made it, hex
}

// IsImported reports whether an organiser imported the post.
func (p *Post) IsImported() bool { return p.Imported != nil && *p.Imported }

// OutdatedView reports whether an earlier version of Flyleaf wrote this view of the post, so that it does not
// say whether the post is imported.
func (p *Post) OutdatedView() bool { return p.Source != "" && p.Imported == nil }

// Text returns the text to show: that of the revision with the highest operation.
func (p *Post) Text() string {
	if len(p.Revisions) == 0 {
		return ""
	}
	return p.Revisions[len(p.Revisions)-1].Text
}

// Words returns the text to show, with words in place of a picture.
func (p *Post) Words() string { return picture.Words(p.Text()) }

// Versions returns the revisions that are not superseded, ascending. More than one means that the post was
// edited concurrently.
func (p *Post) Versions() []Revision {
	var out []Revision
	for _, r := range p.Revisions {
		if !r.Superseded {
			out = append(out, r)
		}
	}
	return out
}
