package flyleaf_test

import (
	"errors"
	"go/build"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// rule lists which Flyleaf packages a package may import, and why not more.
type rule struct {
	may    []string // package paths below the module; a trailing /... includes all packages below
	reason string
}

const automerge = "github.com/automerge/automerge-go"

// rules is the table in docs/ARCHITECTURE.md. cmd/* and e2e may import anything.
var rules = map[string]rule{}

// may adds a package to rules. Each call is one line, so that adding a package changes no other
// line.
func may(pkg, reason string, imports ...string) { rules[pkg] = rule{imports, reason} }

func init() {
	may("cover", "the limits of a picture follow from its headers")
	may("cover/resize", "shrinking a picture needs only the limits", "cover")
	may("crdt", "the one importer of automerge-go, kept small enough to replace", "qa", "crdt/wire")
	may("crdt/authority", "who held which role follows from changes and the graph alone", "qa", "crdt/wire", "crdt/graph")
	may("crdt/bundle", "the portable file carries changes; whether they are accepted is decided elsewhere", "qa", "crdt/wire")
	may("crdt/document", "which changes a document accepts follows from the changes alone, on a device, on a relay and in an audit", "qa", "keys", "crdt/wire", "crdt/graph", "crdt/authority", "crdt/policy", "crdt/projection", "storage", "internal/bounded")
	may("crdt/graph", "the change graph knows hashes, not meaning", "crdt/wire")
	may("crdt/register", "which writes of a key are current follows from their links alone")
	may("crdt/describe", "what a change did follows from its operations and the schema", "qa", "crdt/wire")
	may("crdt/policy", "permission is a pure function of a change and its causal past", "qa", "keys", "crdt/wire", "crdt/graph", "crdt/register", "crdt/authority")
	may("crdt/policy/policytest", "hostile changes are made without automerge, so that the relay's tests need no cgo", "qa", "crdt/wire", "crdt/graph", "crdt/document", "keys", "crdt/policy")
	may("crdt/projection", "values come from decoded changes alone, without cgo or I/O", "qa", "crdt/wire", "crdt/graph", "crdt/register", "crdt/authority", "internal/smallsort")
	may("crdt/verify", "an audit is a function of changes and signatures", "qa", "crdt/wire", "crdt/authority", "crdt/document", "crdt/policy", "crdt/describe")
	may("crdt/sync", "the sync protocol does no I/O and does not know what a change means", "crdt/wire", "crdt/graph")
	may("crdt/sync/repo", "the envelope carries bytes, within the limits of crdt/wire; what they mean is decided elsewhere", "crdt/wire")
	may("crdt/wire", "bytes from strangers are read by code that depends on nothing")
	may("feed", "the change feed is read from a ledger, on a device or on the relay, which has no cgo; the node arrives as an interface that feed declares", "qa", "crdt/wire", "crdt/document", "crdt/describe", "storage", "publish", "publish/syndication")
	may("importer", "reading a file does not depend on what may be published", "qa", "qa/people", "weekfile")
	may("importer/slack", "a reader returns values of the domain, like the readers of importer", "qa", "importer", "markdown")
	may("internal/bounded", "a map does not know its values")
	may("internal/browsertest", "starting a browser needs nothing of Flyleaf")
	may("internal/builddist", "a release is built from programs and files, not from imported code")
	may("internal/buildweb", "building the app needs its files, not its code")
	may("internal/buildweb/tls", "it takes the place of a package of the standard library")
	may("internal/casefold", "what letters become does not depend on where they stand")
	may("internal/jsvalue", "Go and JavaScript exchange bytes, whatever they mean")
	may("internal/listen", "both programs check addresses in the same way")
	may("internal/version", "a build's version does not depend on its code")
	may("internal/lockorder", "the order of locks must not depend on the code that uses them")
	may("internal/response", "a response in memory does not depend on the handler that wrote it")
	may("internal/smallsort", "sorting knows nothing of what it sorts")
	may("internal/testfiles", "reading the files of tests needs nothing of Flyleaf")
	may("internal/testfixture", "shared test helpers", "qa")
	may("keys", "a signature covers an event and a hash; what a change means is decided elsewhere", "qa", "crdt/wire", "internal/jsvalue")
	may("keys/encrypted", "encryption needs large libraries, which not every program has", "qa", "keys", "keys/identity")
	may("keys/identity", "a key on paper or in a file is bytes; the program decides where to store them", "keys")
	may("markdown", "how a text is rendered depends on the text alone", "picture")
	may("markdown/mathml", "how a formula is rendered depends on the formula alone")
	may("node", "use cases build on the replica and the file formats, not on any program or page", "qa", "qa/people", "crdt", "crdt/wire", "crdt/graph", "crdt/bundle", "crdt/policy", "crdt/verify", "keys", "keys/identity", "storage", "feed", "replica", "replica/relayclient", "publish", "publish/digest", "picture", "internal/smallsort")
	may("node/convert", "only one of the browser's programs contains these large libraries, so they are not part of the node", "qa", "markdown/mathml", "importer", "importer/slack", "publish", "publish/site", "cover/resize", "keys", "keys/encrypted", "node")
	may("node/convert/call", "a call carries the methods of node.Converter, and knows no format", "qa", "keys", "node")
	may("node/socket", "the socket carries the methods of the node's interface", "qa", "feed", "node", "crdt/bundle")
	may("picture", "a picture in a text is found in the text alone", "cover")
	may("publish", "what may be published is a function of a week; writing does not depend on reading", "qa", "picture", "qa/people", "weekfile")
	may("publish/digest", "what is new is a function of the weeks and of the earlier digests", "qa", "qa/people", "markdown", "style")
	may("publish/ical", "a calendar is a function of an event", "qa")
	may("publish/outdir", "writing a directory does not depend on the content of the files")
	may("publish/site", "a site is a function of what is published", "qa", "qa/people", "publish", "publish/syndication", "publish/ical", "weekfile", "markdown", "picture", "cover", "cover/resize", "style")
	may("publish/syndication", "a feed is a function of what is published", "qa", "qa/people", "publish", "weekfile", "markdown", "markdown/mathml")
	may("qa", "the domain is plain values; it must not know storage, transport or Automerge", "schema", "picture", "internal/smallsort")
	may("qa/people", "finding a person needs a week and the typed text", "qa", "internal/casefold")
	may("relay", "the relay builds without cgo, so it never imports crdt", "qa", "crdt/document", "crdt/wire", "crdt/graph", "crdt/sync", "crdt/sync/repo", "keys", "crdt/policy", "storage", "internal/bounded", "relay/wsframe", "relay/quota")
	may("relay/relaytest", "test clients of the relay need no cgo either", "qa", "crdt/wire", "crdt/document", "crdt/graph", "crdt/sync", "crdt/sync/repo", "keys")
	may("relay/quota", "quotas are arithmetic, without I/O or a clock", "qa", "crdt/policy")
	may("relay/wsframe", "WebSocket frames carry bytes; their meaning and limits are decided elsewhere")
	may("replica", "a replica reads no files of other programs, publishes nothing, and never imports the relay", "qa", "crdt/...", "crdt", "storage", "keys", "replica/...", "internal/lockorder", "internal/smallsort")
	may("replica/reimport", "whether something was imported before is decided from views, without documents", "qa", "schema", "storage", "internal/lockorder", "internal/smallsort")
	may("replica/relayclient", "a connection uses documents through its own interface", "qa", "keys", "crdt/wire", "crdt/sync", "crdt/sync/repo", "storage", "internal/lockorder", "internal/jsvalue", "internal/smallsort")
	may("replica/archive", "which weeks are followed and synced is decided without their documents", "qa", "storage", "internal/lockorder")
	may("replica/invitation", "what follows from invitations is a function of an event", "qa", "keys", "crdt/wire", "crdt/policy", "crdt/projection")
	may("replica/presence", "presence needs no document and no store", "qa", "keys", "crdt/sync/repo", "internal/lockorder", "internal/smallsort")
	may("schema", "the one table of the document is plain data, for every package to read")
	may("storage", "the contract does not know its implementations", "qa", "picture", "crdt/wire", "internal/casefold", "internal/smallsort")
	may("storage/idb", "an adapter imports the contract, never another adapter", "qa", "crdt/wire", "storage", "internal/jsvalue", "internal/smallsort")
	may("storage/mem", "an adapter imports the contract, never another adapter", "qa", "crdt/wire", "storage")
	may("storage/sqlite", "an adapter imports the contract, never another adapter", "qa", "crdt/wire", "storage")
	may("storage/storagetest", "the suite tests the contract, not one implementation", "qa", "crdt/wire", "storage")
	may("style", "how pages look depends on nothing")
	may("webapp", "the app's files are served unchanged; the join page reads an event's title from the relay's ledger", "qa", "feed", "storage")
	may("webui", "pages are made from what the node's interface gives", "qa", "qa/people", "markdown", "picture", "cover", "publish/ical", "style", "node", "internal/bounded", "internal/response", "internal/smallsort")
	may("weekfile", "the file layouts are shared by reading and writing", "qa")
}

func allowed(may []string, path string) bool {
	return slices.ContainsFunc(may, func(m string) bool { return m == "qa" && path == "schema" || covers(m, path) })
}

// covers reports whether a permission names a package.
func covers(permission, path string) bool {
	below, all := strings.CutSuffix(permission, "...")
	return permission == path || all && strings.HasPrefix(path, below)
}

// contexts are the builds that Flyleaf has. Each compiles files that others leave out.
func contexts() []build.Context {
	of := func(goos, goarch string, cgo bool) build.Context {
		c := build.Default
		c.GOOS, c.GOARCH, c.CgoEnabled = goos, goarch, cgo
		return c
	}
	return []build.Context{of("linux", "amd64", true), of("linux", "amd64", false), of("js", "wasm", false), of("windows", "amd64", false)}
}

// importsOf returns the imports of a directory's files in all builds, without those of test files.
func importsOf(dir string) (imports map[string]bool, err error) {
	for _, c := range contexts() {
		pkg, err := c.ImportDir(dir, 0)
		var none *build.NoGoError
		switch {
		case errors.As(err, &none):
			continue
		case err != nil:
			return nil, err
		case imports == nil:
			imports = map[string]bool{}
		}
		for _, path := range pkg.Imports {
			imports[path] = true
		}
	}
	return imports, nil
}

// TestImports compares every package with the table, and prints the reason if a package breaks it.
func TestImports(t *testing.T) {
	checked := map[string]bool{}
	err := filepath.WalkDir(".", func(dir string, d fs.DirEntry, err error) error {
		if err != nil || !d.IsDir() {
			return err
		}
		name := d.Name()
		if dir != "." && (strings.HasPrefix(name, ".") || name == "testdata" || name == "node_modules" || name == "bin") {
			return filepath.SkipDir
		}
		imports, err := importsOf(dir)
		if err != nil {
			return err
		}
		path := filepath.ToSlash(dir)
		if imports == nil || path == "." || strings.HasPrefix(path, "cmd/") || path == "e2e" || path == "bench" || strings.HasPrefix(path, "e2e/") || strings.HasPrefix(path, "bench/") {
			return nil
		}
		r, ok := rules[path]
		if !ok {
			t.Errorf("package %s has no rule: add it to the table with the packages that it may import", path)
			return nil
		}
		checked[path] = true
		checkImports(t, path, r, imports)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for path := range rules {
		if !checked[path] {
			t.Errorf("the table has a rule for %s, which is not a package", path)
		}
	}
}

// checkImports compares the imports of a package with its rule, in both directions.
func checkImports(t *testing.T, path string, r rule, imports map[string]bool) {
	t.Helper()
	for imp := range imports {
		if strings.HasPrefix(imp, automerge) && path != "crdt" {
			t.Errorf("%s imports automerge-go: only crdt may, because invalid bytes make it abort the process", path)
		}
		if ours, ok := strings.CutPrefix(imp, "flyleaf/"); ok && !allowed(r.may, ours) {
			t.Errorf("%s imports %s: %s", path, ours, r.reason)
		}
	}
	for _, m := range r.may {
		used := false
		for imp := range imports {
			ours, ok := strings.CutPrefix(imp, "flyleaf/")
			used = used || ok && covers(m, ours)
		}
		if !used {
			t.Errorf("%s may import %s, but no file of it does: remove the permission", path, m)
		}
	}
}
