package replica

import (
	"context"
	"errors"
	"fmt"

	"flyleaf/qa"
	"flyleaf/replica/reimport"
)

// ImportResult says what an import added.
type ImportResult struct {
	Event     qa.EventID
	Questions int
	Replies   int
	Unchanged int // posts that exist already and are the same in the input
	// Existing is the existing week, if it was recognised by its messages although the input
	// has another title or first day. The import does not change title and day.
	Existing *qa.ListedWeek

	// Changes are where the input differs from earlier imports of it.
	Changes   []qa.ImportChange
	Revised   int // of Changes, applied by this import
	Withdrawn int // of Changes, applied by this import
}

// ErrBadImport is returned by Import for a week in which a reply comes before the post
// it replies to.
var ErrBadImport = errors.New("a reply comes before the post that it replies to; nothing was changed")

// Import imports a week into an event, whole or not at all, in one transaction. If id
// is "" it uses the event that this person created from the same source before, or
// creates one. Posts that exist already are recognised by their source and not added
// again; where the input differs from them, the difference is reported, and applied if
// week.Accept says so. An input that has only deletions creates no event: the result
// then names none. ErrNotOrganiser is returned for an event that this person does not
// organise.
func (n *Node) Import(ctx context.Context, id qa.EventID, week qa.Imported, relay string) (ImportResult, error) {
	return n.importWeek(ctx, id, week, relay, false)
}

// ImportListed is Import for a week that a club is about to list. If the week is over,
// the archive scheduler handles it from the start, so that a thousand weeks are not
// synced at once.
func (n *Node) ImportListed(ctx context.Context, week qa.Imported, relay string) (ImportResult, error) {
	return n.importWeek(ctx, "", week, relay, true)
}

func (n *Node) importWeek(ctx context.Context, id qa.EventID, week qa.Imported, relay string, listed bool) (ImportResult, error) {
	n.importMu.Lock() // two imports of one file must not both create an event
	defer n.importMu.Unlock()
	event := week.Event
	if event.Source == "" {
		event.Source = week.Source
	}
	if id == "" {
		found, err := n.sources.Find(ctx, event.Source)
		if err != nil {
			return ImportResult{}, err
		}
		id = found
	}
	if id == "" && len(week.Posts) == 0 && len(week.Deleted) > 0 {
		return ImportResult{}, nil // the input has only deletions, and there was no earlier import
	}
	if id == "" {
		same, err := n.sources.SameWeek(ctx, &week)
		if err != nil {
			return ImportResult{}, err
		}
		if same.ID != "" {
			reimport.RenameSource(&week, same.Source)
			result, err := n.importInto(ctx, same.ID, &week)
			was := same.Listing()
			result.Existing = &was
			return result, err
		}
		return n.importNew(ctx, event, week, relay, listed)
	}
	return n.importInto(ctx, id, &week)
}

// importInto imports a week's posts into an existing event.
func (n *Node) importInto(ctx context.Context, id qa.EventID, week *qa.Imported) (ImportResult, error) {
	doc, err := n.document(id)
	if err != nil {
		return ImportResult{}, err
	}
	if result, all, err := n.importChangesNothing(ctx, id, week); err != nil || all {
		return result, err
	}
	doc.mu.Lock()
	defer doc.mu.Unlock()
	if err := doc.engine.open(ctx); err != nil {
		return ImportResult{}, err
	}
	here := doc.contents.Projection().Event()
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
	result, err := d.importPosts(d.doc.contents.Projection().Event(), &week)
	if err != nil {
		d.drop()
	} else {
		err = d.save(ctx)
	}
	d.doc.mu.Unlock()
	if err != nil {
		return ImportResult{}, err
	}
	listing := event.Listing()
	if listed && listing.Archived(n.cfg.Now().UnixMilli()) {
		n.scheduler.Imported(d.doc.id)
	}
	n.sources.Imported(&event, d.doc.id)
	n.nowFollowed(d.doc, relay)
	return result, nil
}

// importChangesNothing reports whether an import would change nothing, and then returns its result.
// It reads only the views.
func (n *Node) importChangesNothing(ctx context.Context, id qa.EventID, week *qa.Imported) (ImportResult, bool, error) {
	event, here, err := n.eventAndPosts(ctx, id)
	if err != nil || !event.HasRole(n.Identity(), qa.RoleOrganiser) {
		return ImportResult{}, false, err
	}
	c := reimport.Compare(n.Identity(), event, here, week)
	if c.New > 0 || len(c.Acts) > 0 {
		return ImportResult{}, false, nil
	}
	return ImportResult{Event: id, Unchanged: c.Same, Changes: c.Changes}, true, nil
}

// importPosts drafts one change for each new post, and one for each difference that the
// person has chosen to apply.
func (d *draft) importPosts(event qa.Event, week *qa.Imported) (ImportResult, error) {
	c := reimport.Compare(d.doc.node.Identity(), event, d.doc.contents.Projection().Posts(), week)
	result := ImportResult{Event: d.doc.id, Unchanged: c.Same, Changes: c.Changes}
	start := event.StartsAtMillis
	if start == 0 { // make sure that no made-up time is in the future
		now := d.doc.node.cfg.Now().UnixMilli()
		start = now - qa.PlaceholderMillis(0, len(week.Posts))
	}
	imported := map[string]qa.PostID{} // by source, because posts of an input may share a source
	for i, p := range week.Posts {
		if p.Parent >= i || p.Parent < -1 {
			return result, fmt.Errorf("line %d: %w", p.Line, ErrBadImport)
		}
		if c.IDs[i] != "" {
			continue
		}
		if id, ok := imported[p.Source]; ok && p.Source != "" {
			c.IDs[i] = id
			result.Unchanged++
			continue
		}
		act := p.Act(start, i)
		if p.Parent >= 0 {
			act.Parent = c.IDs[p.Parent]
			result.Replies++
		} else {
			result.Questions++
		}
		made, err := d.do(act)
		if err != nil {
			return result, fmt.Errorf("line %d: %w; nothing was imported", p.Line, err)
		}
		c.IDs[i] = made.Post
		if p.Source != "" {
			imported[p.Source] = made.Post
		}
	}
	for _, act := range c.Acts {
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
