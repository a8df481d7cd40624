package main

import (
	"cmp"
	"context"

	"flyleaf/node"
	"flyleaf/qa"
)

// Carrying out an act, and printing what was done.

// post does the act and prints the new post's ID.
func (a *app) post(ctx context.Context, b backend, event qa.EventID, act qa.Act) error {
	id, err := b.Do(ctx, event, act)
	if err != nil {
		return a.explain(err)
	}
	if a.json {
		return a.printJSON(map[string]qa.PostID{"post": id})
	}
	a.printf("%s\n", id)
	return nil
}

// act does an act about a post and prints what was done.
func (a *app) act(ctx context.Context, b backend, event qa.EventID, act qa.Act, done string) error {
	why, err := a.doOrNot(ctx, b, event, act)
	if err != nil {
		return err
	}
	return a.donePost(act.Post, why == "", cmp.Or(why, done))
}

// donePost prints what was done about a post, or why nothing was changed.
func (a *app) donePost(post qa.PostID, changed bool, said string) error {
	if a.json {
		return a.printJSON(struct {
			Post    qa.PostID `json:"post"`
			Changed bool      `json:"changed"`
		}{post, changed})
	}
	a.printf("%s\n", said)
	return nil
}

// doOrNot does an act, unless there is nothing to undo: then it says why not.
func (a *app) doOrNot(ctx context.Context, b backend, event qa.EventID, act qa.Act) (why string, err error) {
	why, err = node.NothingToUndo(ctx, b, event, &act)
	if err != nil {
		return "", a.explain(err)
	}
	if why != "" {
		return why + ", as far as this device knows; nothing was changed.", nil
	}
	_, err = b.Do(ctx, event, act)
	return "", a.explain(err)
}

// onPost is act for the post that a person named.
func (a *app) onPost(ctx context.Context, event, typed string, act qa.Act, done string) error {
	return a.withPost(ctx, event, typed, func(ctx context.Context, b backend, id qa.EventID, post qa.PostID) error {
		act.Post = post
		return a.act(ctx, b, id, act, done)
	})
}

// unless chooses what is said of a command, or of its undoing.
func unless(undo bool, done, undone string) string {
	if undo {
		return undone
	}
	return done
}

// actOn does an act about somebody or about the event and prints what was done.
func (a *app) actOn(ctx context.Context, b backend, event qa.EventID, act qa.Act, done string) error {
	why, err := a.doOrNot(ctx, b, event, act)
	if err != nil {
		return err
	}
	if a.json {
		return a.printJSON(struct {
			Event    qa.EventID  `json:"event"`
			Identity qa.Identity `json:"identity,omitempty"`
			Changed  bool        `json:"changed"`
		}{event, act.Identity, why == ""})
	}
	a.printf("%s\n", cmp.Or(why, done))
	return nil
}

// done prints that something about an event was done.
func (a *app) done(event qa.EventID, words string) error {
	if a.json {
		return a.printJSON(map[string]qa.EventID{"event": event})
	}
	a.printf("%s\n", words)
	return nil
}
