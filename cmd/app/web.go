package main

import (
	"context"

	"flyleaf/node"
	"flyleaf/qa"
	"flyleaf/webui"
)

// webNode is the node under the names that the pages know it by.
type webNode struct{ *node.Device }

var (
	_ webui.Node      = webNode{}
	_ webui.Keyring   = webNode{}
	_ webui.Logger    = webNode{}
	_ webui.Inviter   = webNode{}
	_ webui.Refuser   = webNode{}
	_ webui.Verifier  = webNode{}
	_ webui.Attendant = webNode{}
	_ webui.Phraser   = webNode{}
	_ webui.Waker     = webNode{}
	_ webui.Laterer   = webNode{}
	_ webui.Drawer    = webNode{}
	_ webui.Clubber   = webNode{}
	_ webui.Searcher  = webNode{}
	_ webui.Pictured  = webNode{}
)

func (n webNode) Identity() qa.Identity {
	id, _ := n.Device.Identity(context.Background()) // it never fails
	return id
}

func (n webNode) Shelf(ctx context.Context) ([]qa.Shelved, error) { return n.Library(ctx) }

func (n webNode) Found(ctx context.Context, e qa.Event, relay string) (qa.EventID, qa.Invitation, error) {
	inv, err := n.Device.Found(ctx, e, relay)
	return inv.Event, inv, err
}

func (n webNode) Status(ctx context.Context) ([]qa.Status, error) { return n.Overview(ctx) }

func (n webNode) Subscribe(event qa.EventID) (<-chan qa.Update, func()) {
	ctx, end := context.WithCancel(context.Background())
	updates, begun := make(chan qa.Update), make(chan struct{})
	go func() {
		defer close(updates)
		first := true
		_ = n.Watch(ctx, event, func(u qa.Update) error {
			if first {
				first = false
				close(begun)
				return nil
			}
			select {
			case updates <- u:
			case <-ctx.Done():
			}
			return ctx.Err()
		})
	}()
	<-begun
	return updates, end
}

func (n webNode) Wake() { _ = n.Device.Wake(context.Background()) }

func (n webNode) Claims(ctx context.Context, event qa.EventID) (qa.Role, string, error) {
	own, err := n.OwnInvitation(ctx, event)
	return own.Role, own.State, err
}

func (n webNode) Claim(ctx context.Context, event qa.EventID, contact string) ([]qa.Identity, error) {
	return n.ClaimPrize(ctx, event, contact)
}

func (n webNode) SearchAll(ctx context.Context, query string, limit int) ([]webui.FoundPost, error) {
	found, err := n.Device.SearchAll(ctx, query, limit)
	out := make([]webui.FoundPost, len(found))
	for i, f := range found {
		out[i] = webui.FoundPost(f)
	}
	return out, err
}

func (n webNode) Setting(ctx context.Context, key string) (string, error) {
	if key == webui.SettingName {
		p, err := n.Person(ctx)
		return p.Name, err
	}
	return n.Device.Setting(ctx, key)
}

func (n webNode) SetSetting(ctx context.Context, key, value string) error {
	if key == webui.SettingName {
		p, err := n.Person(ctx)
		if err != nil {
			return err
		}
		p.Name = value
		return n.SetPerson(ctx, p)
	}
	return n.Device.SetSetting(ctx, key, value)
}
