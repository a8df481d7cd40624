// Package lockorder defines the mutex type for the parts of a replica, and the order in which a
// goroutine may lock these mutexes.
//
// While a goroutine holds a mutex, it may lock only mutexes of a higher rank, so no two goroutines
// can wait for each other. TryLock never waits and may be called in any order. The ranks, lowest
// first:
//
//	Import      one import at a time
//	Document    the contents of one event's document
//	Subscribers the subscribers to updates
//	the rest    each guards the data of one part for a short time; while one of them is
//	            held, no other mutex of the replica is locked
//
// With the build tag lockorder, Lock checks the order, and panics with the names of both mutexes if
// it is violated. `make race` runs the tests of package replica with this tag.
package lockorder

// Rank is a place in the order. Only the types of this package implement it.
type Rank interface {
	rank() int
	name() string
}

// The ranks.
type (
	// Import is held for the whole of an import.
	Import struct{}
	// Document is held while the contents of one document are read or changed.
	Document struct{}
	// Subscribers is held while an update is sent to the subscribers.
	Subscribers struct{}

	Subscription struct{} // the unread updates of one subscriber
	Node         struct{} // which events are followed
	Random       struct{} // the source of randomness
	Sources      struct{} // which source each event was imported from
	Summary      struct{} // the cached summary of one document
	Week         struct{} // what was read of one week
	Engines      struct{} // which documents have an engine in memory
	Presence     struct{} // presence messages
	Clubs        struct{} // the lists of the followed clubs
	Schedule     struct{} // which archived weeks are synced when
	Connections  struct{} // the connections to relays
	Connection   struct{} // one connection to a relay
)

const (
	rankImport = iota + 1
	rankDocument
	rankSubscribers
	rankLast
)

func (Import) rank() int       { return rankImport }
func (Document) rank() int     { return rankDocument }
func (Subscribers) rank() int  { return rankSubscribers }
func (Subscription) rank() int { return rankLast }
func (Node) rank() int         { return rankLast }
func (Random) rank() int       { return rankLast }
func (Sources) rank() int      { return rankLast }
func (Summary) rank() int      { return rankLast }
func (Week) rank() int         { return rankLast }
func (Engines) rank() int      { return rankLast }
func (Presence) rank() int     { return rankLast }
func (Clubs) rank() int        { return rankLast }
func (Schedule) rank() int     { return rankLast }
func (Connections) rank() int  { return rankLast }
func (Connection) rank() int   { return rankLast }

func (Import) name() string       { return "Import" }
func (Document) name() string     { return "Document" }
func (Subscribers) name() string  { return "Subscribers" }
func (Subscription) name() string { return "Subscription" }
func (Node) name() string         { return "Node" }
func (Random) name() string       { return "Random" }
func (Sources) name() string      { return "Sources" }
func (Summary) name() string      { return "Summary" }
func (Week) name() string         { return "Week" }
func (Engines) name() string      { return "Engines" }
func (Presence) name() string     { return "Presence" }
func (Clubs) name() string        { return "Clubs" }
func (Schedule) name() string     { return "Schedule" }
func (Connections) name() string  { return "Connections" }
func (Connection) name() string   { return "Connection" }
