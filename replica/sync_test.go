package replica_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"flyleaf/qa"
	"flyleaf/replica"
	"flyleaf/storage"
	"flyleaf/storage/mem"
)

// After one device has synced a change, another device that calls Sync gets it: Sync does not
// rely on an earlier "synced" state.
func TestSyncFetchesEarlierChanges(t *testing.T) {
	host := startRelay(t)
	a := openNode(t, fastRetries(replica.Config{Store: mem.New()}))
	id := createEvent(t, a, host.url())
	syncNow(t, a, id)
	b := openNode(t, fastRetries(replica.Config{Store: mem.New()}))
	join(t, b, id, host.url())
	syncNow(t, b, id)
	for i := range 100 {
		from, to := a, b
		if i%2 == 1 {
			from, to = b, a
		}
		post := ask(t, from, id, fmt.Sprint(i))
		syncNow(t, from, id)
		syncNow(t, to, id)
		if _, err := to.Post(t.Context(), id, post); err != nil {
			t.Fatalf("round %d: %v", i, err)
		}
		if s := statusOf(t, from, id); s.Pending != 0 || s.Relay.State != qa.RelaySynced {
			t.Fatalf("round %d: %+v", i, s)
		}
	}
}

// A command syncs and exits. The automatic answers of an organiser's device have been sent by
// then.
func TestSyncAnswersClaims(t *testing.T) {
	host := startRelay(t)
	boss := openNode(t, fastRetries(replica.Config{Store: mem.New()}))
	id := createEvent(t, boss, host.url())
	for i := range 20 {
		label := fmt.Sprint("invitation ", i)
		inv := invite(t, boss, id, qa.RoleAuthor, label)
		syncNow(t, boss, id)
		guest := openNode(t, fastRetries(replica.Config{Store: mem.New()}))
		joinByLink(t, guest, inv)
		syncNow(t, guest, id)
		if state := claimOf(t, guest, id); state != qa.InviteClaimed && state != qa.InviteGranted {
			t.Fatalf("%s: the guest has synced, and its claim is %q", label, state)
		}
		syncNow(t, boss, id)
		syncNow(t, guest, id)
		if state := claimOf(t, guest, id); state != qa.InviteGranted {
			t.Fatalf("%s: both have synced after the claim, and it is %q", label, state)
		}
		if err := guest.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// parts counts the changes in each transaction, and the posts that could be read before it.
type parts struct {
	storage.Store
	event   qa.EventID
	mu      sync.Mutex
	changes []int
	posts   []int
}

func (s *parts) Append(ctx context.Context, batches ...storage.Batch) error {
	posts, err := s.Posts(ctx, s.event)
	if err != nil {
		return err
	}
	s.mu.Lock()
	s.posts = append(s.posts, len(posts))
	for _, b := range batches {
		s.changes = append(s.changes, len(b.Entries))
	}
	s.mu.Unlock()
	return s.Store.Append(ctx, batches...)
}

// asked is how many posts the event of relayWithManyPosts has: more than a device saves at once.
const asked = 700

// relayWithManyPosts returns a relay with an event of so many posts, and the device that wrote them.
func relayWithManyPosts(t *testing.T) (host *relayHost, writer *replica.Node, id qa.EventID) {
	t.Helper()
	host = startRelay(t)
	writer = openNode(t, fastRetries(replica.Config{Store: mem.New()}))
	id = createEvent(t, writer, host.url())
	for i := range asked {
		ask(t, writer, id, fmt.Sprint(i))
	}
	syncNow(t, writer, id)
	return host, writer, id
}

// A large event arrives in one message and is saved in parts: the first posts can be read, and
// somebody can post, before the rest is stored.
func TestALargeEventIsSavedInParts(t *testing.T) {
	host, a, id := relayWithManyPosts(t)

	disk := &parts{Store: mem.New(), event: id}
	var b *replica.Node
	var own qa.PostID
	yields := 0
	b = openNode(t, fastRetries(replica.Config{Store: disk, Yield: func(context.Context) {
		if yields++; yields == 1 {
			own = ask(t, b, id, "while the rest arrives")
		}
	}}))
	join(t, b, id, host.url())
	syncNow(t, b, id)
	syncNow(t, b, id)
	syncNow(t, a, id)
	if _, err := a.Post(t.Context(), id, own); err != nil {
		t.Errorf("what was posted meanwhile: %v", err)
	}
	if s := statusOf(t, b, id); s.Pending != 0 || s.Relay.State != qa.RelaySynced {
		t.Errorf("%+v", s)
	}
	if posts, err := disk.Posts(t.Context(), id); err != nil || len(posts) != asked+1 {
		t.Errorf("%d posts, %v", len(posts), err)
	}
	readable := slices.ContainsFunc(disk.posts, func(n int) bool { return n > 0 && n < asked })
	if slices.Max(disk.changes) >= asked || !readable {
		t.Errorf("transactions of %v changes, with %v posts before each", disk.changes, disk.posts)
	}
	if yields < 2 {
		t.Errorf("%d chances for other work", yields)
	}
}

// filling is a store that becomes full after the first part of a large event, until there is room.
type filling struct {
	storage.Store
	room  atomic.Bool
	parts atomic.Int64
}

func (s *filling) Append(ctx context.Context, batches ...storage.Batch) error {
	if len(batches) == 1 && len(batches[0].Entries) > 1 {
		if s.parts.Add(1) > 1 && !s.room.Load() {
			return storage.ErrFull
		}
	}
	return s.Store.Append(ctx, batches...)
}

// A disk that becomes full while a large event is being saved keeps the parts before. Once there is
// room, the rest is fetched, and every post is there once.
func TestADiskFillsWhileALargeEventArrives(t *testing.T) {
	host, _, id := relayWithManyPosts(t)

	disk := &filling{Store: mem.New()}
	b := device(t, disk)
	join(t, b, id, host.url())
	eventually(t, b, "the full disk", func() bool { return disk.parts.Load() > 1 })
	posts, err := disk.Posts(t.Context(), id)
	if err != nil || len(posts) == 0 || len(posts) >= asked {
		t.Errorf("%d posts on a full disk, %v", len(posts), err)
	}
	disk.room.Store(true)
	eventually(t, b, "all posts", func() bool {
		posts, err := disk.Posts(t.Context(), id)
		return err == nil && len(posts) == asked
	})
}
