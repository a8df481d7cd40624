package relay

import (
	"sync"
	"time"

	"flyleaf/relay/quota"
)

// MaxAddresses is how many remote addresses are told apart at a time. Those beyond
// share one account.
const MaxAddresses = 1 << 16

// account is what the connections of a remote address share. The nil account is of this
// machine, whose connections share nothing and have no quotas.
type account struct {
	connections int   // guarded by accounts.mu
	share       share // guarded by the relay's memory
	lanes       [lanes]lane
	spent       quota.Address
}

// quota returns what the address has left.
func (a *account) quota() *quota.Address {
	if a == nil {
		return nil
	}
	return &a.spent
}

// accounts are those of all remote addresses.
type accounts struct {
	mu    sync.Mutex // innermost but for those of quota
	known map[string]*account
	other account // of those beyond MaxAddresses
}

// open returns the account of a remote address for one connection more, nil for the
// address "", which has no bounds; false when it has as many as it may. close is to
// be called with the same address.
func (a *accounts) open(address string, most int) (*account, bool) {
	if address == "" {
		return nil, true
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	one, ok := a.known[address]
	if !ok && len(a.known) >= MaxAddresses {
		return &a.other, true
	}
	if !ok {
		if a.known == nil {
			a.known = map[string]*account{}
		}
		one = &account{}
		a.known[address] = one
	}
	if one.connections >= most {
		return nil, false
	}
	one.connections++
	return one, true
}

func (a *accounts) close(address string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if one, ok := a.known[address]; ok && one.connections > 0 {
		one.connections--
	}
}

// forget drops accounts without connections that have spent nothing.
func (a *accounts) forget(q *quota.Quotas, now time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for address, one := range a.known {
		if one.connections == 0 && one.spent.Unspent(q, now) {
			delete(a.known, address)
		}
	}
}
