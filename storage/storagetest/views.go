package storagetest

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"flyleaf/crdt/wire"
	"flyleaf/qa"
	"flyleaf/storage"
)

func postsByID(t *testing.T, s storage.Store, event qa.EventID) map[qa.PostID]qa.Post {
	t.Helper()
	all, err := s.Posts(t.Context(), event)
	must(t, err)
	m := map[qa.PostID]qa.Post{}
	for _, p := range all {
		one, err := s.Post(t.Context(), event, p.ID)
		must(t, err)
		wantEqual(t, one, p)
		m[p.ID] = p
	}
	wantEqual(t, len(m), len(all))
	return m
}

// fullPost returns a post in which every field is set.
func fullPost(id string) qa.Post {
	p := Post(id, "Wie war's? <b>&amp;\u2028 \U0001f4da")
	p.Parent, p.OnBehalfOf, p.Source, p.Imported, p.Origin, p.AsAuthor = "parent", "Zoë", "jekyll:2024#7", new(false), "origin", true
	p.Revisions = append(p.Revisions, qa.Revision{ID: "r2", Text: "later", AtMillis: -1, Op: qa.OpID{Counter: 1 << 60, Actor: "ff"}, Superseded: true})
	p.Withdrawn, p.Tags, p.X = true, []string{"a", "b"}, map[string]string{"k": "v"}
	p.Marks = qa.Marks{Hidden: "why", Pinned: true, Approved: true, DuplicateOf: "d", Answered: true, Assigned: []qa.Identity{"i"}, Candidate: []qa.Identity{"c"}}
	return p
}

func viewsAreReplaced(t *testing.T, open Open) {
	s, reopen := open(t)
	_, err := s.Event(t.Context(), eventA)
	wantError(t, err, storage.ErrNotFound)
	_, err = s.Post(t.Context(), eventA, "p1")
	wantError(t, err, storage.ErrNotFound)
	wantEqual(t, len(postsByID(t, s, eventA)), 0)

	event := qa.Event{
		ID: eventA, Kind: "event", Rules: 1, Title: "Title", Subtitle: "Subtitle", Prizes: 1 << 60, StartsAtMillis: 5,
		Links: []qa.Link{{Text: "t", URL: "u"}}, X: map[string]string{"a": "b"}, Roles: []qa.Grant{{ID: "i", Role: qa.RoleAuthor}},
	}
	people := []qa.Person{{ID: "b", Name: "Bo"}, {ID: "a", Name: "Al", About: "x", Link: "l", PublishAs: "initials"}}
	full, plain := fullPost("p1"), Post("p2", "two")
	must(t, s.Append(t.Context(), storage.Batch{Event: eventA, Views: storage.ViewUpdate{Event: &event, Posts: []qa.Post{full, plain}, People: people}}))
	must(t, s.Append(t.Context(), storage.Batch{Event: eventB, Views: storage.ViewUpdate{Posts: []qa.Post{Post("p1", "elsewhere")}}}))
	s = reopen()
	gotEvent, err := s.Event(t.Context(), eventA)
	must(t, err)
	wantEqual(t, gotEvent, event)
	wantEqual(t, postsByID(t, s, eventA), map[qa.PostID]qa.Post{"p1": full, "p2": plain})
	gotPeople, err := s.People(t.Context(), eventA)
	must(t, err)
	wantEqual(t, gotPeople, []qa.Person{people[1], people[0]})

	// Only the given rows change. If a row is given twice, the last one counts.
	plain.Tags = []string{"new"}
	newer := plain
	newer.AsAuthor = true
	must(t, s.Append(t.Context(), storage.Batch{Event: eventA, Views: storage.ViewUpdate{Posts: []qa.Post{plain, newer}, People: []qa.Person{{ID: "b"}}}}))
	s = reopen()
	wantEqual(t, postsByID(t, s, eventA), map[qa.PostID]qa.Post{"p1": full, "p2": newer})
	elsewhere, err := s.Post(t.Context(), eventB, "p1")
	must(t, err)
	wantEqual(t, elsewhere.Text(), "elsewhere")
	gotPeople, err = s.People(t.Context(), eventA)
	must(t, err)
	wantEqual(t, gotPeople, []qa.Person{people[1], {ID: "b"}})
	gotEvent, err = s.Event(t.Context(), eventA)
	must(t, err)
	wantEqual(t, gotEvent, event)
	wantEqual(t, counts(t, s, eventA).Posts, 2)
}

func reactions(t *testing.T, open Open) {
	s, reopen := open(t)
	react := func(post, by, emoji string, on bool) storage.ReactionUpdate {
		return storage.ReactionUpdate{Post: qa.PostID(post), Reaction: qa.Reaction{By: qa.Identity(by), Emoji: emoji}, On: on}
	}
	p := Post("p1", "one")
	p.Reactions = []qa.Reaction{{By: "z", Emoji: "ignored"}}
	put := func(u storage.ViewUpdate) {
		t.Helper()
		must(t, s.Append(t.Context(), storage.Batch{Event: eventA, Views: u}))
	}
	// A reaction may be stored before its post.
	put(storage.ViewUpdate{Reactions: []storage.ReactionUpdate{react("p1", "b", "want", true), react("p2", "b", "want", true)}})
	put(storage.ViewUpdate{Posts: []qa.Post{p}, Reactions: []storage.ReactionUpdate{
		react("p1", "a", "want", true), react("p1", "a", "want", true), react("p1", "a", "👍", true),
		react("p1", "c", "heart", true), react("p1", "d", "heart", false),
	}})
	s = reopen()
	wantEqual(t, postsByID(t, s, eventA)["p1"].Reactions, []qa.Reaction{{By: "c", Emoji: "heart"}, {By: "a", Emoji: "want"}, {By: "b", Emoji: "want"}, {By: "a", Emoji: "👍"}})
	// Switching off twice, and on and off in one update. Replacing the post keeps the reactions.
	put(storage.ViewUpdate{Posts: []qa.Post{p}, Reactions: []storage.ReactionUpdate{
		react("p1", "a", "want", false), react("p1", "a", "want", false),
		react("p1", "e", "x", true), react("p1", "e", "x", false),
		react("p1", "c", "heart", false), react("p1", "c", "heart", true),
	}})
	s = reopen()
	wantEqual(t, postsByID(t, s, eventA)["p1"].Reactions, []qa.Reaction{{By: "c", Emoji: "heart"}, {By: "b", Emoji: "want"}, {By: "a", Emoji: "👍"}})
	wantEqual(t, len(postsByID(t, s, eventA)), 1)
	put(storage.ViewUpdate{Reactions: []storage.ReactionUpdate{react("p1", "c", "heart", false), react("p1", "b", "want", false), react("p1", "a", "👍", false)}})
	wantEqual(t, len(postsByID(t, s, eventA)["p1"].Reactions), 0)
}

// exclusion writes what excluding changes writes: new changes, new statuses of old changes and
// new views, all of it or nothing.
func exclusion(t *testing.T, open Open) {
	s, reopen := open(t)
	old, proof, again := Entries("a", 0, 4, true), Entry("b", 9, false), Entry("c", 9, true)
	must(t, s.Append(t.Context(), storage.Batch{Event: eventA, Entries: old, Views: storage.ViewUpdate{
		Event: &qa.Event{ID: eventA, Title: "before"}, Posts: []qa.Post{Post("p", "goes"), Post("q", "stays")},
		People: []qa.Person{{ID: "x", Name: "goes"}},
	}}))
	proof.Status = storage.Excluded
	after := storage.Batch{
		Event: eventA, Entries: []storage.Entry{proof, again}, ReplaceViews: true,
		Statuses: map[wire.Hash]storage.Status{
			old[2].Hash(): storage.Excluded, old[3].Hash(): storage.Refused, again.Hash(): storage.Deferred, {1}: storage.Excluded,
		},
		Views: storage.ViewUpdate{Posts: []qa.Post{Post("q", "stays"), Post("r", "again")}},
	}
	bad := after
	bad.Entries = []storage.Entry{proof, {}}
	wantError(t, s.Append(t.Context(), bad), storage.ErrMalformed)
	wantEqual(t, counts(t, s, eventA), storage.Counts{Changes: 4, Undelivered: 4, Posts: 2, Last: readAll(t, s, eventA, 0)[3].Position})

	must(t, s.Append(t.Context(), after))
	s = reopen()
	all := readAll(t, s, eventA, 0)
	var got []storage.Status
	for _, e := range all {
		got = append(got, e.Status)
	}
	wantEqual(t, got, []storage.Status{storage.InDocument, storage.InDocument, storage.Excluded, storage.Refused, storage.Excluded, storage.Deferred})
	wantEqual(t, hashes(all), append(hashes(old), proof.Hash(), again.Hash()))
	wantEqual(t, counts(t, s, eventA), storage.Counts{NotInDocument: 4, Changes: 2, Undelivered: 2, Posts: 2, Last: all[5].Position})
	_, err := s.Event(t.Context(), eventA)
	wantError(t, err, storage.ErrNotFound)
	_, err = s.Post(t.Context(), eventA, "p")
	wantError(t, err, storage.ErrNotFound)
	people, err := s.People(t.Context(), eventA)
	must(t, err)
	wantEqual(t, len(people), 0)
	found, err := s.Search(t.Context(), eventA, "goes", 9)
	must(t, err)
	wantEqual(t, len(found), 0)

	// A batch with only statuses, and one that removes all views.
	must(t, s.Append(t.Context(), storage.Batch{Event: eventA, Statuses: map[wire.Hash]storage.Status{old[2].Hash(): storage.InDocument}}))
	must(t, s.Append(t.Context(), storage.Batch{Event: eventA, ReplaceViews: true}))
	wantEqual(t, counts(t, s, eventA), storage.Counts{NotInDocument: 3, Changes: 3, Undelivered: 3, Last: all[5].Position})
}

func replaceViews(t *testing.T, open Open) {
	s, reopen := open(t)
	old := storage.ViewUpdate{
		Event: &qa.Event{ID: eventA, Title: "old"}, Posts: []qa.Post{Post("p1", "old words"), Post("p2", "old two")},
		People:    []qa.Person{{ID: "a", Name: "old"}},
		Reactions: []storage.ReactionUpdate{{Post: "p1", Reaction: qa.Reaction{By: "a", Emoji: "want"}, On: true}},
	}
	must(t, s.Append(t.Context(), storage.Batch{Event: eventA, Entries: Entries("a", 0, 2, true), Views: old},
		storage.Batch{Event: eventB, Views: old}))
	must(t, s.SetSetting(t.Context(), "draft", "kept"))
	must(t, s.Follow(t.Context(), storage.Following{Event: eventA}))
	before := readAll(t, s, eventA, 0)
	must(t, s.ReplaceViews(t.Context(), eventA, storage.ViewUpdate{Posts: []qa.Post{Post("p1", "new words")}}))
	s = reopen()

	_, err := s.Event(t.Context(), eventA)
	wantError(t, err, storage.ErrNotFound)
	wantEqual(t, postsByID(t, s, eventA), map[qa.PostID]qa.Post{"p1": Post("p1", "new words")})
	people, err := s.People(t.Context(), eventA)
	must(t, err)
	wantEqual(t, len(people), 0)
	for query, n := range map[string]int{"old": 0, "new": 1, "words": 1} {
		found, err := s.Search(t.Context(), eventA, query, 10)
		must(t, err)
		if len(found) != n {
			t.Fatalf("%q found %v, want %d", query, found, n)
		}
	}
	// The ledger, local data and other documents do not change.
	wantEqual(t, readAll(t, s, eventA, 0), before)
	draft, err := s.Setting(t.Context(), "draft")
	must(t, err)
	wantEqual(t, draft, "kept")
	wantEqual(t, len(postsByID(t, s, eventB)), 2)
	found, err := s.Search(t.Context(), eventB, "old", 10)
	must(t, err)
	wantEqual(t, len(found), 2)
	all, err := s.Following(t.Context())
	must(t, err)
	wantEqual(t, len(all), 1)
}

func search(t *testing.T, open Open) {
	s, reopen := open(t)
	both := Post("both", "first draft")
	both.Revisions[0].Superseded = true
	both.Revisions = append(both.Revisions,
		qa.Revision{ID: "x", Text: "edited on the phone", Op: qa.OpID{Counter: 8}},
		qa.Revision{ID: "y", Text: "edited on the laptop", Op: qa.OpID{Counter: 9}})
	must(t, s.Append(t.Context(),
		storage.Batch{Event: eventA, Views: storage.ViewUpdate{Posts: []qa.Post{
			Post("go", "How do goroutines differ from threads? I can't tell."),
			Post("long", "Threads, "+strings.Repeat("and many other words that say nothing of it ", 20)),
			Post("zoe", "Привет from ÜBERSEE, number 42; code: x_y"),
			Post("jp", "この本はデータについてです"),
			Post("th", "อยากถามเรื่องความรู้ทั่วไปครับ"),
			Post("lo", "ຂ້ອຍຢາກຖາມກ່ຽວກັບປຶ້ມ"),
			Post("km", "ខ្ញុំចង់សួរអំពីសៀវភៅ"),
			Post("zh", "我想问一下这本书的作者"),
			Post("pl", "Czy w Łodzi jest księgarnia? Straße, naïve, ﬁne."),
			Post("nfd", "Zoe\u0308 likes cafe\u0301"),
			Post("code", "An e-mail about context.Context, NewHTTPServer, max_query_words, C++ and C#."),
			Post("party", "Thanks 🙏🏽 for the 🎉"),
			both,
		}}},
		storage.Batch{Event: eventB, Views: storage.ViewUpdate{Posts: []qa.Post{Post("elsewhere", "goroutines and threads")}}}))
	s = reopen()
	for query, want := range map[string][]qa.PostID{
		"goroutines":         {"go"},
		"gorout":             {"go"},
		"GOROUT THR":         {"go"},
		"routines":           nil,
		"threads":            {"go", "long"}, // shorter posts rank higher
		"threads goroutines": {"go"},
		"threads nowhere":    nil,
		"can't":              {"go"},
		"привет übersee":     {"zoe"},
		"4":                  {"zoe"},
		"x_y":                {"zoe"},
		"データ":                {"jp"},
		"データについて":            {"jp"},
		"ターデ":                nil, // the same characters in another order
		"ความรู้":            {"th"},
		"ถามเรื่อง":          {"th"},
		"รู้ทั่ว":            {"th"},
		"เรื่องถาม":          nil,
		"ຖາມ":                {"lo"},
		"ກັບປຶ້ມ":            {"lo"},
		"សួរ":                {"km"},
		"សៀវភៅ":              {"km"},
		"本书的作者":              {"zh"},
		"书":                  {"zh"},
		"lodzi ksiegarnia":   {"pl"},
		"ŁODZI":              {"pl"},
		"strasse naive fine": {"pl"},
		"zoë café":           {"nfd"},
		"cafe":               {"nfd"},
		"email":              {"code"},
		"e-mail":             {"code"},
		"E-MAIL":             {"code"},
		"context.context":    {"code"},
		"http":               {"code"},
		"newhttpserver":      {"code"},
		"server":             {"code"},
		"query_words":        {"code"},
		"words_query":        nil,
		"c++":                {"code"},
		"c#":                 {"code"},
		"x#":                 nil,
		"cant":               {"go"},
		"🙏":                  {"party"},
		"🎉 thanks":           {"party"},
		"📚":                  nil,
		"first":              nil, // superseded
		"laptop phone":       {"both"},
		"edited":             {"both"},
	} {
		got, err := s.Search(t.Context(), eventA, query, 10)
		must(t, err)
		if !slices.Equal(got, want) {
			t.Errorf("%q found %v, want %v", query, got, want)
		}
	}
	got, err := s.Search(t.Context(), eventA, "threads", 1)
	must(t, err)
	wantEqual(t, got, []qa.PostID{"go"})
	for _, limit := range []int{0, -1} {
		got, err = s.Search(t.Context(), eventA, "threads", limit)
		must(t, err)
		wantEqual(t, len(got), 0)
	}

	// SearchAll finds the same posts, and those of other documents.
	everywhere, err := s.SearchAll(t.Context(), "gorout thr", 10)
	must(t, err)
	slices.SortFunc(everywhere, func(a, b storage.SearchHit) int { return strings.Compare(string(a.Post), string(b.Post)) })
	wantEqual(t, everywhere, []storage.SearchHit{{Event: eventB, Post: "elsewhere"}, {Event: eventA, Post: "go"}})
	everywhere, err = s.SearchAll(t.Context(), "threads", 2)
	must(t, err)
	wantEqual(t, len(everywhere), 2)
	everywhere, err = s.SearchAll(t.Context(), "  ", 2)
	must(t, err)
	wantEqual(t, len(everywhere), 0)

	// The old text is not found after an edit.
	edited := Post("go", "How do channels work?")
	must(t, s.Append(t.Context(), storage.Batch{Event: eventA, Views: storage.ViewUpdate{Posts: []qa.Post{edited}}}))
	for query, n := range map[string]int{"goroutines": 0, "channels": 1} {
		got, err := s.Search(t.Context(), eventA, query, 10)
		must(t, err)
		wantEqual(t, len(got), n)
	}
}

// searchHostile searches for texts that are syntax in some query language. No search fails, and
// queries without words find nothing.
func searchHostile(t *testing.T, open Open) {
	s, _ := open(t)
	must(t, s.Append(t.Context(), storage.Batch{Event: eventA, Views: storage.ViewUpdate{Posts: []qa.Post{
		Post("p", "rock and roll or near not, words text rowid 📚"),
	}}}))
	hits := map[string]bool{
		"rock AND roll": true, "rock OR roll": true, "NEAR": true, "NOT": true, "near(rock roll, 2)": false,
		`"rock`: true, `rock"`: true, `"`: false, `""`: false, `'`: false, `'; DROP TABLE posts; --`: false,
		"*": false, "rock*": true, "^rock": true, "-rock": true, "words:rock": true, "{words} : rock": true, "rock + roll": true,
		"(": false, "((((": false, ")": false, "rock)": true, "%": false, "_": false, "\\": false, "\x00": false, "rock\x00roll": true,
		"\xff\xfe": false, "rock \xff": true, "📚": true, "📚 rock": true, "👩‍👩‍👧": false, "": false, "   \t\n": false, "\u0301": false, "\u202erock": true,
		strings.Repeat("rock ", 10_000): true, strings.Repeat("a", 100_000): false, strings.Repeat("ä", 2000): false,
		strings.Repeat(`"`, 10_000): false, strings.Repeat("(", 10_000): false,
	}
	for query, want := range hits {
		got, err := s.Search(t.Context(), eventA, query, 10)
		short := fmt.Sprintf("%.40q", query)
		if err != nil {
			t.Errorf("%s: %v", short, err)
		} else if (len(got) == 1) != want {
			t.Errorf("%s found %v, want a hit: %v", short, got, want)
		}
	}
	wantEqual(t, len(postsByID(t, s, eventA)), 1)
}
