package main

import (
	"bytes"
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// A program that does not end after an interrupt is forced to exit; a program that was not
// interrupted is not.
func TestInterruptForcesExit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		var stderr bytes.Buffer
		stopped, code := false, -1
		exitAfterInterrupt(ctx, func() { stopped = true }, &stderr, func(c int) { code = c })
		time.Sleep(2 * forcedExitAfter) // in the bubble's fake time
		if synctest.Wait(); stopped || code >= 0 {
			t.Fatal("exited without an interrupt")
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
