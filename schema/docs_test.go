package schema_test

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"flyleaf/schema"
)

var update = flag.Bool("update", false, "write docs/schema.md instead of checking it")

var types = map[schema.Type]string{
	schema.IsMap: "map", schema.Text: "text", schema.Line: "line", schema.Word: "word", schema.Identity: "identity", schema.Hash: "hash",
	schema.EventID: "event ID", schema.PostID: "post ID", schema.Time: "time", schema.Number: "number", schema.Flag: "true or false", schema.Bytes: "bytes",
}

var roleNames = []struct {
	role schema.Roles
	name string
}{
	{schema.Founder, "founder"}, {schema.Organiser, "organiser"}, {schema.Moderator, "moderator"}, {schema.Author, "author"}, {schema.Member, "member"},
}

// writer describes who may write a path.
func writer(r *schema.Row) string {
	var who []string
	for _, n := range roleNames {
		if r.By&n.role != 0 {
			who = append(who, n.name)
		}
	}
	if r.By&schema.InvitationRoles != 0 {
		who = append(who, "invited people")
	}
	switch {
	case r.Self:
		who = append(who, "the person named by the key")
	case r.Owner:
		who = append(who, "the creator of the map")
	case r.OwnerExempt:
		who = append(who, "the creator of the map")
	}
	if r.When == schema.AtGenesis {
		return "founder, in the first change"
	}
	if len(who) == 0 {
		return "anybody"
	}
	return strings.Join(who, ", ")
}

func limit(r *schema.Row) string {
	var parts []string
	if r.Max > 0 {
		parts = append(parts, fmt.Sprintf("%d bytes", r.Max))
	}
	if r.MaxKeys > 0 {
		parts = append(parts, fmt.Sprintf("%d keys", r.MaxKeys))
	}
	if len(r.Words) > 0 {
		parts = append(parts, "`"+strings.Join(r.Words, "`, `")+"`")
	}
	return strings.Join(parts, "; ")
}

// TestSchemaIsDescribed checks that docs/schema.md shows the table. With -update it writes the
// page.
func TestSchemaIsDescribed(t *testing.T) {
	const page = "../docs/schema.md"
	var b strings.Builder
	b.WriteString(`# The event document

What an event's or a club's Automerge document may contain, and who may write it. ` + "`make docs`" + ` generates this page from package
` + "`schema`" + `. Rules for more than one path are numbered in [the policy](../crdt/policy/DESIGN.md).

Fields in ` + "`event/x`" + ` were added after version 2 of the rules. Programs that do not know such a field keep it and ignore it. Flyleaf
writes the field by its own row; the policy validates changes by the row of ` + "`event/x/<name>`" + `, as those programs do.

`)
	fmt.Fprintf(&b, "The newest version of the rules is %d.\n\n", schema.RulesVersion)
	b.WriteString("| path | content | limit | written by | once |\n|---|---|---|---|---|\n")
	seen := map[string]bool{}
	for _, r := range schema.Rows() {
		kind, ok := types[r.Type]
		if !ok {
			t.Fatalf("%s: the type %d has no name here", r.Path, r.Type)
		}
		key := r.Only + r.Path
		if r.Path == "" || seen[key] {
			t.Errorf("the path %q is a duplicate, or empty", r.Path)
		}
		seen[key] = true
		once := ""
		if r.WrittenOnce() {
			once = "yes"
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s | %s |\n", r.Path, kind, limit(r), writer(r), once)
	}
	if *update {
		if err := os.WriteFile(page, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if got, err := os.ReadFile(page); err != nil || string(got) != b.String() {
		t.Errorf("%s does not show the table as it is: run make docs", page)
	}
}
