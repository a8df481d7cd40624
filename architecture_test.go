package flyleaf_test

import (
	"flag"
	"fmt"
	"go/build"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
)

var updateDocs = flag.Bool("update", false, "write the table of packages and the picture, instead of checking them")

// step is one step of a post's path through the packages, for docs/architecture.svg.
type step struct{ pkg, does string }

// postPath is the path of a question from its writer's page to a reader's page, through the
// relay.
var postPath = []step{
	{"webui", "a form is sent"},
	{"node", "the use case for asking is called"},
	{"replica", "the act is carried out in the event"},
	{"crdt", "the engine turns the act into a change"},
	{"keys", "the change's hash is signed"},
	{"crdt/policy", "the change is validated like anybody else's"},
	{"crdt/projection", "the change is applied to the event's current state"},
	{"storage", "ledger and views are written to disk in one transaction: saved"},
	{"crdt/sync", "the new head is announced to the relay, which requests the change"},
	{"crdt/document", "the relay checks the bytes and the signature"},
	{"relay", "the relay validates the change, stores it, and only then passes it on; the reader's device does steps 9 and 6 to 8"},
}

// leftOut reports whether the picture omits a package: test helpers, and small packages that
// both programs share.
func leftOut(pkg string) bool {
	return strings.HasSuffix(pkg, "test") || strings.HasPrefix(pkg, "internal/")
}

// boxOf returns the box in which a package is drawn. Packages below a top-level package share
// its box, except below crdt, whose packages are separate layers.
func boxOf(pkg string) string {
	first, rest, below := strings.Cut(pkg, "/")
	switch {
	case !below:
		return pkg
	case first == "cmd":
		return pkg
	case first == "crdt":
		second, _, _ := strings.Cut(rest, "/")
		return first + "/" + second
	default:
		return first
	}
}

// packages is the data for the package table and the picture.
type packages struct {
	packages []string                   // in the order of the table
	synopsis map[string]string          // the first sentence of a package's documentation
	boxes    map[string][]string        // box: the packages in it
	above    map[string]map[string]bool // importing box: the imported boxes
}

func readPackages(t *testing.T) packages {
	t.Helper()
	pkgs := packages{synopsis: map[string]string{}, boxes: map[string][]string{}, above: map[string]map[string]bool{}}
	all := slices.Sorted(maps.Keys(rules))
	for _, p := range append([]string{"cmd/app", "cmd/syncserver"}, all...) {
		pkg, err := build.ImportDir(p, 0)
		if err != nil {
			t.Fatalf("package %s is in the table of imports_test.go but cannot be read: %v", p, err)
		}
		pkgs.synopsis[p] = pkg.Doc
		if leftOut(p) {
			continue
		}
		r := boxOf(p)
		pkgs.boxes[r] = append(pkgs.boxes[r], p)
		if pkgs.above[r] == nil {
			pkgs.above[r] = map[string]bool{}
		}
		for _, imp := range pkg.Imports {
			if ours, ok := strings.CutPrefix(imp, "flyleaf/"); ok && boxOf(ours) != r && !leftOut(ours) {
				pkgs.above[r][boxOf(ours)] = true
			}
		}
	}
	pkgs.packages = all
	return pkgs
}

// levels sorts the boxes into rows, each box above all boxes that it imports.
func (pkgs packages) levels(t *testing.T) [][]string {
	t.Helper()
	level := map[string]int{}
	var find func(r string, path []string) int
	find = func(r string, path []string) int {
		if slices.Contains(path, r) {
			t.Fatalf("packages import each other in a cycle: %s", strings.Join(append(path, r), " → "))
		}
		if l, ok := level[r]; ok {
			return l
		}
		l := 0
		for below := range pkgs.above[r] {
			l = max(l, find(below, append(path, r))+1)
		}
		level[r] = l
		return l
	}
	var out [][]string
	for _, r := range slices.Sorted(maps.Keys(pkgs.boxes)) {
		l := find(r, nil)
		for len(out) <= l {
			out = append(out, nil)
		}
		out[l] = append(out[l], r)
	}
	slices.Reverse(out)
	return out
}

// direct reports whether a box imports another, and does not also import it through a third
// box. Only direct imports are drawn.
func (pkgs packages) direct(from, to string) bool {
	for between := range pkgs.above[from] {
		if between != to && pkgs.reaches(between, to) {
			return false
		}
	}
	return true
}

func (pkgs packages) reaches(from, to string) bool {
	if pkgs.above[from][to] {
		return true
	}
	for between := range pkgs.above[from] {
		if pkgs.reaches(between, to) {
			return true
		}
	}
	return false
}

// table returns the table of packages in Markdown.
func (pkgs packages) table() string {
	var b strings.Builder
	b.WriteString("| package | what it does | Flyleaf packages it may import |\n|---|---|---|\n")
	for _, p := range pkgs.packages {
		may := "nothing"
		if m := rules[p].may; len(m) > 0 {
			may = "`" + strings.Join(m, "`, `") + "`"
		}
		name := p[strings.LastIndex(p, "/")+1:]
		what := strings.TrimPrefix(pkgs.synopsis[p], "Package "+name+" ")
		what = strings.TrimPrefix(what, strings.ToUpper(name[:1])+name[1:]+" ") // of a command
		fmt.Fprintf(&b, "| `%s` | %s | %s |\n", p, strings.ReplaceAll(what, "|", "\\|"), may)
	}
	return b.String()
}

// picture draws the boxes, their imports and the path of a post, as SVG.
func (pkgs packages) picture(t *testing.T) string {
	const (
		width, margin = 1180, 20
		boxHeight     = 46
		rowHeight     = 104
		perLine       = 7.1 // upper estimate of the width of a character at 12 px
	)
	type box struct{ x, y, w float64 }
	boxes := map[string]box{}
	var shapes, lines strings.Builder
	rows := pkgs.levels(t)
	for i, row := range rows {
		widths, sum := make([]float64, len(row)), 0.0
		for k, r := range row {
			widths[k] = max(96, float64(max(len(r), len(pkgs.inside(r))))*perLine+20)
			sum += widths[k]
		}
		gap := (width - 2*margin - sum) / float64(len(row))
		if gap < 4 {
			t.Fatalf("row %d of the picture is too wide: %v", i, row)
		}
		x := margin + gap/2
		for k, r := range row {
			b := box{x, float64(margin + i*rowHeight), widths[k]}
			boxes[r] = b
			x += widths[k] + gap
			fmt.Fprintf(&shapes, "<rect class=\"room\" x=\"%.0f\" y=\"%.0f\" width=\"%.0f\" height=\"%d\" rx=\"6\"/>\n", b.x, b.y, b.w, boxHeight)
			inside := pkgs.inside(r)
			at := b.y + 28
			if inside != "" {
				at = b.y + 20
				fmt.Fprintf(&shapes, "<text class=\"inside\" x=\"%.0f\" y=\"%.0f\">%s</text>\n", b.x+b.w/2, b.y+37, inside)
			}
			fmt.Fprintf(&shapes, "<text x=\"%.0f\" y=\"%.0f\">%s</text>\n", b.x+b.w/2, at, r)
		}
	}
	for _, from := range slices.Sorted(maps.Keys(pkgs.above)) {
		for _, to := range slices.Sorted(maps.Keys(pkgs.above[from])) {
			if !pkgs.direct(from, to) {
				continue
			}
			a, b := boxes[from], boxes[to]
			x1, y1, x2, y2 := a.x+a.w/2, a.y+boxHeight, b.x+b.w/2, b.y
			fmt.Fprintf(&lines, "<path class=\"import\" d=\"M%.0f %.0f C%.0f %.0f %.0f %.0f %.0f %.0f\"/>\n", x1, y1, x1, y1+30, x2, y2-30, x2, y2)
		}
	}
	height := margin + len(rows)*rowHeight
	var way strings.Builder
	count := map[string]int{}
	for i, s := range postPath {
		b, ok := boxes[boxOf(s.pkg)]
		if !ok {
			t.Fatalf("the path of a post leads through %s, which is not a package", s.pkg)
		}
		x := b.x + 4 + float64(count[boxOf(s.pkg)])*22
		count[boxOf(s.pkg)]++
		fmt.Fprintf(&way, "<circle class=\"step\" cx=\"%.0f\" cy=\"%.0f\" r=\"10\"/>\n<text class=\"number\" x=\"%.0f\" y=\"%.0f\">%d</text>\n", x, b.y, x, b.y+4, i+1)
		y := height + 24*i
		fmt.Fprintf(&way, "<circle class=\"step\" cx=\"%d\" cy=\"%d\" r=\"10\"/>\n<text class=\"number\" x=\"%d\" y=\"%d\">%d</text>\n<text class=\"does\" x=\"%d\" y=\"%d\">%s: %s</text>\n",
			margin+12, y-4, margin+12, y, i+1, margin+30, y, s.pkg, s.does)
	}
	height += 24 * len(postPath)
	return fmt.Sprintf(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="ui-sans-serif, system-ui, sans-serif" font-size="12" text-anchor="middle">
<title>Flyleaf's packages, what each imports, and the path of a post</title>
<style>
svg { background: #fff }
text { fill: #222 }
.room { fill: #f7f4ec; stroke: #8a7f68 }
.inside { fill: #6b6350; font-size: 11px }
.import { fill: none; stroke: #b9b09b }
.step { fill: #8c2f39 }
.number { fill: #fff; font-weight: bold; font-size: 11px }
.does { text-anchor: start }
@media (prefers-color-scheme: dark) {
svg { background: #1d1b17 }
text { fill: #eee }
.room { fill: #2c2922; stroke: #8a7f68 }
.inside { fill: #bdb49f }
.import { stroke: #6b6350 }
}
</style>
%s%s%s</svg>
`, width, height, lines.String(), shapes.String(), way.String())
}

// inside lists the packages that share a box with the package that gives it its name.
func (pkgs packages) inside(r string) string {
	var names []string
	for _, p := range pkgs.boxes[r] {
		if p != r {
			names = append(names, strings.TrimPrefix(p, r+"/"))
		}
	}
	return strings.Join(names, " · ")
}

// TestArchitectureIsDescribed compares the package table in docs/ARCHITECTURE.md and the
// picture with the packages. With -update it writes them.
func TestArchitectureIsDescribed(t *testing.T) {
	const (
		page, drawing = "docs/ARCHITECTURE.md", "docs/architecture.svg"
		begin, end    = "<!-- packages: written by make docs -->\n", "<!-- end of packages -->\n"
	)
	pkgs := readPackages(t)
	for p, s := range pkgs.synopsis {
		if s == "" {
			t.Errorf("package %s has no documentation", p)
		}
	}
	b, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := strings.Cut(string(b), begin)
	_, after, ok2 := strings.Cut(rest, end)
	if !ok || !ok2 {
		t.Fatalf("%s lacks the lines %q and %q", page, begin, end)
	}
	for file, want := range map[string]string{page: before + begin + pkgs.table() + end + after, drawing: pkgs.picture(t)} {
		if *updateDocs {
			if err := os.WriteFile(file, []byte(want), 0o644); err != nil {
				t.Fatal(err)
			}
			continue
		}
		if got, err := os.ReadFile(file); err != nil || string(got) != want {
			t.Errorf("%s does not match the packages: run make docs", file)
		}
	}
}
