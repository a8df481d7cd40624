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

// fakeRelay is a relay that sends only what the test tells it to send.
type fakeRelay struct {
	t     *testing.T
	conns chan *fakeConn
	conn  *fakeConn
	event qa.EventID
	keys  map[qa.Identity]keys.Key // keys of the people whose changes it signs

	mu       sync.Mutex
	received []*repo.Message // messages from the device since the last handshake
}

// receivedOf returns the messages of a type from the device since the last handshake.
func (p *fakeRelay) receivedOf(kind string) []*repo.Message {
	p.mu.Lock()
	defer p.mu.Unlock()
	var out []*repo.Message
	for _, m := range p.received {
		if m.Type == kind {
			out = append(out, m)
		}
	}
	return out
}

type fakeConn struct {
	in, out chan []byte // to and from the device
	once    sync.Once
	closed  chan struct{}
}

func newFakeRelay(t *testing.T) *fakeRelay {
	return &fakeRelay{t: t, conns: make(chan *fakeConn), keys: map[qa.Identity]keys.Key{}}
}

// actor returns a new actor for a key, and makes the relay sign its changes.
func (p *fakeRelay) actor(k keys.Key) wire.ActorID {
	p.t.Helper()
	p.keys[k.Identity()] = k
	a, err := k.NewActor(nil)
	if err != nil {
		p.t.Fatal(err)
	}
	return a
}

// sign signs changes with the known keys. A change that cannot be decoded, or whose writer
// is unknown, gets a signature of zeros.
func (p *fakeRelay) sign(changes ...[]byte) []byte {
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

func (p *fakeRelay) Dial(ctx context.Context, _ string) (relayclient.Conn, error) {
	c := &fakeConn{in: make(chan []byte), out: make(chan []byte), closed: make(chan struct{})}
	select {
	case p.conns <- c:
		return c, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (c *fakeConn) Read() ([]byte, error) {
	select {
	case b := <-c.in:
		return b, nil
	case <-c.closed:
		return nil, io.EOF
	}
}

func (c *fakeConn) Write(b []byte) error {
	select {
	case c.out <- bytes.Clone(b):
		return nil
	case <-c.closed:
		return io.ErrClosedPipe
	}
}

func (c *fakeConn) NoticesSilence() bool { return true }

func (c *fakeConn) Relay() relayclient.RelayInfo { return relayclient.RelayInfo{} }

func (c *fakeConn) Close() error {
	c.once.Do(func() { close(c.closed) })
	return nil
}

// accept waits for the next connection and performs the handshake. Later messages from the
// device are recorded.
func (p *fakeRelay) accept() {
	p.t.Helper()
	ctx := testContext(p.t)
	select {
	case p.conn = <-p.conns:
	case <-ctx.Done():
		p.t.Fatal("the device did not connect")
	}
	select {
	case b := <-p.conn.out:
		if m, err := repo.Decode(b); err != nil || m.Type != repo.TypeJoin {
			p.t.Fatalf("%+v, %v", m, err)
		}
	case <-ctx.Done():
		p.t.Fatal("the device did not join")
	}
	p.mu.Lock()
	p.received = nil
	p.mu.Unlock()
	p.send(&repo.Message{Type: repo.TypePeer, SelectedProtocolVersion: "1"})
	go func(c *fakeConn) {
		for {
			select {
			case b := <-c.out:
				if m, err := repo.Decode(b); err == nil {
					p.mu.Lock()
					p.received = append(p.received, m)
					p.mu.Unlock()
				}
			case <-c.closed:
				return
			}
		}
	}(p.conn)
}

// sendFrame sends raw bytes. It returns false if the device has ended the connection.
func (p *fakeRelay) sendFrame(b []byte) bool {
	select {
	case p.conn.in <- b:
		return true
	case <-p.conn.closed:
		return false
	case <-testContext(p.t).Done():
		p.t.Fatal("the device did not read")
		return false
	}
}

func (p *fakeRelay) send(m *repo.Message) bool {
	p.t.Helper()
	m.SenderID, m.TargetID = "puppet", "device"
	b, err := repo.Encode(m)
	if err != nil {
		p.t.Fatal(err)
	}
	return p.sendFrame(b)
}

// sync sends changes in a well-formed sync message. If signatures is nil it signs them.
func (p *fakeRelay) sync(heads []wire.Hash, signatures []byte, changes ...[]byte) bool {
	p.t.Helper()
	if signatures == nil {
		signatures = p.sign(changes...)
	}
	slices.SortFunc(heads, func(a, b wire.Hash) int { return bytes.Compare(a[:], b[:]) })
	m := wire.Message{Heads: heads, Have: []wire.Have{{}}, Changes: changes}
	return p.send(&repo.Message{Type: repo.TypeSync, DocumentID: string(p.event), Data: m.Encode(), Signatures: signatures})
}

// refusedBy returns the changes of an event that a node or its relay refused.
func refusedBy(n *replica.Node, id qa.EventID) []replica.Refusal {
	out, _ := n.Refused(id)
	return out
}

// attackedDevice is a device that follows an event on a fake relay.
type attackedDevice struct {
	relay   *fakeRelay
	node    *replica.Node
	store   storage.Store
	key     keys.Key // the founder's, who is the attacker
	founder *replica.Node
	origin  storage.Store // the founder's
	own     keys.Key      // the device's
	all     []storage.Entry
	last    *wire.Change
	posts   wire.OpID
	x       wire.OpID // event/x, where an organiser may write any key
	people  wire.OpID
}

func attack(t *testing.T) *attackedDevice {
	t.Helper()
	a := &attackedDevice{relay: newFakeRelay(t), store: mem.New(), key: newKey(t), own: newKey(t)}
	a.relay.keys[a.key.Identity()] = a.key
	a.origin = mem.New()
	a.founder = openNode(t, replica.Config{Store: a.origin, Key: a.key})
	a.relay.event = createEvent(t, a.founder, "")
	ask(t, a.founder, a.relay.event, "honest")
	a.all = entries(t, a.origin, a.relay.event)
	var err error
	if a.last, err = wire.DecodeChange(a.all[1].Bytes()); err != nil {
		t.Fatal(err)
	}
	a.posts = a.last.Ops[0].Obj
	genesis, err := wire.DecodeChange(a.all[0].Bytes())
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

	a.node = openNode(t, fastRetries(replica.Config{Store: a.store, Key: a.own, Dial: a.relay}))
	join(t, a.node, a.relay.event, "wss://relay.example")
	a.node.Start(t.Context())
	a.relay.accept()
	a.relay.sync([]wire.Hash{a.last.Hash}, nil, a.all[0].Bytes(), a.all[1].Bytes())
	waitSynced(t, a.node, a.relay.event, 1)
	return a
}

// next returns a valid next change by the founder's actor. Tests modify it.
func (a *attackedDevice) next(ops ...wire.Op) *wire.Change {
	c := &wire.Change{
		Deps: []wire.Hash{a.last.Hash}, Actor: a.last.Actor, Seq: a.last.Seq + 1,
		StartOp: a.last.MaxOp() + 1, TimeMillis: a.last.TimeMillis + 1, Ops: ops,
	}
	return a.withHash(c)
}

// withHash sets a change's hash to the hash of its bytes.
func (a *attackedDevice) withHash(c *wire.Change) *wire.Change {
	c.Hash, _ = wire.ReadHash(c.Encode())
	return c
}

// introduction returns a change that anybody may write: a person sets their own name, on top
// of the last change.
func (a *attackedDevice) introduction(k keys.Key) *wire.Change {
	c := a.next()
	c.Actor, c.Seq = a.relay.actor(k), 1
	own := wire.OpID{Counter: c.StartOp, Actor: c.Actor}
	c.Ops = []wire.Op{
		{Action: wire.MakeMap, Obj: a.people, Key: wire.Key{Prop: string(k.Identity())}},
		setAt(own, "name"),
	}
	return a.withHash(c)
}

func setAt(obj wire.OpID, key string, pred ...wire.OpID) wire.Op {
	return wire.Op{Action: wire.Set, Obj: obj, Key: wire.Key{Prop: key}, Value: wire.StringValue("x"), Pred: pred}
}

func TestForgedChangesAreRefusedWithTheirCode(t *testing.T) {
	cases := map[string]struct {
		code policy.Code
		make func(a *attackedDevice) (c *wire.Change, signature []byte)
	}{
		"unsigned": {policy.CodeSignature, func(a *attackedDevice) (*wire.Change, []byte) {
			return a.next(setAt(a.x, "x")), make([]byte, 64)
		}},
		"another genesis": {policy.CodeGenesis, func(a *attackedDevice) (*wire.Change, []byte) {
			c := a.next(wire.Op{Action: wire.Set, Key: wire.Key{Prop: "kind"}, Value: wire.StringValue("event")})
			c.Deps, c.Seq, c.StartOp, c.Actor = nil, 1, 1, a.relay.actor(a.key)
			return a.withHash(c), nil
		}},
		"signed by somebody else": {policy.CodeSignature, func(a *attackedDevice) (*wire.Change, []byte) {
			c := a.next(setAt(a.x, "x"))
			signature, err := keys.Sign(newKey(t), a.relay.event, c.Hash)
			if err != nil {
				t.Fatal(err)
			}
			return c, signature
		}},
		"signed for another event": {policy.CodeSignature, func(a *attackedDevice) (*wire.Change, []byte) {
			c := a.next(setAt(a.x, "x"))
			signature, err := keys.Sign(a.key, qa.MakeEventID([16]byte{7}), c.Hash)
			if err != nil {
				t.Fatal(err)
			}
			return c, signature
		}},
		"a gap in the sequence": {policy.CodeSequence, func(a *attackedDevice) (*wire.Change, []byte) {
			c := a.next(setAt(a.x, "x"))
			c.Seq += 2
			return a.withHash(c), nil
		}},
		"a map that is not there": {policy.CodeObject, func(a *attackedDevice) (*wire.Change, []byte) {
			return a.next(setAt(wire.OpID{Counter: 3, Actor: a.relay.actor(newKey(t))}, "x")), nil
		}},
		"a value as a map": {policy.CodeObject, func(a *attackedDevice) (*wire.Change, []byte) {
			return a.next(setAt(wire.OpID{Counter: a.last.MaxOp(), Actor: a.last.Actor}, "x")), nil
		}},
		"a pred that is not there": {policy.CodePreds, func(a *attackedDevice) (*wire.Change, []byte) {
			return a.next(setAt(a.x, "x", wire.OpID{Counter: 3, Actor: a.relay.actor(newKey(t))})), nil
		}},
		"a pred of another key": {policy.CodePreds, func(a *attackedDevice) (*wire.Change, []byte) {
			return a.next(setAt(a.x, "x", wire.OpID{Counter: a.last.StartOp, Actor: a.last.Actor})), nil
		}},
		"a list": {policy.CodeSchema, func(a *attackedDevice) (*wire.Change, []byte) {
			op := setAt(a.x, "x")
			op.Action, op.Value = wire.MakeList, wire.Value{}
			return a.next(op), nil
		}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			a := attack(t)
			id := a.relay.event
			forged, signature := c.make(a)
			child := a.withHash(&wire.Change{
				Deps: []wire.Hash{forged.Hash}, Actor: a.relay.actor(newKey(t)), Seq: 1,
				StartOp: forged.MaxOp() + 1, TimeMillis: 1, Ops: []wire.Op{setAt(wire.OpID{}, "y")},
			})
			before := entries(t, a.store, id)
			if signature == nil {
				signature = a.relay.sign(forged.Encode())
			}
			signatures := append(slices.Clip(signature), a.relay.sign(child.Encode())...)
			a.relay.sync([]wire.Hash{child.Hash}, signatures, forged.Encode(), child.Encode())
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
			// Valid changes still arrive and local acts still work, on the same connection.
			honest := a.next(setAt(a.x, "honest"))
			a.relay.sync([]wire.Hash{honest.Hash}, nil, honest.Encode())
			eventually(t, a.node, "the honest change", func() bool { return statusOf(t, a.node, id).Changes == len(before)+1 })
			ask(t, a.node, id, "mine")
			if s := statusOf(t, a.node, id); s.Changes != len(before)+2 || s.Pending != 1 {
				t.Fatalf("%+v", s)
			}
		})
	}
}

// A change that came with a wrong signature is accepted when it comes with the right one. The
// change that depends on it is accepted on the next connection.
func TestChangeIsAcceptedAfterItsSignatureIsCorrected(t *testing.T) {
	a := attack(t)
	id := a.relay.event
	c := a.next(setAt(a.x, "x"))
	child := a.withHash(&wire.Change{
		Deps: []wire.Hash{c.Hash}, Actor: c.Actor, Seq: c.Seq + 1, StartOp: c.MaxOp() + 1,
		TimeMillis: 1, Ops: []wire.Op{setAt(a.x, "y")},
	})
	right := a.relay.sign(c.Encode(), child.Encode())
	a.relay.sync([]wire.Hash{child.Hash}, append(bytes.Repeat([]byte{1}, 64), right[64:]...), c.Encode(), child.Encode())
	eventually(t, a.node, "the refusals", func() bool { return len(refusedBy(a.node, id)) == 2 })
	a.relay.sync([]wire.Hash{child.Hash}, right[:64], c.Encode())
	eventually(t, a.node, "the change", func() bool { return statusOf(t, a.node, id).Changes == 3 })
	if r := refusedBy(a.node, id); len(r) != 0 {
		t.Fatalf("%+v", r)
	}
	_ = a.relay.conn.Close()
	a.relay.accept()
	a.relay.sync([]wire.Hash{child.Hash}, right[64:], child.Encode())
	eventually(t, a.node, "what depends on it", func() bool { return statusOf(t, a.node, id).Relay.State == qa.RelaySynced })
	en, err := a.store.Entry(t.Context(), id, c.Hash)
	if err != nil || !bytes.Equal(en.Signature, right[:64]) || en.Own {
		t.Fatalf("%+v, %v", en, err)
	}
}

// A change that arrives before its dependencies waits, and is checked when they arrive.
func TestPendingChangesAreCheckedWhenDependenciesArrive(t *testing.T) {
	a := attack(t)
	id := a.relay.event
	first := a.next(setAt(a.x, "x"))
	good := a.withHash(&wire.Change{
		Deps: []wire.Hash{first.Hash}, Actor: first.Actor, Seq: first.Seq + 1, StartOp: first.MaxOp() + 1,
		TimeMillis: 1, Ops: []wire.Op{setAt(a.x, "x", wire.OpID{Counter: first.StartOp, Actor: first.Actor})},
	})
	stranger := a.relay.actor(newKey(t))
	bad := a.withHash(&wire.Change{
		Deps: []wire.Hash{first.Hash}, Actor: stranger, Seq: 1, StartOp: first.MaxOp() + 1,
		TimeMillis: 1, Ops: []wire.Op{setAt(a.x, "z")}, // the writer is not an organiser
	})
	heads := []wire.Hash{good.Hash, bad.Hash}
	a.relay.sync(slices.Clone(heads), nil, good.Encode(), bad.Encode())
	a.relay.sync(slices.Clone(heads), nil, first.Encode())
	eventually(t, a.node, "the refusal", func() bool { return len(refusedBy(a.node, id)) == 1 })
	if r := refusedBy(a.node, id)[0]; r.Hash != bad.Hash || r.Code != string(policy.CodeRole) {
		t.Fatalf("%+v", r)
	}
	if s := statusOf(t, a.node, id); s.Changes != 4 || !slices.Equal(s.Heads, []string{good.Hash.String()}) {
		t.Fatalf("%+v", s)
	}
	ask(t, a.node, id, "mine")
}

// hostileInputs are inputs of kinds that are known to do harm. They are in the source so that
// the test has inputs even where the collection of recorded ones is missing.
var hostileInputs = []string{
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
	checkNoGoroutineLeak(t)
	inputs := map[string][]byte{}
	for _, s := range hostileInputs {
		b, err := hex.DecodeString(s)
		if err != nil {
			t.Fatal(err)
		}
		inputs["built in: "+s] = b
	}
	dir := filepath.Join("..", "..", "shared", "hostile")
	names, err := filepath.Glob(filepath.Join(dir, "*.hex"))
	if err != nil {
		t.Fatal(err)
	}
	if len(names) == 0 {
		t.Logf("the collection %s is missing; only the %d built-in inputs are tried", dir, len(inputs))
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
	id := a.relay.event
	ask(t, a.node, id, "mine") // loads the document
	before := entries(t, a.store, id)
	tried, ended := 0, 0
	feed := func(send func() bool) {
		tried++
		if !send() {
			ended++
			a.relay.accept()
		}
	}
	for _, b := range inputs {
		feed(func() bool { return a.relay.sendFrame(b) })
		if len(b) > 0 {
			feed(func() bool {
				return a.relay.send(&repo.Message{Type: repo.TypeSync, DocumentID: string(id), Data: b})
			})
		}
		feed(func() bool { return a.relay.sync([]wire.Hash{a.last.Hash}, nil, b) })
		// A file may contain several chunks.
		if chunks, err := wire.SplitChunks(b); err == nil {
			feed(func() bool { return a.relay.sync([]wire.Hash{a.last.Hash}, nil, chunks...) })
		}
	}
	if tried < 3*len(hostileInputs)-1 || ended == 0 {
		t.Fatalf("%d tries, %d connections ended: nothing was tested", tried, ended)
	}
	// The last input may be about to end the current connection.
	for !a.relay.sync([]wire.Hash{a.last.Hash}, nil) {
		a.relay.accept()
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
	id := a.relay.event
	var heads []wire.Hash
	var changes [][]byte
	for range 300 {
		c := a.introduction(newKey(t))
		heads, changes = append(heads, c.Hash), append(changes, c.Encode())
	}
	a.relay.sync(heads, nil, changes...)
	eventually(t, a.node, "one head", func() bool {
		s := statusOf(t, a.node, id)
		return s.Changes == 303 && len(s.Heads) == 1 && s.Pending == 1
	})
	ask(t, a.node, id, "on top")
}

func TestRelayRefusalIsReported(t *testing.T) {
	a := attack(t)
	id := a.relay.event
	ask(t, a.node, id, "mine")
	own := entries(t, a.store, id)[2].Hash()
	a.relay.send(&repo.Message{
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
	// The relay accepts the change after all: it is among its heads.
	a.relay.sync([]wire.Hash{own}, nil)
	eventually(t, a.node, "the relay having it", func() bool {
		s := statusOf(t, a.node, id)
		return s.Pending == 0 && s.Relay.State == qa.RelaySynced && s.Relay.Why == ""
	})
}

// If saving the relay's changes fails, none of them are kept, and they arrive again on the
// next connection.
func TestChangesArriveAgainAfterAFailedWrite(t *testing.T) {
	onStores(t, func(t *testing.T, store storage.Store) {
		host := startRelay(t)
		a := device(t, mem.New())
		disk := &failingStore{Store: store}
		b := device(t, disk)
		id := createEvent(t, a, host.url())
		join(t, b, id, host.url())
		waitSynced(t, b, id, 0)
		ask(t, b, id, "b's document is loaded")
		waitSynced(t, a, id, 1)
		disk.fail.Store(true)
		ask(t, a, id, "?")
		eventually(t, b, "saying that the disk is at fault", func() bool {
			s := statusOf(t, b, id)
			return s.Posts == 1 && strings.Contains(s.Relay.Why, "could not be saved on this device")
		})
		disk.fail.Store(false)
		waitSynced(t, b, id, 2)
		ask(t, b, id, "!")
		waitSynced(t, a, id, 3)
	})
}
