package qa

import (
	"slices"

	"flyleaf/schema"
)

// Plain values for pages that show moderation, roles and rejected changes.

// LogKind is the kind of a line in the moderation log: a mark, a role, a block, or one of the event's two
// settings.
type LogKind string

// The kinds of lines. Marks and settings have the names of their keys in the schema.
const (
	LogHidden    LogKind = schema.KeyHidden      // Post; Text is the reason. Off lifts it
	LogPinned    LogKind = schema.KeyPinned      // Post
	LogApproved  LogKind = schema.KeyApproved    // Post
	LogAnswered  LogKind = schema.KeyAnswered    // Post
	LogDuplicate LogKind = schema.KeyDuplicateOf // Post, Of; off when Of is ""
	LogRole      LogKind = "role"                // Identity, Role. Off revokes it
	LogBlock     LogKind = "block"               // Identity; Text is the reason. Off lifts it
	LogClosed    LogKind = schema.KeyClosed      // the event. Off opens it again
	LogApprove   LogKind = schema.KeyApprove     // posts wait for approval. Off ends that
)

// LogEntry is one act of moderation: who did what, when, and whether it is in effect.
type LogEntry struct {
	Kind     LogKind  `json:"kind"`
	By       Identity `json:"by"`
	AtMillis int64    `json:"at"` // the writer's clock
	Op       OpID     `json:"op"` // newest last is by operation
	On       bool     `json:"on"`
	Post     PostID   `json:"post,omitempty"`
	Of       PostID   `json:"of,omitempty"`
	Identity Identity `json:"identity,omitempty"`
	Role     Role     `json:"role,omitempty"`
	Text     string   `json:"text,omitempty"`
	// InEffect: the writer's role authorizes the act. An act that is not in effect changes nothing: it is
	// void, or the writer's role had been revoked.
	InEffect bool `json:"inEffect"`
	// Void: the writer's device signed two versions of this, or of something earlier.
	Void bool `json:"void,omitempty"`
	// Blocks: because of this entry, of kind LogBlock, the person is blocked now.
	Blocks bool `json:"blocks,omitempty"`
}

// Blocks returns the blocked people of a moderation log, each with the entry that blocked them.
func Blocks(log []LogEntry) map[Identity]LogEntry {
	out := make(map[Identity]LogEntry)
	for _, e := range log {
		if e.Blocks {
			out[e.Identity] = e
		}
	}
	return out
}

// The states of an invitation that grants a role.
const (
	InviteOpen    = "open"    // nobody has used it
	InviteClaimed = "claimed" // somebody has used it; an organiser's device has not answered yet
	InviteGranted = "granted"
	InviteRevoked = "revoked"
	// InviteUsedByOther is shown to somebody whose invitation was used by another person.
	InviteUsedByOther = "taken"
	// InviteNotNeeded is shown to an organiser who opened an invitation: the invitation stays unused.
	InviteNotNeeded = "not-needed"
)

// InviteInfo is an invitation that grants a role. Only the organiser's device that made it knows label and
// link.
type InviteInfo struct {
	Key      Identity   `json:"key"` // the invitation's own public key
	Role     Role       `json:"role"`
	Label    string     `json:"label,omitempty"` // for whom it is; stored on this device only
	State    string     `json:"state"`
	Claimer  Identity   `json:"claimer,omitempty"` // the person who used it
	Link     Invitation `json:"link"`              // with the secret, if this device has it
	AtMillis int64      `json:"at,omitempty"`
}

// NotAccepted is a change of this device that was not accepted. Act has its text.
type NotAccepted struct {
	Hash     string `json:"hash"` // of the change, hex
	Code     string `json:"code"`
	Reason   string `json:"reason"` // a sentence for a person
	Deferred bool   `json:"deferred,omitempty"`
	// ByRelay: only the relay does not accept it. It is valid on this device, so it stays pending.
	ByRelay  bool   `json:"byRelay,omitempty"`
	Post     PostID `json:"post,omitempty"` // the post that it changed or made
	Act      Act    `json:"act"`
	AtMillis int64  `json:"at,omitempty"`
}

// Presence is a signed, short-lived message about what a person is doing.
type Presence struct {
	Kind string   `json:"kind"` // PresenceAnswering or PresenceSeen
	By   Identity `json:"by"`
	Post PostID   `json:"post,omitempty"`
	// AtMillis is when this device received it, by its own clock.
	AtMillis int64 `json:"at"`
}

// The kinds of presence.
const (
	PresenceAnswering = "answering" // is writing a reply to the post
	PresenceSeen      = "seen"      // the post has arrived on that person's device
)

// Verification is the result of checking an event from its changes alone.
type Verification struct {
	Event EventID `json:"event"`
	Title string  `json:"title,omitempty"`
	// Genesis: the first change is present and matches the event's ID.
	Genesis bool `json:"genesis"`
	// Unsigned: the changes came without signatures, so only permissions were checked. Nothing proves who
	// made the changes.
	Unsigned bool             `json:"unsigned,omitempty"`
	Changes  []VerifiedChange `json:"changes"`
	Bad      int              `json:"bad"`              // number of invalid changes
	People   []VerifiedPerson `json:"people,omitempty"` // in the order of their first change
	// Grants are the changes by which the writers of Changes, and of Grants, hold the roles that Changes say; ForPost sets them.
	Grants []VerifiedChange `json:"grants,omitempty"`
	Heads  []string         `json:"heads,omitempty"` // hex, ascending
}

// Valid reports whether everything was verified: the first change matches the event's ID, and every change
// was signed by its writer and permitted.
func (v *Verification) Valid() bool { return v.Genesis && v.Bad == 0 && !v.Unsigned }

// ForPost returns what was found about one post: the changes that made it, edited it, marked it
// or reacted to it, and the changes that gave the roles of their writers.
func (v *Verification) ForPost(post PostID) Verification {
	out := *v
	out.Changes, out.People, out.Grants, out.Bad = []VerifiedChange{}, nil, nil, 0
	writers, grants := map[Identity]bool{}, map[string]bool{}
	add := func(to *[]VerifiedChange, c *VerifiedChange) {
		*to = append(*to, *c)
		if c.Code != "" || !c.Signed && !v.Unsigned {
			out.Bad++
		}
		grants[c.GrantedIn] = true
		if c.Author != nil {
			grants[c.Author.GrantedIn] = true
		}
	}
	for i := range v.Changes {
		if c := &v.Changes[i]; slices.Contains(c.Posts, post) {
			add(&out.Changes, c)
			writers[c.By] = true
		}
	}
	for _, p := range v.People {
		if writers[p.ID] && p.Author != nil {
			grants[p.Author.GrantedIn] = true
		}
	}
	for _, c := range slices.Backward(v.Changes) { // a grant comes before what was done with it
		if grants[c.Hash] {
			add(&out.Grants, &c)
		}
	}
	slices.Reverse(out.Grants)
	for _, p := range v.People {
		if writers[p.ID] {
			out.People = append(out.People, p)
		}
	}
	return out
}

// RoleGrant says who gave a role to a person, and in which change.
type RoleGrant struct {
	GrantedBy       Identity `json:"grantedBy"`
	GrantedAtMillis int64    `json:"grantedAt"` // by the clock of GrantedBy
	GrantedIn       string   `json:"grantedIn"` // the hash of the change, hex
}

// VerifiedPerson is a writer of an event, with the result of the verification.
type VerifiedPerson struct {
	ID    Identity `json:"id"`
	Name  string   `json:"name,omitempty"`
	Roles []Role   `json:"roles,omitempty"` // held now
	// Author says who gave the role of author, if it is held now.
	Author  *RoleGrant `json:"author,omitempty"`
	Blocked bool       `json:"blocked,omitempty"`
	Changes int        `json:"changes"`        // number of valid changes
	Bad     int        `json:"bad,omitempty"`  // number of invalid changes; anybody may have made the unsigned ones
	Void    int        `json:"void,omitempty"` // number of void changes among Changes
}

// VerifiedChange is one change with the result of its check.
type VerifiedChange struct {
	Hash     string   `json:"hash"` // hex
	By       Identity `json:"by"`
	Actor    string   `json:"actor"` // hex
	Seq      uint64   `json:"seq"`
	AtMillis int64    `json:"at"`
	What     string   `json:"what"` // what it did, in one line
	// Did has the effects of the change one by one; empty if the change cannot be read.
	Did    []ChangeDescription `json:"did,omitempty"`
	Posts  []PostID            `json:"posts,omitempty"` // the posts that it is about
	Signed bool                `json:"signed"`          // its signature is the writer's
	Code   string              `json:"code,omitempty"`
	Reason string              `json:"reason,omitempty"` // why it is not permitted; "" when it is
	Void   bool                `json:"void,omitempty"`   // valid but without effect: two versions of it or of an earlier change were signed
	// Role is the role that authorizes it, "" when it needs none. GrantedBy granted the role; "" for the
	// founder's own.
	Role            Role     `json:"role,omitempty"`
	GrantedBy       Identity `json:"grantedBy,omitempty"`
	GrantedAtMillis int64    `json:"grantedAt,omitempty"`
	GrantedIn       string   `json:"grantedIn,omitempty"` // the hash of the change that granted it
	// Author: the change made a post, and its writer was an author then. It says who gave that role.
	Author *RoleGrant `json:"author,omitempty"`
}

// VisibleTo returns the week as one person sees it: without the posts and edits that wait for approval, unless
// they are the viewer's own or the viewer may approve them. viewer has the keys of that person. A question that
// waits keeps its place, without its text, when the viewer has replied to it or it takes part in the draw, so that
// everybody sees the same draw.
func (w Week) VisibleTo(viewer ...Identity) Week {
	moderates := func(id Identity) bool { return w.Event.HoldsAny(id, schema.Moderators) }
	if !w.Event.Approve || slices.ContainsFunc(viewer, moderates) {
		return w
	}
	own := func(p *PostView) bool {
		for _, id := range viewer {
			if p.By == id {
				return true
			}
		}
		return false
	}
	out := Week{Event: w.Event, People: w.People, Threads: make([]Thread, 0, len(w.Threads)), Anonymous: w.Anonymous}
	for _, t := range w.Threads {
		replies := make([]PostView, 0, len(t.Replies))
		mine := false
		for i := range t.Replies {
			if r := &t.Replies[i]; !r.NeedsApproval || own(r) {
				replies = append(replies, withoutWaitingEdit(*r, own(r)))
				mine = mine || own(r)
			}
		}
		t.Replies = replies
		if t.Question.NeedsApproval && !own(&t.Question) {
			if !mine && !t.Question.Marks.InDraw {
				continue
			}
			t.Question.Revisions, t.Question.Reactions, t.Question.Tags = nil, nil, nil
		}
		t.Question = withoutWaitingEdit(t.Question, own(&t.Question))
		out.Threads = append(out.Threads, t)
	}
	return out
}

// withoutWaitingEdit returns a post without the revisions that wait for approval, unless it is the viewer's own.
func withoutWaitingEdit(p PostView, own bool) PostView {
	if own || !p.EditNeedsApproval {
		return p
	}
	p.Revisions = slices.DeleteFunc(slices.Clone(p.Revisions), func(r Revision) bool { return r.AfterApproval })
	if n := len(p.Revisions); n > 0 {
		p.Revisions[n-1].Superseded = false // whatever supersedes it waits
	}
	p.EditNeedsApproval = false
	return p
}

// MayBlock reports whether somebody can be blocked: organisers cannot.
func (e Event) MayBlock(whom Identity) bool { return !e.HasRole(whom, RoleOrganiser) }
