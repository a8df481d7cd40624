package main

import (
	"bytes"
	"encoding/json"
	"testing"

	"flyleaf/qa"
)

// The link that opens in a browser is printed first, where the relay serves the app.
func TestPrintLink(t *testing.T) {
	inv := qa.Invitation{Event: qa.MakeEventID([16]byte{1}), Relay: "wss://relay.example", Secret: make([]byte, qa.SecretSize)}
	for _, web := range []bool{false, true} {
		inv.Web = web
		text, program := "", inv.String()+"\n"
		if web {
			text = inv.WebLink() + "\n"
		}
		var out bytes.Buffer
		a := &app{std: streams{out: &out}}
		if err := a.printLink(&linkFlags{}, inv, nil); err != nil || out.String() != text+program {
			t.Errorf("%v: %q, %v", web, out.String(), err)
		}
		out.Reset()
		a.json = true
		fields := map[string]string{}
		if err := a.printLink(&linkFlags{}, inv, fields); err != nil {
			t.Fatal(err)
		}
		var got map[string]string
		if err := json.Unmarshal(out.Bytes(), &got); err != nil || got["invitation"]+"\n" != program || got["web"] != fields["web"] || (got["web"] == inv.WebLink()) != web {
			t.Errorf("%v: %v, %v", web, got, err)
		}
	}
}

// A new event or club has the same links.
func TestPrintNew(t *testing.T) {
	inv := qa.Invitation{Event: qa.MakeEventID([16]byte{1}), Relay: "wss://relay.example"}
	for _, web := range []bool{false, true} {
		inv.Web = web
		want := "club        " + string(inv.Event) + "\n"
		if web {
			want += "invitation  " + inv.WebLink() + "\n"
		}
		want += "invitation  " + inv.String() + "\n"
		var out bytes.Buffer
		a := &app{std: streams{out: &out}}
		if err := a.printNew("club", inv); err != nil || out.String() != want {
			t.Errorf("%v: %q, want %q, %v", web, out.String(), want, err)
		}
		out.Reset()
		a.json = true
		if err := a.printNew("club", inv); err != nil {
			t.Fatal(err)
		}
		var got map[string]string
		if err := json.Unmarshal(out.Bytes(), &got); err != nil || got["club"] != string(inv.Event) || got["invitation"] != inv.String() || (got["web"] == inv.WebLink()) != web {
			t.Errorf("%v: %v, %v", web, got, err)
		}
	}
}
