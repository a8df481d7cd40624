package policy

import (
	"fmt"
	"slices"
	"strings"

	"flyleaf/crdt/wire"
	"flyleaf/qa"
	"flyleaf/schema"
)

// subject is what a map of the document is about.
type subject struct {
	slot schema.Map
	post qa.PostID   // of a post and the maps in it
	who  qa.Identity // of roles/<id>
}

// subjectOf returns what an operation of a change works on; made are the maps of
// the change itself.
func (v *Verifier) subjectOf(id wire.OpID, made map[wire.OpID]subject) (subject, bool) {
	if id == (wire.OpID{}) {
		return subject{slot: schema.MapRoot}, true
	}
	if s, ok := made[id]; ok {
		return s, true
	}
	s, ok := v.about[id]
	return s, ok
}

// maps returns the maps that a change makes, with what they are about.
func (v *Verifier) maps(c *wire.Change) map[wire.OpID]subject {
	made := map[wire.OpID]subject{}
	for k := range c.Ops {
		op := &c.Ops[k]
		if op.Action != wire.MakeMap {
			continue
		}
		in, ok := v.subjectOf(op.Obj, made)
		r := lookup(in.slot, op.Key.Prop)
		if !ok || r == nil || r.Map == schema.NoMap {
			continue
		}
		s := subject{slot: r.Map, post: in.post}
		switch r.Map {
		case schema.MapPost:
			s.post = qa.PostID(strings.Clone(op.Key.Prop))
		case schema.MapRolesOf:
			s.who = qa.Identity(strings.Clone(op.Key.Prop))
		}
		made[wire.OpID{Counter: c.StartOp + uint64(k), Actor: c.Actor}] = s
	}
	return made
}

// note keeps the maps of a change that was taken.
func (v *Verifier) note(c *wire.Change) {
	for id, s := range v.maps(c) {
		v.about[id] = s
	}
}

// describe says in a few words what a change does, and to which posts.
func (v *Verifier) describe(c *wire.Change) (string, []qa.PostID) {
	if len(c.Deps) == 0 {
		return "makes the event", nil
	}
	if len(c.Ops) == 0 {
		return fmt.Sprintf("joins %d branches", len(c.Deps)), nil
	}
	made := v.maps(c)
	var said []string
	var posts []qa.PostID
	for k := range c.Ops {
		op := &c.Ops[k]
		in, ok := v.subjectOf(op.Obj, made)
		if !ok {
			continue
		}
		id := in.post
		if in.slot == schema.MapWinnersOf {
			id = qa.PostID(op.Key.Prop)
		}
		if id != "" && !slices.Contains(posts, id) {
			posts = append(posts, id)
		}
		_, isNew := made[op.Obj]
		words := say(op, in, isNew)
		if words != "" && !slices.Contains(said, words) {
			said = append(said, words)
		}
	}
	const most = 4
	if n := len(said); n > most {
		said = append(said[:most], fmt.Sprintf("and %d more", n-most))
	}
	if len(said) == 0 {
		return "does something that an event has no place for", posts
	}
	return strings.Join(said, ", "), posts
}

// short is an identity as it is shown where there is no name.
func short(s string) string { return qa.Identity(s).Short() }

// say describes one operation; "" where another one of the same change says it.
func say(op *wire.Op, in subject, inNew bool) string {
	key := op.Key.Prop
	text, _ := op.Value.Str()
	on, _ := op.Value.Bool()
	either := func(yes, no string) string {
		if on {
			return yes
		}
		return no
	}
	if op.Action == wire.MakeMap {
		return ""
	}
	switch in.slot {
	case schema.MapEvent, schema.MapClub, schema.MapLink, schema.MapEventX, schema.MapClubX, schema.MapRelays:
		switch key {
		case "closed":
			return either("closes the event", "opens the event again")
		case "approve":
			return either("lets posts wait for approval", "lets posts wait no longer")
		}
		return "changes what the event says of itself"
	case schema.MapPerson:
		return "says something of themselves"
	case schema.MapRolesOf:
		role, invited := strings.CutPrefix(key, "invite-")
		if invited {
			if role == string(qa.RoleAuthor) {
				role = "n " + role
			} else {
				role = " " + role
			}
			return either("invites a"+role, "takes an invitation of a"+role+" back")
		}
		return either("gives "+in.who.Short()+" the role "+role, "takes the role "+role+" from "+in.who.Short())
	case schema.MapBlocks:
		if text == "" {
			return "lifts the block of " + short(key)
		}
		return "blocks " + short(key)
	case schema.MapClaims:
		return "takes up an invitation, as " + short(text)
	case schema.MapPost:
		switch key {
		case "parent":
			if text == "" {
				return "asks a question"
			}
			return "replies"
		case "state":
			if text == "withdrawn" {
				return "withdraws it"
			}
			return "brings it back"
		case "as":
			return "carries an author's words over"
		}
		if inNew {
			return ""
		}
		return "changes its tags"
	case schema.MapPostX:
		return "changes its notes"
	case schema.MapRevisions:
		if inNew {
			return ""
		}
		return "edits the text"
	case schema.MapReactionsOf:
		if key == qa.WantEmoji {
			return either("wants it answered too", "no longer wants it answered too")
		}
		return either("reacts ", "takes back the reaction ") + key
	case schema.MapMarks:
		switch key {
		case "hidden":
			if text == "" {
				return "shows it again"
			}
			return "hides it"
		case "pinned":
			return either("pins it", "unpins it")
		case "approved":
			return either("approves it", "takes the approval back")
		case "answered":
			return either("marks it as answered", "marks it as not answered")
		case "duplicateOf":
			if text == "" {
				return "marks it as no duplicate"
			}
			return "marks it as a duplicate of " + text
		}
	case schema.MapAssigned:
		return either("assigns it to ", "no longer assigns it to ") + short(key)
	case schema.MapCandidate:
		return either("makes its writer a candidate for a copy", "makes its writer no candidate for a copy")
	case schema.MapWinnersOf:
		if text == "" {
			return "takes a copy back from the writer of " + key
		}
		return "gives a copy to the writer of " + key
	case schema.MapDraw, schema.MapCommit, schema.MapReveal:
		return "takes part in the draw"
	case schema.MapContacts:
		return "tells the organiser how to be reached"
	case schema.MapBlobs:
		return "adds a picture"
	case schema.MapWeek:
		return "changes the list of weeks"
	}
	return ""
}
