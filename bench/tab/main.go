// Tab measures Flyleaf in a browser tab, in a real Chromium with an empty profile, served by a real
// relay on this machine:
//
//   - what is transferred until a page can be used, compressed, and before the first readable page;
//   - how long it takes from opening a link until the question box can be used, with nothing cached
//     and from the cache, and from the running program after the browser has ended the worker;
//   - an event of many posts: fetching it (all signatures and permissions checked, everything stored),
//     opening it again, and how much more memory the browser's page and worker processes have than with
//     an empty page;
//   - beside it, fetching and storing the same event with automerge-repo's own browser client, which
//     checks no signatures, from the same relay in the same browser. It needs Node and
//     `npm ci` in e2e/js; without them this column says "-".
//
// The app is compressed as a release is (-fast: as make run compresses it). With -before, an
// earlier commit is measured too, in turns with this one: on a machine that is also doing other
// work, only the ratio of the two is meaningful.
//
//	go run ./bench/tab -posts 100,10000 -runs 3
//	go run ./bench/tab -before 8739f55 -fast
package main

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/serviceworker"
	"github.com/chromedp/chromedp"
)

const patience = 10 * time.Minute

func main() {
	posts := flag.String("posts", "100,10000", "how many posts, `comma-separated`")
	runs := flag.Int("runs", 3, "runs of each")
	fast := flag.Bool("fast", false, "compress the app less")
	before := flag.String("before", "", "an earlier `commit`, which is measured too")
	out := flag.String("out", "bench/TAB.md", "where the table goes")
	flag.Parse()
	if err := run(*posts, *runs, *fast, *before, *out); err != nil {
		fmt.Fprintln(os.Stderr, "tab:", err)
		os.Exit(1)
	}
}

// result is what was measured in one run.
type result struct {
	firstBytes, allBytes int64   // transferred before the page of the link can be read, and until it can be used
	fresh, cached, ended float64 // seconds until the question box can be used
	served               float64 // seconds until the page's first byte, after the worker was ended
	page                 float64 // seconds to the loaded page, from the running worker
	pull                 float64 // seconds from opening the link until every post is stored
	repo                 float64 // the same with automerge-repo's client; 0: not measured
	memory               int     // MiB of all renderer processes, afterwards, more than with an empty page
}

// version is a build of the app and the relay.
type version struct{ name, web, relay string }

// build builds the commit that is checked out in dir, into the directory out.
func build(name, dir, out string, fast bool) (version, error) {
	v := version{name, filepath.Join(out, "web"), filepath.Join(out, "syncserver")}
	args := []string{"-C", dir, "run", "./internal/buildweb", "-out", v.web}
	if fast {
		args = append(args, "-fast")
	}
	if err := command("go", args...); err != nil {
		return v, err
	}
	return v, command("go", "-C", dir, "build", "-o", v.relay, "./cmd/syncserver")
}

// builds returns the versions to measure, built in the directory work.
func builds(work string, fast bool, before string) (all []version, err error) {
	if before != "" {
		dir := filepath.Join(work, "before")
		if err := command("git", "worktree", "add", "--detach", dir, before); err != nil {
			return nil, err
		}
		defer func() { err = errors.Join(err, command("git", "worktree", "remove", "--force", dir)) }()
		v, err := build(before, dir, filepath.Join(work, "0"), fast)
		if err != nil {
			return nil, err
		}
		all = append(all, v)
	}
	v, err := build("this one", ".", filepath.Join(work, "1"), fast)
	return append(all, v), err
}

func run(posts string, runs int, fast bool, before, out string) error {
	work, err := os.MkdirTemp("", "flyleaf-bench-tab")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	versions, err := builds(work, fast, before)
	if err != nil {
		return err
	}
	repo := bundleRepo(work)
	var b strings.Builder
	b.WriteString("# Flyleaf in a browser tab\n\nWritten by `go run ./bench/tab`; its first lines say what is measured. All runs, in seconds unless said otherwise.\n\n" +
		"| posts | version | before the page can be read, KB | until it can be used, KB | link to question box, nothing cached | from the cache | worker ended to first byte | to question box | loaded page, worker running | all posts fetched and stored | the same with automerge-repo | memory, MiB more than an empty page |\n" +
		"|---|---|---|---|---|---|---|---|---|---|---|---|\n")
	for _, text := range strings.Split(posts, ",") {
		n, err := strconv.Atoi(text)
		if err != nil {
			return err
		}
		data := filepath.Join(work, "relay-"+text)
		if err := os.MkdirAll(data, 0o700); err != nil {
			return err
		}
		id, err := exec.Command("go", "run", "./bench/event", "-posts", text, "-reactions", "0", "-make", filepath.Join(data, "relay.db")).Output()
		if err != nil {
			return fmt.Errorf("making an event of %d posts: %w", n, err)
		}
		all := map[version][]result{}
		for range runs {
			for _, v := range versions {
				r, err := measure(v.relay, v.web, data, repo, strings.TrimSpace(string(id)), n)
				if err != nil {
					return fmt.Errorf("%d posts: %w", n, err)
				}
				fmt.Fprintf(os.Stderr, "tab: %s, %d posts: %+v\n", v.name, n, r)
				all[v] = append(all[v], r)
			}
		}
		for _, v := range versions {
			b.WriteString(row(n, v.name, repo, all[v]))
		}
	}
	load, _ := os.ReadFile("/proc/loadavg") // not on every system
	fmt.Fprintf(&b, "\nMeasured on %s/%s, %d cores, %s, on %s. Relay, browser and page share the cores; the load average at the end was %q.\n",
		runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), runtime.Version(), time.Now().UTC().Format("2 January 2006"), strings.TrimSpace(string(load)))
	return os.WriteFile(out, []byte(b.String()), 0o644)
}

// row returns the row of the table for all runs of one version.
func row(posts int, version, repo string, all []result) string {
	column := func(of func(result) string) string {
		var values []string
		for _, r := range all {
			values = append(values, of(r))
		}
		return strings.Join(slices.Compact(values), ", ")
	}
	seconds := func(of func(result) float64) string {
		return column(func(r result) string { return fmt.Sprintf("%.2f", of(r)) })
	}
	return fmt.Sprintf("| %d | %s | %s | %s | %s | %s | %s | %s | %s | %s | %s | %s |\n", posts, version,
		column(func(r result) string { return fmt.Sprint(r.firstBytes / 1000) }),
		column(func(r result) string { return fmt.Sprint(r.allBytes / 1000) }),
		seconds(func(r result) float64 { return r.fresh }), seconds(func(r result) float64 { return r.cached }),
		seconds(func(r result) float64 { return r.served }), seconds(func(r result) float64 { return r.ended }),
		seconds(func(r result) float64 { return r.page }), seconds(func(r result) float64 { return r.pull }), repoSeconds(column, repo),
		column(func(r result) string { return fmt.Sprint(r.memory) }))
}

func repoSeconds(column func(func(result) string) string, repo string) string {
	if repo == "" {
		return "-"
	}
	return column(func(r result) string { return fmt.Sprintf("%.2f", r.repo) })
}

// bundleRepo returns the script of a page with automerge-repo's client; "" when the tools for it are
// missing.
func bundleRepo(work string) string {
	script := filepath.Join(work, "pull.js")
	c := exec.Command(filepath.Join("node_modules", ".bin", "esbuild"), "pull.mjs", "--bundle", "--minify", "--format=esm", "--target=esnext", "--conditions=webpack", "--outfile="+script)
	c.Dir = filepath.Join("e2e", "js")
	if out, err := c.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "tab: automerge-repo is not measured: %v\n%s", err, out)
		return ""
	}
	return script
}

// pullWithRepo returns how many seconds automerge-repo's client takes from opening its page until the
// document has all posts and they are stored.
func pullWithRepo(ctx context.Context, script, relay, event string, posts int) (float64, error) {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /pull.js", func(w http.ResponseWriter, r *http.Request) { http.ServeFile(w, r, script) })
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		io.WriteString(w, `<!doctype html><title>pull</title><script type="module" src="pull.js"></script>`)
	})
	srv := httptest.NewServer(mux)
	defer srv.Close()
	address := fmt.Sprintf("%s/#%s,%s,%d", srv.URL, relay, event, posts)
	return until(ctx, address, `document.title === "stored"`)
}

func command(name string, args ...string) error {
	c := exec.Command(name, args...)
	c.Stdout, c.Stderr = os.Stderr, os.Stderr
	return c.Run()
}

// site is a relay behind a proxy that counts what it serves.
type site struct {
	url   string
	relay string // the relay itself, ws://HOST:PORT
	bytes atomic.Int64
	// first counts the bytes that a reader needs to see the page of the link: those of its files
	// that were served before the worker requested them again.
	first    atomic.Int64
	readable atomic.Bool
}

type countingBody struct {
	io.ReadCloser
	n *atomic.Int64
}

func (b countingBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.n.Add(int64(n))
	return n, err
}

func serve(relay, web, data string) (*site, func(), error) {
	c := exec.Command(relay, "--listen", "127.0.0.1:0", "--data", data, "--web="+web)
	out, err := c.StdoutPipe()
	if err != nil {
		return nil, nil, err
	}
	c.Stderr = os.Stderr
	if err := c.Start(); err != nil {
		return nil, nil, err
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		return nil, nil, err
	}
	target, err := url.Parse(strings.Replace(strings.TrimSpace(line[strings.LastIndex(line, " ")+1:]), "ws:", "http:", 1))
	if err != nil {
		return nil, nil, err
	}
	s := &site{relay: "ws://" + target.Host}
	proxy := httputil.NewSingleHostReverseProxy(target)
	proxy.Transport = &http.Transport{DisableCompression: true}
	proxy.ModifyResponse = func(r *http.Response) error {
		if r.StatusCode == http.StatusSwitchingProtocols {
			return nil
		}
		r.Body = countingBody{r.Body, &s.bytes}
		if r.Request.URL.Path == "/sw.js" {
			s.readable.Store(true)
		}
		// The page can be read with its style sheets and the script that loads the rest.
		if p := r.Request.URL.Path; strings.HasPrefix(p, "/join/") || strings.HasSuffix(p, ".css") || p == "/boot.js" {
			if !s.readable.Load() {
				r.Body = countingBody{r.Body, &s.first}
			}
		}
		return nil
	}
	srv := httptest.NewServer(proxy)
	s.url = srv.URL
	return s, func() {
		srv.CloseClientConnections()
		srv.Close()
		_ = c.Process.Signal(syscall.SIGTERM)
		_ = c.Wait()
	}, nil
}

func measure(relay, web, data, repo, event string, posts int) (r result, err error) {
	s, stop, err := serve(relay, web, data)
	if err != nil {
		return r, err
	}
	defer stop()
	profile, err := os.MkdirTemp("", "flyleaf-bench-profile")
	if err != nil {
		return r, err
	}
	defer os.RemoveAll(profile)
	options := append(slices.Clone(chromedp.DefaultExecAllocatorOptions[:]), chromedp.NoSandbox, chromedp.DisableGPU,
		chromedp.Flag("disable-background-networking", true), chromedp.Flag("disable-dev-shm-usage", true),
		chromedp.Flag("no-proxy-server", true), chromedp.UserDataDir(profile))
	ctx, cancel := chromedp.NewExecAllocator(context.Background(), options...)
	defer cancel()
	ctx, cancel = chromedp.NewContext(ctx)
	defer cancel()
	ctx, cancel = context.WithTimeout(ctx, patience)
	defer cancel()
	if _, err := chromedp.Run(ctx, chromedp.Navigate("about:blank")); err != nil {
		return r, err
	}

	week := s.url + "/e/" + event
	empty := renderers(profile)
	began := time.Now()
	if r.fresh, err = until(ctx, s.url+"/join/"+event, usable); err != nil {
		return r, fmt.Errorf("opening the link: %w", err)
	}
	r.firstBytes, r.allBytes = s.first.Load(), s.bytes.Load()
	// Each look is a request that the tab's program answers before it goes on, so there is one a second.
	if err := waitFor(ctx, time.Second, fmt.Sprintf(`fetch("/sync").then(r => r.text()).then(t => t.includes("<dd>%d posts"))`, posts)); err != nil {
		return r, fmt.Errorf("fetching all posts: %w", err)
	}
	r.pull = time.Since(began).Seconds()
	r.memory = renderers(profile) - empty
	if repo != "" {
		if r.repo, err = pullWithRepo(ctx, repo, s.relay, event, posts); err != nil {
			return r, fmt.Errorf("fetching all posts with automerge-repo: %w", err)
		}
	}

	if err := endWorkers(ctx); err != nil {
		return r, err
	}
	if r.cached, err = until(ctx, week, usable); err != nil {
		return r, err
	}
	if err := endWorkers(ctx); err != nil {
		return r, err
	}
	if r.ended, err = until(ctx, week, usable); err != nil {
		return r, err
	}
	const timing = `performance.getEntriesByType("navigation")[0]`
	if r.served, err = evaluate[float64](ctx, timing+".responseStart / 1000"); err != nil {
		return r, err
	}
	if _, err := until(ctx, week, timing+".loadEventEnd > 0"); err != nil {
		return r, err
	}
	r.page, err = evaluate[float64](ctx, timing+".loadEventEnd / 1000")
	return r, err
}

// usable is true in a page whose question box accepts input.
const usable = `!!document.querySelector("#q") && document.readyState !== "loading"`

func evaluate[T any](ctx context.Context, script string) (T, error) {
	return chromedp.Run(ctx, chromedp.Evaluate[T](script))
}

// until opens an address and returns how many seconds passed until a condition holds there.
func until(ctx context.Context, address, condition string) (float64, error) {
	if _, err := chromedp.Run(ctx, chromedp.Navigate("about:blank")); err != nil {
		return 0, err
	}
	began := time.Now()
	if _, err := evaluate[bool](ctx, fmt.Sprintf("location.href = %q, true", address)); err != nil {
		return 0, err
	}
	err := waitFor(ctx, 10*time.Millisecond, `location.protocol !== "about:" && `+condition)
	return time.Since(began).Seconds(), err
}

// waitFor waits until a condition holds in the page. The page may navigate while it waits.
func waitFor(ctx context.Context, pause time.Duration, condition string) error {
	for {
		ok, err := chromedp.Run(ctx, chromedp.Evaluate[bool](condition, chromedp.EvalAwaitPromise))
		if err == nil && ok {
			return nil
		}
		if ctx.Err() != nil {
			return errors.Join(ctx.Err(), err)
		}
		time.Sleep(pause) // between two polls
	}
}

func endWorkers(ctx context.Context) error {
	_, err := chromedp.Run(ctx, func(ctx context.Context, target *chromedp.Target) (chromedp.Void, error) {
		if _, err := cdp.Call(ctx, target, serviceworker.Enable, cdp.Empty{}); err != nil {
			return chromedp.Void{}, err
		}
		_, err := cdp.Call(ctx, target, serviceworker.StopAllWorkers, cdp.Empty{})
		return chromedp.Void{}, err
	})
	return err
}

var pss = regexp.MustCompile(`(?m)^Pss:\s+(\d+) kB`)

// renderers returns the memory of the browser's processes that run pages and workers, in MiB.
// Shared memory is divided among the processes (PSS). 0: the system does not report it.
func renderers(profile string) int {
	kib := 0
	dirs, _ := filepath.Glob("/proc/[0-9]*") // the pattern is well formed
	for _, dir := range dirs {
		line, err := os.ReadFile(filepath.Join(dir, "cmdline"))
		if err != nil || !strings.Contains(string(line), "--type=renderer") || !strings.Contains(string(line), profile) {
			continue
		}
		rollup, err := os.ReadFile(filepath.Join(dir, "smaps_rollup"))
		if m := pss.FindSubmatch(rollup); err == nil && m != nil {
			n, _ := strconv.Atoi(string(m[1]))
			kib += n
		}
	}
	return kib >> 10
}
