package native

import (
	"io"
	"math"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/masqdev/masq/core/relay"
)

// stream is the network connection below a WebSocket. It delays reading above the rate, tells a receiver that takes its time from one
// that is too slow, and closes so that the other end learns why.
type stream struct {
	net.Conn
	raw    syscall.RawConn       // nil: it has none, as with TLS
	polls  func(fd uintptr) bool // poll
	limits *relay.Limits
	done   chan struct{} // closed when the socket is to end: no more delay
	lasts  atomic.Uint32 // how many sides have said their last

	// The reader's alone.
	in        *input    // what has come and is not taken; nil: nothing
	turn      *turn     // whom it has something for; nil: it awaits, or writes nothing itself
	failed    error     // what reading failed with
	readUntil time.Time // what was read is within the rate from then on
	readAt    uint64    // when something was last read, in Unix ms
}

// input holds what was read ahead.
type input struct {
	buf      []byte
	from, to int // what is not taken
}

// With a file descriptor to wait for, a buffer is taken when something has come. Without, each idle connection has one.
const (
	sharedBuffer = 16 << 10
	ownBuffer    = 2 << 10
)

var inputs = sync.Pool{New: func() any { return &input{buf: make([]byte, sharedBuffer)} }}

func newStream(conn net.Conn, limits *relay.Limits) *stream {
	c := &stream{Conn: conn, limits: limits, done: make(chan struct{}), raw: rawConn(conn)}
	if c.polls = c.poll; c.raw == nil {
		c.in = &input{buf: make([]byte, ownBuffer)}
	}
	return c
}

// await waits until something has come and reads it. It is what idle connections are in: it takes no buffer before, and
// whatever it calls counts for the size of their stacks.
func (c *stream) await() error {
	if c.raw == nil {
		var n int
		n, c.failed = c.Conn.Read(c.in.buf)
		c.in.from, c.in.to = 0, n
		if n > 0 {
			return nil
		}
		return c.failed
	}
	if err := c.raw.Read(c.polls); err != nil {
		return err
	}
	return c.failed
}

// poll reads what is there, false if nothing is.
func (c *stream) poll(fd uintptr) bool {
	in := inputs.Get().(*input)
	n, err := readNow(fd, in.buf)
	if n > 0 {
		c.in, in.from, in.to = in, 0, n
		return true
	}
	inputs.Put(in)
	if err == syscall.EAGAIN {
		return false
	}
	if c.failed = err; err == nil {
		c.failed = io.EOF
	}
	return true
}

// buffered returns how much is read ahead.
func (c *stream) buffered() int {
	if c.in == nil {
		return 0
	}
	return c.in.to - c.in.from
}

// rest lets go of an empty buffer.
func (c *stream) rest() {
	if c.raw != nil && c.in != nil {
		inputs.Put(c.in)
		c.in = nil
	}
}

// peek returns the next n bytes, at most maxHead, without taking them.
func (c *stream) peek(n int) ([]byte, error) {
	in := c.in
	if in.to-in.from < n && in.from > len(in.buf)-maxHead {
		c.turn.flush() // what is borrowed is overwritten
		in.to, in.from = copy(in.buf, in.buf[in.from:in.to]), 0
	}
	for in.to-in.from < n {
		got, err := c.wait(in.buf[in.to:])
		in.to += got
		c.pace(got)
		if err != nil && in.to-in.from < n {
			return nil, err
		}
	}
	return in.buf[in.from : in.from+n], nil
}

// skip takes n bytes that peek has shown.
func (c *stream) skip(n int) { c.in.from += n }

// take takes n bytes that are buffered. They stay until the turn is flushed.
func (c *stream) take(n int) []byte {
	b := c.in.buf[c.in.from : c.in.from+n : c.in.from+n]
	c.in.from += n
	return b
}

// readFull fills p.
func (c *stream) readFull(p []byte) error {
	n := copy(p, c.in.buf[c.in.from:c.in.to])
	c.in.from += n
	for n < len(p) {
		got, err := c.wait(p[n:])
		n += got
		c.pace(got)
		if err != nil && n < len(p) {
			return err
		}
	}
	return nil
}

// wait reads the rest of something that has begun to come.
func (c *stream) wait(p []byte) (int, error) {
	c.turn.flush()
	return c.Conn.Read(p)
}

// pace waits as long as the rate asks for after n bytes were read. A second's worth is free.
func (c *stream) pace(n int) {
	now := time.Now()
	c.readAt = uint64(now.UnixMilli())
	if start := now.Add(-time.Second); c.readUntil.Before(start) {
		c.readUntil = start
	}
	c.readUntil = c.readUntil.Add(time.Duration(n) * time.Second / time.Duration(c.limits.BytesPerSecond))
	if wait := c.readUntil.Sub(now); wait > 0 {
		c.turn.flush()
		t := time.NewTimer(wait)
		defer t.Stop()
		select {
		case <-t.C:
		case <-c.done:
		}
	}
}

// write fails with os.ErrDeadlineExceeded when limits.SlowBytes, or what is less, were not taken within limits.Slow, however long the
// whole takes.
func (c *stream) write(p []byte) error {
	for len(p) > 0 {
		piece := p[:min(len(p), int(c.limits.SlowBytes))]
		c.SetWriteDeadline(time.Now().Add(time.Duration(c.limits.Slow) * time.Millisecond))
		n, err := c.Conn.Write(piece)
		if err != nil {
			return err
		}
		p = p[n:]
	}
	return nil
}

// saidLast is called when the close frame is written. The other end has lingerTimeout to take it and to say its own last word.
func (c *stream) saidLast() {
	if _, ok := c.Conn.(halfCloser); !ok {
		c.Conn.Close()
		return
	}
	c.Conn.SetReadDeadline(time.Now().Add(lingerTimeout))
	c.last()
}

// heardLast is called when nothing more is to come that counts.
func (c *stream) heardLast() { c.last() }

// last shuts the connection down when both sides have said their last. Before, a proxy in between would close its other connection
// while something still comes there: it would be reset, and the close frame lost.
func (c *stream) last() {
	if w, ok := c.Conn.(halfCloser); ok && c.lasts.Add(1) == 2 {
		w.CloseWrite()
	}
}

type halfCloser interface{ CloseWrite() error }

// linger drops what is left of a refused frame and all that follows, up to a close frame. It ends with lingerTimeout.
func (c *stream) linger(left uint64) {
	for {
		n := min(left, uint64(c.buffered()))
		c.skip(int(n))
		if left -= n; left > 0 {
			if _, err := io.CopyN(io.Discard, c.Conn, int64(min(left, math.MaxInt64))); err != nil {
				return
			}
		}
		b, err := c.peek(2)
		if err == nil {
			b, err = c.peek(headSize(b))
		}
		if err != nil {
			return
		}
		h, err := parseHead(b)
		c.skip(len(b))
		if err != nil || h.op == opClose {
			return
		}
		left = h.size
	}
}
