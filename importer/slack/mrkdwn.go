package slack

import (
	"regexp"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"flyleaf/markdown"
)

// Slack's mrkdwn becomes Markdown in four steps:
//
//  1. Code, links, mentions and emoji, which must not be changed, are replaced by marks.
//  2. Formatting is converted (*a* to **a**, ~a~ to ~~a~~), and characters that only look
//     like Markdown are escaped.
//  3. Lines become items of lists and quotes.
//  4. Marks are replaced by what they stand for.

// A mark is a number between these noncharacters, which Unicode reserves for use inside a
// program.
const (
	markOpen  = '\ufdd0'
	markClose = '\ufdd1'
)

var (
	fenced   = regexp.MustCompile("(?s)```(.*?)```")
	code     = regexp.MustCompile("`([^`\n]+)`")
	entity   = regexp.MustCompile(`<([^<>\n]+)>`)
	emojiRef = regexp.MustCompile(`^:([a-z0-9_+'-]+(?:::skin-tone-[2-6])?):`)
	marked   = regexp.MustCompile(string(markOpen) + `(\d+)` + string(markClose))
)

// decoder decodes the three characters that Slack encodes.
var decoder = strings.NewReplacer("&amp;", "&", "&lt;", "<", "&gt;", ">")

// writer converts one text.
type writer struct {
	r      *reader
	typed  map[string]int // how many emoji of each name the text has, by Slack's rich text
	marked []string       // what the marks stand for, by their numbers
}

// put stores s, and returns the mark that stands for s.
func (w *writer) put(s string) string {
	w.marked = append(w.marked, s)
	return string(markOpen) + strconv.Itoa(len(w.marked)-1) + string(markClose)
}

// restore replaces marks by what they stand for. A replacement may itself contain marks, but only
// marks with lower numbers.
func (w *writer) restore(s string) string {
	for range 3 {
		if !strings.ContainsRune(s, markOpen) {
			break
		}
		s = marked.ReplaceAllStringFunc(s, func(m string) string {
			i, err := strconv.Atoi(m[len(string(markOpen)) : len(m)-len(string(markClose))])
			if err != nil || i >= len(w.marked) {
				return ""
			}
			return w.marked[i]
		})
	}
	return s
}

// clean removes marks, NUL characters and invalid UTF-8, and makes every line end with \n.
func clean(s string) string {
	s = strings.NewReplacer("\x00", "", string(markOpen), "", string(markClose), "", "\r\n", "\n", "\r", "\n").Replace(s)
	return strings.ToValidUTF8(s, "\uFFFD")
}

// mrkdwn converts a text of Slack. typed has the number of emoji by name as Slack's rich text lists
// them, or nil: a code that appears as often as that is an emoji, even inside a word.
func (r *reader) mrkdwn(text string, typed map[string]int) string {
	w := &writer{r: r, typed: typed}
	s := clean(text)
	s = fenced.ReplaceAllStringFunc(s, func(m string) string {
		body := strings.Trim(w.plainEntities(m[3:len(m)-3]), "\n")
		// A fence needs lines of its own.
		return "\n" + w.put(fence(body)) + "\n"
	})
	s = code.ReplaceAllStringFunc(s, func(m string) string { return w.put("`" + w.plainEntities(m[1:len(m)-1]) + "`") })
	s = entity.ReplaceAllStringFunc(s, func(m string) string { return w.entity(m[1 : len(m)-1]) })
	s = w.emojiCodes(s)

	var lines []string
	quoted := false // after >>> all lines are quoted
	for line := range strings.SplitSeq(s, "\n") {
		quote := ""
		if rest, ok := strings.CutPrefix(line, "&gt;&gt;&gt;"); ok {
			quoted, line = true, strings.TrimPrefix(rest, " ")
		} else if rest, ok := strings.CutPrefix(line, "&gt;"); ok {
			quote, line = "> ", strings.TrimPrefix(rest, " ")
		}
		if quoted {
			quote = "> "
		}
		lines = append(lines, strings.TrimRight(quote+w.line(line), " "))
	}
	return strings.TrimSpace(squeeze(w.restore(strings.Join(separated(lines), "\n"))))
}

// fence writes a block of code. Its fence is longer than any fence in the code.
func fence(body string) string {
	ticks := "```"
	for strings.Contains(body, ticks) {
		ticks += "`"
	}
	return ticks + "\n" + body + "\n" + ticks
}

// plainEntities writes the inside of code, with the words of links and mentions.
func (w *writer) plainEntities(s string) string {
	s = entity.ReplaceAllStringFunc(s, func(m string) string {
		in := m[1 : len(m)-1]
		if strings.ContainsAny(in[:1], "@#!") {
			return w.mention(in)
		}
		target, label, ok := strings.Cut(in, "|")
		if ok {
			return label
		}
		return target
	})
	return decoder.Replace(s)
}

// emojiCodes converts emoji codes to emoji. The code of an unknown emoji is kept as it is.
func (w *writer) emojiCodes(s string) string {
	var out strings.Builder
	done := 0
	for i := 0; i < len(s); i++ {
		if s[i] != ':' {
			continue
		}
		n := markdown.EmojiCode(s, i)
		if n == 0 {
			m := emojiRef.FindStringSubmatch(s[i:min(len(s), i+maxEmojiRef)])
			if m == nil || w.typed[m[1]] == 0 || strings.Count(s, m[0]) != w.typed[m[1]] {
				continue
			}
			n = len(m[0])
		}
		out.WriteString(s[done:i])
		code := s[i : i+n]
		if e, ok := unicodeEmoji(code[1 : n-1]); ok {
			code = e
		}
		out.WriteString(w.put(code))
		done = i + n
		i = done - 1
	}
	return out.String() + s[done:]
}

// maxEmojiRef bounds in bytes the name of an emoji with its colons.
const maxEmojiRef = 100

// mention returns the name in <@U…>, <#C…|name>, <!here> and the like. in is the inside.
func (w *writer) mention(in string) string {
	id, label, _ := strings.Cut(in[1:], "|")
	label = oneLine(decoder.Replace(label))
	switch in[0] {
	case '@':
		if u, ok := w.r.users[id]; ok && u.name() != "" {
			return "@" + u.name()
		}
		if label != "" {
			return "@" + strings.TrimPrefix(label, "@")
		}
		return "@" + id
	case '#':
		if label == "" {
			label = w.r.channels[id]
		}
		if label == "" {
			label = id
		}
		return "#" + label
	}
	// <!here>, <!subteam^S…|@group>, <!date^…|words>
	switch {
	case label != "":
		return label
	case strings.HasPrefix(id, "subteam^"):
		return "@" + strings.TrimPrefix(id, "subteam^")
	case strings.HasPrefix(id, "date^"):
		return "(a date)"
	}
	return "@" + id
}

// web matches the addresses that become links.
var web = regexp.MustCompile(`(?i)^(https?://|mailto:)[^\s]+$`)

// entity converts what is between < and >.
func (w *writer) entity(in string) string {
	if strings.ContainsAny(in[:1], "@#!") {
		return w.put(escape(w.mention(in)))
	}
	target, label, _ := strings.Cut(in, "|")
	target, label = decoder.Replace(target), decoder.Replace(label)
	return w.put(link(target, label))
}

// link writes a link with its words. An address without words stays as it is.
func link(target, label string) string {
	label = strings.TrimSpace(strings.ReplaceAll(label, "\n", " "))
	bare := strings.TrimPrefix(strings.TrimPrefix(strings.TrimPrefix(target, "mailto:"), "http://"), "https://")
	switch {
	case !web.MatchString(target):
		if label != "" {
			return escape(label) // tel: and others; the words are enough
		}
		return escape(target)
	case label == "" || label == target || label == bare || label == strings.TrimSuffix(bare, "/"):
		if strings.HasPrefix(target, "mailto:") {
			return bare
		}
		return target
	}
	dest := strings.NewReplacer(" ", "%20", "<", "%3C", ">", "%3E", "(", "%28", ")", "%29", "\\", "%5C").Replace(target)
	return "[" + escape(label) + "](" + dest + ")"
}

var (
	bullet  = regexp.MustCompile(`^( *)(•|◦|▪︎?|▪️|‣|⁃) *`)
	opening = regexp.MustCompile(`^( {0,3})(#{1,6}(?: |$)|[-+*] |\d{1,9}[.)] |={2,}|-{2,}\s*$|~{3})`)
	// The second row of a table; without one there is no table.
	delimiters = regexp.MustCompile(`^[ \t|:-]*-[ \t|:-]*$`)
)

// line converts one line: its bullet, then its formatting.
func (w *writer) line(s string) string {
	indent := ""
	if m := bullet.FindStringSubmatch(s); m != nil {
		depth := 0
		switch m[2][:3] {
		case "◦"[:3]:
			depth = 1
		case "▪"[:3]:
			depth = 2
		}
		indent = strings.Repeat("  ", max(depth, len(m[1])/4)) + "- "
		s = s[len(m[0]):]
	} else if m := opening.FindStringSubmatch(s); m != nil {
		switch c := m[2][0]; {
		case c == '#' || c == '=' || c == '~' || c == '-' && m[2][1] == '-':
			indent, s = m[1]+"\\"+m[2][:1], s[len(m[1])+1:]
		case c == '*' || c == '-' || c == '+' || c >= '0' && c <= '9':
			indent, s = m[1]+m[2], s[len(m[0]):]
		}
	} else if trimmed := strings.TrimLeft(s, " \t"); len(s)-len(trimmed) >= 4 || strings.HasPrefix(s, "\t") {
		s = trimmed // four spaces would make the line code
	}
	if strings.Contains(s, "|") && delimiters.MatchString(s) {
		return indent + strings.ReplaceAll(s, "|", `\|`)
	}
	return indent + w.format(s, 0)
}

// formatSigns are Slack's signs of formatting, each with that of Markdown.
var formatSigns = map[rune]string{'*': "**", '_': "_", '~': "~~"}

// maxFormats bounds formatting inside formatting.
const maxFormats = 4

// format converts *bold*, _italic_ and ~struck~, and escapes the rest.
func (w *writer) format(s string, depth int) string {
	var b strings.Builder
	plain := 0 // start of the text that is not yet written
	prev := ' '
	for i := 0; i < len(s); {
		c, size := utf8.DecodeRuneInString(s[i:])
		to, is := formatSigns[c]
		if is && depth < maxFormats && !inWord(prev) && prev != c {
			if end := closing(s[i+1:], byte(c)); end > 0 {
				inner := s[i+1 : i+1+end]
				b.WriteString(escape(decoder.Replace(s[plain:i])))
				b.WriteString(to + w.format(inner, depth+1) + to)
				i += end + 2
				plain, prev = i, c
				continue
			}
		}
		prev = c
		i += size
	}
	b.WriteString(escape(decoder.Replace(s[plain:])))
	return b.String()
}

// closing returns the index in s of the sign c that closes the sign before s, 0 if none does. A
// closing sign is on the same line, and has no space before it and no letter after it.
func closing(s string, c byte) int {
	if s == "" || s[0] == ' ' || s[0] == c {
		return 0
	}
	for i := 1; i < len(s); i++ {
		if s[i] != c {
			continue
		}
		next, _ := utf8.DecodeRuneInString(s[i+1:])
		if s[i-1] == ' ' || s[i-1] == c {
			return 0
		}
		if i+1 == len(s) || !inWord(next) && next != rune(c) {
			return i
		}
	}
	return 0
}

// inWord reports whether a character is part of a word.
func inWord(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }

var reference = regexp.MustCompile(`^&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});`)

// escape writes plain text as Markdown: with a backslash before every character that Markdown
// would read as markup.
func escape(s string) string {
	var b strings.Builder
	r := []rune(s)
	at := func(i int) rune {
		if i < 0 || i >= len(r) {
			return ' '
		}
		return r[i]
	}
	for i, c := range r {
		prev, next := at(i-1), at(i+1)
		spaced := unicode.IsSpace(prev) && unicode.IsSpace(next)
		esc := false
		switch c {
		case '*':
			esc = !spaced
		case '_':
			esc = !spaced && !(inWord(prev) && inWord(next))
		case '~':
			esc = prev == '~' || next == '~'
		case '\\':
			// After the last character of a piece there may be a sign.
			esc = i == len(r)-1 || next < utf8.RuneSelf && (unicode.IsPunct(next) || unicode.IsSymbol(next))
		case ']':
			esc = next == '(' || next == '['
		case '`':
			esc = true
		case '&':
			esc = reference.MatchString(string(r[i:min(len(r), i+40)]))
		}
		if esc {
			b.WriteByte('\\')
		}
		b.WriteRune(c)
	}
	return b.String()
}

var listItem = regexp.MustCompile(`^ *(?:[-+*]|\d{1,9}[.)]) `)

// separated adds an empty line after each list and quote, which would otherwise include the line
// below.
func separated(lines []string) []string {
	var out []string
	kind := func(s string) string {
		switch {
		case strings.HasPrefix(s, "> ") || s == ">":
			return "quote"
		case listItem.MatchString(s):
			return "list"
		case strings.TrimSpace(s) == "":
			return ""
		}
		return "text"
	}
	for i, l := range lines {
		if i > 0 {
			before, here := kind(lines[i-1]), kind(l)
			if here == "text" && (before == "list" || before == "quote") || here == "list" && before == "quote" {
				out = append(out, "")
			}
		}
		out = append(out, l)
	}
	return out
}

// squeeze replaces several empty lines by one, outside code.
func squeeze(s string) string {
	var out []string
	fence := ""
	for l := range strings.SplitSeq(s, "\n") {
		if t := strings.TrimLeft(l, "> "); strings.HasPrefix(t, "```") {
			ticks := t[:len(t)-len(strings.TrimLeft(t, "`"))]
			switch {
			case fence == "":
				fence = ticks
			case t == fence:
				fence = ""
			}
		}
		if fence == "" && l == "" && len(out) > 0 && out[len(out)-1] == "" {
			continue
		}
		out = append(out, l)
	}
	return strings.Join(out, "\n")
}
