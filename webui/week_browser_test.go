//go:build !js

package webui

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"flyleaf/node"
	"flyleaf/qa"
)

// setUpDecisions makes the reader an author of the sample week and adds a question of several parts
// and one that other authors have taken. It returns the first.
func setUpDecisions(b *inBrowser) (parts qa.PostID) {
	n, id := b.node, b.event
	n.giveReaderRole(id, qa.RoleAuthor)
	parts = n.addPost(id, qa.Post{By: maren, AtMillis: testNow.UnixMilli() - 4e6, Reactions: []qa.Reaction{
		{By: obi, Emoji: qa.WantEmoji}, {By: ilse, Emoji: qa.WantEmoji}, {By: teodor, Emoji: qa.WantEmoji},
	}}, "Two more, about the people in it:\n\n1. Who reads a ledger that is correct, signed and boring?\n2. Who may close it?")
	taken := n.addPost(id, qa.Post{By: obi, AtMillis: testNow.UnixMilli() - 3e6}, "Would you let an accountant edit this book? Did one?")
	n.doAs(teodor, id, qa.Act{Kind: qa.ActMark, Post: taken, Mark: "assigned", On: true}, qa.Act{Kind: qa.ActWinner, Post: parts, Text: "a copy"})
	sunniva := person('2')
	n.doAs(sunniva, id, qa.Act{Kind: qa.ActPerson, Person: &qa.Person{Name: "Sunniva Jarl"}})
	candidate := n.addPost(id, qa.Post{By: sunniva, AtMillis: testNow.UnixMilli() - 2e6}, "Is there a reading order for people who only keep stock?")
	n.doAs(ilse, id, qa.Act{Kind: qa.ActMark, Post: candidate, Mark: "candidate", On: true}, qa.Act{Kind: qa.ActWinner, Post: parts, Text: "a copy"})
	n.onDeviceOf(ilse, id, func(d *node.Device) error { return d.CommitDraw(b.t.Context(), id) })
	if err := n.SetPerson(b.t.Context(), qa.Person{Name: "Wren Castellane"}); err != nil {
		b.t.Fatal(err)
	}
	n.editViews(id, func(w *shownWeek) {
		w.presence = []qa.Presence{{Kind: qa.PresenceAnswering, By: teodor, Post: n.sample[pDuplicate]}}
	})
	return parts
}

// newDrawnWeek creates a week founded by the reader, with winners chosen and drawn. One winner has
// sent her address.
func newDrawnWeek(b *inBrowser) qa.EventID {
	n, ctx := b.node, b.t.Context()
	inv, err := n.CreateEvent(ctx, qa.Event{Title: "A week of the reader's", Authors: "Ilse Marrow", Prizes: 2}, "")
	if err != nil {
		b.t.Fatal(err)
	}
	id := inv.Event
	do := func(acts ...qa.Act) {
		for _, act := range acts {
			if _, err := n.Do(ctx, id, act); err != nil {
				b.t.Fatal(err)
			}
		}
	}
	for who, name := range map[qa.Identity]string{ilse: "Ilse Marrow", maren: "Maren Holt", obi: "Obi Tamsin"} {
		n.doAs(who, id, qa.Act{Kind: qa.ActPerson, Person: &qa.Person{Name: name}})
	}
	do(qa.Act{Kind: qa.ActRole, Identity: ilse, Role: qa.RoleAuthor, On: true}, qa.Act{Kind: qa.ActRole, Identity: reader, Role: qa.RoleAuthor, On: true})
	chosen := n.addPost(id, qa.Post{By: maren}, "Who reads a ledger that is correct, signed and boring?")
	n.addPost(id, qa.Post{By: obi}, "Would you let an accountant edit this book?")
	n.doAs(ilse, id, qa.Act{Kind: qa.ActWinner, Post: chosen, Text: "a copy"})
	n.onDeviceOf(ilse, id, func(d *node.Device) error { return d.CommitDraw(ctx, id) })
	if err := n.CommitDraw(ctx, id); err != nil {
		b.t.Fatal(err)
	}
	do(qa.Act{Kind: qa.ActEvent, Fields: map[string]any{"closed": true}})
	n.onDeviceOf(ilse, id, func(d *node.Device) error { return d.RevealDraw(ctx, id) })
	if err := n.RevealDraw(ctx, id); err != nil {
		b.t.Fatal(err)
	}
	n.onDeviceOf(maren, id, func(d *node.Device) error {
		_, err := d.ClaimPrize(ctx, id, "Maren Holt\nLange Straße 1\nBremen")
		return err
	})
	return id
}

func TestBrowserLooksOfInboxAndWinners(t *testing.T) {
	b := openBrowserOn(t)
	setUpDecisions(b)
	b.enter("/")
	for name, path := range map[string]string{
		"inbox": "/inbox", "inbox-others": "/inbox?show=others", "inbox-answered": "/inbox?show=answered", "winners": "/winners",
	} {
		b.checkLooks("week-"+name, func() { b.run(chromedp.Navigate(b.url(b.week()+path)), main()) })
	}
	own := newDrawnWeek(b)
	b.checkLooks("week-winners-drawn", func() {
		b.run(chromedp.Navigate(b.url(eventPath(own)+"/winners")), main())
		b.until("where the copies go", `document.getElementById('main').textContent.includes('Lange Straße 1')`)
	})
	b.checkNoForeignRequests()
}

// shortcut presses a key that the page takes for itself. A real keyboard then types no character;
// chromedp.KeyEvent would type one into the element that has the focus by then.
func shortcut(r rune) chromedp.Action[chromedp.Void] {
	return chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		for _, k := range kb.Encode(r) {
			if k.Type == kb.KeyChar {
				continue
			}
			if _, err := cdp.Call(ctx, t, input.DispatchKeyEvent, *k); err != nil {
				return err
			}
		}
		return nil
	})
}

// TestBrowserInboxByKeyboard: an author can open the next question, take it, write an answer
// and send it, with the keyboard alone.
func TestBrowserInboxByKeyboard(t *testing.T) {
	b := openBrowserOn(t)
	parts := setUpDecisions(b)
	b.enter("/")
	b.run(chromedp.Navigate(b.url(b.week()+"/inbox")), main())
	b.until("the most wanted is open", `document.querySelector('.entry.here')?.dataset.post === '`+string(parts)+`'`)
	b.run(shortcut('j'))
	b.until("the next is open", `document.readyState === 'complete' && document.querySelectorAll('.entry')[1].matches('.here')`)
	b.run(shortcut('k'))
	b.until("the first is open again", `document.readyState === 'complete' && document.querySelectorAll('.entry')[0].matches('.here')`)
	b.run(shortcut('t'))
	b.until("it is taken", `document.readyState === 'complete' && document.querySelector('.entry.here .foot')?.textContent.includes('Taken by you')`)
	// If another author answers while the question is open, nothing moves, and a link says so.
	b.run(shortcut('r'))
	b.until("the field has the focus", `document.activeElement.matches('.writing textarea')`)
	if part := value[string](b, `document.querySelector('.writing select').value`); part != "0" {
		t.Errorf("the form is for part %s, not for the whole question", part)
	}
	b.run(chromedp.KeyEvent(kb.Tab, chromedp.KeyModifiers(8)), chromedp.KeyEvent("p")) // Shift
	b.until("the first part is chosen", `document.querySelector('.writing select').value === '1'`)
	b.run(chromedp.KeyEvent(kb.Tab))
	b.run(chromedp.KeyEvent("The auditor, jtl."))
	fresh := b.node.addPost(b.event, qa.Post{By: obi, AtMillis: testNow.UnixMilli()}, "Came in while you were writing?")
	b.until("the news", `document.getElementById('news').textContent.includes('1 new')`)
	if n := value[int](b, `document.querySelectorAll('#inbox .entry[data-post="`+string(fresh)+`"]').length`); n != 0 {
		t.Error("it was put in unasked")
	}
	b.run(chromedp.KeyEvent(kb.Enter, chromedp.KeyModifiers(2))) // Ctrl
	b.until("it is answered in its first part", `document.readyState === 'complete' && document.querySelector('.parts .done')?.textContent.includes('Who reads a ledger')`)
	if act := (&site{t: t, node: b.node}).lastAct(qa.ActPost); act.Text != "> Who reads a ledger that is correct, signed and boring?\n\nThe auditor, jtl." {
		t.Errorf("%q", act.Text)
	}
	// When shortcuts are turned off, the keys do nothing.
	b.run(shortcut('?'))
	b.until("the keys are shown", `document.getElementById('keys').open`)
	b.eval(`document.getElementById('keys-off').click()`)
	b.run(chromedp.KeyEvent(kb.Escape))
	before := value[string](b, `document.querySelector('.entry.here').id`)
	b.eval(`document.activeElement.blur()`)
	b.run(shortcut('j'))
	b.run(chromedp.Navigate(b.url(b.week()+"/inbox")), main())
	if after := value[string](b, `document.querySelector('.entry.here').id`); after != before {
		t.Errorf("%s, before %s", after, before)
	}
	b.checkNoForeignRequests()
}

// TestBrowserPrintsPosts: on paper, the parts of the line below a post do not run into each other, and one person "wants"
// a question.
func TestBrowserPrintsPosts(t *testing.T) {
	b := openBrowserOn(t)
	once := b.node.addPost(b.event, qa.Post{By: obi, Reactions: []qa.Reaction{{By: maren, Emoji: qa.WantEmoji}}}, "Once?")
	b.node.doAs(obi, b.event, qa.Act{Kind: qa.ActEdit, Post: once, Text: "Only once?"})
	b.enter("/")
	b.run(chromedp.Navigate(b.url(b.week())), main(), func(ctx context.Context, t *chromedp.Target) (chromedp.Void, error) {
		_, err := cdp.Call(ctx, t, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Media: "print"})
		return chromedp.Void{}, err
	})
	post := `document.getElementById("p-` + string(once) + `")`
	generated := func(element, part string) string {
		return value[string](b, `getComputedStyle(`+element+`, "`+part+`").content.replace(/"/g, "")`)
	}
	if got := generated(post+`.querySelector(".want")`, "::after"); !strings.Contains(got, "wants this") {
		t.Errorf("1%s", got)
	}
	if got := generated(post+`.querySelector('.foot a[href$="#history"]')`, "::before"); got != " · " {
		t.Errorf("before “2 versions”: %q", got)
	}
	if value[string](b, `getComputedStyle(`+post+`.querySelector(".want > span")).display`) != "none" {
		t.Error("the words of the button are printed")
	}
}

// TestBrowserQueueByKeyboard: a moderator approves a post, and hides several at once, with the keyboard alone; and chooses
// all posts by mouse. If another post comes meanwhile, nothing moves.
func TestBrowserQueueByKeyboard(t *testing.T) {
	b := openBrowserOn(t)
	b.node.giveReaderRole(b.event, qa.RoleModerator)
	b.node.doAs(noor, b.event, qa.Act{Kind: qa.ActEvent, Fields: map[string]any{"approve": true}})
	var ids []qa.PostID
	for _, text := range []string{"one", "two", "three", "four"} {
		ids = append(ids, b.node.addPost(b.event, qa.Post{By: obi}, text))
	}
	b.enter("/")
	b.run(chromedp.Navigate(b.url(b.week()+"/queue")), main())
	b.live()
	waits := func(name string, left int) {
		t.Helper()
		b.until(name, `document.readyState === 'complete' && document.querySelector('[role=status].notice')?.textContent.includes(`+"`"+name+"`"+`)`)
		if n := value[int](b, `document.querySelectorAll('#queue .entry').length`); n != left {
			t.Errorf("%s: %d wait", name, n)
		}
	}
	b.run(shortcut('j'), shortcut('j'), shortcut('a'))
	waits("1 post approved.", 3)
	if act := (&site{t: t, node: b.node}).lastAct(qa.ActMark); act.Post != ids[1] || act.Mark != "approved" {
		t.Errorf("%+v", act)
	}
	b.live()
	b.run(shortcut('j'), shortcut('x'), shortcut('j'), shortcut('x'))
	b.node.addPost(b.event, qa.Post{By: obi}, "five")
	b.until("the news", `document.getElementById('news').textContent.includes('1 new')`)
	b.run(shortcut('h'))
	b.until("the reason has the focus", `document.activeElement.id === 'reason'`)
	b.run(chromedp.KeyEvent("an advertisement"), chromedp.KeyEvent(kb.Enter))
	waits("2 posts hidden.", 2)
	b.live()
	b.eval(`document.getElementById('choose-all').click()`)
	b.eval(`document.getElementById('approve').click()`)
	b.until("nothing waits", `document.body.textContent.includes('Nothing waits')`)
	b.checkNoForeignRequests()
}

// TestBrowserQueueCatchesUp: what came while a page was not connected is in its news, as on the other pages.
func TestBrowserQueueCatchesUp(t *testing.T) {
	b := openBrowserOn(t)
	b.node.giveReaderRole(b.event, qa.RoleModerator)
	b.node.doAs(noor, b.event, qa.Act{Kind: qa.ActEvent, Fields: map[string]any{"approve": true}})
	b.node.addPost(b.event, qa.Post{By: obi}, "one")
	b.enter(b.week() + "/queue")
	b.live()
	b.setDead(true)
	b.srv.CloseClientConnections()
	b.until("the end of the stream", `document.body.dataset.live === 'no'`)
	b.node.addPost(b.event, qa.Post{By: obi}, "two")
	b.setDead(false)
	b.until("the news", `document.getElementById('news').textContent.includes('1 new')`)
}

// TestBrowserReplyOnTheWeek: the reply form and the palette of reactions are created when they are
// opened, or when this browser has a draft for the form.
func TestBrowserReplyOnTheWeek(t *testing.T) {
	b := openBrowserOn(t)
	b.enter("/")
	b.run(chromedp.Navigate(b.url(b.week())), main())
	b.live()
	if n := value[int](b, `document.querySelectorAll('.reply-box form, .add button').length`); n != 0 {
		t.Errorf("%d hidden forms and buttons", n)
	}
	b.eval(`(globalThis.box = document.querySelector('.reply-box')).open = true`)
	b.until("the form", `box.querySelector('textarea')`)
	b.eval(`(() => { const e = box.querySelector('textarea'); localStorage['flyleaf ' + document.body.dataset.event + ' ' + e.dataset.draft] = 'key=' + e.dataset.draft + '&body=kept+here' })()`)
	b.run(chromedp.Navigate(b.url(b.week())), main())
	b.until("the kept words", `document.querySelector('.reply-box[open] textarea')?.value === 'kept here'`)
	b.eval(`document.querySelector('.reply-box[open] button.primary').click()`)
	b.until("the reply", `document.querySelector('#threads').innerText.includes('kept here')`)
	b.eval(`(globalThis.add = document.querySelector('.add')).open = true`)
	b.until("the reactions", `add.querySelectorAll('button').length === 8`)
	b.eval(`add.querySelector('button[value="🎉"]').click()`)
	b.until("the reaction", `document.querySelector('.reactions > button[value="🎉"][aria-pressed=true]')`)
}

// TestBrowserRoleArrives: when the reader becomes an author while a page of the week is open, the page links to the inbox and
// says what to do there, until they have answered. When they lose the role, the link goes away.
func TestBrowserRoleArrives(t *testing.T) {
	b := openBrowserOn(t)
	b.enter("/")
	id := string(b.node.sample[pQuestion])
	for _, path := range []string{"", "/p/" + id, "/people"} {
		b.run(chromedp.Navigate(b.url(b.week()+path)), main())
		b.live()
		if value[bool](b, `document.querySelector('.top nav').textContent.includes('Inbox') || document.querySelector('#welcome').textContent.trim() !== ''`) {
			t.Fatalf("%q: a reader has an inbox", path)
		}
		b.node.giveReaderRole(b.event, qa.RoleAuthor)
		b.until(path+": the inbox appears", `document.querySelector('.top nav a[href$="/inbox"]') && document.querySelector('#welcome').innerText.includes('You are an author of this week')`)
		b.until(path+": what to do", `/\d+ questions? waits? for an answer in your inbox/.test(document.querySelector('#welcome').innerText)`)
		b.node.doAs(noor, b.event, qa.Act{Kind: qa.ActRole, Identity: reader, Role: qa.RoleAuthor})
		b.until(path+": the inbox disappears", `!document.querySelector('.top nav a[href$="/inbox"]') && !document.querySelector('#welcome').innerText`)
	}
	b.node.giveReaderRole(b.event, qa.RoleAuthor)
	b.run(chromedp.Navigate(b.url(b.week())), main(), click("#welcome a"))
	b.until("the inbox", `document.querySelector('.entry.here textarea')`)
	b.run(keys(".entry.here textarea", "The first answer."), click(".entry.here button.primary"))
	b.until("the answer is sent", `document.readyState === 'complete' && !document.querySelector('.entry.here textarea')?.value`)
	b.run(chromedp.Navigate(b.url(b.week())), main())
	if words := value[string](b, `document.querySelector('#welcome').innerText`); words != "" {
		t.Errorf("somebody who has answered is told %q", words)
	}
}

// TestBrowserTwoAuthorsOnOneQuestion: while an author writes, the card says that another author takes the question, answers it,
// and what they answered. What was typed stays, and can be sent.
func TestBrowserTwoAuthorsOnOneQuestion(t *testing.T) {
	b := openBrowserOn(t)
	parts := setUpDecisions(b)
	b.enter("/")
	b.run(chromedp.Navigate(b.url(b.week()+"/inbox")), main())
	b.live()
	b.run(keys(".entry.here textarea", "An auditor, "))
	same := `document.activeElement.matches('.entry.here textarea') && document.activeElement.value === 'An auditor, ' && document.querySelector('.entry.here').dataset.post === '` + string(parts) + `'`
	b.eval(`globalThis.boxTop = document.activeElement.getBoundingClientRect().top`)
	b.node.doAs(teodor, b.event, qa.Act{Kind: qa.ActMark, Post: parts, Mark: "assigned", On: true})
	b.until("it is taken", `document.querySelector('.entry.here .foot').innerText.includes('Taken by Teodor Anand') && `+same)
	b.node.doAs(teodor, b.event, qa.Act{Kind: qa.ActPost, Parent: parts, Text: "Nobody reads it, *and* everybody may close it."})
	b.until("it is answered", `document.querySelector('.entry.here .answers').innerText.includes('Teodor Anand answered') && `+same)
	b.until("what was answered", `document.querySelector('.entry.here .answers').innerText.includes('Nobody reads it, and everybody may close it.')`)
	if moved := value[float64](b, `Math.abs(document.activeElement.getBoundingClientRect().top - globalThis.boxTop)`); moved > 1 {
		t.Errorf("the box moved by %v pixels", moved)
	}
	b.run(chromedp.KeyEvent("jtl."), click(".entry.here button.primary"))
	b.until("the next question", `document.readyState === 'complete' && document.querySelector('.entry.here')?.dataset.post !== '`+string(parts)+`'`)
	if act := (&site{t: t, node: b.node}).lastAct(qa.ActPost); act.Parent != parts || act.Text != "An auditor, jtl." {
		t.Errorf("%+v", act)
	}
}

// TestBrowserNameWithTheFirstQuestion: a name typed beside the first question is saved with it, and not asked for again.
func TestBrowserNameWithTheFirstQuestion(t *testing.T) {
	b := openBrowserOn(t)
	b.enter("/")
	b.run(chromedp.Navigate(b.url(b.week())), main())
	b.live()
	b.run(keys("#q", "Who is asking?"), keys("#n-ask", "Wren Castellane"), click("#ask button.primary"))
	b.until("the question", `document.querySelector('#threads').innerText.includes('Who is asking?')`)
	b.until("the name is not asked for again", `!document.querySelector('.name-box') && document.getElementById('q').value === ''`)
	if w, err := b.node.Week(t.Context(), b.event); err != nil || w.PersonName(reader) != "Wren Castellane" {
		t.Errorf("the asker is called %q, %v", w.PersonName(reader), err)
	}
}

// Without scripts, the forms that scripts otherwise create when they are opened are there from the
// start.
func TestBrowserWithoutScripts(t *testing.T) {
	b := openBrowserOn(t)
	b.enter("/")
	b.run(func(ctx context.Context, t *chromedp.Target) (chromedp.Void, error) {
		_, err := cdp.Call(ctx, t, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
		return chromedp.Void{}, err
	})
	open := func() {
		t.Helper()
		b.run(chromedp.Navigate(b.url(b.week())), main())
		if value[bool](b, `document.body.dataset.live === 'yes'`) {
			t.Fatal("scripts run")
		}
	}
	open()
	b.run(click(".reply-box summary"), keys(".reply-box textarea", "written without scripts"), click(".reply-box button.primary"))
	b.until("the reply", `document.querySelector('#threads')?.innerText.includes('written without scripts')`)
	open()
	b.run(click(".add summary"), click(`.add button[value="💡"]`))
	b.until("the reaction", `document.querySelector('.reactions > button[value="💡"][aria-pressed=true]')`)
}

// TestBrowserOwnQuestionIsInView: in a week of several pages, the reader's new question is shown where they asked it, and
// not on the last page, without the page being loaded again. So is their reply to a question of this page.
func TestBrowserOwnQuestionIsInView(t *testing.T) {
	b := openBrowserOn(t)
	s := &site{t: t, node: b.node, event: b.event}
	manyQuestions(s, ThreadsOnPage+5)
	b.size(1280, 900, false)
	b.enter(b.week() + "?sort=wanted")
	b.run(chromedp.Navigate(b.url(b.week())), main())
	b.live()
	b.eval(`window.mark = 7, performance.clearResourceTimings()`)
	b.run(keys("#q", "Is my own question in view?"), click("#ask .primary"))
	inView := `(e => e && e.getBoundingClientRect().top >= 0 && e.getBoundingClientRect().bottom <= innerHeight)`
	b.until("the question to be in the window", inView+`([...document.querySelectorAll('.question')].find(q => q.textContent.includes('Is my own question in view?')))`)
	if value[int](b, `window.mark`) != 7 || value[int](b, `performance.getEntriesByType('resource').filter(r => new URL(r.name).pathname === document.body.dataset.event).length`) != 0 {
		t.Error("the page was loaded again")
	}
	own := `document.querySelector('#own .question')`
	if got := value[string](b, `new URL(document.querySelector('#own .note a').href).search`); got != "?page=2" {
		t.Errorf("its place is on %s", got)
	}
	// It is as live as the others.
	id := qa.PostID(value[string](b, own+`.dataset.post`))
	b.node.doAs(obi, b.event, qa.Act{Kind: qa.ActReact, Post: id, Emoji: qa.WantEmoji, On: true})
	b.until("a vote for it", own+`.querySelector('.want b').textContent === '1'`)
	b.until("the bar to be empty", `!document.getElementById('news').textContent`)

	b.eval(`(globalThis.box = document.querySelector('#threads .reply-box')).open = true`)
	b.until("the form", `box.querySelector('textarea')`)
	b.run(keys("#threads .reply-box[open] textarea", "A reply of mine."), click("#threads .reply-box[open] .primary"))
	b.until("the reply to be in the window", inView+`([...document.querySelectorAll('#threads .post')].find(p => p.querySelector('.words')?.textContent.trim() === 'A reply of mine.'))`)
	b.run(click("#own .note a"))
	b.until("its place", `location.search === '?page=2' && document.readyState === 'complete' && document.getElementById('`+postElem(id)+`')`)
	b.checkNoForeignRequests()
}

// TestBrowserManyPostsArrive: however many posts arrive at once, the page of a week asks for what they are, and not for itself.
func TestBrowserManyPostsArrive(t *testing.T) {
	b := openBrowserOn(t)
	b.enter(b.week())
	b.live()
	b.run(keys("#q", "While many others ask"))
	b.eval(`performance.clearResourceTimings()`)
	const many = 250 // more than one request asks for
	b.node.onDeviceOf(obi, b.event, func(d *node.Device) error {
		for i := range many {
			if _, err := d.Do(t.Context(), b.event, qa.Act{Kind: qa.ActPost, AtMillis: testNow.UnixMilli(), Text: fmt.Sprint("One of many ", i)}); err != nil {
				return err
			}
		}
		_, err := d.Do(t.Context(), b.event, qa.Act{Kind: qa.ActReact, Post: b.question(4), Emoji: qa.WantEmoji, On: true})
		return err
	})
	b.until("all to be counted", fmt.Sprintf(`document.getElementById('news').textContent.startsWith('%d new')`, many))
	b.until("the vote on a post of the page", `document.querySelector('#`+postElem(b.question(4))+` .want b').textContent === '1'`)
	type requests struct{ Pages, Fragments, Largest int }
	got := value[requests](b, `(() => {
		const all = performance.getEntriesByType('resource').map(r => ({ path: new URL(r.name).pathname, size: r.decodedBodySize })), fragments = all.filter(r => r.path.endsWith('/fragment'));
		return { Pages: all.filter(r => r.path === document.body.dataset.event).length, Fragments: fragments.length, Largest: Math.max(...fragments.map(r => r.size)) };
	})()`)
	if got.Pages != 0 || got.Fragments < 2 || got.Fragments > 10 || got.Largest > 60_000 {
		t.Errorf("%+v", got)
	}
	if got := value[string](b, `document.getElementById('q').value`); got != "While many others ask" {
		t.Errorf("the box holds %q", got)
	}
	if n := value[int](b, `[...document.querySelectorAll('#threads .post')].filter(p => !p.querySelector('.byline')).length`); n != 0 {
		t.Errorf("%d posts are empty", n)
	}
}
