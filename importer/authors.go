package importer

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
	"golang.org/x/text/unicode/norm"

	"flyleaf/qa"
	"flyleaf/qa/people"
	"flyleaf/schema"
)

// PeopleFromFiles returns the names of people by their ID. files maps the path of each person page
// to its content. The ID is `short` in the front matter, or else the file's base name without its
// ending; the name is `title`. IDs are in Unicode's composed form (NFC), because some systems
// separate letters from marks in file names. Other files are ignored.
func PeopleFromFiles(files map[string][]byte) map[string]string {
	out := make(map[string]string, len(files))
	for path, b := range files {
		s, err := clean(path, b)
		if err != nil {
			continue
		}
		front, _, _, ok := splitFront(s)
		if !ok {
			continue
		}
		var page yaml.Node
		if yaml.Unmarshal([]byte(front), &page) != nil || len(page.Content) != 1 || page.Content[0].Kind != yaml.MappingNode {
			continue
		}
		fields := page.Content[0].Content
		id, title := "", ""
		for i := 0; i+1 < len(fields); i += 2 {
			if fields[i+1].Kind != yaml.ScalarNode {
				continue
			}
			switch fields[i].Value {
			case "short":
				id = strings.TrimSpace(fields[i+1].Value)
			case "title":
				title = strings.TrimSpace(fields[i+1].Value)
			}
		}
		if id == "" {
			base := path[strings.LastIndexAny(path, `/\`)+1:]
			id, _, _ = strings.Cut(base, ".")
		}
		if id != "" && title != "" && len(title) <= schema.MaxName {
			out[norm.NFC.String(id)] = title
		}
	}
	return out
}

// words returns the words of a name for comparisons: letters and digits only, in lower case,
// Latin letters without their marks. "Ondřej Bothe" is [ondrej bothe].
func words(name string) []string {
	var b strings.Builder
	for _, r := range strings.ToLower(name) {
		switch {
		case unicode.IsMark(r):
		case unicode.IsLetter(r) || unicode.IsDigit(r):
			if plain, ok := plainLatin[r]; ok {
				b.WriteString(plain)
			} else {
				b.WriteRune(r)
			}
		case r == '\'' || r == '’': // O'Neil is one word
		default:
			b.WriteByte(' ')
		}
	}
	return strings.Fields(b.String())
}

// plainLatin maps Latin letters with marks to those without, as people type names.
var plainLatin = func() map[rune]string {
	m := map[rune]string{'ß': "ss", 'æ': "ae", 'œ': "oe", 'ø': "o", 'ð': "d", 'þ': "th", 'ł': "l", 'đ': "d", 'ı': "i"}
	for plain, marked := range map[string]string{
		"a": "àáâãäåāăąǎ", "c": "çćĉċč", "d": "ď", "e": "èéêëēĕėęě", "g": "ĝğġģ", "h": "ĥħ", "i": "ìíîïĩīĭįǐ",
		"j": "ĵ", "k": "ķ", "l": "ĺļľŀ", "n": "ñńņňŉ", "o": "òóôõöōŏőǒ", "r": "ŕŗř", "s": "śŝşšș", "t": "ţťŧț",
		"u": "ùúûüũūŭůűųǔ", "w": "ŵ", "y": "ýÿŷ", "z": "źżž",
	} {
		for _, r := range marked {
			m[r] = plain
		}
	}
	return m
}()

// withoutSpaces returns the words of a name without spaces.
func withoutSpaces(name string) string { return strings.Join(words(name), "") }

// author is an author of a week: name is shown, id is the person's ID as the week's page gives it,
// or empty.
type author struct {
	name, id string
}

// authorIndex finds authors by name: ignoring case, accents and spaces, and by the words of their
// name in any order.
type authorIndex map[string][]int // key → indices of authors

func indexAuthors(authors []author) authorIndex {
	x := authorIndex{}
	for i, a := range authors {
		w := words(a.name)
		for _, key := range []string{strings.Join(w, ""), withoutSpaces(a.id), sortedWordsKey(w)} {
			if key != "" && !slices.Contains(x[key], i) {
				x[key] = append(x[key], i)
			}
		}
	}
	return x
}

// sortedWordsKey returns a key that is the same for the words in any order. The key begins with a space
// so that it cannot equal the key of a name.
func sortedWordsKey(words []string) string {
	if len(words) == 0 {
		return ""
	}
	return " " + strings.Join(slices.Sorted(slices.Values(words)), " ")
}

// find returns the indices of the authors with that name.
func (x authorIndex) find(writer string) []int {
	if len(x) == 0 || len(writer) > schema.MaxName {
		return nil
	}
	w := words(writer)
	if found := x[strings.Join(w, "")]; len(w) > 0 && len(found) > 0 {
		return found
	}
	return x[sortedWordsKey(w)]
}

// closeName reports whether a writer's name may be a shorter form of a's: all its words are
// words of a's name ("Gant", "Ajay Arasanipalai"), or the last words are the same and the
// first ones begin with the same letter ("Mike Munn", Michael Munn), or only a's ID is known
// and it begins with the name ("Kevin", kevinhuo). w are the words of the writer's name, n
// those of a's.
func (a author) closeName(w, n []string) bool {
	if len(w) == 0 || len(n) == 0 {
		return false
	}
	if a.name == a.id && len(w) == 1 && len(w[0]) >= 4 && strings.HasPrefix(withoutSpaces(a.id), w[0]) {
		return true
	}
	within := true
	for _, word := range w {
		within = within && slices.Contains(n, word)
	}
	if within && (len(w) > 1 || len(w[0]) >= 3) {
		return true
	}
	return len(w) > 1 && len(n) > 1 && w[len(w)-1] == n[len(n)-1] && len(w[len(w)-1]) >= 3 && sameInitial(w[0], n[0])
}

func sameInitial(a, b string) bool {
	x, _ := utf8.DecodeRuneInString(a)
	y, _ := utf8.DecodeRuneInString(b)
	return x == y
}

// isAuthor decides which writers of a week are its authors.
//
// A writer whose name is an author's name or person ID (authorIndex) is that author. For an
// author whom no writer matches in this way, a writer with a close name (closeName) counts as
// the author if no other writer has a close name, if the name is close to this author only, and if
// the writer replied in at least three threads that others opened, or in half of them. So a reader
// with the author's first name is not mistaken for the author.
//
// In an input without threads, a message counts as a reply to the message before it.
func isAuthor(authors []author, posts []qa.ImportedPost) func(writer string) bool {
	flat := !slices.ContainsFunc(posts, func(p qa.ImportedPost) bool { return p.Parent >= 0 })
	is := map[string]bool{}
	writers := map[string]map[int]bool{} // writer → threads of others it replied in
	threads := 0
	root := make([]int, len(posts))
	for i := range posts {
		p := &posts[i]
		if writers[p.Name] == nil {
			writers[p.Name] = map[int]bool{}
		}
		root[i] = i
		switch {
		case p.Parent >= 0:
			root[i] = root[p.Parent]
		case flat && i > 0:
			root[i] = i - 1
			threads++
		default:
			threads++
			continue
		}
		if posts[root[i]].Name != p.Name {
			writers[p.Name][root[i]] = true
		}
	}
	index := indexAuthors(authors)
	found := make([]bool, len(authors))
	for w := range writers {
		for _, i := range index.find(w) {
			is[w], found[i] = true, true
		}
	}
	normalised := make([][]string, len(authors))
	for i, a := range authors {
		normalised[i] = words(a.name)
	}
	candidates := map[int][]string{} // author → writers with a close name
	for w, in := range writers {
		if is[w] || len(w) > schema.MaxName || len(in) < 3 && (len(in) == 0 || len(in)*2 < threads) {
			continue
		}
		var close []int
		writerWords := words(w)
		for i, a := range authors {
			if a.closeName(writerWords, normalised[i]) {
				close = append(close, i)
			}
		}
		if len(close) == 1 && !found[close[0]] {
			candidates[close[0]] = append(candidates[close[0]], w)
		}
	}
	for _, w := range candidates {
		if len(w) == 1 {
			is[w[0]] = true
		}
	}
	return func(writer string) bool { return is[writer] }
}

// markAuthors sets AsAuthor of the authors' replies.
func markAuthors(authors []author, posts []qa.ImportedPost) {
	by := isAuthor(authors, posts)
	for i := range posts {
		posts[i].AsAuthor = posts[i].Parent >= 0 && by(posts[i].Name)
	}
}

// splitAuthors reads a list of names without person IDs.
func splitAuthors(list string) []author {
	var out []author
	for _, name := range people.SplitNames(list) {
		out = append(out, author{name: name})
	}
	return out
}

// checkAuthors refuses more authors than an event can name. It is called before writers are
// compared with the authors, to bound the work of comparing.
func checkAuthors(name string, authors []author) error {
	if n := len(joinAuthors(authors)); n > schema.MaxShort {
		return refuse(name, 0, ErrLimit, "the authors' names have %d bytes, at most %d are allowed", n, schema.MaxShort)
	}
	return nil
}

func joinAuthors(authors []author) string {
	names := make([]string, len(authors))
	for i, a := range authors {
		names[i] = a.name
	}
	return strings.Join(names, ", ")
}
