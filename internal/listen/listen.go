// Package listen opens the addresses on which the programs serve, and says in words
// what is wrong with one.
package listen

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"strconv"
	"strings"
	"syscall"
)

// ErrAddress is returned for what is no address to listen on.
var ErrAddress = errors.New("no address to listen on")

// Check checks an address such as "127.0.0.1:7117": a host, which may be empty for
// all of this machine's, and a port as a number from 0, for any that is free, to 65535.
// ErrAddress is returned, with what is wrong in words.
func Check(address string) error {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		switch _, number := strconv.ParseUint(address, 10, 64); {
		case address == "":
			return fmt.Errorf("%w: it is empty; give a host and a port, such as 127.0.0.1:7117", ErrAddress)
		case number == nil:
			return fmt.Errorf("%w: %q is a port alone; a host stands before it, such as 127.0.0.1:%s", ErrAddress, address, address)
		case strings.Contains(address, "://"):
			return fmt.Errorf("%w: %q is the address of a page; a host and a port are wanted, such as 127.0.0.1:7117", ErrAddress, address)
		case net.ParseIP(address) != nil && strings.Contains(address, ":"):
			return fmt.Errorf("%w: %q has no port, and an IPv6 address stands in brackets, such as [%s]:7117", ErrAddress, address, address)
		case strings.Count(address, ":") > 1:
			return fmt.Errorf("%w: in %q an IPv6 address has to stand in brackets, such as [::1]:7117", ErrAddress, address)
		}
		return fmt.Errorf("%w: %q has no port; give one, such as %s:7117", ErrAddress, address, strings.Trim(address, "[]:"))
	}
	if strings.Contains(address, "//") || strings.ContainsAny(host, "/ ") {
		return fmt.Errorf("%w: %q has characters that no host has; give a host and a port, such as 127.0.0.1:7117", ErrAddress, address)
	}
	if _, err := strconv.ParseUint(port, 10, 16); err != nil || port != strings.TrimLeft(port, "+-") {
		return fmt.Errorf("%w: there is no port %q; ports are numbers from 1 to 65535, and 0 takes any that is free", ErrAddress, port)
	}
	return nil
}

// TCP opens an address. Its errors say what to do.
func TCP(ctx context.Context, address string) (net.Listener, error) {
	if err := Check(address); err != nil {
		return nil, err
	}
	ln, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
	if err == nil {
		return ln, nil
	}
	host, _, _ := net.SplitHostPort(address)
	var dns *net.DNSError
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return nil, fmt.Errorf("cannot listen on %s: another program does already; choose another address with --listen, or port 0 for any that is free (%w)", address, err)
	case errors.Is(err, fs.ErrPermission):
		return nil, fmt.Errorf("cannot listen on %s: ports below 1024 are for the system's administrator; choose a higher one with --listen (%w)", address, err)
	case errors.Is(err, syscall.EADDRNOTAVAIL), errors.As(err, &dns):
		return nil, fmt.Errorf("cannot listen on %s: this machine has no address %s; choose another with --listen, such as 127.0.0.1 (%w)", address, host, err)
	}
	return nil, fmt.Errorf("cannot listen on %s: %w; choose another address with --listen", address, err)
}
