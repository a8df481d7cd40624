package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"flyleaf/node"
	"flyleaf/qa"
	"flyleaf/qa/people"
	"flyleaf/schema"
)

// Finding the data directory, and the event, post, club or person that a command names.

// with calls fn with the node. It opens the data directory in this process, or connects to the
// process that serves it.
func (a *app) with(ctx context.Context, fn func(context.Context, backend) error) error {
	home, err := a.home(ctx)
	if err != nil {
		return err
	}
	c, err := connect(ctx, home, a.log())
	if err != nil {
		return err
	}
	if c.copied != "" {
		fmt.Fprintf(a.std.err, "Note: %s cannot be written, so a copy of it is read. Nothing can be changed.\n", plain(home.dir))
	}
	err = fn(ctx, c.Node)
	if cerr := c.close(); err == nil && cerr != nil {
		err = cerr
	}
	return err
}

// withEvent is with, for the event whose ID begins with prefix.
func (a *app) withEvent(ctx context.Context, prefix string, fn func(context.Context, backend, qa.EventID) error) error {
	return a.with(ctx, func(ctx context.Context, b backend) error {
		id, err := resolveEvent(ctx, b, prefix)
		if err != nil {
			return err
		}
		return fn(ctx, b, id)
	})
}

// resolveEvent returns the only event whose ID begins with prefix.
func resolveEvent(ctx context.Context, b backend, prefix string) (qa.EventID, error) {
	events, err := b.Events(ctx)
	if err != nil {
		return "", err
	}
	var found []qa.Event
	add := func(e qa.Event) {
		if !slices.ContainsFunc(found, func(f qa.Event) bool { return f.ID == e.ID }) {
			found = append(found, e)
		}
	}
	for _, e := range events {
		if string(e.ID) == prefix {
			return e.ID, b.Visit(ctx, e.ID)
		}
		// Without a prefix only weeks count, not clubs.
		if strings.HasPrefix(string(e.ID), prefix) && (prefix != "" || e.Kind != schema.KindClub) {
			add(e)
		}
		for _, w := range e.Weeks {
			if prefix != "" && strings.HasPrefix(string(w.ID), prefix) {
				add(qa.Event{ID: w.ID, Title: w.Title})
			}
		}
	}
	switch {
	case len(found) == 1:
		// If only a club lists the event, this device follows it from now on.
		if err := b.Visit(ctx, found[0].ID); err != nil {
			return "", err
		}
		return found[0].ID, nil
	case len(events) == 0:
		return "", codedf(exitNotFound, "there is no event on this device yet. `flyleaf event new` creates one, `flyleaf join INVITATION` fetches one")
	case len(found) == 0 && prefix == "":
		return "", codedf(exitNotFound, "there is a club on this device, but no week yet. `flyleaf club show` lists its weeks; choose one with --event ID")
	case len(found) == 0:
		return "", codedf(exitNotFound, "no event's ID begins with %q; `flyleaf event list` lists all", prefix)
	}
	var list strings.Builder
	for _, e := range found {
		fmt.Fprintf(&list, "\n  %s  %s", e.ID, e.Title)
	}
	return "", codedf(exitNotFound, "which event? Choose one with --event ID:%s", list.String())
}

// resolvePost returns the post with the typed ID, or the only one whose ID begins or ends with
// it.
func resolvePost(ctx context.Context, b backend, event qa.EventID, typed string) (qa.PostID, error) {
	if _, err := b.Post(ctx, event, qa.PostID(typed)); err == nil {
		return qa.PostID(typed), nil
	}
	week, err := b.Week(ctx, event)
	if err != nil {
		return "", err
	}
	var found []qa.PostID
	week.EachPost(func(p *qa.PostView) {
		if typed != "" && (strings.HasPrefix(string(p.ID), typed) || strings.HasSuffix(string(p.ID), typed)) {
			found = append(found, p.ID)
		}
	})
	switch len(found) {
	case 1:
		return found[0], nil
	case 0:
		return "", codedf(exitNotFound, "there is no post %q in this event; `flyleaf list` shows the IDs", typed)
	}
	return "", codedf(exitNotFound, "%q matches %d posts; nothing was changed. Type more of the ID", typed, len(found))
}

// withPost is withEvent, for a post of the event.
func (a *app) withPost(ctx context.Context, event, typed string, fn func(context.Context, backend, qa.EventID, qa.PostID) error) error {
	return a.withEvent(ctx, event, func(ctx context.Context, b backend, id qa.EventID) error {
		post, err := resolvePost(ctx, b, id, typed)
		if err != nil {
			return err
		}
		return fn(ctx, b, id, post)
	})
}

// withWeek is withEvent, with the event's week.
func (a *app) withWeek(ctx context.Context, event string, fn func(context.Context, backend, *qa.Week) error) error {
	return a.withEvent(ctx, event, func(ctx context.Context, b backend, id qa.EventID) error {
		w, err := b.Week(ctx, id)
		if err != nil {
			return err
		}
		return fn(ctx, b, &w)
	})
}

// resolveClub returns the club with the typed ID or name, else the only one whose ID or name begins with it.
func resolveClub(ctx context.Context, b backend, typed string) (qa.Event, error) {
	events, err := b.Events(ctx)
	if err != nil {
		return qa.Event{}, err
	}
	clubs := slices.DeleteFunc(events, func(e qa.Event) bool { return e.Kind != schema.KindClub })
	found := node.ClubsNamed(clubs, typed)
	switch {
	case len(found) == 1:
		return found[0], nil
	case len(clubs) == 0:
		return qa.Event{}, codedf(exitNotFound, "there is no club on this device yet. `flyleaf club new` creates one, `flyleaf join INVITATION` fetches one")
	case len(found) == 0:
		return qa.Event{}, codedf(exitNotFound, "no club's ID or name begins with %q; `flyleaf event list` lists all", typed)
	}
	var list strings.Builder
	for _, e := range found {
		list.WriteString("\n  " + string(e.ID) + "  " + plain(e.Title))
	}
	return qa.Event{}, codedf(exitNotFound, "which club? Choose one with --club ID:%s", list.String())
}

// resolvePerson returns the person that typed refers to, and prints their identity, role and
// first post. On a terminal it asks for confirmation, unless yes is set or typed is a full
// identity.
func (a *app) resolvePerson(ctx context.Context, b backend, event qa.EventID, typed, what string, yes bool) (qa.Identity, error) {
	week, err := b.Week(ctx, event)
	if err != nil {
		return "", err
	}
	who, err := people.Resolve(&week, typed)
	if errors.Is(err, people.ErrNobody) {
		return "", codedf(exitNotFound, "nobody in this event has the name %q or an identity that begins with it; nothing was changed. Give the 64 characters that `flyleaf identity show` prints on their device", typed)
	}
	if err != nil {
		return "", coded(exitNotFound, err)
	}
	fmt.Fprintf(a.std.err, "%s\n", plainLine(who.String()))
	if err := a.confirm(what, "not confirmed, so nothing was changed. If you meant somebody else, give their identity", yes || typed == string(who.ID)); err != nil {
		return "", err
	}
	return who.ID, nil
}

// confirm asks a question on a terminal, unless yes is set. If the answer is no, it returns an error with the words
// otherwise.
func (a *app) confirm(what, otherwise string, yes bool) error {
	if yes || !a.std.isTerminal() || a.saysYes(what) {
		return nil
	}
	return codedf(exitUsage, "%s", otherwise)
}

// saysYes asks a question and reports whether the answer is yes.
func (a *app) saysYes(what string) bool {
	fmt.Fprintf(a.std.err, "%s? [y/N] ", what)
	answer := a.readLine()
	return answer == "y" || answer == "yes"
}

// readLine reads a one-line answer and returns it in lower case.
func (a *app) readLine() string {
	var b []byte
	one := make([]byte, 1)
	for len(b) < 100 {
		n, err := a.std.in.Read(one)
		if n == 1 && one[0] != '\n' {
			b = append(b, one[0])
		}
		if err != nil || n == 1 && one[0] == '\n' {
			break
		}
	}
	return strings.ToLower(strings.TrimSpace(string(b)))
}

// personHelp explains the argument PERSON.
const personHelp = `PERSON is an identity (` + "`flyleaf identity show`" + ` prints yours), a unique beginning of one,
or a person's name in the event. Names that look alike count as the same: if several people match,
nothing is done, and they are listed with their identities. Otherwise the person is shown first,
and on a terminal you are asked to confirm.`
