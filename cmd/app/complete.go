package main

import (
	"context"
	"strings"

	"github.com/spf13/cobra"

	"flyleaf/qa"
	"flyleaf/schema"
)

// Shell completion, which `flyleaf completion` sets up: events, posts, people, and flags with
// a few possible values.

// flagValues are the possible values of flags, and of the argument ROLE, that have only a few.
var flagValues = map[string][]string{
	"access":   {schema.AccessOpen, schema.AccessInvited},
	"approve":  {"on", "off"},
	"math":     {"on", "off"},
	"pictures": {"on", "off"},
	"role":     {schema.KeyAuthor, schema.KeyModerator, schema.KeyMember},
}

// formatFlag adds --format with the names of the formats, and its completion.
func formatFlag(c *cobra.Command, format *string, preset string, formats []string) {
	c.Flags().StringVar(format, "format", preset, "the `format`: "+oneOf(formats))
	_ = c.RegisterFlagCompletionFunc("format", cobra.FixedCompletions(formats, cobra.ShellCompDirectiveNoFileComp)) // the flag exists
}

// completions adds completion to c and all commands below it, based on the names of flags and
// arguments.
func (a *app) completions(c *cobra.Command) {
	for _, sub := range c.Commands() {
		a.completions(sub)
	}
	for flag, values := range flagValues {
		if c.Flags().Lookup(flag) != nil {
			_ = c.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp)) // the flag exists
		}
	}
	if c.LocalFlags().Lookup("event") != nil {
		_ = c.RegisterFlagCompletionFunc("event", func(c *cobra.Command, _ []string, typed string) ([]cobra.Completion, cobra.ShellCompDirective) {
			return a.completeEvents(c.Context(), typed), cobra.ShellCompDirectiveNoFileComp
		})
	}
	// One for each argument; nil: it is not completed.
	var completers []func(ctx context.Context, event, typed string) []cobra.Completion
	for _, arg := range strings.Fields(c.Use)[1:] {
		switch strings.Trim(arg, "[]…") {
		case "POST", "ORIGINAL":
			completers = append(completers, a.completePosts)
		case "PERSON":
			completers = append(completers, a.completePeople)
		case "EVENT":
			completers = append(completers, func(ctx context.Context, _, typed string) []cobra.Completion { return a.completeEvents(ctx, typed) })
		case "ROLE":
			roles := append([]string{schema.KeyOrganiser}, flagValues["role"]...)
			completers = append(completers, func(context.Context, string, string) []cobra.Completion { return roles })
		case "flags":
		default: // text, or a file
			completers = append(completers, nil)
		}
	}
	for i, completer := range completers {
		if completer == nil {
			continue
		}
		first := i
		c.ValidArgsFunction = func(c *cobra.Command, args []string, typed string) ([]cobra.Completion, cobra.ShellCompDirective) {
			if len(args) < first || len(args) >= len(completers) || completers[len(args)] == nil {
				return nil, cobra.ShellCompDirectiveNoFileComp
			}
			event := ""
			if f := c.Flag("event"); f != nil {
				event = f.Value.String()
			}
			return completers[len(args)](c.Context(), event, typed), cobra.ShellCompDirectiveNoFileComp
		}
		break
	}
}

// withoutPrompt opens the data directory for a completion. It never asks for a passphrase, and
// ignores errors.
func (a *app) withoutPrompt(ctx context.Context, fn func(context.Context, backend) error) {
	a.neverAsk = true
	_ = a.with(ctx, fn)
}

func (a *app) completeEvents(ctx context.Context, typed string) (out []cobra.Completion) {
	a.withoutPrompt(ctx, func(ctx context.Context, b backend) error {
		events, err := b.Events(ctx)
		for _, e := range events {
			if strings.HasPrefix(string(e.ID), typed) {
				out = append(out, cobra.CompletionWithDesc(string(e.ID), qa.Beginning(describeEvent(e))))
			}
		}
		return err
	})
	return out
}

func (a *app) withWeekForCompletion(ctx context.Context, event string, fn func(qa.Week)) {
	a.withoutPrompt(ctx, func(ctx context.Context, b backend) error {
		id, err := resolveEvent(ctx, b, event)
		if err != nil {
			return err
		}
		week, err := b.Week(ctx, id)
		if err == nil {
			fn(week)
		}
		return err
	})
}

func (a *app) completePosts(ctx context.Context, event, typed string) (out []cobra.Completion) {
	add := func(p *qa.PostView) {
		if strings.HasPrefix(string(p.ID), typed) && p.Shown() {
			out = append(out, cobra.CompletionWithDesc(string(p.ID), qa.Beginning(plain(p.Name+": "+p.Words()))))
		}
	}
	a.withWeekForCompletion(ctx, event, func(w qa.Week) {
		w.EachPost(add)
	})
	return out
}

func (a *app) completePeople(ctx context.Context, event, typed string) (out []cobra.Completion) {
	a.withWeekForCompletion(ctx, event, func(w qa.Week) {
		for id, p := range w.People {
			if strings.HasPrefix(string(id), typed) {
				out = append(out, cobra.CompletionWithDesc(string(id), qa.Beginning(plain(p.Name))))
			}
		}
	})
	return out
}
