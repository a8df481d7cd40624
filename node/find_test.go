package node

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"flyleaf/keys"
	"flyleaf/qa"
	"flyleaf/storage"
	"flyleaf/storage/sqlite"
)

func TestFind(t *testing.T) {
	now := time.Now().UnixMilli() - 60_000
	d := device(t)
	one, two := createEvent(t, d, "One"), createEvent(t, d, "Two")
	author := device(t, keyFor(t, 7))
	name := func(d *Device, name string) { must(t, d.SetPerson(t.Context(), qa.Person{Name: name})) }
	name(author, "Ilse Marrow")
	id, err := author.Identity(t.Context())
	must(t, err)
	do(t, d, one, qa.Act{Kind: qa.ActRole, Identity: id, Role: qa.RoleAuthor, On: true})
	pencil := ask(t, d, one, qa.Act{OnBehalfOf: "Priya Lund", Text: "Is pencil allowed?", Tags: []string{"Paper"}, AtMillis: now + 0o_000})
	ink := ask(t, d, one, qa.Act{OnBehalfOf: "Maren Holt", Text: "Is ink allowed?", AtMillis: now + 1_000})
	ask(t, d, two, qa.Act{OnBehalfOf: "Maren Holt", Text: "Is pencil wanted?", Tags: []string{"paper", "two words"}, AtMillis: now + 2_000})
	carry(t, d, author, one)
	ask(t, author, one, qa.Act{Parent: pencil, Text: "Pencil is allowed.", AtMillis: now + 9_000})
	carry(t, author, d, one)
	do(t, d, one, qa.Act{Kind: qa.ActReact, Post: ink, Emoji: qa.WantEmoji, On: true})
	for name, c := range map[string]struct {
		q    Query
		want string
	}{
		"words":                {Query{Words: "pencil", Sort: SortNewest}, "Pencil is allowed.|Is pencil wanted?|Is pencil allowed?"},
		"beginning":            {Query{Words: "penc want"}, "Is pencil wanted?"},
		"in a week":            {Query{Words: "pencil", Event: two}, "Is pencil wanted?"},
		"asked by":             {Query{AskedBy: "maren"}, "Is pencil wanted?|Is ink allowed?"},
		"asked by, with words": {Query{AskedBy: "Maren H", Words: "ink"}, "Is ink allowed?"},
		"answered by":          {Query{AnsweredBy: "marrow"}, "Is pencil allowed?"},
		"the answer":           {Query{AnsweredBy: "ilse", Words: "pencil", Sort: SortNewest}, "Pencil is allowed.|Is pencil allowed?"},
		"answered":             {Query{State: Answered}, "Is pencil allowed?"},
		"unanswered":           {Query{State: Unanswered}, "Is pencil wanted?|Is ink allowed?"},
		"tag":                  {Query{Tag: "paper"}, "Is pencil wanted?|Is pencil allowed?"},
		"tag of two words":     {Query{Tag: "Two Words"}, "Is pencil wanted?"},
		"tag that nothing has": {Query{Tag: "two"}, ""},

		"unanswered, wanted":     {Query{State: Unanswered, Sort: SortWanted}, "Is ink allowed?|Is pencil wanted?"},
		"activity":               {Query{Words: "pencil is allowed", Sort: SortActivity}, "Pencil is allowed.|Is pencil allowed?"},
		"page":                   {Query{Words: "pencil", Sort: SortNewest, Offset: 1, Limit: 1}, "Is pencil wanted?"},
		"after the end":          {Query{Words: "pencil", Offset: 10}, ""},
		"nobody of this name":    {Query{AnsweredBy: "teodor"}, ""},
		"words of signs":         {Query{Words: "?!"}, ""},
		"nothing":                {Query{}, ""},
		"only an order, nothing": {Query{Sort: SortNewest}, ""},
	} {
		if c.q.Limit == 0 {
			c.q.Limit = 10
		}
		hits, _, err := NewWeekCache(d).Search(t.Context(), c.q)
		must(t, err)
		var got []string
		for _, h := range hits {
			got = append(got, h.Post.Text())
		}
		if strings.Join(got, "|") != c.want {
			t.Errorf("%s: %q, want %q", name, strings.Join(got, "|"), c.want)
		}
	}
	if found, err := d.Find(t.Context(), Query{Words: "pencil", Limit: 1}); err != nil || found.Total != 3 || len(found.Posts) != 1 {
		t.Errorf("%+v, %v", found, err)
	}
	// What changes is found at once.
	do(t, d, one, qa.Act{Kind: qa.ActWithdraw, Post: ink, On: true})
	if found, err := d.Find(t.Context(), Query{Words: "ink", Limit: 10}); err != nil || found.Total != 0 {
		t.Errorf("a withdrawn post: %+v, %v", found, err)
	}
}

// tenThousand returns a device on SQLite with 10,000 posts in weeks of a size.
func tenThousand(b *testing.B, inWeek int) *Device {
	store, err := sqlite.Open(b.Context(), filepath.Join(b.TempDir(), "db"), sqlite.Options{})
	if err != nil {
		b.Fatal(err)
	}
	key, err := keys.NewKey(nil)
	if err != nil {
		b.Fatal(err)
	}
	d, err := Open(b.Context(), Config{Store: store, Key: key})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = d.Close(); _ = store.Close() })
	words := strings.Fields("ledger pencil choir boat index column page margin ink copy print order proof cover spine reader author winner book sheet")
	for week := range 10_000 / inWeek {
		inv, err := d.CreateEvent(b.Context(), qa.Event{Title: fmt.Sprintf("Week %d", week)}, "")
		if err != nil {
			b.Fatal(err)
		}
		event := inv.Event
		var posts []qa.Post
		for i := range inWeek {
			n := week*inWeek + i
			p := qa.Post{By: qa.Identity(strings.Repeat("ab", 32)), AtMillis: int64(1_700_000_000_000 + n), Op: qa.OpID{Counter: uint64(i + 1), Actor: "01"}}
			p.ID = qa.PostID(fmt.Sprintf("%s-aaaaaaaaaaaaa-%d", p.By[:16], i+1))
			if i%2 == 1 {
				p.Parent = qa.PostID(fmt.Sprintf("%s-aaaaaaaaaaaaa-%d", p.By[:16], i))
			}
			text := fmt.Sprintf("Question number %d. ", n)
			for j := range 40 {
				text += words[(n*7+j*j*(n%11+1))%len(words)] + " "
			}
			p.Revisions = []qa.Revision{{ID: "1-a", Text: text, AtMillis: p.AtMillis, Op: p.Op}}
			posts = append(posts, p)
		}
		e, err := store.Event(b.Context(), event)
		if err != nil {
			b.Fatal(err)
		}
		if err := store.ReplaceViews(b.Context(), event, storage.ViewUpdate{Event: &e, Posts: posts}); err != nil {
			b.Fatal(err)
		}
	}
	return d
}

// BenchmarkFind searches 10,000 posts on SQLite: "page" as the page of hits does, with the weeks of the hits, "find" without
// them, and "index" is the baseline: the store's search for the first 20 hits, without filters.
func BenchmarkFind(b *testing.B) {
	for _, inWeek := range []int{10_000, 100} {
		d := tenThousand(b, inWeek)
		for name, words := range map[string]string{"one": "number 7777", "some": "spine ledger", "all": "question", "letter": "p"} {
			q := Query{Words: words, Limit: 20}
			if _, err := d.Find(context.Background(), q); err != nil {
				b.Fatal(err)
			}
			b.Run(fmt.Sprintf("%d/%s/page", inWeek, name), func(b *testing.B) {
				for b.Loop() {
					if _, _, err := NewWeekCache(d).Search(b.Context(), q); err != nil {
						b.Fatal(err)
					}
				}
			})
			b.Run(fmt.Sprintf("%d/%s/find", inWeek, name), func(b *testing.B) {
				for b.Loop() {
					if _, err := d.Find(b.Context(), q); err != nil {
						b.Fatal(err)
					}
				}
			})
			b.Run(fmt.Sprintf("%d/%s/index", inWeek, name), func(b *testing.B) {
				for b.Loop() {
					if _, err := d.store.SearchAll(b.Context(), words, 20); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}
