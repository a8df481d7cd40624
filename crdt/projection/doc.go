// Package projection computes the current state of an event from its changes: current
// values with their conflicts, objects and their owners, posts with their revisions, roles.
//
// It guarantees that the result does not depend on the causal order in which changes are
// applied; that values, and the winner of a conflict, are the same as in Automerge, except
// for roles, blocks, and acts that a revocation put out of effect; that applying a change
// costs in proportion to what the change writes; and that no decoded change makes it panic:
// it keeps keys outside the schema, and no view shows them.
//
// All maps that were ever made at one key are read as one, and the highest operation on a
// key wins. Two devices of one person may each have made the same map (people/<id>,
// reactions/<id>, winners/<id>), and two organisers the same roles/<id>. Automerge shows only
// one of these maps, so here the projection shows more. A void map may also contain what
// others wrote into it.
//
// If an actor signed two changes with one sequence number, its changes from that number on
// are void: they do not count, and values that they replaced are current again. Nothing of
// anybody else changes: a void post keeps its position, and the replies to it stay there.
//
// The package does not validate changes, reads no clock, does no I/O, and does not keep the
// bytes of changes.
package projection
