// Package crdt holds an event as an Automerge document and turns what a person
// did into changes: one act, one change. It is the only package that imports
// automerge-go, and the only one whose build needs cgo.
//
// It guarantees that every change it returns decodes as canonical
// (wire.DecodeChange), was made by the document's actor at the act's time without
// a message, and has the operation IDs that the IDs of new posts and revisions are
// made of. Limits and shapes are checked before automerge-go is touched, because
// it cannot roll back: on an error of that kind the document is as it was.
//
// It never checks bytes: Load and Absorb are for bytes that crdt/wire has decoded
// and the policy has let through (automerge-go ends the process on bad ones). It
// never checks permissions beyond "is it one's own", and it reads no clock.
//
// No engine can hold an event in which an actor has signed two versions of a change.
// There a document has no engine: FromState writes from what graph and projection say.
//
// A Document lives in C memory that Go's collector does not see. Close it.
package crdt
