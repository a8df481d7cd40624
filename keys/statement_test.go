package keys_test

import (
	"bytes"
	"errors"
	"testing"

	"flyleaf/keys"
	"flyleaf/qa"
)

func keyOf(t *testing.T, n byte) keys.Key {
	t.Helper()
	k, err := keys.KeyFromSeed(bytes.Repeat([]byte{n}, keys.SeedSize))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func TestEphemeralSignatureCoversAllParts(t *testing.T) {
	k, here, other := keyOf(t, 1), qa.MakeEventID([16]byte{1}), qa.MakeEventID([16]byte{2})
	sig, err := keys.SignEphemeral(k, here, "s", 7, []byte("body"))
	if err != nil {
		t.Fatal(err)
	}
	if err := keys.VerifyEphemeral(here, k.Identity(), "s", 7, []byte("body"), sig); err != nil {
		t.Fatal(err)
	}
	for name, err := range map[string]error{
		"event":     keys.VerifyEphemeral(other, k.Identity(), "s", 7, []byte("body"), sig),
		"writer":    keys.VerifyEphemeral(here, keyOf(t, 2).Identity(), "s", 7, []byte("body"), sig),
		"no writer": keys.VerifyEphemeral(here, "", "s", 7, []byte("body"), sig),
		"session":   keys.VerifyEphemeral(here, k.Identity(), "S", 7, []byte("body"), sig),
		"count":     keys.VerifyEphemeral(here, k.Identity(), "s", 8, []byte("body"), sig),
		"body":      keys.VerifyEphemeral(here, k.Identity(), "s", 7, []byte("Body"), sig),
		"unsigned":  keys.VerifyEphemeral(here, k.Identity(), "s", 7, []byte("body"), nil),
		"boundary":  keys.VerifyEphemeral(here, k.Identity(), "s\x00", 7, []byte("body"), sig),
	} {
		if !errors.Is(err, keys.ErrStatement) {
			t.Errorf("another %s: %v", name, err)
		}
	}
	if _, err := keys.SignEphemeral(keys.Key{}, here, "s", 7, nil); !errors.Is(err, keys.ErrNoKey) {
		t.Errorf("the zero key: %v", err)
	}
}

func TestAccessSignatureCoversChallengeAndEvent(t *testing.T) {
	k, here := keyOf(t, 1), qa.MakeEventID([16]byte{1})
	challenge := bytes.Repeat([]byte{5}, keys.ChallengeSize)
	a := keys.Access{Event: here, Challenge: challenge, Address: "relay.example:443", Device: "d", Relay: "r"}
	sig, err := keys.SignAccess(k, a)
	if err != nil {
		t.Fatal(err)
	}
	if err := keys.VerifyAccess(a, k.Identity(), sig); err != nil {
		t.Error(err)
	}
	other := func(f func(*keys.Access)) error {
		b := a
		f(&b)
		return keys.VerifyAccess(b, k.Identity(), sig)
	}
	for name, err := range map[string]error{
		"event":             other(func(a *keys.Access) { a.Event = qa.MakeEventID([16]byte{2}) }),
		"person":            keys.VerifyAccess(a, keyOf(t, 2).Identity(), sig),
		"challenge":         other(func(a *keys.Access) { a.Challenge = bytes.Repeat([]byte{6}, keys.ChallengeSize) }),
		"address":           other(func(a *keys.Access) { a.Address = "relay.example:444" }),
		"connection":        other(func(a *keys.Access) { a.Device = "e" }),
		"relay":             other(func(a *keys.Access) { a.Relay = "s" }),
		"cut of the fields": other(func(a *keys.Access) { a.Device, a.Relay = "", "dr" }),
		"signature":         keys.VerifyAccess(a, k.Identity(), sig[:63]),
	} {
		if !errors.Is(err, keys.ErrStatement) {
			t.Errorf("another %s: %v", name, err)
		}
	}
	// Signatures for relays of earlier versions are not valid for current relays.
	if old, err := keys.SignOldAccess(k, here, challenge); err != nil || !errors.Is(keys.VerifyAccess(a, k.Identity(), old), keys.ErrStatement) {
		t.Errorf("the old statement was accepted: %v", err)
	}
	// A relay must not be able to get anything else signed as a challenge.
	a.Challenge = append(challenge, 1)
	if _, err := keys.SignAccess(k, a); !errors.Is(err, keys.ErrStatement) {
		t.Errorf("a longer challenge: %v", err)
	}
	if _, err := keys.SignOldAccess(k, here, a.Challenge); !errors.Is(err, keys.ErrStatement) {
		t.Errorf("a longer challenge: %v", err)
	}
}

// TestRelayAddress: all spellings of a relay's URL give the same address.
func TestRelayAddress(t *testing.T) {
	for url, want := range map[string]string{
		"wss://Relay.Example/":          "relay.example:443",
		"wss://relay.example.:443/path": "relay.example:443",
		"ws://relay.example":            "relay.example:80",
		"ws://RELAY.example:3030":       "relay.example:3030",
		"wss://bücher.example":          "xn--bcher-kva.example:443",
		"wss://xn--bcher-kva.example":   "xn--bcher-kva.example:443",
		"ws://[::1]:3030":               "[::1]:3030",
		"ws://[0:0::1]:3030/":           "[::1]:3030",
		"ws://[::ffff:127.0.0.1]:3030":  "127.0.0.1:3030",
		"ws://127.0.0.1:3030":           "127.0.0.1:3030",
		"ws://localhost:3030":           "localhost:3030",
		"ws://My_Relay:3030":            "my_relay:3030", // a name in a container's network
		"ws://-relay-.example":          "-relay-.example:80",
		"ws://relay.example:03030":      "relay.example:3030",
		"ws://relay.example:":           "relay.example:80",
		"ws://user@relay.example:3030":  "relay.example:3030",
		"http://relay.example":          "",
		"relay.example":                 "",
		"ws://":                         "",
		"ws://.":                        "",
		"":                              "",
	} {
		got, err := keys.RelayAddress(url)
		if got != want || (err == nil) != (want != "") {
			t.Errorf("%q: %q, %v; want %q", url, got, err, want)
		}
	}
}
