package replica

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"flyleaf/qa"
	"flyleaf/storage"
)

// ImportResult says what an import added.
type ImportResult struct {
	Event     qa.EventID
	Questions int
	Replies   int
	Known     int // posts that were there already
}

// ErrBadImport is returned by Import for a week whose posts do not fit together.
var ErrBadImport = errors.New("what was read does not fit together; nothing was changed")

// postGapMillis lies between two imported posts whose time nobody knows.
const postGapMillis = 1000

// Import takes a week into an event, whole or not at all, in one transaction. For
// "" it makes a new event of it, unless this person has founded one from the same
// source before. A post whose source an organiser's post of the event already
// has is passed over, so importing again adds nothing. ErrNotOrganiser is
// returned for an event of somebody else.
func (n *Node) Import(ctx context.Context, id qa.EventID, week qa.Imported, relay string) (ImportResult, error) {
	return n.importWeek(ctx, id, week, relay, false)
}

// ImportListed is Import of a week that a club is about to list: one that is over
// takes its turn on the link from the beginning, so that a thousand of them are not
// on it at once.
func (n *Node) ImportListed(ctx context.Context, week qa.Imported, relay string) (ImportResult, error) {
	return n.importWeek(ctx, "", week, relay, true)
}

func (n *Node) importWeek(ctx context.Context, id qa.EventID, week qa.Imported, relay string, listed bool) (ImportResult, error) {
	n.importMu.Lock() // two imports of one file must not both find nothing
	defer n.importMu.Unlock()
	event := week.Event
	if event.Source == "" {
		event.Source = week.Source
	}
	if id == "" {
		found, err := n.importedBefore(ctx, event.Source)
		if err != nil {
			return ImportResult{}, err
		}
		id = found
	}
	if id == "" {
		return n.importNew(ctx, event, week.Posts, relay, listed)
	}
	e, err := n.event(id)
	if err != nil {
		return ImportResult{}, err
	}
	if all, err := n.allKnown(ctx, id, week.Posts); err != nil {
		return ImportResult{}, err
	} else if all {
		return ImportResult{Event: id, Known: len(week.Posts)}, nil
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if err := e.open(ctx); err != nil {
		return ImportResult{}, err
	}
	here := e.fold.Event()
	if !here.HasRole(n.Identity(), qa.RoleOrganiser) {
		return ImportResult{}, ErrNotOrganiser
	}
	d := &draft{e: e}
	result, err := d.importPosts(here, week.Posts)
	if err != nil {
		d.drop()
		return ImportResult{}, err
	}
	return result, d.save(ctx)
}

func (n *Node) importNew(ctx context.Context, event qa.Event, posts []qa.ImportedPost, relay string, listed bool) (ImportResult, error) {
	d, err := n.genesis(event, relay)
	if err != nil {
		return ImportResult{}, err
	}
	d.e.mu.Lock()
	result, err := d.importPosts(d.e.fold.Event(), posts)
	if err != nil {
		d.drop()
	} else {
		err = d.save(ctx)
	}
	d.e.mu.Unlock()
	if err != nil {
		return ImportResult{}, err
	}
	n.noteSource(event.Source, d.e.id)
	listing := event.Listing()
	if listed && listing.Archived(n.cfg.Now().UnixMilli()) {
		n.mu.Lock()
		n.rest.broughtIn[d.e.id] = true
		n.mu.Unlock()
	}
	return result, n.follow(ctx, d.e, relay)
}

// sources remembers which source each event of this person was imported from, so
// that a thousand imports do not each look through a thousand events.
type sources struct {
	mu sync.Mutex
	of map[string]qa.EventID // nil: to be read
}

func (n *Node) noteSource(source string, id qa.EventID) {
	n.sources.mu.Lock()
	defer n.sources.mu.Unlock()
	if n.sources.of != nil && source != "" {
		n.sources.of[source] = id
	}
}

// forgetSources is called when an event has arrived from elsewhere.
func (n *Node) forgetSources() {
	n.sources.mu.Lock()
	defer n.sources.mu.Unlock()
	n.sources.of = nil
}

// allKnown reports whether an import would add nothing, from the views alone.
func (n *Node) allKnown(ctx context.Context, id qa.EventID, posts []qa.ImportedPost) (bool, error) {
	event, err := n.read(ctx, id)
	if err != nil || !event.HasRole(n.Identity(), qa.RoleOrganiser) {
		return false, err
	}
	here, err := n.store.Posts(ctx, id)
	if err != nil {
		return false, err
	}
	known := map[string]bool{}
	for i := range here {
		if event.HasRole(here[i].By, qa.RoleOrganiser) {
			known[here[i].Source] = true
		}
	}
	for i := range posts {
		if posts[i].Source == "" || !known[posts[i].Source] {
			return false, nil
		}
	}
	return true, nil
}

// importedBefore finds the event that this person founded from a source.
func (n *Node) importedBefore(ctx context.Context, source string) (qa.EventID, error) {
	if source == "" {
		return "", nil
	}
	n.sources.mu.Lock()
	defer n.sources.mu.Unlock()
	if n.sources.of != nil {
		return n.sources.of[source], nil
	}
	following, err := n.store.Following(ctx)
	if err != nil {
		return "", err
	}
	of := map[string]qa.EventID{}
	for _, f := range slices.Backward(following) { // of two the one followed first
		e, err := n.store.Event(ctx, f.Event)
		if errors.Is(err, storage.ErrNotFound) {
			continue
		}
		if err != nil {
			return "", err
		}
		if e.Source != "" && e.Founder == n.Identity() {
			of[e.Source] = f.Event
		}
	}
	n.sources.of = of
	return of[source], nil
}

// importPosts drafts one change for each post that is not there yet.
func (d *draft) importPosts(event qa.Event, posts []qa.ImportedPost) (ImportResult, error) {
	result := ImportResult{Event: d.e.id}
	known := map[string]qa.PostID{}
	for _, p := range d.e.fold.Posts() {
		if p.Source != "" && event.HasRole(p.By, qa.RoleOrganiser) {
			known[p.Source] = p.ID
		}
	}
	// The time of a post is that of its place in the file, so that a longer
	// version of the file puts its new posts between the old ones.
	start := event.StartsAtMillis
	if start == 0 { // so that none lies ahead of now
		start = d.e.node.cfg.Now().UnixMilli() - int64(len(posts)+1)*postGapMillis
	}
	ids := make([]qa.PostID, len(posts))
	for i, p := range posts {
		if p.Parent >= i || p.Parent < -1 {
			return result, fmt.Errorf("line %d: a reply stands before what it replies to: %w", p.Line, ErrBadImport)
		}
		if id, ok := known[p.Source]; ok && p.Source != "" {
			ids[i] = id
			result.Known++
			continue
		}
		act := qa.Act{
			Kind: qa.ActPost, AtMillis: p.AtMillis, Text: p.Text, OnBehalfOf: p.Name,
			Source: p.Source, AsAuthor: p.AsAuthor, X: p.X,
		}
		if act.AtMillis == 0 {
			act.AtMillis = start + int64(i+1)*postGapMillis
		}
		if p.Parent >= 0 {
			act.Parent = ids[p.Parent]
			result.Replies++
		} else {
			result.Questions++
		}
		made, err := d.do(act)
		if err != nil {
			return result, fmt.Errorf("line %d: %w; nothing was imported", p.Line, err)
		}
		ids[i] = made.Post
		if p.Source != "" {
			known[p.Source] = made.Post
		}
	}
	return result, nil
}
