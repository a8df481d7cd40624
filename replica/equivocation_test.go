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

func carried(all ...policytest.Signed) (out []bundle.Change) {
	for _, s := range all {
		out = append(out, bundle.Change{Bytes: s.Bytes, Signature: s.Signature})
	}
	return out
}

// merged is a node that took these, one bundle after the other.
func merged(t *testing.T, event qa.EventID, bundles ...[]bundle.Change) *replica.Node {
	t.Helper()
	n := openNode(t, replica.Config{Store: mem.New(), Offline: true})
	for _, b := range bundles {
		if _, err := n.Merge(bounded(t), event, b); err != nil {
			t.Fatal(err)
		}
	}
	return n
}

func textsOf(t *testing.T, n *replica.Node, event qa.EventID) (out []string) {
	t.Helper()
	w, err := n.Week(bounded(t), event)
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

// TestLieAfterTheDraw: a stranger who is read on Monday and shows a second change of
// the same number on Friday takes nothing away of what others wrote: their questions
// and answers stay, and so does the draw.
func TestLieAfterTheDraw(t *testing.T) {
	w := policytest.NewWorld(policytest.Options{})
	mallory := w.Writer("mallory")
	kept := mallory.Clone()
	genesis := w.Heads()
	mallory.Do(func(d *policytest.Draft) { d.Post("", "An honest question?") })
	// The one that is kept back: the same number, on the same past.
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
		opening, err := qa.RevealDraw(secret(x), closing.Change.Hash.String())
		if err != nil {
			t.Fatal(err)
		}
		x.Do(func(d *policytest.Draft) { d.Set("draw/reveal/"+string(x.ID()), wire.BytesValue(opening)) })
	}

	friday := carried(w.Changes...)
	before := merged(t, w.Event, friday)
	week, err := before.Week(bounded(t), w.Event)
	if err != nil {
		t.Fatal(err)
	}
	drawn, err := week.RunDraw()
	if err != nil || drawn.State != qa.DrawDone || len(drawn.Order) != 3 || len(textsOf(t, before, w.Event)) != 7 {
		t.Fatalf("on Friday: %+v, %v, %q", drawn, err, textsOf(t, before, w.Event))
	}
	for name, bundles := range map[string][][]bundle.Change{
		"shown after the draw":  {friday, carried(second)},
		"shown before it":       {carried(w.Changes[0], second), friday},
		"on a device of before": {friday[:2], carried(second), friday},
	} {
		t.Run(name, func(t *testing.T) {
			err := holdsWeek(t, merged(t, w.Event, bundles...), w.Event, drawn.Seed, []string{
				"Answer 0.", "Answer 1.", "Answer 2.", "Question 0?", "Question 1?", "Question 2?",
			})
			if err != nil {
				t.Fatal(err)
			}
		})
	}
}

// holdsWeek says what is missing of the words and the draw.
func holdsWeek(t *testing.T, n *replica.Node, event qa.EventID, seed string, words []string) error {
	t.Helper()
	got := textsOf(t, n, event)
	for _, text := range words {
		if !slices.Contains(got, text) {
			return fmt.Errorf("%q is gone; left are %q", text, got)
		}
	}
	week, err := n.Week(bounded(t), event)
	if err != nil {
		t.Fatal(err)
	}
	if drawn, err := week.RunDraw(); err != nil || drawn.State != qa.DrawDone || drawn.Seed != seed {
		return fmt.Errorf("the draw is %s, %v", drawn.State, err)
	}
	return nil
}

// TestLieAfterTheDrawAsTried is the same with the bundle of the one who tried it.
func TestLieAfterTheDrawAsTried(t *testing.T) {
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
	before := merged(t, event, friday)
	week, err := before.Week(bounded(t), event)
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
	if err := holdsWeek(t, merged(t, event, friday, lie), event, drawn.Seed, words); err != nil {
		t.Fatal(err)
	}
}

// TestManyEquivocations: when hundreds of people have used a number twice, as many as
// earlier versions kept proofs of, whoever does so next, to some in one order and to others in another, leaves all
// devices with the same.
func TestManyEquivocations(t *testing.T) {
	const proofs = 256 // what a device of an earlier version kept for an event
	w := policytest.NewWorld(policytest.Options{})
	genesis := w.Heads()
	twins := func(name string) (a, b policytest.Signed) {
		one := w.Writer(name)
		two := one.Clone()
		x := one.Draft(genesis...)
		x.Post("", name+" shows X")
		y := two.Draft(genesis...)
		y.Post("", name+" shows Y")
		return x.Sign(), y.Sign()
	}
	strangers := carried(w.Changes[0])
	for i := range proofs {
		a, b := twins(fmt.Sprintf("stranger %d", i))
		strangers = append(strangers, carried(a, b)...)
	}
	x, y := twins("the last liar")
	var all [3][]string
	for i, order := range [3][][]bundle.Change{
		{strangers, carried(x), carried(y)},
		{strangers, carried(y), carried(x)},
		{carried(w.Changes[0], x, y), strangers},
	} {
		all[i] = textsOf(t, merged(t, w.Event, order...), w.Event)
	}
	if !slices.Equal(all[0], all[1]) || !slices.Equal(all[1], all[2]) {
		t.Fatalf("a shows %q, b shows %q, c shows %q", all[0], all[1], all[2])
	}
}

// second is another change with the sequence number of the attacker's last one.
func (a *attacked) second() *wire.Change {
	c := a.next(setAt(a.x, "x"))
	c.Seq, c.Deps, c.StartOp = a.last.Seq, a.last.Deps, a.last.StartOp
	return a.done(c)
}

// proofOf is a proof by two changes, signed with the attacker's key.
func (a *attacked) proofOf(first, second *wire.Change) *repo.Message {
	sigs := a.puppet.sign(first.Encode(), second.Encode())
	return &repo.Message{Type: repo.TypeProof, DocumentID: string(a.puppet.event), Proof: &repo.Proof{
		A: first.Encode(), SigA: sigs[:64], B: second.Encode(), SigB: sigs[64:],
	}}
}

// entangled is a device whose words build on a change of which there will be a second
// version: a question of its own, written in sight of it, with an edit and a vote; and a
// reply to it.
func entangled(t *testing.T) (a *attacked, mine, reply qa.PostID) {
	t.Helper()
	a = attack(t)
	id := a.puppet.event
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

// standsAfterTheLie: the words of the one who signed two versions are void, and nothing
// else has moved: the own question with its edit and its vote, and the reply below the
// void post.
func standsAfterTheLie(t *testing.T, a *attacked, n *replica.Node, mine, reply qa.PostID) {
	t.Helper()
	id := a.puppet.event
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
	samePostsAfterRebuild(t, n, id)
}

func TestEquivocationVoidsAndNothingElseMoves(t *testing.T) {
	for name, reveal := range map[string]func(a *attacked){
		"found by this device": func(a *attacked) {
			c := a.second()
			a.puppet.sync([]wire.Hash{c.Hash}, nil, c.Encode())
		},
		"told by a relay of an earlier version": func(a *attacked) { a.puppet.tell(a.proofOf(a.last, a.second())) },
		"told twice": func(a *attacked) {
			a.puppet.tell(a.proofOf(a.second(), a.last))
			a.puppet.tell(a.proofOf(a.second(), a.last))
		},
	} {
		t.Run(name, func(t *testing.T) {
			a, mine, reply := entangled(t)
			id := a.puppet.event
			reveal(a)
			eventually(t, a.node, "the second version", func() bool { return statusOf(t, a.node, id).Changes == 7 })
			standsAfterTheLie(t, a, a.node, mine, reply)

			// Whoever lied goes on, on one of the branches, to no effect.
			after := a.next(setAt(a.x, "z"))
			a.puppet.sync([]wire.Hash{after.Hash}, nil, after.Encode())
			eventually(t, a.node, "another change of theirs", func() bool { return statusOf(t, a.node, id).Changes == 8 })
			if x := weekOf(t, a.node, id).Event.X; len(x) != 0 {
				t.Fatalf("%v", x)
			}
			// This device writes on, on top of both versions, and no engine is asked.
			ask(t, a.node, id, "and now?")
			do(t, a.node, id, qa.Act{Kind: qa.ActPost, Parent: mine, Text: "a reply to myself"})
			do(t, a.node, id, qa.Act{Kind: qa.ActReact, Post: mine, Emoji: qa.WantEmoji, On: false})
			do(t, a.node, id, qa.Act{Kind: qa.ActEdit, Post: mine, Text: "mine, edited again"})
			if _, err := a.node.Do(bounded(t), id, qa.Act{Kind: qa.ActPost, Parent: honestOf(t, a), Text: "to what is void"}); !errors.Is(err, crdt.ErrNoPost) {
				t.Fatalf("a reply to what is void: %v", err)
			}
			want := []string{"", "  a reply", "mine, edited again", "  a reply to myself", "and now?"}
			if got := texts(weekOf(t, a.node, id)); !slices.Equal(got, want) {
				t.Fatalf("%q", got)
			}
			for _, en := range entries(t, a.store, id) {
				if len(en.Signature) != 64 || keys.Verify(id, en.Actor, en.Hash, en.Signature) != nil {
					t.Fatalf("%s is not signed", en.Hash)
				}
			}
			samePostsAfterRebuild(t, a.node, id)

			// All of it is found again in the ledger, and offered to a relay that has none.
			if err := a.node.Close(); err != nil {
				t.Fatal(err)
			}
			n := openNode(t, quick(replica.Config{Store: a.store, Key: a.own, Dial: a.puppet}))
			n.Start(t.Context())
			a.puppet.accept()
			if got := texts(weekOf(t, n, id)); !slices.Equal(got, want) {
				t.Fatalf("after a restart: %q", got)
			}
			a.puppet.sync(nil, nil)
			eventually(t, n, "passing both versions on", func() bool {
				sent := map[wire.Hash]bool{}
				for _, m := range a.puppet.said(repo.TypeSync) {
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
				return sent[a.last.Hash] && sent[a.second().Hash]
			})
			if said := a.puppet.said(repo.TypeProof); len(said) != 0 {
				t.Fatal("a proof was sent, which only earlier versions do")
			}
		})
	}
}

// honestOf is the question that became void.
func honestOf(t *testing.T, a *attacked) qa.PostID {
	t.Helper()
	return weekOf(t, a.node, a.puppet.event).Threads[0].Question.ID
}

// TestWhatAnEarlierVersionExcludedComesBack: a device of an earlier version had excluded
// both versions of a change and all that was built on either, and had written its own
// words anew. All of it is part of the event again, and nobody has to do anything.
func TestWhatAnEarlierVersionExcludedComesBack(t *testing.T) {
	a, mine, reply := entangled(t)
	id := a.puppet.event
	if err := a.node.Close(); err != nil {
		t.Fatal(err)
	}
	second := a.second()
	rows := entries(t, a.store, id)
	batch := storage.Batch{Event: id, ReplaceViews: true, Statuses: map[wire.Hash]storage.Status{}, Entries: []storage.Entry{{
		Hash: second.Hash, Actor: second.Actor, Seq: second.Seq, Bytes: second.Encode(),
		Signature: a.puppet.sign(second.Encode()), Status: storage.Excluded,
	}}}
	for _, en := range rows[1:] {
		batch.Statuses[en.Hash] = storage.Excluded
	}
	if err := a.store.Append(t.Context(), batch); err != nil {
		t.Fatal(err)
	}
	n := openNode(t, quick(replica.Config{Store: a.store, Key: a.own, Offline: true}))
	if r := refusalsOf(t, n, id); len(r) != 0 { // every page asks for them
		t.Fatalf("%+v", r)
	}
	standsAfterTheLie(t, a, n, mine, reply)
	if s := statusOf(t, n, id); s.Changes != 7 || s.Pending != 4 {
		t.Fatalf("%+v", s)
	}
}

// copyThatRanOn is a device of which another copy, made while it ran, wrote with its
// actor. What this device wrote since then is void, and written anew: mine, and a reply.
func copyThatRanOn(t *testing.T) (a *attacked, mine, reply qa.PostID) {
	t.Helper()
	a = attack(t)
	id := a.puppet.event
	before := ask(t, a.node, id, "before the copy was made")
	mine = ask(t, a.node, id, "written here")
	reply = do(t, a.node, id, qa.Act{Kind: qa.ActPost, Parent: before, Text: "and a reply"})
	do(t, a.node, id, qa.Act{Kind: qa.ActEdit, Post: before, Text: "edited here"})
	rows := entries(t, a.store, id)
	first, err := wire.DecodeChange(rows[3].Bytes)
	if err != nil {
		t.Fatal(err)
	}
	other := *first
	other.Ops = slices.Clone(first.Ops)
	other.Ops[len(other.Ops)-1].Value = wire.StringValue("written there")
	copied := a.done(&other)
	a.puppet.keys[a.own.Identity()] = a.own
	a.puppet.sync([]wire.Hash{copied.Hash}, nil, copied.Encode())
	eventually(t, a.node, "the words' return", func() bool {
		return slices.Equal(texts(weekOf(t, a.node, id)), []string{"honest", "edited here", "  ", "  and a reply", "", "written here"})
	})
	return a, mine, reply
}

// TestACopyThatRanOn: what is written anew has a fresh actor, and is known as what it was.
func TestACopyThatRanOn(t *testing.T) {
	a, mine, reply := copyThatRanOn(t)
	id := a.puppet.event
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
	samePostsAfterRebuild(t, a.node, id)
}

// A proof that proves nothing changes nothing, whoever tells it.
func TestFalseProofsChangeNothing(t *testing.T) {
	a, _, _ := entangled(t)
	id := a.puppet.event
	before := entries(t, a.store, id)
	honest := a.proofOf(a.last, a.last)
	forged := a.proofOf(a.last, a.second())
	forged.Proof.SigB = bytes.Repeat([]byte{1}, 64)
	nonsense := a.proofOf(a.last, a.second())
	nonsense.Proof.B = []byte{1, 2, 3}
	for _, m := range []*repo.Message{honest, forged, nonsense} {
		a.puppet.tell(m)
	}
	a.puppet.sync([]wire.Hash{a.last.Hash}, nil) // read after them
	ask(t, a.node, id, "still here")
	synced := entries(t, a.store, id)
	if len(synced) != len(before)+1 || statuses(synced)[storage.Excluded] != 0 {
		t.Fatalf("%v", statuses(synced))
	}
}
