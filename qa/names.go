package qa

import (
	"fmt"
	"hash/fnv"
	"slices"
)

// XAnonymous is the key of a post's x which says that an anonymous question is one: that its key was made for it, so
// that its writer has no name because they did not want to show it. The value is AnonymousYes. Questions that
// an earlier version asked do not have it.
const XAnonymous = "anonymous"

// AnonymousYes is the value of XAnonymous.
const AnonymousYes = "yes"

// AnonymousName is what the writer of an anonymous question is called.
const AnonymousName = "Anonymous"

// findAnonymous sets Anonymous from the posts of the week.
func (w *Week) findAnonymous(posts []Post) {
	for i := range posts {
		if p := &posts[i]; p.Parent == "" && p.OnBehalfOf == "" && p.X[XAnonymous] == AnonymousYes {
			w.Anonymous = append(w.Anonymous, p.By)
		}
	}
	slices.Sort(w.Anonymous)
	w.Anonymous = slices.Compact(w.Anonymous)
}

// PersonName returns what a person is called in the week: by their name; without one, and having asked
// anonymously, AnonymousName; otherwise by their role and a number, such as "Reader 48213". The number follows
// from the key, so it is the same on every device, now and later.
func (w *Week) PersonName(id Identity) string {
	if name := w.People[id].Name; name != "" {
		return name
	}
	if _, anonymous := slices.BinarySearch(w.Anonymous, id); anonymous {
		return AnonymousName
	}
	return NamelessName(id, w.Event.roleOf(id))
}

// NamelessName returns what a person with a role is called as long as they have no name. role is "" for a reader.
func NamelessName(id Identity, role Role) string {
	word := "Reader"
	switch role {
	case RoleOrganiser:
		word = "Organiser"
	case RoleAuthor:
		word = "Author"
	case RoleModerator:
		word = "Moderator"
	}
	const least, most = 10_000, 99_999 // five digits: of twenty people, hardly ever two have the same
	number := fnv.New32a()
	_, _ = number.Write([]byte(id)) // never fails
	return fmt.Sprintf("%s %d", word, least+number.Sum32()%(most-least+1))
}

// roleOf returns the role by which a person is called, "" if they have none but perhaps member.
func (e Event) roleOf(id Identity) Role {
	for _, role := range []Role{RoleAuthor, RoleOrganiser, RoleModerator} {
		if e.HasRole(id, role) {
			return role
		}
	}
	return ""
}

// EntrantName returns what the person is called who asks: who may win a copy, if it is a question.
func (w *Week) EntrantName(e Entrant) string {
	if e.OnBehalfOf != "" {
		return CleanNonEmptyLine(e.OnBehalfOf)
	}
	return w.PersonName(e.By)
}
