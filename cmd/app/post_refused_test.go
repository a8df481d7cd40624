package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"flyleaf/crdt/wire"
	"flyleaf/node"
	"flyleaf/node/socket"
	"flyleaf/qa"
	"flyleaf/replica"
)

// refusing is a node whose relay refuses changes.
type refusing struct {
	backend
	err error
}

func (r refusing) Sync(context.Context, qa.EventID, time.Duration) error { return r.err }

// Exit code and list of refused changes are the same whether this process or a serving process
// syncs.
func TestRefusedChangesHaveTheirExitCode(t *testing.T) {
	n := &replica.NotSyncedError{Event: "e", Relay: qa.RelayStatus{State: qa.RelaySyncing}, Err: replica.ErrDisagree, Pending: 2}
	for i := range maxListed + 5 {
		n.Refused = append(n.Refused, replica.Refusal{Hash: wire.Hash{byte(i)}, Code: "schema", Reason: fmt.Sprint("reason\x1b ", i), Deferred: i == 1})
	}
	server := httptest.NewServer(socket.Handler(refusing{err: n}))
	defer server.Close()
	far := socket.NewClient(&http.Client{Transport: toServer{server.URL}})
	for where, err := range map[string]error{"here": explain(n), "there": explain(far.Sync(t.Context(), "e", time.Second))} {
		if codeOf(err) != exitDisagree {
			t.Errorf("%s: exit code %d of %v", where, codeOf(err), err)
		}
		var list *refusedError
		if !errors.As(err, &list) || len(list.refused) != len(n.Refused) || list.refused[1] != (node.Refusal{Hash: n.Refused[1].Hash.String(), Code: "schema", Reason: n.Refused[1].Reason, Deferred: true}) {
			t.Errorf("%s: %+v", where, list)
			continue
		}
		text := err.Error()
		for _, want := range []string{"do not agree", "safe on this device", n.Refused[0].Hash.String() + "  schema: reason", "accepted later", "and 5 more"} {
			if !strings.Contains(text, want) {
				t.Errorf("%s: no %q in %s", where, want, text)
			}
		}
		if strings.Count(text, "  schema: ") != maxListed || strings.Contains(text, "\x1b") {
			t.Errorf("%s: %q", where, text)
		}
	}

	late := &replica.NotSyncedError{Event: "e", Relay: qa.RelayStatus{State: qa.RelayOffline}, Err: context.DeadlineExceeded}
	if code := codeOf(explain(late)); code != exitNotSynced {
		t.Errorf("exit code %d for an unreachable relay", code)
	}
}

// toServer sends every request to one host.
type toServer struct{ url string }

func (s toServer) RoundTrip(r *http.Request) (*http.Response, error) {
	to, err := http.NewRequestWithContext(r.Context(), r.Method, s.url+r.URL.Path, r.Body)
	if err != nil {
		return nil, err
	}
	to.Header = r.Header
	return http.DefaultTransport.RoundTrip(to)
}
