package main

import (
	"context"

	"flyleaf/qa"
	"flyleaf/webui"
)

// What the pages about trust ask of the node: as the node has it.
var (
	_ webui.Keyring   = (*webNode)(nil)
	_ webui.Logger    = (*webNode)(nil)
	_ webui.Inviter   = (*webNode)(nil)
	_ webui.Refuser   = (*webNode)(nil)
	_ webui.Verifier  = (*webNode)(nil)
	_ webui.Attendant = (*webNode)(nil)
	_ webui.Phraser   = (*webNode)(nil)
)

func (n *webNode) Presence(ctx context.Context, event qa.EventID) ([]qa.Presence, error) {
	return n.node.Presence(ctx, event)
}

func (n *webNode) Announce(ctx context.Context, event qa.EventID, kind string, post qa.PostID) error {
	return n.node.Announce(ctx, event, kind, post)
}
