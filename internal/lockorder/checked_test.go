//go:build lockorder

package lockorder

import "testing"

func panics(f func()) (did bool) {
	defer func() { did = recover() != nil }()
	f()
	return false
}

func TestLockingOutOfOrderPanics(t *testing.T) {
	var document, other Mutex[Document]
	var node Mutex[Node]
	var summary Mutex[Summary]
	document.Lock()
	node.Lock()
	if !panics(summary.Lock) {
		t.Error("Summary was locked while Node was held")
	}
	node.Unlock()
	summary.Lock()
	summary.Unlock()
	if !panics(other.Lock) {
		t.Error("a second document was locked")
	}
	if !other.TryLock() {
		t.Error("TryLock failed on a free mutex")
	}
	other.Unlock()
	document.Unlock()
	node.Lock()
	if !panics(document.Lock) {
		t.Error("Document was locked while Node was held")
	}
	node.Unlock()
	document.Lock()
	done := make(chan bool)
	go func() { done <- panics(document.Unlock) }()
	if !<-done {
		t.Error("a mutex was unlocked by another goroutine")
	}
	document.Unlock()
}
