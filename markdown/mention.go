package markdown

import (
	"html/template"
	"regexp"
	"strings"
)

// mentionLength is how many characters of an identity a mention has: as many as the ID of a post has of its writer's.
const mentionLength = 16

// mentionScheme begins the address of a link that mentions a person.
const mentionScheme = "person:"

var (
	mentionAddress = regexp.MustCompile(`^` + mentionScheme + `([0-9a-f]{16})$`)
	// mentioned matches a mention in what HTML returns. There are no elements in it but inline ones, and no other span.
	mentioned = regexp.MustCompile(`<span data-person="([0-9a-f]{16})">(.*?)</span>`)
)

// Mention returns the text that mentions a person by their identity: a link. Where nobody knows whom it means, its
// text is shown, so the name is in it as well.
func Mention(name, identity string) string {
	var b strings.Builder
	b.WriteString("[@")
	for _, r := range strings.Join(strings.Fields(name), " ") {
		if r < 0x80 && strings.ContainsRune("!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~", r) {
			b.WriteByte('\\')
		}
		b.WriteRune(r)
	}
	b.WriteString("](" + mentionScheme + identity[:min(len(identity), mentionLength)] + ")")
	return b.String()
}

// MentionKey returns the part of an identity that a mention has.
func MentionKey(identity string) string { return identity[:min(len(identity), mentionLength)] }

// ReplaceMentions replaces each mention in what HTML has returned. show gets the key of the person (see MentionKey) and the
// words that stand for them, as HTML, and returns HTML.
func ReplaceMentions(text template.HTML, show func(key, words string) template.HTML) template.HTML {
	if !strings.Contains(string(text), "<span data-person=") {
		return text
	}
	return template.HTML(mentioned.ReplaceAllStringFunc(string(text), func(s string) string { //nolint:gosec // what is replaced is safe, and so is what show returns
		m := mentioned.FindStringSubmatch(s)
		return string(show(m[1], m[2]))
	}))
}
