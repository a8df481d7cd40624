package e2e

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"

	"flyleaf/internal/browsertest"
	"flyleaf/internal/testfixture"
)

// TestTabRefusesOtherPages: a page of another site, or of another port of this machine, cannot read
// or change anything of the Flyleaf in the same browser, nor make it join a week unseen.
func TestTabRefusesOtherPages(t *testing.T) {
	ctx := browser(t)
	relay := newRelay(t).upWithWeb()
	author := newDevice(t)
	week := author.createWeek(relay.url())
	unwanted := decode[made](author, "event", "new", "--title", "Unwanted", "--by", "Nobody", "--starts", "2026-11-30", "--relay", relay.url())
	author.run("sync", "--event", week.Event)
	author.run("sync", "--event", unwanted.Event)
	base := "http://" + relay.addr
	do(t, ctx, chromedp.Navigate(base+"/join/"+week.Event), chromedp.WaitVisible(`#q`))

	evil := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		fmt.Fprintf(w, `%s<iframe id=join src="%s/join/%s" onload="results.push('join: loaded')"></iframe>`,
			browsertest.Attack(base, "/e/"+week.Event), base, unwanted.Event)
	}))
	defer evil.Close()
	for name, address := range map[string]string{
		"another port": evil.URL, "another site": strings.Replace(evil.URL, "127.0.0.1", "localhost", 1),
	} {
		do(t, ctx, chromedp.Navigate(address))
		eventually(t, name+": all attempts end", func() error {
			if !ask[bool](t, ctx, browsertest.AttackEnded+` && results.includes("join: loaded")`) {
				return fmt.Errorf("%v", ask[[]string](t, ctx, "results"))
			}
			return nil
		})
		for _, r := range ask[[]string](t, ctx, "results") {
			// Everybody may have the app's files and connect to the relay; nothing of the person is there.
			if r != "socket: OPEN" && (strings.Contains(r, "READ") || strings.Contains(r, "OPEN")) {
				t.Errorf("%s: %s", name, r)
			}
		}
		// The form that leaves the page, last.
		do(t, ctx, chromedp.Navigate(address))
		ask[bool](t, ctx, `document.getElementById("plain").target = "_top", document.getElementById("plain").submit(), true`)
		shows(t, ctx, "Nothing was")

		do(t, ctx, chromedp.Navigate(base+"/e/"+week.Event), chromedp.WaitVisible(`#q`))
		if text := ask[string](t, ctx, `document.body.innerText + document.querySelector("#q").value`); strings.Contains(text, "forged") {
			t.Errorf("%s: a page wrote into the week: %s", name, text)
		}
		do(t, ctx, chromedp.Navigate(base+"/"), chromedp.WaitVisible(`#main`))
		if text := ask[string](t, ctx, `document.body.innerText`); strings.Contains(text, "Unwanted") || !strings.Contains(text, "The Patient Ledger") {
			t.Errorf("%s: the weeks are now %s", name, text)
		}
	}
	// The same link opened by the person does join.
	do(t, ctx, chromedp.Navigate(base+"/join/"+unwanted.Event), chromedp.WaitVisible(`#q`))
	shows(t, ctx, "Unwanted")
}

// TestTabRunsNothingOfAPost: hostile text that others wrote is shown as text in the tab: no script
// runs, nothing is fetched, and not only because the page's policy stops it.
func TestTabRunsNothingOfAPost(t *testing.T) {
	ctx := browser(t)
	relay := newRelay(t).upWithWeb()
	author := newDevice(t)
	week := author.createWeek(relay.url())
	author.run("identity", "name", testfixture.XSS[0])
	all := strings.ToValidUTF8(strings.ReplaceAll(strings.Join(testfixture.XSS, "\n\n"), "\x00", ""), "") // as a program argument must be
	question := strings.TrimSpace(author.run("ask", "--event", week.Event, all))
	author.run("reply", "--event", week.Event, question, all)
	author.run("event", "set", "--event", week.Event, "--description", all, "--title", "Hostile "+testfixture.XSS[2])
	author.run("sync")
	base := "http://" + relay.addr

	dialogs := make(chan string, 100)
	if err := chromedp.Listen(ctx, func(ev any) {
		if d, ok := ev.(*page.EventJavascriptDialogOpening); ok {
			dialogs <- d.Message
		}
	}); err != nil {
		t.Fatal(err)
	}
	do(t, ctx, func(ctx context.Context, target *chromedp.Target) (chromedp.Void, error) {
		_, err := cdp.Call(ctx, target, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{Source: browsertest.NoteViolations})
		return chromedp.Void{}, err
	}, chromedp.Navigate(base+"/join/"+week.Event))
	shows(t, ctx, "</article></main><script>")
	for _, path := range []string{
		"/", "/e/" + week.Event, "/e/" + week.Event + "/p/" + question, "/e/" + week.Event + "/people", "/e/" + week.Event + "/log",
		"/e/" + week.Event + "/p/" + question + "/proof", "/search?q=window", "/sync",
	} {
		do(t, ctx, chromedp.Navigate(base+path), chromedp.WaitVisible(`#main`))
		for _, fault := range ask[browsertest.Inspected](t, ctx, browsertest.Inspection).Faults() {
			t.Errorf("%s: %s", path, fault)
		}
	}
	// The page of the relay that is shown before the app has been loaded.
	do(t, ctx, chromedp.Navigate("about:blank"))
	endWorkers(t, ctx)
	res, err := http.Get(base + "/join/" + week.Event)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var b strings.Builder
	if err := res.Write(&b); err != nil {
		t.Fatal(err)
	}
	if text := b.String(); strings.Contains(text, "<img src=x") || !strings.Contains(text, "Hostile &lt;img src=x") {
		t.Errorf("the first page holds the title as markup: %s", text)
	}
	select {
	case d := <-dialogs:
		t.Errorf("a dialog was opened: %s", d)
	default:
	}
}
