package relay

import (
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"testing"
	"time"

	"flyleaf/crdt/graph"
	"flyleaf/crdt/policy"
	"flyleaf/crdt/wire"
	"flyleaf/keys"
)

func TestBucket(t *testing.T) {
	now := time.Unix(1000, 0)
	r := perMinute(10, 60)
	var b bucket
	for range 10 {
		if !b.has(r, now, 1, 0) {
			t.Fatal("empty before its burst")
		}
		b.spend(1)
	}
	if b.has(r, now, 1, 0) || b.full(r, now) {
		t.Error("not empty after its burst")
	}
	if now = now.Add(time.Second); !b.has(r, now, 1, 0) || b.has(r, now, 2, 0) || b.has(r, now, 1, 1) {
		t.Error("a second should give one unit")
	}
	b.spend(21) // 20 are owed
	if now = now.Add(20 * time.Second); b.has(r, now, 1, 0) {
		t.Error("what is owed is not paid")
	}
	if now = now.Add(time.Second); !b.has(r, now, 1, 0) {
		t.Error("what is owed is never paid")
	}
	if now = now.Add(time.Hour); b.left(r, now) != 10 || !b.full(r, now) {
		t.Errorf("%v units after an hour", b.left(r, now))
	}
	if !b.has(r, now, 500, 0) {
		t.Error("what costs more than a whole bucket never passes")
	}
	b.spend(10)
	if now = now.Add(-time.Hour); b.has(r, now, 1, 0) {
		t.Error("a clock that goes back gives something")
	}
	if now = now.Add(time.Second); !b.has(r, now, 1, 0) {
		t.Error("after a clock that went back it is never filled again")
	}
	none := perMinute(-1, 0)
	b.spend(1e9)
	if !b.has(none, now, 1e6, 0) {
		t.Error("no bound is one")
	}
}

func TestQuotasAreSetByName(t *testing.T) {
	var all Quotas
	for i, n := range QuotaNames {
		if n.Default() == 0 || n.Help == "" {
			t.Errorf("%s has no default", n.Name)
		}
		if err := all.Set(fmt.Sprintf("%s=%d", n.Name, i+1)); err != nil {
			t.Error(err)
		}
	}
	// Each has one name, so the numbers of all are there, each once.
	v := reflect.ValueOf(all)
	seen := map[int64]bool{}
	for i := range v.NumField() {
		seen[v.Field(i).Int()] = true
	}
	if v.NumField() != len(QuotaNames) || len(seen) != len(QuotaNames) || seen[0] {
		t.Errorf("%+v", all)
	}
	for setting, want := range map[string]int64{"event-bytes=3G": 3 << 30, "event-bytes=64M": 64 << 20, "event-bytes=2K": 2048, "event-bytes=off": -1} {
		if err := all.Set(setting); err != nil || all.EventBytes != want {
			t.Errorf("%s: %d, %v", setting, all.EventBytes, err)
		}
	}
	for _, bad := range []string{"", "event-bytes", "event-bytes=", "event-bytes=0", "event-bytes=-5", "event-bytes=1T", "nothing=1", "person-rate=1.5", "event-bytes=99999999999"} {
		if err := all.Set(bad); !errors.Is(err, ErrQuota) {
			t.Errorf("%q: %v", bad, err)
		}
	}
	if q := (Quotas{PersonRate: 7}).withDefaults(); q.PersonRate != 7 || q.RoleRate != DefaultQuotas.RoleRate || q.EventBytes != DefaultQuotas.EventBytes {
		t.Errorf("%+v", q)
	}
	if NoQuotas.withDefaults().PersonBurst != -1 {
		t.Error("no bound became one")
	}
}

func TestRemote(t *testing.T) {
	for _, c := range []struct {
		addr, forwarded string
		proxy           bool
		want            string
	}{
		{"127.0.0.1:9", "", false, ""},
		{"[::1]:9", "", false, ""},
		{"127.0.0.1:9", "198.51.100.7", false, ""},
		{"198.51.100.7:9", "", false, "198.51.100.7"},
		{"198.51.100.7:9", "203.0.113.5", false, "198.51.100.7"}, // anybody can write a header
		{"[::ffff:198.51.100.7]:9", "", false, "198.51.100.7"},
		{"[2001:db8:1:2:3::4]:9", "", false, "2001:db8:1:2::/64"},
		{"[fe80::1%eth0]:9", "", false, "fe80::/64"},
		{"127.0.0.1:9", "203.0.113.5", true, "203.0.113.5"},
		{"127.0.0.1:9", "6.6.6.6, 203.0.113.5", true, "203.0.113.5"},
		{"127.0.0.1:9", "203.0.113.5:443", true, "203.0.113.5"},
		{"127.0.0.1:9", "[2001:db8:1:2:3::4]:443", true, "2001:db8:1:2::/64"},
		{"127.0.0.1:9", "2001:db8:1:2:3::4", true, "2001:db8:1:2::/64"},
		{"127.0.0.1:9", "127.0.0.1", true, "127.0.0.1"}, // not this machine's word
		{"10.0.0.1:9", "nonsense", true, "10.0.0.1"},
		{"127.0.0.1:9", "", true, ""},
	} {
		req := &http.Request{RemoteAddr: c.addr, Header: http.Header{}}
		if c.forwarded != "" {
			req.Header.Set("X-Forwarded-For", c.forwarded)
		}
		if got := remote(req, c.proxy); got != c.want {
			t.Errorf("%s, %q, proxy %v: counted by %q, want %q", c.addr, c.forwarded, c.proxy, got, c.want)
		}
	}
}

func TestAccountsAreForgottenWhenFull(t *testing.T) {
	now := time.Unix(1000, 0)
	q := Quotas{}.withDefaults()
	var a accounts
	one, ok := a.open("one", 2)
	if _, again := a.open("one", 2); !ok || !again {
		t.Fatal("not as many connections as there may be")
	}
	if _, ok := a.open("one", 2); ok {
		t.Error("more connections than there may be")
	}
	if none, ok := a.open("", 0); none != nil || !ok {
		t.Error("this machine has a bound")
	}
	if !one.affords(&q, now, 1, stranger, true) {
		t.Error("nothing left in a new account")
	}
	one.spend(float64(q.AddressBurst), 0, stranger, true)
	if one.affords(&q, now, 1, organiser, false) {
		t.Error("nothing was spent")
	}
	a.forget(&q, now)
	a.close("one")
	a.close("one")
	a.close("one")
	a.forget(&q, now)
	if len(a.known) != 1 {
		t.Error("forgotten while something is owed")
	}
	a.forget(&q, now.Add(24*time.Hour))
	if len(a.known) != 0 {
		t.Error("never forgotten")
	}
}

func TestRememberedHashesAreBounded(t *testing.T) {
	var s remembered[int]
	h := func(i int) (h [32]byte) { h[0], h[1], h[2] = byte(i), byte(i>>8), byte(i>>16); return h }
	for i := range 3 * MaxRemembered {
		s.put(h(i), i)
		s.put(h(i), i+1)
	}
	if len(s.known) != MaxRemembered || len(s.order) != MaxRemembered {
		t.Errorf("%d remembered", len(s.known))
	}
	if s.has(h(2*MaxRemembered-1)) || !s.has(h(2*MaxRemembered)) || !s.has(h(3*MaxRemembered-1)) {
		t.Error("it is not the oldest that go")
	}
	last := h(3*MaxRemembered - 1)
	if v, ok := s.take(last); v != 3*MaxRemembered || !ok || s.has(last) {
		t.Errorf("taken %d, %v", v, ok)
	}
	for i := range MaxRemembered {
		s.put(h(i), i) // what was taken is passed over when its turn comes
	}
	if len(s.known) > MaxRemembered || len(s.order) != MaxRemembered {
		t.Errorf("%d remembered", len(s.known))
	}
}

// A bad signature is no refusal for good, nor anything that is asked for at once; all
// else that is refused is for good.
func TestWhatIsRememberedOfARefusal(t *testing.T) {
	var sub submission
	one, two, three := wire.Hash{1}, wire.Hash{2}, wire.Hash{3}
	sub.refuse(one, policy.RefusalOf(keys.ErrSignature))
	sub.refuse(two, policy.RefusalOf(graph.ErrSeqGap))
	sub.postpone(three, &policy.Refusal{Code: policy.CodeRate, Reason: deferredFor[policy.CodeRate]})
	if !slices.Equal(sub.refusedHashes, []wire.Hash{two}) || !slices.Equal(sub.notNow, []wire.Hash{one, three}) {
		t.Errorf("for good %v, not now %v", sub.refusedHashes, sub.notNow)
	}
	for i, deferred := range []bool{false, false, true} {
		if r := sub.refused[i]; r.Deferred != deferred || r.Reason == "" {
			t.Errorf("told %+v", r)
		}
	}
}
