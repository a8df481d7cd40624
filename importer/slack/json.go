package slack

import (
	"bytes"
	"encoding/json"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// node is a JSON object that is read field by field. A field that is absent or null has its zero
// value. A field of an unexpected type also has its zero value, and is listed in odd, so the field is
// reported and the rest of the message is read.
type node struct {
	raw  map[string]json.RawMessage
	src  json.RawMessage
	path string    // where the object is in its message, "" at the top
	odd  *[]string // fields of an unexpected type, with their words
}

// newNode reads an object, and returns false for any other value.
func newNode(raw json.RawMessage) (node, bool) {
	n := node{src: raw, odd: new([]string)}
	return n, json.Unmarshal(raw, &n.raw) == nil && n.raw != nil
}

// name is the path of a field in its message.
func (n node) name(key string) string {
	if n.path == "" {
		return key
	}
	return n.path + "." + key
}

// noteUnexpected adds a field of an unexpected type to odd, with the words in the field.
func (n node) noteUnexpected(key string, v json.RawMessage) {
	if n.odd == nil || len(*n.odd) >= 20 {
		return
	}
	left := maxUnknown
	entry := strings.Join(nonEmpty(n.name(key), strings.Join(unknownWords(v, &left), ", ")), ": ")
	if !slices.Contains(*n.odd, entry) { // a field may be read twice
		*n.odd = append(*n.odd, entry)
	}
}

// maxUnknown bounds the tokens that are read of an unknown field.
const maxUnknown = 1000

// notWords matches a string that is not for people: an ID, an address, a number, a hash.
var notWords = regexp.MustCompile(`^(?:[A-Z][A-Z0-9]{5,}|[a-z][a-z0-9+.-]*:\S*|[\d.:/-]+|[0-9a-f-]{16,})$`)

// unread returns the words in the unknown fields of an object, by field.
func (n node) unread(known map[string]bool) map[string]string {
	var out map[string]string
	for key, v := range n.raw {
		if known[key] || isWordless(key) {
			continue
		}
		left := maxUnknown
		words := slices.DeleteFunc(unknownWords(v, &left), notWords.MatchString)
		if len(words) == 0 {
			continue
		}
		if out == nil {
			out = map[string]string{}
		}
		out[key] = strings.Join(words, ", ")
	}
	return out
}

// setOf returns the words of a text as a set.
func setOf(words string) map[string]bool {
	out := map[string]bool{}
	for _, w := range strings.Fields(words) {
		out[w] = true
	}
	return out
}

// value returns the value of a field, nil for null and for an absent field.
func (n node) value(key string) json.RawMessage {
	v := n.raw[key]
	if string(v) == "null" {
		return nil
	}
	return v
}

// text returns a string, or a number as it was written.
func (n node) text(key string) string {
	v := n.value(key)
	if len(v) == 0 {
		return ""
	}
	switch c := v[0]; {
	case c == '"':
		var s string
		if json.Unmarshal(v, &s) == nil {
			return s
		}
	case c == '-' || c >= '0' && c <= '9':
		return string(v)
	}
	n.noteUnexpected(key, v)
	return ""
}

// flag reports whether a field is true, 1 or "true".
func (n node) flag(key string) bool {
	v := n.value(key)
	switch string(v) {
	case "true", "1", `"true"`:
		return true
	case "", "false", "0", `"false"`, `""`:
	default:
		n.noteUnexpected(key, v)
	}
	return false
}

// count returns a number that is not negative.
func (n node) count(key string) int {
	s := n.text(key)
	if s == "" {
		return 0
	}
	i, err := strconv.Atoi(s)
	if err != nil || i < 0 {
		n.noteUnexpected(key, n.value(key))
		return 0
	}
	return i
}

// object returns the object in a field, or an empty one.
func (n node) object(key string) node {
	v := n.value(key)
	out := node{src: v, path: n.name(key), odd: n.odd}
	if len(v) > 0 && json.Unmarshal(v, &out.raw) != nil {
		n.noteUnexpected(key, v)
		out.raw = nil
	}
	return out
}

// list returns the values of a list. A single object counts as a list of one.
func (n node) list(key string) []json.RawMessage {
	v := n.value(key)
	if len(v) == 0 {
		return nil
	}
	switch v[0] {
	case '[':
		var out []json.RawMessage
		if json.Unmarshal(v, &out) == nil {
			return out
		}
	case '{':
		return []json.RawMessage{v}
	}
	n.noteUnexpected(key, v)
	return nil
}

// objects returns the objects of a list.
func (n node) objects(key string) []node {
	var out []node
	for _, raw := range n.list(key) {
		o := node{src: raw, path: n.name(key), odd: n.odd}
		switch {
		case string(raw) == "null":
		case json.Unmarshal(raw, &o.raw) == nil:
			out = append(out, o)
		default:
			n.noteUnexpected(key, raw)
		}
	}
	return out
}

// texts returns the strings of a list.
func (n node) texts(key string) []string {
	var out []string
	for _, raw := range n.list(key) {
		var s string
		switch {
		case string(raw) == "null":
		case json.Unmarshal(raw, &s) == nil:
			out = append(out, s)
		default:
			n.noteUnexpected(key, raw)
		}
	}
	return out
}

// wordless are keys in blocks of an unknown kind. Their strings are not for people to read, unless
// they contain a space. The same is true of keys that end in _id, _url, _icon or _link.
var wordless = map[string]bool{
	"type": true, "id": true, "url": true, "style": true, "color": true, "ts": true, "value": true, "unicode": true, "team": true,
	"severity": true, "status": true, "icon": true, "slack_icon": true, "mimetype": true, "range": true, "dispatch_action_config": true,
}

func isWordless(key string) bool {
	return wordless[key] || strings.HasSuffix(key, "_id") || strings.HasSuffix(key, "_url") || strings.HasSuffix(key, "_link") || strings.HasSuffix(key, "_icon")
}

// unknownWords returns the strings in a piece of JSON of an unknown kind that may be for
// people to read, in their order. *left is how many tokens may still be read.
func unknownWords(raw json.RawMessage, left *int) []string {
	dec := json.NewDecoder(bytes.NewReader(raw))
	type level struct {
		object, key, skip bool
		name              string
	}
	var out []string
	stack := []level{{}}
	for *left > 0 {
		t, err := dec.Token()
		if err != nil {
			return out
		}
		*left--
		top := &stack[len(stack)-1]
		if s, ok := t.(string); ok && top.object && top.key {
			top.name, top.key = s, false
			continue
		}
		skip := top.skip || isWordless(top.name)
		switch v := t.(type) {
		case json.Delim:
			if v == '{' || v == '[' {
				stack = append(stack, level{object: v == '{', key: v == '{', skip: skip, name: map[bool]string{true: "", false: top.name}[v == '{']})
				continue
			}
			if stack = stack[:len(stack)-1]; len(stack) == 0 {
				return out
			}
			top = &stack[len(stack)-1]
		case string:
			if s := oneLine(v); s != "" && (!skip || strings.Contains(s, " ")) {
				out = append(out, s)
			}
		}
		top.key = top.object
	}
	return out
}
