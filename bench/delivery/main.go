// Delivery measures the processor time that relay programs need for passing posts on, and for
// serving an event to readers who have nothing of it.
//
//	go build -o /tmp/syncserver ./cmd/syncserver
//	go run ./bench/delivery -servers before=/tmp/before,after=/tmp/syncserver
//
// Each round runs every load against every program once, in turn, so that other activity on the
// machine affects all of them. Only the relay's own processor time counts, summed over its threads
// by the kernel; the clients are in this process. For every program except the first it prints the
// ratio to the first program's run in the same round: median, lowest and highest.
package main

import (
	"bufio"
	"cmp"
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/gorilla/websocket"

	"flyleaf/crdt/sync/repo"
	"flyleaf/crdt/wire"
	"flyleaf/qa"
	"flyleaf/relay/relaytest"
)

const wait = time.Minute

// load is work for a relay.
type load struct {
	name string
	unit string // the counted unit
	run  func(r *running) (count int, cpu time.Duration, err error)
}

func fanOut(receivers, posts int) load {
	return load{fmt.Sprintf("one post to %d", receivers), "delivery", func(r *running) (int, time.Duration, error) {
		return r.fanOut(receivers, posts)
	}}
}

func pull(deflate bool, posts, readers int) load {
	name := fmt.Sprintf("pull of %d posts", posts)
	if deflate {
		name += ", deflated"
	}
	return load{name, "pull", func(r *running) (int, time.Duration, error) { return r.pull(deflate, posts, readers) }}
}

var loads = []load{
	fanOut(50, 200),
	fanOut(200, 60),
	pull(false, 2000, 50),
	pull(true, 2000, 50),
}

func main() {
	servers := flag.String("servers", "", "relay programs, as `NAME=PATH,…`; the others are compared with the first")
	rounds := flag.Int("rounds", 5, "how often each load runs against each program")
	only := flag.String("only", "", "only loads whose names begin with this")
	flag.Parse()
	if *servers == "" {
		flag.Usage()
		os.Exit(2)
	}
	var names, paths []string
	for one := range strings.SplitSeq(*servers, ",") {
		name, path, ok := strings.Cut(one, "=")
		if !ok {
			fmt.Fprintf(os.Stderr, "delivery: %q is not NAME=PATH\n", one)
			os.Exit(2)
		}
		names, paths = append(names, name), append(paths, path)
	}
	for _, l := range loads {
		if !strings.HasPrefix(l.name, *only) {
			continue
		}
		took := make([][]float64, len(names)) // µs per unit, by program and round
		for round := range *rounds {
			for i := range names {
				at := (i + round) % len(names) // so that no program always runs first
				µs, err := measure(l, paths[at])
				if err != nil {
					fmt.Fprintf(os.Stderr, "delivery: %s, %s: %v\n", l.name, names[at], err)
					os.Exit(1)
				}
				took[at] = append(took[at], µs)
			}
		}
		for i, name := range names {
			fmt.Printf("%-26s %-12s %10.1f µs of processor for one %s, %10.1f at least", l.name, name, median(took[i]), l.unit, slices.Min(took[i]))
			if i > 0 {
				var ratios []float64
				for round := range took[i] {
					ratios = append(ratios, took[i][round]/took[0][round])
				}
				slices.Sort(ratios)
				fmt.Printf("   ratio %.3f (%.3f to %.3f)", median(ratios), ratios[0], ratios[len(ratios)-1])
			}
			fmt.Println()
		}
	}
}

func median[T cmp.Ordered](all []T) T {
	all = slices.Sorted(slices.Values(all))
	return all[len(all)/2]
}

// running is a relay being measured.
type running struct {
	url string
	pid int
}

func measure(l load, path string) (µs float64, err error) {
	dir, err := os.MkdirTemp("", "flyleaf-delivery-")
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(dir)
	cmd := exec.Command(path, "--listen", "127.0.0.1:0", "--data", dir, "--log-level", "error")
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return 0, err
	}
	if err := cmd.Start(); err != nil {
		return 0, err
	}
	defer func() {
		_ = cmd.Process.Signal(syscall.SIGKILL)
		_ = cmd.Wait()
	}()
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		return 0, err
	}
	n, cpu, err := l.run(&running{strings.TrimSpace(line[strings.Index(line, "ws://"):]), cmd.Process.Pid})
	return float64(cpu.Nanoseconds()) / 1000 / float64(n), err
}

// cpu returns the relay's processor time, summed over its threads.
func (r *running) cpu() (time.Duration, error) {
	files, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", r.pid))
	if err != nil {
		return 0, err
	}
	var sum time.Duration
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			return 0, err
		}
		ns, err := strconv.ParseInt(strings.Fields(string(b))[0], 10, 64)
		if err != nil {
			return 0, err
		}
		sum += time.Duration(ns)
	}
	return sum, nil
}

// posts returns an event's first change and n posts, each depending on the one before.
func posts(e *relaytest.Event, n int) []relaytest.Signed {
	all := []relaytest.Signed{e.Genesis}
	for i := range n {
		last := all[i]
		all = append(all, e.Post("founder of "+e.Name, uint64(i+1), last.MaxOp()+1, []wire.Hash{last.Hash}, "some two hundred characters of what somebody wants to know about a book, which is about what people write when they have read a chapter of it and would like to hear from its author how it came about"))
	}
	return all
}

// client receives changes and acknowledges them.
type client struct {
	ws    *websocket.Conn
	wmu   sync.Mutex
	peer  string
	event qa.EventID
	heads chan wire.Hash // receives the head that the relay announces, if it is a single one
}

func (c *client) write(frame []byte) error {
	c.wmu.Lock()
	defer c.wmu.Unlock()
	return c.ws.WriteMessage(websocket.BinaryMessage, frame)
}

func (c *client) say(m *wire.Message) error {
	f, err := repo.Encode(&repo.Message{Type: repo.TypeSync, SenderID: c.peer, DocumentID: string(c.event), Data: m.Encode()})
	if err != nil {
		return err
	}
	return c.write(f)
}

func (r *running) dial(peer string, event qa.EventID, deflate bool) (*client, error) {
	ctx, cancel := context.WithTimeout(context.Background(), wait)
	defer cancel()
	d := websocket.Dialer{EnableCompression: deflate}
	ws, _, err := d.DialContext(ctx, r.url, nil)
	if err != nil {
		return nil, err
	}
	c := &client{ws: ws, peer: peer, event: event, heads: make(chan wire.Hash, 1<<12)}
	ws.EnableWriteCompression(false)
	join, err := repo.Encode(&repo.Message{Type: repo.TypeJoin, SenderID: peer, PeerMetadata: repo.PeerMetadata{IsEphemeral: true}})
	if err == nil {
		err = ws.WriteMessage(websocket.BinaryMessage, join)
	}
	if err == nil {
		_, _, err = ws.ReadMessage()
	}
	return c, err
}

// listen answers messages until the connection ends. Every answer says that all announced
// changes have arrived.
func (c *client) listen() {
	for {
		_, f, err := c.ws.ReadMessage()
		if err != nil {
			return
		}
		m, err := repo.Decode(f)
		if err != nil || m.Type != repo.TypeSync {
			continue
		}
		msg, err := wire.DecodeMessage(m.Data)
		if err != nil || len(msg.Heads) != 1 {
			continue
		}
		if c.say(&wire.Message{Heads: msg.Heads, Have: []wire.Have{{LastSync: msg.Heads}}}) != nil {
			return
		}
		c.heads <- msg.Heads[0]
	}
}

func (c *client) until(h wire.Hash) error {
	late := time.After(wait)
	for {
		select {
		case got := <-c.heads:
			if got == h {
				return nil
			}
		case <-late:
			return fmt.Errorf("%s never hears of %s", c.peer, h)
		}
	}
}

// offer sends changes as a device that has nothing else.
func (c *client) offer(changes ...relaytest.Signed) error {
	f, err := repo.Encode(relaytest.NewDevice(c.peer, c.event).Message(changes...))
	if err != nil {
		return err
	}
	return c.write(f)
}

// fanOut writes posts, each one when all receivers have the one before.
func (r *running) fanOut(receivers, n int) (int, time.Duration, error) {
	e := relaytest.NewEvent("fan-out", "open")
	all := posts(e, n)
	writer, err := r.dial("writer", e.ID, false)
	if err != nil {
		return 0, 0, err
	}
	defer writer.ws.Close()
	go writer.listen()
	if err := writer.offer(all[0]); err != nil {
		return 0, 0, err
	}
	if err := writer.until(all[0].Hash); err != nil {
		return 0, 0, err
	}
	var everybody []*client
	for i := range receivers {
		c, err := r.dial(fmt.Sprint("receiver-with-a-name-", i), e.ID, true)
		if err != nil {
			return 0, 0, err
		}
		defer c.ws.Close()
		if err := c.say(&wire.Message{Have: []wire.Have{{}}}); err != nil {
			return 0, 0, err
		}
		go c.listen()
		if err := c.until(all[0].Hash); err != nil {
			return 0, 0, err
		}
		everybody = append(everybody, c)
	}
	before, err := r.cpu()
	if err != nil {
		return 0, 0, err
	}
	for _, post := range all[1:] {
		if err := writer.offer(post); err != nil {
			return 0, 0, err
		}
		for _, c := range everybody {
			if err := c.until(post.Hash); err != nil {
				return 0, 0, err
			}
		}
	}
	after, err := r.cpu()
	return n * receivers, after - before, err
}

// pull lets readers who have nothing request an event, one after the other.
func (r *running) pull(deflate bool, n, readers int) (int, time.Duration, error) {
	e := relaytest.NewEvent("pull", "open")
	all := posts(e, n)
	writer, err := r.dial("writer", e.ID, false)
	if err != nil {
		return 0, 0, err
	}
	defer writer.ws.Close()
	go writer.listen()
	if err := writer.offer(all...); err != nil {
		return 0, 0, err
	}
	if err := writer.until(all[n].Hash); err != nil {
		return 0, 0, err
	}
	one := func(i int) error {
		c, err := r.dial(fmt.Sprint("reader-with-a-name-", i), e.ID, deflate)
		if err != nil {
			return err
		}
		defer c.ws.Close()
		if err := c.say(&wire.Message{Have: []wire.Have{{}}}); err != nil {
			return err
		}
		got := 0
		for got <= n {
			_, f, err := c.ws.ReadMessage()
			if err != nil {
				return err
			}
			m, err := repo.DecodeWithin(f, 64<<20)
			if err != nil {
				return err
			}
			if m.Type != repo.TypeSync {
				continue
			}
			msg, err := wire.DecodeMessage(m.Data)
			if err != nil {
				return err
			}
			got += len(msg.Changes)
			// Acknowledge the received changes, so that the relay sends the next slice.
			if err := c.say(&wire.Message{Heads: []wire.Hash{all[got-1].Hash}, Have: []wire.Have{{LastSync: []wire.Hash{all[got-1].Hash}}}}); got > 0 && err != nil {
				return err
			}
		}
		return nil
	}
	before, err := r.cpu()
	if err != nil {
		return 0, 0, err
	}
	for i := range readers {
		if err := one(i); err != nil {
			return 0, 0, err
		}
	}
	after, err := r.cpu()
	return readers, after - before, err
}
