package slack

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// markdown returns the words of a message as Markdown, "" if there are none, and notes the omitted
// pieces in the message.
func (r *reader) markdown(m *message) string {
	b := &blockReader{r: r, w: &writer{r: r}, left: maxBlocks, m: m}
	body := m.body
	body.raw = withText(body.raw, m.Text) // the text of a comment on a file is in another field
	out := b.content(body, 0)
	if !m.notice {
		b.unread(m.unread, out)
	}
	if m.body.odd != nil {
		for _, name := range *m.body.odd {
			m.omit("field of an unexpected type", name)
		}
		*m.body.odd = nil
	}
	return out
}

// unread notes the words in unknown fields, unless the imported words include them.
func (b *blockReader) unread(fields map[string]string, imported string) {
	if len(fields) == 0 {
		return
	}
	run := letters(imported)
	for _, key := range slices.Sorted(maps.Keys(fields)) {
		if !strings.Contains(run, letters(fields[key])) {
			b.m.omit(sprintf("field %q", beginning(key)), fields[key])
		}
	}
}

// withText returns a copy of fields with another text.
func withText(fields map[string]json.RawMessage, text string) map[string]json.RawMessage {
	out := map[string]json.RawMessage{}
	for k, v := range fields {
		out[k] = v
	}
	if raw, err := json.Marshal(text); err == nil {
		out["text"] = raw
	}
	return out
}

// content returns the words of a message, a quoted message or an attachment: its text, the blocks
// that do not repeat the text, the attachments and the files.
func (b *blockReader) content(n node, depth int) string {
	if depth > maxDepth {
		b.m.omit("quote in quotes", "")
		return ""
	}
	blocks := n.objects("blocks")
	for _, q := range n.objects("message_blocks") { // the blocks of a quoted message
		blocks = append(blocks, q.object("message").objects("blocks")...)
		if q.text("type") != "" {
			blocks = append(blocks, q)
		}
	}
	outer := b.typed
	b.typed = typedEmoji(blocks)
	text := b.r.mrkdwn(n.text("text"), b.typed)
	out := withoutRepeats(text, b.blocks(b.limited(blocks, "block"), depth))
	for _, q := range n.objects("message_blocks") { // the parts of the quoted message outside its blocks
		quoted := q.object("message")
		others := node{raw: map[string]json.RawMessage{}, path: quoted.path, odd: quoted.odd}
		for _, key := range []string{"text", "attachments", "files"} {
			if v := quoted.value(key); len(v) > 0 {
				others.raw[key] = v
			}
		}
		if words := b.content(others, depth+1); words != "" {
			out = append(out, withoutRepeats(strings.Join(out, "\n\n"), []piece{{words: words}})[len(nonEmpty(strings.Join(out, ""))):]...)
		}
	}
	said := plainWords(strings.Join(out, " "))
	for _, a := range b.limited(n.objects("attachments"), "attachment") {
		if b.count(depth) {
			s := b.attachment(a, n.text("text"), said, depth+1)
			said += plainWords(s)
			out = append(out, s)
		}
	}
	out = append(out, b.files(n)...)
	b.typed = outer
	return strings.TrimSpace(paragraphs(out))
}

// typedEmoji counts the emoji in the rich texts among the blocks, by name.
func typedEmoji(blocks []node) map[string]int {
	var out map[string]int
	var walk func(n node, depth int)
	walk = func(n node, depth int) {
		if n.text("type") == "emoji" {
			if out == nil {
				out = map[string]int{}
			}
			name := n.text("name")
			if tone := n.count("skin_tone"); tone > 0 {
				name += "::skin-tone-" + strconv.Itoa(tone)
			}
			out[name]++
			return
		}
		if depth < maxDepth {
			for _, e := range n.objects("elements") {
				walk(e, depth+1)
			}
		}
	}
	for _, n := range blocks {
		if n.text("type") == "rich_text" {
			walk(n, 0)
		}
	}
	return out
}

// limited returns the first maxList blocks or attachments, and notes the others as omitted.
func (b *blockReader) limited(list []node, what string) []node {
	if len(list) > maxList {
		for range list[maxList:] {
			b.m.omit(what, sprintf("only the first %d are read", maxList))
		}
		return list[:maxList]
	}
	return list
}

// withoutRepeats returns the text and the blocks, without blocks that repeat the text and without a
// text that a block repeats: Slack writes the same words into both, and
// programs put a summary of the blocks into the text.
func withoutRepeats(text string, blocks []piece) []string {
	textWords, run := plainWords(text), letters(text)
	out := []string{text}
	for _, p := range blocks {
		own := plainWords(p.words)
		switch {
		case text != "" && (own == " " || strings.Contains(textWords, own) || inOrder(run, p.parts)):
		case textWords != " " && out[0] != "" && strings.Contains(own, textWords):
			out[0] = "" // the block includes the text
			out = append(out, p.words)
		default:
			out = append(out, p.words)
		}
	}
	return nonEmpty(out...)
}

// inOrder reports whether a text has the parts of a rich text, one after the other, and little
// else. Mentions, emoji and the numbers of lists are written differently in the two.
func inOrder(text string, parts []string) bool {
	if parts == nil {
		return false
	}
	at, n := 0, 0
	for _, p := range parts {
		i := strings.Index(text[at:], p)
		if i < 0 {
			return false
		}
		at += i + len(p)
		n += len(p)
	}
	return 2*n >= len(text)
}

// attachmentFields are the fields of an attachment that are read, or that repeat others.
var attachmentFields = setOf(`actions is_share is_msg_unfurl is_reply_unfurl is_thread_root_unfurl message_blocks from_url
	original_url title author_name author_subname footer pretext text blocks attachments files fields image_url image_alt
	fallback mrkdwn_in video_html audio_html callback_id ts channel_team author_team attachment_type`)

// attachment returns the words of an attachment: a forwarded or quoted message, what a program
// added, the preview of a page. text is the text of the message, and before has the words of the
// message that were written already (plainWords).
func (b *blockReader) attachment(a node, text, before string, depth int) string {
	for _, x := range a.objects("actions") {
		b.m.omit(cmp.Or(x.text("type"), "button"), cmp.Or(b.wordsIn(x, "name"), x.text("name")))
	}
	quoted := a.flag("is_share") || a.flag("is_msg_unfurl") || a.flag("is_reply_unfurl") || a.flag("is_thread_root_unfurl") || len(a.list("message_blocks")) > 0
	from := cmp.Or(a.text("from_url"), a.text("original_url"))
	title := oneLine(decoder.Replace(a.text("title")))
	if !quoted && from != "" && strings.Contains(decoder.Replace(text), from) {
		b.m.omit("preview of a page to which the text has a link", strings.Join(nonEmpty(title, from), ", "))
		return ""
	}
	var out []string
	add := func(s string) {
		// An attachment often repeats the beginning of the message.
		if l := plainWords(s); quoted || l != " " && !strings.Contains(before, l) {
			out = append(out, s)
		}
	}
	name := oneLine(a.text("author_name"))
	if sub := oneLine(a.text("author_subname")); sub != name {
		name = strings.Join(nonEmpty(name, sub), ", ")
	}
	if name == "" && a.text("author_id") != "" {
		name = strings.TrimPrefix(b.w.mention("@"+a.text("author_id")), "@")
	}
	footer := oneLine(decoder.Replace(a.text("footer")))
	pretext := b.r.mrkdwn(a.text("pretext"), nil)
	switch {
	case quoted && name != "":
		out = append(out, "**"+escape(name)+"**"+map[bool]string{true: " (" + escape(footer) + ")"}[footer != ""])
	case quoted:
		out = append(out, escape(footer))
	default:
		add(escape(name))
	}
	if title != "" {
		add(link(a.text("title_link"), title))
	}
	body := node{raw: map[string]json.RawMessage{}, path: a.path, odd: a.odd}
	for _, key := range []string{"text", "blocks", "message_blocks", "attachments", "files"} {
		if v := a.value(key); len(v) > 0 {
			body.raw[key] = v
		}
	}
	empty := len(body.raw) == 0 && title == "" && pretext == ""
	words := b.content(body, depth)
	if words != "" {
		add(words)
	}
	for _, f := range a.objects("fields") {
		empty = false
		v := b.r.mrkdwn(f.text("value"), nil)
		if t := oneLine(decoder.Replace(f.text("title"))); t != "" {
			v = "**" + escape(t) + "**: " + v
		}
		add(v)
	}
	if url := a.text("image_url"); url != "" {
		out = append(out, "(Picture: "+link(url, cmp.Or(oneLine(a.text("image_alt")), title, "no title"))+")")
		empty = false
	}
	if empty || words == "" && len(nonEmpty(out...)) == 0 {
		add(escape(oneLine(decoder.Replace(a.text("fallback")))))
	}
	if !quoted && footer != "" {
		add(escape(footer))
	}
	s := paragraphs(out)
	b.unread(a.unread(attachmentFields), text+s+pretext)
	if quoted && s != "" {
		if words == "" {
			b.m.omit("quoted message without words", "")
		}
		s = quote(s)
	}
	return paragraphs([]string{pretext, s})
}

// files returns the names of attached files, and the parts of their content that the export
// includes.
func (b *blockReader) files(n node) []string {
	files := n.objects("files")
	idOf := func(f node) string { return cmp.Or(f.text("id"), f.text("title"), f.text("name")) }
	present := map[string]bool{}
	withoutID := false // a file has no ID in the export
	for _, f := range files {
		present[idOf(f)] = true
		withoutID = withoutID || f.text("id") == ""
	}
	for _, f := range n.objects("file") { // in old exports
		if !present[idOf(f)] {
			files = append(files, f)
			withoutID = withoutID || f.text("id") == ""
		}
	}
	for _, id := range n.texts("x_files") {
		if !present[id] && !withoutID {
			b.m.omit("file of which the export has only the ID", id)
		}
	}
	var names, out []string
	for _, f := range files {
		name := cmp.Or(oneLine(f.text("title")), oneLine(f.text("name")))
		mode := f.text("mode")
		if mode == "tombstone" || mode == "hidden_by_limit" {
			b.m.omit("file that was removed from Slack", name)
			continue
		}
		label := escape(cmp.Or(name, "a file"))
		if alt := oneLine(f.text("alt_txt")); alt != "" && alt != name {
			label += ", " + escape(alt)
		}
		names = append(names, label)
		if subject := oneLine(f.text("subject")); subject != "" && subject != name {
			out = append(out, escape(subject))
		}
		for _, from := range f.objects("from") {
			b.m.omit("sender of an attached e-mail", cmp.Or(from.text("original"), from.text("name"), from.text("address")))
		}
		if s := b.r.mrkdwn(f.object("initial_comment").text("comment"), nil); s != "" && !strings.Contains(plainWords(n.text("text")), plainWords(s)) {
			out = append(out, s)
		}
		whole := true
		switch words := cmp.Or(f.text("plain_text"), f.text("preview_plain_text"), f.text("preview")); {
		case words == "" || f.text("plain_text") == "" && (mode == "quip" || mode == "canvas" || f.text("filetype") == "html"):
			if words != "" {
				b.m.omit("text of an attached page", strings.Join(nonEmpty(name, words), ": "))
			}
		case mode == "snippet":
			out = append(out, fence(strings.Trim(clean(words), "\n")))
			whole = !f.flag("preview_is_truncated") && f.count("lines_more") == 0
		default:
			out = append(out, quote(escapeLines(clean(words))))
			whole = !f.flag("preview_is_truncated")
		}
		if t := f.object("transcription").object("preview"); t.text("content") != "" {
			out = append(out, quote(escapeLines(clean(t.text("content")))))
			b.m.noteOnce("the words of a recording are Slack's transcription")
			whole = whole && !t.flag("has_more")
		}
		if !whole {
			b.m.omit("rest of a file of which the export has only the beginning", name)
		}
	}
	if len(names) > 0 {
		if len(names) == 1 {
			b.m.noteOnce("1 attached file is named in the text; the file itself stays in Slack")
		} else {
			b.m.noteOnce("%d attached files are named in the text; the files themselves stay in Slack", len(names))
		}
		out = append(out, fmt.Sprintf("(Attached: %s)", strings.Join(names, ", ")))
	}
	return out
}

// escapeLines writes lines of plain text as Markdown.
func escapeLines(s string) string {
	w := &writer{}
	lines := strings.Split(strings.TrimSpace(s), "\n")
	for i, l := range lines {
		lines[i] = strings.TrimRight(w.line(strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace(l)), " ")
	}
	return strings.Join(lines, "\n")
}
