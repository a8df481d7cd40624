//go:build js

package replica

import "context"

// platformDialer stands in until a browser build brings its own Dialer.
func platformDialer() Dialer { return noDialer{} }

type noDialer struct{}

func (noDialer) Dial(context.Context, string) (Conn, error) { return nil, ErrNoDialer }
