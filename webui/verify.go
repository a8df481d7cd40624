package webui

import (
	"net/http"

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
	Author  bool
	Good    bool
	Changes []proofLine
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
		Event: v.Event, Back: v.address(p.ID), Post: v.post(t, i), Writer: v.personName(p.By), ID: p.By, Author: p.ByAuthor,
		Good: len(found.Changes) > 0,
	}
	for _, c := range found.Changes {
		line := proofLine{
			What: c.What, Who: upperFirst(v.nameOrYou(c.By)), Hash: c.Hash, Actor: c.Actor, Seq: c.Seq, When: v.cal.moment(c.AtMillis),
			Signed: c.Signed, Right: c.Reason == "" && c.Code == "", Reason: sentence(c.Reason),
		}
		if v.timeUnknown(p) && c.AtMillis == p.WriterMillis() {
			line.When = moment{Words: unknownTime}
		}
		if c.Void {
			line.Void, page.Good = true, false
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
			}
		}
		page.Good = page.Good && line.Signed && line.Right
		page.Changes = append(page.Changes, line)
	}
	l := s.layout(r, "Signatures of a post", "week", nil)
	v.nav(&l)
	l.Body, l.Event = page, eventPath(v.Event.ID)
	s.page(w, r, http.StatusOK, "proof", l)
}
