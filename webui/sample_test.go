package webui

import (
	"bytes"
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"flyleaf/crdt/wire"
	personkeys "flyleaf/keys"
	"flyleaf/node"
	"flyleaf/node/convert"
	"flyleaf/qa"
	"flyleaf/storage"
	"flyleaf/storage/mem"
)

// testNow is Wednesday 11 November 2026, 10:27 UTC.
var testNow = time.Date(2026, 11, 11, 10, 27, 0, 0, time.UTC)

// keyOf returns the key of a test person.
func keyOf(c byte) personkeys.Key {
	key, err := personkeys.KeyFromSeed(bytes.Repeat([]byte{c}, 32))
	if err != nil {
		panic(err)
	}
	return key
}

// person returns the identity of the test person with this letter.
func person(c byte) qa.Identity { return keyOf(c).Identity() }

// eventID returns the ID of an event that does not exist.
func eventID(n byte) qa.EventID { return qa.MakeEventID([16]byte{n, 1, 2, 3}) }

// The people of the sample week. The reader opens the pages; Noor founded the week.
var (
	reader                         = person('a')
	ilse, teodor, maren, obi, noor = person('b'), person('c'), person('d'), person('e'), person('f')
)

// letters maps each test person to their letter.
var letters = func() map[qa.Identity]byte {
	out := map[qa.Identity]byte{}
	for c := byte('0'); c <= 'z'; c++ {
		out[person(c)] = c
	}
	return out
}()

const sampleRelay = "ws://relay.example:3030"

// openDevice opens a device on a store, as a newly started process does.
func openDevice(store storage.Store, key personkeys.Key) *node.Device {
	d, err := node.Open(context.Background(), node.Config{Store: store, Key: key, Now: func() time.Time { return testNow }, Converter: convert.Direct{}})
	if err != nil {
		panic(err)
	}
	return d
}

// copyEvent copies all changes of an event from one device to another.
func copyEvent(from, to node.Node, event qa.EventID) {
	b, err := from.Bundle(context.Background(), event)
	if err == nil {
		_, err = to.Merge(context.Background(), b)
	}
	if err != nil {
		panic(err)
	}
}

// sampleWeek is the sample as other devices have it: a bundle, and its posts in the order of
// writing. The last post is missing: the reader writes it on the test's device.
type sampleWeek struct {
	event  qa.EventID
	posts  []qa.PostID
	bundle []byte
}

func onDay(day, hour, minute int) int64 {
	return time.Date(2026, 11, day, hour, minute, 0, 0, time.UTC).UnixMilli()
}

// sampleOnce writes the sample once for all tests.
var sampleOnce = sync.OnceValue(func() sampleWeek { return writeSample(inEnglish) })

// inEnglish is for writeSample: the words as they are.
func inEnglish(words string) string { return words }

// writeSample writes the sample, with one device for each person in it. It passes all that people write through in.
func writeSample(in func(string) string) sampleWeek {
	ctx := context.Background()
	devices := map[qa.Identity]*node.Device{}
	var last *node.Device
	var out sampleWeek
	as := func(who qa.Identity) *node.Device {
		d := devices[who]
		if d == nil {
			d = openDevice(mem.New(), keyOf(letters[who]))
			devices[who] = d
		}
		if last != nil && last != d {
			copyEvent(last, d, out.event)
		}
		last = d
		return d
	}
	do := func(who qa.Identity, act qa.Act) qa.PostID {
		if act.Mark != "duplicateOf" {
			act.Text = in(act.Text)
		}
		act.OnBehalfOf = in(act.OnBehalfOf)
		id, err := as(who).Do(ctx, out.event, act)
		if err != nil {
			panic(err)
		}
		return id
	}
	inv, err := as(noor).CreateEvent(ctx, qa.Event{
		Kind: "event", Access: "open", Title: in("The Patient Ledger"), Authors: in("Ilse Marrow, Teodor Anand"),
		Zone: "UTC", Description: in("Append-only thinking for people who would *like to sleep* at night."),
		StartsAtMillis: onDay(9, 0, 0), EndsAtMillis: onDay(13, 23, 59), AnswersUntilMillis: onDay(12, 12, 0), WinnersAtMillis: onDay(13, 10, 0), Prizes: 3,
		Links: []qa.Link{{Text: in("The book"), URL: "https://example.org/ledger"}, {Text: "no", URL: "javascript:alert(1)"}}, Relays: []string{sampleRelay},
	}, sampleRelay)
	if err != nil {
		panic(err)
	}
	out.event = inv.Event
	for who, name := range map[qa.Identity]string{ilse: "Ilse Marrow", teodor: "Teodor Anand", maren: "Maren Holt", obi: "Obi Tamsin", noor: "Noor Adeyemi"} {
		do(who, qa.Act{Kind: qa.ActPerson, Person: &qa.Person{Name: in(name)}})
	}
	for who, role := range map[qa.Identity]qa.Role{ilse: qa.RoleAuthor, teodor: qa.RoleAuthor, noor: qa.RoleModerator} {
		do(noor, qa.Act{Kind: qa.ActRole, Identity: who, Role: role, On: true})
	}
	say := func(who qa.Identity, act qa.Act) qa.PostID {
		act.Kind = qa.ActPost
		id := do(who, act)
		out.posts = append(out.posts, id)
		return id
	}
	react := func(post qa.PostID, emoji string, who ...qa.Identity) {
		for _, id := range who {
			do(id, qa.Act{Kind: qa.ActReact, Post: post, Emoji: emoji, On: true})
		}
	}
	q := say(maren, qa.Act{AtMillis: onDay(9, 9, 4), Text: "I run the books of a small choir with 40 members and one bank account. Two things I cannot settle:\n\n1. At what size does an append-only ledger begin to pay?\n2. May nothing *ever* be changed?"})
	react(q, "🙏", ilse)
	react(q, "📒", reader, obi)
	react(q, qa.WantEmoji, reader, obi)
	a := say(ilse, qa.Act{Parent: q, AtMillis: onDay(9, 11, 40), Text: "A choir is exactly the right size, so thank you for opening the week with one.\n\n- Keep the spreadsheet for a month\n- Count who asked :smile:\n\n```\n02 Nov  fee      M. Hult  +20.00\n03 Nov  rename   M. Hult → M. Holt, and a line that is far too long to fit in any measure of ours\n```\n\nSee https://example.org/ledger and `fsync`."})
	say(obi, qa.Act{Parent: a, AtMillis: onDay(9, 13, 15), Text: "We did this for a housing co-op. One trap: people delete the line *below* to make space. Lock the sheet."})
	say(teodor, qa.Act{Parent: q, AtMillis: onDay(9, 16, 22), Text: "“Lock the sheet” should have been a chapter title."})
	b := say(noor, qa.Act{OnBehalfOf: "Priya Lund", AtMillis: onDay(9, 15, 48), Text: "My grandmother kept the accounts of a fishing boat in pencil. Was she wrong?"})
	say(ilse, qa.Act{Parent: b, AtMillis: onDay(9, 17, 30), Text: "Not if she crossed out instead of rubbing out."})
	gone := say(obi, qa.Act{AtMillis: onDay(9, 18, 20), Text: "words that were taken back"})
	do(obi, qa.Act{Kind: qa.ActWithdraw, Post: gone, On: true, AtMillis: onDay(9, 18, 40)})
	hidden := say(person('1'), qa.Act{AtMillis: onDay(10, 11, 2), Text: "words that are hidden"})
	do(noor, qa.Act{Kind: qa.ActMark, Post: hidden, Mark: "hidden", Text: "an advertisement, third time", AtMillis: onDay(10, 11, 30)})

	// Two of the reader's devices edit one question concurrently.
	forked := say(reader, qa.Act{AtMillis: onDay(10, 12, 30), Text: "How long should we keep the ledger?"})
	react(forked, qa.WantEmoji, obi)
	laptop, phone := as(reader), openDevice(mem.New(), keyOf('a'))
	copyEvent(laptop, phone, out.event)
	for _, on := range []bool{true, false} { // so that the phone's text is second in every run
		if _, err := phone.Do(ctx, out.event, qa.Act{Kind: qa.ActReact, Post: forked, Emoji: "👍", On: on}); err != nil {
			panic(err)
		}
	}
	for i, d := range []*node.Device{laptop, phone} {
		text := [...]string{"How long should a volunteer association keep its ledger?", "How long should a sports association keep its ledger?"}[i]
		if _, err := d.Do(ctx, out.event, qa.Act{Kind: qa.ActEdit, Post: forked, Text: in(text), AtMillis: onDay(10, 18, 2+3*i)}); err != nil {
			panic(err)
		}
	}
	copyEvent(phone, laptop, out.event)

	duplicate := say(obi, qa.Act{AtMillis: onDay(10, 21, 17), Text: "Can I fix a typo in an old booking, or is that already forgery?"})
	do(noor, qa.Act{Kind: qa.ActMark, Post: duplicate, Mark: "duplicateOf", Text: string(q), AtMillis: onDay(10, 21, 30)})
	say(reader, qa.Act{AtMillis: onDay(11, 9, 15), Text: "Is there a good way to close a ledger?"})
	if out.bundle, err = last.Bundle(ctx, out.event); err != nil {
		panic(err)
	}
	for _, d := range devices {
		_ = d.Close()
	}
	_ = phone.Close()
	return out
}

// testNode is a real node on storage/mem. It records the acts of pages. With editViews a test
// supplies what only a network or another version of the program could write.
type testNode struct {
	node.Node // the reader's device

	store   *failingStore
	devices map[qa.Identity]*node.Device // everybody else's devices
	sample  []qa.PostID                  // the posts of the sample, in the order of writing

	mu         sync.Mutex
	done       []qa.Act // acts carried out by pages
	reconnects int
	visited    []qa.EventID
	announced  []qa.Presence
	overrides  map[qa.EventID]*shownWeek
	watchers   map[int]watcher
	next       int
	endPump    context.CancelFunc
}

type watcher struct {
	event qa.EventID
	c     chan qa.Update
}

// shownWeek is what a node shows of an event: the stored views, which a test may edit as another
// version of the program could have written them, and data that a test's device cannot produce.
type shownWeek struct {
	event  qa.Event
	posts  []qa.Post // in the order of writing
	people map[qa.Identity]qa.Person

	// These come from a network. nil: the real device answers.
	relay    *qa.RelayStatus
	presence []qa.Presence
	refusals []qa.NotAccepted // refused by a relay, or by the rules of another version
	// log has entries for acts that this version does not know. They follow the real entries.
	log []qa.LogEntry
	// verified has changes that break the rules; a device would exclude them. nil: the real device
	// answers.
	verified map[qa.PostID]qa.Verification
}

// failingStore is a store that fails, or returns forged signatures, when a test asks for it.
type failingStore struct {
	storage.Store
	mu     sync.Mutex
	fail   error
	forged map[string]bool // changes that are read with a wrong signature, by hash
}

// forge makes Entry return a wrong signature for a change.
func (s *failingStore) forge(hash string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.forged = map[string]bool{hash: true}
}

func (s *failingStore) Entry(ctx context.Context, event qa.EventID, h wire.Hash) (storage.Entry, error) {
	en, err := s.Store.Entry(ctx, event, h)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.forged[h.String()] {
		en.Signature = make([]byte, len(en.Signature))
	}
	return en, err
}

func (s *failingStore) set(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fail = err
}

func (s *failingStore) failure() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.fail
}

func (s *failingStore) Append(ctx context.Context, b ...storage.Batch) error {
	if err := s.failure(); err != nil {
		return err
	}
	return s.Store.Append(ctx, b...)
}

func (s *failingStore) Follow(ctx context.Context, f storage.Following) error {
	if err := s.failure(); err != nil {
		return err
	}
	return s.Store.Follow(ctx, f)
}

func (s *failingStore) SetSetting(ctx context.Context, key, value string) error {
	if err := s.failure(); err != nil {
		return err
	}
	return s.Store.SetSetting(ctx, key, value)
}

func (s *failingStore) DeleteSetting(ctx context.Context, key string) error {
	if err := s.failure(); err != nil {
		return err
	}
	return s.Store.DeleteSetting(ctx, key)
}

// newNode returns the node of a reader who has not joined any event yet.
func newNode(t testing.TB) *testNode {
	n := &testNode{store: &failingStore{Store: mem.New()}, devices: map[qa.Identity]*node.Device{}, overrides: map[qa.EventID]*shownWeek{}, watchers: map[int]watcher{}}
	n.start()
	t.Cleanup(func() {
		n.endPump()
		_ = n.Node.(*node.Device).Close()
		for _, d := range n.devices {
			_ = d.Close()
		}
	})
	return n
}

// start opens the device. Call it again after changing the store directly.
func (n *testNode) start() {
	if n.Node != nil {
		n.endPump()
		_ = n.Node.(*node.Device).Close()
	}
	d := openDevice(n.store, keyOf('a'))
	n.Node = d
	var ctx context.Context
	ctx, n.endPump = context.WithCancel(context.Background())
	begun := make(chan struct{})
	go func() {
		first := sync.OnceFunc(func() { close(begun) })
		_ = d.Watch(ctx, "", func(u qa.Update) error {
			first()
			if u.Event != "" {
				n.notify(u)
			}
			return nil
		})
	}()
	<-begun
}

// sample returns a node with one week in which every state occurs.
func sample(t testing.TB) (*testNode, qa.EventID) { return sampleIn(t, sampleOnce(), inEnglish) }

// sampleIn is sample with a week that writeSample wrote with in.
func sampleIn(t testing.TB, week sampleWeek, in func(string) string) (*testNode, qa.EventID) {
	n := newNode(t)
	if _, err := n.Merge(context.Background(), week.bundle); err != nil {
		t.Fatal(err)
	}
	last, err := n.Node.Do(context.Background(), week.event, qa.Act{Kind: qa.ActPost, Text: in("On page 140 you `fsync` after every entry. Is once a minute a sin? 🙈"), AtMillis: onDay(11, 10, 2)})
	if err != nil {
		t.Fatal(err)
	}
	n.sample = append(slices.Clone(week.posts), last)
	n.overrides[week.event] = &shownWeek{relay: &qa.RelayStatus{URL: sampleRelay, State: qa.RelaySynced}}
	return n, week.event
}

// onDeviceOf runs do on another person's device, which first gets all changes from the reader's
// device. Then the reader's device gets the new changes.
func (n *testNode) onDeviceOf(who qa.Identity, event qa.EventID, do func(*node.Device) error) {
	d := n.devices[who]
	if d == nil {
		d = openDevice(mem.New(), keyOf(letters[who]))
		n.devices[who] = d
	}
	// A bundle does not contain undelivered anonymous questions, so they are not copied.
	copyEvent(n.Node, d, event)
	if err := do(d); err != nil {
		panic(err)
	}
	copyEvent(d, n.Node, event)
}

// noAction is for onDeviceOf: the device only receives changes, and carries out its automatic acts.
func noAction(*node.Device) error { return nil }

// inviteAs creates an invitation to a role on another person's device.
func (n *testNode) inviteAs(who qa.Identity, event qa.EventID, role qa.Role) (made qa.InviteInfo) {
	n.onDeviceOf(who, event, func(d *node.Device) (err error) {
		made, err = d.Invite(context.Background(), event, role, "")
		return err
	})
	return made
}

// doAs carries out acts on another person's device. It returns the last post created.
func (n *testNode) doAs(who qa.Identity, event qa.EventID, acts ...qa.Act) (post qa.PostID) {
	n.onDeviceOf(who, event, func(d *node.Device) error {
		for _, act := range acts {
			id, err := d.Do(context.Background(), event, act)
			if err != nil {
				return err
			}
			post = cmp.Or(id, post)
		}
		return nil
	})
	return post
}

// doNotInEffect makes Teodor act as a moderator while Noor concurrently removes his role.
func (n *testNode) doNotInEffect(event qa.EventID, act qa.Act) {
	role := qa.Act{Kind: qa.ActRole, Identity: teodor, Role: qa.RoleModerator, On: true}
	n.doAs(noor, event, role)
	n.onDeviceOf(teodor, event, noAction) // he learns of the role
	role.On = false
	n.doAs(noor, event, role)
	d := n.devices[teodor]
	if _, err := d.Do(context.Background(), event, act); err != nil {
		panic(err)
	}
	copyEvent(d, n.Node, event)
}

// addPost writes a post by p.By, with its reactions.
func (n *testNode) addPost(event qa.EventID, p qa.Post, text string) qa.PostID {
	id := n.doAs(p.By, event, qa.Act{
		Kind: qa.ActPost, AtMillis: p.AtMillis, Parent: p.Parent, Text: text, OnBehalfOf: p.OnBehalfOf, Tags: p.Tags, Source: p.Source, X: p.X,
	})
	for _, r := range p.Reactions {
		n.doAs(r.By, event, qa.Act{Kind: qa.ActReact, Post: id, Emoji: r.Emoji, On: true})
	}
	return id
}

// giveReaderRole gives the reader a role, as the founder of the sample.
func (n *testNode) giveReaderRole(event qa.EventID, role qa.Role) {
	n.doAs(noor, event, qa.Act{Kind: qa.ActRole, Identity: reader, Role: role, On: true})
}

// cover gives an event a cover, as one of its organisers.
func (n *testNode) cover(event qa.EventID, picture []byte) {
	week, err := n.Week(context.Background(), event)
	if err == nil {
		_, err = node.ChangeWeek(context.Background(), n.Node, convert.Direct{}, &week.Event, &week.Event, picture)
	}
	if err != nil {
		panic(err)
	}
}

// deliver marks all changes of this device in an event as received by a relay.
func (n *testNode) deliver(event qa.EventID) {
	if err := n.store.SetDelivered(context.Background(), event, true); err != nil {
		panic(err)
	}
	n.start()
}

// editViews changes the stored views of an event, as another version of the program may have
// written them. A later change replaces the rows that it touches by those of the ledger.
func (n *testNode) editViews(event qa.EventID, change func(w *shownWeek)) {
	ctx := context.Background()
	n.mu.Lock()
	w := n.overrides[event]
	if w == nil {
		w = &shownWeek{}
		n.overrides[event] = w
	}
	idle := len(n.watchers) == 0
	w.event, w.posts, w.people = n.views(event)
	change(w)
	n.mu.Unlock()
	if w.event.Title == "" && len(w.posts) == 0 {
		return // nothing of the event has arrived
	}
	update := storage.ViewUpdate{Event: &w.event, Posts: w.posts, People: slices.Collect(maps.Values(w.people))}
	for i := range w.posts {
		for _, r := range w.posts[i].Reactions {
			update.Reactions = append(update.Reactions, storage.ReactionUpdate{Post: w.posts[i].ID, Reaction: r, On: true})
		}
	}
	if err := n.store.ReplaceViews(ctx, event, update); err != nil {
		panic(err)
	}
	if idle {
		n.start()
	}
}

func (n *testNode) views(event qa.EventID) (qa.Event, []qa.Post, map[qa.Identity]qa.Person) {
	ctx := context.Background()
	e, err := n.store.Event(ctx, event)
	if err != nil {
		e = qa.Event{}
	}
	posts, err := n.store.Posts(ctx, event)
	if err != nil {
		panic(err)
	}
	slices.SortFunc(posts, func(a, b qa.Post) int {
		if a.Op.Less(b.Op) {
			return -1
		}
		return 1
	})
	people, err := n.store.People(ctx, event)
	if err != nil {
		panic(err)
	}
	named := map[qa.Identity]qa.Person{}
	for _, p := range people {
		named[p.ID] = p
	}
	return e, posts, named
}

// shown returns the stored views of an event.
func (n *testNode) shown(event qa.EventID) shownWeek {
	var w shownWeek
	w.event, w.posts, w.people = n.views(event)
	return w
}

// addEvent follows an event that has views but no changes.
func (n *testNode) addEvent(e qa.Event) {
	f := storage.Following{Event: e.ID, JoinedAtMillis: testNow.UnixMilli() + int64(len(n.overrides))}
	if err := n.store.Follow(context.Background(), f); err != nil {
		panic(err)
	}
	if e.Kind == "club" {
		n.setSetting("node/club/"+string(e.ID), "1") // the node stores this when a club arrives
	}
	n.start()
	n.editViews(e.ID, func(w *shownWeek) { w.event = e })
}

func (n *testNode) setFail(err error) { n.store.set(err) }

// setting returns a setting of the device, "" when it was never set.
func (n *testNode) setting(key string) string {
	v, err := n.store.Setting(context.Background(), key)
	if err != nil {
		return ""
	}
	return v
}

// countSettings counts the settings that pages have stored.
func (n *testNode) countSettings() int {
	all, err := n.store.Settings(context.Background(), "")
	if err != nil {
		panic(err)
	}
	maps.DeleteFunc(all, func(key, _ string) bool { return strings.HasPrefix(key, "keys/") })
	return len(all)
}

func (n *testNode) setSetting(key, value string) {
	if err := n.store.SetSetting(context.Background(), key, value); err != nil {
		panic(err)
	}
}

func (n *testNode) acts() []qa.Act {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.Clone(n.done)
}

// override returns what a test has set for an event.
func (n *testNode) override(event qa.EventID) shownWeek {
	n.mu.Lock()
	defer n.mu.Unlock()
	if w := n.overrides[event]; w != nil {
		return *w
	}
	return shownWeek{}
}

func (n *testNode) notify(u qa.Update) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, w := range n.watchers {
		if w.event == "" || w.event == u.Event {
			select {
			case w.c <- u:
			default:
			}
		}
	}
}

func (n *testNode) subscribers() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return len(n.watchers)
}

func (n *testNode) Watch(ctx context.Context, event qa.EventID, fn func(qa.Update) error) error {
	w := watcher{event, make(chan qa.Update, 64)}
	n.mu.Lock()
	n.next++
	id := n.next
	n.watchers[id] = w
	n.mu.Unlock()
	defer func() {
		n.mu.Lock()
		delete(n.watchers, id)
		n.mu.Unlock()
	}()
	u := qa.Update{}
	for {
		if err := fn(u); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case u = <-w.c:
		}
	}
}

func (n *testNode) Do(ctx context.Context, event qa.EventID, act qa.Act) (qa.PostID, error) {
	id, err := n.Node.Do(ctx, event, act)
	n.recordActs(err, act)
	return id, err
}

func (n *testNode) DoAll(ctx context.Context, event qa.EventID, acts []qa.Act) error {
	err := n.Node.DoAll(ctx, event, acts)
	n.recordActs(err, acts...)
	return err
}

func (n *testNode) recordActs(err error, acts ...qa.Act) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if err == nil {
		n.done = append(n.done, acts...)
	}
}

func (n *testNode) overrideStatus(s *qa.Status) {
	w := n.override(s.Event)
	if w.relay != nil {
		s.Relay = *w.relay
	}
}

func (n *testNode) Status(ctx context.Context, event qa.EventID) (qa.Status, error) {
	s, err := n.Node.Status(ctx, event)
	n.overrideStatus(&s)
	return s, err
}

func (n *testNode) Overview(ctx context.Context) ([]qa.Status, error) {
	all, err := n.Node.Overview(ctx)
	for i := range all {
		n.overrideStatus(&all[i])
	}
	return all, err
}

func (n *testNode) Summary(ctx context.Context) (node.Summary, error) {
	all, err := n.Overview(ctx)
	return node.Summarize(all), err
}

func (n *testNode) Log(ctx context.Context, event qa.EventID) ([]qa.LogEntry, error) {
	log, err := n.Node.Log(ctx, event)
	return append(log, n.override(event).log...), err
}

func (n *testNode) Refusals(ctx context.Context, event qa.EventID) ([]qa.NotAccepted, error) {
	if w := n.override(event); w.refusals != nil {
		return slices.Clone(w.refusals), nil
	}
	return n.Node.Refusals(ctx, event)
}

func (n *testNode) DiscardRefusal(ctx context.Context, event qa.EventID, hash string) error {
	n.mu.Lock()
	w := n.overrides[event]
	if w != nil && slices.ContainsFunc(w.refusals, func(r qa.NotAccepted) bool { return r.Hash == hash }) {
		w.refusals = slices.DeleteFunc(w.refusals, func(r qa.NotAccepted) bool { return r.Hash == hash })
		n.mu.Unlock()
		return nil
	}
	n.mu.Unlock()
	return n.Node.DiscardRefusal(ctx, event, hash)
}

func (n *testNode) Presence(ctx context.Context, event qa.EventID) ([]qa.Presence, error) {
	if w := n.override(event); w.presence != nil {
		return slices.Clone(w.presence), nil
	}
	return n.Node.Presence(ctx, event)
}

func (n *testNode) VerifyPost(ctx context.Context, event qa.EventID, post qa.PostID) (qa.Verification, error) {
	if w := n.override(event); w.verified != nil {
		return w.verified[post], nil
	}
	return n.Node.VerifyPost(ctx, event, post)
}

func (n *testNode) RecoveryPhrase(ctx context.Context) ([]string, error) {
	if err := n.store.failure(); err != nil {
		return nil, err
	}
	return n.Node.RecoveryPhrase(ctx)
}

func (n *testNode) ReconnectNow(ctx context.Context) error {
	n.mu.Lock()
	n.reconnects++
	n.mu.Unlock()
	return n.Node.ReconnectNow(ctx)
}

func (n *testNode) Visit(ctx context.Context, event qa.EventID) error {
	n.mu.Lock()
	n.visited = append(n.visited, event)
	n.mu.Unlock()
	return n.Node.Visit(ctx, event)
}

func (n *testNode) Announce(ctx context.Context, event qa.EventID, kind string, post qa.PostID) error {
	n.mu.Lock()
	n.announced = append(n.announced, qa.Presence{Kind: kind, By: reader, Post: post})
	n.mu.Unlock()
	return n.Node.Announce(ctx, event, kind, post)
}
