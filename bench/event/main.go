// Event measures what an event of many posts costs a device: fetching all of it
// from a relay, and opening it from disk. Both are the programs that people run:
//
//   - pull: `flyleaf join` on a device that holds nothing, with `flyleaf sync` after it
//     where that is not enough, until the device has every change, has checked every
//     signature and permission, has all of it on disk, in the views and in the search
//     index, and the program has ended;
//   - open: `flyleaf serve`, from its start to the end of the event's first page.
//
// The event is made here: posts and three reactions for each by 20 people, every
// one a signed change of its own, put into a relay's database. Relay and device get
// a core each, as in bench/main.go. Rows of earlier runs are kept in the working
// directory, and one of the same event and commit is replaced.
//
//	go run ./bench/event -posts 1000,10000,100000 -runs 3
package main

import (
	"cmp"
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
)

// row is what was measured of one event; medians over the runs.
type row struct {
	Posts, Reactions, Runs int
	Pulls                  []float64 // seconds, each run
	PullCPU                float64   // seconds of the device's process
	PullMemory             int       // MiB, the most it held
	RelayCPU               float64   // seconds, its start and the reading of the event included
	Bytes                  int64     // of all changes
	Opens                  []float64 // seconds, each run
	OpenMemory             int       // MiB held when the page was served, the most until then included
	Database               int64     // bytes on the device's disk
	Commit, Machine        string
}

type options struct {
	work, posts string
	reactions   int
	runs        int
	out         string
	drawOnly    bool
}

func main() {
	var o options
	flag.StringVar(&o.work, "work", filepath.Join(os.TempDir(), "flyleaf-bench-event"), "`directory` for programs, databases and rows")
	flag.StringVar(&o.posts, "posts", "1000,10000", "how many posts, `comma-separated`")
	flag.IntVar(&o.reactions, "reactions", 3, "reactions for each post")
	flag.IntVar(&o.runs, "runs", 3, "runs of each, of which the medians count")
	flag.StringVar(&o.out, "out", "bench/EVENT", "where the table and the plot go, with .md and .svg")
	flag.BoolVar(&o.drawOnly, "draw", false, "measure nothing, write table and plot of the rows that are there")
	flag.Parse()
	if err := run(o); err != nil {
		fmt.Fprintln(os.Stderr, "event:", err)
		os.Exit(1)
	}
}

func run(o options) error {
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

// build makes the two programs.
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

// keep puts a row in the place of the one of the same event.
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
