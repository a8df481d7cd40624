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

var updateDocs = flag.Bool("update", false, "write what docs/ARCHITECTURE.md shows of the packages, instead of checking it")

// A step of the way that a post takes through the packages, as docs/architecture.svg
// draws it.
type step struct{ pkg, does string }

// postsWay is the way of a question from the page of its writer to the page of a
// reader, through the relay.
var postsWay = []step{
	{"webui", "a form is sent"},
	{"node", "asking is one of the things that a person can do"},
	{"replica", "the act is carried out in its event"},
	{"crdt", "the engine makes a change of it"},
	{"keys", "its hash is signed"},
	{"crdt/policy", "it is validated, as a stranger's would be"},
	{"crdt/projection", "it is added to what the event says"},
	{"storage", "ledger and views are on disk in one transaction: saved"},
	{"crdt/sync", "the relay is told of the new head, and asks for it"},
	{"crdt/document", "the relay looks at its bytes and its signature"},
	{"relay", "it is validated there too, stored, and only then passed on; the reader's device does steps 9 and 6 to 8"},
}

// leftOut reports whether a package is left out of the picture: what only tests need,
// and small helpers that both programs share.
func leftOut(pkg string) bool {
	return strings.HasSuffix(pkg, "test") || strings.HasPrefix(pkg, "internal/")
}

// room is the box that a package is drawn in: packages below a top-level package share
// its box, but for those below crdt, which are layers of their own.
func room(pkg string) string {
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

// house is what the package table and the picture are made from.
type house struct {
	packages []string                   // in the order of the table: from the programs down
	synopsis map[string]string          // the first sentence of a package's documentation
	rooms    map[string][]string        // the packages drawn in a box
	above    map[string]map[string]bool // which boxes import a box's packages, by importer
}

func readHouse(t *testing.T) house {
	t.Helper()
	h := house{synopsis: map[string]string{}, rooms: map[string][]string{}, above: map[string]map[string]bool{}}
	all := slices.Sorted(maps.Keys(rules))
	for _, p := range append([]string{"cmd/app", "cmd/syncserver"}, all...) {
		pkg, err := build.ImportDir(p, 0)
		if err != nil {
			t.Fatalf("package %s stands in the table of imports_test.go and cannot be read: %v", p, err)
		}
		h.synopsis[p] = pkg.Doc
		if leftOut(p) {
			continue
		}
		r := room(p)
		h.rooms[r] = append(h.rooms[r], p)
		if h.above[r] == nil {
			h.above[r] = map[string]bool{}
		}
		for _, imp := range pkg.Imports {
			if ours, ok := strings.CutPrefix(imp, "flyleaf/"); ok && room(ours) != r && !leftOut(ours) {
				h.above[r][room(ours)] = true
			}
		}
	}
	h.packages = all
	return h
}

// levels puts each box above all boxes that it imports from.
func (h house) levels(t *testing.T) [][]string {
	t.Helper()
	level := map[string]int{}
	var find func(r string, path []string) int
	find = func(r string, path []string) int {
		if slices.Contains(path, r) {
			t.Fatalf("packages import each other in a circle: %s", strings.Join(append(path, r), " → "))
		}
		if l, ok := level[r]; ok {
			return l
		}
		l := 0
		for below := range h.above[r] {
			l = max(l, find(below, append(path, r))+1)
		}
		level[r] = l
		return l
	}
	var out [][]string
	for _, r := range slices.Sorted(maps.Keys(h.rooms)) {
		l := find(r, nil)
		for len(out) <= l {
			out = append(out, nil)
		}
		out[l] = append(out[l], r)
	}
	slices.Reverse(out)
	return out
}

// direct reports whether a box imports another one and none that it imports does so
// itself: only these imports are drawn.
func (h house) direct(from, to string) bool {
	for between := range h.above[from] {
		if between != to && h.reaches(between, to) {
			return false
		}
	}
	return true
}

func (h house) reaches(from, to string) bool {
	if h.above[from][to] {
		return true
	}
	for between := range h.above[from] {
		if h.reaches(between, to) {
			return true
		}
	}
	return false
}

// table is the table of packages, in Markdown.
func (h house) table() string {
	var b strings.Builder
	b.WriteString("| package | what it is | may import of ours |\n|---|---|---|\n")
	for _, p := range h.packages {
		may := "nothing"
		if m := rules[p].may; len(m) > 0 {
			may = "`" + strings.Join(m, "`, `") + "`"
		}
		what := strings.TrimPrefix(h.synopsis[p], "Package "+p[strings.LastIndex(p, "/")+1:]+" ")
		fmt.Fprintf(&b, "| `%s` | %s | %s |\n", p, strings.ReplaceAll(what, "|", "\\|"), may)
	}
	return b.String()
}

// picture draws the boxes, their imports and the path of a post, as SVG.
func (h house) picture(t *testing.T) string {
	const (
		width, margin = 1180, 20
		boxHeight     = 46
		rowHeight     = 104
		perLine       = 7.1 // width of a character of 12 px, generously
	)
	type box struct{ x, y, w float64 }
	boxes := map[string]box{}
	var shapes, lines strings.Builder
	rows := h.levels(t)
	for i, row := range rows {
		widths, sum := make([]float64, len(row)), 0.0
		for k, r := range row {
			widths[k] = max(96, float64(max(len(r), len(h.inside(r))))*perLine+20)
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
			inside := h.inside(r)
			at := b.y + 28
			if inside != "" {
				at = b.y + 20
				fmt.Fprintf(&shapes, "<text class=\"inside\" x=\"%.0f\" y=\"%.0f\">%s</text>\n", b.x+b.w/2, b.y+37, inside)
			}
			fmt.Fprintf(&shapes, "<text x=\"%.0f\" y=\"%.0f\">%s</text>\n", b.x+b.w/2, at, r)
		}
	}
	for _, from := range slices.Sorted(maps.Keys(h.above)) {
		for _, to := range slices.Sorted(maps.Keys(h.above[from])) {
			if !h.direct(from, to) {
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
	for i, s := range postsWay {
		b, ok := boxes[room(s.pkg)]
		if !ok {
			t.Fatalf("the path of a post leads through %s, which is no package", s.pkg)
		}
		x := b.x + 4 + float64(count[room(s.pkg)])*22
		count[room(s.pkg)]++
		fmt.Fprintf(&way, "<circle class=\"step\" cx=\"%.0f\" cy=\"%.0f\" r=\"10\"/>\n<text class=\"number\" x=\"%.0f\" y=\"%.0f\">%d</text>\n", x, b.y, x, b.y+4, i+1)
		y := height + 24*i
		fmt.Fprintf(&way, "<circle class=\"step\" cx=\"%d\" cy=\"%d\" r=\"10\"/>\n<text class=\"number\" x=\"%d\" y=\"%d\">%d</text>\n<text class=\"does\" x=\"%d\" y=\"%d\">%s: %s</text>\n",
			margin+12, y-4, margin+12, y, i+1, margin+30, y, s.pkg, s.does)
	}
	height += 24 * len(postsWay)
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

// inside names the packages that share a box with the one it is named after.
func (h house) inside(r string) string {
	var names []string
	for _, p := range h.rooms[r] {
		if p != r {
			names = append(names, strings.TrimPrefix(p, r+"/"))
		}
	}
	return strings.Join(names, " · ")
}

// TestArchitectureIsDescribed holds the table of packages in docs/ARCHITECTURE.md, and
// the picture beside it, to the imports. With -update it writes them.
func TestArchitectureIsDescribed(t *testing.T) {
	const (
		page, drawing = "docs/ARCHITECTURE.md", "docs/architecture.svg"
		begin, end    = "<!-- packages: written by make docs -->\n", "<!-- end of packages -->\n"
	)
	h := readHouse(t)
	for p, s := range h.synopsis {
		if s == "" {
			t.Errorf("package %s does not say what it is: its documentation is missing", p)
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
	for file, want := range map[string]string{page: before + begin + h.table() + end + after, drawing: h.picture(t)} {
		if *updateDocs {
			if err := os.WriteFile(file, []byte(want), 0o644); err != nil {
				t.Fatal(err)
			}
			continue
		}
		if got, err := os.ReadFile(file); err != nil || string(got) != want {
			t.Errorf("%s does not show the packages as they are: run make docs", file)
		}
	}
}
