package webui

import (
	"context"
	"errors"
	"slices"
	"strings"

	"flyleaf/node"

	"flyleaf/qa"
)

// What the fake node does about an author's work and the end of a week.

// weekLocked carries out the acts of the inbox and the winners page; false is returned for others.
func (f *fakeNode) weekLocked(w *fakeWeek, act qa.Act) bool {
	switch {
	case act.Kind == qa.ActWinner:
		w.event.Winners = slices.DeleteFunc(w.event.Winners, func(x qa.Winner) bool { return x.Post == act.Post && x.By == f.me })
		if act.Text != "" {
			w.event.Winners = append(w.event.Winners, qa.Winner{Post: act.Post, By: f.me, Note: act.Text})
		}
		return true
	case act.Kind == qa.ActDraw && act.Mark == "rule":
		f.drawOf(w).Rule = act.Text
		return true
	case act.Kind == qa.ActMark && (act.Mark == "assigned" || act.Mark == "candidate"):
		for i := range w.posts {
			if w.posts[i].ID != act.Post {
				continue
			}
			m := &w.posts[i].Marks
			ids := &m.Assigned
			if act.Mark == "candidate" {
				ids = &m.Candidate
			}
			*ids = slices.DeleteFunc(slices.Clone(*ids), func(id qa.Identity) bool { return id == act.Identity })
			if act.On {
				*ids = append(*ids, act.Identity)
			}
			m.InDraw = len(m.Candidate) > 0
		}
		return true
	}
	return false
}

func (f *fakeNode) drawOf(w *fakeWeek) *qa.Draw {
	if w.event.Draw == nil {
		w.event.Draw = &qa.Draw{}
	}
	w.event.Draw.Closed = w.event.Closed
	return w.event.Draw
}

func (f *fakeNode) Later(_ context.Context, event qa.EventID) (map[qa.PostID]bool, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	out := map[qa.PostID]bool{}
	for key := range f.settings {
		if post, ok := strings.CutPrefix(key, "later/"+string(event)+"/"); ok {
			out[qa.PostID(post)] = true
		}
	}
	return out, nil
}

func (f *fakeNode) SetLater(_ context.Context, event qa.EventID, post qa.PostID, on bool) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.fail != nil {
		return f.fail
	}
	if key := "later/" + string(event) + "/" + string(post); on {
		f.settings[key] = "1"
	} else {
		delete(f.settings, key)
	}
	return nil
}

// fakeSecret is a commitment of somebody to a secret, opened or not.
func fakeSecret(event qa.EventID, by qa.Identity, open bool) qa.Commitment {
	secret := []byte(by[:qa.DrawSecretSize])
	hash, err := qa.CommitDraw(event, by, secret)
	if err != nil {
		panic(err)
	}
	c := qa.Commitment{By: by, Hash: hexOf(hash)}
	if open {
		c.Secret = hexOf(secret)
	}
	return c
}

func hexOf(b []byte) string {
	const digits = "0123456789abcdef"
	var out strings.Builder
	for _, c := range b {
		out.WriteByte(digits[c>>4])
		out.WriteByte(digits[c&15])
	}
	return out.String()
}

func (f *fakeNode) CommitDraw(_ context.Context, event qa.EventID) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.fail != nil {
		return f.fail
	}
	d := f.drawOf(f.weeks[event])
	if d.Closed {
		return node.Errorf(node.Invalid, "the week was closed, so who takes part is fixed")
	}
	d.Commitments = append(d.Commitments, fakeSecret(event, f.me, false))
	return nil
}

func (f *fakeNode) RevealDraw(_ context.Context, event qa.EventID) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	d := f.drawOf(f.weeks[event])
	if !d.Closed {
		return node.Errorf(node.Invalid, "the week is not closed")
	}
	for i := range d.Commitments {
		if d.Commitments[i].By == f.me {
			d.Commitments[i] = fakeSecret(event, f.me, true)
		}
	}
	return nil
}

func (f *fakeNode) ClaimPrize(_ context.Context, event qa.EventID, contact string) ([]qa.Identity, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.fail != nil {
		return nil, f.fail
	}
	if contact == "" {
		return nil, errors.New("a contact is a text of 1 to 600 bytes")
	}
	f.weeks[event].claims = append(f.weeks[event].claims, qa.Claim{By: f.me, Name: "me", Contact: contact, Won: true})
	return []qa.Identity{f.me}, nil
}

func (f *fakeNode) PrizeClaims(_ context.Context, event qa.EventID) ([]qa.Claim, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.weeks[event].claims), nil
}

// eventLocked carries out what a form says of the week itself.
func (f *fakeNode) eventLocked(w *fakeWeek, act qa.Act) bool {
	switch act.Kind {
	case qa.ActBlob:
		if w.blobs == nil {
			w.blobs = map[string][]byte{}
		}
		w.blobs[qa.BlobKey(act.Bytes)] = act.Bytes
		return true
	case qa.ActEvent:
		e := &w.event
		for _, v := range act.Fields {
			if _, flag := v.(bool); flag {
				return false
			}
		}
		for key, v := range act.Fields {
			switch v := v.(type) {
			case string:
				*map[string]*string{"title": &e.Title, "authors": &e.Authors, "description": &e.Description, "zone": &e.Zone, "cover": &e.Cover}[key] = v
			case int64:
				*e.Times()[key] = v
			case uint64:
				e.Prizes = v
			}
		}
		if act.Links != nil {
			e.Links = act.Links
		}
		return true
	}
	return false
}

func (f *fakeNode) Blob(_ context.Context, event qa.EventID, key string) ([]byte, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if b, ok := f.weeks[event].blobs[key]; ok {
		return b, nil
	}
	return nil, errors.New("this device does not have that picture")
}

func (f *fakeNode) ListWeeks(_ context.Context, club qa.EventID, weeks []qa.ListedWeek) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.fail != nil {
		return f.fail
	}
	e := &f.weeks[club].event
	for _, w := range weeks {
		e.Weeks = slices.DeleteFunc(e.Weeks, func(x qa.ListedWeek) bool { return x.ID == w.ID })
		if w.Title != "" {
			e.Weeks = append(e.Weeks, w)
		}
	}
	return nil
}

func (f *fakeNode) Visit(_ context.Context, event qa.EventID) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.visited = append(f.visited, event)
	return nil
}

func (f *fakeNode) SearchAll(_ context.Context, query string, limit int) ([]node.FoundPost, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	var out []node.FoundPost
	for _, id := range f.order {
		for _, p := range f.weeks[id].posts {
			if query != "" && strings.Contains(strings.ToLower(p.Text()), strings.ToLower(query)) && len(out) < limit {
				out = append(out, node.FoundPost{Event: id, Post: p.ID})
			}
		}
	}
	return out, nil
}

func (f *fakeNode) Library(ctx context.Context) ([]qa.Shelved, error) {
	events, err := f.Events(ctx)
	var out []qa.Shelved
	for _, e := range events {
		if e.Title != "" && e.Founder == "" {
			e.Founder = noor
		}
		out = append(out, qa.Shelved{Event: e})
	}
	return out, err
}

func (f *fakeNode) Clubs(ctx context.Context) ([]qa.Event, error) {
	events, err := f.Events(ctx)
	return slices.DeleteFunc(events, func(e qa.Event) bool { return e.Kind != "club" }), err
}

func (f *fakeNode) Numbers(ctx context.Context, event qa.EventID) (qa.Numbers, error) {
	week, err := f.Week(ctx, event)
	return week.Numbers(), err
}
