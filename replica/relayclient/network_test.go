package relayclient

import (
	"testing"
	"time"
)

func TestWhatCountsAsTheNetworkComingBack(t *testing.T) {
	now := time.UnixMilli(1_700_000_000_000)
	here := "127.0.0.1/8"
	w := networkWatch{addresses: func() string { return here }}
	step := func(d time.Duration, want bool, what string) {
		t.Helper()
		now = now.Add(d)
		if got := w.changed(now); got != want {
			t.Errorf("%s: %v", what, got)
		}
	}
	step(0, false, "the first look")
	step(checkEvery, false, "nothing new")
	here += " 192.0.2.7/24"
	step(checkEvery, true, "an address more")
	step(checkEvery, false, "the same again")
	step(time.Hour, true, "after sleep")
	step(checkEvery, false, "and then nothing")
	here = "127.0.0.1/8"
	step(checkEvery, true, "an address less")
}
