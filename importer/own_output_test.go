package importer

import (
	"bytes"
	"reflect"
	"slices"
	"strings"
	"testing"

	"flyleaf/internal/testfiles"
	"flyleaf/internal/testfixture"
	"flyleaf/publish"
	"flyleaf/qa"
)

// TestJekyllLosesNeitherIDsNorTimes: a week of Flyleaf that is exported, imported and exported again gives
// the same page, with the same post IDs and times.
func TestJekyllLosesNeitherIDsNorTimes(t *testing.T) {
	const at = "https://books.example/books/20261109-the-patient-ledger.html"
	week := testfixture.Lamplight()
	var first, second bytes.Buffer
	if err := publish.WriteJekyllAt(&first, week, at); err != nil {
		t.Fatal(err)
	}
	im, err := ReadJekyll("x", first.Bytes(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(im.Skipped) != 0 {
		t.Errorf("skipped: %+v", im.Skipped)
	}
	again := testfixture.AsWeek(im)
	if err := publish.WriteJekyllAt(&second, again, at); err != nil {
		t.Fatal(err)
	}
	if first.String() != second.String() {
		t.Errorf("the second export differs:\n%s\n%s", first.Bytes(), second.Bytes())
	}
	a, b := publish.Publish(week), publish.Publish(again)
	for i := range a.Threads {
		x, y := a.Threads[i], b.Threads[i]
		if x.ID != y.ID || x.AtMillis != y.AtMillis || x.Name != y.Name || x.Answered != y.Answered {
			t.Errorf("%+v\nwas %+v", y, x)
		}
	}
	if !strings.Contains(first.String(), at+"#p-"+string(week.Threads[0].Question.ID)) {
		t.Errorf("no address in %s", first.Bytes())
	}
	testfiles.Golden(t, "lamplight.exported.md", first.Bytes())
}

// TestImportOfOurOwnOutputIsTheSame: a page that is imported, exported and imported again is the same
// week, including reactions and the source of another format.
func TestImportOfOurOwnOutputIsTheSame(t *testing.T) {
	rs, left := qa.EncodeReactions([]qa.ImportedReaction{{Emoji: "👍🏽", Count: 2, By: []string{"Ada, the first", "Bo"}}, {Emoji: "party_blob", Count: 1}})
	if left != 0 {
		t.Fatal(left)
	}
	im := qa.Imported{Format: "slack", Source: "slack:C1:20210308", Event: qa.Event{Title: "T", StartsAtMillis: 1_615_161_600_000}, Posts: []qa.ImportedPost{
		{Parent: -1, Name: "B", Text: "no time is known", Source: "slack:C1:20210308#x"},
		{Parent: -1, Name: "A", Text: "one", AtMillis: 1_615_194_000_123, Source: "slack:C1:20210308#1615194000.123456", X: map[string]string{qa.XReactions: rs}},
		{Parent: 1, Name: "B", Text: "two", AtMillis: 1_615_197_600_000, Source: "elsewhere:7"},
	}}
	if err := finish("x", &im); err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := publish.WriteJekyll(&b, testfixture.AsWeek(im)); err != nil {
		t.Fatal(err)
	}
	fromJekyll, err := ReadJekyll("x", b.Bytes(), nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := range fromJekyll.Posts {
		fromJekyll.Posts[i].Line = 0
	}
	if !reflect.DeepEqual(fromJekyll.Posts, im.Posts) || fromJekyll.Source != im.Source {
		t.Errorf("got %+v\nwant %+v\n%s", fromJekyll, im, b.Bytes())
	}
	b.Reset()
	if err := publish.WriteJSON(&b, testfixture.AsWeek(im)); err != nil {
		t.Fatal(err)
	}
	fromJSON, err := ReadJSON("x", b.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	if !slices.EqualFunc(fromJSON.Posts, im.Posts, same) || !reflect.DeepEqual(fromJSON.Posts[1].X, im.Posts[1].X) {
		t.Errorf("got %+v\nwant %+v", fromJSON.Posts, im.Posts)
	}
}
