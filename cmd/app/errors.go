package main

import (
	"errors"

	"flyleaf/crdt"
	"flyleaf/crdt/policy"
	"flyleaf/qa"
	"flyleaf/replica"
	"flyleaf/storage"
)

func isNotFound(err error) bool {
	return errors.Is(err, storage.ErrNotFound) || errors.Is(err, replica.ErrUnknownEvent) || errors.Is(err, replica.ErrUnknownPost) || errors.Is(err, replica.ErrNothingHere) ||
		errors.Is(err, replica.ErrUnknownChange) || errors.Is(err, replica.ErrNoInvitation) || errors.Is(err, replica.ErrNoBlob)
}

// isRefused reports whether the error is about what a person gave us.
func isRefused(err error) bool {
	var field *qa.FieldError
	var rule *policy.Refusal
	var other *qa.OtherRelayError
	if errors.As(err, &field) || errors.As(err, &rule) || errors.As(err, &other) {
		return true
	}
	for _, e := range []error{
		replica.ErrNotOrganiser, replica.ErrNothingTaken, replica.ErrNotYetDelivered, replica.ErrInvitedOnly,
		replica.ErrOnlyQuestions, crdt.ErrNotYours, crdt.ErrEventClosed, crdt.ErrClaimed,
	} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

// explain gives errors of the node their exit code.
func (a *app) explain(err error) error {
	if err == nil {
		return nil
	}
	return coded(codeOf(err), err)
}
