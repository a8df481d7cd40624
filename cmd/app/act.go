package main

import (
	"cmp"
	"context"

	"flyleaf/node"
	"flyleaf/qa"
)

// Carrying out acts and printing the results.

// post carries out an act that makes a post, and prints the post's ID.
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

// act carries out an act on a post and prints done.
func (a *app) act(ctx context.Context, b backend, event qa.EventID, act qa.Act, done string) error {
	why, err := a.carryOut(ctx, b, event, act)
	if err != nil {
		return err
	}
	return a.printDone(act.Post, why == "", cmp.Or(why, done))
}

// printDone prints the result of an act on a post: what was done, or why nothing was changed.
func (a *app) printDone(post qa.PostID, changed bool, said string) error {
	if a.json {
		return a.printJSON(struct {
			Post    qa.PostID `json:"post"`
			Changed bool      `json:"changed"`
		}{post, changed})
	}
	a.printf("%s\n", said)
	return nil
}

// carryOut carries out an act. If there is nothing to undo, it changes nothing and returns a
// sentence that says so.
func (a *app) carryOut(ctx context.Context, b backend, event qa.EventID, act qa.Act) (why string, err error) {
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

// onPost is act for a post given by its ID or part of it.
func (a *app) onPost(ctx context.Context, event, typed string, act qa.Act, done string) error {
	return a.withPost(ctx, event, typed, func(ctx context.Context, b backend, id qa.EventID, post qa.PostID) error {
		act.Post = post
		return a.act(ctx, b, id, act, done)
	})
}

// chooseMessage returns undone if the command was called with --undo, otherwise done.
func chooseMessage(undo bool, done, undone string) string {
	if undo {
		return undone
	}
	return done
}

// actOn carries out an act on a person or on the event and prints done.
func (a *app) actOn(ctx context.Context, b backend, event qa.EventID, act qa.Act, done string) error {
	why, err := a.carryOut(ctx, b, event, act)
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

// done prints the result of a command on an event.
func (a *app) done(event qa.EventID, words string) error {
	if a.json {
		return a.printJSON(map[string]qa.EventID{"event": event})
	}
	a.printf("%s\n", words)
	return nil
}
