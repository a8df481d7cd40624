package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"flyleaf/qa"
)

// What reaches the terminal. Names, titles, words, reasons and errors come from strangers,
// and a terminal obeys control characters: so everything that is printed goes through
// printf, printJSON or, for errors, plain.

// lines is text of several lines for printf, which makes one line of any other text.
type lines string

// printf prints to standard output. Its arguments lose what a terminal would obey, and
// what would turn the direction of a line.
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

// plain takes out of strangers' words what a terminal would obey.
func plain(s string) string { return orSpaces(s, qa.CleanText(s)) }

// plainLine is plain for what has one line.
func plainLine(s string) string { return orSpaces(s, qa.CleanLine(s)) }

// orSpaces keeps what is only there to set words apart, which cleaning makes nothing of.
func orSpaces(s, cleaned string) string {
	if cleaned == "" && strings.Trim(s, " \n") == "" {
		return s
	}
	return cleaned
}

// plainName is a name in a line with other things: with single spaces, so that it ends
// where two follow.
func plainName(s string) string { return strings.Join(strings.Fields(plainLine(s)), " ") }

// printJSON prints v. What a terminal would obey is escaped, so that nothing is lost.
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

// escapeJSON escapes the characters in JSON's strings that no line may hold. encoding/json
// escapes the rest of them.
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
