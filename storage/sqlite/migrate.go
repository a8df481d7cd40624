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

	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/database"

	"flyleaf/storage"
)

// applicationID marks our files: "Flyl".
const applicationID = 0x466c796c

// schemaVersion is the number of the newest migration, in the directory migrations or
// in goMigrations. Migrations only
// go up: an older program explains that the file is newer instead of undoing it.
const schemaVersion = 3

//go:embed migrations/*.sql
var migrationFiles embed.FS

// inspect reads the file's header, without SQLite, and decides whether it is
// ours to open. A file that is absent or empty is. SQLite's header, big endian:
//
//	 0 "SQLite format 3\0"
//	60 user_version: the schema's version
//	68 application_id: whose it is
//	100 first page of the schema: type 13 for a leaf
//	103 number of its cells
//
// The header is written before the file is first switched to a write-ahead log
// (see migrate), so it says whose the file is even when the log holds the rest.
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
		return fmt.Errorf("%w: %s; it was left as it is; choose another path, or move the file away", storage.ErrNotDatabase, path)
	}
	version := binary.BigEndian.Uint32(h[60:])
	owner := binary.BigEndian.Uint32(h[68:])
	cells := binary.BigEndian.Uint16(h[103:])
	if owner == 0 && version == 0 && h[100] == 13 && cells == 0 && !exists(path+"-wal") {
		return nil // a database in which nobody has made anything
	}
	return whose(path, owner, version)
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

func whose(path string, owner, version uint32) error {
	if owner != applicationID {
		return fmt.Errorf("%w: %s; it was left as it is; choose another path", storage.ErrForeign, path)
	}
	if version > schemaVersion {
		return fmt.Errorf("%w: %s has schema %d, this program knows up to %d; it was left as it is; use the newer Flyleaf, or another data directory",
			storage.ErrNewer, path, version, schemaVersion)
	}
	return nil
}

// migrate makes a new file ours and brings an older one up to schemaVersion.
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
		// Before the write-ahead log, so that it stands in the file's own header.
		if _, err := db.ExecContext(ctx, fmt.Sprintf("PRAGMA application_id = %d", applicationID)); err != nil {
			return err
		}
	} else if err := whose("the file", owner, version); err != nil {
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
	// So that the header names the new version to older programs at once.
	var busy, logged, moved int
	return db.QueryRowContext(ctx, "PRAGMA wal_checkpoint(TRUNCATE)").Scan(&busy, &logged, &moved)
}

// migrateTo applies the migrations up to a version, each in a transaction.
func migrateTo(ctx context.Context, db *sql.DB, version int64) error {
	files, err := fs.Sub(migrationFiles, "migrations")
	if err != nil {
		return err
	}
	provider, err := goose.NewProvider("", db, files,
		goose.WithStore(userVersion{}), goose.WithDisableGlobalRegistry(true), goose.WithGoMigrations(goMigrations()...))
	if err != nil {
		return err
	}
	_, err = provider.UpTo(ctx, version)
	return err
}

// userVersion lets goose keep the version in SQLite's own header field, where
// any program can read it without knowing a table, instead of a table.
type userVersion struct{}

var _ database.StoreExtender = userVersion{}

// Tablename is asked for and never used.
func (userVersion) Tablename() string { return "user_version" }

// TableExists is true: the header always has the field.
func (userVersion) TableExists(context.Context, database.DBTxConn) (bool, error) { return true, nil }

// CreateVersionTable has nothing to create.
func (userVersion) CreateVersionTable(context.Context, database.DBTxConn) error { return nil }

// Insert runs in the migration's transaction, so both happen or none does.
func (userVersion) Insert(ctx context.Context, db database.DBTxConn, req database.InsertRequest) error {
	_, err := db.ExecContext(ctx, fmt.Sprintf("PRAGMA user_version = %d", req.Version))
	return err
}

// Delete would be a migration down; there are none.
func (userVersion) Delete(context.Context, database.DBTxConn, int64) error {
	return database.ErrNotImplemented
}

// GetLatestVersion reads the field.
func (userVersion) GetLatestVersion(ctx context.Context, db database.DBTxConn) (version int64, err error) {
	err = db.QueryRowContext(ctx, "PRAGMA user_version").Scan(&version)
	return version, err
}

// GetMigration says whether a version is applied: all up to the field are.
func (u userVersion) GetMigration(ctx context.Context, db database.DBTxConn, version int64) (*database.GetMigrationResult, error) {
	latest, err := u.GetLatestVersion(ctx, db)
	if err != nil {
		return nil, err
	}
	if version > latest {
		return nil, database.ErrVersionNotFound
	}
	return &database.GetMigrationResult{IsApplied: true}, nil
}

// ListMigrations lists the applied versions, newest first.
func (u userVersion) ListMigrations(ctx context.Context, db database.DBTxConn) ([]*database.ListMigrationsResult, error) {
	latest, err := u.GetLatestVersion(ctx, db)
	if err != nil {
		return nil, err
	}
	var all []*database.ListMigrationsResult
	for v := latest; v >= 0; v-- {
		all = append(all, &database.ListMigrationsResult{Version: v, IsApplied: true})
	}
	return all, nil
}
