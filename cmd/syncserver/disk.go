package main

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// diskOf returns the total size of the files in the data directory and the free space on its
// disk, in bytes.
func diskOf(dir string) (used, free int64, err error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return 0, 0, err
	}
	for _, e := range entries {
		info, err := e.Info()
		if errors.Is(err, fs.ErrNotExist) {
			continue // just removed by SQLite
		}
		if err != nil {
			return 0, 0, err
		}
		if info.Mode().IsRegular() {
			used += info.Size()
		}
	}
	free, err = freeOn(filepath.Clean(dir))
	return used, free, err
}
