// Package listen opens the addresses on which the programs serve. Its errors say what is wrong with
// an address and what to do.
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

// ErrAddress is returned for an invalid address.
var ErrAddress = errors.New("invalid address to listen on")

// Check checks an address such as "127.0.0.1:7117": a host and a port. An empty host means all
// addresses of this machine. The port is a number up to 65535; 0 means any free port. The error
// is ErrAddress with an explanation.
func Check(address string) error {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		switch _, number := strconv.ParseUint(address, 10, 64); {
		case address == "":
			return fmt.Errorf("%w: it is empty; give a host and a port, such as 127.0.0.1:7117", ErrAddress)
		case number == nil:
			return fmt.Errorf("%w: %q is only a port; put a host before it, such as 127.0.0.1:%s", ErrAddress, address, address)
		case strings.Contains(address, "://"):
			return fmt.Errorf("%w: %q is the address of a page; give a host and a port, such as 127.0.0.1:7117", ErrAddress, address)
		case net.ParseIP(address) != nil && strings.Contains(address, ":"):
			return fmt.Errorf("%w: %q has no port, and an IPv6 address must be in brackets, such as [%s]:7117", ErrAddress, address, address)
		case strings.Count(address, ":") > 1:
			return fmt.Errorf("%w: the IPv6 address in %q must be in brackets, such as [::1]:7117", ErrAddress, address)
		}
		return fmt.Errorf("%w: %q has no port; give one, such as %s:7117", ErrAddress, address, strings.Trim(address, "[]:"))
	}
	if strings.Contains(address, "//") || strings.ContainsAny(host, "/ ") {
		return fmt.Errorf("%w: %q has characters that a host cannot have; give a host and a port, such as 127.0.0.1:7117", ErrAddress, address)
	}
	if _, err := strconv.ParseUint(port, 10, 16); err != nil || port != strings.TrimLeft(port, "+-") {
		return fmt.Errorf("%w: there is no port %q; ports are numbers from 1 to 65535, or 0 for any free port", ErrAddress, port)
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
		return nil, fmt.Errorf("cannot listen on %s: another program already does; choose another address with --listen, or port 0 for any free port (%w)", address, err)
	case errors.Is(err, fs.ErrPermission):
		return nil, fmt.Errorf("cannot listen on %s: ports below 1024 are reserved for the administrator; choose a higher one with --listen (%w)", address, err)
	case errors.Is(err, syscall.EADDRNOTAVAIL), errors.As(err, &dns):
		return nil, fmt.Errorf("cannot listen on %s: this machine has no address %s; choose another with --listen, such as 127.0.0.1 (%w)", address, host, err)
	}
	return nil, fmt.Errorf("cannot listen on %s: %w; choose another address with --listen", address, err)
}
