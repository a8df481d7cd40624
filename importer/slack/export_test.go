package slack

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"fmt"
	"io/fs"
	"testing"
	"testing/fstest"
	"time"
)

// sample builds exports: every shape that the format has, with invented words.
type sample struct {
	files fstest.MapFS
	days  map[string][]any
	n     int
}

type fields map[string]any

func newSample() *sample {
	s := &sample{files: fstest.MapFS{}, days: map[string][]any{}}
	s.json("users.json", []any{
		fields{"id": "U1", "name": "orla.q", "real_name": "Orla Quist", "tz": "Europe/Dublin", "profile": fields{"display_name": "Orla Quist", "real_name": "Orla Quist", "image_72": "https://img.example/1.png"}},
		fields{"id": "U2", "name": "mina", "real_name": "Mina K.", "profile": fields{"display_name": "", "real_name": "Mina K."}},
		fields{"id": "U3", "name": "alex1", "deleted": true, "profile": fields{"display_name": "Alex", "real_name": "Alex Amber"}},
		fields{"id": "U4", "name": "alex2", "profile": fields{"display_name": "Alex", "real_name": "Alex Birch"}},
		fields{"id": "U5", "name": "host", "profile": fields{"display_name": "Host", "real_name": "The Host"}},
		fields{"id": "UB", "name": "helperbot", "is_bot": true, "profile": fields{"display_name": "helperbot"}},
		fields{"no": "id"},
	})
	s.json("channels.json", []any{
		fields{"id": "C1", "name": "book-of-the-week", "members": []string{"U1", "U2"}},
		fields{"id": "C2", "name": "random"},
	})
	s.json("integration_logs.json", []any{})
	return s
}

func (s *sample) json(name string, v any) {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	s.files[name] = &fstest.MapFile{Data: b}
}

// at is a moment of March 2021, in which the 8th is a Monday; ts is unique.
func (s *sample) at(day, hour int) string {
	s.n++
	return fmt.Sprintf("%d.%06d", time.Date(2021, 3, day, hour, 0, s.n%60, 0, time.UTC).Unix(), 100+s.n)
}

// say adds a message, and returns its ts.
func (s *sample) say(day, hour int, user, text string, more ...fields) string {
	m := fields{"type": "message", "user": user, "text": text, "ts": s.at(day, hour), "client_msg_id": "x", "team": "T1"}
	for _, f := range more {
		for k, v := range f {
			if v == nil {
				delete(m, k)
				continue
			}
			m[k] = v
		}
	}
	s.add(day, m)
	ts, _ := m["ts"].(string)
	return ts
}

func (s *sample) add(day int, m any) {
	file := fmt.Sprintf("book-of-the-week/2021-03-%02d.json", day)
	s.days[file] = append(s.days[file], m)
}

func in(thread string) fields { return fields{"thread_ts": thread, "parent_user_id": "U9"} }

func (s *sample) fs() fstest.MapFS {
	for file, list := range s.days {
		s.json(file, list)
	}
	return s.files
}

// zipped writes the files of an export as a ZIP.
func zipped(t testing.TB, files fstest.MapFS, prefix string) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	err := fs.WalkDir(files, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		w, err := z.Create(prefix + name)
		if err != nil {
			return err
		}
		_, err = w.Write(files[name].Data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// week is the sample with everything in it.
func week() *sample {
	s := newSample()
	s.say(6, 9, "U2", "Is there a book next week?")
	s.add(7, fields{"type": "message", "subtype": "channel_join", "user": "U4", "text": "<@U4> has joined the channel", "ts": s.at(7, 8)})
	s.say(7, 18, "U5", "<!channel> Hello, everyone! The book of this week is *<https://books.example/tides|Reading the Tides>* by <@U1> and Béla Szűcs. Ask away! :tada:")
	s.say(7, 20, "U3", "I'm early, but: *why* tides &amp; not winds? See `a &lt; b` and <https://t.example/a_b|this page>. :+1::skin-tone-3:")
	q := s.say(8, 9, "U2", "Hi <@U1>! How do you _measure_ snake_case~ish ~things~?\n• one\n• two\nand __init__ &lt;tag&gt; in <#C2|random>", fields{
		"thread_ts": "self", "reply_count": 3, "reply_users": []string{"U1"}, "latest_reply": "1", "edited": fields{"user": "U2", "ts": "1615194100.000000"},
		"reactions": []any{fields{"name": "thumbsup", "users": []string{"U1", "U3", "U77"}, "count": 7}, fields{"name": "party_blob", "users": []string{"U4"}, "count": 1}, fields{"name": "wave::skin-tone-6", "users": []string{"U5"}, "count": 1}},
	})
	last := s.days["book-of-the-week/2021-03-08.json"]
	last[len(last)-1].(fields)["thread_ts"] = q
	s.say(9, 10, "U1", "With a ruler:\n```\nif a &lt; b {\n  *go*\n}\n```\nthat's all", in(q))
	b := s.say(10, 10, "U1", "And one more thing.", in(q), fields{"subtype": "thread_broadcast", "root": fields{}})
	s.say(10, 10, "U1", "And one more thing.", in(q), fields{"ts": b})
	s.say(22, 10, "U2", "Two weeks later: thank you!", in(q))
	dead := s.at(8, 11)
	s.add(8, fields{"type": "message", "subtype": "tombstone", "user": "USLACKBOT", "hidden": true, "text": "This message was deleted.", "ts": dead, "thread_ts": dead, "reply_count": 1})
	s.say(8, 12, "U1", "Still an answer.", in(dead))
	gone := s.at(8, 13)
	s.add(8, fields{"type": "message", "subtype": "tombstone", "user": "USLACKBOT", "text": "This message was deleted.", "ts": gone})
	s.say(9, 14, "U4", "A reply to a message that the export does not hold", in("1614900000.000001"))
	s.say(9, 15, "U4", "", fields{"files": []any{fields{"name": "map.png", "title": "A map *of* tides", "url_private": "https://files.example/x"}, fields{"mode": "tombstone"}}, "subtype": "file_share"})
	s.add(9, fields{"type": "message", "subtype": "bot_message", "bot_id": "B1", "username": "Newsbot", "text": "News!", "ts": s.at(9, 16)})
	bot := s.at(9, 17)
	s.add(9, fields{"type": "message", "subtype": "bot_message", "bot_id": "B1", "username": "Formbot", "text": "A question from the form: what is neap?", "ts": bot, "thread_ts": bot})
	s.say(9, 18, "U1", "The low one.", in(bot))
	s.say(9, 19, "UB", "I am a bot user")
	s.say(9, 20, "USLACKBOT", "Reminder: drink water")
	s.say(9, 21, "U404", "Who am I?", fields{"user_profile": fields{"display_name": "", "real_name": "Gone Guest", "name": "gone"}})
	s.say(9, 22, "U505", "And I?")
	s.say(10, 8, "U3", "ok", fields{"subtype": "me_message"})
	s.say(10, 9, "U3", "What is new here?", fields{"subtype": "something_new"})
	d := s.say(10, 11, "U3", "I take this back")
	s.add(10, fields{"type": "message", "subtype": "message_deleted", "deleted_ts": d, "ts": s.at(10, 12), "hidden": true})
	e := s.say(10, 13, "U3", "teh text?")
	s.add(10, fields{"type": "message", "subtype": "message_changed", "hidden": true, "ts": s.at(10, 14), "message": fields{"ts": e, "text": "the text?", "user": "U3"}})
	s.add(10, "not a message")
	s.add(10, fields{"type": "message", "user": "U3", "text": "no time", "ts": "soon"})
	s.add(10, fields{"type": "message", "text": "no writer", "ts": s.at(10, 15)})
	s.say(10, 16, "U2", "", fields{"blocks": []any{fields{"type": "rich_text", "elements": []any{
		fields{"type": "rich_text_section", "elements": []any{
			fields{"type": "text", "text": "From "},
			fields{"type": "text", "text": "blocks ", "style": fields{"bold": true}},
			fields{"type": "emoji", "name": "wave", "skin_tone": 2},
			fields{"type": "user", "user_id": "U1"},
			fields{"type": "text", "text": " 2*3?"},
			fields{"type": "link", "url": "https://b.example/(x)", "text": "link"},
		}},
		fields{"type": "rich_text_list", "style": "ordered", "indent": 0, "elements": []any{fields{"type": "rich_text_section", "elements": []any{fields{"type": "text", "text": "first"}}}}},
		fields{"type": "rich_text_preformatted", "elements": []any{fields{"type": "text", "text": "a := *b"}}},
		fields{"type": "rich_text_quote", "elements": []any{fields{"type": "text", "text": "said\nso"}}},
	}}}})
	s.say(12, 15, "U5", "Hello everyone! The lucky winners are <@U2> and <@U3>. Please send me your emails in DM :heart:")
	a := s.say(12, 16, "U5", "Hello everybody! Thanks for a lovely week.", fields{"thread_ts": "x"})
	fri := s.days["book-of-the-week/2021-03-12.json"]
	fri[len(fri)-1].(fields)["thread_ts"] = a
	s.say(12, 17, "U2", "Thank you all!", in(a))
	s.say(16, 9, "U2", "Hello everyone! Is there no book this week?")
	return s
}
