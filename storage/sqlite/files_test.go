package sqlite

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"flyleaf/crdt/wire"
	"flyleaf/qa"
	"flyleaf/storage"
	"flyleaf/storage/storagetest"
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// execDirectly changes a file without the store.
func execDirectly(t testing.TB, path string, queries ...string) {
	t.Helper()
	db, err := sql.Open("sqlite", dsn(path, Options{}))
	must(t, err)
	for _, q := range queries {
		if _, err := db.Exec(q); err != nil {
			t.Fatalf("%s: %v", q, err)
		}
	}
	must(t, db.Close())
}

// newClosedFile creates a file with n changes, and closes it.
func newClosedFile(t testing.TB, n int) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "flyleaf.db")
	s, err := Open(t.Context(), path, Options{})
	must(t, err)
	must(t, s.Append(t.Context(), storage.Batch{Event: event, Entries: storagetest.Entries("a", 0, n, true)}))
	must(t, s.Close())
	return path
}

// TestOpenChangesNoFileThatItRefuses: Open changes no byte of a file that it must not open, and
// creates no file next to it.
func TestOpenChangesNoFileThatItRefuses(t *testing.T) {
	foreign := func(t *testing.T, queries ...string) string {
		path := filepath.Join(t.TempDir(), "x.db")
		execDirectly(t, path, queries...)
		return path
	}
	file := func(t *testing.T, b []byte) string {
		path := filepath.Join(t.TempDir(), "x.db")
		must(t, os.WriteFile(path, b, 0o600))
		return path
	}
	for name, test := range map[string]struct {
		path func(t *testing.T) string
		want error
		says string
	}{
		"garbage":                {func(t *testing.T) string { return file(t, bytes.Repeat([]byte("garbage "), 1000)) }, storage.ErrNotDatabase, "was not changed"},
		"short":                  {func(t *testing.T) string { return file(t, []byte("SQLite format 3\x00")) }, storage.ErrNotDatabase, "was not changed"},
		"one byte":               {func(t *testing.T) string { return file(t, []byte("x")) }, storage.ErrNotDatabase, "was not changed"},
		"directory":              {func(t *testing.T) string { return t.TempDir() }, storage.ErrNotDatabase, "not a file"},
		"foreign":                {func(t *testing.T) string { return foreign(t, "CREATE TABLE t (x)", "INSERT INTO t VALUES (1)") }, storage.ErrForeign, "was not changed"},
		"foreign with an ID":     {func(t *testing.T) string { return foreign(t, "PRAGMA application_id = 7") }, storage.ErrForeign, "was not changed"},
		"foreign with a version": {func(t *testing.T) string { return foreign(t, "PRAGMA user_version = 1") }, storage.ErrForeign, "was not changed"},
		"foreign in WAL mode":    {func(t *testing.T) string { return foreign(t, "PRAGMA journal_mode = WAL", "CREATE TABLE t (x)") }, storage.ErrForeign, "was not changed"},
		"foreign with a log": {func(t *testing.T) string {
			// Copied while the other program had it open: the table is in the log only.
			live := filepath.Join(t.TempDir(), "live.db")
			db, err := sql.Open("sqlite", dsn(live, Options{}))
			must(t, err)
			db.SetMaxOpenConns(1)
			for _, q := range []string{"PRAGMA journal_mode = WAL", "CREATE TABLE t (x)"} {
				_, err := db.Exec(q)
				must(t, err)
			}
			path := filepath.Join(t.TempDir(), "x.db")
			for _, suffix := range []string{"", "-wal"} {
				b, err := os.ReadFile(live + suffix)
				must(t, err)
				must(t, os.WriteFile(path+suffix, b, 0o600))
			}
			must(t, db.Close())
			return path
		}, storage.ErrForeign, "was not changed"},
		"newer": {func(t *testing.T) string {
			path := newClosedFile(t, 3)
			execDirectly(t, path, "CREATE TABLE later (x)", "PRAGMA user_version = 99")
			return path
		}, storage.ErrNewer, "schema 99"},
	} {
		t.Run(name, func(t *testing.T) {
			path := test.path(t)
			before := readDirectory(t, path)
			s, err := Open(t.Context(), path, Options{})
			if err == nil {
				_ = s.Close()
			}
			if !errors.Is(err, test.want) {
				t.Fatalf("error %v, want %v", err, test.want)
			}
			if !strings.Contains(err.Error(), test.says) || !strings.Contains(err.Error(), path) {
				t.Errorf("%q does not say %q and where", err, test.says)
			}
			after := readDirectory(t, path)
			if len(after) != len(before) {
				t.Errorf("files before %d, after %d", len(before), len(after))
			}
			for name, b := range before {
				if !bytes.Equal(after[name], b) {
					t.Errorf("%s was changed", name)
				}
			}
		})
	}
}

func readDirectory(t *testing.T, path string) map[string][]byte {
	t.Helper()
	files := map[string][]byte{}
	dir, err := os.ReadDir(filepath.Dir(path))
	must(t, err)
	for _, f := range dir {
		if f.Type().IsRegular() {
			b, err := os.ReadFile(filepath.Join(filepath.Dir(path), f.Name()))
			must(t, err)
			files[f.Name()] = b
		}
	}
	return files
}

// TestOpenAcceptsEmptyFiles: Open uses missing and empty files, and empty databases.
func TestOpenAcceptsEmptyFiles(t *testing.T) {
	empty := filepath.Join(t.TempDir(), "empty.db")
	must(t, os.WriteFile(empty, nil, 0o600))
	vacuumed := filepath.Join(t.TempDir(), "vacuumed.db")
	execDirectly(t, vacuumed, "VACUUM")
	if info, err := os.Stat(vacuumed); err != nil || info.Size() == 0 {
		t.Fatal("the file has no header", err)
	}
	for _, path := range []string{empty, vacuumed, filepath.Join(t.TempDir(), "new.db")} {
		s := open(t, path)
		must(t, s.SetSetting(t.Context(), "k", "v"))
	}
}

func TestFilePermissions(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows has no permission bits")
	}
	s := open(t, filepath.Join(t.TempDir(), "f.db"))
	must(t, s.SetSetting(t.Context(), "draft/x", "private"))
	for _, suffix := range []string{"", "-wal", "-shm"} {
		info, err := os.Stat(s.Path() + suffix)
		must(t, err)
		if info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%q: other users may read it: %v", suffix, info.Mode())
		}
	}
}

func TestPragmas(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "f.db"))
	for _, want := range []string{
		"synchronous = 2", "foreign_keys = 1", "fullfsync = 1", "checkpoint_fullfsync = 1",
		"journal_mode = wal", "busy_timeout = 10000", "trusted_schema = 0",
	} {
		pragma, _, _ := strings.Cut(want, " = ")
		for name, run := range map[string]func(context.Context, func(*tx) error) error{"writer": s.update, "reader": s.view} {
			must(t, run(t.Context(), func(c *tx) error {
				var got string
				err := c.row("PRAGMA "+pragma, nil, &got)
				if pragma+" = "+got != want {
					t.Errorf("%s: %s = %s, want %s", name, pragma, got, want)
				}
				return err
			}))
		}
	}
	err := s.view(t.Context(), func(r *tx) error {
		var cache string
		must(t, r.row("PRAGMA cache_size", nil, &cache))
		if cache != "-16384" { // KiB
			t.Errorf("the cache of a reader is %s", cache)
		}
		_, err := r.exec("DELETE FROM settings")
		return err
	})
	if err == nil {
		t.Error("a read connection can write")
	}
}

func TestTruncatedFileIsReported(t *testing.T) {
	path := newClosedFile(t, 2000)
	info, err := os.Stat(path)
	must(t, err)
	for _, keep := range []int64{info.Size() / 2, info.Size() - 4096, 4096, 200} {
		must(t, os.Truncate(path, keep))
		_, err := Open(t.Context(), path, Options{})
		if !errors.Is(err, storage.ErrDamaged) && !errors.Is(err, storage.ErrNotDatabase) {
			t.Errorf("%d of %d bytes: %v", keep, info.Size(), err)
		} else if !strings.Contains(err.Error(), path) || !strings.Contains(err.Error(), "move") {
			t.Errorf("%d bytes: %q says neither where nor what to do", keep, err)
		}
	}
}

// TestDamagedRows changes each immutable column. The walk skips the damaged row and lists it;
// appending the change again repairs it.
func TestDamagedRows(t *testing.T) {
	for _, spoil := range []string{
		"bytes = CAST(substr(bytes, 1, 60) || x'00' || substr(bytes, 62) AS BLOB)",
		"bytes = x''",
		"hash = x'0102'",
		"signature = CAST(substr(signature, 1, 63) || x'00' AS BLOB)",
		"signature = NULL",
		"act = CAST('{\"kind\":\"edit\"}' AS BLOB)",
		"seq = seq + 1",
		"own = 0",
		"received_at = received_at - 1",
		"actor = 99",
	} {
		t.Run(spoil[:strings.Index(spoil, " ")], func(t *testing.T) {
			path := newClosedFile(t, 5)
			execDirectly(t, path, "PRAGMA foreign_keys = 0", "UPDATE changes SET "+spoil+" WHERE position = 3")
			s := open(t, path)
			want := storagetest.Entries("a", 0, 5, true)
			read := func() (got []wire.Hash, err error) {
				err = s.Entries(t.Context(), event, 0, func(e storage.Entry) error { got = append(got, e.Hash()); return nil })
				return got, err
			}
			got, err := read()
			var damaged *storage.DamagedError
			if !errors.Is(err, storage.ErrDamaged) || !errors.As(err, &damaged) || len(damaged.Hashes) != 1 || damaged.Event != event {
				t.Fatalf("error %v", err)
			}
			if len(got) != 4 || got[2] != want[3].Hash() {
				t.Fatalf("intact ones: %v", got)
			}
			if _, err := s.Entry(t.Context(), event, damaged.Hashes[0]); strings.HasPrefix(spoil, "hash") == errors.Is(err, storage.ErrDamaged) {
				t.Fatalf("Entry: %v", err)
			}
			if !strings.HasPrefix(spoil, "hash") && damaged.Hashes[0] != want[2].Hash() {
				t.Fatalf("listed %v", damaged.Hashes)
			}

			again := want[2]
			again.Own, again.Act = false, nil // as a relay would send it
			must(t, s.Append(t.Context(), storage.Batch{Event: event, Entries: []storage.Entry{again}}))
			e, err := s.Entry(t.Context(), event, again.Hash())
			must(t, err)
			if !bytes.Equal(e.Bytes(), want[2].Bytes()) || !bytes.Equal(e.Signature, want[2].Signature) || e.Seq != want[2].Seq || e.Actor != want[2].Actor {
				t.Fatalf("not repaired: %+v", e)
			}
			if strings.HasPrefix(spoil, "bytes") && (!e.Own || !bytes.Equal(e.Act, want[2].Act)) {
				t.Fatalf("this device's notes are lost: %+v", e)
			}
			if strings.HasPrefix(spoil, "act") && e.Act != nil {
				t.Fatalf("the damaged act was kept: %s", e.Act)
			}
			if _, err = read(); strings.HasPrefix(spoil, "hash") != (err != nil) {
				t.Fatalf("after the repair: %v", err)
			}
		})
	}
}

func TestDamagedSnapshotAndViews(t *testing.T) {
	path := newClosedFile(t, 3)
	s := open(t, path)
	must(t, s.SaveSnapshot(t.Context(), event, storage.Snapshot{Position: 3, Bytes: []byte("snapshot")}))
	must(t, s.ReplaceViews(t.Context(), event, storage.ViewUpdate{Posts: []qa.Post{storagetest.Post("p", "x")}}))
	execDirectly(t, path, "UPDATE snapshots SET bytes = CAST('snapshod' AS BLOB)", "UPDATE posts SET json = CAST('{' AS BLOB)")
	if _, err := s.Snapshot(t.Context(), event); !errors.Is(err, storage.ErrDamaged) {
		t.Errorf("snapshot: %v", err)
	}
	if _, err := s.Posts(t.Context(), event); !errors.Is(err, storage.ErrDamaged) {
		t.Errorf("posts: %v", err)
	}
	must(t, s.ReplaceViews(t.Context(), event, storage.ViewUpdate{Posts: []qa.Post{storagetest.Post("p", "x")}}))
	if _, err := s.Posts(t.Context(), event); err != nil {
		t.Errorf("rebuilt: %v", err)
	}
}

// TestDamagedPages overwrites whole pages: reading them is an error, never a wrong result.
func TestDamagedPages(t *testing.T) {
	path := newClosedFile(t, 2000)
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	must(t, err)
	info, err := f.Stat()
	must(t, err)
	for at := int64(40 * 4096); at < info.Size(); at += 8 * 4096 {
		_, err := f.WriteAt(bytes.Repeat([]byte{0xa5}, 4096), at)
		must(t, err)
	}
	must(t, f.Close())
	s := open(t, path)
	err = s.Entries(t.Context(), event, 0, func(storage.Entry) error { return nil })
	if !errors.Is(err, storage.ErrDamaged) {
		t.Errorf("%v", err)
	}
}

// TestFullDisk: a call that finds no room stores nothing and returns ErrFull. When there is room
// again, calls succeed.
func TestFullDisk(t *testing.T) {
	s := open(t, newClosedFile(t, 10))
	limit := func(pages string) {
		var got int
		must(t, s.writeDB.QueryRow("PRAGMA max_page_count = "+pages).Scan(&got))
	}
	limit("60")
	stored, failed := 10, 0
	for n := 10; n < 2000; n += 10 {
		err := s.Append(t.Context(), storage.Batch{Event: event, Entries: storagetest.Entries("a", n, n+10, true)})
		if err == nil && failed == 0 {
			stored += 10
			continue
		}
		if !errors.Is(err, storage.ErrFull) {
			t.Fatalf("change %d: %v", n, err)
		}
		if failed++; failed == 5 {
			break
		}
	}
	if failed != 5 || stored == 10 {
		t.Fatalf("%d stored, %d failed", stored, failed)
	}
	count := func() int {
		c, err := s.Counts(t.Context(), event)
		must(t, err)
		return c.Changes
	}
	if got := count(); got != stored {
		t.Fatalf("%d changes, acknowledged %d", got, stored)
	}
	limit("100000")
	must(t, s.Append(t.Context(), storage.Batch{Event: event, Entries: storagetest.Entries("a", stored, stored+10, true)}))
	if got := count(); got != stored+10 {
		t.Fatalf("%d changes after there was room", got)
	}
	checkIntegrity(t, s)
}

// checkIntegrity runs SQLite's own integrity check.
func checkIntegrity(t *testing.T, s *Store) {
	t.Helper()
	must(t, s.view(t.Context(), func(r *tx) error {
		return r.each("PRAGMA integrity_check", nil, func(scan func(...any) error) error {
			var line string
			if err := scan(&line); err != nil {
				return err
			}
			if line != "ok" {
				t.Error(line)
			}
			return nil
		})
	}))
}

// TestOpenExplainsMissingDirectoriesAndPermissions: if the file cannot be created, the error
// says what to check.
func TestOpenExplainsMissingDirectoriesAndPermissions(t *testing.T) {
	_, err := Open(t.Context(), filepath.Join(t.TempDir(), "absent", "f.db"), Options{})
	if !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), "directory") {
		t.Errorf("no directory: %v", err)
	}
	if os.Geteuid() == 0 || runtime.GOOS == "windows" {
		t.Skip("needs a user whom a read-only directory keeps out")
	}
	dir := t.TempDir()
	must(t, os.Chmod(dir, 0o500))
	t.Cleanup(func() { _ = os.Chmod(dir, 0o700) })
	if _, err = Open(t.Context(), filepath.Join(dir, "f.db"), Options{}); !errors.Is(err, fs.ErrPermission) || !strings.Contains(err.Error(), "nothing was changed") {
		t.Errorf("read-only directory: %v", err)
	}
}

// TestMigrateFromVersion1: a file of version 1 keeps its ledger and local data, and gets empty
// views.
func TestMigrateFromVersion1(t *testing.T) {
	path := filepath.Join(t.TempDir(), "v1.db")
	db, err := sql.Open("sqlite", dsn(path, Options{}))
	must(t, err)
	db.SetMaxOpenConns(1)
	_, err = db.Exec("PRAGMA application_id = 1181514092")
	must(t, err)
	must(t, migrateTo(t.Context(), db, 1))
	e := storagetest.Entry("a", 0, true)
	_, err = db.Exec("INSERT INTO documents VALUES (1, ?)", string(event))
	must(t, err)
	_, err = db.Exec("INSERT INTO actors VALUES (1, ?)", []byte(e.Actor))
	must(t, err)
	_, err = db.Exec("INSERT INTO settings VALUES ('draft', 'kept')")
	must(t, err)
	_, err = db.Exec(insertChange, 1, hashOf(&e), 1, int64(e.Seq), e.ReceivedAtMillis, 0, true, false, int64(storage.Checksum(&e)), e.Signature, e.Act, e.Bytes())
	must(t, err)
	must(t, db.Close())

	s := open(t, path)
	got, err := s.Entry(t.Context(), event, e.Hash())
	must(t, err)
	if !bytes.Equal(got.Bytes(), e.Bytes()) {
		t.Error("another change")
	}
	if v, err := s.Setting(t.Context(), "draft"); v != "kept" {
		t.Errorf("draft %q, %v", v, err)
	}
	posts, err := s.Posts(t.Context(), event)
	if len(posts) != 0 || err != nil {
		t.Errorf("posts %v, %v", posts, err)
	}
	must(t, s.ReplaceViews(t.Context(), event, storage.ViewUpdate{Posts: []qa.Post{storagetest.Post("p", "x")}}))
	// The header has the new version at once, because older programs read only the header.
	b, err := os.ReadFile(path)
	must(t, err)
	if uint32(b[63]) != schemaVersion {
		t.Errorf("header says version %d", b[63])
	}
	must(t, s.Close())
	open(t, path)
}

// TestFailedMigrationLeavesNothing: a migration that fails half-way, here because one of its
// tables exists already, changes neither tables nor version.
func TestFailedMigrationLeavesNothing(t *testing.T) {
	db, err := sql.Open("sqlite", dsn(filepath.Join(t.TempDir(), "half.db"), Options{}))
	must(t, err)
	defer func() { _ = db.Close() }()
	db.SetMaxOpenConns(1)
	must(t, migrateTo(t.Context(), db, 1))
	_, err = db.Exec("CREATE TABLE people (other INTEGER)") // the last table of version 2
	must(t, err)
	if err := migrateTo(t.Context(), db, 2); err == nil || !strings.Contains(err.Error(), "version 2") {
		t.Fatalf("the migration did not fail: %v", err)
	}
	var version, tables int
	must(t, db.QueryRow("SELECT (SELECT user_version FROM pragma_user_version), (SELECT count(*) FROM sqlite_schema WHERE name IN ('events', 'posts'))").Scan(&version, &tables))
	if version != 1 || tables != 0 {
		t.Fatalf("version %d, %d tables of version 2", version, tables)
	}
	_, err = db.Exec("DROP TABLE people")
	must(t, err)
	must(t, migrateTo(t.Context(), db, 2))
}

// TestEveryMigrationIsRun: every file in the directory is in the list, and is numbered with
// the version that it creates.
func TestEveryMigrationIsRun(t *testing.T) {
	files, err := fs.Glob(migrationFiles, "migrations/*.sql")
	must(t, err)
	for i, name := range files {
		db, err := sql.Open("sqlite", dsn(filepath.Join(t.TempDir(), "m.db"), Options{}))
		must(t, err)
		db.SetMaxOpenConns(1)
		var number uint32
		if _, err := fmt.Sscanf(filepath.Base(name), "%05d_", &number); err != nil || number != uint32(i+1) {
			t.Errorf("%s is the %d. file", name, i+1)
		}
		must(t, migrateTo(t.Context(), db, number))
		statements, err := migrationFiles.ReadFile(name)
		must(t, err)
		if _, err := db.Exec(string(statements)); err == nil || !strings.Contains(err.Error(), "already exists") {
			t.Errorf("after the migration to version %d, %s can still be run: %v", number, name, err)
		}
		must(t, db.Close())
	}
}
