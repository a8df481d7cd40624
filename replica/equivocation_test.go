package replica_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"flyleaf/crdt"
	"flyleaf/crdt/bundle"
	"flyleaf/crdt/policy/policytest"
	"flyleaf/crdt/sync/repo"
	"flyleaf/crdt/wire"
	"flyleaf/keys"
	"flyleaf/qa"
	"flyleaf/replica"
	"flyleaf/storage"
	"flyleaf/storage/mem"
)

func asBundle(all ...policytest.Signed) (out []bundle.Change) {
	for _, s := range all {
		out = append(out, bundle.Change{Bytes: s.Bytes, Signature: s.Signature})
	}
	return out
}

// nodeWithBundles returns a node that has merged bundles, one after the other.
func nodeWithBundles(t *testing.T, event qa.EventID, bundles ...[]bundle.Change) *replica.Node {
	t.Helper()
	n := openNode(t, replica.Config{Store: mem.New(), Offline: true})
	for _, b := range bundles {
		if _, err := n.Merge(testContext(t), event, b); err != nil {
			t.Fatal(err)
		}
	}
	return n
}

func textsOf(t *testing.T, n *replica.Node, event qa.EventID) (out []string) {
	t.Helper()
	w, err := n.Week(testContext(t), event)
	if err != nil {
		t.Fatal(err)
	}
	for i := range w.Threads {
		out = append(out, w.Threads[i].Question.Text())
		for j := range w.Threads[i].Replies {
			out = append(out, w.Threads[i].Replies[j].Text())
		}
	}
	slices.Sort(out)
	return out
}

// TestEquivocationAfterTheDrawChangesNoDraw: a stranger posts on Monday and on Friday publishes
// a second change with the same sequence number. Other people's questions and answers stay,
// and so does the draw.
func TestEquivocationAfterTheDrawChangesNoDraw(t *testing.T) {
	w := policytest.NewWorld(policytest.Options{})
	mallory := w.Writer("mallory")
	kept := mallory.Clone()
	genesis := w.Heads()
	mallory.Do(func(d *policytest.Draft) { d.Post("", "An honest question?") })
	// The second version, published later, has the same number and the same dependencies.
	secondDraft := kept.Draft(genesis...)
	secondDraft.Post("", "Another honest question?")
	second := secondDraft.Sign()

	author := w.Writer("author")
	w.Founder.Do(func(d *policytest.Draft) { d.Role(author.ID(), qa.RoleAuthor, true) })
	var asked []qa.PostID
	for i := range 3 {
		w.Writer(fmt.Sprintf("reader %d", i)).Do(func(d *policytest.Draft) {
			asked = append(asked, d.Post("", fmt.Sprintf("Question %d?", i)))
		})
	}
	for i, q := range asked {
		author.Do(func(d *policytest.Draft) { d.Post(q, fmt.Sprintf("Answer %d.", i)) })
		author.Do(func(d *policytest.Draft) {
			d.Bool("posts/"+string(q)+"/marks/candidate/"+string(author.ID()), true)
		})
	}
	secret := func(x *policytest.Writer) []byte {
		s, err := keys.DrawSecret(x.Key, w.Event)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	for _, x := range []*policytest.Writer{author, w.Founder} {
		hash, err := qa.CommitDraw(w.Event, x.ID(), secret(x))
		if err != nil {
			t.Fatal(err)
		}
		x.Do(func(d *policytest.Draft) { d.Set("draw/commit/"+string(x.ID()), wire.BytesValue(hash)) })
	}
	closing := w.Founder.Do(func(d *policytest.Draft) { d.Bool("event/closed", true) })
	for _, x := range []*policytest.Writer{author, w.Founder} {
		reveal, err := qa.RevealDraw(secret(x), closing.Change.Hash.String())
		if err != nil {
			t.Fatal(err)
		}
		x.Do(func(d *policytest.Draft) { d.Set("draw/reveal/"+string(x.ID()), wire.BytesValue(reveal)) })
	}

	friday := asBundle(w.Changes...)
	before := nodeWithBundles(t, w.Event, friday)
	week, err := before.Week(testContext(t), w.Event)
	if err != nil {
		t.Fatal(err)
	}
	drawn, err := week.RunDraw()
	if err != nil || drawn.State != qa.DrawDone || len(drawn.Order) != 3 || len(textsOf(t, before, w.Event)) != 7 {
		t.Fatalf("on Friday: %+v, %v, %q", drawn, err, textsOf(t, before, w.Event))
	}
	for name, bundles := range map[string][][]bundle.Change{
		"shown after the draw":  {friday, asBundle(second)},
		"shown before it":       {asBundle(w.Changes[0], second), friday},
		"on a device of before": {friday[:2], asBundle(second), friday},
	} {
		t.Run(name, func(t *testing.T) {
			err := checkWeek(t, nodeWithBundles(t, w.Event, bundles...), w.Event, drawn.Seed, []string{
				"Answer 0.", "Answer 1.", "Answer 2.", "Question 0?", "Question 1?", "Question 2?",
			})
			if err != nil {
				t.Fatal(err)
			}
		})
	}
}

// checkWeek returns an error if one of the texts is missing or the draw has changed.
func checkWeek(t *testing.T, n *replica.Node, event qa.EventID, seed string, words []string) error {
	t.Helper()
	got := textsOf(t, n, event)
	for _, text := range words {
		if !slices.Contains(got, text) {
			return fmt.Errorf("%q is missing; the texts are %q", text, got)
		}
	}
	week, err := n.Week(testContext(t), event)
	if err != nil {
		t.Fatal(err)
	}
	if drawn, err := week.RunDraw(); err != nil || drawn.State != qa.DrawDone || drawn.Seed != seed {
		return fmt.Errorf("the draw is %s, %v", drawn.State, err)
	}
	return nil
}

// TestEquivocationAfterTheDrawFromRecordedAttack is the same test with the recorded bundles of
// an attack.
func TestEquivocationAfterTheDrawFromRecordedAttack(t *testing.T) {
	dir := filepath.Join("..", "..", "shared", "faults", "attacks", "02-lie-after-the-draw")
	read := func(name string) (qa.EventID, []bundle.Change) {
		b, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Skip("no ../shared/faults beside this module")
		}
		event, changes, err := bundle.Read(b)
		if err != nil {
			t.Fatal(err)
		}
		return event, changes
	}
	event, friday := read("friday.bundle")
	_, lie := read("friday-and-the-lie.bundle")
	before := nodeWithBundles(t, event, friday)
	week, err := before.Week(testContext(t), event)
	if err != nil {
		t.Fatal(err)
	}
	drawn, err := week.RunDraw()
	if err != nil || drawn.State != qa.DrawDone {
		t.Fatal(drawn.State, err)
	}
	words := slices.DeleteFunc(textsOf(t, before, event), func(s string) bool {
		return !strings.HasPrefix(s, "question of reader") && !strings.HasPrefix(s, "answer to")
	})
	if len(words) != 12 {
		t.Fatalf("%q", words)
	}
	if err := checkWeek(t, nodeWithBundles(t, event, friday, lie), event, drawn.Seed, words); err != nil {
		t.Fatal(err)
	}
}

// TestManyEquivocationsConverge: hundreds of people have used a sequence number twice, as many
// as earlier versions kept proofs of. One more does so, and shows the two changes to
// different devices in different orders. All devices show the same posts.
func TestManyEquivocationsConverge(t *testing.T) {
	const proofs = 256 // how many proofs a device of an earlier version kept for an event
	w := policytest.NewWorld(policytest.Options{})
	genesis := w.Heads()
	equivocation := func(name string) (a, b policytest.Signed) {
		one := w.Writer(name)
		two := one.Clone()
		x := one.Draft(genesis...)
		x.Post("", name+" shows X")
		y := two.Draft(genesis...)
		y.Post("", name+" shows Y")
		return x.Sign(), y.Sign()
	}
	strangers := asBundle(w.Changes[0])
	for i := range proofs {
		a, b := equivocation(fmt.Sprintf("stranger %d", i))
		strangers = append(strangers, asBundle(a, b)...)
	}
	x, y := equivocation("the last liar")
	var all [3][]string
	for i, order := range [3][][]bundle.Change{
		{strangers, asBundle(x), asBundle(y)},
		{strangers, asBundle(y), asBundle(x)},
		{asBundle(w.Changes[0], x, y), strangers},
	} {
		all[i] = textsOf(t, nodeWithBundles(t, w.Event, order...), w.Event)
	}
	if !slices.Equal(all[0], all[1]) || !slices.Equal(all[1], all[2]) {
		t.Fatalf("a shows %q, b shows %q, c shows %q", all[0], all[1], all[2])
	}
}

// secondVersion returns another change with the sequence number of the attacker's last
// change.
func (a *attackedDevice) secondVersion() *wire.Change {
	c := a.next(setAt(a.x, "x"))
	c.Seq, c.Deps, c.StartOp = a.last.Seq, a.last.Deps, a.last.StartOp
	return a.withHash(c)
}

// proofOf returns an equivocation proof made of two changes, signed with the attacker's key.
func (a *attackedDevice) proofOf(first, second *wire.Change) *repo.Message {
	sigs := a.relay.sign(first.Encode(), second.Encode())
	return &repo.Message{Type: repo.TypeProof, DocumentID: string(a.relay.event), Proof: &repo.Proof{
		A: first.Encode(), SigA: sigs[:64], B: second.Encode(), SigB: sigs[64:],
	}}
}

// attackWithDependents returns a device whose own posts depend on a change that will get a
// second version: a question (mine) with an edit and a vote, and a reply to the attacker's
// post.
func attackWithDependents(t *testing.T) (a *attackedDevice, mine, reply qa.PostID) {
	t.Helper()
	a = attack(t)
	id := a.relay.event
	mine = ask(t, a.node, id, "mine")
	do(t, a.node, id, qa.Act{Kind: qa.ActEdit, Post: mine, Text: "mine, edited"})
	do(t, a.node, id, qa.Act{Kind: qa.ActReact, Post: mine, Emoji: qa.WantEmoji, On: true})
	honest := weekOf(t, a.node, id).Threads[0].Question
	if honest.Text() != "honest" {
		t.Fatalf("%+v", honest)
	}
	reply = do(t, a.node, id, qa.Act{Kind: qa.ActPost, Parent: honest.ID, Text: "a reply"})
	return a, mine, reply
}

// checkOnlyEquivocatorVoid checks that the post of the actor who signed two versions is void, and
// that the device's question with its edit and vote, and the reply to the void post, are unchanged.
func checkOnlyEquivocatorVoid(t *testing.T, a *attackedDevice, n *replica.Node, mine, reply qa.PostID) {
	t.Helper()
	id := a.relay.event
	w := weekOf(t, n, id)
	if got := texts(w); !slices.Equal(got, []string{"", "  a reply", "mine, edited"}) {
		t.Fatalf("%q", got)
	}
	void, own := w.Threads[0], w.Threads[1]
	if !void.Question.Void || void.Question.Shown() || void.Replies[0].ID != reply || void.Replies[0].Void {
		t.Fatalf("%+v", void)
	}
	if own.Question.ID != mine || own.Question.By != n.Identity() || own.Wants != 1 || len(own.Question.Revisions) != 2 {
		t.Fatalf("%+v", own)
	}
	if left := refusalsOf(t, n, id); len(left) != 0 {
		t.Fatalf("%+v", left)
	}
	if got := statuses(entries(t, a.store, id)); len(got) != 1 {
		t.Fatalf("%v", got)
	}
	checkRebuildKeepsWeek(t, n, id)
}

func TestEquivocationVoidsOnlyItsActor(t *testing.T) {
	for name, reveal := range map[string]func(a *attackedDevice){
		"found by this device": func(a *attackedDevice) {
			c := a.secondVersion()
			a.relay.sync([]wire.Hash{c.Hash}, nil, c.Encode())
		},
		"proven by a relay of an earlier version": func(a *attackedDevice) { a.relay.send(a.proofOf(a.last, a.secondVersion())) },
		"proven twice": func(a *attackedDevice) {
			a.relay.send(a.proofOf(a.secondVersion(), a.last))
			a.relay.send(a.proofOf(a.secondVersion(), a.last))
		},
	} {
		t.Run(name, func(t *testing.T) {
			a, mine, reply := attackWithDependents(t)
			id := a.relay.event
			reveal(a)
			eventually(t, a.node, "the second version", func() bool { return statusOf(t, a.node, id).Changes == 7 })
			checkOnlyEquivocatorVoid(t, a, a.node, mine, reply)

			// Further changes by the equivocating actor have no effect.
			after := a.next(setAt(a.x, "z"))
			a.relay.sync([]wire.Hash{after.Hash}, nil, after.Encode())
			eventually(t, a.node, "another change of theirs", func() bool { return statusOf(t, a.node, id).Changes == 8 })
			if x := weekOf(t, a.node, id).Event.X; len(x) != 0 {
				t.Fatalf("%v", x)
			}
			// This device goes on writing, on top of both versions, without an Automerge engine.
			ask(t, a.node, id, "and now?")
			do(t, a.node, id, qa.Act{Kind: qa.ActPost, Parent: mine, Text: "a reply to myself"})
			do(t, a.node, id, qa.Act{Kind: qa.ActReact, Post: mine, Emoji: qa.WantEmoji, On: false})
			do(t, a.node, id, qa.Act{Kind: qa.ActEdit, Post: mine, Text: "mine, edited again"})
			if _, err := a.node.Do(testContext(t), id, qa.Act{Kind: qa.ActPost, Parent: honestOf(t, a), Text: "to what is void"}); !errors.Is(err, crdt.ErrNoPost) {
				t.Fatalf("a reply to what is void: %v", err)
			}
			want := []string{"", "  a reply", "mine, edited again", "  a reply to myself", "and now?"}
			if got := texts(weekOf(t, a.node, id)); !slices.Equal(got, want) {
				t.Fatalf("%q", got)
			}
			for _, en := range entries(t, a.store, id) {
				if len(en.Signature) != 64 || keys.Verify(id, en.Actor, en.Hash(), en.Signature) != nil {
					t.Fatalf("%s is not signed", en.Hash())
				}
			}
			checkRebuildKeepsWeek(t, a.node, id)

			// After a restart everything is read from the ledger, and offered to an empty relay.
			if err := a.node.Close(); err != nil {
				t.Fatal(err)
			}
			n := openNode(t, fastRetries(replica.Config{Store: a.store, Key: a.own, Dial: a.relay}))
			n.Start(t.Context())
			a.relay.accept()
			if got := texts(weekOf(t, n, id)); !slices.Equal(got, want) {
				t.Fatalf("after a restart: %q", got)
			}
			a.relay.sync(nil, nil)
			eventually(t, n, "passing both versions on", func() bool {
				sent := map[wire.Hash]bool{}
				for _, m := range a.relay.receivedOf(repo.TypeSync) {
					msg, err := wire.DecodeMessage(m.Data)
					if err != nil {
						t.Fatal(err)
					}
					for _, c := range msg.Changes {
						h, err := wire.ReadHash(c)
						if err != nil {
							t.Fatal(err)
						}
						sent[h] = true
					}
				}
				return sent[a.last.Hash] && sent[a.secondVersion().Hash]
			})
			if said := a.relay.receivedOf(repo.TypeProof); len(said) != 0 {
				t.Fatal("a proof was sent, which only earlier versions do")
			}
		})
	}
}

// honestOf returns the ID of the attacker's question, which became void.
func honestOf(t *testing.T, a *attackedDevice) qa.PostID {
	t.Helper()
	return weekOf(t, a.node, a.relay.event).Threads[0].Question.ID
}

// TestChangesExcludedByAnEarlierVersionAreRestored: an earlier version excluded both versions
// of a change and everything that depends on either. After the update all of these changes
// are part of the event again, without any action by the person.
func TestChangesExcludedByAnEarlierVersionAreRestored(t *testing.T) {
	a, mine, reply := attackWithDependents(t)
	id := a.relay.event
	if err := a.node.Close(); err != nil {
		t.Fatal(err)
	}
	second := a.secondVersion()
	rows := entries(t, a.store, id)
	batch := storage.Batch{Event: id, ReplaceViews: true, Statuses: map[wire.Hash]storage.Status{}, Entries: []storage.Entry{{
		Chunk: second.Chunk(), Actor: second.Actor, Seq: second.Seq,
		Signature: a.relay.sign(second.Encode()), Status: storage.Excluded,
	}}}
	for _, en := range rows[1:] {
		batch.Statuses[en.Hash()] = storage.Excluded
	}
	if err := a.store.Append(t.Context(), batch); err != nil {
		t.Fatal(err)
	}
	n := openNode(t, fastRetries(replica.Config{Store: a.store, Key: a.own, Offline: true}))
	if r := refusalsOf(t, n, id); len(r) != 0 { // every page reads them
		t.Fatalf("%+v", r)
	}
	checkOnlyEquivocatorVoid(t, a, n, mine, reply)
	if s := statusOf(t, n, id); s.Changes != 7 || s.Pending != 4 {
		t.Fatalf("%+v", s)
	}
}

// attackWithCopiedDevice returns a device whose data was copied while it ran: the copy wrote
// with the same actor. The acts of this device since then are void and were reissued: the
// question mine, a reply and an edit.
func attackWithCopiedDevice(t *testing.T) (a *attackedDevice, mine, reply qa.PostID) {
	t.Helper()
	a = attack(t)
	id := a.relay.event
	before := ask(t, a.node, id, "before the copy was made")
	mine = ask(t, a.node, id, "written here")
	reply = do(t, a.node, id, qa.Act{Kind: qa.ActPost, Parent: before, Text: "and a reply"})
	do(t, a.node, id, qa.Act{Kind: qa.ActEdit, Post: before, Text: "edited here"})
	rows := entries(t, a.store, id)
	first, err := wire.DecodeChange(rows[3].Bytes())
	if err != nil {
		t.Fatal(err)
	}
	other := *first
	other.Ops = slices.Clone(first.Ops)
	other.Ops[len(other.Ops)-1].Value = wire.StringValue("written there")
	copied := a.withHash(&other)
	a.relay.keys[a.own.Identity()] = a.own
	a.relay.sync([]wire.Hash{copied.Hash}, nil, copied.Encode())
	eventually(t, a.node, "the words' return", func() bool {
		return slices.Equal(texts(weekOf(t, a.node, id)), []string{"honest", "edited here", "  ", "  and a reply", "", "written here"})
	})
	return a, mine, reply
}

// TestActsVoidedByACopiedDeviceAreReissued: reissued posts name the original post, and have a
// new actor.
func TestActsVoidedByACopiedDeviceAreReissued(t *testing.T) {
	a, mine, reply := attackWithCopiedDevice(t)
	id := a.relay.event
	w := weekOf(t, a.node, id)
	again := w.Threads[3].Question
	if again.Origin != mine || again.Void || w.Threads[2].Question.ID != mine || !w.Threads[2].Question.Void ||
		w.Threads[1].Replies[1].Origin != reply {
		t.Fatalf("%+v", w)
	}
	if r := refusalsOf(t, a.node, id); len(r) != 0 {
		t.Fatalf("%+v", r)
	}
	actors := map[wire.ActorID]bool{}
	for _, en := range entries(t, a.store, id) {
		if en.Own {
			actors[en.Actor] = true
		}
	}
	if len(actors) != 2 {
		t.Fatalf("%d actors", len(actors))
	}
	checkRebuildKeepsWeek(t, a.node, id)
}

// An invalid equivocation proof changes nothing.
func TestInvalidProofsChangeNothing(t *testing.T) {
	a, _, _ := attackWithDependents(t)
	id := a.relay.event
	before := entries(t, a.store, id)
	honest := a.proofOf(a.last, a.last)
	forged := a.proofOf(a.last, a.secondVersion())
	forged.Proof.SigB = bytes.Repeat([]byte{1}, 64)
	nonsense := a.proofOf(a.last, a.secondVersion())
	nonsense.Proof.B = []byte{1, 2, 3}
	for _, m := range []*repo.Message{honest, forged, nonsense} {
		a.relay.send(m)
	}
	a.relay.sync([]wire.Hash{a.last.Hash}, nil) // makes sure that the proofs were read
	ask(t, a.node, id, "still here")
	synced := entries(t, a.store, id)
	if len(synced) != len(before)+1 || statuses(synced)[storage.Excluded] != 0 {
		t.Fatalf("%v", statuses(synced))
	}
}
