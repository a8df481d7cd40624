package main

import (
	"errors"
	"fmt"

	"flyleaf/qa"
	"flyleaf/replica"
	"flyleaf/storage"
)

func isNotFound(err error) bool {
	return errors.Is(err, storage.ErrNotFound) || errors.Is(err, replica.ErrUnknownEvent) || errors.Is(err, replica.ErrUnknownPost)
}

// isRefused reports whether the error is about what a person gave us.
func isRefused(err error) bool {
	var field *qa.FieldError
	return errors.As(err, &field) || errors.Is(err, replica.ErrNotOrganiser)
}

// explain gives errors of the node their exit code, and those a person can do
// something about a sentence that says what.
func (a *app) explain(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, storage.ErrFull):
		return fmt.Errorf("%w: nothing of it was saved, and what was saved before is whole. Make room and try again", err)
	}
	return coded(codeOf(err), err)
}
