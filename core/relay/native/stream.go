package native

import (
	"errors"
	"net"
	"os"
	"time"

	"github.com/masqdev/masq/core/internal/wsock"
	"github.com/masqdev/masq/core/relay"
	"github.com/masqdev/masq/core/wire"
)

// stream is the network connection below a WebSocket. It delays reading above the rate, tells a receiver that is slow from one that
// takes nothing, and closes so that the other end learns why.
type stream struct {
	net.Conn
	limits relay.Limits
	done   chan struct{}      // closed when the socket is to end: no more delay
	fault  func(relay.Reason) // is told TooBig and Slow, before the connection is closed

	readUntil time.Time // what was read is within the rate from then on; the reader's alone

	broken bool // a write has failed; under the WebSocket's write lock
}

var errBroken = errors.New("an earlier write failed")

// Read reads and waits as long as the rate asks for. A second's worth is free.
func (c *stream) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	now := time.Now()
	if start := now.Add(-time.Second); c.readUntil.Before(start) {
		c.readUntil = start
	}
	c.readUntil = c.readUntil.Add(time.Duration(n) * time.Second / time.Duration(c.limits.BytesPerSecond))
	if wait := c.readUntil.Sub(now); wait > 0 {
		t := time.NewTimer(wait)
		defer t.Stop()
		select {
		case <-t.C:
		case <-c.done:
		}
	}
	return n, err
}

// Write fails when for limits.Slow not one byte was taken, however long the whole takes.
func (c *stream) Write(p []byte) (int, error) {
	if c.broken {
		return 0, errBroken
	}
	if wsock.IsTooBig(p) {
		c.fault(relay.TooBig)
		if _, err := c.writeAll(closeTooBig); err != nil {
			return 0, err
		}
		return len(p), nil
	}
	return c.writeAll(p)
}

func (c *stream) writeAll(p []byte) (int, error) {
	sent, err := wsock.WriteAll(c.Conn, p, time.Duration(c.limits.Slow)*time.Millisecond)
	if err != nil {
		c.broken = true
		if errors.Is(err, os.ErrDeadlineExceeded) {
			c.fault(relay.Slow) // and it cannot be told, as it takes nothing
		}
	}
	return sent, err
}

// Close leaves the other end a moment to see why.
func (c *stream) Close() error { return wsock.Finish(c.Conn, lingerTimeout) }

// The WebSocket package refuses a frame over its limit by itself, before it reads it, and closes with 1009. The protocol asks for
// ERR and close code 4006 instead.
var closeTooBig = []byte{
	0x82, 2, byte(wire.RelayErr), byte(wire.RelayETooBig), // a binary frame
	0x88, 2, byte(tooBigCode >> 8), byte(tooBigCode & 0xff), // a close frame
}

const tooBigCode = wire.CloseBase + int(wire.RelayETooBig)
