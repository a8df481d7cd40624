package slack

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// one reads a single message, with its words.
func one(t *testing.T, raw string) *message {
	t.Helper()
	r := &reader{users: map[string]user{"U1": {Display: "Orla"}}, channels: map[string]string{"C2": "random"}}
	m := readMessage("x.json", 0, json.RawMessage(raw))
	m.words = r.markdown(m)
	return m
}

func richText(elements string) string {
	return `{"type":"rich_text","elements":[{"type":"rich_text_section","elements":[` + elements + `]}]}`
}

// TestTextIsFoundEverywhereInAMessage: a message has text in many places. All of it is imported, or listed as left out.
func TestTextIsFoundEverywhereInAMessage(t *testing.T) {
	cell := func(s string) string { return richText(fmt.Sprintf(`{"type":"text","text":%q}`, s)) }
	for _, c := range []struct {
		name, raw, want string
		left            []string // kind: text
	}{
		{
			name: "a forwarded message, and nothing else",
			raw:  `{"text":"","attachments":[{"is_share":true,"is_msg_unfurl":true,"author_name":"Ada","text":"Does *it* need\nan index?","fallback":"[March 11] Ada: Does it need an index?","footer":"Posted in #random"}]}`,
			want: "> **Ada** (Posted in #random)\n>\n> Does **it** need\n> an index?",
		},
		{
			name: "a quoted message under words of one's own",
			raw:  `{"text":"Look:","attachments":[{"is_msg_unfurl":true,"author_id":"U1","text":"Is there an audio version?"}]}`,
			want: "Look:\n\n> **Orla**\n>\n> Is there an audio version?",
		},
		{
			name: "a quoted message whose words are blocks, with a file and a quote inside",
			raw: `{"text":"","attachments":[{"is_share":true,"author_name":"Ada","message_blocks":[{"team":"T","message":{"blocks":[` + cell("Only in blocks") + `]}}],` +
				`"files":[{"name":"a.png","title":"A graph"}],"attachments":[{"is_share":true,"author_name":"Bo","text":"Deeper"}]}]}`,
			want: "> **Ada**\n>\n> Only in blocks\n>\n> > **Bo**\n> >\n> > Deeper\n>\n> (Attached: A graph)",
		},
		{
			name: "an attachment of a program: every field that holds words",
			raw: `{"text":"Build","attachments":[{"pretext":"*Nightly* build","author_name":"CI","title":"Run 7","title_link":"https://ci.example/7","text":"It &lt;failed&gt;","fields":[{"title":"Branch","value":"main"},{"title":"","value":"twice"},null],` +
				`"image_url":"https://ci.example/g.png","footer":"ci.example","fallback":"Run 7 failed","actions":[{"type":"button","text":"Retry"},{"type":"button","text":"Stop"}]}]}`,
			want: "Build\n\n**Nightly** build\n\nCI\n\n[Run 7](https://ci.example/7)\n\nIt <failed>\n\n**Branch**: main\n\ntwice\n\n(Picture: [Run 7](https://ci.example/g.png))\n\nci.example",
			left: []string{"button×2: Retry; Stop"},
		},
		{
			name: "an attachment of which only the fallback speaks",
			raw:  `{"text":"","attachments":[{"fallback":"Somebody asked: is it out?","id":1}]}`,
			want: "Somebody asked: is it out?",
		},
		{
			name: "the preview of a page that is linked is not what was said",
			raw:  `{"text":"See <https://a.example/?x=1&amp;y=2>","attachments":[{"from_url":"https://a.example/?x=1&y=2","service_name":"A","title":"Buy now","text":"Long words of the page"}]}`,
			want: "See https://a.example/?x=1&y=2",
			left: []string{"preview of a page to which the text has a link×1: Buy now, https://a.example/?x=1&y=2"},
		},
		{
			name: "a preview of what the text does not link to is taken",
			raw:  `{"text":"","attachments":[{"from_url":"https://a.example","title":"A page","text":"Its words"}]}`,
			want: "A page\n\nIts words",
		},
		{
			name: "a table beside the text",
			raw:  `{"text":"Which is right?","blocks":[` + cell("Which is right?") + `,{"type":"table","rows":[[` + cell("left") + `,{"type":"raw_text","text":"a|b"}],[` + cell("right") + `]]}]}`,
			want: "Which is right?\n\n| left | a\\|b |\n| --- | --- |\n| right |  |",
		},
		{
			name: "context and fields",
			raw:  `{"text":"","blocks":[{"type":"context","elements":[{"type":"mrkdwn","text":"Asked from the *form*"},{"type":"image","alt_text":"a face","image_url":"https://x.example/f.png"}]},{"type":"section","fields":[{"type":"mrkdwn","text":"*Question*\nWhere?"},{"type":"plain_text","text":"second"}]}]}`,
			want: "Asked from the **form**\n\n(Picture: [a face](https://x.example/f.png))\n\n**Question**\nWhere?\n\nsecond",
		},
		{
			name: "what can be pressed is named",
			raw:  `{"text":"Poll","blocks":[{"type":"header","text":{"type":"plain_text","text":"Poll"}},{"type":"section","text":{"type":"mrkdwn","text":"Tides"},"accessory":{"type":"button","text":{"type":"plain_text","text":"Vote"}}},{"type":"actions","elements":[{"type":"static_select","placeholder":{"type":"plain_text","text":"Choose"}}]},{"type":"divider"},{"type":"call","call_id":"R1"},{"type":"file","external_id":"ABC"}]}`,
			want: "Poll\n\nTides",
			left: []string{"button×1: Vote", "static select×1: Choose", "call×1: ", "external file×1: ABC"},
		},
		{
			name: "Markdown, a picture, a video",
			raw:  `{"text":"","blocks":[{"type":"markdown","text":"**Md** block?"},{"type":"image","image_url":"https://x.example/a.png","alt_text":"a graph","title":{"type":"plain_text","text":"Growth"}},{"type":"video","title":{"type":"plain_text","text":"Talk"},"video_url":"https://x.example/v","description":{"type":"plain_text","text":"of last year"}}]}`,
			want: "**Md** block?\n\n(Picture: [Growth, a graph](https://x.example/a.png))\n\n(Video: [Talk](https://x.example/v))\n\nof last year",
		},
		{
			name: "a block of a kind that does not exist yet",
			raw:  `{"text":"","blocks":[{"type":"hologram","block_id":"b1","title":"A title","rows":[{"type":"x","text":{"type":"mrkdwn","text":"and words"},"image_url":"https://x.example"}],"style":"danger"},{"type":"silent","block_id":"b2"}]}`,
			want: "A title\nand words",
			left: []string{`block of the kind "silent"×1: `},
		},
		{
			name: "rich text in all its elements",
			raw: `{"text":"","blocks":[{"type":"rich_text","elements":[{"type":"rich_text_section","elements":[{"type":"text","text":"a "},{"type":"user","user_id":"U1"},{"type":"text","text":" "},{"type":"channel","channel_id":"C2"},{"type":"text","text":" "},{"type":"usergroup","usergroup_id":"S1"},{"type":"text","text":" "},{"type":"broadcast","range":"here"},{"type":"text","text":" "},{"type":"emoji","name":"not_in_any_list","unicode":"1f642"},{"type":"color","value":"#fff"},{"type":"text","text":" "},{"type":"date","timestamp":1615194000,"format":"{date}","fallback":"8 March"},{"type":"newkind","text":" new"}]},` +
				`{"type":"rich_text_list","style":"ordered","offset":2,"elements":[{"type":"rich_text_section","elements":[{"type":"text","text":"third"}]}]},{"type":"rich_text_preformatted","elements":[{"type":"text","text":"x := 1"}]},{"type":"rich_text_quote","elements":[{"type":"text","text":"said\n\nso"}]}]}]}`,
			want: "a @Orla #random @S1 @here 🙂#fff 8 March new\n\n3. third\n\n```\nx := 1\n```\n\n> said\n>\n> so",
		},
		{
			name: "what text and blocks both say is said once",
			raw:  `{"text":"Hi <@U9|zoe> <!subteam^S1|@team>: *why*?\n1. one :tada:","blocks":[{"type":"rich_text","elements":[{"type":"rich_text_section","elements":[{"type":"text","text":"Hi "},{"type":"user","user_id":"U9"},{"type":"text","text":" "},{"type":"usergroup","usergroup_id":"S1"},{"type":"text","text":": "},{"type":"text","text":"why","style":{"bold":true}},{"type":"text","text":"?\n"}]},{"type":"rich_text_list","style":"ordered","elements":[{"type":"rich_text_section","elements":[{"type":"text","text":"one "},{"type":"emoji","name":"tada"}]}]}]}]}`,
			want: "Hi @zoe @team: **why**?\n1. one 🎉",
		},
		{
			name: "a text that is cut off gives way to the blocks that are whole",
			raw:  `{"text":"The beginning","blocks":[` + cell("The beginning and the end") + `]}`,
			want: "The beginning and the end",
		},
		{
			name: "a summary in the text, the words in the blocks",
			raw:  `{"text":"New question from the form","blocks":[{"type":"section","text":{"type":"mrkdwn","text":"Does it scale?"}}]}`,
			want: "New question from the form\n\nDoes it scale?",
		},
		{
			name: "an emoji inside a word, as Slack says, and what only looks like one",
			raw:  `{"text":"great:tada:! 1:100:5 key:x:value :x:","blocks":[` + richText(`{"type":"text","text":"great"},{"type":"emoji","name":"tada"},{"type":"text","text":"! 1:100:5 key:x:value "},{"type":"emoji","name":"xx"}`) + `]}`,
			want: "great🎉! 1:100:5 key:x:value ❌",
		},
		{
			name: "files: a snippet, a recording, a mail, and some that are gone",
			raw: `{"text":"","files":[{"mode":"snippet","title":"a.go","preview":"func main() {\n}","preview_is_truncated":true},{"mode":"hosted","name":"voice.m4a","transcription":{"status":"complete","preview":{"content":"Is it *out*?","has_more":false}}},` +
				`{"mode":"email","title":"Re: book","plain_text":"Dear all"},{"mode":"hosted","title":"Graph","alt_txt":"growth over time"},{"mode":"hidden_by_limit","name":"old.png"},{"id":"F1","mode":"tombstone"}]}`,
			want: "```\nfunc main() {\n}\n```\n\n> Is it **out**?\n\n> Dear all\n\n(Attached: a.go, voice.m4a, Re: book, Graph, growth over time)",
			left: []string{"rest of a file of which the export has only the beginning×1: a.go", "file that was removed from Slack×2: old.png"},
		},
		{
			name: "files of old exports",
			raw:  `{"subtype":"file_share","text":"<@U1> uploaded a file: <https://f.example/x|X>","file":{"title":"X","initial_comment":{"comment":"My notes on chapter 2"}},"x_files":["F9"]}`,
			want: "@Orla uploaded a file: [X](https://f.example/x)\n\nMy notes on chapter 2\n\n(Attached: X)",
		},
		{
			name: "a comment on a file is somebody's words",
			raw:  `{"subtype":"file_comment","text":"<@U1> commented on X: Why?","comment":{"user":"U1","comment":"Why?"}}`,
			want: "Why?",
		},
		{
			name: "fields of a type that nobody expects",
			raw:  `{"user":"U1","text":"Still here","blocks":{"type":"header","text":"H"},"attachments":"none","files":[5,null,{"title":["x"]}],"reactions":{"name":"tada","users":null,"count":"2"},"edited":true,"user_profile":[]}`,
			want: "Still here\n\nH\n\n(Attached: a file)",
			left: []string{"field of an unexpected type×5: user_profile; edited; attachments: none; files; files.title: x"},
		},
	} {
		m := one(t, c.raw)
		if m.words != c.want {
			t.Errorf("%s:\n got %q\nwant %q", c.name, m.words, c.want)
		}
		var left []string
		for _, l := range m.omitted {
			left = append(left, fmt.Sprintf("%s×%d: %s", l.Kind, l.Count, l.Text))
		}
		if !slices.Equal(left, c.left) {
			t.Errorf("%s: left %q, want %q", c.name, left, c.left)
		}
	}
}

// TestPiecesAreBounded: the pieces of a message are bounded at any depth, and the omitted rest is
// reported.
func TestPiecesAreBounded(t *testing.T) {
	deep := `{"text":"bottom"}`
	for range 1000 {
		deep = `{"text":"x","attachments":[{"is_share":true,"author_name":"A","attachments":[` + deep + `]}]}`
	}
	wide := `{"text":"x","attachments":[` + strings.Repeat(`{"text":"y"},`, 5000) + `{"text":"z"}]}`
	cells := `{"text":"","blocks":[{"type":"table","rows":[` + strings.Repeat(`[{"type":"raw_text","text":"c"}],`, 2*maxBlocks) + `[]]}]}`
	for name, raw := range map[string]string{"deep": deep, "wide": wide, "cells": cells} {
		m := one(t, raw)
		if len(m.omitted) == 0 {
			t.Errorf("%s: nothing is said to be left out", name)
		}
		if len(m.words) > 200_000 {
			t.Errorf("%s: %d bytes of words", name, len(m.words))
		}
	}
}
