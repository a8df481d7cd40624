// Archive measures what a community's archive costs as it grows: taking a folder of
// pages in as a club, taking it in again, publishing all of it as a site, and publishing
// it again with nothing changed. All of it is done by the program that people run, each
// step a process of its own, one after the other. Searching a published site is
// BenchmarkSearch in publish/site.
//
// The folder given holds Jekyll pages. For more weeks than it has pages they come
// again, under a title and on days of their own.
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
	out := flag.String("out", "bench/ARCHIVE.md", "where the table goes")
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
	names, err := fs.Glob(os.DirFS(folder), "*.md") // the folder's own name is no pattern
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
	t.WriteString("# An archive as it grows\n\nWritten by `go run ./bench/archive`; its first lines say what is measured. Seconds, one run.\n\n" +
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

// write makes n pages: the given ones, then the same as other weeks.
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

// weigh counts the files below a directory, and their bytes.
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
