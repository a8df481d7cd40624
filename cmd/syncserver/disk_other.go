//go:build !linux && !darwin && !windows

package main

import "math"

// freeOn reports unlimited space, because this system is not supported. A full disk is noticed
// when a commit fails.
func freeOn(string) (int64, error) { return math.MaxInt64, nil }
