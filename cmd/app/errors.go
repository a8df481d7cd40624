package main

import (
	"errors"

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

// explain gives errors of the node their exit code.
func (a *app) explain(err error) error {
	if err == nil {
		return nil
	}
	return coded(codeOf(err), err)
}
