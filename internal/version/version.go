// Package version says which build of Flyleaf a program is.
package version

import (
	"cmp"
	"fmt"
	"runtime"
	"runtime/debug"
)

// Set by make dist with -ldflags -X. Empty in other builds.
var (
	release string // such as "v1.2.0"
	commit  string // hash of the commit
)

// Info describes a build. Its JSON names are a contract: `flyleaf version --json` prints them.
type Info struct {
	Version string `json:"version"`          // of the release; otherwise of the module, "(devel)" if unknown
	Commit  string `json:"commit,omitempty"` // hash; ends in "-dirty" if the checkout had other changes. "" if unknown
	Go      string `json:"go"`               // version of the compiler
	System  string `json:"system"`           // operating system and architecture, such as "linux/amd64"
}

// Read returns what is known of the running program's build.
func Read() Info {
	i := Info{Version: release, Commit: commit, Go: runtime.Version(), System: runtime.GOOS + "/" + runtime.GOARCH}
	build, ok := debug.ReadBuildInfo()
	if ok && i.Commit == "" {
		settings := map[string]string{}
		for _, s := range build.Settings {
			settings[s.Key] = s.Value
		}
		i.Commit = settings["vcs.revision"]
		if i.Commit != "" && settings["vcs.modified"] == "true" {
			i.Commit += "-dirty"
		}
	}
	if ok {
		i.Version = cmp.Or(i.Version, build.Main.Version)
	}
	i.Version = cmp.Or(i.Version, "(devel)")
	return i
}

// String returns the build in one line, without the program's name.
func (i Info) String() string {
	return fmt.Sprintf("%s, commit %s, %s, %s", i.Version, cmp.Or(i.Commit, "unknown"), i.System, i.Go)
}
