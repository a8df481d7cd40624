package people

import (
	"regexp"
	"strings"

	"flyleaf/qa"
)

// Joins are the words between the last two names of a list, in lower case.
var Joins = map[string]bool{"and": true, "&": true, "und": true, "et": true, "with": true}

// nameSuffix are parts that a comma sets off from the name they belong to.
var nameSuffix = map[string]bool{"jr": true, "sr": true, "ii": true, "iii": true, "iv": true, "phd": true, "ph.d": true, "md": true, "m.d": true, "esq": true}

// IsSuffix reports whether a word, such as "Jr.", belongs to the name before it though a
// comma stands between them. Its case and the full stops after it do not matter.
func IsSuffix(word string) bool {
	return nameSuffix[strings.ToLower(strings.TrimRight(word, "."))]
}

var betweenNames = regexp.MustCompile(`[,;、，；]|\s+(?:and|und|&|et|with)\s+`)

// SplitNames splits a list of names as people write it: "A, B and C". "Jr." and the like
// stay with the name before them; "et al." is left out.
func SplitNames(list string) []string {
	var out []string
	for _, part := range betweenNames.Split(qa.PlainSpaces(list), -1) {
		part = strings.TrimSpace(part)
		part = strings.TrimSpace(strings.TrimPrefix(part, "and "))
		switch {
		case part == "" || strings.EqualFold(strings.TrimRight(part, "."), "al"):
		case IsSuffix(part) && len(out) > 0:
			out[len(out)-1] += ", " + part
		default:
			out = append(out, part)
		}
	}
	return out
}

// ByLine lists the names of the authors of a book: "Ilse Marrow and Teodor Anand".
func ByLine(names []string) string {
	isolated := make([]string, len(names))
	for i, name := range names {
		isolated[i] = Isolate(name)
	}
	return And(isolated)
}

// And joins the parts of a list: "A, B and C".
func And(parts []string) string {
	if len(parts) < 2 {
		return strings.Join(parts, "")
	}
	return strings.Join(parts[:len(parts)-1], ", ") + " and " + parts[len(parts)-1]
}

// Isolate returns a name for use inside a text where <bdi> is not possible. A name
// written from right to left is isolated, so that it does not reorder the text around it.
func Isolate(name string) string {
	const from, to = "\u2068", "\u2069" // first strong isolate, and its end
	for _, r := range name {
		if r >= 0x590 && r < 0x900 || r >= 0xfb1d && r < 0xfe00 || r >= 0xfe70 && r < 0xff00 || r >= 0x10800 && r < 0x11000 || r >= 0x1e800 && r < 0x1f000 {
			return from + name + to
		}
	}
	return name
}
