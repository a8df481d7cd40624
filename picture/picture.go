// Package picture puts a picture into the text of a post, and takes it out again. A picture is the last paragraph of the
// text: a Markdown image whose address has the bytes, ![what it shows](data:image/jpeg;base64,…). So nothing has to be
// loaded, and whatever carries, keeps or hides the text does the same with the picture.
package picture

import (
	"cmp"
	"encoding/base64"
	"fmt"
	"html/template"
	"strings"

	"flyleaf/cover"
)

// The limits of a picture in a post, in bytes. With them, the text may have about 7,500 bytes of other words; see
// schema.MaxText.
const (
	MaxBytes = 18 << 10
	MaxAlt   = 300
)

// Picture is a picture of a post.
type Picture struct {
	Alt           string // what it shows, for those who do not see it
	JPEG          []byte
	Width, Height int // set by In
}

const address = "](data:image/jpeg;base64,"

// In returns the picture in a text, and the words before it. ok is false if the text has none that can be shown: any program
// may have written the bytes.
func In(text string) (words string, p Picture, ok bool) {
	words, p.Alt, text, ok = cut(text)
	if !ok || len(text) > base64.StdEncoding.EncodedLen(MaxBytes) {
		return "", p, false
	}
	var err error
	if p.JPEG, err = base64.StdEncoding.DecodeString(text); err == nil && strings.HasPrefix(string(p.JPEG), "\xff\xd8\xff") {
		p.Width, p.Height, err = cover.Size(p.JPEG, cover.MaxEdge, cover.MaxShownMemory)
		return words, p, err == nil
	}
	return "", p, false
}

// HTML returns the picture as a paragraph of a page, with its size, so that nothing moves when it has been loaded.
func (p Picture) HTML(address string) template.HTML {
	return template.HTML(fmt.Sprintf(`<p class="picture"><img src="%s" alt="%s" width="%d" height="%d" loading="lazy"></p>`, //nolint:gosec // escaped
		template.HTMLEscapeString(address), template.HTMLEscapeString(p.Alt), p.Width, p.Height))
}

// Words returns a text with words in place of its picture.
func Words(text string) string {
	words, alt, _, ok := cut(text)
	if !ok {
		return text
	}
	return add(words, "[Picture: "+alt+"]")
}

// Without returns a text without its picture, if In finds one.
func Without(text string) string {
	if words, _, ok := In(text); ok {
		return words
	}
	return text
}

// Add returns a text with a picture. One without a description says so: programs that do not show it would show its bytes.
func Add(words string, p Picture) string {
	return add(words, "!["+cmp.Or(Clean(p.Alt), "no description")+address+base64.StdEncoding.EncodeToString(p.JPEG)+")")
}

// Clean returns words that say what a picture shows without characters that they cannot have.
func Clean(alt string) string {
	return strings.Join(strings.Fields(strings.NewReplacer("[", "(", "]", ")", `\`, "/").Replace(alt)), " ")
}

func add(words, last string) string {
	if words = strings.TrimSpace(words); words != "" {
		words += "\n\n"
	}
	return words + last
}

// cut returns the parts of a text with a picture.
func cut(text string) (words, alt, data string, ok bool) {
	rest, ok := strings.CutSuffix(text, ")")
	at := strings.LastIndex(rest, address)
	if !ok || at < 0 {
		return "", "", "", false
	}
	words, data = rest[:at], rest[at+len(address):]
	start := strings.LastIndex(words, "![")
	if start < 0 || start+2 == len(words) { // no beginning, or no description
		return "", "", "", false
	}
	words, alt = words[:start], words[start+2:]
	ok = !strings.ContainsAny(alt, "[]\\\n") && !strings.ContainsAny(data, " \n") && (words == "" || strings.HasSuffix(words, "\n\n"))
	return strings.TrimSuffix(words, "\n\n"), alt, data, ok
}
