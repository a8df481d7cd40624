package webui

import (
	"fmt"
	"strings"

	"flyleaf/node"
	"flyleaf/qa"
	"flyleaf/qa/people"
)

// This file has all words for the states of delivery and of the relay connection.

// Delivery states, as the style sheet knows them.
const (
	stateDraft    = "draft"
	stateDevice   = "device"
	stateRelay    = "relay"
	stateSeen     = "seen"
	stateAnswered = "answered"
	stateRefused  = "refused"
)

// deliveryWords says where a post is. Each text has at most 26 characters, so that a
// change of state does not move the rest of the line.
var deliveryWords = map[string]string{
	stateDraft:    "Draft, not posted",
	stateDevice:   "Only on this device",
	stateRelay:    "On the relay",
	stateSeen:     "Delivered to an author",
	stateAnswered: "Answered",
	stateRefused:  "Not accepted by the relay",
}

// delivery is the state of one post as the page shows it. Without a State, only the words
// are shown.
type delivery struct {
	State, Words string
	Record       []step // the steps so far, for the reader's own posts
	More         string // address of the page that says more; "" for none
	About        string // names the post, for screen readers
}

// step is one line of the record of a post. Todo means that it has not happened yet.
type step struct {
	Words string
	Todo  bool
}

// stateLook is how a state of qa.Delivery looks. The style sheet draws posts on several of the writer's devices
// as those that are on one.
var stateLook = map[qa.DeliveryState]string{
	qa.OnThisDevice: stateDevice, qa.OnOwnDevices: stateDevice, qa.OnRelay: stateRelay, qa.SeenByAuthor: stateSeen, qa.DeliveryAnswer: stateAnswered,
}

// otherDelivery returns what is said of a post that is not the reader's.
func otherDelivery(question, answered bool) delivery {
	switch {
	case question && answered:
		return delivery{State: stateAnswered, Words: deliveryWords[stateAnswered]}
	case question:
		return delivery{Words: "Not answered yet"}
	}
	return delivery{}
}

// deliveryOf puts into words where a post of the reader's is. saved is when the post was saved; "" when that is not
// known. author is the first name of the author whose device has it; "" when that is not known.
func deliveryOf(at qa.Delivery, question, answered bool, relay qa.RelayStatus, saved, author string) delivery {
	state := at.State()
	d := delivery{State: stateLook[state], Words: deliveryWords[stateLook[state]]}
	seen := deliveryWords[stateSeen]
	if words := "Delivered to " + author; author != "" && len([]rune(words)) <= maxStateWords {
		seen = words
	}
	switch {
	case state == qa.SeenByAuthor:
		d.Words = seen
	case state == qa.OnOwnDevices:
		d.Words = "On your devices"
	case at.OnlyChangeHere(): // the answer proves that the post itself was delivered
		d.Words = "Change only on this device"
	}
	kept := "Saved on this device"
	if saved != "" {
		kept += ", " + saved
	}
	d.Record = append(d.Record, step{Words: kept})
	switch {
	case at.OnRelay():
		d.Record = append(d.Record, step{Words: "Saved on " + relayName(relay)})
	case state == qa.OnOwnDevices:
		d.Record = append(d.Record, step{Words: "Written on another device of yours. Flyleaf does not know yet whether the relay has it", Todo: true})
	case at.OnlyChangeHere():
		d.Record = append(d.Record, step{Words: "Your last change is not on the relay yet: " + relayWhy(relay), Todo: true})
	default:
		d.Record = append(d.Record, step{Words: "Not on the relay yet: " + relayWhy(relay), Todo: true})
	}
	if at.Seen() {
		d.Record = append(d.Record, step{Words: seen + "; may not have been read"})
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

// maxStateWords is the maximum length of the words for a delivery state, in characters.
const maxStateWords = 26

// refusedDelivery returns the state of a post of the reader's that has a change that was
// not accepted.
func refusedDelivery(d delivery, n qa.NotAccepted) delivery {
	d.State, d.Words = stateRefused, "Not accepted"
	words := "Not accepted: "
	if n.ByRelay {
		d.Words, words = deliveryWords[stateRefused], "Not accepted by the relay: "
	}
	kept := []step{{Words: "Your text is kept on this device"}, {Words: words + sentence(n.Reason), Todo: true}}
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

// relayWhy says why a change is not on the relay yet, as part of a sentence.
func relayWhy(r qa.RelayStatus) string {
	switch r.State {
	case qa.RelayNone, "":
		return "this week has no relay"
	case qa.RelayConnecting:
		return "connecting"
	case qa.RelaySyncing, qa.RelaySynced:
		if r.Why == "" {
			return "being sent"
		}
	}
	if r.Why != "" {
		return r.Why
	}
	return "the relay cannot be reached"
}

// relayNow describes the relay connection: a part in bold, and the rest.
func relayNow(r qa.RelayStatus) (bold, rest string) {
	switch r.State {
	case qa.RelaySynced:
		return "Connected", "Up to date."
	case qa.RelaySyncing:
		if r.Why == "" {
			return "Connected", "Syncing."
		}
		return "Connected", sentence(r.Why)
	case qa.RelayConnecting:
		return "Connecting", r.Why
	case qa.RelayNone, "":
		return "No relay", "This week is only on this device until an organiser adds a relay."
	}
	if r.Why == "" {
		return "Relay unreachable", "Flyleaf keeps trying."
	}
	return "Relay unreachable", sentence(r.Why)
}

// triesWords says how often connecting to a relay was tried in vain, and when it is tried again; "" if the relay is
// connected or was not tried.
func triesWords(r qa.RelayStatus, c calendar) string {
	if r.Tries <= 0 || r.State == qa.RelaySynced || r.State == qa.RelaySyncing {
		return ""
	}
	words := "Tried once, at "
	if r.Tries > 1 {
		words = fmt.Sprintf("Tried %d times, last at ", r.Tries)
	}
	words += c.clock(r.LastTryMillis)
	switch {
	case r.State == qa.RelayConnecting:
		return words + "; trying now."
	case r.NextTryMillis > c.now.UnixMilli():
		return words + "; next try at " + c.clock(r.NextTryMillis) + "."
	}
	return words + "."
}

// sentence returns a reason as a sentence: with a capital letter and a full stop.
func sentence(s string) string {
	if s = strings.TrimSpace(s); s == "" {
		return ""
	}
	if !strings.ContainsAny(s[len(s)-1:], ".!?") {
		s += "."
	}
	return strings.ToUpper(s[:1]) + s[1:]
}

// syncSummary is the line at the top of every page: the worst delivery state of all
// changes that this device wrote.
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
	case s.NotArrived > 0:
		return syncSummary{stateRelay, "All sent. " + plural(s.NotArrived, "week") + " not here yet"}
	case s.Downloading > 0:
		return syncSummary{stateRelay, "Downloading…"}
	case s.Synced+s.WithoutRelay == s.Events:
		have := " weeks have no relay"
		if s.WithoutRelay == 1 {
			have = " week has no relay"
		}
		return syncSummary{stateRelay, fmt.Sprintf("All sent. %d%s", s.WithoutRelay, have)}
	}
	return syncSummary{stateRelay, "All sent. Connecting…"}
}

// plural returns a number with its noun. The plural of the noun is many, or one + "s".
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

func authorsOf(e qa.Event) []string {
	var out []string
	for name := range strings.SplitSeq(e.Authors, ",") {
		if name = strings.TrimSpace(name); name != "" {
			out = append(out, name)
		}
	}
	return out
}

// firstName returns the first word of a name, or the whole name when the first word is a
// title or an initial.
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
		first = append(first, people.Isolate(firstName(name)))
	}
	if len(first) == 0 {
		return "Ask a question"
	}
	return "Ask " + people.And(first)
}

// contradictionWords describes which details of an event contradict each other; "" for none.
func contradictionWords(e *qa.Event) string {
	var words []string
	for _, c := range e.Contradictions() {
		words = append(words, sentence(c.Words))
	}
	return strings.Join(words, " ")
}
