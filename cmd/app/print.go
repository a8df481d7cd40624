package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"flyleaf/picture"
	"flyleaf/qa"
)

// Printing. Names, titles, texts and reasons come from strangers, and a terminal obeys control
// characters. Therefore everything is printed with printf or printJSON, and errors with plain.

// lines is text of several lines. printf removes line breaks from all other text.
type lines string

// printf prints to standard output. It removes control characters and characters that change
// the direction of text from its arguments.
func (a *app) printf(format string, args ...any) {
	fmt.Fprintf(a.std.out, format, printable(args)...)
}

func printable(args []any) []any {
	out := make([]any, len(args))
	for i, arg := range args {
		switch v := arg.(type) {
		case nil, fmt.Formatter:
			out[i] = arg
		case lines:
			out[i] = plain(string(v))
		case error:
			out[i] = plain(v.Error())
		case fmt.Stringer:
			out[i] = plain(v.String())
		default:
			out[i] = arg
			if s := reflect.ValueOf(arg); s.Kind() == reflect.String {
				out[i] = plainLine(s.String())
			}
		}
	}
	return out
}

// plain removes the characters that a terminal would obey.
// A picture at its end is replaced by words.
func plain(s string) string {
	s = picture.Words(s)
	return keepBlank(s, qa.CleanText(s))
}

// plainLine is plain for text of one line.
func plainLine(s string) string { return keepBlank(s, qa.CleanLine(s)) }

// keepBlank returns s instead of cleaned if s is only spaces and line breaks, which cleaning
// removes.
func keepBlank(s, cleaned string) string {
	if cleaned == "" && strings.Trim(s, " \n") == "" {
		return s
	}
	return cleaned
}

// plainName returns a name for a line with columns. Runs of spaces become one space, because
// two spaces separate columns.
func plainName(s string) string { return strings.Join(strings.Fields(plainLine(s)), " ") }

// printJSON prints v as JSON. Characters that a terminal would obey are escaped, not removed.
func (a *app) printJSON(v any) error {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(v); err != nil {
		return err
	}
	_, err := a.std.out.Write(escapeJSON(b.Bytes()))
	return err
}

// escapeJSON escapes the characters in JSON strings that a terminal would obey and that
// encoding/json does not escape.
func escapeJSON(b []byte) []byte {
	var out []byte
	done := 0
	for i := 0; i < len(b); {
		r, size := utf8.DecodeRune(b[i:])
		if r >= 0x7f && r != utf8.RuneError && !qa.IsLine("x"+string(r)) {
			out = append(out, b[done:i]...)
			for _, half := range utf16.AppendRune(nil, r) {
				out = fmt.Appendf(out, "\\u%04x", half)
			}
			done = i + size
		}
		i += size
	}
	return append(out, b[done:]...)
}
