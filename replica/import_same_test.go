package replica_test

import (
	"fmt"
	"testing"

	"flyleaf/qa"
	"flyleaf/replica"
	"flyleaf/storage"
)

// jekyllWeek returns a week like an import of a Jekyll page: its source, and those of its
// messages, are derived from the title.
func jekyllWeek(title string, day int64, messages ...string) qa.Imported {
	w := qa.Imported{
		Format: "jekyll", Source: fmt.Sprintf("jekyll:%d-%s", day, title), SourceFromTitle: true,
		Event: qa.Event{Title: title, Authors: "Ilse Marrow", StartsAtMillis: day * 86_400_000, EndsAtMillis: (day + 4) * 86_400_000},
	}
	for i, m := range messages {
		w.Posts = append(w.Posts, qa.ImportedPost{Parent: -1, Name: "Tino", Text: m, Source: w.Source + "#" + m, Line: i + 1})
	}
	return w
}

func TestWeekIsRecognisedUnderACorrectedTitle(t *testing.T) {
	const day = 20_000
	for _, c := range []struct {
		name     string
		is, then qa.Imported
		same     bool
	}{
		{"letters turned round", jekyllWeek("The Pateint Ledger", day, "When?"), jekyllWeek("The Patient Ledger", day, "When?"), true},
		{"and the page has grown", jekyllWeek("The Pateint Ledger", day, "When?"), jekyllWeek("The Patient Ledger", day, "When?", "Where?", "Why?", "How?"), true},
		{"a subtitle", jekyllWeek("The Patient Ledger", day, "When?"), jekyllWeek("The Patient Ledger: Accounts", day, "When?"), true},
		{"one word for two", jekyllWeek("Note Books", day, "When?"), jekyllWeek("Notebooks", day, "When?"), true},
		{"another title, many messages", jekyllWeek("A week", day, "a", "b", "c"), jekyllWeek("The Patient Ledger", day, "a", "b", "c", "d"), true},
		{"the day was wrong", jekyllWeek("The Patient Ledger", day+365, "When?"), jekyllWeek("The Patient Ledger", day, "When?"), true},
		{"nothing asked yet", jekyllWeek("The Pateint Ledger", day), jekyllWeek("The Patient Ledger", day), true},
		{"another book with a common message", jekyllWeek("Small Weather", day, "Thanks"), jekyllWeek("The Patient Ledger", day, "Thanks"), false},
		{"the second volume", jekyllWeek("The Patient Ledger 1", day, "When?"), jekyllWeek("The Patient Ledger 2", day, "When?"), false},
		{"one letter that counts", jekyllWeek("Week A", day, "When?"), jekyllWeek("Week B", day, "When?"), false},
		{"nothing in common", jekyllWeek("The Pateint Ledger", day, "When?"), jekyllWeek("The Patient Ledger", day, "Why?"), false},
		{"read again a year later", jekyllWeek("The Patient Ledger", day, "When?"), jekyllWeek("The Patient Ledger", day+364, "Why?"), false},
		{"read again, nothing asked", jekyllWeek("The Patient Ledger", day), jekyllWeek("The Patient Ledger", day+364), false},
	} {
		t.Run(c.name, func(t *testing.T) {
			onStores(t, func(t *testing.T, store storage.Store) {
				n := openNode(t, replica.Config{Store: store})
				other, err := n.Import(testContext(t), "", jekyllWeek("Borrowed Clocks", day, "What time is it?"), "")
				if err != nil {
					t.Fatal(err)
				}
				first, err := n.Import(testContext(t), "", c.is, "")
				if err != nil || first.Event == other.Event || first.Existing != nil {
					t.Fatalf("%+v, %v", first, err)
				}
				again, err := n.Import(testContext(t), "", c.then, "")
				if err != nil {
					t.Fatal(err)
				}
				if got := again.Event == first.Event; got != c.same {
					t.Fatalf("the same: %v", got)
				}
				if !c.same {
					return
				}
				if again.Existing == nil || again.Existing.Title != c.is.Event.Title || again.Existing.ID != first.Event || again.Unchanged != len(c.is.Posts) {
					t.Fatalf("%+v", again)
				}
				w := weekOf(t, n, first.Event)
				if len(w.Threads) != len(c.then.Posts) || w.Event.Title != c.is.Event.Title {
					t.Fatalf("%+v", w)
				}
				// Another import adds nothing, under the old title as well.
				for _, in := range []qa.Imported{c.then, c.is} {
					third, err := n.Import(testContext(t), "", in, "")
					if err != nil || third.Event != first.Event || third.Questions != 0 {
						t.Fatalf("%+v, %v", third, err)
					}
				}
			})
		})
	}
}

// If a page could be either of two weeks, it is imported as a new one.
func TestAmbiguousCorrectedTitleCreatesANewWeek(t *testing.T) {
	onStores(t, func(t *testing.T, store storage.Store) {
		n := openNode(t, replica.Config{Store: store})
		a, err := n.Import(testContext(t), "", jekyllWeek("The Pateint Ledger", 20_000, "When?"), "")
		if err != nil {
			t.Fatal(err)
		}
		similar := jekyllWeek("The Pateint Legder", 20_000, "When?")
		similar.SourceFromTitle = false
		b, err := n.Import(testContext(t), "", similar, "")
		if err != nil || a.Event == b.Event {
			t.Fatalf("%+v, %v", b, err)
		}
		c, err := n.Import(testContext(t), "", jekyllWeek("The Patient Ledger", 20_000, "When?"), "")
		if err != nil || c.Event == a.Event || c.Event == b.Event {
			t.Fatalf("%+v, %v", c, err)
		}
	})
}
