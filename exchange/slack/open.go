package slack

import (
	"archive/zip"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"

	"flyleaf/exchange"
)

// OpenZip returns the files of a ZIP, without unpacking it. An *exchange.InputError
// is returned when it is no ZIP, holds more than MaxEntries files, or is encrypted.
func OpenZip(name string, r io.ReaderAt, size int64) (fs.FS, error) {
	z, err := zip.NewReader(r, size)
	if err != nil {
		return nil, refuse(name, exchange.ErrSyntax, "it is not a ZIP file that can be read: %v", err)
	}
	if len(z.File) > MaxEntries {
		return nil, refuse(name, exchange.ErrTooBig, "%d files, at most %d are read", len(z.File), MaxEntries)
	}
	const encrypted = 1
	if slices.ContainsFunc(z.File, func(f *zip.File) bool { return f.Flags&encrypted != 0 }) {
		return nil, refuse(name, exchange.ErrSyntax, "it is encrypted; unpack it and import the directory")
	}
	return z, nil
}

// findRoot returns the directory that holds the channels' lists: the top one, or the
// only one in it.
func findRoot(fsys fs.FS) (fs.FS, error) {
	for range 3 {
		entries, err := fs.ReadDir(fsys, ".")
		if err != nil {
			return nil, refuse("", exchange.ErrSyntax, "the export cannot be listed: %v", err)
		}
		var dirs []string
		for _, e := range entries {
			switch name := e.Name(); {
			case slices.Contains(lists, name) || name == "users.json" || name == "org_users.json":
				return fsys, nil
			case e.IsDir() && name != "__MACOSX":
				dirs = append(dirs, name)
			}
		}
		if len(dirs) != 1 {
			break
		}
		if fsys, err = fs.Sub(fsys, dirs[0]); err != nil {
			return nil, refuse(dirs[0], exchange.ErrSyntax, "%v", err)
		}
	}
	return nil, refuse("", exchange.ErrUnknownFormat, "a Slack export has a file channels.json, groups.json or users.json, and there is none")
}

// lists are the files that name an export's channels.
var lists = []string{"channels.json", "groups.json", "mpims.json", "dms.json"}

// bounded reads a file of an export. It fails with errTooBig when the file is
// larger than it may be, or a single element of it.
type bounded struct {
	r       io.Reader
	left    *int64 // of the file, or of several together
	element int64  // bytes until the element at hand is too big
}

var errTooBig = errors.New("too big")

func (b *bounded) Read(p []byte) (int, error) {
	if *b.left <= 0 || b.element <= 0 {
		return 0, errTooBig
	}
	n, err := b.r.Read(p[:min(int64(len(p)), *b.left, b.element)])
	*b.left -= int64(n)
	b.element -= int64(n)
	return n, err
}

// each decodes the JSON array in a file and gives its elements to do, one at a time.
func each(fsys fs.FS, name string, left *int64, do func(i int, raw json.RawMessage) error) error {
	f, err := fsys.Open(name)
	if err != nil {
		return refuse(name, exchange.ErrSyntax, "it cannot be opened: %v", err)
	}
	defer f.Close()
	b := &bounded{r: f, left: left, element: MaxElement}
	dec := json.NewDecoder(b)
	broken := func(err error) error {
		if errors.Is(err, errTooBig) {
			return refuse(name, exchange.ErrTooBig, "an element of more than %d bytes, or more altogether than are read of such files", MaxElement)
		}
		return refuse(name, exchange.ErrSyntax, "%v", err)
	}
	if t, err := dec.Token(); err != nil {
		return broken(err)
	} else if t != json.Delim('[') {
		return refuse(name, exchange.ErrSyntax, "it is not a JSON array")
	}
	for i := 0; dec.More(); i++ {
		b.element = MaxElement
		var raw json.RawMessage
		if err := dec.Decode(&raw); err != nil {
			return broken(err)
		}
		if err := do(i, raw); err != nil {
			return err
		}
	}
	b.element = MaxElement
	if _, err := dec.Token(); err != nil {
		return broken(err)
	}
	return nil
}

func exists(fsys fs.FS, name string) bool {
	_, err := fs.Stat(fsys, name)
	return err == nil
}

// user is who wrote, as the export knows them.
type user struct {
	Display, Real, Handle string
	Bot                   bool
}

func (u user) name() string {
	for _, n := range []string{u.Display, u.Real, u.Handle} {
		if n != "" {
			return n
		}
	}
	return ""
}

type profile struct {
	DisplayName string `json:"display_name"`
	RealName    string `json:"real_name"`
	FirstName   string `json:"first_name"`
	Name        string `json:"name"`
}

func (r *reader) readUsers(root fs.FS) error {
	left := int64(MaxUserFile)
	for _, file := range []string{"users.json", "org_users.json"} {
		if !exists(root, file) {
			continue
		}
		err := each(root, file, &left, func(_ int, raw json.RawMessage) error {
			var u struct {
				ID       string  `json:"id"`
				Name     string  `json:"name"`
				RealName string  `json:"real_name"`
				IsBot    bool    `json:"is_bot"`
				Profile  profile `json:"profile"`
			}
			if json.Unmarshal(raw, &u) != nil || u.ID == "" {
				return nil // a writer without an entry is shown as the messages name them
			}
			if len(r.users) >= MaxUsers {
				return refuse(file, exchange.ErrTooBig, "more than %d users", MaxUsers)
			}
			real := oneLine(u.Profile.RealName)
			if real == "" {
				real = oneLine(u.RealName)
			}
			r.users[u.ID] = user{Display: oneLine(u.Profile.DisplayName), Real: real, Handle: oneLine(u.Name), Bot: u.IsBot}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// findChannel finds the directory of the channel that is wanted.
func (r *reader) findChannel(root fs.FS) error {
	want := strings.TrimPrefix(strings.TrimSpace(r.opts.Channel), "#")
	if want == "" {
		return refuse("", exchange.ErrSyntax, "which channel is wanted? An export holds many")
	}
	left := int64(MaxUserFile)
	var names []string
	for _, file := range lists {
		if !exists(root, file) {
			continue
		}
		err := each(root, file, &left, func(_ int, raw json.RawMessage) error {
			var c struct{ ID, Name string }
			if json.Unmarshal(raw, &c) != nil || c.ID == "" {
				return nil
			}
			if len(r.channels) >= MaxEntries {
				return refuse(file, exchange.ErrTooBig, "more than %d channels", MaxEntries)
			}
			if c.Name == "" {
				c.Name = c.ID // direct messages have no name; their directory is the ID
			}
			r.channels[c.ID] = c.Name
			names = append(names, c.Name)
			if c.ID == want || c.Name == want {
				r.channelID, r.channel = c.ID, c.Name
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	if r.channel == "" {
		r.channel = want
	}
	for _, dir := range []string{r.channel, r.channelID} {
		if dir == "" || !fs.ValidPath(dir) || dir == "." || strings.Contains(dir, "/") {
			continue
		}
		if s, err := fs.Stat(root, dir); err == nil && s.IsDir() {
			r.dir = dir
			return nil
		}
	}
	if slices.Contains(names, r.channel) {
		return nil // a channel without a message has no directory
	}
	slices.Sort(names)
	if len(names) > 20 {
		names = append(names[:20], "…")
	}
	return refuse("", exchange.ErrSyntax, "the export has no channel %q; it has %s", want, strings.Join(names, ", "))
}

var dayFile = regexp.MustCompile(`^\d{4}-\d{2}-\d{2}\.json$`)

func (r *reader) readDays(root fs.FS) error {
	r.byTS = map[string]*message{}
	if r.dir == "" {
		return nil
	}
	entries, err := fs.ReadDir(root, r.dir)
	if err != nil {
		return refuse(r.dir, exchange.ErrSyntax, "it cannot be listed: %v", err)
	}
	left, days := int64(MaxChannel), 0
	for _, e := range entries { // in the order of their names: of the days
		file := path.Join(r.dir, e.Name())
		if !dayFile.MatchString(e.Name()) {
			continue // canvases and attachments hold no messages
		}
		if days++; days > MaxDayFiles {
			return refuse(r.dir, exchange.ErrTooBig, "more than %d files", MaxDayFiles)
		}
		err := each(root, file, &left, func(i int, raw json.RawMessage) error {
			if len(r.messages) >= MaxMessages {
				return refuse(file, exchange.ErrTooBig, "more than %d messages in the channel", MaxMessages)
			}
			r.messages = append(r.messages, readMessage(file, i, raw))
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func oneLine(s string) string {
	return strings.Join(strings.Fields(strings.ReplaceAll(s, "\x00", "")), " ")
}
