package slack

import (
	"encoding/json"
	"strconv"
	"strings"
)

// block is one of a message's blocks, or a piece of one: Slack nests them alike.
type block struct {
	Type      string          `json:"type"`
	Text      json.RawMessage `json:"text"` // a string, or in some blocks an object
	URL       string          `json:"url"`
	UserID    string          `json:"user_id"`
	ChannelID string          `json:"channel_id"`
	Group     string          `json:"usergroup_id"`
	Name      string          `json:"name"`
	SkinTone  int             `json:"skin_tone"`
	Range     string          `json:"range"`
	Fallback  string          `json:"fallback"`
	Value     string          `json:"value"`
	Elements  json.RawMessage `json:"elements"`
	Indent    int             `json:"indent"`
	Style     json.RawMessage `json:"style"` // an object, or of a list a string
}

func (b *block) words() string {
	var s string
	if json.Unmarshal(b.Text, &s) == nil {
		return s
	}
	var o struct{ Text string }
	if json.Unmarshal(b.Text, &o) == nil {
		return o.Text
	}
	return ""
}

func (b *block) elements() []block {
	var out []block
	if json.Unmarshal(b.Elements, &out) != nil {
		return nil
	}
	return out
}

// maxBlocks bounds the pieces of one message.
const maxBlocks = 10_000

// blocks writes the blocks of a message that has no text, as some programs write
// them, as Markdown.
func (r *reader) blocks(raw json.RawMessage) string {
	var list []block
	if len(raw) == 0 || json.Unmarshal(raw, &list) != nil {
		return ""
	}
	w := &writer{r: r}
	var out []string
	left := maxBlocks
	for i := range list {
		switch b := &list[i]; b.Type {
		case "rich_text":
			for _, part := range b.elements() {
				if s := w.part(&part, &left); s != "" {
					out = append(out, s)
				}
			}
		case "section", "header":
			if s := r.mrkdwn(b.words()); s != "" {
				out = append(out, s)
			}
		}
	}
	return strings.TrimSpace(squeeze(clean(strings.Join(out, "\n\n"))))
}

func (w *writer) part(b *block, left *int) string {
	switch b.Type {
	case "rich_text_section":
		return strings.TrimSpace(w.inline(b, left))
	case "rich_text_preformatted":
		var body strings.Builder
		for _, e := range b.elements() {
			body.WriteString(e.words())
			if e.Type == "link" && e.words() == "" {
				body.WriteString(e.URL)
			}
		}
		return fence(strings.Trim(body.String(), "\n"))
	case "rich_text_quote":
		return "> " + strings.ReplaceAll(strings.TrimSpace(w.inline(b, left)), "\n", "\n> ")
	case "rich_text_list":
		var style string
		if json.Unmarshal(b.Style, &style) != nil {
			style = "bullet"
		}
		var items []string
		for i, item := range b.elements() {
			mark := "- "
			if style == "ordered" {
				mark = strconv.Itoa(i+1) + ". "
			}
			items = append(items, strings.Repeat("   ", min(max(b.Indent, 0), 8))+mark+strings.ReplaceAll(w.inline(&item, left), "\n", " "))
		}
		return strings.Join(items, "\n")
	}
	return ""
}

func (w *writer) inline(b *block, left *int) string {
	var out strings.Builder
	for _, e := range b.elements() {
		if *left--; *left < 0 {
			break
		}
		switch e.Type {
		case "text":
			out.WriteString(styled(e.words(), e.Style))
		case "link":
			out.WriteString(link(e.URL, e.words()))
		case "user":
			out.WriteString(escape(w.mention("@" + e.UserID)))
		case "channel":
			out.WriteString(escape(w.mention("#" + e.ChannelID)))
		case "usergroup":
			out.WriteString(escape("@" + e.Group))
		case "broadcast":
			out.WriteString("@" + e.Range)
		case "emoji":
			name := e.Name
			if e.SkinTone > 0 {
				name += "::skin-tone-" + strconv.Itoa(e.SkinTone)
			}
			out.WriteString(emojiOr(name))
		case "color":
			out.WriteString(escape(e.Value))
		case "date":
			out.WriteString(escape(e.Fallback))
		}
	}
	return out.String()
}

// styled writes a piece of text. Markdown's signs stand at words, so the spaces
// around them stay outside.
func styled(s string, style json.RawMessage) string {
	var st struct{ Bold, Italic, Strike, Code bool }
	if json.Unmarshal(style, &st) != nil {
		st = struct{ Bold, Italic, Strike, Code bool }{}
	}
	core := strings.TrimSpace(s)
	if core == "" {
		return s
	}
	before, after, _ := strings.Cut(s, core)
	switch {
	case st.Code:
		core = "`" + core + "`"
	default:
		core = escape(core)
	}
	if st.Italic {
		core = "_" + core + "_"
	}
	if st.Bold {
		core = "**" + core + "**"
	}
	if st.Strike {
		core = "~~" + core + "~~"
	}
	return before + core + after
}
