package publish

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"

	"flyleaf/qa"
	"flyleaf/weekfile"
)

// WriteJSON writes the whole week as weekfile.JSONFormat, including hidden posts. The file is a
// private copy for the user, not for publishing. The text of withdrawn posts is left out. Errors are those of writing to w.
func WriteJSON(w io.Writer, week qa.Week) error {
	out := weekfile.JSONWeek{Format: weekfile.JSONFormat, Event: week.Event, Threads: []weekfile.JSONThread{}}
	for _, id := range slices.Sorted(maps.Keys(week.People)) {
		out.People = append(out.People, week.People[id])
	}
	for i := range week.Threads {
		t := &week.Threads[i]
		jt := weekfile.JSONThread{JSONPost: toJSON(&t.Question), Answered: t.Answered, Wants: t.Wants, DuplicateOf: t.DuplicateOf, Replies: []weekfile.JSONPost{}}
		for j := range t.Replies {
			jt.Replies = append(jt.Replies, toJSON(&t.Replies[j]))
		}
		out.Threads = append(out.Threads, jt)
	}
	return encodeWeek(w, out)
}

// WritePublishedJSON writes the publishable content of a week (see Publish) as weekfile.JSONFormat,
// without identities and revisions. importer.ReadJSON reads it. Errors are those of writing
// to w.
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
	out := weekfile.JSONWeek{Format: weekfile.JSONFormat, Event: e, Threads: []weekfile.JSONThread{}}
	post := func(x *PublishedPost) weekfile.JSONPost {
		v := views[x.ID]
		jp := weekfile.JSONPost{ID: qa.PostID(x.ID), Name: x.Name, Text: x.Text, At: x.AtMillis, Author: x.Author}
		if v.ID != jp.ID { // its published ID is its source
			jp.Source = v.Source
		}
		switch x.Placeholder {
		case Withdrawn:
			jp.Withdrawn = true
		case Void:
			jp.Void = true
		case Hidden:
			jp.Hidden = "hidden" // not the moderator's reason
		}
		if rs, _ := qa.EncodeReactions(x.Reactions); rs != "" {
			jp.X = map[string]string{qa.XReactions: rs}
		}
		return jp
	}
	for i := range p.Threads {
		t := &p.Threads[i]
		jt := weekfile.JSONThread{JSONPost: post(&t.PublishedPost), Answered: t.Answered, Wants: t.Wants, DuplicateOf: qa.PostID(t.DuplicateOf), Replies: []weekfile.JSONPost{}}
		for j := range t.Replies {
			r := post(&t.Replies[j])
			r.Parent = qa.PostID(ids[views[t.Replies[j].ID].Parent])
			jt.Replies = append(jt.Replies, r)
		}
		out.Threads = append(out.Threads, jt)
	}
	return encodeWeek(w, out)
}

func encodeWeek(w io.Writer, out weekfile.JSONWeek) error {
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

func toJSON(p *qa.PostView) weekfile.JSONPost {
	out := weekfile.JSONPost{
		ID: p.ID, Parent: p.Parent, Name: p.Name, By: p.By, Text: p.Text(), At: p.AtMillis,
		Author: p.ByAuthor, AsAuthor: p.AsAuthor, Source: p.Source, Origin: p.Origin, Tags: p.Tags,
		Withdrawn: p.Withdrawn, Void: p.Void, Hidden: p.Marks.Hidden, Pinned: p.Marks.Pinned, Reactions: p.Reactions,
		AfterClosing: p.AfterClosing, X: p.X,
	}
	if p.OnBehalfOf != "" {
		out.OnBehalfOf = p.Name
	}
	if len(p.Revisions) > 1 {
		out.Revisions = p.Revisions
	}
	if p.Withdrawn || p.Void {
		out.Text, out.Revisions = "", nil
	}
	return out
}
