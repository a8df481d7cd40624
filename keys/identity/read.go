package identity

import (
	"bytes"
	"regexp"
	"strings"

	"flyleaf/keys"
)

// linkMark begins the part of a link that has the recovery phrase. It comes after the #, which
// browsers do not send to servers.
const linkMark = "#identity="

// Link writes a recovery phrase as an address of Flyleaf in a browser: the words, joined by
// hyphens, behind the # of site. It is as secret as the phrase. worker.js and boot.js read it.
func Link(site, phrase string) string {
	return strings.TrimRight(site, "/") + "/" + linkMark + strings.Join(strings.Fields(phrase), "-")
}

var links = regexp.MustCompile(`^\S*` + linkMark + `([a-zA-Z-]+)$`)

// IsFile reports whether b looks like a key file, and not like a recovery phrase or a link.
func IsFile(b []byte) bool {
	text := bytes.TrimSpace(b)
	return IsSealed(b) || !links.Match(text) && (bytes.HasPrefix(text, []byte("#")) || len(bytes.Fields(text)) == 1)
}

// Read reads a key from a recovery phrase, from what Link writes, or from a key file without a passphrase. It
// returns the errors of Open and FromPhrase.
func Read(b []byte) (keys.Key, error) {
	if IsFile(b) {
		return Open(b)
	}
	text := strings.TrimSpace(string(b))
	if m := links.FindStringSubmatch(text); m != nil {
		text = strings.ReplaceAll(m[1], "-", " ")
	}
	return FromPhrase(text)
}
