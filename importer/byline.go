package importer

import (
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"flyleaf/qa/people"
)

// SplitByline reads "TITLE by AUTHORS", followed by any text: the form that announcements and page
// descriptions have. If there are several "by", it uses the one that is followed by a person's
// name, such as the second in "Design by Contract by Ilse Marrow. Recommended by Tino". If the
// title is quoted or between asterisks, the title ends at the closing mark. A mention ("@ilse") is
// a name, whatever its case.
//
// rest is what follows the names. names is nil when no "by" is followed by a name; then title is
// what is before the first "by", and rest what is after it. ok is false without a "by". Only the
// first 2 KiB are read.
func SplitByline(s string) (title string, names []string, rest string, ok bool) {
	s = strings.TrimSpace(head(s, maxByline))
	found := byWord.FindAllStringIndex(s, -1)
	if len(found) == 0 {
		return "", nil, "", false
	}
	best := -1
	var bestNames []string
	marked := markedTitle(s)
	for i, at := range found {
		if at[0] < marked {
			continue // inside the title
		}
		if strings.TrimSpace(s[:at[0]]) == "" {
			continue
		}
		if otherRole.MatchString(s[:at[0]]) {
			continue
		}
		list, end := leadingNames(s[at[1]:])
		if marked > 0 && len(list) > 0 {
			best, bestNames = i, list
			break
		}
		if i+1 < len(found) && end == endAtBy {
			continue // "by Contract by": the title continues
		}
		if len(list) == 0 {
			continue
		}
		// Two words are more certainly a name than one: "Learning by Doing: … by Rosa Lind".
		if best < 0 || !fullName(bestNames[0]) && fullName(list[0]) {
			best, bestNames = i, list
		}
		if fullName(bestNames[0]) || end == endOfSentence {
			break
		}
	}
	if best < 0 {
		i := max(0, slices.IndexFunc(found, func(at []int) bool { return at[0] >= marked }))
		return strings.TrimSpace(s[:found[i][0]]), nil, s[found[i][1]:], true
	}
	return strings.TrimSpace(s[:found[best][0]]), bestNames, s[found[best][1]:], true
}

// otherRole matches text that ends with a role other than author, as in "translated by".
var otherRole = regexp.MustCompile(`(?i)\b(?:translated|edited|published|illustrated|narrated|read|foreword|preface|introduction|recommended|suggested|chosen|sponsored|provided|hosted|organi[sz]ed|named)$`)

var byWord = regexp.MustCompile(`(?i)(?:,?[\s\x{a0}]+written)?[\s\x{a0}]+by[:\s\x{a0}]+`)

// titleMarks are the marks around titles: opening to closing.
var titleMarks = map[rune]rune{'*': '*', '_': '_', '"': '"', '“': '”', '„': '“', '«': '»', '‘': '’', '\'': '\'', '`': '`', '「': '」', '『': '』', '《': '》'}

// afterMark matches what is between a title's closing mark and its authors.
var afterMark = regexp.MustCompile(`^[,;:)\]]?(?:,?[\s\x{a0}]+written)?[\s\x{a0}]+(?i:by)[:\s\x{a0}]`)

// markedTitle returns the length in bytes of a title between marks at the beginning of s, with
// a "by" after it; 0 when there is none.
func markedTitle(s string) int {
	opening, size := utf8.DecodeRuneInString(s)
	closing, ok := titleMarks[opening]
	if !ok {
		return 0
	}
	for i, c := range s {
		if end := i + utf8.RuneLen(c); i > size && c == closing && afterMark.MatchString(s[end:]) {
			return end
		}
	}
	return 0
}

func fullName(name string) bool { return strings.Contains(name, " ") }

// How a list of names ends.
const (
	endAtWord     = iota // a word that is not a name
	endAtBy              // the word "by"
	endOfSentence        // the end of a sentence or of the text
)

// Bounds of a byline.
const (
	maxByline    = 2 << 10 // bytes that are read
	maxNames     = 20
	maxNameWords = 7
)

// abbreviated are words in names whose full stop does not end a sentence.
var abbreviated = map[string]bool{
	"dr": true, "prof": true, "st": true, "jr": true, "sr": true, "mr": true, "mrs": true, "ms": true, "ph.d": true, "phd": true, "m.d": true, "msc": true, "m.sc": true, "b.sc": true, "mag": true, "ing": true,
}

// leadingNames reads the names of people at the beginning of s: words with a capital letter, or in
// a script without capitals, between commas, "and" and "&". The full stops of initials ("S. K.
// Rao") and of "Jr." do not end the list. end says why the list ended (endAtWord and so on).
func leadingNames(s string) (names []string, end int) {
	var name []string
	done := func() {
		if len(name) > 0 && len(names) < maxNames {
			if n := strings.Join(name, " "); people.IsSuffix(n) && len(names) > 0 {
				names[len(names)-1] += ", " + n
			} else {
				names = append(names, n)
			}
		}
		name = nil
	}
	line, _, _ := strings.Cut(strings.TrimLeft(s, " \t\u00a0"), "\n")
	tokens := strings.Fields(line)
	for i, token := range tokens {
		word := strings.Trim(token, "*_~`\"“”«»„()[]@\\‘’'")
		if word == "" {
			continue
		}
		if strings.ContainsAny(token[:1], "([{") {
			done()
			return names, endAtWord
		}
		lower := strings.ToLower(word)
		switch {
		case lower == "by":
			done()
			return names, endAtBy
		case people.Joins[lower]:
			done()
			continue
		}
		stripped := strings.TrimRight(word, ".,;:!?…")
		stops := word[len(stripped):]
		first, _ := utf8.DecodeRuneInString(stripped)
		isName := strings.HasPrefix(token, "@") || unicode.IsLetter(first) && !unicode.IsLower(first) ||
			particles[stripped] && !strings.ContainsAny(stops, ".;:!?")
		if !isName || len(name) >= maxNameWords {
			done()
			return names, endAtWord
		}
		switch {
		case stops == "":
			name = append(name, stripped)
		case stops == "." && people.IsSuffix(stripped) && i+1 < len(tokens) && beginsSentence(tokens[i+1]):
			name = append(name, stripped)
			done()
			return names, endOfSentence
		case strings.HasPrefix(stops, ".") && (initials(stripped) || abbreviated[strings.ToLower(stripped)]):
			name = append(name, stripped+".")
			if strings.ContainsAny(stops[1:], ";:!?…") {
				done()
				return names, endOfSentence
			}
			if strings.Contains(stops, ",") {
				done()
			}
		case strings.HasPrefix(stops, ",") || strings.HasPrefix(stops, ";"):
			name = append(name, stripped)
			done()
		default:
			name = append(name, stripped)
			done()
			if strings.HasPrefix(stops, ":") {
				return names, endAtWord
			}
			return names, endOfSentence
		}
	}
	done()
	return names, endOfSentence
}

// beginsSentence reports whether a word after "Jr." begins a sentence, and is not a part of
// the list of names.
func beginsSentence(token string) bool {
	first, _ := utf8.DecodeRuneInString(token)
	return unicode.IsUpper(first)
}

// initials reports whether a word is one letter, or single letters between full stops.
func initials(word string) bool {
	for part := range strings.SplitSeq(word, ".") {
		if utf8.RuneCountInString(part) > 1 {
			return false
		}
	}
	return true
}
