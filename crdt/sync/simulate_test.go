package sync

import (
	"flag"
	"fmt"
	"math/rand"
	"runtime"
	"slices"
	gosync "sync"
	"sync/atomic"
	"testing"

	"flyleaf/crdt/wire"
)

var (
	simSeed = flag.Int64("simseed", 0, "run only this seed of the simulator")
	simRuns = flag.Int("simruns", 10_000, "runs of the simulator; 300 with -short")
)

// link is the channel between two devices: the messages in flight in both directions, and the
// states of both ends.
type link struct {
	a, b   *node
	pa     *Peer
	pb     *Peer
	ab     [][]byte
	ba     [][]byte
	broken bool // a message was lost or reordered
}

type node struct {
	*device
	actor wire.ActorID
	links []*link
}

// world is one run: devices, links that lose, repeat and reorder messages, and devices that restart
// or return to an older state.
type world struct {
	t     *testing.T
	r     *rand.Rand
	nodes []*node
	links []*link
	saw   *tally
	fault bool // whether links are faulty
	names int
	// lostForGood: a rollback may have destroyed the only copy of a change
	lostForGood bool
}

type tally struct {
	lost, repeated, reordered, restarts, rollbacks, merges, waits, slices, resets, needs, noProgress, deferred int
	runs, changes, messages                                                                                    int
	fastReceives, repeatedMessages                                                                             int
	maxRounds                                                                                                  int
}

func (n *tally) add(m tally) {
	n.lost += m.lost
	n.repeated += m.repeated
	n.reordered += m.reordered
	n.restarts += m.restarts
	n.rollbacks += m.rollbacks
	n.merges += m.merges
	n.waits += m.waits
	n.slices += m.slices
	n.resets += m.resets
	n.needs += m.needs
	n.noProgress += m.noProgress
	n.deferred += m.deferred
	n.runs += m.runs
	n.changes += m.changes
	n.messages += m.messages
	n.fastReceives += m.fastReceives
	n.repeatedMessages += m.repeatedMessages
	n.maxRounds = max(n.maxRounds, m.maxRounds)
}

// TestSimulatedWorldsConverge: whatever happened before, once the links are reliable all devices end
// with the same heads, without pending changes, and silent.
func TestSimulatedWorldsConverge(t *testing.T) {
	runs, first := *simRuns, int64(1)
	if testing.Short() {
		runs = 300
	}
	if *simSeed != 0 {
		runs, first = 1, *simSeed
	}
	// Every worker takes the next seed. A run depends only on its seed.
	var saw tally
	var mu gosync.Mutex
	var next atomic.Int64
	next.Store(first)
	t.Logf("seeds %d to %d", first, first+int64(runs)-1)
	t.Run("workers", func(t *testing.T) {
		for k := range runtime.GOMAXPROCS(0) {
			t.Run(fmt.Sprint(k), func(t *testing.T) {
				t.Parallel()
				var mine tally
				for seed := next.Add(1) - 1; seed < first+int64(runs); seed = next.Add(1) - 1 {
					w := &world{t: t, r: rand.New(rand.NewSource(seed)), saw: &mine}
					w.run()
					mine.runs++
					if t.Failed() {
						t.Fatalf("seed %d; run it alone with -simseed %d", seed, seed)
					}
				}
				mu.Lock()
				defer mu.Unlock()
				saw.add(mine)
			})
		}
	})
	if t.Failed() {
		return
	}
	t.Logf("%+v", saw)
	if saw.runs != runs || saw.changes < 5*runs || saw.messages < 10*runs {
		t.Errorf("the simulator did not cover enough: %+v", saw)
	}
	if *simSeed == 0 && (saw.lost < runs/4 || saw.repeated < runs/4 || saw.reordered < runs/4 || saw.restarts < runs/4 || saw.rollbacks < runs/20 ||
		saw.merges < runs/4 || saw.waits < runs/20 || saw.slices < runs/50 || saw.resets < runs/50 || saw.needs < runs/20 || saw.deferred < runs/4 ||
		saw.fastReceives < runs) {
		t.Errorf("the simulator did not cover enough: %+v", saw)
	}
	if saw.maxRounds > MaxRounds/2 {
		t.Errorf("%d rounds without progress came close to the bound of %d", saw.maxRounds, MaxRounds)
	}
}

func (w *world) run() {
	n := 2 + w.r.Intn(7)
	for range n {
		x := &node{device: newDevice()}
		w.newActor(x)
		w.nodes = append(w.nodes, x)
	}
	// Sometimes the centre of the star defers changes, like a relay.
	if w.r.Intn(2) == 0 {
		x := w.nodes[0]
		x.putOff = func(c *wire.Change) bool {
			if c.Actor == x.actor || w.r.Intn(3) > 0 {
				return false
			}
			w.saw.deferred++
			return true
		}
	}
	// A tree, usually a star as around a relay, and sometimes a further edge.
	for i := 1; i < n; i++ {
		to := 0
		if w.r.Intn(3) == 0 {
			to = w.r.Intn(i)
		}
		w.link(w.nodes[to], w.nodes[i])
	}
	if n > 2 && w.r.Intn(3) == 0 {
		w.link(w.nodes[n-1], w.nodes[w.r.Intn(n-2)])
	}
	w.fault = true
	for range 20 + w.r.Intn(80) {
		w.step()
	}
	// From here on nothing fails. A broken link is replaced, like a connection; the others
	// keep their messages in flight.
	w.fault = false
	w.nodes[0].putOff = nil
	for _, l := range w.links {
		if l.broken {
			w.reconnect(l)
		}
	}
	w.settle()
}

func (w *world) newActor(x *node) {
	w.names++
	x.actor = actorOf(w.names)
}

// newPeer returns a Peer that makes short messages, so that slices are frequent.
func (w *world) newPeer(shared []wire.Hash) *Peer {
	p := newPeer(shared)
	p.limit = 4 << 10
	return p
}

func (w *world) link(a, b *node) {
	l := &link{a: a, b: b, pa: w.newPeer(nil), pb: w.newPeer(nil)}
	a.links, b.links, w.links = append(a.links, l), append(b.links, l), append(w.links, l)
}

// reconnect resets both ends of a link, with the shared heads or without, and drops the messages in
// flight.
func (w *world) reconnect(l *link) {
	fresh := func(p *Peer) *Peer {
		if w.r.Intn(2) == 0 {
			return w.newPeer(nil)
		}
		return w.newPeer(p.shared)
	}
	l.pa, l.pb, l.ab, l.ba, l.broken = fresh(l.pa), fresh(l.pb), nil, nil, false
}

func (w *world) step() {
	x := w.nodes[w.r.Intn(len(w.nodes))]
	l := w.links[w.r.Intn(len(w.links))]
	switch k := w.r.Intn(40); {
	case k < 8:
		size := w.r.Intn(40)
		if w.r.Intn(6) == 0 {
			size = 500 // several of these make more than one message
			for range w.r.Intn(14) {
				x.write(w.t, x.actor, size, w.r)
			}
		}
		if len(x.g.Heads()) > 1 {
			w.saw.merges++
		}
		x.write(w.t, x.actor, size, w.r)
	case k < 20:
		w.talk(l)
	case k < 34:
		w.deliver(l)
	case k < 36:
		w.saw.restarts++
		w.reconnect(l)
	case k < 37:
		// A device returns to an earlier state. Its links break, and its sync states may be
		// newer than its document.
		if len(x.log) == 0 {
			return
		}
		w.saw.rollbacks++
		w.lostForGood = true
		putOff := x.putOff
		x.device = x.rebuilt(w.t, w.r.Intn(len(x.log)))
		x.putOff = putOff
		w.newActor(x)
		for _, l := range x.links {
			w.reconnect(l)
		}
	default:
		w.talk(l)
		w.deliver(l)
	}
}

// talk generates a message on both ends of a link.
func (w *world) talk(l *link) bool {
	ab, okA := w.generate(l.a, l.pa)
	ba, okB := w.generate(l.b, l.pb)
	if !okA || !okB {
		w.saw.noProgress++
		if !w.fault {
			w.t.Error("no progress over a reliable link")
		}
		w.reconnect(l)
		return true
	}
	if ab != nil {
		l.ab = append(l.ab, ab)
	}
	if ba != nil {
		l.ba = append(l.ba, ba)
	}
	return ab != nil || ba != nil
}

func (w *world) generate(x *node, p *Peer) ([]byte, bool) {
	missing := len(p.toSend(x.g, x.g.Heads()))
	m, said, repeated, err := fanOut(w.t, &x.fanout, x.device, p)
	if err != nil {
		return nil, false
	}
	if repeated {
		x.repeatedMessages++
	}
	if !said {
		return nil, true
	}
	if len(m.Changes) > 0 && len(m.Changes) < missing {
		w.saw.slices++
	}
	if len(m.Need) > 0 {
		w.saw.needs++
	}
	if p.resetSent {
		w.saw.resets++
	}
	b := m.Encode()
	if len(b) > p.limit && len(m.Changes) > 1 {
		w.t.Errorf("message of %d bytes with %d changes", len(b), len(m.Changes))
	}
	return b, true
}

// deliver delivers one message in each direction.
func (w *world) deliver(l *link) {
	take := func(q *[][]byte, x *node, p *Peer) {
		if len(*q) == 0 {
			return
		}
		i := 0
		if w.fault && len(*q) > 1 && w.r.Intn(8) == 0 {
			i = 1
			w.saw.reordered++
			l.broken = true
		}
		b := (*q)[i]
		w.saw.messages++
		*q = slices.Delete(*q, i, i+1)
		if w.fault && w.r.Intn(12) == 0 {
			w.saw.lost++
			l.broken = true
			return
		}
		x.receive(w.t, p, b)
		w.ask(x)
		if w.fault && w.r.Intn(12) == 0 {
			w.saw.repeated++
			x.receive(w.t, p, b)
			w.ask(x)
		}
		w.saw.waits += min(1, x.g.PendingLen())
		if !w.fault {
			w.saw.maxRounds = max(w.saw.maxRounds, p.rounds)
		}
	}
	take(&l.ab, l.b, l.pb)
	take(&l.ba, l.a, l.pa)
}

// ask has a device request deferred changes that pending changes need; or all deferred changes, if it
// no longer defers.
func (w *world) ask(x *node) {
	for _, l := range x.links {
		p := l.pa
		if l.b == x {
			p = l.pb
		}
		if p.Ask(x.g.Missing()...); x.putOff == nil {
			p.Ask(p.Deferred()...)
		}
	}
}

// settle runs all conversations until they are silent, and then checks the result.
func (w *world) settle() {
	w.ask(w.nodes[0])
	for round := 0; ; round++ {
		busy := false
		for _, l := range w.links {
			busy = w.talk(l) || busy
			for len(l.ab)+len(l.ba) > 0 {
				busy = true
				w.deliver(l)
			}
		}
		if !busy {
			break
		}
		if round > 2000 {
			w.t.Error("the conversations do not end")
			return
		}
	}
	heads := w.nodes[0].g.Heads()
	w.saw.changes += w.nodes[0].g.Len()
	for i, x := range w.nodes {
		w.saw.fastReceives += x.fastReceives
		w.saw.repeatedMessages += x.repeatedMessages
		if !slices.Equal(x.g.Heads(), heads) {
			w.t.Errorf("device %d has %d heads, %d changes; device 0 %d heads, %d changes", i, len(x.g.Heads()), x.g.Len(), len(heads), w.nodes[0].g.Len())
		}
		// If a rollback lost a change for good, its dependents stay pending.
		if x.g.PendingLen() > 0 && !w.lostForGood {
			w.t.Errorf("on device %d %d changes are pending", i, x.g.PendingLen())
		}
	}
	for _, l := range w.links {
		if !l.pa.InSync(l.a.g) || !l.pb.InSync(l.b.g) {
			w.t.Error("silent, but InSync is false on one side")
		}
	}
}
