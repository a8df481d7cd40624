package replica_test

import (
	"testing"

	"flyleaf/crdt/policy"
	"flyleaf/crdt/policy/policytest"
	"flyleaf/crdt/wire"
	"flyleaf/replica"
	"flyleaf/storage"
	"flyleaf/storage/mem"
)

// Each hostile change in policytest.Cases, sent by a relay, is refused with its code, and
// changes nothing else in the event.
func TestEveryHostileChangeIsRefused(t *testing.T) {
	cases := policytest.Cases()
	refused := 0
	for _, c := range cases {
		t.Run(c.Name, func(t *testing.T) {
			p, store := newFakeRelay(t), mem.New()
			p.event = c.Event
			n := openNode(t, fastRetries(replica.Config{Store: store, Dial: p}))
			join(t, n, c.Event, "wss://relay.example")
			n.Start(t.Context())
			p.accept()
			chunks := func(all ...policytest.Signed) (b [][]byte, signatures []byte) {
				for _, s := range all {
					b = append(b, s.Bytes)
					signatures = append(signatures, append(s.Signature, make([]byte, 64-len(s.Signature))...)...)
				}
				return b, signatures
			}
			setup, signatures := chunks(c.Setup...)
			if len(setup) > 0 {
				p.sync([]wire.Hash{c.Setup[len(c.Setup)-1].Change.Hash}, signatures, setup...)
				eventually(t, n, "the setup", func() bool { return statusOf(t, n, c.Event).Changes == len(setup) })
			}
			before := weekOf(t, n, c.Event)
			bad, signature := chunks(c.Bad)
			p.sync([]wire.Hash{c.Bad.Change.Hash}, signature, bad...)
			var got []replica.Refusal
			ended := false // a malformed message ends the connection
			eventually(t, n, "the refusal", func() bool {
				got = refusedBy(n, c.Event)
				select {
				case <-p.conn.closed:
					ended = c.Code == policy.CodeMalformed
				default:
				}
				return len(got) > 0 || ended
			})
			if !ended && (len(got) != 1 || policy.Code(got[0].Code) != c.Code || got[0].Reason == "") {
				t.Fatalf("%+v, want %s", got, c.Code)
			}
			if s := statuses(entries(t, store, c.Event)); s[storage.InDocument] != len(setup) || len(s) > 1 {
				t.Fatalf("%v", s)
			}
			if after := weekOf(t, n, c.Event); len(after.Threads) != len(before.Threads) || after.Event.Title != before.Event.Title {
				t.Fatalf("%+v", after)
			}
			refused++
		})
	}
	if refused < 200 {
		t.Fatalf("only %d were tried", refused)
	}
}
