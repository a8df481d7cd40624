// Strangers measures how much of a relay's disk, document slots and time attackers can use, and how
// that affects other people. It starts each given relay, a program with syncserver's flags, with a
// data directory of its own on this machine. It prints one line for each load and relay, so two
// relays can be compared in one run:
//
//	go run ./bench/strangers -relays ./syncserver-before,./syncserver-now -seconds 15
//
// All attackers have the same address, set as a proxy would. Nothing leaves this machine. Each relay
// needs some 200 MiB of disk.
package main

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gorilla/websocket"

	"flyleaf/crdt/sync/repo"
	"flyleaf/crdt/wire"
	"flyleaf/qa"
	"flyleaf/relay/relaytest"
)

const (
	attacker = "203.0.113.5"
	someone  = "198.51.100.7"
	frame    = 1 << 19 // bytes of changes in one message
)

func main() {
	relays := flag.String("relays", "", "programs, `comma-separated`")
	seconds := flag.Int("seconds", 15, "duration of each load")
	only := flag.String("loads", "", "which loads, `comma-separated` (default all)")
	flag.Parse()
	for _, l := range loads {
		if *only != "" && !slices.Contains(strings.Split(*only, ","), l.name) {
			continue
		}
		for _, program := range strings.Split(*relays, ",") {
			result, err := measure(program, time.Duration(*seconds)*time.Second, l.run)
			if err != nil {
				result = "failed: " + err.Error()
			}
			fmt.Printf("%-12s %-24s %s\n", l.name, filepath.Base(program), result)
		}
	}
}

var loads = []struct {
	name string
	run  func(*target) (string, error)
}{
	{"documents", documents},
	{"disk", disk},
	{"foundings", foundings},
	{"weeks", weeks},
	{"operations", operations},
	{"twice", twice},
	{"ephemeral", ephemeral},
	{"streams", streams},
}

// target is a relay under test.
type target struct {
	url, dir string
	pid      int
	until    time.Time // when the load ends
	began    time.Time
}

func measure(program string, d time.Duration, run func(*target) (string, error)) (string, error) {
	dir, err := os.MkdirTemp("", "flyleaf-strangers-")
	if err != nil {
		return "", err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	cmd := exec.Command(program, "--listen", "127.0.0.1:0", "--data", dir, "--behind-proxy", "--api", "--log-level", "error")
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return "", err
	}
	if err := cmd.Start(); err != nil {
		return "", err
	}
	defer func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}()
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		return "", err
	}
	_, url, ok := strings.Cut(strings.TrimSpace(line), "listening on ")
	if !ok {
		return "", fmt.Errorf("it says %q", line)
	}
	now := time.Now()
	return run(&target{url: url, dir: dir, pid: cmd.Process.Pid, began: now, until: now.Add(d)})
}

func (t *target) goesOn() bool { return time.Now().Before(t.until) }

// size returns the size of the relay's files.
func (t *target) size() string {
	var n int64
	entries, _ := os.ReadDir(t.dir)
	for _, e := range entries {
		if info, err := e.Info(); err == nil {
			n += info.Size()
		}
	}
	return fmt.Sprintf("%.1f MiB on disk", float64(n)/(1<<20))
}

// conn is an attacker's connection. Incoming messages are counted and ignored.
type conn struct {
	*relaytest.Device
	ws          *websocket.Conn
	wmu         sync.Mutex
	refused     atomic.Int64
	unavailable atomic.Int64
	codes       sync.Map
	syncs       atomic.Int64
	held        sync.Map // document: true once the relay announces heads
	holds       atomic.Int64
}

func (t *target) dial(name, address string) (*conn, error) {
	ws, _, err := relaytest.DialFrom(context.Background(), t.url, name, http.Header{"X-Forwarded-For": {address}})
	if err != nil {
		return nil, err
	}
	c := &conn{Device: relaytest.NewDevice(name, relaytest.DocumentID("none")), ws: ws}
	go func() {
		for {
			_, b, err := ws.ReadMessage()
			if err != nil {
				return
			}
			m, err := repo.Decode(b)
			if err != nil {
				return
			}
			for _, r := range m.Refused {
				c.refused.Add(1)
				c.codes.Store(r.Code, true)
			}
			if m.Type == repo.TypeUnavailable {
				c.unavailable.Add(1)
			}
			if m.Type == repo.TypeSync {
				c.syncs.Add(1)
				if msg, err := wire.DecodeMessage(m.Data); err == nil && len(msg.Heads) > 0 {
					if _, known := c.held.LoadOrStore(m.DocumentID, true); !known {
						c.holds.Add(1)
					}
				}
			}
		}
	}()
	return c, nil
}

func (c *conn) send(m *repo.Message) error {
	b, err := repo.Encode(m)
	if err != nil {
		return err
	}
	c.wmu.Lock()
	defer c.wmu.Unlock()
	_ = c.ws.SetWriteDeadline(time.Now().Add(time.Minute))
	return c.ws.WriteMessage(websocket.BinaryMessage, b)
}

func (c *conn) offer(event qa.EventID, changes ...relaytest.Signed) error {
	m := c.Message(changes...)
	m.DocumentID = string(event)
	return c.send(m)
}

func (c *conn) told() string {
	var codes []string
	c.codes.Range(func(k, _ any) bool { codes = append(codes, k.(string)); return true })
	slices.Sort(codes)
	return fmt.Sprintf("%d not taken %v", c.refused.Load(), codes)
}

// device returns a connected device of somebody who is not an attacker.
func (t *target) device(name string, event qa.EventID, address string) (*relaytest.Device, error) {
	d := relaytest.NewDevice(name, event)
	d.Header = http.Header{"X-Forwarded-For": {address}}
	return d, d.Connect(context.Background(), t.url)
}

func wait(d *relaytest.Device, within time.Duration, ok func(relaytest.State) bool) error {
	ctx, cancel := context.WithTimeout(context.Background(), within)
	defer cancel()
	if d.Until(ctx, ok) != nil {
		return errors.New("not within " + within.String())
	}
	return nil
}

// honest writes to an event of its own until stop, and returns how long it took each time until
// the relay confirmed the change.
func (t *target) honest(stop <-chan struct{}) (string, error) {
	d, err := t.device("honest", relaytest.EventID("honest"), someone)
	if err != nil {
		return "", err
	}
	defer d.Disconnect()
	var waits []time.Duration
	for {
		select {
		case <-stop:
			slices.Sort(waits)
			if len(waits) == 0 {
				return "", errors.New("nothing was stored")
			}
			at := func(q float64) time.Duration {
				return waits[int(q*float64(len(waits)-1))].Round(100 * time.Microsecond)
			}
			return fmt.Sprintf("an honest commit waits %v (p50), %v (p99), %v (worst) of %d", at(0.5), at(0.99), at(1), len(waits)), nil
		default:
		}
		began := time.Now()
		if _, err := d.Write("words"); err != nil {
			return "", err
		}
		if err := wait(d, 5*time.Minute, func(s relaytest.State) bool { return s.Stored }); err != nil {
			return "", err
		}
		waits = append(waits, time.Since(began))
		time.Sleep(50 * time.Millisecond)
	}
}

// beside runs an attack at the same time as honest.
func (t *target) beside(attack func() error) (string, error) {
	stop := make(chan struct{})
	var result string
	var err error
	var both sync.WaitGroup
	both.Go(func() { result, err = t.honest(stop) })
	attacked := attack()
	close(stop)
	both.Wait()
	return result, errors.Join(err, attacked)
}

// documents asks for 1,000 IDs on each of 24 connections; then somebody creates an event.
func documents(t *target) (string, error) {
	for i := range 24 {
		c, err := t.dial(fmt.Sprint("asks ", i), attacker)
		if err != nil {
			return "", err
		}
		defer c.ws.Close()
		for k := range 1000 {
			for n := 0; n < 1000 && c.unavailable.Load() < int64(k-100); n++ {
				time.Sleep(time.Millisecond) // otherwise it is disconnected as too slow
			}
			err := c.send(&repo.Message{
				Type: repo.TypeRequest, SenderID: c.Name, DocumentID: string(relaytest.DocumentID(fmt.Sprint(i, " ", k))),
				Data: (&wire.Message{Have: []wire.Have{{}}}).Encode(),
			})
			if err != nil {
				return "", err
			}
		}
	}
	d := relaytest.NewDevice("honest", relaytest.EventID("honest"))
	d.Header = http.Header{"X-Forwarded-For": {someone}}
	if _, err := d.Write("words"); err != nil {
		return "", err
	}
	began := time.Now()
	if err := d.Connect(context.Background(), t.url); err != nil {
		return "", err
	}
	defer d.Disconnect()
	memory := t.memory()
	if err := wait(d, 5*time.Second, func(s relaytest.State) bool { return s.Stored }); err != nil {
		return fmt.Sprintf("somebody else's event is not taken: %q; %s", d.State().Failures, memory), nil
	}
	return fmt.Sprintf("somebody else's event is taken, after %v; %s", time.Since(began).Round(time.Millisecond), memory), nil
}

// memory returns the relay's resident set size, if the system reports it.
func (t *target) memory() string {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", t.pid))
	if err != nil {
		return "memory unknown"
	}
	for line := range strings.Lines(string(b)) {
		if rest, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			return "RSS " + strings.TrimSpace(rest)
		}
	}
	return "memory unknown"
}

// disk fills a founder's event as fast as the relay accepts it.
func disk(t *target) (string, error) {
	e := relaytest.NewEventOf(relaytest.KeyOf("fills"), "fills the disk", "open")
	c, err := t.dial("fills", attacker)
	if err != nil {
		return "", err
	}
	defer c.ws.Close()
	last := e.Genesis
	if err := c.offer(e.ID, last); err != nil {
		return "", err
	}
	words := strings.Repeat("words ", 5_000)
	for n := uint64(1); t.goesOn() && n < 20_000; {
		var all []relaytest.Signed
		for size := 0; size < frame; n++ {
			last = e.Post("fills", n, last.MaxOp()+1, []wire.Hash{last.Hash}, words)
			all = append(all, last)
			size += len(words)
		}
		if err := c.offer(e.ID, all...); err != nil {
			return "", err
		}
	}
	return fmt.Sprintf("%s after %v; %s", t.size(), time.Since(t.began).Round(time.Second), c.told()), nil
}

// foundings creates as many events as possible.
func foundings(t *target) (string, error) {
	n, cs := 0, []*conn(nil)
	for t.goesOn() && n < 20_000 {
		if n%900 == 0 {
			c, err := t.dial(fmt.Sprint("begins ", n), attacker)
			if err != nil {
				return "", err
			}
			defer c.ws.Close()
			cs = append(cs, c)
		}
		e := relaytest.NewEvent(fmt.Sprint("begun ", n, strings.Repeat(" and begun", 25)), "open")
		if err := cs[len(cs)-1].offer(e.ID, e.Genesis); err != nil {
			return "", err
		}
		n++
	}
	time.Sleep(3 * time.Second)
	var holds int64
	for _, c := range cs {
		holds += c.holds.Load()
	}
	return fmt.Sprintf("%d of %d events are begun; %s", holds, n, t.size()), nil
}

// weeks creates 1,000 events of one organiser.
func weeks(t *target) (string, error) {
	c, err := t.dial("organiser", attacker)
	if err != nil {
		return "", err
	}
	defer c.ws.Close()
	k := relaytest.KeyOf("organiser")
	words := strings.Repeat("words ", 200)
	for i := range 1000 {
		e := relaytest.NewEventOf(k, fmt.Sprint("week ", i), "open")
		all := []relaytest.Signed{e.Genesis}
		for n := range 30 {
			last := all[n]
			all = append(all, e.Post("organiser", uint64(n+1), last.MaxOp()+1, []wire.Hash{last.Hash}, words))
		}
		if err := c.offer(e.ID, all...); err != nil {
			return "", err
		}
	}
	for range 600 {
		if c.holds.Load() == 1000 {
			break
		}
		time.Sleep(100 * time.Millisecond)
	}
	return fmt.Sprintf("%d of 1000 events are there after %v; %s; %s", c.holds.Load(), time.Since(t.began).Round(time.Second), c.told(), t.size()), nil
}

// operations fills an event with changes of many operations.
func operations(t *target) (string, error) {
	e := relaytest.NewEvent("many operations", "open")
	var ops []wire.Op
	for i := range 900 {
		ops = append(ops, e.Block(relaytest.KeyOf(fmt.Sprint("somebody ", i)).Identity(), ""))
	}
	var made [][]relaytest.Signed
	last := e.Genesis
	made = append(made, []relaytest.Signed{last})
	for m := range 8 {
		var all []relaytest.Signed
		for k := range 120 {
			next := e.ByFounder(fmt.Sprint(m, " ", k), 1, last.MaxOp()+1, []wire.Hash{e.Genesis.Hash}, ops...)
			all = append(all, next)
		}
		made = append(made, all)
	}
	return t.beside(func() error {
		c, err := t.dial("operates", attacker)
		if err != nil {
			return err
		}
		defer c.ws.Close()
		for _, all := range made {
			if !t.goesOn() {
				break
			}
			if err := c.offer(e.ID, all...); err != nil {
				return err
			}
		}
		for t.goesOn() {
			time.Sleep(100 * time.Millisecond)
		}
		return nil
	})
}

// twice repeatedly sends two changes with the same sequence number to an event of 8,000
// changes.
func twice(t *target) (string, error) {
	e := relaytest.NewEvent("twice", "open")
	all := []relaytest.Signed{e.Genesis}
	for n := range 8000 {
		last := all[n]
		all = append(all, e.ByFounder(fmt.Sprint("f", n), 1, last.MaxOp()+1, []wire.Hash{last.Hash}, e.Block(relaytest.KeyOf(fmt.Sprint(n)).Identity(), "x")))
	}
	last := all[len(all)-1]
	var pairs [][]relaytest.Signed
	for n := range 200 {
		name := fmt.Sprint("equivocator ", n)
		pairs = append(pairs, []relaytest.Signed{
			e.ByFounder(name, 1, last.MaxOp()+1, []wire.Hash{last.Hash}, e.Block(relaytest.KeyOf("a").Identity(), "x")),
			e.ByFounder(name, 1, last.MaxOp()+1, []wire.Hash{last.Hash}, e.Block(relaytest.KeyOf("a").Identity(), "y")),
		})
	}
	c, err := t.dial("lies", attacker)
	if err != nil {
		return "", err
	}
	defer c.ws.Close()
	for part := range slices.Chunk(all, 2000) {
		if err := c.offer(e.ID, part...); err != nil {
			return "", err
		}
	}
	for range 600 {
		if c.syncs.Load() >= 4 {
			break
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.until = t.until.Add(time.Since(t.began))
	return t.beside(func() error {
		for _, pair := range pairs {
			if !t.goesOn() {
				break
			}
			if err := c.offer(e.ID, pair...); err != nil {
				return err
			}
		}
		for t.goesOn() {
			time.Sleep(100 * time.Millisecond)
		}
		return nil
	})
}

// ephemeral sends messages from 100 connections to one reader.
func ephemeral(t *target) (string, error) {
	event := relaytest.EventID("noisy")
	d := relaytest.NewDevice("reader", event)
	d.Header = http.Header{"X-Forwarded-For": {someone}}
	if _, err := d.Write("words"); err != nil {
		return "", err
	}
	if err := d.Connect(context.Background(), t.url); err != nil {
		return "", err
	}
	defer d.Disconnect()
	if err := wait(d, time.Minute, func(s relaytest.State) bool { return s.Stored }); err != nil {
		return "", err
	}
	body := make([]byte, 60<<10)
	body[0] = 0x40
	var all sync.WaitGroup
	for i := range 100 {
		c, err := t.dial(fmt.Sprint("noise ", i), attacker)
		if err != nil {
			return "", err
		}
		defer c.ws.Close()
		err = c.send(&repo.Message{Type: repo.TypeRequest, SenderID: c.Name, DocumentID: string(event), Data: (&wire.Message{Have: []wire.Have{{}}}).Encode()})
		if err != nil {
			return "", err
		}
		all.Go(func() {
			for n := uint64(1); t.goesOn(); n++ {
				if c.send(&repo.Message{Type: repo.TypeEphemeral, SenderID: c.Name, DocumentID: string(event), Data: body, SessionID: c.Name, Count: n}) != nil {
					return
				}
				time.Sleep(50 * time.Millisecond)
			}
		})
	}
	all.Wait()
	n := 0
	for _, m := range d.State().Ephemeral {
		n += len(m.Data)
	}
	return fmt.Sprintf("%.1f MiB came to one reader in %v", float64(n)/(1<<20), time.Since(t.began).Round(time.Second)), nil
}

// streams opens 64 idle streams of the change feed, and one more reader.
func streams(t *target) (string, error) {
	event := relaytest.EventID("streamed")
	d := relaytest.NewDevice("writer", event)
	d.Header = http.Header{"X-Forwarded-For": {someone}}
	if _, err := d.Write("words"); err != nil {
		return "", err
	}
	if err := d.Connect(context.Background(), t.url); err != nil {
		return "", err
	}
	defer d.Disconnect()
	if err := wait(d, time.Minute, func(s relaytest.State) bool { return s.Stored }); err != nil {
		return "", err
	}
	get := func(address string) (int, error) {
		req, err := http.NewRequest(http.MethodGet, "http"+strings.TrimPrefix(t.url, "ws")+"/api/v1/events/"+string(event)+"/changes?follow=1", nil)
		if err != nil {
			return 0, err
		}
		req.Header.Set("X-Forwarded-For", address)
		res, err := (&http.Client{Transport: &http.Transport{}}).Do(req)
		if err != nil {
			return 0, err
		}
		return res.StatusCode, nil // left open
	}
	codes := map[int]int{}
	for range 64 {
		code, err := get(attacker)
		if err != nil {
			return "", err
		}
		codes[code]++
	}
	code, err := get(someone)
	return fmt.Sprintf("the attacker's are answered %v, somebody else with %d", codes, code), err
}
