package qa

// Update tells a page what changed in an event on this device. Updates are
// joined while nobody reads them, so one may stand for many changes; it is
// sent after what it tells of is on disk.
type Update struct {
	Event EventID
	// Posts that are new, or whose text, replies, reactions or marks changed.
	Posts []PostID
	// Status: how far own changes have come, the relay's state, or the event's
	// own fields changed.
	Status bool
}
