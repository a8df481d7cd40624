// Package node has the use cases of a Flyleaf user: ask, answer, set up a week, invite,
// moderate, draw, claim a prize, import, digest. The command line, the web pages and the browser
// build all use its one interface, Node. The HTTP API only reads, also on a relay, which has no
// Node; it declares the two methods that it needs (feed.Node).
//
// Device implements Node in this process, on a store. Package socket carries Node over a local
// socket from the process that serves a data directory to other processes. A use case that only
// combines calls of Node is a function that takes a Node, so it works with both.
//
// DESIGN.md says what belongs in this package and which rules apply.
package node

import (
	"context"
	"time"

	"flyleaf/feed"
	"flyleaf/qa"
)

// Node is one device as its user sees it. All methods are safe for concurrent use.
//
// Error texts are meant for the user: they say what happened and whether anything was changed.
// KindOf returns the kind of an error. When a method that writes returns no error, its changes
// are on this device's disk.
//
// Package socket carries every method to other processes. Therefore each method begins with a
// context, ends with an error, and takes and returns values that survive JSON. A method whose
// last parameter is a function of one value is a stream: it calls the function for each value,
// and returns when the function returns an error, the context ends, or there are no more
// values.
type Node interface {
	// The person.

	// Identity returns the identity that this device writes as.
	Identity(ctx context.Context) (qa.Identity, error)
	// Keys lists the identities that this device can write as in an event: the user's own
	// identity first, then the keys of their anonymous questions.
	Keys(ctx context.Context, event qa.EventID) ([]qa.Identity, error)
	// Person returns the user's profile as stored on this device.
	Person(ctx context.Context) (qa.Person, error)
	// SetPerson stores the user's profile and writes it to every event in which the user
	// participates. Other events get the profile with the user's first post there. If the
	// profile could not be written to some events, the error is of kind ProfileNotShared; those
	// events get it with the user's next post.
	SetPerson(ctx context.Context, p qa.Person) error
	// RecoveryPhrase returns the 24 words of the recovery phrase of this device's key.
	RecoveryPhrase(ctx context.Context) ([]string, error)

	// Reading events.

	// Events lists the followed events in the order they were joined. For an event that has not
	// been fetched yet, only the ID is set.
	Events(ctx context.Context) ([]qa.Event, error)
	// Library lists the followed events with what a list of many events shows, without loading
	// each event.
	Library(ctx context.Context) ([]qa.LibraryEntry, error)
	// Clubs lists the followed clubs, each with its list of weeks.
	Clubs(ctx context.Context) ([]qa.Event, error)
	// Numbers counts an event's questions as this person sees them.
	Numbers(ctx context.Context, event qa.EventID) (qa.QuestionCounts, error)
	// Week returns an event as this user sees it, its posts in reading order. The caller may sort
	// the threads, and modifies nothing else.
	Week(ctx context.Context, event qa.EventID) (qa.Week, error)
	Post(ctx context.Context, event qa.EventID, post qa.PostID) (qa.Post, error)
	// Search returns the posts of an event that contain all words of the query, best match
	// first.
	Search(ctx context.Context, event qa.EventID, query string, limit int) ([]qa.PostID, error)
	// Find returns the posts that match a query, among those that the user can see.
	Find(ctx context.Context, q Query) (Found, error)
	// Log lists the actions of moderators and organisers, newest last.
	Log(ctx context.Context, event qa.EventID) ([]qa.LogEntry, error)
	// Blob returns the bytes stored under a key of an event, such as its cover.
	Blob(ctx context.Context, event qa.EventID, key string) ([]byte, error)
	// VerifyPost verifies, from the signed bytes, every change that created or modified a post,
	// newest last.
	VerifyPost(ctx context.Context, event qa.EventID, post qa.PostID) (qa.Verification, error)

	// Creating and following events.

	// CreateEvent creates an event whose founder is this user. relay may be "".
	CreateEvent(ctx context.Context, e qa.Event, relay string) (qa.Invitation, error)
	// Join follows an event. It does not wait for the relay; JoinAndFetch does.
	Join(ctx context.Context, inv qa.Invitation) error
	// Visit records that the user is looking at an event. If the event was known only from a
	// club's list, this device now follows it. From the first visit on when everything has arrived,
	// what arrives later counts as unread.
	Visit(ctx context.Context, event qa.EventID) error
	// Invitation returns what anybody needs to join an event.
	Invitation(ctx context.Context, event qa.EventID) (qa.Invitation, error)
	// ListWeeks adds weeks to a club's list, or updates them: all or none. A week without a
	// title is removed from the list.
	ListWeeks(ctx context.Context, club qa.EventID, weeks []qa.ListedWeek) error

	// Acts.

	// Do carries out one act and returns the ID of the post it created, if any. An act without
	// a time happens now. A mark "assigned" or "candidate" without an identity is for this
	// user.
	Do(ctx context.Context, event qa.EventID, act qa.Act) (qa.PostID, error)
	// DoAll carries out several acts in one transaction: all or none.
	DoAll(ctx context.Context, event qa.EventID, acts []qa.Act) error

	// Invitations to roles.

	// Invite creates an invitation that grants a role to the first person who opens it. The
	// label is stored on this device only.
	Invite(ctx context.Context, event qa.EventID, role qa.Role, label string) (qa.InviteInfo, error)
	// Invitations lists all invitations of an event. Label and link are set for those made on
	// this device.
	Invitations(ctx context.Context, event qa.EventID) ([]qa.InviteInfo, error)
	RevokeInvite(ctx context.Context, event qa.EventID, key qa.Identity) error
	// OwnInvitation returns the progress of the invitation with which this device joined the
	// event.
	OwnInvitation(ctx context.Context, event qa.EventID) (OwnInvitation, error)

	// The relay.

	// Status returns the sync status of one event, without its heads, for which it would have to
	// load the event.
	Status(ctx context.Context, event qa.EventID) (qa.Status, error)
	// Overview is Status for every followed event.
	Overview(ctx context.Context) ([]qa.Status, error)
	// Statuses is Overview with all heads, for which it may load events. If this node keeps no
	// connections, it checks now whether each relay can be reached.
	Statuses(ctx context.Context) ([]qa.Status, error)
	// Summary returns the totals of Overview. Every page shows them, so it reads the disk only
	// after a write.
	Summary(ctx context.Context) (Summary, error)
	// Undelivered returns the posts with changes by this device that, as far as is known, no
	// relay has stored. Changes that are about no post are listed under "".
	Undelivered(ctx context.Context, event qa.EventID) (map[qa.PostID]qa.Unsent, error)
	// Whereabouts returns what is known about where this user's posts are, apart from this device.
	Whereabouts(ctx context.Context, event qa.EventID) (qa.Whereabouts, error)
	// Sync returns nil once relay and device have the same changes. An error of kind NotSynced
	// or Disagree says why they do not; its field Refused lists the changes at fault.
	Sync(ctx context.Context, event qa.EventID, timeout time.Duration) error
	// CheckRelay reports whether a relay can be reached now. It uses the open connection, if
	// there is one; otherwise it dials the relay.
	CheckRelay(ctx context.Context, relay string) (qa.RelayStatus, error)
	// ReconnectNow makes connections that wait before the next attempt try again at once, and the
	// others make sure that the relay still answers.
	ReconnectNow(ctx context.Context) error
	// Refusals lists this device's changes to an event that are known to have been refused or
	// deferred, oldest first. RefreshRefusals asks the relay first.
	Refusals(ctx context.Context, event qa.EventID) ([]qa.NotAccepted, error)
	// DiscardRefusal deletes one of those changes, given its hash.
	DiscardRefusal(ctx context.Context, event qa.EventID, hash string) error
	// Presence lists the current presence messages of the event's other authors, without the
	// expired ones.
	Presence(ctx context.Context, event qa.EventID) ([]qa.Presence, error)
	// Announce sends a presence message to the other devices that can be reached now, if this
	// user is an author of the event. It is not stored.
	Announce(ctx context.Context, event qa.EventID, kind string, post qa.PostID) error

	// Prizes.

	// CommitDraw writes the hash of this user's secret for the draw into an event.
	CommitDraw(ctx context.Context, event qa.EventID) error
	// RevealDraw writes the secret itself, for the current closing of the event.
	RevealDraw(ctx context.Context, event qa.EventID) error
	// ClaimPrize encrypts a contact for the event's founder, once as each identity of this
	// device that won a copy, and returns these identities.
	ClaimPrize(ctx context.Context, event qa.EventID, contact string) ([]qa.Identity, error)
	// PrizeClaims decrypts the contacts. Only the founder's device can.
	PrizeClaims(ctx context.Context, event qa.EventID) ([]qa.Claim, error)

	// Importing and exporting events.

	// Import imports a week into an event, all or nothing. An empty event ID means a new event,
	// or the event that an earlier import of the same week created.
	Import(ctx context.Context, event qa.EventID, week qa.Imported, relay string) (ImportResult, error)
	// ImportListed is Import for a week that a club is about to list. If the week is over, it is
	// not attached to its relay at once, so that a thousand weeks are not synced together.
	ImportListed(ctx context.Context, week qa.Imported, relay string) (ImportResult, error)
	// Bundle returns an event's changes and signatures as one file.
	Bundle(ctx context.Context, event qa.EventID) ([]byte, error)
	// Merge adds the changes of a bundle. Each is checked as a change from a relay is.
	Merge(ctx context.Context, bundle []byte) (Merged, error)
	// Rebuild recomputes an event's views from the ledger.
	Rebuild(ctx context.Context, event qa.EventID) error

	// Data that stays on this device.

	// SavedForLater returns the questions that the user saved for later.
	SavedForLater(ctx context.Context, event qa.EventID) (qa.Postponed, error)
	// SaveForLater saves a question for later, until a time in ms (0: until it is moved back), or, with on false,
	// moves it back to the inbox.
	SaveForLater(ctx context.Context, event qa.EventID, post qa.PostID, on bool, untilMillis int64) error
	// Drafts returns an event's unposted drafts by key. If the stored drafts cannot be read, it
	// returns none.
	Drafts(ctx context.Context, event qa.EventID) (map[string]Draft, error)
	// SetDraft stores a draft, or deletes it if it is empty. When an event would have more than
	// MaxDrafts, the oldest is deleted.
	SetDraft(ctx context.Context, event qa.EventID, key string, d Draft) error
	// Setting returns a setting of the pages, "" if it was never set.
	Setting(ctx context.Context, key string) (string, error)
	SetSetting(ctx context.Context, key, value string) error
	// ReadState says which posts of an event the user has not read on this device.
	ReadState(ctx context.Context, event qa.EventID) (qa.ReadState, error)
	// MarkRead marks posts of an event as read. Without posts it marks all that the user can see and that had arrived at a
	// position in the ledger (ReadState.UpTo). If there are more than MaxUnread unread posts, the oldest count as read.
	MarkRead(ctx context.Context, event qa.EventID, posts []qa.PostID, upTo int64) error
	// News counts the unread posts of all followed events. Events without any are left out.
	News(ctx context.Context) (map[qa.EventID]qa.NewsCounts, error)
	DigestState(ctx context.Context) (DigestState, error)
	SetDigestState(ctx context.Context, s DigestState) error

	// Streams.

	// Changes calls fn with the entries of an event's change feed after a cursor. With follow,
	// it continues with new entries until ctx ends or the node is closed.
	Changes(ctx context.Context, event qa.EventID, after int64, follow bool, fn func(feed.Entry) error) error
	// Watch calls fn for every update of an event, or of all events if event is "". The first
	// call passes the zero Update: from then on no update is missed. Watch returns nil when the
	// node is closed.
	Watch(ctx context.Context, event qa.EventID, fn func(qa.Update) error) error
}

// FoundPost is a search result.
type FoundPost struct {
	Event qa.EventID
	Post  qa.PostID
}

// OwnInvitation is the role invitation with which this device joined an event.
type OwnInvitation struct {
	Role  qa.Role // "" until the event has been fetched
	State string  // one of the qa.Invite states; "" if there is no such invitation
}

// Summary counts followed events and unsynced changes.
type Summary struct {
	Events       int  // followed
	Pending      int  // local changes that wait to be sent to a relay
	Unsendable   int  // local changes in events without a relay
	Synced       int  // events whose relay has the same changes as this device
	Offline      int  // events whose relay cannot be reached
	WithoutRelay int  // events that have no relay
	Downloading  int  // events of which nothing has arrived yet, although their relay can be reached
	NotArrived   int  // events of which nothing has arrived yet, for a reason that the relay's status names
	ClockOff     bool // this device's clock differs from a relay's
}

// Summarize makes the Summary of an Overview.
func Summarize(all []qa.Status) Summary {
	var out Summary
	for i := range all {
		out.add(&all[i])
	}
	return out
}

func (sum *Summary) add(s *qa.Status) {
	sum.Events++
	sum.Pending += s.Waiting()
	sum.Unsendable += s.Pending - s.Waiting()
	switch s.Relay.State {
	case qa.RelaySynced, qa.RelaySyncing, qa.RelayConnecting, qa.RelayIdle:
		switch {
		case s.Changes == 0 && s.Relay.State == qa.RelaySyncing && s.Relay.Why != "":
			sum.NotArrived++
		case s.Changes == 0:
			sum.Downloading++
		case s.Relay.State == qa.RelaySynced, s.Relay.State == qa.RelayIdle:
			sum.Synced++
		}
	case qa.RelayOffline:
		sum.Offline++
	case qa.RelayNone, "":
		sum.WithoutRelay++
	}
	sum.ClockOff = sum.ClockOff || s.Relay.ClockOffMillis != 0
}

// ImportResult counts what an import did.
type ImportResult struct {
	Event     qa.EventID
	Questions int // added
	Replies   int // added
	Unchanged int // posts that exist already and are the same in the input
	// Existing is the week on this device, set if it was recognised by its messages although
	// the input has another title or first day. The import does not change title and day.
	Existing *qa.ListedWeek

	// Changes are where the input differs from earlier imports of it.
	Changes   []qa.ImportChange
	Revised   int // of Changes, applied by this import
	Withdrawn int // of Changes, applied by this import
}

// Merged is the result of merging a bundle. The counts are numbers of changes.
type Merged struct {
	Event               qa.EventID `json:"event"`
	Title               string     `json:"title"`
	Format              string     `json:"format"`  // "bundle"
	Added               int        `json:"taken"`   // new on this device
	Known               int        `json:"known"`   // already on this device
	MissingDependencies int        `json:"waiting"` // depend on changes that are neither in the bundle nor on this device
	Excluded            int        `json:"left"`    // depend on a change that an earlier version accepted and the rules now refuse
	Refused             []Refusal  `json:"refused"` // invalid
}

// Refusal is a change that the relay or this device refused or deferred.
type Refusal struct {
	Hash     string `json:"hash"` // hex
	Code     string `json:"code"`
	Reason   string `json:"reason"`
	Deferred bool   `json:"deferred,omitempty"` // the relay may accept it later
}

// Draft is an unposted text.
type Draft struct {
	Text       string `json:"text"`
	OnBehalfOf string `json:"onBehalfOf,omitempty"`
	Tags       string `json:"tags,omitempty"`
	AtMillis   int64  `json:"at"`
}

// DigestState records which items digests have reported.
type DigestState struct {
	SentAtMillis int64                   `json:"sentAt"`
	Reported     map[qa.EventID][]string `json:"told"`
}
