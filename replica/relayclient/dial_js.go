//go:build js

package relayclient

import "context"

// PlatformDialer returns a Dialer whose Dial returns ErrNoDialer: a browser build
// brings its own.
func PlatformDialer() Dialer { return noDialer{} }

// addresses returns "": a browser does not show the device's addresses. It has an event
// for their change, upon which the program calls Client.Wake.
func addresses() string { return "" }

type noDialer struct{}

func (noDialer) Dial(context.Context, string) (Conn, error) { return nil, ErrNoDialer }
