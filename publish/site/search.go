package site

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"

	"flyleaf/markdown"
	"flyleaf/publish"
	"flyleaf/qa/people"
	"flyleaf/weekfile"
)

// The search index. It is read by site.js, which asks for the few files that a query
// needs, as scripts, so that it works from a disk too:
//
//	search/about.js    flyleaf("about", {shards, chunk, docs, weeks: [[title, path], …]}),
//	                   an entry for each page of a week
//	search/tN.js       flyleaf("tN", {term: [gaps], …}): shard N of the terms
//	search/dN.js       flyleaf("dN", [[week, anchor, kind, name, words], …]): documents
//	                   N·chunk and following
//
// A document is a week (kind 0), a question (1), an author's answer (2) or another
// reply (3); weeks stand in the order of their days, so that a week that is added
// leaves the files of earlier ones as they are. A term stands in the shard
// (a·31 + b) mod shards, of its first two code points (b is 0 where there is one), so
// all terms with a common beginning of two stand together. Its documents are
// ascending, each as the gap to the one before; 0 instead of a list says that the term
// is in so many documents that it tells none apart.

// Sizes of the index's files.
const (
	searchChunk   = 256
	shardPostings = 12_000  // aimed at; some 40 KiB
	maxShards     = 1 << 10 // files
	maxWord       = 40      // code points of a term; the rest of it is not searched
	excerpt       = 180     // code points of a document that are shown
	// commonFrom and commonShare: a term in more than a part of many documents tells
	// none apart.
	commonFrom, commonShare = 2000, 4
)

// searchDoc is what is shown of a document: week, anchor, kind, name, words.
type searchDoc [5]any

// terms returns the words of a text as they are searched, in any order and more than
// once: decomposed, without marks, in lower case; signs of scripts without spaces each
// for themselves. site.js does the same.
func terms(s string, yield func(string)) {
	var b strings.Builder
	n := 0
	flush := func() {
		if n > 0 {
			yield(b.String())
			b.Reset()
			n = 0
		}
	}
	for _, r := range norm.NFKD.String(s) {
		switch r = unicode.ToLower(r); {
		case unicode.Is(unicode.M, r):
		case unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Thai, unicode.Lao, unicode.Khmer, unicode.Myanmar, unicode.Tibetan):
			flush()
			yield(string(r))
		case unicode.IsLetter(r) || unicode.IsNumber(r):
			if r == 'ς' {
				r = 'σ'
			}
			if n < maxWord {
				b.WriteRune(r)
			}
			n++
		default:
			flush()
		}
	}
	flush()
}

func shardOf(term string, shards int) int {
	r := []rune(term)
	second := rune(0)
	if len(r) > 1 {
		second = r[1]
	}
	return int(r[0]*31+second) % shards
}

// search writes the index.
func (b *builder) search() {
	var docs []searchDoc
	postings := map[string][]int{}
	total := 0
	add := func(d searchDoc, texts ...string) {
		n := len(docs)
		docs = append(docs, d)
		for _, text := range texts {
			terms(text, func(t string) {
				if l := postings[t]; len(l) == 0 || l[len(l)-1] != n {
					postings[t] = append(l, n)
					total++
				}
			})
		}
	}
	weeks := [][2]string{}
	for _, w := range b.weeks {
		i := len(weeks)
		for _, p := range w.parts {
			weeks = append(weeks, [2]string{w.event.Title, escapePath(w.pagePath(p.number))})
		}
		about := markdown.Text(w.event.Description)
		add(searchDoc{i, "", 0, and(people.SplitNames(w.event.Authors)), beginning(about)}, w.event.Title, w.event.Authors, about)
		post := func(p *publish.PublishedPost, kind int) {
			if p.Withheld != "" {
				return
			}
			words := markdown.Text(p.Text)
			at := weekfile.Anchor(p.ID)
			add(searchDoc{i + max(w.at[at], 1) - 1, at, kind, p.ShownName(), beginning(words)}, p.Name, words)
		}
		for j := range w.Published.Threads {
			t := &w.Published.Threads[j]
			post(&t.PublishedPost, 1)
			for k := range t.Replies {
				kind := 3
				if t.Replies[k].Author {
					kind = 2
				}
				post(&t.Replies[k], kind)
			}
		}
	}
	shards := 1
	for shards < maxShards && total > shards*shardPostings {
		shards *= 2
	}
	byShard := make([]map[string]any, shards)
	for i := range byShard {
		byShard[i] = map[string]any{}
	}
	for t, list := range postings {
		s := byShard[shardOf(t, shards)]
		if len(docs) > commonFrom && len(list) > len(docs)/commonShare {
			s[t] = 0
			continue
		}
		gaps := make([]int, len(list))
		before := 0
		for i, d := range list {
			gaps[i], before = d-before, d
		}
		s[t] = gaps
	}
	for i, s := range byShard {
		b.script(fmt.Sprintf("t%d", i), s)
	}
	chunks := 0
	for c := range slices.Chunk(docs, searchChunk) {
		b.script(fmt.Sprintf("d%d", chunks), c)
		chunks++
	}
	b.script("about", map[string]any{"shards": shards, "chunk": searchChunk, "docs": len(docs), "weeks": weeks})
}

// script writes a file of the index.
func (b *builder) script(name string, v any) { b.scriptAt("search/"+name+".js", name, v) }

// scriptAt writes a file that hands a value to site.js under a name.
func (b *builder) scriptAt(path, name string, v any) {
	var out bytes.Buffer
	out.WriteString(`flyleaf("` + name + `",`)
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	if enc.Encode(v) != nil {
		return // numbers and strings alone: it cannot fail
	}
	out.Truncate(out.Len() - 1)
	out.WriteString(");\n")
	b.files[path] = out.Bytes()
}

// beginning returns the first words of a plain text, in one line.
func beginning(s string) string {
	s = strings.Join(strings.Fields(s), " ")
	r := []rune(s)
	if len(r) <= excerpt {
		return s
	}
	cut := excerpt
	for i := cut; i > cut-30; i-- {
		if r[i] == ' ' {
			cut = i
			break
		}
	}
	return string(r[:cut]) + "…"
}
