package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"

	"github.com/spf13/cobra"

	"flyleaf/crdt"
	"flyleaf/crdt/bundle"
	"flyleaf/node"
	"flyleaf/qa"
	"flyleaf/qa/people"
)

func (a *app) verifyCmd() *cobra.Command {
	var event, post string
	c := &cobra.Command{
		Use:   "verify [flags] [FILE]",
		Short: "Check all signatures and permissions of an event",
		Long: `Check an event on this device, or a file, from its changes alone: that the event's ID matches its
first change, that each change is signed by its writer, and that the writer was allowed to make
it. It prints how much each person wrote, and every invalid change.

FILE is a bundle (` + "`flyleaf export --format bundle`" + `) or an .automerge file, of any event. An
.automerge file has no signatures, so only permissions can be checked, not who
wrote what. With --post, only the changes to one post are checked and printed.

If something is invalid or cannot be proven, the exit code is 8.`,
		Example: `  flyleaf verify
  flyleaf verify the-patient-ledger.bundle
  flyleaf verify --post 0b1c2d3e4f5a6b7c-abcdefghijklm-24`,
		Args: between(0, 1),
		RunE: func(c *cobra.Command, args []string) error {
			v, err := a.verifyInput(c.Context(), args, event, &post)
			if err != nil {
				return err
			}
			all := v
			if post != "" {
				v = all.ForPost(qa.PostID(post))
				if len(v.Changes) == 0 {
					return codedf(exitNotFound, "there is no change to a post %q", post)
				}
			}
			if a.json {
				err = a.printJSON(struct {
					qa.Verification
					Holds bool `json:"holds"`
				}{v, v.Valid()})
			} else {
				a.printVerification(&v, namesOf(all.People), post != "")
			}
			if err == nil && !v.Valid() {
				err = coded(exitUnproven, whyUnproven(&v))
			}
			return err
		},
	}
	c.Flags().StringVar(&post, "post", "", "only changes to this `post`: by whom, when, with which role")
	return a.jsonFlag(eventFlag(c, &event))
}

func whyUnproven(v *qa.Verification) error {
	switch {
	case v.Bad > 0 && v.Unsigned:
		return fmt.Errorf("%s not permitted, and this file has no signatures, so nothing proves who wrote what. Ask for a bundle", counted(v.Bad, "change is", "changes are"))
	case v.Bad > 0:
		return fmt.Errorf("%s invalid: not signed by the writer, or not permitted", counted(v.Bad, "change is", "changes are"))
	case !v.Genesis:
		return errors.New("the first change is missing, or does not match the event's ID")
	}
	return errors.New("this file has no signatures, so nothing proves who wrote what. Ask for a bundle")
}

// verifyInput verifies the event or file that the command names. If *post is the beginning or the end of
// the ID of a post in an event on this device, it is replaced by the full ID. For a file, it must be the full ID.
func (a *app) verifyInput(ctx context.Context, args []string, event string, post *string) (v qa.Verification, err error) {
	if len(args) == 0 {
		err = a.withEvent(ctx, event, func(ctx context.Context, b backend, id qa.EventID) error {
			if *post != "" {
				full, err := resolvePost(ctx, b, id, *post)
				if err != nil {
					return err
				}
				*post = string(full)
			}
			v, err = node.VerifyEvent(ctx, b, id)
			return a.explain(err)
		})
		return v, err
	}
	if event != "" {
		return v, codedf(exitUsage, "give an event or a file, not both; nothing was checked")
	}
	var b []byte
	if args[0] == "-" {
		b, err = io.ReadAll(io.LimitReader(a.std.in, bundle.MaxSize+1))
	} else {
		b, err = readBounded(args[0], bundle.MaxSize+1)
	}
	if err == nil {
		v, err = node.VerifyFile(ctx, b, readDocument)
	}
	if err != nil {
		return v, coded(exitRefused, fmt.Errorf("%s: %w", args[0], err))
	}
	return v, nil
}

// readDocument runs readDocumentCmd in another process, because automerge-go aborts its process on
// bad input.
func readDocument(ctx context.Context, b []byte) ([]byte, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, self, readDocumentCommand)
	cmd.Stdin = bytes.NewReader(b)
	return cmd.Output()
}

const readDocumentCommand = "read-automerge-document"

// readDocumentCmd is the command that readDocument runs.
func (a *app) readDocumentCmd() *cobra.Command {
	return &cobra.Command{
		Use: readDocumentCommand, Hidden: true, Args: noArgs,
		Short: "Split the document on standard input into its changes",
		RunE: func(*cobra.Command, []string) error {
			b, err := io.ReadAll(io.LimitReader(a.std.in, bundle.MaxSize))
			if err != nil {
				return err
			}
			changes, err := crdt.ReadDocument(b)
			if err != nil {
				return err
			}
			_, err = a.std.out.Write(bytes.Join(changes, nil))
			return err
		},
	}
}

// namesOf returns the names of people, "" for those without one.
func namesOf(all []qa.VerifiedPerson) map[qa.Identity]string {
	names := map[qa.Identity]string{}
	for _, p := range all {
		names[p.ID] = p.Name
	}
	return names
}

func (a *app) printVerification(v *qa.Verification, names map[qa.Identity]string, allChanges bool) {
	a.printf("%s\n", plain(v.Title))
	switch {
	case v.Unsigned:
		a.printf("event    %s, if the file is complete\n", v.Event)
	case v.Genesis:
		a.printf("event    %s, which matches its first change\n", v.Event)
	default:
		a.printf("event    %s; its first change is missing, or belongs to another event\n", v.Event)
	}
	good := len(v.Changes) - v.Bad
	switch {
	case v.Unsigned:
		a.printf("changes  %d, permitted: %d. This file has no signatures, so nothing proves who wrote them\n", len(v.Changes), good)
	case v.Bad == 0:
		a.printf("changes  %d, each signed by its writer and permitted\n", len(v.Changes))
	default:
		a.printf("changes  %d, signed by their writer and permitted: %d\n", len(v.Changes), good)
	}
	if !allChanges {
		for _, h := range v.Heads {
			a.printf("head     %s\n", h)
		}
	}
	lookalikes := lookalikesIn(v)
	for _, p := range v.People {
		roles := make([]string, len(p.Roles))
		for i, r := range p.Roles {
			roles[i] = string(r)
		}
		if p.Blocked {
			roles = append(roles, "blocked")
		}
		// The name is the last column, so that it cannot look like another column.
		warnings := ""
		if w := lookalikes.Person(p.ID, p.Name).String(); w != "" {
			warnings = "[" + w + "]  "
		}
		if p.Void > 0 {
			warnings += fmt.Sprintf("[%s void: two versions were signed]  ", counted(p.Void, "change is", "changes are"))
		}
		a.printf("  %s  %-8s  %s  %s%s\n", p.ID.Short(), counted(p.Changes, "change", "changes"), cmp.Or(strings.Join(roles, ", "), "no role"), warnings, cmp.Or(plainName(p.Name), "without a name"))
	}
	shown := 0
	for i := range v.Changes {
		c := &v.Changes[i]
		bad := c.Code != "" || !c.Signed && !v.Unsigned
		if !allChanges && (!bad || shown == maxListed) {
			continue
		}
		if shown++; shown == 1 && !allChanges {
			a.printf("Invalid:\n")
		}
		a.printVerified(c, names)
	}
	if len(v.Grants) > 0 {
		a.printf("Roles were given by:\n")
	}
	for i := range v.Grants {
		a.printVerified(&v.Grants[i], names)
	}
	if !allChanges && v.Bad > shown {
		a.printf("  and %d more; --json lists all\n", v.Bad-shown)
	}
}

// lookalikesIn detects names in an event that look like somebody else's.
func lookalikesIn(v *qa.Verification) *people.Lookalikes {
	w := qa.Week{People: map[qa.Identity]qa.Person{}}
	for _, p := range v.People {
		w.People[p.ID] = qa.Person{ID: p.ID, Name: p.Name}
		for _, role := range p.Roles {
			w.Event.Roles = append(w.Event.Roles, qa.Grant{ID: p.ID, Role: role})
		}
	}
	return people.NewLookalikes(&w)
}

func (a *app) printVerified(c *qa.VerifiedChange, names map[qa.Identity]string) {
	// Names are quoted and follow the identity, so that they cannot look like anything else.
	quoted := func(id qa.Identity) string {
		if names[id] == "" {
			return id.Short()
		}
		return id.Short() + " “" + strings.NewReplacer("“", "'", "”", "'").Replace(plainName(names[id])) + "”"
	}
	a.printf("  %s  %s  %s", stamp(c.AtMillis), quoted(c.By), c.What)
	if c.Role != "" {
		a.printf(", as %s", c.Role)
		if c.GrantedBy != "" {
			a.printf(" (by %s, %s)", quoted(c.GrantedBy), stamp(c.GrantedAtMillis))
		}
	}
	if c.Author != nil {
		a.printf(", as an author (role given by %s, %s, in change %s)", quoted(c.Author.GrantedBy), stamp(c.Author.GrantedAtMillis), c.Author.GrantedIn)
	}
	a.printf("\n    change %s", c.Hash)
	switch {
	case c.Code != "":
		a.printf("  invalid, %s: %s\n", c.Code, plain(c.Reason))
	case c.Signed:
		a.printf("  signed, permitted\n")
	default:
		a.printf("  permitted\n")
	}
}
