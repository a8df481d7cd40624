package projection

// slot says which of the schema's maps an object is.
type slot uint8

const (
	slotNoMap slot = iota // a list, a text, a table: nothing of it is read
	slotOther             // a map that the schema does not have, or that views do not read
	slotRoot
	slotAbout // event, or club
	slotLinks
	slotLink
	slotAboutX
	slotRelays
	slotPeople
	slotPerson
	slotRoles
	slotRolesOf
	slotBlocks
	slotPosts
	slotPost
	slotRevisions
	slotReactions
	slotReactionsOf
	slotMarks
	slotMarked // marks/assigned, marks/candidate
	slotPostX
	slotWeeks // of a club
	slotWeek
	slotBlobs
	slotWinners
	slotWinnersOf
	slotDraw
	slotDrawBy // draw/commit, draw/reveal
)

// named lists the maps with fixed keys.
var named = map[slot]map[string]slot{
	slotRoot: {
		"event": slotAbout, "club": slotAbout, "people": slotPeople, "roles": slotRoles,
		"blocks": slotBlocks, "posts": slotPosts, "relays": slotRelays,
		"weeks": slotWeeks, "blobs": slotBlobs, "winners": slotWinners, "draw": slotDraw,
	},
	slotDraw:  {"commit": slotDrawBy, "reveal": slotDrawBy},
	slotAbout: {"links": slotLinks, "x": slotAboutX},
	slotPost:  {"revisions": slotRevisions, "reactions": slotReactions, "marks": slotMarks, "x": slotPostX},
	slotMarks: {"assigned": slotMarked, "candidate": slotMarked},
}

// child returns what a map is that was made at a key of a map of this slot.
func (s slot) child(key string) slot {
	switch s {
	case slotLinks:
		return slotLink
	case slotPeople:
		return slotPerson
	case slotRoles:
		return slotRolesOf
	case slotPosts:
		return slotPost
	case slotReactions:
		return slotReactionsOf
	case slotWeeks:
		return slotWeek
	case slotWinners:
		return slotWinnersOf
	}
	if c, ok := named[s][key]; ok {
		return c
	}
	return slotOther
}

// privileged reports whether writing scalars in such a map needs a role.
func (s slot) privileged() bool {
	switch s {
	case slotAbout, slotLink, slotAboutX, slotRelays, slotRolesOf, slotBlocks, slotMarks, slotMarked, slotWeek,
		slotWinnersOf, slotDraw, slotDrawBy:
		return true
	}
	return false
}

// edits reports whether writing in such a map changes what an event says of itself.
func (s slot) edits() bool {
	switch s {
	case slotAbout, slotLinks, slotLink, slotRelays:
		return true
	}
	return false
}
