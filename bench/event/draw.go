package main

import (
	"fmt"
	"math"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"time"
)

func median(v []float64) float64 {
	v = slices.Clone(v)
	slices.Sort(v)
	if len(v)%2 == 0 {
		return (v[len(v)/2-1] + v[len(v)/2]) / 2
	}
	return v[len(v)/2]
}

func table(rows []row) []byte {
	var b strings.Builder
	b.WriteString(`# An event on a device: fetching and opening it

Written by ` + "`go run ./bench/event`" + `; its package comment says what is measured. Medians, with all runs in brackets.
The relay has one core and the device the other. How it grows: [EVENT.svg](EVENT.svg).

| posts | reactions | changes, MiB | pull, s | CPU of it, s | memory of it, MiB | relay's CPU, s | open to a served page, s | memory of it, MiB | on disk, MiB |
|---|---|---|---|---|---|---|---|---|---|
`)
	for _, r := range rows {
		fmt.Fprintf(&b, "| %d | %d | %.1f | %s | %.2f | %d | %.2f | %s | %d | %.1f |\n", r.Posts, r.Reactions, mib(r.Bytes),
			times(r.Pulls), r.PullCPU, r.PullMemory, r.RelayCPU, times(r.Opens), r.OpenMemory, mib(r.Database))
	}
	last := rows[len(rows)-1]
	fmt.Fprintf(&b, "\nMeasured on %s, the largest at commit %s.\n", last.Machine, last.Commit)
	return []byte(b.String())
}

func mib(bytes int64) float64 { return float64(bytes) / (1 << 20) }

func times(v []float64) string {
	all := make([]string, len(v))
	for i, x := range v {
		all[i] = fmt.Sprintf("%.2f", x)
	}
	return fmt.Sprintf("%.2f (%s)", median(v), strings.Join(all, ", "))
}

func commit() string {
	b, err := exec.Command("git", "rev-parse", "--short", "HEAD").Output()
	if err != nil {
		return "unknown"
	}
	return strings.TrimSpace(string(b))
}

func machine() string {
	cpu := runtime.GOARCH
	if b, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		for line := range strings.Lines(string(b)) {
			if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
				cpu = strings.TrimSpace(value)
				break
			}
		}
	}
	return fmt.Sprintf("%s, %d cores, %s, on %s", cpu, runtime.NumCPU(), runtime.Version(), time.Now().UTC().Format("2 January 2006"))
}

// The plot has one panel for seconds and one for memory, over the number of posts. All scales are
// logarithmic, so linear growth is a line at 45 degrees.
const (
	panelWidth, panelHeight = 380.0, 300.0
	left, top, gap          = 60.0, 40.0, 90.0
)

type series struct {
	name, colour string
	of           func(row) float64
}

func plot(rows []row) []byte {
	rows = slices.DeleteFunc(slices.Clone(rows), func(r row) bool { return r.Reactions == 0 })
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %.0f %.0f" font-family="sans-serif" font-size="12">`+"\n",
		left+2*panelWidth+gap+20, top+panelHeight+60)
	b.WriteString(`<rect width="100%" height="100%" fill="white"/>` + "\n")
	panel(&b, left, "seconds", rows, []series{
		{"pull, until all is on disk and searchable", "#1b6ca8", func(r row) float64 { return median(r.Pulls) }},
		{"open, to a served page", "#c2571a", func(r row) float64 { return median(r.Opens) }},
	})
	panel(&b, left+panelWidth+gap, "MiB", rows, []series{
		{"pull, the most it held", "#1b6ca8", func(r row) float64 { return float64(r.PullMemory) }},
		{"open, the most until the page", "#c2571a", func(r row) float64 { return float64(r.OpenMemory) }},
		{"the changes themselves", "#777777", func(r row) float64 { return mib(r.Bytes) }},
	})
	b.WriteString("</svg>\n")
	return []byte(b.String())
}

func panel(b *strings.Builder, x0 float64, unit string, rows []row, all []series) {
	lowX, highX := math.Inf(1), 0.0
	lowY, highY := math.Inf(1), 0.0
	for _, r := range rows {
		lowX, highX = min(lowX, float64(r.Posts)), max(highX, float64(r.Posts))
		for _, s := range all {
			lowY, highY = min(lowY, s.of(r)), max(highY, s.of(r))
		}
	}
	decade := func(v float64, round func(float64) float64) float64 { return round(math.Log10(v)) }
	x1, x2 := decade(lowX, math.Floor), max(decade(highX, math.Ceil), decade(lowX, math.Floor)+1)
	y1, y2 := decade(lowY, math.Floor), max(decade(highY, math.Ceil), decade(lowY, math.Floor)+1)
	px := func(v float64) float64 { return x0 + panelWidth*(math.Log10(v)-x1)/(x2-x1) }
	py := func(v float64) float64 { return top + panelHeight*(1-(math.Log10(v)-y1)/(y2-y1)) }
	for d := x1; d <= x2; d++ {
		v := math.Pow(10, d)
		fmt.Fprintf(b, `<line x1="%.1f" y1="%.1f" x2="%.1f" y2="%.1f" stroke="#ddd"/><text x="%.1f" y="%.1f" text-anchor="middle">%g</text>`+"\n",
			px(v), top, px(v), top+panelHeight, px(v), top+panelHeight+18, v)
	}
	for d := y1; d <= y2; d++ {
		v := math.Pow(10, d)
		fmt.Fprintf(b, `<line x1="%.1f" y1="%.1f" x2="%.1f" y2="%.1f" stroke="#ddd"/><text x="%.1f" y="%.1f" text-anchor="end">%g</text>`+"\n",
			x0, py(v), x0+panelWidth, py(v), x0-6, py(v)+4, v)
	}
	fmt.Fprintf(b, `<text x="%.1f" y="%.1f" text-anchor="middle">posts, with three reactions each</text><text x="%.1f" y="%.1f">%s</text>`+"\n",
		x0+panelWidth/2, top+panelHeight+40, x0, top-24, unit)
	for i, s := range all {
		var points []string
		for _, r := range rows {
			x, y := px(float64(r.Posts)), py(s.of(r))
			points = append(points, fmt.Sprintf("%.1f,%.1f", x, y))
			fmt.Fprintf(b, `<circle cx="%.1f" cy="%.1f" r="3.5" fill="%s"><title>%d posts: %.2f %s</title></circle>`+"\n", x, y, s.colour, r.Posts, s.of(r), unit)
		}
		fmt.Fprintf(b, `<polyline points="%s" fill="none" stroke="%s" stroke-width="2"/>`+"\n", strings.Join(points, " "), s.colour)
		fmt.Fprintf(b, `<text x="%.1f" y="%.1f" fill="%s">%s</text>`+"\n", x0+10, top+14+float64(i)*16, s.colour, s.name)
	}
}
