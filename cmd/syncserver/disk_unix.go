//go:build linux || darwin

package main

import "golang.org/x/sys/unix"

// freeOn returns how many bytes this program can still write to the directory's disk.
func freeOn(dir string) (int64, error) {
	var s unix.Statfs_t
	if err := unix.Statfs(dir, &s); err != nil {
		return 0, err
	}
	return int64(s.Bavail) * int64(s.Bsize), nil
}
