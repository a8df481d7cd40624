package qa

// ActKind names what a person did.
type ActKind string

// The acts of schema 1 that a device can author today.
const (
	ActFound    ActKind = "found"    // Event: the new event (ID, Founder are ignored)
	ActPost     ActKind = "post"     // Parent ("" asks), Text, OnBehalfOf, Tags, AtMillis, Source, AsAuthor
	ActEdit     ActKind = "edit"     // Post, Text; adds a revision
	ActWithdraw ActKind = "withdraw" // Post, On (false takes the withdrawal back)
	ActReact    ActKind = "react"    // Post, Emoji, On
	ActPerson   ActKind = "person"   // Person (ID is the actor's own); empty fields are left alone
	ActEvent    ActKind = "event"    // Fields: keys of `event` to set, links and relays by Links, Relays
	ActRole     ActKind = "role"     // Identity, Role, On
	ActMark     ActKind = "mark"     // Post, Mark ("answered","pinned","hidden"), On or Text (hidden: the reason, "" lifts)
	ActMerge    ActKind = "merge"    // an empty change that joins the heads
)

// Act is one thing a person did, before it is a change. Acts of this device are
// kept in the ledger beside the changes they became, so that they can be
// re-issued when a change is not taken. Which fields a kind reads stands beside
// the kind.
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
	Emoji      string   `json:"emoji,omitempty"`
	On         bool     `json:"on,omitempty"`
	Mark       string   `json:"mark,omitempty"`
	Person     *Person  `json:"person,omitempty"`
	Identity   Identity `json:"identity,omitempty"`
	Role       Role     `json:"role,omitempty"`
	// Fields of `event` by their key in the document: values are string,
	// int64 (times), uint64 (prizes) or bool.
	Fields map[string]any `json:"fields,omitempty"`
	Links  []Link         `json:"links,omitempty"`
	Relays []string       `json:"relays,omitempty"`
}
