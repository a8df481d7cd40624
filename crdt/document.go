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

// Document is an event in memory. It is not safe for concurrent use.
type Document struct {
	eng   engine
	actor wire.ActorID
	me    qa.Identity
	club  bool
	rules uint64 // the event's version of the rules
	maxOp uint64 // counter of the highest operation; 0: ask the engine
	// fromState is set for a document without content of its own, see FromState.
	fromState bool
	broken    bool // see ErrBroken
}

// Made is the change that was made for an act.
type Made struct {
	Change   *wire.Change
	Chunk    wire.Chunk
	Post     qa.PostID     // of ActPost
	Revision qa.RevisionID // of ActPost and ActEdit
	// NoChange: the document already says what the act wants, so no change was made.
	NoChange bool
}

// Create creates an event. The genesis contains all root maps and the fields of act.Event.
// The event's ID is qa.EventIDFromGenesis of the change's hash. Create returns a
// *qa.FieldError if a field is invalid.
func Create(actor wire.ActorID, act qa.Act) (*Document, Made, error) {
	return createWith(newEngine, actor, act)
}

// opener starts an engine.
type opener func(actor wire.ActorID, snapshot []byte) (engine, error)

func createWith(open opener, actor wire.ActorID, act qa.Act) (*Document, Made, error) {
	if len(actor) != qa.ActorSize {
		return nil, Made{}, ErrBadActor
	}
	if act.Kind != qa.ActCreate {
		return nil, Made{}, fmt.Errorf("create an event with an act of kind %q: %w", act.Kind, qa.ErrBadValue)
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
	d.club, d.rules = act.Event.Kind == schema.KindClub, schema.RulesVersion
	made, err := d.runPlan(p, act.AtMillis, 1)
	if err != nil {
		d.Close()
		return nil, Made{}, err
	}
	return d, made, nil
}

// Load opens an event from a snapshot (nil for none) and changes in causal order, which the caller
// has checked. actor makes the local changes and must be new to the document. Load returns
// ErrNotEvent if the result is not an event.
func Load(actor wire.ActorID, snapshot []byte, changes []wire.Chunk) (*Document, error) {
	return loadWith(newEngine, actor, snapshot, changes)
}

func loadWith(open opener, actor wire.ActorID, snapshot []byte, changes []wire.Chunk) (*Document, error) {
	if len(actor) != qa.ActorSize {
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
	if err := d.readKind(); err != nil {
		d.Close()
		return nil, err
	}
	return d, nil
}

// maxWholeText is the most bytes of text that LoadAtOnce puts into one chunk.
const maxWholeText = 256 << 20

// LoadAtOnce is Load for an event in which a key was written thousands of times. changes are
// all changes of the event, in causal order. For the history of a key automerge-go takes
// quadratic time if it loads changes, and linear time if it loads one document that contains
// them. For other events Load is faster.
func LoadAtOnce(actor wire.ActorID, changes []wire.Chunk) (*Document, error) {
	if !slowHistories {
		return Load(actor, nil, changes)
	}
	decoded := make([]*wire.Change, len(changes))
	heads := map[wire.Hash]bool{}
	for i, chunk := range changes {
		c, err := chunk.Decode(wire.EventLimits)
		if err != nil {
			return nil, fmt.Errorf("read a change: %w", err)
		}
		decoded[i] = c
		for _, d := range c.Deps {
			delete(heads, d) // d comes before c, so it was added already
		}
		heads[c.Hash] = true
	}
	sorted := slices.SortedFunc(maps.Keys(heads), func(a, b wire.Hash) int { return bytes.Compare(a[:], b[:]) })
	chunk, err := wire.EncodeDocument(decoded, sorted, maxWholeText)
	if err != nil {
		return nil, fmt.Errorf("encode the changes as one document: %w", err)
	}
	return Load(actor, chunk, nil)
}

func newDocument(eng engine, actor wire.ActorID) *Document {
	return &Document{eng: eng, actor: actor, me: qa.IdentityOfActor([]byte(actor))}
}

// readKind reads the kind of the document, and its version of the rules.
func (d *Document) readKind() error {
	kind, _, _, err := d.eng.get(d.eng.root(), schema.KeyKind)
	if err != nil {
		return err
	}
	rules, _, _, err := d.eng.get(d.eng.root(), schema.KeyRulesVersion)
	if err != nil {
		return err
	}
	var ok bool
	if d.rules, ok = rules.(uint64); !ok || (kind != schema.KindEvent && kind != schema.KindClub) {
		return ErrNotEvent
	}
	d.club = kind == schema.KindClub
	return nil
}

// Identity returns the identity that makes the local changes.
func (d *Document) Identity() qa.Identity { return d.me }

// WriteAs makes another actor the writer of further changes: that of an invitation key, or of
// a key for one anonymous question. It returns ErrBadActor for an actor that is not 40 bytes.
func (d *Document) WriteAs(actor wire.ActorID) error {
	if err := d.usable(); err != nil {
		return err
	}
	if len(actor) != qa.ActorSize {
		return ErrBadActor
	}
	if err := d.eng.setActor(actor); err != nil {
		d.broken = true
		return fmt.Errorf("set another actor: %w: %w", err, ErrBroken)
	}
	d.actor, d.me = actor, qa.IdentityOfActor([]byte(actor))
	return nil
}

// Absorb applies changes of others, in causal order. The caller must have checked them, and they
// may be retained. Changes that the document has are ignored. After an error the document is
// broken, see ErrBroken, because some changes may have been applied.
func (d *Document) Absorb(changes []wire.Chunk) error {
	if err := d.usable(); err != nil {
		return err
	}
	if len(changes) == 0 || d.fromState {
		return nil
	}
	if err := d.eng.load(changes); err != nil {
		d.broken = true
		return fmt.Errorf("apply %d changes: %w: %w", len(changes), err, ErrBroken)
	}
	d.maxOp = 0
	return nil
}

// Heads returns the document's heads, ascending; nil after Close.
func (d *Document) Heads() []wire.Hash {
	if d.eng == nil {
		return nil
	}
	return d.eng.heads()
}

// Save returns the whole document in the format of .automerge files; nil after Close.
func (d *Document) Save() []byte {
	if d.eng == nil {
		return nil
	}
	return d.eng.save()
}

// Close releases the document. Go's garbage collector frees its C memory; Close runs the
// collector once enough C memory can be freed.
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

// Do turns an act into a change. It sets Made.NoChange if the document already says what the
// act wants. An error leaves the document unchanged, except ErrBroken.
func (d *Document) Do(act qa.Act) (Made, error) {
	if err := d.usable(); err != nil {
		return Made{}, err
	}
	if d.rules > schema.RulesVersion {
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
	return d.runPlan(p, act.AtMillis, start)
}

// startOp returns the counter of the next operation.
func (d *Document) startOp() (uint64, error) {
	if d.maxOp == 0 || d.fromState {
		maxOp, err := d.eng.maxOp()
		if err != nil {
			return 0, err
		}
		d.maxOp = maxOp
	}
	return d.maxOp + 1, nil
}

func (d *Document) merge(millis int64) (Made, error) {
	if len(d.eng.heads()) < 2 {
		return Made{NoChange: true}, nil
	}
	start, err := d.startOp()
	if err != nil {
		return Made{}, err
	}
	return d.runPlan(&plan{empty: true}, millis, start)
}

// runPlan runs a checked plan and verifies that the engine made the planned change.
func (d *Document) runPlan(p *plan, millis int64, start uint64) (Made, error) {
	made, err := d.tryPlan(p, millis, start)
	if err != nil {
		d.broken = true
		return Made{}, fmt.Errorf("make a change: %w: %w", err, ErrBroken)
	}
	return made, nil
}

var errOtherChange = errors.New("the engine made another change than the planned one")

func (d *Document) tryPlan(p *plan, millis int64, start uint64) (Made, error) {
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
	chunk, err := wire.ReadChunk(b)
	if err != nil {
		return Made{}, fmt.Errorf("read the new change: %w", err)
	}
	c, err := chunk.Decode(wire.EventLimits)
	if err != nil {
		return Made{}, fmt.Errorf("read the new change: %w", err)
	}
	if c.Hash != h || c.Actor != d.actor || c.StartOp != start || c.TimeMillis != millis || c.Message != "" || len(c.Extra) != 0 {
		return Made{}, errOtherChange
	}
	if err := p.verify(c); err != nil {
		return Made{}, err
	}
	d.maxOp = c.MaxOp()
	return Made{Change: c, Chunk: chunk, Post: p.post, Revision: p.revision}, nil
}
