package policytest

import (
	"fmt"

	"flyleaf/crdt/policy"
	"flyleaf/crdt/wire"
	"flyleaf/qa"
)

func (b *build) roles() {
	type attempt struct {
		who  func(*scene) *Writer
		name string
		f    func(s *scene, d *Draft)
	}
	for _, a := range []attempt{
		{reader, "a reader renames the event", func(_ *scene, d *Draft) { d.Str("event/title", "Mine") }},
		{moderator, "a moderator renames the event", func(_ *scene, d *Draft) { d.Str("event/title", "Mine") }},
		{author, "an author closes the event", func(_ *scene, d *Draft) { d.Bool("event/closed", true) }},
		{author, "an author adds a link", func(_ *scene, d *Draft) { d.Map("event/links/0") }},
		{reader, "a reader names a relay", func(_ *scene, d *Draft) { d.Str("relays/0", "ws://mine") }},
		{reader, "a reader writes to the event's x", func(_ *scene, d *Draft) { d.Str("event/x/a", "A") }},
		{reader, "a reader hides a post", func(s *scene, d *Draft) { d.Str("posts/"+string(s.reply)+"/marks/hidden", "no") }},
		{author, "an author hides a post", func(s *scene, d *Draft) { d.Str(s.at("marks/hidden"), "no") }},
		{author, "an author pins a post", func(s *scene, d *Draft) { d.Bool(s.at("marks/pinned"), true) }},
		{reader, "the writer pins a post", func(s *scene, d *Draft) { d.Bool(s.at("marks/pinned"), true) }},
		{reader, "the writer approves a post", func(s *scene, d *Draft) { d.Bool(s.at("marks/approved"), true) }},
		{eve, "a reader marks another's question as answered", func(s *scene, d *Draft) { d.Bool(s.at("marks/answered"), true) }},
		{eve, "a reader marks a duplicate", func(s *scene, d *Draft) { d.Str(s.at("marks/duplicateOf"), string(s.byEve)) }},
		{moderator, "a moderator assigns a question", func(s *scene, d *Draft) { d.Bool(s.at("marks/assigned/"+string(s.author.ID())), true) }},
		{organiser, "an organiser without that role names a candidate", func(s *scene, d *Draft) { d.Bool(s.at("marks/candidate/"+string(s.organiser.ID())), true) }},
		{reader, "a reader names a candidate", func(s *scene, d *Draft) { d.Bool(s.at("marks/candidate/"+string(s.reader.ID())), true) }},
		{eve, "a reader takes a role", func(s *scene, d *Draft) { d.Map("roles/" + string(s.eve.ID())) }},
		{moderator, "a moderator takes another role", func(s *scene, d *Draft) { d.Bool("roles/"+string(s.moderator.ID())+"/author", true) }},
		{author, "an author takes the organiser's role", func(s *scene, d *Draft) { d.Bool("roles/"+string(s.author.ID())+"/organiser", true) }},
		{organiser, "an organiser names an organiser", func(s *scene, d *Draft) { d.Role(s.eve.ID(), qa.RoleOrganiser, true) }},
		{organiser, "an organiser steps down alone", func(s *scene, d *Draft) { d.Role(s.organiser.ID(), qa.RoleOrganiser, false) }},
		{reader, "a reader blocks somebody", func(s *scene, d *Draft) { d.Str("blocks/"+string(s.eve.ID()), "no") }},
		{author, "an author blocks somebody", func(s *scene, d *Draft) { d.Str("blocks/"+string(s.eve.ID()), "no") }},
		{eve, "a reader chooses a winner", func(s *scene, d *Draft) { d.Map("winners/" + string(s.eve.ID())) }},
		{moderator, "a moderator chooses a winner", func(s *scene, d *Draft) { d.Map("winners/" + string(s.moderator.ID())) }},
		{eve, "a reader takes part in the draw's secrets", func(s *scene, d *Draft) { d.Set("draw/commit/"+string(s.eve.ID()), wire.BytesValue([]byte{1})) }},
		{author, "an author sets the draw's rule", func(_ *scene, d *Draft) { d.Str("draw/rule", "mine") }},
		{reader, "a reader adds a picture", func(_ *scene, d *Draft) { picture(d, "a picture", "a picture") }},
		{reader, "a reader replies as the author", func(s *scene, d *Draft) {
			at := "posts/" + string(d.Post(s.question, "Thus spoke the author."))
			d.Str(at+"/as", "author")
		}},
		{moderator, "a moderator imports an author's answer", func(s *scene, d *Draft) {
			at := "posts/" + string(d.Post(s.question, "Thus spoke the author."))
			d.Str(at+"/as", "author")
		}},
	} {
		b.addBy(a.who, policy.CodeRole, a.name, a.f)
	}
	b.addIn(Options{Kind: "club"}, policy.CodeRole, "a reader lists a week in a club", func(s *scene) Signed {
		d := s.reader.Draft()
		d.Map("weeks/" + string(qa.MakeEventID([16]byte{3})))
		return d.Sign()
	})
	b.addIn(Options{Kind: "club"}, policy.CodeRole, "a reader renames a club", func(s *scene) Signed {
		d := s.reader.Draft()
		d.Str("club/title", "Mine")
		return d.Sign()
	})
	b.add(policy.CodeRole, "with a role that is granted concurrently", func(s *scene) Signed {
		before := s.Heads()
		s.founder.DoOn(before, func(d *Draft) { d.Role(s.eve.ID(), qa.RoleModerator, true) })
		d := s.eve.Draft(before...)
		d.Str(s.at("marks/hidden"), "no")
		return d.Sign()
	})
	b.add(policy.CodeRole, "with a role that was revoked", func(s *scene) Signed {
		s.founder.Do(func(d *Draft) { d.Role(s.moderator.ID(), qa.RoleModerator, false) })
		d := s.moderator.Draft()
		d.Str(s.at("marks/hidden"), "no")
		return d.Sign()
	})
	b.add(policy.CodeRole, "with a role that a revoked organiser gave concurrently with the revocation", func(s *scene) Signed {
		before := s.Heads()
		s.founder.DoOn(before, func(d *Draft) { d.Role(s.organiser.ID(), qa.RoleOrganiser, false) })
		s.organiser.DoOn(before, func(d *Draft) { d.Role(s.eve.ID(), qa.RoleModerator, true) })
		d := s.eve.Draft()
		d.Str(s.at("marks/hidden"), "no")
		return d.Sign()
	})
	b.add(policy.CodeRole, "with a role that the founder revoked while an organiser granted it", func(s *scene) Signed {
		s.founder.Do(func(d *Draft) { d.Role(s.eve.ID(), qa.RoleModerator, true) })
		before := s.Heads()
		s.founder.DoOn(before, func(d *Draft) { d.Role(s.eve.ID(), qa.RoleModerator, false) })
		s.organiser.DoOn(before, func(d *Draft) {
			d.Role(s.reader.ID(), qa.RoleMember, true)
			d.Bool("roles/"+string(s.eve.ID())+"/moderator", true) // this grant has the higher counter
		})
		d := s.eve.Draft()
		d.Str(s.at("marks/hidden"), "no")
		return d.Sign()
	})
	b.add(policy.CodeRole, "a choice of winners by a former author", func(s *scene) Signed {
		s.author.Do(func(d *Draft) { d.Map("winners/" + string(s.author.ID())) })
		s.founder.Do(func(d *Draft) { d.Role(s.author.ID(), qa.RoleAuthor, false) })
		d := s.author.Draft()
		d.Str("winners/"+string(s.author.ID())+"/"+string(s.question), "a copy")
		return d.Sign()
	})
	b.add(policy.CodeRole, "with a role that the change itself grants", func(s *scene) Signed {
		d := s.organiser.Draft()
		d.Role(s.organiser.ID(), qa.RoleAuthor, true)
		d.Bool(s.at("marks/candidate/"+string(s.organiser.ID())), true)
		return d.Sign()
	})
	stranger := func(name string, f func(s *scene, d *Draft)) {
		b.addIn(Options{Access: "invited"}, policy.CodeRole, name, func(s *scene) Signed {
			d := s.eve.Draft()
			f(s, d)
			return d.Sign()
		})
	}
	stranger("a stranger asks in an invited event", func(_ *scene, d *Draft) { d.Post("", "May I?") })
	stranger("a stranger reacts in an invited event", func(s *scene, d *Draft) { d.React(s.question, "want", true) })
	stranger("a stranger writes a profile in an invited event", func(s *scene, d *Draft) { d.Map("people/" + string(s.eve.ID())) })
	b.addIn(Options{Access: "invited"}, policy.CodeRole, "a stranger merges in an invited event", func(s *scene) Signed {
		before := s.Heads()
		s.author.DoOn(before, func(d *Draft) { d.React(s.question, "a", true) })
		s.reader.DoOn(before, func(d *Draft) { d.React(s.question, "b", true) })
		return s.eve.Draft().Sign()
	})
	b.addIn(Options{Access: "invited"}, policy.CodeRole, "a former member asks in an invited event", func(s *scene) Signed {
		s.founder.Do(func(d *Draft) { d.Role(s.reader.ID(), qa.RoleMember, false) })
		d := s.reader.Draft()
		d.Post("", "Still there?")
		return d.Sign()
	})
}

// owners are changes to something that belongs to another person.
func (b *build) owners() {
	for name, f := range map[string]func(s *scene, d *Draft){
		"another person's post edited":        func(s *scene, d *Draft) { d.Str(s.at("revisions/"+d.RevisionID()), "Edited") },
		"another person's post withdrawn":     func(s *scene, d *Draft) { d.Str(s.at("state"), "withdrawn") },
		"another person's post tagged":        func(s *scene, d *Draft) { d.Str(s.at("tags"), "spam") },
		"an x on another person's post":       func(s *scene, d *Draft) { d.Map(s.at("x")) },
		"a reaction in another person's name": func(s *scene, d *Draft) { d.Map(s.at("reactions/" + string(s.author.ID()))) },
		"another person's profile made":       func(s *scene, d *Draft) { d.Map("people/" + string(s.reader.ID())) },
		"another person's contact":            func(s *scene, d *Draft) { d.Set("contacts/"+string(s.reader.ID()), wire.BytesValue([]byte{1})) },
		"a claim in another person's name":    func(s *scene, d *Draft) { d.Str("claims/"+string(s.reader.ID()), string(s.eve.ID())) },
	} {
		b.addBy(eve, policy.CodeOwner, name, f)
	}
	b.addBy(founder, policy.CodeOwner, "an organiser edits a post", func(s *scene, d *Draft) { d.Str(s.at("revisions/"+d.RevisionID()), "Edited") })
	b.addBy(author, policy.CodeOwner, "a candidate named for another author", func(s *scene, d *Draft) { d.Bool(s.at("marks/candidate/"+string(s.eve.ID())), true) })
	b.addBy(author, policy.CodeOwner, "winners chosen for another author", func(s *scene, d *Draft) { d.Map("winners/" + string(s.founder.ID())) })
	b.addBy(author, policy.CodeOwner, "another person's secret in the draw", func(s *scene, d *Draft) {
		d.Set("draw/reveal/"+string(s.founder.ID()), wire.BytesValue([]byte{1}))
	})
	for name, path := range map[string]string{"name": "people/%s/name", "a choice": "winners/%s/" + postID} {
		b.add(policy.CodeOwner, "into another person's map: "+name, func(s *scene) Signed {
			at := fmt.Sprintf(path, s.author.ID())
			up, _ := split(at)
			s.author.Do(func(d *Draft) { d.Map(up) })
			d := s.founder.Draft()
			d.Str(at, "A")
			return d.Sign()
		})
	}
	b.add(policy.CodeOwner, "into the x of another person's post", func(s *scene) Signed {
		s.reader.Do(func(d *Draft) { d.Map(s.at("x")) })
		d := s.eve.Draft()
		d.Str(s.at("x/a"), "A")
		return d.Sign()
	})
	b.add(policy.CodeOwner, "another person's reaction taken back", func(s *scene) Signed {
		s.author.Do(func(d *Draft) { d.React(s.question, "want", true) })
		d := s.eve.Draft()
		d.Bool(s.at("reactions/"+string(s.author.ID())+"/want"), false)
		return d.Sign()
	})
}
