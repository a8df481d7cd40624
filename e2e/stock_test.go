package e2e

import (
	"bufio"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"
)

// said is a line printed by e2e/js/follow.mjs.
type said struct {
	On    string          `json:"on"`
	ID    string          `json:"id"`
	Why   string          `json:"why"`
	Data  json.RawMessage `json:"data"`
	Posts []stockPost     `json:"posts"`
}

type stockPost struct {
	ID     string `json:"id"`
	Parent string `json:"parent"`
	Text   string `json:"text"`
}

// stock is a client that knows nothing of Flyleaf: npm's automerge-repo with its WebSocket
// adapter.
type stock struct {
	t    *testing.T
	in   io.WriteCloser
	done chan struct{}

	mu   sync.Mutex
	out  []said
	errs strings.Builder
}

// newStock starts a stock client that follows the document, or skips the test if something for
// it is missing.
func newStock(t *testing.T, relayURL, document string) *stock {
	t.Helper()
	missing := func(what string) {
		t.Helper()
		if os.Getenv("FLYLEAF_REQUIRE_ALL") == "1" {
			t.Fatal(what)
		}
		t.Skip("skipped, so nothing shows that stock automerge-repo clients can follow an event: " + what)
	}
	node, err := exec.LookPath("node")
	if err != nil {
		missing("Node is missing: install the package nodejs")
	}
	dir := filepath.Join(root(t), "e2e", "js")
	for _, need := range []string{"automerge-repo", "automerge-repo-network-websocket"} {
		if _, err := os.Stat(filepath.Join(dir, "node_modules", "@automerge", need)); err != nil {
			missing("e2e/js/node_modules is missing @automerge/" + need + ": run npm ci in e2e/js")
		}
	}
	cmd := exec.Command(node, "follow.mjs", relayURL, document)
	cmd.Dir = dir
	s := &stock{t: t, done: make(chan struct{})}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if s.in, err = cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = lockedBuilder{s}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(s.done)
		lines := bufio.NewReader(out)
		for {
			line, err := lines.ReadBytes('\n')
			if err != nil {
				break
			}
			var l said
			if err := json.Unmarshal(line, &l); err != nil {
				l = said{On: "garbage", Why: err.Error() + ": " + string(line)}
			}
			s.mu.Lock()
			s.out = append(s.out, l)
			s.mu.Unlock()
		}
		_ = cmd.Wait()
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		<-s.done
	})
	return s
}

type lockedBuilder struct{ s *stock }

func (l lockedBuilder) Write(b []byte) (int, error) {
	l.s.mu.Lock()
	defer l.s.mu.Unlock()
	return l.s.errs.Write(b)
}

// tell sends a command to the client.
func (s *stock) tell(format string, args ...any) {
	s.t.Helper()
	if _, err := fmt.Fprintf(s.in, format+"\n", args...); err != nil {
		s.t.Fatal(err, s.stderr())
	}
}

func (s *stock) stderr() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.errs.String()
}

func (s *stock) lines() []said {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.out[:len(s.out):len(s.out)]
}

// hears waits for a line that satisfies ok, after the first from lines. It returns the number
// of lines up to and including that line.
func (s *stock) hears(what string, from int, ok func(said) error) int {
	s.t.Helper()
	seen := from
	eventually(s.t, what, func() error {
		s.t.Helper()
		ended := false
		select {
		case <-s.done: // lines printed before count
			ended = true
		default:
		}
		lines := s.lines()
		last := errors.New("the stock client says nothing")
		for i := from; i < len(lines); i++ {
			if last = ok(lines[i]); last == nil {
				seen = i + 1
				return nil
			}
		}
		if ended {
			s.t.Fatalf("%s: the stock client ended\n%s", what, s.stderr())
		}
		return fmt.Errorf("%w\n%s", last, s.stderr())
	})
	return seen
}

// sees waits until the client shows exactly these posts, byte for byte.
func (s *stock) sees(what string, from int, want map[string]stockPost) int {
	s.t.Helper()
	return s.hears(what, from, func(l said) error {
		if l.On != "ready" && l.On != "change" {
			return fmt.Errorf("its last line is %q %s %s", l.On, l.ID, l.Why)
		}
		got := map[string]stockPost{}
		for _, p := range l.Posts {
			got[p.ID] = p
		}
		for id, w := range want {
			if g, ok := got[id]; !ok || g != w {
				return fmt.Errorf("post %s is %.300q (%t) instead of %.300q; there are %d posts, not %d", id, g, ok, w, len(got), len(want))
			}
		}
		if len(l.Posts) != len(want) {
			return fmt.Errorf("%d posts instead of %d", len(l.Posts), len(want))
		}
		return nil
	})
}

func on(kind, id string) func(said) error {
	return func(l said) error {
		if l.On != kind || id != "" && l.ID != id {
			return fmt.Errorf("its last line is %q %s %s, not %q %s", l.On, l.ID, l.Why, kind, id)
		}
		return nil
	}
}

// write posts on a device and adds the post to want.
func write(d *device, event string, want map[string]stockPost, parent, text string) string {
	d.t.Helper()
	args := []string{"ask", "--event", event, "--", text}
	if parent != "" {
		args = []string{"reply", "--event", event, "--", parent, text}
	}
	out, errs, code := d.try(args...)
	id := strings.TrimSpace(out)
	if code != 0 || id == "" {
		d.t.Fatalf("flyleaf %.100q: exit code %d, %s", args, code, errs)
	}
	want[id] = stockPost{id, parent, text}
	return id
}

// texts contains texts that are easily damaged in transit.
var texts = []string{
	"May nothing ever be changed?",
	"Is the bakery a **real** one? :bread:",
	"Zoë asked: naïve façade, or nai\u0308ve fac\u0327ade?", // composed and decomposed
	"Ελληνικά, русский, 日本語, 한국어",
	"שלום \u200fעולם\u200e and مرحبا",
	"👩\u200d👩\u200d👧\u200d👦 🏳️\u200d🌈 🇨🇭 👍🏽",
	"Astral: 𝔄𝔟𝔠 𠜎 \U0010FFFD",
	"Separators:\u2028and\u2029and\u00a0and\u200b",
	"\ufeffA mark in front",
	"Lines\nand\ttabs\n\n\nand three",
	" blanks around ",
	"<script>alert(1)</script> & &amp; \"quotes\" 'and' \\backslashes\\ %s %d",
	"--event is no flag here",
	"No control: [31m \u00ad^[]0;",
	strings.Repeat("A long one. Öl ", 1_200),
	"e",
}

// createWeekOf20 creates a week of 20 posts, some of them replies to replies and one edited,
// and syncs it with the relay.
func createWeekOf20(d *device, relayURL string) (string, map[string]stockPost) {
	d.t.Helper()
	week := d.createWeek(relayURL)
	want := map[string]stockPost{}
	var ids []string
	for i, text := range texts {
		parent := ""
		if i%3 != 0 {
			parent = ids[i-1] // the second one replies to a reply
		}
		ids = append(ids, write(d, week.Event, want, parent, text))
	}
	for i := len(texts); i < 20; i++ {
		write(d, week.Event, want, ids[i%len(ids)], fmt.Sprintf("Reply %d", i))
	}
	for _, text := range []string{"May anything be changed?", "May anything ever be changed? 🪶"} {
		d.run("post", "edit", "--event", week.Event, ids[0], text)
		want[ids[0]] = stockPost{ids[0], "", text}
	}
	d.run("sync", "--event", week.Event)
	return week.Event, want
}

// TestStockClientFollowsAnEvent: npm's automerge-repo opens an event by its document ID, reads
// every post, and receives new posts without asking, also after the relay was killed.
func TestStockClientFollowsAnEvent(t *testing.T) {
	t.Parallel()
	relay := newRelay(t).up()
	a := newDevice(t)
	event, want := createWeekOf20(a, relay.url())
	s := newStock(t, relay.url(), event)
	at := s.sees("the stock client shows every post", 0, want)
	if len(want) != 20 {
		t.Fatalf("%d posts were made, not 20", len(want))
	}
	shown := map[string]string{}
	var walk func([]post)
	walk = func(ps []post) {
		for _, p := range ps {
			shown[p.ID] = p.Text
			walk(p.Replies)
		}
	}
	walk(a.list(event))
	written := map[string]string{}
	for id, p := range want {
		written[id] = p.Text
	}
	if !reflect.DeepEqual(shown, written) {
		t.Errorf("the device itself shows something else: %q", shown)
	}

	question := write(a, event, want, "", "Did this one come by itself? 🐌")
	a.run("sync", "--event", event)
	at = s.sees("a new question arrives live", at, want)
	write(a, event, want, question, "It did.")
	a.run("post", "edit", "--event", event, question, "Did this one come by itself, and its edit?")
	want[question] = stockPost{question, "", "Did this one come by itself, and its edit?"}
	a.run("sync", "--event", event)
	at = s.sees("a reply and an edit arrive live", at, want)

	relay.kill()
	at = s.hears("the stock client sees the relay go", at, on("gone", ""))
	write(a, event, want, "", "Asked while the relay was dead")
	relay.up()
	a.run("sync", "--event", event)
	at = s.hears("the stock client is back", at, on("peer", ""))
	// Search from the start, because it may have arrived before the line above.
	s.sees("what was asked meanwhile arrives", 0, want)
	write(a, event, want, "", "Asked of the relay that came back")
	a.run("sync", "--event", event)
	s.sees("a new question arrives live after the restart", at, want)
}

// TestStockClientFindsNoUnknownDocument: find is rejected quickly, and the client continues to
// follow other documents.
func TestStockClientFindsNoUnknownDocument(t *testing.T) {
	t.Parallel()
	relay := newRelay(t).up()
	a, elsewhere := newDevice(t), newDevice(t)
	unknown := elsewhere.createWeek("ws://127.0.0.1:1").Event
	lost := newStock(t, relay.url(), unknown)
	lost.hears("a client that opens an unknown document is told so", 0, on("missing", unknown))

	week := a.createWeek(relay.url())
	want := map[string]stockPost{}
	write(a, week.Event, want, "", "Is this the known one?")
	a.run("sync")
	s := newStock(t, relay.url(), week.Event)
	at := s.sees("the known document opens", 0, want)
	s.tell("find %s", unknown)
	at = s.hears("find is rejected", at, on("missing", unknown))
	write(a, week.Event, want, "", "And still followed?")
	a.run("sync")
	s.sees("a new question arrives live", at, want)
}

// TestStockClientIsNotServedAnInvitedEvent: a client that cannot prove a role does not get the
// event, but gets an open one on the same connection.
func TestStockClientIsNotServedAnInvitedEvent(t *testing.T) {
	t.Parallel()
	relay := newRelay(t).up()
	a := newDevice(t)
	closed := decode[made](a, "event", "new", "--title", "Among ourselves", "--relay", relay.url(), "--access", "invited")
	a.run("ask", "--event", closed.Event, "Are we alone?")
	a.run("sync", "--event", closed.Event)
	week := a.createWeek(relay.url())
	want := map[string]stockPost{}
	write(a, week.Event, want, "", "Is this one open?")
	a.run("sync", "--event", week.Event)
	s := newStock(t, relay.url(), week.Event)
	at := s.sees("the open event opens", 0, want)
	s.tell("find %s", closed.Event)
	at = s.hears("the invitation-only event is unavailable", at, on("missing", closed.Event))
	a.run("ask", "--event", closed.Event, "Still?")
	a.run("sync", "--event", closed.Event)
	write(a, week.Event, want, "", "And this one still is?")
	a.run("sync", "--event", week.Event)
	s.sees("the open event goes on", at, want)
	for _, l := range s.lines() {
		if l.ID == closed.Event && l.On != "missing" {
			t.Errorf("the stock client was told %+v", l)
		}
	}
}

// TestStockClientCannotHarm: whatever a stock client can send besides following (ephemeral
// messages, unsigned changes, invalid messages) stops neither the relay nor what others see.
func TestStockClientCannotHarm(t *testing.T) {
	t.Parallel()
	relay := newRelay(t).up()
	a := newDevice(t)
	event, want := createWeekOf20(a, relay.url())
	reader, odd := newStock(t, relay.url(), event), newStock(t, relay.url(), event)
	at := reader.sees("the reader shows every post", 0, want)
	odd.sees("the odd client shows every post", 0, want)

	odd.tell("broadcast is anybody there?")
	at = reader.hears("an ephemeral message is passed on", at, func(l said) error {
		if l.On != "ephemeral" || string(l.Data) != `"is anybody there?"` {
			return fmt.Errorf("its last line is %q %s", l.On, l.Data)
		}
		return nil
	})

	// An unsigned change stays on the client that made it, and that client continues to follow.
	heads := a.status(event).Heads
	odd.tell("scribble nobody signed this")
	odd.tell("broadcast scribbled")
	at = reader.hears("the message after the scribble arrives", at, on("ephemeral", ""))
	a.run("sync", "--event", event)
	if got := a.status(event).Heads; !reflect.DeepEqual(got, heads) || len(heads) == 0 {
		t.Errorf("an unsigned change made the heads %v of %v", got, heads)
	}
	write(a, event, want, "", "Asked after a scribble")
	a.run("sync", "--event", event)
	at = reader.sees("a new question arrives at the reader", at, want)
	odd.sees("and at the client whose change was refused", 0, want)

	// The client may write more changes on top of the refused one and of received ones, without
	// disturbing anybody or itself.
	for i := range 20 {
		odd.tell("scribble once more, %d", i)
	}
	odd.tell("broadcast scribbled on")
	at = reader.hears("the message after the scribbles arrives", at, on("ephemeral", ""))
	write(a, event, want, "", "Asked after many scribbles")
	a.run("sync", "--event", event)
	at = reader.sees("a new question arrives at the reader after many scribbles", at, want)
	odd.sees("and at the client that scribbles", 0, want)
	for _, l := range odd.lines() {
		if l.On == "gone" {
			t.Error("the scribbler was disconnected")
		}
	}

	// An invalid message at most ends its sender's connection, and the client reconnects.
	for _, nonsense := range []struct {
		command string
		costly  bool
	}{
		{`send {"type":"nonsense","senderId":"x","targetId":"y"}`, false},
		{`send {"type":"nonsense","padding":"` + strings.Repeat("long ", 400_000) + `"}`, false},
		{`send {"type":"sync","senderId":"somebody else","targetId":"y","documentId":"` + event + `"}`, true},
		{`send {"type":"join"}`, true},
		{`send ["no","map"]`, true},
		{"raw " + hex.EncodeToString([]byte("\x00\xff not CBOR")), true},
		{"raw bf", true}, // an unterminated map
		{"text hello?", true},
	} {
		before := len(odd.lines())
		odd.tell("%s", nonsense.command)
		if nonsense.costly {
			gone := odd.hears(fmt.Sprintf("%.40q ends the connection", nonsense.command), before, on("gone", ""))
			odd.hears("the odd client is back", gone, on("peer", ""))
		}
		write(a, event, want, "", fmt.Sprintf("Asked after %.40q", nonsense.command))
		a.run("sync", "--event", event)
		at = reader.sees(fmt.Sprintf("after %.40q a new question arrives at the reader", nonsense.command), at, want)
		odd.sees("and at the client that sent it", before, want)
		for _, l := range odd.lines()[before:] {
			if l.On == "gone" && !nonsense.costly {
				t.Errorf("%.40q, which a later version may send, ended the connection", nonsense.command)
			}
		}
	}
	select {
	case <-relay.done:
		t.Errorf("the relay ended: %s", relay.errs.String())
	default:
	}
	for _, l := range reader.lines() {
		if l.On == "gone" {
			t.Error("the reader was disconnected for what another client sent")
		}
	}
	b := newDevice(t)
	b.run("join", "flyleaf:"+event+"@"+relay.url())
	b.run("sync", "--event", event)
	if ha, hb := a.status(event).Heads, b.status(event).Heads; !reflect.DeepEqual(ha, hb) {
		t.Errorf("a new device has %v, not %v", hb, ha)
	}
}
