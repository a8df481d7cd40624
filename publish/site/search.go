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

// The search index. site.js loads the few files that a query needs, as scripts, so that
// search also works in pages that are opened from a disk:
//
//	search/about.js    flyleaf("about", {shards, chunk, docs, weeks: [[title, path], …]}),
//	                   one entry of weeks for each page of a week
//	search/tN.js       flyleaf("tN", {term: [gaps], …}): shard N of the terms
//	search/dN.js       flyleaf("dN", [[week, anchor, kind, name, words], …]): documents
//	                   N·chunk and following
//
// A document is a week (kind 0), a question (1), an author's answer (2) or another reply
// (3). Weeks are in the order of their days, so that a new week leaves the files of earlier
// ones unchanged. The shard of a term is (a·31 + b) mod shards, where a and b are its first
// two code points (b is 0 if there is one only), so all terms that begin with the same two
// code points are in one file. The documents of a term ascend, each written as the gap to
// the previous one. 0 instead of the list means that the term is in too many documents to be useful.

// Sizes of the index's files.
const (
	searchChunk   = 256
	shardPostings = 12_000  // about 40 KiB; a shard may have more
	maxShards     = 1 << 10 // files
	maxWord       = 40      // code points of a term; the rest is cut off
	excerpt       = 180     // code points of a document that are shown
	// A term is not indexed if the site has more than commonFrom documents and the term is in more
	// than 1/commonShare of them.
	commonFrom, commonShare = 2000, 4
)

// searchDoc is a document as results show it: week, anchor, kind, name, words.
type searchDoc [5]any

// terms yields the words of a text in the form of the index: decomposed (NFKD), without marks,
// in lower case. In scripts without spaces each character is a word. site.js does the same.
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

// search adds the search index.
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
		add(searchDoc{i, "", 0, people.And(people.SplitNames(w.event.Authors)), beginning(about)}, w.event.Title, w.event.Subtitle, w.event.Authors, about)
		post := func(p *publish.PublishedPost, kind int) {
			if p.Placeholder != "" {
				return
			}
			words := markdown.Text(p.Text)
			at := weekfile.Anchor(p.ID)
			add(searchDoc{i + max(w.pageOf[at], 1) - 1, at, kind, p.ShownName(), beginning(words)}, p.Name, words)
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

// script adds a file of the index.
func (b *builder) script(name string, v any) { b.scriptAt("search/"+name+".js", name, v) }

// scriptAt adds a file that passes a named value to site.js.
func (b *builder) scriptAt(path, name string, v any) {
	var out bytes.Buffer
	out.WriteString(`flyleaf("` + name + `",`)
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	if enc.Encode(v) != nil {
		return // it cannot fail for numbers and strings
	}
	out.Truncate(out.Len() - 1)
	out.WriteString(");\n")
	b.files[path] = out.Bytes()
}

// beginning returns the first words of a plain text, on one line.
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
