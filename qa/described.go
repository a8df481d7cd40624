package qa

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"flyleaf/schema"
)

// ChangeDescription describes one effect of a change; Kind says which fields are set.
type ChangeDescription struct {
	Kind   schema.Did `json:"kind"`
	Post   PostID     `json:"post,omitempty"`
	Parent PostID     `json:"parent,omitempty"`
	Person Identity   `json:"person,omitempty"`
	Key    string     `json:"key,omitempty"`
	Text   string     `json:"text,omitempty"`
	On     bool       `json:"on,omitempty"`
	Value  any        `json:"value,omitempty"` // string, number or truth value; bytes as hex
}

// MarshalJSON adds the sentence as words, for readers that only show it.
func (d ChangeDescription) MarshalJSON() ([]byte, error) {
	type plain ChangeDescription
	return json.Marshal(struct {
		plain
		Words string `json:"words"`
	}{plain(d), d.String()})
}

// Phrase is a part of the sentence that describes a change. One of the fields is set.
type Phrase struct {
	Words  string   // plain words, with the spaces around them
	Post   PostID   // stands for a post
	Person Identity // stands for a person
	Quote  string   // what somebody wrote, of any length
	Millis int64    // a time, since 1970 UTC
}

// Phrases returns a sentence in the past tense, without its subject, that says what the writer of the
// change did.
func (d *ChangeDescription) Phrases() []Phrase {
	switch d.Kind {
	case schema.DidCreate:
		return []Phrase{{Words: "founded the event"}}
	case schema.DidMerge:
		return []Phrase{{Words: "merged concurrent changes"}}
	}
	r := d.row()
	if r == nil {
		return []Phrase{{Words: "did something that this version does not know"}}
	}
	sentence := r.On
	if r.Off != "" && !d.isOn() {
		sentence = r.Off
	}
	if d.Kind == schema.DidReact && d.Key == WantEmoji {
		sentence = "asked for an answer to {post}, too"
		if !d.On {
			sentence = "no longer asks for an answer to {post}"
		}
	}
	return d.fill(r, sentence)
}

// fill replaces the placeholders of a sentence with the values of the description.
func (d *ChangeDescription) fill(r *schema.Row, sentence string) (out []Phrase) {
	for sentence != "" {
		words, rest, _ := strings.Cut(sentence, "{")
		place, after, _ := strings.Cut(rest, "}")
		sentence = after
		var p Phrase
		switch place {
		case "post":
			p.Post = d.Post
		case "parent":
			p.Post = d.Parent
		case "of":
			p.Post = PostID(d.Text)
		case "person":
			p.Person = d.Person
		case "claimer":
			p.Person = Identity(d.Text)
		case "key":
			p.Quote = d.Key
			if d.Kind == schema.DidEvent {
				_, p.Quote, _ = strings.Cut(d.Key, "/")
			}
		case "value":
			p = d.value(r)
		}
		if p == (Phrase{}) { // no value follows the colon
			words = strings.TrimSuffix(words, ": ")
		}
		for _, x := range []Phrase{{Words: words}, p} {
			if x != (Phrase{}) {
				out = append(out, x)
			}
		}
	}
	return out
}

// value returns what the change wrote.
func (d *ChangeDescription) value(r *schema.Row) Phrase {
	if d.Value == nil {
		return Phrase{Quote: d.Text}
	}
	n, isNumber := int64(0), true
	switch v := d.Value.(type) {
	case string:
		return Phrase{Quote: v}
	case int64:
		n = v
	case uint64:
		n = int64(v)
	case float64: // out of JSON
		n = int64(v)
	default:
		isNumber = false
	}
	switch {
	case !isNumber:
		return Phrase{Words: fmt.Sprint(d.Value)}
	case r.Type == schema.Time:
		return Phrase{Millis: n}
	}
	return Phrase{Words: strconv.FormatInt(n, 10)}
}

// isOn reports whether the change set the value, rather than cleared it.
func (d *ChangeDescription) isOn() bool {
	switch d.Kind {
	case schema.DidReply:
		return true
	case schema.DidAsk:
		return false
	case schema.DidWeek: // Text is the week
	default:
		if d.On || d.Text != "" {
			return true
		}
	}
	switch v := d.Value.(type) {
	case string:
		return v != ""
	case bool:
		return v
	case int64:
		return v != 0
	case uint64:
		return v != 0
	case float64:
		return v != 0
	}
	return false
}

// row returns the schema's row for the value that the change wrote, nil when there is none.
func (d *ChangeDescription) row() *schema.Row {
	keyed := func(r *schema.Row) *schema.Row {
		if r != nil && r.Map != schema.NoMap {
			return r.Map.Keyed()
		}
		return r
	}
	switch d.Kind {
	case schema.DidAsk, schema.DidReply:
		return schema.MapPost.Row(schema.KeyParent)
	case schema.DidEdit:
		return schema.MapRevisions.Keyed()
	case schema.DidWithdraw:
		return schema.MapPost.Row(schema.KeyState)
	case schema.DidTags:
		return schema.MapPost.Row(schema.KeyTags)
	case schema.DidExtra:
		return schema.MapPostX.Keyed()
	case schema.DidReact:
		return schema.MapReactionsOf.Keyed()
	case schema.DidMark:
		return keyed(schema.MapMarks.Row(d.Key))
	case schema.DidDraw:
		return keyed(schema.MapDraw.Row(d.Key))
	case schema.DidPerson:
		return schema.MapPerson.Row(d.Key)
	case schema.DidRole:
		return schema.MapRolesOf.Row(d.Key)
	case schema.DidBlock:
		return schema.MapBlocks.Keyed()
	case schema.DidClaim:
		return schema.MapClaims.Keyed()
	case schema.DidWinner:
		return schema.MapWinnersOf.Keyed()
	case schema.DidContact:
		return schema.MapContacts.Keyed()
	case schema.DidBlob:
		return schema.MapBlobs.Keyed()
	case schema.DidWeek:
		return schema.MapWeek.Row(d.Key)
	case schema.DidEvent:
		return eventRow(d.Key)
	}
	return nil
}

// eventRow finds the row of a field of an event or a club by its path below `event` or `club`, and the row
// of a relay by its whole path.
func eventRow(key string) *schema.Row {
	path := strings.Split(key, "/")
	if path[0] == schema.KeyX { // a name may hold slashes
		path = strings.SplitN(key, "/", 2)
	}
	for _, root := range []string{schema.KeyEvent, schema.KeyClub} {
		if r := schema.Find(append([]string{root}, path...)...); r != nil {
			return r
		}
	}
	return schema.Find(path...)
}

// String returns the sentence in plain text: posts by their IDs, people by the beginning
// of theirs, quotes on one line and shortened, times in UTC.
func (d *ChangeDescription) String() string {
	var b strings.Builder
	for _, p := range d.Phrases() {
		switch {
		case p.Post != "":
			b.WriteString(string(p.Post))
		case p.Person != "":
			b.WriteString(p.Person.Short())
		case p.Quote != "":
			b.WriteString(Beginning(p.Quote))
		case p.Millis != 0:
			b.WriteString(time.UnixMilli(p.Millis).UTC().Format("2006-01-02 15:04 UTC"))
		default:
			b.WriteString(p.Words)
		}
	}
	return CleanLine(b.String())
}

// Shorten cuts the texts of the description to the length that a log shows, so that stored descriptions
// stay small.
func (d *ChangeDescription) Shorten() {
	d.Text = shorten(d.Text)
	if s, ok := d.Value.(string); ok {
		d.Value = shorten(s)
	}
}

// shorten cuts a text that is longer than any ID. The copy shares no memory with it.
func shorten(s string) string {
	const most = 100
	runes := 0
	for i := range s {
		if runes++; runes > most {
			return strings.Clone(s[:i])
		}
	}
	return s
}

// Beginning returns the beginning of a text on one line, in quotation marks: up to 60
// characters.
func Beginning(text string) string {
	const most = 60
	runes := []rune(strings.Join(strings.Fields(text), " "))
	if len(runes) > most {
		runes = append(runes[:most-1], '…')
	}
	return strconv.Quote(string(runes))
}

// Did converts a moderation log entry to a change description.
func (l *LogEntry) Did() ChangeDescription {
	switch l.Kind {
	case LogRole:
		return ChangeDescription{Kind: schema.DidRole, Person: l.Identity, Key: string(l.Role), On: l.On}
	case LogBlock:
		return ChangeDescription{Kind: schema.DidBlock, Person: l.Identity, Text: l.Text, On: l.On}
	case LogClosed, LogApprove:
		return ChangeDescription{Kind: schema.DidEvent, Key: string(l.Kind), Value: l.On}
	}
	return ChangeDescription{Kind: schema.DidMark, Post: l.Post, Key: string(l.Kind), On: l.On, Text: l.Text + string(l.Of)}
}
