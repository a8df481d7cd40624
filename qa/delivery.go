package qa

// DeliveryState says how far a post has come.
type DeliveryState string

// The states, each one step further than the one before.
const (
	OnThisDevice   DeliveryState = "device"   // saved here; nobody else is known to have the text
	OnOwnDevices   DeliveryState = "devices"  // its writer made it on another device; no relay is known to have it
	OnRelay        DeliveryState = "relay"    // a relay has said that it is on the relay's disk
	SeenByAuthor   DeliveryState = "seen"     // it is on an author's device; the author may not have read it
	DeliveryAnswer DeliveryState = "answered" // an author has answered it, or it is marked as answered
)

// Delivery is a state machine that follows one post of this device's user. It is made of facts that the device
// has, and of nothing else: no clock, no guess. A fact that stops being true is taken back. The zero value is a
// post without a text.
type Delivery struct {
	text                               RevisionID // newest text of the post
	otherDevice, relay, seen, answered bool       // answered is about the post, the others are about text
}

// DeliveryFact is something that a device has learnt about a post.
type DeliveryFact struct {
	Kind DeliveryFactKind
	Text RevisionID // the text that the fact is about; ignored for answers
}

// DeliveryFactKind is a kind of DeliveryFact.
type DeliveryFactKind uint8

// The kinds of facts.
const (
	TextSaved      DeliveryFactKind = iota // a new text is on this device's disk
	OtherDeviceHas                         // another device of its writer made the text
	RelayHas                               // a relay says that the text is on its disk
	RelayLost                              // a relay says what is on its disk, and the text is not
	AuthorHas                              // an author's later change has the text in its past, or their device has said that it arrived
	AuthorLost                             // who had it is no author any more, or the change turned out not to be part of the event
	AnswerShown                            // there is an answer
	AnswerGone                             // the answer was withdrawn or hidden, or the mark was removed
)

// After returns the delivery once a fact is known. A fact about an earlier text says nothing about the newest one.
func (d Delivery) After(f DeliveryFact) Delivery {
	switch f.Kind {
	case TextSaved:
		if f.Text != d.text {
			d = Delivery{text: f.Text, answered: d.answered}
		}
		return d
	case AnswerShown, AnswerGone:
		d.answered = f.Kind == AnswerShown
		return d
	}
	if f.Text != d.text {
		return d
	}
	switch f.Kind {
	case OtherDeviceHas:
		d.otherDevice = true
	case RelayHas, RelayLost:
		d.relay = f.Kind == RelayHas
	case AuthorHas, AuthorLost:
		d.seen = f.Kind == AuthorHas
	}
	return d
}

// State returns the furthest step that is known of the newest text. An answer to an earlier text does not prove
// that the newest one has left this device.
func (d Delivery) State() DeliveryState {
	switch {
	case d.answered && (d.relay || d.seen || d.otherDevice):
		return DeliveryAnswer
	case d.seen:
		return SeenByAuthor
	case d.relay:
		return OnRelay
	case d.otherDevice:
		return OnOwnDevices
	}
	return OnThisDevice
}

// OnRelay reports whether a relay is known to have the newest text.
func (d Delivery) OnRelay() bool { return d.relay }

// Seen reports whether an author's device is known to have the newest text.
func (d Delivery) Seen() bool { return d.seen }

// OnlyChangeHere reports whether the post was answered, and its newest text is only on this device.
func (d Delivery) OnlyChangeHere() bool { return d.answered && d.State() == OnThisDevice }

// Whereabouts is what a device knows, from an event's document and its relay, about where its user's posts are.
type Whereabouts struct {
	// Seen has the posts whose newest text is in the past of a later change by an author: who that is.
	Seen map[PostID]Identity `json:"seen,omitempty"`
	// Elsewhere says of each of the user’s texts whether it was written on another of their devices.
	Elsewhere map[RevisionID]bool `json:"elsewhere,omitempty"`
	// OnRelay has the posts whose newest text the relay has, as far as it has said so since this program was started.
	OnRelay map[PostID]bool `json:"onRelay,omitempty"`
	// Device is the one of the user’s other devices that wrote last; nil if none has written. A device is another
	// one after each start of its program, so they cannot be counted.
	Device *OtherDevice `json:"device,omitempty"`
}

// OtherDevice is what the document says of another device of the user: the one that wrote last.
type OtherDevice struct {
	LastMillis int64 `json:"last"`    // when its last change arrived here, by this device's clock
	Missing    int   `json:"missing"` // number of this device's changes that it did not have when it made that change
}
