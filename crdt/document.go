package crdt

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"slices"

	"flyleaf/crdt/wire"
	"flyleaf/qa"
	"flyleaf/schema"
)

// actorBytes is the length of an actor: identity 32 ‖ random 8.
const actorBytes = 40

// Document is an event in memory. It is not safe for concurrent use.
type Document struct {
	eng    engine
	actor  wire.ActorID
	me     qa.Identity
	club   bool
	gate   uint64
	top    uint64 // counter of the highest operation; 0 when it is to be asked for
	live   bool   // the engine has nothing of its own, see FromState
	broken bool
}

// Made is what an act became.
type Made struct {
	Change   *wire.Change
	Bytes    []byte        // the change as a type-1 chunk
	Post     qa.PostID     // of ActPost
	Revision qa.RevisionID // of ActPost and ActEdit
	// NoChange: the document already says what the act wants, so no change was made.
	NoChange bool
}

// Create makes a new event: its genesis change holds all root maps and what
// act.Event says. The event's ID is qa.EventIDFromGenesis of the change's hash.
// A *qa.FieldError is returned when something in the event is refused.
func Create(actor wire.ActorID, act qa.Act) (*Document, Made, error) {
	return createWith(newEngine, actor, act)
}

// opener starts an engine.
type opener func(actor wire.ActorID, snapshot []byte) (engine, error)

func createWith(open opener, actor wire.ActorID, act qa.Act) (*Document, Made, error) {
	if len(actor) != actorBytes {
		return nil, Made{}, ErrBadActor
	}
	if act.Kind != qa.ActCreate {
		return nil, Made{}, fmt.Errorf("found an event by an act of kind %q: %w", act.Kind, qa.ErrBadValue)
	}
	if err := act.Validate(); err != nil {
		return nil, Made{}, err
	}
	p := planGenesis(act.Event)
	if err := p.check(); err != nil {
		return nil, Made{}, err
	}
	eng, err := open(actor, nil)
	if err != nil {
		return nil, Made{}, err
	}
	d := newDocument(eng, actor)
	d.club, d.gate = act.Event.Kind == schema.KindClub, schema.RulesVersion
	made, err := d.carryOut(p, act.AtMillis, 1)
	if err != nil {
		d.Close()
		return nil, Made{}, err
	}
	return d, made, nil
}

// Load opens an event from bytes that the caller has checked: a snapshot (nil for
// none) and changes in causal order, each one chunk. Local changes will be made by
// actor, which must be new to the document. ErrNotEvent is returned when the
// result is not an event.
func Load(actor wire.ActorID, snapshot []byte, changes [][]byte) (*Document, error) {
	return loadWith(newEngine, actor, snapshot, changes)
}

func loadWith(open opener, actor wire.ActorID, snapshot []byte, changes [][]byte) (*Document, error) {
	if len(actor) != actorBytes {
		return nil, ErrBadActor
	}
	eng, err := open(actor, snapshot)
	if err != nil {
		return nil, err
	}
	d := newDocument(eng, actor)
	if err := d.Absorb(changes); err != nil {
		d.Close()
		return nil, err
	}
	if err := d.look(); err != nil {
		d.Close()
		return nil, err
	}
	return d, nil
}

// maxWholeText is how much an event may say, in bytes, that LoadAtOnce makes one chunk of.
const maxWholeText = 256 << 20

// LoadAtOnce is Load without a snapshot, for an event in which a key was written
// thousands of times: automerge-go takes quadratic time for a key's history when it is
// given the changes, and linear time when it is given one document of them. For other
// events Load is faster. changes are all of the event.
func LoadAtOnce(actor wire.ActorID, changes [][]byte) (*Document, error) {
	if !slowHistories {
		return Load(actor, nil, changes)
	}
	decoded := make([]*wire.Change, len(changes))
	heads := map[wire.Hash]bool{}
	for i, b := range changes {
		c, err := wire.DecodeChange(b)
		if err != nil {
			return nil, fmt.Errorf("read a change: %w", err)
		}
		decoded[i] = c
		for _, d := range c.Deps {
			delete(heads, d) // it came before, so it is there by now
		}
		heads[c.Hash] = true
	}
	sorted := slices.SortedFunc(maps.Keys(heads), func(a, b wire.Hash) int { return bytes.Compare(a[:], b[:]) })
	chunk, err := wire.EncodeDocument(decoded, sorted, maxWholeText)
	if err != nil {
		return nil, fmt.Errorf("make one document of the changes: %w", err)
	}
	return Load(actor, chunk, nil)
}

func newDocument(eng engine, actor wire.ActorID) *Document {
	return &Document{eng: eng, actor: actor, me: qa.IdentityOfActor([]byte(actor))}
}

// look reads what kind of event this is.
func (d *Document) look() error {
	kind, _, _, err := d.eng.get(d.eng.root(), schema.KeyKind)
	if err != nil {
		return err
	}
	gate, _, _, err := d.eng.get(d.eng.root(), schema.KeyRulesVersion)
	if err != nil {
		return err
	}
	var ok bool
	if d.gate, ok = gate.(uint64); !ok || (kind != schema.KindEvent && kind != schema.KindClub) {
		return ErrNotEvent
	}
	d.club = kind == schema.KindClub
	return nil
}

// Identity returns who makes the document's local changes.
func (d *Document) Identity() qa.Identity { return d.me }

// WriteAs makes another actor the writer of what follows, as the key of an
// invitation or of one anonymous question needs. ErrBadActor is returned for an
// actor that is not 40 bytes.
func (d *Document) WriteAs(actor wire.ActorID) error {
	if err := d.usable(); err != nil {
		return err
	}
	if len(actor) != actorBytes {
		return ErrBadActor
	}
	if err := d.eng.setActor(actor); err != nil {
		d.broken = true
		return fmt.Errorf("write as another: %w: %w", err, ErrBroken)
	}
	d.actor, d.me = actor, qa.IdentityOfActor([]byte(actor))
	return nil
}

// Absorb takes changes from outside, in causal order, each one chunk that the
// caller has checked; what is already there is passed over. On an error some may
// have been taken: the document is broken then, see ErrBroken.
func (d *Document) Absorb(changes [][]byte) error {
	if err := d.usable(); err != nil {
		return err
	}
	if len(changes) == 0 || d.live {
		return nil
	}
	// One call with the chunks after one another: automerge-go's Apply takes
	// quadratic time and memory.
	if err := d.eng.load(bytes.Join(changes, nil)); err != nil {
		d.broken = true
		return fmt.Errorf("take %d changes: %w: %w", len(changes), err, ErrBroken)
	}
	d.top = 0
	return nil
}

// Heads returns the document's heads, ascending; nil after Close.
func (d *Document) Heads() []wire.Hash {
	if d.eng == nil {
		return nil
	}
	return d.eng.heads()
}

// Save returns the whole document as one chunk, as .automerge files hold it; nil
// after Close.
func (d *Document) Save() []byte {
	if d.eng == nil {
		return nil
	}
	return d.eng.save()
}

// Close lets go of the document. Its C memory is freed when Go's collector runs,
// which Close asks for once enough has been let go.
func (d *Document) Close() {
	if d.eng != nil {
		d.eng.close()
		d.eng = nil
	}
}

func (d *Document) usable() error {
	switch {
	case d.eng == nil:
		return ErrClosed
	case d.broken:
		return ErrBroken
	}
	return nil
}

// Do turns one act into one change. Made.NoChange is set when all was already as
// the act wants it. Nothing has changed when an error is returned, except with
// ErrBroken.
func (d *Document) Do(act qa.Act) (Made, error) {
	if err := d.usable(); err != nil {
		return Made{}, err
	}
	if d.gate > schema.RulesVersion {
		return Made{}, ErrNewerRules
	}
	if err := act.Validate(); err != nil {
		return Made{}, err
	}
	if act.Kind == qa.ActMerge {
		return d.merge(act.AtMillis)
	}
	start, err := d.startOp()
	if err != nil {
		return Made{}, err
	}
	p, err := d.plan(&act, start)
	if err != nil {
		return Made{}, err
	}
	if len(p.steps) == 0 {
		return Made{NoChange: true}, nil
	}
	if err := p.check(); err != nil {
		return Made{}, err
	}
	return d.carryOut(p, act.AtMillis, start)
}

// startOp returns the counter that the next operation will have.
func (d *Document) startOp() (uint64, error) {
	if d.top == 0 || d.live {
		top, err := d.eng.top()
		if err != nil {
			return 0, err
		}
		d.top = top
	}
	return d.top + 1, nil
}

func (d *Document) merge(millis int64) (Made, error) {
	if len(d.eng.heads()) < 2 {
		return Made{NoChange: true}, nil
	}
	start, err := d.startOp()
	if err != nil {
		return Made{}, err
	}
	return d.carryOut(&plan{empty: true}, millis, start)
}

// carryOut runs a plan that has been checked, and holds automerge-go to it.
func (d *Document) carryOut(p *plan, millis int64, start uint64) (Made, error) {
	made, err := d.try(p, millis, start)
	if err != nil {
		d.broken = true
		return Made{}, fmt.Errorf("make a change: %w: %w", err, ErrBroken)
	}
	return made, nil
}

var errOtherChange = errors.New("automerge-go made another change than the one planned")

func (d *Document) try(p *plan, millis int64, start uint64) (Made, error) {
	if err := p.run(d.eng); err != nil {
		return Made{}, err
	}
	h, done, err := d.eng.commit(millis, p.empty)
	if err != nil {
		return Made{}, err
	}
	if !done {
		return Made{NoChange: true}, nil
	}
	b, err := d.eng.change(h)
	if err != nil {
		return Made{}, err
	}
	c, err := wire.DecodeChange(b)
	if err != nil {
		return Made{}, fmt.Errorf("read the new change: %w", err)
	}
	if c.Hash != h || c.Actor != d.actor || c.StartOp != start || c.TimeMillis != millis || c.Message != "" || len(c.Extra) != 0 {
		return Made{}, errOtherChange
	}
	if err := p.verify(c); err != nil {
		return Made{}, err
	}
	d.top = c.MaxOp()
	return Made{Change: c, Bytes: b, Post: p.post, Revision: p.revision}, nil
}
