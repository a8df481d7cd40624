package importer

import (
	"bytes"
	"encoding/json"
	"errors"

	"flyleaf/qa"
	"flyleaf/weekfile"
)

// ReadJSON reads weekfile.JSONFormat as an import. Posts become imported posts: the importer signs
// them, and they show the original writer's name. A message keeps its source. Without one, the
// source is made from event ID and post ID, so that a second import recognises it. Withdrawn, void,
// hidden and unapproved late posts are not imported. If such a question has replies that are
// imported, a placeholder takes its place. An *InputError is returned when the file is refused.
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
	if head.Format != weekfile.JSONFormat {
		return qa.Imported{}, refuse(name, 0, ErrUnknownFormat, "its \"format\" is %q; only %q can be imported", beginning(head.Format), weekfile.JSONFormat)
	}
	var week weekfile.JSONWeek
	if err := json.Unmarshal([]byte(s), &week); err != nil {
		return qa.Imported{}, jsonError(name, s, err)
	}
	im := qa.Imported{Format: string(weekfile.FormatJSON), Event: week.Event}
	posts := len(week.Threads)
	for i := range week.Threads {
		posts += len(week.Threads[i].Replies)
	}
	e := &im.Event
	im.Source = e.Source
	if im.Source == "" && e.ID != "" {
		im.Source = "json:" + string(e.ID)
	}
	if len(im.Source) > weekfile.MaxSource {
		im.Source = weekfile.Source(string(weekfile.FormatJSON), e)
	}
	// Drop the fields that belong to the old event's document.
	id := e.ID
	e.ID, e.Founder, e.Roles, e.Relays, e.MovedTo, e.Cover, e.Rules, e.Closed = "", "", nil, nil, "", "", 0, false
	e.Winners, e.Draw = nil, nil
	source := func(p *weekfile.JSONPost) string {
		if p.Source == "" && p.ID != "" {
			return "json:" + string(id) + "#" + string(p.ID)
		}
		return p.Source
	}
	// Record posts that are not imported, so that a later import knows whether they still exist.
	recordSkipped := func(p *weekfile.JSONPost) {
		if p.Withdrawn || p.Void {
			im.Deleted = append(im.Deleted, source(p))
		} else {
			im.Present = append(im.Present, source(p))
		}
	}
	// Earlier versions accepted events with contradictory dates. Their exports must still import,
	// so drop the later of two contradictory values.
	for _, c := range e.Contradictions() {
		im.Remarks = append(im.Remarks, qa.Remark{Text: "The export says that " + c.Words + "; the later of the two was left out."})
	}
	*e = e.Consistent()
	addPost := func(p *weekfile.JSONPost, parent int) int {
		at := len(im.Posts)
		writer := p.Name
		if writer == "" {
			writer = qa.NoName
		}
		im.Posts = append(im.Posts, qa.ImportedPost{
			Parent: parent, Name: writer, Text: p.Text, AtMillis: p.At,
			AsAuthor: p.Author && parent >= 0,
		})
		if p.TimeUnknown(&week.Event, posts) {
			im.Posts[at].AtMillis = 0 // the position in the file gives the same order
		}
		im.Posts[at].Source = source(p)
		if rs, _ := qa.EncodeReactions(qa.ImportedReactions(p.X)); rs != "" {
			im.Posts[at].X = map[string]string{qa.XReactions: rs}
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
			if why := skipReason(&r); why != "" {
				im.Skipped = append(im.Skipped, qa.Skipped{Reason: "a reply that was " + why, Text: string(r.ID)})
				recordSkipped(&r)
				continue
			}
			replies = append(replies, r)
		}
		if why := skipReason(&t.JSONPost); why != "" {
			im.Skipped = append(im.Skipped, qa.Skipped{Reason: "a question that was " + why, Text: string(t.ID)})
			recordSkipped(&t.JSONPost)
			if len(replies) == 0 {
				continue
			}
			t.Name, t.Text = "", weekfile.HiddenQuestion
			switch {
			case t.Void:
				t.Text = weekfile.VoidQuestion
			case t.Withdrawn:
				t.Text = weekfile.WithdrawnQuestion
			}
		}
		q := addPost(&t.JSONPost, -1)
		for j := range replies {
			parent, ok := shown[replies[j].Parent]
			if !ok || replies[j].Parent == "" {
				parent = q
			}
			at := addPost(&replies[j], parent)
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

// skipReason returns why a post is not imported, or "" if it is.
func skipReason(p *weekfile.JSONPost) string {
	switch {
	case p.Void:
		return "void: two versions were signed"
	case p.Withdrawn:
		return "withdrawn"
	case p.Hidden != "":
		return "hidden"
	case p.AfterClosing:
		return "written after closing and not approved"
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
