package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"flyleaf/crdt/policy"
	"flyleaf/crdt/wire"
	"flyleaf/relay/relaytest"
)

// If this variable is set, the test binary runs the program, so that tests can kill a real process.
const envRunProgram = "FLYLEAF_TEST_SYNCSERVER"

func TestMain(m *testing.M) {
	if os.Getenv(envRunProgram) != "" {
		main()
	}
	os.Exit(m.Run())
}

// process is a running syncserver.
type process struct {
	cmd    *exec.Cmd
	url    string
	stderr *bytes.Buffer
	ended  bool
}

func spawn(t testing.TB, dir string) *process {
	t.Helper()
	p := &process{cmd: exec.Command(os.Args[0], "--listen", "127.0.0.1:0", "--data", dir), stderr: new(bytes.Buffer)}
	p.cmd.Env = append(os.Environ(), envRunProgram+"=1")
	p.cmd.Stderr = p.stderr
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if !p.ended {
			p.end(t, syscall.SIGKILL)
		}
	})
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatalf("no line on standard output: %v; standard error: %s", err, p.stderr)
	}
	p.url = address(t, line)
	return p
}

// end sends the signal and waits for the process to end.
func (p *process) end(t testing.TB, s syscall.Signal) error {
	t.Helper()
	p.ended = true
	if err := p.cmd.Process.Signal(s); err != nil {
		t.Fatal(err)
	}
	return p.cmd.Wait()
}

func address(t testing.TB, line string) string {
	t.Helper()
	url, ok := strings.CutPrefix(strings.TrimSpace(line), "relay listening on ")
	if !ok || !strings.HasPrefix(url, "ws://127.0.0.1:") || strings.HasSuffix(url, ":0") {
		t.Fatalf("the first line is %q", line)
	}
	return url
}

func within(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), relaytest.Wait)
	t.Cleanup(cancel)
	return ctx
}

var killCount = flag.Int("kills", 8, "how often TestKilledUnderLoad kills the relay")

// Changes that the relay has acknowledged survive kill -9 under load.
func TestKilledUnderLoad(t *testing.T) {
	kills := *killCount
	if testing.Short() {
		kills = 2
	}
	acknowledged := 0
	// Start again after eight kills, because large documents would slow the test down.
	for done := 0; done < kills; done += 8 {
		acknowledged += killUnderLoad(t, min(8, kills-done))
	}
	t.Logf("%d acknowledgements looked up after %d kills", acknowledged, kills)
	if acknowledged < kills*10 {
		t.Error("too few acknowledgements for the test to mean anything")
	}
}

// killUnderLoad kills one relay as often as kills says. It returns how many acknowledged
// changes it looked up.
func killUnderLoad(t *testing.T, kills int) (acknowledged int) {
	t.Helper()
	dir := t.TempDir()
	events := []string{"one", "two", "three"}
	devices := map[string][]*relaytest.Device{}
	for _, name := range events {
		for _, who := range []string{"a", "b"} {
			devices[name] = append(devices[name], relaytest.NewDevice(name+"-"+who, relaytest.EventID(name)))
		}
	}
	for round := range kills {
		p := spawn(t, dir)
		stop := make(chan struct{})
		var wg sync.WaitGroup
		for _, name := range events {
			for _, d := range devices[name] {
				if err := d.Connect(within(t), p.url); err != nil {
					t.Fatal(err)
				}
				wg.Go(func() {
					for {
						select {
						case <-stop:
							return
						default:
						}
						if _, err := d.Write(); err != nil {
							return // the connection is gone
						}
						// Keep the relay's pace: usually wait for the answer before the next write.
						ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
						_ = d.Until(ctx, func(s relaytest.State) bool { return s.Stored || !s.Connected })
						cancel()
					}
				})
			}
		}
		// Kill the relay while it is busy: after some messages about every document.
		for _, name := range events {
			before := devices[name][0].State().Messages
			if err := devices[name][0].Until(within(t), func(s relaytest.State) bool { return s.Messages > before+5+round }); err != nil {
				t.Fatal(err)
			}
		}
		if err := p.end(t, syscall.SIGKILL); err == nil {
			t.Fatal("SIGKILL did not end the process with an error")
		}
		close(stop)
		wg.Wait()

		p = spawn(t, dir)
		for _, name := range events {
			told := map[wire.Hash]bool{}
			for _, d := range devices[name] {
				d.Disconnect()
				for _, h := range d.Announced() {
					told[h] = true
				}
			}
			fresh := relaytest.NewDevice(fmt.Sprint("fresh-", round), relaytest.EventID(name))
			if err := fresh.Connect(within(t), p.url); err != nil {
				t.Fatal(err)
			}
			err := fresh.Until(within(t), func(s relaytest.State) bool { return s.InSync && s.Changes > 0 })
			if err != nil {
				t.Fatal(err)
			}
			for h := range told {
				acknowledged++
				if !fresh.Has(h) {
					t.Errorf("round %d: %s was acknowledged but is lost", round, h)
				}
			}
			fresh.Disconnect()
		}
		if err := p.end(t, syscall.SIGTERM); err != nil {
			t.Fatalf("did not end cleanly on SIGTERM: %v; %s", err, p.stderr)
		}
	}
	// Changes that only a device has are not lost either: they arrive when it connects.
	p := spawn(t, dir)
	for _, name := range events {
		for _, d := range devices[name] {
			if err := d.Connect(within(t), p.url); err != nil {
				t.Fatal(err)
			}
		}
		if err := relaytest.SameHeads(within(t), devices[name]...); err != nil {
			t.Error(err)
		}
	}
	for _, name := range events {
		for _, d := range devices[name] {
			d.Disconnect()
		}
	}
	if err := p.end(t, syscall.SIGTERM); err != nil {
		t.Errorf("did not end cleanly on SIGTERM: %v", err)
	}
	return acknowledged
}

func TestSecondProcessIsRefused(t *testing.T) {
	dir := t.TempDir()
	first := spawn(t, dir)
	cmd := exec.Command(os.Args[0], "--listen", "127.0.0.1:0", "--data", dir)
	cmd.Env = append(os.Environ(), envRunProgram+"=1")
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != exitFailed {
		t.Errorf("the second ended with %v", err)
	}
	if s := string(out); !strings.Contains(s, "another syncserver") || !strings.Contains(s, dir) || !strings.Contains(s, "--data") {
		t.Errorf("the second said %q", s)
	}
	if err := first.end(t, os.Interrupt.(syscall.Signal)); err != nil {
		t.Errorf("the first ended with %v", err)
	}
	again := spawn(t, dir) // the first released the lock
	if err := again.end(t, syscall.SIGTERM); err != nil {
		t.Errorf("ended with %v", err)
	}
}

// Main also runs inside another program.
func TestRunInProcess(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "made", "by", "it")
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	r, w := io.Pipe()
	m := &Main{Listen: "127.0.0.1:0", Data: dir, Log: slog.New(slog.NewTextHandler(io.Discard, nil)), Stdout: w}
	ended := make(chan error, 1)
	go func() { ended <- m.Run(ctx) }()
	line, err := bufio.NewReader(r).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	d := relaytest.NewDevice("a", relaytest.EventID("in-process"))
	if _, err := d.Write(); err != nil {
		t.Fatal(err)
	}
	if err := d.Connect(within(t), address(t, line)); err != nil {
		t.Fatal(err)
	}
	defer d.Disconnect()
	if err := d.Until(within(t), func(s relaytest.State) bool { return s.Stored }); err != nil {
		t.Fatal(err)
	}
	cancel()
	select {
	case err := <-ended:
		if err != nil {
			t.Error(err)
		}
	case <-within(t).Done():
		t.Fatal("Run does not return")
	}
}

func TestStartFailures(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	foreign := t.TempDir()
	if err := os.WriteFile(filepath.Join(foreign, "relay.db"), []byte(strings.Repeat("not a database at all. ", 100)), 0o600); err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.NewTextHandler(io.Discard, nil))
	for _, c := range []struct {
		name string
		m    Main
		want string
	}{
		{"data is a file", Main{Listen: "127.0.0.1:0", Data: file}, "--data"},
		{"no such address", Main{Listen: "256.0.0.1:1", Data: t.TempDir()}, "--listen"},
		{"foreign database", Main{Listen: "127.0.0.1:0", Data: foreign}, foreign},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.m.Log, c.m.Stdout = log, io.Discard
			err := c.m.Run(within(t))
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v should name %q", err, c.want)
			}
		})
	}
}

func TestFlags(t *testing.T) {
	env := map[string]string{"SYNCSERVER_LISTEN": "0.0.0.0:1", "SYNCSERVER_OPEN": "1"}
	var out, errs bytes.Buffer
	m, err := parse([]string{"--data", "d"}, func(k string) string { return env[k] }, &out, &errs)
	if err != nil {
		t.Fatal(err)
	}
	if m.Listen != "0.0.0.0:1" || !m.Open || m.Data != "d" {
		t.Errorf("%+v", m)
	}
	m, err = parse([]string{"--listen", "x:2", "--open=false"}, func(k string) string { return env[k] }, &out, &errs)
	if err != nil {
		t.Fatal(err)
	}
	if m.Listen != "x:2" || m.Open {
		t.Errorf("flags do not override the environment: %+v", m)
	}
	env = map[string]string{"SYNCSERVER_QUOTAS": "person-rate=5, event-bytes=1G", "SYNCSERVER_BEHIND_PROXY": "yes", "SYNCSERVER_ADDRESSES": "wss://relay.example, ws://other.example:3030"}
	m, err = parse([]string{"--quota", "person-rate=7", "--quota", "newcomers-burst=off", "--address", "ws://third.example"}, func(k string) string { return env[k] }, &out, &errs)
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"wss://relay.example", "ws://other.example:3030", "ws://third.example"}; !slices.Equal(m.Addresses, want) {
		t.Errorf("addresses %q", m.Addresses)
	}
	if q := m.Quotas; q.PersonRate != 7 || q.EventBytes != 1<<30 || q.NewcomersBurst != -1 || !m.BehindProxy {
		t.Errorf("%+v", m)
	}
	env = map[string]string{"SYNCSERVER_DISK_MAX": "20G", "SYNCSERVER_DISK_RESERVE": "1G"}
	m, err = parse([]string{"--disk-reserve", "off"}, func(k string) string { return env[k] }, &out, &errs)
	if err != nil || m.DiskMax != 20<<30 || m.DiskReserve != -1 {
		t.Errorf("%+v, %v", m, err)
	}
	if _, err := parse(nil, func(k string) string { return map[string]string{"SYNCSERVER_DISK_MAX": "much"}[k] }, &out, &errs); err == nil {
		t.Error("an invalid size was accepted")
	}
	if _, err := parse(nil, func(k string) string { return map[string]string{"SYNCSERVER_QUOTAS": "what=5"}[k] }, &out, &errs); err == nil {
		t.Error("an unknown quota was accepted")
	}
	none := func(string) string { return "" }
	for _, args := range [][]string{{"--nonsense"}, {"--quota", "person-rate=none"}, {"--disk-max", "0"}, {"--disk-reserve", "some"}, {"--behind-proxy=maybe"}, {"word"}, {"--log-level", "loud"}, {"--address", "relay.example"}, {"--open=maybe"}} {
		errs.Reset()
		if code := run(context.Background(), args, none, &out, &errs); code != exitUsage || !strings.Contains(errs.String(), "--help") {
			t.Errorf("%v: code %d, %q", args, code, errs.String())
		}
	}
	out.Reset()
	if code := run(context.Background(), []string{"--help"}, none, &out, &errs); code != 0 {
		t.Errorf("--help is %d", code)
	}
	for _, want := range []string{"-listen", "-data", "-open", "-log-level", "wss://", "SYNCSERVER_DATA", "-behind-proxy", "-address", "newcomers-burst", "3000", "-disk-max", "-disk-reserve", "founder-bytes"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("--help does not mention %s", want)
		}
	}
}

// diskOf measures the size of the data and the free space.
func TestDisk(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "relay.db"), make([]byte, 12345), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(dir, "sub"), 0o700); err != nil {
		t.Fatal(err)
	}
	used, free, err := diskOf(dir)
	if err != nil || used != 12345 || free <= 0 {
		t.Errorf("%d used, %d free, %v", used, free, err)
	}
	if _, _, err := diskOf(filepath.Join(dir, "none")); err == nil {
		t.Error("a missing directory gives no error")
	}
}

// A relay whose data has reached --disk-max accepts no new event, and says why.
func TestDiskMaxIsEnforced(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	r, w := io.Pipe()
	m := &Main{Listen: "127.0.0.1:0", Data: t.TempDir(), DiskMax: 1, Log: slog.New(slog.NewTextHandler(io.Discard, nil)), Stdout: w}
	ended := make(chan error, 1)
	go func() { ended <- m.Run(ctx) }()
	line, err := bufio.NewReader(r).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	d := relaytest.NewDevice("a", relaytest.EventID("no room"))
	if _, err := d.Write(); err != nil {
		t.Fatal(err)
	}
	if err := d.Connect(within(t), address(t, line)); err != nil {
		t.Fatal(err)
	}
	if err := d.Until(within(t), func(s relaytest.State) bool { return len(s.Refused) > 0 }); err != nil {
		t.Fatal(err)
	}
	if r := d.State().Refused[0]; !r.Deferred || policy.Code(r.Code) != policy.CodeRelayFull {
		t.Errorf("refused with %+v", r)
	}
	d.Disconnect()
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
