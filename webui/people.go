package webui

import (
	"cmp"
	"errors"
	"net/http"
	"slices"
	"strings"

	"flyleaf/internal/smallsort"
	"flyleaf/qa"
	"flyleaf/qa/people"
	"flyleaf/schema"
)

// peoplePage is the body of the page with the people and roles of a week. Everybody can
// read it; organisers see forms on it, too.
type peoplePage struct {
	Event      qa.Event
	CSRF, Path string
	Can        permissions
	Access     string
	Roles      []roleGroup
	Blocked    []blockedPerson
	Candidates []choice // people to whom a role can be given
	Invites    []inviteView
	Created    *inviteView
	Label      string // typed
	Chosen     qa.Role
	Error      string
	GrantError string
	Key        string // typed
}

// roleGroup is one role with the people who have it.
type roleGroup struct {
	Name, What string
	Role       qa.Role
	People     []personLine
}

type personLine struct {
	Name      string
	ID        qa.Identity
	Short     string
	You       bool
	Revocable bool
	Contact   contact
}

type blockedPerson struct {
	Name, Short, Reason, By string
	ID                      qa.Identity
	When                    moment
}

// contact is the contact that a person gives in their profile. URL is "" unless it is an
// address that a link may have.
type contact struct{ Words, URL string }

func contactOf(link string) contact {
	c := contact{Words: strings.TrimSpace(link)}
	if qa.IsExternalLink(c.Words) {
		c.URL = c.Words
		c.Words = strings.TrimPrefix(strings.TrimPrefix(c.Words, "https://"), "mailto:")
	}
	return c
}

var roleGroups = []roleGroup{
	{Name: "Organisers", Role: qa.RoleOrganiser, What: "can set up the week, give roles and close it"},
	{Name: "Authors", Role: qa.RoleAuthor, What: "can answer with a verified badge and choose winners"},
	{Name: "Moderators", Role: qa.RoleModerator, What: "can hide, pin and approve posts, and block people"},
	{Name: "Members", Role: qa.RoleMember, What: "can read and post in an invitation-only week"},
}

func (s *server) people(w http.ResponseWriter, r *http.Request) {
	if v, ok := s.load(w, r); ok {
		s.showPeople(w, r, http.StatusOK, v, peoplePage{})
	}
}

// showPeople fills in the rest of page and renders it. Fields that page already has were
// typed by the reader, and are shown again.
func (s *server) showPeople(w http.ResponseWriter, r *http.Request, status int, v *weekView, page peoplePage) {
	ctx := r.Context()
	page.Event, page.CSRF, page.Path, page.Can = v.Event, v.csrf, eventPath(v.Event.ID), v.can
	page.Access = accessWords(v.Event)
	page.Roles = v.roles()
	if page.Chosen == "" {
		page.Chosen = qa.RoleAuthor
	}
	if v.can.Organise {
		page.Candidates = v.roleCandidates()
	}
	for id, e := range qa.Blocks(s.log(ctx, v.Event.ID)) {
		page.Blocked = append(page.Blocked, blockedPerson{
			Name: v.personName(id), Short: id.Short(), ID: id, Reason: e.Text, By: v.nameOrYou(e.By), When: v.cal.moment(e.AtMillis),
		})
	}
	smallsort.Func(page.Blocked, func(a, b blockedPerson) int { return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.ID, b.ID)) })
	if v.can.Organise {
		all, err := s.node.Invitations(ctx, v.Event.ID)
		if err != nil {
			s.readFailed(w, r, err)
			return
		}
		page.Invites = s.invites(v, all)
		fresh := r.URL.Query().Get("made")
		for i := range page.Invites {
			if inv := &page.Invites[i]; fresh != "" && string(inv.Key) == fresh && inv.Link != "" {
				page.Created = inv
			}
		}
	}
	l := s.layout(r, "People and roles", "week", nil)
	v.nav(&l)
	l.Body, l.Event, l.Stream, l.RefreshWhole = page, page.Path, page.Path+"/stream", r.Method == http.MethodGet
	s.page(w, r, status, "people", l)
}

func accessWords(e qa.Event) string {
	if e.Access == schema.AccessInvited {
		return "Invitation only: only the people named here can read and post. The relay checks this for each device."
	}
	return "Open: everyone with the invitation can read and post. Nobody needs a role for that."
}

func (v *weekView) roles() []roleGroup {
	var out []roleGroup
	for _, g := range roleGroups {
		var ids []qa.Identity
		if g.Role == qa.RoleOrganiser && v.Event.Founder != "" {
			ids = append(ids, v.Event.Founder)
		}
		for _, grant := range v.Event.Roles {
			if grant.Role == g.Role && !slices.Contains(ids, grant.ID) {
				ids = append(ids, grant.ID)
			}
		}
		for _, id := range ids {
			founder := g.Role == qa.RoleOrganiser
			g.People = append(g.People, personLine{
				Name: v.personName(id), ID: id, Short: id.Short(), You: id == v.me, Revocable: v.can.Organise && !founder, Contact: contactOf(v.People[id].Link),
			})
		}
		if len(g.People) > 0 {
			out = append(out, g)
		}
	}
	return out
}

// maxRoleCandidates is the maximum number of people in the list for giving a role.
const maxRoleCandidates = 500

// roleCandidates lists the reader, and the people of the week who have a name, sorted by name.
// Keys of anonymous questions have no name, so they are not in the list.
func (v *weekView) roleCandidates() []choice {
	var ids []qa.Identity
	for id, p := range v.People {
		if p.Name != "" && id != v.me {
			ids = append(ids, id)
		}
	}
	var out []choice
	for _, f := range people.Of(&v.Week, ids...) {
		words := people.Isolate(f.Name) + " (" + f.ID.Short() + "), " + f.RoleWords()
		if not := v.lookalikes().Person(f.ID, f.Name).String(); not != "" {
			words += ", " + not
		}
		if first := f.FirstWords(); first != "" {
			words += ", wrote first: " + people.Isolate(first)
		}
		out = append(out, choice{ID: string(f.ID), Words: words})
	}
	smallsort.Func(out, func(a, b choice) int { return cmp.Or(cmp.Compare(a.Words, b.Words), cmp.Compare(a.ID, b.ID)) })
	you := choice{ID: string(v.me), Words: "You, " + people.Of(&v.Week, v.me)[0].RoleWords()}
	return append([]choice{you}, out[:min(len(out), maxRoleCandidates)]...)
}

// setRole gives a person a role, or removes it.
func (s *server) setRole(w http.ResponseWriter, r *http.Request) {
	v, ok := s.loadFor(w, r, forOrganisers)
	if !ok {
		return
	}
	form := r.PostForm
	whom := cmp.Or(strings.TrimSpace(form.Get("key")), form.Get("identity"))
	act := qa.Act{Kind: qa.ActRole, Role: qa.Role(form.Get("role")), On: form.Get("on") == "1"}
	id, err := qa.ParseIdentity(whom)
	_, canGive := act.Role.InvitedAs()
	var undo string
	switch {
	case err != nil:
		err = errors.New("choose somebody from the list, or paste the whole public key of 64 characters")
	case !canGive && (act.On || act.Role != qa.RoleOrganiser):
		err = errors.New("the roles that can be given are author, moderator and member")
	default:
		act.Identity = id
		words := "Role removed."
		if act.On {
			words = "Role given."
		}
		undo, err = s.doUndoable(r, v, words, act)
	}
	if err != nil {
		s.showPeople(w, r, http.StatusUnprocessableEntity, v, peoplePage{
			GrantError: "Not saved. " + sentence(err.Error()) + " Nothing was changed.", Key: form.Get("key"), Chosen: act.Role,
		})
		return
	}
	if act.Role == qa.RoleOrganiser { // which only the founder of a week can have again
		undo = ""
	}
	s.undoableDone(w, r, eventPath(v.Event.ID)+"/people#roles", "", undo)
}

// unblock handles the button on the page about people.
func (s *server) unblock(w http.ResponseWriter, r *http.Request) {
	v, ok := s.loadFor(w, r, forModerators)
	if !ok {
		return
	}
	id, err := qa.ParseIdentity(r.PostForm.Get("identity"))
	var undo string
	if err == nil {
		act := qa.Act{Kind: qa.ActBlock, Identity: id}
		undo, err = s.doUndoable(r, v, blocked(&act), act)
	}
	if err != nil {
		s.problem(w, r, statusOf(err), "The person was not unblocked", sentence(err.Error())+" Nothing was changed.")
		return
	}
	s.undoableDone(w, r, eventPath(v.Event.ID)+"/people#blocked", "", undo)
}

// organisers lists the organisers of the week.
func (v *weekView) organisers() []personLine {
	if groups := v.roles(); len(groups) > 0 && groups[0].Role == qa.RoleOrganiser {
		return groups[0].People
	}
	return nil
}
