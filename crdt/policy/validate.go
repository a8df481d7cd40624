package policy

import (
	"crypto/sha256"
	"encoding/base32"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"

	"flyleaf/crdt/authority"
	"flyleaf/crdt/graph"
	"flyleaf/crdt/wire"
	"flyleaf/keys"
	"flyleaf/qa"
	"flyleaf/schema"
)

// judging is one change before the policy. The gate keeps it, so that its memory is
// used again.
type judging struct {
	g       *Policy
	c       *wire.Change
	who     authority.Person
	genesis bool
	newer   bool
	forms   bool // strings are held to the forms of texts

	held     schema.Roles
	heldIs   bool
	past     graph.LazyPast
	made     []made // by operation
	earlier  map[earlierKey]int
	fresh    map[wire.OpID]int
	standing []graph.Op
	parts    uint32           // of what the genesis needs; see schema.Row.Part
	counts   [schema.Acts]int // operations so far, by the kind of act
}

// made is what an operation of the change made.
type made struct {
	slot  schema.Map
	is    bool
	post  int32  // of a post and the maps in it: the operation that made the post
	parts uint32 // of a post: what it has; see schema.Row.Part
}

type earlierKey struct {
	obj wire.OpID
	key string
}

// Validate says whether a change is valid: nil, or a *Refusal. It depends on c and its
// causal past, and on nothing else. All that c builds on is in the graph and was
// added; c is in neither. That the change is canonical (wire.DecodeChange), that
// its sequence, deps and counters fit (graph.Check) and that it is signed (Verify)
// are for the caller to see to first. ErrOrder is returned for one whose deps were
// not added.
func (g *Policy) Validate(c *wire.Change) error {
	if err := wire.CheckSchemaShape(c); err != nil {
		return RefusalOf(err)
	}
	for _, d := range c.Deps {
		if p, ok := g.graph.Place(d); !ok || !g.knows(p) {
			return fmt.Errorf("%w: %s", ErrOrder, d)
		}
	}
	j := &g.judging
	*j = judging{g: g, c: c, newer: g.newer, forms: g.forms, past: g.graph.LazyPast(c.Deps), made: append(j.made[:0], make([]made, len(c.Ops))...), standing: j.standing[:0]}
	defer j.rest()
	copy(j.who[:], c.Actor)
	if len(c.Deps) == 0 {
		if err := j.begin(); err != nil {
			return err
		}
	}
	if err := j.mayWrite(); err != nil {
		return err
	}
	for k := range c.Ops {
		if err := j.op(k); err != nil {
			return err
		}
	}
	return j.whole()
}

// Recheck holds a change of the own ledger, which was found valid when it was stored,
// against the rules that an earlier version did not have: R24 to R27. nil, or a
// *Refusal: then the change, and all that builds on it, is no part of the event. It
// asks for a causal past only where there are hundreds of writes, so it costs a
// fraction of Validate. c and what it builds on are as for Validate.
func (g *Policy) Recheck(c *wire.Change) error {
	if g.newer {
		return nil
	}
	j := &g.judging
	*j = judging{g: g, c: c, genesis: len(c.Deps) == 0, past: g.graph.LazyPast(c.Deps), made: append(j.made[:0], make([]made, len(c.Ops))...), standing: j.standing[:0]}
	defer j.rest()
	copy(j.who[:], c.Actor)
	if !qa.SoundKey(j.who[:]) {
		return RefusalOf(keys.ErrWeakKey)
	}
	for k := range c.Ops {
		if err := j.recheck(k); err != nil {
			return err
		}
	}
	return nil
}

// recheck is op for the rules that Recheck is about.
func (j *judging) recheck(k int) error {
	op := &j.c.Ops[k]
	s, in := schema.MapRoot, where{id: rootOp, post: -1}
	if id := op.Obj; id.Actor == j.c.Actor && id.Counter >= j.c.StartOp && id.Counter-j.c.StartOp < uint64(k) {
		m := &j.made[id.Counter-j.c.StartOp]
		s, in.local, in.post = m.slot, true, m.post
	} else if i, ok := j.g.object(id, &j.past); ok {
		s, in.id = j.g.objects[i].slot, j.g.objects[i].op
	}
	r := lookup(s, op.Key.Prop)
	if r == nil {
		return nil // a version of the rules that had more keys; they are not looked at again
	}
	if _, ok := j.earlierAt(k); ok {
		return refuse(CodeRepeated, "It sets %.80q twice.", op.Key.Prop)
	}
	if !in.local {
		if err := j.seldom(k, in.id); err != nil {
			return err
		}
		if s == schema.MapRevisions {
			if err := j.fewRevisions(k); err != nil {
				return err
			}
		}
	}
	if r.Map != schema.NoMap {
		j.made[k] = made{slot: r.Map, is: true, post: in.post}
	}
	if s == schema.MapPosts {
		j.made[k].post = int32(k)
	}
	return j.sparing(s, in)
}

// seldom checks that the writer has not written a key too often.
func (j *judging) seldom(k int, in graph.Op) error {
	key := j.c.Ops[k].Key.Prop
	name, ok := j.g.names[key]
	if !ok {
		return nil
	}
	at, ok := j.g.keys[place{in, name}]
	if ok && len(j.g.written[at].writes) >= schema.MaxWrites && j.g.writesBy(j.who, at, j.pastOf()) >= schema.MaxWrites {
		return refuse(CodeTooOften, "Its writer has written %.80q %d times already.", key, schema.MaxWrites)
	}
	return nil
}

// fewRevisions checks that a post that was there before has room for one more text.
func (j *judging) fewRevisions(k int) error {
	in, ok := j.g.graph.Resolve(j.c.Ops[k].Obj, &j.past)
	if !ok {
		return nil
	}
	n := 1 + j.freshBefore(k) // the one that the post was made with
	if of := j.g.revised[in]; n+len(of) >= schema.MaxRevisions {
		j.g.steps += int64(len(of))
		for _, change := range of {
			if j.pastOf().Has(int(change)) {
				n++
			}
		}
	}
	if n >= schema.MaxRevisions {
		return refuse(CodeTooOften, "Its post has %d versions of its text already.", schema.MaxRevisions)
	}
	return nil
}

// rest lets go of what belongs to the change.
func (j *judging) rest() { *j = judging{made: j.made, standing: j.standing} }

// begin checks what can be seen of a genesis at once.
func (j *judging) begin() error {
	c := j.c
	switch {
	case j.g.genesis:
		return refuse(CodeGenesis, "It begins an event anew that has begun already.")
	case qa.EventIDFromGenesis([32]byte(c.Hash)) != j.g.event:
		return refuse(CodeGenesis, "It begins another event: this event's ID does not follow from it.")
	}
	j.genesis, j.heldIs, j.held = true, true, schema.Founder|schema.Organiser
	for k := range c.Ops {
		if op := &c.Ops[k]; op.Obj == (wire.OpID{}) && op.Key.Prop == schema.KeyGate {
			n, ok := op.Value.Uint()
			if !ok || n == 0 {
				return refuse(CodeGenesis, "It does not say by which rules the event goes.")
			}
			j.newer, j.forms = n > schema.RulesVersion, n >= schema.TextRules
		}
	}
	return nil
}

// roles returns what the writer holds in the change's past.
func (j *judging) roles() schema.Roles {
	if !j.heldIs && j.who != j.g.founder && !j.g.authority.Named(j.who) {
		j.heldIs = true // nobody ever ruled on them
	}
	if !j.heldIs {
		j.held, j.heldIs = j.g.authority.RolesAt(j.who, j.pastOf()), true
	}
	return j.held
}

// mayWrite checks what holds for the change as a whole: who has no role writes
// nothing in an invited event, and the key of an invitation nothing but its claim.
func (j *judging) mayWrite() error {
	if j.newer {
		return nil
	}
	invited := j.g.access == schema.AccessInvited
	key := j.g.authority.Named(j.who) && j.g.authority.EverInvited(j.who, j.pastOf())
	if !invited && !key || j.roles()&schema.Ordinary != 0 || j.isClaim() {
		return nil
	}
	if key {
		return refuse(CodeClaim, "The key of an invitation writes who takes it up, and nothing else.")
	}
	return refuse(CodeRole, "Only people with a role may write in this event, and its writer had none when it was written.")
}

// isClaim reports whether the change is one claim alone.
func (j *judging) isClaim() bool {
	if len(j.c.Ops) != 1 || j.c.Ops[0].Obj == (wire.OpID{}) {
		return false
	}
	i, ok := j.g.object(j.c.Ops[0].Obj, &j.past)
	return ok && j.g.objects[i].slot == schema.MapClaims
}

// local is an operation of the change itself: it has the next place of the graph.
func (j *judging) local(counter uint32) graph.Op {
	return graph.Op{Place: int32(j.g.graph.Len()), Counter: counter}
}

// op judges one operation.
func (j *judging) op(k int) error {
	op := &j.c.Ops[k]
	s, in, err := j.object(k)
	if err != nil {
		return err
	}
	if j.newer {
		j.made[k] = made{slot: schema.Unknown, is: op.Action == wire.MakeMap, post: -1}
		return j.preds(k, in.id, false)
	}
	r := lookup(s, op.Key.Prop)
	if r == nil {
		return refuse(CodeKey, "There is no %.80q at that place of an event.", op.Key.Prop)
	}
	if err := fits(r, op); err != nil {
		return err
	}
	if err := j.readable(r, op); err != nil {
		return err
	}
	if err := j.timely(k, r, in); err != nil {
		return err
	}
	if err := j.permitted(op, r, in); err != nil {
		return err
	}
	if err := j.named(k, s); err != nil {
		return err
	}
	if err := j.preds(k, in.id, r.WrittenOnce()); err != nil {
		return err
	}
	if r.Map != schema.NoMap {
		j.made[k] = made{slot: r.Map, is: true, post: in.post}
	}
	if err := j.special(k, s, r, in); err != nil {
		return err
	}
	return j.sparing(s, in)
}

// where is the map that an operation works in.
type where struct {
	id    graph.Op
	owner authority.Person
	local bool  // made by this change
	post  int32 // when local and of a post: the operation that made the post
}

// object finds the map that an operation works in: made in the change's past, or
// by the change itself, earlier.
func (j *judging) object(k int) (schema.Map, where, error) {
	id := j.c.Ops[k].Obj
	if id == (wire.OpID{}) {
		return schema.MapRoot, where{id: rootOp, local: j.genesis, post: -1}, nil
	}
	if id.Actor == j.c.Actor && id.Counter >= j.c.StartOp {
		if at := id.Counter - j.c.StartOp; at < uint64(k) && j.made[at].is {
			m := &j.made[at]
			return m.slot, where{id: j.local(uint32(id.Counter)), owner: j.who, local: true, post: m.post}, nil
		}
	} else if op, ok := j.g.graph.Resolve(id, &j.past); ok && j.before(op.Place) {
		if j.voidIn(op.Place) {
			return 0, where{}, refuse(CodeEquivocation, "It writes into something that is void in what it builds on, because its maker signed two versions.")
		}
		if i, ok := j.g.objectAt(op); ok {
			return j.g.objects[i].slot, where{id: op, owner: authority.PersonOf(id.Actor), post: -1}, nil
		}
	}
	return 0, where{}, refuse(CodeObject, "It writes into something that is not part of what it builds on.")
}

// before reports whether the change at a place is in the past.
func (j *judging) before(place int32) bool {
	if place == 0 {
		return true // the genesis
	}
	return j.pastOf().Has(int(place))
}

func (j *judging) pastOf() *graph.Past { return j.past.Get() }

// voidIn reports whether the change at a place, which is in the past, is void there:
// the past holds two changes of its actor with one number, its own or an earlier one.
func (j *judging) voidIn(place int32) bool {
	return j.g.graph.Forked(int(place)) && j.g.graph.ForkedIn(int(place), j.pastOf())
}

// fits checks an operation's value.
func fits(r *schema.Row, op *wire.Op) error {
	key := op.Key.Prop
	if (r.Map != schema.NoMap) != (op.Action == wire.MakeMap) {
		return refuse(CodeValue, "At %.80q stands a map where the event wants a value, or the other way round.", key)
	}
	if r.Map != schema.NoMap {
		return nil
	}
	v := op.Value
	kind := v.Kind
	if kind == wire.False {
		kind = wire.True
	}
	if kind != kindOf(r.Type) {
		return refuse(CodeValue, "What stands at %.80q is of a type that the event does not want there.", key)
	}
	if r.Max > 0 && len(v.Raw) > r.Max {
		return refuse(CodeLimit, "What stands at %.80q is %d bytes long; at most %d fit.", key, len(v.Raw), r.Max)
	}
	if r.Type.IsID() && !qa.HasForm(r, string(v.Raw)) {
		return refuse(CodeValue, "What stands at %.80q is none of the values that can stand there.", key)
	}
	switch r.Type {
	case schema.Time:
		if n, _ := v.Int(); n > schema.MaxInteger || n < -schema.MaxInteger {
			return refuse(CodeLimit, "The number at %.80q is beyond 2^53.", key)
		}
	case schema.Number:
		if n, _ := v.Uint(); n > schema.MaxInteger {
			return refuse(CodeLimit, "The number at %.80q is beyond 2^53.", key)
		}
	}
	return nil
}

// readable checks that the words of a change are a text, or a line where the schema
// wants one: so that what may be written can be read, shown and exported everywhere.
func (j *judging) readable(r *schema.Row, op *wire.Op) error {
	if !j.forms {
		return nil
	}
	key := op.Key.Prop
	if r.Keys.IsWords() && !qa.IsLine(key) {
		return refuse(CodeText, "The name %.80q holds characters that cannot stand there, or nothing that can be seen.", key)
	}
	if r.Type == schema.Text && !qa.IsText(string(op.Value.Raw)) || r.Type == schema.Line && !qa.IsLine(string(op.Value.Raw)) {
		return refuse(CodeText, "What stands at %.80q holds characters that cannot stand there, or nothing that can be seen.", key)
	}
	return nil
}

// timely checks that what is written only at the beginning is written there.
func (j *judging) timely(k int, r *schema.Row, in where) error {
	key := j.c.Ops[k].Key.Prop
	switch {
	case r.When == schema.AtFounding && !j.genesis:
		return refuse(CodeOnce, "%.80q is written when an event is founded, and never again.", key)
	case r.When == schema.AtMaking && !in.local:
		return refuse(CodeOnce, "%.80q is written when a post is made, and never again.", key)
	}
	if j.genesis && in.id == rootOp {
		j.parts |= r.Part
	} else if r.When == schema.AtMaking && in.post >= 0 {
		j.made[in.post].parts |= r.Part
	}
	return nil
}

// permitted checks the writer.
func (j *judging) permitted(op *wire.Op, r *schema.Row, in where) error {
	if r.Self {
		if p, ok := authority.ParsePerson(op.Key.Prop); !ok || p != j.who {
			return refuse(CodeOwner, "It speaks for somebody else: at that place everybody writes only about themselves.")
		}
	}
	mine := in.owner == j.who
	if r.Owner && !mine {
		return refuse(CodeOwner, "It changes what belongs to somebody else.")
	}
	if r.By != 0 && j.roles()&r.By == 0 && !(r.OrOwner && mine) {
		return refuse(CodeRole, "Writing %.80q needs a role that its writer did not hold when it was written.", op.Key.Prop)
	}
	return nil
}

// sparing checks that the change has no more operations of a kind than an act of that
// kind makes. What makes a post whole is part of the post.
func (j *judging) sparing(s schema.Map, in where) error {
	if j.genesis {
		return nil
	}
	act := s.Act()
	if in.post >= 0 {
		act = schema.ActPost
	}
	if j.counts[act]++; j.counts[act] > schema.MostOperations(act) {
		return refuse(CodeOperations, "It says more at once than anybody could: more than %d operations of one kind.", schema.MostOperations(act))
	}
	return nil
}

// preds checks that an operation replaces exactly what stands at its key: all that
// stands in the past. By rules of a later version also what an earlier operation of
// the change put there.
func (j *judging) preds(k int, in graph.Op, once bool) error {
	op := &j.c.Ops[k]
	if at, ok := j.earlierAt(k); ok {
		if once {
			return refuse(CodeOnce, "It sets %.80q twice, which is set once.", op.Key.Prop)
		}
		if !j.newer {
			return refuse(CodeRepeated, "It sets %.80q twice.", op.Key.Prop)
		}
		if len(op.Pred) != 1 || op.Pred[0] != (wire.OpID{Counter: j.c.StartOp + uint64(at), Actor: j.c.Actor}) {
			return refuse(CodePreds, "It does not replace exactly what stood at %.80q.", op.Key.Prop)
		}
		return nil
	}
	j.standing = j.standing[:0]
	if name, ok := j.g.names[op.Key.Prop]; ok {
		if at, ok := j.g.keys[place{in, name}]; ok {
			j.standing = j.g.live(j.standing, at, j.pastOf())
		}
	}
	if !j.newer {
		if err := j.seldom(k, in); err != nil {
			return err
		}
	}
	if once && len(j.standing) > 0 {
		return refuse(CodeOnce, "It sets %.80q again, which is set once.", op.Key.Prop)
	}
	same := len(op.Pred) == len(j.standing)
	for i := 0; same && i < len(op.Pred); i++ {
		same = j.g.is(j.standing[i], op.Pred[i])
	}
	if !same {
		return refuse(CodePreds, "It does not replace exactly what stood at %.80q in what it builds on.", op.Key.Prop)
	}
	return nil
}

// scanAtMost is how many operations are looked through one by one for an earlier
// one at the same key.
const scanAtMost = 32

// earlierAt returns the change's last operation before k at the same key.
func (j *judging) earlierAt(k int) (int, bool) {
	ops := j.c.Ops
	if len(ops) <= scanAtMost {
		for i := k - 1; i >= 0; i-- {
			if ops[i].Key.Prop == ops[k].Key.Prop && ops[i].Obj == ops[k].Obj {
				return i, true
			}
		}
		return 0, false
	}
	if j.earlier == nil {
		j.earlier = make(map[earlierKey]int, len(ops))
	}
	at := earlierKey{ops[k].Obj, ops[k].Key.Prop}
	i, ok := j.earlier[at]
	j.earlier[at] = k
	return i, ok
}

// special checks what single rows ask for.
func (j *judging) special(k int, s schema.Map, r *schema.Row, in where) error {
	op := &j.c.Ops[k]
	if r.Keys.IsWords() {
		return j.counted(k, r, in)
	}
	switch s {
	case schema.MapPosts:
		return j.newPost(k)
	case schema.MapPost:
		if op.Key.Prop == schema.KeyParent && len(op.Value.Raw) > 0 {
			return j.parent(k, in)
		}
	case schema.MapRevisions:
		if in.post >= 0 {
			if j.made[in.post].parts&r.Part != 0 {
				return refuse(CodePost, "A post is made with one version of its text.")
			}
			j.made[in.post].parts |= r.Part
			return nil
		}
		return j.fewRevisions(k)
	case schema.MapClaims:
		if len(j.c.Ops) != 1 {
			return refuse(CodeClaim, "A claim of an invitation is a change of its own.")
		}
		if j.roles()&schema.Invites == 0 {
			return refuse(CodeClaim, "The invitation that it claims does not exist, or was revoked.")
		}
		if string(op.Value.Raw) == op.Key.Prop {
			return refuse(CodeClaim, "An invitation cannot be taken up by its own key.")
		}
	case schema.MapBlobs:
		if len(j.c.Ops) != 1 {
			return refuse(CodeBlob, "A picture is a change of its own.")
		}
		if sum := sha256.Sum256(op.Value.Raw); hex.EncodeToString(sum[:]) != op.Key.Prop {
			return refuse(CodeBlob, "A picture is not what its name says.")
		}
	}
	return nil
}

// named checks that posts and versions of texts go by the names of the operations
// that made them.
func (j *judging) named(k int, s schema.Map) error {
	key, counter := j.c.Ops[k].Key.Prop, j.c.StartOp+uint64(k)
	switch s {
	case schema.MapPosts:
		if key != string(qa.MakePostID(j.who.Identity(), []byte(j.c.Actor), counter)) {
			return refuse(CodePostID, "A post goes by another name than that of the operation that made it.")
		}
	case schema.MapRevisions:
		if key != string(qa.MakeRevisionID([]byte(j.c.Actor), counter)) {
			return refuse(CodeRevisionID, "A version of a text goes by another name than that of the operation that wrote it.")
		}
	}
	return nil
}

// newPost checks that the event takes new posts.
func (j *judging) newPost(k int) error {
	if !j.genesis && j.g.authority.EverClosed() && j.g.authority.ClosedAt(j.pastOf()) {
		return refuse(CodeClosed, "The event was closed before this was written.")
	}
	j.made[k].post = int32(k)
	return nil
}

// parent checks that the post that is answered was there before this one: in the
// past, or made by the change before it made this one. So no circle can be.
func (j *judging) parent(k int, in where) error {
	id := string(j.c.Ops[k].Value.Raw)
	if t, counter, _ := postOp(id); t == tagOf(j.c.Actor) && counter >= j.c.StartOp {
		at := counter - j.c.StartOp
		if at < uint64(in.post) && j.made[at].slot == schema.MapPost && j.c.Ops[at].Key.Prop == id {
			return nil
		}
	} else if op, ok := j.g.post(id, &j.past); ok && j.before(op.Place) {
		if j.voidIn(op.Place) {
			return refuse(CodeEquivocation, "It answers a post that is void in what it builds on, because its writer signed two versions.")
		}
		return nil
	}
	return refuse(CodeParent, "It answers a post that is not part of what it builds on.")
}

// postOp reads the operation out of a post's ID.
func postOp(id string) (t tag, counter uint64, ok bool) {
	who, rest, _ := strings.Cut(id, "-")
	tail, number, _ := strings.Cut(rest, "-")
	if len(who) != 16 || len(tail) != 13 {
		return t, 0, false
	}
	if _, err := hex.Decode(t[:8], []byte(who)); err != nil {
		return t, 0, false
	}
	if n, err := tails.Decode(t[8:], []byte(tail)); err != nil || n != 8 {
		return t, 0, false
	}
	counter, err := strconv.ParseUint(number, 10, 64)
	return t, counter, err == nil
}

// tails is how qa writes the last bytes of an actor in the IDs of posts.
var tails = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

// counted checks how many keys a map has in the past and by the change.
func (j *judging) counted(k int, r *schema.Row, in where) error {
	op := &j.c.Ops[k]
	if len(op.Pred) > 0 {
		return nil // the key is there already
	}
	n := 1 + j.freshBefore(k)
	if i, ok := j.g.objectAt(in.id); ok && !in.local {
		n += j.g.keysIn(i, j.pastOf(), r.Most)
	}
	if n > r.Most {
		return refuse(CodeLimit, "There are more than %d keys where %.80q is written.", r.Most, op.Key.Prop)
	}
	return nil
}

// freshBefore returns how many new keys the change has written to the map of its
// operation k before it.
func (j *judging) freshBefore(k int) (n int) {
	ops := j.c.Ops
	if len(ops) <= scanAtMost {
		for i := range k {
			if ops[i].Obj == ops[k].Obj && len(ops[i].Pred) == 0 {
				n++
			}
		}
		return n
	}
	if j.fresh == nil {
		j.fresh = map[wire.OpID]int{}
	}
	n = j.fresh[ops[k].Obj]
	j.fresh[ops[k].Obj]++
	return n
}

// whole checks that all that belongs together was made together.
func (j *judging) whole() error {
	if j.newer {
		return nil
	}
	for k := range j.made {
		if m := &j.made[k]; m.slot == schema.MapPost && m.parts&schema.PartsOfPost() != schema.PartsOfPost() {
			return refuse(CodePost, "A post is not made whole: its text, its time, what it answers and the places for what others say of it belong in one change.")
		}
	}
	if !j.genesis {
		return nil
	}
	kind := schema.KindEvent
	for k := range j.c.Ops {
		op := &j.c.Ops[k]
		if op.Obj == (wire.OpID{}) && op.Key.Prop == schema.KeyKind {
			kind = string(op.Value.Raw)
		}
	}
	for k := range j.c.Ops {
		op := &j.c.Ops[k]
		if op.Obj != (wire.OpID{}) {
			continue
		}
		if only := schema.MapRoot.Row(op.Key.Prop).Only; only != "" && only != kind {
			return refuse(CodeGenesis, "An event is not founded as one kind with the parts of another.")
		}
	}
	if want := schema.PartsOfGenesis(kind); j.parts&want != want {
		return refuse(CodeGenesis, "An event is not founded whole.")
	}
	return nil
}
