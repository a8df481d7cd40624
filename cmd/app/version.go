package main

import (
	"github.com/spf13/cobra"

	"flyleaf/crdt"
	"flyleaf/internal/version"
)

func (a *app) versionCmd() *cobra.Command {
	return a.jsonFlag(&cobra.Command{
		Use:   "version [flags]",
		Short: "Print the version of this program",
		Args:  noArgs,
		RunE: func(*cobra.Command, []string) error {
			v := version.Read()
			if a.json {
				return a.printJSON(versionJSON{v, crdt.EngineName})
			}
			a.printf("flyleaf %s, engine %s\n", v, crdt.EngineName)
			return nil
		},
	})
}

// versionJSON is the output of `version --json`. Its field names must not change.
type versionJSON struct {
	version.Info
	Engine string `json:"engine"` // the CRDT implementation that makes changes
}
