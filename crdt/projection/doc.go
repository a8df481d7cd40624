// Package projection adds changes up to what an event says now: live values with their
// conflicts, objects and their owners, posts with their revisions, roles.
//
// It guarantees that any causal order of the same changes gives the same result;
// that values and winners are those of Automerge, except where document.md says
// otherwise (roles, blocks, acts that a revocation took out of effect); that a
// change costs what it touches; and that no decoded change makes it panic: what is
// outside the schema is kept where it stands and shows nowhere.
//
// Where two devices of one identity made the same map twice (people/<id>,
// reactions/<id>, winners/<id>) all of them are read, and the highest operation on
// a key decides: here the fold says more than Automerge, which shows one map. So it
// is with roles/<id>, whoever made the maps.
//
// It never judges whether a change is valid, never reads a clock, does no I/O and
// keeps no change bytes.
package projection
