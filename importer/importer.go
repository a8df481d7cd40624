// Package importer reads a week from other formats: Jekyll pages (ReadJekyll), the plain
// text of a week's web page (ReadPage), outlines (ReadOutline: the text form of an import, which a
// person can correct), and Flyleaf's own JSON (ReadJSON). Package slack reads Slack exports.
// Each reader returns a qa.Imported: a week before it becomes changes.
//
// Guarantees:
//   - A file is read whole or refused whole. An error names the line where it is known.
//   - Parts of the input that are not imported are listed in Imported.Skipped.
//   - Everything in an Imported is within the limits of the event document (qa.Event.Validate).
//   - The same bytes give the same Imported, with the same sources, on every device.
//   - A guess (for example who replied to whom) sets ImportedPost.Guessed and is counted in
//     Imported.Guesses.
//
// Input may be hostile: size, number of messages, depth and the work that YAML aliases
// cause are bounded. The package uses no network, disk or clock.
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

// Bounds of one input. A large week has about 400 messages and 200 KiB.
const (
	MaxInput    = 4 << 20 // bytes
	MaxMessages = 10_000
	MaxDepth    = 50 // levels of replies
)

// Reasons for rejecting an input. A rejected input changes nothing.
var (
	// ErrUnknownFormat is returned for input in an unsupported format.
	ErrUnknownFormat = errors.New("this is not a format that can be imported")
	// ErrTooBig is returned for inputs of more than MaxInput bytes or MaxMessages messages, and
	// for other bounds of a format.
	ErrTooBig = errors.New("the file is too big")
	// ErrNotUTF8 is returned for inputs that are not UTF-8 text.
	ErrNotUTF8 = errors.New("the file is not UTF-8 text")
	// ErrSyntax is returned for an input that breaks the rules of its format.
	ErrSyntax = errors.New("the file cannot be read as this format")
	// ErrLimit is returned when something is larger than an event can have.
	ErrLimit = errors.New("too long for an event")
	// ErrDates is returned for a week whose times contradict each other.
	ErrDates = errors.New("the dates contradict each other")
	// ErrNoTitle is returned when no title is found.
	ErrNoTitle = errors.New("the week has no title")
)

// InputError says which file was refused, where and why. It wraps one of the reasons above.
type InputError struct {
	Name   string // of the input, as the caller gave it
	Line   int    // from 1; 0: the whole file
	Detail string
	Err    error
}

// Error says what happened, where, and that nothing was imported.
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
	b.WriteString("; nothing was imported")
	return b.String()
}

// Unwrap returns the reason.
func (e *InputError) Unwrap() error { return e.Err }

func refuse(name string, line int, err error, format string, args ...any) error {
	return &InputError{Name: name, Line: line, Err: err, Detail: fmt.Sprintf(format, args...)}
}

// otherFiles are other kinds of files that people try to import, by their first bytes, each
// with what to do instead.
var otherFiles = []struct{ begins, says string }{
	{"PK\x03\x04", "this is a ZIP file. For a Slack export, also give the channel (--channel NAME). Unpack any other ZIP first"},
	{"\x85\x6f\x4a\x83", "this is an Automerge file without signatures, so nobody can tell who wrote what. Export a bundle instead: flyleaf export --format bundle"},
	{"SQLite format 3\x00", "it is a database; `flyleaf export` writes each event of a data directory as a file that can be imported"},
	{"\xff\xfe", "it is text in UTF-16; save it as UTF-8 and import it again"},
	{"\xfe\xff", "it is text in UTF-16; save it as UTF-8 and import it again"},
	{"%PDF-", "it is a PDF; copy its text into a file, or import the page that it was made from"},
	{"\x1f\x8b", "it is compressed (gzip); unpack it first"},
	{"\x89PNG", "it is a picture"},
	{"\xff\xd8\xff", "it is a picture"},
	{"<!doctype html", "it is an HTML page; open it in a browser and save its text, or import the file that it was made from"},
	{"<!DOCTYPE html", "it is an HTML page; open it in a browser and save its text, or import the file that it was made from"},
	{"<html", "it is an HTML page; open it in a browser and save its text, or import the file that it was made from"},
	{"BEGIN:VCALENDAR", "this is a calendar file; it contains no questions"},
}

// Detect returns the format of b, by its content; the name is only for errors. An *InputError
// with ErrUnknownFormat, ErrNotUTF8 or ErrTooBig is returned.
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
		return "", refuse(name, 0, ErrUnknownFormat, "this is a CSV export, which cannot be imported. Import the week's Jekyll page, JSON or bundle instead")
	case weekfile.IsMarkdown(s):
		return "", refuse(name, 0, ErrUnknownFormat, "this is a Markdown export, which cannot be imported. Import the week's Jekyll page, JSON or bundle instead")
	case looksLikePage(s):
		return weekfile.FormatPage, nil
	}
	return "", refuse(name, 0, ErrUnknownFormat,
		"it is not a Jekyll page (which begins with a line ---), the text of a week's page (with %q or the week's dates), an outline or Flyleaf's JSON", weekfile.Heading)
}

// Read reads b in the format that Detect finds. people is what PeopleFromFiles returns, and
// may be nil. An *InputError is returned when the input is refused.
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

// clean checks size and encoding, removes a byte order mark and makes every line end with \n,
// so that the same page gives the same week on any system.
func clean(name string, b []byte) (string, error) {
	if len(b) > MaxInput {
		return "", refuse(name, 0, ErrTooBig, "the file has %d bytes; the maximum is %d", len(b), MaxInput)
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
		return "", refuse(name, 1+bytes.Count(b[:i], []byte("\n")), ErrNotUTF8, "it has many NUL bytes, as UTF-16 has; save it as UTF-8 and import it again")
	}
	s := strings.ReplaceAll(string(b), "\r\n", "\n")
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\r', r == '\v', r == '\f':
			return '\n'
		case r < ' ' && r != '\n' && r != '\t', r == 0x7f:
			return placeholder
		}
		return r
	}, s), nil
}

// placeholder replaces control characters, because YAML and JSON reject files that have them. Valid
// text never contains it, so finish removes it and counts the text as cleaned.
const placeholder = '\u202c'

func firstLine(s string) string {
	line, _, _ := strings.Cut(s, "\n")
	return line
}

// beginning returns the first words of s, for a report.
func beginning(s string) string {
	s = strings.Join(strings.Fields(s), " ")
	const limit = 60
	if utf8.RuneCountInString(s) <= limit {
		return s
	}
	r := []rune(s)
	return string(r[:limit-1]) + "…"
}

// nameSources gives every post its source. A post keeps the source that the reader set, unless an
// earlier post has the same source. Other posts get a source from qa.SourceByText, with a number if
// the same person wrote the same text more than once.
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

// Finish completes an import that another package has read: it marks the replies of the
// week's authors (im.Event.Authors), gives sources to the week and to messages without one,
// counts the guesses, and checks the limits of an event. An *InputError is returned when
// something exceeds them.
func Finish(name string, im *qa.Imported) error {
	authors := splitAuthors(im.Event.Authors)
	if err := checkAuthors(name, authors); err != nil {
		return err
	}
	markAuthors(authors, im.Posts)
	return finish(name, im)
}

// nameWeek gives a week its source, if the input has none.
func nameWeek(im *qa.Imported) {
	if derived := weekfile.Source(im.Format, &im.Event); im.Source == "" || im.Source == derived {
		im.Source, im.SourceFromTitle = derived, true
	}
}

// finish does what all readers have in common: sources, limits, counts.
func finish(name string, im *qa.Imported) error {
	nameWeek(im)
	splitLong(im)
	if len(im.Posts) > MaxMessages {
		return refuse(name, 0, ErrTooBig, "%d messages; the maximum is %d", len(im.Posts), MaxMessages)
	}
	if im.Posts == nil {
		im.Posts = []qa.ImportedPost{}
	}
	cleanImport(im)
	// Sources are computed from the words as they are imported. An outline has these words, so
	// it gives the same message the same source.
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

// cleanImport removes characters that texts and lines may not have, and counts the values that it
// changed. A text of white space alone becomes empty and is not counted.
func cleanImport(im *qa.Imported) {
	clean := func(s *string, form func(string) string) {
		was := *s
		*s = form(was)
		if *s != "" && *s != was || *s == "" && strings.TrimSpace(was) != "" {
			im.Cleaned++
		}
	}
	e := &im.Event
	for _, s := range []*string{&e.Title, &e.Subtitle, &e.Authors, &e.Language, &e.Zone, &e.Source, &im.Source} {
		clean(s, qa.CleanLine)
	}
	clean(&e.Description, qa.CleanText)
	for i := range e.Links {
		clean(&e.Links[i].Text, qa.CleanLine)
		clean(&e.Links[i].URL, qa.CleanLine)
	}
	e.Clean() // the values in X
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

// checkDates refuses a week whose times contradict each other, because the importer cannot know
// which time is wrong.
func checkDates(name string, line int, e *qa.Event) error {
	times := e.Times()
	for _, c := range e.Contradictions() {
		if times[c.Field] != nil {
			return refuse(name, line, ErrDates, "%s; correct one of them and import it again", c.Words)
		}
	}
	return nil
}
