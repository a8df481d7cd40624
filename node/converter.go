package node

import (
	"context"

	"flyleaf/keys"
	"flyleaf/qa"
)

// A Converter does the work that few people need and that takes large libraries: it reads and writes files of other
// formats, shrinks pictures, and encrypts. It depends only on its arguments. So the program in a browser leaves this work
// to a second program, and is smaller. Package convert has the implementation.
type Converter interface {
	// ReadWeeks reads the weeks of a file that is not a bundle. An error says what is wrong
	// with the file, and is of kind Invalid.
	ReadWeeks(ctx context.Context, f FileToRead) (WeeksOfFile, error)
	// Archive makes the files of a publication and packs them into a ZIP. memory is for SiteConfig.Memory of
	// the next publication of the same kind.
	Archive(ctx context.Context, w WeeksToPublish) (zip []byte, memory map[string]string, err error)
	// WriteWeek makes a file of a week, in one of the ExportFormats that are text.
	WriteWeek(ctx context.Context, format string, week qa.Week) ([]byte, error)
	// WriteOutline is importer.WriteOutline.
	WriteOutline(ctx context.Context, week qa.Imported) ([]byte, error)
	// ShrinkPicture makes a picture small enough for an event or a post, see resize.Shrink. An error that says what is wrong
	// with the picture is of kind Invalid.
	ShrinkPicture(ctx context.Context, picture []byte, maxBytes int) ([]byte, error)
	// QRCode draws a text as a QR code, an SVG. The error, of kind Invalid, says that the text is too long for one.
	QRCode(ctx context.Context, text string) (svg []byte, err error)
	// Formula is mathml.FromTeX. An error that says what is wrong with the formula is of kind Invalid.
	Formula(ctx context.Context, tex string, display bool) (mathml string, err error)
	// SealContact is encrypted.SealContact.
	SealContact(ctx context.Context, founder qa.Identity, contact string) ([]byte, error)
	// OpenContact is encrypted.OpenContact.
	OpenContact(ctx context.Context, k keys.Key, sealed []byte) (string, error)
	// OpenKeyFile is encrypted.OpenFile.
	OpenKeyFile(ctx context.Context, file []byte, passphrase string) (keys.Key, error)
}

// FileToRead is a file for Converter.ReadWeeks.
type FileToRead struct {
	Name    string // for messages
	Data    []byte
	Channel string // of a Slack export, by name or ID; "" is the only one
}

// WeeksOfFile are the weeks that a Converter read from a file.
type WeeksOfFile struct {
	Weeks   []WeekOfFile
	Channel string   // of a Slack export; "" for other files
	Site    bool     // the pages of a site
	Skipped []string // the files of a site that are no weeks, with the reasons
}

// Several reports whether the weeks are imported one by one.
func (w *WeeksOfFile) Several() bool { return w.Channel != "" || w.Site }

// WeekOfFile is a week of a file.
type WeekOfFile struct {
	Week    qa.Imported
	Name    string   // of a week in a Slack export, its Monday, such as 2021-03-08; of a page, its file
	Notes   []string // for a person to check: guesses of the Converter, and what it did not find
	Refused string   // why a page of a site cannot be read; the Week is empty then
}
