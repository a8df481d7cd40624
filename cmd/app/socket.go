package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"

	"flyleaf/node"
	"flyleaf/node/socket"
	"flyleaf/webui"
)

// The process that serves a data directory handles the requests of other commands over a local
// socket. Only this user can open the socket's directory (mode 0700).

// startTokenPath returns a token that admits one browser once, see webui.StartTokens.
const startTokenPath = "/start-token"

// socketHandler handles the requests of other processes.
func socketHandler(n node.Node, starts *webui.StartTokens) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/", socket.Handler(n))
	mux.HandleFunc("POST "+startTokenPath, func(w http.ResponseWriter, _ *http.Request) {
		_ = json.NewEncoder(w).Encode(starts.New()) // an error means that the caller is gone
	})
	return mux
}

// listenSocket opens the local socket.
func listenSocket() (net.Listener, string, error) {
	path, err := socketPath()
	if err != nil {
		return nil, "", err
	}
	ln, err := net.Listen("unix", path)
	if err != nil {
		return nil, "", fmt.Errorf("the local socket: %w", err)
	}
	return ln, path, nil
}

// removeSocket removes the socket and its directory.
func removeSocket(path string) {
	_ = os.Remove(path)
	_ = os.Remove(filepath.Dir(path))
}

// httpClient returns a client that connects to the process that serves a data directory.
func (s serving) httpClient() *http.Client {
	return &http.Client{Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "unix", s.Socket)
		},
	}}
}

// dialRemote connects to the node of the process that serves a data directory, and checks that
// it answers.
func dialRemote(ctx context.Context, s serving) (connection, error) {
	if _, err := os.Stat(s.Socket); err != nil {
		return connection{}, err
	}
	c := socket.NewClient(s.httpClient())
	ctx, cancel := context.WithTimeout(ctx, lockTimeout)
	defer cancel()
	if _, err := c.Identity(ctx); err != nil {
		return connection{}, err
	}
	return connection{Node: c, close: func() error { c.Close(); return nil }}, nil
}

// startToken asks that process for a token that admits a browser.
func (s serving) startToken(ctx context.Context) (token string, err error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://flyleaf"+startTokenPath, nil)
	if err != nil {
		return "", err
	}
	res, err := s.httpClient().Do(r)
	if err != nil {
		return "", err
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err == nil {
		err = json.Unmarshal(b, &token)
	}
	return token, err
}
