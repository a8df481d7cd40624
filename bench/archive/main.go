// Archive measures the cost of a community's archive as it grows: importing a folder of pages as a
// club, importing it again, publishing it as a site, and publishing it again without changes. Each
// step is one run of the flyleaf program. BenchmarkSearch in publish/site measures searching a
// published site.
//
// The folder contains Jekyll pages. If more weeks are wanted than it has pages, pages are repeated
// with other titles and days.
//
//	go run ./bench/archive -pages FOLDER -weeks 74,300,1000
package main

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"time"
)

func main() {
	pages := flag.String("pages", "importer/testdata", "`folder` of Jekyll pages (*.md)")
	weeks := flag.String("weeks", "74,300,1000", "how many weeks, `comma-separated`")
	out := flag.String("out", "bench/ARCHIVE.md", "the `file` to write the table to")
	flag.Parse()
	if err := run(*pages, *weeks, *out); err != nil {
		fmt.Fprintln(os.Stderr, "archive:", err)
		os.Exit(1)
	}
}

func run(folder, weeks, out string) error {
	work, err := os.MkdirTemp("", "flyleaf-bench-archive")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	program := filepath.Join(work, "flyleaf")
	build := exec.Command("go", "build", "-o", program, "./cmd/app")
	build.Stderr = os.Stderr
	if err := build.Run(); err != nil {
		return err
	}
	names, err := fs.Glob(os.DirFS(folder), "*.md") // os.DirFS, because the folder's name must not be read as a pattern
	if err != nil || len(names) == 0 {
		return errors.Join(fmt.Errorf("no pages in %s", folder), err)
	}
	var pages [][]byte
	for _, name := range names {
		b, err := os.ReadFile(filepath.Join(folder, name))
		if err != nil {
			return err
		}
		pages = append(pages, b)
	}
	var t strings.Builder
	t.WriteString("# An archive as it grows\n\nWritten by `go run ./bench/archive`; its package comment says what is measured. Seconds, one run.\n\n" +
		"| weeks | import | import again | publish | publish again | the site, files | MiB | on disk, MiB |\n|---|---|---|---|---|---|---|---|\n")
	for _, text := range strings.Split(weeks, ",") {
		n, err := strconv.Atoi(text)
		if err != nil {
			return err
		}
		dir := filepath.Join(work, text)
		if err := write(filepath.Join(dir, "pages"), pages, n); err != nil {
			return err
		}
		data, site := filepath.Join(dir, "data"), filepath.Join(dir, "site")
		fmt.Fprintf(&t, "| %d |", n)
		for _, args := range [][]string{
			{"import", filepath.Join(dir, "pages"), "--club", "Readers"},
			{"import", filepath.Join(dir, "pages"), "--club", "Readers"},
			{"publish", "-o", site, "--all"},
			{"publish", "-o", site, "--all"},
		} {
			c := exec.Command(program, append([]string{"--data", data}, args...)...)
			var said bytes.Buffer
			c.Stderr = &said
			start := time.Now()
			if err := c.Run(); err != nil {
				return fmt.Errorf("%s, %d weeks: %w\n%s", args[0], n, err, said.Bytes())
			}
			fmt.Fprintf(&t, " %.2f |", time.Since(start).Seconds())
		}
		files, size, err := weigh(site)
		if err != nil {
			return err
		}
		_, disk, err := weigh(data)
		if err != nil {
			return err
		}
		fmt.Fprintf(&t, " %d | %d | %d |\n", files, size>>20, disk>>20)
	}
	fmt.Fprintf(&t, "\n%d pages were given. Measured on %d cores, %s, on %s.\n", len(pages), runtime.NumCPU(), runtime.Version(), time.Now().Format("2 January 2006"))
	return os.WriteFile(out, []byte(t.String()), 0o644)
}

var (
	title = regexp.MustCompile(`(?m)^title:.*(\n +.*)*$`)
	day   = regexp.MustCompile(`(?m)^(start|end): \d{4}-\d{2}-\d{2}`)
)

// write writes n pages: the given ones, repeated as other weeks if necessary.
func write(dir string, pages [][]byte, n int) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for i := range n {
		page := pages[i%len(pages)]
		if i >= len(pages) {
			page = title.ReplaceAll(page, fmt.Appendf(nil, "title: Week %d", i))
			monday := time.Date(2005, 1, 3+7*i, 0, 0, 0, 0, time.UTC)
			page = day.ReplaceAllFunc(page, func(b []byte) []byte {
				if bytes.HasPrefix(b, []byte("end")) {
					return []byte("end: " + monday.AddDate(0, 0, 4).Format(time.DateOnly))
				}
				return []byte("start: " + monday.Format(time.DateOnly))
			})
		}
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("week-%05d.md", i)), page, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// weigh returns the number and total size of the files below a directory.
func weigh(dir string) (files int, size int64, err error) {
	err = filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		i, err := d.Info()
		if err != nil {
			return err
		}
		files, size = files+1, size+i.Size()
		return nil
	})
	return files, size, err
}
