// Command flyleaf is the command line of Flyleaf and, with `flyleaf serve`, its pages in the
// browser. It parses flags, prints, and wires packages together; what a command does is a use
// case of package node.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"golang.org/x/term"
)

// Exit codes; `flyleaf help exit-codes` prints them.
const (
	exitOK        = 0
	exitError     = 1 // something went wrong; nothing was lost
	exitUsage     = 2 // the command is mistyped
	exitNotSynced = 3 // relay and device are not in sync yet
	exitNotFound  = 4 // no such event, post or person
	exitRefused   = 5 // not accepted: an import, a text over a limit, an act the user may not do
	exitBusy      = 6 // another flyleaf has the data directory open
	exitDisagree  = 7 // relay and device disagree: some changes were refused
	exitUnproven  = 8 // verify: a change is invalid, or cannot be proven
)

// codedError is an error with its exit code.
type codedError struct {
	code int
	err  error
}

func (e *codedError) Error() string { return e.err.Error() }
func (e *codedError) Unwrap() error { return e.err }

// coded gives err an exit code. A nil err stays nil.
func coded(code int, err error) error {
	if err == nil {
		return nil
	}
	return &codedError{code, err}
}

// codedf is fmt.Errorf with an exit code.
func codedf(code int, format string, args ...any) error {
	return &codedError{code, fmt.Errorf(format, args...)}
}

// streams are a command's standard streams. Tests replace them.
type streams struct {
	in  io.Reader
	out io.Writer
	err io.Writer
}

// isTerminal reports whether standard input is a terminal.
func (s streams) isTerminal() bool {
	in := s.in
	if i, ok := in.(interruptible); ok {
		in = i.r
	}
	f, ok := in.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	exitAfterInterrupt(ctx, stop, os.Stderr, os.Exit)
	code := run(ctx, os.Args[1:], streams{os.Stdin, os.Stdout, os.Stderr})
	stop()
	os.Exit(code)
}

// forcedExitAfter is how long an interrupted program may continue. It is longer than any
// graceful stop; only operations that cannot be interrupted take so long, such as the engine
// loading a large event.
const forcedExitAfter = 15 * time.Second

// exitAfterInterrupt ends the program at a second Ctrl-C at once, and otherwise after
// forcedExitAfter if it has not ended by itself. Saved data is safe, as after a crash.
func exitAfterInterrupt(ctx context.Context, stop func(), stderr io.Writer, exit func(int)) {
	context.AfterFunc(ctx, func() {
		stop()
		time.AfterFunc(forcedExitAfter, func() {
			fmt.Fprintln(stderr, "flyleaf: interrupted; what was saved before is safe")
			exit(exitError)
		})
	})
}

// run is the whole program. It returns the exit code instead of exiting.
func run(ctx context.Context, args []string, std streams) int {
	out := &checkedWriter{w: std.out}
	std.in, std.out = interruptible{ctx, std.in}, out
	cmd := newRoot(std)
	cmd.SetArgs(args)
	err := cmd.ExecuteContext(ctx)
	if err == nil && out.err != nil {
		err = fmt.Errorf("the command was carried out, but its output could not be written: %w", out.err)
	}
	if err == nil {
		return exitOK
	}
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		err = fmt.Errorf("interrupted; what was saved before is safe (%w)", err)
	}
	err = explain(err)
	fmt.Fprintln(std.err, "flyleaf:", plain(err.Error()))
	return codeOf(err)
}

// interruptible is a reader whose Read returns when ctx ends. The pending read of r is
// abandoned, with a buffer of its own.
type interruptible struct {
	ctx context.Context
	r   io.Reader
}

func (i interruptible) Read(p []byte) (int, error) {
	type result struct {
		n   int
		err error
	}
	b := make([]byte, len(p))
	done := make(chan result, 1)
	go func() {
		n, err := i.r.Read(b)
		done <- result{n, err}
	}()
	select {
	case r := <-done:
		return copy(p, b[:r.n]), r.err
	case <-i.ctx.Done():
		return 0, errors.New("interrupted; nothing was changed")
	}
}

// checkedWriter remembers the first error, because most prints ignore it.
type checkedWriter struct {
	w   io.Writer
	err error
}

func (c *checkedWriter) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	if err != nil && c.err == nil {
		c.err = err
	}
	return n, err
}
