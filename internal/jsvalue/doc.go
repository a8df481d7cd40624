// Package jsvalue passes bytes and promises between Go and JavaScript.
package jsvalue
