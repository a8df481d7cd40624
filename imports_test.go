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

// rules is the table of docs/ARCHITECTURE.md: what each package may import of ours, and
// why not more. cmd/* and e2e may import anything.
var rules = map[string]rule{}

// may adds a package to rules. Each stands on a line of its own, so that adding one
// changes no other line.
func may(pkg, reason string, imports ...string) { rules[pkg] = rule{imports, reason} }

func init() {
	may("cover", "a picture is made small enough for an event", "schema")
	may("crdt", "the one importer of automerge-go, kept small enough to replace", "qa", "crdt/wire")
	may("crdt/authority", "who held which role follows from changes and the graph alone", "qa", "crdt/wire", "crdt/graph")
	may("crdt/bundle", "the portable file carries changes; whether they are taken is decided elsewhere", "qa", "crdt/wire")
	may("crdt/document", "what a document takes is a function of changes alone, on a device, a relay and in an audit", "qa", "keys", "crdt/wire", "crdt/graph", "crdt/authority", "crdt/policy", "crdt/projection", "storage", "internal/bounded")
	may("crdt/graph", "the change graph knows hashes, not meaning", "crdt/wire")
	may("crdt/register", "which writes of a key stand follows from their links alone")
	may("crdt/describe", "what a change did follows from its operations and the schema", "qa", "crdt/wire")
	may("crdt/policy", "permission is a pure function of a change and its causal past", "qa", "keys", "crdt/wire", "crdt/graph", "crdt/register", "crdt/authority")
	may("crdt/policy/policytest", "hostile changes are made without automerge, so that the relay's tests need no cgo", "qa", "crdt/wire", "crdt/graph", "crdt/document", "keys", "crdt/policy")
	may("crdt/projection", "values come from decoded changes alone, without cgo or I/O", "qa", "crdt/wire", "crdt/graph", "crdt/register", "crdt/authority")
	may("crdt/verify", "an audit is a function of changes and signatures", "qa", "crdt/wire", "crdt/graph", "crdt/authority", "crdt/document", "crdt/policy", "crdt/describe")
	may("crdt/sync", "the sync protocol does no I/O and does not know what a change means", "crdt/wire", "crdt/graph")
	may("crdt/sync/repo", "the envelope carries bytes; what they mean is decided elsewhere")
	may("crdt/wire", "bytes from strangers are read by code that depends on nothing")
	may("feed", "the change feed is read from a ledger, on a device or on the relay, which has no cgo; the node arrives as an interface that feed declares", "qa", "crdt/wire", "crdt/document", "crdt/describe", "storage", "publish", "publish/syndication")
	may("importer", "reading a file does not depend on what may be published", "qa", "qa/people", "weekfile")
	may("importer/slack", "a reader gives the domain its values, as the readers of importer do", "qa", "importer", "markdown")
	may("internal/bounded", "a map knows nothing of what it holds")
	may("internal/browsertest", "what starts a browser knows nothing of what it shows")
	may("internal/builddist", "a release is built of programs and files, not of code that it imports")
	may("internal/buildweb", "what puts the app together reads its files, not its code")
	may("internal/listen", "what is wrong with an address is the same for both programs")
	may("internal/version", "what a build says of itself")
	may("internal/lockorder", "the order of the node's locks depends on no part of the node")
	may("internal/testfixture", "shared test helpers", "qa", "crdt/wire")
	may("keys", "a signature covers an event and a hash; what a change means is decided elsewhere", "qa", "crdt/wire")
	may("keys/identity", "a key on paper or in a file is bytes; where they lie is for the program", "qa", "keys")
	may("markdown", "how words are shown depends on the words alone")
	may("node", "use cases stand on a replica and on the formats; how they are shown, and by what program, is decided elsewhere", "qa", "cover", "crdt", "crdt/wire", "crdt/bundle", "crdt/policy", "crdt/verify", "keys", "keys/identity", "storage", "feed", "replica", "replica/relayclient", "importer", "importer/slack", "publish", "publish/digest", "publish/site")
	may("node/socket", "the socket carries whatever the node's interface has", "qa", "feed", "node", "crdt/bundle")
	may("publish", "what may be published is a function of a week; writing does not depend on reading", "qa", "qa/people", "weekfile")
	may("publish/digest", "what is new is a function of the weeks and of what was told", "qa", "qa/people", "markdown")
	may("publish/ical", "a calendar is a function of an event", "qa")
	may("publish/outdir", "a directory is written without knowing what the files say")
	may("publish/site", "a site is a function of what is published", "qa", "qa/people", "publish", "publish/syndication", "publish/ical", "weekfile", "markdown", "cover", "style")
	may("publish/syndication", "a feed is a function of what is published", "qa", "qa/people", "publish", "weekfile", "markdown")
	may("qa", "the domain is plain values; it must not know storage, transport or Automerge", "schema")
	may("qa/people", "who is meant is a function of a week and of what was typed", "qa")
	may("relay", "the relay builds without cgo, so it never imports crdt", "qa", "crdt/document", "crdt/wire", "crdt/graph", "crdt/projection", "crdt/sync", "crdt/sync/repo", "keys", "crdt/policy", "storage", "internal/bounded", "relay/wsframe", "relay/quota")
	may("relay/relaytest", "test clients of the relay need no cgo either", "qa", "crdt/wire", "crdt/document", "crdt/graph", "crdt/authority", "crdt/projection", "crdt/sync", "crdt/sync/repo", "keys", "crdt/policy", "crdt/policy/policytest", "storage", "storage/mem", "relay")
	may("relay/quota", "what people may make a relay keep is arithmetic, without I/O or a clock", "qa", "crdt/policy")
	may("relay/wsframe", "WebSocket frames carry bytes; what they say and what reading them may cost is decided elsewhere")
	may("replica", "a node neither reads foreign files nor publishes, and never imports the relay", "qa", "crdt/...", "crdt", "storage/...", "storage", "keys", "crdt/policy", "replica/...", "internal/lockorder")
	may("replica/reimport", "whether something was imported before is decided from views, without documents", "qa", "schema", "storage", "internal/lockorder")
	may("replica/relayclient", "a connection sees a document through the interface that it declares", "qa", "keys", "crdt/wire", "crdt/sync", "crdt/sync/repo", "storage", "internal/lockorder")
	may("replica/archive", "which weeks are followed and exchanged is decided without their documents", "qa", "storage", "internal/lockorder")
	may("replica/invitation", "what follows from invitations is a function of an event", "qa", "keys", "crdt/wire", "crdt/policy", "crdt/projection")
	may("replica/presence", "who is answering for the moment needs no document and no store", "qa", "keys", "crdt/sync/repo", "internal/lockorder")
	may("schema", "the one table of the document is plain data, for every package to read")
	may("storage", "the contract does not know its implementations", "qa", "crdt/wire")
	may("storage/idb", "an adapter imports the contract, never another adapter", "qa", "crdt/wire", "storage")
	may("storage/mem", "an adapter imports the contract, never another adapter", "qa", "crdt/wire", "storage")
	may("storage/sqlite", "an adapter imports the contract, never another adapter", "qa", "crdt/wire", "storage")
	may("storage/storagetest", "the suite tests the contract, not one implementation", "qa", "crdt/wire", "storage")
	may("style", "how pages look depends on nothing")
	may("webapp", "the app's files are served as they are; of an event only what its link's page says is read, from the relay's ledger", "qa", "feed", "storage")
	may("webui", "pages are made from what the node's interface gives", "qa", "qa/people", "markdown", "cover", "publish/ical", "style", "node")
	may("weekfile", "the layouts of files, shared by reading and writing, are functions of the domain's values", "qa")
}

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
