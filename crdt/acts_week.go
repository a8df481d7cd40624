package crdt

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"

	"flyleaf/qa"
)

// planWinner names a post's writer a winner, in the words of whoever chooses.
func (d *Document) planWinner(a *qa.Act) (*plan, error) {
	if _, err := d.post(a.Post); err != nil {
		return nil, err
	}
	winners, err := d.rootMap("winners")
	if err != nil {
		return nil, err
	}
	p := &plan{}
	mine, isNew, err := d.child(p, winners, string(d.me))
	if err != nil {
		return nil, err
	}
	if isNew && a.Text == "" {
		return &plan{}, nil
	}
	return p, d.setOn(p, mine, string(a.Post), a.Text, "")
}

func (d *Document) planDraw(a *qa.Act) (*plan, error) {
	draw, err := d.rootMap("draw")
	if err != nil {
		return nil, err
	}
	p := &plan{}
	if a.Mark == "rule" {
		return p, d.setOn(p, draw, "rule", a.Text, "")
	}
	of, _, err := d.child(p, draw, a.Mark)
	if err != nil {
		return nil, err
	}
	return p, d.setBytes(p, of, string(d.me), a.Bytes)
}

// planBytes sets <root>/<key> to bytes.
func (d *Document) planBytes(root, key string, b []byte) (*plan, error) {
	in, err := d.rootMap(root)
	if err != nil {
		return nil, err
	}
	p := &plan{}
	return p, d.setBytes(p, in, key, b)
}

// setBytes is setOn for bytes, of which none means the same as an absent key.
func (d *Document) setBytes(p *plan, in handle, key string, b []byte) error {
	now, err := d.scalar(in, key)
	if err != nil {
		return err
	}
	if old, ok := now.([]byte); now == nil && len(b) == 0 || ok && bytes.Equal(old, b) {
		return nil
	}
	p.set(in, key, append([]byte{}, b...))
	return nil
}

func (d *Document) planBlob(a *qa.Act) (*plan, error) {
	sum := sha256.Sum256(a.Bytes)
	return d.planBytes("blobs", hex.EncodeToString(sum[:]), a.Bytes)
}

// planWeek lists an event in a club.
func (d *Document) planWeek(a *qa.Act) (*plan, error) {
	if !d.club {
		return nil, &qa.FieldError{Field: "weeks", Err: fmt.Errorf("%w: only a club lists weeks", qa.ErrBadValue)}
	}
	weeks, err := d.rootMap("weeks")
	if err != nil {
		return nil, err
	}
	p := &plan{}
	week, _, err := d.child(p, weeks, string(a.Event.ID))
	if err != nil {
		return nil, err
	}
	relay := ""
	if len(a.Event.Relays) > 0 {
		relay = a.Event.Relays[0]
	}
	for _, f := range []struct {
		key        string
		value, off any
	}{
		{"title", a.Event.Title, ""},
		{"authors", a.Event.Authors, ""},
		{"startsAt", a.Event.StartsAtMillis, int64(0)},
		{"endsAt", a.Event.EndsAtMillis, int64(0)},
		{"relay", relay, ""},
	} {
		if err := d.setOn(p, week, f.key, f.value, f.off); err != nil {
			return nil, err
		}
	}
	return p, nil
}
