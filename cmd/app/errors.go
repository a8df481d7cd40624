package main

import (
	"errors"
	"fmt"
	"strings"

	"flyleaf/node"
)

// exitCodes maps kinds of errors to exit codes. All other kinds have exitError.
var exitCodes = map[node.Kind]int{
	node.NotFound:     exitNotFound,
	node.NotFetched:   exitNotFound,
	node.Invalid:      exitRefused,
	node.NotAllowed:   exitRefused,
	node.NotInvited:   exitRefused,
	node.OtherRelay:   exitRefused,
	node.NotSynced:    exitNotSynced,
	node.Disagree:     exitDisagree,
	node.OtherVersion: exitBusy,
}

// advice is appended to errors of a kind. It names a command that helps.
var advice = map[node.Kind]string{
	node.NotFetched: "; `flyleaf sync` fetches it",
	node.NotAllowed: ". `flyleaf event roles` lists who is",
	node.NotInvited: ". `flyleaf join` an invitation with a role, or wait until the organiser's device has granted you one",
	node.OtherRelay: ". `flyleaf join --move` allows that",
}

// codeOf returns the exit code of an error.
func codeOf(err error) int {
	var c *codedError
	if errors.As(err, &c) {
		return c.code
	}
	if code, ok := exitCodes[node.KindOf(err)]; ok {
		return code
	}
	return exitError
}

func (a *app) explain(err error) error { return explain(err) }

// explain adds the exit code and advice to an error of the node.
func explain(err error) error {
	var c *codedError
	switch {
	case err == nil, errors.As(err, &c):
		return err
	}
	code, kind := codeOf(err), node.KindOf(err)
	if kind == node.Disagree {
		err = &refusedError{fmt.Errorf("%w. What you wrote is safe on this device", err), node.RefusedBy(err)}
	}
	if words := advice[kind]; words != "" && !strings.HasSuffix(err.Error(), words) {
		err = fmt.Errorf("%w%s", err, words)
	}
	return coded(code, err)
}
