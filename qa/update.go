package qa

// Update tells a page what changed in an event on this device. Unread updates are merged, so one
// update may cover several changes. It is sent after the changes are on disk.
type Update struct {
	Event EventID
	// Posts that are new, or whose text, replies, reactions or marks changed.
	Posts []PostID
	// Status: how far local changes have come, the relay's state, or the event's own fields
	// changed.
	Status bool
}
