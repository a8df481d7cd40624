// Pages measures the pages of an event with thousands of questions on the desktop, in a real Chromium:
// the inbox of an author, the page of the week and the winners page.
//
//   - what each page transfers, and how long it takes to load;
//   - in the inbox, the time from "Answer" until the next question can be answered;
//   - on the page of the week, the time from "Ask" until the program has saved the question, until it is
//     in the window, and the time from "me too" until the button shows the vote;
//   - while another device posts through a relay: the time from each key typed into a text box to the
//     next picture, whether a character is lost, how far the box moves, and how many requests the page sends.
//
// The baseline is the first page of the inbox as it was served, without its scripts, from a server
// that does nothing else. It is loaded and typed into in the same run.
//
// The event is made by bench/event: questions of many people, with one vote each, none answered. The device
// under test belongs to its founder, who is also an author.
//
//	go run ./bench/pages -questions 3000,5500
//	go run ./bench/pages -before 8739f55
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"
)

const patience = 15 * time.Minute

type options struct {
	rate, keys, runs int
}

func main() {
	questions := flag.String("questions", "3000,5500", "how many questions, `comma-separated`")
	before := flag.String("before", "", "an earlier `commit`, which is measured too")
	out := flag.String("out", "bench/PAGES.md", "where the tables go")
	var o options
	flag.IntVar(&o.rate, "rate", 50, "posts a second that arrive while somebody types")
	flag.IntVar(&o.keys, "keys", 150, "keys typed into each page, ten a second")
	flag.IntVar(&o.runs, "runs", 3, "repetitions of what does not depend on typing")
	flag.Parse()
	if err := run(*questions, *before, *out, o); err != nil {
		fmt.Fprintln(os.Stderr, "pages:", err)
		os.Exit(1)
	}
}

// version is a build of the programs, and what was measured of it.
type version struct {
	name, bin string
	results   []result
}

func build(name, dir, bin string) (*version, error) {
	for program, pkg := range map[string]string{"flyleaf": "./cmd/app", "syncserver": "./cmd/syncserver"} {
		if err := command("go", "-C", dir, "build", "-o", filepath.Join(bin, program), pkg); err != nil {
			return nil, err
		}
	}
	return &version{name: name, bin: bin}, nil
}

// builds returns the versions to measure, built in the directory work.
func builds(work, before string) (all []*version, err error) {
	if before != "" {
		dir := filepath.Join(work, "before")
		if err := command("git", "worktree", "add", "--detach", dir, before); err != nil {
			return nil, err
		}
		defer func() { err = errors.Join(err, command("git", "worktree", "remove", "--force", dir)) }()
		v, err := build(before, dir, filepath.Join(work, "0"))
		if err != nil {
			return nil, err
		}
		all = append(all, v)
	}
	v, err := build("this one", ".", filepath.Join(work, "1"))
	return append(all, v), err
}

func run(questions, before, out string, o options) error {
	work, err := os.MkdirTemp("", "flyleaf-bench-pages")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	versions, err := builds(work, before)
	if err != nil {
		return err
	}
	for _, text := range strings.Split(questions, ",") {
		n, err := strconv.Atoi(text)
		if err != nil {
			return err
		}
		dir := filepath.Join(work, text)
		e, err := makeEvent(dir, n)
		if err != nil {
			return fmt.Errorf("making an event of %d questions: %w", n, err)
		}
		for _, v := range versions {
			r, err := measure(v.bin, filepath.Join(dir, filepath.Base(v.bin)), e, o)
			if err != nil {
				return fmt.Errorf("%s, %d questions: %w", v.name, n, err)
			}
			fmt.Fprintf(os.Stderr, "pages: %s, %d questions: measured\n", v.name, n)
			v.results = append(v.results, r)
		}
	}
	return os.WriteFile(out, []byte(tables(versions, o)), 0o644)
}

// event is a made event, in a relay's data directory.
type event struct {
	questions         int
	id, relayData     string
	founder, relayURL string // the founder's recovery phrase; the relay, once it runs
}

func makeEvent(dir string, questions int) (event, error) {
	e := event{questions: questions, relayData: filepath.Join(dir, "relay")}
	if err := os.MkdirAll(e.relayData, 0o700); err != nil {
		return e, err
	}
	phrase := filepath.Join(dir, "founder")
	id, err := exec.Command("go", "run", "./bench/event", "-posts", strconv.Itoa(questions), "-reactions", "1", "-people", strconv.Itoa(questions/4),
		"-make", filepath.Join(e.relayData, "relay.db"), "-founder", phrase).Output()
	if err != nil {
		return e, err
	}
	b, err := os.ReadFile(phrase)
	e.id, e.founder = strings.TrimSpace(string(id)), string(b)
	return e, err
}

func command(name string, args ...string) error {
	c := exec.Command(name, args...)
	c.Stdout, c.Stderr = os.Stderr, os.Stderr
	return c.Run()
}

// spread is the median and the maximum of some times in seconds.
func spread(v []float64) string {
	v = slices.Sorted(slices.Values(v))
	if len(v) == 0 {
		return "-"
	}
	return fmt.Sprintf("%.2f (%.2f)", v[len(v)/2], v[len(v)-1])
}

// quantile returns the value below which a share of the sorted values lies.
func quantile(v []float64, share float64) float64 {
	if len(v) == 0 {
		return 0
	}
	v = slices.Sorted(slices.Values(v))
	return v[min(int(share*float64(len(v))), len(v)-1)]
}

func tables(versions []*version, o options) string {
	var b strings.Builder
	fmt.Fprintf(&b, `# The pages of a large event

Written by `+"`go run ./bench/pages`"+`; its first lines say what is measured. Seconds: the median, and in brackets the maximum.

| questions | version | page | KB | load, s | height, px |
|---|---|---|---|---|---|
`)
	each := func(fn func(*version, *result)) {
		for i := range versions[0].results {
			for _, v := range versions {
				fn(v, &v.results[i])
			}
		}
	}
	each(func(v *version, r *result) {
		for _, p := range r.pages {
			fmt.Fprintf(&b, "| %d | %s | %s | %d | %s | %d |\n", r.questions, v.name, p.name, p.bytes/1000, spread(p.loads), p.height)
		}
	})
	b.WriteString("\n| questions | version | answer and next, s | own question saved, s | in the window, s | on page | vote answered, s | memory of the program at the end, MB | most |\n|---|---|---|---|---|---|---|---|---|\n")
	each(func(v *version, r *result) {
		fmt.Fprintf(&b, "| %d | %s | %s | %s | %s | %s | %s | %s | %s |\n", r.questions, v.name,
			spread(r.next), spread(r.saved), spread(r.visible), r.page, spread(r.vote), r.memory[0], r.memory[1])
	})
	fmt.Fprintf(&b, `
%d keys typed into each page, ten a second, while another device posts up to %d questions a second. "quiet" is before it begins.

| questions | version | page | posts a second | key to picture, ms: median | 99th percentile | most | characters lost | box moved, px | requests of the page | KB |
|---|---|---|---|---|---|---|---|---|---|---|
`, o.keys, o.rate)
	each(func(v *version, r *result) {
		for _, t := range r.typing {
			fmt.Fprintf(&b, "| %d | %s | %s | %s | %.0f | %.0f | %.0f | %d | %.0f | %d | %d |\n", r.questions, v.name, t.page, t.rate,
				quantile(t.Keys, 0.5), quantile(t.Keys, 0.99), quantile(t.Keys, 1), o.keys-t.Typed, t.Moved, t.Requests, t.Bytes/1000)
		}
	})
	load, _ := os.ReadFile("/proc/loadavg") // not on every system
	fmt.Fprintf(&b, "\nMeasured on %s/%s, %d cores, %s, on %s. The relay, both devices and the browser share the cores; the load average at the end was %q.\n",
		runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), runtime.Version(), time.Now().UTC().Format("2 January 2006"), strings.TrimSpace(string(load)))
	return b.String()
}

// within returns a context that ends after patience.
func within() (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.Background(), patience)
}
