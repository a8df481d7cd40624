package qa

// ActKind names what a person did.
type ActKind string

// The acts of schema 1.
const (
	ActCreate   ActKind = "found"    // Event: the new event (ID, Founder are ignored)
	ActPost     ActKind = "post"     // Parent ("" asks), Text, OnBehalfOf, Tags, AtMillis, Source, AsAuthor, X, Origin, Anonymous
	ActEdit     ActKind = "edit"     // Post, Text; adds a revision
	ActWithdraw ActKind = "withdraw" // Post, On (false undoes the withdrawal)
	ActExtra    ActKind = "extra"    // Post, X: sets these fields of the writer's own post's x
	ActReact    ActKind = "react"    // Post, Emoji, On
	ActPerson   ActKind = "person"   // Person (ID is the actor's own); empty fields are left alone, but those named in Clear are emptied
	ActEvent    ActKind = "event"    // Fields: keys of `event` to set, links and relays by Links, Relays
	ActRole     ActKind = "role"     // Identity, Role, On
	ActMark     ActKind = "mark"     // Post, Mark, and On ("answered","pinned","approved"), Text ("hidden": the reason, "duplicateOf": the post; "" lifts), or Identity and On ("assigned","candidate")
	ActMerge    ActKind = "merge"    // an empty change that joins the heads

	ActInvite ActKind = "invite" // Identity: the invitation's public key, Role (author, moderator, member), On
	ActClaim  ActKind = "claim"  // Identity: the invitation's key, which is also the writer; Successor
	ActAdmit  ActKind = "admit"  // Invite, Identity, Role: grants the role and revokes the invitation, in one change
	ActBlock  ActKind = "block"  // Identity, Text: the reason, "" lifts

	ActWinner  ActKind = "winner"  // Post, Text: a note, "" undoes the choice
	ActDraw    ActKind = "draw"    // Mark ("commit", "reveal": Bytes; "rule": Text)
	ActContact ActKind = "contact" // Bytes: how to reach the writer, encrypted to the founder; no bytes remove it
	ActBlob    ActKind = "blob"    // Bytes, kept under their SHA-256
	ActWeek    ActKind = "week"    // of a club. Event: ID, Title, Authors, StartsAtMillis, EndsAtMillis, the first of Relays
)

// Act is a user action before it is written as a change. The ledger keeps the acts of this device
// with their changes, so that an act can be issued again if its change is rejected. See ActKind for
// the fields that each kind uses.
type Act struct {
	Kind       ActKind  `json:"kind"`
	AtMillis   int64    `json:"at"`
	Event      *Event   `json:"event,omitempty"`
	Post       PostID   `json:"post,omitempty"`
	Parent     PostID   `json:"parent,omitempty"`
	Text       string   `json:"text,omitempty"`
	OnBehalfOf string   `json:"onBehalfOf,omitempty"`
	Tags       []string `json:"tags,omitempty"`
	Source     string   `json:"source,omitempty"`
	AsAuthor   bool     `json:"asAuthor,omitempty"`
	// X is stored in the post's x: additional data of an imported message, or see XAppeal.
	X map[string]string `json:"x,omitempty"`

	Emoji    string   `json:"emoji,omitempty"`
	On       bool     `json:"on,omitempty"`
	Mark     string   `json:"mark,omitempty"`
	Person   *Person  `json:"person,omitempty"`
	Clear    []string `json:"clear,omitempty"` // of "about", "link"
	Identity Identity `json:"identity,omitempty"`
	Role     Role     `json:"role,omitempty"`
	// Fields of `event` by their key in the document: values are string,
	// int64 (times), uint64 (prizes) or bool.
	Fields map[string]any `json:"fields,omitempty"`
	// Links replaces all links. nil: unchanged; empty: removes them.
	Links  []Link   `json:"links,omitzero"`
	Relays []string `json:"relays,omitempty"`

	// Origin is set when an act is issued again because its first post was excluded from the
	// document: the ID of that post.
	Origin PostID `json:"origin,omitempty"`
	// Anonymous: a question is signed with a new key, and the asker's replies below it with the same key.
	Anonymous bool     `json:"anonymous,omitempty"`
	Invite    Identity `json:"invite,omitempty"`    // the public key of an invitation
	Successor Identity `json:"successor,omitempty"` // the person who claims it
	Bytes     []byte   `json:"bytes,omitempty"`
}

// invitedAs has the roles that an invitation can grant, each with the role of the invitation's key.
var invitedAs = []struct{ role, as Role }{
	{RoleAuthor, RoleInviteAuthor},
	{RoleModerator, RoleInviteModerator},
	{RoleMember, RoleInviteMember},
}

// InvitedRoles returns the roles that an invitation can grant. Every organiser can also give them, in
// contrast to the organiser's role.
func InvitedRoles() []Role {
	out := make([]Role, len(invitedAs))
	for i := range invitedAs {
		out[i] = invitedAs[i].role
	}
	return out
}

// InvitedAs returns the role of an invitation key that grants r, such as invite-author for author.
func (r Role) InvitedAs() (Role, bool) {
	for i := range invitedAs {
		if invitedAs[i].role == r {
			return invitedAs[i].as, true
		}
	}
	return "", false
}
