package slack

import (
	"bytes"
	"cmp"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Bounds of one message.
const (
	maxBlocks = 10_000 // blocks, elements and cells together
	maxList   = 200    // blocks in one list, or attachments; Slack allows at most 100
	maxDepth  = 8      // levels of blocks, lists and attachments inside each other
)

// piece is one block of a message as Markdown.
type piece struct {
	words string
	// parts has the letters of each text element of a rich_text block, to find out whether the
	// block repeats the message's text. nil for other blocks.
	parts []string
}

// blockReader reads the blocks of one message.
type blockReader struct {
	r     *reader
	w     *writer
	left  int // how many more pieces may be read, of maxBlocks; -1: the message has the note that there are more
	typed map[string]int
	m     *message // the message that the blocks belong to; omit and note add to it
	parts []string // piece.parts of the current rich text
}

// blocks writes blocks as Markdown, and notes in the message what it omits.
func (b *blockReader) blocks(list []node, depth int) []piece {
	var out []piece
	for _, n := range list {
		if !b.count(depth) {
			break
		}
		b.parts = nil
		if s := strings.TrimSpace(squeeze(clean(b.block(n, depth)))); s != "" {
			p := piece{words: s}
			if n.text("type") == "rich_text" {
				p.parts = b.parts
			}
			out = append(out, p)
		}
	}
	return out
}

// count counts a piece. It returns false, and notes it in the message, if no more may be read.
func (b *blockReader) count(depth int) bool {
	if b.left <= 0 || depth > maxDepth {
		if b.left > -1 {
			b.m.omit("rest", sprintf("it has more than %d pieces, or more than %d levels of them", maxBlocks, maxDepth))
			b.left = -1
		}
		return false
	}
	b.left--
	return true
}

// sectionFields and tableFields are the fields that are read, or that contain no text for people.
var (
	sectionFields = setOf("type text fields accessory expand block_id level")
	tableFields   = setOf("type rows caption column_settings cells")
)

// block writes one block as Markdown.
func (b *blockReader) block(n node, depth int) string {
	switch kind := n.text("type"); kind {
	case "rich_text":
		var out []string
		for _, part := range n.objects("elements") {
			if s := b.part(part, depth+1); s != "" {
				out = append(out, s)
			}
		}
		return strings.Join(out, "\n\n")
	case "section", "header":
		out := []string{b.textIn(n, "text")}
		for _, f := range n.objects("fields") {
			if b.count(depth) {
				out = append(out, b.textObject(f))
			}
		}
		if len(n.value("accessory")) > 0 {
			out = append(out, b.element(n.object("accessory")))
		}
		b.unread(n.unread(sectionFields), "")
		return paragraphs(out)
	case "context", "actions", "context_actions":
		var out []string
		for _, e := range n.objects("elements") {
			if b.count(depth) {
				out = append(out, b.element(e))
			}
		}
		return paragraphs(out)
	case "markdown":
		return n.text("text") // ordinary Markdown
	case "table", "data_table":
		return b.table(n, depth+1)
	case "image":
		return b.picture(n)
	case "video":
		title := b.plainIn(n, "title")
		out := []string{"(Video: " + link(cmp.Or(n.text("title_url"), n.text("video_url")), cmp.Or(title, n.text("alt_text"), "no title")) + ")"}
		alt := oneLine(n.text("alt_text"))
		if alt == title || title == "" {
			alt = "" // the link has it already
		}
		out = append(out, escape(b.plainIn(n, "description")), escape(alt),
			escape(strings.Join(nonEmpty(oneLine(n.text("author_name")), oneLine(n.text("provider_name"))), ", ")))
		return paragraphs(out)
	case "divider":
		return ""
	case "file":
		b.m.omit("external file", strings.Join(nonEmpty(b.wordsIn(n, "source"), n.text("external_id")), ", "))
		return ""
	case "call":
		b.m.omit("call", b.wordsIn(n))
		return ""
	default:
		return b.unknown(kind, n)
	}
}

// unknown writes the words of a piece of an unknown kind, without formatting.
func (b *blockReader) unknown(kind string, n node) string {
	words := b.unknownText(n)
	if b.left <= 0 {
		b.count(0) // notes that there was more
	}
	if words == "" {
		b.m.omit(sprintf("block of the kind %q", beginning(kind)), "")
	} else {
		b.m.noteOnce("unknown block type %q: its text was imported without formatting", beginning(kind))
	}
	return words
}

// unknownText returns the words of a piece of an unknown kind, each on a line.
func (b *blockReader) unknownText(n node) string {
	words := unknownWords(n.src, &b.left)
	for i := range words {
		words[i] = escape(clean(words[i]))
	}
	return strings.Join(words, "\n")
}

// wordsIn returns the words of an omitted piece, except the words of the fields in but.
func (b *blockReader) wordsIn(n node, but ...string) string {
	var words []string
	dec := json.NewDecoder(bytes.NewReader(n.src))
	if _, err := dec.Token(); err != nil { // the object's brace
		return ""
	}
	for dec.More() {
		key, err := dec.Token()
		if err != nil {
			break
		}
		var v json.RawMessage
		if dec.Decode(&v) != nil {
			break
		}
		if k, _ := key.(string); isWordless(k) || slices.Contains(but, k) {
			continue
		}
		words = append(words, unknownWords(v, &b.left)...)
	}
	return strings.Join(words, ", ")
}

// element writes an element of a context, or the accessory of a section.
func (b *blockReader) element(n node) string {
	switch kind := n.text("type"); kind {
	case "mrkdwn", "plain_text":
		return b.textObject(n)
	case "image":
		return b.picture(n)
	case "rich_text":
		return b.block(n, maxDepth-2)
	case "":
		return b.textIn(n, "text")
	default: // buttons, menus and the like
		b.m.omit(strings.ReplaceAll(kind, "_", " "), cmp.Or(b.wordsIn(n), n.text("action_id")))
		return ""
	}
}

func (b *blockReader) picture(n node) string {
	words := strings.Join(nonEmpty(b.plainIn(n, "title"), oneLine(n.text("alt_text"))), ", ")
	url := n.text("image_url")
	if words == "" && url == "" {
		b.m.omit("picture", "")
		return ""
	}
	return "(Picture: " + link(url, cmp.Or(words, "no title")) + ")"
}

// textIn writes the text object, or the string, in a field.
func (b *blockReader) textIn(n node, key string) string {
	if v := n.value(key); len(v) > 0 && v[0] == '{' {
		return b.textObject(n.object(key))
	}
	return b.r.mrkdwn(n.text(key), b.typed)
}

func (b *blockReader) textObject(n node) string {
	if n.text("type") == "plain_text" && n.raw["emoji"] != nil && !n.flag("emoji") {
		return escape(clean(n.text("text")))
	}
	return b.r.mrkdwn(n.text("text"), b.typed)
}

// plainIn returns the text in a field as one line, without formatting.
func (b *blockReader) plainIn(n node, key string) string {
	if v := n.value(key); len(v) > 0 && v[0] == '{' {
		return oneLine(n.object(key).text("text"))
	}
	return oneLine(n.text(key))
}

// table writes a table. Its first row is the head.
func (b *blockReader) table(n node, depth int) string {
	var rows [][]string
	width := 0
	b.unread(n.unread(tableFields), "")
	for _, raw := range n.list("rows") {
		row := node{raw: map[string]json.RawMessage{"cells": raw}, odd: n.odd, path: n.name("rows")}
		if o, ok := newNode(raw); ok { // the row is an object with its cells
			row = o
		}
		var cells []string
		for _, cell := range row.objects("cells") {
			if !b.count(depth) {
				break
			}
			s := ""
			switch cell.text("type") {
			case "rich_text":
				s = b.block(cell, depth+1)
			case "raw_text", "raw_number", "plain_text":
				s = escape(cmp.Or(cell.text("text"), cell.text("value")))
			case "mrkdwn":
				s = b.textObject(cell)
			default:
				s = b.unknownText(cell)
			}
			s = strings.Join(strings.Fields(strings.ReplaceAll(s, "\n", " / ")), " ")
			cells = append(cells, strings.ReplaceAll(strings.ReplaceAll(s, `\|`, "|"), "|", `\|`))
		}
		rows = append(rows, cells)
		width = max(width, len(cells))
	}
	if width == 0 {
		return b.unknownText(n)
	}
	var out strings.Builder
	if c := b.plainIn(n, "caption"); c != "" {
		out.WriteString(escape(c) + "\n\n")
	}
	for i, row := range rows {
		for len(row) < width {
			row = append(row, "")
		}
		out.WriteString("| " + strings.Join(row, " | ") + " |\n")
		if i == 0 {
			out.WriteString("|" + strings.Repeat(" --- |", width) + "\n")
		}
	}
	return out.String()
}

// part writes one part of a rich_text block.
func (b *blockReader) part(n node, depth int) string {
	if !b.count(depth) {
		return ""
	}
	switch kind := n.text("type"); kind {
	case "rich_text_section":
		return strings.TrimSpace(b.inline(n, depth))
	case "rich_text_preformatted":
		var body strings.Builder
		for _, e := range n.objects("elements") {
			s := e.text("text")
			if s == "" && e.text("type") != "text" {
				s = cmp.Or(e.text("url"), b.inlineElement(e))
			}
			b.parts = append(b.parts, letters(s))
			body.WriteString(s)
		}
		return fence(strings.Trim(body.String(), "\n"))
	case "rich_text_quote":
		return quote(strings.TrimSpace(b.inline(n, depth)))
	case "rich_text_list":
		var items []string
		number := 0
		for _, item := range n.objects("elements") {
			if item.text("type") == "rich_text_list" {
				items = append(items, b.part(item, depth+1))
				continue
			}
			number++
			mark := "- "
			if n.text("style") == "ordered" {
				mark = strconv.Itoa(n.count("offset")+number) + ". "
			}
			items = append(items, strings.Repeat("   ", min(n.count("indent"), 8))+mark+strings.ReplaceAll(b.listItem(item, depth), "\n", " "))
		}
		return strings.Join(items, "\n")
	default:
		return b.unknown(kind, n)
	}
}

// listItem writes an item of a list: a section, or a single element.
func (b *blockReader) listItem(n node, depth int) string {
	if len(n.list("elements")) == 0 {
		return strings.TrimSpace(b.inlineElement(n))
	}
	return b.inline(n, depth)
}

func (b *blockReader) inline(n node, depth int) string {
	var out strings.Builder
	for _, e := range n.objects("elements") {
		if !b.count(depth) {
			break
		}
		out.WriteString(b.inlineElement(e))
	}
	return out.String()
}

func (b *blockReader) inlineElement(e node) string {
	addLetters := func(s string) { b.parts = append(b.parts, letters(s)) }
	switch kind := e.text("type"); kind {
	case "text":
		addLetters(e.text("text"))
		return styled(e.text("text"), e.object("style"))
	case "link":
		addLetters(e.text("text"))
		return link(e.text("url"), e.text("text"))
	case "user":
		return escape(b.w.mention("@" + e.text("user_id")))
	case "channel":
		return escape(b.w.mention("#" + e.text("channel_id")))
	case "usergroup":
		return escape(b.w.mention("!subteam^" + e.text("usergroup_id")))
	case "team":
		return escape("@" + e.text("team_id"))
	case "broadcast":
		return "@" + e.text("range")
	case "emoji":
		return emojiElement(e)
	case "color":
		addLetters(e.text("value"))
		return escape(e.text("value"))
	case "date":
		if s := e.text("fallback"); s != "" {
			addLetters(s)
			return link(cmp.Or(e.text("url"), s), s)
		}
		if at := int64(e.count("timestamp")); at > 0 {
			return time.Unix(at, 0).UTC().Format("2 January 2006 15:04 UTC")
		}
		return "(a date)"
	case "rich_text_section": // an empty item of a list
		return ""
	default:
		if s := b.unknown(kind, e); s != "" {
			return " " + s + " "
		}
		return ""
	}
}

// emojiElement writes an emoji of a rich text: by its name, or else by its code points, which
// Slack gives in hex.
func emojiElement(e node) string {
	name := e.text("name")
	if t := e.count("skin_tone"); t > 0 {
		name += "::skin-tone-" + strconv.Itoa(t)
	}
	if s, ok := unicodeEmoji(name); ok {
		return s
	}
	var out []rune
	for hex := range strings.SplitSeq(e.text("unicode"), "-") {
		c, err := strconv.ParseUint(hex, 16, 32)
		if err != nil || !utf8.ValidRune(rune(c)) || c < 0x20 {
			return emojiOr(name)
		}
		out = append(out, rune(c))
	}
	return string(out)
}

// styled writes a piece of formatted text. Markdown's signs must touch the words, so spaces at
// both ends are written outside the signs.
func styled(s string, style node) string {
	core := strings.TrimSpace(s)
	if core == "" {
		return s
	}
	before, after, _ := strings.Cut(s, core)
	if style.flag("code") {
		core = "`" + core + "`"
	} else {
		core = escape(core)
	}
	if style.flag("italic") {
		core = "_" + core + "_"
	}
	if style.flag("bold") {
		core = "**" + core + "**"
	}
	if style.flag("strike") {
		core = "~~" + core + "~~"
	}
	return before + core + after
}

// quote writes a text as a quotation.
func quote(s string) string {
	lines := strings.Split(s, "\n")
	for i, l := range lines {
		lines[i] = strings.TrimRight("> "+l, " ")
	}
	return strings.Join(lines, "\n")
}

// paragraphs joins the parts that are not empty, with empty lines between them.
func paragraphs(parts []string) string { return strings.Join(nonEmpty(parts...), "\n\n") }

func nonEmpty(parts ...string) []string {
	var out []string
	for _, p := range parts {
		if strings.TrimSpace(p) != "" {
			out = append(out, p)
		}
	}
	return out
}

// plainWords returns the words of a text in lower case with spaces around each, to compare
// texts with different formatting. For a text without words it is one space.
func plainWords(s string) string {
	words := strings.FieldsFunc(s, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !unicode.IsMark(r) })
	return " " + strings.ToLower(strings.Join(append(words, ""), " "))
}

// letters returns the letters and digits of a text, in lower case, without anything between.
func letters(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.IsMark(r) {
			return unicode.ToLower(r)
		}
		return -1
	}, s)
}
