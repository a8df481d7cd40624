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
