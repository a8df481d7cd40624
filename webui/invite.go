package webui

import (
	"net/http"
	"slices"
	"strings"

	"flyleaf/qa"
	"flyleaf/schema"
)

// inviteView is one invitation that grants a role, as the organiser sees it.
type inviteView struct {
	Key       qa.Identity
	Label     string
	Role      string
	State     string // one of the qa.Invite constants
	StateText string // describes the state
	Claimer   string
	Program   string // the flyleaf: link; "" if Link is one
	Link, QR  string // "" when the invitation cannot be used any more, or this device does not have its secret
	Revocable bool
	When      *moment
}

// inviteStateTexts describe the states of an invitation on the page.
var inviteStateTexts = map[string]string{
	qa.InviteOpen:    "Not used yet",
	qa.InviteClaimed: "Opened; the role is being granted",
	qa.InviteGranted: "Granted",
	qa.InviteRevoked: "Revoked",
}

func (s *server) invites(v *weekView, all []qa.InviteInfo) []inviteView {
	var out []inviteView
	for _, in := range slices.Backward(all) {
		view := inviteView{
			Key: in.Key, Label: in.Label, Role: string(in.Role), State: in.State, StateText: inviteStateTexts[in.State],
			Revocable: in.State == qa.InviteOpen || in.State == qa.InviteClaimed,
		}
		if in.Claimer != "" {
			view.Claimer = v.nameOrYou(in.Claimer)
		}
		if in.AtMillis != 0 {
			at := v.cal.moment(in.AtMillis)
			view.When = &at
		}
		if in.State == qa.InviteOpen && in.Link.Event != "" {
			view.Link, view.Program = s.linksOf(in.Link)
			view.QR = eventPath(v.Event.ID) + "/invite/" + string(in.Key) + ".svg"
		}
		out = append(out, view)
	}
	return out
}

// linksOf returns the link to show and, if that link opens in a browser, also the
// flyleaf: link for the desktop program; otherwise "".
func (s *server) linksOf(inv qa.Invitation) (link, program string) {
	links := inv.Links()
	if s.browser {
		inv.Web = inv.Web || s.relay != "" && inv.Relay == s.relay
		links = inv.LinksAt(s.site)
	}
	if len(links) == 1 {
		return links[0], ""
	}
	return links[0], links[1]
}

// maxLabel is the maximum length of an invitation's label, in bytes.
const maxLabel = schema.MaxName

func (s *server) invite(w http.ResponseWriter, r *http.Request) {
	v, ok := s.loadFor(w, r, forOrganisers)
	if !ok {
		return
	}
	role, label := qa.Role(r.PostForm.Get("role")), strings.Join(strings.Fields(r.PostForm.Get("label")), " ")
	refuse := func(status int, message string) {
		s.showPeople(w, r, status, v, peoplePage{Error: message, Label: label, Chosen: role})
	}
	if _, ok := role.InvitedAs(); !ok {
		refuse(http.StatusUnprocessableEntity, "Choose what the invitation is for: author, moderator or member.")
		return
	}
	if len(label) > maxLabel {
		refuse(http.StatusUnprocessableEntity, "This note is too long. Shorten it and try again.")
		return
	}
	made, err := s.node.Invite(r.Context(), v.Event.ID, role, label)
	if err != nil {
		refuse(statusOf(err), "Not created. "+sentence(err.Error())+" Nothing was changed.")
		return
	}
	formDone(w, r, eventPath(v.Event.ID)+"/people?made="+string(made.Key)+"#invitations", "")
}

func (s *server) revokeInvite(w http.ResponseWriter, r *http.Request) {
	v, ok := s.loadFor(w, r, forOrganisers)
	if !ok {
		return
	}
	if err := s.node.RevokeInvite(r.Context(), v.Event.ID, qa.Identity(r.PathValue("key"))); err != nil {
		s.problem(w, r, statusOf(err), "The invitation was not revoked", sentence(err.Error())+" Nothing was changed.")
		return
	}
	formDone(w, r, eventPath(v.Event.ID)+"/people#invitations", "")
}

// inviteCode serves the QR code of an invitation. The name "all" stands for the link
// without a role, with which anybody can join an open event.
func (s *server) inviteCode(w http.ResponseWriter, r *http.Request) {
	v, ok := s.load(w, r)
	if !ok {
		return
	}
	name, isSVG := strings.CutSuffix(r.PathValue("name"), ".svg")
	link := ""
	switch {
	case !isSVG:
	case name == "all":
		if inv, err := s.node.Invitation(r.Context(), v.Event.ID); err == nil {
			link, _ = s.linksOf(inv)
		}
	case v.can.Organise:
		all, err := s.node.Invitations(r.Context(), v.Event.ID)
		if err != nil {
			s.readFailed(w, r, err)
			return
		}
		for _, in := range s.invites(v, all) {
			if string(in.Key) == name {
				link = in.Link
			}
		}
	}
	if link == "" {
		s.pageNotFound(w, r)
		return
	}
	svg, err := s.converter.QRCode(r.Context(), link)
	if err != nil {
		s.readFailed(w, r, err)
		return
	}
	w.Header().Set("Content-Type", "image/svg+xml")
	_, _ = w.Write(svg)
}
