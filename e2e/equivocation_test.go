package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"flyleaf/crdt/bundle"
	"flyleaf/crdt/policy/policytest"
	"flyleaf/e2e/stockjs"
	"flyleaf/qa"
)

// importChanges imports changes on a device as a bundle.
func importChanges(d *device, event qa.EventID, changes ...policytest.Signed) {
	d.t.Helper()
	file := filepath.Join(d.t.TempDir(), "week.bundle")
	f, err := os.Create(file)
	if err != nil {
		d.t.Fatal(err)
	}
	defer f.Close()
	w, err := bundle.NewWriter(f, event)
	for _, c := range changes {
		if err == nil {
			err = w.Add(bundle.Change{Bytes: c.Bytes, Signature: c.Signature})
		}
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		d.t.Fatal(err)
	}
	d.run("import", file)
}

// equivocation is a week in which a device signs two versions of a change.
type equivocation struct {
	*policytest.World
	reader        *policytest.Writer
	before        []policytest.Signed // including changes that depend on the first version
	second        policytest.Signed   // the other version
	beside        policytest.Signed   // by a writer who does not have the second version
	question      qa.PostID           // of both versions
	wantBefore    map[string]stockPost
	wantAfterward map[string]stockPost // including beside
}

func newEquivocation(questions int) *equivocation {
	w := policytest.NewWorld(policytest.Options{})
	l := &equivocation{World: w, reader: w.Writer("reader"), wantBefore: map[string]stockPost{}, wantAfterward: map[string]stockPost{}}
	post := func(x *policytest.Writer, parent qa.PostID, text string) (id qa.PostID) {
		x.Do(func(d *policytest.Draft) { id = d.Post(parent, text) })
		l.wantBefore[string(id)] = stockPost{string(id), string(parent), text}
		return id
	}
	for i := range questions {
		post(w.Writer(fmt.Sprint("reader ", i)), "", fmt.Sprintf("Question %d?", i))
	}
	equivocator := w.Writer("equivocator")
	other, on := equivocator.Clone(), w.Heads()
	l.question = post(equivocator, "", "This?")
	post(l.reader, l.question, "An answer to this.")
	for id, p := range l.wantBefore {
		l.wantAfterward[id] = p
	}
	l.before = slices.Clone(w.Changes)
	heads := w.Heads()
	l.second = other.DoOn(on, func(d *policytest.Draft) { d.Post("", "That?") })
	l.beside = l.reader.DoOn(heads, func(d *policytest.Draft) {
		id := d.Post("", "Does everybody read this?")
		l.wantAfterward[string(id)] = stockPost{string(id), "", "Does everybody read this?"}
	})
	return l
}

// TestStockClientsAfterAnEquivocation: a stock client that follows the event keeps the version
// that it has, and a later one gets the same version. Both get all changes that do not depend
// on the other version. Flyleaf shows which posts are void, and the event remains usable.
func TestStockClientsAfterAnEquivocation(t *testing.T) {
	for _, questions := range []int{3, 70} { // synced change by change, and as a whole document
		t.Run(fmt.Sprint(questions, " questions"), func(t *testing.T) {
			t.Parallel()
			l := newEquivocation(questions)
			event := string(l.Event)
			relay := newRelay(t).up()
			a, b := newDevice(t), newDevice(t)
			importChanges(a, l.Event, l.before...)
			a.run("join", "--move", "flyleaf:"+event+"@"+relay.url())
			a.run("sync")
			s := newStock(t, relay.url(), event)
			at := s.sees("the stock client shows every post", 0, l.wantBefore)
			b.run("join", "flyleaf:"+event+"@"+relay.url())
			b.run("sync")

			importChanges(a, l.Event, l.second)
			a.run("sync")
			b.run("sync")
			a.run("ask", "Who knows of both versions?") // on top of both
			a.run("sync")
			importChanges(a, l.Event, l.beside)
			a.run("sync")
			b.run("sync")
			s.sees("changes that do not depend on the other version arrive", at, l.wantAfterward)
			newStock(t, relay.url(), event).sees("a stock client that comes later", 0, l.wantAfterward)
			for name, d := range map[string]*device{"who brought it": a, "who only reads": b} {
				posts := d.list(event)
				i := slices.IndexFunc(posts, func(p post) bool { return p.ID == string(l.question) })
				if len(posts) != questions+3 || i < 0 || !posts[i].Void || posts[i].Text != "" || len(posts[i].Replies) != 1 {
					t.Fatalf("%s sees %+v", name, posts)
				}
				if r := posts[i].Replies[0]; r.Void || r.Text != "An answer to this." {
					t.Errorf("%s sees the reply as %+v", name, r)
				}
				if out := d.run("show", string(l.question)); !strings.Contains(out, "two versions were signed") {
					t.Errorf("show prints %q", out)
				}
			}
			if _, errs, code := b.try("reply", "--event", event, "--", string(l.question), "To which?"); code == 0 {
				t.Errorf("a void question was answered: %s", errs)
			}
			b.run("reply", "--event", event, "--", string(postBy(t, b, event, "An answer to this.")), "That is an answer to what?")
			b.run("sync")
			a.run("sync")
			if got := postBy(t, a, event, "That is an answer to what?"); got == "" {
				t.Error("the thread does not continue")
			}
		})
	}
}

// postBy returns the ID of the post with this text.
func postBy(t *testing.T, d *device, event, text string) string {
	t.Helper()
	for _, q := range d.list(event) {
		for _, r := range q.Replies {
			if r.Text == text {
				return r.ID
			}
		}
	}
	return ""
}

// TestStockAutomergeReadsAnExportWithOneVersion: the .automerge file of an event with two
// versions of a change contains one of them, and loads.
func TestStockAutomergeReadsAnExportWithOneVersion(t *testing.T) {
	t.Parallel()
	js := stockjs.Start(t, "load.mjs")
	l := newEquivocation(1)
	d := newDevice(t)
	importChanges(d, l.Event, l.Changes...)
	d.run("ask", "Who knows of both versions?")
	file := filepath.Join(t.TempDir(), "week.automerge")
	_, errs, code := d.try("export", "--format", "automerge", "-o", file)
	if code != 0 || !strings.Contains(errs, "2 changes are not in the file") {
		t.Errorf("exit code %d, %s", code, errs)
	}
	var got struct {
		Texts []string `json:"texts"`
	}
	if err := json.Unmarshal([]byte(js.Line("load", file)), &got); err != nil {
		t.Fatal(err)
	}
	var want []string
	for _, p := range l.wantAfterward {
		want = append(want, p.Text)
	}
	slices.Sort(want)
	if slices.Sort(got.Texts); !slices.Equal(got.Texts, want) {
		t.Errorf("stock Automerge reads %q, want %q", got.Texts, want)
	}
	// A bundle contains both versions, and verify accepts it.
	all := filepath.Join(t.TempDir(), "week.bundle")
	d.run("export", "--format", "bundle", "-o", all)
	if out := d.run("verify", all); !strings.Contains(out, "void: two versions were signed") {
		t.Errorf("verify prints %s", out)
	}
}
