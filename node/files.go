package node

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
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
// outline, JSON, a bundle, or the ZIP of a Slack export or of a Jekyll site.
type FileToImport struct {
	Name    string // for messages
	Data    []byte
	Event   qa.EventID // the week into which it is imported; "" for a new one, or the one of an earlier import
	Relay   string     // of new weeks; "" for none
	Channel string     // of a Slack export, by name or ID; "" is the only one
	Club    string     // the club that lists the weeks of a ZIP, by name or ID; "" for none
	NewClub bool       // see WeeksToImport
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
	if err := f.check(); err != nil {
		return nil, err
	}
	if bundle.IsBundle(f.Data) {
		return mergeFile(ctx, n, f.Data)
	}
	read, err := f.read(ctx, c)
	switch {
	case err != nil:
		return nil, err
	case read.Several():
		return importSeveral(ctx, n, f, read)
	}
	week := read.Weeks[0].Week
	week.Accept = f.Accept
	r, err := n.Import(ctx, f.Event, week, f.Relay)
	if err != nil {
		return nil, err
	}
	return []ImportedFile{importedWeek(week, r)}, nil
}

// check refuses what cannot be imported whatever the file has in it.
func (f *FileToImport) check() error {
	if f.Relay != "" {
		if err := qa.CheckRelay(f.Relay); err != nil {
			return WithKind(Invalid, err)
		}
	}
	switch {
	case len(f.Data) == 0:
		return Errorf(Invalid, "choose a file that is not empty; nothing was imported")
	case f.Event != "" && bundle.IsBundle(f.Data):
		return Errorf(Invalid, "a bundle is a whole week and is merged into that week only; nothing was imported")
	case f.Event != "" && f.Club != "":
		return Errorf(Invalid, "choose a week or a club to import into, not both; nothing was imported")
	}
	return nil
}

// read reads the weeks of a file that is not a bundle: one, unless it has several.
func (f *FileToImport) read(ctx context.Context, c Converter) (WeeksOfFile, error) {
	read, err := c.ReadWeeks(ctx, FileToRead{Name: f.Name, Data: f.Data, Channel: f.Channel})
	if err == nil && len(read.Weeks) != 1 && (!read.Several() || read.Site && f.Event != "") {
		err = Errorf(Invalid, "the file has %d weeks, not one; nothing was imported", len(read.Weeks))
	}
	return read, err
}

// FilePreview is what an import would add from one week of a file to a device that does not have it.
type FilePreview struct {
	Title, Authors string
	Questions      int
	Replies        int
	Changes        int      // of a bundle
	Notes          []string // like those of ImportedFile
	Guesses        []ThreadGuess
	Invalid        int    // changes of a bundle that would be refused
	Refused        string // why the week would not be imported
	Outline        bool   // the guesses can be corrected in an outline
}

// skippedFiles is the title under which the files of a site are listed that are no weeks.
const skippedFiles = "Other files"

// ThreadGuess is a message for which the format does not say whether it starts a thread.
type ThreadGuess struct {
	Line  int    `json:"line"` // 1-based
	Name  string `json:"name"`
	Opens bool   `json:"opens"` // guessed to start a thread
}

// ThreadGuesses returns the guesses in a week.
func ThreadGuesses(week *qa.Imported) []ThreadGuess {
	guesses := []ThreadGuess{}
	for _, p := range week.Posts {
		if p.Guessed {
			guesses = append(guesses, ThreadGuess{p.Line, p.Name, p.Parent < 0})
		}
	}
	return guesses
}

// PreviewFile says what ImportFile would import. It changes nothing.
func PreviewFile(ctx context.Context, c Converter, f FileToImport) ([]FilePreview, error) {
	if err := f.check(); err != nil {
		return nil, err
	}
	if bundle.IsBundle(f.Data) {
		v, err := verifyBundle(f.Data)
		return []FilePreview{{Title: v.Title, Changes: len(v.Changes), Invalid: v.Bad}}, err
	}
	read, err := f.read(ctx, c)
	var out []FilePreview
	for i := range read.Weeks {
		w := &read.Weeks[i]
		p := FilePreview{
			Title: cmp.Or(w.Week.Event.Title, w.Name), Authors: w.Week.Event.Authors, Notes: slices.Concat(notesOf(&w.Week), w.Notes),
			Guesses: ThreadGuesses(&w.Week), Outline: w.Week.Guesses > 0 && !read.Several(), Refused: w.Refused,
		}
		p.Questions, p.Replies = w.Week.Count()
		out = append(out, p)
	}
	if len(read.Skipped) > 0 {
		out = append(out, FilePreview{Title: skippedFiles, Notes: read.Skipped})
	}
	return out, err
}

// OutlineOf returns the outline of a file with one week, to correct and import.
func OutlineOf(ctx context.Context, c Converter, f FileToImport) ([]byte, error) {
	if bundle.IsBundle(f.Data) {
		return nil, Errorf(Invalid, "a bundle has no outline")
	}
	read, err := f.read(ctx, c)
	switch {
	case err != nil:
		return nil, err
	case read.Several():
		return nil, Errorf(Invalid, "a ZIP has no outline")
	}
	return c.WriteOutline(ctx, read.Weeks[0].Week)
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

// importSeveral imports the weeks of a channel or a site.
func importSeveral(ctx context.Context, n Node, f FileToImport, read WeeksOfFile) (out []ImportedFile, err error) {
	in := WeeksToImport{Event: f.Event, Club: f.Club, NewClub: f.NewClub, Relay: f.Relay}
	var notes [][]string
	for i := range read.Weeks {
		w := &read.Weeks[i]
		if w.Refused != "" {
			out = append(out, ImportedFile{Title: w.Name, Refused: w.Refused})
			continue
		}
		w.Week.Accept = f.Accept
		in.Weeks = append(in.Weeks, WeekToImport{cmp.Or(w.Week.Event.Title, w.Name), w.Week})
		notes = append(notes, w.Notes)
	}
	done, err := ImportWeeks(ctx, n, in)
	for i, r := range done.Weeks {
		switch {
		case r.Refused != nil:
			out = append(out, ImportedFile{Title: in.Weeks[i].Name, Refused: r.Refused.Error()})
		case r.Event != "":
			week := importedWeek(in.Weeks[i].Week, r.ImportResult)
			week.Notes = append(week.Notes, notes[i]...)
			out = append(out, week)
		}
	}
	if len(out) == 0 && err == nil {
		err = Errorf(Invalid, "the channel %s has no question; nothing was imported", read.Channel)
	}
	if len(read.Skipped) > 0 {
		out = append(out, ImportedFile{Title: skippedFiles, Notes: read.Skipped})
	}
	return out, err
}

func importedWeek(week qa.Imported, r ImportResult) ImportedFile {
	out := ImportedFile{Event: r.Event, Title: week.Event.Title, Questions: r.Questions, Replies: r.Replies, Known: r.Unchanged}
	if r.Existing != nil {
		out.Title = r.Existing.Title
	}
	out.Notes = notesOf(&week)
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

// notesOf returns what a person should know about the week that was read from a file.
func notesOf(week *qa.Imported) (notes []string) {
	if week.Guesses > 0 {
		notes = append(notes, fmt.Sprintf("The file does not say which messages open a thread. For %d of them it was guessed.", week.Guesses))
	}
	for _, m := range week.Remarks {
		notes = append(notes, m.Text)
	}
	for _, s := range week.Skipped {
		notes = append(notes, fmt.Sprintf("Not imported, line %d: %s", s.Line, s.Reason))
	}
	return notes
}

// The formats of Export.
const (
	FormatJSON      = "json"
	FormatJekyll    = "jekyll"
	FormatBundle    = "bundle"    // changes with their signatures, for other devices
	FormatAutomerge = "automerge" // changes without signatures, for other programs
)

// ExportFormat is a format of Export: either text that a Converter makes from the current week, or made from the
// bundle.
type ExportFormat struct {
	Name, Words, Ext string
	fromBundle       func(bundle []byte) (Exported, error) // nil: made by a Converter
}

// Text reports whether the files are text, which a terminal can show.
func (f *ExportFormat) Text() bool { return f.fromBundle == nil }

// ExportFormats are the formats of Export.
var ExportFormats = [...]ExportFormat{
	{Name: FormatJSON, Words: "JSON, for other programs", Ext: ".json"},
	{Name: FormatJekyll, Words: "a page for a Jekyll site, hidden posts included", Ext: ".md"},
	{Name: FormatBundle, Words: "a bundle, for another device", Ext: ".bundle", fromBundle: func(b []byte) (Exported, error) { return Exported{Data: b}, nil }},
	{Name: FormatAutomerge, Words: "Automerge, for other programs", Ext: ".automerge", fromBundle: automergeFile},
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
	Name string // for the file
	Data []byte
	// LeftOut is how many changes an Automerge file does not hold, because their writer signed two
	// versions of a change.
	LeftOut int
}

// Export makes a file of a whole event. c writes the formats that are text. Publish makes files of what everybody may
// read.
func Export(ctx context.Context, n Node, c Converter, event qa.EventID, format string) (out Exported, err error) {
	i := slices.Index(ExportFormatNames(), format)
	if i < 0 {
		return out, Errorf(Invalid, "there is no format %q", format)
	}
	week, err := FetchedWeek(ctx, n, event)
	if err != nil {
		return out, err
	}
	f := &ExportFormats[i]
	if f.Text() {
		out.Data, err = c.WriteWeek(ctx, format, week)
	} else {
		var b []byte
		if b, err = n.Bundle(ctx, event); err == nil {
			out, err = f.fromBundle(b)
		}
	}
	out.Name = publish.Slug(&week.Event) + f.Ext
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
