//go:build !js

package webui

import (
	"bytes"
	"context"
	"fmt"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"

	"flyleaf/qa"
	"flyleaf/schema"
)

// TestBrowserLooksOfStates checks what pages show only at times: forms that were refused, a week that is empty or not
// downloaded yet, a prize to claim, and the page for a browser that is not let in.
func TestBrowserLooksOfStates(t *testing.T) {
	b := openBrowserOn(t)
	ctx, n := t.Context(), b.node
	setUpDecisions(b)
	n.giveReaderRole(b.event, qa.RoleOrganiser)
	n.doAs(ilse, b.event, qa.Act{Kind: qa.ActWinner, Post: n.sample[pMine], Text: "a copy"})
	mine := b.week() + "/p/" + string(n.sample[pMine])
	hidden, err := n.Do(ctx, b.event, qa.Act{Kind: qa.ActPost, Text: "Is this hidden?"})
	if err != nil {
		t.Fatal(err)
	}
	n.doAs(noor, b.event, qa.Act{Kind: qa.ActMark, Post: hidden, Mark: schema.KeyHidden, Text: "it is"})
	concealed := b.week() + "/p/" + string(hidden)
	absent := qa.Invitation{Event: eventID(99), Relay: sampleRelay, Secret: bytes.Repeat([]byte{7}, qa.SecretSize)}
	b.enter("/")
	at := func(path string) func() {
		return func() { b.run(chromedp.Navigate(b.url(path)), main()) }
	}
	// refused opens a page and sends a form of it with values that are refused, as without scripts.
	refused := func(path, form string, values ...string) func() {
		return func() {
			at(path)()
			for i := 0; i < len(values); i += 2 {
				b.eval(fmt.Sprintf(`document.querySelector(%q).elements[%q].value = %q`, form, values[i], values[i+1]))
			}
			b.eval(fmt.Sprintf(`window.before = true, HTMLFormElement.prototype.submit.call(document.querySelector(%q))`, form))
			b.until("the refusal", `!window.before && document.readyState === 'complete' && !!document.querySelector('main .error, main [role=alert]')`)
		}
	}
	other := qa.Invitation{Event: b.event, Relay: "wss://elsewhere.example"}
	for name, open := range map[string]func(){
		"join-link": func() {
			at("/you")() // a page with another fragment would not be loaded again
			at(JoinPath(absent))()
		},
		"join-refused":   refused("/", "form[action='/join']", "invitation", "nothing"),
		"join-move":      refused(JoinPath(other), "form[action='/join']"),
		"week-refused":   refused("/", "form[action='/new']"),
		"club-refused":   refused("/", "form[action='/club/new']"),
		"setup-refused":  refused(b.week()+"/setup", "form[action$='/setup']", "title", ""),
		"invite-refused": refused(b.week()+"/people", "form[action$='/invite']", "label", string(bytes.Repeat([]byte{'x'}, maxLabel+1))),
		"edit-refused":   refused(mine+"/edit", "form[action$='/edit']", "body", ""),
		"ask-refused":    refused(b.week(), "#ask", "body", ""),
		"files-refused":  refused("/files", "form[action='/files']"),
		"you-refused":    refused("/you", "form[action='/you']", "name", "\u202e"),
		"out-of-date":    refused(b.week(), "#ask", "csrf", "another"),
		"claim":          at(b.week() + "/winners"),
		"setup":          at(b.week() + "/setup"),
		"approve-none":   at(b.week() + "/queue"),
		"filter-none":    at(b.week() + "?show=new"),
		"approval":       at(b.week() + "/switch?switch=approve&on=1"),
		"appeal-refused": refused(concealed+"/appeal", "form[action$='/appeal']", "text", ""),
		"import-preview": func() {
			at("/files")()
			b.eval(fmt.Sprintf(`(() => {
				const chosen = new DataTransfer(), form = document.querySelector('form[action="/files"]');
				chosen.items.add(new File([%q], 'weather.txt'));
				form.file.files = chosen.files;
				form.querySelector('[name=preview]').click();
			})()`, pageText))
			b.until("the preview", `!!document.querySelector('#preview') && document.readyState === 'complete'`)
		},
	} {
		b.checkLooks("state-"+name, open)
	}

	if err := n.Join(ctx, absent); err != nil {
		t.Fatal(err)
	}
	own, err := n.CreateEvent(ctx, qa.Event{Title: "A week without questions"}, "")
	if err != nil {
		t.Fatal(err)
	}
	for name, path := range map[string]string{
		"waiting": eventPath(absent.Event), "library-waiting": "/", "empty-week": eventPath(own.Event), "empty-winners": eventPath(own.Event) + "/winners",
		"empty-people": eventPath(own.Event) + "/people", "empty-inbox": eventPath(own.Event) + "/inbox", "empty-stage": eventPath(own.Event) + "/stage", "empty-verify": eventPath(own.Event) + "/verify",
	} {
		b.checkLooks("state-"+name, at(path))
	}
	b.run(func(ctx context.Context, t *chromedp.Target) (chromedp.Void, error) {
		_, err := cdp.Call(ctx, t, network.ClearBrowserCookies, cdp.Empty{})
		return chromedp.Void{}, err
	})
	b.checkLooks("state-locked", at("/"))
}
