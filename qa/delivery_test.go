package qa

import (
	"testing"

	"pgregory.net/rapid"
)

func TestDeliveryStates(t *testing.T) {
	fact := func(kind DeliveryFactKind, text RevisionID) DeliveryFact { return DeliveryFact{kind, text} }
	saved := fact(TextSaved, "1")
	for _, c := range []struct {
		name   string
		facts  []DeliveryFact
		want   DeliveryState
		change bool // only the newest text is on this device only
	}{
		{"a new post", []DeliveryFact{saved}, OnThisDevice, false},
		{"on the relay", []DeliveryFact{saved, fact(RelayHas, "1")}, OnRelay, false},
		{"the relay lost the event", []DeliveryFact{saved, fact(RelayHas, "1"), fact(RelayLost, "1")}, OnThisDevice, false},
		{"and got it again", []DeliveryFact{saved, fact(RelayHas, "1"), fact(RelayLost, "1"), fact(RelayHas, "1")}, OnRelay, false},
		{"an author has it", []DeliveryFact{saved, fact(RelayHas, "1"), fact(AuthorHas, "1")}, SeenByAuthor, false},
		{"an author got it without the relay", []DeliveryFact{saved, fact(AuthorHas, "1")}, SeenByAuthor, false},
		{"an author has it, and the relay lost it", []DeliveryFact{saved, fact(RelayHas, "1"), fact(AuthorHas, "1"), fact(RelayLost, "1")}, SeenByAuthor, false},
		{"the author lost the role", []DeliveryFact{saved, fact(RelayHas, "1"), fact(AuthorHas, "1"), fact(AuthorLost, "1")}, OnRelay, false},
		{"answered", []DeliveryFact{saved, fact(RelayHas, "1"), fact(AnswerShown, "")}, DeliveryAnswer, false},
		{"the answer was withdrawn", []DeliveryFact{saved, fact(RelayHas, "1"), fact(AnswerShown, ""), fact(AnswerGone, "")}, OnRelay, false},
		{"edited", []DeliveryFact{saved, fact(RelayHas, "1"), fact(AuthorHas, "1"), fact(TextSaved, "2")}, OnThisDevice, false},
		{"edited after the answer", []DeliveryFact{saved, fact(RelayHas, "1"), fact(AnswerShown, ""), fact(TextSaved, "2")}, OnThisDevice, true},
		{"late news about the text before the edit", []DeliveryFact{saved, fact(TextSaved, "2"), fact(RelayHas, "1"), fact(AuthorHas, "1")}, OnThisDevice, false},
		{"the edit is on the relay", []DeliveryFact{saved, fact(TextSaved, "2"), fact(RelayHas, "2")}, OnRelay, false},
		{"the same text saved again", []DeliveryFact{saved, fact(RelayHas, "1"), saved}, OnRelay, false},
		{"written on another device", []DeliveryFact{saved, fact(OtherDeviceHas, "1")}, OnOwnDevices, false},
	} {
		var d Delivery
		for _, f := range c.facts {
			d = d.After(f)
		}
		if d.State() != c.want || d.OnlyChangeHere() != c.change {
			t.Errorf("%s: %s, %v", c.name, d.State(), d.OnlyChangeHere())
		}
	}
}

// TestDeliveryIsNeverAheadOfTheTruth: in a world of a device, a relay and an author's device, in which the relay loses
// its disk and news are late, the device never says more than what is true, or than what the relay has told last.
func TestDeliveryIsNeverAheadOfTheTruth(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text, relay, author, answered := 1, 0, 0, false // newest text of each; the answer exists
		told := 0                                       // what the relay has told last
		var late []DeliveryFact                         // news on their way to the device
		d := Delivery{}.After(DeliveryFact{TextSaved, revision(text)})
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			switch rapid.SampledFrom([]string{"edit", "send", "lose", "tell", "fetch", "write", "answer", "withdraw", "arrive"}).Draw(t, "step") {
			case "edit":
				text++
				d = d.After(DeliveryFact{TextSaved, revision(text)})
			case "send":
				relay = text
			case "lose":
				relay = 0
			case "tell": // the relay says now which text it has
				told = relay
				kind := RelayLost
				if told == text {
					kind = RelayHas
				}
				d = d.After(DeliveryFact{kind, revision(text)})
			case "fetch":
				author = max(author, relay)
			case "write": // the author writes something, whose past has the text
				if author > 0 {
					late = append(late, DeliveryFact{AuthorHas, revision(author)})
				}
			case "answer":
				if answered = author > 0; answered {
					late = append(late, DeliveryFact{AuthorHas, revision(author)}, DeliveryFact{Kind: AnswerShown})
				}
			case "withdraw":
				answered = false
				late = append(late, DeliveryFact{Kind: AnswerGone})
			case "arrive": // changes arrive in the order in which the author made them
				if len(late) > 0 {
					d, late = d.After(late[0]), late[1:]
				}
			}
			switch state := d.State(); {
			case state == OnRelay && told != text:
				t.Fatalf("%s, but the relay has said that it has text %d of %d", state, told, text)
			case state == SeenByAuthor && author < text:
				t.Fatalf("%s, but the author has text %d of %d", state, author, text)
			case state == DeliveryAnswer && author == 0:
				t.Fatalf("%s, but no author has the post", state)
			case state == DeliveryAnswer && told != text && author < text:
				t.Fatalf("%s, but text %d is only on the device", state, text)
			case state == OnOwnDevices:
				t.Fatal("there is no other device")
			}
		}
	})
}

func revision(n int) RevisionID { return RevisionID(rune('0' + n)) }
