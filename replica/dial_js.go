//go:build js

package replica

import "context"

// platformDialer stands in until a browser build brings its own Dialer.
func platformDialer() Dialer { return noDialer{} }

// addresses are not to be had in a browser, which has an event for their change:
// who starts the node there calls Wake.
func addresses() string { return "" }

type noDialer struct{}

func (noDialer) Dial(context.Context, string) (Conn, error) { return nil, ErrNoDialer }
