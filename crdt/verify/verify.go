// Package verify audits an event from its changes alone. It does no I/O.
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

// Verifier checks an event from its changes: that the event's ID matches the first
// change, that every signature is valid, and that every change was permitted given its
// past. Of texts it keeps only the names of people.
type Verifier struct {
	document  *core.Document
	inspector core.Inspector
	out       qa.Verification
}

// New returns a verifier without changes.
func New(event qa.EventID) *Verifier {
	return &Verifier{
		document:  core.New(event, core.Options{Projection: true}),
		inspector: core.Inspector{Event: event, DecodeForged: true},
		out:       qa.Verification{Event: event, Changes: []qa.VerifiedChange{}},
	}
}

// NewUnsigned returns a verifier for unsigned changes, as Automerge's own files hold
// them. It checks permissions only, assuming that each change was written by its actor.
func NewUnsigned(event qa.EventID) *Verifier {
	v := New(event)
	v.inspector.Unsigned, v.out.Unsigned = true, true
	return v
}

// IsSigned reports whether a change is signed by its writer for the event.
func IsSigned(event qa.EventID, chunk wire.Chunk, signature []byte) bool {
	inspector := core.Inspector{Event: event}
	found, err := inspector.InspectChunk(chunk, signature)
	return err == nil && found.Signed
}

// Add checks the next change, as a chunk with its signature (nil for none), and
// returns what was found. Changes are given in a causal order; one that comes before
// its dependencies is refused.
func (v *Verifier) Add(chunk, signature []byte) qa.VerifiedChange {
	return v.add(v.inspector.Inspect(chunk, signature))
}

// AddChunk is Add for a chunk whose hash is known.
func (v *Verifier) AddChunk(chunk wire.Chunk, signature []byte) qa.VerifiedChange {
	return v.add(v.inspector.InspectChunk(chunk, signature))
}

func (v *Verifier) add(found core.Inspected, err error) qa.VerifiedChange {
	f := v.check(found, err)
	if f.Code != "" || !f.Signed && !v.out.Unsigned {
		v.out.Bad++
	}
	v.out.Changes = append(v.out.Changes, f)
	return f
}

func (v *Verifier) check(found core.Inspected, err error) qa.VerifiedChange {
	if err != nil {
		return refused(qa.VerifiedChange{Hash: found.Hash.String(), What: "unreadable change"}, err)
	}
	c := found.Decoded
	if c == nil {
		return refused(qa.VerifiedChange{Hash: found.Hash.String(), What: "unreadable change"}, found.Refusal)
	}
	f := qa.VerifiedChange{
		Hash: c.Hash.String(), By: qa.IdentityOfActor([]byte(c.Actor)), Actor: c.Actor.String(), Seq: c.Seq, AtMillis: qa.ClampMillis(c.TimeMillis),
	}
	if v.document.Graph().Has(c.Hash) {
		f.What = "duplicate change"
		return refused(f, &policy.Refusal{Code: policy.CodeDuplicateSeq, Reason: "It occurs twice."})
	}
	f.Did = describe.Change(c, v.document.Projection().Path)
	for i := range f.Did {
		f.Did[i].Shorten()
	}
	f.What, f.Posts = summary(f.Did)
	f.Signed = found.Signed
	if found.Refusal != nil {
		return refused(f, found.Refusal)
	}
	switch added, err := v.document.Add(found.Change); {
	case err != nil:
		return refused(f, err)
	case added.Refusal != nil:
		return refused(f, added.Refusal)
	case len(added.Applied) == 0:
		v.document.Forget(c.Hash)
		return refused(f, &policy.Refusal{Code: policy.CodeDependsOn, Reason: "It depends on a change that was refused, or is missing."})
	}
	v.explainRole(c, &f)
	if slices.ContainsFunc(f.Did, func(d qa.ChangeDescription) bool { return d.Kind == schema.DidAsk || d.Kind == schema.DidReply }) {
		f.Author = v.authorGrant(f.By, c.Deps)
	}
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
		return "wrote fields that events do not have", posts
	}
	return strings.Join(said, ", "), posts
}

// explainRole notes which role of its writer permitted a change, and who had granted it.
func (v *Verifier) explainRole(c *wire.Change, f *qa.VerifiedChange) {
	need := v.document.Policy().NeededRoles(c)
	if need == 0 {
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
		f.GrantedBy, f.GrantedAtMillis, f.GrantedIn = g.By.Identity(), g.AtMillis, g.Change.String()
	}
}

// authorGrant says who gave a person the role of author that they hold as of some heads; nil if they do not hold it.
func (v *Verifier) authorGrant(id qa.Identity, heads []wire.Hash) *qa.RoleGrant {
	past := v.document.Graph().Past(heads)
	who, ok := authority.ParsePerson(string(id))
	if !ok {
		return nil
	}
	g, ok := v.document.Policy().Authority().GrantAt(who, qa.RoleAuthor, &past)
	if !ok {
		return nil
	}
	return &qa.RoleGrant{GrantedBy: g.By.Identity(), GrantedAtMillis: g.AtMillis, GrantedIn: g.Change.String()}
}

// Result returns the result so far. The changes are in the order in which they were added.
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
			c.Void = v.document.Projection().IsVoid(h)
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

// person returns the name and the current roles of somebody, and whether they are blocked.
func (v *Verifier) person(id qa.Identity) qa.VerifiedPerson {
	out := qa.VerifiedPerson{ID: id}
	if p, ok := v.document.Projection().Person(id); ok {
		out.Name = p.Name
	}
	if who, ok := authority.ParsePerson(string(id)); ok && v.document.Policy().Founder() != "" {
		out.Roles = authority.Names(v.document.Policy().Authority().Roles(who))
		if slices.Contains(out.Roles, qa.RoleAuthor) {
			out.Author = v.authorGrant(id, v.document.Graph().Heads())
		}
	}
	out.Blocked = v.document.Policy().Blocked(id)
	return out
}
