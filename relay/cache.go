package relay

import (
	"container/list"
	"sync"

	"flyleaf/crdt/wire"
	"flyleaf/qa"
)

// storedChange is the part of a ledger row that is sent to peers.
type storedChange struct {
	bytes     []byte
	signature []byte // nil when unsigned
}

type cacheKey struct {
	event qa.EventID
	hash  wire.Hash
}

type cacheItem struct {
	key cacheKey
	storedChange
}

// cache keeps the most recently used changes, up to a number of bytes. Every change in it is also in
// the ledger. It is safe for concurrent use.
type cache struct {
	mu    sync.Mutex
	max   int
	bytes int
	items map[cacheKey]*list.Element
	order *list.List // most recently used first
}

func newCache(maxBytes int) *cache {
	return &cache{max: maxBytes, items: map[cacheKey]*list.Element{}, order: list.New()}
}

// itemOverhead is an estimate of an item's memory besides its bytes.
const itemOverhead = 256

func (c *cache) get(event qa.EventID, h wire.Hash) (storedChange, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e, ok := c.items[cacheKey{event, h}]
	if !ok {
		return storedChange{}, false
	}
	c.order.MoveToFront(e)
	return e.Value.(*cacheItem).storedChange, true
}

func (c *cache) put(event qa.EventID, h wire.Hash, s storedChange) {
	c.mu.Lock()
	defer c.mu.Unlock()
	key := cacheKey{event, h}
	if _, ok := c.items[key]; ok {
		return
	}
	c.items[key] = c.order.PushFront(&cacheItem{key, s})
	c.bytes += len(s.bytes) + itemOverhead
	for c.bytes > c.max {
		last := c.order.Back()
		item := last.Value.(*cacheItem)
		c.order.Remove(last)
		delete(c.items, item.key)
		c.bytes -= len(item.bytes) + itemOverhead
	}
}

// drop removes the changes of these documents.
func (c *cache) drop(events map[qa.EventID]bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for key, e := range c.items {
		if events[key.event] {
			c.order.Remove(e)
			delete(c.items, key)
			c.bytes -= len(e.Value.(*cacheItem).bytes) + itemOverhead
		}
	}
}
