package document_test

import (
	"errors"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"

	"flyleaf/crdt/document"
	"flyleaf/crdt/graph"
	"flyleaf/crdt/policy"
	"flyleaf/crdt/policy/policytest"
	"flyleaf/crdt/wire"
	"flyleaf/qa"
	"flyleaf/storage"
	"flyleaf/storage/storagetest"
)

// device is a document with its ledger.
type device struct {
	t         *testing.T
	event     qa.EventID
	d         *document.Document
	ledger    []storage.Entry
	inspector document.Inspector
	rejected  map[wire.Hash]policy.Code
	refused   map[wire.Hash]policy.Code
}

func newDevice(t *testing.T, event qa.EventID) *device {
	return &device{
		t: t, event: event, d: document.New(event, document.Options{Projection: true}),
		inspector: document.Inspector{Event: event},
		rejected:  map[wire.Hash]policy.Code{}, refused: map[wire.Hash]policy.Code{},
	}
}

// receive handles a change as devices and relays do.
func (x *device) receive(s policytest.Signed) document.Added {
	x.t.Helper()
	found, err := x.inspector.Inspect(s.Bytes, s.Signature)
	if err != nil || found.Refusal != nil {
		x.t.Fatal(err, found.Refusal)
	}
	if x.d.CanSkip(found.Hash) {
		return document.Added{}
	}
	if why := x.d.RefusalFromDeps(found.Change); why != nil {
		x.d.Refuse(found.Hash, why)
		x.refused[found.Hash] = why.Code
		return document.Added{}
	}
	added, err := x.d.Add(found.Change)
	if err != nil {
		x.t.Fatal(err)
	}
	if added.Refusal != nil {
		x.refused[found.Hash] = added.Refusal.Code
	}
	for _, r := range added.Rejected {
		if _, again := x.rejected[r.Change.Meta.Hash]; again {
			x.t.Errorf("%s was rejected twice", r.Change.Meta.Hash)
		}
		x.rejected[r.Change.Meta.Hash] = r.Refusal.Code
	}
	var b storage.Batch
	added.AppendTo(&b, 1000)
	for _, e := range b.Entries {
		if status, set := b.Statuses[e.Hash()]; set {
			e.Status = status
		}
		x.ledger = append(x.ledger, e)
	}
	return added
}

// load loads a document from rows.
func load(t *testing.T, event qa.EventID, without map[wire.Hash]storage.Status, rows []storage.Entry) (*document.Document, document.Loaded) {
	t.Helper()
	d := document.New(event, document.Options{Projection: true})
	l := d.Load(without)
	for i := range rows {
		if _, err := l.Row(&rows[i]); err != nil {
			t.Fatal(err)
		}
	}
	loaded, err := l.Finish()
	if err != nil {
		t.Fatal(err)
	}
	return d, loaded
}

// week is an event with changes that are invalid and changes that depend on these.
type week struct {
	*policytest.World
	invalid map[wire.Hash]bool
	after   map[wire.Hash]bool // valid, but depending on an invalid change
}

func newWeek() *week {
	w := &week{policytest.NewWorld(policytest.Options{}), map[wire.Hash]bool{}, map[wire.Hash]bool{}}
	ann, eve := w.Writer("ann"), w.Writer("eve")
	var question qa.PostID
	for range 10 {
		ann.Do(func(d *policytest.Draft) { question = d.Post("", "What came first?") })
	}
	valid := w.Heads()
	bad := eve.DoOn(valid, func(d *policytest.Draft) { d.Str("event/title", "mine now") })
	w.invalid[bad.Change.Hash] = true
	late := eve.DoOn([]wire.Hash{bad.Change.Hash}, func(d *policytest.Draft) { d.Post(question, "on top of it") })
	w.after[late.Change.Hash] = true
	ann.DoOn(valid, func(d *policytest.Draft) { d.Post(question, "The title.") })
	return w
}

// views returns the views of a document, regardless of the order of rows.
func views(d *document.Document) (qa.Event, map[qa.PostID]qa.Post) {
	v := d.Views()
	posts := map[qa.PostID]qa.Post{}
	for _, p := range v.Posts {
		posts[p.ID] = p
	}
	return *v.Event, posts
}

// TestOrderOfArrivalDoesNotMatter: in every order of arrival the same changes become part of
// the document. Each invalid change, and each change that depends on one, is refused or rejected
// exactly once.
func TestOrderOfArrivalDoesNotMatter(t *testing.T) {
	w := newWeek()
	first := newDevice(t, w.Event)
	for _, s := range w.Changes {
		first.receive(s)
	}
	event, posts := views(first.d)
	if len(posts) != 11 || len(first.refused) != 2 || len(first.rejected) != 0 {
		t.Fatalf("%d posts, %d refused, %d rejected", len(posts), len(first.refused), len(first.rejected))
	}
	random := rand.New(rand.NewPCG(1, 2))
	waited := 0
	for range 200 {
		changes := slices.Clone(w.Changes)
		random.Shuffle(len(changes), func(i, j int) { changes[i], changes[j] = changes[j], changes[i] })
		x := newDevice(t, w.Event)
		for _, s := range changes {
			if added := x.receive(s); len(added.Applied) == 0 && added.Refusal == nil {
				waited++
			}
			x.receive(s) // a second time: it can be skipped, or is pending
		}
		if e, p := views(x.d); !reflect.DeepEqual(e, event) || !reflect.DeepEqual(p, posts) {
			t.Fatal("the order of arrival changes the views")
		}
		if !slices.Equal(x.d.Graph().Heads(), first.d.Graph().Heads()) || x.d.Graph().PendingLen() != 0 {
			t.Fatal("the order of arrival changes what is part of the document")
		}
		for h := range w.invalid {
			if code := max(x.refused[h], x.rejected[h]); code != policy.CodeRole || x.refused[h] != "" && x.rejected[h] != "" || !x.d.Unwanted(h) {
				t.Errorf("an invalid change: refused %q, rejected %q", x.refused[h], x.rejected[h])
			}
		}
		for h := range w.after {
			if code := max(x.refused[h], x.rejected[h]); code != policy.CodeDependsOn || !x.d.Unwanted(h) {
				t.Errorf("a change after an invalid one: refused %q, rejected %q", x.refused[h], x.rejected[h])
			}
		}
		again, loaded := load(t, w.Event, nil, x.ledger)
		if e, p := views(again); !reflect.DeepEqual(e, event) || len(p) != len(posts) || len(loaded.Statuses) != 0 {
			t.Fatal("the document loaded from the ledger differs")
		}
	}
	if waited == 0 {
		t.Error("no change was ever pending")
	}
}

// earlier returns the ledger of an earlier version, which accepted everything.
func (w *week) earlier() (rows []storage.Entry) {
	for _, s := range w.Changes {
		rows = append(rows, storage.Entry{
			Chunk: s.Change.Chunk(), Actor: s.Change.Actor, Seq: s.Change.Seq, Signature: s.Signature, ReceivedAtMillis: 7,
		})
	}
	return rows
}

// spam returns a week with changes that Recheck refuses. (Validate refuses more.)
func spam() *week {
	w := &week{policytest.NewWorld(policytest.Options{}), map[wire.Hash]bool{}, map[wire.Hash]bool{}}
	eve, ann := w.Writer("eve"), w.Writer("ann")
	var post qa.PostID
	eve.Do(func(d *policytest.Draft) { post = d.Post("", "spam") })
	valid := w.Heads()
	bad := eve.Toggle("posts/"+string(post)+"/state", 1000)
	w.invalid[bad.Change.Hash] = true
	after := ann.Do(func(d *policytest.Draft) { d.Post("", "on top of it") })
	w.after[after.Change.Hash] = true
	w.Writer("ben").DoOn(valid, func(d *policytest.Draft) { d.Post("", "independent") })
	return w
}

// TestLedgerOfAnEarlierVersion: changes that the rules of this version refuse are excluded, with
// all that depend on them, in every order of the rows. Once the ledger has the new statuses, it
// loads without further differences.
func TestLedgerOfAnEarlierVersion(t *testing.T) {
	w := spam()
	random := rand.New(rand.NewPCG(1, 2))
	for range 50 {
		rows := w.earlier()
		random.Shuffle(len(rows), func(i, j int) { rows[i], rows[j] = rows[j], rows[i] })
		d, loaded := load(t, w.Event, nil, rows)
		if len(loaded.Statuses) != 2 || !loaded.Excludes() || !reflect.DeepEqual(d.Excluded(), loaded.Statuses) || d.Graph().Len() != len(w.Changes)-2 {
			t.Fatalf("%v of %d", loaded.Statuses, d.Graph().Len())
		}
		for i := range rows {
			h := rows[i].Hash()
			switch {
			case w.invalid[h]:
				if loaded.Statuses[h] != storage.Refused || loaded.Reasons[h].Code != policy.CodeRepeated {
					t.Errorf("status %v for %v", loaded.Statuses[h], loaded.Reasons[h])
				}
			case w.after[h]:
				if loaded.Statuses[h] != storage.Excluded || loaded.Reasons[h] != nil {
					t.Errorf("status %v for %v", loaded.Statuses[h], loaded.Reasons[h])
				}
			}
			if status, set := loaded.Statuses[h]; set {
				rows[i].Status = status
			}
		}
		d, again := load(t, w.Event, nil, rows)
		if len(again.Statuses) != 0 || len(d.Excluded()) != 2 {
			t.Fatalf("loaded again, it reports %v", again.Statuses)
		}
		if v := d.Touched(); len(v.Posts) > 0 || v.Event != nil {
			t.Error("loading touched rows of the views")
		}
	}
}

// TestValidExcludedRowsAreRestored: a valid row that an earlier version excluded becomes part of
// the document again, unless its signature is invalid or a dependency stays excluded.
func TestValidExcludedRowsAreRestored(t *testing.T) {
	w := newWeek()
	rows := w.earlier()
	var valid []storage.Entry
	for _, row := range rows {
		if !w.invalid[row.Hash()] && !w.after[row.Hash()] {
			valid = append(valid, row)
		}
	}
	out := valid[3:]
	for i := range out {
		out[i].Status = storage.Excluded
	}
	d, loaded := load(t, w.Event, nil, valid)
	if len(loaded.Statuses) != len(out) || loaded.Excludes() || len(d.Excluded()) != 0 || d.Graph().Len() != len(valid) {
		t.Fatalf("%v were restored", loaded.Statuses)
	}
	// A row with another writer's signature stays excluded, with all that depend on it.
	out[0].Signature = out[1].Signature
	d, loaded = load(t, w.Event, nil, valid)
	if len(loaded.Statuses) != 0 || len(d.Excluded()) != len(out) || d.Graph().Len() != 3 {
		t.Fatalf("%v were restored despite a wrong signature", loaded.Statuses)
	}
	// A row whose dependencies are missing is pending, and is restored with them.
	missing := w.Changes[3]
	valid = append(slices.Clone(valid[:3]), out[1:]...)
	d, loaded = load(t, w.Event, nil, valid)
	if len(loaded.Statuses) != 0 || len(d.Excluded()) != 0 || d.Graph().PendingLen() != len(out)-1 {
		t.Fatalf("%v were restored before their dependencies", loaded.Statuses)
	}
	found, err := (&document.Inspector{Event: w.Event}).Inspect(missing.Bytes, missing.Signature)
	if err != nil {
		t.Fatal(err)
	}
	added, err := d.Add(found.Change)
	if err != nil || len(added.Applied) != len(out) {
		t.Fatal(err, len(added.Applied))
	}
	var b storage.Batch
	added.AppendTo(&b, 9)
	for i, c := range added.Applied {
		if c.FromLedger() != (i > 0) || c.Decoded != nil {
			t.Errorf("change %d: from the ledger %v, decoded %v", i, c.FromLedger(), c.Decoded != nil)
		}
	}
	if len(b.Statuses) != len(out)-1 || len(b.Entries) != len(out) || b.Entries[0].ReceivedAtMillis != 9 || b.Entries[1].ReceivedAtMillis != 7 {
		t.Errorf("the batch has %d rows and %v", len(b.Entries), b.Statuses)
	}
	for _, status := range b.Statuses {
		if status != storage.InDocument {
			t.Errorf("status %v", status)
		}
	}
}

// TestPendingRowsAreExcludedLater: a row that is pending because of a damaged row is excluded
// when the rules refuse its dependency, and Loaded.ExcludedLater reports it.
func TestPendingRowsAreExcludedLater(t *testing.T) {
	w := spam()
	rows := w.earlier()
	slices.Reverse(rows)
	d, loaded := load(t, w.Event, nil, rows)
	if len(loaded.ExcludedLater) != 2 || len(d.Excluded()) != 2 {
		t.Fatalf("excluded later: %v of %v", loaded.ExcludedLater, d.Excluded())
	}
	for _, h := range loaded.ExcludedLater {
		if !w.invalid[h] && !w.after[h] {
			t.Errorf("%s was excluded later", h)
		}
	}
}

// TestLoadExcludesGivenRows: the given rows are excluded with the given statuses, and rows that
// depend on them are not pending.
func TestLoadExcludesGivenRows(t *testing.T) {
	w := newWeek()
	rows := w.earlier()
	without := map[wire.Hash]storage.Status{rows[9].Hash(): storage.Refused}
	for _, row := range rows[10:] {
		without[row.Hash()] = storage.Excluded
	}
	d, loaded := load(t, w.Event, without, rows)
	if d.Graph().Len() != 9 || !reflect.DeepEqual(d.Excluded(), without) || len(loaded.Statuses) != 0 {
		t.Errorf("%d changes, %d excluded", d.Graph().Len(), len(d.Excluded()))
	}
}

// TestStoredRowsAreRechecked: rows of the ledger were validated when they were stored. So only
// Recheck can exclude them, even if Validate would refuse them now.
func TestStoredRowsAreRechecked(t *testing.T) {
	w := newWeek()
	d, loaded := load(t, w.Event, nil, w.earlier())
	if d.Graph().Len() != len(w.Changes) || len(loaded.Statuses) != 0 {
		t.Errorf("%d of %d rows are left, %v", d.Graph().Len(), len(w.Changes), loaded.Statuses)
	}
}

// TestRowsThatFitNoGraph: a row that no version can have accepted is an error, and is not
// reported as refused by the rules.
func TestRowsThatFitNoGraph(t *testing.T) {
	w := policytest.NewWorld(policytest.Options{})
	first := w.Changes[0].Change
	c := *w.Writer("ann").Do(func(d *policytest.Draft) { d.Post("", "first") }).Change
	c.Seq, c.Deps = 3, []wire.Hash{first.Hash}
	d := document.New(w.Event, document.Options{})
	l := d.Load(nil)
	rows := []storage.Entry{
		{Chunk: first.Chunk(), Actor: first.Actor, Seq: first.Seq},
		{Chunk: c.Chunk(), Actor: c.Actor, Seq: 3},
	}
	if _, err := l.Row(&rows[0]); err != nil {
		t.Fatal(err)
	}
	if got, err := l.Row(&rows[1]); !errors.Is(err, graph.ErrSeqGap) || got != nil {
		t.Errorf("%v, %v", got, err)
	}
	if loaded, err := l.Finish(); err != nil || len(loaded.Statuses) != 0 || len(d.Excluded()) != 0 {
		t.Errorf("%v, %v", loaded, err)
	}
}

// TestLoadChecked: a row is refused if its signature is wrong or if the rules of an event refuse it,
// and what depends on it is excluded. Nothing is decided about a row whose past is incomplete.
func TestLoadChecked(t *testing.T) {
	w := newWeek()
	rows := w.earlier()
	forged := rows[5]
	forged.Signature = rows[4].Signature
	read := func(rows ...storage.Entry) document.Loaded {
		l := document.New(w.Event, document.Options{}).LoadChecked()
		for i := range rows {
			if _, err := l.Row(&rows[i]); err != nil {
				t.Fatal(err)
			}
		}
		loaded, err := l.Finish()
		if err != nil {
			t.Fatal(err)
		}
		return loaded
	}
	loaded := read(rows...)
	for h, status := range loaded.Statuses {
		if status == storage.Refused != w.invalid[h] || status == storage.Excluded != w.after[h] {
			t.Errorf("%s has the status %v", h, status)
		}
	}
	if len(loaded.Statuses) != 2 || len(loaded.Reasons) != 1 || loaded.Pending != 0 {
		t.Errorf("%+v", loaded)
	}
	loaded = read(slices.Concat(rows[:5], []storage.Entry{forged}, rows[6:])...)
	if why := loaded.Reasons[forged.Hash()]; why == nil || why.Code != policy.CodeSignature {
		t.Errorf("a forged row: %v", why)
	}
	if len(loaded.Statuses) != len(rows)-5 || loaded.Statuses[forged.Hash()] != storage.Refused || loaded.Statuses[rows[6].Hash()] != storage.Excluded || loaded.Pending != 0 {
		t.Errorf("after a forged row: %+v", loaded)
	}
	// The other order: the row on which everything depends comes last.
	loaded = read(slices.Concat(rows[:5], rows[6:], []storage.Entry{forged})...)
	if len(loaded.Statuses) != len(rows)-5 || loaded.Statuses[forged.Hash()] != storage.Refused || loaded.Pending != 0 {
		t.Errorf("before a forged row: %+v", loaded)
	}
	if loaded = read(slices.Concat(rows[:5], rows[6:])...); len(loaded.Statuses) != 0 || loaded.Pending != len(rows)-6 {
		t.Errorf("without the row: %+v", loaded)
	}
}

// TestUnreadableRow: a row that is not a change is an error, and is not loaded.
func TestUnreadableRow(t *testing.T) {
	w := newWeek()
	rows := w.earlier()
	d := document.New(w.Event, document.Options{})
	l := d.Load(nil)
	if _, err := l.Row(&rows[0]); err != nil {
		t.Fatal(err)
	}
	wrong := rows[1]
	wrong.Chunk = storagetest.Entry("a", 0, false).Chunk
	if c, err := l.Row(&wrong); err == nil || c != nil || d.Graph().Len() != 1 {
		t.Errorf("loaded: %v, %v", c, err)
	}
}

// TestForgetRetryable: refusals for a wrong signature, and of changes that depend on a refused
// change, can be forgotten; all other refusals are permanent.
func TestForgetRetryable(t *testing.T) {
	r := document.NewRefusals(3)
	d := document.New("e", document.Options{Refusals: r})
	signature, depends, role, newest := wire.Hash{1}, wire.Hash{2}, wire.Hash{3}, wire.Hash{4}
	d.Refuse(signature, &policy.Refusal{Code: policy.CodeSignature})
	d.Refuse(depends, &policy.Refusal{Code: policy.CodeDependsOn})
	d.Refuse(role, &policy.Refusal{Code: policy.CodeRole})
	if !d.Unwanted(signature) || d.CanSkip(signature) || !d.CanSkip(depends) || !d.CanSkip(role) {
		t.Error("only a change with a wrong signature may come again")
	}
	r.ForgetRetryable()
	if d.Unwanted(signature) || d.Unwanted(depends) || !d.Unwanted(role) || r.Len() != 1 {
		t.Error("too few or too many refusals were forgotten")
	}
	for _, h := range []wire.Hash{signature, depends, newest} {
		d.Refuse(h, &policy.Refusal{Code: policy.CodeRole})
	}
	if r.Len() != 3 || r.Has(role) || !r.Has(newest) {
		t.Error("the forgotten refusal is not the oldest")
	}
}

// TestValidatedChangesAreNotCheckedAgain: a reader of a ledger whose owner has validated the
// changes shows what a device shows, and shows a change that a device would refuse.
func TestValidatedChangesAreNotCheckedAgain(t *testing.T) {
	w := newWeek()
	device := newDevice(t, w.Event)
	for _, s := range w.Changes {
		device.receive(s)
	}
	reader := func(refusedToo bool) *document.Document {
		d := document.New(w.Event, document.Options{Projection: true, Validated: true})
		for _, s := range w.Changes {
			if h := s.Change.Hash; (w.invalid[h] || w.after[h]) && !refusedToo {
				continue
			}
			a, err := d.Add(document.NewChange(s.Change, wire.Chunk{}, nil, 1000))
			if err != nil || len(a.Applied) != 1 || a.Applied[0].Decoded == nil {
				t.Fatalf("%+v, %v", a, err)
			}
		}
		return d
	}
	wantEvent, wantPosts := views(device.d)
	if e, p := views(reader(false)); !reflect.DeepEqual(e, wantEvent) || len(p) != len(wantPosts) {
		t.Errorf("a reader of the ledger shows %q with %d posts, a device %q with %d", e.Title, len(p), wantEvent.Title, len(wantPosts))
	}
	if d := reader(true); d.Graph().Len() != len(w.Changes) {
		t.Errorf("%d of %d changes", d.Graph().Len(), len(w.Changes))
	}
}
