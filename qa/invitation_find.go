package qa

import (
	"bytes"
	"fmt"
	"html"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/mr-tron/base58"

	"flyleaf/schema"
)

// maxPasted bounds the text that is searched for an invitation, in bytes. A long mail is shorter.
const maxPasted = 64 << 10

var (
	// schemes matches the beginning of an invitation. A URL scheme has no case. Some programs write slashes
	// after it, as in the address of a web page.
	schemes = regexp.MustCompile(`(?i)(?:flyleaf|automerge)\s*:/*`)
	// escapedScheme matches a scheme inside the address of a web page, or before escaped characters of an
	// invitation.
	escapedScheme = regexp.MustCompile(`(?i)(?:flyleaf|automerge)(?:%(?:25)*3a|:\S*%(?:25)*(?:40|23|3a))`)
	// entities matches character references of HTML source.
	entities = regexp.MustCompile(`&(?:#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|[a-zA-Z]{2,8});`)
	escaped  = regexp.MustCompile(`%[0-9a-fA-F]{2}`)
	// relayStart matches the longest prefix that can belong to a relay address.
	relayStart = regexp.MustCompile(`^[a-zA-Z][a-zA-Z0-9+.-]*:/*(?:\[[0-9a-fA-F:.%]*\])?[^\s#&<>"'()\[\]{}|\\^` + "`" + `«»“”„‘’‹›–—，。、；！？）】」]*`)
	// spacedAt matches an @ surrounded by spaces. It counts only if a ws address follows.
	spacedAt = regexp.MustCompile(`^ *@ *((?i:wss?):)`)
	// lineBreak matches a line break that a mail program inserted, with the = of quoted-printable and the
	// marks of a quoted mail.
	lineBreak = regexp.MustCompile(`^=?[ \t]*\r?\n[> \t|]*`)
	// addressRest matches the second part of an address with a line break in it, which is not a word of a
	// sentence.
	addressRest = regexp.MustCompile(`^[a-z0-9:/.-]*[0-9:/.][a-z0-9:/.-]*(?:#|\s*$)`)
	// lineBreaks matches lineBreak at any position.
	lineBreaks = regexp.MustCompile(`=?[ \t]*\r?\n[> \t|]*`)
	// maybeAddressRest matches the beginning of a line that may be the second part of an address, or something
	// else: text in the form of an address, a number, a time, or a single short word such as the end of a
	// domain.
	maybeAddressRest = regexp.MustCompile(`^(?:[a-z0-9-]*[:/.]+[a-z0-9][a-z0-9:/.-]*|[0-9][0-9:/.-]*|[a-z]{1,3}(?:[ \t]*\r?(?:\n|$)))`)
	// oneNumber matches a line that is a number, a time or a day.
	oneNumber = regexp.MustCompile(`^[0-9:.-]+\s*$`)
	portStart = regexp.MustCompile(`:[0-9]{1,4}$`)
)

// trailingPunctuation is punctuation that belongs to the sentence and not to the address before it.
const trailingPunctuation = ".,;:!?*_~&…"

// webLinks matches a link of Invitation.WebLink up to the event ID. Its groups are the s of https, host and
// path of the relay, and the event ID.
var webLinks = regexp.MustCompile(`(?i)\bhttp(s?)://([^\s/?#@<>"]+(?:/[^\s?#@<>"/]+)*)/join/([0-9A-Za-z]+)`)

// siteLinks finds what Invitation.LinksAt writes for a site that is not the relay's, up to the
// event ID.
var siteLinks = regexp.MustCompile(`(?i)\bhttps?://[^\s#@<>"]+#([0-9A-Za-z]{20,40}@wss?:)`)

// ParseInvitation finds the invitation in a text that a person pasted. The invitation can have the form of
// String or WebLink, "automerge:<event ID>", or an event ID alone. It can be in a sentence, in brackets or
// quotes, or in the address of a web page, and contain line breaks and invisible characters. The checksums
// of ID and secret are checked.
//
// ErrBadInvitation is returned when there is none, with an explanation, and ErrManyInvitations when there
// are several that differ. No error contains a secret.
func ParseInvitation(text string) (Invitation, error) {
	if len(text) > maxPasted {
		return Invitation{}, fmt.Errorf("%w: the text has %d bytes, at most %d are looked through; paste the invitation alone", ErrBadInvitation, len(text), maxPasted)
	}
	text = entities.ReplaceAllStringFunc(LineEnds(text), html.UnescapeString)
	text = strings.Map(func(r rune) rune {
		switch {
		case r == '\u0085' || r == '\u2028' || r == '\u2029' || r == '\v' || r == '\f': // other line ends
			return '\n'
		case r == '：':
			return ':'
		case r == '＠':
			return '@'
		case r != '\n' && r != '\r' && unicode.IsSpace(r):
			return ' '
		case r != '\n' && r != ' ' && (invisible(r) || unicode.In(r, unicode.Cf, unicode.Cc)): // invisible characters that copying may add
			return -1
		}
		return r
	}, strings.ToValidUTF8(text, "\uFFFD"))
	if escapedScheme.MatchString(text) {
		text = unescape(text)
	}
	text = webLinks.ReplaceAllString(text, "flyleaf:$3@ws$1://$2")
	text = siteLinks.ReplaceAllString(text, "flyleaf:$1")
	var found []Invitation
	var wrong error
	add := func(i Invitation, err error) {
		switch {
		case err != nil && wrong == nil:
			wrong = err
		case err == nil && !slices.ContainsFunc(found, i.equal):
			found = append(found, i)
		}
	}
	starts := schemes.FindAllStringIndex(text, -1)
	for n, at := range starts {
		rest := text[at[1]:]
		if n+1 < len(starts) {
			rest = text[at[1]:starts[n+1][0]]
		}
		before, _ := utf8.DecodeLastRuneInString(text[:at[0]])
		add(readInvitation(joinEnclosed(before, rest)))
	}
	if len(starts) == 0 {
		if found, wrong = findWithoutScheme(text); len(found) == 0 && wrong == nil {
			wrong = fmt.Errorf("%w: nothing in this text begins with flyleaf: and none of its words is an event ID", ErrBadInvitation)
		}
	}
	switch {
	case len(found) == 1:
		return found[0], nil
	case len(found) == 0:
		return Invitation{}, wrong
	}
	var list strings.Builder
	for _, i := range found[:min(len(found), schema.MaxLinks)] {
		list.WriteString("\n  " + i.Public().String())
		if len(i.Secret) > 0 {
			list.WriteString("  (to a role)")
		}
	}
	return Invitation{}, fmt.Errorf("%w; nothing was joined. Paste the one you want:%s", ErrManyInvitations, list.String())
}

func (i Invitation) equal(j Invitation) bool {
	return i.Event == j.Event && i.Relay == j.Relay && bytes.Equal(i.Secret, j.Secret)
}

// closing are the characters that end what others begin.
var closing = map[rune]string{
	'<': ">", '(': ")", '[': "]", '{': "}", '"': `"`, '\'': "'", '`': "`", '“': "”", '„': "“”", '«': "»", '»': "«",
	'‹': "›", '›': "‹", '‘': "’", '‚': "‘’", '（': "）", '【': "】", '「': "」",
}

// joinEnclosed joins the lines of an invitation in brackets or quotes. before is the opening mark; the
// closing mark shows where the invitation ends.
func joinEnclosed(before rune, rest string) string {
	end, ok := closing[before]
	if !ok {
		return rest
	}
	joined := lineBreaks.ReplaceAllString(rest, "")
	n := strings.IndexAny(joined, end)
	if n < 0 || n > maxEnclosed || strings.ContainsFunc(joined[:n], unicode.IsSpace) {
		return rest
	}
	if first := strings.IndexAny(rest, end); first == n { // it contains no line break
		return rest
	}
	return joined[:n] + " "
}

// maxEnclosed is an upper bound for the length of an invitation, in bytes.
const maxEnclosed = schema.MaxShort + 128

// unescape undoes percent-encoding, repeatedly if an address was inside another one. It keeps invalid
// escapes.
func unescape(s string) string {
	for range 3 {
		s = escaped.ReplaceAllStringFunc(s, func(x string) string {
			plain, _ := url.PathUnescape(x)
			return plain
		})
		if !escapedScheme.MatchString(s) {
			break
		}
	}
	return strings.ToValidUTF8(s, "\uFFFD")
}

// findWithoutScheme finds event IDs without a scheme. They must be whole words, because nothing else marks
// them.
func findWithoutScheme(text string) (found []Invitation, wrong error) {
	words := strings.Fields(text)
	for _, word := range words {
		word = strings.TrimLeft(word, `<>"'([{|«“„‘‹`+"`*_")
		i, err := readInvitation(word)
		if err == nil {
			if !slices.ContainsFunc(found, i.equal) {
				found = append(found, i)
			}
		} else if id, _, ok := readID(word); wrong == nil && (ok || len(words) == 1 && len(id) >= eventIDBytes) {
			wrong = err
		}
	}
	return found, wrong
}

// isBase58 reports whether c is a base58 character: a digit or a letter, except 0, O, I and l.
func isBase58(c byte) bool {
	return c >= '1' && c <= '9' || c >= 'A' && c <= 'Z' && c != 'I' && c != 'O' || c >= 'a' && c <= 'z' && c != 'l'
}

// readBase58 collects base58 characters, across line breaks, until done(word) is true or limit is
// reached. It returns them and what follows.
func readBase58(s string, limit int, done func(string) bool) (word, rest string, ok bool) {
	for len(word) < limit && s != "" {
		if at := lineBreak.FindString(s); at != "" && word != "" {
			if next := s[len(at):]; next != "" && isBase58(next[0]) {
				s = next
				continue
			}
			break
		}
		if !isBase58(s[0]) {
			break
		}
		word, s = word+s[:1], s[1:]
		if done(word) {
			return word, s, true
		}
	}
	return word, s, false
}

func readID(s string) (id EventID, rest string, ok bool) {
	word, rest, ok := readBase58(s, maxEventID, func(w string) bool {
		_, err := ParseEventID(w)
		return err == nil
	})
	return EventID(word), rest, ok
}

// readInvitation reads what follows the scheme.
func readInvitation(s string) (Invitation, error) {
	s = strings.TrimLeft(s, " \t\r\n")
	id, rest, ok := readID(s)
	if !ok {
		return Invitation{}, badID(s, string(id), rest)
	}
	i := Invitation{Event: id}
	rest = spacedAt.ReplaceAllString(rest, "@$1")
	if after := skipBreak(rest, "@"); strings.HasPrefix(after, "@") {
		relay, after, err := readRelay(skipBreak(after[1:], ""))
		if err != nil {
			return Invitation{}, err
		}
		i.Relay, rest = relay, after
	}
	if after := skipBreak(rest, "#"); strings.HasPrefix(after, "#") {
		secret, after, err := readSecret(skipBreak(after[1:], ""))
		if err != nil {
			return Invitation{}, err
		}
		i.Secret, rest = secret, after
	}
	r, size := utf8.DecodeRuneInString(rest)
	next, _ := utf8.DecodeRuneInString(rest[size:])
	if unicode.IsLetter(r) || unicode.IsDigit(r) || strings.ContainsRune("@#%?=/", r) && (unicode.IsLetter(next) || unicode.IsDigit(next)) {
		return Invitation{}, fmt.Errorf("%w: the invitation is followed by other characters. Add a space after it, or copy it again", ErrBadInvitation)
	}
	return i, nil
}

// skipBreak skips a line break that is followed by want.
func skipBreak(s, want string) string {
	if at := lineBreak.FindString(s); at != "" && strings.HasPrefix(s[len(at):], want) {
		return s[len(at):]
	}
	return s
}

// readRelay reads the address after the @, without the punctuation of a sentence after it.
func readRelay(s string) (relay, rest string, err error) {
	relay = relayStart.FindString(s)
	rest = s[len(relay):]
	// The end of an address is not marked. The address continues on the next line if a secret follows there,
	// or if that line cannot be anything else.
	for at := lineBreak.FindString(rest); at != ""; at = lineBreak.FindString(rest) {
		next := rest[len(at):]
		incomplete := strings.HasSuffix(relay, "/") || strings.HasSuffix(relay, ":")
		number := oneNumber.MatchString(next) && !portStart.MatchString(relay)
		if !incomplete && (!addressRest.MatchString(next) || number) {
			if maybeAddressRest.MatchString(next) || strings.HasSuffix(relay, "-") {
				return "", "", fmt.Errorf("%w: the relay address %.80q may continue on the next line. Paste the invitation alone, on one line", ErrBadInvitation, relay)
			}
			break
		}
		more := relayStart.FindString("x:" + next)[2:]
		if more == "" {
			break
		}
		relay, rest = relay+more, next[len(more):]
	}
	if trimmed := strings.TrimRight(relay, trailingPunctuation); !strings.HasPrefix(rest, "#") {
		relay, rest = trimmed, relay[len(trimmed):]+rest
	}
	if r, _ := utf8.DecodeRuneInString(rest); relay == "" && (unicode.IsLetter(r) || unicode.IsDigit(r)) {
		return "", "", fmt.Errorf("%w: the relay's address after the @ does not begin with ws:// or wss://", ErrBadInvitation)
	}
	if relay == "" {
		return "", "", fmt.Errorf("%w: it ends after the @, where the relay's address should follow; was it cut off?", ErrBadInvitation)
	}
	if err := CheckRelay(relay); err != nil {
		return "", "", fmt.Errorf("%w: %w", ErrBadInvitation, err)
	}
	return relay, rest, nil
}

func badID(s, word, rest string) error {
	r, _ := utf8.DecodeRuneInString(rest)
	switch {
	case strings.TrimSpace(s) == "":
		return fmt.Errorf("%w: nothing follows \"flyleaf:\". Was the link cut off?", ErrBadInvitation)
	case word == "":
		return fmt.Errorf("%w: what follows the flyleaf: is no event ID", ErrBadInvitation)
	case len(word) < maxEventID && strings.ContainsRune("0OIl", r) && r != utf8.RuneError:
		return fmt.Errorf("%w: its event ID has the character %q, which is not allowed in IDs; copy it again instead of typing it", ErrBadInvitation, r)
	case len(word) < maxEventID-2:
		return fmt.Errorf("%w: its event ID has only %d of its %d characters; was it cut off?", ErrBadInvitation, len(word), maxEventID)
	case len(word) == maxEventID && isBase58Next(rest):
		return fmt.Errorf("%w: its event ID is too long. Did you copy other text with it?", ErrBadInvitation)
	}
	return fmt.Errorf("%w: a character of its event ID is missing or mistyped, as its checksum says; copy it again", ErrBadInvitation)
}

func isBase58Next(s string) bool { return s != "" && isBase58(s[0]) }

// maxSecret is the maximum number of base58 characters of 36 bytes.
const maxSecret = 50

func readSecret(s string) (secret []byte, rest string, err error) {
	var raw []byte
	word, rest, ok := readBase58(s, maxSecret, func(w string) bool {
		if len(w) < SecretSize+checksumBytes { // a character is less than a byte
			return false
		}
		raw, err = base58.Decode(w)
		if err != nil || len(raw) != SecretSize+checksumBytes {
			return false
		}
		sum := checksum(raw[:SecretSize])
		return bytes.Equal(sum[:], raw[SecretSize:])
	})
	switch {
	case ok:
		return raw[:SecretSize:SecretSize], rest, nil
	case len(word) < maxSecret-2:
		return nil, "", fmt.Errorf("%w: what follows the # is not an invitation's secret; was the link cut off?", ErrBadInvitation)
	}
	return nil, "", fmt.Errorf("%w: the secret after the # has a wrong checksum, a character may be mistyped or missing", ErrBadInvitation)
}
