package policytest

import (
	"flyleaf/crdt/policy"
	"flyleaf/crdt/wire"
	"flyleaf/qa"
)

func (b *build) posts() {
	for _, part := range []string{"revisions", "reactions", "marks", "marks/assigned", "marks/candidate", "parent", "at", "revision"} {
		b.addBy(eve, policy.CodePost, "a post without "+part, func(_ *scene, d *Draft) { d.Post("", "Hello", part) })
	}
	b.addBy(eve, policy.CodePost, "a new post with two revisions", func(_ *scene, d *Draft) {
		at := "posts/" + string(d.Post("", "Hello"))
		d.Str(at+"/revisions/"+d.RevisionID(), "Hello again")
	})
	for name, id := range map[string]func(s *scene, d *Draft) string{
		"a post with the ID of another post": func(s *scene, _ *Draft) string { return string(s.question) },
		"a post with an ID of another writer": func(s *scene, d *Draft) string {
			return string(qa.MakePostID(s.reader.ID(), []byte(s.reader.Actor), d.Next().Counter))
		},
		"a post with the ID of a later operation": func(s *scene, d *Draft) string {
			return string(qa.MakePostID(s.eve.ID(), []byte(d.Actor), d.Next().Counter+1))
		},
		"a post with the ID of an earlier operation": func(s *scene, d *Draft) string {
			return string(qa.MakePostID(s.eve.ID(), []byte(d.Actor), d.Next().Counter-1))
		},
		"a post with an ID of its writer's other device": func(s *scene, d *Draft) string {
			return string(qa.MakePostID(s.eve.ID(), []byte(s.Writer("eve/2").Actor), d.Next().Counter))
		},
		"a post with an invalid ID": func(*scene, *Draft) string { return "first" },
	} {
		b.addBy(eve, policy.CodePostID, name, func(s *scene, d *Draft) { d.Map("posts/" + id(s, d)) })
	}
	b.addBy(reader, policy.CodeRevisionID, "a revision written over another", func(s *scene, d *Draft) {
		at := s.at("revisions")
		for _, c := range d.past {
			for _, op := range c.Ops {
				if op.Obj == d.Obj(at) {
					d.Str(at+"/"+op.Key.Prop, "Something else")
					return
				}
			}
		}
	})
	b.addBy(reader, policy.CodeRevisionID, "a revision with the ID of a later operation", func(s *scene, d *Draft) {
		d.Str(s.at("revisions/"+string(qa.MakeRevisionID([]byte(d.Actor), d.Next().Counter+1))), "A")
	})
	b.addBy(reader, policy.CodeRevisionID, "a revision with the ID of another writer's operation", func(s *scene, d *Draft) {
		d.Str(s.at("revisions/"+string(qa.MakeRevisionID([]byte(s.eve.Actor), d.Next().Counter))), "A")
	})
	addReply := func(name string, id func(s *scene, d *Draft) qa.PostID) {
		b.addBy(eve, policy.CodeParent, name, func(s *scene, d *Draft) { d.Post(id(s, d), "Hello") })
	}
	addReply("a reply to a post that does not exist", func(*scene, *Draft) qa.PostID { return qa.PostID(postID) })
	addReply("a reply to itself", func(_ *scene, d *Draft) qa.PostID { return d.PostID() })
	b.addBy(eve, policy.CodeParent, "a reply to a post that the change makes later", func(s *scene, d *Draft) {
		const postOps = 9 // of a post without tags
		later := qa.MakePostID(s.eve.ID(), []byte(d.Actor), d.Next().Counter+postOps)
		d.Post(later, "Hello")
		if got := d.Post("", "The later one"); got != later {
			panic("the reply is to " + later + ", not to " + got)
		}
	})
	addReply("a reply to an operation that is not a post", func(s *scene, d *Draft) qa.PostID {
		return qa.MakePostID(s.reader.ID(), []byte(s.reader.Actor), d.Obj("posts/"+string(s.question)).Counter+1)
	})
	b.add(policy.CodeParent, "a reply to a concurrent post", func(s *scene) Signed {
		before := s.Heads()
		var other qa.PostID
		s.reader.DoOn(before, func(d *Draft) { other = d.Post("", "Unseen") })
		d := s.eve.Draft(before...)
		d.Post(other, "I see you")
		return d.Sign()
	})
	b.addBy(eve, policy.CodeValue, "a reply to an invalid ID", func(_ *scene, d *Draft) { d.Post("that one", "Hello") })
	writeOnce := map[string]wire.Value{
		"parent": wire.StringValue(""), "at": wire.IntValue(5), "onBehalfOf": wire.StringValue("Ann"),
		"source": wire.StringValue("a page"), "origin": wire.StringValue(postID),
	}
	for key, v := range writeOnce {
		b.addBy(reader, policy.CodeOnce, "the "+key+" of an existing post, set later", func(s *scene, d *Draft) { d.Set(s.at(key), v) })
	}
	b.addBy(founder, policy.CodeOnce, "an existing post marked as an author's", func(s *scene, d *Draft) { d.Str(s.at("as"), "author") })
	b.addBy(reader, policy.CodeOnce, "a map of a post made twice", func(s *scene, d *Draft) { d.Map(s.at("reactions")) })
	b.addBy(eve, policy.CodeOnce, "a time of a post set twice", func(_ *scene, d *Draft) {
		at := "posts/" + string(d.Post("", "Hello"))
		d.Set(at+"/at", wire.IntValue(5))
	})
	b.add(policy.CodeOnce, "a map of reactions made twice", func(s *scene) Signed {
		s.reader.Do(func(d *Draft) { d.React(s.reply, "want", true) })
		d := s.reader.Draft()
		d.Map("posts/" + string(s.reply) + "/reactions/" + string(s.reader.ID()))
		return d.Sign()
	})
	b.add(policy.CodeClosed, "a new post in a closed event", func(s *scene) Signed {
		s.organiser.Do(func(d *Draft) { d.Bool("event/closed", true) })
		d := s.reader.Draft()
		d.Post(s.question, "One more thing")
		return d.Sign()
	})
}
