package webui

import (
	"fmt"
	"strings"

	"flyleaf/node"
	"flyleaf/qa"
)

// The states a thing can be in and the words for them stand here and nowhere
// else. A test compares them with the drawn components.

// Delivery states, as the style sheet knows them.
const (
	stateDraft    = "draft"
	stateDevice   = "device"
	stateRelay    = "relay"
	stateSeen     = "seen"
	stateAnswered = "answered"
	stateRefused  = "refused"
)

// deliveryWords says where a post is. At most 26 characters each, so that the
// line keeps its place whatever the state.
var deliveryWords = map[string]string{
	stateDraft:    "Draft, not posted",
	stateDevice:   "Only on this device",
	stateRelay:    "On the relay",
	stateSeen:     "Delivered to an author",
	stateAnswered: "Answered",
	stateRefused:  "Not accepted by the relay",
}

// delivery is the state of one post as the page shows it. State "" has words only.
type delivery struct {
	State, Words string
	Record       []step // for own posts
	More         string // address of the page that says more; "" for none
	About        string // names the post, for those who hear the page
}

// step is one line of an own post's record.
type step struct {
	Words string
	Todo  bool
}

// deliveryOf tells how far a post has come. pending: it is an own post of which
// something is only on this device. seen: the words for an author's device having
// it, or "".
func deliveryOf(p *qa.PostView, mine, pending, answered bool, relay qa.RelayStatus, saved, seen string) delivery {
	question := p.Parent == ""
	if !mine {
		switch {
		case question && answered:
			return delivery{State: stateAnswered, Words: deliveryWords[stateAnswered]}
		case question:
			return delivery{Words: "Not answered yet"}
		}
		return delivery{}
	}
	d := delivery{State: stateRelay}
	switch {
	case pending:
		d.State = stateDevice
	case question && answered:
		d.State = stateAnswered
	case seen != "":
		d.State = stateSeen
	}
	d.Words = deliveryWords[d.State]
	if d.State == stateSeen {
		d.Words = seen
	}
	d.Record = append(d.Record, step{Words: "Saved on this device, " + saved})
	switch {
	case pending && answered: // the answer shows that the question had got out
		d.Words = "Change only on this device"
		d.Record = append(d.Record, step{Words: "Your last change is not on the relay yet: " + relayWhy(relay), Todo: true})
	case pending:
		d.Record = append(d.Record, step{Words: "Not on the relay yet: " + relayWhy(relay), Todo: true})
	default:
		d.Record = append(d.Record, step{Words: "Saved on " + relayName(relay)})
		if seen != "" {
			d.Record = append(d.Record, step{Words: seen + "; may not have been read"})
		}
	}
	if question {
		if answered {
			d.Record = append(d.Record, step{Words: "Answered"})
		} else {
			d.Record = append(d.Record, step{Words: "Not answered yet", Todo: true})
		}
	}
	return d
}

// refusedDelivery is the state of an own post of which something was not taken.
func refusedDelivery(d delivery, n qa.NotAccepted) delivery {
	d.State, d.Words = stateRefused, "Not accepted"
	words := "Not accepted: "
	if n.ByRelay {
		d.Words, words = deliveryWords[stateRefused], "Not accepted by the relay: "
	}
	kept := []step{{Words: "Your words are kept on this device"}, {Words: words + sentence(n.Reason), Todo: true}}
	if len(d.Record) > 0 {
		kept[0] = d.Record[0]
	}
	d.Record, d.More = kept, "/sync#"+refusalElem(n.Hash)
	return d
}

func relayName(r qa.RelayStatus) string {
	name := r.URL
	for _, scheme := range []string{"wss://", "ws://"} {
		name = strings.TrimPrefix(name, scheme)
	}
	if name = strings.TrimSuffix(name, "/"); name == "" {
		return "the relay"
	}
	return name
}

// relayWhy says in a part of a sentence why something is not on the relay yet.
func relayWhy(r qa.RelayStatus) string {
	switch r.State {
	case qa.RelayNone, "":
		return "this week has no relay"
	case qa.RelayConnecting:
		return "connecting"
	case qa.RelaySyncing, qa.RelaySynced:
		return "being sent"
	}
	if r.Why != "" {
		return r.Why
	}
	return "the relay cannot be reached"
}

// relayNow says the same in a sentence of its own.
func relayNow(r qa.RelayStatus) (bold, rest string) {
	switch r.State {
	case qa.RelaySynced:
		return "Connected", "Up to date."
	case qa.RelaySyncing:
		return "Connected", "Syncing."
	case qa.RelayConnecting:
		return "Connecting", r.Why
	case qa.RelayNone, "":
		return "No relay", "This week is only on this device until an organiser adds a relay."
	}
	if r.Why == "" {
		return "Cannot be reached", "Flyleaf keeps trying."
	}
	return "Cannot be reached", sentence(r.Why)
}

// sentence makes a reason a sentence.
func sentence(s string) string {
	if s = strings.TrimSpace(s); s == "" {
		return ""
	}
	if !strings.ContainsAny(s[len(s)-1:], ".!?") {
		s += "."
	}
	return strings.ToUpper(s[:1]) + s[1:]
}

// syncSummary is the line at the top of every page: the worst state of what this
// device wrote.
type syncSummary struct{ State, Words string }

func syncSummaryOf(s node.Summary) syncSummary {
	t := withoutClock(s)
	if s.ClockOff {
		t.Words += ". Check your clock"
	}
	return t
}

func withoutClock(s node.Summary) syncSummary {
	switch {
	case s.Pending == 1:
		return syncSummary{stateDevice, "1 change only on this device"}
	case s.Pending > 1:
		return syncSummary{stateDevice, fmt.Sprintf("%d changes only on this device", s.Pending)}
	case s.Events == 0:
		return syncSummary{stateDraft, "Nothing here yet"}
	case s.Synced == s.Events:
		return syncSummary{stateRelay, "Everything is on the relay"}
	case s.WithoutRelay == s.Events:
		return syncSummary{stateDraft, "No relay"}
	case s.Offline > 0:
		return syncSummary{stateRelay, "All sent. Relay unreachable"}
	case s.Synced+s.WithoutRelay == s.Events:
		return syncSummary{stateRelay, "Your posts are on the relay"}
	}
	return syncSummary{stateRelay, "All sent. Connecting…"}
}

// plural is the number with its word; the word for many is one + "s" unless given.
func plural(n int, one string, many ...string) string {
	word := one + "s"
	if len(many) > 0 {
		word = many[0]
	}
	if n == 1 {
		word = one
	}
	return fmt.Sprintf("%d %s", n, word)
}

// and joins names as a sentence does.
func and(names []string) string {
	switch len(names) {
	case 0:
		return ""
	case 1:
		return names[0]
	}
	return strings.Join(names[:len(names)-1], ", ") + " and " + names[len(names)-1]
}

func authorsOf(e qa.Event) []string {
	var out []string
	for name := range strings.SplitSeq(e.Authors, ",") {
		if name = strings.TrimSpace(name); name != "" {
			out = append(out, name)
		}
	}
	return out
}

// firstName is what friends say; the whole name when it begins with a title or
// an initial.
func firstName(name string) string {
	word, _, _ := strings.Cut(name, " ")
	if word == "" || strings.HasSuffix(word, ".") { // "Dr. X", "J. K."
		return name
	}
	return word
}

// askTitle is the heading of the ask box.
func askTitle(e qa.Event) string {
	var first []string
	for _, name := range authorsOf(e) {
		first = append(first, firstName(name))
	}
	if len(first) == 0 {
		return "Ask a question"
	}
	return "Ask " + and(first)
}

// contradictionWords says what in an event contradicts something else, "" for nothing.
func contradictionWords(e *qa.Event) string {
	var words []string
	for _, c := range e.Contradictions() {
		words = append(words, sentence(c.Words))
	}
	return strings.Join(words, " ")
}
