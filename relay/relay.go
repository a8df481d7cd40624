// Package relay passes Automerge documents between devices over WebSockets. It
// speaks the automerge-repo protocol, version 1, so a stock automerge-repo client
// can open an event by its document ID and follow it live.
//
// It guarantees that everything it reports as stored is on disk: it sends heads, and
// passes changes on, only after the ledger has stored them durably. So when a device says
// "on the relay", this stays true after kill -9 and a power cut. The relay keeps a bounded
// amount of what a peer sends, and disconnects a slow, silent or hostile peer without harm
// to the others.
//
// Unless it is open, it serves events only: every change that it stores and passes on is
// signed by its writer and valid in its causal past, by the same rules and with the same
// codes as on every device (package policy). It has no rules of its own except
// quotas: a change that it cannot accept now is deferred, and is accepted as soon as
// another change depends on it. Invitation-only events are served to peers that prove
// that they hold a role.
//
// It never runs automerge (it needs no cgo), never modifies a change, and stores only
// data that any device can upload again.
//
// How it works: each connection has one goroutine that reads and one that writes. A
// document in use is kept in memory: its change graph and its peers' sync states, under
// one mutex. Readers decode and check changes and submit them. Documents with
// submissions take turns; in a turn, a bounded part of the document's submissions is
// added to its graph. One committer goroutine stores the results of many turns in one
// transaction. A document stays locked from its turn until that transaction is durable,
// so no peer can learn of a change earlier. Then the writers of the document's peers are
// told that there may be something to send. A writer makes the message when it can send
// the message. A request for a document that the relay does not have needs no such memory
// (interest.go).
//
// Bounds against strangers: readers read frames themselves (reading.go), within a
// memory that all connections share (memory.go). Inflating, decoding and checking
// signatures are first charged to connection and address (work.go), and then done in
// turns between addresses (limiter.go). DESIGN.md has the parts, the lock order
// and the bounds.
package relay

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"runtime"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gorilla/websocket"

	"flyleaf/crdt/sync/repo"
	"flyleaf/keys"
	"flyleaf/qa"
	"flyleaf/relay/quota"
	"flyleaf/relay/wsframe"
	"flyleaf/storage"
)

// Errors that are sent to a peer or returned to a caller.
var (
	// ErrClosed is returned after Shutdown.
	ErrClosed = errors.New("relay: shut down")
	// ErrTooManyDocuments is sent to a peer that uses more documents than Limits.Documents on
	// one connection.
	ErrTooManyDocuments = errors.New("too many documents on one connection")
	// ErrTooManyInUse is sent to a peer when the relay has Limits.DocumentsInUse
	// documents in use.
	ErrTooManyInUse = errors.New("too many documents in use; try again later")
	// ErrStore is sent to peers whose changes could not be stored.
	ErrStore = errors.New("relay: changes could not be stored. Nothing is lost: the device that made them still has them and sends them again later")
)

// Config configures a Relay.
type Config struct {
	Store  storage.Ledger
	Open   bool // serve any Automerge document, with looser limits, and without checking signatures and policy
	Limits Limits
	Quotas quota.Quotas     // for the changes of people; an open relay has none
	Disk   Disk             // how much disk the data may use
	Log    *slog.Logger     // nil: discarded
	Now    func() time.Time // nil: time.Now. The ledger stores this time, and quotas use it.
	// BehindProxy reports that all connections come through a proxy, which sets
	// X-Forwarded-For.
	BehindProxy bool
	ID          string // the peer ID told to clients; "": a random one
	// Addresses are the ws:// and wss:// URLs by which devices reach the relay, at most
	// MaxOwnAddresses. A device that proves a role in an invitation-only event signs
	// the address that it dialled. Without Addresses the relay accepts only the address
	// and port to which the connection came. So a relay behind a proxy, or with a host
	// name, needs Addresses for such events.
	Addresses []string
	// Committed, if not nil, is called after changes of a document have become durable.
	// It must not block.
	Committed func(qa.EventID)
	// ServesApp reports that Flyleaf for the browser is served at the relay's address.
	// The relay tells devices, which then offer links that open in a browser.
	ServesApp bool
}

// Relay is an http.Handler. A WebSocket upgrade at any path connects to it; a plain GET
// of / returns a description; /healthz answers 200 while it accepts connections.
type Relay struct {
	cfg            Config
	limits         Limits
	id             string
	addresses      []string // as keys.RelayAddress writes them
	log            *slog.Logger
	upgrader       websocket.Upgrader
	cache          *cache
	recentMessages recentMessages
	documentChunks documentChunks
	memory         *memory
	largeMessages  *fairLimiter // for messages larger than largeMessage
	processors     *fairLimiter // for work that takes CPU time
	bulkyChanges   *fairLimiter // for changes that take a lot of memory while they are decoded
	accounts       accounts
	pendingBytes   atomic.Int64 // bytes of pending changes in all documents

	decodedOps atomic.Int64 // operations of decoded changes that wait for the committer

	disk        diskState
	totals      *quota.Totals
	loadSlots   loadSlots
	queue       *documentQueue
	turnsTaken  atomic.Int64
	foundings   atomic.Int64 // documents that became founded in memory; grows under mu
	turnWorkers sync.WaitGroup
	toCommit    chan *finishedTurn
	committed   chan struct{} // closed when the committer has ended
	stop        chan struct{} // closed when Shutdown begins
	work        sync.WaitGroup

	// Lock order: document.mu, then Relay.mu, then at most one of the leaf locks, each of
	// which guards one part for a moment: session.mu, session.workMu, outbox.mu, memory.mu,
	// documentQueue.mu, cache.mu, documentChunks.mu, recentMessages.mu, loadSlots.mu,
	// fairLimiter.mu, accounts.mu and those of package quota (accounts.mu before quota's).
	// No goroutine locks a second document while it holds one; the committer receives
	// documents that are already locked.
	mu        sync.Mutex
	closing   bool
	sessions  map[*session]bool
	documents map[qa.EventID]*document
	// The use of each address, for its bounds:
	inUse     map[*account]int       // number of documents in use, by address; the nil account is this machine
	ending    map[*session]bool      // sessions that were told to end, to make space for another
	unfounded map[*document]*account // documents that have only pending changes, and the address that sent them
	interests interests
}

// New makes a relay and starts its committer. Shutdown ends it.
func New(cfg Config) (*Relay, error) {
	if cfg.Store == nil {
		return nil, errors.New("relay: no ledger given")
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.NewTextHandler(io.Discard, nil))
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if len(cfg.Addresses) > MaxOwnAddresses {
		return nil, fmt.Errorf("relay: %d addresses, at most %d are known", len(cfg.Addresses), MaxOwnAddresses)
	}
	var addresses []string
	for _, url := range cfg.Addresses {
		address, err := keys.RelayAddress(url)
		if err != nil {
			return nil, fmt.Errorf("relay: %w", err)
		}
		addresses = append(addresses, address)
	}
	if cfg.BehindProxy && !cfg.Open && len(addresses) == 0 {
		cfg.Log.Warn("behind a proxy the relay does not know the address by which devices reach it, so nobody can read invitation-only events; give the address with --address wss://HOST")
	}
	if cfg.ID == "" {
		var b [8]byte
		if _, err := rand.Read(b[:]); err != nil {
			return nil, fmt.Errorf("relay: peer ID: %w", err)
		}
		// A new ID for each start, so that clients do not reuse sync state of an
		// earlier run.
		cfg.ID = "flyleaf-relay-" + hex.EncodeToString(b[:])
	}
	limits := cfg.Limits.withDefaults(cfg.Open)
	r := &Relay{
		cfg:            cfg,
		limits:         limits,
		id:             cfg.ID,
		addresses:      addresses,
		log:            cfg.Log,
		totals:         quota.NewTotals(cfg.Quotas),
		cache:          newCache(MaxCacheBytes),
		memory:         newMemory(int64(limits.MessageMemory), int64(limits.MessageMemoryFromAddress)),
		largeMessages:  newFairLimiter(MaxLargeMessages, 1),
		processors:     newFairLimiter(runtime.GOMAXPROCS(0), 0),
		bulkyChanges:   newFairLimiter(1, 0),
		documentChunks: documentChunks{making: newFairLimiter(1, 0)},
		queue:          newDocumentQueue(),
		toCommit:       make(chan *finishedTurn),
		committed:      make(chan struct{}),
		stop:           make(chan struct{}),
		sessions:       map[*session]bool{},
		documents:      map[qa.EventID]*document{},
		inUse:          map[*account]int{},
		ending:         map[*session]bool{},
		unfounded:      map[*document]*account{},
		interests:      newInterests(),
	}
	r.accounts.other.spent.Shared = true
	r.loadSlots.free.L, r.loadSlots.from = &r.loadSlots.mu, map[*account]int{}
	r.checkDisk()
	r.upgrader = websocket.Upgrader{
		HandshakeTimeout: JoinTimeout,
		// Only the handshake is done by this library; its buffers are freed after it.
		ReadBufferSize: 1,
		// Peers may compress, and get large messages compressed.
		EnableCompression: true,
		// The relay uses no cookies or other credentials of a browser, so a page of any
		// origin can do no more than any other program.
		CheckOrigin: func(*http.Request) bool { return true },
	}
	go r.runCommitter()
	for range maxTurns {
		r.turnWorkers.Go(r.runTurns)
	}
	r.work.Go(r.runJanitor)
	r.work.Go(r.runRetries)
	return r, nil
}

// ID is the peer ID that clients see.
func (r *Relay) ID() string { return r.id }

// Connections returns the number of open connections, including those that have not
// sent join yet.
func (r *Relay) Connections() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.sessions)
}

// ServeHTTP implements http.Handler.
func (r *Relay) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	if websocket.IsWebSocketUpgrade(req) {
		r.serveSocket(w, req)
		return
	}
	if req.Method != http.MethodGet && req.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, "This is a WebSocket relay.", http.StatusMethodNotAllowed)
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	switch req.URL.Path {
	case "/":
		fmt.Fprint(w, "This is a Flyleaf relay. It passes events between the devices of their readers.\n"+
			"There is nothing to see in a browser: give its address (ws:// or wss://) to Flyleaf,\n"+
			"or to the WebSocket adapter of automerge-repo.\n")
	case "/healthz":
		r.mu.Lock()
		closing := r.closing
		r.mu.Unlock()
		if closing {
			http.Error(w, "shutting down", http.StatusServiceUnavailable)
			return
		}
		fmt.Fprint(w, "ok\n")
	default:
		http.Error(w, "Nothing here. WebSocket connections are accepted at any path.", http.StatusNotFound)
	}
}

// AddressOf returns the key by which a request's sender is counted: its IPv4 address,
// or the /64 of its IPv6 address; "" for this machine, to which per-address quotas do
// not apply.
func (r *Relay) AddressOf(req *http.Request) string { return quota.AddressOf(req, r.cfg.BehindProxy) }

// serveSocket upgrades the connection and runs its session to the end.
func (r *Relay) serveSocket(w http.ResponseWriter, req *http.Request) {
	s := newSession(r)
	address := r.AddressOf(req)
	account, ok := r.accounts.open(address, r.limits.FromAddress)
	if !ok {
		w.Header().Set("Retry-After", "60")
		http.Error(w, "Too many connections from your address.", http.StatusTooManyRequests)
		return
	}
	defer r.accounts.close(address)
	s.account, s.addresses = account, r.addressesOf(req)
	if d := account.quota().BannedFor(r.cfg.Now()); d > 0 {
		w.Header().Set("Retry-After", retryAfter(d))
		http.Error(w, "Your address sent too much data that was rejected. Try again later.", http.StatusTooManyRequests)
		return
	}
	r.mu.Lock()
	if r.closing || len(r.sessions) >= r.limits.Connections {
		r.mu.Unlock()
		w.Header().Set("Retry-After", "5")
		http.Error(w, "The relay has too many connections. Try again later.", http.StatusServiceUnavailable)
		return
	}
	r.sessions[s] = true
	r.work.Add(1)
	r.mu.Unlock()
	defer r.work.Done()
	defer func() {
		r.mu.Lock()
		delete(r.sessions, s)
		delete(r.ending, s)
		r.mu.Unlock()
	}()
	// The time, as on every answer over HTTP, so that a device can see that its clock is off.
	header := http.Header{"Date": {time.Now().UTC().Format(http.TimeFormat)}}
	if r.cfg.ServesApp {
		header.Set(repo.AppHeader, repo.AppPath)
	}
	conn, deflate, err := wsframe.Upgrade(&r.upgrader, w, req, header)
	if err != nil {
		r.log.Debug("no upgrade", "from", req.RemoteAddr, "err", err)
		return
	}
	s.run(conn, deflate, req.RemoteAddr)
}

// Shutdown accepts no more connections, lets received changes be committed, tells every
// peer that the relay shuts down (close code 1001), and returns when all goroutines have
// ended. When ctx ends first, connections are cut and the error of ctx is returned. The
// ledger stays open; the caller closes it.
func (r *Relay) Shutdown(ctx context.Context) error {
	r.mu.Lock()
	first := !r.closing
	r.closing = true
	open := make([]*session, 0, len(r.sessions))
	for s := range r.sessions {
		open = append(open, s)
	}
	r.mu.Unlock()
	if first {
		close(r.stop)
	}
	for _, s := range open {
		s.end(websocket.CloseGoingAway, "the relay is shutting down")
	}
	ended := make(chan struct{})
	go func() {
		r.work.Wait() // wait for all readers, so that nothing is submitted any more
		if first {
			r.queue.close()
			r.turnWorkers.Wait()
			close(r.toCommit)
		}
		<-r.committed
		close(ended)
	}()
	select {
	case <-ended:
		return nil
	case <-ctx.Done():
		for _, s := range open {
			s.closeConn()
		}
		return ctx.Err()
	}
}

// acquireDocument returns the document in memory, and counts the session as a user of
// it until releaseDocument.
func (r *Relay) acquireDocument(s *session, event qa.EventID) (*document, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	d, ok := r.documents[event]
	if !ok {
		if len(r.documents) >= r.limits.DocumentsInUse && !r.freeDocumentSlot(s) {
			return nil, ErrTooManyInUse
		}
		d = newDocument(r, event)
		r.documents[event] = d
	}
	d.users++
	r.inUse[s.account]++
	s.inUse++
	return d, nil
}

// releaseDocument ends the session's use of the document. When it was the last user, a
// document without data is dropped at once.
func (r *Relay) releaseDocument(s *session, d *document, empty bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.removeUse(s, d)
	d.idleSince = time.Now()
	if d.users == 0 && (empty || r.documents[d.event] != d) {
		r.forget(d)
		d.release()
	}
}

// removeUse stops counting a session as a user of a document. r.mu is held.
func (r *Relay) removeUse(s *session, d *document) {
	d.users--
	s.inUse--
	if r.inUse[s.account]--; r.inUse[s.account] <= 0 {
		delete(r.inUse, s.account)
	}
}

// forget removes a document from the map, if it is still there. r.mu is held.
func (r *Relay) forget(d *document) {
	if r.documents[d.event] == d {
		delete(r.documents, d.event)
	}
	delete(r.unfounded, d)
}

// dropIdle drops documents that had no user for the duration, small ones sooner because
// they reload quickly, and reports whether there were any. r.mu is held.
func (r *Relay) dropIdle(after time.Duration) bool {
	dropped := map[qa.EventID]bool{}
	for _, d := range r.documents {
		if d.users > 0 {
			continue
		}
		idle := time.Since(d.idleSince)
		if idle >= after || idle >= after/smallIdleShare && d.size() <= smallDocument {
			r.forget(d)
			d.release()
			dropped[d.event] = true
		}
	}
	if len(dropped) > 0 {
		r.cache.drop(dropped)
	}
	return len(dropped) > 0
}

// runRetries re-requests deferred changes once they can be accepted, until Shutdown.
func (r *Relay) runRetries() {
	tick := time.NewTicker(r.limits.Retry)
	defer tick.Stop()
	for {
		select {
		case <-r.stop:
			return
		case <-tick.C:
		}
		r.checkDisk()
		r.askInterested()
		var deferring []*document
		r.mu.Lock()
		for _, d := range r.documents {
			if d.deferring.Load() {
				deferring = append(deferring, d)
			}
		}
		r.mu.Unlock()
		for _, d := range deferring {
			d.askForDeferred()
		}
	}
}

// runJanitor drops idle documents from time to time until Shutdown. After many documents were
// dropped, it returns memory to the system, which would otherwise take minutes.
func (r *Relay) runJanitor() {
	tick := time.NewTicker(max(r.limits.Idle/smallIdleShare/2, time.Millisecond))
	defer tick.Stop()
	held := 0 // the most documents in memory since memory was last returned to the system
	for {
		select {
		case <-r.stop:
			return
		case <-tick.C:
			r.mu.Lock()
			held = max(held, len(r.documents))
			dropped := r.dropIdle(r.limits.Idle)
			left := len(r.documents)
			r.mu.Unlock()
			r.recentMessages.drop()
			r.accounts.forget(r.totals.Quotas(), r.cfg.Now())
			if dropped && held-left >= manyDocuments {
				held = left
				debug.FreeOSMemory()
			}
		}
	}
}
