package policytest

import (
	"flyleaf/crdt/policy"
	"flyleaf/qa"
)

func (b *build) invitations() {
	invited := func(code policy.Code, name string, f func(s *scene, key *Writer) Signed) {
		for _, access := range []string{"open", "invited"} {
			b.addIn(Options{Access: access}, code, name+", "+access, func(s *scene) Signed {
				key := s.Writer("invitation")
				s.organiser.Do(func(d *Draft) { d.Role(key.ID(), qa.RoleInviteAuthor, true) })
				return f(s, key)
			})
		}
	}
	claim := func(x *Writer, d *Draft, who qa.Identity) { d.Str("claims/"+string(x.ID()), string(who)) }
	invited(policy.CodeClaim, "an invitation key asks", func(_ *scene, key *Writer) Signed {
		d := key.Draft()
		d.Post("", "Hello")
		return d.Sign()
	})
	invited(policy.CodeClaim, "a claim with other operations", func(s *scene, key *Writer) Signed {
		d := key.Draft()
		claim(key, d, s.eve.ID())
		d.Map("people/" + string(key.ID()))
		return d.Sign()
	})
	invited(policy.CodeOnce, "a second claim", func(s *scene, key *Writer) Signed {
		key.Do(func(d *Draft) { claim(key, d, s.eve.ID()) })
		d := key.Draft()
		claim(key, d, s.reader.ID())
		return d.Sign()
	})
	invited(policy.CodeClaim, "a claim for the invitation key itself", func(_ *scene, key *Writer) Signed {
		d := key.Draft()
		claim(key, d, key.ID())
		return d.Sign()
	})
	invited(policy.CodeValue, "a claim for an invalid identity", func(_ *scene, key *Writer) Signed {
		d := key.Draft()
		claim(key, d, "somebody")
		return d.Sign()
	})
	invited(policy.CodeClaim, "a claim of a revoked invitation", func(s *scene, key *Writer) Signed {
		s.founder.Do(func(d *Draft) { d.Role(key.ID(), qa.RoleInviteAuthor, false) })
		d := key.Draft()
		claim(key, d, s.eve.ID())
		return d.Sign()
	})
	invited(policy.CodeClaim, "a revoked invitation key asks", func(s *scene, key *Writer) Signed {
		s.founder.Do(func(d *Draft) { d.Role(key.ID(), qa.RoleInviteAuthor, false) })
		d := key.Draft()
		d.Post("", "Hello")
		return d.Sign()
	})
	b.add(policy.CodeClaim, "a claim with other operations, by a person with a role", func(s *scene) Signed {
		s.organiser.Do(func(d *Draft) { d.Role(s.author.ID(), qa.RoleInviteAuthor, true) })
		d := s.author.Draft()
		claim(s.author, d, s.eve.ID())
		d.Map("people/" + string(s.author.ID()))
		return d.Sign()
	})
	b.addBy(eve, policy.CodeClaim, "a claim without an invitation", func(s *scene, d *Draft) { claim(s.eve, d, s.reader.ID()) })
	b.addBy(founder, policy.CodeClaim, "a founder's claim without an invitation, with other operations", func(s *scene, d *Draft) {
		claim(s.founder, d, s.reader.ID())
		d.Str("event/title", "A")
	})
}
