package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"

	"golang.org/x/term"
)

// envPassphrase is the environment variable with the key file's passphrase, for scripts.
const envPassphrase = "FLYLEAF_PASSPHRASE"

// maxPassphrase is the maximum length of a passphrase file, in bytes.
const maxPassphrase = 4 << 10

var errNoTerminal = errors.New("there is no terminal to ask on")

// passphrase returns the passphrase of a key file: from --passphrase-file, from the
// environment, or typed by the user.
func (a *app) passphrase(ctx context.Context, what string) (string, error) {
	if s, ok, err := a.givenPassphrase(); ok || err != nil {
		return s, err
	}
	if a.neverAsk {
		return "", errNoTerminal
	}
	s, err := askHidden(ctx, fmt.Sprintf("Passphrase of %s: ", what))
	if errors.Is(err, errNoTerminal) {
		return "", codedf(exitRefused, "%s is protected with a passphrase, and %w; nothing was changed. Give it in the environment as %s, or with --passphrase-file FILE", what, err, envPassphrase)
	}
	return s, err
}

// givenPassphrase returns the passphrase of --passphrase-file or the environment; ok is false
// if there is none.
func (a *app) givenPassphrase() (s string, ok bool, err error) {
	if a.passphraseFile != "" {
		s, err := readPassphrase(a.passphraseFile)
		return s, true, err
	}
	s, ok = os.LookupEnv(envPassphrase)
	return s, ok && s != "", nil
}

// newPassphrase returns a new passphrase: the given one, or one that the user types twice.
func (a *app) newPassphrase(ctx context.Context) (string, error) {
	if s, ok, err := a.givenPassphrase(); ok || err != nil {
		return s, err
	}
	return chooseHidden(ctx)
}

func chooseHidden(ctx context.Context) (string, error) {
	first, err := askHidden(ctx, "New passphrase: ")
	if errors.Is(err, errNoTerminal) {
		return "", codedf(exitUsage, "%w; nothing was changed. Give the passphrase in the environment as %s, or with --passphrase-file FILE", err, envPassphrase)
	}
	if err != nil {
		return "", err
	}
	if first == "" {
		return "", codedf(exitRefused, "the passphrase is empty; nothing was changed")
	}
	again, err := askHidden(ctx, "Repeat the passphrase: ")
	if err != nil {
		return "", err
	}
	if again != first {
		return "", codedf(exitRefused, "the two passphrases differ; nothing was changed")
	}
	return first, nil
}

// readPassphrase reads the first line of a file.
func readPassphrase(file string) (string, error) {
	b, err := readBounded(file, maxPassphrase)
	if err != nil {
		return "", coded(exitUsage, fmt.Errorf("reading the passphrase: %w", err))
	}
	line, _, _ := strings.Cut(string(b), "\n")
	if line = strings.TrimSuffix(line, "\r"); line == "" {
		return "", codedf(exitUsage, "the first line of %s is empty, so it is not a passphrase; nothing was changed", file)
	}
	return line, nil
}

// askHidden asks on the terminal without showing what is typed. It does not use standard input,
// which may be the text of a post.
func askHidden(ctx context.Context, prompt string) (string, error) {
	in, out := "/dev/tty", "/dev/tty"
	if runtime.GOOS == "windows" {
		in, out = "CONIN$", "CONOUT$"
	}
	tty, err := os.OpenFile(in, os.O_RDWR, 0)
	if err != nil {
		return "", errNoTerminal
	}
	defer tty.Close()
	to, err := os.OpenFile(out, os.O_WRONLY, 0)
	if err != nil {
		return "", errNoTerminal
	}
	defer to.Close()
	state, err := term.GetState(int(tty.Fd()))
	if err != nil {
		return "", errNoTerminal
	}
	fmt.Fprint(to, prompt)
	type line struct {
		text string
		err  error
	}
	read := make(chan line, 1)
	go func() {
		b, err := term.ReadPassword(int(tty.Fd()))
		read <- line{string(b), err}
	}()
	select {
	case l := <-read:
		fmt.Fprintln(to)
		return l.text, l.err
	case <-ctx.Done():
		// The read remains blocked until the process ends, so make typing visible again.
		_ = term.Restore(int(tty.Fd()), state)
		fmt.Fprintln(to)
		return "", errors.New("interrupted; nothing was changed")
	}
}
