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

	"github.com/gorilla/websocket"
)

// Window is a window of a browser that is not Chromium. It can do what every browser's automation
// interface can: open a page and run a script in it.
type Window struct {
	open  func(ctx context.Context, url string) error
	eval  func(ctx context.Context, script string) (string, error)
	close func()
}

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

// WebKit starts WebKitGTK's MiniBrowser, driven over WebDriver. While it is driven it keeps its data in
// memory only, as in a private window.
func WebKit(t testing.TB) *Window {
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
	display := virtualDisplay(t)
	home := t.TempDir()
	port := freePort(t)
	cmd := exec.Command(driver, "--host=127.0.0.1", "--port="+port)
	cmd.Env = append(os.Environ(), "DISPLAY="+display, "HOME="+home, "XDG_RUNTIME_DIR="+home, "WEBKIT_DISABLE_COMPOSITING_MODE=1", "LIBGL_ALWAYS_SOFTWARE=1")
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

// virtualDisplay starts an X server without a screen and returns its name.
func virtualDisplay(t testing.TB) string {
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
