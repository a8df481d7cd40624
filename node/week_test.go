package node

import (
	"bytes"
	"context"
	"errors"
	"image"
	"image/color"
	"image/png"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"flyleaf/cover/resize"
	"flyleaf/qa"
	"flyleaf/schema"
	"flyleaf/storage"
	"flyleaf/storage/mem"
)

func pictureOf(t *testing.T, c color.Color) []byte {
	t.Helper()
	img := image.NewRGBA(image.Rect(0, 0, 30, 40))
	for y := range 40 {
		for x := range 30 {
			img.Set(x, y, c)
		}
	}
	var b bytes.Buffer
	must(t, png.Encode(&b, img))
	return b.Bytes()
}

// pictures is a Converter that only shrinks pictures.
type pictures struct{ Converter }

func (pictures) ShrinkPicture(_ context.Context, picture []byte, maxBytes int) ([]byte, error) {
	small, err := resize.Shrink(picture, maxBytes)
	return small, WithKind(Invalid, err)
}

func weekOf(t *testing.T, n Node, event qa.EventID) qa.Week {
	t.Helper()
	w, err := n.Week(t.Context(), event)
	must(t, err)
	return w
}

func clubOf(t *testing.T, n Node, id qa.EventID) qa.Event {
	t.Helper()
	clubs, err := n.Clubs(t.Context())
	must(t, err)
	for _, c := range clubs {
		if c.ID == id {
			return c
		}
	}
	t.Fatalf("no club %s", id)
	return qa.Event{}
}

func TestSetUpAWeekWithCoverAndClub(t *testing.T) {
	d := device(t)
	club, err := d.CreateEvent(t.Context(), qa.Event{Kind: "club", Title: "The Lamplight"}, "")
	must(t, err)
	inv, err := SetUpWeek(t.Context(), d, pictures{}, NewWeek{
		Event: qa.Event{Title: "Small Weather", Authors: "Aino"}, Relay: "ws://relay.example:3030", Picture: pictureOf(t, color.White), Club: club.Event,
	})
	must(t, err)
	e := weekOf(t, d, inv.Event).Event
	if e.Title != "Small Weather" || len(e.Relays) != 1 || inv.Relay != "ws://relay.example:3030" {
		t.Errorf("%+v, %+v", e, inv)
	}
	if b, err := d.Blob(t.Context(), inv.Event, e.Cover); err != nil || len(b) == 0 {
		t.Errorf("the cover %q: %d bytes, %v", e.Cover, len(b), err)
	}
	if c := clubOf(t, d, club.Event); len(c.Weeks) != 1 || c.Weeks[0] != e.Listing() {
		t.Errorf("listed %+v", c.Weeks)
	}
	// A week without a relay takes its club's.
	other, err := d.CreateEvent(t.Context(), qa.Event{Kind: "club", Title: "The Lantern"}, "ws://club.example:3030")
	must(t, err)
	inv, err = SetUpWeek(t.Context(), d, pictures{}, NewWeek{Event: qa.Event{Title: "Large Weather"}, Club: other.Event})
	must(t, err)
	if e := weekOf(t, d, inv.Event).Event; inv.Relay != "ws://club.example:3030" || len(e.Relays) != 1 || e.Relays[0] != inv.Relay {
		t.Errorf("%+v, relays %v", inv, e.Relays)
	}
	// An invalid picture is refused before anything is created.
	events, err := d.Events(t.Context())
	must(t, err)
	inv, err = SetUpWeek(t.Context(), d, pictures{}, NewWeek{Event: qa.Event{Title: "Nothing"}, Picture: []byte("<svg>")})
	after, _ := d.Events(t.Context())
	if KindOf(err) != Invalid || inv.Event != "" || len(after) != len(events) {
		t.Errorf("%v, %+v, %d events", err, inv, len(after))
	}
	// If the club's list cannot be changed, the week is created and the error says so.
	inv, err = SetUpWeek(t.Context(), d, pictures{}, NewWeek{Event: qa.Event{Title: "Listed nowhere"}, Club: qa.MakeEventID([16]byte{9})})
	if err == nil || inv.Event == "" || !strings.Contains(err.Error(), "was created, but it is not on the club's list") {
		t.Errorf("%v, %+v", err, inv)
	}
}

func TestChangeWeekIsAllOrNothing(t *testing.T) {
	d := device(t)
	event := createEvent(t, d, "A week")
	now := weekOf(t, d, event).Event
	if changed, err := ChangeWeek(t.Context(), d, pictures{}, &now, &now, nil); changed || err != nil {
		t.Errorf("no difference: %v, %v", changed, err)
	}
	want := now
	want.Title, want.Prizes, want.Links = "Another title", 3, []qa.Link{{URL: "https://example.org", Text: "The book"}}
	changed, err := ChangeWeek(t.Context(), d, pictures{}, &now, &want, pictureOf(t, color.Black))
	must(t, err)
	got := weekOf(t, d, event).Event
	if !changed || got.Title != want.Title || got.Prizes != 3 || len(got.Links) != 1 || got.Cover == "" {
		t.Errorf("%v, %+v", changed, got)
	}
	// Setting the same picture is no change; links and cover can be removed.
	again := got
	if changed, err := ChangeWeek(t.Context(), d, pictures{}, &got, &again, pictureOf(t, color.Black)); changed || err != nil {
		t.Errorf("the same picture: %v, %v", changed, err)
	}
	again.Links, again.Cover = []qa.Link{}, ""
	if changed, err := ChangeWeek(t.Context(), d, pictures{}, &got, &again, nil); !changed || err != nil {
		t.Errorf("%v, %v", changed, err)
	}
	if got = weekOf(t, d, event).Event; len(got.Links) != 0 || got.Cover != "" {
		t.Errorf("%+v", got)
	}
	// If one field is refused, neither the other fields nor the picture change.
	before, err := d.Status(t.Context(), event)
	must(t, err)
	want = got
	want.Title, want.Authors = strings.Repeat("x", 1000), "Somebody"
	if _, err := ChangeWeek(t.Context(), d, pictures{}, &got, &want, pictureOf(t, color.White)); KindOf(err) != Invalid {
		t.Errorf("%v", err)
	}
	after, err := d.Status(t.Context(), event)
	must(t, err)
	if before.Changes != after.Changes || weekOf(t, d, event).Event.Authors != "" {
		t.Errorf("%d changes became %d", before.Changes, after.Changes)
	}
}

func TestUpdateClubLists(t *testing.T) {
	d := device(t)
	var clubs [3]qa.EventID
	for i, title := range []string{"Lists it", "Shall list it", "Neither"} {
		inv, err := d.CreateEvent(t.Context(), qa.Event{Kind: "club", Title: title}, "")
		must(t, err)
		clubs[i] = inv.Event
	}
	event := createEvent(t, d, "A week")
	e := weekOf(t, d, event).Event
	moved := e.Listing()
	moved.Relay = "ws://where.the.club.says:1"
	must(t, d.ListWeeks(t.Context(), clubs[0], []qa.ListedWeek{moved}))
	e.Title = "Another title"
	lists := func(club qa.EventID, listed bool) bool { return listed || club == clubs[1] }
	changed, err := UpdateClubLists(t.Context(), d, &e, lists)
	if !changed || err != nil {
		t.Errorf("%v, %v", changed, err)
	}
	for i, want := range []int{1, 1, 0} {
		c := clubOf(t, d, clubs[i])
		if len(c.Weeks) != want || want == 1 && c.Weeks[0].Title != "Another title" {
			t.Errorf("club %d lists %+v", i, c.Weeks)
		}
	}
	if c := clubOf(t, d, clubs[0]); c.Weeks[0].Relay != moved.Relay {
		t.Errorf("the club's relay for the week is lost: %+v", c.Weeks[0])
	}
	if changed, err = UpdateClubLists(t.Context(), d, &e, lists); changed || err != nil {
		t.Errorf("again: %v, %v", changed, err)
	}
	if changed, err = UpdateClubLists(t.Context(), d, &e, func(qa.EventID, bool) bool { return false }); !changed || err != nil {
		t.Errorf("off the lists: %v, %v", changed, err)
	}
	if c := clubOf(t, d, clubs[0]); len(c.Weeks) != 0 {
		t.Errorf("it is still listed: %+v", c.Weeks)
	}
}

// failing is a node that cannot write a club's list.
type failing struct {
	Node
	err error
}

func (f failing) ListWeeks(context.Context, qa.EventID, []qa.ListedWeek) error { return f.err }

// imported is a week with one question.
func imported(title string) WeekToImport {
	return WeekToImport{title + ".json", qa.Imported{Format: "json", Source: "test/" + title, Event: qa.Event{Title: title}, Posts: []qa.ImportedPost{{Parent: -1, Name: "Ada", Text: "A question?", AtMillis: 1_700_000_000_000, Source: "test/" + title + "#1"}}}}
}

func TestWeeksAreImportedIntoTheUsersClub(t *testing.T) {
	d := device(t)
	in := WeeksToImport{Club: "The Lamplight", Weeks: []WeekToImport{imported("One"), imported("Two")}}
	first, err := ImportWeeks(t.Context(), d, in)
	must(t, err)
	if got := clubOf(t, d, first.Club); len(got.Weeks) != 2 || len(first.Weeks) != 2 {
		t.Errorf("%+v, %+v", got.Weeks, first.Weeks)
	}
	// Nothing is written if there is nothing to list.
	second, err := ImportWeeks(t.Context(), failing{d, errors.New("the disk is full")}, in)
	must(t, err)
	if second.Club != first.Club {
		t.Error("a second club was created")
	}
	if events, _ := d.Events(t.Context()); len(events) != 3 {
		t.Errorf("%d events, want the club and two weeks", len(events))
	}
}

// TestAnImportAsksBeforeASecondClubOfAlmostTheSameName: an import into a club whose name resembles that of a
// club on this device imports nothing, unless the user wants a new club. A club of exactly this name is
// used, whoever founded it, if the user may change its list.
func TestAnImportAsksBeforeASecondClubOfAlmostTheSameName(t *testing.T) {
	d := device(t)
	in := WeeksToImport{Club: "The Lamplight Readers", Weeks: []WeekToImport{imported("One")}}
	first, err := ImportWeeks(t.Context(), d, in)
	must(t, err)
	for _, name := range []string{"the lamplight readers", "The Lamplight  Readers", "The Lamplight", "Lamplight Readers", "The Lamplight Reader", "The Lamplight-Readers!", "The Lampl1ght Readers", "The Lamplight Readers of Leipzig"} {
		in.Club, in.Weeks = name, []WeekToImport{imported("Two")}
		done, err := ImportWeeks(t.Context(), d, in)
		var similar *SimilarClubError
		if !errors.As(err, &similar) || KindOf(err) != Invalid || len(similar.Clubs) != 1 || similar.Clubs[0].ID != first.Club || done.Club != "" {
			t.Errorf("%q: %+v, %v", name, done, err)
		}
	}
	if events, _ := d.Events(t.Context()); len(events) != 2 {
		t.Errorf("%d events, want the club and its week", len(events))
	}
	for _, name := range []string{"The Lamplight Readers", " The Lamplight Readers ", string(first.Club)} {
		in.Club = name
		if done, err := ImportWeeks(t.Context(), d, in); err != nil || done.Club != first.Club {
			t.Errorf("%q: %+v, %v", name, done, err)
		}
	}
	for _, name := range []string{"Slow Indexes", "The Other Book Club"} { // resemble no other
		in.Club = name
		if done, err := ImportWeeks(t.Context(), d, in); err != nil || done.Club == "" || done.Club == first.Club {
			t.Errorf("%q: %+v, %v", name, done, err)
		}
	}
	in.Club, in.NewClub = "The Lamplight", true
	second, err := ImportWeeks(t.Context(), d, in)
	must(t, err)
	if second.Club == first.Club {
		t.Error("no new club was created")
	}
	in.NewClub = false
	if done, err := ImportWeeks(t.Context(), d, in); err != nil || done.Club != second.Club {
		t.Errorf("a name that fits exactly: %+v, %v", done, err)
	}
}

// TestClubsByName: an ID or a name that fits exactly is that club, even if other names begin with it.
func TestClubsByName(t *testing.T) {
	clubs := []qa.Event{{ID: "4rk9", Title: "The Lamplight"}, {ID: "4rm2", Title: "The Lamplight Readers"}, {ID: "7aa1", Title: "the lamplight readers"}, {ID: "The", Title: "Another"}}
	for typed, want := range map[string]string{
		"The Lamplight": "4rk9", "the lamplight": "4rk9", "The Lamplight Readers": "4rm2", "the lamplight readers": "7aa1", "THE LAMPLIGHT READERS": "4rm2 7aa1",
		"4rk9": "4rk9", "4r": "4rk9 4rm2", "The Lamp": "4rk9 4rm2 7aa1", "The": "The", "Slow": "", "": "4rk9 4rm2 7aa1 The",
	} {
		var got []string
		for _, c := range ClubsNamed(clubs, typed) {
			got = append(got, string(c.ID))
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%q is %q, want %q", typed, got, want)
		}
	}
}

// TestAnImportContinuesAfterAFullDisk: the weeks before the failure stay and are listed; the error says
// where the import stopped; importing again adds the others. A refused week does not stop it.
func TestAnImportContinuesAfterAFullDisk(t *testing.T) {
	for _, club := range []string{"", "The Lamplight"} {
		disk := &fillingDisk{Store: mem.New()}
		d := deviceOn(t, disk)
		bad := imported("Bad")
		bad.Week.Event.Title = strings.Repeat("x", 1<<12)
		each := 0
		in := WeeksToImport{Club: club, Weeks: []WeekToImport{imported("One"), bad, imported("Two"), imported("Three")}, Each: func() {
			each++
			disk.full.Store(each == 2)
		}}
		done, err := ImportWeeks(t.Context(), d, in)
		if err == nil || KindOf(err) != Failed || !errors.Is(err, errDiskFull) {
			t.Fatalf("%v", err)
		}
		for _, words := range []string{"Two.json: ", "it had imported 1 of 4 weeks, which stay", "Import again to continue"} {
			if !strings.Contains(err.Error(), words) {
				t.Errorf("%q is not in: %v", words, err)
			}
		}
		if len(done.Weeks) != 2 || done.Weeks[0].Questions != 1 || KindOf(done.Weeks[1].Refused) != Invalid {
			t.Errorf("%+v", done.Weeks)
		}
		titles := func() (out []string) {
			events, err := d.Events(t.Context())
			must(t, err)
			for i := range events {
				if events[i].Kind != schema.KindClub {
					out = append(out, events[i].Title)
				}
			}
			slices.Sort(out)
			return out
		}
		if got := titles(); !slices.Equal(got, []string{"One"}) {
			t.Errorf("on this device: %q", got)
		}
		if got := len(weekOf(t, d, done.Weeks[0].Event).Threads); got != 1 {
			t.Errorf("the week before has %d questions", got)
		}

		disk.full.Store(false)
		in.Each = nil
		again, err := ImportWeeks(t.Context(), d, in)
		must(t, err)
		if len(again.Weeks) != 4 || again.Weeks[0].Event != done.Weeks[0].Event || again.Weeks[0].Unchanged != 1 || again.Weeks[2].Questions != 1 || again.Weeks[3].Questions != 1 {
			t.Errorf("again: %+v", again.Weeks)
		}
		if got := titles(); !slices.Equal(got, []string{"One", "Three", "Two"}) {
			t.Errorf("on this device after it: %q", got)
		}
		if club == "" {
			continue
		}
		if again.Club != done.Club {
			t.Error("a second club was created")
		}
		if got := clubOf(t, d, again.Club); len(got.Weeks) != 3 {
			t.Errorf("the club lists %+v", got.Weeks)
		}
	}
}

var errDiskFull = errors.New("no space left on device")

// fillingDisk is a store that can be full.
type fillingDisk struct {
	storage.Store
	full atomic.Bool
}

func (s *fillingDisk) Append(ctx context.Context, b ...storage.Batch) error {
	if s.full.Load() {
		return errDiskFull
	}
	return s.Store.Append(ctx, b...)
}

func TestADigestReportsEachItemOnce(t *testing.T) {
	host, me := device(t), device(t)
	must(t, host.SetPerson(t.Context(), qa.Person{Name: "Ilse"}))
	event := createEvent(t, host, "A week")
	carry(t, host, me, event)
	mine := ask(t, me, event, qa.Act{Text: "Who answers?"})
	carry(t, me, host, event)
	ask(t, host, event, qa.Act{Parent: mine, Text: "I do."})
	carry(t, host, me, event)

	now := time.Now()
	o := DigestOptions{Pages: "http://127.0.0.1:7117/"}
	d, err := MakeDigest(t.Context(), me, DigestState{}, o, now)
	must(t, err)
	text := d.Text(now)
	if d.Empty() || !strings.Contains(text, "I do.") || !strings.Contains(text, "http://127.0.0.1:7117/e/"+string(event)+"/p/") {
		t.Errorf("digest is %s", text)
	}
	must(t, RememberDigest(t.Context(), me, DigestState{}, d, now))
	state, err := me.DigestState(t.Context())
	must(t, err)
	if d, err = MakeDigest(t.Context(), me, state, o, now); err != nil || !d.Empty() {
		t.Errorf("reported again: %s, %v", d.Text(now), err)
	}
	o.SinceMillis = now.Add(-time.Hour).UnixMilli()
	if d, err = MakeDigest(t.Context(), me, state, o, now); err != nil || d.Empty() {
		t.Errorf("items since a given day are not reported again: %v", err)
	}
	o.Event = qa.MakeEventID([16]byte{1})
	if d, err = MakeDigest(t.Context(), me, state, o, now); err != nil || !d.Empty() {
		t.Errorf("another event's digest reports items of this one: %v", err)
	}
	// The record of a week that a digest did not cover is kept.
	told := len(state.Reported[event])
	must(t, RememberDigest(t.Context(), me, state, d, now.Add(time.Minute)))
	if state, err = me.DigestState(t.Context()); err != nil || len(state.Reported[event]) != told {
		t.Errorf("%v, %v", state.Reported, err)
	}
	for after, due := range map[time.Duration]bool{time.Hour: false, 6 * 24 * time.Hour: false, 7*24*time.Hour - time.Hour: true} {
		if state.WeeklyDigestDue(time.UnixMilli(state.SentAtMillis).Add(after)) != due {
			t.Errorf("%v after the last: due is not %v", after, due)
		}
	}
	must(t, me.store.SetSetting(t.Context(), settingDigest, "{not JSON"))
	if _, err := me.DigestState(t.Context()); err == nil {
		t.Error("an unreadable state gives no error")
	}
}

func TestErrorsOfActsSayWhoIsAllowed(t *testing.T) {
	host, me := device(t), device(t)
	event := createEvent(t, host, "A week")
	post := ask(t, host, event, qa.Act{Text: "A question?"})
	carry(t, host, me, event)
	for what, c := range map[string]struct {
		act  qa.Act
		kind Kind
		who  string
	}{
		"pin":       {qa.Act{Kind: qa.ActMark, Post: post, Mark: "pinned", On: true}, NotAllowed, "only a moderator or an organiser"},
		"take":      {qa.Act{Kind: qa.ActMark, Post: post, Mark: "assigned", On: true}, NotAllowed, "only an author"},
		"close":     {qa.Act{Kind: qa.ActEvent, Fields: map[string]any{"closed": true}}, NotAllowed, "only an organiser"},
		"block":     {qa.Act{Kind: qa.ActBlock, Identity: host.replica.Identity(), Text: "no"}, NotAllowed, "only a moderator or an organiser"},
		"pick":      {qa.Act{Kind: qa.ActWinner, Post: post, Text: "a copy"}, NotAllowed, "only an author or an organiser"},
		"edit":      {qa.Act{Kind: qa.ActEdit, Post: post, Text: "mine now"}, Invalid, "only its writer"},
		"too long":  {qa.Act{Kind: qa.ActPost, Text: strings.Repeat("x", 1<<20)}, Invalid, "is too long"},
		"no post":   {qa.Act{Kind: qa.ActReact, Post: "0123456789abcdef-abcdefghijklm-1", Emoji: "🙏", On: true}, NotFound, "no such post"},
		"no a post": {qa.Act{Kind: qa.ActReact, Post: "x", Emoji: "🙏", On: true}, Invalid, "post"},
	} {
		_, err := me.Do(t.Context(), event, c.act)
		if err == nil || KindOf(err) != c.kind || !strings.Contains(err.Error(), c.who) {
			t.Errorf("%s: %v, of kind %q", what, err, KindOf(err))
		}
		if err := me.DoAll(t.Context(), event, []qa.Act{c.act}); err == nil || KindOf(err) != c.kind {
			t.Errorf("%s among several: %v, of kind %q", what, err, KindOf(err))
		}
	}
	closed, err := host.CreateEvent(t.Context(), qa.Event{Title: "By invitation", Access: "invited"}, "")
	must(t, err)
	carry(t, host, me, closed.Event)
	if _, err := me.Do(t.Context(), closed.Event, qa.Act{Kind: qa.ActPost, Text: "May I?"}); KindOf(err) != NotInvited {
		t.Errorf("%v, of kind %q", err, KindOf(err))
	}
	if _, err := me.Week(t.Context(), qa.MakeEventID([16]byte{1})); KindOf(err) != NotFound {
		t.Errorf("%v", err)
	}
	if err := me.Sync(t.Context(), event, time.Second); KindOf(err) != NotSynced {
		t.Errorf("%v, of kind %q", err, KindOf(err))
	}
}

// TestActsThatEveryProgramRefuses: the draw's rule is fixed by the closing, nobody can block organisers or
// themselves, and only a question is a duplicate of another.
func TestActsThatEveryProgramRefuses(t *testing.T) {
	host, moderator := device(t), device(t)
	event := createEvent(t, host, "A week")
	me := moderator.replica.Identity()
	_, err := host.Do(t.Context(), event, qa.Act{Kind: qa.ActRole, Identity: me, Role: qa.RoleModerator, On: true})
	must(t, err)
	carry(t, host, moderator, event)
	refuses := func(d *Device, act qa.Act, words string) {
		t.Helper()
		if _, err := d.Do(t.Context(), event, act); KindOf(err) != Invalid || !strings.Contains(err.Error(), words) {
			t.Errorf("%s: %v, of kind %q", act.Kind, err, KindOf(err))
		}
		if err := d.DoAll(t.Context(), event, []qa.Act{act}); KindOf(err) != Invalid || !strings.Contains(err.Error(), words) {
			t.Errorf("%s among several: %v, of kind %q", act.Kind, err, KindOf(err))
		}
	}
	refuses(moderator, qa.Act{Kind: qa.ActBlock, Identity: host.replica.Identity(), Text: "no"}, "organisers cannot be blocked")
	refuses(moderator, qa.Act{Kind: qa.ActBlock, Identity: me, Text: "no"}, "cannot block themselves")
	var posts [3]qa.PostID // a question, a reply to it, another question
	for i, act := range []qa.Act{{Text: "Why keep books?"}, {Text: "To remember."}, {Text: "Why books?"}} {
		act.Kind = qa.ActPost
		if i == 1 {
			act.Parent = posts[0]
		}
		posts[i], err = host.Do(t.Context(), event, act)
		must(t, err)
	}
	mark := func(post, of qa.PostID) qa.Act {
		return qa.Act{Kind: qa.ActMark, Post: post, Mark: schema.KeyDuplicateOf, Text: string(of)}
	}
	for _, no := range [][2]qa.PostID{{posts[2], posts[2]}, {posts[2], posts[1]}, {posts[1], posts[0]}, {posts[2], "none"}} {
		refuses(host, mark(no[0], no[1]), "only a question can be a duplicate, and only of another question")
	}
	_, err = host.Do(t.Context(), event, mark(posts[2], posts[0]))
	must(t, err)
	refuses(host, mark(posts[0], posts[2]), "a duplicate of this one already")
	for _, of := range []qa.PostID{posts[0], ""} {
		_, err := host.Do(t.Context(), event, mark(posts[2], of))
		must(t, err)
	}

	for _, act := range []qa.Act{
		{Kind: qa.ActBlock, Identity: me, Text: "why not"},
		{Kind: qa.ActBlock, Identity: me},
		{Kind: qa.ActDraw, Mark: "rule", Text: qa.DrawFounderLast},
		{Kind: qa.ActEvent, Fields: map[string]any{"closed": true}},
	} {
		_, err := host.Do(t.Context(), event, act)
		must(t, err)
	}
	refuses(host, qa.Act{Kind: qa.ActDraw, Mark: "rule", Text: qa.DrawAll}, "can no longer be changed")
}

// TestADrawStandsOnceMade: after a draw, nobody takes a drawn copy away by choosing somebody else or with fewer copies,
// also after the week was reopened.
func TestADrawStandsOnceMade(t *testing.T) {
	host := device(t)
	inv, err := host.CreateEvent(t.Context(), qa.Event{Title: "The Patient Ledger", Prizes: 1}, "")
	must(t, err)
	event := inv.Event
	do := func(act qa.Act) qa.PostID {
		t.Helper()
		id, err := host.Do(t.Context(), event, act)
		must(t, err)
		return id
	}
	do(qa.Act{Kind: qa.ActRole, Identity: host.replica.Identity(), Role: qa.RoleAuthor, On: true})
	for _, name := range []string{"Ann", "Bob"} {
		post := do(qa.Act{Kind: qa.ActPost, Text: "Why?", OnBehalfOf: name})
		do(qa.Act{Kind: qa.ActMark, Post: post, Mark: schema.KeyCandidate, On: true})
	}
	must(t, host.CommitDraw(t.Context(), event))
	do(qa.Act{Kind: qa.ActEvent, Fields: map[string]any{schema.KeyClosed: true}})
	must(t, host.RevealDraw(t.Context(), event))
	won := func() (qa.Week, qa.Prize) {
		t.Helper()
		w, prizes, err := host.prizes(t.Context(), event)
		must(t, err)
		if len(prizes) != 1 || len(prizes[0].ChosenBy) > 0 {
			t.Fatalf("%+v", prizes)
		}
		return w, prizes[0]
	}
	w, drawn := won()
	do(qa.Act{Kind: qa.ActEvent, Fields: map[string]any{schema.KeyClosed: false}})
	if _, again := won(); again.Entrant != drawn.Entrant {
		t.Errorf("reopening changed the winner: %+v, was %+v", again, drawn)
	}
	other := w.Threads[0].Question.ID
	if other == drawn.Post {
		other = w.Threads[1].Question.ID
	}
	for _, act := range []qa.Act{
		{Kind: qa.ActWinner, Post: other, Text: "a copy"},
		{Kind: qa.ActEvent, Fields: map[string]any{schema.KeyPrizes: uint64(0)}},
	} {
		_, err := host.Do(t.Context(), event, act)
		if KindOf(err) != Invalid || !strings.Contains(err.Error(), "would take the drawn copy of "+drawn.OnBehalfOf+" away") {
			t.Errorf("%s: %v", act.Kind, err)
		}
		if err := host.DoAll(t.Context(), event, []qa.Act{act}); KindOf(err) != Invalid {
			t.Errorf("%s among several: %v", act.Kind, err)
		}
	}
	do(qa.Act{Kind: qa.ActEvent, Fields: map[string]any{schema.KeyPrizes: uint64(2)}})
	do(qa.Act{Kind: qa.ActWinner, Post: other, Text: "a copy"})
}
