package sqlite

import (
	"context"
	"database/sql"
	"strings"

	"flyleaf/qa"
	"flyleaf/storage"
)

// reindexBatch is how many posts are read at a time.
const reindexBatch = 500

// reindex rebuilds the search index from the posts, in the migration's transaction.
func reindex(ctx context.Context, t *sql.Tx) error {
	last := int64(0)
	for {
		ids, words, err := readWords(ctx, t, last)
		if err != nil || len(ids) == 0 {
			return err
		}
		for i, id := range ids {
			if _, err := t.ExecContext(ctx, "INSERT OR REPLACE INTO search (rowid, words) VALUES (?, ?)", id, words[i]); err != nil {
				return err
			}
			last = id
		}
	}
}

// readWords reads the words of the next posts after a row. A damaged row has no words;
// rebuilding the views repairs it.
func readWords(ctx context.Context, t *sql.Tx, after int64) (ids []int64, words []string, err error) {
	rows, err := t.QueryContext(ctx, "SELECT id, json FROM posts WHERE id > ? ORDER BY id LIMIT ?", after, reindexBatch)
	if err != nil {
		return nil, nil, err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var id int64
		var b []byte
		if err := rows.Scan(&id, &b); err != nil {
			return nil, nil, err
		}
		var p qa.Post
		if storage.DecodeView(b, &p) != nil {
			p = qa.Post{}
		}
		ids, words = append(ids, id), append(words, searchWords(storage.Words(storage.SearchText(&p))))
	}
	return ids, words, rows.Err()
}

// searchWords returns words in the form in which the index stores them.
func searchWords(words []string) string { return strings.Join(words, " ") }
