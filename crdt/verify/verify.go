// Package verify checks a whole event from its changes alone, as a stranger would who
// trusts nobody's word for it. It does no I/O.
package verify

import (
	"fmt"
	"slices"
	"strings"

	"flyleaf/crdt/authority"
	"flyleaf/crdt/describe"
	core "flyleaf/crdt/document"
	"flyleaf/crdt/policy"
	"flyleaf/crdt/wire"
	"flyleaf/qa"
	"flyleaf/schema"
)

// Verifier checks a whole event from its changes alone, as a stranger would who
// trusts nobody's word for it: that the event's ID follows from the first change,
// that each change is its writer's, and that its writer was allowed to make it by
// what it builds on. It takes one change after another and keeps no texts but the
// names of people.
type Verifier struct {
	document  *core.Document
	inspector core.Inspector
	out       qa.Verification
}

// New returns a verifier of an event that has seen nothing yet.
func New(event qa.EventID) *Verifier {
	return &Verifier{
		document:  core.New(event, core.Options{Projection: true}),
		inspector: core.Inspector{Event: event},
		out:       qa.Verification{Event: event, Changes: []qa.VerifiedChange{}},
	}
}

// NewUnsigned returns one for changes that come without signatures, as
// Automerge's own files hold them: it says what is permitted if each change is by
// whom it says, which nothing proves.
func NewUnsigned(event qa.EventID) *Verifier {
	v := New(event)
	v.inspector.Unsigned, v.out.Unsigned = true, true
	return v
}

// Add checks the next change, as a chunk with its signature (nil for none), and
// returns what was found. Changes are given in a causal order; one that comes
// before what it builds on is refused.
func (v *Verifier) Add(chunk, signature []byte) qa.VerifiedChange {
	f := v.check(chunk, signature)
	if f.Code != "" || !f.Signed && !v.out.Unsigned {
		v.out.Bad++
	}
	v.out.Changes = append(v.out.Changes, f)
	return f
}

func (v *Verifier) check(chunk, signature []byte) qa.VerifiedChange {
	c, err := wire.DecodeChange(chunk)
	if err != nil {
		h, _ := wire.ReadHash(chunk)
		return refused(qa.VerifiedChange{Hash: h.String(), What: "nothing that can be read"}, err)
	}
	f := qa.VerifiedChange{
		Hash: c.Hash.String(), By: qa.IdentityOfActor([]byte(c.Actor)), Actor: c.Actor.String(), Seq: c.Seq, AtMillis: qa.ClampMillis(c.TimeMillis),
	}
	if v.document.Graph().Has(c.Hash) {
		f.What = "the same change again"
		return refused(f, &policy.Refusal{Code: policy.CodeDuplicateSeq, Reason: "It is here twice."})
	}
	f.Did = describe.Change(c, v.document.Projection().Path)
	for i := range f.Did {
		f.Did[i].Shorten()
	}
	f.What, f.Posts = summary(f.Did)
	found, err := v.inspector.Inspect(chunk, signature)
	if err != nil {
		return refused(f, err)
	}
	if found.Refusal != nil {
		f.Signed = !v.out.Unsigned && found.Refusal.Code != policy.CodeSignature
		return refused(f, found.Refusal)
	}
	f.Signed = !v.out.Unsigned
	switch added, err := v.document.Add(found.Change); {
	case err != nil:
		return refused(f, err)
	case added.Refusal != nil:
		return refused(f, added.Refusal)
	case len(added.Applied) == 0:
		v.document.Forget(c.Hash)
		return refused(f, &policy.Refusal{Code: policy.CodeDependsOn, Reason: "It builds on a change that was refused, or is missing."})
	}
	v.authorise(c, &f)
	return f
}

func refused(f qa.VerifiedChange, err error) qa.VerifiedChange {
	r := policy.RefusalOf(err)
	f.Code, f.Reason = string(r.Code), r.Reason
	return f
}

// summary says what a change did in one line, and which posts it is about.
func summary(did []qa.ChangeDescription) (string, []qa.PostID) {
	const most = 4
	var said []string
	var posts []qa.PostID
	for i := range did {
		d := &did[i]
		if d.Post != "" && !slices.Contains(posts, d.Post) {
			posts = append(posts, d.Post)
		}
		if words := d.String(); !slices.Contains(said, words) {
			said = append(said, words)
		}
	}
	if n := len(said); n > most {
		said = append(said[:most], fmt.Sprintf("and %d more", n-most))
	}
	if len(said) == 0 {
		return "did something that an event has no place for", posts
	}
	return strings.Join(said, ", "), posts
}

// authorise says which role a change needed and its writer had, and who had given it.
func (v *Verifier) authorise(c *wire.Change, f *qa.VerifiedChange) {
	need := v.needed(c)
	if need == 0 || len(c.Deps) == 0 {
		return
	}
	a := v.document.Policy().Authority()
	who := authority.PersonOf(c.Actor)
	past := v.document.Graph().Past(c.Deps)
	roles := authority.Names(a.RolesAt(who, &past) & need)
	if len(roles) == 0 {
		return
	}
	f.Role = roles[0]
	if founder, _ := a.Founder(); who == founder && f.Role == qa.RoleOrganiser {
		return
	}
	if g, ok := a.GrantAt(who, f.Role, &past); ok {
		f.GrantedBy, f.GrantedAtMillis = g.By.Identity(), g.AtMillis
	}
}

// needed returns the roles of which a valid change needed one, 0 when it needed none.
func (v *Verifier) needed(c *wire.Change) schema.Roles {
	var need schema.Roles
	for op := range describe.Operations(c, v.document.Projection().Path) {
		r := op.Row
		switch {
		case r == nil || r.OrOwner && authority.PersonOf(op.Obj.Actor) == authority.PersonOf(c.Actor):
		case r.In == schema.MapClaims:
			need |= schema.Invites
		case r.By == schema.Founder:
			need |= schema.Organiser
		default:
			need |= r.By
		}
	}
	if need == 0 && v.document.Policy().Access() == schema.AccessInvited {
		need = schema.Ordinary &^ schema.Founder
	}
	return need
}

// Result returns what was found so far. The changes stand in the order in which
// they were given.
func (v *Verifier) Result() qa.Verification {
	out := v.out
	out.Changes = slices.Clone(v.out.Changes)
	out.Genesis = v.document.Policy().Founder() != ""
	for _, h := range v.document.Graph().Heads() {
		out.Heads = append(out.Heads, h.String())
	}
	if out.Genesis {
		out.Title = v.document.Projection().Event().Title
	}
	at := map[qa.Identity]int{}
	for i := range out.Changes {
		c := &out.Changes[i]
		if h, err := wire.ParseHash(c.Hash); err == nil && c.Code == "" {
			c.Void = v.document.Projection().Void(h)
		}
		if c.By == "" {
			continue
		}
		k, ok := at[c.By]
		if !ok {
			k = len(out.People)
			at[c.By] = k
			out.People = append(out.People, v.person(c.By))
		}
		p := &out.People[k]
		if c.Code != "" || !c.Signed && !v.out.Unsigned {
			p.Bad++
			continue
		}
		p.Changes++
		if c.Void {
			p.Void++
		}
	}
	return out
}

// person says who somebody is in the event as it stands.
func (v *Verifier) person(id qa.Identity) qa.VerifiedPerson {
	out := qa.VerifiedPerson{ID: id}
	if p, ok := v.document.Projection().Person(id); ok {
		out.Name = p.Name
	}
	if who, ok := authority.ParsePerson(string(id)); ok && v.document.Policy().Founder() != "" {
		out.Roles = authority.Names(v.document.Policy().Authority().Roles(who))
	}
	out.Blocked = v.document.Policy().Blocked(id)
	return out
}
