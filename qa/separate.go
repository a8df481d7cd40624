package qa

import (
	"regexp"
	"strings"
)

// listMark is the mark of a list item at the end of a text.
var listMark = regexp.MustCompile(`(?:^|\n)\s{0,3}(?:\d{1,2}[.)]|[-*+])\s+$`)

// SeparateQuestions cuts a text that asks several things into questions that can be asked separately, each
// with the words before it. Nothing but white space and the marks of a list is lost. nil is returned for a
// text that asks one thing. See SplitQuestion.
func SeparateQuestions(text string) []string {
	var out []string
	at := 0
	for _, p := range partsOf(text) {
		lead := text[at:p.begin]
		if mark := listMark.FindStringIndex(lead); mark != nil {
			lead = strings.TrimSpace(lead[:mark[0]]) + "\n\n"
		}
		out = append(out, strings.TrimSpace(lead+text[p.begin:p.end]))
		at = p.end
	}
	if rest := strings.TrimSpace(text[at:]); rest != "" && len(out) > 0 {
		out[len(out)-1] += "\n\n" + rest
	}
	return out
}
