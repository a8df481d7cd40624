package relayclient

import (
	"testing"
	"time"
)

func TestNetworkChangeIsDetected(t *testing.T) {
	now := time.UnixMilli(1_700_000_000_000)
	current := "127.0.0.1/8"
	w := networkWatch{addresses: func() string { return current }}
	step := func(d time.Duration, want bool, what string) {
		t.Helper()
		now = now.Add(d)
		if got := w.changed(now); got != want {
			t.Errorf("%s: %v", what, got)
		}
	}
	step(0, false, "the first check")
	step(checkEvery, false, "no change")
	current += " 192.0.2.7/24"
	step(checkEvery, true, "a new address")
	step(checkEvery, false, "the same addresses")
	step(time.Hour, true, "after sleep")
	step(checkEvery, false, "no change after sleep")
	current = "127.0.0.1/8"
	step(checkEvery, true, "an address removed")
}
