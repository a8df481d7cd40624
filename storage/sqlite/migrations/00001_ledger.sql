-- Events and actors are named once; rows point at them by number.
CREATE TABLE documents (
    id    INTEGER PRIMARY KEY,
    event TEXT NOT NULL UNIQUE
) STRICT;

CREATE TABLE actors (
    id    INTEGER PRIMARY KEY,
    actor BLOB NOT NULL UNIQUE
) STRICT;

-- The ledger. AUTOINCREMENT: a position is never given twice. checksum is the
-- CRC-32C of the columns that never change and that the change's own hash does
-- not cover (see checksum in ledger.go).
CREATE TABLE changes (
    position    INTEGER PRIMARY KEY AUTOINCREMENT,
    document    INTEGER NOT NULL REFERENCES documents (id),
    hash        BLOB    NOT NULL,
    actor       INTEGER NOT NULL REFERENCES actors (id),
    seq         INTEGER NOT NULL,
    received_at INTEGER NOT NULL,
    status      INTEGER NOT NULL,
    own         INTEGER NOT NULL,
    delivered   INTEGER NOT NULL,
    checksum    INTEGER NOT NULL,
    signature   BLOB,
    act         BLOB,
    bytes       BLOB    NOT NULL,
    UNIQUE (document, hash)
) STRICT;

CREATE INDEX changes_in_order ON changes (document);
CREATE INDEX changes_outside ON changes (document) WHERE status <> 0;
CREATE INDEX changes_pending ON changes (document, status) WHERE own = 1 AND delivered = 0;

-- What only this device cares about.
CREATE TABLE following (
    event     TEXT PRIMARY KEY,
    relay     TEXT    NOT NULL,
    joined_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE settings (
    key   TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE snapshots (
    event    TEXT PRIMARY KEY,
    position INTEGER NOT NULL,
    checksum BLOB    NOT NULL, -- SHA-256
    bytes    BLOB    NOT NULL
) STRICT;
