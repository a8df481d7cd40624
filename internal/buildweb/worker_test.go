package main

import (
	"os"
	"os/exec"
	"testing"
)

// TestTheWorkerKeepsOneProgram runs sw.js in Node: whatever happens to a program, all requests are
// answered, and no two programs work on one store. It is skipped without Node, and fails without
// it if FLYLEAF_REQUIRE_ALL is 1.
func TestTheWorkerKeepsOneProgram(t *testing.T) {
	node, err := exec.LookPath("node")
	if err != nil {
		if os.Getenv("FLYLEAF_REQUIRE_ALL") == "1" {
			t.Fatal("node is not installed")
		}
		t.Skip("node is not installed")
	}
	if out, err := exec.CommandContext(t.Context(), node, "--test", "testdata/worker.mjs").CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}
