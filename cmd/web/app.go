//go:build js && wasm

package main

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"syscall/js"
	"time"

	"flyleaf/internal/jsvalue"
	"flyleaf/keys"
	"flyleaf/keys/identity"
	"flyleaf/node"
	"flyleaf/node/convert/call"
	"flyleaf/qa"
	"flyleaf/replica/relayclient"
	"flyleaf/storage"
	"flyleaf/storage/idb"
	"flyleaf/webui"
)

// database is the beginning of the name of the IndexedDB database. The path of the app
// follows, so that two copies of the program on one host have separate databases.
const database = "flyleaf:"

// Settings of the store that only the program in the browser uses.
const (
	settingSeed  = "browser/seed"  // the person's key, as hex
	settingForms = "browser/forms" // the secret from which the token of the forms is derived
)

// app is the program in a Service Worker.
type app struct {
	store    *idb.Store
	device   *node.Device
	key      keys.Key
	requests requests
	stopped  chan struct{} // closed by stop
	pages    http.Handler
	base     string // path of the worker's scope without the slash at its end; "" for the root
	host     string
}

func open(ctx context.Context) (*app, error) {
	location := js.Global().Get("location")
	a := &app{base: js.Global().Get("flyleafBase").String(), host: location.Get("host").String(), stopped: make(chan struct{})}
	store, err := idb.Open(ctx, database+a.base)
	if err != nil {
		return nil, err
	}
	seed, err := secret(ctx, store, settingSeed, keys.SeedSize)
	if err != nil {
		return nil, err
	}
	key, err := keys.KeyFromSeed(seed)
	if err != nil {
		return nil, err
	}
	a.store, a.key = store, key
	forms, err := secret(ctx, store, settingForms, 32)
	if err != nil {
		return nil, err
	}
	log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	a.device, err = node.Open(ctx, node.Config{Store: store, Key: key, Log: log, Dial: relayclient.Browser{}, Yield: a.requests.yield, Converter: converter})
	if err != nil {
		return nil, err
	}
	a.pages = webui.New(webui.Config{
		Node: a.device, Token: hex.EncodeToString(forms), Hosts: []string{a.host}, Base: a.base, Browser: true,
		Site: location.Get("origin").String() + a.base, Relay: js.Global().Get("flyleafRelay").String(),
		UseIdentity: a.useIdentity, Storage: storageOf,
		Converter: converter,
	})
	a.device.Start(ctx)
	return a, nil
}

// converter leaves the work to a second program.
var converter node.Converter = call.Client{Call: convert}

// convert does something by calling a second program, cmd/convert, which sw.js loads.
func convert(ctx context.Context, name string, head, body []byte) (answer, data []byte, err error) {
	v, err := jsvalue.Await(ctx, js.Global().Call("flyleafConvert", name, jsvalue.Uint8Array(head), jsvalue.Uint8Array(body)))
	if err != nil {
		return nil, nil, errors.New(strings.TrimPrefix(err.Error(), "Error: "))
	}
	return jsvalue.Bytes(v.Index(0)), jsvalue.Bytes(v.Index(1)), nil
}

// secret returns the bytes that a setting stores as hex. If the setting does not exist, it
// stores size new random bytes.
func secret(ctx context.Context, store storage.Store, key string, size int) ([]byte, error) {
	text, err := store.Setting(ctx, key)
	if errors.Is(err, storage.ErrNotFound) {
		b := make([]byte, size)
		_, _ = rand.Read(b) // never returns an error
		return b, store.SetSetting(ctx, key, hex.EncodeToString(b))
	}
	if err != nil {
		return nil, err
	}
	b, err := hex.DecodeString(text)
	if err != nil || len(b) != size {
		return nil, fmt.Errorf("%w: the setting %s of this browser", storage.ErrDamaged, key)
	}
	return b, nil
}

// join follows the event of an invitation and returns the path of the event's page.
func (a *app) join(args []js.Value) (any, error) {
	a.requests.begin()
	defer a.requests.end()
	invitation, err := qa.ParseInvitation(args[0].String())
	if err != nil {
		return nil, err
	}
	if err := a.device.Join(context.Background(), invitation); err != nil {
		return nil, err
	}
	return a.base + "/e/" + string(invitation.Event), nil
}

// wake retries the connections to relays at once. It is called when the network is back, or when
// somebody opens a page after some time.
func (a *app) wake([]js.Value) (any, error) {
	a.requests.begin()
	defer a.requests.end()
	return nil, a.device.ReconnectNow(context.Background())
}

// useIdentity is webui.Config.UseIdentity. The key that the browser had is kept under a setting
// of its own.
func (a *app) useIdentity(ctx context.Context, text []byte, passphrase string, replace bool) error {
	key, err := identity.Read(text)
	if errors.Is(err, identity.ErrNoPassphrase) && passphrase != "" {
		key, err = converter.OpenKeyFile(ctx, text, passphrase)
	}
	if err != nil {
		return err
	}
	now := a.key.Identity()
	save := func(setting string, k keys.Key) error {
		return a.store.SetSetting(ctx, setting, hex.EncodeToString(k.Seed()))
	}
	changed, err := node.ChangeIdentity(now, key.Identity(), replace,
		func() error { return node.CheckIdentity(ctx, a.store, key.Identity()) },
		func() error { return save(settingSeed+"/"+string(now), a.key) },
		func() error { return save(settingSeed, key) })
	if changed && err == nil {
		*ctx.Value(restart{}).(*bool) = true // handle has set this value
	}
	return err
}

// storageOf is webui.Config.Storage.
func storageOf(ctx context.Context) (webui.Storage, error) {
	manager := js.Global().Get("navigator").Get("storage")
	if !manager.Truthy() {
		return webui.Storage{}, errors.New("the browser does not say anything about its storage")
	}
	persisted, err := jsvalue.Await(ctx, manager.Call("persisted"))
	if err != nil {
		return webui.Storage{}, err
	}
	estimate, err := jsvalue.Await(ctx, manager.Call("estimate"))
	if err != nil {
		return webui.Storage{}, err
	}
	return webui.Storage{Persistent: persisted.Bool(), Used: number(estimate.Get("usage")), Allowed: number(estimate.Get("quota"))}, nil
}

func number(v js.Value) int64 {
	if v.Type() != js.TypeNumber {
		return 0
	}
	return int64(v.Float())
}

// stop ends the program once it has answered all requests: main returns after it.
func (a *app) stop([]js.Value) (any, error) {
	a.requests.wait(context.Background())
	err := errors.Join(a.device.Close(), a.store.Close())
	// Use a timer, because this is a call from JavaScript, within which a Go program must not end.
	time.AfterFunc(time.Millisecond, func() { close(a.stopped) })
	return nil, err
}

// watch tells all tabs about changes, until the worker ends.
func (a *app) watch(ctx context.Context) {
	tell := js.Global().Get("flyleafTell")
	err := a.device.Watch(ctx, "", func(u qa.Update) error {
		posts := make([]any, len(u.Posts))
		for i, p := range u.Posts {
			posts[i] = string(p)
		}
		tell.Invoke(map[string]any{"event": string(u.Event), "posts": posts, "status": u.Status})
		return nil
	})
	if err != nil {
		fmt.Fprintln(os.Stderr, "flyleaf: open pages will not show changes until they are reloaded:", err)
	}
}
