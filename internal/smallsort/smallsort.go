// Package smallsort sorts with little code. slices.SortFunc is compiled anew for every type of element, and each time adds
// some 25 KB to the program that a browser downloads. The functions of this package share one sort, which takes about
// twice as long, so they are for lists that are short or that take longer to make than to sort.
package smallsort

import "sort"

// Func sorts like slices.SortFunc.
func Func[T any](s []T, compare func(a, b T) int) { sort.Sort(&list[T]{s, compare}) }

// StableFunc sorts like slices.SortStableFunc.
func StableFunc[T any](s []T, compare func(a, b T) int) { sort.Stable(&list[T]{s, compare}) }

type list[T any] struct {
	s       []T
	compare func(a, b T) int
}

func (l *list[T]) Len() int           { return len(l.s) }
func (l *list[T]) Less(i, j int) bool { return l.compare(l.s[i], l.s[j]) < 0 }
func (l *list[T]) Swap(i, j int)      { l.s[i], l.s[j] = l.s[j], l.s[i] }
