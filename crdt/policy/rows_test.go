package policy_test

import (
	"slices"
	"strings"
	"testing"

	"flyleaf/crdt/policy/policytest"
	"flyleaf/crdt/wire"
	"flyleaf/qa"
	"flyleaf/schema"
)

// elsewhere has the rows whose cases do not fit into lines, with the tests that cover them.
var elsewhere = map[string]string{
	"claims/<invitation>": "TestCases and TestConcurrentClaims: only an invitation key writes there",
	"posts/<post>":        "TestWhatIsAllowed and TestCases: anybody may, and one change makes a complete post",
}

// TestEveryRowHasCases: each row of the schema that can be written at any time has a line in
// TestEveryLineOfTheTable. That test tries a valid value, values of other types, a value that is
// too long, and a person who may not write the row.
func TestEveryRowHasCases(t *testing.T) {
	key := func(name string) qa.Identity { return policytest.KeyOf(name).Identity() }
	id := qa.MakePostID(key("reader"), make([]byte, 8), 1)
	type cases struct{ taken, long, refused bool }
	has := map[*schema.Row]cases{}
	for _, l := range append(lines(id, id+"1", key("other"), key("somebody")), clubLines()...) {
		path := strings.Split(l.path, "/")
		r := schema.Find(path...)
		if r == nil {
			t.Errorf("the schema has no %s", l.path)
			continue
		}
		if rule := r.In.Rule(path[len(path)-1]); l.limit != 0 && l.limit != rule.Max {
			t.Errorf("the line of %s has %d bytes, the schema %d", l.path, l.limit, rule.Max)
		}
		c := has[r]
		c.taken = c.taken || l.by != ""
		c.long = c.long || l.limit != 0
		c.refused = c.refused || l.by != "*"
		has[r] = c
	}
	for _, r := range schema.Rows() {
		if r.When != schema.AnyTime || elsewhere[r.Path] != "" || slices.Contains([]string{"draw/commit", "draw/reveal", "event/links", "event/x", "club/x"}, r.Path) {
			continue // see TestOlderGenesis, TestRowsOfAGenesis and TestRowsOfANewPost
		}
		if c := has[r]; !c.taken || !c.refused || c.long != (r.Max > 0) {
			t.Errorf("%s: a kind of case is missing: %+v", r.Path, c)
		}
	}
}

// validFor returns a valid value for a row.
func validFor(r *schema.Row, post qa.PostID) wire.Value {
	switch r.Type {
	case schema.Word:
		return wire.StringValue(r.Words[0])
	case schema.PostID:
		return wire.StringValue(string(post))
	case schema.Time:
		return wire.IntValue(5)
	case schema.Number:
		return wire.UintValue(schema.RulesVersion)
	}
	return wire.StringValue(strings.Repeat("x", r.Max))
}

// invalidFor returns invalid values for a row: of other types, and too long.
func invalidFor(r *schema.Row, right wire.Value) []wire.Value {
	out := others(right)
	if r.Max > 0 || r.Type == schema.Word {
		out = append(out, wire.StringValue(strings.Repeat("x", r.Max+1)))
	}
	return out
}

// TestRowsOfAGenesis: a genesis is invalid without one of its rows or with an invalid value there,
// and nobody can write these rows later.
func TestRowsOfAGenesis(t *testing.T) {
	for _, kind := range []string{schema.KindEvent, schema.KindClub} {
		for _, r := range schema.Rows() {
			if r.When != schema.AtGenesis || r.Only != "" && r.Only != kind || r.Path == kind {
				continue // without the map named after the kind, no draft can be written
			}
			founding := func(without string, more func(*policytest.Draft)) error {
				w := policytest.NewWorld(policytest.Options{Kind: kind, Without: without, More: more})
				return policytest.NewReplica(w.Event).Apply(w.Changes[0])
			}
			if err := founding("", nil); err != nil {
				t.Fatal(err)
			}
			if founding(r.Path, nil) == nil {
				t.Errorf("a %s was created without %s", kind, r.Path)
			}
			wrong := []wire.Value{wire.UintValue(1), wire.StringValue("x")}
			if r.Map == schema.NoMap {
				right := validFor(r, "")
				wrong = invalidFor(r, right)
				if r.Path != schema.KeyKind {
					if err := founding(r.Path, func(d *policytest.Draft) { d.Set(r.Path, right) }); err != nil {
						t.Errorf("%s: %v", r.Path, err)
					}
				}
			}
			for _, v := range wrong {
				if founding(r.Path, func(d *policytest.Draft) { d.Set(r.Path, v) }) == nil {
					t.Errorf("a %s was created with %q at %s", kind, v.Raw, r.Path)
				}
			}
			p := newScene(t, policytest.Options{Kind: kind})
			for _, x := range []*policytest.Writer{p.founder, p.organiser, p.reader} {
				d := x.Clone().Draft()
				if r.Map == schema.NoMap {
					d.Set(r.Path, validFor(r, ""))
				} else {
					d.Map(r.Path)
				}
				if p.r.Apply(d.Sign()) == nil {
					t.Errorf("%s was written after the genesis", r.Path)
				}
			}
		}
	}
}

// TestRowsOfANewPost: rows that are written when a post is created accept only valid values, and
// cannot be written later.
func TestRowsOfANewPost(t *testing.T) {
	p := newScene(t, policytest.Options{})
	for _, r := range schema.Rows() {
		if r.When != schema.AtCreation {
			continue
		}
		key := strings.TrimPrefix(r.Path, "posts/<post>/")
		making := func(x *policytest.Writer, write func(d *policytest.Draft, path string)) error {
			d := x.Clone().Draft()
			path := "posts/" + string(d.Post("", "Why?", key)) + "/" + key
			write(d, path)
			return p.r.Policy.Validate(d.Sign().Change)
		}
		wrong := []wire.Value{wire.UintValue(1), wire.StringValue("x")}
		right := func(d *policytest.Draft, path string) {
			d.Map(path)
			switch key {
			case "revisions":
				d.Str(path+"/"+d.RevisionID(), "Why?")
			case "marks":
				d.Map(path + "/assigned")
				d.Map(path + "/candidate")
			}
		}
		if r.Map == schema.NoMap {
			v := validFor(r, p.question)
			wrong = invalidFor(r, v)
			right = func(d *policytest.Draft, path string) { d.Set(path, v) }
		}
		for name, x := range map[string]*policytest.Writer{"organiser": p.organiser, "reader": p.reader} {
			if err := making(x, right); (err == nil) != (r.By == 0 || name == "organiser") {
				t.Errorf("%s by the %s: %v", r.Path, name, err)
			}
		}
		for _, v := range wrong {
			if making(p.organiser, func(d *policytest.Draft, path string) { d.Set(path, v) }) == nil {
				t.Errorf("%s was accepted as %q, type %d", r.Path, v.Raw, v.Kind)
			}
		}
		if missing := making(p.reader, func(*policytest.Draft, string) {}); (missing != nil) != r.Required {
			t.Errorf("without %s: %v", r.Path, missing)
		}
		for _, x := range []*policytest.Writer{p.reader, p.organiser} {
			d := x.Clone().Draft()
			right(d, "posts/"+string(p.question)+"/"+key)
			if p.r.Policy.Validate(d.Sign().Change) == nil {
				t.Errorf("%s was written after the post was created", r.Path)
			}
		}
	}
}
