package projection_test

import (
	"bytes"
	"encoding/hex"
	"slices"
	"testing"

	"flyleaf/crdt/authority"
	"flyleaf/crdt/projection"
	"flyleaf/crdt/wire"
	"flyleaf/qa"
)

// raw sets a key to bytes.
func raw(path string, b []byte) step {
	v := wire.BytesValue(b)
	return step{path: path, value: &v}
}

func TestDrawAndWinners(t *testing.T) {
	boss, author, other, reader := newDevice(t, 9, 1), newDevice(t, 2, 1), newDevice(t, 3, 1), newDevice(t, 4, 1)
	event := qa.MakeEventID([16]byte{9})
	everybody := []*device{boss, author, other, reader}
	for _, d := range everybody {
		d.f = projection.New(event, d.g, authority.New(d.g))
	}
	all := func() {
		for range 2 {
			for _, a := range everybody {
				for _, b := range everybody {
					a.from(b)
				}
			}
		}
	}
	boss.genesis()
	boss.write(mk("draw"), mk("draw/commit"), mk("draw/reveal"), mk("winners"))
	boss.role(author, qa.RoleAuthor, true)
	boss.role(other, qa.RoleAuthor, true)
	all()
	if boss.f.Event().Draw != nil {
		t.Error("a draw without commitments")
	}
	reader.post("q")
	reader.post("r")
	all()
	secret := func(d *device) []byte { return bytes.Repeat([]byte{d.actor[0]}, qa.DrawSecretSize) }
	commit := func(d *device) step {
		hash, err := qa.CommitDraw(event, d.id(), secret(d))
		if err != nil {
			t.Fatal(err)
		}
		return raw("draw/commit/"+string(d.id()), hash)
	}
	reveal := func(d *device) step { return raw("draw/reveal/"+string(d.id()), secret(d)) } // in the format of earlier versions
	boss.write(raw("draw/commit/"+string(boss.id()), []byte("a first thought")))
	boss.write(commit(boss))
	author.write(commit(author))
	author.write(put("posts/q/marks/candidate/"+string(author.id()), true))
	author.write(put("posts/r/marks/candidate/"+string(author.id()), true))
	author.write(put("posts/r/marks/candidate/"+string(author.id()), false))
	all()
	if d := boss.f.Event().Draw; d == nil || d.Closed || d.Rule != qa.DrawAll || len(d.Commitments) != 2 {
		t.Fatalf("%+v", d)
	}
	if !boss.get("q").Marks.InDraw || boss.get("r").Marks.InDraw {
		t.Fatal("wrong candidates before the closing")
	}
	// Concurrently with the closing there are a late commitment and a late candidate, and the
	// author reveals too early.
	author.write(reveal(author))
	boss.from(author)
	boss.write(put("event/closed", true), put("draw/rule", qa.DrawFounderLast))
	other.write(commit(other), put("posts/r/marks/candidate/"+string(other.id()), true))
	all()
	author.write(put("posts/q/marks/candidate/"+string(author.id()), false)) // too late to be removed
	author.write(raw("draw/commit/"+string(author.id()), []byte("other")))   // too late to change
	author.write(raw("draw/reveal/"+string(author.id()), []byte("nonsense")))
	all()
	check := func(founders bool) {
		t.Helper()
		for _, d := range everybody {
			e := d.f.Event()
			if e.Draw == nil || !e.Draw.Closed || e.Draw.Rule != qa.DrawFounderLast || len(e.Draw.Commitments) != 2 {
				t.Fatalf("%+v", e.Draw)
			}
			for _, c := range e.Draw.Commitments {
				who := map[qa.Identity]*device{boss.id(): boss, author.id(): author}[c.By]
				hash, _ := qa.CommitDraw(event, c.By, secret(who))
				if c.Hash != hex.EncodeToString(hash) {
					t.Errorf("the commitment of %s is not the one at the closing", c.By)
				}
				switch who {
				case author:
					if c.Secret != hex.EncodeToString(secret(author)) || !c.TooEarly || c.Revealed() {
						t.Errorf("%+v", c)
					}
				case boss:
					if (c.Secret != "") != founders || c.TooEarly || c.KnownToFounder {
						t.Errorf("%+v", c)
					}
				}
			}
			if !d.get("q").Marks.InDraw || d.get("r").Marks.InDraw {
				t.Error("the candidates are not those at the closing")
			}
		}
	}
	check(false)
	boss.write(reveal(boss))
	all()
	check(true)

	// Chosen winners: one taken back, one by a person who has lost the role since, and one by a person who had
	// lost it already.
	a, o := string(author.id()), string(other.id())
	author.write(mk("winners/"+a), put("winners/"+a+"/r", "a copy"), put("winners/"+a+"/q", "a copy"))
	author.write(put("winners/"+a+"/q", ""))
	boss.write(mk("winners/"+string(boss.id())), put("winners/"+string(boss.id())+"/r", "signed"))
	other.write(mk("winners/"+o), put("winners/"+o+"/r", "while an author"))
	all()
	boss.role(other, qa.RoleAuthor, false)
	other.write(put("winners/"+o+"/q", "mine"))
	all()
	got := reader.f.Event().Winners
	want := []qa.Winner{
		{Post: "r", By: author.id(), Note: "a copy"}, {Post: "r", By: other.id(), Note: "while an author"}, {Post: "r", By: boss.id(), Note: "signed"},
	}
	if !slices.Equal(got, want) {
		t.Errorf("%+v", got)
	}
}
