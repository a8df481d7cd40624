package publish

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"flyleaf/picture"
	"flyleaf/qa"
	"flyleaf/weekfile"
)

// WriteCSV writes the publishable content of weeks (see Publish) as CSV (RFC 4180, in UTF-8 with a
// byte order mark, lines end with \n): one row for each post, a question before its replies.
// The columns are:
//
//	week      the week's title
//	id        names the post within its week
//	thread    the id of its question
//	kind      question or reply
//	name      the name under which its writer wants to be published
//	author    true for a post by an author of the book
//	time      RFC 3339 in UTC, empty when not known
//	text      Markdown
//	answered  true or false for a question, else empty
//	wants     for a question, how many people want an answer, else empty
//
// Spreadsheets run a cell as a formula if it begins with = + - @ (also in their full-width forms), a
// tab or a line end. Such a cell, and a cell that begins so after apostrophes, gets one more
// apostrophe at its beginning. A program that reads the file must remove one apostrophe from such
// cells. Lines in texts end with \n. Errors are those of writing to w.
func WriteCSV(w io.Writer, weeks ...qa.Week) error {
	var b bytes.Buffer
	b.WriteString(weekfile.ByteOrderMark)
	out := csv.NewWriter(&b)
	rows := [][]string{weekfile.CSVHeader}
	for _, week := range weeks {
		for _, t := range Publish(week).Threads {
			row := func(p *PublishedPost, kind, answered, wants string) {
				when := ""
				if p.AtMillis != 0 {
					when = weekfile.UTC(p.AtMillis).Format(time.RFC3339)
				}
				rows = append(rows, []string{week.Event.Title, p.ID, t.ID, kind, p.Name, strconv.FormatBool(p.Author), when, picture.Words(p.Body()), answered, wants})
			}
			row(&t.PublishedPost, "question", strconv.FormatBool(t.Answered), strconv.Itoa(t.Wants))
			for i := range t.Replies {
				row(&t.Replies[i], "reply", "", "")
			}
		}
	}
	for _, row := range rows {
		for i := range row {
			row[i] = escapeFormula(strings.ReplaceAll(strings.ReplaceAll(row[i], "\r\n", "\n"), "\r", "\n"))
		}
		if err := out.Write(row); err != nil {
			return fmt.Errorf("write CSV: %w", err)
		}
	}
	out.Flush()
	if err := out.Error(); err != nil {
		return fmt.Errorf("write CSV: %w", err)
	}
	if _, err := w.Write(b.Bytes()); err != nil {
		return fmt.Errorf("write CSV: %w", err)
	}
	return nil
}

// escapeFormula writes a cell so that no spreadsheet runs it.
func escapeFormula(cell string) string {
	first, _ := utf8.DecodeRuneInString(strings.TrimLeft(cell, "'"))
	if strings.ContainsRune("=+-@\t\n\r＝＋－＠", first) {
		return "'" + cell
	}
	return cell
}
