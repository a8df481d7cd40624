// Package relaytest simulates devices for tests of the relay. A device has one document, as a graph
// and the bytes of its changes, writes small changes, and speaks the relay's protocol. It is
// simpler than a replica: it stores nothing on disk, and it writes changes operation by operation,
// so it needs neither automerge nor cgo. A device of an event writes posts and validates the
// changes that it receives. A device of another document, for open relays, sets keys in the root.
//
// A device's changes depend only on its name and its document, so a test that runs in the same order
// makes the same changes.
package relaytest

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/gorilla/websocket"

	core "flyleaf/crdt/document"
	"flyleaf/crdt/graph"
	amsync "flyleaf/crdt/sync"
	"flyleaf/crdt/sync/repo"
	"flyleaf/crdt/wire"
	"flyleaf/keys"
	"flyleaf/qa"
)

// Wait is how long a test waits for something that should happen at once.
const Wait = 20 * time.Second

// Signature returns 64 bytes that depend only on the hash. They are not a valid signature.
func Signature(h wire.Hash) []byte { return append(h[:], h[:]...) }

// NewChange returns the chunk of a change that sets keys of the root.
func NewChange(actor wire.ActorID, seq, startOp uint64, deps []wire.Hash, key string, values ...string) *wire.Change {
	c := &wire.Change{Actor: actor, Seq: seq, StartOp: startOp, Deps: slices.Clone(deps), TimeMillis: 1_700_000_000_000 + int64(seq)}
	slices.SortFunc(c.Deps, func(a, b wire.Hash) int { return slices.Compare(a[:], b[:]) })
	c.Deps = slices.Compact(c.Deps)
	for i, v := range values {
		c.Ops = append(c.Ops, wire.Op{
			Action: wire.Set, Key: wire.Key{Kind: wire.MapKey, Prop: fmt.Sprintf("%s-%d", key, i)}, Value: wire.StringValue(v),
		})
	}
	c.Hash = c.Chunk().Hash()
	return c
}

// Device has one document. Its methods may be called from any goroutine.
type Device struct {
	Name  string
	Event qa.EventID
	// Unsigned: the device sends no signatures. Set it before connecting.
	Unsigned bool
	// Header is sent with the upgrade request. Set it before connecting.
	Header http.Header
	// Keys sign the answers to challenges, each once; nil: KeyOf(Name).
	Keys []keys.Key

	actor wire.ActorID
	stock bool
	about *Event // nil for any other document

	mu         sync.Mutex
	changed    chan struct{} // closed and replaced when anything changes
	document   *core.Document
	graph      *graph.Graph         // the document's
	access     int                  // challenges answered
	bytes      map[wire.Hash][]byte // applied and pending
	signatures map[wire.Hash][]byte
	conn       *conn

	refused     []repo.Refusal
	unavailable int
	ephemeral   []repo.Message
	failures    []string           // texts of error messages
	announced   map[wire.Hash]bool // changes that a relay has announced
	closeErr    error              // why the last connection ended
	unsigned    map[wire.Hash]bool // came without a signature
	received    int                // sync messages
	biggest     int                // bytes of the largest frame
}

// NewDevice returns a device without data. If the event was made by EventID or NewEvent, the device knows
// the first change, and writes posts.
func NewDevice(name string, event qa.EventID) *Device {
	d := &Device{
		Name: name, Event: event, actor: Actor(name), changed: make(chan struct{}),
		bytes: map[wire.Hash][]byte{}, signatures: map[wire.Hash][]byte{},
		announced: map[wire.Hash]bool{}, unsigned: map[wire.Hash]bool{},
	}
	if e, ok := events.Load(event); ok {
		d.about = e.(*Event)
	}
	d.reset()
	return d
}

// NewStockClient returns a device that accepts only one version of a change, as stock
// clients do. Receiving another version is an error.
func NewStockClient(name string, event qa.EventID) *Device {
	d := NewDevice(name, event)
	d.stock = true
	d.reset()
	return d
}

// reset sets an empty document.
func (d *Device) reset() {
	d.document = core.New(d.Event, core.Options{Open: d.about == nil, OneVersion: d.stock})
	d.graph = d.document.Graph()
}

// add adds a change to the document, where it may stay pending.
func (d *Device) add(c *core.Change) error {
	d.bytes[c.Meta.Hash] = c.Chunk.Bytes()
	added, err := d.document.Add(c)
	if err != nil {
		return err
	}
	if added.Refusal != nil {
		return added.Refusal
	}
	if c.Signature != nil {
		d.signatures[c.Meta.Hash] = c.Signature
	}
	return nil
}

// addSigned is add for a change that was made here.
func (d *Device) addSigned(s Signed) error {
	return d.add(core.NewChange(s.Change, s.Chunk(), bytes.Clone(s.Signature), 0))
}

// conn is one connection of a device.
type conn struct {
	ws    *websocket.Conn
	relay string // its peer ID
	url   string // as it was dialled
	state *amsync.Peer
	asked bool
	// answers is how many challenges were answered on it.
	answers   int
	announced map[wire.Hash]bool // changes that the relay has announced
	ended     chan struct{}
	wmu       sync.Mutex
}

func (c *conn) send(m *repo.Message) error {
	b, err := repo.Encode(m)
	if err != nil {
		return err
	}
	c.wmu.Lock()
	defer c.wmu.Unlock()
	_ = c.ws.SetWriteDeadline(time.Now().Add(Wait))
	return c.ws.WriteMessage(websocket.BinaryMessage, b)
}

// Dial connects a socket and does the handshake as the peer, without a device.
func Dial(ctx context.Context, url, peer string) (ws *websocket.Conn, relay string, err error) {
	return dial(ctx, url, peer, nil, true)
}

// DialFrom is Dial with a header for the upgrade request.
func DialFrom(ctx context.Context, url, peer string, header http.Header) (ws *websocket.Conn, relay string, err error) {
	return dial(ctx, url, peer, header, true)
}

func dial(ctx context.Context, url, peer string, header http.Header, acceptsVersions bool) (ws *websocket.Conn, relay string, err error) {
	ws, resp, err := websocket.DefaultDialer.DialContext(ctx, url, header)
	if err != nil {
		return nil, "", err
	}
	_ = resp.Body.Close()
	join, err := repo.Encode(&repo.Message{Type: repo.TypeJoin, SenderID: peer, SupportedProtocolVersions: []string{"1"}, PeerMetadata: repo.PeerMetadata{IsEphemeral: true, AcceptsVersions: acceptsVersions}})
	if err == nil {
		err = ws.WriteMessage(websocket.BinaryMessage, join)
	}
	if err != nil {
		_ = ws.Close()
		return nil, "", err
	}
	_ = ws.SetReadDeadline(time.Now().Add(Wait))
	_, b, err := ws.ReadMessage()
	if err != nil {
		_ = ws.Close()
		return nil, "", err
	}
	_ = ws.SetReadDeadline(time.Time{})
	m, err := repo.Decode(b)
	if err == nil && (m.Type != repo.TypePeer || m.SelectedProtocolVersion != "1" || m.TargetID != peer) {
		err = fmt.Errorf("answer to join is %+v", m)
	}
	if err != nil {
		_ = ws.Close()
		return nil, "", err
	}
	return ws, m.SenderID, nil
}

// Connect joins the relay and begins to sync. Disconnect ends it.
func (d *Device) Connect(ctx context.Context, url string) error {
	ws, relay, err := dial(ctx, url, d.Name, d.Header, !d.stock)
	if err != nil {
		return err
	}
	c := &conn{ws: ws, relay: relay, url: url, state: amsync.NewPeer(), ended: make(chan struct{}), announced: map[wire.Hash]bool{}}
	d.mu.Lock()
	d.conn = c
	err = d.sendNext(c)
	d.mu.Unlock()
	go d.listen(c)
	return err
}

// Disconnect cuts the connection, without a goodbye, and waits for its end.
func (d *Device) Disconnect() {
	d.mu.Lock()
	c := d.conn
	d.conn = nil
	d.mu.Unlock()
	if c != nil {
		_ = c.ws.Close()
		<-c.ended
	}
}

// listen handles messages until the connection ends.
func (d *Device) listen(c *conn) {
	defer close(c.ended)
	for {
		_, b, err := c.ws.ReadMessage()
		if err == nil {
			err = d.handle(c, b)
		}
		if err != nil {
			_ = c.ws.Close()
			d.mu.Lock()
			d.closeErr = err
			if d.conn == c {
				d.conn = nil
			}
			d.notify()
			d.mu.Unlock()
			return
		}
	}
}

func (d *Device) handle(c *conn, b []byte) error {
	m, err := repo.Decode(b)
	if err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	defer d.notify()
	d.biggest = max(d.biggest, len(b))
	switch m.Type {
	case repo.TypeSync, repo.TypeRequest:
		if m.DocumentID != string(d.Event) {
			return fmt.Errorf("sync of %s, which was not asked for", m.DocumentID)
		}
		return d.receive(c, m)
	case repo.TypeUnavailable:
		d.unavailable++
	case repo.TypeRefused:
		d.refused = append(d.refused, m.Refused...)
	case repo.TypeEphemeral:
		d.ephemeral = append(d.ephemeral, *m)
	case repo.TypeProof:
		return errors.New("a proof of equivocation, which only earlier versions send")
	case repo.TypeAccess:
		return d.answer(c, m)
	case repo.TypeError:
		d.failures = append(d.failures, m.Message)
	}
	return nil
}

// receive handles a sync message. d.mu is held.
func (d *Device) receive(c *conn, m *repo.Message) error {
	msg, err := wire.DecodeMessage(m.Data)
	if err != nil {
		return err
	}
	if len(msg.Trailing) > 0 {
		return errors.New("a message with capability bytes: stock clients would answer in version 2")
	}
	d.received++
	for _, h := range msg.Heads {
		d.announced[h], c.announced[h] = true, true
	}
	received := amsync.Received{Before: d.graph.Heads()}
	inspector := core.Inspector{Event: d.Event, Open: d.about == nil}
	for i, b := range msg.Changes {
		var signature []byte
		if len(m.Signatures) > 0 {
			signature = m.Signatures[i*repo.SignatureLen : (i+1)*repo.SignatureLen]
		}
		found, err := inspector.Inspect(b, signature)
		received.Changes = append(received.Changes, found.Hash)
		if signature == nil {
			d.unsigned[found.Hash] = true
		}
		d.announced[found.Hash], c.announced[found.Hash] = true, true
		switch {
		case err != nil:
		case found.Refusal != nil:
			err = found.Refusal
		default:
			err = d.add(found.Change)
		}
		if err != nil {
			return fmt.Errorf("the relay passed on a bad change: %w", err)
		}
	}
	c.state.Receive(d.graph, msg, received)
	return d.sendNext(c)
}

// sendNext sends the next sync message, if there is one. d.mu is held.
func (d *Device) sendNext(c *conn) error {
	msg, ok, err := c.state.Generate(source{d})
	if err != nil || !ok {
		return err
	}
	m := &repo.Message{Type: repo.TypeSync, SenderID: d.Name, TargetID: c.relay, DocumentID: string(d.Event), Data: msg.Encode()}
	if !c.asked && d.graph.Len() == 0 {
		m.Type = repo.TypeRequest
	}
	c.asked = true
	if !d.Unsigned {
		m.Signatures = repo.JoinSignatures(msg.Signatures)
	}
	return c.send(m)
}

type source struct{ d *Device }

func (s source) Graph() *graph.Graph { return s.d.graph }

func (s source) Change(h wire.Hash) (amsync.Change, error) {
	return amsync.Change{Bytes: s.d.bytes[h], Signature: s.d.signatures[h]}, nil
}

// Write authors a change with these values, and sends it when connected. In an
// event it is a post.
func (d *Device) Write(values ...string) (wire.Hash, error) {
	if len(values) == 0 {
		values = []string{"written by " + d.Name}
	}
	return d.write(func(seq, startOp uint64, deps []wire.Hash) Signed {
		if d.about != nil {
			return d.about.Post(d.Name, seq, startOp, deps, strings.Join(values, " "))
		}
		c := NewChange(d.actor, seq, startOp, deps, fmt.Sprintf("%s-%d", d.Name, seq), values...)
		return Signed{c, Signature(c.Hash)}
	})
}

// Do authors a change of an event with the operations that ops returns, of which
// the first has the counter startOp, and sends it when connected.
func (d *Device) Do(ops func(actor wire.ActorID, startOp uint64) []wire.Op) (wire.Hash, error) {
	return d.write(func(seq, startOp uint64, deps []wire.Hash) Signed {
		return d.about.Change(d.Name, seq, startOp, deps, ops(d.actor, startOp)...)
	})
}

func (d *Device) write(author func(seq, startOp uint64, deps []wire.Hash) Signed) (wire.Hash, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.about != nil && d.graph.Len() == 0 {
		if err := d.addSigned(d.about.Genesis); err != nil {
			return wire.Hash{}, err
		}
	}
	deps := slices.Clone(d.graph.Heads())
	seq := d.graph.SeqOf(d.actor)
	if own, ok := d.graph.BySeq(d.actor, seq); ok {
		deps = append(deps, own)
	}
	c := author(seq+1, d.graph.MaxOp()+1, deps)
	if d.Unsigned {
		c.Signature = nil
	}
	if err := d.addSigned(c); err != nil {
		return c.Hash, err
	}
	d.notify()
	if d.conn == nil {
		return c.Hash, nil
	}
	return c.Hash, d.sendNext(d.conn)
}

// Receive adds changes to the device's document, as if they had come in another way than from the relay.
// It sends nothing.
func (d *Device) Receive(changes ...Signed) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, c := range changes {
		if err := d.addSigned(c); err != nil {
			return err
		}
	}
	d.notify()
	return nil
}

// Signed returns a change of the device's document with its signature.
func (d *Device) Signed(h wire.Hash) (Signed, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	c, err := wire.DecodeChange(d.bytes[h])
	return Signed{c, d.signatures[h]}, err
}

// Offer sends changes of the event in one sync message, without adding them to the document.
func (d *Device) Offer(changes ...Signed) error {
	return d.Send(d.Message(changes...))
}

// Message returns the sync message of Offer. Its heads are those of the changes that no other one of
// them depends on.
func (d *Device) Message(changes ...Signed) *repo.Message {
	m := &wire.Message{Have: []wire.Have{{}}}
	inner := map[wire.Hash]bool{}
	for _, c := range changes {
		for _, h := range c.Deps {
			inner[h] = true
		}
	}
	var signatures []byte
	for _, c := range changes {
		if !inner[c.Hash] {
			m.Heads = append(m.Heads, c.Hash)
		}
		m.Changes = append(m.Changes, c.Encode())
		signatures = append(signatures, c.Signature...)
	}
	return &repo.Message{Type: repo.TypeSync, SenderID: d.Name, DocumentID: string(d.Event), Data: m.Encode(), Signatures: signatures}
}

// answer answers a challenge with the next of the device's keys, and requests the document again. It
// does nothing when the keys are used up. d.mu is held.
func (d *Device) answer(c *conn, m *repo.Message) error {
	signers := d.Keys
	if signers == nil {
		signers = []keys.Key{KeyOf(d.Name)}
	}
	if c.answers >= len(signers) {
		return nil
	}
	k := signers[c.answers]
	c.answers++
	d.access++
	if m.Version != keys.AccessVersion {
		return fmt.Errorf("relaytest: the challenge is of version %d", m.Version)
	}
	address, err := keys.RelayAddress(c.url)
	if err != nil {
		return err
	}
	sig, err := keys.SignAccess(k, keys.Access{Event: d.Event, Challenge: m.Challenge, Address: address, Device: d.Name, Relay: c.relay})
	if err != nil {
		return err
	}
	public, err := hex.DecodeString(string(k.Identity()))
	if err != nil {
		return err
	}
	err = c.send(&repo.Message{Type: repo.TypeAccess, SenderID: d.Name, TargetID: c.relay, DocumentID: string(d.Event), Identity: public, Signature: sig, Version: keys.AccessVersion})
	if err != nil {
		return err
	}
	c.state.Restart(nil)
	c.asked = false
	return d.sendNext(c)
}

// NextOp returns the first operation counter of the next change on top of all heads.
func (d *Device) NextOp() uint64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.graph.MaxOp() + 1
}

// Send sends an envelope unchanged. It returns an error when the device is not connected.
func (d *Device) Send(m *repo.Message) error {
	d.mu.Lock()
	c := d.conn
	d.mu.Unlock()
	if c == nil {
		return errors.New("relaytest: not connected")
	}
	return c.send(m)
}

// notify wakes all goroutines in Until. d.mu is held.
func (d *Device) notify() {
	close(d.changed)
	d.changed = make(chan struct{})
}

// Until waits until ok returns true for the device's state. The error has the state when ctx ended.
func (d *Device) Until(ctx context.Context, ok func(State) bool) error {
	for {
		d.mu.Lock()
		state, changed := d.state(), d.changed
		d.mu.Unlock()
		if ok(state) {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return fmt.Errorf("%s waits in vain, holds %+v: %w", d.Name, state, ctx.Err())
		}
	}
}

// State describes a device's document and the relay's answers.
type State struct {
	Heads       []wire.Hash
	Changes     int // of an event, the genesis is not counted
	Access      int // challenges answered
	Connected   bool
	CloseErr    error
	Refused     []repo.Refusal
	Unavailable int
	Ephemeral   []repo.Message
	Failures    []string
	Messages    int  // sync messages received
	Biggest     int  // bytes of the largest frame received
	Unsigned    int  // changes received without a signature
	Stored      bool // on this connection the relay has said that it stores all heads
	InSync      bool // the relay's last message had exactly these heads
}

func (d *Device) state() State {
	stored := d.conn != nil
	for _, h := range d.graph.Heads() {
		stored = stored && d.conn.announced[h]
	}
	changes := d.graph.Len()
	if d.about != nil && changes > 0 {
		changes--
	}
	return State{
		Access: d.access,
		Stored: stored, InSync: d.conn != nil && d.conn.state.InSync(d.graph),

		Heads: d.graph.Heads(), Changes: changes, Connected: d.conn != nil, CloseErr: d.closeErr,
		Refused: slices.Clone(d.refused), Unavailable: d.unavailable, Ephemeral: slices.Clone(d.ephemeral),
		Failures: slices.Clone(d.failures), Messages: d.received, Biggest: d.biggest, Unsigned: len(d.unsigned),
	}
}

// State returns the device's current state.
func (d *Device) State() State {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.state()
}

// Announced returns the changes that a relay has ever said it has: the heads that it named
// and the changes that it sent.
func (d *Device) Announced() []wire.Hash {
	d.mu.Lock()
	defer d.mu.Unlock()
	var all []wire.Hash
	for h := range d.announced {
		all = append(all, h)
	}
	return all
}

// Has reports whether the change is applied in the device's document.
func (d *Device) Has(h wire.Hash) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.graph.Has(h)
}

// Order returns the changes of the device's document, each after its dependencies.
func (d *Device) Order() []wire.Hash {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Collect(d.graph.Order())
}

// Bytes returns the bytes of a change as received, nil if the device does not have it.
func (d *Device) Bytes(h wire.Hash) []byte {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.bytes[h]
}

// BySeq returns the actor's change with a sequence number, if the device has it.
func (d *Device) BySeq(a wire.ActorID, seq uint64) (wire.Hash, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.graph.BySeq(a, seq)
}

// SignatureOf returns the signature of a change, nil if the device has none.
func (d *Device) SignatureOf(h wire.Hash) []byte {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.signatures[h]
}

// SameHeads waits until all devices have the same heads.
func SameHeads(ctx context.Context, devices ...*Device) error {
	for {
		var first []wire.Hash
		same := true
		var wake <-chan struct{}
		for i, d := range devices {
			d.mu.Lock()
			heads, changed := d.graph.Heads(), d.changed
			d.mu.Unlock()
			if i == 0 {
				first, wake = heads, changed
			} else if !slices.Equal(first, heads) {
				same = false
				wake = changed
				break
			}
		}
		if same {
			return nil
		}
		poll := time.NewTimer(20 * time.Millisecond) // either of the two may be the one to change
		select {
		case <-wake:
		case <-poll.C:
		case <-ctx.Done():
			var held []string
			for _, d := range devices {
				s := d.State()
				held = append(held, fmt.Sprintf("%s: %d changes, %d heads, connected %t, closed by %v, errors %v", d.Name, s.Changes, len(s.Heads), s.Connected, s.CloseErr, s.Failures))
			}
			return fmt.Errorf("no same heads: %q: %w", held, ctx.Err())
		}
		poll.Stop()
	}
}
