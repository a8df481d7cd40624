// Package importer reads a week from other formats: Jekyll pages (ReadJekyll), the plain
// text of a week's web page (ReadPage), an import that a person has corrected
// (ReadOutline) and Flyleaf's own JSON (ReadJSON); package slack reads Slack exports.
// Each reader returns a qa.Imported: a week before it becomes changes.
//
// Guarantees:
//   - A file is read whole or refused whole. An error names the line where it is known.
//   - What was understood and not taken is listed in Imported.Skipped.
//   - Everything in an Imported keeps the limits of the event document (qa.Event.Validate).
//   - The same bytes give the same Imported, with the same sources, on every device.
//   - What the reader decided and the file does not say is marked and counted.
//
// Input may be hostile: size, number of messages, depth and the work that YAML aliases
// make are bounded. The package uses no network, disk or clock.
package importer

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"flyleaf/qa"
	"flyleaf/schema"
	"flyleaf/weekfile"
)

// Bounds of one input. A week of the archive has some 400 messages and 200 KiB.
const (
	MaxInput    = 4 << 20 // bytes
	MaxMessages = 10_000
	MaxDepth    = 50 // replies to replies to …
)

// The reasons why an input is refused. A refused input has changed nothing.
var (
	// ErrUnknownFormat is returned by Detect when the bytes are in no format that is read.
	ErrUnknownFormat = errors.New("no week can be read from it")
	// ErrTooBig is returned for inputs over MaxInput bytes or MaxMessages messages.
	ErrTooBig = errors.New("the file is too big")
	// ErrNotUTF8 is returned for inputs that are not UTF-8 text.
	ErrNotUTF8 = errors.New("the file is not UTF-8 text")
	// ErrSyntax is returned when the input breaks the rules of its own format.
	ErrSyntax = errors.New("the file cannot be read as this format")
	// ErrLimit is returned when something is larger than an event may hold.
	ErrLimit = errors.New("it does not fit into an event")
	// ErrDates is returned for a week whose times contradict each other.
	ErrDates = errors.New("the dates contradict each other")
	// ErrNoTitle is returned when no title is found.
	ErrNoTitle = errors.New("the week has no title")
)

// InputError says which file was refused, where and why. It wraps one of the
// reasons above.
type InputError struct {
	Name   string // the input's name, as it was given
	Line   int    // 1-based; 0: the whole file
	Detail string
	Err    error
}

// Error says what happened, where, and that nothing was taken.
func (e *InputError) Error() string {
	var b strings.Builder
	if e.Name != "" {
		b.WriteString(e.Name)
		if e.Line > 0 {
			b.WriteString(":" + strconv.Itoa(e.Line))
		}
		b.WriteString(": ")
	} else if e.Line > 0 {
		b.WriteString("line " + strconv.Itoa(e.Line) + ": ")
	}
	b.WriteString(e.Err.Error())
	if e.Detail != "" {
		b.WriteString(": " + e.Detail)
	}
	b.WriteString("; nothing was imported from it")
	return b.String()
}

// Unwrap returns the reason.
func (e *InputError) Unwrap() error { return e.Err }

func refuse(name string, line int, err error, format string, args ...any) error {
	return &InputError{Name: name, Line: line, Err: err, Detail: fmt.Sprintf(format, args...)}
}

// otherFiles are kinds of files that people give to an import and that are no week of
// text, by their first bytes: each is told what it is.
var otherFiles = []struct{ begins, says string }{
	{"PK\x03\x04", "it is a ZIP file; a Slack export is read with its channel named, another ZIP has to be unpacked"},
	{"\x85\x6f\x4a\x83", "it is an Automerge file, which holds changes without their signatures, so nobody can tell who wrote what; `flyleaf export --format bundle` writes the event with them, and that is imported"},
	{"SQLite format 3\x00", "it is a database; `flyleaf export` writes what a data directory holds, event by event"},
	{"\xff\xfe", "it is text in UTF-16; save it as UTF-8 and import it again"},
	{"\xfe\xff", "it is text in UTF-16; save it as UTF-8 and import it again"},
	{"%PDF-", "it is a PDF; copy its text into a file, or import the page it was made from"},
	{"\x1f\x8b", "it is compressed (gzip); unpack it first"},
	{"\x89PNG", "it is a picture"},
	{"\xff\xd8\xff", "it is a picture"},
	{"<!doctype html", "it is a page as HTML; open it in a browser and save its text, or import the file it was made from"},
	{"<!DOCTYPE html", "it is a page as HTML; open it in a browser and save its text, or import the file it was made from"},
	{"<html", "it is a page as HTML; open it in a browser and save its text, or import the file it was made from"},
	{"BEGIN:VCALENDAR", "it is a calendar, which holds the days of a week and not what was said in it"},
}

// Detect says which format b is in, by its content; the name serves only the
// error. ErrUnknownFormat, ErrNotUTF8 or ErrTooBig is returned.
func Detect(name string, b []byte) (weekfile.Format, error) {
	for _, known := range otherFiles {
		if bytes.HasPrefix(b, []byte(known.begins)) {
			return "", refuse(name, 0, ErrUnknownFormat, "%s", known.says)
		}
	}
	s, err := clean(name, b)
	if err != nil {
		return "", err
	}
	switch trimmed := strings.TrimLeft(s, " \t\n"); {
	case strings.HasPrefix(trimmed, outlineMagic):
		return weekfile.FormatOutline, nil
	case isFence(firstLine(trimmed)):
		return weekfile.FormatJekyll, nil
	case strings.HasPrefix(trimmed, "{"):
		return weekfile.FormatJSON, nil
	}
	switch {
	case weekfile.IsCSV(s):
		return "", refuse(name, 0, ErrUnknownFormat, "it is CSV as Flyleaf publishes it, for spreadsheets; import the week's Jekyll page, JSON or bundle")
	case weekfile.IsMarkdown(s):
		return "", refuse(name, 0, ErrUnknownFormat, "it is Markdown as Flyleaf publishes it, for readers; import the week's Jekyll page, JSON or bundle")
	case looksLikePage(s):
		return weekfile.FormatPage, nil
	}
	return "", refuse(name, 0, ErrUnknownFormat,
		"it is neither a Jekyll page (which begins with a line ---), nor the text of a week's page (with %q or the week's dates), nor an outline, nor Flyleaf's JSON", weekfile.Heading)
}

// Read reads b in whatever format Detect finds. people is what PeopleFromFiles
// returns, and may be nil.
func Read(name string, b []byte, people map[string]string) (qa.Imported, error) {
	f, err := Detect(name, b)
	if err != nil {
		return qa.Imported{}, err
	}
	switch f {
	case weekfile.FormatJekyll:
		return ReadJekyll(name, b, people)
	case weekfile.FormatOutline:
		return ReadOutline(name, b)
	case weekfile.FormatJSON:
		return ReadJSON(name, b)
	default:
		return ReadPage(name, b)
	}
}

// clean checks size and encoding, takes a byte order mark off and makes every
// line end in \n, so that the same page gives the same week from any system.
func clean(name string, b []byte) (string, error) {
	if len(b) > MaxInput {
		return "", refuse(name, 0, ErrTooBig, "%d bytes, at most %d are read", len(b), MaxInput)
	}
	b = bytes.TrimPrefix(b, []byte(weekfile.ByteOrderMark))
	if !utf8.Valid(b) {
		for i, line := range bytes.Split(b, []byte("\n")) {
			if !utf8.Valid(line) {
				return "", refuse(name, i+1, ErrNotUTF8, "save it as UTF-8 and import it again")
			}
		}
	}
	if i := bytes.IndexByte(b, 0); i >= 0 && bytes.Count(b, []byte{0}) > len(b)/10 {
		return "", refuse(name, 1+bytes.Count(b[:i], []byte("\n")), ErrNotUTF8, "it is full of NUL bytes, as UTF-16 is; save it as UTF-8 and import it again")
	}
	s := strings.ReplaceAll(string(b), "\r\n", "\n")
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\r', r == '\v', r == '\f':
			return '\n'
		case r < ' ' && r != '\n' && r != '\t', r == 0x7f:
			return standIn
		}
		return r
	}, s), nil
}

// standIn takes the place of a control character in a file, of which YAML and JSON
// would refuse the whole for it. It cannot stand in a text either, so that finish takes
// it out and counts the text.
const standIn = '\u202c'

func firstLine(s string) string {
	line, _, _ := strings.Cut(s, "\n")
	return line
}

// beginning returns the first words of s, to show in a report.
func beginning(s string) string {
	s = strings.Join(strings.Fields(s), " ")
	const limit = 60
	if utf8.RuneCountInString(s) <= limit {
		return s
	}
	r := []rune(s)
	return string(r[:limit-1]) + "…"
}

// nameSources gives every post its source. One that the reader has named keeps it,
// if it is the first of that name. Any other is named by qa.SourceByText, with a counter
// where the same person wrote the same again.
func nameSources(im *qa.Imported) {
	used := make(map[string]bool, len(im.Posts))
	for i := range im.Posts {
		p := &im.Posts[i]
		if len(p.Source) > schema.MaxShort || used[p.Source] {
			p.Source = ""
		}
		used[p.Source] = true
	}
	seen := make(map[string]int, len(im.Posts))
	for i := range im.Posts {
		p := &im.Posts[i]
		if p.Source != "" {
			continue
		}
		base := qa.SourceByText(im.Source, p.Name, p.Text)
		for p.Source == "" || used[p.Source] {
			seen[base]++
			p.Source = base
			if n := seen[base]; n > 1 {
				p.Source += "-" + strconv.Itoa(n)
			}
		}
		used[p.Source] = true
	}
}

// Finish completes an import that another package has read, as every reader of
// this one does: it marks the replies of the week's authors (im.Event.Authors), names
// the week and the messages that have no source yet, counts the guesses and holds
// everything to the limits of an event. An *InputError is returned when something
// is beyond them.
func Finish(name string, im *qa.Imported) error {
	authors := splitAuthors(im.Event.Authors)
	if err := checkAuthors(name, authors); err != nil {
		return err
	}
	markAuthors(authors, im.Posts)
	return finish(name, im)
}

// nameWeek gives a week whose input does not name it its source.
func nameWeek(im *qa.Imported) {
	if derived := weekfile.Source(im.Format, &im.Event); im.Source == "" || im.Source == derived {
		im.Source, im.SourceFromTitle = derived, true
	}
}

// finish does what is common to all readers: sources, limits, counts.
func finish(name string, im *qa.Imported) error {
	nameWeek(im)
	splitLong(im)
	if len(im.Posts) > MaxMessages {
		return refuse(name, 0, ErrTooBig, "%d messages, at most %d are read", len(im.Posts), MaxMessages)
	}
	if im.Posts == nil {
		im.Posts = []qa.ImportedPost{}
	}
	cleanImport(im)
	// Sources are made of the words as they are taken: an outline, which holds them so,
	// names the same message the same.
	nameSources(im)
	if im.Event.Title == "" {
		return refuse(name, 0, ErrNoTitle, "give it one and import it again")
	}
	if err := checkDates(name, 0, &im.Event); err != nil {
		return err
	}
	im.Event.Source = im.Source
	if err := im.Event.Validate(); err != nil {
		return refuse(name, 0, ErrLimit, "%v", strings.TrimSuffix(err.Error(), "; nothing was changed"))
	}
	im.Guesses = 0
	for i := range im.Posts {
		p := &im.Posts[i]
		if p.Text == weekfile.WithdrawnQuestion || p.Text == weekfile.HiddenQuestion || p.Text == weekfile.VoidQuestion {
			im.Absent = append(im.Absent, p.Source)
		}
		switch {
		case len(p.Text) > schema.MaxText:
			return refuse(name, p.Line, ErrLimit, "a message of %d bytes, at most %d are allowed", len(p.Text), schema.MaxText)
		case len(p.Name) > schema.MaxName:
			return refuse(name, p.Line, ErrLimit, "a writer's name of %d bytes, at most %d are allowed", len(p.Name), schema.MaxName)
		case len(p.Source) > schema.MaxShort:
			return refuse(name, p.Line, ErrLimit, "a source of %d bytes, at most %d are allowed", len(p.Source), schema.MaxShort)
		}
		if p.Guessed {
			im.Guesses++
		}
	}
	return nil
}

// cleanImport makes all that was read texts and lines, and counts what it changed. What
// shows nothing, such as a message of spaces, becomes nothing and is not counted.
func cleanImport(im *qa.Imported) {
	clean := func(s *string, form func(string) string) {
		was := *s
		*s = form(was)
		if *s != "" && *s != was || *s == "" && strings.TrimSpace(was) != "" {
			im.Cleaned++
		}
	}
	e := &im.Event
	for _, s := range []*string{&e.Title, &e.Authors, &e.Language, &e.Zone, &e.Source, &im.Source} {
		clean(s, qa.CleanLine)
	}
	clean(&e.Description, qa.CleanText)
	for i := range e.Links {
		clean(&e.Links[i].Text, qa.CleanLine)
		clean(&e.Links[i].URL, qa.CleanLine)
	}
	e.Clean() // x, which nobody reads
	for i := range im.Posts {
		p := &im.Posts[i]
		named := p.Name != ""
		clean(&p.Name, qa.CleanLine)
		if named && p.Name == "" {
			p.Name = qa.NoName
		}
		clean(&p.Text, qa.CleanText)
		clean(&p.Source, qa.CleanLine)
		for key := range p.X {
			if s := p.X[key]; !qa.IsText(s) {
				clean(&s, qa.CleanText)
				p.X[key] = s
			}
		}
	}
}

// checkDates refuses a week whose times contradict each other: the reader does not
// know which of two is wrong, and a calendar cannot be made of them.
func checkDates(name string, line int, e *qa.Event) error {
	times := e.Times()
	for _, c := range e.Contradictions() {
		if times[c.Field] != nil {
			return refuse(name, line, ErrDates, "%s; correct one of them and import it again", c.Words)
		}
	}
	return nil
}
