package webui

import (
	"net/http"
	"slices"

	"flyleaf/qa"
)

// proofPage is the body of the page that checks the signatures of a post. Each change is
// checked from its bytes when the page is opened.
type proofPage struct {
	Event   qa.Event
	Back    string
	Post    postView
	Writer  string
	ID      qa.Identity
	Author  *authorProof // why the post has the author's badge; nil if it has none
	Good    bool
	Changes []proofLine
	Grants  []proofLine // the changes by which the writers hold their roles
}

// authorProof says who gave a writer the role of author, when, and in which change.
type authorProof struct {
	By   string
	When moment
	Hash string
	// Imported: the post was imported by an organiser, who says that an author wrote it.
	Imported bool
	Later    bool // the role was given after the post was written
	Removed  bool // the writer does not hold the role any more
	Missing  bool // no change on this device gives the role
}

// proofLine is one change with the results of its checks.
type proofLine struct {
	Did           [][]phraseView
	What, Who     string
	Hash          string
	Actor         string
	Seq           uint64
	When          moment
	Signed, Right bool
	Void          bool // two versions of this change, or of an earlier one, were signed
	Reason        string
	Role          string
	Granted       string // who gave the role, and when
	GrantedIn     string // the hash of the change that gave it; "" for the founder's own
}

func (s *server) proof(w http.ResponseWriter, r *http.Request) {
	v, t, i, ok := s.loadPost(w, r)
	if !ok {
		return
	}
	p := postAt(t, i)
	found, err := s.node.VerifyPost(r.Context(), v.Event.ID, p.ID)
	if err != nil {
		s.readFailed(w, r, err)
		return
	}
	page := proofPage{
		Event: v.Event, Back: v.address(p.ID), Post: v.post(t, i), Writer: v.personName(p.By), ID: p.By, Good: len(found.Changes) > 0,
	}
	for i := range found.Changes {
		page.Changes = append(page.Changes, v.proofLine(&found.Changes[i], p))
	}
	for i := range found.Grants {
		page.Grants = append(page.Grants, v.proofLine(&found.Grants[i], p))
	}
	for _, line := range slices.Concat(page.Changes, page.Grants) {
		page.Good = page.Good && line.Signed && line.Right && !line.Void
	}
	if p.ByAuthor && len(found.Changes) > 0 {
		page.Author = v.authorProof(p, &found)
		page.Good = page.Good && !page.Author.Missing
	}
	l := s.layout(r, "Signatures of a post", "week", nil)
	v.nav(&l)
	l.Body, l.Event = page, eventPath(v.Event.ID)
	s.page(w, r, http.StatusOK, "proof", l)
}

// proofLine describes a change with the results of its checks, on the page of a post.
func (v *weekView) proofLine(c *qa.VerifiedChange, p *qa.PostView) proofLine {
	line := proofLine{
		What: c.What, Who: upperFirst(v.nameOrYou(c.By)), Hash: c.Hash, Actor: c.Actor, Seq: c.Seq, When: v.cal.moment(c.AtMillis),
		Signed: c.Signed, Right: c.Reason == "" && c.Code == "", Void: c.Void, Reason: sentence(c.Reason),
	}
	if v.timeUnknown(p) && c.AtMillis == p.WriterMillis() {
		line.When = moment{Words: unknownTime}
	}
	for i := range c.Did {
		line.Did = append(line.Did, v.phrases(&c.Did[i], p.ID))
	}
	if c.Role != "" {
		line.Role = string(c.Role)
		line.Granted = "founder of the week"
		if c.GrantedBy != "" {
			line.Granted = "given by " + v.nameOrYou(c.GrantedBy)
			if c.GrantedAtMillis != 0 {
				line.Granted += ", " + v.cal.moment(c.GrantedAtMillis).Words
			}
			line.GrantedIn = c.GrantedIn
		}
	}
	return line
}

// authorProof finds the change that gave the writer of a post the role of author.
func (v *weekView) authorProof(p *qa.PostView, found *qa.Verification) *authorProof {
	out := &authorProof{Imported: p.AsAuthor, Removed: !v.Event.HasRole(p.By, qa.RoleAuthor)}
	if out.Imported { // by the right of an organiser, which the change itself needs
		out.By = v.nameOrYou(p.By)
		return out
	}
	var grant *qa.RoleGrant
	for i := range found.Changes {
		if c := &found.Changes[i]; c.By == p.By && c.Author != nil {
			grant = c.Author
		}
	}
	for i := range found.People {
		if person := &found.People[i]; grant == nil && person.ID == p.By && person.Author != nil {
			grant, out.Later = person.Author, true
		}
	}
	if grant == nil {
		out.Missing = true
		return out
	}
	out.By, out.When, out.Hash = v.nameOrYou(grant.GrantedBy), v.cal.moment(grant.GrantedAtMillis), grant.GrantedIn
	return out
}
