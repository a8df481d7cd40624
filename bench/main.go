// Bench compares Flyleaf's relay with other sync servers under the same loads, and writes the medians
// and their ratios to bench/RESULTS.md.
//
// The loads, the light clients and the other servers are not part of this repository. They are read
// from ../shared/bench/peers, whose README explains each load and how it is measured. They are
// copied to a working directory outside the checkout (-work), which is kept, so that npm packages
// and fixtures (some three minutes) are prepared only once. If the directory, npm or taskset is
// missing, Bench says so and measures nothing.
//
//	make bench                                   everything, three runs each: half an hour
//	make bench ARGS="-runs 1 -loads A50,E"       less
//	make bench ARGS="-peers flyleaf,y-websocket"
//	make bench ARGS="-render"                    only rewrite the table
//
// It pins servers to the first core and clients to the second, so meaningful numbers need two idle
// cores. On a busy machine, ratios are more reliable than absolute numbers.
package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// ours is the name of Flyleaf's relay in the table.
const ours = "flyleaf"

type options struct {
	from, work, out      string
	peers, loads         string
	runs                 int
	variants, renderOnly bool
}

func main() {
	var o options
	flag.StringVar(&o.from, "from", "../shared/bench/peers", "`directory` of the loads and the other servers")
	flag.StringVar(&o.work, "work", filepath.Join(os.TempDir(), "flyleaf-bench"), "`directory` for the copy, npm packages, fixtures and results")
	flag.StringVar(&o.out, "out", "bench/RESULTS.md", "`file` to write")
	flag.StringVar(&o.peers, "peers", "flyleaf,go-sqlite-ack,am-repo-2.5.6,am-sync-server-0.2.8,y-websocket,hocuspocus", "which servers, `comma-separated`")
	flag.StringVar(&o.loads, "loads", "A50,A200,B10000,C,D,E", "which loads; A with receivers, B with posts")
	flag.IntVar(&o.runs, "runs", 3, "runs of each load; the table has the medians")
	flag.BoolVar(&o.variants, "variants", true, "also A without a full client, and B with clients that offer WebSocket compression")
	flag.BoolVar(&o.renderOnly, "render", false, "measure nothing; write the table of the stored results")
	flag.Parse()
	if err := run(o); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(o options) error {
	rowsFile := filepath.Join(o.work, "results", "rows.jsonl")
	if !o.renderOnly {
		if err := prepare(&o); err != nil {
			return err
		}
		if err := measure(o, rowsFile); err != nil {
			return err
		}
	}
	rows, err := readRows(rowsFile)
	if err != nil {
		return err
	}
	if len(rows) == 0 {
		return errors.New("no row was measured")
	}
	if err := os.WriteFile(o.out, render(rows, describeMachine()), 0o644); err != nil {
		return err
	}
	fmt.Fprintln(os.Stderr, "bench: wrote", o.out)
	return nil
}

// prepare sets up the working directory: the copy, npm packages, fixtures, the programs, and
// the list of servers including Flyleaf's.
func prepare(o *options) error {
	var err error
	if o.work, err = filepath.Abs(o.work); err != nil {
		return err
	}
	if _, err := os.Stat(filepath.Join(o.from, "peers.json")); err != nil {
		return fmt.Errorf("the loads are not there: %w\nThey are the directory bench/peers of what was handed over with the project; name it with -from.\nWithout it, `make microbench` measures the packages alone", err)
	}
	for _, tool := range []string{"go", "node", "npm", "taskset"} {
		if _, err := exec.LookPath(tool); err != nil {
			return fmt.Errorf("%s is needed to run the loads: %w", tool, err)
		}
	}
	if err := copyTree(o.from, o.work); err != nil {
		return err
	}
	for _, dir := range []string{"bin", "results", "data"} {
		if err := os.MkdirAll(filepath.Join(o.work, dir), 0o755); err != nil {
			return err
		}
	}
	if missing(o.work, "node_modules/.package-lock.json") {
		if err := command(o.work, "npm", "install", "--no-audit", "--no-fund"); err != nil {
			return err
		}
	}
	if missing(o.work, "fixtures/y-cold10000.json") {
		if err := command(o.work, "node", "fixtures.mjs"); err != nil {
			return err
		}
	}
	for _, program := range []string{"limit", "load"} {
		if err := command(filepath.Join(o.work, "go"), "go", "build", "-o", "../bin/"+program, "./"+program); err != nil {
			return err
		}
	}
	if o.variants {
		for _, v := range variants {
			if err := v.build(o.work); err != nil {
				return err
			}
		}
	}
	server := filepath.Join(o.work, "bin", "syncserver")
	build := exec.Command("go", "build", "-o", server, "./cmd/syncserver")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	build.Stdout, build.Stderr = os.Stderr, os.Stderr
	if err := build.Run(); err != nil {
		return fmt.Errorf("building the relay: %w", err)
	}
	return addOurs(o.work, server)
}

// variant is a load with modified clients.
type variant struct {
	program, suffix, load string
	file, old, new        string // a replacement in the program's source
}

var variants = []variant{
	// The original clients of the loads offer no compression, unlike real clients.
	{
		"load-deflate", "/deflate", "B",
		"client.go", "websocket.Dialer{NetDial", "websocket.Dialer{EnableCompression: true, NetDial",
	},
	// One receiver in A is a full Automerge or Yjs client that shares the clients' core with the light
	// ones, except with go-sqlite-ack. So latencies are comparable only without it.
	{
		"load-light", "/light", "A",
		"main.go", "if p.Proto != \"raw\" {\n\t\tlight--", "if p.Proto == \"\" {\n\t\tlight--",
	},
}

// build builds bin/program from the load's source with the replacement.
func (v variant) build(work string) error {
	dir := filepath.Join(work, "go", v.program)
	if err := copyTree(filepath.Join(work, "go", "load"), dir); err != nil {
		return err
	}
	file := filepath.Join(dir, v.file)
	b, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	if strings.Count(string(b), v.old) != 1 {
		return fmt.Errorf("the load's %s is not as it was, so %s cannot be made of it: run with -variants=false", v.file, v.program)
	}
	if err := os.WriteFile(file, []byte(strings.Replace(string(b), v.old, v.new, 1)), 0o644); err != nil {
		return err
	}
	return command(filepath.Join(work, "go"), "go", "build", "-o", "../bin/"+v.program, "./"+v.program)
}

// addOurs writes with.json: the servers of peers.json and Flyleaf's relay.
func addOurs(work, server string) error {
	b, err := os.ReadFile(filepath.Join(work, "peers.json"))
	if err != nil {
		return err
	}
	var peers []map[string]any
	if err := json.Unmarshal(b, &peers); err != nil {
		return err
	}
	peers = append([]map[string]any{{
		"name": ours, "proto": "am", "cmd": []string{server},
		"env": []string{"SYNCSERVER_LISTEN=127.0.0.1:$PORT", "SYNCSERVER_DATA=$DATA_DIR", "SYNCSERVER_OPEN=true"},
	}}, peers...)
	if b, err = json.MarshalIndent(peers, "", "  "); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(work, "with.json"), b, 0o644)
}

// measure runs the loads one after the other and appends their output to the file of results.
// Earlier results of the same load and server are dropped.
func measure(o options, rowsFile string) error {
	for _, load := range strings.Split(o.loads, ",") {
		letter, size := load[:1], load[1:]
		args := []string{"-loads", letter, "-file", "with.json", "-runs", fmt.Sprint(o.runs)}
		switch {
		case letter == "A" && size != "":
			args = append(args, "-sizes", size)
		case letter == "B" && size != "":
			args = append(args, "-posts", size)
		}
		// One server at a time, so that results are kept if a later server fails or the run is
		// interrupted.
		for _, peer := range strings.Split(o.peers, ",") {
			if err := measureOne(o.work, "load", rowsFile, "", peer, args); err != nil {
				return err
			}
			for _, v := range variants {
				if !o.variants || v.load != letter {
					continue
				}
				if err := measureOne(o.work, v.program, rowsFile, v.suffix, peer, args); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

func measureOne(work, program, rowsFile, suffix, peer string, args []string) error {
	fmt.Fprintln(os.Stderr, "bench:", program, peer, strings.Join(args, " "))
	c := exec.Command("taskset", append([]string{"-c", "1", "bin/" + program, "-peers", peer}, args...)...)
	c.Dir, c.Stderr = work, os.Stderr
	printed, err := c.Output()
	if err != nil {
		return fmt.Errorf("load on %s: %w", peer, err)
	}
	now, err := parseRows(printed)
	if err != nil {
		return err
	}
	for i := range now {
		now[i].Load += suffix
	}
	all, err := readRows(rowsFile)
	if err != nil {
		return err
	}
	all = slices.DeleteFunc(all, func(old row) bool {
		return slices.ContainsFunc(now, func(n row) bool { return n.key() == old.key() && n.Peer == old.Peer })
	})
	return writeRows(rowsFile, append(all, now...))
}

func missing(dir, name string) bool {
	_, err := os.Stat(filepath.Join(dir, name))
	return err != nil
}

func command(dir, name string, args ...string) error {
	fmt.Fprintln(os.Stderr, "bench:", name, strings.Join(args, " "))
	c := exec.Command(name, args...)
	c.Dir, c.Stdout, c.Stderr = dir, os.Stderr, os.Stderr
	if err := c.Run(); err != nil {
		return fmt.Errorf("%s %s in %s: %w", name, strings.Join(args, " "), dir, err)
	}
	return nil
}

// copyTree copies files over existing ones and makes them writable. It skips files left by npm
// and by earlier runs.
func copyTree(from, to string) error {
	return filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		if d.IsDir() {
			if slices.Contains([]string{"node_modules", "results", "data", "bin", "fixtures"}, rel) {
				return filepath.SkipDir
			}
			return os.MkdirAll(filepath.Join(to, rel), 0o755)
		}
		if !d.Type().IsRegular() {
			return nil
		}
		src, err := os.Open(path)
		if err != nil {
			return err
		}
		defer src.Close()
		dst, err := os.OpenFile(filepath.Join(to, rel), os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o644)
		if err != nil {
			return err
		}
		if _, err := io.Copy(dst, src); err != nil {
			return errors.Join(err, dst.Close())
		}
		return dst.Close()
	})
}
