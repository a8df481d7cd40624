package replica_test

import (
	"bytes"
	"context"
	"encoding/hex"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"flyleaf/crdt/policy"
	"flyleaf/crdt/sync/repo"
	"flyleaf/crdt/wire"
	"flyleaf/keys"
	"flyleaf/qa"
	"flyleaf/replica"
	"flyleaf/replica/relayclient"
	"flyleaf/storage"
	"flyleaf/storage/mem"
)

// puppet is a relay whose every word the test says.
type puppet struct {
	t     *testing.T
	conns chan *puppetConn
	conn  *puppetConn
	event qa.EventID
	keys  map[qa.Identity]keys.Key // of those whose changes it signs

	mu    sync.Mutex
	heard []*repo.Message // what the device said since the last handshake
}

// said returns what the device has said of a type since the last handshake.
func (p *puppet) said(kind string) []*repo.Message {
	p.mu.Lock()
	defer p.mu.Unlock()
	var out []*repo.Message
	for _, m := range p.heard {
		if m.Type == kind {
			out = append(out, m)
		}
	}
	return out
}

type puppetConn struct {
	in, out chan []byte // to and from the device
	once    sync.Once
	closed  chan struct{}
}

func newPuppet(t *testing.T) *puppet {
	return &puppet{t: t, conns: make(chan *puppetConn), keys: map[qa.Identity]keys.Key{}}
}

// actor is a writer whose changes the puppet signs.
func (p *puppet) actor(k keys.Key) wire.ActorID {
	p.t.Helper()
	p.keys[k.Identity()] = k
	a, err := k.NewActor(nil)
	if err != nil {
		p.t.Fatal(err)
	}
	return a
}

// sign signs what can be read, with the keys that are known.
func (p *puppet) sign(changes ...[]byte) []byte {
	p.t.Helper()
	out := make([]byte, 0, 64*len(changes))
	for _, b := range changes {
		signature := make([]byte, 64)
		if c, err := wire.DecodeChange(b); err == nil {
			if k, ok := p.keys[qa.IdentityOfActor([]byte(c.Actor))]; ok {
				if signature, err = keys.Sign(k, p.event, c.Hash); err != nil {
					p.t.Fatal(err)
				}
			}
		}
		out = append(out, signature...)
	}
	return out
}

func (p *puppet) Dial(ctx context.Context, _ string) (relayclient.Conn, error) {
	c := &puppetConn{in: make(chan []byte), out: make(chan []byte), closed: make(chan struct{})}
	select {
	case p.conns <- c:
		return c, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (c *puppetConn) Read() ([]byte, error) {
	select {
	case b := <-c.in:
		return b, nil
	case <-c.closed:
		return nil, io.EOF
	}
}

func (c *puppetConn) Write(b []byte) error {
	select {
	case c.out <- bytes.Clone(b):
		return nil
	case <-c.closed:
		return io.ErrClosedPipe
	}
}

func (c *puppetConn) Close() error {
	c.once.Do(func() { close(c.closed) })
	return nil
}

// accept takes the next connection through the handshake. What the device says
// afterwards is read and noted.
func (p *puppet) accept() {
	p.t.Helper()
	ctx := bounded(p.t)
	select {
	case p.conn = <-p.conns:
	case <-ctx.Done():
		p.t.Fatal("the device does not connect")
	}
	select {
	case b := <-p.conn.out:
		if m, err := repo.Decode(b); err != nil || m.Type != repo.TypeJoin {
			p.t.Fatalf("%+v, %v", m, err)
		}
	case <-ctx.Done():
		p.t.Fatal("the device does not join")
	}
	p.mu.Lock()
	p.heard = nil
	p.mu.Unlock()
	p.tell(&repo.Message{Type: repo.TypePeer, SelectedProtocolVersion: "1"})
	go func(c *puppetConn) {
		for {
			select {
			case b := <-c.out:
				if m, err := repo.Decode(b); err == nil {
					p.mu.Lock()
					p.heard = append(p.heard, m)
					p.mu.Unlock()
				}
			case <-c.closed:
				return
			}
		}
	}(p.conn)
}

// frame sends raw bytes; false when the device has ended the connection.
func (p *puppet) frame(b []byte) bool {
	select {
	case p.conn.in <- b:
		return true
	case <-p.conn.closed:
		return false
	case <-bounded(p.t).Done():
		p.t.Fatal("the device does not read")
		return false
	}
}

func (p *puppet) tell(m *repo.Message) bool {
	p.t.Helper()
	m.SenderID, m.TargetID = "puppet", "device"
	b, err := repo.Encode(m)
	if err != nil {
		p.t.Fatal(err)
	}
	return p.frame(b)
}

// sync sends changes as an honest-looking sync message, signed if no signatures
// are given.
func (p *puppet) sync(heads []wire.Hash, signatures []byte, changes ...[]byte) bool {
	p.t.Helper()
	if signatures == nil {
		signatures = p.sign(changes...)
	}
	slices.SortFunc(heads, func(a, b wire.Hash) int { return bytes.Compare(a[:], b[:]) })
	m := wire.Message{Heads: heads, Have: []wire.Have{{}}, Changes: changes}
	return p.tell(&repo.Message{Type: repo.TypeSync, DocumentID: string(p.event), Data: m.Encode(), Signatures: signatures})
}

// refusedBy returns what a node refused, or was refused, in an event.
func refusedBy(n *replica.Node, id qa.EventID) []replica.Refusal {
	out, _ := n.Refused(id)
	return out
}

// attacked is a device that follows an event through a puppet.
type attacked struct {
	puppet *puppet
	node   *replica.Node
	store  storage.Store
	key    keys.Key // the founder's, who turned against everybody
	own    keys.Key // the device's
	all    []storage.Entry
	last   *wire.Change
	posts  wire.OpID
	x      wire.OpID // event/x, where an organiser may write any key
	people wire.OpID
}

func attack(t *testing.T) *attacked {
	t.Helper()
	a := &attacked{puppet: newPuppet(t), store: mem.New(), key: newKey(t), own: newKey(t)}
	a.puppet.keys[a.key.Identity()] = a.key
	origin := mem.New()
	founder := openNode(t, replica.Config{Store: origin, Key: a.key})
	a.puppet.event = found(t, founder, "")
	ask(t, founder, a.puppet.event, "honest")
	a.all = entries(t, origin, a.puppet.event)
	var err error
	if a.last, err = wire.DecodeChange(a.all[1].Bytes); err != nil {
		t.Fatal(err)
	}
	a.posts = a.last.Ops[0].Obj
	genesis, err := wire.DecodeChange(a.all[0].Bytes)
	if err != nil {
		t.Fatal(err)
	}
	for i, op := range genesis.Ops {
		made := wire.OpID{Counter: genesis.StartOp + uint64(i), Actor: genesis.Actor}
		switch {
		case op.Action != wire.MakeMap:
		case op.Key.Prop == "x":
			a.x = made
		case op.Key.Prop == "people":
			a.people = made
		}
	}

	a.node = openNode(t, quick(replica.Config{Store: a.store, Key: a.own, Dial: a.puppet}))
	join(t, a.node, a.puppet.event, "wss://relay.example")
	a.node.Start(t.Context())
	a.puppet.accept()
	a.puppet.sync([]wire.Hash{a.last.Hash}, nil, a.all[0].Bytes, a.all[1].Bytes)
	settled(t, a.node, a.puppet.event, 1)
	return a
}

// next is a change of the founder's actor that is as it should be, for a test to
// spoil.
func (a *attacked) next(ops ...wire.Op) *wire.Change {
	c := &wire.Change{
		Deps: []wire.Hash{a.last.Hash}, Actor: a.last.Actor, Seq: a.last.Seq + 1,
		StartOp: a.last.MaxOp() + 1, TimeMillis: a.last.TimeMillis + 1, Ops: ops,
	}
	return a.done(c)
}

// done gives a change the hash that its bytes have.
func (a *attacked) done(c *wire.Change) *wire.Change {
	c.Hash, _ = wire.ReadHash(c.Encode())
	return c
}

// hello is what a stranger may write: who they are, on top of the last change.
func (a *attacked) hello(k keys.Key) *wire.Change {
	c := a.next()
	c.Actor, c.Seq = a.puppet.actor(k), 1
	own := wire.OpID{Counter: c.StartOp, Actor: c.Actor}
	c.Ops = []wire.Op{
		{Action: wire.MakeMap, Obj: a.people, Key: wire.Key{Prop: string(k.Identity())}},
		setAt(own, "name"),
	}
	return a.done(c)
}

func setAt(obj wire.OpID, key string, pred ...wire.OpID) wire.Op {
	return wire.Op{Action: wire.Set, Obj: obj, Key: wire.Key{Prop: key}, Value: wire.StringValue("x"), Pred: pred}
}

func TestForgedChangesAreRefusedByName(t *testing.T) {
	cases := map[string]struct {
		code policy.Code
		make func(a *attacked) (c *wire.Change, signature []byte)
	}{
		"unsigned": {policy.CodeSignature, func(a *attacked) (*wire.Change, []byte) {
			return a.next(setAt(a.x, "x")), make([]byte, 64)
		}},
		"another genesis": {policy.CodeGenesis, func(a *attacked) (*wire.Change, []byte) {
			c := a.next(wire.Op{Action: wire.Set, Key: wire.Key{Prop: "kind"}, Value: wire.StringValue("event")})
			c.Deps, c.Seq, c.StartOp, c.Actor = nil, 1, 1, a.puppet.actor(a.key)
			return a.done(c), nil
		}},
		"signed by somebody else": {policy.CodeSignature, func(a *attacked) (*wire.Change, []byte) {
			c := a.next(setAt(a.x, "x"))
			signature, err := keys.Sign(newKey(t), a.puppet.event, c.Hash)
			if err != nil {
				t.Fatal(err)
			}
			return c, signature
		}},
		"signed for another event": {policy.CodeSignature, func(a *attacked) (*wire.Change, []byte) {
			c := a.next(setAt(a.x, "x"))
			signature, err := keys.Sign(a.key, qa.MakeEventID([16]byte{7}), c.Hash)
			if err != nil {
				t.Fatal(err)
			}
			return c, signature
		}},
		"a gap in the sequence": {policy.CodeSequence, func(a *attacked) (*wire.Change, []byte) {
			c := a.next(setAt(a.x, "x"))
			c.Seq += 2
			return a.done(c), nil
		}},
		"a map that is not there": {policy.CodeObject, func(a *attacked) (*wire.Change, []byte) {
			return a.next(setAt(wire.OpID{Counter: 3, Actor: a.puppet.actor(newKey(t))}, "x")), nil
		}},
		"a value as a map": {policy.CodeObject, func(a *attacked) (*wire.Change, []byte) {
			return a.next(setAt(wire.OpID{Counter: a.last.MaxOp(), Actor: a.last.Actor}, "x")), nil
		}},
		"a pred that is not there": {policy.CodePreds, func(a *attacked) (*wire.Change, []byte) {
			return a.next(setAt(a.x, "x", wire.OpID{Counter: 3, Actor: a.puppet.actor(newKey(t))})), nil
		}},
		"a pred of another key": {policy.CodePreds, func(a *attacked) (*wire.Change, []byte) {
			return a.next(setAt(a.x, "x", wire.OpID{Counter: a.last.StartOp, Actor: a.last.Actor})), nil
		}},
		"a list": {policy.CodeSchema, func(a *attacked) (*wire.Change, []byte) {
			op := setAt(a.x, "x")
			op.Action, op.Value = wire.MakeList, wire.Value{}
			return a.next(op), nil
		}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			a := attack(t)
			id := a.puppet.event
			forged, signature := c.make(a)
			child := a.done(&wire.Change{
				Deps: []wire.Hash{forged.Hash}, Actor: a.puppet.actor(newKey(t)), Seq: 1,
				StartOp: forged.MaxOp() + 1, TimeMillis: 1, Ops: []wire.Op{setAt(wire.OpID{}, "y")},
			})
			before := entries(t, a.store, id)
			if signature == nil {
				signature = a.puppet.sign(forged.Encode())
			}
			signatures := append(slices.Clip(signature), a.puppet.sign(child.Encode())...)
			a.puppet.sync([]wire.Hash{child.Hash}, signatures, forged.Encode(), child.Encode())
			eventually(t, a.node, "the refusals", func() bool { return len(refusedBy(a.node, id)) == 2 })
			got := map[wire.Hash]string{}
			for _, r := range refusedBy(a.node, id) {
				got[r.Hash] = r.Code
			}
			if got[forged.Hash] != string(c.code) || got[child.Hash] != string(policy.CodeDependsOn) {
				t.Fatalf("refused %v, not %s as %s and %s", got, forged.Hash, c.code, child.Hash)
			}
			s := statusOf(t, a.node, id)
			if s.Relay.State != qa.RelaySyncing || !strings.Contains(s.Relay.Why, "2 changes that this device does not accept") {
				t.Fatalf("%+v", s)
			}
			if got := entries(t, a.store, id); len(got) != len(before) {
				t.Fatalf("%d entries, %d before", len(got), len(before))
			}
			// Honest changes still come in, own acts still work, and the same
			// connection serves both.
			honest := a.next(setAt(a.x, "honest"))
			a.puppet.sync([]wire.Hash{honest.Hash}, nil, honest.Encode())
			eventually(t, a.node, "the honest change", func() bool { return statusOf(t, a.node, id).Changes == len(before)+1 })
			ask(t, a.node, id, "mine")
			if s := statusOf(t, a.node, id); s.Changes != len(before)+2 || s.Pending != 1 {
				t.Fatalf("%+v", s)
			}
		})
	}
}

// A wrong signature says nothing about the change it came with: with the right
// one it is taken, and what depends on it with the next connection.
func TestWrongSignatureIsNotHeldAgainstTheChange(t *testing.T) {
	a := attack(t)
	id := a.puppet.event
	c := a.next(setAt(a.x, "x"))
	child := a.done(&wire.Change{
		Deps: []wire.Hash{c.Hash}, Actor: c.Actor, Seq: c.Seq + 1, StartOp: c.MaxOp() + 1,
		TimeMillis: 1, Ops: []wire.Op{setAt(a.x, "y")},
	})
	right := a.puppet.sign(c.Encode(), child.Encode())
	a.puppet.sync([]wire.Hash{child.Hash}, append(bytes.Repeat([]byte{1}, 64), right[64:]...), c.Encode(), child.Encode())
	eventually(t, a.node, "the refusals", func() bool { return len(refusedBy(a.node, id)) == 2 })
	a.puppet.sync([]wire.Hash{child.Hash}, right[:64], c.Encode())
	eventually(t, a.node, "the change", func() bool { return statusOf(t, a.node, id).Changes == 3 })
	if r := refusedBy(a.node, id); len(r) != 0 {
		t.Fatalf("%+v", r)
	}
	_ = a.puppet.conn.Close()
	a.puppet.accept()
	a.puppet.sync([]wire.Hash{child.Hash}, right[64:], child.Encode())
	eventually(t, a.node, "what depends on it", func() bool { return statusOf(t, a.node, id).Relay.State == qa.RelaySynced })
	en, err := a.store.Entry(t.Context(), id, c.Hash)
	if err != nil || !bytes.Equal(en.Signature, right[:64]) || en.Own {
		t.Fatalf("%+v, %v", en, err)
	}
}

// A change that comes before its past waits and is checked when that is there.
func TestWaitingChangesAreCheckedWhenTheirPastComes(t *testing.T) {
	a := attack(t)
	id := a.puppet.event
	first := a.next(setAt(a.x, "x"))
	good := a.done(&wire.Change{
		Deps: []wire.Hash{first.Hash}, Actor: first.Actor, Seq: first.Seq + 1, StartOp: first.MaxOp() + 1,
		TimeMillis: 1, Ops: []wire.Op{setAt(a.x, "x", wire.OpID{Counter: first.StartOp, Actor: first.Actor})},
	})
	stranger := a.puppet.actor(newKey(t))
	bad := a.done(&wire.Change{
		Deps: []wire.Hash{first.Hash}, Actor: stranger, Seq: 1, StartOp: first.MaxOp() + 1,
		TimeMillis: 1, Ops: []wire.Op{setAt(a.x, "z")}, // who is no organiser
	})
	heads := []wire.Hash{good.Hash, bad.Hash}
	a.puppet.sync(slices.Clone(heads), nil, good.Encode(), bad.Encode())
	a.puppet.sync(slices.Clone(heads), nil, first.Encode())
	eventually(t, a.node, "the refusal", func() bool { return len(refusedBy(a.node, id)) == 1 })
	if r := refusedBy(a.node, id)[0]; r.Hash != bad.Hash || r.Code != string(policy.CodeRole) {
		t.Fatalf("%+v", r)
	}
	if s := statusOf(t, a.node, id); s.Changes != 4 || !slices.Equal(s.Heads, []string{good.Hash.String()}) {
		t.Fatalf("%+v", s)
	}
	ask(t, a.node, id, "mine")
}

// ourHostile are bytes of the kinds that are known to do harm, written here so
// that the test does something wherever it runs.
var ourHostile = []string{
	"",
	"00",
	"42",
	"a0",                                   // an empty CBOR map
	"42000001000301000700",                 // a filter of no bits
	"420000010009010affffffff0fffff00",     // a filter of 2^32 probes
	"42ffffffffffffffff7f",                 // more heads than there are bytes
	"420000000180808080801085",             // a change longer than the message
	"856f4a83000000000100",                 // a chunk of no content
	"856f4a8300000000018080808080808080ff", // a chunk of an endless length
}

func TestHostileBytesChangeNothing(t *testing.T) {
	leaksNothing(t)
	inputs := map[string][]byte{}
	for _, s := range ourHostile {
		b, err := hex.DecodeString(s)
		if err != nil {
			t.Fatal(err)
		}
		inputs["ours "+s] = b
	}
	dir := filepath.Join("..", "..", "shared", "hostile")
	names, err := filepath.Glob(filepath.Join(dir, "*.hex"))
	if err != nil {
		t.Fatal(err)
	}
	if len(names) == 0 {
		t.Logf("the collection %s is not here; only our own %d inputs are tried", dir, len(inputs))
	}
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		b, err := hex.DecodeString(strings.TrimSpace(string(text)))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		inputs[filepath.Base(name)] = b
	}

	a := attack(t)
	id := a.puppet.event
	ask(t, a.node, id, "mine") // so that the document is loaded
	before := entries(t, a.store, id)
	tried, ended := 0, 0
	feed := func(send func() bool) {
		tried++
		if !send() {
			ended++
			a.puppet.accept()
		}
	}
	for name, b := range inputs {
		began := time.Now()
		feed(func() bool { return a.puppet.frame(b) })
		if len(b) > 0 {
			feed(func() bool {
				return a.puppet.tell(&repo.Message{Type: repo.TypeSync, DocumentID: string(id), Data: b})
			})
		}
		feed(func() bool { return a.puppet.sync([]wire.Hash{a.last.Hash}, nil, b) })
		// A whole file may hold several chunks.
		if chunks, err := wire.SplitChunks(b); err == nil {
			feed(func() bool { return a.puppet.sync([]wire.Hash{a.last.Hash}, nil, chunks...) })
		}
		if took := time.Since(began); took > 5*time.Second {
			t.Errorf("%s took %v", name, took)
		}
	}
	if tried < 3*len(ourHostile)-1 || ended == 0 {
		t.Fatalf("%d tries, %d connections ended: nothing was tested", tried, ended)
	}
	// The connection in use may be about to end for the last input.
	for !a.puppet.sync([]wire.Hash{a.last.Hash}, nil) {
		a.puppet.accept()
	}
	if got := entries(t, a.store, id); len(got) != len(before) {
		t.Fatalf("%d entries, %d before", len(got), len(before))
	}
	if got := texts(weekOf(t, a.node, id)); !slices.Equal(got, []string{"honest", "mine"}) {
		t.Fatalf("%q", got)
	}
	ask(t, a.node, id, "still here")
}

func TestTooManyHeadsAreJoined(t *testing.T) {
	a := attack(t)
	id := a.puppet.event
	var heads []wire.Hash
	var changes [][]byte
	for range 300 {
		c := a.hello(newKey(t))
		heads, changes = append(heads, c.Hash), append(changes, c.Encode())
	}
	a.puppet.sync(heads, nil, changes...)
	eventually(t, a.node, "one head", func() bool {
		s := statusOf(t, a.node, id)
		return s.Changes == 303 && len(s.Heads) == 1 && s.Pending == 1
	})
	ask(t, a.node, id, "on top")
}

func TestWhatTheRelayRefusesIsTold(t *testing.T) {
	a := attack(t)
	id := a.puppet.event
	ask(t, a.node, id, "mine")
	own := entries(t, a.store, id)[2].Hash
	a.puppet.tell(&repo.Message{
		Type: repo.TypeRefused, DocumentID: string(id),
		Refused: []repo.Refusal{{Hash: own[:], Code: "blocked", Reason: "its writer is blocked", Deferred: true}},
	})
	eventually(t, a.node, "the relay's refusal", func() bool {
		s := statusOf(t, a.node, id)
		return s.Pending == 1 && strings.Contains(s.Relay.Why, "its writer is blocked")
	})
	if r := refusedBy(a.node, id); len(r) != 1 || r[0].Hash != own || !r[0].Deferred || r[0].Code != "blocked" {
		t.Fatalf("%+v", r)
	}
	// Taken after all: its heads say so.
	a.puppet.sync([]wire.Hash{own}, nil)
	eventually(t, a.node, "the relay having it", func() bool {
		s := statusOf(t, a.node, id)
		return s.Pending == 0 && s.Relay.State == qa.RelaySynced && s.Relay.Why == ""
	})
}

// A write that fails while a message of the relay is taken leaves nothing, and
// the changes come again with the next connection.
func TestFailedWriteOfWhatTheRelaySent(t *testing.T) {
	onStores(t, func(t *testing.T, store storage.Store) {
		host := startRelay(t)
		a := device(t, mem.New())
		disk := &faulty{Store: store}
		b := device(t, disk)
		id := found(t, a, host.url())
		join(t, b, id, host.url())
		settled(t, b, id, 0)
		ask(t, b, id, "b's document is loaded")
		settled(t, a, id, 1)
		disk.fail.Store(true)
		ask(t, a, id, "?")
		eventually(t, b, "saying that the disk is at fault", func() bool {
			s := statusOf(t, b, id)
			return s.Posts == 1 && strings.Contains(s.Relay.Why, "could not be saved on this device")
		})
		disk.fail.Store(false)
		settled(t, b, id, 2)
		ask(t, b, id, "!")
		settled(t, a, id, 3)
	})
}
