package sqlite

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
)

// conn is one connection with its prepared statements, for one goroutine at a time. It connects
// when it is first used.
type conn struct {
	db       *sql.DB
	begin    string
	sql      *sql.Conn
	prepared map[string]*sql.Stmt
}

// tx is a transaction in progress on a conn.
type tx struct {
	ctx context.Context
	*conn
}

// transact runs fn between BEGIN and COMMIT, and rolls back when it fails. The
// statements run under ctx; beginning and ending are never interrupted.
func (c *conn) transact(ctx context.Context, fn func(*tx) error) error {
	uncancelled := &tx{ctx: context.WithoutCancel(ctx), conn: c}
	_, err := uncancelled.exec(c.begin)
	if errors.Is(err, driver.ErrBadConn) || errors.Is(err, sql.ErrConnDone) {
		if err := c.close(); err != nil {
			return err
		}
		_, err = uncancelled.exec(c.begin)
	}
	if err != nil {
		return err
	}
	if err = fn(&tx{ctx: ctx, conn: c}); err == nil {
		_, err = uncancelled.exec("COMMIT")
	}
	if err != nil {
		// After some errors (for example a COMMIT on a full disk) SQLite has already rolled back.
		// Then this ROLLBACK fails, which is fine.
		_, _ = uncancelled.exec("ROLLBACK")
	}
	return err
}

// close closes the connection; the next use connects again.
func (c *conn) close() error {
	if c.sql == nil {
		return nil
	}
	var errs []error
	for _, stmt := range c.prepared {
		errs = append(errs, stmt.Close())
	}
	if err := c.sql.Close(); !errors.Is(err, sql.ErrConnDone) {
		errs = append(errs, err)
	}
	c.sql, c.prepared = nil, nil
	return errors.Join(errs...)
}

// stmt returns the prepared statement of a query. All queries are constants of this package,
// so there are few.
func (t *tx) stmt(query string) (*sql.Stmt, error) {
	if t.sql == nil {
		c, err := t.db.Conn(t.ctx)
		if err != nil {
			return nil, err
		}
		t.sql, t.prepared = c, map[string]*sql.Stmt{}
	}
	if stmt := t.prepared[query]; stmt != nil {
		return stmt, nil
	}
	stmt, err := t.sql.PrepareContext(t.ctx, query)
	if err != nil {
		return nil, err
	}
	t.prepared[query] = stmt
	return stmt, nil
}

// exec returns how many rows the statement changed.
func (t *tx) exec(query string, args ...any) (int64, error) {
	stmt, err := t.stmt(query)
	if err != nil {
		return 0, err
	}
	res, err := stmt.ExecContext(t.ctx, args...)
	if err != nil {
		return 0, err
	}
	return res.RowsAffected()
}

// row reads the first row; sql.ErrNoRows is returned when there is none.
func (t *tx) row(query string, args []any, into ...any) error {
	stmt, err := t.stmt(query)
	if err != nil {
		return err
	}
	return stmt.QueryRowContext(t.ctx, args...).Scan(into...)
}

// each calls fn for every row.
func (t *tx) each(query string, args []any, fn func(scan func(...any) error) error) error {
	stmt, err := t.stmt(query)
	if err != nil {
		return err
	}
	rows, err := stmt.QueryContext(t.ctx, args...)
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		if err := fn(rows.Scan); err != nil {
			return err
		}
	}
	return rows.Err()
}
