package people

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"flyleaf/qa"
)

// Found is a person in a week, with details to distinguish people of the same name.
type Found struct {
	ID    qa.Identity
	Name  string // as they call themselves; "" when they do not
	Roles []qa.Role
	// First is the first post that they wrote, nil when there is none.
	First *qa.PostView
	// Behalf is the matching name if it is not the person's own but one they wrote on behalf of.
	Behalf string
}

// Of returns what the week knows of identities, in the order of ids.
func Of(w *qa.Week, ids ...qa.Identity) []Found {
	out, at := make([]Found, len(ids)), make(map[qa.Identity]*Found, len(ids))
	for i, id := range ids {
		out[i] = Found{ID: id, Name: w.People[id].Name}
		at[id] = &out[i]
		for _, role := range []qa.Role{qa.RoleOrganiser, qa.RoleAuthor, qa.RoleModerator, qa.RoleMember} {
			if w.Event.HasRole(id, role) {
				out[i].Roles = append(out[i].Roles, role)
			}
		}
	}
	w.EachPost(func(p *qa.PostView) {
		if f := at[p.By]; f != nil && (f.First == nil || p.Op.Less(f.First.Op)) {
			f.First = p
		}
	})
	return out
}

// String says who it is in one line: identity, roles, name, first post.
func (f Found) String() string {
	name := "without a name"
	if f.Name != "" {
		name = f.Name
	}
	if f.Behalf != "" {
		name += ", who wrote on behalf of " + f.Behalf
	}
	first := "has written nothing here"
	if f.First != nil {
		first = "first wrote on " + time.UnixMilli(f.First.AtMillis).Format("2 January 2006") + ": " + beginning(f.First)
	}
	return fmt.Sprintf("%s  %s  %s  %s", f.ID, f.RoleWords(), name, first)
}

// RoleWords names the roles, "no role" when there is none.
func (f Found) RoleWords() string {
	if len(f.Roles) == 0 {
		return "no role"
	}
	words := make([]string, len(f.Roles))
	for i, r := range f.Roles {
		words[i] = string(r)
	}
	return strings.Join(words, ", ")
}

// FirstWords returns the beginning of the first post, "" when there is none.
func (f Found) FirstWords() string {
	if f.First == nil {
		return ""
	}
	return beginning(f.First)
}

func beginning(p *qa.PostView) string {
	if !p.Shown() {
		return "(text that is not shown)"
	}
	const most = 60
	runes := []rune(strings.Join(strings.Fields(p.Words()), " "))
	if len(runes) > most {
		runes = append(runes[:most-1], '…')
	}
	return string(runes)
}

// ErrNobody is returned by Resolve when what was typed fits nobody.
var ErrNobody = errors.New("nobody in this event has this name or identity")

// AmbiguousError is returned by Resolve when what was typed fits more than one.
type AmbiguousError struct {
	Typed string
	Found []Found // at least two, ascending by identity
}

// Error lists whom it fits.
func (e *AmbiguousError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%q matches %d people; nothing was changed. Names that look alike count as the same. Use one of these identities:", e.Typed, len(e.Found))
	for i, f := range e.Found {
		if i == maxListed {
			fmt.Fprintf(&b, "\n  and %d more", len(e.Found)-i)
			break
		}
		b.WriteString("\n  " + f.String())
	}
	return b.String()
}

// maxListed bounds how many people an error lists.
const maxListed = 20

// leastPrefix is the minimum length of the beginning of an identity, in characters.
const leastPrefix = 4

// Find returns the people that typed may mean: by identity or its beginning, by a name that looks like what they are called,
// or by a name they wrote on behalf of (not for organisers, whose imports would match).
func Find(w *qa.Week, typed string) []Found {
	typed = strings.TrimSpace(typed)
	if id, err := qa.ParseIdentity(typed); err == nil {
		return Of(w, id)
	}
	looks, prefix := Skeleton(typed), strings.ToLower(typed)
	fits := map[qa.Identity]string{} // the value is Found.Behalf
	consider := func(id qa.Identity) {
		if id == "" {
			return
		}
		if looks != "" && Skeleton(w.PersonName(id)) == looks || len(prefix) >= leastPrefix && strings.HasPrefix(string(id), prefix) {
			fits[id] = ""
		}
	}
	consider(w.Event.Founder)
	for id := range w.People {
		consider(id)
	}
	for _, g := range w.Event.Roles {
		consider(g.ID)
	}
	behalf := map[string]bool{} // by name, whether it fits
	seen := map[qa.Identity]bool{}
	w.EachPost(func(p *qa.PostView) {
		if !seen[p.By] {
			seen[p.By] = true
			consider(p.By)
		}
		if p.OnBehalfOf == "" || w.Event.HasRole(p.By, qa.RoleOrganiser) {
			return
		}
		fit, known := behalf[p.Name]
		if !known {
			fit = looks != "" && Skeleton(p.Name) == looks
			behalf[p.Name] = fit
		}
		if _, is := fits[p.By]; fit && !is {
			fits[p.By] = p.Name
		}
	})
	out := Of(w, slices.Sorted(maps.Keys(fits))...)
	for i := range out {
		out[i].Behalf = fits[out[i].ID]
	}
	return out
}

// Resolve returns the one person of the week whom a text means, or else ErrNobody or
// an *AmbiguousError. A complete identity is always found, even if the week does not know it.
func Resolve(w *qa.Week, typed string) (Found, error) {
	switch found := Find(w, typed); len(found) {
	case 0:
		return Found{}, ErrNobody
	case 1:
		return found[0], nil
	default:
		return Found{}, &AmbiguousError{typed, found}
	}
}
