package policy

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"

	"flyleaf/crdt/authority"
	"flyleaf/crdt/graph"
	"flyleaf/crdt/wire"
	"flyleaf/keys"
	"flyleaf/qa"
	"flyleaf/schema"
)

// validation is the state of validating one change. Policy reuses it.
type validation struct {
	policy   *Policy
	c        *wire.Change
	who      authority.Person
	genesis  bool
	founding founding

	heldRoles schema.Roles
	heldKnown bool
	past      graph.LazyPast
	made      []made // by operation
	earlier   map[earlierKey]int
	fresh     map[wire.OpID]int
	current   []graph.Op
	parts     uint32           // the parts of a genesis that were seen; see schema.Row.Part
	counts    [schema.Acts]int // operations so far, by kind of act
}

// made describes what an operation of the change made.
type made struct {
	slot  schema.Map
	isMap bool
	post  int32  // for a post and the maps in it: the operation that made the post
	parts uint32 // for a post: the parts that were seen; see schema.Row.Part
}

type earlierKey struct {
	obj wire.OpID
	key string
}

// Validate returns nil for a valid change, else a *Refusal. The answer depends only on
// c and its causal past. The dependencies of c must be in the graph and have been
// added; c itself must be in neither. The caller must first check the canonical
// encoding (wire.DecodeChange), sequence, deps and counters (graph.Check), and the
// signature (Verify). ErrOrder is returned when a dependency was not added.
func (p *Policy) Validate(c *wire.Change) error {
	if err := CheckAlone(p.event, c); err != nil {
		return err
	}
	for _, d := range c.Deps {
		if place, ok := p.graph.Place(d); !ok || !p.knows(place) {
			return fmt.Errorf("%w: %s", ErrOrder, d)
		}
	}
	v := &p.validation
	v.begin(p, c)
	defer v.reset()
	if len(c.Deps) == 0 {
		if err := v.checkGenesis(); err != nil {
			return err
		}
	}
	if err := v.checkWriterMayWrite(); err != nil {
		return err
	}
	for k := range c.Ops {
		if err := v.validateOp(k); err != nil {
			return err
		}
	}
	return v.checkComplete()
}

// CheckAlone applies the rules that need no past: a change that breaks them is invalid in
// the event, whatever the event has. It returns nil or a *Refusal.
func CheckAlone(event qa.EventID, c *wire.Change) error {
	if err := wire.CheckSchemaShape(c); err != nil {
		return RefusalOf(err)
	}
	if len(c.Deps) == 0 && qa.EventIDFromGenesis([32]byte(c.Hash)) != event {
		return refuse(CodeGenesis, "This founding change belongs to another event: it does not match this event's ID.")
	}
	return nil
}

// Recheck applies the rules R24 to R27, which earlier versions did not have, to a
// change of this device's ledger that was valid when it was stored. It returns nil or a
// *Refusal; a refused change and its dependents are not part of the event. It needs a
// causal past only where there are hundreds of writes, so it costs a fraction of
// Validate. The conditions for c and its dependencies are those of Validate.
func (p *Policy) Recheck(c *wire.Change) error {
	if p.HasNewerRules() {
		return nil
	}
	v := &p.validation
	v.begin(p, c)
	defer v.reset()
	v.genesis = len(c.Deps) == 0
	if !qa.IsStrongKey(v.who[:]) {
		return RefusalOf(keys.ErrWeakKey)
	}
	for k := range c.Ops {
		if err := v.recheckOp(k); err != nil {
			return err
		}
	}
	return nil
}

// recheckOp applies the rules of Recheck to one operation.
func (v *validation) recheckOp(k int) error {
	op := &v.c.Ops[k]
	s, in := schema.MapRoot, target{id: rootOp, post: -1}
	if id := op.Obj; v.c.IsOwn(id) && id.Counter-v.c.StartOp < uint64(k) {
		m := &v.made[id.Counter-v.c.StartOp]
		s, in.local, in.post = m.slot, true, m.post
	} else if i, ok := v.policy.object(id, &v.past); ok {
		s, in.id = v.policy.objects[i].slot, v.policy.objects[i].op
	}
	r := lookup(s, op.Key.Prop)
	if r == nil {
		return nil // a key of another version of the rules; it is not checked again
	}
	if _, ok := v.earlierAt(k); ok {
		return refuse(CodeRepeated, "This change sets %.80q twice.", op.Key.Prop)
	}
	if !in.local {
		if err := v.checkWriteCount(k, in.id); err != nil {
			return err
		}
		if s == schema.MapRevisions {
			if err := v.checkRevisionCount(k); err != nil {
				return err
			}
		}
	}
	v.noteMap(k, r, in)
	if s == schema.MapPosts {
		v.made[k].post = int32(k)
	}
	return v.checkOperationCount(s, in)
}

// checkWriteCount checks that the writer has not written a key too often.
func (v *validation) checkWriteCount(k int, in graph.Op) error {
	key := v.c.Ops[k].Key.Prop
	name, ok := v.policy.names[key]
	if !ok {
		return nil
	}
	at, ok := v.policy.keys[mapKey{in, name}]
	if ok && len(v.policy.written[at].writes) >= schema.MaxWrites && v.policy.writesBy(v.who, at, v.pastOf()) >= schema.MaxWrites {
		return refuse(CodeTooOften, "The writer has already written %.80q %d times.", key, schema.MaxWrites)
	}
	return nil
}

// checkRevisionCount checks that an existing post has room for one more version of its
// text.
func (v *validation) checkRevisionCount(k int) error {
	in, ok := v.policy.graph.Resolve(v.c.Ops[k].Obj, &v.past)
	if !ok {
		return nil
	}
	n := 1 + v.newKeysBefore(k) // the version that the post was created with
	if of := v.policy.revisionPlaces[in]; n+len(of) >= schema.MaxRevisions {
		v.policy.steps += int64(len(of))
		for _, change := range of {
			if v.pastOf().Has(int(change)) {
				n++
			}
		}
	}
	if n >= schema.MaxRevisions {
		return refuse(CodeTooOften, "The post already has %d versions of its text.", schema.MaxRevisions)
	}
	return nil
}

// begin starts with a change.
func (v *validation) begin(p *Policy, c *wire.Change) {
	*v = validation{policy: p, c: c, founding: p.founding, past: p.graph.LazyPast(c.Deps), made: append(v.made[:0], make([]made, len(c.Ops))...), current: v.current[:0]}
	copy(v.who[:], c.Actor)
}

// reset drops the state of the last change, so that it can be freed.
func (v *validation) reset() { *v = validation{made: v.made, current: v.current} }

// checkGenesis checks the parts of a genesis that can be checked before its operations.
func (v *validation) checkGenesis() error {
	c := v.c
	if _, exists := v.policy.authority.Founder(); exists {
		return refuse(CodeGenesis, "This is a second founding change; the event already exists.")
	}
	v.genesis, v.heldKnown, v.heldRoles = true, true, schema.Founder|schema.Organiser
	if v.founding = foundingOf(c); v.founding.rules == 0 {
		return refuse(CodeGenesis, "The founding change does not say which version of the rules the event uses.")
	}
	return nil
}

// roles returns what the writer holds in the change's past.
func (v *validation) roles() schema.Roles {
	if founder, _ := v.policy.authority.Founder(); !v.heldKnown && v.who != founder && !v.policy.authority.Mentions(v.who) {
		v.heldKnown = true // no authority change is about the writer
	}
	if !v.heldKnown {
		v.heldRoles, v.heldKnown = v.policy.authority.RolesAt(v.who, v.pastOf()), true
	}
	return v.heldRoles
}

// checkWriterMayWrite checks the rules about the change as a whole: without a role nobody writes in
// an invitation-only event, and the key of an invitation writes nothing but its claim.
func (v *validation) checkWriterMayWrite() error {
	if v.founding.rules.newer() {
		return nil
	}
	if !v.needsRole() || v.roles()&schema.PersonRoles != 0 || v.isClaim() {
		return nil
	}
	if v.isInvitationKey() {
		return refuse(CodeClaim, "An invitation key may only be used to accept the invitation.")
	}
	return refuse(CodeRole, "Only people with a role may write in this event, and the writer had none when this was written.")
}

// needsRole reports whether the writer needs some role for anything but a claim.
func (v *validation) needsRole() bool {
	return v.founding.access == schema.AccessInvited || v.isInvitationKey()
}

// isInvitationKey reports whether the writer was ever the key of an invitation.
func (v *validation) isInvitationKey() bool {
	return v.policy.authority.Mentions(v.who) && v.policy.authority.EverInvited(v.who, v.pastOf())
}

// isClaim reports whether the change is one claim and nothing else.
func (v *validation) isClaim() bool {
	if len(v.c.Ops) != 1 || v.c.Ops[0].Obj == (wire.OpID{}) {
		return false
	}
	i, ok := v.policy.object(v.c.Ops[0].Obj, &v.past)
	return ok && v.policy.objects[i].slot == schema.MapClaims
}

// local returns an operation of the change itself, which has the next place of the
// graph.
func (v *validation) local(counter uint32) graph.Op {
	return graph.Op{Place: int32(v.policy.graph.Len()), Counter: counter}
}

// validateOp validates one operation.
func (v *validation) validateOp(k int) error {
	op := &v.c.Ops[k]
	s, in, err := v.object(k)
	if err != nil {
		return err
	}
	if v.founding.rules.newer() {
		v.made[k] = made{slot: schema.Unknown, isMap: op.Action == wire.MakeMap, post: -1}
		return v.checkPreds(k, in.id, false)
	}
	r := lookup(s, op.Key.Prop)
	if r == nil {
		return refuse(CodeKey, "An event has no key %.80q there.", op.Key.Prop)
	}
	if err := v.checkValue(r, op); err != nil {
		return err
	}
	if err := v.checkWriteOnce(k, r, in); err != nil {
		return err
	}
	if err := v.checkWriter(op, r, in); err != nil {
		return err
	}
	if err := v.checkIDs(k, s); err != nil {
		return err
	}
	if err := v.checkPreds(k, in.id, r.WrittenOnce()); err != nil {
		return err
	}
	v.noteMap(k, r, in)
	if err := v.checkRowRules(k, s, r, in); err != nil {
		return err
	}
	return v.checkOperationCount(s, in)
}

// noteMap notes the map that an operation makes, if it makes one.
func (v *validation) noteMap(k int, r *schema.Row, in target) {
	if r.Map != schema.NoMap {
		v.made[k] = made{slot: r.Map, isMap: true, post: in.post}
	}
}

// target is the map into which an operation writes.
type target struct {
	id    graph.Op
	owner authority.Person
	local bool  // made by this change
	post  int32 // for a local map of a post: the operation that made the post
}

// object finds the map into which an operation writes: made in the change's past, or
// earlier by the change itself.
func (v *validation) object(k int) (schema.Map, target, error) {
	id := v.c.Ops[k].Obj
	if id == (wire.OpID{}) {
		return schema.MapRoot, target{id: rootOp, local: v.genesis, post: -1}, nil
	}
	if v.c.IsOwn(id) {
		if at := id.Counter - v.c.StartOp; at < uint64(k) && v.made[at].isMap {
			m := &v.made[at]
			return m.slot, target{id: v.local(uint32(id.Counter)), owner: v.who, local: true, post: m.post}, nil
		}
	} else if op, ok := v.policy.graph.Resolve(id, &v.past); ok && v.inPast(op.Place) {
		if v.isVoid(op.Place) {
			return 0, target{}, refuse(CodeEquivocation, "This change writes into something that is void, because its maker signed two versions.")
		}
		if i, ok := v.policy.objectAt(op); ok {
			return v.policy.objects[i].slot, target{id: op, owner: authority.PersonOf(id.Actor), post: -1}, nil
		}
	}
	return 0, target{}, refuse(CodeObject, "This change writes into something that its dependencies do not contain.")
}

// inPast reports whether the change at a place is in the past.
func (v *validation) inPast(place int32) bool {
	if place == 0 {
		return true // the genesis
	}
	return v.pastOf().Has(int(place))
}

func (v *validation) pastOf() *graph.Past { return v.past.Get() }

// isVoid reports whether the change at a place, which is in the past, is void there:
// the past contains two changes of its actor with the same number, its own or an
// earlier one.
func (v *validation) isVoid(place int32) bool {
	return v.policy.graph.Forked(int(place)) && v.policy.graph.ForkedIn(int(place), v.pastOf())
}

// checkValue checks an operation's value and, if the event's rules check texts, its key.
func (v *validation) checkValue(r *schema.Row, op *wire.Op) error {
	key := op.Key.Prop
	if (r.Map != schema.NoMap) != (op.Action == wire.MakeMap) {
		return refuse(CodeValue, "%.80q must be a value but is a map, or the other way round.", key)
	}
	if r.Map == schema.NoMap {
		if err := refusalOfValue(r, key, valueError(r, op.Value), v.founding.rules); err != nil {
			return err
		}
	}
	if v.founding.rules.checksText() && r.Keys.IsWords() && !qa.IsLine(key) {
		return refuse(CodeText, "The name %.80q contains forbidden characters, or no visible character.", key)
	}
	return nil
}

// valueError checks a value against its row.
func valueError(r *schema.Row, v wire.Value) *qa.ValueError {
	switch v.Kind {
	case wire.String:
		return qa.CheckValue(r, string(v.Raw))
	case wire.Bytes:
		return qa.CheckValue(r, v.Raw)
	case wire.Int:
		n, _ := v.Int()
		return qa.CheckValue(r, n)
	case wire.Uint:
		n, _ := v.Uint()
		return qa.CheckValue(r, n)
	case wire.True, wire.False:
		return qa.CheckValue(r, v.Kind == wire.True)
	}
	return &qa.ValueError{Reason: qa.WrongType}
}

// refusalOfValue returns the refusal of a value that does not fit its row, nil if it fits.
func refusalOfValue(r *schema.Row, key string, wrong *qa.ValueError, rules rulesVersion) error {
	if wrong == nil {
		return nil
	}
	switch wrong.Reason {
	case qa.WrongType:
		return refuse(CodeValue, "The value of %.80q has the wrong type.", key)
	case qa.TooLong:
		return refuse(CodeLimit, "The value of %.80q is %d bytes long; the limit is %d.", key, wrong.Size, r.Max)
	case qa.OutOfRange:
		return refuse(CodeLimit, "The number at %.80q is larger than 2^53.", key)
	case qa.WrongForm:
		return refuse(CodeValue, "The value of %.80q is not one of the allowed values.", key)
	}
	if !rules.checksText() {
		return nil
	}
	return refuse(CodeText, "The text at %.80q contains forbidden characters, or no visible character.", key)
}

// checkWriteOnce checks that a key that is written only at the creation of its map is
// written there.
func (v *validation) checkWriteOnce(k int, r *schema.Row, in target) error {
	key := v.c.Ops[k].Key.Prop
	switch {
	case r.When == schema.AtGenesis && !v.genesis:
		return refuse(CodeOnce, "%.80q can be set only when an event is created.", key)
	case r.When == schema.AtCreation && !in.local:
		return refuse(CodeOnce, "%.80q can be set only when a post is created.", key)
	}
	if v.genesis && in.id == rootOp {
		v.parts |= r.Part
	} else if r.When == schema.AtCreation && in.post >= 0 {
		v.made[in.post].parts |= r.Part
	}
	return nil
}

// checkWriter checks that the writer may write the key.
func (v *validation) checkWriter(op *wire.Op, r *schema.Row, in target) error {
	if r.Self {
		if p, ok := authority.ParsePerson(op.Key.Prop); !ok || p != v.who {
			return refuse(CodeOwner, "This key may only be written by the person it names.")
		}
	}
	mine := in.owner == v.who
	if r.Owner && !mine {
		return refuse(CodeOwner, "This change modifies something that belongs to somebody else.")
	}
	switch need := r.NeededRoles(mine); {
	case need == 0 || v.roles()&need != 0:
	case need == schema.InvitationRoles:
		return refuse(CodeClaim, "The invitation does not exist, or was revoked.")
	default:
		return refuse(CodeRole, "Writing %.80q needs a role that the writer did not hold when this was written.", op.Key.Prop)
	}
	return nil
}

// checkOperationCount checks that the change has no more operations of a kind than an
// act of that kind makes. The parts of a new post count as part of the post.
func (v *validation) checkOperationCount(s schema.Map, in target) error {
	if v.genesis {
		return nil
	}
	act := s.Act()
	if in.post >= 0 {
		act = schema.ActPost
	}
	if v.counts[act]++; v.counts[act] > schema.MaxOperations(act) {
		return refuse(CodeOperations, "This change has too many operations of one kind; the limit is %d.", schema.MaxOperations(act))
	}
	return nil
}

// checkPreds checks that an operation replaces exactly the values that are current at
// its key in the past. In an event with a later version of the rules, the values that
// an earlier operation of the change wrote count too.
func (v *validation) checkPreds(k int, in graph.Op, once bool) error {
	op := &v.c.Ops[k]
	if at, ok := v.earlierAt(k); ok {
		if once {
			return refuse(CodeOnce, "This change sets %.80q twice; it can be set only once.", op.Key.Prop)
		}
		if !v.founding.rules.newer() {
			return refuse(CodeRepeated, "This change sets %.80q twice.", op.Key.Prop)
		}
		if len(op.Pred) != 1 || op.Pred[0] != (wire.OpID{Counter: v.c.StartOp + uint64(at), Actor: v.c.Actor}) {
			return refuse(CodePreds, "This change does not replace exactly the current values of %.80q.", op.Key.Prop)
		}
		return nil
	}
	v.current = v.current[:0]
	if name, ok := v.policy.names[op.Key.Prop]; ok {
		if at, ok := v.policy.keys[mapKey{in, name}]; ok {
			v.current = v.policy.current(v.current, at, v.pastOf())
		}
	}
	if !v.founding.rules.newer() {
		if err := v.checkWriteCount(k, in); err != nil {
			return err
		}
	}
	if once && len(v.current) > 0 {
		return refuse(CodeOnce, "%.80q can be set only once.", op.Key.Prop)
	}
	same := len(op.Pred) == len(v.current)
	for i := 0; same && i < len(op.Pred); i++ {
		same = v.policy.matchesID(v.current[i], op.Pred[i])
	}
	if !same {
		return refuse(CodePreds, "This change does not replace exactly the values of %.80q that it knew.", op.Key.Prop)
	}
	return nil
}

// scanAtMost is up to how many operations an earlier one at the same key is searched
// for one by one.
const scanAtMost = 32

// earlierAt returns the change's last operation before k at the same key.
func (v *validation) earlierAt(k int) (int, bool) {
	ops := v.c.Ops
	if len(ops) <= scanAtMost {
		for i := k - 1; i >= 0; i-- {
			if ops[i].Key.Prop == ops[k].Key.Prop && ops[i].Obj == ops[k].Obj {
				return i, true
			}
		}
		return 0, false
	}
	if v.earlier == nil {
		v.earlier = make(map[earlierKey]int, len(ops))
	}
	at := earlierKey{ops[k].Obj, ops[k].Key.Prop}
	i, ok := v.earlier[at]
	v.earlier[at] = k
	return i, ok
}

// checkRowRules checks the rules that only single rows of the schema have.
func (v *validation) checkRowRules(k int, s schema.Map, r *schema.Row, in target) error {
	op := &v.c.Ops[k]
	if r.Keys.IsWords() {
		return v.checkKeyCount(k, r, in)
	}
	switch s {
	case schema.MapPosts:
		return v.checkOpen(k)
	case schema.MapPost:
		if op.Key.Prop == schema.KeyParent && len(op.Value.Raw) > 0 {
			return v.checkParent(k, in)
		}
	case schema.MapRevisions:
		if in.post >= 0 {
			if v.made[in.post].parts&r.Part != 0 {
				return refuse(CodePost, "A new post must have exactly one version of its text.")
			}
			v.made[in.post].parts |= r.Part
			return nil
		}
		return v.checkRevisionCount(k)
	case schema.MapClaims:
		if len(v.c.Ops) != 1 {
			return refuse(CodeClaim, "Accepting an invitation must be a change of its own.")
		}
		if string(op.Value.Raw) == op.Key.Prop {
			return refuse(CodeClaim, "An invitation cannot be accepted by its own key.")
		}
	case schema.MapBlobs:
		if len(v.c.Ops) != 1 {
			return refuse(CodeBlob, "An image must be a change of its own.")
		}
		if sum := sha256.Sum256(op.Value.Raw); hex.EncodeToString(sum[:]) != op.Key.Prop {
			return refuse(CodeBlob, "The image does not match its hash.")
		}
	}
	return nil
}

// checkIDs checks that the IDs of posts and of versions of texts match the operations
// that made them.
func (v *validation) checkIDs(k int, s schema.Map) error {
	key, counter := v.c.Ops[k].Key.Prop, v.c.StartOp+uint64(k)
	switch s {
	case schema.MapPosts:
		if key != string(qa.MakePostID(v.who.Identity(), []byte(v.c.Actor), counter)) {
			return refuse(CodePostID, "The post ID does not match the operation that created the post.")
		}
	case schema.MapRevisions:
		if key != string(qa.MakeRevisionID([]byte(v.c.Actor), counter)) {
			return refuse(CodeRevisionID, "The ID of a text version does not match the operation that wrote it.")
		}
	}
	return nil
}

// checkOpen checks that the event accepts new posts.
func (v *validation) checkOpen(k int) error {
	if !v.genesis && v.policy.authority.EverClosed() && v.policy.authority.ClosedAt(v.pastOf()) {
		return refuse(CodeClosed, "The event was closed before this was written.")
	}
	v.made[k].post = int32(k)
	return nil
}

// checkParent checks that the parent of a post existed before the post: in the past, or
// made earlier by the same change. So replies cannot form a cycle.
func (v *validation) checkParent(k int, in target) error {
	id := string(v.c.Ops[k].Value.Raw)
	if actor, counter, _ := qa.PostID(id).Operation(); actor == qa.PostIDActorOf([]byte(v.c.Actor)) && counter >= v.c.StartOp {
		at := counter - v.c.StartOp
		if at < uint64(in.post) && v.made[at].slot == schema.MapPost && v.c.Ops[at].Key.Prop == id {
			return nil
		}
	} else if op, ok := v.policy.post(id, &v.past); ok && v.inPast(op.Place) {
		if v.isVoid(op.Place) {
			return refuse(CodeEquivocation, "This is a reply to a post that is void, because its writer signed two versions.")
		}
		return nil
	}
	return refuse(CodeParent, "This is a reply to a post that its dependencies do not contain.")
}

// checkKeyCount checks how many keys a map has, in the past and with this change.
func (v *validation) checkKeyCount(k int, r *schema.Row, in target) error {
	op := &v.c.Ops[k]
	if len(op.Pred) > 0 {
		return nil // the key already exists
	}
	n := 1 + v.newKeysBefore(k)
	if i, ok := v.policy.objectAt(in.id); ok && !in.local {
		n += v.policy.keysIn(i, v.pastOf(), r.MaxKeys)
	}
	if n > r.MaxKeys {
		return refuse(CodeLimit, "There are more than %d entries next to %.80q.", r.MaxKeys, op.Key.Prop)
	}
	return nil
}

// newKeysBefore returns how many new keys the change has written, before its operation
// k, into the map of that operation.
func (v *validation) newKeysBefore(k int) (n int) {
	ops := v.c.Ops
	if len(ops) <= scanAtMost {
		for i := range k {
			if ops[i].Obj == ops[k].Obj && len(ops[i].Pred) == 0 {
				n++
			}
		}
		return n
	}
	if v.fresh == nil {
		v.fresh = map[wire.OpID]int{}
	}
	n = v.fresh[ops[k].Obj]
	v.fresh[ops[k].Obj]++
	return n
}

// checkComplete checks that everything that must be created in one change was created
// in it.
func (v *validation) checkComplete() error {
	if v.founding.rules.newer() {
		return nil
	}
	for k := range v.made {
		if m := &v.made[k]; m.slot == schema.MapPost && m.parts&schema.PartsOfPost() != schema.PartsOfPost() {
			return refuse(CodePost, "The new post is incomplete: its text, time, parent and maps must be created in one change.")
		}
	}
	if !v.genesis {
		return nil
	}
	kind := cmp.Or(v.founding.kind, schema.KindEvent)
	for k := range v.c.Ops {
		op := &v.c.Ops[k]
		if op.Obj != (wire.OpID{}) {
			continue
		}
		if only := schema.MapRoot.Row(op.Key.Prop).Only; only != "" && only != kind {
			return refuse(CodeGenesis, "The founding change mixes parts of an event and of a club.")
		}
	}
	if want := schema.PartsOfGenesis(kind); v.parts&want != want {
		return refuse(CodeGenesis, "The founding change is incomplete.")
	}
	return nil
}
