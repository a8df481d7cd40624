package sqlite

import (
	"bufio"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"flyleaf/qa"
	"flyleaf/storage"
	"flyleaf/storage/storagetest"
)

const crashEnv = "FLYLEAF_CRASH_TEST_FILE"

// TestMain is also the child process of TestKilled: if crashEnv is set, it appends until it is
// killed, and prints what was acknowledged.
func TestMain(m *testing.M) {
	if path := os.Getenv(crashEnv); path != "" {
		if err := appendForever(path); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// batchSize returns varying sizes, so that transactions of one page and of many are
// interrupted.
func batchSize(n int) int { return 1 + n*7%40 }

func appendForever(path string) error {
	ctx := context.Background()
	s, err := Open(ctx, path, Options{})
	if err != nil {
		return err
	}
	c, err := s.Counts(ctx, event)
	if err != nil {
		return err
	}
	for n := c.Changes; ; {
		size := batchSize(n)
		err := s.Append(ctx, storage.Batch{
			Event: event, Entries: storagetest.Entries("a", n, n+size, true),
			Views: storage.ViewUpdate{Posts: []qa.Post{storagetest.Post(fmt.Sprint("p", n), "text")}},
		})
		if err != nil {
			return err
		}
		n += size
		fmt.Println(n)
	}
}

// TestKilled kills a process with SIGKILL while it appends, many times on the same file, also
// during the first open. Acknowledged batches are stored, no batch is stored in part, and
// SQLite finds no damage.
func TestKilled(t *testing.T) {
	rounds := 12
	if testing.Short() {
		rounds = 5
	}
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 0))
	path := filepath.Join(t.TempDir(), "f.db")
	total := 0
	for round := range rounds {
		// In the first rounds kill early, while the file is being created.
		lines := 1 + rnd.IntN(60)
		delay := time.Duration(0)
		if round < 3 {
			lines, delay = 0, time.Duration(rnd.IntN(20_000))*time.Microsecond
		}
		acknowledged := kill(t, path, lines, delay)
		if acknowledged < 0 {
			acknowledged = total
		}
		s, err := Open(t.Context(), path, Options{})
		must(t, err)
		c, err := s.Counts(t.Context(), event)
		must(t, err)
		if c.Changes < acknowledged {
			t.Fatalf("round %d: %d acknowledged, %d stored", round, acknowledged, c.Changes)
		}
		// The last batch may be stored without having been acknowledged, but not in part.
		n, batches := 0, 0
		for n < c.Changes {
			n += batchSize(n)
			batches++
		}
		if n != c.Changes || c.Posts != batches {
			t.Fatalf("round %d: half a batch: %d changes, %d posts; want %d, %d", round, c.Changes, c.Posts, n, batches)
		}
		n = 0
		must(t, s.Entries(t.Context(), event, 0, func(e storage.Entry) error {
			if want := storagetest.Entry("a", n, true); e.Hash() != want.Hash() {
				t.Fatalf("round %d: change %d is another", round, n)
			}
			n++
			return nil
		}))
		if n != c.Changes {
			t.Fatalf("round %d: %d entries of %d", round, n, c.Changes)
		}
		checkIntegrity(t, s)
		must(t, s.Close())
		total = c.Changes
	}
	if total == 0 {
		t.Error("nothing was ever appended")
	}
	t.Logf("%d kills, %d changes", rounds, total)
}

// kill starts the child process, kills it after it has acknowledged lines batches (or after
// delay if lines is 0), and returns the last number that it printed; -1 for none.
func kill(t *testing.T, path string, lines int, delay time.Duration) int {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), crashEnv+"="+path)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	must(t, err)
	must(t, cmd.Start())
	printed := -1
	scanner := bufio.NewScanner(out)
	if lines == 0 {
		time.AfterFunc(delay, func() { _ = cmd.Process.Kill() })
	}
	for scanner.Scan() {
		n, err := strconv.Atoi(scanner.Text())
		if err != nil {
			continue // cut off by the kill
		}
		printed = n
		if lines--; lines == 0 {
			must(t, cmd.Process.Kill())
		}
	}
	if err := cmd.Wait(); cmd.ProcessState.ExitCode() == 1 {
		t.Fatalf("the child failed by itself: %v", err)
	}
	return printed
}
