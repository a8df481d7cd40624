// Event measures the cost of an event with many posts for a device: fetching it from a relay, and
// opening it from disk. Both are measured with the real programs:
//
//   - pull: `flyleaf join` on an empty device, followed by `flyleaf sync` if necessary, until
//     the device has received every change, has checked every signature and permission, has
//     written everything to disk, views and search index included, and the program has ended;
//   - open: `flyleaf serve`, from its start to the end of the event's first page.
//
// The event is generated: posts by some people with some reactions each, every one a signed change,
// written to a relay's database. Relay and device get one core each, as in bench/main.go. Results
// of earlier runs are kept in the working directory; those of the same event and commit are
// replaced.
//
//	go run ./bench/event -posts 1000,10000,100000 -runs 3
package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"flyleaf/keys/identity"
)

// row is the result for one event; medians over the runs.
type row struct {
	Posts, Reactions, Runs int
	Pulls                  []float64 // seconds, each run
	PullCPU                float64   // seconds of the device's process
	PullMemory             int       // MiB, peak
	RelayCPU               float64   // seconds, including its start and loading the event
	Bytes                  int64     // of all changes
	Opens                  []float64 // seconds, each run
	OpenMemory             int       // MiB, peak until the page was served
	Database               int64     // bytes on the device's disk
	Commit, Machine        string
}

type options struct {
	work, posts string
	reactions   int
	people      int
	runs        int
	out         string
	drawOnly    bool
	makeOnly    string
	founder     string
}

func main() {
	var o options
	flag.StringVar(&o.work, "work", filepath.Join(os.TempDir(), "flyleaf-bench-event"), "`directory` for programs, databases and rows")
	flag.StringVar(&o.posts, "posts", "1000,10000", "how many posts, `comma-separated`")
	flag.IntVar(&o.reactions, "reactions", 3, "reactions for each post")
	flag.IntVar(&o.people, "people", 20, "how many people post and react")
	flag.IntVar(&o.runs, "runs", 3, "runs of each; medians are reported")
	flag.StringVar(&o.out, "out", "bench/EVENT", "the files to write, without .md and .svg")
	flag.BoolVar(&o.drawOnly, "draw", false, "measure nothing; write table and plot of the stored results")
	flag.StringVar(&o.makeOnly, "make", "", "measure nothing, write a relay's `database` with an event of the first number of -posts, and print the event's ID")
	flag.StringVar(&o.founder, "founder", "", "with -make, also write the recovery phrase of the event's founder to this `file`")
	flag.Parse()
	if err := run(o); err != nil {
		fmt.Fprintln(os.Stderr, "event:", err)
		os.Exit(1)
	}
}

func run(o options) error {
	if o.makeOnly != "" {
		first, _, _ := strings.Cut(o.posts, ",")
		posts, err := strconv.Atoi(first)
		if err != nil {
			return err
		}
		id, _, err := makeEvent(context.Background(), o.makeOnly, posts, o.reactions, o.people)
		if err == nil && o.founder != "" {
			err = writeFounder(o.founder, posts)
		}
		if err == nil {
			fmt.Println(id)
		}
		return err
	}
	rowsFile := filepath.Join(o.work, "rows.json")
	if !o.drawOnly {
		if err := build(o.work); err != nil {
			return err
		}
		for _, text := range strings.Split(o.posts, ",") {
			posts, err := strconv.Atoi(text)
			if err != nil {
				return err
			}
			r, err := measure(o, posts)
			if err != nil {
				return fmt.Errorf("%d posts: %w", posts, err)
			}
			if err := keep(rowsFile, r); err != nil {
				return err
			}
		}
	}
	rows, err := readRows(rowsFile)
	if err != nil {
		return err
	}
	if len(rows) == 0 {
		return errors.New("no row was measured")
	}
	if err := os.WriteFile(o.out+".md", table(rows), 0o644); err != nil {
		return err
	}
	return os.WriteFile(o.out+".svg", plot(rows), 0o644)
}

// writeFounder writes the recovery phrase of the founder of the event to a file.
func writeFounder(file string, posts int) error {
	phrase, err := identity.Phrase(newEvent(posts).Founder)
	if err != nil {
		return err
	}
	return os.WriteFile(file, []byte(phrase), 0o600)
}

// build builds the two programs.
func build(work string) error {
	if err := os.MkdirAll(work, 0o755); err != nil {
		return err
	}
	for name, from := range map[string]string{"flyleaf": "./cmd/app", "syncserver": "./cmd/syncserver"} {
		c := exec.Command("go", "build", "-o", filepath.Join(work, name), from)
		c.Stdout, c.Stderr = os.Stderr, os.Stderr
		if err := c.Run(); err != nil {
			return fmt.Errorf("building %s: %w", name, err)
		}
	}
	return nil
}

func readRows(file string) ([]row, error) {
	b, err := os.ReadFile(file)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var rows []row
	return rows, json.Unmarshal(b, &rows)
}

// keep stores a row, replacing the one of the same event.
func keep(file string, r row) error {
	rows, err := readRows(file)
	if err != nil {
		return err
	}
	rows = slices.DeleteFunc(rows, func(old row) bool { return old.Posts == r.Posts && old.Reactions == r.Reactions })
	rows = append(rows, r)
	slices.SortFunc(rows, func(a, b row) int { return cmp.Or(a.Posts-b.Posts, a.Reactions-b.Reactions) })
	b, err := json.MarshalIndent(rows, "", " ")
	if err != nil {
		return err
	}
	return os.WriteFile(file, b, 0o644)
}
