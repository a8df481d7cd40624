// Package convert turns files into weeks and weeks into files, shrinks pictures and encrypts: it does the work of a
// node.Converter with the libraries that this takes.
package convert

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"time"

	"flyleaf/cover/resize"
	"flyleaf/importer"
	"flyleaf/importer/slack"
	"flyleaf/keys"
	"flyleaf/keys/encrypted"
	"flyleaf/markdown/mathml"
	"flyleaf/node"
	"flyleaf/publish"
	"flyleaf/qa"
)

// Direct is the node.Converter that does the work itself.
type Direct struct{}

var _ node.Converter = Direct{}

// ReadWeeks implements node.Converter.
func (Direct) ReadWeeks(_ context.Context, f node.FileToRead) (out node.WeeksOfFile, err error) {
	if bytes.HasPrefix(f.Data, []byte("PK\x03\x04")) {
		out, err = readZip(f)
		return out, node.WithKind(node.Invalid, err)
	}
	week, err := importer.Read(f.Name, f.Data, nil)
	if err != nil {
		return out, node.WithKind(node.Invalid, err)
	}
	out.Weeks = []node.WeekOfFile{{Week: week}}
	return out, nil
}

// readZip reads the weeks of a site, or of a channel if there is no page.
func readZip(f node.FileToRead) (out node.WeeksOfFile, err error) {
	files, err := slack.OpenZip(f.Name, bytes.NewReader(f.Data), int64(len(f.Data)))
	if err != nil {
		return out, err
	}
	pages, skipped, err := importer.ReadSite(files)
	if err != nil {
		return out, err
	}
	if len(pages) == 0 {
		return readSlack(files, f)
	}
	out.Site = true
	for _, p := range pages {
		w := node.WeekOfFile{Week: p.Week, Name: p.Name}
		if p.Err != nil {
			w.Refused = p.Err.Error()
		}
		out.Weeks = append(out.Weeks, w)
	}
	for _, s := range skipped {
		if len(out.Skipped) == maxNamed {
			out.Skipped = append(out.Skipped, fmt.Sprintf("and %d more", len(skipped)-maxNamed))
			break
		}
		out.Skipped = append(out.Skipped, s.File+": "+s.Reason)
	}
	return out, nil
}

// readSlack reads the weeks of a channel.
func readSlack(files fs.FS, f node.FileToRead) (out node.WeeksOfFile, err error) {
	if f.Channel == "" {
		if f.Channel, err = onlyChannel(slack.Channels(files)); err != nil {
			return out, err
		}
	}
	x, err := slack.Read(files, slack.Options{Channel: f.Channel})
	if err != nil {
		return out, err
	}
	out.Channel = x.Channel
	for _, w := range x.Weeks {
		out.Weeks = append(out.Weeks, node.WeekOfFile{Week: w.Imported, Name: w.Monday, Notes: w.Notes})
	}
	return out, nil
}

// maxNamed is how many channels or files a message names.
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

// Archive implements node.Converter.
func (Direct) Archive(_ context.Context, w node.WeeksToPublish) ([]byte, map[string]string, error) {
	made, err := publishWeeks(&w)
	if err != nil {
		return nil, nil, err
	}
	var out bytes.Buffer
	z := zip.NewWriter(&out)
	for _, f := range made.Files {
		to, err := z.CreateHeader(&zip.FileHeader{Name: f.Path, Method: zip.Deflate, Modified: w.Publication.Site.Now.UTC().Truncate(time.Second)})
		if err == nil {
			_, err = to.Write(f.Body)
		}
		if err != nil {
			return nil, nil, err
		}
	}
	if err := z.Close(); err != nil {
		return nil, nil, err
	}
	return out.Bytes(), made.Memory, nil
}

// WriteWeek implements node.Converter.
func (Direct) WriteWeek(_ context.Context, format string, week qa.Week) ([]byte, error) {
	var out bytes.Buffer
	var err error
	switch format {
	case node.FormatJSON:
		err = publish.WriteJSON(&out, week)
	case node.FormatJekyll:
		err = publish.WriteJekyll(&out, week)
	default:
		err = node.Errorf(node.Invalid, "there is no format %q", format)
	}
	return out.Bytes(), err
}

// WriteOutline implements node.Converter.
func (Direct) WriteOutline(_ context.Context, week qa.Imported) ([]byte, error) {
	var out bytes.Buffer
	err := importer.WriteOutline(&out, week)
	return out.Bytes(), node.WithKind(node.Invalid, err)
}

// ShrinkPicture implements node.Converter.
func (Direct) ShrinkPicture(_ context.Context, picture []byte, maxBytes int) ([]byte, error) {
	small, err := resize.Shrink(picture, maxBytes)
	if err != nil {
		return nil, node.Errorf(node.Invalid, "%w; nothing was changed", err)
	}
	return small, nil
}

// Formula implements node.Converter.
func (Direct) Formula(_ context.Context, tex string, display bool) (string, error) {
	xml, err := mathml.FromTeX(tex, display)
	return xml, node.WithKind(node.Invalid, err)
}

// SealContact implements node.Converter.
func (Direct) SealContact(_ context.Context, founder qa.Identity, contact string) ([]byte, error) {
	return encrypted.SealContact(founder, contact)
}

// OpenContact implements node.Converter.
func (Direct) OpenContact(_ context.Context, k keys.Key, sealed []byte) (string, error) {
	return encrypted.OpenContact(k, sealed)
}

// OpenKeyFile implements node.Converter.
func (Direct) OpenKeyFile(_ context.Context, file []byte, passphrase string) (keys.Key, error) {
	return encrypted.OpenFile(file, passphrase)
}
