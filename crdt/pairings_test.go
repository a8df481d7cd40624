package crdt_test

import (
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/automerge/automerge-go"

	"flyleaf/crdt/graph"
	"flyleaf/crdt/sync"
	"flyleaf/crdt/wire"
	"flyleaf/e2e/stockjs"
)

// stock is one side of a sync conversation as another implementation plays it.
type stock interface {
	edit(key, value string)
	heads() []wire.Hash
	generate() []byte // nil: silent
	receive([]byte)
	reconnect(lost bool) // with the state that outlives a connection, or without
}

type stockGo struct {
	t     *testing.T
	doc   *automerge.Doc
	state *automerge.SyncState
	when  int64
}

func newStockGo(t *testing.T) stock {
	d := automerge.New()
	s := &stockGo{t: t, doc: d, state: automerge.NewSyncState(d), when: monday}
	s.must(d.SetActorID(actorOf(9, 9).String()))
	return s
}

func (s *stockGo) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

func (s *stockGo) edit(key, value string) {
	s.t.Helper()
	s.must(s.doc.RootMap().Set(key, value))
	s.when++
	now := time.UnixMilli(s.when) // so that hashes, and false positives, are the same in every run
	_, err := s.doc.Commit("", automerge.CommitOptions{Time: &now})
	s.must(err)
}

func (s *stockGo) heads() []wire.Hash { return headsOf(s.doc) }

func (s *stockGo) generate() []byte {
	if m, ok := s.state.GenerateMessage(); ok {
		return m.Bytes()
	}
	return nil
}

func (s *stockGo) receive(b []byte) {
	s.t.Helper()
	_, err := s.state.ReceiveMessage(b)
	s.must(err)
}

func (s *stockGo) reconnect(lost bool) {
	s.t.Helper()
	if lost {
		s.state = automerge.NewSyncState(s.doc)
		return
	}
	state, err := automerge.LoadSyncState(s.doc, s.state.Save())
	s.must(err)
	s.state = state
}

type stockJS struct {
	t *testing.T
	*stockjs.Script
}

func newStockJS(t *testing.T) stock { return &stockJS{t, stockjs.Start(t, "syncpeer.mjs")} }

func (s *stockJS) edit(key, value string) { s.Do("edit", key, value) }

func (s *stockJS) heads() []wire.Hash {
	s.t.Helper()
	var r []wire.Hash
	for _, h := range strings.Fields(s.Do("heads")) {
		hash, err := wire.ParseHash(h)
		if err != nil {
			s.t.Fatal(err)
		}
		r = append(r, hash)
	}
	return r
}

func (s *stockJS) generate() []byte {
	s.t.Helper()
	b, err := hex.DecodeString(s.Do("generate"))
	if err != nil {
		s.t.Fatal(err)
	}
	if len(b) == 0 {
		return nil
	}
	return b
}

func (s *stockJS) receive(b []byte) { s.Do("receive", hex.EncodeToString(b)) }

func (s *stockJS) reconnect(lost bool) {
	if lost {
		s.Do("fresh")
	} else {
		s.Do("restart")
	}
}

// pair is a conversation with another implementation.
type pair struct {
	t        *testing.T
	l        *ledger
	other    stock
	edits    int
	messages int
}

func newPair(t *testing.T, other stock) *pair {
	return &pair{t: t, other: other, l: &ledger{t: t, g: graph.New(), bytes: map[wire.Hash][]byte{}, peer: sync.NewPeer()}}
}

// mine makes n changes on our side.
func (p *pair) mine(n int) {
	p.t.Helper()
	me := actorOf(1, 1)
	for range n {
		p.edits++
		g := p.l.g
		deps := g.Heads()
		if own, ok := g.BySeq(me, g.SeqOf(me)); ok && !slices.Contains(deps, own) {
			deps = append(deps, own)
			slices.SortFunc(deps, func(a, b wire.Hash) int { return strings.Compare(string(a[:]), string(b[:])) })
		}
		c := &wire.Change{
			Deps: deps, Actor: me, Seq: g.SeqOf(me) + 1, StartOp: g.MaxOp() + 1, TimeMillis: monday,
			Ops: []wire.Op{{Action: wire.Set, Key: wire.Key{Prop: fmt.Sprint("m", p.edits)}, Value: wire.StringValue("ours")}},
		}
		p.l.take([][]byte{c.Encode()})
	}
}

func (p *pair) theirs(n int) {
	p.t.Helper()
	for range n {
		p.edits++
		p.other.edit(fmt.Sprint("t", p.edits), "theirs")
	}
}

// round has each side send one message and receive one; false if both are silent.
func (p *pair) round() bool {
	p.t.Helper()
	a, b := p.l.generate(), p.other.generate()
	if a != nil {
		p.messages++
		p.other.receive(a)
	}
	if b != nil {
		p.messages++
		p.l.receive(b)
	}
	return a != nil || b != nil
}

// equal runs the conversation until both sides are silent. That must take at most the given
// number of messages, and then both must have the same heads and all edits.
func (p *pair) equal(most int) {
	p.t.Helper()
	before := p.messages
	for p.round() {
		if p.messages > before+most {
			p.t.Fatalf("not silent after %d messages", p.messages-before)
		}
	}
	ours, theirs := p.l.g.Heads(), p.other.heads()
	if !slices.Equal(ours, theirs) {
		p.t.Fatalf("%d heads here, %d there", len(ours), len(theirs))
	}
	if p.l.g.Len() != p.edits || p.l.g.PendingLen() > 0 {
		p.t.Fatalf("%d changes of %d edits, %d pending", p.l.g.Len(), p.edits, p.l.g.PendingLen())
	}
	if !p.l.peer.InSync(p.l.g) {
		p.t.Fatal("silent and equal, but InSync is false")
	}
}

// reconnect starts a new connection; messages on their way are lost.
func (p *pair) reconnect(theyLost bool) {
	p.l.peer = sync.NewPeer()
	p.other.reconnect(theyLost)
}

// TestPairings runs typical conversations with automerge-go 0.5.0 and with JavaScript 3.5.
func TestPairings(t *testing.T) {
	for name, start := range map[string]func(*testing.T) stock{"automerge-go": newStockGo, "JavaScript": newStockJS} {
		t.Run(name, func(t *testing.T) {
			t.Run("empty stock pulls all", func(t *testing.T) {
				p := newPair(t, start(t))
				p.mine(300)
				p.equal(8)
			})
			t.Run("we are empty and pull all", func(t *testing.T) {
				p := newPair(t, start(t))
				p.theirs(300)
				p.equal(8)
			})
			t.Run("both empty", func(t *testing.T) {
				newPair(t, start(t)).equal(4)
			})
			t.Run("both diverge", func(t *testing.T) {
				p := newPair(t, start(t))
				p.mine(50)
				p.equal(8)
				p.mine(100)
				p.theirs(100)
				p.equal(12)
			})
			t.Run("live edits", func(t *testing.T) {
				p := newPair(t, start(t))
				p.mine(1)
				p.equal(8)
				for k := range 60 {
					if k%3 != 1 {
						p.mine(1 + k%2)
					}
					if k%3 != 0 {
						p.theirs(1 + k%2)
					}
					if k%4 == 3 { // both write while messages are on their way
						p.round()
						p.mine(1)
						p.theirs(1)
					}
					p.equal(12)
				}
			})
			for _, c := range []struct {
				name     string
				theyLost bool
			}{
				{"reconnect, they remember", false},
				{"reconnect, they forgot", true},
			} {
				t.Run(c.name, func(t *testing.T) {
					p := newPair(t, start(t))
					p.mine(20)
					p.theirs(20)
					p.equal(12)
					for range 5 {
						p.mine(7)
						p.theirs(7)
						p.round() // then the connection breaks, and one answer of each side is lost
						p.l.generate()
						p.other.generate()
						p.reconnect(c.theyLost)
						p.equal(24)
					}
				})
			}
		})
	}
}
