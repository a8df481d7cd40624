package replica

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"flyleaf/internal/lockorder"
	"flyleaf/qa"
	"flyleaf/storage"
)

// ImportResult says what an import added.
type ImportResult struct {
	Event     qa.EventID
	Questions int
	Replies   int
	Known     int // posts that were there already, and are the same in the input
	// Was is the week as it is here, when it was recognised by its messages although
	// the input has another title or first day by now (sameWeek); these stay as they are.
	Was *qa.ListedWeek

	// Changes are posts of earlier imports that the input has otherwise, or no longer has.
	Changes   []qa.ImportChange
	Revised   int // of Changes, brought in now
	Withdrawn int // of Changes, brought in now
}

// ErrBadImport is returned by Import for a week whose posts do not fit together.
var ErrBadImport = errors.New("what was read does not fit together; nothing was changed")

// Import takes a week into an event, whole or not at all, in one transaction. For
// "" it makes a new event of it, unless this person has founded one from the same
// source before. A post whose source an organiser's post of the event already
// has is passed over, so importing again adds nothing; what of it is another in the input now
// is reported, and brought in as far as week.Accept says. An input that only tells of deletions
// makes no new event: the result then names none. ErrNotOrganiser is returned for an event of
// somebody else.
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
	if id == "" && len(week.Posts) == 0 && len(week.Deleted) > 0 {
		return ImportResult{}, nil // it tells of an earlier import, and there was none
	}
	if id == "" {
		same, err := n.sameWeek(ctx, &week)
		if err != nil {
			return ImportResult{}, err
		}
		if same.id != "" {
			here, err := n.read(ctx, same.id)
			if err != nil {
				return ImportResult{}, err
			}
			underSource(&week, here.Source)
			result, err := n.importInto(ctx, same.id, &week)
			result.Was = &same.week
			return result, err
		}
		return n.importNew(ctx, event, week, relay, listed)
	}
	return n.importInto(ctx, id, &week)
}

// importInto takes a week's posts into an event that is here.
func (n *Node) importInto(ctx context.Context, id qa.EventID, week *qa.Imported) (ImportResult, error) {
	doc, err := n.document(id)
	if err != nil {
		return ImportResult{}, err
	}
	if result, all, err := n.allKnown(ctx, id, week); err != nil || all {
		return result, err
	}
	doc.mu.Lock()
	defer doc.mu.Unlock()
	if err := doc.engine.open(ctx); err != nil {
		return ImportResult{}, err
	}
	here := doc.contents.projection.Event()
	if !here.HasRole(n.Identity(), qa.RoleOrganiser) {
		return ImportResult{}, ErrNotOrganiser
	}
	d := &draft{doc: doc}
	result, err := d.importPosts(here, week)
	if err != nil {
		d.drop()
		return ImportResult{}, err
	}
	return result, d.save(ctx)
}

func (n *Node) importNew(ctx context.Context, event qa.Event, week qa.Imported, relay string, listed bool) (ImportResult, error) {
	d, err := n.genesis(event, relay)
	if err != nil {
		return ImportResult{}, err
	}
	d.doc.mu.Lock()
	result, err := d.importPosts(d.doc.contents.projection.Event(), &week)
	if err != nil {
		d.drop()
	} else {
		err = d.save(ctx)
	}
	d.doc.mu.Unlock()
	if err != nil {
		return ImportResult{}, err
	}
	n.noteSource(&event, d.doc.id)
	listing := event.Listing()
	if listed && listing.Archived(n.cfg.Now().UnixMilli()) {
		n.scheduler.Imported(d.doc.id)
	}
	return result, n.follow(ctx, d.doc, relay)
}

// sources remembers which source each event of this person was imported from, so
// that a thousand imports do not each look through a thousand events.
type sources struct {
	mu      lockorder.Mutex[lockorder.Sources] // guards what follows
	of      map[string]qa.EventID              // nil: to be read
	byDay   map[int64][]importedWeek
	byTitle map[string][]importedWeek // by foldTitle
}

func (n *Node) noteSource(event *qa.Event, id qa.EventID) {
	n.sources.mu.Lock()
	defer n.sources.mu.Unlock()
	if n.sources.of != nil && event.Source != "" {
		n.sources.of[event.Source] = id
		n.sources.add(event, id)
	}
}

// forgetSources is called when an event has arrived from elsewhere.
func (n *Node) forgetSources() {
	n.sources.mu.Lock()
	defer n.sources.mu.Unlock()
	n.sources.of = nil
}

// allKnown reports whether an import would add and change nothing, from the views alone,
// and what it then says.
func (n *Node) allKnown(ctx context.Context, id qa.EventID, week *qa.Imported) (ImportResult, bool, error) {
	event, err := n.read(ctx, id)
	if err != nil || !event.HasRole(n.Identity(), qa.RoleOrganiser) {
		return ImportResult{}, false, err
	}
	here, err := n.store.Posts(ctx, id)
	if err != nil {
		return ImportResult{}, false, err
	}
	c := compareImport(n.Identity(), event, here, week)
	if c.fresh > 0 || len(c.acts) > 0 {
		return ImportResult{}, false, nil
	}
	return ImportResult{Event: id, Known: c.same, Changes: c.changes}, true, nil
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
	n.sources.byDay, n.sources.byTitle = map[int64][]importedWeek{}, map[string][]importedWeek{}
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
			n.sources.add(&e, f.Event)
		}
	}
	n.sources.of = of
	return of[source], nil
}

// importPosts drafts one change for each post that is not there yet, and for each change of
// one that is there which the person has chosen to bring in.
func (d *draft) importPosts(event qa.Event, week *qa.Imported) (ImportResult, error) {
	c := compareImport(d.doc.node.Identity(), event, d.doc.contents.projection.Posts(), week)
	result := ImportResult{Event: d.doc.id, Known: c.same, Changes: c.changes}
	start := event.StartsAtMillis
	if start == 0 { // so that no made-up time lies ahead of now
		now := d.doc.node.cfg.Now().UnixMilli()
		start = now - qa.MadeUpMillis(0, len(week.Posts))
	}
	taken := map[string]qa.PostID{} // by source: two of an input may have the same
	for i, p := range week.Posts {
		if p.Parent >= i || p.Parent < -1 {
			return result, fmt.Errorf("line %d: a reply stands before what it replies to: %w", p.Line, ErrBadImport)
		}
		if c.ids[i] != "" {
			continue
		}
		if id, ok := taken[p.Source]; ok && p.Source != "" {
			c.ids[i] = id
			result.Known++
			continue
		}
		act := p.Act(start, i)
		if p.Parent >= 0 {
			act.Parent = c.ids[p.Parent]
			result.Replies++
		} else {
			result.Questions++
		}
		made, err := d.do(act)
		if err != nil {
			return result, fmt.Errorf("line %d: %w; nothing was imported", p.Line, err)
		}
		c.ids[i] = made.Post
		if p.Source != "" {
			taken[p.Source] = made.Post
		}
	}
	for _, act := range c.acts {
		if _, err := d.do(act); err != nil {
			return result, fmt.Errorf("post %s cannot be changed: %w; nothing was imported", act.Post, err)
		}
		if act.Kind == qa.ActEdit {
			result.Revised++
		} else {
			result.Withdrawn++
		}
	}
	return result, nil
}
