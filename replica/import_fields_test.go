package replica_test

import (
	"slices"
	"strings"
	"testing"

	"flyleaf/qa"
	"flyleaf/replica"
	"flyleaf/storage/mem"
)

// Fields of the week that differ in the input are reported when it is imported again. A
// no-break space in place of a space is not an edit.
func TestImportingAgainReportsChangedFields(t *testing.T) {
	n := openNode(t, replica.Config{Store: mem.New()})
	first := jekyllWeek("The Patient Ledger", 20_000, "When does it pay?")
	first.Event.Description, first.Event.Links = "About it.", []qa.Link{{Text: "The book", URL: "https://books.example/1"}}
	r, err := n.Import(testContext(t), "", first, "")
	if err != nil {
		t.Fatal(err)
	}
	again := func(change func(*qa.Imported)) []string {
		t.Helper()
		w := first
		w.Posts, w.Event.Links = slices.Clone(first.Posts), slices.Clone(first.Event.Links)
		change(&w)
		got, err := n.Import(testContext(t), "", w, "")
		if err != nil || got.Event != r.Event || got.Questions != 0 {
			t.Fatalf("%+v, %v", got, err)
		}
		var fields []string
		for _, c := range got.Changes {
			if c.Kind != qa.ChangedWeek || c.NotApplied == "" || c.Applied {
				t.Errorf("a change %+v", c)
			}
			fields = append(fields, c.Name)
		}
		return fields
	}
	for _, c := range []struct {
		want   string
		change func(*qa.Imported)
	}{
		{"", func(*qa.Imported) {}},
		{"", func(w *qa.Imported) { w.Posts[0].Text = "When\u00a0does it\u202fpay?" }},
		{"", func(w *qa.Imported) { w.Event.Description, w.Event.Links = "", nil }}, // missing fields
		{"", func(w *qa.Imported) { w.Event.Authors = "ilsemarrow" }},               // the ID of a person
		{"description", func(w *qa.Imported) { w.Event.Description = "About all of it." }},
		{"authors", func(w *qa.Imported) { w.Event.Authors = "Ilse Marrow, Teodor Anand" }},
		{"end links", func(w *qa.Imported) { w.Event.EndsAtMillis += 86_400_000; w.Event.Links[0].URL += "2" }},
		{"title", func(w *qa.Imported) { w.Event.Title = "The Patient Ledger, again" }},
		{"title", func(w *qa.Imported) { // and with it the source, which is derived from the title
			*w = jekyllWeek("The Pateint Ledger", 20_000, "When does it pay?")
		}},
	} {
		if got := strings.Join(again(c.change), " "); got != c.want {
			t.Errorf("reported %q, want %q", got, c.want)
		}
	}
}
