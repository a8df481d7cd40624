// Package browsertest runs tests in real browsers: in Chromium, and some also in Firefox and WebKit.
package browsertest

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// patience bounds the time a browser may take for one test. It is far more than any test needs.
const patience = 10 * time.Minute

// Start starts Chromium with a profile of its own. It ends with the test. If Chromium is
// missing, the test is skipped, or fails if FLYLEAF_REQUIRE_ALL is set.
func Start(t testing.TB, options ...chromedp.ExecAllocatorOption) context.Context {
	t.Helper()
	path := Program(t)
	if testing.Short() {
		t.Skip("a browser is slow; run without -short")
	}
	opts := append([]chromedp.ExecAllocatorOption{}, chromedp.DefaultExecAllocatorOptions[:]...)
	opts = append(opts, chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.DisableGPU,
		chromedp.Flag("disable-background-networking", true), chromedp.Flag("disable-component-update", true),
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-dev-shm-usage", true),
		chromedp.Flag("no-proxy-server", true), chromedp.UserDataDir(t.TempDir()))
	ctx, cancel := chromedp.NewExecAllocator(context.Background(), append(opts, options...)...)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	if err := chromedp.Do(ctx); err != nil { // starts it here, so that it lasts longer than the context below
		t.Fatal(err)
	}
	t.Cleanup(func() { logPage(t, ctx) })
	bounded, cancel := context.WithTimeout(ctx, patience)
	t.Cleanup(cancel)
	return bounded
}

// logPage logs what the page shows when a test has failed: what it waited for may be on another page.
func logPage(t testing.TB, ctx context.Context) {
	if !t.Failed() {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	text, err := chromedp.Run(ctx, chromedp.Evaluate[string](`location.href + ": " + (document.body?.innerText ?? "")`))
	t.Logf("at the end, the page was %.2500q (%v)", text, err)
}

// Program returns the path of Chromium. If it is missing, the test is skipped, or fails if
// FLYLEAF_REQUIRE_ALL is set.
func Program(t testing.TB) string {
	t.Helper()
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "chrome"} {
		if p, err := exec.LookPath(name); err == nil {
			return p
		}
	}
	missing(t, "Chromium", "chromium")
	return ""
}

// Wasm is the tests of a package, built for js/wasm and served to a browser.
type Wasm struct {
	URL string // a page that runs the tests; their arguments follow #, separated by spaces
	ctx context.Context
}

// BuildWasm builds the tests of the package in the working directory for js/wasm.
func BuildWasm(t testing.TB, ctx context.Context) *Wasm {
	t.Helper()
	dir := t.TempDir()
	build := exec.Command("go", "test", "-c", "-o", filepath.Join(dir, "test.wasm"), ".")
	build.Env = append(os.Environ(), "GOOS=js", "GOARCH=wasm")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("building the tests for a browser: %v\n%s", err, out)
	}
	out, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		t.Fatal(err)
	}
	support := filepath.Join(strings.TrimSpace(string(out)), "lib", "wasm", "wasm_exec.js")
	w := &Wasm{ctx: ctx}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(rw http.ResponseWriter, _ *http.Request) {
		rw.Header().Set("Content-Type", "text/html; charset=utf-8")
		fmt.Fprint(rw, "<!doctype html><title>tests</title><script src=wasm_exec.js></script><script src=run.js></script>")
	})
	script := func(path, content string) {
		mux.HandleFunc("GET /"+path, func(rw http.ResponseWriter, _ *http.Request) {
			rw.Header().Set("Content-Type", "text/javascript")
			fmt.Fprint(rw, content)
		})
	}
	script("run.js", runScript)
	script("worker.js", "importScripts('wasm_exec.js', 'run.js')")
	mux.HandleFunc("GET /wasm_exec.js", func(rw http.ResponseWriter, r *http.Request) { http.ServeFile(rw, r, support) })
	mux.HandleFunc("GET /test.wasm", func(rw http.ResponseWriter, r *http.Request) {
		rw.Header().Set("Content-Type", "application/wasm")
		http.ServeFile(rw, r, filepath.Join(dir, "test.wasm"))
	})
	srv := httptest.NewServer(mux)
	t.Cleanup(srv.Close)
	w.URL = srv.URL + "/"
	return w
}

// runScript runs the tests in a page, or in a worker whose URL has the arguments after #. It
// stores their output and exit code in globals.
const runScript = `
globalThis.printed = ""; globalThis.exitCode = -1;
const decoder = new TextDecoder();
globalThis.fs.writeSync = (_, b) => { globalThis.printed += decoder.decode(b, {stream: true}); return b.length; };
globalThis.fs.write = (fd, b, offset, length, _, done) => { globalThis.fs.writeSync(fd, b.subarray(offset, offset + length)); done(null, length); };
(async () => {
  const go = new Go();
  go.argv = ["tests", ...decodeURIComponent(location.hash.slice(1)).split(" ").filter(Boolean)];
  go.exit = code => { globalThis.exitCode = code; };
  const {instance} = await WebAssembly.instantiateStreaming(fetch("test.wasm"), go.importObject);
  await go.run(instance);
  if (globalThis.exitCode < 0) globalThis.exitCode = 0;
})().catch(e => { globalThis.printed += e.stack || e; globalThis.exitCode = 1; });
`

// Run runs a test of the package, by its name, in a page of Chromium.
func (w *Wasm) Run(t *testing.T, name string) {
	t.Run(name, func(t *testing.T) { w.runIn(t, Chromium(w.ctx), name) })
}

// RunInAll runs tests in Chromium, Firefox and WebKit.
func (w *Wasm) RunInAll(t *testing.T, names ...string) {
	for engine, start := range map[string]func(t *testing.T) *Window{
		"Chromium": func(*testing.T) *Window { return Chromium(w.ctx) },
		"Firefox":  func(t *testing.T) *Window { return Firefox(t, t.TempDir()) },
		"WebKit":   func(t *testing.T) *Window { return WebKit(t, t.TempDir()) },
	} {
		t.Run(engine, func(t *testing.T) {
			in := start(t)
			for _, name := range names {
				t.Run(name, func(t *testing.T) { w.runIn(t, in, name) })
			}
		})
	}
}

// runIn runs a test in a page, logs its output, and fails if the test fails or does not run.
func (w *Wasm) runIn(t *testing.T, in *Window, name string) {
	// Open another page first, because a change after # alone does not reload the page.
	in.Open(t, "about:blank")
	in.Open(t, w.URL+"#-test.v%20-test.run=^"+name+"$")
	for {
		code, err := Eval[int](t, in, "globalThis.exitCode")
		printed, err2 := Eval[string](t, in, "globalThis.printed")
		switch {
		case err != nil || err2 != nil:
			t.Fatalf("%v\n%s", errors.Join(err, err2), printed)
		case code < 0:
			time.Sleep(50 * time.Millisecond) // polling interval
		case code > 0 || !strings.Contains(printed, "--- PASS: "+name+" "):
			t.Fatalf("the test failed in the browser or did not run (exit code %d):\n%s", code, printed)
		default:
			t.Log(printed)
			return
		}
	}
}

// Axe returns the script of axe-core, which finds faults that keep people out of a page; "" if it is not installed.
func Axe(t testing.TB) string {
	t.Helper()
	_, here, _, _ := runtime.Caller(0)
	script, err := os.ReadFile(filepath.Join(filepath.Dir(here), "..", "..", "e2e", "js", "node_modules", "axe-core", "axe.min.js"))
	if errors.Is(err, fs.ErrNotExist) {
		const what = "axe-core is missing: run npm ci in e2e/js"
		if os.Getenv("FLYLEAF_REQUIRE_ALL") != "" {
			t.Fatal(what)
		}
		t.Log("NOT TESTED: " + what)
		return ""
	}
	if err != nil {
		t.Fatal(err)
	}
	return string(script)
}
