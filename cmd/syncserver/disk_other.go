//go:build !linux && !darwin && !windows

package main

import "math"

// freeOn does not know: a full disk is noticed when a commit fails.
func freeOn(string) (int64, error) { return math.MaxInt64, nil }
