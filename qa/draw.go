package qa

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"

	"flyleaf/internal/smallsort"
	"flyleaf/schema"
)

// The draw of copies is verifiable and unpredictable:
//
//  1. Before the event is closed, the organiser and each author who wants to take
//     part commit to a secret of 32 random bytes: they write its hash (draw/commit).
//  2. Closing fixes the input of the draw: the rule, the commitments and the candidates.
//     Changes that are not in the past of the closing do not count.
//  3. Then each of them reveals their secret, by writing the secret followed by the hash of
//     the change that closed the event (draw/reveal). So a reveal names its closing.
//     Earlier versions wrote the secret alone. Such a reveal is for the same closing as the
//     reveals in its past; if there are none, for the
//     closing that was in effect in its past.
//  4. The secrets and the candidates determine the order in which copies are given:
//
//	seed = SHA-256("flyleaf draw v1" ‖ event ID 16 ‖
//	               count 4 ‖ { identity 32 ‖ secret 32 }, ascending by identity ‖
//	               count 4 ‖ { identity 32 ‖ length 4 ‖ name }, ascending)
//
// Pick number n, from 0, takes one of the remaining candidates: its index is the first 8 bytes of
// SHA-256("flyleaf pick v1" ‖ seed ‖ n 8 ‖ try 8), modulo their number. A value that would make
// some candidates more likely than others is rejected, and try goes up by 1.
// Integers are big-endian, names are UTF-8.
//
// All revealed secrets must name the same closing; otherwise there is no draw. So an organiser who
// has seen secrets cannot close again with other candidates. Whoever reveals last knows the result
// first and can prevent the draw by not revealing, but cannot change who wins.
//
// The order is of all candidates. People who can no longer win are skipped; the order of the others
// does not change.

// Sizes in bytes, and the rules for missing secrets.
const (
	DrawSecretSize = 32
	DrawRevealSize = DrawSecretSize + 32 // the secret, and the hash of the change that closed the event

	// DrawAll is the default rule: every secret has to be revealed. If one never is, there is no
	// draw, and the authors choose by hand.
	DrawAll = "all"
	// DrawFounderLast counts only secrets revealed before the founder revealed theirs. The founder
	// can thus exclude people by revealing early, so the page shows who was excluded.
	DrawFounderLast = "founder-last"
)

// Draw is the state of an event's draw.
type Draw struct {
	Rule        string       `json:"rule"`   // DrawAll or DrawFounderLast
	Closed      bool         `json:"closed"` // the input of the draw is fixed, by Closing
	Commitments []Commitment `json:"commitments,omitempty"`
	// Closing is the hash, in 64 hex characters, of the change that closed the event for this
	// draw: the closing that the reveals name, or while there are none, the one in effect.
	// "" while the event is open.
	Closing string `json:"closing,omitempty"`
	// Reveals has every reveal that is for a closing, in the order of their operations.
	Reveals []Reveal `json:"openings,omitempty"`
	// Void is the reason why there can be no draw, one of the Void constants; "" if there can.
	Void string `json:"void,omitempty"`
}

// Reveal says that somebody revealed their secret for a closing.
type Reveal struct {
	By       Identity `json:"by"`
	Closing  string   `json:"closing"`  // the hash of its change, 64 hex characters
	ClosedBy Identity `json:"closedBy"` // the writer of that change
}

// Why there can be no draw.
const (
	VoidClosings = "closings" // the reveals are not all for the same closing
	VoidFounder  = "founder"  // under DrawFounderLast: the founder revealed more than once, with different reveals in the past
)

// Commitment is one person's part in the draw. Draw.Commitments ascend by By.
type Commitment struct {
	By     Identity `json:"by"`
	Hash   string   `json:"hash"`             // 64 hex characters; see CommitDraw
	Secret string   `json:"secret,omitempty"` // 64 hex characters; "" until it is revealed
	// TooEarly: the secret was revealed before the event was closed, so others could take it into
	// account. It does not count.
	TooEarly bool `json:"tooEarly,omitempty"`
	// KnownToFounder: revealed before the founder revealed theirs.
	KnownToFounder bool `json:"knownToFounder,omitempty"`
	// NotForClosing: the reveal is not for the closing of the draw, or does not match the
	// commitment. It does not count; the secret can be revealed again.
	NotForClosing bool `json:"notForClosing,omitempty"`
	// Last: no other reveal has this one in its past. Its writer may have known all secrets, and
	// could have prevented the draw.
	Last bool `json:"last,omitempty"`
}

// Revealed reports whether the secret was revealed for the closing of the draw.
func (c *Commitment) Revealed() bool { return c.Secret != "" && !c.NotForClosing }

// CommitDraw returns the bytes that commit somebody to a secret of 32 bytes:
// SHA-256("flyleaf draw commit v1" ‖ event ID 16 ‖ identity 32 ‖ secret).
// ErrBadID is returned for an invalid event ID or identity, ErrBadValue for a
// secret of another size.
func CommitDraw(event EventID, by Identity, secret []byte) ([]byte, error) {
	doc, err := event.Bytes()
	if err != nil {
		return nil, err
	}
	who, err := by.bytes()
	if err != nil {
		return nil, err
	}
	if len(secret) != DrawSecretSize {
		return nil, bad(schema.MapReveal.Keyed().Name, "it must have %d bytes, not %d", DrawSecretSize, len(secret))
	}
	h := sha256.New()
	h.Write([]byte("flyleaf draw commit v1"))
	h.Write(doc[:])
	h.Write(who)
	h.Write(secret)
	return h.Sum(nil), nil
}

// RevealDraw returns the bytes that reveal a secret of 32 bytes for a closing: secret ‖ hash.
// closing is the hash of the change that closed the event, in 64 hex characters (Draw.Closing).
// ErrBadValue is returned for a secret or hash of another size.
func RevealDraw(secret []byte, closing string) ([]byte, error) {
	if len(secret) != DrawSecretSize {
		return nil, bad(schema.MapReveal.Keyed().Name, "it must have %d bytes, not %d", DrawSecretSize, len(secret))
	}
	hash, err := hex.DecodeString(closing)
	if err != nil || len(hash) != DrawRevealSize-DrawSecretSize {
		return nil, bad(schema.MapReveal.Keyed().Name, "the hash of the closing must be 64 hex characters, not %.80q", closing)
	}
	return append(bytes.Clone(secret), hash...), nil
}

func (id Identity) bytes() ([]byte, error) {
	if _, err := ParseIdentity(string(id)); err != nil {
		return nil, err
	}
	return hex.DecodeString(string(id))
}

// Entrant is somebody who may win: the writer of a question, or the person for whom the question
// was asked. A person with two questions is one entrant.
type Entrant struct {
	By         Identity `json:"by"`
	OnBehalfOf string   `json:"onBehalfOf,omitempty"`
}

func (e Entrant) compare(o Entrant) int {
	return cmp.Or(cmp.Compare(e.By, o.By), cmp.Compare(e.OnBehalfOf, o.OnBehalfOf))
}

// EntrantOf returns the entrant of a question.
func EntrantOf(p *Post) Entrant { return Entrant{p.By, p.OnBehalfOf} }

// Entrants returns the candidates when the event was closed, ascending; while the event is open, the
// current candidates.
func (w *Week) Entrants() []Entrant {
	var out []Entrant
	for i := range w.Threads {
		if q := &w.Threads[i].Question; q.Marks.InDraw {
			out = append(out, EntrantOf(&q.Post))
		}
	}
	smallsort.Func(out, Entrant.compare)
	return slices.Compact(out)
}

// DrawState says how far a draw has come.
type DrawState string

// The states of a draw.
const (
	DrawNobody  DrawState = "nobody"  // nobody has committed, or there is no candidate
	DrawOpen    DrawState = "open"    // the event is not closed: nothing is fixed
	DrawWaiting DrawState = "waiting" // secrets are missing
	DrawDone    DrawState = "done"
	DrawVoid    DrawState = "void" // there is and will be none; Draw.Void says why
)

// Drawn is the result of Draw.Run.
type Drawn struct {
	State      DrawState  `json:"state"`
	Unrevealed []Identity `json:"waiting,omitempty"`  // people who have not revealed their secret
	Excluded   []Identity `json:"leftOut,omitempty"`  // people whose commitments do not count
	Secrets    []Identity `json:"secrets,omitempty"`  // people whose secrets made the seed
	Entrants   []Entrant  `json:"entrants,omitempty"` // ascending
	Seed       string     `json:"seed,omitempty"`     // 64 hex characters
	Order      []Entrant  `json:"order,omitempty"`    // all entrants, as drawn
	// Last is who could prevent the draw by not revealing: the person who revealed last, or the
	// only one who has not revealed yet. Several people if nobody can tell which of them was last.
	Last []Identity `json:"last,omitempty"`
}

// Run draws. The same Draw, founder and entrants (in any order) give the same result on every
// device. ErrBadID is returned for invalid IDs.
func (d *Draw) Run(event EventID, founder Identity, entrants []Entrant) (Drawn, error) {
	entrants = slices.Clone(entrants)
	smallsort.Func(entrants, Entrant.compare)
	out := Drawn{Entrants: slices.Compact(entrants)}
	revealed, err := d.revealed(event, founder, &out)
	if err != nil {
		return out, err
	}
	switch {
	case len(d.Commitments) == 0 || len(out.Entrants) == 0:
		out.State = DrawNobody
		return out, nil
	case !d.Closed:
		out.State = DrawOpen
		return out, nil
	case d.Void != "":
		out.State = DrawVoid
		return out, nil
	case len(out.Unrevealed) > 0:
		out.State = DrawWaiting
		if len(out.Unrevealed) == 1 {
			out.Last = out.Unrevealed
		}
		return out, nil
	case len(revealed) == 0:
		out.State = DrawNobody
		return out, nil
	}
	seed, err := drawSeed(event, revealed, out.Entrants)
	if err != nil {
		return out, err
	}
	for _, c := range revealed {
		out.Secrets = append(out.Secrets, c.By)
		if c.Last {
			out.Last = append(out.Last, c.By)
		}
	}
	out.State, out.Seed = DrawDone, hex.EncodeToString(seed)
	left := slices.Clone(out.Entrants)
	for n := uint64(0); len(left) > 0; n++ {
		i := pick(seed, n, uint64(len(left)))
		out.Order = append(out.Order, left[i])
		left = slices.Delete(left, int(i), int(i)+1)
	}
	return out, nil
}

// revealed returns the commitments that count and whose secrets are revealed, ascending. It sets
// Unrevealed and Excluded of out.
func (d *Draw) revealed(event EventID, founder Identity, out *Drawn) ([]Commitment, error) {
	all := slices.Clone(d.Commitments)
	smallsort.Func(all, func(a, b Commitment) int { return cmp.Compare(a.By, b.By) })
	founderRevealed := slices.ContainsFunc(all, func(c Commitment) bool { return c.By == founder && c.Revealed() && !c.TooEarly })
	var counted []Commitment
	for _, c := range all {
		valid, err := c.valid(event)
		if err != nil {
			return nil, err
		}
		switch {
		case c.TooEarly:
			out.Excluded = append(out.Excluded, c.By)
		case d.Rule == DrawFounderLast && founderRevealed && c.By != founder && (!valid || !c.KnownToFounder):
			out.Excluded = append(out.Excluded, c.By)
		case !valid:
			out.Unrevealed = append(out.Unrevealed, c.By)
		default:
			counted = append(counted, c)
		}
	}
	return counted, nil
}

// valid reports whether the secret was revealed and matches the commitment.
func (c *Commitment) valid(event EventID) (bool, error) {
	if !c.Revealed() {
		return false, nil
	}
	secret, err := hex.DecodeString(c.Secret)
	if err != nil || len(secret) != DrawSecretSize {
		return false, nil
	}
	want, err := CommitDraw(event, c.By, secret)
	if err != nil {
		return false, fmt.Errorf("the draw's commitment of %s: %w", c.By, err)
	}
	got, err := hex.DecodeString(c.Hash)
	return err == nil && bytes.Equal(got, want), nil
}

func drawSeed(event EventID, revealed []Commitment, entrants []Entrant) ([]byte, error) {
	doc, err := event.Bytes()
	if err != nil {
		return nil, err
	}
	b := append([]byte("flyleaf draw v1"), doc[:]...)
	b = binary.BigEndian.AppendUint32(b, uint32(len(revealed)))
	for _, c := range revealed {
		who, err := c.By.bytes()
		if err != nil {
			return nil, err
		}
		secret, err := hex.DecodeString(c.Secret)
		if err != nil {
			return nil, err
		}
		b = append(append(b, who...), secret...)
	}
	b = binary.BigEndian.AppendUint32(b, uint32(len(entrants)))
	for _, e := range entrants {
		who, err := e.By.bytes()
		if err != nil {
			return nil, err
		}
		b = append(b, who...)
		b = binary.BigEndian.AppendUint32(b, uint32(len(e.OnBehalfOf)))
		b = append(b, e.OnBehalfOf...)
	}
	seed := sha256.Sum256(b)
	return seed[:], nil
}

// pick returns a number below n. All numbers are equally likely.
func pick(seed []byte, number, n uint64) uint64 {
	last := -n % n // 2^64 mod n: the number of values to reject so that all remainders are equally likely
	for try := uint64(0); ; try++ {
		b := append([]byte("flyleaf pick v1"), seed...)
		b = binary.BigEndian.AppendUint64(b, number)
		b = binary.BigEndian.AppendUint64(b, try)
		h := sha256.Sum256(b)
		if v := binary.BigEndian.Uint64(h[:8]); v >= last {
			return v % n
		}
	}
}

// RunDraw runs the week's draw; Drawn.State says whether there is a result. ErrBadID is returned if
// the event or a person in it has an invalid ID.
func (w *Week) RunDraw() (Drawn, error) {
	d := w.Event.Draw
	if d == nil {
		d = &Draw{Closed: w.Event.Closed}
	}
	return d.Run(w.Event.ID, w.Event.Founder, w.Entrants())
}

// Errors of MayReveal.
var (
	ErrDrawNotFixed = errors.New("the week is not closed: until then neither who takes part nor the candidates are fixed")
	ErrDrawVoid     = errors.New("the draw is no longer possible")
	ErrDrawNotMine  = errors.New("you do not take part in this draw: you had not committed to a secret when the week was closed")
	ErrDrawRevealed = errors.New("your secret is already revealed")
	ErrDrawTooEarly = errors.New("your secret was revealed before the week was closed, so it does not count")
)

// DrawFixed reports whether the input of the draw is fixed: the event is closed, or secrets were
// revealed for a closing. It stays fixed if the event is reopened.
func (w *Week) DrawFixed() bool {
	return w.Event.Closed || w.Event.Draw != nil && w.Event.Draw.Closed
}

// MayReveal returns nil if somebody can reveal their secret now, and otherwise the reason: one of the
// ErrDraw errors.
func (w *Week) MayReveal(by Identity) error {
	d := w.Event.Draw
	switch {
	case !w.DrawFixed():
		return ErrDrawNotFixed
	case d == nil || !d.Closed:
		return ErrDrawNotMine
	case d.Void != "":
		return ErrDrawVoid
	}
	for i := range d.Commitments {
		switch c := &d.Commitments[i]; {
		case c.By != by:
		case c.TooEarly:
			return ErrDrawTooEarly
		case c.Revealed():
			return ErrDrawRevealed
		default:
			return nil
		}
	}
	return ErrDrawNotMine
}

func (w *Week) namesOf(ids []Identity) string {
	var out []string
	for _, id := range ids {
		out = append(out, w.PersonName(id))
	}
	return and(out)
}

// and lists names: "a, b and c".
func and(names []string) string {
	if n := len(names); n > 1 {
		return strings.Join(names[:n-1], ", ") + " and " + names[n-1]
	}
	return strings.Join(names, "")
}

// LastRevealWarning says, in a sentence or two, who can or could stop the draw by not revealing;
// "" when nobody can.
func (w *Week) LastRevealWarning(d Drawn) string {
	who := w.namesOf(d.Last)
	switch {
	case d.State == DrawWaiting && len(d.Last) == 1:
		return who + " is the last to reveal, so can know the result before anyone else, and can stop the draw by not revealing. Nobody can change who wins."
	case d.State == DrawWaiting:
		return "Whoever reveals last can know the result before anyone else, and can stop the draw by not revealing. Nobody can change who wins."
	case d.State == DrawDone && len(d.Last) == 1:
		return who + " revealed last, and could have stopped the draw by not revealing."
	case d.State == DrawDone && len(d.Last) > 1:
		return "Nobody can tell who revealed last: " + who + " did not know of each other’s secrets. Whoever it was could have stopped the draw by not revealing."
	}
	return ""
}

// WhyNoDraw says why there can be no draw, with people's names; "" if there can be one. drawn is the result of
// RunDraw.
func (w *Week) WhyNoDraw(drawn Drawn) string {
	d := w.Event.Draw
	if drawn.State == DrawNobody && w.DrawFixed() {
		why := "all secrets were revealed before the week was closed, so they do not count"
		switch {
		case d == nil || len(d.Commitments) == 0:
			why = "nobody took part in it before the week was closed"
		case len(drawn.Entrants) == 0:
			why = "no question was a candidate when the week was closed"
		}
		return "There is no draw: " + why + ". The authors choose by hand."
	}
	if d == nil {
		return ""
	}
	switch d.Void {
	case VoidClosings:
		var parts, closings []string
		for i, o := range d.Reveals {
			if slices.Contains(closings, o.Closing) {
				continue
			}
			closings = append(closings, o.Closing)
			var by []Identity
			for _, x := range d.Reveals[i:] {
				if x.Closing == o.Closing && !slices.Contains(by, x.By) {
					by = append(by, x.By)
				}
			}
			parts = append(parts, fmt.Sprintf("%s for the closing by %s (%.8s)", w.namesOf(by), w.PersonName(o.ClosedBy), o.Closing))
		}
		return "There is no draw: the week was closed more than once, and not all secrets were revealed for the same closing. They were revealed by " +
			strings.Join(parts, "; ") + ". The authors choose by hand."
	case VoidFounder:
		return "There is no draw: under the rule founder-last the founder’s secret decides whose secrets count, and " + w.PersonName(w.Event.Founder) +
			" revealed it more than once, knowing of different secrets. The authors choose by hand."
	}
	return ""
}

// LosesDrawnCopy returns the names of people whose drawn copies would go to others, or to nobody, if the acts were
// carried out: choices by hand, or a smaller number of copies. A draw stands once it is made.
func (w *Week) LosesDrawnCopy(me Identity, acts []Act) []string {
	after := *w
	for i := range acts {
		switch a := &acts[i]; a.Kind {
		case ActWinner:
			after.Event.Winners = slices.DeleteFunc(slices.Clone(after.Event.Winners), func(x Winner) bool { return x.By == me && x.Post == a.Post })
			if a.Text != "" {
				after.Event.Winners = append(after.Event.Winners, Winner{Post: a.Post, By: me, Note: a.Text})
			}
		case ActEvent:
			if n, ok := a.Fields[schema.KeyPrizes].(uint64); ok {
				after.Event.Prizes = n
			}
		}
	}
	drawn, err := w.RunDraw()
	if err != nil || drawn.State != DrawDone {
		return nil
	}
	left := after.Prizes(drawn)
	var out []string
	for _, p := range w.Prizes(drawn) {
		if len(p.ChosenBy) == 0 && !slices.ContainsFunc(left, func(x Prize) bool { return x.Entrant == p.Entrant }) {
			out = append(out, w.EntrantName(p.Entrant))
		}
	}
	return out
}

// Claim is a winner's message to the founder, with the contact for sending the copy.
type Claim struct {
	By      Identity `json:"by"`
	Name    string   `json:"name"`
	Contact string   `json:"contact,omitempty"`
	Won     bool     `json:"won"`               // the person gets a copy, as far as this device knows
	Problem string   `json:"problem,omitempty"` // why this device cannot read the contact
}

// Winner is a choice of a post by hand. Its writer was an author or organiser when choosing; it counts
// even if they no longer are.
type Winner struct {
	Post PostID   `json:"post"`
	By   Identity `json:"by"`             // who chose
	Note string   `json:"note,omitempty"` // their note; never empty in the document
}

// Prize is a copy for an entrant.
type Prize struct {
	Entrant
	Post     PostID     `json:"post"`               // their question; the first, if they have several
	ChosenBy []Identity `json:"chosenBy,omitempty"` // empty: drawn
}

// WinningQuestions returns the questions whose writers get a copy: chosen by the authors, or drawn.
// If the draw cannot be run, nobody is drawn.
func (w *Week) WinningQuestions() map[PostID]bool {
	out := map[PostID]bool{}
	for _, p := range w.Won() {
		out[p.Post] = true
	}
	return out
}

// Won returns the copies of people who were chosen by hand or drawn. If the draw cannot be run, nobody is drawn.
func (w *Week) Won() []Prize {
	if len(w.Event.Winners) == 0 && w.Event.Draw == nil {
		return nil
	}
	drawn, err := w.RunDraw()
	if err != nil {
		drawn = Drawn{}
	}
	return w.Prizes(drawn)
}

// WinnersTold reports whether pages tell who has won: the event is closed, or the time has come when the authors
// choose. Until then choices may change.
func (e Event) WinnersTold(nowMillis int64) bool { return e.Closed || e.WinnersAtMillis <= nowMillis }

// SuggestedAnnouncement returns a text that tells who has won; "" if nobody has. It names as many people as an
// announcement has room for.
func (w *Week) SuggestedAnnouncement() string {
	prizes := w.Won()
	goes := fmt.Sprintf("%d copies of %s go to ", len(prizes), w.Event.Title)
	if len(prizes) == 1 {
		goes = "A copy of " + w.Event.Title + " goes to "
	}
	var names []string
	text := ""
	for i, p := range prizes {
		names = append(names, w.EntrantName(p.Entrant))
		people := names
		if others := len(prizes) - len(names); others > 0 {
			people = append(slices.Clip(names), are(others, "other person", "other people"))
		}
		longer := "Thank you for " + are(len(w.Threads), "question", "questions") + ". " + goes + and(people) +
			". Open the week in Flyleaf and enter the address for your copy; only the organiser can read the address."
		if i > 0 && len(longer) > schema.MaxXValue {
			break
		}
		text = longer
	}
	return text
}

// Prizes returns the copies: first for the people chosen by hand, in the order of their questions,
// and then, while copies are left, for the people drawn. Nobody gets two. Organisers, authors and
// people whose questions are not shown get none. If the event has no number of copies, everybody who
// was chosen gets one and nobody is drawn.
func (w *Week) Prizes(drawn Drawn) []Prize {
	chosen := map[PostID][]Identity{}
	for _, c := range w.Event.Winners {
		chosen[c.Post] = append(chosen[c.Post], c.By)
	}
	first := map[Entrant]PostID{}
	at := map[Entrant]int{}
	var out []Prize
	for i := range w.Threads {
		q := &w.Threads[i].Question
		who := EntrantOf(&q.Post)
		if !w.mayWin(q) {
			continue
		}
		if _, ok := first[who]; !ok && q.Marks.InDraw {
			first[who] = q.ID
		}
		by := chosen[q.ID]
		if len(by) == 0 {
			continue
		}
		if k, ok := at[who]; ok {
			out[k].ChosenBy = union(out[k].ChosenBy, by)
			continue
		}
		at[who] = len(out)
		out = append(out, Prize{Entrant: who, Post: q.ID, ChosenBy: union(nil, by)})
	}
	for _, who := range drawn.Order {
		if uint64(len(out)) >= w.Event.Prizes {
			break
		}
		post, ok := first[who]
		if _, has := at[who]; has || !ok {
			continue
		}
		at[who] = len(out)
		out = append(out, Prize{Entrant: who, Post: post})
	}
	return out
}

// Ineligible is a drawn person who gets no copy.
type Ineligible struct {
	Entrant
	Why string `json:"why"` // a clause: "the question was withdrawn"
}

// Ineligible lists drawn people who get no copy, and why (for example because a moderator hid the
// question after the draw).
func (w *Week) Ineligible(drawn Drawn) []Ineligible {
	byHand := map[Entrant]bool{} // everybody who gets a copy; true: chosen by hand
	left := 0                    // copies for the people drawn
	for _, p := range w.Prizes(drawn) {
		byHand[p.Entrant] = len(p.ChosenBy) > 0
		if len(p.ChosenBy) == 0 {
			left++
		}
	}
	var out []Ineligible
	for _, who := range drawn.Order {
		if left == 0 {
			break
		}
		switch chosen, gets := byHand[who]; {
		case !gets:
			out = append(out, Ineligible{who, w.whyIneligible(who)})
		case !chosen:
			left--
		}
	}
	return out
}

func (w *Week) whyIneligible(who Entrant) string {
	for i := range w.Threads {
		q := &w.Threads[i].Question
		if EntrantOf(&q.Post) != who || !q.Marks.InDraw {
			continue
		}
		switch {
		case q.Withdrawn:
			return "the question was withdrawn"
		case q.Void:
			return "two versions of the question were signed"
		case q.Marks.Hidden != "":
			return "the question was hidden by " + w.PersonName(q.Marks.HiddenBy)
		case q.Blocked:
			return "its writer is blocked"
		}
	}
	return roleCannotWin
}

// roleCannotWin is why organisers and authors get no copy.
const roleCannotWin = "organisers and authors cannot win"

// WhyIneligible returns in words why a question's entrant can get no copy whatever else happens; "" if
// the entrant can. Questions asked for somebody else are always eligible.
func (w *Week) WhyIneligible(q *PostView) string {
	if q.OnBehalfOf == "" && w.Event.HoldsAny(q.By, schema.Jury) {
		return roleCannotWin
	}
	return ""
}

// mayWin reports whether the question's entrant can get a copy.
func (w *Week) mayWin(q *PostView) bool { return q.Shown() && w.WhyIneligible(q) == "" }

func union(a, b []Identity) []Identity {
	out := append(slices.Clone(a), b...)
	slices.Sort(out)
	return slices.Compact(out)
}
