package crdt

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"

	"flyleaf/qa"
	"flyleaf/schema"
)

// planWinner plans to choose the writer of a post as a winner, with a.Text as the note. An empty
// a.Text withdraws the choice.
func (d *Document) planWinner(a *qa.Act) (*plan, error) {
	if _, err := d.post(a.Post); err != nil {
		return nil, err
	}
	winners, err := d.rootMap(schema.KeyWinners)
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
	return p, d.setUnlessAbsent(p, mine, string(a.Post), a.Text, "")
}

// planDraw plans to set the rule of the draw (a.Text), or this person's commitment or secret
// (a.Bytes), as a.Mark says.
func (d *Document) planDraw(a *qa.Act) (*plan, error) {
	draw, err := d.rootMap(schema.KeyDraw)
	if err != nil {
		return nil, err
	}
	p := &plan{}
	if a.Mark == schema.KeyRule {
		return p, d.setUnlessAbsent(p, draw, schema.KeyRule, a.Text, "")
	}
	of, _, err := d.child(p, draw, a.Mark)
	if err != nil {
		return nil, err
	}
	return p, d.setBytes(p, of, string(d.me), a.Bytes)
}

// planBytes plans to set <root>/<key> to bytes.
func (d *Document) planBytes(root, key string, b []byte) (*plan, error) {
	in, err := d.rootMap(root)
	if err != nil {
		return nil, err
	}
	p := &plan{}
	return p, d.setBytes(p, in, key, b)
}

// setBytes plans to set a key to bytes, unless it has these bytes. An absent key means the
// same as no bytes.
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
	key := hex.EncodeToString(sum[:])
	blobs, err := d.rootMap(schema.KeyBlobs)
	if err != nil {
		return nil, err
	}
	if _, _, there, err := d.eng.get(blobs.obj, key); there || err != nil {
		return &plan{}, err // the key is the hash of the bytes, so they are there already
	}
	return d.planBytes(schema.KeyBlobs, key, a.Bytes)
}

// planWeek plans to add an event to a club's list, or to update its entry.
func (d *Document) planWeek(a *qa.Act) (*plan, error) {
	if !d.club {
		return nil, &qa.FieldError{Field: schema.KeyWeeks, Err: fmt.Errorf("%w: only a club lists weeks", qa.ErrBadValue)}
	}
	weeks, err := d.rootMap(schema.KeyWeeks)
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
	for _, r := range schema.MapWeek.Values() {
		v := any(relay)
		if r.Key != schema.KeyRelay {
			v = qa.Field(a.Event, r.Field)
		}
		if err := d.setUnlessAbsent(p, week, r.Key, v, qa.Zero(r.Type)); err != nil {
			return nil, err
		}
	}
	return p, nil
}
