package convert

import (
	"slices"
	"strings"
	"testing"
	"time"

	"flyleaf/keys"
	"flyleaf/node"
	"flyleaf/publish"
	"flyleaf/qa"
	"flyleaf/storage/mem"
)

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestPublishing(t *testing.T) {
	k, err := keys.NewKey(nil)
	must(t, err)
	d, err := node.Open(t.Context(), node.Config{Store: mem.New(), Key: k, Converter: Direct{}})
	must(t, err)
	t.Cleanup(func() { _ = d.Close() })
	created, err := d.CreateEvent(t.Context(), qa.Event{Title: "An open week"}, "")
	must(t, err)
	open := created.Event
	_, err = d.Do(t.Context(), open, qa.Act{Kind: qa.ActPost, Text: "Is this published?"})
	must(t, err)
	closed, err := d.CreateEvent(t.Context(), qa.Event{Title: "By invitation", Access: "invited"}, "")
	must(t, err)
	club, err := d.CreateEvent(t.Context(), qa.Event{Kind: "club", Title: "The Lamplight", Description: "One book a week."}, "")
	must(t, err)
	for _, id := range []qa.EventID{open, closed.Event} {
		w, err := d.Week(t.Context(), id)
		must(t, err)
		must(t, d.ListWeeks(t.Context(), club.Event, []qa.ListedWeek{w.Event.Listing()}))
	}
	elsewhere := qa.ListedWeek{ID: qa.MakeEventID([16]byte{7}), Title: "Not here"}
	must(t, d.ListWeeks(t.Context(), club.Event, []qa.ListedWeek{elsewhere}))

	now := time.UnixMilli(1_790_000_000_000)
	files := func(p node.Publication) (Published, map[string]string) {
		t.Helper()
		p.Site.Now = now
		out, err := Publish(t.Context(), d, p)
		must(t, err)
		byPath := map[string]string{}
		for _, f := range out.Files {
			byPath[f.Path] = string(f.Body)
		}
		return out, byPath
	}
	all, byPath := files(node.Publication{Format: node.FormatSite})
	if all.Weeks != 1 || !strings.Contains(byPath["books/an-open-week.html"], "Is this published?") || strings.Contains(byPath["index.html"], "By invitation") {
		t.Errorf("%d weeks, %v", all.Weeks, all.Memory)
	}
	ofClub, byPath := files(node.Publication{Club: club.Event, Format: node.FormatSite})
	if ofClub.Weeks != 1 || len(ofClub.Missing) != 2 || !strings.Contains(byPath["index.html"], "The Lamplight") {
		t.Errorf("%d weeks, missing %v", ofClub.Weeks, ofClub.Missing)
	}
	// An invitation-only event is published only if it is named. A week's file keeps its name.
	_, byPath = files(node.Publication{Event: closed.Event, Format: "json"})
	if len(byPath) != 1 || byPath["by-invitation.json"] == "" {
		t.Errorf("%v", byPath)
	}
	if _, byPath = files(node.Publication{Event: open, Format: "markdown", Site: publish.SiteConfig{Memory: all.Memory}}); byPath["an-open-week.md"] == "" {
		t.Errorf("%v", byPath)
	}
	for what, p := range map[string]node.Publication{
		"a club is no week": {Event: club.Event, Format: node.FormatSite},
		"no such club":      {Club: open, Format: node.FormatSite},
		"no such event":     {Event: qa.MakeEventID([16]byte{5}), Format: node.FormatSite},
		"no such format":    {Event: open, Format: "pdf"},
	} {
		p.Site.Now = now
		if _, err := Publish(t.Context(), d, p); node.KindOf(err) != node.Invalid && node.KindOf(err) != node.NotFound {
			t.Errorf("%s: %v", what, err)
		}
	}
	for _, format := range node.PublishFormatNames() {
		if out, _ := files(node.Publication{Event: open, Format: format}); len(out.Files) == 0 {
			t.Errorf("%s: no files", format)
		}
	}
	if !slices.Equal(node.PublishFormatNames(), []string{"site", "jekyll", "markdown", "json", "csv"}) {
		t.Errorf("%q", node.PublishFormatNames())
	}
}
