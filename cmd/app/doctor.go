package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
)

func (a *app) doctorCmd() *cobra.Command {
	var event string
	var rebuild bool
	c := &cobra.Command{
		Use:   "doctor --rebuild [flags]",
		Short: "Rebuild the index that pages and search use",
		Long: `Rebuild the index that pages, lists and search use, from the changes stored on this device.
Nothing is lost.`,
		Example: "  flyleaf doctor --rebuild",
		Args:    noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if !rebuild {
				return codedf(exitUsage, "say what to do: --rebuild rebuilds the index")
			}
			return a.with(c.Context(), func(ctx context.Context, b backend) error {
				events, err := b.Events(ctx)
				if err != nil {
					return err
				}
				for _, e := range events {
					if event != "" && !strings.HasPrefix(string(e.ID), event) {
						continue
					}
					if err := b.Rebuild(ctx, e.ID); err != nil {
						return fmt.Errorf("rebuilding %s: %w", e.ID, err)
					}
					a.printf("%s rebuilt\n", e.ID)
				}
				return nil
			})
		},
	}
	c.Flags().BoolVar(&rebuild, "rebuild", false, "rebuild the index")
	return eventFlag(c, &event)
}
