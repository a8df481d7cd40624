package feed

import (
	"context"
	"errors"

	"flyleaf/crdt/wire"
	"flyleaf/qa"
	"flyleaf/storage"
)

// Access returns who may read an event, "open" or "invited": its first change says
// so, once and for all. ErrNoEvent is returned when the ledger has none of it.
func Access(ctx context.Context, ledger Ledger, event qa.EventID) (string, error) {
	access, found := "", false
	err := ledger.Entries(ctx, event, 0, func(e storage.Entry) error {
		if e.Status != storage.InDocument {
			return nil
		}
		c, err := wire.DecodeChange(e.Bytes)
		if err != nil {
			return err
		}
		if len(c.Deps) > 0 {
			return nil // a device may have it before the first one, when that was damaged and fetched again
		}
		for k := range c.Ops {
			if op := &c.Ops[k]; op.Obj == (wire.OpID{}) && op.Key.Prop == "access" {
				access, _ = op.Value.Str()
			}
		}
		found = true
		return errEnough
	})
	switch {
	case errors.Is(err, errEnough), errors.Is(err, storage.ErrDamaged) && found:
		return access, nil
	case err == nil:
		return "", ErrNoEvent
	}
	return "", err
}
