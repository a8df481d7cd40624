package slack

import (
	"archive/zip"
	"cmp"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"flyleaf/importer"

	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/transform"
	"golang.org/x/text/unicode/norm"
)

// ErrNoFolder is returned when an export has no messages of the wanted channel.
var ErrNoFolder = errors.New("there is no folder for this channel")

// OpenZip returns the files of a ZIP, without unpacking it. An *importer.InputError is returned
// for anything but a ZIP, for more than MaxEntries files, and for an encrypted ZIP.
func OpenZip(name string, r io.ReaderAt, size int64) (fs.FS, error) {
	z, err := zip.NewReader(r, size)
	if err != nil {
		return nil, refuse(name, importer.ErrSyntax, "it is not a ZIP file that can be read: %v", err)
	}
	if len(z.File) > MaxEntries {
		return nil, refuse(name, importer.ErrTooBig, "%d files, at most %d are read", len(z.File), MaxEntries)
	}
	const encrypted = 1
	if slices.ContainsFunc(z.File, func(f *zip.File) bool { return f.Flags&encrypted != 0 }) {
		return nil, refuse(name, importer.ErrSyntax, "it is encrypted; unpack it and import the directory")
	}
	for _, f := range z.File { // before the first file is opened, when package zip indexes the names
		f.Name = strings.ReplaceAll(f.Name, `\`, "/") // as programs on Windows write it
		if !utf8.ValidString(f.Name) {
			if s, err := charmap.CodePage437.NewDecoder().String(f.Name); err == nil {
				f.Name = s
			}
		}
	}
	return z, nil
}

// findRoot returns the directory that has the lists of channels or a channel's files: the top, or
// the only directory in the top.
func findRoot(fsys fs.FS) (fs.FS, error) {
	top := fsys
	for range 3 {
		entries, err := fs.ReadDir(fsys, ".")
		if err != nil {
			return nil, refuse("", importer.ErrSyntax, "the export cannot be listed: %v", err)
		}
		var dirs []string
		for _, e := range entries {
			switch name := e.Name(); {
			case slices.Contains(lists, name) || slices.Contains(userLists, name) || dayFile.MatchString(name):
				return fsys, nil
			case strings.HasPrefix(name, "slackdump.sqlite"):
				return nil, refuse(name, importer.ErrUnknownFormat, "it is a database of slackdump; `slackdump convert -f export` makes an export of it that can be read")
			case e.IsDir() && name != "__MACOSX" && !strings.HasPrefix(name, "."):
				dirs = append(dirs, name)
			}
		}
		if len(dirs) != 1 {
			break
		}
		if fsys, err = fs.Sub(fsys, dirs[0]); err != nil {
			return nil, refuse(dirs[0], importer.ErrSyntax, "%v", err)
		}
	}
	// No lists: each channel is a directory of days, or a file.
	for _, pattern := range []string{"*/????-??-??.json", "*.json", "*.json.gz"} {
		if found, err := fs.Glob(top, pattern); err == nil && len(found) > 0 {
			return top, nil
		}
	}
	return nil, refuse("", importer.ErrUnknownFormat, "a Slack export has a file channels.json, groups.json or users.json, or directories of files such as 2021-03-08.json, and there are none")
}

// userLists are the files that name an export's people.
var userLists = []string{"users.json", "org_users.json", "users.json.gz"}

// lists are the files that name an export's channels.
var lists = []string{"channels.json", "groups.json", "mpims.json", "dms.json", "channels.json.gz"}

// boundedReader reads a file of an export. It fails with errTooBig when the file, or a single
// element of it, is larger than allowed.
type boundedReader struct {
	r       io.Reader
	left    *int64 // bytes that may still be read of the file, or of several files together
	element int64  // bytes that may still be read of the current element
}

// linkOutside is the error text for a symbolic link out of the export.
const linkOutside = "a symbolic link to a file outside the export, or to no file. Replace the link by the file, or remove it"

var errTooBig = errors.New("too big")

func (b *boundedReader) Read(p []byte) (int, error) {
	if *b.left <= 0 || b.element <= 0 {
		return 0, errTooBig
	}
	n, err := b.r.Read(p[:min(int64(len(p)), *b.left, b.element)])
	*b.left -= int64(n)
	b.element -= int64(n)
	return n, err
}

// each decodes the JSON array in a file and calls do with each element.
//
// The array may also be a member of an object, as APIs and slackdump write it: then members
// are its possible names. The first member found is read, and the object's strings are returned. An empty file, null and {} are empty arrays. A file that ends in .gz is an
// archive of slackdump: compressed, with any number of such objects, one after the other.
func each(fsys fs.FS, name string, left *int64, members []string, do func(i int, raw json.RawMessage) error) (about map[string]string, err error) {
	if s, err := fs.Stat(fsys, name); err != nil {
		if l, err := fs.Lstat(fsys, name); err == nil && l.Mode()&fs.ModeSymlink != 0 {
			return nil, refuse(name, importer.ErrSyntax, "%s", linkOutside)
		}
		return nil, refuse(name, importer.ErrSyntax, "it cannot be opened: %v", err)
	} else if !s.Mode().IsRegular() {
		return nil, refuse(name, importer.ErrSyntax, "it is not a regular file, but a link, a pipe or a device")
	}
	f, err := fsys.Open(name)
	if err != nil {
		return nil, refuse(name, importer.ErrSyntax, "it cannot be opened: %v", err)
	}
	defer f.Close()
	b := &boundedReader{r: f, left: left, element: MaxElement}
	archive := strings.HasSuffix(name, ".gz")
	if archive {
		if b.r, err = gzip.NewReader(f); err != nil {
			return nil, refuse(name, importer.ErrSyntax, "%v", err)
		}
	}
	// A byte order mark says how the file is encoded.
	dec := json.NewDecoder(transform.NewReader(b, unicode.BOMOverride(transform.Nop)))
	broken := func(err error) error {
		if errors.Is(err, errTooBig) {
			return refuse(name, importer.ErrTooBig, "an element of it has more than %d bytes, or all files of this kind together are too large", MaxElement)
		}
		return refuse(name, importer.ErrSyntax, "%v", err)
	}
	n := 0 // elements so far
	list := func() error {
		for ; dec.More(); n++ {
			b.element = MaxElement
			var raw json.RawMessage
			if err := dec.Decode(&raw); err != nil {
				return broken(err)
			}
			if err := do(n, raw); err != nil {
				return err
			}
		}
		b.element = MaxElement
		if _, err := dec.Token(); err != nil {
			return broken(err)
		}
		return nil
	}
	t, err := dec.Token()
	switch {
	case errors.Is(err, io.EOF), err == nil && t == nil:
		return nil, nil
	case err != nil:
		return nil, broken(err)
	case t == json.Delim('['):
		for { // programs that append to a file leave several arrays in it
			if err := list(); err != nil {
				return nil, err
			}
			switch t, err := dec.Token(); {
			case errors.Is(err, io.EOF):
				return nil, nil
			case err != nil:
				return nil, broken(err)
			case t != json.Delim('['):
				return nil, refuse(name, importer.ErrSyntax, "something follows its JSON array")
			}
		}
	case t != json.Delim('{'):
		return nil, refuse(name, importer.ErrSyntax, "it is not a JSON array")
	}
	about, found, keys := map[string]string{}, false, 0
	object := func() error {
		for dec.More() {
			b.element = MaxElement
			key, err := dec.Token()
			if err != nil {
				return broken(err)
			}
			k, _ := key.(string)
			keys++
			if (!found || archive) && slices.Contains(members, k) {
				found = true
				switch t, err := dec.Token(); {
				case err != nil:
					return broken(err)
				case t == nil:
				case t != json.Delim('['):
					return refuse(name, importer.ErrSyntax, "its %q is not a JSON array", k)
				default:
					if err := list(); err != nil {
						return err
					}
				}
				continue
			}
			var raw json.RawMessage
			if err := dec.Decode(&raw); err != nil {
				return broken(err)
			}
			var s string
			if len(about) < 100 && json.Unmarshal(raw, &s) == nil {
				about[k] = s
			}
			if n, ok := newNode(raw); ok && (archive && k == "ci" || k == "channel") {
				about["channel_id"], about["name"] = n.text("id"), n.text("name")
			}
		}
		return nil
	}
	for {
		if err := object(); err != nil {
			return nil, err
		}
		if !archive {
			break
		}
		// Objects follow each other.
		if _, err := dec.Token(); err != nil {
			return nil, broken(err)
		}
		b.element = MaxElement
		switch t, err := dec.Token(); {
		case errors.Is(err, io.EOF):
			return about, nil
		case err != nil:
			return nil, broken(err)
		case t != json.Delim('{'):
			return nil, refuse(name, importer.ErrSyntax, "it is not an archive of slackdump")
		}
	}
	if _, err := dec.Token(); err != nil {
		return nil, broken(err)
	}
	if _, err := dec.Token(); err == nil {
		return nil, refuse(name, importer.ErrSyntax, "something follows its JSON object")
	} else if !errors.Is(err, io.EOF) {
		return nil, broken(err)
	}
	if !found && keys > 0 {
		return nil, refuse(name, importer.ErrSyntax, "it is not a JSON array, nor an object with a list %q", members[0])
	}
	return about, nil
}

// exists reports whether there is a file of that name, even if it cannot be opened.
func exists(fsys fs.FS, name string) bool {
	_, err := fs.Stat(fsys, name)
	return !errors.Is(err, fs.ErrNotExist)
}

// user is a writer, as described in the export.
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

func (r *reader) readUsers(root fs.FS) error {
	left := int64(MaxUserFile)
	for _, file := range userLists {
		if !exists(root, file) {
			continue
		}
		_, err := each(root, file, &left, []string{"members", "users", "u"}, func(_ int, raw json.RawMessage) error {
			u, ok := newNode(raw)
			id := u.text("id")
			if !ok || id == "" {
				return nil // the messages name the writer
			}
			if len(r.users) >= MaxUsers {
				return refuse(file, importer.ErrTooBig, "more than %d users", MaxUsers)
			}
			p := u.object("profile")
			r.users[id] = user{
				Display: oneLine(p.text("display_name")), Real: cmp.Or(oneLine(p.text("real_name")), oneLine(u.text("real_name"))),
				Handle: oneLine(u.text("name")), Bot: u.flag("is_bot"),
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// channel is an entry of one of the lists of channels.
type channel struct {
	id, name string
	earlier  []string // former names
}

// readChannels reads the lists of channels.
func (r *reader) readChannels(root fs.FS) ([]channel, error) {
	left := int64(MaxUserFile)
	var out []channel
	for _, file := range lists {
		if !exists(root, file) {
			continue
		}
		_, err := each(root, file, &left, []string{"channels", "groups", "ims", "ch"}, func(_ int, raw json.RawMessage) error {
			c, ok := newNode(raw)
			id := c.text("id")
			if !ok || id == "" {
				return nil
			}
			if len(out) >= MaxEntries {
				return refuse(file, importer.ErrTooBig, "more than %d channels", MaxEntries)
			}
			// Direct messages have no name; their directory is named by the ID.
			name := composed(cmp.Or(c.text("name"), c.text("name_normalized"), id))
			r.channels[id] = name
			one := channel{id: id, name: name}
			for _, n := range append(c.texts("previous_names"), c.text("name_normalized")) {
				if n = composed(n); n != "" && n != name {
					one.earlier = append(one.earlier, n)
				}
			}
			out = append(out, one)
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return out, nil
}

// composed returns a channel's name in Unicode's composed form (NFC), for comparisons: file
// systems and ZIP programs separate letters from their accents.
func composed(s string) string { return norm.NFC.String(strings.TrimSpace(s)) }

// findChannel finds the wanted channel and its files.
func (r *reader) findChannel(root fs.FS) error {
	want := composed(strings.TrimPrefix(strings.TrimSpace(r.opts.Channel), "#"))
	if want == "" {
		return refuse("", importer.ErrSyntax, "name a channel (--channel): an export has many")
	}
	all, err := r.readChannels(root)
	if err != nil {
		return err
	}
	// IDs and current names come before former names, which another channel may have now.
	var found *channel
	for _, fits := range []func(c *channel) bool{
		func(c *channel) bool { return c.id == want || c.name == want },
		func(c *channel) bool { return strings.EqualFold(c.name, want) || strings.EqualFold(c.id, want) },
		func(c *channel) bool { return slices.Contains(c.earlier, want) },
	} {
		if i := slices.IndexFunc(all, func(c channel) bool { return fits(&c) }); i >= 0 && found == nil {
			found = &all[i]
		}
	}
	names := []string{want}
	r.channel = want
	if found != nil {
		r.channelID, r.channel = found.id, found.name
		names = []string{found.name, found.id}
		for _, n := range append(found.earlier, want) {
			if !slices.ContainsFunc(all, func(c channel) bool { return c.name == n && c.id != found.id }) {
				names = append(names, n)
			}
		}
	}
	return r.findFiles(root, names)
}

// findFiles finds the directories and files with the messages of the channel, which has one
// of the names.
func (r *reader) findFiles(root fs.FS, names []string) error {
	entries, err := fs.ReadDir(root, ".")
	if err != nil {
		return refuse("", importer.ErrSyntax, "the export cannot be listed: %v", err)
	}
	named := func(name string) bool {
		name = strings.TrimPrefix(name, "#")
		return slices.ContainsFunc(names, func(n string) bool { return strings.EqualFold(n, name) })
	}
	var there []string
	for _, e := range entries {
		name := e.Name()
		isDir := e.IsDir()
		if s, err := fs.Stat(root, name); err == nil {
			isDir = s.IsDir() // of the target, if it is a link
		} else if e.Type()&fs.ModeSymlink != 0 && named(composed(name)) {
			return refuse(name, importer.ErrSyntax, "%s", linkOutside)
		}
		stem, isJSON := strings.CutSuffix(strings.TrimSuffix(name, ".gz"), ".json")
		switch plain := composed(name); {
		case strings.HasPrefix(name, ".") || strings.HasPrefix(name, "__"):
		case isDir:
			there = append(there, plain)
			if named(plain) {
				r.dirs = append(r.dirs, name)
			}
		case dayFile.MatchString(name): // this is the directory of a single channel
			if !slices.Contains(r.dirs, ".") {
				r.dirs = append(r.dirs, ".")
			}
		case isJSON && !slices.Contains(notChannels, name):
			if e.Type().IsRegular() {
				there = append(there, composed(stem))
			}
			id, _, _ := strings.Cut(stem, "-") // slackdump: ID, or ID-THREAD for a single thread
			if named(composed(stem)) || slices.Contains(names, id) && threadFile.MatchString(stem) {
				r.files = append(r.files, name)
			}
		}
	}
	if len(r.dirs)+len(r.files) > 0 {
		return nil
	}
	if err := r.findInside(root, entries, names); err != nil || len(r.files) > 0 {
		return err
	}
	slices.Sort(there)
	if len(there) > 20 {
		there = append(there[:20], "…")
	}
	if len(there) == 0 {
		return refuse("", ErrNoFolder, "%q has no folder here, and neither has any other channel. Is this the whole export?", r.channel)
	}
	return refuse("", ErrNoFolder, "no messages of %q in this export. It has messages of: %s. Choose one of these", r.channel, strings.Join(there, ", "))
}

// notChannels are the files at the top of an export that have no messages.
var notChannels = slices.Concat(lists, userLists, []string{
	"integration_logs.json", "canvases.json", "huddle_transcripts.json", "file_conversations.json", "lists.json", "manifest.json", "workspace.json",
	"workspace.json.gz", "files.json.gz", "search.json.gz",
})

// threadFile matches the name of slackdump's file of one thread, without its ending.
var threadFile = regexp.MustCompile(`^[A-Z0-9]+-\d+\.\d+$`)

// findInside looks for a file whose content says that it has the channel's messages.
func (r *reader) findInside(root fs.FS, entries []fs.DirEntry, names []string) error {
	left := int64(MaxChannel)
	for _, e := range entries {
		name := e.Name()
		if !strings.HasSuffix(strings.TrimSuffix(name, ".gz"), ".json") || slices.Contains(notChannels, name) || !e.Type().IsRegular() {
			continue
		}
		about, err := each(root, name, &left, []string{"messages", "m"}, func(int, json.RawMessage) error { return nil })
		if errors.Is(err, importer.ErrTooBig) {
			return err
		}
		if err != nil {
			continue // the file of another channel, or no file of messages
		}
		if n, id := composed(about["name"]), about["channel_id"]; slices.Contains(names, n) || slices.Contains(names, id) {
			r.files = append(r.files, name)
			r.channel, r.channelID = cmp.Or(n, r.channel), cmp.Or(id, r.channelID)
		}
	}
	return nil
}

var dayFile = regexp.MustCompile(`^\d{4}-\d{2}-\d{2}\.(?:json|JSON)$`)

// readDays reads the messages in the channel's directories and files.
func (r *reader) readDays(root fs.FS) error {
	r.byTS = map[string]*message{}
	var files []string
	for _, dir := range r.dirs {
		entries, err := fs.ReadDir(root, dir)
		if err != nil {
			return refuse(dir, importer.ErrSyntax, "it cannot be listed: %v", err)
		}
		var days, others []string
		for _, e := range entries { // by name, which is the order of the days
			switch file := path.Join(dir, e.Name()); {
			case dayFile.MatchString(e.Name()):
				days = append(days, file)
			case len(r.files) > 0: // the directory of attached files
				r.skipFile(file, "it is not a file of messages")
			case strings.HasSuffix(e.Name(), ".json") && dir != "." && !strings.HasPrefix(e.Name(), "canvas"):
				others = append(others, file)
			case dir != ".":
				r.skipFile(file, "it is not a file of messages")
			}
		}
		if len(days) == 0 { // one file has all days
			days, others = others, nil
		}
		for _, file := range others {
			r.skipFile(file, "its name is not a day, such as 2021-03-08.json")
		}
		files = append(files, days...)
	}
	files = append(files, r.files...)
	if len(files) > MaxDayFiles {
		return refuse(r.channel, importer.ErrTooBig, "more than %d files", MaxDayFiles)
	}
	left := int64(MaxChannel)
	for _, file := range files {
		before := len(r.messages)
		about, err := each(root, file, &left, []string{"messages", "m"}, func(i int, raw json.RawMessage) error {
			return r.add(file, i, raw)
		})
		if err != nil {
			return err
		}
		if r.channelID == "" {
			r.channelID = about["channel_id"]
		}
		if len(r.messages) == before {
			r.skipFile(file, "it has no message")
		}
	}
	return nil
}

// add adds an element of a file, and the replies that are nested in it.
func (r *reader) add(file string, i int, raw json.RawMessage) error {
	m := readMessage(file, i, raw)
	if strings.HasSuffix(file, ".gz") {
		// An archive has each question twice: in the channel and before its replies.
		if r.inArchive == nil {
			r.inArchive = map[string]bool{}
		}
		if m.TS != "" && m.TS == m.ThreadTS && r.inArchive[m.TS] {
			return nil
		}
		r.inArchive[m.TS] = true
	}
	all := []*message{m}
	for j, reply := range threadReplies(raw) {
		one := readMessage(file, i, reply)
		one.within = fmt.Sprintf("reply %d", j)
		if one.TS == m.TS {
			continue // the question again, as Slack's API repeats it
		}
		one.ThreadTS = cmp.Or(one.ThreadTS, m.TS)
		all = append(all, one)
	}
	if r.messages = append(r.messages, all...); len(r.messages) > MaxMessages {
		return refuse(file, importer.ErrTooBig, "more than %d messages in the channel", MaxMessages)
	}
	return nil
}

// skipFile notes a file of the channel in which no message was found.
func (r *reader) skipFile(file, reason string) {
	r.skipped = append(r.skipped, SkippedFile{file, reason})
}

// oneLine returns s without line ends, and with single spaces.
func oneLine(s string) string {
	return strings.Join(strings.Fields(strings.ReplaceAll(s, "\x00", "")), " ")
}

// Channels lists the names of an export's channels. An *importer.InputError is returned when
// it is not an export.
func Channels(fsys fs.FS) ([]string, error) {
	root, err := findRoot(fsys)
	if err != nil {
		return nil, err
	}
	r := &reader{channels: map[string]string{}}
	all, err := r.readChannels(root)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, c := range all {
		names = append(names, c.name)
	}
	if len(names) == 0 { // no lists: each directory is a channel
		entries, err := fs.ReadDir(root, ".")
		if err != nil {
			return nil, refuse("", importer.ErrSyntax, "the export cannot be listed: %v", err)
		}
		for _, e := range entries {
			if e.IsDir() && !strings.HasPrefix(e.Name(), ".") && !strings.HasPrefix(e.Name(), "__") {
				names = append(names, composed(e.Name()))
			}
		}
	}
	slices.Sort(names)
	return names, nil
}
