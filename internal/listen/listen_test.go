package listen

import (
	"errors"
	"strings"
	"testing"
)

func TestInvalidAddressesAreExplained(t *testing.T) {
	for _, ok := range []string{"127.0.0.1:7117", "127.0.0.1:0", ":3030", "[::1]:3030", "localhost:65535", "0.0.0.0:1"} {
		if err := Check(ok); err != nil {
			t.Errorf("%s: %v", ok, err)
		}
	}
	for address, want := range map[string]string{
		"127.0.0.1:99999":      "there is no port",
		"127.0.0.1:65536":      "there is no port",
		"127.0.0.1:-1":         "there is no port",
		"127.0.0.1:+1":         "there is no port",
		"127.0.0.1:http":       "there is no port",
		"127.0.0.1:":           "there is no port",
		"127.0.0.1":            "has no port",
		"localhost":            "has no port",
		"7117":                 "127.0.0.1:7117",
		"99999":                "is only a port",
		"::1":                  "[::1]:7117",
		"::1:3030":             "brackets",
		"fe80::1:2:3:4:5:3030": "brackets",
		"http://127.0.0.1:80":  "address of a page",
		"a b:1":                "characters that a host cannot have",
		"":                     "it is empty",
	} {
		err := Check(address)
		if !errors.Is(err, ErrAddress) || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", address, err, want)
		}
	}
}

func TestListenErrorsSayWhatToDo(t *testing.T) {
	ln, err := TCP(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	for address, want := range map[string]string{ln.Addr().String(): "another program already does", "192.0.2.1:0": "this machine has no address", "no-such-host.invalid:0": "--listen"} {
		if ln, err := TCP(t.Context(), address); err == nil {
			_ = ln.Close()
			t.Errorf("%s is open", address)
		} else if !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "--listen") {
			t.Errorf("%s: %v", address, err)
		}
	}
}
