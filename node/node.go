// Package node holds what a person can do with Flyleaf: ask, answer, set up a week,
// invite, moderate, draw, claim a prize, import, digest. The command line, the web pages,
// the HTTP API and a browser build all use its one interface, Node.
//
// Device is the node of this process, on a store. The process that serves a data
// directory carries the same interface over a local socket to other processes: package
// socket. What only combines calls of Node is a function that takes a Node, so that it
// works with both.
//
// DESIGN.md says what belongs here and what the rules are.
package node

import (
	"context"
	"time"

	"flyleaf/feed"
	"flyleaf/qa"
)

// Node is one device as its person uses it. Every method may be called from many
// goroutines at once.
//
// Errors are for people: they say what happened and whether anything was changed. KindOf
// tells the kinds of errors apart. When a method that writes returns without an error, what
// it wrote is on this device's disk.
//
// Package socket carries every method to other processes. So each begins with a context,
// ends with an error, and takes and returns values that survive JSON. A method whose last
// parameter is a function of one value is a stream: it calls the function for each value
// and ends when the function returns an error, the context ends, or there is no more.
type Node interface {
	// The person.

	// Identity is who writes on this device.
	Identity(ctx context.Context) (qa.Identity, error)
	// Keys lists the identities that this device can write as in an event: the person's
	// own first, then the keys of their anonymous questions.
	Keys(ctx context.Context, event qa.EventID) ([]qa.Identity, error)
	// Person is what this person says about themselves, as this device keeps it.
	Person(ctx context.Context) (qa.Person, error)
	// SetPerson keeps it, and tells every event in which this person takes part. Another event
	// is told with the first post there, and one that could not be told with the next; then
	// the error is of kind ProfileNotShared.
	SetPerson(ctx context.Context, p qa.Person) error
	// RecoveryPhrase returns the 24 words of the recovery phrase of this device's key.
	RecoveryPhrase(ctx context.Context) ([]string, error)

	// Events, read.

	// Events lists the followed events in the order they were joined. Of an event that has
	// not been fetched yet only the ID is set.
	Events(ctx context.Context) ([]qa.Event, error)
	// Library lists them as a list of many shows them, without reading each whole.
	Library(ctx context.Context) ([]qa.Shelved, error)
	// Clubs lists the followed clubs with the weeks that they list.
	Clubs(ctx context.Context) ([]qa.Event, error)
	// Numbers counts an event's questions as this person sees them.
	Numbers(ctx context.Context, event qa.EventID) (qa.Numbers, error)
	// Week returns an event as this person sees it, its posts in the order people read.
	Week(ctx context.Context, event qa.EventID) (qa.Week, error)
	Post(ctx context.Context, event qa.EventID, post qa.PostID) (qa.Post, error)
	// Search returns the posts of an event that hold all the words, best first.
	Search(ctx context.Context, event qa.EventID, query string, limit int) ([]qa.PostID, error)
	// SearchAll is Search over all events on this device.
	SearchAll(ctx context.Context, query string, limit int) ([]FoundPost, error)
	// Log lists what moderators and organisers did, the newest last.
	Log(ctx context.Context, event qa.EventID) ([]qa.LogEntry, error)
	// Blob returns the bytes that an event keeps under a key: its cover.
	Blob(ctx context.Context, event qa.EventID, key string) ([]byte, error)
	// VerifyPost checks every change that made a post or changed it from the signed
	// bytes, the newest last.
	VerifyPost(ctx context.Context, event qa.EventID, post qa.PostID) (qa.Verification, error)

	// Events, made and followed.

	// CreateEvent makes an event with this person as its founder; relay may be "".
	CreateEvent(ctx context.Context, e qa.Event, relay string) (qa.Invitation, error)
	// Join follows an event from now on. It does not wait for the relay: JoinAndFetch does.
	Join(ctx context.Context, inv qa.Invitation) error
	// Visit says that somebody is looking at an event. An event that only a club lists is
	// followed from now on.
	Visit(ctx context.Context, event qa.EventID) error
	// Invitation is what anybody needs to join an event.
	Invitation(ctx context.Context, event qa.EventID) (qa.Invitation, error)
	// ListWeeks puts weeks on a club's list, all or none. A week without a title is taken
	// off the list.
	ListWeeks(ctx context.Context, club qa.EventID, weeks []qa.ListedWeek) error

	// Acts.

	// Do carries out one act and returns the ID of the post it made, if it made one. An act
	// without a time happens now; a mark "assigned" or "candidate" without an identity is
	// set by this person for themselves.
	Do(ctx context.Context, event qa.EventID, act qa.Act) (qa.PostID, error)
	// DoAll carries out several acts in one transaction: all of them, or none.
	DoAll(ctx context.Context, event qa.EventID, acts []qa.Act) error

	// Invitations to roles.

	// Invite makes an invitation that grants a role to the first who opens it. The label is
	// kept on this device only.
	Invite(ctx context.Context, event qa.EventID, role qa.Role, label string) (qa.Invitation, error)
	// Invitations lists all that were made, with label and link where this device made them.
	Invitations(ctx context.Context, event qa.EventID) ([]qa.InviteInfo, error)
	RevokeInvite(ctx context.Context, event qa.EventID, key qa.Identity) error
	// OwnInvitation tells how far the invitation is with which this device joined.
	OwnInvitation(ctx context.Context, event qa.EventID) (OwnInvitation, error)

	// The relay.

	// Status tells what is known of how far one event's delivery has come. Its heads may be
	// missing, because it reads no event whole.
	Status(ctx context.Context, event qa.EventID) (qa.Status, error)
	// Overview is Status for every followed event.
	Overview(ctx context.Context) ([]qa.Status, error)
	// Statuses is Overview with all heads, for which it may read whole events. Where this
	// node keeps no connections it looks whether each relay can be reached now.
	Statuses(ctx context.Context) ([]qa.Status, error)
	// Summary is Overview in one line.
	Summary(ctx context.Context) (Summary, error)
	// Undelivered returns the posts about which this device has written something that no
	// relay is known to hold.
	Undelivered(ctx context.Context, event qa.EventID) (map[qa.PostID]bool, error)
	// Sync returns nil once relay and device hold the same. An error of kind NotSynced or
	// Disagree says why not; Refused lists the changes at fault.
	Sync(ctx context.Context, event qa.EventID, timeout time.Duration) error
	// CheckRelay says whether a relay can be reached now: from the connection to it, if there is
	// one, else by dialling it for a moment.
	CheckRelay(ctx context.Context, relay string) (qa.RelayStatus, error)
	// ReconnectNow makes waiting connections try again at once.
	ReconnectNow(ctx context.Context) error
	// Refusals lists what this device wrote in an event and what is known not to have been
	// taken, the oldest first. RefreshRefusals asks the relay before.
	Refusals(ctx context.Context, event qa.EventID) ([]qa.NotTaken, error)
	// DiscardRefusal gives one of them up, by the hash of its change.
	DiscardRefusal(ctx context.Context, event qa.EventID, hash string) error
	// Presence lists what others' devices said of themselves and is not out of date.
	Presence(ctx context.Context, event qa.EventID) ([]qa.Presence, error)
	// Announce tells the others, if they can be reached; nothing is kept.
	Announce(ctx context.Context, event qa.EventID, kind string, post qa.PostID) error

	// Prizes.

	// CommitDraw writes the hash of this person's secret for the draw into an event.
	CommitDraw(ctx context.Context, event qa.EventID) error
	// RevealDraw writes the secret itself, for the closing that the draw is for.
	RevealDraw(ctx context.Context, event qa.EventID) error
	// ClaimPrize seals a contact to the event's founder, as each identity of this device
	// that gets a copy, and returns which these are.
	ClaimPrize(ctx context.Context, event qa.EventID, contact string) ([]qa.Identity, error)
	// PrizeClaims reads the contacts; only the founder's device can.
	PrizeClaims(ctx context.Context, event qa.EventID) ([]qa.Claim, error)

	// Whole events in and out.

	// Import takes a week into an event, whole or not at all; "" is a new event, or the one
	// that an earlier import of the same week made.
	Import(ctx context.Context, event qa.EventID, week qa.Imported, relay string) (ImportResult, error)
	// ImportListed is Import of a week that a club will list and that is over.
	ImportListed(ctx context.Context, week qa.Imported, relay string) (ImportResult, error)
	// Bundle returns an event's changes and signatures as one file.
	Bundle(ctx context.Context, event qa.EventID) ([]byte, error)
	// Merge takes a bundle in, each change checked as one from a relay is.
	Merge(ctx context.Context, bundle []byte) (Merged, error)
	// Rebuild makes an event's views again from the ledger.
	Rebuild(ctx context.Context, event qa.EventID) error

	// What only this device knows.

	// SavedForLater are the questions that were put off.
	SavedForLater(ctx context.Context, event qa.EventID) (map[qa.PostID]bool, error)
	SaveForLater(ctx context.Context, event qa.EventID, post qa.PostID, on bool) error
	// Drafts returns what was begun and not posted, by its key. Drafts that cannot be read
	// are none.
	Drafts(ctx context.Context, event qa.EventID) (map[string]Draft, error)
	// SetDraft keeps a draft, or throws it away when it is empty. Of more than MaxDrafts in
	// one event the oldest goes.
	SetDraft(ctx context.Context, event qa.EventID, key string, d Draft) error
	// Setting returns a setting of the pages, "" when it was never set.
	Setting(ctx context.Context, key string) (string, error)
	SetSetting(ctx context.Context, key, value string) error
	DigestState(ctx context.Context) (DigestState, error)
	SetDigestState(ctx context.Context, s DigestState) error

	// Streams.

	// Changes calls fn with the entries of an event's log after a cursor. With follow it
	// goes on with what happens from now on, until ctx or the node ends.
	Changes(ctx context.Context, event qa.EventID, after int64, follow bool, fn func(feed.Entry) error) error
	// Watch calls fn with what changes in an event, or in all with "". The first call has the
	// zero Update and says that nothing is missed from now on. It ends without an error
	// when the node ends.
	Watch(ctx context.Context, event qa.EventID, fn func(qa.Update) error) error
}

// FoundPost is a post that a search found.
type FoundPost struct {
	Event qa.EventID
	Post  qa.PostID
}

// OwnInvitation is the invitation to a role with which this device joined.
type OwnInvitation struct {
	Role  qa.Role // "" while the event is not here
	State string  // one of the qa.Invite states; "" when there is none
}

// Summary says where everything is that this device wrote.
type Summary struct {
	Events       int  // followed
	Pending      int  // own changes that are only on this device
	Synced       int  // events whose relay holds the same as this device
	Offline      int  // events whose relay cannot be reached
	WithoutRelay int  // events that have no relay
	ClockOff     bool // this device's clock and a relay's differ
}

// Summarize makes a Summary of an Overview.
func Summarize(all []qa.Status) Summary {
	out := Summary{Events: len(all)}
	for i := range all {
		s := &all[i]
		out.Pending += s.Pending
		switch s.Relay.State {
		case qa.RelaySynced, qa.RelayIdle:
			out.Synced++
		case qa.RelayOffline:
			out.Offline++
		case qa.RelayNone, "":
			out.WithoutRelay++
		}
		out.ClockOff = out.ClockOff || s.Relay.ClockOffMillis != 0
	}
	return out
}

// ImportResult counts what an import brought.
type ImportResult struct {
	Event     qa.EventID
	Questions int // taken now
	Replies   int // taken now
	Unchanged int // posts that were there already, and are the same in the input
	// Existing is the week as it is here, when it was recognised by its messages although the
	// input has another title or first day by now; these stay as they are.
	Existing *qa.ListedWeek

	// Changes are posts of earlier imports that the input has otherwise now, or no longer has.
	Changes   []qa.ImportChange
	Revised   int // of Changes, brought in now
	Withdrawn int // of Changes, brought in now
}

// Merged says what a bundle brought.
type Merged struct {
	Event               qa.EventID `json:"event"`
	Title               string     `json:"title"`
	Format              string     `json:"format"`  // "bundle"
	Added               int        `json:"taken"`   // changes that are new here
	Known               int        `json:"known"`   // that were here already
	MissingDependencies int        `json:"waiting"` // that build on changes which are in neither
	Excluded            int        `json:"left"`    // that are excluded: they build on what the rules refuse and an earlier version took
	Refused             []Refusal  `json:"refused"` // that are not valid
}

// Refusal is a change that the relay, or this device, did not take.
type Refusal struct {
	Hash     string `json:"hash"` // hex
	Code     string `json:"code"`
	Reason   string `json:"reason"`
	Deferred bool   `json:"deferred,omitempty"` // it may be taken later
}

// Draft is what somebody began to write.
type Draft struct {
	Text       string `json:"text"`
	OnBehalfOf string `json:"onBehalfOf,omitempty"`
	Tags       string `json:"tags,omitempty"`
	AtMillis   int64  `json:"at"`
}

// DigestState is what is remembered of the digests that were written or sent.
type DigestState struct {
	SentAtMillis int64                   `json:"sentAt"`
	Reported     map[qa.EventID][]string `json:"told"`
}
