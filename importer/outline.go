package importer

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"flyleaf/qa"
	"flyleaf/weekfile"
)

// An outline is an import as editable text. A person corrects it, then imports the outline instead
// of the original file. Its messages keep their sources, so importing both files adds nothing
// twice.
//
//	flyleaf outline 1
//	# comment                       any line that begins with # and is between messages
//	format: page                    the head: key, colon, value
//	source: page:20210308-title
//	title: …
//	subtitle: …
//	authors: …
//	starts: 2021-03-08 00:00:00     UTC
//	ends: …
//	link: {"text":…,"url":…}        JSON; repeated for each link
//	x NAME: "…"                     JSON; repeated for each value
//	description:
//	    lines of text               indented by four spaces
//
//	Q 21: Name                      a question; 21 is the line of the file it was made from
//	    lines of text
//	  R? 25: Name                   a reply; ? marks a guess, ?? an uncertain guess
//	    lines of text
//	  RR: Name                      a reply to that reply, and so on
//
// To correct a guess, change Q to R or R to Q. The reader ignores indentation of up to three
// spaces, the marks ? and the line numbers, and treats every decision as confirmed.
const outlineMagic = "flyleaf outline "

const outlineVersion = outlineMagic + "1"

const outlineHelp = `# Correct what was guessed, then import this file in place of the page.
# A line "Q" opens a thread; a line "R" replies in the thread above it. Change the letter.
# "?" marks a guess, "??" an uncertain one: check those first. You need not remove the marks.
# The number is the line in the page. Texts are indented by four spaces.
`

// textIndent begins every line of a text.
const textIndent = "    "

// ErrNoOutline is returned by WriteOutline for an import from JSON. Such an import has no guesses,
// and its messages have sources that an outline cannot store.
var ErrNoOutline = errors.New("a JSON import has no outline: the JSON already gives the threads. Import the JSON file itself")

// WriteOutline writes im as an outline. It returns ErrNoOutline, or the error of w.
func WriteOutline(w io.Writer, im qa.Imported) error {
	if im.Format == string(weekfile.FormatJSON) {
		return ErrNoOutline
	}
	var b bytes.Buffer
	b.WriteString(outlineVersion + "\n" + outlineHelp)
	head := func(key, value string) {
		if value != "" {
			fmt.Fprintf(&b, "%s: %s\n", key, strings.Join(strings.Fields(value), " "))
		}
	}
	e := &im.Event
	head("format", im.Format)
	head("source", im.Source)
	head("title", e.Title)
	head("subtitle", e.Subtitle)
	head("authors", e.Authors)
	if e.StartsAtMillis != 0 {
		head("starts", weekfile.FormatTime(e.StartsAtMillis))
	}
	if e.EndsAtMillis != 0 {
		head("ends", weekfile.FormatTime(e.EndsAtMillis))
	}
	for _, l := range e.Links {
		fmt.Fprintf(&b, "link: %s\n", toLine(l))
	}
	for _, key := range slices.Sorted(maps.Keys(e.X)) {
		fmt.Fprintf(&b, "x %s: %s\n", key, toLine(e.X[key]))
	}
	if e.Description != "" {
		b.WriteString("description:\n")
		writeText(&b, e.Description)
	}

	var distance []int
	if im.Guesses > 0 {
		posts := slices.Clone(im.Posts) // guessThreads changes them
		distance = guessThreads(splitAuthors(e.Authors), posts)
	}
	depth := make([]int, len(im.Posts))
	for i := range im.Posts {
		p := &im.Posts[i]
		letters := "Q"
		if p.Parent >= 0 {
			depth[i] = depth[p.Parent] + 1
			letters = "  " + strings.Repeat("R", depth[i])
		}
		if p.Guessed {
			letters += "?"
			if i < len(distance) && distance[i] <= uncertain {
				letters += "?"
			}
		}
		if p.Line > 0 {
			letters += " " + strconv.Itoa(p.Line)
		}
		fmt.Fprintf(&b, "\n%s: %s\n", letters, nameLine(p.Name))
		writeText(&b, p.Text)
	}
	if _, err := w.Write(b.Bytes()); err != nil {
		return fmt.Errorf("write an outline: %w", err)
	}
	return nil
}

// nameLine writes a name on one line: as JSON if plain text would not be read back unchanged.
func nameLine(name string) string {
	if name == strings.Join(strings.Fields(name), " ") && !strings.HasPrefix(name, `"`) {
		return name
	}
	return toLine(name)
}

// toLine writes v as JSON without line breaks.
func toLine(v any) string {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil { // strings and links have no value that JSON refuses
		return `""`
	}
	return strings.TrimSpace(b.String())
}

// writeText writes the lines of a text. Text that begins or ends with empty lines, or contains
// other line-break characters, is written as one line of JSON.
func writeText(b *bytes.Buffer, text string) {
	if text == "" {
		return
	}
	if !survivesIndent(text) {
		b.WriteString(textIndent + jsonText + toLine(text) + "\n")
		return
	}
	for line := range strings.SplitSeq(text, "\n") {
		if line == "" {
			b.WriteByte('\n')
			continue
		}
		b.WriteString(textIndent + line + "\n")
	}
}

// survivesIndent reports whether a text is unchanged after it was written as indented lines and
// read again.
func survivesIndent(text string) bool {
	if strings.Trim(text, "\n") != text || strings.ContainsAny(text, "\r\x00") || strings.HasPrefix(text, jsonText) {
		return false
	}
	for line := range strings.SplitSeq(text, "\n") {
		if line != "" && strings.TrimSpace(line) == "" {
			return false
		}
	}
	return true
}

// jsonText begins the line of a text that is written as JSON.
const jsonText = "json: "

// uncertain is the largest distance (see guessThreads) at which a guess is marked ??.
const uncertain = 1

// Letters, line number, name.
var outlinePost = regexp.MustCompile(`^ {0,3}([Qq]|[Rr]+)\?{0,2}(?: +(\d{1,9}))? *:(.*)$`)

// ReadOutline reads an outline that WriteOutline wrote and a person may have corrected. The result
// has no guesses. An *InputError with the line is returned when the outline is refused.
func ReadOutline(name string, b []byte) (qa.Imported, error) {
	s, err := clean(name, b)
	if err != nil {
		return qa.Imported{}, err
	}
	r := &outlineReader{name: name}
	n := 0
	for line := range strings.SplitSeq(s, "\n") {
		n++
		if err := r.readLine(n, line); err != nil {
			return qa.Imported{}, err
		}
	}
	if !r.begun {
		return qa.Imported{}, refuse(name, 1, ErrSyntax, "the first line is not %q", outlineVersion)
	}
	if err := r.flush(); err != nil {
		return qa.Imported{}, err
	}
	if r.im.Format == "" {
		r.im.Format = string(weekfile.FormatOutline)
	}
	authors := r.authors()
	if err := checkAuthors(name, authors); err != nil {
		return qa.Imported{}, err
	}
	markAuthors(authors, r.im.Posts)
	if err := finish(name, &r.im); err != nil {
		return qa.Imported{}, err
	}
	return r.im, nil
}

type outlineReader struct {
	name   string
	im     qa.Imported
	begun  bool     // the first line was read
	into   *string  // where flush stores the text that is being read; nil: no text may follow
	text   []string // the lines of that text so far
	textAt int      // the number of its first line
	path   []int    // indices of the open question, its latest reply, the latest reply to that reply …
}

func (r *outlineReader) refuse(line int, format string, args ...any) error {
	return refuse(r.name, line, ErrSyntax, format, args...)
}

func (r *outlineReader) readLine(n int, line string) error {
	empty := strings.TrimSpace(line) == ""
	switch {
	case !r.begun && empty:
		return nil
	case !r.begun:
		if strings.TrimSpace(line) != outlineVersion {
			return r.refuse(n, "the first line is %q, but must be %q", beginning(line), outlineVersion)
		}
		r.begun = true
		return nil
	case empty:
		if r.text != nil {
			r.text = append(r.text, "")
		}
		return nil
	case strings.HasPrefix(line, "#"):
		return nil
	case strings.HasPrefix(line, "\t"):
		return r.refuse(n, "the line begins with a tab; texts are indented by %d spaces", len(textIndent))
	}
	if rest, ok := strings.CutPrefix(line, textIndent); ok {
		if r.into == nil {
			return r.refuse(n, "text outside of a message or the description")
		}
		if r.text == nil {
			r.textAt = n
		}
		r.text = append(r.text, rest)
		return nil
	}
	if m := outlinePost.FindStringSubmatch(line); m != nil {
		return r.post(n, m)
	}
	if r.path != nil {
		return r.refuse(n, "%q is neither a message (\"Q: name\" or \"R: name\") nor text, which is indented by %d spaces", beginning(line), len(textIndent))
	}
	return r.head(n, line)
}

// flush stores the lines read so far in r.into.
func (r *outlineReader) flush() error {
	if r.text == nil {
		r.into = nil
		return nil
	}
	text := strings.TrimRight(strings.Join(r.text, "\n"), "\n")
	if rest, ok := strings.CutPrefix(text, jsonText); ok {
		if err := json.Unmarshal([]byte(rest), &text); err != nil {
			return r.refuse(r.textAt, "after %q there must be a JSON string: %v", jsonText, err)
		}
	}
	*r.into, r.into, r.text = text, nil, nil
	return nil
}

// post reads the line that begins a message. m holds the groups of outlinePost.
func (r *outlineReader) post(n int, m []string) error {
	if err := r.flush(); err != nil {
		return err
	}
	if len(r.im.Posts) >= MaxMessages {
		return refuse(r.name, n, ErrTooBig, "more than %d messages", MaxMessages)
	}
	p := qa.ImportedPost{Parent: -1, Line: n, Name: strings.TrimSpace(m[3])}
	if strings.HasPrefix(p.Name, `"`) {
		if err := json.Unmarshal([]byte(p.Name), &p.Name); err != nil {
			return r.refuse(n, "a name that begins with a quotation mark must be a JSON string: %v", err)
		}
	}
	if p.Name == "" {
		return r.refuse(n, "the message has no name; write %s if there is none", qa.NoName)
	}
	if m[2] != "" {
		p.Line, _ = strconv.Atoi(m[2]) // nine digits at most
	}
	depth := 0
	if m[1] != "Q" && m[1] != "q" {
		depth = len(m[1])
	}
	switch {
	case depth > MaxDepth:
		return r.refuse(n, "replies nested more than %d levels deep", MaxDepth)
	case depth > len(r.path) && depth == 1:
		return r.refuse(n, "a reply before the first question; change R to Q")
	case depth > len(r.path):
		return r.refuse(n, "no %s above this %s to reply to", strings.Repeat("R", depth-1), strings.Repeat("R", depth))
	case depth > 0:
		p.Parent = r.path[depth-1]
	}
	r.path = append(r.path[:depth], len(r.im.Posts))
	r.im.Posts = append(r.im.Posts, p)
	r.into = &r.im.Posts[len(r.im.Posts)-1].Text
	return nil
}

func (r *outlineReader) head(n int, line string) error {
	if err := r.flush(); err != nil {
		return err
	}
	e := &r.im.Event
	key, value, ok := strings.Cut(line, ":")
	key, value = strings.TrimSpace(key), strings.TrimSpace(value)
	if !ok {
		return r.refuse(n, "%q is not \"key: value\"", beginning(line))
	}
	x, isX := strings.CutPrefix(key, "x ")
	switch {
	case key == "format" && (value == string(weekfile.FormatPage) || value == string(weekfile.FormatJekyll) || value == string(weekfile.FormatOutline)):
		r.im.Format = value
	case key == "source":
		r.im.Source = value
	case key == "title":
		e.Title = value
	case key == "subtitle":
		e.Subtitle = value
	case key == "authors":
		e.Authors = value
	case key == "starts" && value != "":
		if e.StartsAtMillis, ok = weekfile.ParseTime(value, false); !ok {
			return r.refuse(n, "%q is not a time such as 2021-03-08 00:00:00", beginning(value))
		}
	case key == "ends" && value != "":
		if e.EndsAtMillis, ok = weekfile.ParseTime(value, true); !ok {
			return r.refuse(n, "%q is not a time such as 2021-03-08 00:00:00", beginning(value))
		}
	case key == "starts" || key == "ends":
	case key == "link":
		var l qa.Link
		if err := json.Unmarshal([]byte(value), &l); err != nil {
			return r.refuse(n, "a link is {\"text\":…,\"url\":…}: %v", err)
		}
		e.Links = append(e.Links, l)
	case isX:
		var v string
		if err := json.Unmarshal([]byte(value), &v); err != nil {
			return r.refuse(n, "an `x` value must be a JSON string: %v", err)
		}
		if e.X == nil {
			e.X = map[string]string{}
		}
		e.X[x] = v
	case key == "description" && value == "":
		r.into = &e.Description
	default:
		return r.refuse(n, "unknown key %q", beginning(key))
	}
	return nil
}

// authors returns the authors with their person IDs, where a Jekyll page gave them.
func (r *outlineReader) authors() []author {
	out := splitAuthors(r.im.Event.Authors)
	var was weekfile.WrittenAuthors
	if json.Unmarshal([]byte(r.im.Event.X[weekfile.XAuthors]), &was) == nil && was.Shown == r.im.Event.Authors && len(was.Written) == len(out) {
		for i := range out {
			out[i].id = was.Written[i]
		}
	}
	return out
}
