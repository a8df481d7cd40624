//go:build !js

package webui

import (
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"flyleaf/node"
	"flyleaf/qa"
)

// setUpTrust adds to the sample week one of everything about trust: invitations, roles, blocks,
// refusals. The reader becomes an organiser.
func setUpTrust(b *inBrowser) {
	n, id, at := b.node, b.event, testNow.UnixMilli()
	n.giveReaderRole(id, qa.RoleOrganiser)
	ctx := b.t.Context()
	n.doAs(noor, id, qa.Act{Kind: qa.ActBlock, Identity: person('1'), Text: "advertises in every week"})
	n.doNotInEffect(id, qa.Act{Kind: qa.ActMark, Post: b.question(pBehalf), Mark: "approved", On: true})
	for _, act := range []qa.Act{{Kind: qa.ActMark, Post: b.question(pMine), Mark: "pinned", On: true}, {Kind: qa.ActEvent, Fields: map[string]any{"approve": true}}} {
		if _, err := n.Node.Do(ctx, id, act); err != nil {
			b.t.Fatal(err)
		}
	}
	join := func(made qa.InviteInfo) func(*node.Device) error {
		return func(d *node.Device) error { return d.Join(ctx, made.Link) }
	}
	// Noor's device grants these roles the next time it exchanges changes.
	forObi, forReader := n.inviteAs(noor, id, qa.RoleModerator), n.inviteAs(noor, id, qa.RoleAuthor)
	n.onDeviceOf(obi, id, join(forObi))
	for _, in := range []struct {
		role  qa.Role
		label string
	}{{qa.RoleAuthor, "Maren, by post"}, {qa.RoleMember, ""}, {qa.RoleMember, "somebody"}, {qa.RoleAuthor, "Sunniva, who has lost the first one"}} {
		made, err := n.Invite(ctx, id, in.role, in.label)
		if err != nil {
			b.t.Fatal(err)
		}
		b.invited = append(b.invited, made)
	}
	n.onDeviceOf(maren, id, join(b.invited[0]))
	if err := n.RevokeInvite(ctx, id, b.invited[1].Key); err != nil {
		b.t.Fatal(err)
	}
	if err := n.Join(ctx, forReader.Link); err != nil {
		b.t.Fatal(err)
	}
	post := func(i int) qa.PostID { return b.question(i) }
	n.editViews(id, func(w *shownWeek) {
		w.event.Roles = append(w.event.Roles, qa.Grant{ID: maren, Role: qa.RoleMember})
		p := w.people[noor]
		p.Link = "mailto:noor@example.org"
		w.people[noor] = p
		for i := range w.posts {
			w.posts[i].AfterApproval, w.posts[i].Marks.Approved = true, i != pDuplicate
		}
		w.posts[pWithdrawn].WithdrawnAtMillis = at - 3e6
		w.posts[pHidden].Marks.HiddenBy, w.posts[pHidden].Marks.HiddenAtMillis = noor, at-2e6
		w.posts[pMine].Marks.Pinned = true
	})
	q := []qa.PostID{post(pQuestion), post(pAnswer), post(pHidden), post(pDuplicate), post(pUnsent), post(pBehalf), post(pMine)}
	n.editViews(id, func(w *shownWeek) {
		w.refusals = []qa.NotAccepted{
			{Hash: strings.Repeat("ab", 32), Code: "closed", Reason: "the week had been closed before this was written", Act: qa.Act{Kind: qa.ActPost, Text: "Would you let an accountant edit this book?\n\nDid one?"}, AtMillis: at},
			{Hash: strings.Repeat("cd", 32), Code: "quota", Reason: "you have written more today than this relay takes", Deferred: true, ByRelay: true, Post: q[4], Act: qa.Act{Kind: qa.ActPost, Text: "On page 140 you `fsync` after every entry. Is once a minute a sin?"}, AtMillis: at},
		}
		w.presence = []qa.Presence{{Kind: qa.PresenceAnswering, By: teodor, Post: q[3]}, {Kind: qa.PresenceSeen, By: ilse, Post: q[6]}}
	})
	if err := n.SetPerson(b.t.Context(), qa.Person{Name: "Wren Castellane", About: "Keeps bees, and a ledger of them.", Link: "https://example.org/wren", PublishAs: "initials"}); err != nil {
		b.t.Fatal(err)
	}
}

func TestBrowserLooksOfTrust(t *testing.T) {
	b := openBrowserOn(t)
	setUpTrust(b)
	b.enter("/")
	q, a, mine := string(b.question(pQuestion)), string(b.question(pAnswer)), string(b.question(pUnsent))
	proof, err := b.node.VerifyPost(t.Context(), b.event, b.question(pQuestion))
	if err != nil {
		t.Fatal(err)
	}
	b.node.store.forge(proof.Changes[0].Hash)
	hidden := b.question(pMine)
	b.node.doAs(noor, b.event, qa.Act{Kind: qa.ActMark, Post: hidden, Mark: "hidden", Text: "please ask one thing at a time"})
	if _, err := b.node.Node.Do(t.Context(), b.event, (&qa.Post{ID: hidden, Marks: qa.Marks{Hidden: "please ask one thing at a time"}}).AppealAct("It is one thing. Please read it again.")); err != nil {
		t.Fatal(err)
	}
	for name, path := range map[string]string{
		"week": b.week(), "people": b.week() + "/people?made=" + string(b.invited[3].Key), "log": b.week() + "/log", "moderate": b.week() + "/p/" + q + "/moderate",
		"moderate-dup": b.week() + "/p/" + string(b.question(pDuplicate)) + "/moderate",
		"proof":        b.week() + "/p/" + a + "/proof", "proof-bad": b.week() + "/p/" + q + "/proof", "sync": "/sync", "you": "/you", "post": b.week() + "/p/" + mine, "approve": b.week() + "/queue",
		"hidden": b.week() + "/p/" + string(hidden), "appeal": b.week() + "/p/" + string(hidden) + "/appeal",
	} {
		b.checkLooks("trust-"+name, func() { b.run(chromedp.Navigate(b.url(path)), main()) })
	}
	b.checkLooks("trust-phrase", func() {
		b.run(chromedp.Navigate(b.url("/you")), main(), click(`form[action="/you/phrase"] button`))
		b.until("the words", `document.readyState === 'complete' && document.querySelectorAll('.phrase li').length === 24`)
	})
	b.checkLooks("trust-no-reason", func() {
		b.run(chromedp.Navigate(b.url(b.week()+"/p/"+q+"/moderate")), main())
		b.eval(`document.getElementById('reason').required = false, document.getElementById('reason').form.querySelector('button').click()`)
		b.until("the refusal", `document.readyState === 'complete' && document.querySelector('.error')?.textContent.includes('Write a reason')`)
	})
	b.leave()
	b.node.deliver(b.event)
	b.node.editViews(b.event, func(w *shownWeek) { w.refusals = []qa.NotAccepted{}; w.event.Approve = false })
	b.checkLooks("trust-anonymous", func() {
		b.run(chromedp.Navigate(b.url(b.week())), main())
		b.eval(`document.getElementById('anonymous').scrollIntoView()`)
	})
	b.node.editViews(b.event, func(w *shownWeek) { w.event.Closed = true })
	b.checkLooks("trust-closed", func() { b.run(chromedp.Navigate(b.url(b.week())), main()) })
	b.checkNoForeignRequests()
}

// TestBrowserKeyboardReachesEverything: the Tab key alone reaches every control, and each
// control shows that it has the focus.
func TestBrowserKeyboardReachesEverything(t *testing.T) {
	b := openBrowserOn(t)
	setUpTrust(b)
	b.size(1200, 900, false)
	b.enter("/")
	for _, path := range []string{b.week() + "/people", b.week() + "/p/" + string(b.question(pQuestion)) + "/moderate", "/you", "/sync", b.week() + "/log"} {
		b.run(chromedp.Navigate(b.url(path)), main())
		// All focusable and visible elements, in the page's order.
		b.eval(`window.stops = [...document.querySelectorAll('a[href], button, input:not([type=hidden]), select, textarea, summary')].filter(e => e.checkVisibility() && e.tabIndex >= 0 && !e.disabled), window.seen = new Set(), window.faint = []`)
		want := value[int](b, `stops.length`)
		for range want + 2 {
			b.run(chromedp.KeyEvent(kb.Tab))
			b.eval(`(() => { const e = document.activeElement, s = getComputedStyle(e), box = e.getBoundingClientRect(); seen.add(e);
				if (e !== document.body && !(s.outlineStyle !== 'none' && parseFloat(s.outlineWidth) >= 2)) faint.push(e.outerHTML.slice(0, 100));
				if (e !== document.body && (box.bottom <= 0 || box.top >= innerHeight)) faint.push('out of sight: ' + e.outerHTML.slice(0, 100)) })()`)
		}
		missed := value[[]string](b, `stops.filter(e => !seen.has(e)).map(e => e.outerHTML.slice(0, 120))`)
		faint := value[[]string](b, `faint`)
		if len(missed) > 0 || len(faint) > 0 || want < 8 {
			t.Errorf("%s: %d stops; not reached %q; without a visible focus %q", path, want, missed, faint)
		}
	}
}

// TestBrowserModerationIsLive: two moderators and a reader have the page open. A decision of
// one moderator shows on the other pages without a reload.
func TestBrowserModerationIsLive(t *testing.T) {
	b := openBrowserOn(t)
	setUpTrust(b)
	b.node.editViews(b.event, func(w *shownWeek) { w.presence = []qa.Presence{} })
	dup := b.node.addPost(b.event, qa.Post{By: obi, AtMillis: testNow.UnixMilli()}, "Is this shown before a moderator has read it?")
	b.size(1440, 900, false)
	b.enter(b.week())
	b.live()
	elem := `document.getElementById('p-` + string(dup) + `')`
	b.eval(`window.mark = 7`)
	b.run(click(`#p-` + string(dup) + ` button[name="approved"]`))
	b.until("the approval to show", `!`+elem+`.textContent.includes('Waiting for approval') && !`+elem+`.querySelector('[name=approved]')`)
	b.until("the count to follow", `[...document.querySelectorAll('#filters a')].some(a => a.textContent === 'To approve 1')`)
	if act := b.node.acts()[len(b.node.acts())-1]; act.Mark != "approved" || !act.On || act.Post != dup {
		t.Errorf("act = %+v", act)
	}
	b.node.editViews(b.event, func(w *shownWeek) {
		w.presence = []qa.Presence{{Kind: qa.PresenceAnswering, By: teodor, Post: dup}}
	})
	b.node.notify(qa.Update{Event: b.event, Posts: []qa.PostID{dup}})
	b.until("who is answering", elem+`.querySelector('.presence')?.textContent === 'Teodor Anand is answering'`)
	b.node.editViews(b.event, func(w *shownWeek) { w.presence = []qa.Presence{} })
	b.node.notify(qa.Update{Event: b.event, Posts: []qa.PostID{dup}, Status: true})
	b.until("that nobody is any more", `!`+elem+`.querySelector('.presence')`)
	b.node.giveReaderRole(b.event, qa.RoleAuthor)
	b.until("the notice about the invitation to go", `!document.getElementById('claim')`)
	if !value[bool](b, `window.mark === 7`) {
		t.Error("the page was loaded anew")
	}

	// The list of invitations is updated too, unless somebody is typing there.
	b.run(chromedp.Navigate(b.url(b.week()+"/people")), main())
	b.live()
	sunniva := person('2')
	b.node.doAs(sunniva, b.event, qa.Act{Kind: qa.ActPerson, Person: &qa.Person{Name: "Sunniva Jarl"}})
	b.node.onDeviceOf(sunniva, b.event, func(d *node.Device) error { return d.Join(t.Context(), b.invited[3].Link) })
	b.until("the grant", `document.querySelector('#main').textContent.includes('Granted: Sunniva Jarl')`)
	b.run(keys("#i-label", "Somebody"))
	if err := b.node.RevokeInvite(t.Context(), b.event, b.invited[2].Key); err != nil {
		t.Fatal(err)
	}
	b.until("the line at the top to be read again", `document.body.dataset.live === 'yes'`)
	if v := value[string](b, `document.getElementById('i-label').value`); v != "Somebody" {
		t.Errorf("what was typed became %q", v)
	}

	// They may also begin to type while the page is being read.
	b.run(chromedp.Navigate(b.url(b.week()+"/people")), main())
	b.live()
	kept := module[string](b, "status.js", `(async () => {
		const program = fetch;
		let typed = false;
		globalThis.fetch = async (url, options) => {
			const page = await program(url, options);
			if (String(url).endsWith('/people')) {
				typed = true;
				document.getElementById('i-label').value = 'Somebody else';
			}
			return page;
		};
		document.querySelector('#main h1').append(' (an older page)');
		while (!typed) await m.refreshStatus();
		globalThis.fetch = program;
		return document.getElementById('i-label').value;
	})()`)
	if kept != "Somebody else" {
		t.Errorf("what was typed during an update became %q", kept)
	}
}
