package flyleaf_test

import (
	"go/build"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"
)

// rule says which of our packages a package may import, and why not more.
type rule struct {
	may    []string // package paths below the module; a trailing /... covers what lies below
	reason string
}

const automerge = "github.com/automerge/automerge-go"

// rules is the table of docs/ARCHITECTURE.md. cmd/* and e2e may import anything.
var rules = map[string]rule{
	"schema":                 {nil, "the one table of the document is plain data, for every package to read"},
	"qa":                     {[]string{"schema"}, "the domain is plain values; it must not know storage, transport or Automerge"},
	"qa/people":              {[]string{"qa"}, "who is meant is a function of a week and of what was typed"},
	"crdt/wire":              {nil, "bytes from strangers are read by code that depends on nothing"},
	"crdt/graph":             {[]string{"crdt/wire"}, "the change graph knows hashes, not meaning"},
	"crdt/authority":         {[]string{"qa", "crdt/wire", "crdt/graph"}, "who held which role follows from changes and the graph alone"},
	"crdt/projection":        {[]string{"qa", "crdt/wire", "crdt/graph", "crdt/authority"}, "values come from decoded changes alone, without cgo or I/O"},
	"crdt/sync":              {[]string{"crdt/wire", "crdt/graph"}, "the sync protocol does no I/O and does not know what a change means"},
	"crdt/sync/repo":         {nil, "the envelope carries bytes; what they mean is decided elsewhere"},
	"crdt/bundle":            {[]string{"qa", "crdt/wire"}, "the portable file carries changes; whether they are taken is decided elsewhere"},
	"keys":                   {[]string{"qa", "crdt/wire"}, "a signature covers an event and a hash; what a change means is decided elsewhere"},
	"crdt/policy":            {[]string{"qa", "keys", "crdt/wire", "crdt/graph", "crdt/authority", "crdt/projection"}, "permission is a pure function of a change and its causal past"},
	"crdt/policy/policytest": {[]string{"qa", "crdt/wire", "crdt/graph", "keys", "crdt/policy"}, "hostile changes are made without automerge, so that the relay's tests need no cgo"},
	"keys/identity":          {[]string{"qa", "keys"}, "a key on paper or in a file is bytes; where they lie is for the program"},
	"crdt":                   {[]string{"qa", "crdt/wire"}, "the one importer of automerge-go, kept small enough to replace"},
	"storage":                {[]string{"qa", "crdt/wire"}, "the contract does not know its implementations"},
	"storage/sqlite":         {[]string{"qa", "crdt/wire", "storage"}, "an adapter imports the contract, never another adapter"},
	"storage/mem":            {[]string{"qa", "crdt/wire", "storage"}, "an adapter imports the contract, never another adapter"},
	"storage/storagetest":    {[]string{"qa", "crdt/wire", "storage"}, "the suite tests the contract, not one implementation"},
	"replica":                {[]string{"qa", "crdt/...", "crdt", "storage/...", "storage", "keys", "crdt/policy", "replica/...", "internal/lockorder"}, "a node neither reads foreign files nor publishes, and never imports the relay"},
	"replica/presence":       {[]string{"qa", "keys", "crdt/sync/repo", "internal/lockorder"}, "who is answering for the moment needs no document and no store"},
	"relay":                  {[]string{"qa", "crdt/wire", "crdt/graph", "crdt/projection", "crdt/sync", "crdt/sync/repo", "keys", "crdt/policy", "storage"}, "the relay builds without cgo, so it never imports crdt"},
	"relay/relaytest":        {[]string{"qa", "crdt/wire", "crdt/graph", "crdt/authority", "crdt/projection", "crdt/sync", "crdt/sync/repo", "keys", "crdt/policy", "crdt/policy/policytest", "storage", "storage/mem", "relay"}, "test clients of the relay need no cgo either"},
	"feed":                   {[]string{"qa", "crdt/wire", "crdt/graph", "crdt/authority", "crdt/projection", "storage", "publish", "publish/syndication"}, "the change feed is read from a ledger, on a device or on the relay, which has no cgo; the node arrives as an interface that feed declares"},
	"markdown":               {nil, "how words are shown depends on the words alone"},
	"cover":                  {[]string{"schema"}, "a picture is made small enough for an event"},
	"weekfile":               {[]string{"qa"}, "the layouts of files, shared by reading and writing, are functions of the domain's values"},
	"importer":               {[]string{"qa", "qa/people", "weekfile"}, "reading a file does not depend on what may be published"},
	"importer/slack":         {[]string{"qa", "importer", "markdown"}, "a reader gives the domain its values, as the readers of importer do"},
	"publish":                {[]string{"qa", "qa/people", "weekfile"}, "what may be published is a function of a week; writing does not depend on reading"},
	"publish/syndication":    {[]string{"qa", "qa/people", "publish", "weekfile", "markdown"}, "a feed is a function of what is published"},
	"publish/ical":           {[]string{"qa"}, "a calendar is a function of an event"},
	"publish/site":           {[]string{"qa", "qa/people", "publish", "publish/syndication", "publish/ical", "weekfile", "markdown", "cover"}, "a site is a function of what is published"},
	"publish/digest":         {[]string{"qa", "qa/people", "markdown"}, "what is new is a function of the weeks and of what was told"},
	"publish/outdir":         {nil, "a directory is written without knowing what the files say"},
	"webui":                  {[]string{"qa", "qa/people", "markdown", "cover", "publish/ical"}, "the node arrives as an interface that webui declares"},
	"internal/listen":        {nil, "what is wrong with an address is the same for both programs"},
	"internal/lockorder":     {nil, "the order of the node's locks depends on no part of the node"},
	"internal/testfixture":   {[]string{"qa", "crdt/wire"}, "shared test helpers"},
}

// allowed reports whether a rule allows an import. Whoever may import qa may import
// schema, on which qa stands.
func allowed(may []string, path string) bool {
	for _, m := range may {
		if m == "qa" && path == "schema" {
			return true
		}
		if m == path || strings.HasSuffix(m, "/...") && strings.HasPrefix(path, strings.TrimSuffix(m, "...")) {
			return true
		}
	}
	return false
}

// TestImports holds every package against the table and prints the reason when
// one breaks it.
func TestImports(t *testing.T) {
	checked := 0
	err := filepath.WalkDir(".", func(dir string, d fs.DirEntry, err error) error {
		if err != nil || !d.IsDir() {
			return err
		}
		name := d.Name()
		if dir != "." && (strings.HasPrefix(name, ".") || name == "testdata" || name == "node_modules" || name == "bin") {
			return filepath.SkipDir
		}
		pkg, err := build.ImportDir(dir, 0)
		if err != nil {
			return nil // no Go files for this platform
		}
		path := filepath.ToSlash(dir)
		if path == "." || strings.HasPrefix(path, "cmd/") || path == "e2e" || path == "bench" || strings.HasPrefix(path, "e2e/") || strings.HasPrefix(path, "bench/") {
			return nil
		}
		r, ok := rules[path]
		if !ok {
			t.Errorf("package %s stands in no rule: add it to the table and say what it may import", path)
			return nil
		}
		checked++
		for _, imp := range pkg.Imports {
			if strings.HasPrefix(imp, automerge) && path != "crdt" {
				t.Errorf("%s imports automerge-go: only crdt may; strangers' bytes abort it", path)
			}
			if ours, ok := strings.CutPrefix(imp, "flyleaf/"); ok && !allowed(r.may, ours) {
				t.Errorf("%s imports %s: %s", path, ours, r.reason)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if checked < 10 {
		t.Fatalf("only %d packages were checked; is the test run in the module's root?", checked)
	}
}
