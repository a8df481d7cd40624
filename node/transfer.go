package node

import (
	"bytes"
	"context"

	"flyleaf/crdt/bundle"
	"flyleaf/qa"
)

func (d *Device) Import(ctx context.Context, event qa.EventID, week qa.Imported, relay string) (ImportResult, error) {
	r, err := d.replica.Import(ctx, event, week, relay)
	return ImportResult(r), err
}

func (d *Device) ImportListed(ctx context.Context, week qa.Imported, relay string) (ImportResult, error) {
	r, err := d.replica.ImportListed(ctx, week, relay)
	return ImportResult(r), err
}

func (d *Device) Bundle(ctx context.Context, event qa.EventID) ([]byte, error) {
	var out bytes.Buffer
	err := d.replica.Bundle(ctx, event, &out)
	return out.Bytes(), err
}

func (d *Device) Merge(ctx context.Context, b []byte) (Merged, error) {
	event, changes, err := bundle.Read(b)
	if err != nil {
		return Merged{}, Errorf(Invalid, "%w; nothing was changed", err)
	}
	m, err := d.replica.Merge(ctx, event, changes)
	out := Merged{
		Event: event, Format: "bundle", Added: m.Added, Known: m.Known, MissingDependencies: m.MissingDependencies, Excluded: m.Excluded, Refused: refusals(m.Refused),
	}
	if err != nil {
		return out, err
	}
	s, err := d.replica.StatusOf(ctx, event)
	out.Title = s.Title
	return out, err
}

func (d *Device) Rebuild(ctx context.Context, event qa.EventID) error {
	return d.replica.Rebuild(ctx, event)
}
