package weekfile

import "flyleaf/qa"

// JSONFormat is the first value of Flyleaf's own JSON. Readers must reject other version numbers.
const JSONFormat = "flyleaf/week/1"

// JSONWeek is the layout of JSONFormat. Times are milliseconds since 1970 UTC.
// Members may be added within one version; readers ignore those they don't know.
type JSONWeek struct {
	Format  string       `json:"format"`
	Event   qa.Event     `json:"event"`
	People  []qa.Person  `json:"people,omitempty"` // ascending by ID
	Threads []JSONThread `json:"threads"`
}

// JSONThread is a question with its replies.
type JSONThread struct {
	JSONPost
	Answered    bool       `json:"answered"`
	Wants       int        `json:"wants,omitempty"`
	DuplicateOf qa.PostID  `json:"duplicateOf,omitempty"`
	Replies     []JSONPost `json:"replies"`
}

// JSONPost is a question or a reply.
type JSONPost struct {
	ID         qa.PostID   `json:"id"`
	Parent     qa.PostID   `json:"parent,omitempty"`
	Name       string      `json:"name"` // as shown
	OnBehalfOf string      `json:"onBehalfOf,omitempty"`
	By         qa.Identity `json:"by,omitempty"`
	Text       string      `json:"text"` // "" when withdrawn
	At         int64       `json:"at"`
	Author     bool        `json:"author"`
	AsAuthor   bool        `json:"asAuthor,omitempty"`
	Source     string      `json:"source,omitempty"`
	Origin     qa.PostID   `json:"origin,omitempty"`
	Tags       []string    `json:"tags,omitempty"`
	Withdrawn  bool        `json:"withdrawn,omitempty"`
	Void       bool        `json:"void,omitempty"`   // its writer signed two versions of its change
	Hidden     string      `json:"hidden,omitempty"` // the reason
	Pinned     bool        `json:"pinned,omitempty"`
	// AfterClosing: the post arrived after the week was closed, and no moderator approved it.
	AfterClosing bool          `json:"afterClosing,omitempty"`
	Reactions    []qa.Reaction `json:"reactions,omitempty"`
	Revisions    []qa.Revision `json:"revisions,omitempty"` // if there is more than one

	X map[string]string `json:"x,omitempty"`
}

// TimeUnknown reports whether an import made up the post's time. e is the event of its
// file, posts the number of posts in it. The file does not say whether an organiser wrote
// the source, so every post with a source and a name counts as imported.
func (p *JSONPost) TimeUnknown(e *qa.Event, posts int) bool {
	imported := p.Source != "" && p.OnBehalfOf != ""
	post := qa.Post{AtMillis: p.At, Imported: &imported, X: p.X}
	return post.TimeUnknown(e, posts)
}
