package browsertest

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
	"github.com/gorilla/websocket"
)

// Window is a window of a browser. It can do what the automation interface of every browser can.
type Window struct {
	open  func(ctx context.Context, url string) error
	eval  func(ctx context.Context, script string) (string, error)
	click func(ctx context.Context, selector string) error
	keys  func(ctx context.Context, selector, text string) error // types into an element that has the focus
	phone func(ctx context.Context) error
	close func()
	// offline takes the network from the browser, or gives it back; nil if the automation interface
	// of the browser cannot do that.
	offline func(ctx context.Context, offline bool) error
}

// The size of a phone's screen, in CSS pixels.
const phoneWidth, phoneHeight = 390, 844

// Open opens an address and waits until the page has loaded.
func (w *Window) Open(t testing.TB, url string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := w.open(ctx, url); err != nil {
		t.Fatalf("opening %s: %v", url, err)
	}
}

// Eval runs an expression in the page and returns its value, which must be representable in JSON. A
// page that is being replaced meanwhile is an error, so callers that wait for a page try again.
func Eval[T any](t testing.TB, w *Window, expression string) (v T, err error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	text, err := w.eval(ctx, "JSON.stringify("+expression+")")
	if err != nil {
		return v, err
	}
	return v, json.Unmarshal([]byte(text), &v)
}

// Click clicks on the element with a CSS selector.
func (w *Window) Click(t testing.TB, selector string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := w.click(ctx, selector); err != nil {
		t.Fatalf("clicking on %s: %v", selector, err)
	}
}

// Type types a text into the field with a CSS selector, key by key.
func (w *Window) Type(t testing.TB, selector, text string) {
	t.Helper()
	w.Click(t, selector)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := w.keys(ctx, selector, text); err != nil {
		t.Fatalf("typing into %s: %v", selector, err)
	}
}

// SetOffline takes the network from the browser, or gives it back. It returns false if the browser's
// automation interface cannot do that.
func (w *Window) SetOffline(t testing.TB, offline bool) bool {
	t.Helper()
	if w.offline == nil {
		return false
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := w.offline(ctx, offline); err != nil {
		t.Fatalf("setting the browser offline (%t): %v", offline, err)
	}
	return true
}

// BePhone gives the window the size of a phone's screen, or at least a width of less than 480 CSS pixels.
func (w *Window) BePhone(t testing.TB) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := w.phone(ctx); err != nil {
		t.Fatalf("making the window as large as a phone: %v", err)
	}
}

// Close ends the browser, as closing its last window does.
func (w *Window) Close() { w.close() }

// missing skips the test, or fails it if FLYLEAF_REQUIRE_ALL is set.
func missing(t testing.TB, what, pkg string) {
	t.Helper()
	if os.Getenv("FLYLEAF_REQUIRE_ALL") != "" {
		t.Fatalf("%s is missing: install the package %s", what, pkg)
	}
	t.Skipf("SKIPPED, NOT TESTED: %s is missing (the package %s)", what, pkg)
}

// Chromium returns the window of a Chromium that Start has started.
func Chromium(ctx context.Context) *Window {
	run := func(steps ...chromedp.Action[chromedp.Void]) error {
		_, err := chromedp.Run(ctx, chromedp.Steps(steps...))
		return err
	}
	return &Window{
		open: func(_ context.Context, url string) error { return run(chromedp.Navigate(url)) },
		eval: func(_ context.Context, script string) (string, error) {
			return chromedp.Run(ctx, chromedp.Evaluate[string](script))
		},
		click:   func(_ context.Context, selector string) error { return run(chromedp.Click(selector)) },
		keys:    func(_ context.Context, selector, text string) error { return run(chromedp.SendKeys(selector, text)) },
		close:   func() { _ = chromedp.Cancel(ctx) },
		offline: func(_ context.Context, offline bool) error { return SetOffline(ctx, offline) },
		phone: func(context.Context) error {
			return run(chromedp.EmulateViewport(phoneWidth, phoneHeight, chromedp.EmulateMobile))
		},
	}
}

// Look gives a page in Chromium a size in CSS pixels, and its reader a dark or a light system.
func Look(ctx context.Context, width, height int64, dark bool) error {
	scheme := "light"
	if dark {
		scheme = "dark"
	}
	_, err := chromedp.Run(ctx, chromedp.Steps(chromedp.EmulateViewport(width, height), func(ctx context.Context, target *chromedp.Target) (chromedp.Void, error) {
		_, err := cdp.Call(ctx, target, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
			Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}},
		})
		return chromedp.Void{}, err
	}))
	return err
}

// SetOffline takes the network from a page in Chromium and its Service Worker, or gives it back.
func SetOffline(ctx context.Context, offline bool) error {
	_, err := chromedp.Run(ctx, func(ctx context.Context, target *chromedp.Target) (chromedp.Void, error) {
		_, err := cdp.Call(ctx, target, network.EmulateNetworkConditionsByRule, network.EmulateNetworkConditionsByRuleParams{
			EmulateOfflineServiceWorker: &offline,
			MatchedNetworkConditions:    []*network.Conditions{{Offline: offline, DownloadThroughput: -1, UploadThroughput: -1}},
		})
		if err == nil {
			_, err = cdp.Call(ctx, target, network.OverrideNetworkState, network.OverrideNetworkStateParams{Offline: offline, DownloadThroughput: -1, UploadThroughput: -1})
		}
		return chromedp.Void{}, err
	})
	return err
}

// Firefox starts a Firefox, driven over WebDriver BiDi. It keeps its data in the directory profile, so
// that a second start with the same directory finds it.
func Firefox(t testing.TB, profile string) *Window {
	t.Helper()
	if testing.Short() {
		t.Skip("a browser is slow; run without -short")
	}
	path, err := exec.LookPath("firefox-esr")
	if err != nil {
		if path, err = exec.LookPath("firefox"); err != nil {
			missing(t, "Firefox", "firefox-esr")
		}
	}
	cmd := exec.Command(path, "--headless", "--no-remote", "--profile", profile, "--remote-debugging-port", "0", "about:blank")
	cmd.Env = append(os.Environ(), "HOME="+t.TempDir(), "MOZ_DISABLE_CONTENT_SANDBOX=1")
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	address := make(chan string, 1)
	go func() {
		defer close(ended)
		lines := bufio.NewScanner(stderr)
		for lines.Scan() {
			if _, at, found := strings.Cut(lines.Text(), "WebDriver BiDi listening on "); found {
				address <- at
			}
		}
		_ = cmd.Wait()
	}()
	kill := func() {
		_ = cmd.Process.Kill()
		<-ended
	}
	t.Cleanup(kill)
	b := &bidi{}
	select {
	case at := <-address:
		if b.conn, _, err = websocket.DefaultDialer.DialContext(t.Context(), at+"/session", nil); err != nil {
			t.Fatal(err)
		}
	case <-ended:
		t.Fatal("Firefox ended before it could be driven")
	case <-time.After(patience):
		t.Fatal("Firefox did not start")
	}
	t.Cleanup(func() { _ = b.conn.Close() })
	if _, err := b.call(t.Context(), "session.new", map[string]any{"capabilities": map[string]any{}}); err != nil {
		t.Fatal(err)
	}
	tree, err := b.call(t.Context(), "browsingContext.getTree", map[string]any{})
	if err != nil {
		t.Fatal(err)
	}
	var contexts struct{ Contexts []struct{ Context string } }
	if err := json.Unmarshal(tree, &contexts); err != nil || len(contexts.Contexts) == 0 {
		t.Fatalf("Firefox has no window: %s, %v", tree, err)
	}
	window := contexts.Contexts[0].Context
	return &Window{
		open: func(ctx context.Context, url string) error {
			_, err := b.call(ctx, "browsingContext.navigate", map[string]any{"context": window, "url": url, "wait": "complete"})
			return err
		},
		eval: func(ctx context.Context, script string) (string, error) {
			result, err := b.call(ctx, "script.evaluate", map[string]any{
				"expression": script, "target": map[string]any{"context": window}, "awaitPromise": true,
			})
			if err != nil {
				return "", err
			}
			var r struct {
				Type             string
				Result           struct{ Value string }
				ExceptionDetails struct{ Text string }
			}
			if err := json.Unmarshal(result, &r); err != nil {
				return "", err
			}
			if r.Type != "success" {
				return "", errors.New(r.ExceptionDetails.Text)
			}
			return r.Result.Value, nil
		},
		click: func(ctx context.Context, selector string) error {
			found, err := b.call(ctx, "browsingContext.locateNodes", map[string]any{
				"context": window, "locator": map[string]any{"type": "css", "value": selector}, "maxNodeCount": 1,
			})
			if err != nil {
				return err
			}
			var r struct{ Nodes []struct{ SharedID string } }
			if err := json.Unmarshal(found, &r); err != nil || len(r.Nodes) == 0 {
				return fmt.Errorf("no element: %w", err)
			}
			element := map[string]any{"sharedId": r.Nodes[0].SharedID}
			if _, err := b.call(ctx, "script.callFunction", map[string]any{
				"functionDeclaration": `e => e.scrollIntoView({block: "center", behavior: "instant"})`, "arguments": []any{element},
				"target": map[string]any{"context": window}, "awaitPromise": false,
			}); err != nil {
				return err
			}
			return b.act(ctx, window, "pointer",
				map[string]any{"type": "pointerMove", "x": 0, "y": 0, "origin": map[string]any{"type": "element", "element": element}},
				map[string]any{"type": "pointerDown", "button": 0}, map[string]any{"type": "pointerUp", "button": 0})
		},
		keys: func(ctx context.Context, _, text string) error {
			var keys []any
			for _, r := range text {
				keys = append(keys, map[string]any{"type": "keyDown", "value": string(r)}, map[string]any{"type": "keyUp", "value": string(r)})
			}
			return b.act(ctx, window, "key", keys...)
		},
		offline: func(ctx context.Context, offline bool) error {
			var conditions any
			if offline {
				conditions = map[string]any{"type": "offline"}
			}
			_, err := b.call(ctx, "emulation.setNetworkConditions", map[string]any{"networkConditions": conditions})
			return err
		},
		phone: func(ctx context.Context) error {
			_, err := b.call(ctx, "browsingContext.setViewport", map[string]any{
				"context": window, "viewport": map[string]any{"width": phoneWidth, "height": phoneHeight},
			})
			return err
		},
		close: func() {
			// Firefox writes to the disk what it keeps before it ends.
			_, _ = b.call(context.Background(), "browser.close", map[string]any{})
			select {
			case <-ended:
			case <-time.After(patience):
				kill()
			}
		},
	}
}

// bidi is a connection that speaks WebDriver BiDi, https://w3c.github.io/webdriver-bidi/.
type bidi struct {
	conn *websocket.Conn
	last int
}

// act does actions with one input device, a pointer or a keyboard.
func (b *bidi) act(ctx context.Context, window, device string, actions ...any) error {
	_, err := b.call(ctx, "input.performActions", map[string]any{
		"context": window, "actions": []any{map[string]any{"type": device, "id": device, "actions": actions}},
	})
	return err
}

// call sends a command and returns its result. Events are ignored.
func (b *bidi) call(ctx context.Context, method string, params any) (json.RawMessage, error) {
	b.last++
	deadline, ok := ctx.Deadline()
	if !ok {
		deadline = time.Now().Add(patience)
	}
	_ = b.conn.SetReadDeadline(deadline)
	if err := b.conn.WriteJSON(map[string]any{"id": b.last, "method": method, "params": params}); err != nil {
		return nil, err
	}
	for {
		var r struct {
			ID             int
			Result         json.RawMessage
			Error, Message string
		}
		if err := b.conn.ReadJSON(&r); err != nil {
			return nil, err
		}
		if r.ID != b.last {
			continue
		}
		if r.Error != "" {
			return nil, fmt.Errorf("%s: %s: %s", method, r.Error, r.Message)
		}
		return r.Result, nil
	}
}

// keepData is a library in C that has the MiniBrowser keep its data in a directory. While it is driven
// the MiniBrowser would keep them in memory only, as in a private window.
const keepData = `#include <stdlib.h>
extern void *webkit_website_data_manager_new(const char *, ...);
void *webkit_website_data_manager_new_ephemeral(void) {
	const char *dir = getenv("FLYLEAF_TEST_PROFILE");
	return webkit_website_data_manager_new("base-data-directory", dir, "base-cache-directory", dir, (char *)0);
}
`

// buildKeepData builds keepData and returns the library's path.
func buildKeepData(t testing.TB) string {
	t.Helper()
	compiler, err := exec.LookPath("cc")
	if err != nil {
		missing(t, "a C compiler", "gcc")
	}
	library := filepath.Join(t.TempDir(), "keep.so")
	cmd := exec.Command(compiler, "-shared", "-fPIC", "-Wl,-z,lazy", "-o", library, "-x", "c", "-")
	cmd.Stdin = strings.NewReader(keepData)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("building a library: %v\n%s", err, out)
	}
	return library
}

// WebKit starts WebKitGTK's MiniBrowser, driven over WebDriver. It keeps its data in the directory
// profile, so that a second start with the same directory finds it.
func WebKit(t testing.TB, profile string) *Window {
	t.Helper()
	if testing.Short() {
		t.Skip("a browser is slow; run without -short")
	}
	driver, err := exec.LookPath("WebKitWebDriver")
	if err != nil {
		missing(t, "WebKit", "webkit2gtk-driver")
	}
	browsers, _ := filepath.Glob("/usr/lib/*/webkit2gtk-4*/MiniBrowser") // the pattern is well formed
	if len(browsers) == 0 {
		missing(t, "WebKit's MiniBrowser", "webkit2gtk-driver")
	}
	library := buildKeepData(t)
	display := Display(t)
	home := t.TempDir()
	port := freePort(t)
	cmd := exec.Command(driver, "--host=127.0.0.1", "--port="+port)
	cmd.Env = append(os.Environ(), "DISPLAY="+display, "HOME="+home, "XDG_RUNTIME_DIR="+home, "LD_PRELOAD="+library, "FLYLEAF_TEST_PROFILE="+profile,
		"WEBKIT_DISABLE_COMPOSITING_MODE=1", "LIBGL_ALWAYS_SOFTWARE=1")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	w := &webDriver{base: "http://127.0.0.1:" + port}
	var session struct{ SessionID string }
	request := map[string]any{"capabilities": map[string]any{"alwaysMatch": map[string]any{
		"browserName": "MiniBrowser",
		"webkitgtk:browserOptions": map[string]any{
			"binary": browsers[len(browsers)-1], "args": []string{"--automation"},
		},
	}}}
	for deadline := time.Now().Add(patience); ; {
		err := w.call(t.Context(), http.MethodPost, "/session", request, &session)
		if err == nil {
			break
		}
		// Until the driver listens the connection is refused.
		if !strings.Contains(err.Error(), "connection refused") || time.Now().After(deadline) {
			t.Fatal(err)
		}
		time.Sleep(50 * time.Millisecond) // between two attempts
	}
	w.base += "/session/" + session.SessionID
	// element returns the path of the element with a CSS selector.
	element := func(ctx context.Context, selector string) (string, error) {
		var found map[string]string // one ID, by a key that the standard defines
		err := w.call(ctx, http.MethodPost, "/element", map[string]any{"using": "css selector", "value": selector}, &found)
		for _, id := range found {
			return "/element/" + id, err
		}
		return "", err
	}
	closed := false
	end := func() {
		if !closed {
			closed = true
			_ = w.call(context.Background(), http.MethodDelete, "", nil, nil)
		}
	}
	t.Cleanup(end)
	return &Window{
		open: func(ctx context.Context, url string) error {
			return w.call(ctx, http.MethodPost, "/url", map[string]any{"url": url}, nil)
		},
		eval: func(ctx context.Context, script string) (text string, err error) {
			err = w.call(ctx, http.MethodPost, "/execute/sync", map[string]any{"script": "return " + script, "args": []any{}}, &text)
			return text, err
		},
		click: func(ctx context.Context, selector string) error {
			path, err := element(ctx, selector)
			if err != nil {
				return err
			}
			// The driver itself does not scroll far enough on a small screen while a field has the focus.
			scroll := map[string]any{"script": "document.querySelector(arguments[0]).scrollIntoView({block: 'center'})", "args": []any{selector}}
			if err := w.call(ctx, http.MethodPost, "/execute/sync", scroll, nil); err != nil {
				return err
			}
			return w.call(ctx, http.MethodPost, path+"/click", map[string]any{}, nil)
		},
		keys: func(ctx context.Context, selector, text string) error {
			path, err := element(ctx, selector)
			if err != nil {
				return err
			}
			return w.call(ctx, http.MethodPost, path+"/value", map[string]any{"text": text}, nil)
		},
		phone: func(ctx context.Context) error { // its toolbar keeps the MiniBrowser wider
			return w.call(ctx, http.MethodPost, "/window/rect", map[string]any{"width": phoneWidth, "height": phoneHeight}, nil)
		},
		close: end,
	}
}

// webDriver speaks WebDriver, https://w3c.github.io/webdriver/.
type webDriver struct{ base string }

// call sends a command and decodes the value of its response into v, which may be nil.
func (w *webDriver) call(ctx context.Context, method, path string, body, v any) error {
	var in io.Reader
	if body != nil {
		b, err := json.Marshal(body)
		if err != nil {
			return err
		}
		in = bytes.NewReader(b)
	}
	r, err := http.NewRequestWithContext(ctx, method, w.base+path, in)
	if err != nil {
		return err
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	var answer struct{ Value json.RawMessage }
	if err := json.NewDecoder(res.Body).Decode(&answer); err != nil {
		return fmt.Errorf("%s %s: %s: %w", method, path, res.Status, err)
	}
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("%s %s: %s", method, path, answer.Value)
	}
	if v == nil {
		return nil
	}
	return json.Unmarshal(answer.Value, v)
}

// Display starts an X server without a screen, which ends with the test, and returns its name.
func Display(t testing.TB) string {
	t.Helper()
	path, err := exec.LookPath("Xvfb")
	if err != nil {
		missing(t, "Xvfb", "xvfb")
	}
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	cmd := exec.Command(path, "-displayfd", "3", "-screen", "0", "1024x768x24", "-nolisten", "tcp")
	cmd.ExtraFiles = []*os.File{w}
	err = cmd.Start()
	_ = w.Close()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	number, err := bufio.NewReader(r).ReadString('\n')
	if err != nil {
		t.Fatalf("Xvfb did not start: %v", err)
	}
	if _, err := strconv.Atoi(strings.TrimSpace(number)); err != nil {
		t.Fatalf("Xvfb says %q", number)
	}
	return ":" + strings.TrimSpace(number)
}

// freePort returns a port that nothing listens on at the moment.
func freePort(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return port
}
