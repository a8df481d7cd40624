package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"time"
)

// row is one run of one load on one server.
type row struct {
	Peer   string
	Load   string
	N      float64
	Error  string
	Fields map[string]any // all fields, including these
}

func (r row) key() string {
	if r.N > 0 {
		return fmt.Sprintf("%s %g", r.Load, r.N)
	}
	return r.Load
}

func parseRows(b []byte) ([]row, error) {
	var rows []row
	lines := bufio.NewScanner(bytes.NewReader(b))
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		if len(bytes.TrimSpace(lines.Bytes())) == 0 {
			continue
		}
		var f map[string]any
		if err := json.Unmarshal(lines.Bytes(), &f); err != nil {
			return nil, fmt.Errorf("a row that is no JSON: %w", err)
		}
		r := row{Fields: f}
		r.Peer, _ = f["peer"].(string)
		r.Load, _ = f["load"].(string)
		r.N, _ = f["n"].(float64)
		r.Error, _ = f["error"].(string)
		rows = append(rows, r)
	}
	return rows, lines.Err()
}

func readRows(file string) ([]row, error) {
	b, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return parseRows(b)
}

func writeRows(file string, rows []row) error {
	var b bytes.Buffer
	for _, r := range rows {
		r.Fields["load"] = r.Load
		line, err := json.Marshal(r.Fields)
		if err != nil {
			return err
		}
		b.Write(append(line, '\n'))
	}
	return os.WriteFile(file, b.Bytes(), 0o644)
}

// measures are the columns for each load. For all of them, less is better.
var measures = []struct {
	load    string // without the size of the load
	title   string
	columns []column
}{
	{"A", "Fan-out: 200 posts, 20 ms apart, to N receivers", []column{
		{"us_per_delivery", "server CPU per delivery, µs"},
		{"p50", "p50, ms"},
		{"p99", "p99, ms"},
		{"rx_per_post", "bytes per delivery"},
		{"rss", "memory, MiB"},
	}},
	{"A/light", "The same without the one full client that shares the clients' core, so that latencies can be compared with go-sqlite-ack's", []column{
		{"us_per_delivery", "server CPU per delivery, µs"},
		{"p50", "p50, ms"},
		{"p99", "p99, ms"},
		{"rx_per_post", "bytes per delivery"},
		{"rss", "memory, MiB"},
	}},
	{"B-one", "First pull of N posts, one full client", []column{
		{"ms", "until it has everything, ms"}, {"cpu_s", "server CPU, s"}, {"rx", "bytes received"}, {"rss", "memory, MiB"},
	}},
	{"B-twenty", "First pull of N posts, twenty light clients at once", []column{
		{"ms", "until all have everything, ms"}, {"cpu_s", "server CPU, s"}, {"rx", "bytes received"}, {"rss", "memory, MiB"},
	}},
	{"B-twenty/deflate", "The same, by clients that offer WebSocket compression, as browsers and Node do", []column{
		{"ms", "until all have everything, ms"}, {"cpu_s", "server CPU, s"}, {"rx", "bytes received"}, {"rss", "memory, MiB"},
	}},
	{"C", "Twenty clients with 100 offline posts each, at once", []column{
		{"ms", "until all are equal, ms"}, {"cpu_s", "server CPU, s"}, {"rx", "bytes received"}, {"rss", "memory, MiB"},
	}},
	{"D", "500 documents of 20 posts, written once", []column{
		{"rss_empty", "memory when empty, MiB"}, {"rss_open", "with the connections, MiB"}, {"rss_closed", "after them, MiB"}, {"cpu_s", "server CPU, s"},
	}},
	{"E", "kill -9 when 200 posts have reached another client", []column{{"lost", "posts lost"}}},
}

type column struct{ field, title string }

// render writes the tables. A cell has the median over the runs and, for other servers, its
// ratio to Flyleaf's: above 1 Flyleaf is better.
func render(rows []row, machine string) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "# The relay compared with other sync servers\n\nWritten by `make bench`; bench/main.go says what it needs. %s\n\n", machine)
	b.WriteString("Medians over the runs. In brackets: the other server's number as a multiple of Flyleaf's relay's (`--open`); above 1, Flyleaf's is better.\n" +
		"The server has one core, all clients together the other.\n" +
		"`go-sqlite-ack` is not a sync server but a lower bound: it passes bytes on, commits them to SQLite with synchronous=FULL, and drops its receivers' answers.\n" +
		"Its byte counts, too, are of passing on bare bytes, without a sync protocol. Yjs servers (`y-websocket`, `hocuspocus`) get no answers.\n")
	for _, m := range measures {
		for _, key := range keys(rows, m.load) {
			fmt.Fprintf(&b, "\n## %s\n\n%s\n\n| server | runs |", key, strings.ReplaceAll(m.title, " N ", " "+size(key)+" "))
			for _, c := range m.columns {
				fmt.Fprintf(&b, " %s |", c.title)
			}
			b.WriteString("\n|---|---|" + strings.Repeat("---|", len(m.columns)) + "\n")
			for _, peer := range peersOf(rows, key) {
				runs := pick(rows, key, peer)
				fmt.Fprintf(&b, "| %s | %d |", peer, len(runs))
				for _, c := range m.columns {
					fmt.Fprintf(&b, " %s |", cell(rows, key, peer, c.field))
				}
				b.WriteString("\n")
			}
			for _, r := range rows {
				if r.key() == key && r.Fields["ok"] == false {
					fmt.Fprintf(&b, "\nA run of %s did not end with all posts everywhere.\n", r.Peer)
				}
			}
		}
	}
	for _, r := range rows {
		if r.Error != "" {
			fmt.Fprintf(&b, "\nA run of load %s on %s failed: %s\n", r.Load, r.Peer, r.Error)
		}
	}
	return b.Bytes()
}

func size(key string) string {
	_, n, _ := strings.Cut(key, " ")
	return n
}

// keys returns the sizes of a load for which there are rows, smaller ones first.
func keys(rows []row, load string) []string {
	bySize := map[float64]string{}
	for _, r := range rows {
		if r.Load == load && r.Error == "" {
			bySize[r.N] = r.key()
		}
	}
	var sizes []float64
	for n := range bySize {
		sizes = append(sizes, n)
	}
	slices.Sort(sizes)
	var ks []string
	for _, n := range sizes {
		ks = append(ks, bySize[n])
	}
	return ks
}

// peersOf returns the servers measured with a load: Flyleaf first, then in the order of
// measurement.
func peersOf(rows []row, key string) []string {
	var peers []string
	for _, r := range rows {
		if r.key() != key || r.Error != "" || slices.Contains(peers, r.Peer) {
			continue
		}
		if r.Peer == ours {
			peers = append([]string{ours}, peers...)
		} else {
			peers = append(peers, r.Peer)
		}
	}
	return peers
}

func pick(rows []row, key, peer string) []row {
	var of []row
	for _, r := range rows {
		if r.key() == key && r.Peer == peer && r.Error == "" {
			of = append(of, r)
		}
	}
	return of
}

// median returns NaN if no run has the field.
func median(rows []row, key, peer, field string) float64 {
	var v []float64
	for _, r := range pick(rows, key, peer) {
		if x, ok := r.Fields[field].(float64); ok {
			v = append(v, x)
		}
	}
	if len(v) == 0 {
		return math.NaN()
	}
	slices.Sort(v)
	if len(v)%2 == 0 {
		return (v[len(v)/2-1] + v[len(v)/2]) / 2
	}
	return v[len(v)/2]
}

func cell(rows []row, key, peer, field string) string {
	x := median(rows, key, peer, field)
	if math.IsNaN(x) {
		return "–"
	}
	us := median(rows, key, ours, field)
	if peer == ours || math.IsNaN(us) || us <= 0 {
		return number(x)
	}
	return fmt.Sprintf("%s (%s×)", number(x), number(x/us))
}

// number formats three significant digits, whole numbers without decimals.
func number(x float64) string {
	switch a := math.Abs(x); {
	case a >= 100 || x == math.Trunc(x):
		return fmt.Sprintf("%.0f", x)
	case a >= 10:
		return fmt.Sprintf("%.1f", x)
	default:
		return fmt.Sprintf("%.2f", x)
	}
}

// describeMachine says on which machine and when the numbers were measured.
func describeMachine() string {
	cpu := runtime.GOARCH
	if b, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		for _, line := range strings.Split(string(b), "\n") {
			if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
				cpu = strings.TrimSpace(value)
				break
			}
		}
	}
	memory := ""
	if b, err := os.ReadFile("/proc/meminfo"); err == nil {
		var kb float64
		if _, err := fmt.Sscanf(string(b), "MemTotal: %f kB", &kb); err == nil {
			memory = fmt.Sprintf(", %.0f GiB", kb/(1<<20))
		}
	}
	commit := ""
	if b, err := exec.Command("git", "rev-parse", "--short", "HEAD").Output(); err == nil {
		commit = ", commit " + strings.TrimSpace(string(b))
	}
	load := ""
	if b, err := os.ReadFile("/proc/loadavg"); err == nil {
		if f := strings.Fields(string(b)); len(f) > 0 {
			load = ", load average at the end " + f[0]
		}
	}
	return fmt.Sprintf("Measured on %s: %s, %d cores%s, %s/%s, %s%s%s.",
		time.Now().UTC().Format("2 January 2006"), cpu, runtime.NumCPU(), memory, runtime.GOOS, runtime.GOARCH, runtime.Version(), commit, load)
}
