package main

import (
	"runtime/debug"

	"github.com/spf13/cobra"
)

func (a *app) versionCmd() *cobra.Command {
	return a.jsonFlag(&cobra.Command{
		Use:   "version [flags]",
		Short: "Print the version of this program",
		Args:  noArgs,
		RunE: func(*cobra.Command, []string) error {
			v := readVersion()
			if a.json {
				return a.printJSON(v)
			}
			a.printf("flyleaf %s, %s\n", v.Version, v.Go)
			return nil
		},
	})
}

// version is what `version --json` prints. The names are a contract.
type version struct {
	Version string `json:"version"` // of the module; includes the commit if built from a checkout
	Go      string `json:"go"`      // of the compiler
}

func readVersion() version {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return version{Version: "unknown", Go: "unknown"}
	}
	return version{Version: info.Main.Version, Go: info.GoVersion}
}
