package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"time"

	"flyleaf/qa"
)

const patience = 10 * time.Minute

func measure(o options, posts int) (row, error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	r := row{Posts: posts, Reactions: o.reactions * posts, Runs: o.runs, Commit: commit(), Machine: machine()}
	dir := filepath.Join(o.work, fmt.Sprint("event-", posts, "-", o.reactions))
	relayData := filepath.Join(dir, "relay")
	if err := os.RemoveAll(dir); err != nil {
		return r, err
	}
	if err := os.MkdirAll(relayData, 0o700); err != nil {
		return r, err
	}
	fmt.Fprintf(os.Stderr, "event: making one of %d posts\n", posts)
	id, size, err := makeEvent(ctx, filepath.Join(relayData, "relay.db"), posts, o.reactions, o.people)
	if err != nil {
		return r, err
	}
	r.Bytes = size
	var pullCPU, relayCPU, pullMemory, openMemory []float64
	for n := range o.runs {
		home := filepath.Join(dir, fmt.Sprint("home-", n))
		p, err := pull(ctx, o.work, home, relayData, id)
		if err != nil {
			return r, fmt.Errorf("pull: %w", err)
		}
		r.Pulls = append(r.Pulls, p.seconds)
		pullCPU, relayCPU, pullMemory = append(pullCPU, p.cpu), append(relayCPU, p.relayCPU), append(pullMemory, float64(p.memory))
		if err := whole(ctx, o.work, home, posts, r.Reactions); err != nil {
			return r, err
		}
		seconds, memory, err := open(ctx, o.work, home, id)
		if err != nil {
			return r, fmt.Errorf("open: %w", err)
		}
		r.Opens, openMemory = append(r.Opens, seconds), append(openMemory, float64(memory))
		if r.Database, err = sizeOf(home); err != nil {
			return r, err
		}
		fmt.Fprintf(os.Stderr, "event: %d posts, run %d: pull %.2f s, open %.2f s\n", posts, n+1, p.seconds, seconds)
	}
	r.PullCPU, r.RelayCPU = median(pullCPU), median(relayCPU)
	r.PullMemory, r.OpenMemory = int(median(pullMemory)), int(median(openMemory))
	return r, nil
}

type pulled struct {
	seconds, cpu, relayCPU float64
	memory                 int
}

// pull fetches the event into an empty home.
func pull(ctx context.Context, work, home, relayData string, id qa.EventID) (p pulled, err error) {
	relay := program(ctx, work, "0", "syncserver", "--listen", "127.0.0.1:0", "--data", relayData)
	line, err := firstLine(relay)
	if err != nil {
		return p, err
	}
	defer func() {
		stopped := stop(relay)
		p.relayCPU = cpu(relay)
		err = errors.Join(err, stopped)
	}()
	address := strings.TrimSpace(line[strings.LastIndex(line, " ")+1:])
	join := program(ctx, work, "1", "flyleaf", "--data", home, "join", "--json", qa.Invitation{Event: id, Relay: address}.String())
	var joined struct{ Fetched bool }
	began := time.Now()
	out, err := join.Output()
	if err == nil {
		err = json.Unmarshal(out, &joined)
	}
	if err != nil {
		return p, fmt.Errorf("join: %w: %s", err, out)
	}
	p.cpu, p.memory = cpu(join), memory(join)
	if !joined.Fetched { // join waits only some seconds, but keeps what has arrived
		sync := program(ctx, work, "1", "flyleaf", "--data", home, "sync", "--timeout", patience.String())
		if out, err := sync.CombinedOutput(); err != nil {
			return p, fmt.Errorf("sync: %w: %s", err, out)
		}
		p.cpu, p.memory = p.cpu+cpu(sync), max(p.memory, memory(sync))
	}
	p.seconds = time.Since(began).Seconds()
	return p, nil
}

// whole checks that the device has everything and finds its last post.
func whole(ctx context.Context, work, home string, posts, reactions int) error {
	out, err := program(ctx, work, "1", "flyleaf", "--data", home, "list", "--json").Output()
	if err != nil {
		return fmt.Errorf("list: %w", err)
	}
	var threads []struct {
		Reactions []struct{ Count int }
	}
	if err := json.Unmarshal(out, &threads); err != nil {
		return fmt.Errorf("list: %w", err)
	}
	got := 0
	for _, t := range threads {
		for _, r := range t.Reactions {
			got += r.Count
		}
	}
	if len(threads) != posts || got != reactions {
		return fmt.Errorf("%d of %d posts and %d of %d reactions are there", len(threads), posts, got, reactions)
	}
	out, err = program(ctx, work, "1", "flyleaf", "--data", home, "search", rareWord).Output()
	if err != nil {
		return fmt.Errorf("search: %w", err)
	}
	if !bytes.Contains(out, []byte(rareWord)) {
		return errors.New("the last post is not found")
	}
	return nil
}

// open serves the home and requests the event's page. memory is in MiB.
func open(ctx context.Context, work, home string, id qa.EventID) (seconds float64, memory int, err error) {
	began := time.Now()
	serve := program(ctx, work, "1", "flyleaf", "--data", home, "serve", "--listen", "127.0.0.1:0", "--no-open")
	line, err := firstLine(serve)
	if err != nil {
		return 0, 0, err
	}
	defer func() { err = errors.Join(err, stop(serve)) }()
	start := regexp.MustCompile(`http://\S+`).FindString(line)
	jar, err := cookiejar.New(nil)
	if err != nil {
		return 0, 0, err
	}
	client := &http.Client{Jar: jar}
	get := func(url string) ([]byte, error) {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			return nil, err
		}
		res, err := client.Do(req)
		if err != nil {
			return nil, err
		}
		defer res.Body.Close()
		b, err := io.ReadAll(res.Body)
		if err == nil && res.StatusCode != http.StatusOK {
			err = fmt.Errorf("%s: %s", url, res.Status)
		}
		return b, err
	}
	if _, err := get(start); err != nil { // the start link sets the cookie
		return 0, 0, err
	}
	host := regexp.MustCompile(`http://[^/]+`).FindString(start)
	page, err := get(host + "/e/" + string(id))
	if err != nil {
		return 0, 0, err
	}
	if !bytes.Contains(page, []byte("</html>")) {
		return 0, 0, errors.New("the page has no end")
	}
	seconds = time.Since(began).Seconds()
	memory, err = peak(serve.Process.Pid)
	return seconds, memory, err
}

// program returns a command pinned to one core.
func program(ctx context.Context, work, core, name string, args ...string) *exec.Cmd {
	c := exec.CommandContext(ctx, "taskset", append([]string{"-c", core, filepath.Join(work, name)}, args...)...)
	c.WaitDelay = 10 * time.Second
	return c
}

func firstLine(c *exec.Cmd) (string, error) {
	out, err := c.StdoutPipe()
	if err != nil {
		return "", err
	}
	var errs bytes.Buffer
	c.Stderr = &errs
	if err := c.Start(); err != nil {
		return "", err
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		return "", fmt.Errorf("%w: %w: %s", err, stop(c), errs.String())
	}
	return line, nil
}

func stop(c *exec.Cmd) error {
	if err := c.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	return c.Wait()
}

// memory returns the peak memory of an ended program in MiB.
func memory(c *exec.Cmd) int {
	return int(c.ProcessState.SysUsage().(*syscall.Rusage).Maxrss >> 10)
}

func cpu(c *exec.Cmd) float64 {
	return (c.ProcessState.UserTime() + c.ProcessState.SystemTime()).Seconds()
}

// peak returns the peak memory of a running process so far, in MiB.
func peak(pid int) (int, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	m := regexp.MustCompile(`VmHWM:\s+(\d+)`).FindSubmatch(b)
	if m == nil {
		return 0, errors.New("the system does not say what memory a process has")
	}
	kib, err := strconv.Atoi(string(m[1]))
	return kib >> 10, err
}

func sizeOf(dir string) (n int64, err error) {
	entries, err := os.ReadDir(dir)
	for _, e := range entries {
		info, err := e.Info()
		if err != nil {
			return 0, err
		}
		if !e.IsDir() {
			n += info.Size()
		}
	}
	return n, err
}
