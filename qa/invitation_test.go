package qa

import (
	"bytes"
	"errors"
	"reflect"
	"strings"
	"testing"
)

// TestInvitationsAreFoundInPastedText: an invitation is found in the text around it.
func TestInvitationsAreFoundInPastedText(t *testing.T) {
	id := MakeEventID([16]byte{1, 2, 3})
	plain := Invitation{Event: id, Relay: "wss://relay.example.org:3030"}
	bare := Invitation{Event: id}
	role := Invitation{Event: id, Relay: "wss://relay.example.org", Secret: bytes.Repeat([]byte{0xa7}, SecretSize)}
	v6 := Invitation{Event: id, Relay: "ws://[::1]:3030"}
	p, s, six := plain.String(), role.String(), v6.String()
	after := strings.TrimPrefix(p, "flyleaf:")
	escape := strings.NewReplacer(":", "%3A", "/", "%2F", "@", "%40", "#", "%23")
	for _, c := range []struct {
		text string
		want Invitation
	}{
		{"Come and join us: " + p + ". It begins on Monday.", plain},
		{"(" + p + ")", plain},
		{"<" + p + ">", plain},
		{"[" + p + "]", plain},
		{"[join](" + p + ")", plain},
		{`"` + p + `"`, plain},
		{"“" + p + "”,", plain},
		{"«" + s + "»", role},
		{"`" + s + "`", role},
		{"**" + p + "**", plain},
		{"_" + s + "_", role},
		{p + "!", plain},
		{p + "?", plain},
		{"Did you get " + p + "? Tino", plain},
		{p + "…", plain},
		{p + "\u200b", plain},
		{"\ufeff" + p + "\u200d\u2060", plain},
		{p[:20] + "\u200b" + p[20:], plain},
		{p[:20] + "\u00ad" + p[20:], plain},
		{"\u202a" + p + "\u202c", plain},
		{"\u00a0" + p + "\u00a0", plain},
		{p[:20] + "\n" + p[20:], plain},
		{"> " + p[:20] + "\r\n> " + p[20:] + "\r\n> Tino", plain},
		{p[:20] + "=\r\n" + p[20:], plain}, // quoted-printable
		{strings.Replace(p, "@", "\n@", 1), plain},
		{strings.Replace(p, "@", "@\n", 1), plain},
		{p[:len(p)-7] + "\n" + p[len(p)-7:], plain},
		{p + "\nTino", plain},
		{p + "\n\nSee you on Monday.", plain},
		{s[:len(s)-12] + "\n" + s[len(s)-12:], role},
		{strings.Replace(s, "#", "\n#", 1), role},
		{strings.Replace(s, "#", "#\n", 1), role},
		{s[:45] + "\r\n" + s[45:], role},
		{"Flyleaf:" + after, plain},
		{"FLYLEAF:" + after, plain},
		{"flyleaf: " + after, plain},
		{"flyleaf:\n" + after, plain},
		{"flyleaf://" + after, plain},
		{"flyleaf:///" + after, plain},
		{"flyleaf：" + after, plain},
		{"https://club.example/join#" + s, role},
		{"https://club.example/join?i=" + escape.Replace(s) + "&from=mail", role},
		{"https://away.example/?to=" + escape.Replace("https://club.example/?i="+escape.Replace(s)), role},
		{"https://safe.example/?url=https%3A%2F%2Fclub.example%2F%23" + strings.ReplaceAll(escape.Replace(s), "%", "%25"), role},
		{escape.Replace(p), plain},
		{`<a href="` + s + `">` + s + `</a>`, role},
		{p + "\n" + p, plain},
		{"Its ID is " + string(id) + ".", bare},
		{"(" + after + ")", plain},
		{six, v6},
		{"(" + six + "),", v6},
		{"Flyleaf: the club's program. The invitation: " + p, plain},
		{p + "\x00\u034f\ufe0f\u3164", plain},
		{p[:20] + "\u2028" + p[20:], plain},
		{p[:20] + "\r" + p[20:], plain},
		{"<" + p[:len(p)-12] + "\n" + p[len(p)-12:] + ">\nSee you there!", plain},
		{"(" + p[:len(p)-5] + "\n> " + p[len(p)-5:] + ") on Monday", plain},
		{"https://club.example/join?i=" + escape.Replace(p) + "&from=mail", plain},
		{"https://club.example/join?i=" + p + "&from=mail", plain},
		{"flyleaf:" + escape.Replace(after), plain},
		{strings.NewReplacer("@", "&#64;", "/", "&#x2F;").Replace(p) + "&quot;", plain},
		{"flyleaf:/" + after, plain},
		{strings.Replace(p, "@", " @ ", 1), plain},
		{p + "—come!", plain},
		{strings.Replace(p, "3030", "30\n30", 1), plain},
	} {
		got, err := ParseInvitation(c.text)
		if err != nil || !reflect.DeepEqual(got, c.want) {
			t.Errorf("%q: %+v, %v", c.text, got, err)
		}
	}
}

// TestErrorsSayWhatIsWrongWithAnInvitation: each error says in words what is wrong.
func TestErrorsSayWhatIsWrongWithAnInvitation(t *testing.T) {
	id := string(MakeEventID([16]byte{1, 2, 3}))
	other := Invitation{Event: MakeEventID([16]byte{4}), Relay: "ws://r", Secret: make([]byte, SecretSize)}
	for text, want := range map[string]string{
		"See you on Monday.":                   "nothing in this text begins with flyleaf:",
		"flyleaf:":                             "cut off",
		"flyleaf:" + id[:15]:                   "has only 15 of its 28 characters",
		"flyleaf:" + id[:9] + "0" + id[10:]:    "the character '0'",
		"flyleaf:" + id[:len(id)-1] + "x":      "missing or mistyped",
		"flyleaf:" + id + "xyz":                "is followed by other characters",
		"flyleaf:" + strings.Repeat("a", 45):   "is too long",
		"flyleaf:" + id + "@":                  "where the relay's address should follow",
		"flyleaf:" + id + "@https://r":         "is not a ws:// or wss:// address",
		"flyleaf:" + id + "@wss://r?x=1":       "is not a ws:// or wss:// address",
		"flyleaf:" + id + "@wss://r#abc":       "cut off",
		strings.Repeat("word ", 20_000):        "paste the invitation alone",
		"flyleaf:" + id + "@wss://u:p@host":    "is not a ws:// or wss:// address",
		"flyleaf:" + id + "@wss://r:99999":     "port",
		"flyleaf: the program of our club":     "event ID",
		"flyleaf:" + id + "@relay.example.org": "does not begin with ws://",
		// The end of an address is not guessed: joined lines would be the address of another relay.
		"flyleaf:" + id + "@wss://relay.exam\nple.org\nSee you there!": "may continue on the next line",
		"flyleaf:" + id + "@wss://relay.example.\norg":                 "may continue on the next line",
		"flyleaf:" + id + "@wss://relay.example.o\nrg":                 "may continue on the next line",
		"flyleaf:" + id + "@wss://relay.example.org\n10:30":            "may continue on the next line",
		"flyleaf:" + id + "@wss://relay.example.org\n2026-11-30":       "may continue on the next line",
		"flyleaf:" + id + " or " + other.String():                      "Paste the one you want:\n  flyleaf:" + id + "\n  " + other.Public().String() + "  (to a role)",
	} {
		_, err := ParseInvitation(text)
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "#") && !strings.Contains(err.Error(), "the #") {
			t.Errorf("%.80q: %v, want %q", text, err, want)
		}
		if !errors.Is(err, ErrBadInvitation) && !errors.Is(err, ErrManyInvitations) {
			t.Errorf("%.80q: %v is neither reason", text, err)
		}
	}
}

// TestWebLink: the address that opens an invitation in a browser is read as the invitation,
// alone and in a sentence, with and without a secret.
func TestWebLink(t *testing.T) {
	event := MakeEventID([16]byte{4, 5, 6})
	secret := bytes.Repeat([]byte{7}, SecretSize)
	for _, c := range []struct{ relay, link string }{
		{"ws://127.0.0.1:3030", "http://127.0.0.1:3030/join/"},
		{"wss://relay.example", "https://relay.example/join/"},
		{"wss://example.org/flyleaf/relay", "https://example.org/flyleaf/relay/join/"},
	} {
		for _, i := range []Invitation{{Event: event, Relay: c.relay}, {Event: event, Relay: c.relay, Secret: secret}} {
			link := i.WebLink()
			if !strings.HasPrefix(link, c.link+string(event)) {
				t.Errorf("%s: %s", c.relay, link)
			}
			got, err := ParseInvitation("Come and ask: <" + link + ">. See you there!")
			if err != nil || !reflect.DeepEqual(got, i) {
				t.Errorf("%s is read as %v, %v", link, got, err)
			}
			if both, err := ParseInvitation(link + "\n" + i.String()); err != nil || !reflect.DeepEqual(both, i) {
				t.Errorf("%s twice is read as %v, %v", link, both, err)
			}
		}
	}
	if link := (Invitation{Event: event}).WebLink(); link != "" {
		t.Errorf("without a relay: %s", link)
	}
}

// TestLinks: the link for a browser comes first if the relay says that it serves the app and a browser
// can run the app there.
func TestLinks(t *testing.T) {
	event := MakeEventID([16]byte{4, 5, 6})
	for _, c := range []struct {
		relay string
		web   bool
		first string
	}{
		{"wss://relay.example", true, "https://relay.example/join/"},
		{"WSS://relay.example/", true, "https://relay.example/join/"},
		{"ws://127.0.0.1:3030", true, "http://127.0.0.1:3030/join/"},
		{"ws://[::1]:3030", true, "http://[::1]:3030/join/"},
		{"ws://localhost:3030", true, "http://localhost:3030/join/"},
		{"ws://192.0.2.7:3030", true, ""}, // browsers do not run the app there
		{"wss://relay.example", false, ""},
		{"", true, ""},
	} {
		i := Invitation{Event: event, Relay: c.relay, Web: c.web, Secret: bytes.Repeat([]byte{7}, SecretSize)}
		links := i.Links()
		if links[len(links)-1] != i.String() || (len(links) > 1) != (c.first != "") || !strings.HasPrefix(links[0], c.first) {
			t.Errorf("%s, %v: %q", c.relay, c.web, links)
		}
	}
}

// TestLinksAtASite: in a browser, the first link is to the site from which the browser has the app, and
// both links can be read again.
func TestLinksAtASite(t *testing.T) {
	event := MakeEventID([16]byte{4, 5, 6})
	for _, c := range []struct {
		site, relay string
		web         bool
		first       string
	}{
		{"https://relay.example", "wss://relay.example", true, "https://relay.example/join/" + string(event)},
		{"https://relay.example", "wss://relay.example", false, "https://relay.example/#" + string(event) + "@wss://relay.example"},
		{"https://books.example/app", "wss://relay.example:3030", true, "https://books.example/app/#" + string(event) + "@wss://relay.example:3030"},
		{"http://books.example", "ws://192.0.2.7:3030/club", false, "http://books.example/#" + string(event) + "@ws://192.0.2.7:3030/club"},
		{"https://books.example", "", true, ""},
	} {
		for _, secret := range [][]byte{nil, bytes.Repeat([]byte{7}, SecretSize)} {
			i := Invitation{Event: event, Relay: c.relay, Web: c.web, Secret: secret}
			links := i.LinksAt(c.site)
			_, hidden, _ := strings.Cut(i.String(), "#")
			if want := c.first + map[bool]string{true: "#" + hidden}[secret != nil]; c.first != "" && links[0] != want {
				t.Errorf("%s at %s: %q, want %q", i, c.site, links[0], want)
			}
			for _, link := range links {
				if got, err := ParseInvitation("Come in: " + link + " (tonight)"); err != nil || !got.equal(i) {
					t.Errorf("%s: %v, %v", link, got, err)
				}
			}
		}
	}
}

// An address with an empty query or fragment would make an invitation with two of them.
func TestCheckRelayRefusesQueryAndFragment(t *testing.T) {
	for _, s := range []string{"ws://relay.example?", "ws://relay.example#", "ws://relay.example/?a=b", "wss://relay.example/#a"} {
		if err := CheckRelay(s); err == nil {
			t.Errorf("%s is accepted", s)
		}
	}
	if err := CheckRelay("wss://relay.example/below"); err != nil {
		t.Error(err)
	}
}
