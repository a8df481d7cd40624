-- Rebuildable from the ledger; nothing here is ever read back into it.
CREATE TABLE events (
    document INTEGER PRIMARY KEY REFERENCES documents (id),
    json     BLOB NOT NULL
) STRICT;

CREATE TABLE posts (
    id       INTEGER PRIMARY KEY, -- the row of search
    document INTEGER NOT NULL REFERENCES documents (id),
    post     TEXT    NOT NULL,
    parent   TEXT    NOT NULL,
    at       INTEGER NOT NULL,
    json     BLOB    NOT NULL, -- without reactions
    UNIQUE (document, post)
) STRICT;

CREATE TABLE reactions (
    document INTEGER NOT NULL REFERENCES documents (id),
    post     TEXT    NOT NULL,
    emoji    TEXT    NOT NULL,
    identity TEXT    NOT NULL,
    PRIMARY KEY (document, post, emoji, identity)
) STRICT, WITHOUT ROWID;

CREATE TABLE people (
    document INTEGER NOT NULL REFERENCES documents (id),
    identity TEXT    NOT NULL,
    json     BLOB    NOT NULL,
    PRIMARY KEY (document, identity)
) STRICT, WITHOUT ROWID;

-- The words of posts.id, cut by storage.Words and separated by spaces. Only the
-- index is kept, not the text a second time.
CREATE VIRTUAL TABLE search USING fts5 (
    words,
    content = '',
    contentless_delete = 1,
    tokenize = "unicode61 remove_diacritics 2 categories 'L* M* N* Co'"
);
