package slack

import "testing"

// TestShapesOfOtherPrograms: exports in the forms of other programs are read, or refused with an error
// that names the form. A second list in a file, and replies inside a question, are not skipped.
func TestShapesOfOtherPrograms(t *testing.T) {
	const (
		users    = `[{"id":"U1","name":"ilse"}]`
		channels = `[{"id":"C1","name":"books"}]`
		message  = `{"type":"message","user":"U1","ts":"1773046800.000001","text":"Why?"}`
		other    = `{"type":"message","user":"U1","ts":"1773046900.000001","text":"How?"}`
	)
	for name, c := range map[string]struct {
		file, data, users, want string
	}{
		"several lists in a file":       {data: "[" + message + "]\n[" + other + "]", want: "ilse: Why?|ilse: How?|"},
		"something behind the list":     {data: "[" + message + "]\n" + other, want: "refused"},
		"something behind the object":   {data: `{"messages":[` + message + "]}\n" + other, want: "refused"},
		"an object cut off":             {data: `{"messages":[` + message + "]", want: "refused"},
		"replies in the question":       {data: `[{"type":"message","user":"U1","ts":"1773046800.000001","thread_ts":"1773046800.000001","text":"Why?","replies":[{"user":"U1","ts":"1773046900.000001","text":"So."}]}]`, want: "ilse: Why?|ilse: So.|"},
		"replies that only point":       {data: `[{"type":"message","user":"U1","ts":"1773046800.000001","text":"Why?","replies":[{"user":"U1","ts":"1773046900.000001"}]}]`, want: "ilse: Why?|"},
		"users.json is an empty object": {users: "{}", data: "[" + message + "]", want: "U1: Why?|"},
		"the writer as an object":       {data: `[{"type":"message","user":{"id":"U7","name":"bo","real_name":"Bo Ek"},"ts":"1773046800.000001","text":"Why?"}]`, want: "Bo Ek: Why?|"},
		"a folder in capitals":          {file: "Books/2026-03-09.JSON", data: "[" + message + "]", want: "ilse: Why?|"},
		"a folder with a sign":          {file: "#books/2026-03-09.json", data: "[" + message + "]", want: "ilse: Why?|"},
		"a file that holds its channel": {file: "export.json", data: `{"channel":{"id":"C1","name":"books"},"messages":[` + message + `]}`, want: "ilse: Why?|"},
	} {
		if c.file == "" {
			c.file = "books/2026-03-09.json"
		}
		if c.users == "" {
			c.users = users
		}
		x, err := Read(files(map[string]string{"users.json": c.users, "channels.json": channels, c.file: c.data}), Options{Channel: "books"})
		got := ""
		for _, w := range x.Weeks {
			for _, p := range w.Posts {
				got += p.Name + ": " + p.Text + "|"
			}
		}
		if err != nil {
			got = "refused"
		}
		if got != c.want {
			t.Errorf("%s: %q, want %q (%v)", name, got, c.want, err)
		}
	}
}
