// Package projection adds changes up to what an event says now: live values with their
// conflicts, objects and their owners, posts with their revisions, roles.
//
// It guarantees that any causal order of the same changes gives the same result;
// that values and winners are those of Automerge, except where document.md says
// otherwise (roles, blocks, acts that a revocation took out of effect); that a
// change costs what it touches; and that no decoded change makes it panic: what is
// outside the schema is kept where it stands and shows nowhere.
//
// All maps that were ever made at one place are read together, and the highest
// operation on a key decides. Two devices of one person may have made the same map
// (people/<id>, reactions/<id>, winners/<id>), two organisers roles/<id>; there the
// projection says more than Automerge, which shows one of the maps. And a map of a void
// change holds what others wrote into it.
//
// What an actor wrote from a sequence number on of which it has signed two versions is
// void: it counts for nothing, and what it had replaced stands again. Nobody else's words
// change or move: a void post keeps its place, and the replies to it stand there.
//
// It never judges whether a change is valid, never reads a clock, does no I/O and
// keeps no change bytes.
package projection
