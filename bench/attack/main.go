// Attack measures how much of a relay's resources attackers can use. Each attack runs against each
// relay program for some seconds, on this machine only, while two other people, with another event
// and other addresses, write to each other. It prints how long their posts took, and the relay's
// peak memory.
//
//	go build -o /tmp/syncserver ./cmd/syncserver
//	go run ./bench/attack -servers new=/tmp/syncserver
//	go run ./bench/attack -servers old=/tmp/before,new=/tmp/syncserver -seconds 10
//
// The relays run as if behind a proxy, so that each connection can have any address. Connections,
// bytes per second and time are bounded.
package main

import (
	"bufio"
	"context"
	"flag"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"flyleaf/relay/relaytest"
)

func main() {
	servers := flag.String("servers", "", "relay programs, as `NAME=PATH,…`")
	only := flag.String("attacks", "", "only these, separated by semicolons; all by default")
	flag.BoolVar(&direct, "direct", false, "without a proxy: all connections come from this machine, so there are no limits by address")
	seconds := flag.Int("seconds", 10, "duration of each attack")
	flag.Parse()
	if *servers == "" {
		flag.Usage()
		os.Exit(2)
	}
	fmt.Printf("%-34s %-8s %8s %9s %9s %9s %9s %11s %8s %8s\n", "attack", "relay", "posts", "p50", "p99", "worst", "lost", "memory MiB", "CPU s", "cut off")
	for _, a := range attacks {
		if *only != "" && !slices.Contains(strings.Split(*only, ";"), a.name) {
			continue
		}
		for one := range strings.SplitSeq(*servers, ",") {
			name, path, ok := strings.Cut(one, "=")
			if !ok {
				name, path = "relay", one
			}
			if err := measure(a, name, path, time.Duration(*seconds)*time.Second); err != nil {
				fmt.Fprintf(os.Stderr, "attack: %s against %s: %v\n", a.name, name, err)
				os.Exit(1)
			}
		}
	}
}

// target is a relay under attack.
type target struct {
	url  string
	over <-chan struct{} // closed when the attack has to end
	cut  atomic.Int64    // connections that the relay closed or refused
}

var direct bool

// from returns the header with the address of a connection.
func from(address string) http.Header {
	if direct {
		return nil
	}
	return http.Header{"X-Forwarded-For": {address}}
}

func measure(a attack, name, path string, d time.Duration) error {
	run := a.prepare()
	dir, err := os.MkdirTemp("", "flyleaf-attack-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	args := []string{"--listen", "127.0.0.1:0", "--data", dir, "--log-level", "error"}
	if !direct {
		args = append(args, "--behind-proxy")
	}
	if a.open {
		args = append(args, "--open")
	}
	cmd := exec.Command(path, args...)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	defer func() {
		_ = cmd.Process.Signal(syscall.SIGKILL)
		_ = cmd.Wait()
	}()
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		return err
	}
	url := strings.TrimSpace(line[strings.Index(line, "ws://"):])

	ctx, cancel := context.WithTimeout(context.Background(), d+2*time.Minute)
	defer cancel()
	event := relaytest.EventID("honest")
	writer, reader := relaytest.NewDevice("writer", event), relaytest.NewDevice("reader", event)
	writer.Header, reader.Header = from("198.51.100.1"), from("198.51.100.2")
	n := 0
	post := func(within time.Duration) (time.Duration, error) {
		began := time.Now()
		if _, err := writer.Write(); err != nil {
			return 0, err
		}
		n++
		ctx, cancel := context.WithTimeout(ctx, within)
		defer cancel()
		err := reader.Until(ctx, func(s relaytest.State) bool { return s.Changes >= n })
		return time.Since(began), err
	}
	for _, d := range []*relaytest.Device{writer, reader} {
		if err := d.Connect(ctx, url); err != nil {
			return err
		}
		defer d.Disconnect()
	}
	if _, err := post(time.Minute); err != nil {
		return err
	}

	over := make(chan struct{})
	t := &target{url: url, over: over}
	var attackers sync.WaitGroup
	attackers.Go(func() { run(t) })
	var waits []time.Duration
	lost := 0
	for end := time.Now().Add(d); time.Now().Before(end); {
		took, err := post(30 * time.Second)
		if err != nil {
			lost++
			break
		}
		waits = append(waits, took)
		time.Sleep(20 * time.Millisecond) // people pause between posts
	}
	hwm := memory(cmd.Process.Pid)
	used := cpu(cmd.Process.Pid)
	close(over)
	attackers.Wait()
	slices.Sort(waits)
	at := func(q float64) time.Duration {
		if len(waits) == 0 {
			return 0
		}
		return waits[min(len(waits)-1, int(q*float64(len(waits))))].Round(100 * time.Microsecond)
	}
	fmt.Printf("%-34s %-8s %8d %9s %9s %9s %9d %11d %8.1f %8d\n", a.name, name, len(waits), at(0.5), at(0.99), at(1), lost, hwm, used, t.cut.Load())
	return nil
}

// memory returns the peak memory of a process in MiB.
func memory(pid int) int {
	b, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	m := regexp.MustCompile(`VmHWM:\s+(\d+)`).FindSubmatch(b)
	if m == nil {
		return 0
	}
	kib, _ := strconv.Atoi(string(m[1]))
	return kib >> 10
}

// cpu returns the processor time of a process in seconds.
func cpu(pid int) float64 {
	b, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	fields := strings.Fields(string(b[max(0, strings.LastIndexByte(string(b), ')')+1):]))
	if len(fields) < 13 {
		return 0
	}
	user, _ := strconv.Atoi(fields[11])
	system, _ := strconv.Atoi(fields[12])
	return float64(user+system) / 100 // ticks of 10 ms
}
