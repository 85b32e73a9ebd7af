package client

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/masqdev/masq/core/wire"
)

// ErrNoHello is that a server spoke, or not, but did not begin with HELLO.
var ErrNoHello = errors.New("no HELLO came")

// DialError is that there is no WebSocket: nobody listens, or what does refuses.
type DialError struct {
	StatusCode int    // of the HTTP response, such as 404; 0: there was none, or its WebSocket is not the one asked for
	Status     string // then also empty; such as "404 Not Found"
	Err        error
}

func (e *DialError) Error() string {
	if e.StatusCode == 0 {
		return e.Err.Error()
	}
	return "HTTP " + e.Status
}

func (e *DialError) Unwrap() error { return e.Err }

// VersionError is a HELLO of another version. It is wire.RelayEVersion, too.
type VersionError struct{ Version uint8 }

func (e *VersionError) Error() string {
	return fmt.Sprintf("the Sync Server speaks version %d, not %d", e.Version, wire.RelayVersion)
}

func (e *VersionError) Unwrap() error { return wire.RelayEVersion }

// RestartingError is RESTARTING in the place of an expected reply.
type RestartingError struct {
	ReconnectIn time.Duration // to wait before dialling again
	TryFor      time.Duration // for which to go on trying
}

func (e *RestartingError) Error() string {
	return fmt.Sprintf("the Sync Server restarts; reconnect in %v", e.ReconnectIn)
}

func restarting(f *wire.RelayFrame) error {
	return &RestartingError{time.Duration(f.ReconnectIn) * time.Millisecond, time.Duration(f.TryFor) * time.Millisecond}
}

// CloseError is the end of a connection. It is the relay's code too, when the close code is one of those.
type CloseError struct {
	Code uint16 // of the close frame; 0: there was none
	Err  error  // then, the network's error
}

func (e *CloseError) Error() string {
	code, is := wire.RelayCodeOf(e.Code)
	switch {
	case e.Code == 0:
		return fmt.Sprintf("the connection ended: %v", e.Err)
	case is:
		return fmt.Sprintf("the Sync Server closed the connection: %v", code)
	}
	return fmt.Sprintf("the Sync Server closed the connection: code %d", e.Code)
}

func (e *CloseError) Unwrap() error {
	if code, is := wire.RelayCodeOf(e.Code); is {
		return code
	}
	return e.Err
}

// silenceError is that a timeout ended. It is context.DeadlineExceeded, too.
type silenceError struct{ after time.Duration }

func (e *silenceError) Error() string { return fmt.Sprintf("nothing came in %v", e.after) }

func (e *silenceError) Unwrap() error { return context.DeadlineExceeded }
