package testfixture

import (
	"fmt"
	"strings"

	"flyleaf/qa"
)

// Importer founded the weeks that AsWeek makes.
var Importer = qa.Identity(strings.Repeat("a1", 32))

// AsWeek makes the week that an import becomes, with the times and the order that an
// importer gives posts whose time is not known.
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
		at := p.AtMillis
		if at == 0 {
			at = start + int64(i+1)*1000
		}
		op := qa.OpID{Counter: uint64(100 + 10*i), Actor: string(Importer)}
		posts[i] = qa.Post{
			ID: qa.PostID(fmt.Sprintf("post-%d", i)), By: Importer, AtMillis: at, Op: op,
			OnBehalfOf: p.Name, Source: p.Source, AsAuthor: p.AsAuthor, X: p.X,
			Revisions: []qa.Revision{{ID: qa.RevisionID(fmt.Sprintf("rev-%d", i)), Text: p.Text, AtMillis: at, Op: op}},
		}
		if p.Parent >= 0 {
			posts[i].Parent = posts[p.Parent].ID
		}
	}
	return qa.NewWeek(e, posts, []qa.Person{{ID: Importer, Name: "The Importer"}})
}
