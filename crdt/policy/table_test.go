package policy_test

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"flyleaf/crdt/policy"
	"flyleaf/crdt/policy/policytest"
	"flyleaf/crdt/wire"
	"flyleaf/qa"
)

// line is one line of the specification's table: who may write a value of which type and length.
// "me" in a path is the writer.
type line struct {
	path  string
	value any // "", []byte: with the longest valid length; nil: a map; others: as they are
	limit int
	by    string // people in everybody who may write; "*": all
	ready string // a map that the writer must make first
}

const (
	organisers = "founder organiser"
	moderators = "founder organiser moderator"
	jury       = "founder organiser author"
)

func lines(question, reply qa.PostID, other, somebody qa.Identity) []line {
	q, a := "posts/"+string(question)+"/", "posts/"+string(reply)+"/"
	out := []line{
		{path: "event/title", value: "", limit: 300, by: organisers},
		{path: "event/authors", value: "", limit: 300, by: organisers},
		{path: "event/language", value: "", limit: 300, by: organisers},
		{path: "event/zone", value: "", limit: 300, by: organisers},
		{path: "event/source", value: "", limit: 300, by: organisers},
		{path: "event/description", value: "", limit: 16 << 10, by: organisers},
		{path: "event/startsAt", value: int64(5), by: organisers},
		{path: "event/endsAt", value: int64(5), by: organisers},
		{path: "event/answersFrom", value: int64(5), by: organisers},
		{path: "event/answersUntil", value: int64(5), by: organisers},
		{path: "event/winnersAt", value: int64(5), by: organisers},
		{path: "event/prizes", value: uint64(5), by: organisers},
		{path: "event/closed", value: true, by: organisers},
		{path: "event/closed", value: false, by: organisers},
		{path: "event/approve", value: true, by: organisers},
		{path: "event/movedTo", value: qa.MakeEventID([16]byte{1}), by: organisers},
		{path: "event/movedTo", value: qa.EventID(""), by: organisers},
		{path: "event/cover", value: wire.StringValue(strings.Repeat("0a", 32)), by: organisers},
		{path: "event/cover", value: wire.StringValue(""), by: organisers},
		{path: "event/links/0", by: organisers},
		{path: "event/links/19", by: organisers},
		{path: "event/links/1/text", value: "", limit: 300, by: organisers},
		{path: "event/links/1/url", value: "", limit: 300, by: organisers},
		{path: "event/x/a", value: "", limit: 1 << 10, by: organisers},
		{path: "event/x/subtitle", value: "", limit: 1 << 10, by: organisers},
		{path: "event/x/announcement", value: "", limit: 1 << 10, by: organisers},
		{path: "event/x/pictures", value: "", limit: 1 << 10, by: organisers},
		{path: "event/x/math", value: "", limit: 1 << 10, by: organisers},
		{path: "relays/0", value: "", limit: 300, by: organisers},
		{path: "relays/7", value: "", limit: 300, by: organisers},

		{path: "people/me", by: "*"},
		{path: "people/me/name", value: "", limit: 200, by: "*", ready: "people/me"},
		{path: "people/me/about", value: "", limit: 2 << 10, by: "*", ready: "people/me"},
		{path: "people/me/link", value: "", limit: 300, by: "*", ready: "people/me"},
		{path: "people/me/publishAs", value: wire.StringValue("initials"), by: "*", ready: "people/me"},
		{path: "people/" + string(somebody), by: ""},
		{path: "people/" + string(other) + "/name", value: "", by: ""},
		{path: "people/" + string(other) + "/about", value: "", by: ""},
		{path: "people/" + string(other) + "/link", value: "", by: ""},
		{path: "people/" + string(other) + "/publishAs", value: wire.StringValue("none"), by: ""},
		{path: "contacts/me", value: []byte{}, limit: 1 << 10, by: "*"},
		{path: "contacts/" + string(other), value: []byte{}, by: ""},

		{path: "roles/" + strings.Repeat("1", 64), by: organisers},
		{path: "roles/" + string(other) + "/organiser", value: true, by: "founder"},
		{path: "blocks/" + string(other), value: "", limit: 300, by: moderators},
		{path: "claims/me", value: other, by: ""},

		{path: q + "state", value: wire.StringValue("withdrawn"), by: "reader"},
		{path: q + "state", value: wire.StringValue(""), by: "reader"},
		{path: q + "tags", value: "", limit: 300, by: "reader"},
		{path: q + "x", by: "reader"},
		{path: q + "x/a", value: "", limit: 1 << 10, by: "reader", ready: q + "x"},
		{path: q + "revisions/new", value: "", limit: 32 << 10, by: "reader"},
		{path: q + "reactions/me", by: "*"},
		{path: q + "reactions/me/want", value: true, by: "*", ready: q + "reactions/me"},
		{path: q + "reactions/" + string(other), by: ""},
		{path: q + "reactions/" + string(other) + "/want", value: true, by: ""},
		{path: q + "marks/hidden", value: "", limit: 300, by: moderators},
		{path: q + "marks/pinned", value: true, by: moderators},
		{path: q + "marks/approved", value: true, by: moderators},
		{path: q + "marks/duplicateOf", value: reply, by: moderators},
		{path: q + "marks/duplicateOf", value: qa.PostID(""), by: moderators},
		{path: q + "marks/answered", value: true, by: moderators + " author reader"},
		{path: a + "marks/answered", value: true, by: moderators + " author"},
		{path: q + "marks/assigned/" + string(other), value: true, by: "author"},
		{path: q + "marks/candidate/me", value: true, by: "author"},
		{path: q + "marks/candidate/" + string(other), value: true, by: ""},

		{path: "winners/me", by: jury},
		{path: "winners/me/" + string(question), value: "", limit: 300, by: jury, ready: "winners/me"},
		{path: "winners/" + string(other), by: ""},
		{path: "draw/commit/me", value: []byte{}, limit: 64, by: jury},
		{path: "draw/reveal/me", value: []byte{}, limit: 64, by: jury},
		{path: "draw/commit/" + string(other), value: []byte{}, by: ""},
		{path: "draw/rule", value: "", limit: 2 << 10, by: organisers},
		{path: "blobs/sum", value: []byte{}, limit: 40 << 10, by: organisers},
	}
	for _, role := range []string{"author", "moderator", "member", "invite-author", "invite-moderator", "invite-member"} {
		out = append(out, line{path: "roles/" + string(other) + "/" + role, value: true, by: organisers})
	}
	return out
}

// clubLines returns the lines of clubs in place of those of events.
func clubLines() []line {
	week := "weeks/" + string(qa.MakeEventID([16]byte{1})) + "/"
	return []line{
		{path: "club/title", value: "", limit: 300, by: organisers},
		{path: "club/about", value: "", limit: 16 << 10, by: organisers},
		{path: "club/language", value: "", limit: 300, by: organisers},
		{path: "club/x/a", value: "", limit: 1 << 10, by: organisers},
		{path: "weeks/" + string(qa.MakeEventID([16]byte{2})), by: organisers},
		{path: week + "title", value: "", limit: 300, by: organisers},
		{path: week + "authors", value: "", limit: 300, by: organisers},
		{path: week + "startsAt", value: int64(5), by: organisers},
		{path: week + "endsAt", value: int64(5), by: organisers},
		{path: week + "relay", value: "", limit: 300, by: organisers},
	}
}

// valueOf returns a line's value, `over` bytes longer than the limit.
func valueOf(v any, limit, over int) wire.Value {
	switch v := v.(type) {
	case string:
		return wire.StringValue(strings.Repeat("x", limit+over))
	case []byte:
		return wire.BytesValue(make([]byte, limit+over))
	case int64:
		return wire.IntValue(v)
	case uint64:
		return wire.UintValue(v)
	case bool:
		return wire.BoolValue(v)
	case qa.EventID:
		return wire.StringValue(string(v))
	case qa.PostID:
		return wire.StringValue(string(v))
	case qa.Identity:
		return wire.StringValue(string(v))
	case wire.Value:
		return v
	}
	panic(fmt.Sprintf("a value of type %T", v))
}

// others returns values of all other types.
func others(v wire.Value) []wire.Value {
	all := []wire.Value{
		wire.StringValue("?"), wire.BytesValue([]byte{1}), wire.IntValue(1), wire.UintValue(1), wire.BoolValue(true),
	}
	return slices.DeleteFunc(all, func(o wire.Value) bool {
		return o.Kind == v.Kind || o.Kind == wire.True && v.Kind == wire.False
	})
}

// TestEveryLineOfTheTable: only the permitted people can write a value of full length. Nobody can
// write one byte more, a value of another type, or a map instead of a value.
func TestEveryLineOfTheTable(t *testing.T) {
	for _, kind := range []string{"event", "club"} {
		p := newScene(t, policytest.Options{Kind: kind})
		eve := p.Writer("eve")
		var reply qa.PostID
		p.do(p.author, func(d *policytest.Draft) { reply = d.Post(p.question, "Because.") })
		other := p.Writer("other")
		p.do(p.organiser, func(d *policytest.Draft) {
			d.Role(other.ID(), qa.RoleMember, true)
			if kind == "event" {
				d.Map("event/links/1")
			} else {
				d.Map("weeks/" + string(qa.MakeEventID([16]byte{1})))
			}
		})
		p.do(other, func(d *policytest.Draft) {
			d.Map("people/" + string(other.ID()))
			d.Map("posts/" + string(p.question) + "/reactions/" + string(other.ID()))
		})
		table := clubLines()
		if kind == "event" {
			table = lines(p.question, reply, other.ID(), p.Writer("somebody").ID())
		}
		everybody := map[string]*policytest.Writer{
			"founder": p.founder, "organiser": p.organiser, "author": p.author, "moderator": p.moderator, "reader": p.reader, "eve": eve,
		}
		validated := 0
		for _, l := range table {
			for name, x := range everybody {
				validate := func(make func(d *policytest.Draft, path string)) error {
					validated++
					d := x.Clone().Draft()
					if l.ready != "" {
						d.Path(strings.ReplaceAll(l.ready, "/me", "/"+string(x.ID())))
					}
					path := l.path
					if i := strings.Index(path, "/me"); i >= 0 && (len(path) == i+3 || path[i+3] == '/') {
						path = path[:i] + "/" + string(x.ID()) + path[i+3:]
					}
					if up, ok := strings.CutSuffix(path, "revisions/new"); ok {
						path = up + "revisions/" + d.RevisionID()
					}
					make(d, path)
					s := d.Sign()
					c, err := wire.DecodeChange(s.Bytes)
					if err != nil {
						t.Fatal(err)
					}
					return p.r.Policy.Validate(c)
				}
				put := func(v wire.Value) error {
					return validate(func(d *policytest.Draft, path string) {
						if up, ok := strings.CutSuffix(path, "/sum"); ok {
							sum := sha256.Sum256(v.Raw)
							path = up + "/" + hex.EncodeToString(sum[:])
						}
						d.Set(path, v)
					})
				}
				may := l.by == "*" || slices.Contains(strings.Fields(l.by), name)
				if l.value == nil {
					if err := validate(func(d *policytest.Draft, path string) { d.Map(path) }); (err == nil) != may {
						t.Errorf("%s, a map, by %s: %v", l.path, name, err)
					}
					if err := put(wire.UintValue(1)); err == nil {
						t.Errorf("%s, a map, was accepted as a number from %s", l.path, name)
					}
					continue
				}
				right := valueOf(l.value, l.limit, 0)
				if err := put(right); (err == nil) != may {
					t.Errorf("%s by %s: %v", l.path, name, err)
				}
				if !may {
					continue
				}
				var why *policy.Refusal
				if l.limit > 0 {
					if err := put(valueOf(l.value, l.limit, 1)); !errors.As(err, &why) || why.Code != policy.CodeLimit {
						t.Errorf("%s, one byte too long, by %s: %v", l.path, name, err)
					}
				}
				for _, v := range others(right) {
					if err := put(v); !errors.As(err, &why) || why.Code != policy.CodeValue {
						t.Errorf("%s of kind %d by %s: %v", l.path, v.Kind, name, err)
					}
				}
				if err := validate(func(d *policytest.Draft, path string) { d.Map(path) }); err == nil {
					t.Errorf("%s, a value, was accepted as a map from %s", l.path, name)
				}
			}
		}
		t.Logf("%s: %d lines, %d changes", kind, len(table), validated)
	}
}

// TestLengthsOfANewPost: the fields of a new post have length limits too.
func TestLengthsOfANewPost(t *testing.T) {
	p := newScene(t, policytest.Options{})
	for key, limit := range map[string]int{"onBehalfOf": 200, "source": 300} {
		for over := range 2 {
			d := p.reader.Clone().Draft()
			at := "posts/" + string(d.Post("", "Hello"))
			d.Str(at+"/"+key, strings.Repeat("x", limit+over))
			d.Sign()
			if err := p.r.Policy.Validate(d.Change); (err == nil) != (over == 0) {
				t.Errorf("%s of %d bytes: %v", key, limit+over, err)
			}
		}
	}
	for _, n := range []int{64, 65} {
		d := p.founder.Clone().Draft()
		d.Str("event/x/"+strings.Repeat("n", n), "A")
		d.Sign()
		if err := p.r.Policy.Validate(d.Change); (err == nil) != (n == 64) {
			t.Errorf("a key of %d bytes in x: %v", n, err)
		}
	}
	for _, n := range []int{32, 33} {
		d := p.reader.Clone().Draft()
		d.React(p.question, strings.Repeat("e", n), true)
		d.Sign()
		if err := p.r.Policy.Validate(d.Change); (err == nil) != (n == 32) {
			t.Errorf("an emoji of %d bytes: %v", n, err)
		}
	}
}
