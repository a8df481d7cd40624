package node

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"

	"flyleaf/crdt/bundle"
	"flyleaf/crdt/graph"
	"flyleaf/crdt/wire"
	"flyleaf/keys/identity"
	"flyleaf/publish"
	"flyleaf/qa"
)

// Limits of files and texts that a person enters on a page, in bytes.
const (
	MaxFile         = 64 << 20            // a file to import
	MaxIdentityFile = identity.MaxFile    // a key file
	MaxContact      = identity.MaxContact // where to send a winner's copy
)

// FileToImport is a file that the user has chosen: a Jekyll page, the text of a week's page, an
// outline, JSON, a bundle or the ZIP of a Slack export.
type FileToImport struct {
	Name    string // for messages
	Data    []byte
	Relay   string // of new weeks; "" for none
	Channel string // of a Slack export, by name or ID; "" is the only one
	Club    string // the club that lists the weeks of a Slack export, by name or ID; "" for none
	NewClub bool   // see WeeksToImport
	// Accept says which differences from an earlier import of the file are applied. A bundle has none.
	Accept qa.ImportChoice
}

// ImportedFile is the result of importing one week of a file.
type ImportedFile struct {
	Event     qa.EventID // "" when the week was refused
	Title     string
	Questions int // new
	Replies   int // new
	Known     int // posts that were on this device already
	Changes   int // new changes, of a bundle
	Notes     []string
	Refused   string // why the week, or something in it, was not imported
}

// ImportFile imports a file. Each week is imported completely or not at all. If an error comes with
// weeks, these were imported, and the error says what is missing; otherwise nothing was imported.
func ImportFile(ctx context.Context, n Node, c Converter, f FileToImport) ([]ImportedFile, error) {
	if f.Relay != "" {
		if err := qa.CheckRelay(f.Relay); err != nil {
			return nil, WithKind(Invalid, err)
		}
	}
	switch {
	case len(f.Data) == 0:
		return nil, Errorf(Invalid, "choose a file that is not empty; nothing was imported")
	case bundle.IsBundle(f.Data):
		return mergeFile(ctx, n, f.Data)
	}
	read, err := c.ReadWeeks(ctx, FileToRead{Name: f.Name, Data: f.Data, Channel: f.Channel})
	switch {
	case err != nil:
		return nil, err
	case read.Channel != "":
		return importChannel(ctx, n, f, read)
	case len(read.Weeks) != 1:
		return nil, Errorf(Invalid, "the file has %d weeks, not one; nothing was imported", len(read.Weeks))
	}
	week := read.Weeks[0].Week
	week.Accept = f.Accept
	r, err := n.Import(ctx, "", week, f.Relay)
	if err != nil {
		return nil, err
	}
	return []ImportedFile{importedWeek(week, r)}, nil
}

func mergeFile(ctx context.Context, n Node, data []byte) ([]ImportedFile, error) {
	m, err := n.Merge(ctx, data)
	if err != nil {
		return nil, err
	}
	out := ImportedFile{Event: m.Event, Title: m.Title, Changes: m.Added}
	if m.MissingDependencies > 0 {
		out.Notes = append(out.Notes, fmt.Sprintf("%d changes wait for others that are neither in the file nor on this device.", m.MissingDependencies))
	}
	if len(m.Refused) > 0 {
		out.Refused = fmt.Sprintf("%d changes are not valid and were not accepted. Everything else in the week is safe.", len(m.Refused))
	}
	return []ImportedFile{out}, nil
}

// importChannel imports the weeks of a channel.
func importChannel(ctx context.Context, n Node, f FileToImport, read WeeksOfFile) ([]ImportedFile, error) {
	in := WeeksToImport{Club: f.Club, NewClub: f.NewClub, Relay: f.Relay}
	for i := range read.Weeks {
		w := &read.Weeks[i]
		w.Week.Accept = f.Accept
		in.Weeks = append(in.Weeks, WeekToImport{cmp.Or(w.Week.Event.Title, w.Monday), w.Week})
	}
	done, err := ImportWeeks(ctx, n, in)
	var out []ImportedFile
	for i, r := range done.Weeks {
		switch {
		case r.Refused != nil:
			out = append(out, ImportedFile{Title: in.Weeks[i].Name, Refused: r.Refused.Error()})
		case r.Event != "":
			week := importedWeek(in.Weeks[i].Week, r.ImportResult)
			week.Notes = append(week.Notes, read.Weeks[i].Notes...)
			out = append(out, week)
		}
	}
	if len(out) == 0 && err == nil {
		err = Errorf(Invalid, "the channel %s has no question; nothing was imported", read.Channel)
	}
	return out, err
}

func importedWeek(week qa.Imported, r ImportResult) ImportedFile {
	out := ImportedFile{Event: r.Event, Title: week.Event.Title, Questions: r.Questions, Replies: r.Replies, Known: r.Unchanged}
	if r.Existing != nil {
		out.Title = r.Existing.Title
	}
	if week.Guesses > 0 {
		out.Notes = append(out.Notes, fmt.Sprintf("The file does not say which messages open a thread. For %d of them it was guessed.", week.Guesses))
	}
	for _, m := range week.Remarks {
		out.Notes = append(out.Notes, m.Text)
	}
	for _, s := range week.Skipped {
		out.Notes = append(out.Notes, fmt.Sprintf("Not imported, line %d: %s", s.Line, s.Reason))
	}
	for _, c := range []struct {
		posts int
		words string
	}{
		{r.Revised, "a new version was added, as in the file."},
		{r.Withdrawn, "withdrawn, as in the file."},
		{len(r.Changes) - r.Revised - r.Withdrawn, "different in the file now, and left as here. To change that, import the file again and choose what to apply."},
	} {
		if c.posts > 0 {
			out.Notes = append(out.Notes, posts(c.posts)+" of an earlier import: "+c.words)
		}
	}
	return out
}

// The formats with an event's whole history.
const (
	FormatBundle    = "bundle"    // changes with their signatures, for other devices
	FormatAutomerge = "automerge" // changes without signatures, for other programs
)

// ExportFormat is a format of Export: either text made from the current week, or made from the
// bundle.
type ExportFormat struct {
	Name       string
	fromWeek   func(io.Writer, qa.Week) error
	fromBundle func(bundle []byte) (Exported, error)
}

// Text reports whether the files are text, which a terminal can show.
func (f *ExportFormat) Text() bool { return f.fromWeek != nil }

// ExportFormats are the formats of Export.
var ExportFormats = [...]ExportFormat{
	{Name: "json", fromWeek: publish.WriteJSON},
	{Name: "jekyll", fromWeek: publish.WriteJekyll},
	{Name: FormatBundle, fromBundle: func(b []byte) (Exported, error) { return Exported{Data: b}, nil }},
	{Name: FormatAutomerge, fromBundle: automergeFile},
}

// ExportFormatNames returns the names of ExportFormats.
func ExportFormatNames() []string {
	var names []string
	for i := range ExportFormats {
		names = append(names, ExportFormats[i].Name)
	}
	return names
}

// Exported is a whole event as a file, hidden posts included.
type Exported struct {
	Data []byte
	// LeftOut is how many changes an Automerge file does not hold, because their writer signed two
	// versions of a change.
	LeftOut int
}

// Export makes a file of a whole event. Publish makes files of what everybody may read.
func Export(ctx context.Context, n Node, event qa.EventID, format string) (out Exported, err error) {
	i := slices.Index(ExportFormatNames(), format)
	if i < 0 {
		return out, Errorf(Invalid, "there is no format %q", format)
	}
	f := &ExportFormats[i]
	if !f.Text() {
		b, err := n.Bundle(ctx, event)
		if err != nil {
			return out, err
		}
		return f.fromBundle(b)
	}
	week, err := FetchedWeek(ctx, n, event)
	if err != nil {
		return out, err
	}
	var buf bytes.Buffer
	err = f.fromWeek(&buf, week)
	out.Data = buf.Bytes()
	return out, err
}

// automergeFile returns a bundle's changes one after the other, which Automerge reads like its own
// files. Of two versions of a change it holds one, because Automerge accepts only one.
func automergeFile(b []byte) (out Exported, err error) {
	_, changes, err := bundle.Read(b)
	if err != nil {
		return out, err
	}
	var one graph.OneVersion
	for _, c := range changes {
		decoded, err := wire.DecodeChange(c.Bytes)
		if err != nil {
			return Exported{}, err
		}
		if one.Add(graph.MetaOf(decoded)) {
			out.Data = append(out.Data, c.Bytes...)
		} else {
			out.LeftOut++
		}
	}
	return out, nil
}

// BundleFile returns an event's bundle and a name for the file.
func BundleFile(ctx context.Context, n Node, event qa.EventID) (name string, data []byte, err error) {
	week, err := n.Week(ctx, event)
	if err != nil {
		return "", nil, err
	}
	data, err = n.Bundle(ctx, event)
	return publish.Slug(&week.Event) + ".bundle", data, err
}

// settingPublished holds, as JSON, the addresses of the pages in the last archive of a publication. The
// addresses stay when the publication is made again, also if a week has another title by then.
const settingPublished = "published/" // followed by the format, and what was published

// PublishArchive makes the files of a publication and packs them into a ZIP. name is for the
// file. Pages keep the addresses that they had in the last archive of the same publication that
// this device made.
func PublishArchive(ctx context.Context, n Node, c Converter, p Publication) (name string, archive []byte, err error) {
	setting := settingPublished + p.Format + "/" + string(cmp.Or(p.Club, p.Event))
	earlier, err := n.Setting(ctx, setting)
	if err != nil {
		return "", nil, err
	}
	if earlier != "" && json.Unmarshal([]byte(earlier), &p.Site.Memory) != nil {
		p.Site.Memory = nil // of another version
	}
	weeks, err := LoadWeeksToPublish(ctx, n, p)
	if err != nil {
		return "", nil, err
	}
	archive, memory, err := c.Archive(ctx, weeks)
	if err != nil {
		return "", nil, err
	}
	now, err := json.Marshal(memory)
	if err == nil && string(now) != earlier {
		err = n.SetSetting(ctx, setting, string(now))
	}
	return "flyleaf-" + p.Format + ".zip", archive, err
}

// posts counts posts in words.
func posts(n int) string {
	if n == 1 {
		return "1 post"
	}
	return fmt.Sprintf("%d posts", n)
}
