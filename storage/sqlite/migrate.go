package sqlite

import (
	"context"
	"database/sql"
	"embed"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"flyleaf/storage"
)

// applicationID marks Flyleaf's files: "Flyl".
const applicationID = 0x466c796c

//go:embed migrations/*.sql
var migrationFiles embed.FS

// migrations create version 1 of the schema, version 2, and so on. There are no downgrades: an
// older program returns ErrNewer. When storage.Words changes, another reindex has to be added
// here, because an index with words split differently finds nothing.
var migrations = []func(context.Context, *sql.Tx) error{
	run("migrations/00001_ledger.sql"),
	run("migrations/00002_views.sql"),
	reindex,
}

// schemaVersion is the newest version of the schema.
var schemaVersion = uint32(len(migrations))

// run returns a migration that runs a file of SQL.
func run(name string) func(context.Context, *sql.Tx) error {
	return func(ctx context.Context, tx *sql.Tx) error {
		statements, err := migrationFiles.ReadFile(name)
		if err == nil {
			_, err = tx.ExecContext(ctx, string(statements))
		}
		return err
	}
}

// inspect reads the file's header, without SQLite, and decides whether Flyleaf may open the file.
// A missing or empty file may be opened. SQLite's header, big endian:
//
//	 0 "SQLite format 3\0"
//	60 user_version: the schema's version
//	68 application_id: the program that owns the file
//	100 first page of the schema: type 13 for a leaf
//	103 number of its cells
//
// The header is written before the file is first switched to a write-ahead log (see migrate).
// So it names the owner even when everything else is still in the log.
func inspect(path string) error {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return openError(path, err)
	}
	if !info.Mode().IsRegular() {
		return fmt.Errorf("%w: %s is not a file", storage.ErrNotDatabase, path)
	}
	if info.Size() == 0 {
		return nil
	}
	f, err := os.Open(path)
	if err != nil {
		return openError(path, err)
	}
	defer func() { _ = f.Close() }()
	var h [105]byte
	_, err = io.ReadFull(f, h[:])
	short := errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
	if err != nil && !short {
		return openError(path, err)
	}
	if short || string(h[:16]) != "SQLite format 3\x00" {
		return fmt.Errorf("%w: %s; the file was not changed; choose another path, or move the file away", storage.ErrNotDatabase, path)
	}
	version := binary.BigEndian.Uint32(h[60:])
	owner := binary.BigEndian.Uint32(h[68:])
	cells := binary.BigEndian.Uint16(h[103:])
	if owner == 0 && version == 0 && h[100] == 13 && cells == 0 && !exists(path+"-wal") {
		return nil // an empty database
	}
	return checkOwner(path, owner, version)
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

func checkOwner(path string, owner, version uint32) error {
	if owner != applicationID {
		return fmt.Errorf("%w: %s; the file was not changed; choose another path", storage.ErrForeign, path)
	}
	if version > schemaVersion {
		return fmt.Errorf("%w: %s has schema %d, this program knows up to %d; the file was not changed; use the newer Flyleaf, or another data directory",
			storage.ErrNewer, path, version, schemaVersion)
	}
	return nil
}

// migrate marks a new file as Flyleaf's, and migrates an older one to schemaVersion.
func migrate(ctx context.Context, db *sql.DB) error {
	var owner, version uint32
	var tables int
	err := db.QueryRowContext(ctx, `SELECT
		(SELECT application_id FROM pragma_application_id),
		(SELECT user_version FROM pragma_user_version),
		(SELECT count(*) FROM sqlite_schema)`).Scan(&owner, &version, &tables)
	if err != nil {
		return err
	}
	fresh := owner == 0 && version == 0 && tables == 0
	if fresh {
		// Set this before the write-ahead log, so that it is written to the main file.
		if _, err := db.ExecContext(ctx, fmt.Sprintf("PRAGMA application_id = %d", applicationID)); err != nil {
			return err
		}
	} else if err := checkOwner("the file", owner, version); err != nil {
		return err
	}
	var mode string
	if err := db.QueryRowContext(ctx, "PRAGMA journal_mode = WAL").Scan(&mode); err != nil {
		return err
	}
	if mode != "wal" {
		return fmt.Errorf("the file system allows no write-ahead log (journal mode is %q); keep the data directory on a local disk", mode)
	}
	if version == schemaVersion {
		return nil
	}
	if err := migrateTo(ctx, db, schemaVersion); err != nil {
		return err
	}
	// Write the new version to the header at once, for older programs.
	var busy, logged, moved int
	return db.QueryRowContext(ctx, "PRAGMA wal_checkpoint(TRUNCATE)").Scan(&busy, &logged, &moved)
}

// migrateTo applies the migrations up to a version, each in a transaction that also sets the
// new version. The version is SQLite's user_version, which is in the file's header.
func migrateTo(ctx context.Context, db *sql.DB, version uint32) error {
	var have uint32
	if err := db.QueryRowContext(ctx, "PRAGMA user_version").Scan(&have); err != nil {
		return err
	}
	for ; have < version; have++ {
		tx, err := db.BeginTx(ctx, nil)
		if err != nil {
			return err
		}
		if err = migrations[have](ctx, tx); err == nil {
			_, err = tx.ExecContext(ctx, fmt.Sprintf("PRAGMA user_version = %d", have+1))
		}
		if err != nil {
			return errors.Join(fmt.Errorf("migration to version %d: %w", have+1, err), tx.Rollback())
		}
		if err := tx.Commit(); err != nil {
			return fmt.Errorf("migration to version %d: %w", have+1, err)
		}
	}
	return nil
}
