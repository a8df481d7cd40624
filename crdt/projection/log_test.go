package projection_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"flyleaf/crdt/projection"
	"flyleaf/qa"
)

// short formats a log entry as one word.
func short(names map[qa.Identity]string, l qa.LogEntry) string {
	s := fmt.Sprintf("%s:%s", names[l.By], l.Kind)
	if l.Identity != "" {
		s += "(" + names[l.Identity] + ")"
	}
	if l.Role != "" {
		s += "=" + string(l.Role)
	}
	if l.Post != "" {
		s += "@" + string(l.Post)
	}
	if l.Text != "" {
		s += "'" + l.Text + "'"
	}
	if l.Of != "" {
		s += ">" + string(l.Of)
	}
	if !l.On {
		s += " off"
	}
	if !l.InEffect {
		s += " void"
	}
	return s
}

func TestLogListsModeration(t *testing.T) {
	boss, org, mod, reader, all := crew(t)
	names := map[qa.Identity]string{boss.id(): "boss", org.id(): "org", mod.id(): "mod", reader.id(): "reader"}
	me := string(reader.id())
	mod.write(put("posts/q/marks/hidden", "rude"))
	mod.write(put("posts/q/marks/hidden", ""), put("posts/q/marks/pinned", true), put("posts/q/marks/duplicateOf", "q"))
	all()
	reader.write(put("posts/q/marks/answered", true)) // a writer's own mark is not moderation
	all()
	mod.write(put("posts/q/marks/answered", false), put("posts/q/marks/approved", true))
	org.write(put("event/closed", true), put("event/approve", true), put("event/title", "none of the log"))
	all()
	// Concurrently, the moderator acts and loses the role.
	mod.write(put("blocks/"+me, "spam"))
	boss.role(mod, qa.RoleModerator, false)
	all()
	boss.write(put("blocks/"+me, ""), put("event/closed", false))
	all()
	want := []string{
		"boss:role(org)=organiser", "boss:role(mod)=moderator",
		"mod:hidden@q'rude'", "mod:hidden@q off", "mod:pinned@q", "mod:duplicateOf@q>q",
		"mod:answered@q off", "mod:approved@q", "org:closed", "org:approve",
		"mod:block(reader)'spam' void", "boss:role(mod)=moderator off",
		"boss:block(reader) off", "boss:closed off",
	}
	for _, d := range []*device{boss, mod, reader} {
		log := d.f.Log()
		var got []string
		for i, l := range log {
			got = append(got, short(names, l))
			if l.AtMillis == 0 {
				t.Errorf("%s has no time", got[i])
			}
			if i > 0 && !log[i-1].Op.Less(l.Op) {
				t.Errorf("%s is out of order", got[i])
			}
		}
		a, b := slices.Clone(got), slices.Clone(want)
		slices.Sort(a)
		slices.Sort(b)
		if !slices.Equal(a, b) {
			t.Fatalf("the log is\n%s\nnot\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	}
}

func TestWhoHidAndWhen(t *testing.T) {
	_, _, mod, reader, all := crew(t)
	c := mod.write(put("posts/q/marks/hidden", "rude"), put("posts/q/marks/duplicateOf", "q"))
	w := reader.write(put("posts/q/state", "withdrawn"))
	all()
	p := reader.get("q")
	if m := p.Marks; m.HiddenBy != mod.id() || m.HiddenAtMillis != c.TimeMillis || m.DuplicateBy != mod.id() {
		t.Errorf("%+v", m)
	}
	if !p.Withdrawn || p.WithdrawnAtMillis != w.TimeMillis {
		t.Errorf("%+v", p)
	}
	mod.write(put("posts/q/marks/hidden", ""), put("posts/q/marks/duplicateOf", ""))
	reader.write(put("posts/q/state", ""))
	all()
	if p := reader.get("q"); p.Marks.HiddenBy != "" || p.Marks.HiddenAtMillis != 0 || p.Marks.DuplicateBy != "" || p.WithdrawnAtMillis != 0 {
		t.Errorf("no longer hidden, and still %+v", p)
	}
}

// TestRolesFromARevokedOrganiserAreNotInEffect: a revoked organiser cannot grant roles in
// changes that are concurrent with the revocation.
func TestRolesFromARevokedOrganiserAreNotInEffect(t *testing.T) {
	boss, org, _, reader, all := crew(t)
	boss.role(org, qa.RoleOrganiser, false)
	org.role(reader, qa.RoleModerator, true)
	reader.from(org)
	reader.write(put("posts/q/marks/hidden", "no"), put("blocks/"+strings.Repeat("5", 64), "no"))
	org.from(reader)
	if org.get("q").Marks.Hidden == "" || !blocked(org.f, qa.Identity(strings.Repeat("5", 64))) {
		t.Fatal("the moderator's act is not in effect before the revocation is known")
	}
	org.f.Touched()
	all()
	for _, d := range []*device{boss, org, reader} {
		if d.get("q").Marks.Hidden != "" || blocked(d.f, qa.Identity(strings.Repeat("5", 64))) || d.f.Event().HasRole(reader.id(), qa.RoleModerator) {
			t.Error("an act of a revoked organiser's moderator is in effect")
		}
	}
	if got := org.f.Touched().Posts; !slices.Contains(got, qa.PostID("q")) {
		t.Errorf("touched %v, without the post that is shown again", got)
	}
}

// TestRolesCountInEveryMap: a second map roles/<id> with a higher operation does not hide a
// role in the first.
func TestRolesCountInEveryMap(t *testing.T) {
	boss, org, _, reader, all := crew(t)
	org.write(put("event/title", "so that counters rise"))
	boss.role(reader, qa.RoleModerator, true)
	org.role(reader, qa.RoleAuthor, true)
	all()
	e := boss.f.Event()
	if !e.HasRole(reader.id(), qa.RoleModerator) || !e.HasRole(reader.id(), qa.RoleAuthor) {
		t.Fatalf("%+v", e.Roles)
	}
}

// blocked reports whether the pages show a person as blocked.
func blocked(f *projection.Projection, id qa.Identity) bool {
	_, is := qa.Blocks(f.Log())[id]
	return is
}

// TestHigherRankDecidesBlocks: an organiser's block wins over a moderator's concurrent
// unblocking, although that has the higher operation; also when the organiser has lost the
// role since.
func TestHigherRankDecidesBlocks(t *testing.T) {
	boss, org, mod, reader, all := crew(t)
	org.write(put("blocks/"+string(reader.id()), "spam"))
	mod.write(put("posts/q/marks/pinned", true))
	mod.write(put("blocks/"+string(reader.id()), ""))
	all()
	if !blocked(boss.f, reader.id()) {
		t.Fatal("a moderator's unblocking beat an organiser's block")
	}
	boss.role(org, qa.RoleOrganiser, false)
	all()
	if !blocked(boss.f, reader.id()) {
		t.Fatal("the organiser's block has a lower rank after the role ended")
	}
	boss.write(put("blocks/"+string(boss.id()), "me"))
	if blocked(boss.f, boss.id()) {
		t.Fatal("the founder was blocked")
	}
}

// TestClosingWithoutTheRoleMakesNobodyLate: a closing is not in effect if its writer's role
// turns out to have been revoked.
func TestClosingWithoutTheRoleMakesNobodyLate(t *testing.T) {
	boss, org, _, reader, all := crew(t)
	other := newDevice(t, 5, 1)
	other.from(reader)
	boss.role(org, qa.RoleOrganiser, false)
	org.write(put("event/closed", true))
	other.post("concurrent")
	reader.from(org)
	reader.from(other)
	if !reader.get("concurrent").Late || reader.get("q").Late || !reader.f.Event().Closed {
		t.Fatal("not closed before the revocation is known")
	}
	reader.f.Touched()
	all()
	if reader.f.Event().Closed || reader.get("concurrent").Late {
		t.Fatal("closed, and late, by a person who was not an organiser")
	}
	if got := reader.f.Touched().Posts; !slices.Contains(got, qa.PostID("concurrent")) {
		t.Errorf("touched %v", got)
	}
}

// TestImportsOfAFormerOrganiser: what an organiser imported remains imported when the role is revoked later.
// A post from before the grant, concurrent with the revocation, or of a reader is not, whatever its source.
func TestImportsOfAFormerOrganiser(t *testing.T) {
	boss, org, _, reader, all := crew(t)
	post := func(by *device, id string) { by.post(id, put("posts/"+id+"/source", "page#"+id)) }
	post(boss, "founder")
	post(org, "organiser")
	post(reader, "before")
	org.post("own")
	all()
	boss.role(org, qa.RoleOrganiser, false)
	post(org, "meanwhile")
	reader.from(org)
	if p := reader.get("meanwhile"); !p.IsImported() {
		t.Fatal("an organiser's post before the revocation is known")
	}
	reader.f.Touched()
	all()
	boss.role(reader, qa.RoleOrganiser, true)
	all()
	if got := reader.f.Touched().Posts; !slices.Contains(got, qa.PostID("meanwhile")) {
		t.Errorf("touched %v", got)
	}
	for id, want := range map[string]bool{"founder": true, "organiser": true, "before": false, "meanwhile": false} {
		if p := reader.get(id); p.IsImported() != want || p.OutdatedView() {
			t.Errorf("%q is imported: %v", id, p.IsImported())
		}
	}
	if p := reader.get("own"); p.Imported != nil || p.OutdatedView() {
		t.Error("a post without a source is said to be imported or not")
	}
}

// TestAnswersOfAFormerAuthor: answers that an author wrote remain an author's when the role is
// revoked later. Posts from before the grant, or concurrent with the revocation, are not.
func TestAnswersOfAFormerAuthor(t *testing.T) {
	boss, org, mod, reader, all := crew(t)
	mod.post("before")
	all()
	boss.role(mod, qa.RoleAuthor, true)
	all()
	mod.post("as author")
	org.write(mk("posts/as"), put("posts/as/as", "author"), put("posts/as/parent", "q"))
	all()
	boss.role(mod, qa.RoleAuthor, false)
	boss.role(org, qa.RoleOrganiser, false)
	mod.post("meanwhile")
	reader.from(mod)
	if !reader.get("meanwhile").AuthorThen {
		t.Fatal("an author's post before the revocation is known")
	}
	reader.f.Touched()
	all()
	if got := reader.f.Touched().Posts; !slices.Contains(got, qa.PostID("meanwhile")) {
		t.Errorf("touched %v", got)
	}
	for key, want := range map[string]bool{"before": false, "as author": true, "meanwhile": false, "as": true, "q": false} {
		if got := reader.get(key).AuthorThen; got != want {
			t.Errorf("%q is an author's: %v", key, got)
		}
	}
	w := qa.NewWeek(reader.f.Event(), reader.f.Posts(), nil)
	for _, th := range w.Threads {
		if th.Question.ID == "q" && (!th.Answered || !th.Replies[0].ByAuthor) {
			t.Error("the imported answer is no longer an author's")
		}
		if th.Question.ID == "as author" && !th.Question.ByAuthor {
			t.Error("the author's post is not shown as an author's")
		}
	}
}
