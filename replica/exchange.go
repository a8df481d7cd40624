package replica

import (
	"context"
	"slices"

	core "flyleaf/crdt/document"
	"flyleaf/crdt/graph"
	"flyleaf/crdt/policy"
	"flyleaf/crdt/sync"
	"flyleaf/crdt/sync/repo"
	"flyleaf/crdt/wire"
	"flyleaf/keys"
	"flyleaf/qa"
	"flyleaf/replica/relayclient"
)

// relayDocument implements relayclient.Document with a document.
type relayDocument struct{ doc *document }

// ID implements relayclient.Document.
func (x relayDocument) ID() qa.EventID { return x.doc.id }

// Begin implements relayclient.Document. Changes that were refused on an earlier connection
// are offered again.
func (x relayDocument) Begin(ctx context.Context) error {
	doc := x.doc
	doc.mu.Lock()
	doc.refused.ForgetRetryable()
	doc.mu.Unlock()
	doc.cached.dropRelayRefusals()
	return doc.runAutomatic(ctx)
}

// View implements relayclient.Document.
func (x relayDocument) View(ctx context.Context, f func(relayclient.State) error) error {
	st := &relayState{doc: x.doc, ctx: ctx}
	defer st.notify()
	x.doc.mu.Lock()
	defer x.doc.mu.Unlock()
	if err := x.doc.load(ctx); err != nil {
		return err
	}
	return f(st)
}

// partSize is how many changes of a message are saved together. A page that reads from the store
// meanwhile waits for one part at a time.
const partSize = 256

// Receive implements relayclient.Document.
func (x relayDocument) Receive(ctx context.Context, changes [][]byte, signatures []byte, f func(relayclient.State, relayclient.Received) error) ([]qa.PostID, error) {
	if len(signatures) != len(changes)*keys.SignatureSize {
		signatures = nil // from an unmodified Automerge client, or malformed
	}
	r := reception{doc: x.doc, inflation: newInflation()}
	found := r.inspect(&changes, &signatures)
	for len(changes) > 0 {
		// The next part is inspected while this one is added and saved.
		part := <-found
		found = r.inspect(&changes, &signatures)
		if err := r.add(ctx, part, nil); err != nil {
			return nil, err
		}
		if yield := x.doc.node.cfg.Yield; yield != nil {
			yield(ctx)
		}
	}
	err := r.add(ctx, <-found, f)
	return r.posts, err
}

// reception is a message whose changes are added in parts. Between them the document is not locked.
type reception struct {
	doc    *document
	before relayclient.Received
	begun  bool        // a part was added
	heads  []wire.Hash // after that part
	posts  []qa.PostID

	inflation *core.InflationBudget // of the whole message
}

// inspect begins to inspect the next part of the changes, and takes it from them.
func (r *reception) inspect(changes *[][]byte, signatures *[]byte) <-chan []inspected {
	n := min(partSize, len(*changes))
	signed := min(n*keys.SignatureSize, len(*signatures))
	found := inspect(r.doc.id, r.doc.markKnown, (*changes)[:n], (*signatures)[:signed], r.inflation)
	*changes, *signatures = (*changes)[n:], (*signatures)[signed:]
	return found
}

// add saves the valid ones of some changes, and calls f, unless it is nil, while the document is
// still locked.
func (r *reception) add(ctx context.Context, found []inspected, f func(relayclient.State, relayclient.Received) error) error {
	doc := r.doc
	st := &relayState{doc: doc, ctx: ctx}
	defer st.notify()
	doc.mu.Lock()
	defer doc.mu.Unlock()
	if err := doc.load(ctx); err != nil {
		return err
	}
	heads := doc.contents.Graph().Heads()
	if !r.begun {
		r.begun = true
		r.before = relayclient.Received{Heads: heads, Epoch: doc.excluded.epoch, AuthorityChanges: doc.contents.Policy().AuthorityChanges()}
	} else if !slices.Equal(heads, r.heads) { // this device has written meanwhile, and the relay does not have that
		r.before.Heads = slices.Concat(r.before.Heads, without(heads, r.heads))
	}
	for i := range found {
		r.before.Changes = append(r.before.Changes, found[i].Hash)
	}
	var err error
	if st.update, err = doc.addInspected(ctx, found); err != nil {
		return err
	}
	r.heads = doc.contents.Graph().Heads()
	r.posts = append(r.posts, st.update.Posts...)
	st.update.Posts = append(st.update.Posts, doc.noteSeen()...)
	if f == nil {
		return nil
	}
	return f(st, r.before)
}

// without returns the hashes that are not among others.
func without(hashes, others []wire.Hash) []wire.Hash {
	among := make(map[wire.Hash]bool, len(others))
	for _, h := range others {
		among[h] = true
	}
	return slices.DeleteFunc(slices.Clone(hashes), func(h wire.Hash) bool { return among[h] })
}

// Respond implements relayclient.Document.
func (x relayDocument) Respond(ctx context.Context, posts []qa.PostID) error {
	x.doc.sendReceipts(posts)
	return x.doc.runAutomatic(ctx)
}

// ReceiveEphemeral implements relayclient.Document.
func (x relayDocument) ReceiveEphemeral(m *repo.Message) { x.doc.receivePresence(m) }

// RelayRefusals implements relayclient.Document.
func (x relayDocument) RelayRefusals() []Refusal { return x.doc.cached.relayRefusals() }

// End implements relayclient.Document. It unloads the document from memory.
func (x relayDocument) End(ctx context.Context) {
	x.doc.mu.Lock()
	defer x.doc.mu.Unlock()
	x.doc.unload(ctx)
}

// relayState is a loaded, locked document as relayclient.State.
type relayState struct {
	doc    *document
	ctx    context.Context
	update Update // sent to subscribers once the document is unlocked
}

// notify sends the update to subscribers. The document is not locked.
func (st *relayState) notify() {
	if st.update.Status || len(st.update.Posts) > 0 {
		st.doc.node.subs.notify(st.update)
	}
}

// statusChanged records that the status of the event has changed.
func (st *relayState) statusChanged() { st.update.Event, st.update.Status = st.doc.id, true }

// Graph implements sync.Source.
func (st *relayState) Graph() *graph.Graph { return st.doc.contents.Graph() }

// Change implements sync.Source.
func (st *relayState) Change(h wire.Hash) (sync.Change, error) {
	en, err := st.doc.node.store.Entry(st.ctx, st.doc.id, h)
	return sync.Change{Bytes: en.Bytes(), Signature: en.Signature}, err
}

// Epoch implements relayclient.State.
func (st *relayState) Epoch() int { return st.doc.excluded.epoch }

// Refuses implements relayclient.State.
func (st *relayState) Refuses(h wire.Hash) bool { return st.doc.contents.Unwanted(h) }

// RefusedHere implements relayclient.State. It prefers a reason other than a refused
// dependency.
func (st *relayState) RefusedHere() (changes int, why string) {
	for _, r := range st.doc.refused.All() {
		if why == "" || r.Code != policy.CodeDependsOn {
			why = r.Reason
		}
		if r.Code != policy.CodeDependsOn {
			break
		}
	}
	return st.doc.refused.Len(), why
}

// RelayRefusals implements relayclient.State.
func (st *relayState) RelayRefusals() []Refusal { return st.doc.cached.relayRefusals() }

// AuthorityChanges implements relayclient.State.
func (st *relayState) AuthorityChanges() int { return st.doc.contents.Policy().AuthorityChanges() }

// AccessKeys implements relayclient.State.
func (st *relayState) AccessKeys() []keys.Key { return st.doc.accessKeys() }

// NoteDelivery implements relayclient.State.
func (st *relayState) NoteDelivery(ctx context.Context, theirHeads []wire.Hash, lossChecked bool) (bool, error) {
	known, changed, err := st.doc.noteDelivery(ctx, theirHeads, lossChecked)
	if changed {
		st.statusChanged()
	}
	return known, err
}

// NoteRefused implements relayclient.State. Changes that the relay refused for good are
// checked against this device's own rules.
func (st *relayState) NoteRefused(ctx context.Context, refused []repo.Refusal) error {
	doc := st.doc
	var noted []Refusal
	for _, r := range refused {
		h := wire.Hash(r.Hash)
		// Deferred changes of other people are offered again by their own devices.
		if m, here := doc.contents.Graph().Node(h); here && (!r.Deferred || doc.isOwn(m.Actor)) {
			noted = append(noted, Refusal{Hash: h, Code: qa.CleanLine(r.Code), Reason: qa.CleanLine(r.Reason), Deferred: r.Deferred})
		}
	}
	doc.cached.addRelayRefusals(noted)
	update, err := doc.confirmRefusals(ctx, refused)
	if err != nil {
		return err
	}
	if update.Event != "" {
		doc.reissue(ctx)
		if err := doc.load(ctx); err != nil {
			return err
		}
		doc.node.updated(doc.id) // changes were excluded, so the conversation has to start again
	}
	st.update = joinUpdates(st.update, update)
	st.statusChanged()
	return nil
}
