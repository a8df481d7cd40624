// Package wire reads and writes Automerge's binary formats: change chunks
// (plain and deflated), and sync messages of version 1 with their Bloom filters.
//
// It is the first thing that touches bytes from strangers, so it promises:
//
//   - Whatever the input, a function returns a value or an error that wraps one
//     of the sentinels of this package; it never panics, and its memory and time
//     are bounded by the input's length and the Limits given. Run lengths are
//     bounded before anything is expanded.
//   - A change that DecodeChange returns is canonical: Encode gives back the
//     same type-1 chunk, byte for byte, and therefore the same hash. automerge-rs
//     accepts bytes that are not canonical and then cannot load what it saved.
//   - Every error that can be detected without a change's history is refused: order
//     of lists, ranges of actor indexes and counters, shapes of values.
//
// It never looks at history (see crdt/graph and crdt/policy), never checks signatures
// or permissions, writes document chunks (type 0) but never reads them, and never logs
// or does I/O.
package wire
