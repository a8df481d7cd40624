package people

import (
	"strings"
	"unicode"

	"flyleaf/qa"
)

// Lookalikes tells which names of a week could be taken for an author's or an
// organiser's, and are not. It is not safe for concurrent use.
type Lookalikes struct {
	event *qa.Event
	known []knownName
	memo  map[string]string // what Name found, by name
}

// knownName is the name of somebody who answers for the week.
type knownName struct {
	name, looks string
	role        qa.Role
	held        bool // by somebody who holds the role; else the week only names them
}

// maxKnown bounds the names that others are held against. Organisers decide how many
// people hold a role.
const maxKnown = 200

// NewLookalikes returns the lookalikes of a week.
func NewLookalikes(w *qa.Week) *Lookalikes {
	l := &Lookalikes{event: &w.Event, memo: map[string]string{}}
	add := func(name string, role qa.Role, held bool) {
		if looks := Skeleton(name); looks != "" && len(l.known) < maxKnown {
			l.known = append(l.known, knownName{strings.Join(strings.Fields(name), " "), looks, role, held})
		}
	}
	for _, role := range []qa.Role{qa.RoleAuthor, qa.RoleOrganiser} {
		for _, g := range w.Event.Roles {
			if g.Role == role {
				add(w.People[g.ID].Name, role, true)
			}
		}
	}
	add(w.People[w.Event.Founder].Name, qa.RoleOrganiser, true)
	for name := range strings.SplitSeq(strings.NewReplacer(";", ",", " & ", ",", " and ", ",").Replace(w.Event.Authors), ",") {
		add(name, qa.RoleAuthor, false)
	}
	return l
}

// Post says whom a post's writer is not, though the name that it is shown under looks
// so: "not the author Ilse Marrow", "not an author"; "" for most.
func (l *Lookalikes) Post(p *qa.PostView) string {
	e := l.event
	switch {
	case p.ByAuthor, e.HasRole(p.By, qa.RoleOrganiser):
		return "" // who brings other people's words in, answers for the names
	case p.OnBehalfOf == "" && (e.HasRole(p.By, qa.RoleAuthor) || e.HasRole(p.By, qa.RoleModerator)):
		return ""
	}
	return l.Name(p.Name)
}

// Person is Post for what somebody is called outside of their posts.
func (l *Lookalikes) Person(id qa.Identity, name string) string {
	for _, role := range []qa.Role{qa.RoleOrganiser, qa.RoleAuthor, qa.RoleModerator} {
		if l.event.HasRole(id, role) {
			return ""
		}
	}
	return l.Name(name)
}

// Name is Post for the name of somebody who holds no role.
func (l *Lookalikes) Name(name string) string {
	if said, ok := l.memo[name]; ok {
		return said
	}
	said := l.look(name)
	l.memo[name] = said
	return said
}

// leastWithin is how long a skeleton has to be for names that hold it, among other
// words, to look like it.
const leastWithin = 6

func (l *Lookalikes) look(name string) string {
	looks := Skeleton(name)
	for i := range l.known {
		k := &l.known[i]
		if looks == k.looks || len(k.looks) >= leastWithin && strings.Contains(looks, k.looks) {
			said := "not the " + string(k.role) + " " + k.name
			if !k.held {
				said += ", as far as the organisers have said"
			}
			return said
		}
	}
	// What cannot be seen joins a word, and does not end it.
	between := func(r rune) bool {
		return unicode.IsSpace(r) || !unicode.IsLetter(r) && !unicode.IsMark(r) && qa.HideInvisible(string(r)) != ""
	}
	for word := range strings.FieldsFuncSeq(name, between) {
		if role, ok := roleWords[Skeleton(word)]; ok {
			return "not " + role
		}
	}
	return ""
}

// roleWords are the words that a badge would have, as they look.
var roleWords = func() map[string]string {
	out := map[string]string{}
	for word, role := range map[string]string{
		"author": "an author", "authors": "an author", "organiser": "an organiser", "organizer": "an organiser",
		"organisers": "an organiser", "organizers": "an organiser", "moderator": "a moderator", "moderators": "a moderator",
		"founder": "an organiser", "admin": "an organiser",
	} {
		out[Skeleton(word)] = role
	}
	return out
}()
