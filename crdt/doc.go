// Package crdt holds an event as an Automerge document, and turns the acts of a person into
// changes, each act into one change. It is the only package that imports automerge-go, and
// the only one whose build needs cgo.
//
// It guarantees that every change that it returns has a canonical encoding
// (wire.DecodeChange), the document's actor, the act's time and no message, and that the IDs
// of new posts and revisions match the change's operations. It checks limits and shapes
// before it calls automerge-go, which cannot roll back; so an error of these checks leaves the
// document unchanged.
//
// It does not check bytes: pass to Load and Absorb only bytes that crdt/wire has decoded and
// the policy has accepted, because automerge-go aborts the process on invalid ones. It checks
// no permissions, except that a person edits only their own posts. It reads no clock.
//
// No engine can hold an event in which an actor has signed two versions of a change. For such
// an event use FromState, which makes changes from graph and projection.
//
// A Document uses C memory, which Go's garbage collector does not see. Call Close.
package crdt
