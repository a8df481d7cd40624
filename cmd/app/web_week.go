package main

import (
	"context"

	"flyleaf/qa"
	"flyleaf/webui"
)

// What the pages about weeks and clubs ask of the node: as the node has it.
var (
	_ webui.Laterer  = (*webNode)(nil)
	_ webui.Drawer   = (*webNode)(nil)
	_ webui.Clubber  = (*webNode)(nil)
	_ webui.Searcher = (*webNode)(nil)
	_ webui.Pictured = (*webNode)(nil)
)

func (n *webNode) SearchAll(ctx context.Context, query string, limit int) ([]webui.FoundPost, error) {
	found, err := n.store.SearchAll(ctx, query, limit)
	out := make([]webui.FoundPost, len(found))
	for i, f := range found {
		out[i] = webui.FoundPost(f)
	}
	return out, err
}

func (n *webNode) Blob(ctx context.Context, event qa.EventID, key string) ([]byte, error) {
	return n.node.Blob(ctx, event, key)
}

func (n *webNode) Shelf(ctx context.Context) ([]qa.Shelved, error) { return n.node.Shelf(ctx) }

func (n *webNode) Clubs(ctx context.Context) ([]qa.Event, error) { return n.node.Clubs(ctx) }

func (n *webNode) Numbers(ctx context.Context, event qa.EventID) (qa.Numbers, error) {
	return n.node.Numbers(ctx, event)
}
