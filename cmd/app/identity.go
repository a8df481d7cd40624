package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"flyleaf/keys"
	"flyleaf/keys/encrypted"
	"flyleaf/keys/identity"
	"flyleaf/node"
	"flyleaf/qa"
	"flyleaf/storage/sqlite"
)

// The commands of the group identity. import and passphrase lock the data directory, because a
// running `flyleaf serve` keeps the key that it read at its start.

func (a *app) identityShowCmd() *cobra.Command {
	return a.jsonFlag(&cobra.Command{
		Use:   "show [flags]",
		Short: "Print your identity",
		Long:  "Print your identity: the public key with which everybody can check your posts.",
		Args:  noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return a.with(c.Context(), func(ctx context.Context, b backend) error {
				id, err := b.Identity(ctx)
				if err != nil {
					return err
				}
				if a.json {
					return a.printJSON(map[string]qa.Identity{"identity": id})
				}
				a.printf("%s\n", id)
				return nil
			})
		},
	})
}

// readKey returns the key of the data directory, and creates one if there is none.
func (a *app) readKey(ctx context.Context) (keys.Key, error) {
	h, err := a.home(ctx)
	if err != nil {
		return keys.Key{}, err
	}
	if _, err := os.Stat(h.path(keyFile)); errors.Is(err, fs.ErrNotExist) {
		// Opening the directory creates the key under the lock, so two commands cannot create two keys.
		if err := a.with(ctx, func(context.Context, backend) error { return nil }); err != nil {
			return keys.Key{}, err
		}
	}
	return h.key()
}

func (a *app) identityExportCmd() *cobra.Command {
	var out, site string
	var sealed, qr bool
	c := &cobra.Command{
		Use:   "export [flags]",
		Short: "Print your recovery phrase, or write a key file",
		Long: `Print your recovery phrase (24 words), which restores your identity on this device or
another: write it on paper. With -o, write a key file instead. With --web, print a link that
opens Flyleaf in a browser with your identity, for example as a QR code for your phone. Anybody
who has the words, the file or the link can write as you, and this cannot be revoked.`,
		Example: "  flyleaf identity export\n  flyleaf identity export -o me.key --passphrase\n  flyleaf identity export --web https://books.example.org --qr",
		Args:    noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if sealed && out == "" {
				return codedf(exitUsage, "--passphrase needs -o FILE, because it protects a key file")
			}
			if site != "" && out != "" || qr && site == "" {
				return codedf(exitUsage, "--web cannot be used together with -o, and --qr needs --web")
			}
			if u, err := url.Parse(site); site != "" && (err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.RawQuery != "" || u.Fragment != "") {
				return codedf(exitUsage, "--web takes the address at which browsers open Flyleaf, such as https://books.example.org, not %q", site)
			}
			k, err := a.readKey(c.Context())
			if err != nil {
				return err
			}
			if out != "" {
				return a.exportKeyFile(c.Context(), k, out, sealed)
			}
			phrase, err := identity.Phrase(k)
			if err != nil {
				return err
			}
			if site != "" {
				return a.printIdentityLink(k, identity.Link(site, phrase), qr)
			}
			words := strings.Fields(phrase)
			if a.json {
				return a.printJSON(struct {
					Identity qa.Identity `json:"identity"`
					Phrase   []string    `json:"phrase"`
				}{k.Identity(), words})
			}
			const perLine = 6
			for i := 0; i < len(words); i += perLine {
				a.printf("%s\n", strings.Join(words[i:min(i+perLine, len(words))], " "))
			}
			return nil
		},
	}
	c.Flags().StringVarP(&out, "output", "o", "", "write a key file to this `file`, which must not exist yet; - for standard output")
	c.Flags().BoolVar(&sealed, "passphrase", false, "protect the key file with a passphrase")
	c.Flags().StringVar(&site, "web", "", "print a link that opens Flyleaf at this web `address`, with your identity")
	c.Flags().BoolVar(&qr, "qr", false, "also print the link as a QR code")
	return a.jsonFlag(c)
}

// printIdentityLink prints the link with which a browser takes an identity.
func (a *app) printIdentityLink(k keys.Key, link string, qr bool) error {
	if a.json {
		return a.printJSON(map[string]string{"identity": string(k.Identity()), "web": link})
	}
	a.printf("%s\n", link)
	if qr {
		code, err := newQR(link)
		if err != nil {
			return err
		}
		a.printf("\n%s", code.text(a.std.colours()))
	}
	return nil
}

func (a *app) exportKeyFile(ctx context.Context, k keys.Key, out string, sealed bool) error {
	passphrase := ""
	if sealed {
		var err error
		if passphrase, err = a.newPassphrase(ctx); err != nil {
			return err
		}
	}
	b, err := encrypted.SealFile(k, passphrase)
	if err != nil {
		return err
	}
	if out == "-" {
		_, err := a.std.out.Write(b)
		return err
	}
	// An existing file may be the only copy of another identity.
	if _, err := os.Lstat(out); err == nil {
		return codedf(exitRefused, "%s exists already; nothing was changed. Choose another file name", out)
	}
	if err := writeFileSynced(out, b, 0o600); err != nil {
		return fmt.Errorf("writing the key file: %w", err)
	}
	if a.json {
		return a.printJSON(map[string]string{"identity": string(k.Identity()), "file": out})
	}
	a.printf("Identity %[2]s saved to %[1]s.\n", out, k.Identity().Short())
	return nil
}

func (a *app) identityImportCmd() *cobra.Command {
	var replace, seal bool
	c := &cobra.Command{
		Use:   "import [flags] [FILE|-]",
		Short: "Use your identity on this device too",
		Long: `Use your identity from another device on this one: give its recovery phrase (typed, or from
standard input) or a key file. Both devices are then the same person: one name, one vote, and
posts from one device can be edited on the other.

If this device has already written as somebody else, --replace is needed. The previous key is
never deleted; it is kept in the same directory.`,
		Example: "  flyleaf identity import\n  flyleaf identity import me.key\n  flyleaf identity import - < words.txt",
		Args:    between(0, 1),
		RunE: func(c *cobra.Command, args []string) error {
			h, err := a.home(c.Context())
			if err != nil {
				return err
			}
			k, passphrase, err := a.readIdentity(c.Context(), h, args)
			if err != nil {
				return err
			}
			if seal && passphrase == "" {
				if passphrase, err = a.newPassphrase(c.Context()); err != nil {
					return err
				}
			}
			return h.withLock(c.Context(), func() error {
				changed, aside, err := h.importKey(c.Context(), k, passphrase, replace)
				if err != nil {
					return err
				}
				if a.json {
					return a.printJSON(struct {
						Identity qa.Identity `json:"identity"`
						Changed  bool        `json:"changed"`
						Kept     string      `json:"kept,omitempty"` // file with the previous identity
					}{k.Identity(), changed, aside})
				}
				if !changed {
					a.printf("This device already has the identity %s; nothing was changed.\n", k.Identity().Short())
					return nil
				}
				a.printf("This device now has the identity %s.\n", k.Identity().Short())
				if aside != "" {
					a.printf("Its previous identity is kept in %s.\n", aside)
				}
				return nil
			})
		},
	}
	c.Flags().BoolVar(&replace, "replace", false, "replace the identity even if this device has written with it")
	c.Flags().BoolVar(&seal, "passphrase", false, "protect the key file of this device with a passphrase")
	return a.jsonFlag(c)
}

// readIdentity reads a recovery phrase or a key file. passphrase is the key file's.
func (a *app) readIdentity(ctx context.Context, h home, args []string) (k keys.Key, passphrase string, err error) {
	var b []byte
	from := "standard input"
	switch {
	case len(args) == 1 && args[0] != "-":
		from = args[0]
		b, err = readBounded(args[0], identity.MaxFile+1)
	case a.std.isTerminal():
		fmt.Fprintf(a.std.err, "Type the %d words of the recovery phrase, then an empty line.\n", identity.Words)
		b, err = readWords(a.std.in)
	default:
		b, err = io.ReadAll(io.LimitReader(a.std.in, identity.MaxFile+1))
	}
	if err != nil {
		return k, "", coded(exitRefused, err)
	}
	if identity.IsFile(b) {
		return h.openKey(b, from)
	}
	if k, err = identity.Read(b); err != nil {
		err = codedf(exitRefused, "%w; nothing was changed", err)
	}
	return k, "", err
}

// readWords reads lines until the phrase is complete or a line is empty.
func readWords(r io.Reader) ([]byte, error) {
	var words []byte
	lines := bufio.NewScanner(io.LimitReader(r, identity.MaxFile))
	for len(bytes.Fields(words)) < identity.Words && lines.Scan() && len(bytes.TrimSpace(lines.Bytes())) > 0 {
		words = append(append(words, lines.Bytes()...), '\n')
	}
	return words, lines.Err()
}

// withLock runs fn while no other process has the data directory open.
func (h home) withLock(ctx context.Context, fn func() error) error {
	deadline := time.Now().Add(lockTimeout)
	for {
		lock, ok, err := h.lock()
		if err != nil {
			return err
		}
		if ok {
			err := fn()
			return errors.Join(err, lock.Unlock())
		}
		if s, err := h.serving(); err == nil && s.URL != "" || time.Now().After(deadline) {
			return codedf(exitBusy, "another flyleaf has the data directory %s open; nothing was changed. Stop it and try again", h.dir)
		}
		if err := pause(ctx, 20*time.Millisecond); err != nil {
			return err
		}
	}
}

// importKey makes k the identity of this directory. aside is the file in which the previous key
// is kept.
func (h home) importKey(ctx context.Context, k keys.Key, passphrase string, replace bool) (changed bool, aside string, err error) {
	b, err := os.ReadFile(h.path(keyFile))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return true, "", h.saveKey(k, passphrase)
	case err != nil:
		return false, "", fmt.Errorf("reading the identity of this device: %w; nothing was changed", err)
	}
	now, who := qa.Identity(""), "unknown"
	switch old, _, err := h.openKey(b, h.path(keyFile)); {
	case err == nil:
		now, who = old.Identity(), old.Identity().Short()
	case !replace:
		return false, "", fmt.Errorf("the identity of this device cannot be read, so nothing was changed: %w. --replace uses the new identity anyway, and keeps the old file", err)
	}
	changed, err = node.ChangeIdentity(now, k.Identity(), replace,
		func() error { return h.checkIdentity(ctx, k.Identity()) },
		func() error {
			aside, err = h.backUpKey(b, who)
			return err
		},
		func() error { return h.saveKey(k, passphrase) })
	if errors.Is(err, node.ErrOtherIdentity) {
		err = codedf(exitRefused, "this device has written as %s; nothing was changed. Import into another --data directory, or use --replace: the posts stay theirs, and their key is kept in the same directory", who)
	}
	return changed, aside, err
}

// checkIdentity is node.CheckIdentity for this directory.
func (h home) checkIdentity(ctx context.Context, id qa.Identity) error {
	path := h.path("flyleaf.db")
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	store, err := sqlite.Open(ctx, path, sqlite.Options{})
	if err != nil {
		return explainOpen(h, err)
	}
	defer store.Close()
	return node.CheckIdentity(ctx, store, id)
}

func (a *app) identityPassphraseCmd() *cobra.Command {
	var remove bool
	var newFile string
	c := &cobra.Command{
		Use:   "passphrase [flags]",
		Short: "Protect the key file with a passphrase, or change it",
		Long: `Protect the key file of this device with a passphrase, or change the passphrase; with --undo,
remove it. From then on each start asks for it on the terminal, unless it is given with
--passphrase-file or $FLYLEAF_PASSPHRASE. If you forget the passphrase, you need
the recovery phrase. The passphrase encrypts only the key, not what you wrote.`,
		Example: "  flyleaf identity passphrase\n  flyleaf identity passphrase --undo",
		Args:    noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			ctx := c.Context()
			if remove && newFile != "" {
				return codedf(exitUsage, "--undo and --new-passphrase-file cannot be used together")
			}
			if _, err := a.readKey(ctx); err != nil { // creates the key in a new directory
				return err
			}
			h, err := a.home(ctx)
			if err != nil {
				return err
			}
			return h.withLock(ctx, func() error {
				b, err := os.ReadFile(h.path(keyFile))
				if err != nil {
					return fmt.Errorf("reading the identity: %w", err)
				}
				k, old, err := h.openKey(b, h.path(keyFile))
				if err != nil {
					return err
				}
				passphrase := ""
				switch {
				case remove && old == "":
					a.printf("%s is not protected with a passphrase; nothing was changed.\n", filepath.Base(h.path(keyFile)))
					return nil
				case remove:
				case newFile != "":
					passphrase, err = readPassphrase(newFile)
				case old == "":
					passphrase, err = a.newPassphrase(ctx)
				default: // --passphrase-file and the environment give the old passphrase
					passphrase, err = chooseHidden(ctx)
				}
				if err != nil {
					return err
				}
				if err := h.saveKey(k, passphrase); err != nil {
					return err
				}
				done := "%s is now protected with the passphrase.\n"
				if passphrase == "" {
					done = "%s is no longer protected with a passphrase.\n"
				}
				a.printf(done, filepath.Base(h.path(keyFile)))
				return nil
			})
		},
	}
	undoFlag(c, &remove, "remove the passphrase")
	oldFlag(c, "remove", "undo")
	c.Flags().StringVar(&newFile, "new-passphrase-file", "", "a `file` whose first line is the new passphrase")
	return c
}

func (a *app) identityNameCmd() *cobra.Command {
	c := &cobra.Command{
		Use:     "name [flags] [NAME]",
		Short:   "Set the name that others see, or print it",
		Example: "  flyleaf identity name \"Tino\"",
		Args:    between(0, 1),
		RunE: func(c *cobra.Command, args []string) error {
			return a.with(c.Context(), func(ctx context.Context, b backend) error {
				p, err := b.Person(ctx)
				if len(args) == 1 {
					p, err = setName(ctx, b, args[0])
				}
				if err != nil {
					return a.explain(err)
				}
				if a.json {
					return a.printJSON(map[string]string{"name": p.Name, "identity": string(p.ID)})
				}
				if p.Name == "" {
					a.printf("No name yet: others see you as %s. `flyleaf identity name \"Tino\"` sets one.\n", qa.NamelessName(p.ID, ""))
				} else {
					a.printf("%s\n", plain(p.Name))
				}
				return nil
			})
		},
	}
	return a.jsonFlag(c)
}

// setName sets the name that others see, and returns the profile with it.
func setName(ctx context.Context, b backend, name string) (qa.Person, error) {
	if strings.TrimSpace(name) == "" {
		return qa.Person{}, codedf(exitUsage, "a name needs at least one letter")
	}
	p, err := b.Person(ctx)
	if err != nil {
		return p, err
	}
	p.Name = strings.TrimSpace(name)
	return p, b.SetPerson(ctx, p)
}

// noteNameless tells somebody who has no name what others see, and how to set one.
func (a *app) noteNameless(ctx context.Context, b backend) error {
	p, err := b.Person(ctx)
	if err == nil && p.Name == "" && !a.json {
		fmt.Fprintf(a.std.err, "Note: you have no name yet, so others see you as %s. `flyleaf identity name \"Tino\"` sets one.\n", qa.NamelessName(p.ID, ""))
	}
	return err
}
