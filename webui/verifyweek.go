package webui

import (
	"net/http"
	"strings"

	"flyleaf/node"
	"flyleaf/qa"
)

// verifyPage is the body of the page that checks every change of a week from its bytes.
type verifyPage struct {
	Event       qa.Event
	Path        string
	Good        bool
	Genesis     bool // the first change matches the event's ID
	Changes     int
	Bad         int
	People      []verifiedPerson
	Invalid     []proofLine
	MoreInvalid int
	Heads       []string
}

// verifiedPerson is what one person wrote in a week.
type verifiedPerson struct {
	Name, Short, ID string
	Note            string // a warning about a name that looks like another's
	Changes, Void   int
	Roles           string
	Blocked         bool
}

// maxInvalid is how many invalid changes the page lists.
const maxInvalid = 50

func (s *server) verifyWeek(w http.ResponseWriter, r *http.Request) {
	v, ok := s.load(w, r)
	if !ok {
		return
	}
	found, err := node.VerifyEvent(r.Context(), s.node, v.Event.ID)
	if err != nil {
		s.readFailed(w, r, err)
		return
	}
	page := verifyPage{
		Event: v.Event, Path: eventPath(v.Event.ID), Good: found.Valid(), Genesis: found.Genesis, Changes: len(found.Changes), Bad: found.Bad, Heads: found.Heads,
	}
	for i := range found.People {
		p := &found.People[i]
		roles := make([]string, len(p.Roles))
		for k, role := range p.Roles {
			roles[k] = string(role)
		}
		page.People = append(page.People, verifiedPerson{
			Name: upperFirst(v.nameOrYou(p.ID)), Short: p.ID.Short(), ID: string(p.ID), Note: upperFirstLetter(v.lookalikes().Person(p.ID, p.Name).String()),
			Changes: p.Changes, Void: p.Void, Roles: strings.Join(roles, ", "), Blocked: p.Blocked,
		})
	}
	for i := range found.Changes {
		c := &found.Changes[i]
		switch {
		case c.Code == "" && c.Signed:
		case len(page.Invalid) == maxInvalid:
			page.MoreInvalid++
		default:
			page.Invalid = append(page.Invalid, v.proofLine(c, &qa.PostView{}))
		}
	}
	l := s.layout(r, "Signatures of "+v.Event.Title, "week", nil)
	v.nav(&l)
	l.Body, l.Event = page, page.Path
	s.page(w, r, http.StatusOK, "verify", l)
}
