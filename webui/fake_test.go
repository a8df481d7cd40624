package webui

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"flyleaf/node"

	"flyleaf/qa"
	"flyleaf/schema"
)

// fakeNode is a node in memory. It keeps acts as the real one would show them.
type fakeNode struct {
	node.Node // what the pages do not use
	mu        sync.Mutex
	me        qa.Identity
	weeks     map[qa.EventID]*fakeWeek
	order     []qa.EventID
	settings  map[string]string
	drafts    map[qa.EventID]map[string]node.Draft
	fail      error // what Do, SetSetting, Found and Join return when not nil
	acts      []qa.Act
	subs      map[int]fakeSub
	next      int
	woken     int
	anon      map[qa.PostID]qa.Identity // keys of anonymous questions
	spoken    []qa.Presence             // what was announced
	phrase    []string
	visited   []qa.EventID
}

type fakeSub struct {
	event qa.EventID
	c     chan qa.Update
}

type fakeWeek struct {
	event   qa.Event
	posts   []qa.Post
	people  map[qa.Identity]qa.Person
	pending map[qa.PostID]bool
	relay   qa.RelayStatus

	log      []qa.LogEntry
	invites  []qa.InviteInfo
	refusals []qa.NotTaken
	presence []qa.Presence
	verified map[qa.PostID]qa.Verification
	claim    [2]string // role and state of this device's own invitation
	claims   []qa.Claim
	blobs    map[string][]byte
}

const fakeMe = qa.Identity("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa")

func fakeID(c byte) qa.Identity { return qa.Identity(strings.Repeat(string(c), 64)) }

func newFake() *fakeNode {
	return &fakeNode{
		me: fakeMe, weeks: make(map[qa.EventID]*fakeWeek), settings: make(map[string]string), drafts: map[qa.EventID]map[string]node.Draft{}, subs: make(map[int]fakeSub),
		anon: make(map[qa.PostID]qa.Identity), phrase: strings.Fields(strings.Repeat("abandon ", 23) + "art"),
	}
}

func fakeEvent(n byte) qa.EventID { return qa.MakeEventID([16]byte{n, 1, 2, 3}) }

func (f *fakeNode) add(e qa.Event) *fakeWeek {
	w := &fakeWeek{
		event: e, people: make(map[qa.Identity]qa.Person), pending: make(map[qa.PostID]bool),
		relay: qa.RelayStatus{URL: "ws://relay.example:3030", State: qa.RelaySynced},
	}
	f.weeks[e.ID] = w
	f.order = append(f.order, e.ID)
	return w
}

func (f *fakeNode) op() qa.OpID {
	f.next++
	return qa.OpID{Counter: uint64(f.next), Actor: "01"}
}

// put adds a post as another device would have made it.
func (f *fakeNode) put(event qa.EventID, p qa.Post, text string) qa.PostID {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.putLocked(event, p, text)
}

func (f *fakeNode) putLocked(event qa.EventID, p qa.Post, text string) qa.PostID {
	p.Op = f.op()
	if p.ID == "" {
		p.ID = qa.PostID(fmt.Sprintf("%s-aaaaaaaaaaaaa-%d", p.By[:16], p.Op.Counter))
	}
	if p.Revisions == nil {
		p.Revisions = []qa.Revision{{ID: qa.RevisionID(fmt.Sprintf("%d-a", p.Op.Counter)), Text: text, AtMillis: p.AtMillis, Op: p.Op}}
	}
	f.weeks[event].posts = append(f.weeks[event].posts, p)
	return p.ID
}

func (f *fakeNode) notify(u qa.Update) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, s := range f.subs {
		if s.event == "" || s.event == u.Event {
			select {
			case s.c <- u:
			default:
			}
		}
	}
}

func (f *fakeNode) Identity(context.Context) (qa.Identity, error) { return f.me, nil }

func (f *fakeNode) Person(context.Context) (qa.Person, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return qa.Person{ID: f.me, Name: f.settings["name"], About: f.settings["about"], Link: f.settings["link"], PublishAs: f.settings["publishAs"]}, nil
}

func (f *fakeNode) SetPerson(_ context.Context, p qa.Person) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if p.Link != "" && !qa.LeadsElsewhere(p.Link) {
		return node.Errorf(node.Invalid, "the link has to be a web address")
	}
	if err := p.Validate(); err != nil {
		return err
	}
	if f.fail != nil {
		return f.fail
	}
	f.settings["name"], f.settings["about"], f.settings["link"], f.settings["publishAs"] = p.Name, p.About, p.Link, p.PublishAs
	return nil
}

func (f *fakeNode) DoAll(ctx context.Context, event qa.EventID, acts []qa.Act) error {
	for _, act := range acts {
		if _, err := f.Do(ctx, event, act); err != nil {
			return err
		}
	}
	return nil
}

func (f *fakeNode) Drafts(_ context.Context, event qa.EventID) (map[string]node.Draft, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return maps.Clone(f.drafts[event]), nil
}

func (f *fakeNode) SetDraft(_ context.Context, event qa.EventID, key string, d node.Draft) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.fail != nil {
		return f.fail
	}
	if f.drafts[event] == nil {
		f.drafts[event] = map[string]node.Draft{}
	}
	delete(f.drafts[event], key)
	if !d.Empty() {
		f.drafts[event][key] = d
	}
	return nil
}

func (f *fakeNode) Events(context.Context) ([]qa.Event, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	var out []qa.Event
	for _, id := range f.order {
		out = append(out, f.weeks[id].event)
	}
	return out, nil
}

func (f *fakeNode) Week(_ context.Context, event qa.EventID) (qa.Week, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	w := f.weeks[event]
	if w == nil {
		return qa.Week{}, errors.New("no such event")
	}
	var people []qa.Person
	for _, p := range w.people {
		people = append(people, p)
	}
	posts := slices.Clone(w.posts)
	for i := range posts {
		posts[i].Revisions = slices.Clone(posts[i].Revisions)
		posts[i].Reactions = slices.Clone(posts[i].Reactions)
	}
	return qa.NewWeek(w.event, posts, people).For(f.keysLocked(event)...), nil
}

func (f *fakeNode) Found(_ context.Context, e qa.Event, relay string) (qa.Invitation, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.fail != nil {
		return qa.Invitation{}, f.fail
	}
	f.next++
	e.ID, e.Founder = fakeEvent(byte(100+f.next)), f.me
	f.add(e).relay = qa.RelayStatus{URL: relay, State: qa.RelayNone}
	return qa.Invitation{Event: e.ID, Relay: relay}, nil
}

func (f *fakeNode) Join(_ context.Context, inv qa.Invitation) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.fail != nil {
		return f.fail
	}
	f.add(qa.Event{ID: inv.Event}).relay = qa.RelayStatus{URL: inv.Relay, State: qa.RelayOffline, Why: "connection refused"}
	return nil
}

func (f *fakeNode) Invitation(_ context.Context, event qa.EventID) (qa.Invitation, error) {
	return qa.Invitation{Event: event, Relay: "ws://relay.example:3030"}, nil
}

func (f *fakeNode) Do(_ context.Context, event qa.EventID, act qa.Act) (qa.PostID, error) {
	f.mu.Lock()
	id, err := f.doLocked(event, act)
	f.mu.Unlock()
	if err == nil {
		f.notify(qa.Update{Event: event, Posts: []qa.PostID{cmp.Or(id, act.Post)}, Status: true})
	}
	return id, err
}

func (f *fakeNode) doLocked(event qa.EventID, act qa.Act) (qa.PostID, error) {
	if f.fail != nil {
		return "", f.fail
	}
	if act.AtMillis == 0 {
		act.AtMillis = fakeNow.UnixMilli()
	}
	if err := act.Validate(); err != nil && !errors.Is(err, qa.ErrTooLong) {
		return "", err
	}
	f.acts = append(f.acts, act)
	w := f.weeks[event]
	if w == nil {
		return "", errors.New("no such event")
	}
	if len(act.Text) > schema.MaxText {
		return "", &qa.FieldError{Field: "post/text", Got: len(act.Text), Max: schema.MaxText, Err: qa.ErrTooLong}
	}
	if act.Kind == qa.ActPost {
		by := f.me
		if act.Anonymous {
			by = qa.Identity(fmt.Sprintf("%064x", 0xabc0+f.next))
		}
		id := f.putLocked(event, qa.Post{By: by, Parent: act.Parent, AtMillis: act.AtMillis, OnBehalfOf: act.OnBehalfOf, Tags: act.Tags}, act.Text)
		if act.Anonymous {
			f.anon[id] = by
		}
		w.pending[id] = true
		return id, nil
	}
	if act.Kind == qa.ActPerson {
		w.people[act.Person.ID] = *act.Person
		return "", nil
	}
	if f.eventLocked(w, act) || f.trustLocked(w, act) || f.weekLocked(w, act) {
		return "", nil
	}
	i := slices.IndexFunc(w.posts, func(p qa.Post) bool { return p.ID == act.Post })
	if i < 0 {
		return "", errors.New("no such post")
	}
	p := &w.posts[i]
	switch act.Kind {
	case qa.ActEdit:
		for j := range p.Revisions {
			p.Revisions[j].Superseded = true
		}
		op := f.op()
		p.Revisions = append(p.Revisions, qa.Revision{ID: qa.RevisionID(fmt.Sprintf("%d-a", op.Counter)), Text: act.Text, AtMillis: act.AtMillis, Op: op})
		w.pending[p.ID] = true
	case qa.ActWithdraw:
		p.Withdrawn, p.WithdrawnAtMillis = act.On, act.AtMillis
	case qa.ActMark:
		f.markLocked(w, p, act)
	case qa.ActReact:
		r := qa.Reaction{By: f.me, Emoji: act.Emoji}
		p.Reactions = slices.DeleteFunc(p.Reactions, func(x qa.Reaction) bool { return x == r })
		if act.On {
			p.Reactions = append(p.Reactions, r)
		}
	}
	return "", nil
}

func (f *fakeNode) Delivery(_ context.Context, event qa.EventID) (map[qa.PostID]bool, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	out := make(map[qa.PostID]bool)
	for id, p := range f.weeks[event].pending {
		out[id] = p
	}
	return out, nil
}

func (f *fakeNode) Status(ctx context.Context, event qa.EventID) (qa.Status, error) {
	all, err := f.Overview(ctx)
	for _, s := range all {
		if s.Event == event {
			return s, err
		}
	}
	return qa.Status{}, node.Errorf(node.NotFound, "no such event")
}

func (f *fakeNode) Summary(ctx context.Context) (node.Summary, error) {
	all, err := f.Overview(ctx)
	return node.Summarize(all), err
}

func (f *fakeNode) Watch(ctx context.Context, event qa.EventID, fn func(qa.Update) error) error {
	updates, end := f.Subscribe(event)
	defer end()
	if err := fn(qa.Update{}); err != nil {
		return err
	}
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case u := <-updates:
			if err := fn(u); err != nil {
				return err
			}
		}
	}
}

func (f *fakeNode) Overview(context.Context) ([]qa.Status, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	var out []qa.Status
	for _, id := range f.order {
		w := f.weeks[id]
		n := 0
		for _, p := range w.pending {
			if p {
				n++
			}
		}
		out = append(out, qa.Status{Event: id, Title: w.event.Title, Posts: len(w.posts), Pending: n, Changes: len(w.posts) + 1, Relay: w.relay})
	}
	return out, nil
}

func (f *fakeNode) Subscribe(event qa.EventID) (<-chan qa.Update, func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.next++
	n, c := f.next, make(chan qa.Update, 16)
	f.subs[n] = fakeSub{event, c}
	return c, func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		delete(f.subs, n)
	}
}

func (f *fakeNode) subscribers() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.subs)
}

func (f *fakeNode) Setting(_ context.Context, key string) (string, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.settings[key], nil
}

func (f *fakeNode) SetSetting(_ context.Context, key, value string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.fail != nil {
		return f.fail
	}
	f.settings[key] = value
	return nil
}

func (f *fakeNode) Wake(context.Context) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.woken++
	return nil
}

func (f *fakeNode) setFail(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.fail = err
}

// fakeNow is Wednesday 11 November 2026, 10:27 UTC.
var fakeNow = time.Date(2026, 11, 11, 10, 27, 0, 0, time.UTC)

// The sample week's people.
var (
	ilse, teodor, maren, obi, noor = fakeID('b'), fakeID('c'), fakeID('d'), fakeID('e'), fakeID('f')
)

// sample is a node with one week in which every state occurs.
func sample() (*fakeNode, qa.EventID) {
	f := newFake()
	id := fakeEvent(1)
	day := func(d, h, m int) int64 { return time.Date(2026, 11, d, h, m, 0, 0, time.UTC).UnixMilli() }
	w := f.add(qa.Event{
		ID: id, Kind: "event", Gate: 1, Access: "open", Founder: noor, Title: "The Patient Ledger", Authors: "Ilse Marrow, Teodor Anand",
		Zone: "UTC", Description: "Append-only thinking for people who would *like to sleep* at night.",
		StartsAtMillis: day(9, 0, 0), EndsAtMillis: day(13, 23, 59), AnswersUntilMillis: day(12, 12, 0), WinnersAtMillis: day(13, 10, 0), Prizes: 3,
		Links: []qa.Link{{Text: "The book", URL: "https://example.org/ledger"}, {Text: "no", URL: "javascript:alert(1)"}},
		Roles: []qa.Grant{{ID: ilse, Role: qa.RoleAuthor}, {ID: teodor, Role: qa.RoleAuthor}, {ID: noor, Role: qa.RoleModerator}},
	})
	for who, name := range map[qa.Identity]string{ilse: "Ilse Marrow", teodor: "Teodor Anand", maren: "Maren Holt", obi: "Obi Tamsin", noor: "Noor Adeyemi"} {
		w.people[who] = qa.Person{ID: who, Name: name}
	}
	q := f.put(id, qa.Post{By: maren, AtMillis: day(9, 9, 4), Reactions: []qa.Reaction{
		{By: ilse, Emoji: "🙏"}, {By: fakeMe, Emoji: "📒"}, {By: obi, Emoji: "📒"}, {By: fakeMe, Emoji: qa.WantEmoji}, {By: obi, Emoji: qa.WantEmoji},
	}}, "I run the books of a small choir with 40 members and one bank account. Two things I cannot settle:\n\n1. At what size does an append-only ledger begin to pay?\n2. May nothing *ever* be changed?")
	a := f.put(id, qa.Post{By: ilse, Parent: q, AtMillis: day(9, 11, 40)}, "A choir is exactly the right size, so thank you for opening the week with one.\n\n- Keep the spreadsheet for a month\n- Count who asked :smile:\n\n```\n02 Nov  fee      M. Hult  +20.00\n03 Nov  rename   M. Hult → M. Holt, and a line that is far too long to fit in any measure of ours\n```\n\nSee https://example.org/ledger and `fsync`.")
	f.put(id, qa.Post{By: obi, Parent: a, AtMillis: day(9, 13, 15)}, "We did this for a housing co-op. One trap: people delete the line *below* to make space. Lock the sheet.")
	f.put(id, qa.Post{By: teodor, Parent: q, AtMillis: day(9, 16, 22)}, "“Lock the sheet” should have been a chapter title.")
	b := f.put(id, qa.Post{By: noor, OnBehalfOf: "Priya Lund", AtMillis: day(9, 15, 48)}, "My grandmother kept the accounts of a fishing boat in pencil. Was she wrong?")
	f.put(id, qa.Post{By: ilse, Parent: b, AtMillis: day(9, 17, 30)}, "Not if she crossed out instead of rubbing out.")
	f.put(id, qa.Post{By: obi, AtMillis: day(9, 18, 20), Withdrawn: true}, "words that were taken back")
	f.put(id, qa.Post{By: fakeID('1'), AtMillis: day(10, 11, 2), Marks: qa.Marks{Hidden: "an advertisement, third time"}}, "words that are hidden")
	mine := qa.Post{By: fakeMe, AtMillis: day(10, 12, 30), Reactions: []qa.Reaction{{By: obi, Emoji: qa.WantEmoji}}, Revisions: []qa.Revision{
		{ID: "40-a", Text: "How long should we keep the ledger?", AtMillis: day(10, 12, 30), Op: qa.OpID{Counter: 40, Actor: "01"}, Superseded: true},
		{ID: "41-a", Text: "How long should a volunteer association keep its ledger?", AtMillis: day(10, 18, 2), Op: qa.OpID{Counter: 41, Actor: "01"}},
		{ID: "42-b", Text: "How long should a sports association keep its ledger?", AtMillis: day(10, 18, 5), Op: qa.OpID{Counter: 42, Actor: "02"}},
	}}
	f.put(id, mine, "")
	f.put(id, qa.Post{By: obi, AtMillis: day(10, 21, 17), Marks: qa.Marks{DuplicateOf: q}}, "Can I fix a typo in an old booking, or is that already forgery?")
	f.put(id, qa.Post{By: fakeMe, AtMillis: day(11, 9, 15)}, "Is there a good way to close a ledger?")
	last := f.put(id, qa.Post{By: fakeMe, AtMillis: day(11, 10, 2)}, "On page 140 you `fsync` after every entry. Is once a minute a sin? 🙈")
	w.pending[last] = true
	return f, id
}
