package webui

import (
	"testing"
	"time"

	"flyleaf/qa"
)

// The page says how far the reader's posts have come, how often connecting was tried, what is known of the reader's
// devices, and saves each week as a file.
func TestSyncPageSaysHowFarPostsHaveCome(t *testing.T) {
	s := newSite(t, "")
	s.node.deliver(s.event)
	relay := func(r qa.RelayStatus) { s.node.editViews(s.event, func(w *shownWeek) { w.relay = &r }) }
	relay(qa.RelayStatus{URL: sampleRelay, State: qa.RelaySynced})
	steps := func(device, relay, author, answered string) {
		t.Helper()
		mustContain(t, s.get("/sync"), "How far your "+device+" posts have come",
			`<span class="many">`+device+`</span> <b>on this device</b>`, `<span class="many">`+relay+`</span> <b>on the relay</b>`,
			`<span class="many">`+author+`</span> <b>delivered to an author</b>`, `<span class="many">`+answered+`</span> <b>answered</b>`)
	}
	steps("3", "3", "0", "0")
	s.node.doAs(ilse, s.event, qa.Act{Kind: qa.ActPost, Parent: qa.PostID(s.id(pMine)), Text: "Yes."}) // the others are in its past
	steps("3", "3", "3", "1")
	s.sent(s.week()+"/ask", "body", "Is this one only here?")
	relay(qa.RelayStatus{
		URL: sampleRelay, State: qa.RelayOffline, Why: "no route to host", SinceMillis: testNow.Add(-time.Hour).UnixMilli(),
		Tries: 4, LastTryMillis: testNow.Add(-time.Minute).UnixMilli(), NextTryMillis: testNow.Add(90 * time.Second).UnixMilli(),
	})
	steps("4", "1", "3", "1") // two were written on another device, and this one has not heard what the relay has
	last, next := testNow.Add(-time.Minute).UTC().Format(time.TimeOnly), testNow.Add(90*time.Second).UTC().Format(time.TimeOnly)
	page := s.get("/sync")
	mustContain(t, page, "Tried 4 times, last at "+last+"; next try at "+next+`. <a href="#connect">Try now</a>`)
	mustContain(t, page, "Your devices", `<a href="/you#phrase">Write down the recovery phrase</a>`, "Open a saved week")
	mustContain(t, page, `<a href="/files/export?week=`+string(s.event)+`">Save this week as a file`)
	if file := s.get("/files/export?week=" + string(s.event)); len(file) < 1000 {
		t.Errorf("the file has %d bytes", len(file))
	}
	relay(qa.RelayStatus{URL: sampleRelay, State: qa.RelayConnecting, Tries: 1, LastTryMillis: testNow.UnixMilli()})
	mustContain(t, s.get("/sync"), "Tried once, at "+testNow.UTC().Format(time.TimeOnly)+"; trying now.")
	relay(qa.RelayStatus{URL: sampleRelay, State: qa.RelaySynced, Tries: 1, LastTryMillis: testNow.UnixMilli()})
	mustNotContain(t, s.get("/sync"), "Tried")
	relay(qa.RelayStatus{State: qa.RelayNone})
	mustNotContain(t, s.get("/sync"), "How far your")
}
