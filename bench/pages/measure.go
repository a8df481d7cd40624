package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"

	"flyleaf/keys"
	"flyleaf/node"
	"flyleaf/qa"
	"flyleaf/replica/relayclient"
	"flyleaf/storage/mem"
)

// result is what was measured of one version with one event.
type result struct {
	questions            int
	pages                []pageResult
	next                 []float64 // seconds from "Answer" to the next question's box
	saved, visible, vote []float64 // seconds
	page                 string    // the page of the week on which the own question was shown
	typing               []typing
	memory               [2]string // MB of the program under test: at the end, and the most
}

type pageResult struct {
	name   string
	bytes  int64
	loads  []float64 // seconds
	height int
}

// typing is what was measured while somebody typed. The fields with upper-case names come from the page.
type typing struct {
	page, rate string
	Keys       []float64 // milliseconds from each key to the next picture
	Typed      int       // characters in the box that were typed
	Moved      float64   // pixels
	Requests   int
	Bytes      int64
}

// measure measures one version. home is an empty directory for its device.
func measure(bin, home string, e event, o options) (r result, err error) {
	ctx, cancel := within()
	defer cancel()
	r.questions = e.questions
	relay, line, err := start(filepath.Join(bin, "syncserver"), "--listen", "127.0.0.1:0", "--data", copyOf(e.relayData, home+"-relay"))
	if err != nil {
		return r, err
	}
	defer stop(relay)
	e.relayURL = strings.TrimSpace(line[strings.LastIndex(line, " ")+1:])
	program, site, err := serve(ctx, filepath.Join(bin, "flyleaf"), home, e)
	if err != nil {
		return r, err
	}
	defer stop(program)
	other, err := join(ctx, e)
	if err != nil {
		return r, fmt.Errorf("the other device: %w", err)
	}
	defer other.Close()
	b, err := browse(ctx, site)
	if err != nil {
		return r, err
	}
	defer b.close()
	week := b.host + "/e/" + e.id
	if err := b.loads(&r, week, o.runs); err != nil {
		return r, err
	}
	for range o.runs {
		seconds, err := b.answer(week + "/inbox")
		if err != nil {
			return r, fmt.Errorf("answering: %w", err)
		}
		r.next = append(r.next, seconds)
	}
	for n := range o.runs {
		if err := b.ask(&r, week, fmt.Sprint("my question number ", n)); err != nil {
			return r, fmt.Errorf("asking: %w", err)
		}
		seconds, err := b.wantFirst(week)
		if err != nil {
			return r, fmt.Errorf("voting: %w", err)
		}
		r.vote = append(r.vote, seconds)
	}
	boxes := []struct{ name, address, css string }{
		{"inbox", week + "/inbox", ".entry.here textarea"}, {"week", week, "#q"}, {"baseline", b.baseline.URL, ".entry.here textarea"},
	}
	for _, rate := range []int{0, o.rate} {
		stopPosting := func() int { return 0 }
		if rate > 0 {
			stopPosting = post(ctx, other, qa.EventID(e.id), rate)
		}
		began := time.Now()
		for _, box := range boxes {
			t, err := b.typeInto(box.address, box.css, o.keys)
			if err != nil {
				stopPosting()
				return r, fmt.Errorf("typing into %s: %w", box.name, err)
			}
			t.page, t.rate = box.name, "quiet"
			r.typing = append(r.typing, t)
		}
		if n := stopPosting(); rate > 0 {
			for i := range boxes {
				r.typing[len(r.typing)-1-i].rate = fmt.Sprintf("%.0f", float64(n)/time.Since(began).Seconds())
			}
		}
	}
	r.memory, err = memoryOf(program.Process.Pid)
	return r, err
}

var (
	resident = regexp.MustCompile(`VmRSS:\s+(\d+) kB`)
	most     = regexp.MustCompile(`VmHWM:\s+(\d+) kB`)
)

// memoryOf returns how much memory a process uses now and how much it has used, in MB; "-" where the system does not say it.
func memoryOf(pid int) (out [2]string, err error) {
	b, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid)) // only on Linux
	for i, field := range []*regexp.Regexp{resident, most} {
		out[i] = "-"
		if m := field.FindSubmatch(b); m != nil {
			kB, err := strconv.Atoi(string(m[1]))
			if err != nil {
				return out, err
			}
			out[i] = strconv.Itoa(kB / 1000)
		}
	}
	return out, nil
}

// start starts a program and returns its first line of output.
func start(name string, args ...string) (*exec.Cmd, string, error) {
	c := exec.Command(name, args...)
	out, err := c.StdoutPipe()
	if err != nil {
		return nil, "", err
	}
	c.Stderr = os.Stderr
	if err := c.Start(); err != nil {
		return nil, "", err
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		stop(c)
		return nil, "", fmt.Errorf("%s: %w", name, err)
	}
	return c, line, nil
}

func stop(c *exec.Cmd) {
	_ = c.Process.Signal(syscall.SIGTERM)
	_ = c.Wait()
}

// copyOf copies the database of a relay to another directory, and returns that.
func copyOf(from, to string) string {
	_ = os.CopyFS(to, os.DirFS(from)) // a relay without the event fails at once
	return to
}

// serve makes a device of the founder with the whole event, and serves its pages. It returns the start link.
func serve(ctx context.Context, flyleaf, home string, e event) (*exec.Cmd, string, error) {
	do := func(in string, args ...string) ([]byte, error) {
		c := exec.CommandContext(ctx, flyleaf, append([]string{"--data", home}, args...)...)
		c.Stdin = strings.NewReader(in)
		var errs bytes.Buffer
		c.Stderr = &errs
		out, err := c.Output()
		if err != nil {
			err = fmt.Errorf("flyleaf %s: %w: %s%s", args[0], err, out, errs.Bytes())
		}
		return out, err
	}
	if _, err := do(e.founder, "identity", "import", "-"); err != nil {
		return nil, "", err
	}
	id, err := do("", "identity", "show")
	me := regexp.MustCompile(`[0-9a-f]{64}`).Find(id)
	if err != nil || me == nil {
		return nil, "", fmt.Errorf("no identity in %q: %w", id, err)
	}
	for _, args := range [][]string{
		{"join", qa.Invitation{Event: qa.EventID(e.id), Relay: e.relayURL}.String()},
		{"sync", "--timeout", patience.String()},
		{"event", "grant", "--yes", string(me), "author"},
	} {
		if _, err := do("", args...); err != nil {
			return nil, "", err
		}
	}
	c, line, err := start(flyleaf, "--data", home, "serve", "--listen", "127.0.0.1:0", "--no-open")
	return c, regexp.MustCompile(`http://\S+`).FindString(line), err
}

// join makes another device, in this process, with the whole event.
func join(ctx context.Context, e event) (*node.Device, error) {
	key, err := keys.NewKey(rand.Reader)
	if err != nil {
		return nil, err
	}
	d, err := node.Open(ctx, node.Config{Store: mem.New(), Key: key, Dial: relayclient.PlatformDialer()})
	if err != nil {
		return nil, err
	}
	d.Start(ctx)
	err = d.Join(ctx, qa.Invitation{Event: qa.EventID(e.id), Relay: e.relayURL})
	if err == nil {
		err = d.Sync(ctx, qa.EventID(e.id), patience)
	}
	return d, err
}

// post posts questions until the returned function is called, which returns how many were posted.
func post(ctx context.Context, d *node.Device, id qa.EventID, rate int) func() int {
	ctx, cancel := context.WithCancel(ctx)
	posted := make(chan int)
	go func() {
		n, tick := 0, time.NewTicker(time.Second/time.Duration(rate))
		defer tick.Stop()
		for ctx.Err() == nil {
			if _, err := d.Do(ctx, id, qa.Act{Kind: qa.ActPost, Text: fmt.Sprintf("Question %d, which arrives while somebody types: does the page stay where it is?", n)}); err != nil {
				if ctx.Err() == nil {
					fmt.Fprintln(os.Stderr, "pages: posting:", err)
				}
				break
			}
			n++
			select {
			case <-tick.C:
			case <-ctx.Done():
			}
		}
		posted <- n
	}()
	return func() int { cancel(); return <-posted }
}

// browser is a Chromium with an empty profile, on the pages of the device.
type browser struct {
	ctx      context.Context
	host     string
	baseline *httptest.Server
	html     []byte // the baseline
	closing  []func()
}

func (b *browser) close() {
	for _, f := range slices.Backward(b.closing) {
		f()
	}
}

// browse opens the pages with the start link.
func browse(ctx context.Context, site string) (*browser, error) {
	profile, err := os.MkdirTemp("", "flyleaf-bench-profile")
	if err != nil {
		return nil, err
	}
	b := &browser{host: regexp.MustCompile(`http://[^/]+`).FindString(site)}
	b.baseline = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = w.Write(b.html)
	}))
	b.closing = append(b.closing, func() { _ = os.RemoveAll(profile) }, b.baseline.Close)
	options := append(slices.Clone(chromedp.DefaultExecAllocatorOptions[:]), chromedp.NoSandbox, chromedp.DisableGPU,
		chromedp.Flag("disable-background-networking", true), chromedp.Flag("disable-dev-shm-usage", true),
		chromedp.Flag("no-proxy-server", true), chromedp.UserDataDir(profile))
	ctx, cancel := chromedp.NewExecAllocator(ctx, options...)
	b.closing = append(b.closing, cancel)
	b.ctx, cancel = chromedp.NewContext(ctx)
	b.closing = append(b.closing, cancel)
	err = chromedp.Do(b.ctx, chromedp.EmulateViewport(1280, 900), func(ctx context.Context, t *chromedp.Target) (chromedp.Void, error) {
		_, err := cdp.Call(ctx, t, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{Source: noteAnswers})
		return chromedp.Void{}, err
	}, chromedp.Navigate(site))
	if err != nil {
		b.close()
		return nil, err
	}
	return b, nil
}

// noteAnswers records when the program has answered each form, for pages to which the form leads, too.
const noteAnswers = `{ const fetched = window.fetch;
window.fetch = async (url, options) => {
	const response = await fetched(url, options);
	if (options && options.method === 'POST') sessionStorage.setItem('answered ' + new URL(url, location).pathname.split('/').pop(), Date.now());
	return response;
} }`

func evaluate[T any](b *browser, script string) (T, error) {
	return chromedp.Run(b.ctx, chromedp.Evaluate[T](script, chromedp.EvalAwaitPromise))
}

// open opens a page, and waits until it is loaded and, if it has scripts, receives updates.
func (b *browser) open(address string) error {
	if err := chromedp.Do(b.ctx, chromedp.Navigate("about:blank"), chromedp.Navigate(address)); err != nil {
		return err
	}
	return b.until(`document.readyState === 'complete' && (!document.querySelector('script') || document.body.dataset.live === 'yes')`)
}

// until waits for a condition. The page may navigate meanwhile.
func (b *browser) until(condition string) error {
	for {
		ok, err := evaluate[bool](b, "!!("+condition+")")
		if err == nil && ok {
			return nil
		}
		if b.ctx.Err() != nil {
			return errors.Join(fmt.Errorf("waiting for %s", condition), b.ctx.Err(), err)
		}
		time.Sleep(5 * time.Millisecond) // between two polls
	}
}

const navigation = `performance.getEntriesByType('navigation')[0]`

// loads measures bytes and time to load of the pages and of the baseline.
func (b *browser) loads(r *result, week string, runs int) error {
	for _, p := range []struct{ name, address string }{
		{"inbox", week + "/inbox"}, {"week", week}, {"winners", week + "/winners"}, {"baseline", b.baseline.URL},
	} {
		one := pageResult{name: p.name}
		for range runs {
			if err := b.open(p.address); err != nil {
				return err
			}
			seconds, err := evaluate[float64](b, navigation+`.loadEventEnd / 1000`)
			if err != nil {
				return err
			}
			one.loads = append(one.loads, seconds)
		}
		var err error
		if one.bytes, err = evaluate[int64](b, navigation+`.decodedBodySize`); err != nil {
			return err
		}
		if one.height, err = evaluate[int](b, `document.documentElement.scrollHeight`); err != nil {
			return err
		}
		r.pages = append(r.pages, one)
		if p.name == "inbox" {
			served, err := evaluate[string](b, `fetch(location).then(r => r.text())`)
			if err != nil {
				return err
			}
			served = regexp.MustCompile(`(?m)^<script.*$|^<link rel="modulepreload".*$`).ReplaceAllString(served, "")
			b.html = []byte(strings.ReplaceAll(served, `href="/`, `href="`+b.host+`/`))
		}
	}
	return nil
}

// answer answers the open question of the inbox, and returns the seconds until the next one can be answered.
func (b *browser) answer(inbox string) (float64, error) {
	if err := b.open(inbox); err != nil {
		return 0, err
	}
	open, err := evaluate[string](b, `document.querySelector('.entry.here').id`)
	if err != nil {
		return 0, err
	}
	if err := chromedp.Do(b.ctx, chromedp.SendKeys(chromedp.CSS(".entry.here textarea"), "An answer.")); err != nil {
		return 0, err
	}
	began := time.Now()
	if _, err := evaluate[bool](b, `(document.querySelector('.entry.here .primary').click(), true)`); err != nil {
		return 0, err
	}
	err = b.until(fmt.Sprintf(`document.readyState !== 'loading' && document.querySelector('.entry.here textarea') && document.querySelector('.entry.here').id !== %q`, open))
	return time.Since(began).Seconds(), err
}

// ask asks a question on the page of the week.
func (b *browser) ask(r *result, week, words string) error {
	if err := b.open(week); err != nil {
		return err
	}
	if err := chromedp.Do(b.ctx, chromedp.SendKeys(chromedp.CSS("#q"), words)); err != nil {
		return err
	}
	began, err := evaluate[float64](b, `(document.querySelector('#ask .primary').click(), Date.now())`)
	if err != nil {
		return err
	}
	const inWindow = `[...document.querySelectorAll('.question .words')].some(w => w.textContent.trim() === %q && w.getBoundingClientRect().bottom > 0 && w.getBoundingClientRect().top < innerHeight)`
	if err := b.until(fmt.Sprintf(inWindow, words)); err != nil {
		return err
	}
	ended, err := evaluate[float64](b, `Date.now()`)
	if err != nil {
		return err
	}
	answered, err := evaluate[float64](b, `Number(sessionStorage.getItem('answered ask'))`)
	if err != nil {
		return err
	}
	r.saved, r.visible = append(r.saved, (answered-began)/1000), append(r.visible, (ended-began)/1000)
	r.page, err = evaluate[string](b, `new URLSearchParams(location.search).get('page') || '1'`)
	return err
}

// wantFirst votes for the first question that the reader has not voted for.
func (b *browser) wantFirst(week string) (float64, error) {
	if err := b.open(week); err != nil {
		return 0, err
	}
	const button = `button.want[aria-pressed=false]`
	milliseconds, err := evaluate[float64](b, `new Promise(done => {
		const button = document.querySelector('`+button+`'), id = button.closest('.post').id, began = performance.now();
		const look = () => document.getElementById(id).querySelector('button.want').ariaPressed === 'true' ? done(performance.now() - began) : requestAnimationFrame(look);
		button.click();
		look();
	})`)
	return milliseconds / 1000, err
}

// typeInto types keys into a box of a page, ten a second.
func (b *browser) typeInto(address, css string, count int) (t typing, err error) {
	if err := b.open(address); err != nil {
		return t, err
	}
	if _, err := evaluate[bool](b, `(() => {
		const box = window.box = document.querySelector('`+css+`'), channel = new MessageChannel();
		window.times = []; window.tops = []; window.before = performance.getEntriesByType('resource').length; window.chars = box.value.length;
		const began = [];
		channel.port1.onmessage = () => times.push(performance.now() - began.shift());
		box.addEventListener('keydown', e => {
			began.push(e.timeStamp);
			tops.push(box.getBoundingClientRect().top);
			requestAnimationFrame(() => channel.port2.postMessage(0)); // runs after the picture
		});
		performance.setResourceTimingBufferSize(10000);
		box.focus();
		box.scrollIntoView({ block: 'center' });
		return true;
	})()`); err != nil {
		return t, err
	}
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for n := range count {
		<-tick.C
		if err := b.key("abcde fghi"[n%10 : n%10+1]); err != nil {
			return t, err
		}
	}
	if err := b.until(fmt.Sprintf(`times.length >= %d`, count)); err != nil {
		return t, err
	}
	return evaluate[typing](b, `(() => {
		const requests = performance.getEntriesByType('resource').slice(before);
		return { Keys: times, Typed: document.activeElement === box ? box.value.length - chars : 0, Moved: Math.max(...tops) - Math.min(...tops),
			Requests: requests.length, Bytes: requests.reduce((sum, r) => sum + r.transferSize, 0) };
	})()`)
}

// key presses a key.
func (b *browser) key(text string) error {
	return chromedp.Do(b.ctx, func(ctx context.Context, t *chromedp.Target) (chromedp.Void, error) {
		for _, kind := range []input.DispatchKeyEventType{input.DispatchKeyEventTypeKeyDown, input.DispatchKeyEventTypeKeyUp} {
			p := input.DispatchKeyEventParams{Type: kind, Key: text}
			if kind == input.DispatchKeyEventTypeKeyDown {
				p.Text = text
			}
			if _, err := cdp.Call(ctx, t, input.DispatchKeyEvent, p); err != nil {
				return chromedp.Void{}, err
			}
		}
		return chromedp.Void{}, nil
	})
}
