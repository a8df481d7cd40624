package exchange

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"

	"flyleaf/qa"
)

// JSONFormat is the first value of Flyleaf's own JSON. A reader that meets
// another number after the last slash must not read on.
const JSONFormat = "flyleaf/week/1"

// jsonWeek is the layout of JSONFormat. Times are milliseconds since 1970 UTC.
// Members may be added within one version; readers ignore those they don't know.
type jsonWeek struct {
	Format  string       `json:"format"`
	Event   qa.Event     `json:"event"`
	People  []qa.Person  `json:"people,omitempty"` // ascending by ID
	Threads []jsonThread `json:"threads"`
}

type jsonThread struct {
	jsonPost
	Answered    bool       `json:"answered"`
	Wants       int        `json:"wants,omitempty"`
	DuplicateOf qa.PostID  `json:"duplicateOf,omitempty"`
	Replies     []jsonPost `json:"replies"`
}

type jsonPost struct {
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
	Hidden     string      `json:"hidden,omitempty"` // the reason
	Pinned     bool        `json:"pinned,omitempty"`
	// AfterClosing: it came after the week was closed, and no moderator approved it.
	AfterClosing bool          `json:"afterClosing,omitempty"`
	Reactions    []qa.Reaction `json:"reactions,omitempty"`
	Revisions    []qa.Revision `json:"revisions,omitempty"` // where there is more than one

	X map[string]string `json:"x,omitempty"`
}

// WriteJSON writes everything a week shows, and what it hides, as JSONFormat. Of
// a withdrawn post the text is left out: its writer took it back.
func WriteJSON(w io.Writer, week qa.Week) error {
	out := jsonWeek{Format: JSONFormat, Event: week.Event, Threads: []jsonThread{}}
	for _, id := range slices.Sorted(maps.Keys(week.People)) {
		out.People = append(out.People, week.People[id])
	}
	for i := range week.Threads {
		t := &week.Threads[i]
		jt := jsonThread{jsonPost: toJSON(&t.Question), Answered: t.Answered, Wants: t.Wants, DuplicateOf: t.DuplicateOf, Replies: []jsonPost{}}
		for j := range t.Replies {
			jt.Replies = append(jt.Replies, toJSON(&t.Replies[j]))
		}
		out.Threads = append(out.Threads, jt)
	}
	return encodeWeek(w, out)
}

// WritePublishedJSON writes what is published of a week (see Publish) as JSONFormat:
// names as people chose, no identities, no revisions, nothing that is withdrawn or
// hidden. ReadJSON takes it in again.
func WritePublishedJSON(w io.Writer, week qa.Week) error {
	p := Publish(week)
	views := map[string]*qa.PostView{} // by published ID
	ids := publishedIDs(&week)
	for i := range week.Threads {
		t := &week.Threads[i]
		views[ids[t.Question.ID]] = &t.Question
		for j := range t.Replies {
			views[ids[t.Replies[j].ID]] = &t.Replies[j]
		}
	}
	e := p.Event
	e.Founder, e.Roles, e.Relays, e.Winners, e.Draw, e.Cover, e.CoverIn = "", nil, nil, nil, nil, "", ""
	out := jsonWeek{Format: JSONFormat, Event: e, Threads: []jsonThread{}}
	post := func(x *PublishedPost) jsonPost {
		v := views[x.ID]
		jp := jsonPost{ID: qa.PostID(x.ID), Name: x.Name, Text: x.Text, At: x.AtMillis, Author: x.Author}
		if v.ID != jp.ID { // named by its source, which an organiser set
			jp.Source = v.Source
		}
		switch x.Gone {
		case "withdrawn":
			jp.Withdrawn = true
		case "hidden":
			jp.Hidden = "hidden"
		}
		if rs, _ := ReactionsX(x.Reactions); rs != "" {
			jp.X = map[string]string{XReactions: rs}
		}
		return jp
	}
	for i := range p.Threads {
		t := &p.Threads[i]
		jt := jsonThread{jsonPost: post(&t.PublishedPost), Answered: t.Answered, Wants: t.Wants, DuplicateOf: qa.PostID(t.DuplicateOf), Replies: []jsonPost{}}
		for j := range t.Replies {
			r := post(&t.Replies[j])
			r.Parent = qa.PostID(ids[views[t.Replies[j].ID].Parent])
			jt.Replies = append(jt.Replies, r)
		}
		out.Threads = append(out.Threads, jt)
	}
	return encodeWeek(w, out)
}

func encodeWeek(w io.Writer, out jsonWeek) error {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(out); err != nil {
		return fmt.Errorf("write a week as JSON: %w", err)
	}
	if _, err := w.Write(buf.Bytes()); err != nil {
		return fmt.Errorf("write a week as JSON: %w", err)
	}
	return nil
}

func toJSON(p *qa.PostView) jsonPost {
	out := jsonPost{
		ID: p.ID, Parent: p.Parent, Name: p.Name, By: p.By, Text: p.Text(), At: p.AtMillis,
		Author: p.ByAuthor, AsAuthor: p.AsAuthor, Source: p.Source, Origin: p.Origin, Tags: p.Tags,
		Withdrawn: p.Withdrawn, Hidden: p.Marks.Hidden, Pinned: p.Marks.Pinned, Reactions: p.Reactions,
		AfterClosing: p.AfterClosing, X: p.X,
	}
	if p.OnBehalfOf != "" {
		out.OnBehalfOf = p.Name
	}
	if len(p.Revisions) > 1 {
		out.Revisions = p.Revisions
	}
	if p.Withdrawn {
		out.Text, out.Revisions = "", nil
	}
	return out
}

// ReadJSON reads JSONFormat as an import. Posts become carried-over ones: written
// by the importer on behalf of the name that was shown. A message keeps the
// source it had, else it is named by its event and post ID, so that what was
// imported once is known again. Withdrawn and hidden posts, and those
// that came after the week was closed and that nobody approved, are not taken; a
// question among them stays, without its words, when it has replies that are.
// An *InputError is returned when the file is refused.
func ReadJSON(name string, b []byte) (qa.Imported, error) {
	s, err := clean(name, b)
	if err != nil {
		return qa.Imported{}, err
	}
	var head struct {
		Format string `json:"format"`
	}
	if err := json.Unmarshal([]byte(s), &head); err != nil {
		return qa.Imported{}, jsonError(name, s, err)
	}
	if head.Format != JSONFormat {
		return qa.Imported{}, refuse(name, 0, ErrUnknownFormat, "its \"format\" is %q, %q is read", beginning(head.Format), JSONFormat)
	}
	var week jsonWeek
	if err := json.Unmarshal([]byte(s), &week); err != nil {
		return qa.Imported{}, jsonError(name, s, err)
	}
	im := qa.Imported{Format: string(FormatJSON), Event: week.Event}
	e := &im.Event
	im.Source = e.Source
	if im.Source == "" && e.ID != "" {
		im.Source = "json:" + string(e.ID)
	}
	if len(im.Source) > maxWeekSource {
		im.Source = weekSource(string(FormatJSON), e)
	}
	// What belongs to the old event's document, and means nothing in a new one.
	id := e.ID
	e.ID, e.Founder, e.Roles, e.Relays, e.MovedTo, e.Cover, e.Gate, e.Closed = "", "", nil, nil, "", "", 0, false
	e.Winners, e.Draw = nil, nil
	source := func(p *jsonPost) string {
		if p.Source == "" && p.ID != "" {
			return "json:" + string(id) + "#" + string(p.ID)
		}
		return p.Source
	}
	// A later import is told what became of those that are not taken.
	leave := func(p *jsonPost) {
		if p.Withdrawn {
			im.Deleted = append(im.Deleted, source(p))
		} else {
			im.Present = append(im.Present, source(p))
		}
	}
	// Events that earlier versions let through must come back out of their exports.
	for _, c := range e.Contradictions() {
		im.Remarks = append(im.Remarks, qa.Remark{Text: "The export says that " + c.Words + "; the later of what does not go together was left out."})
	}
	*e = e.Consistent()
	take := func(p *jsonPost, parent int) int {
		at := len(im.Posts)
		writer := p.Name
		if writer == "" {
			writer = NoName
		}
		im.Posts = append(im.Posts, qa.ImportedPost{
			Parent: parent, Name: writer, Text: p.Text, AtMillis: p.At,
			AsAuthor: p.Author && parent >= 0,
		})
		im.Posts[at].Source = source(p)
		if rs, _ := ReactionsX(Carried(p.X)); rs != "" {
			im.Posts[at].X = map[string]string{XReactions: rs}
		}
		return at
	}
	for i := range week.Threads {
		t := &week.Threads[i]
		if len(im.Posts)+len(t.Replies) >= MaxMessages {
			return qa.Imported{}, refuse(name, 0, ErrTooBig, "more than %d messages", MaxMessages)
		}
		shown := map[qa.PostID]int{}
		replies := t.Replies[:0:0]
		for _, r := range t.Replies {
			if why := r.left(); why != "" {
				im.Skipped = append(im.Skipped, qa.Skipped{Reason: "a reply that was " + why, Text: string(r.ID)})
				leave(&r)
				continue
			}
			replies = append(replies, r)
		}
		if why := t.left(); why != "" {
			im.Skipped = append(im.Skipped, qa.Skipped{Reason: "a question that was " + why, Text: string(t.ID)})
			leave(&t.jsonPost)
			if len(replies) == 0 {
				continue
			}
			t.Name, t.Text = "", withdrawnQuestion
			if !t.Withdrawn {
				t.Text = hiddenQuestion
			}
		}
		q := take(&t.jsonPost, -1)
		for j := range replies {
			parent, ok := shown[replies[j].Parent]
			if !ok || replies[j].Parent == "" {
				parent = q
			}
			at := take(&replies[j], parent)
			if replies[j].ID != "" {
				shown[replies[j].ID] = at
			}
		}
	}
	if err := finish(name, &im); err != nil {
		return qa.Imported{}, err
	}
	return im, nil
}

func (p *jsonPost) left() string {
	switch {
	case p.Withdrawn:
		return "withdrawn"
	case p.Hidden != "":
		return "hidden"
	case p.AfterClosing:
		return "written after the week was closed, and approved by nobody"
	}
	return ""
}

// jsonError says where in the file the JSON is broken.
func jsonError(name, s string, err error) error {
	var syntax *json.SyntaxError
	var kind *json.UnmarshalTypeError
	at := int64(-1)
	switch {
	case errors.As(err, &syntax):
		at = syntax.Offset
	case errors.As(err, &kind):
		at = kind.Offset
	}
	line := 0
	if at >= 0 && at <= int64(len(s)) {
		line = 1 + bytes.Count([]byte(s[:at]), []byte("\n"))
	}
	return refuse(name, line, ErrSyntax, "%v", err)
}
