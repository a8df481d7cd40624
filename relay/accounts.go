package relay

import (
	"sync"
	"time"

	"flyleaf/relay/quota"
)

// MaxAddresses is how many remote addresses have accounts of their own at a time.
// Further addresses share one account.
const MaxAddresses = 1 << 16

// account is the state that the connections of a remote address share. The nil account
// is this machine, whose connections share nothing and have no quotas.
type account struct {
	connections int   // guarded by accounts.mu
	share       share // guarded by the relay's memory
	lanes       [lanes]lane
	spent       quota.Address
}

// quota returns the quota of the address.
func (a *account) quota() *quota.Address {
	if a == nil {
		return nil
	}
	return &a.spent
}

// accounts holds the accounts of all remote addresses.
type accounts struct {
	mu    sync.Mutex // only the locks of quota are taken while it is held
	known map[string]*account
	other account // shared by addresses beyond MaxAddresses
}

// open returns the account of a remote address for one more connection, and nil for the
// address "", which has no bounds. It returns false when the address has maxConnections
// already. Call close with the same address later.
func (a *accounts) open(address string, maxConnections int) (*account, bool) {
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
	if one.connections >= maxConnections {
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

// forget drops accounts that have no connections and full quotas.
func (a *accounts) forget(q *quota.Quotas, now time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for address, one := range a.known {
		if one.connections == 0 && one.spent.Unspent(q, now) {
			delete(a.known, address)
		}
	}
}
