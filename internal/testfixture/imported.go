package testfixture

import (
	"fmt"
	"strings"

	"flyleaf/qa"
)

// Importer is the founder of the weeks that AsWeek returns.
var Importer = qa.Identity(strings.Repeat("a1", 32))

// AsWeek returns the week that importing im creates. Posts without a known time get the same
// times and order as from an importer.
func AsWeek(im qa.Imported) qa.Week {
	e := im.Event
	e.ID, e.Kind, e.Founder, e.Access = "imported", "event", Importer, "open"
	start := e.StartsAtMillis
	if start == 0 {
		start = 1_600_000_000_000
	}
	posts := make([]qa.Post, len(im.Posts))
	for i := range im.Posts {
		p := &im.Posts[i]
		act := p.Act(start, i)
		op := qa.OpID{Counter: uint64(100 + 10*i), Actor: string(Importer)}
		posts[i] = qa.Post{
			ID: qa.PostID(fmt.Sprintf("post-%d", i)), By: Importer, AtMillis: act.AtMillis, Op: op,
			OnBehalfOf: act.OnBehalfOf, Source: act.Source, Imported: new(act.Source != ""), AsAuthor: act.AsAuthor, X: act.X,
			Revisions: []qa.Revision{{ID: qa.RevisionID(fmt.Sprintf("rev-%d", i)), Text: act.Text, AtMillis: act.AtMillis, Op: op}},
		}
		if p.Parent >= 0 {
			posts[i].Parent = posts[p.Parent].ID
		}
	}
	return qa.NewWeek(e, posts, []qa.Person{{ID: Importer, Name: "The Importer"}})
}
