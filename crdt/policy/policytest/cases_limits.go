package policytest

import (
	"fmt"

	"flyleaf/crdt/policy"
	"flyleaf/crdt/wire"
	"flyleaf/qa"
	"flyleaf/schema"
)

// limits are changes with more operations than any act makes, and changes that exceed a
// limit on writes or revisions.
func (b *build) limits() {
	b.addBy(reader, policy.CodeRepeated, "one key written twice", func(s *scene, d *Draft) {
		d.Str(s.at("tags"), "a")
		d.Str(s.at("tags"), "b")
	})
	b.addBy(founder, policy.CodeRepeated, "one key written twice, without replacing its own value", func(_ *scene, d *Draft) {
		d.Str("event/title", "A")
		d.Str("event/title", "B").Pred = nil
	})
	b.addBy(founder, policy.CodeRepeated, "one key written twice among many operations", func(_ *scene, d *Draft) {
		d.Str("event/title", "A")
		for i := range schema.MaxLinks {
			d.Map(fmt.Sprint("event/links/", i))
			d.Str(fmt.Sprint("event/links/", i, "/url"), "A")
		}
		d.Str("event/title", "B")
	})
	b.addBy(eve, policy.CodeRepeated, "1,000 operations on one key", func(s *scene, d *Draft) {
		at := "posts/" + string(s.byEve)
		for i := range wire.MaxOps {
			d.Str(at+"/state", []string{"withdrawn", ""}[i%2])
		}
	})
	b.addGenesis(policy.CodeRepeated, "a genesis that sets the title twice", Options{}, func(d *Draft) {
		d.Str("event/title", "A")
		d.Str("event/title", "B")
	})
	b.addBy(reader, policy.CodeOperations, "many revisions in one change", func(s *scene, d *Draft) {
		for range 40 {
			d.Str(s.at("revisions/"+d.RevisionID()), "again")
		}
	})
	b.addBy(reader, policy.CodeOperations, "many posts in one change", func(_ *scene, d *Draft) {
		for range 5 {
			d.Post("", "again")
		}
	})
	b.addBy(reader, policy.CodeOperations, "reactions to several posts in one change", func(s *scene, d *Draft) {
		for i := range schema.MaxReactions / 2 {
			d.React(s.reply, fmt.Sprint("e", i), true)
			d.React(s.question, fmt.Sprint("e", i), true)
		}
	})
	b.addBy(moderator, policy.CodeOperations, "many people blocked in one change", func(_ *scene, d *Draft) {
		for i := range 5 {
			d.Str("blocks/"+string(KeyOf(fmt.Sprint(i)).Identity()), "spam")
		}
	})
	b.addBy(founder, policy.CodeOperations, "roles for many people in one change", func(_ *scene, d *Draft) {
		for i := range 20 {
			d.Role(KeyOf(fmt.Sprint(i)).Identity(), qa.RoleMember, true)
		}
	})
	b.addBy(moderator, policy.CodeOperations, "marks on several posts in one change", func(s *scene, d *Draft) {
		for _, id := range []qa.PostID{s.question, s.reply, s.byEve} {
			for _, mark := range []string{"hidden", "pinned", "approved", "answered"} {
				if mark == "hidden" {
					d.Str("posts/"+string(id)+"/marks/hidden", "no")
				} else {
					d.Bool("posts/"+string(id)+"/marks/"+mark, true)
				}
			}
		}
	})
	b.add(policy.CodeTooOften, "one write of a key too many", func(s *scene) Signed {
		// The writes of two devices of one person count together.
		other := s.Writer("reader/2")
		for i := range schema.MaxWrites {
			[]*Writer{s.reader, other}[i%2].Do(func(d *Draft) { d.Str(s.at("state"), []string{"withdrawn", ""}[i%2]) })
		}
		d := s.reader.Draft()
		d.Str(s.at("state"), "withdrawn")
		return d.Sign()
	})
	b.add(policy.CodeTooOften, "one revision too many", func(s *scene) Signed {
		for range schema.MaxRevisions - 1 {
			s.reader.Do(func(d *Draft) { d.Str(s.at("revisions/"+d.RevisionID()), "again") })
		}
		d := s.reader.Draft()
		d.Str(s.at("revisions/"+d.RevisionID()), "again")
		return d.Sign()
	})
	b.add(policy.CodeTooOften, "two revisions in one change where only one fits", func(s *scene) Signed {
		for range schema.MaxRevisions - 2 {
			s.reader.Do(func(d *Draft) { d.Str(s.at("revisions/"+d.RevisionID()), "again") })
		}
		d := s.reader.Draft()
		for range 2 {
			d.Str(s.at("revisions/"+d.RevisionID()), "again")
		}
		return d.Sign()
	})
}
