package slack

import (
	"archive/zip"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"flyleaf/importer"

	"golang.org/x/text/encoding/unicode"
)

// plain is an export of three messages in one channel, as files.
func plain() fstest.MapFS {
	return files(map[string]string{
		"users.json":            `[{"id":"U1","name":"ilse","profile":{"display_name":"Ilse Marrow"}},{"id":"U2","name":"tino","profile":{"display_name":"Tino"}}]`,
		"channels.json":         `[{"id":"C1","name":"books"}]`,
		"books/2026-03-09.json": `[{"type":"message","user":"U2","ts":"1773046800.000001","thread_ts":"1773046800.000001","text":"When does it pay?"},{"type":"message","user":"U1","ts":"1773050400.000001","thread_ts":"1773046800.000001","text":"From day one."}]`,
		"books/2026-03-10.json": `[{"type":"message","user":"U2","ts":"1773133200.000001","text":"Second question?"}]`,
	})
}

func files(of map[string]string) fstest.MapFS {
	out := fstest.MapFS{}
	for name, data := range of {
		out[name] = &fstest.MapFile{Data: []byte(data)}
	}
	return out
}

func gzipped(s string) string {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := z.Write([]byte(s)); err != nil {
		panic(err)
	}
	if err := z.Close(); err != nil {
		panic(err)
	}
	return b.String()
}

func move(f fstest.MapFS, from, to string) {
	for name, file := range f {
		if rest, ok := strings.CutPrefix(name, from); ok {
			delete(f, name)
			f[to+rest] = file
		}
	}
}

// TestShapes: an export gives the same posts with the same sources in every layout and encoding, so
// importing another form adds nothing.
func TestShapes(t *testing.T) {
	set := func(name, data string) func(fstest.MapFS) {
		return func(f fstest.MapFS) { f[name] = &fstest.MapFile{Data: []byte(data)} }
	}
	const dump = `{"channel_id":"C1","name":"books","messages":[` +
		`{"type":"message","user":"U2","ts":"1773046800.000001","thread_ts":"1773046800.000001","text":"When does it pay?","slackdump_thread_replies":[` +
		`{"type":"message","user":"U2","ts":"1773046800.000001","thread_ts":"1773046800.000001","text":"When does it pay?"},` +
		`{"type":"message","user":"U1","ts":"1773050400.000001","thread_ts":"1773046800.000001","text":"From day one."}]},` +
		`{"type":"message","user":"U2","ts":"1773133200.000001","text":"Second question?"}]}`
	only := func(name, data string) func(fstest.MapFS) {
		return func(f fstest.MapFS) {
			delete(f, "books/2026-03-09.json")
			delete(f, "books/2026-03-10.json")
			f[name] = &fstest.MapFile{Data: []byte(data)}
		}
	}
	const array = `[{"type":"message","user":"U2","ts":"1773046800.000001","thread_ts":"1773046800.000001","text":"When does it pay?"},{"type":"message","user":"U1","ts":"1773050400.000001","thread_ts":"1773046800.000001","text":"From day one."},{"type":"message","user":"U2","ts":"1773133200.000001","text":"Second question?"}]`
	for _, c := range []struct {
		name    string
		change  func(fstest.MapFS)
		channel string
		// noID: the export does not say the channel's ID, so the weeks are named by its name.
		noID bool
	}{
		{name: "as Slack writes it", change: func(fstest.MapFS) {}},
		{name: "a list of channels that is null", change: set("channels.json", "null"), noID: true},
		{name: "another list that is null", change: set("groups.json", "null")},
		{name: "a list of channels with entries that are odd", change: set("channels.json", `[null,5,{"id":7},{"id":"C1","name":"books","previous_names":null,"members":{}}]`)},
		{name: "a list inside of an object", change: set("channels.json", `{"ok":true,"channels":[{"id":"C1","name":"books"}],"more":{"x":[1]}}`)},
		{name: "users inside of an object", change: set("users.json", `{"cache_ts":1,"members":[{"id":"U1","profile":{"display_name":"Ilse Marrow"}},{"id":"U2","name":"tino","profile":null}]}`)},
		{name: "a user with a strange field", change: set("users.json", `[{"id":"U1","is_bot":"no","profile":{"display_name":"Ilse Marrow","real_name":{}}},{"id":"U2","name":"tino","profile":[]}]`)},
		{name: "byte order marks", change: func(f fstest.MapFS) {
			for _, file := range f {
				file.Data = append([]byte("\xef\xbb\xbf"), file.Data...)
			}
		}},
		{name: "UTF-16", change: func(f fstest.MapFS) {
			for _, file := range f {
				file.Data, _ = unicode.UTF16(unicode.LittleEndian, unicode.UseBOM).NewEncoder().Bytes(file.Data)
			}
		}},
		{name: "days that are empty, white space, null, and without messages", change: func(f fstest.MapFS) {
			set("books/2026-03-11.json", "")(f)
			set("books/2026-03-12.json", " \n")(f)
			set("books/2026-03-13.json", "null")(f)
			set("books/2026-03-14.json", "[]")(f)
		}},
		{name: "files that hold no messages", change: func(f fstest.MapFS) {
			set("books/canvas_in_the_conversation.json", `[{"id":"F1"}]`)(f)
			set("books/attachments/F1-a.png", "x")(f)
			set("books/notes.txt", "x")(f)
		}},
		{name: "a renamed channel whose folder has the old name", channel: "club", change: set("channels.json", `[{"id":"C1","name":"club","previous_names":["books"]}]`)},
		{name: "a renamed channel, named by the old name", channel: "books", change: set("channels.json", `[{"id":"C1","name":"club","previous_names":["books"]}]`)},
		{name: "a renamed channel with a folder under both names", channel: "club", change: func(f fstest.MapFS) {
			set("channels.json", `[{"id":"C1","name":"club","previous_names":["books"]}]`)(f)
			f["club/2026-03-10.json"] = f["books/2026-03-10.json"]
			delete(f, "books/2026-03-10.json")
		}},
		{name: "folders whose names are not in the order of time", channel: "club", change: func(f fstest.MapFS) {
			set("channels.json", `[{"id":"C1","name":"club","previous_names":["zine"]}]`)(f)
			only("zine/2026-03-09.json", `[{"type":"message","user":"U2","ts":"1773046800.000001","thread_ts":"1773046800.000001","text":"When does it pay?"}]`)(f)
			set("club/2026-03-10.json", `[{"type":"message","user":"U2","ts":"1773133200.000001","text":"Second question?"},{"type":"message","user":"U1","ts":"1773050400.000001","thread_ts":"1773046800.000001","text":"From day one."}]`)(f)
		}},
		{name: "a folder named by the ID", change: func(f fstest.MapFS) { move(f, "books/", "C1/") }},
		{name: "a folder whose name is taken apart", channel: "b\u00fccher", change: func(f fstest.MapFS) {
			move(f, "books/", "bu\u0308cher/")
			set("channels.json", `[{"id":"C1","name":"b\u00fccher"}]`)(f)
		}},
		{name: "a name with accents that is asked for taken apart", channel: "bu\u0308cher", change: func(f fstest.MapFS) {
			move(f, "books/", "b\u00fccher/")
			set("channels.json", `[{"id":"C1","name":"b\u00fccher"}]`)(f)
		}},
		{name: "in a directory of its own, with others' droppings", change: func(f fstest.MapFS) {
			move(f, "", "My export/")
			set("__MACOSX/x", "")(f)
			set(".DS_Store", "")(f)
		}},
		{name: "one JSON file for each channel", change: only("books.json", array)},
		{name: "one JSON file inside of the channel's folder", change: only("books/messages.json", array)},
		{name: "slackdump's file, named by the ID", change: only("C1.json", dump)},
		{name: "slackdump's file, named otherwise, and no lists", change: func(f fstest.MapFS) {
			only("whatever.json", dump)(f)
			delete(f, "channels.json")
		}},
		{name: "slackdump's file of one thread beside the channel's", change: func(f fstest.MapFS) {
			only("C1.json", dump)(f)
			set("C1-1773046800.000001.json", dump)(f)
		}},
		{name: "slackdump's file beside the folder of what was attached", change: func(f fstest.MapFS) {
			only("C1.json", dump)(f)
			set("C1/F1-data.json", `{"not":"messages"}`)(f)
		}},
		{name: "slackdump's archive, users included", change: func(f fstest.MapFS) {
			only("C1.json.gz", gzipped(`{"t":5,"ts":1,"id":"C1","ci":{"id":"C1","name":"books","topic":{}}}
				{"t":0,"ts":2,"id":"C1","n":2,"l":true,"m":[{"type":"message","user":"U2","ts":"1773046800.000001","thread_ts":"1773046800.000001","text":"When does it pay?"},{"type":"message","user":"U2","ts":"1773133200.000001","text":"Second question?"}]}
				{"t":1,"ts":3,"id":"C1","n":1,"r":"1773046800.000001","p":{"ts":"1773046800.000001"},"m":[{"type":"message","user":"U2","ts":"1773046800.000001","thread_ts":"1773046800.000001","text":"When does it pay?"},{"type":"message","user":"U1","ts":"1773050400.000001","thread_ts":"1773046800.000001","text":"From day one."}]}`))(f)
			for _, name := range []string{"channels.json", "users.json"} {
				delete(f, name)
			}
			set("channels.json.gz", gzipped(`{"t":3,"n":1,"ch":[{"id":"C1","name":"books"}]}`))(f)
			set("users.json.gz", gzipped(`{"t":4,"n":1,"u":[{"id":"U1","profile":{"display_name":"Ilse Marrow"}}]}{"t":4,"n":1,"u":[{"id":"U2","name":"tino"}]}`))(f)
			set("workspace.json.gz", gzipped(`{"t":6}`))(f)
		}},
		{name: "the folder of one channel alone", change: func(f fstest.MapFS) {
			delete(f, "channels.json")
			move(f, "books/", "")
		}, noID: true},
		{name: "times that are numbers, and without what stands behind the point", change: func(f fstest.MapFS) {
			set("books/2026-03-10.json", `[{"type":"message","user":"U2","ts":1773133200.000001,"text":"Second question?"}]`)(f)
		}},
		{name: "a question that is only the root of a reply sent to the channel", change: set("books/2026-03-09.json",
			`[{"type":"message","subtype":"thread_broadcast","user":"U1","ts":"1773050400.000001","thread_ts":"1773046800.000001","text":"From day one.","root":{"user":"U2","ts":"1773046800.000001","thread_ts":"1773046800.000001","text":"When does it pay?"}}]`)},
		{name: "a message that only its edit tells of", change: set("books/2026-03-10.json",
			`[{"type":"message","subtype":"message_changed","ts":"1773133300.000001","message":{"type":"message","user":"U2","ts":"1773133200.000001","text":"Second question?"}}]`)},
		{name: "the same day twice, the older one with an older text", change: func(f fstest.MapFS) {
			set("books/2026-03-10.json", `[{"type":"message","user":"U2","ts":"1773133200.000001","text":"Secnod question?"},{"type":"message","user":"U2","ts":"1773133200.000001","text":"Second question?","edited":{"ts":"1773133400.000001"}}]`)(f)
		}},
	} {
		f := plain()
		c.change(f)
		channel := c.channel
		if channel == "" {
			channel = "books"
		}
		x, err := Read(f, Options{Channel: channel})
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if len(x.Weeks) != 1 || len(x.Weeks[0].Posts) != 3 {
			t.Errorf("%s: %+v", c.name, x)
			continue
		}
		source := "slack:C1:20260309"
		if c.noID {
			source = "slack:books:20260309"
		}
		for i, want := range []struct{ name, text, ts string }{
			{"Tino", "When does it pay?", "1773046800.000001"}, {"Ilse Marrow", "From day one.", "1773050400.000001"}, {"Tino", "Second question?", "1773133200.000001"},
		} {
			p := x.Weeks[0].Posts[i]
			name := want.name
			if strings.Contains(c.name, "user") && name == "Tino" {
				name = "tino"
			}
			if p.Name != name || p.Text != want.text || p.Source != source+"#"+want.ts {
				t.Errorf("%s: post %d is %q by %q from %s", c.name, i, p.Text, p.Name, p.Source)
			}
		}
		if p := x.Weeks[0].Posts; p[0].Parent != -1 || p[1].Parent != 0 || p[2].Parent != -1 {
			t.Errorf("%s: other threads", c.name)
		}
	}
}

func TestTimesAsOtherProgramsWriteThem(t *testing.T) {
	for in, want := range map[string]string{
		"1773219600.000100": "1773219600.000100", "1773219600.0001": "1773219600.000100", "1773219601": "1773219601.000000",
		"1.7732196E9": "1773219600.000000", "soon": "soon", "": "", "12.": "12.000000", "-5": "-5", "1773219600.000100.5": "1773219600.000100.5",
	} {
		if got := canonicalTS(in); got != want {
			t.Errorf("%q is %q, want %q", in, got, want)
		}
	}
}

// TestSkippedFilesAreReported: each skipped file is reported with the reason.
func TestSkippedFilesAreReported(t *testing.T) {
	f := plain()
	for _, name := range []string{"books/canvas_in_the_conversation.json", "books/notes.json", "books/2026-03-11.json"} {
		f[name] = &fstest.MapFile{Data: []byte("[]")}
	}
	x, err := Read(f, Options{Channel: "books"})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, p := range x.SkippedFiles {
		got = append(got, p.File+": "+p.Reason)
	}
	if want := "books/canvas_in_the_conversation.json: it is not a file of messages|books/notes.json: its name is not a day, such as 2021-03-08.json|books/2026-03-11.json: it has no message"; strings.Join(got, "|") != want {
		t.Errorf("%q", got)
	}
}

// TestZipFromWindows: a ZIP from a program on Windows has backslashes in names, a name in an old encoding,
// and an entry for each directory.
func TestZipFromWindows(t *testing.T) {
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for name, file := range plain() {
		if strings.HasPrefix(name, "books/") {
			name = "b\x81cher\\" + strings.TrimPrefix(name, "books/") // in code page 437
		}
		h := &zip.FileHeader{Name: name, NonUTF8: true}
		w, err := z.CreateHeader(h)
		if err != nil {
			t.Fatal(err)
		}
		data := file.Data
		if name == "channels.json" {
			data = []byte(`[{"id":"C1","name":"bücher"}]`)
		}
		if _, err := w.Write(data); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := z.CreateHeader(&zip.FileHeader{Name: "b\x81cher\\", NonUTF8: true}); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	fsys, err := OpenZip("x.zip", bytes.NewReader(b.Bytes()), int64(b.Len()))
	if err != nil {
		t.Fatal(err)
	}
	x, err := Read(fsys, Options{Channel: "bücher"})
	if err != nil || len(x.Weeks) != 1 || len(x.Weeks[0].Posts) != 3 {
		t.Errorf("%+v, %v", x, err)
	}
}

func TestInvalidExportsAreRefused(t *testing.T) {
	for name, c := range map[string]struct {
		fs   fstest.MapFS
		says string
	}{
		"slackdump's database": {files(map[string]string{"slackdump.sqlite": "x"}), "slackdump convert"},
		"a broken archive":     {files(map[string]string{"C1.json.gz": "x", "channels.json": `[{"id":"C1","name":"books"}]`}), "C1.json.gz"},
		"an archive cut short": {files(map[string]string{"books.json.gz": gzipped(`{"t":0,"m":[{"ts":"1.1"`)}), "books.json.gz"},
		"an answer of the API": {files(map[string]string{"channels.json": `[{"id":"C1","name":"books"}]`, "books/2026-03-09.json": `{"ok":false,"error":"not_authed"}`}), `"messages"`},
	} {
		_, err := Read(c.fs, Options{Channel: "books"})
		var input *importer.InputError
		if !errors.As(err, &input) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestPlacesOfNestedMessagesAreReported: a message inside an element of a file is reported with its place.
func TestPlacesOfNestedMessagesAreReported(t *testing.T) {
	f := plain()
	f["books/2026-03-10.json"] = &fstest.MapFile{Data: []byte(`[{"type":"message","user":"U2","ts":"1773133200.000001","text":"Q?","slackdump_thread_replies":[{"type":"message","user":"U1","ts":"1773133300.000001","text":"A."}]}]`)}
	x, err := Read(f, Options{Channel: "books"})
	if err != nil {
		t.Fatal(err)
	}
	last := x.Outcomes[len(x.Outcomes)-1]
	if got := last.Where(); got != "books/2026-03-10.json[0] (reply 0)" || last.Result != Reply {
		b, _ := json.Marshal(last)
		t.Errorf("%s", b)
	}
}

// TestBots: messages of programs are left out and reported with their text, or imported on request.
func TestBots(t *testing.T) {
	f := plain()
	f["books/2026-03-11.json"] = &fstest.MapFile{Data: []byte(`[{"type":"message","subtype":"bot_message","bot_id":"B1","username":"Form","ts":"1773219600.000001","text":"","attachments":[{"fallback":"x","text":"Is it out?"}]},
		{"type":"message","bot_id":"B2","bot_profile":{"name":"Bridge"},"ts":"1773219700.000001","text":"From elsewhere: hello?"}]`)}
	x, err := Read(f, Options{Channel: "books"})
	if err != nil {
		t.Fatal(err)
	}
	if o := x.Outcomes[3:]; o[0].Result != Skipped || o[0].Text != "Is it out?" || o[0].Name != "Form" || o[1].Name != "Bridge" || o[1].Text != "From elsewhere: hello?" {
		t.Errorf("%+v", o)
	}
	if x, err = Read(f, Options{Channel: "books", KeepBots: true}); err != nil || len(x.Weeks[0].Posts) != 5 || x.Weeks[0].Posts[3].Name != "Form" || x.Weeks[0].Posts[3].Text != "Is it out?" {
		t.Errorf("%+v, %v", x.Weeks, err)
	}
}

// TestDeletedAndOmittedMessagesAreListed: a week lists its deleted and omitted messages and the time that the export
// covers, so that a later import treats nothing else as deleted.
func TestDeletedAndOmittedMessagesAreListed(t *testing.T) {
	f := plain()
	f["books/2026-03-02.json"] = &fstest.MapFile{Data: []byte(`[{"type":"message","subtype":"tombstone","user":"USLACKBOT","ts":"1772442000.000001","text":"This message was deleted."}]`)}
	f["books/2026-03-11.json"] = &fstest.MapFile{Data: []byte(`[
		{"type":"message","subtype":"tombstone","user":"USLACKBOT","ts":"1773219600.000001","thread_ts":"1773219600.000001","text":"This message was deleted."},
		{"type":"message","user":"U1","ts":"1773219700.000001","thread_ts":"1773219600.000001","text":"It is."},
		{"type":"message","user":"U1","ts":"1773219800.000001","text":"Hello everyone! The lucky winners are Tino and Ada."},
		{"type":"message","user":"U1","ts":"1773219900.000001","thread_ts":"1773100000.000001","text":"To a message that the export does not hold."},
		{"type":"message","subtype":"message_deleted","ts":"1773220000.000001","deleted_ts":"1773133200.000001"}]`)}
	x, err := Read(f, Options{Channel: "books"})
	if err != nil || len(x.Weeks) != 2 {
		t.Fatalf("%+v, %v", x.Weeks, err)
	}
	const early, late = "slack:C1:20260302#", "slack:C1:20260309#"
	w := x.Weeks[0]
	if len(w.Posts) != 0 || !slices.Contains(w.Deleted, early+"1772442000.000001") {
		t.Errorf("a week of which all is deleted: %+v", w)
	}
	w = x.Weeks[1]
	for _, c := range []struct {
		what string
		list []string
		ts   string
	}{
		{"a deleted question with replies", w.Deleted, "1773219600.000001"},
		{"a message that another entry says was deleted", w.Deleted, "1773133200.000001"},
		{"an announcement that is left out", w.Present, "1773219800.000001"},
		{"a question that is not in the export", w.Absent, "1773100000.000001"},
	} {
		if !slices.Contains(c.list, late+c.ts) {
			t.Errorf("%s: %q", c.what, c.list)
		}
	}
	for _, p := range w.Posts {
		if slices.Contains(w.Present, p.Source) {
			t.Errorf("%s is taken and left out", p.Source)
		}
	}
	if w.FromMillis != 1772442000000 || w.ToMillis != 1773219900000 {
		t.Errorf("from %d to %d", w.FromMillis, w.ToMillis)
	}
}
