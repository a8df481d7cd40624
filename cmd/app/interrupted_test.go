package main

import (
	"bytes"
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// An interrupted program that does not end by itself is ended; a program that was not
// interrupted is not.
func TestInterruptedEndsAtLast(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		var stderr bytes.Buffer
		stopped, code := false, -1
		exitAfterInterrupt(ctx, func() { stopped = true }, &stderr, func(c int) { code = c })
		time.Sleep(2 * forcedExitAfter) // of the test's own clock
		if synctest.Wait(); stopped || code >= 0 {
			t.Fatal("ended without an interruption")
		}
		cancel()
		if synctest.Wait(); !stopped || code >= 0 {
			t.Fatalf("interrupted: a second Ctrl-C ends it: %v, ended at once: %v", stopped, code >= 0)
		}
		time.Sleep(forcedExitAfter)
		if synctest.Wait(); code != exitError || !strings.Contains(stderr.String(), "is safe") {
			t.Errorf("not ended: %d %q", code, stderr.String())
		}
	})
}
