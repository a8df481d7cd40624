package feed

import "time"

// SetMinIdle replaces MinIdle. It must be called while no request is answered.
func (a *API) SetMinIdle(d time.Duration) { a.minIdle = d }

// Cursor returns the position up to which the feed was read.
func (r *Reader) Cursor() int64 { return r.cursor }
