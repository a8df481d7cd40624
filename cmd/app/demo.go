package main

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	_ "embed"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"go.yaml.in/yaml/v3"

	"flyleaf/internal/listen"
	"flyleaf/keys"
	"flyleaf/node"
	"flyleaf/node/convert"
	"flyleaf/qa"
	"flyleaf/relay"
	"flyleaf/replica/relayclient"
	"flyleaf/storage/mem"
	"flyleaf/storage/sqlite"
	"flyleaf/webapp"
)

//go:embed sample.yaml
var sampleYAML []byte

// sample is the fictional week of the demo. Posts are in the order in which they were written.
type sample struct {
	Title       string
	Authors     []string
	Description string
	Links       []qa.Link
	Prizes      uint64
	You         string // the name of the user, who is the organiser
	Posts       []samplePost
	Reactions   []sampleReaction
}

type samplePost struct {
	Key        string
	Re         string // the key of the post that this replies to; "" is a question
	By         string
	OnBehalfOf string `yaml:"onBehalfOf"`
	Tags       []string
	Text       string
	Edit       string // a second revision
}

type sampleReaction struct {
	On    string
	Emoji string
	By    []string
}

func readSample() (sample, error) {
	var s sample
	dec := yaml.NewDecoder(bytes.NewReader(sampleYAML))
	dec.KnownFields(true)
	err := dec.Decode(&s)
	return s, err
}

func (a *app) demoCmd() *cobra.Command {
	var listen, relayListen string
	var noOpen bool
	c := &cobra.Command{
		Use:   "demo [flags]",
		Short: "Try Flyleaf with a sample week",
		Long: `Start a relay and open a fictional week in the browser, to explore. The sample is stored in a
directory of its own (demo, in the data directory) and does not touch your own events. The
next start continues with it.`,
		Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			h, err := a.home(c.Context())
			if err != nil {
				return err
			}
			return a.demo(c.Context(), filepath.Join(h.dir, "demo"), listen, relayListen, noOpen)
		},
	}
	c.Flags().StringVar(&listen, "listen", "127.0.0.1:7117", "the `address` of the pages")
	c.Flags().StringVar(&relayListen, "relay-listen", "127.0.0.1:3030", "the `address` of the relay")
	c.Flags().BoolVar(&noOpen, "no-open", false, "do not open the browser")
	return c
}

func (a *app) demo(ctx context.Context, dir, listen, relayListen string, noOpen bool) (err error) {
	relayURL, stopRelay, err := a.demoRelay(ctx, filepath.Join(dir, "relay"), relayListen)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stopRelay()) }()
	a.printf("The relay listens on %s\n", relayURL)
	h, err := a.sampleHome(ctx, dir, relayURL)
	if err != nil {
		return fmt.Errorf("the sample week: %w", err)
	}
	event, err := a.setSampleRelay(ctx, h, relayURL)
	if err != nil {
		return fmt.Errorf("the sample week: %w", err)
	}
	if webapp.Built() {
		link := qa.Invitation{Event: event, Relay: relayURL}.WebLink()
		a.printf("As a reader in a browser tab, with nothing installed: %s\n", link)
	}
	return a.serve(ctx, h, listen, a.browserUnless(noOpen, h))
}

// demoRelay runs a relay in this process.
func (a *app) demoRelay(ctx context.Context, dir, address string) (string, func() error, error) {
	h, err := openHome(dir)
	if err != nil {
		return "", nil, err
	}
	lock, ok, err := h.lock()
	if err != nil {
		return "", nil, err
	}
	if !ok {
		return "", nil, alreadyRunningError(ctx, home{dir: filepath.Join(filepath.Dir(dir), "device")})
	}
	ln, err := listen.TCP(ctx, address)
	if err != nil {
		_ = lock.Unlock()
		return "", nil, codedf(exitUsage, "%w (this is the relay's address, --relay-listen)", err)
	}
	store, err := sqlite.Open(ctx, h.path("relay.db"), sqlite.Options{})
	if err != nil {
		_ = ln.Close()
		_ = lock.Unlock()
		return "", nil, err
	}
	r, err := relay.New(relay.Config{Store: store, Log: a.log(), ServesApp: webapp.Built()})
	if err != nil {
		return "", nil, errors.Join(err, ln.Close(), store.Close(), lock.Unlock())
	}
	site, err := webapp.Site(r, store, "")
	if err != nil {
		return "", nil, errors.Join(err, ln.Close(), store.Close(), lock.Unlock())
	}
	server := &http.Server{Handler: site, ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = server.Serve(ln) }() // ends with Shutdown below
	stop := func() error {
		grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownTimeout)
		defer cancel()
		return errors.Join(server.Shutdown(grace), r.Shutdown(grace), store.Close(), lock.Unlock())
	}
	return "ws://" + ln.Addr().String(), stop, nil
}

// The sample uses the code of real weeks: each person in it is a node that joins through the relay.

// castSyncTimeout bounds one sync of a sample person's node with the relay.
const castSyncTimeout = 30 * time.Second

// sampleHome returns the demo's data directory, creating it if needed. A new directory gets its
// final name when it is complete, so that an interrupted start does not leave half a week.
func (a *app) sampleHome(ctx context.Context, dir, relayURL string) (home, error) {
	device := filepath.Join(dir, "device")
	if _, err := os.Stat(device); errors.Is(err, fs.ErrNotExist) {
		half := device + ".new"
		if err := os.RemoveAll(half); err != nil {
			return home{}, err
		}
		h, err := openHome(half)
		if err != nil {
			return home{}, err
		}
		if err := a.writeSample(ctx, h, relayURL); err != nil {
			return home{}, err
		}
		if err := os.Rename(half, device); err != nil {
			return home{}, err
		}
	}
	return openHome(device)
}

// setSampleRelay sets the relay's current address in the sample's events. It returns the first
// event, the sample week.
func (a *app) setSampleRelay(ctx context.Context, h home, relayURL string) (event qa.EventID, err error) {
	l, err := a.openLocked(ctx, h)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, l.Close()) }()
	events, err := l.Events(ctx)
	if err != nil {
		return "", err
	}
	for i := range events {
		event = cmp.Or(event, events[i].ID)
		if err := l.Join(ctx, qa.Invitation{Event: events[i].ID, Relay: relayURL, Move: true}); err != nil {
			return "", err
		}
	}
	return event, nil
}

func (a *app) openLocked(ctx context.Context, h home) (*local, error) {
	lock, ok, err := h.lock()
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, codedf(exitBusy, "the demo is running already; nothing was changed. Stop it with Ctrl-C where it was started")
	}
	l, err := openLocal(ctx, h, lock, a.log())
	if err != nil {
		_ = lock.Unlock()
		return nil, err
	}
	return l, nil
}

func (a *app) writeSample(ctx context.Context, h home, relayURL string) (err error) {
	l, err := a.openLocked(ctx, h)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.Close()) }()
	s, err := readSample()
	if err != nil {
		return err
	}
	a.printf("Writing the sample week…\n")
	if err := l.SetPerson(ctx, qa.Person{Name: s.You}); err != nil {
		return err
	}
	event, began := sampleEvent(s, time.Now())
	event.Relays = []string{relayURL}
	inv, err := l.CreateEvent(ctx, event, relayURL)
	if err != nil {
		return err
	}
	cast := &cast{app: a, inv: inv, you: l, yourName: s.You, nodes: map[string]*node.Device{}}
	defer func() { err = errors.Join(err, cast.close()) }()
	return cast.play(ctx, s, began)
}

// sampleEvent sets the sample's days to the current week; on a Monday morning, when nobody
// would have written yet, to the last one. It also returns the time of the first posts.
func sampleEvent(s sample, now time.Time) (qa.Event, time.Time) {
	days := (int(now.Weekday()) + 6) % 7 // since Monday
	monday := time.Date(now.Year(), now.Month(), now.Day()-days, 0, 0, 0, 0, now.Location())
	if now.Sub(monday) < 12*time.Hour {
		monday = monday.AddDate(0, 0, -7)
	}
	e, err := newEvent(s.Title, strings.Join(s.Authors, ", "), monday.Format(time.DateOnly), now.Location())
	if err != nil { // cannot happen: a formatted date parses
		panic(err)
	}
	e.Description, e.Links, e.Prizes = s.Description, s.Links, s.Prizes
	return e, monday.Add(9 * time.Hour)
}

// cast has a node for each person of the sample.
type cast struct {
	app      *app
	inv      qa.Invitation
	you      *local
	yourName string
	nodes    map[string]*node.Device
}

func (c *cast) device(ctx context.Context, name string) (*node.Device, error) {
	if name == c.yourName {
		return c.you.Device, nil
	}
	if n := c.nodes[name]; n != nil {
		return n, nil
	}
	key, err := keys.NewKey(rand.Reader)
	if err != nil {
		return nil, err
	}
	n, err := node.Open(ctx, node.Config{Store: mem.New(), Key: key, Log: c.app.log(), Dial: relayclient.WebSocket{}, Converter: convert.Direct{}})
	if err != nil {
		return nil, err
	}
	c.nodes[name] = n
	if err := n.Join(ctx, c.inv); err != nil {
		return nil, err
	}
	return n, c.sync(ctx, n)
}

func (c *cast) sync(ctx context.Context, n *node.Device) error {
	return n.Sync(ctx, c.inv.Event, castSyncTimeout)
}

func (c *cast) close() error {
	var errs []error
	for _, n := range c.nodes {
		errs = append(errs, n.Close())
	}
	return errors.Join(errs...)
}

// play writes the sample's posts as their writers, at regular intervals between began and now.
func (c *cast) play(ctx context.Context, s sample, began time.Time) error {
	event := c.inv.Event
	step := min(time.Since(began)/time.Duration(len(s.Posts)+1), 97*time.Minute)
	at := func(i int) int64 { return began.Add(time.Duration(i) * step).UnixMilli() }
	if err := c.sync(ctx, c.you.Device); err != nil {
		return err
	}
	for _, author := range s.Authors {
		n, err := c.device(ctx, author)
		if err != nil {
			return err
		}
		who, err := n.Identity(ctx)
		if err != nil {
			return err
		}
		grant := qa.Act{Kind: qa.ActRole, AtMillis: at(0), Identity: who, Role: qa.RoleAuthor, On: true}
		if _, err := c.you.Do(ctx, event, grant); err != nil {
			return err
		}
	}
	if err := c.sync(ctx, c.you.Device); err != nil {
		return err
	}
	named := map[string]bool{c.yourName: true}
	ids := map[string]qa.PostID{}
	// do carries out an act as a person who has seen everything written before.
	do := func(who string, act qa.Act) (qa.PostID, error) {
		n, err := c.device(ctx, who)
		if err != nil {
			return "", err
		}
		if err := c.sync(ctx, n); err != nil {
			return "", err
		}
		if !named[who] {
			named[who] = true
			if _, err := n.Do(ctx, event, qa.Act{Kind: qa.ActPerson, AtMillis: act.AtMillis, Person: &qa.Person{Name: who}}); err != nil {
				return "", err
			}
		}
		id, err := n.Do(ctx, event, act)
		if err != nil {
			return "", err
		}
		return id, c.sync(ctx, n)
	}
	for i, p := range s.Posts {
		id, err := do(p.By, qa.Act{
			Kind: qa.ActPost, AtMillis: at(i + 1), Parent: ids[p.Re], Text: strings.TrimSpace(p.Text),
			OnBehalfOf: p.OnBehalfOf, Tags: p.Tags,
		})
		if err != nil {
			return fmt.Errorf("%s: %w", p.Key, err)
		}
		ids[p.Key] = id
		if p.Edit != "" {
			if _, err := do(p.By, qa.Act{Kind: qa.ActEdit, AtMillis: at(i+1) + 60_000, Post: id, Text: strings.TrimSpace(p.Edit)}); err != nil {
				return fmt.Errorf("%s: %w", p.Key, err)
			}
		}
	}
	for _, r := range s.Reactions {
		for _, who := range r.By {
			if _, err := do(who, qa.Act{Kind: qa.ActReact, AtMillis: at(len(s.Posts)), Post: ids[r.On], Emoji: r.Emoji, On: true}); err != nil {
				return fmt.Errorf("%s on %s: %w", r.Emoji, r.On, err)
			}
		}
	}
	return c.sync(ctx, c.you.Device)
}
