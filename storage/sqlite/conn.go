package sqlite

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
)

// connector opens connections that keep their prepared statements.
type connector struct{ driver.Connector }

func (c connector) Connect(ctx context.Context) (driver.Conn, error) {
	dc, err := c.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	return &conn{driverConn: dc.(driverConn), prepared: map[string]driverStmt{}}, nil
}

// driverConn has what database/sql uses of a connection, except for running queries.
type driverConn interface {
	driver.Conn
	driver.ConnBeginTx
	driver.ConnPrepareContext
	driver.SessionResetter
	driver.Validator
}

type driverStmt interface {
	driver.Stmt
	driver.StmtExecContext
	driver.StmtQueryContext
}

// conn prepares each query once. All queries are constants of this package, so there are few.
// sql.DB.Prepare would need a second connection while a transaction holds the only one.
type conn struct {
	driverConn
	prepared map[string]driverStmt
}

func (c *conn) stmt(ctx context.Context, query string) (driverStmt, error) {
	if s := c.prepared[query]; s != nil {
		return s, nil
	}
	s, err := c.PrepareContext(ctx, query)
	if err != nil {
		return nil, err
	}
	c.prepared[query] = s.(driverStmt)
	return s.(driverStmt), nil
}

func (c *conn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	s, err := c.stmt(ctx, query)
	if err != nil {
		return nil, err
	}
	return s.ExecContext(ctx, args)
}

func (c *conn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	s, err := c.stmt(ctx, query)
	if err != nil {
		return nil, err
	}
	return s.QueryContext(ctx, args)
}

func (c *conn) Close() error {
	var errs []error
	for _, s := range c.prepared {
		errs = append(errs, s.Close())
	}
	return errors.Join(append(errs, c.driverConn.Close())...)
}

// tx is a transaction whose statements run under ctx. It is not an sql.Tx: that starts a goroutine
// for each transaction and each query, which makes storing a post a tenth slower.
type tx struct {
	ctx  context.Context
	conn *sql.Conn
}

// exec returns how many rows the statement changed.
func (t *tx) exec(query string, args ...any) (int64, error) {
	res, err := t.conn.ExecContext(t.ctx, query, args...)
	if err != nil {
		return 0, err
	}
	return res.RowsAffected()
}

// row reads the first row; sql.ErrNoRows is returned when there is none.
func (t *tx) row(query string, args []any, into ...any) error {
	return t.conn.QueryRowContext(t.ctx, query, args...).Scan(into...)
}

// each calls fn for every row.
func (t *tx) each(query string, args []any, fn func(scan func(...any) error) error) error {
	rows, err := t.conn.QueryContext(t.ctx, query, args...)
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
