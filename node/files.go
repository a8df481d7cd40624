package node

import (
	"archive/zip"
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"flyleaf/crdt/bundle"
	"flyleaf/importer"
	"flyleaf/importer/slack"
	"flyleaf/publish"
	"flyleaf/qa"
)

// MaxFile bounds a file that is imported from a page, in bytes.
const MaxFile = 64 << 20

// FileToImport is a file that somebody has chosen: a Jekyll page, the text of a week's page,
// an outline, JSON, a bundle or the ZIP of a Slack export.
type FileToImport struct {
	Name    string // for messages
	Data    []byte
	Relay   string // of new weeks; "" for none
	Channel string // of a Slack export, by name or ID; "" is the only one
	Club    string // the club that lists the weeks of a Slack export, by name; "" for none
}

// ImportedFile says what became of one week of a file.
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

// ImportFile imports a file. Each week is imported whole or not at all; an error says that
// nothing was imported.
func ImportFile(ctx context.Context, n Node, f FileToImport) ([]ImportedFile, error) {
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
	case bytes.HasPrefix(f.Data, []byte("PK\x03\x04")):
		return importSlack(ctx, n, f)
	}
	week, err := importer.Read(f.Name, f.Data, nil)
	if err != nil {
		return nil, WithKind(Invalid, err)
	}
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

// importSlack imports the weeks of a channel.
func importSlack(ctx context.Context, n Node, f FileToImport) ([]ImportedFile, error) {
	files, err := slack.OpenZip(f.Name, bytes.NewReader(f.Data), int64(len(f.Data)))
	if err != nil {
		return nil, WithKind(Invalid, err)
	}
	if f.Channel == "" {
		if f.Channel, err = onlyChannel(slack.Channels(files)); err != nil {
			return nil, WithKind(Invalid, err)
		}
	}
	x, err := slack.Read(files, slack.Options{Channel: f.Channel})
	if err != nil {
		return nil, WithKind(Invalid, err)
	}
	do := func(week qa.Imported) (ImportResult, error) { return n.Import(ctx, "", week, f.Relay) }
	finish := func() error { return nil }
	if f.Club != "" {
		club, err := ImportIntoClub(ctx, n, f.Club, f.Relay)
		if err != nil {
			return nil, err
		}
		do = func(week qa.Imported) (ImportResult, error) { return club.Import(ctx, week) }
		finish = func() error { return club.Finish(ctx) }
	}
	var out []ImportedFile
	for i := range x.Weeks {
		w := &x.Weeks[i]
		r, err := do(w.Imported)
		switch {
		case err != nil:
			out = append(out, ImportedFile{Title: cmp.Or(w.Event.Title, w.Monday), Refused: err.Error()})
		case r.Event != "":
			week := importedWeek(w.Imported, r)
			week.Notes = append(week.Notes, w.Notes...)
			out = append(out, week)
		}
	}
	if len(out) == 0 {
		return nil, Errorf(Invalid, "the channel %s has no question; nothing was imported", x.Channel)
	}
	if err := finish(); err != nil {
		return out, fmt.Errorf("the weeks were imported, but are not on the club's list: %w", err)
	}
	return out, nil
}

// maxNamed is how many channels a message names.
const maxNamed = 20

func onlyChannel(names []string, err error) (string, error) {
	switch {
	case err != nil:
		return "", err
	case len(names) == 1:
		return names[0], nil
	case len(names) == 0:
		return "", errors.New("this export has no channel; nothing was imported")
	}
	more := ""
	if len(names) > maxNamed {
		more = fmt.Sprintf(" and %d more", len(names)-maxNamed)
		names = names[:maxNamed]
	}
	return "", fmt.Errorf("this export has several channels: %s%s. Choose one of them; nothing was imported", strings.Join(names, ", "), more)
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
	if len(r.Changes) > 0 {
		out.Notes = append(out.Notes, fmt.Sprintf("%d posts of an earlier import are different in the file now. They were left as they are here.", len(r.Changes)))
	}
	return out
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

// PublishArchive makes the files of a publication and packs them into a ZIP. name is for the
// file.
func PublishArchive(ctx context.Context, n Node, p Publication) (name string, archive []byte, err error) {
	made, err := Publish(ctx, n, p)
	if err != nil {
		return "", nil, err
	}
	var out bytes.Buffer
	w := zip.NewWriter(&out)
	for _, f := range made.Files {
		to, err := w.CreateHeader(&zip.FileHeader{Name: f.Path, Method: zip.Deflate, Modified: p.Site.Now.UTC().Truncate(time.Second)})
		if err == nil {
			_, err = to.Write(f.Body)
		}
		if err != nil {
			return "", nil, err
		}
	}
	if err := w.Close(); err != nil {
		return "", nil, err
	}
	return "flyleaf-" + p.Format + ".zip", out.Bytes(), nil
}
