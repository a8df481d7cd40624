package importer

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"html"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"go.yaml.in/yaml/v3"
	"golang.org/x/text/unicode/norm"

	"flyleaf/qa"
	"flyleaf/schema"
	"flyleaf/weekfile"
)

// ReadJekyll reads a Jekyll page, in the layout that package weekfile describes. people has the
// names of person IDs in `authors` (see PeopleFromFiles), and may be nil. For an unknown ID, it
// uses a writer's name, or a name in the description, that has the same letters as the ID.
// Otherwise it shows the ID. An *InputError is returned when the page is refused.
func ReadJekyll(name string, b []byte, people map[string]string) (qa.Imported, error) {
	s, err := clean(name, b)
	if err != nil {
		return qa.Imported{}, err
	}
	front, body, first, ok := splitFront(s)
	if !ok {
		return qa.Imported{}, refuse(name, 1, ErrSyntax, "a Jekyll page begins with a line --- and its front matter ends with another")
	}
	var doc yaml.Node
	if err := yaml.Unmarshal([]byte(front), &doc); err != nil {
		// A browser or a word processor may have added no-break spaces and line separators, which
		// make the front matter invalid YAML.
		doc = yaml.Node{}
		if yaml.Unmarshal([]byte(plainIndents(front)), &doc) != nil {
			line, what := yamlLine(err, first)
			return qa.Imported{}, refuse(name, line, ErrSyntax, "%s", what)
		}
	}
	if len(doc.Content) != 1 || doc.Content[0].Kind != yaml.MappingNode {
		return qa.Imported{}, refuse(name, first, ErrSyntax, "the front matter is not a list of keys and values")
	}
	r := &jekyllReader{name: name, offset: first - 1, people: people, liquid: true}
	r.im.Format = string(weekfile.FormatJekyll)
	r.im.Event.X = map[string]string{}
	if err := r.front(doc.Content[0]); err != nil {
		return qa.Imported{}, err
	}
	if r.liquid {
		body = weekfile.UnescapeLiquid(body)
	}
	r.im.Event.Description = strings.Trim(body, "\n")
	if strings.TrimSpace(r.im.Event.Description) == "" {
		r.im.Event.Description = ""
	}
	r.nameAuthors()
	r.im.Event.Authors = joinAuthors(r.authors)
	if err := checkAuthors(name, r.authors); err != nil {
		return qa.Imported{}, err
	}
	if err := r.keepAuthors(); err != nil {
		return qa.Imported{}, err
	}
	if r.ends != nil {
		if err := checkDates(name, r.line(r.ends), &r.im.Event); err != nil {
			return qa.Imported{}, err
		}
	}
	markAuthors(r.authors, r.im.Posts)
	if len(r.im.Event.X) == 0 {
		r.im.Event.X = nil
	}
	nameWeek(&r.im)
	for i := range r.im.Posts {
		// An id without a colon names a message within its week (PublishedPost.ID).
		if p := &r.im.Posts[i]; weekfile.IsLocalID(p.Source) {
			p.Source = r.im.Source + "#" + p.Source
		}
	}
	if err := finish(name, &r.im); err != nil {
		return qa.Imported{}, err
	}
	return r.im, nil
}

// keySpaces matches spaces around keys and dashes, where YAML needs plain ones. No-break
// spaces in texts are not matched.
var keySpaces = regexp.MustCompile(`(?m)^[ \x{a0}\x{202f}]*(?:-[ \x{a0}\x{202f}]+)*(?:[A-Za-z_][\w-]*:[ \x{a0}\x{202f}]+)?`)

// plainIndents replaces no-break spaces around keys by plain ones.
func plainIndents(front string) string {
	front = strings.NewReplacer("\u2028", " ", "\u2029", " ", "\u0085", " ").Replace(front) // YAML reads these as line ends
	return keySpaces.ReplaceAllStringFunc(front, func(s string) string {
		return strings.NewReplacer("\u00a0", " ", "\u202f", " ").Replace(s)
	})
}

// isFence reports whether a line starts front matter.
func isFence(line string) bool { return strings.TrimRight(line, " \t") == "---" }

// HasFrontMatter reports whether a file begins with front matter. Jekyll ignores files without
// front matter.
func HasFrontMatter(b []byte) bool {
	line, _, _ := bytes.Cut(bytes.TrimLeft(bytes.TrimPrefix(b, []byte(weekfile.ByteOrderMark)), "\r\n"), []byte("\n"))
	return isFence(strings.TrimRight(string(line), "\r"))
}

// splitFront splits a page into front matter and body. first is the line number of the first
// line of the front matter.
func splitFront(s string) (front, body string, first int, ok bool) {
	first = 1
	for strings.HasPrefix(s, "\n") {
		s, first = s[1:], first+1
	}
	line, rest, found := strings.Cut(s, "\n")
	if !found || !isFence(line) {
		return "", "", 0, false
	}
	first++
	at := 0
	for at <= len(rest) {
		line, _, more := strings.Cut(rest[at:], "\n")
		if end := strings.TrimRight(line, " \t"); end == "---" || end == "..." {
			body := ""
			if more {
				body = rest[at+len(line)+1:]
			}
			return rest[:at], body, first, true
		}
		if !more {
			break
		}
		at += len(line) + 1
	}
	return "", "", 0, false
}

var yamlErrorLine = regexp.MustCompile(`^(?:yaml: )?(?:unmarshal errors:\s*)?line (\d+): `)

// yamlLine returns the line of the file that an error of the YAML library names, and the error's
// text without that line. first is the line where the YAML begins.
func yamlLine(err error, first int) (int, string) {
	s := err.Error()
	m := yamlErrorLine.FindStringSubmatch(s)
	if m == nil {
		return first, strings.TrimPrefix(s, "yaml: ")
	}
	n, _ := strconv.Atoi(m[1])
	return n + first - 1, s[len(m[0]):]
}

type jekyllReader struct {
	name      string
	offset    int // lines before the front matter's first
	people    map[string]string
	authors   []author
	authorsAt *yaml.Node
	ids       []int // indices of the authors of whom only the ID is known
	ends      *yaml.Node
	liquid    bool // Jekyll runs the body through Liquid
	im        qa.Imported
	visits    int
}

func (r *jekyllReader) line(n *yaml.Node) int { return n.Line + r.offset }

func (r *jekyllReader) refuse(n *yaml.Node, err error, format string, args ...any) error {
	return refuse(r.name, r.line(n), err, format, args...)
}

func (r *jekyllReader) skip(n *yaml.Node, text, reason string, args ...any) {
	r.im.Skipped = append(r.im.Skipped, qa.Skipped{Line: r.line(n), Reason: fmt.Sprintf(reason, args...), Text: beginning(text)})
}

// maxVisits bounds the visits of YAML nodes: one for each node, and one more for each alias of
// it.
const maxVisits = 40 * MaxMessages

// resolve follows an alias. It counts visits, so that aliases cannot multiply the work.
func (r *jekyllReader) resolve(n *yaml.Node) (*yaml.Node, error) {
	r.visits++
	if r.visits > maxVisits || len(r.im.Skipped) > MaxMessages {
		return nil, r.refuse(n, ErrTooBig, "more than %d YAML nodes, counting aliases", maxVisits)
	}
	if n.Kind == yaml.AliasNode {
		return n.Alias, nil
	}
	return n, nil
}

func isNull(n *yaml.Node) bool { return n.Kind == yaml.ScalarNode && n.ShortTag() == "!!null" }

// scalar returns the text of a scalar as it was written: 007 stays "007". null is "".
func (r *jekyllReader) scalar(n *yaml.Node, what string) (string, error) {
	n, err := r.resolve(n)
	if err != nil {
		return "", err
	}
	switch {
	case n.Kind != yaml.ScalarNode:
		return "", r.refuse(n, ErrSyntax, "%s must be text, not a list or a map", what)
	case isNull(n):
		return "", nil
	case n.ShortTag() == "!!binary":
		return "", r.refuse(n, ErrSyntax, "%s must be text, not binary data", what)
	}
	return n.Value, nil
}

// pairs calls do for each key of a map, and refuses a map that has a key twice. Keys of a
// merge (<<: *defaults) come after the map's own, and only if the map does not have them.
func (r *jekyllReader) pairs(n *yaml.Node, do func(key string, k, v *yaml.Node) error) error {
	own := map[string]bool{}
	merges, err := r.ownPairs(n, func(key string, k, v *yaml.Node) error {
		if own[key] {
			return r.refuse(k, ErrSyntax, "the key %q appears twice", beginning(key))
		}
		own[key] = true
		return do(key, k, v)
	})
	if err != nil {
		return err
	}
	for _, m := range merges {
		if err := r.merged(m, own, 0, do); err != nil {
			return err
		}
	}
	return nil
}

// ownPairs calls do for each key of a map, except merge keys, and returns the values of these.
func (r *jekyllReader) ownPairs(n *yaml.Node, do func(key string, k, v *yaml.Node) error) (merges []*yaml.Node, err error) {
	for i := 0; i+1 < len(n.Content); i += 2 {
		k, v := n.Content[i], n.Content[i+1]
		if isMerge(k) {
			merges = append(merges, v)
			continue
		}
		key, err := r.scalar(k, "a key")
		if err != nil {
			return nil, err
		}
		if err := do(key, k, v); err != nil {
			return nil, err
		}
	}
	return merges, nil
}

// isMerge reports whether k is YAML's merge key. A quoted "<<" is an ordinary key.
func isMerge(k *yaml.Node) bool { return k.Kind == yaml.ScalarNode && k.ShortTag() == "!!merge" }

// merged calls do for the keys that a merge adds to a map. n is another map, or a list of maps, in
// which earlier maps take precedence. merged skips the keys in seen, and adds keys to seen.
func (r *jekyllReader) merged(n *yaml.Node, seen map[string]bool, depth int, do func(key string, k, v *yaml.Node) error) error {
	n, err := r.resolve(n)
	if err != nil {
		return err
	}
	if depth > MaxDepth {
		return r.refuse(n, ErrTooBig, "maps are merged more than %d levels deep", MaxDepth)
	}
	switch n.Kind {
	case yaml.SequenceNode:
		for _, item := range n.Content {
			if err := r.merged(item, seen, depth+1, do); err != nil {
				return err
			}
		}
		return nil
	case yaml.MappingNode:
	default:
		return r.refuse(n, ErrSyntax, "the value of << must be a map or a list of maps")
	}
	deeper, err := r.ownPairs(n, func(key string, k, v *yaml.Node) error {
		if seen[key] {
			return nil
		}
		seen[key] = true
		return do(key, k, v)
	})
	if err != nil {
		return err
	}
	for _, d := range deeper {
		if err := r.merged(d, seen, depth+1, do); err != nil {
			return err
		}
	}
	return nil
}

// items returns the entries of a list. null, an empty text and an empty map are empty lists.
func (r *jekyllReader) items(n *yaml.Node, what string) ([]*yaml.Node, error) {
	n, err := r.resolve(n)
	if err != nil {
		return nil, err
	}
	switch {
	case isNull(n) || n.Kind == yaml.ScalarNode && strings.TrimSpace(n.Value) == "" || n.Kind == yaml.MappingNode && len(n.Content) == 0:
		return nil, nil
	case n.Kind != yaml.SequenceNode:
		return nil, r.refuse(n, ErrSyntax, "%s is not a list", what)
	}
	return n.Content, nil
}

// front reads the front matter.
func (r *jekyllReader) front(n *yaml.Node) error {
	e := &r.im.Event
	var author *yaml.Node
	err := r.pairs(n, func(key string, k, v *yaml.Node) error {
		switch key {
		case "title":
			s, err := r.scalar(v, key)
			e.Title = strings.TrimSpace(s)
			return err
		case "subtitle":
			s, err := r.scalar(v, key)
			e.Subtitle = strings.TrimSpace(s)
			return err
		case "description":
			return r.keep(weekfile.XDescription, key, k, v)
		case "cover":
			return r.keep(weekfile.XCover, key, k, v)
		case "image":
			return r.keep(weekfile.XImage, key, k, v)
		case "start":
			return r.time(v, key, weekfile.XStart, false, &e.StartsAtMillis)
		case "end":
			r.ends = v
			return r.time(v, key, weekfile.XEnd, true, &e.EndsAtMillis)
		case "authors":
			return r.readAuthors(v)
		case "author":
			author = v
			return nil
		case "links":
			return r.links(v)
		case "source":
			s, err := r.scalar(v, key)
			if err == nil && strings.TrimSpace(s) != "" {
				if len(s) > weekfile.MaxSource {
					return r.refuse(v, ErrLimit, "a source of %d bytes, at most %d are allowed", len(s), weekfile.MaxSource)
				}
				r.im.Source = strings.TrimSpace(s)
			}
			return err
		case "archive":
			return r.readPosts(v, -1, 1)
		case "published":
			s, err := r.scalar(v, key)
			if s == "false" {
				r.im.Unpublished = true
				r.im.Remarks = append(r.im.Remarks, qa.Remark{Line: r.line(k), Text: "The page has `published: false`, so Jekyll does not publish it."})
			}
			return err
		case "render_with_liquid":
			s, err := r.scalar(v, key)
			r.liquid = s != "false"
			return err
		}
		text := ""
		if v.Kind == yaml.ScalarNode {
			text = v.Value
		}
		r.skip(k, key+": "+text, "the key %q is not imported", beginning(key))
		return nil
	})
	switch {
	case err != nil || author == nil:
		return err
	case len(r.authors) > 0:
		r.skip(author, author.Value, "`author` was ignored because the page also has `authors`")
		return nil
	}
	return r.readAuthors(author)
}

// keep stores a value in Event.X, so that WriteJekyll can write it back.
func (r *jekyllReader) keep(x, key string, k, v *yaml.Node) error {
	s, err := r.scalar(v, key)
	if err != nil {
		return err
	}
	r.keepX(x, s, k)
	return nil
}

// maxKeptX is how many values keepX stores in an event's x. The remaining key is reserved for the subtitle, the
// only field of an imported event that is stored there.
const maxKeptX = schema.MaxXKeys - 1

func (r *jekyllReader) keepX(x, value string, at *yaml.Node) {
	switch {
	case value == "":
	case len(value) > schema.MaxXValue:
		r.skip(at, value, "longer than %d bytes, the maximum for an extra value", schema.MaxXValue)
	case len(r.im.Event.X) >= maxKeptX:
		r.skip(at, value, "more than %d extra values", maxKeptX)
	default:
		r.im.Event.X[x] = value
	}
}

func (r *jekyllReader) time(n *yaml.Node, key, x string, end bool, to *int64) error {
	s, err := r.scalar(n, key)
	if err != nil || strings.TrimSpace(s) == "" {
		return err
	}
	ms, ok := weekfile.ParseTime(s, end)
	if !ok {
		return r.refuse(n, ErrSyntax, "%s is %q, which is not a time such as 2021-03-08 00:00:00", key, beginning(s))
	}
	*to = ms
	if weekfile.FormatTime(ms) != s {
		r.keepX(x, s, n)
	}
	return nil
}

func (r *jekyllReader) readAuthors(n *yaml.Node) error {
	node, err := r.resolve(n)
	if err != nil {
		return err
	}
	var written []string
	if node.Kind == yaml.ScalarNode {
		s, err := r.scalar(n, "authors")
		if err != nil {
			return err
		}
		for _, a := range splitAuthors(s) {
			written = append(written, a.name)
		}
	} else {
		list, err := r.items(n, "authors")
		if err != nil {
			return err
		}
		for _, item := range list {
			s, err := r.scalar(item, "an author")
			if err != nil {
				return err
			}
			if s = strings.TrimSpace(s); s != "" {
				written = append(written, s)
			}
		}
	}
	for _, w := range written {
		a := author{name: w}
		if !strings.ContainsFunc(w, unicode.IsSpace) {
			a.id = w
			if known := strings.TrimSpace(r.people[norm.NFC.String(w)]); known != "" {
				a.name = known
			} else {
				r.ids = append(r.ids, len(r.authors))
			}
		}
		r.authors = append(r.authors, a)
	}
	r.authorsAt = n
	return nil
}

// nameAuthors finds names for IDs without a person page: a name with exactly the ID's letters,
// after "by" in the description or else among the writers.
func (r *jekyllReader) nameAuthors() {
	if len(r.ids) == 0 {
		return
	}
	byID := map[string]string{}
	add := func(name string) {
		w := words(name)
		if len(w) < 2 {
			return
		}
		firstNameLast := append(slices.Clone(w[1:]), w[0])
		for _, id := range []string{strings.Join(w, ""), strings.Join(firstNameLast, "")} {
			if byID[id] == "" {
				byID[id] = strings.TrimSpace(name)
			}
		}
	}
	if _, names, _, ok := SplitByline(r.im.Event.X[weekfile.XDescription]); ok {
		for _, n := range names {
			add(n)
		}
	}
	for _, p := range r.im.Posts {
		add(p.Name)
	}
	for _, i := range r.ids {
		if name := byID[withoutSpaces(r.authors[i].id)]; name != "" {
			r.authors[i].name = name
		}
	}
}

// keepAuthors stores the authors as written on the page.
func (r *jekyllReader) keepAuthors() error {
	was := weekfile.WrittenAuthors{Shown: r.im.Event.Authors}
	for _, a := range r.authors {
		was.Written = append(was.Written, cmp.Or(a.id, a.name))
	}
	if len(was.Written) == 0 {
		return nil
	}
	b, err := json.Marshal(was)
	if err != nil {
		return r.refuse(r.authorsAt, ErrSyntax, "authors: %v", err)
	}
	r.keepX(weekfile.XAuthors, string(b), r.authorsAt)
	return nil
}

func (r *jekyllReader) links(n *yaml.Node) error {
	list, err := r.items(n, "links")
	if err != nil {
		return err
	}
	for i, item := range list {
		item, err := r.resolve(item)
		if err != nil {
			return err
		}
		var l qa.Link
		switch {
		case isNull(item):
			continue
		case item.Kind == yaml.ScalarNode:
			l = qa.Link{Text: item.Value, URL: item.Value}
		case item.Kind != yaml.MappingNode:
			return r.refuse(item, ErrSyntax, "a link must be a map with text and link")
		default:
			err = r.pairs(item, func(key string, k, v *yaml.Node) (err error) {
				switch key {
				case "text":
					l.Text, err = r.scalar(v, "a link's text")
				case "link", "list", "url", "href":
					if l.URL != "" {
						return r.refuse(k, ErrSyntax, "a link has two addresses")
					}
					l.URL, err = r.scalar(v, "a link's address")
				default:
					r.skip(k, v.Value, "the key %q of a link is not imported", beginning(key))
				}
				return err
			})
			if err != nil {
				return err
			}
		}
		if len(l.Text) <= schema.MaxShort && len(l.URL) <= schema.MaxShort && len(r.im.Event.Links) < schema.MaxLinks {
			r.im.Event.Links = append(r.im.Event.Links, l)
			continue
		}
		b, err := json.Marshal(l)
		if err != nil {
			return r.refuse(item, ErrSyntax, "a link: %v", err)
		}
		r.keepX(weekfile.XLink+strconv.Itoa(i), string(b), item)
		if _, kept := r.im.Event.X[weekfile.XLink+strconv.Itoa(i)]; kept {
			r.skip(item, l.URL, "an event can have %d links of at most %d bytes; this link is kept for export but not shown", schema.MaxLinks, schema.MaxShort)
		}
	}
	return nil
}

// readPosts reads the posts under the key `archive` (parent -1), or the replies to post parent.
func (r *jekyllReader) readPosts(n *yaml.Node, parent, depth int) error {
	what := "archive"
	if parent >= 0 {
		what = "replies"
	}
	list, err := r.items(n, what)
	if err != nil {
		return err
	}
	if len(list) > 0 && depth > MaxDepth {
		return r.refuse(n, ErrTooBig, "replies are more than %d levels deep", MaxDepth)
	}
	for _, item := range list {
		line := r.line(item)
		item, err := r.resolve(item)
		if err != nil {
			return err
		}
		if item.Kind != yaml.MappingNode {
			return refuse(r.name, line, ErrSyntax, "an entry of %s must be a map with name and text", what)
		}
		if len(r.im.Posts) >= MaxMessages {
			return refuse(r.name, line, ErrTooBig, "more than %d messages", MaxMessages)
		}
		at := len(r.im.Posts)
		r.im.Posts = append(r.im.Posts, qa.ImportedPost{Parent: parent, Line: line})
		var replies, address *yaml.Node
		err = r.pairs(item, func(key string, k, v *yaml.Node) error {
			p := &r.im.Posts[at]
			switch key {
			case "name":
				s, err := r.scalar(v, "a name")
				p.Name = html.UnescapeString(s)
				return err
			case "text":
				s, err := r.scalar(v, "a text")
				p.Text = html.UnescapeString(s)
				return err
			case "time":
				s, err := r.scalar(v, "a time")
				if err != nil {
					return err
				}
				if ms, ok := weekfile.ParseTime(s, false); ok {
					p.AtMillis = ms
				} else {
					r.skip(k, s, "the time of a message could not be read")
				}
			case "id":
				s, err := r.scalar(v, "an id")
				p.Source = s
				return err
			case "url":
				address = v
			case "reactions":
				return r.reactions(v, at)
			case "replies":
				replies = v
			default:
				r.skip(k, v.Value, "the key %q of a message is not imported", beginning(key))
			}
			return nil
		})
		if err != nil {
			return err
		}
		if address != nil {
			// WriteJekyll derives url from id, so such a url need not be kept.
			if _, fragment, _ := strings.Cut(address.Value, "#"); r.im.Posts[at].Source == "" || fragment != weekfile.Anchor(r.im.Posts[at].Source) {
				r.skip(address, address.Value, "the key %q of a message is not imported", "url")
			}
		}
		if p := &r.im.Posts[at]; p.Name == "" {
			p.Name = qa.NoName
			r.skip(item, p.Text, "the message has no writer's name; it is shown as %s", qa.NoName)
		}
		if replies != nil {
			if err := r.readPosts(replies, at, depth+1); err != nil {
				return err
			}
		}
	}
	return nil
}

// reactions reads the reactions that a message had in its original channel.
func (r *jekyllReader) reactions(n *yaml.Node, at int) error {
	list, err := r.items(n, "reactions")
	if err != nil {
		return err
	}
	var rs []qa.ImportedReaction
	for _, item := range list {
		item, err := r.resolve(item)
		if err != nil {
			return err
		}
		var one qa.ImportedReaction
		if item.Kind != yaml.MappingNode || item.Decode(&one) != nil || one.Emoji == "" || len(one.Emoji) > schema.MaxEmoji || one.Count < 1 {
			r.skip(item, item.Value, "a reaction must be a map with emoji and count")
			continue
		}
		rs = append(rs, one)
	}
	value, left := qa.EncodeReactions(rs)
	if left > 0 {
		r.skip(n, "", "%d reactions were left out: a message can keep %d bytes of them", schema.MaxXValue, left)
	}
	if value != "" {
		r.im.Posts[at].X = map[string]string{qa.XReactions: value}
	}
	return nil
}
