package main

import "errors"

// What masq exits with. A script can tell a mistake of its own from what cannot be done now.
const (
	exitFailed  = 1
	exitMisused = 2 // an unknown command or flag, an argument too many or too few, a value that is not taken
)

// hinted is an error with a line on what to do about it.
type hinted struct {
	err    error
	hint   string
	misuse bool // it is in how masq was called
}

func (h *hinted) Error() string { return h.err.Error() }
func (h *hinted) Unwrap() error { return h.err }

func hint(err error, hint string) error { return &hinted{err: err, hint: hint} }

// misuse is hint for an error in how masq was called.
func misuse(err error, hint string) error { return &hinted{err: err, hint: hint, misuse: true} }

// attempt is an error of a command's action. One that comes before any action is of what was typed: the library found it.
type attempt struct{ error }

func (a *attempt) Unwrap() error { return a.error }

func tried(err error) error {
	if err == nil {
		return nil
	}
	return &attempt{err}
}

func exitCode(err error) int {
	if err == nil {
		return 0
	}
	h, a := (*hinted)(nil), (*attempt)(nil)
	if errors.As(err, &h) && h.misuse || !errors.As(err, &a) {
		return exitMisused
	}
	return exitFailed
}

// hintOf is what an error says to do.
func hintOf(err error) string {
	if h := (*hinted)(nil); errors.As(err, &h) {
		return h.hint
	}
	return ""
}
