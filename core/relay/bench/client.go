package main

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/masqdev/masq/core/wire"
)

// client is a WebSocket of a system's, or a TCP connection that carries messages of messageSize bytes alone. It is not a WebSocket
// package's, and not core/relay/client's: what those cost would be time that the servers are blamed for, as they share the machine with it.
//
// A goroutine reads it, until a loop takes it over.
type client struct {
	p     protocol
	conn  net.Conn // nil: a loop has it
	fd    int      // then
	rest  []byte   // what has come of a frame that is not whole, while nobody reads
	ready chan error
	begun bool
	took  func(body []byte) // called by the reader; set before connecting
	ended chan struct{}     // closed when no goroutine reads any more
	told  atomic.Uint32     // what RESTARTING said, in ms

	mu  sync.Mutex // guards out, and is held while it is written
	out []byte
}

// A frame's first byte when it is whole, and its kinds.
const (
	whole    = 0x80
	opText   = 1
	opBinary = 2
	opClose  = 8
	opPing   = 9
	opPong   = 10
)

const headRoom = 2 + 8 + 4 // bytes of a client's frame header at most

// mask is every frame's. A server takes it off as it would another.
var mask = [4]byte{0x35, 0xa7, 0x5c, 0xe1}

var errEnded = errors.New("the server closes the connection")

// frame makes a frame of what add appends to the bytes it is given, in c.out.
func (c *client) frame(op byte, add func([]byte) []byte) []byte {
	if cap(c.out) < headRoom {
		c.out = make([]byte, headRoom, 512)
	}
	c.out = add(c.out[:headRoom])
	payload := c.out[headRoom:]
	start := headRoom - 4
	copy(c.out[start:], mask[:])
	m := uint64(binary.LittleEndian.Uint32(mask[:]))
	m |= m << 32
	for ; len(payload) >= 8; payload = payload[8:] {
		binary.LittleEndian.PutUint64(payload, binary.LittleEndian.Uint64(payload)^m)
	}
	for i := range payload {
		payload[i] ^= mask[i&3]
	}
	switch n := len(c.out) - headRoom; {
	case n <= 125:
		start -= 2
		c.out[start+1] = 0x80 | byte(n)
	case n <= 0xffff:
		start -= 4
		c.out[start+1] = 0x80 | 126
		binary.BigEndian.PutUint16(c.out[start+2:], uint16(n))
	default:
		start -= 10
		c.out[start+1] = 0x80 | 127
		binary.BigEndian.PutUint64(c.out[start+2:], uint64(n))
	}
	c.out[start] = whole | op
	return c.out[start:]
}

func (c *client) write(op byte, b []byte) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.put(c.frame(op, func(to []byte) []byte { return append(to, b...) }))
}

// send sends a message to the other side.
func (c *client) send(body []byte) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.p == nil {
		return c.put(body)
	}
	return c.put(c.frame(opBinary, func(to []byte) []byte { return c.p.wrap(to, body) }))
}

func (c *client) put(b []byte) error {
	if c.conn == nil {
		return putNow(c.fd, b)
	}
	_, err := c.conn.Write(b)
	return err
}

// take handles the frames that are whole in b and returns how much that was.
func (c *client) take(b []byte) (taken int, err error) {
	for {
		first, payload, n := c.cut(b[taken:])
		if n == 0 {
			return taken, nil
		}
		taken += n
		if err := c.handle(first, payload); err != nil {
			return taken, err
		}
	}
}

// cut returns the first frame in b, its first byte and its length; 0: it is not whole.
func (c *client) cut(b []byte) (first byte, payload []byte, n int) {
	head, size := 0, messageSize
	if c.p != nil {
		if head = 2; len(b) < head {
			return 0, nil, 0
		}
		first = b[0]
		switch size = int(b[1]); {
		case size == 126:
			head = 4
		case size > 126:
			head = 10
		}
		switch {
		case len(b) < head:
			return 0, nil, 0
		case head == 4:
			size = int(binary.BigEndian.Uint16(b[2:]))
		case head == 10:
			size = int(binary.BigEndian.Uint64(b[2:]))
		}
	}
	if len(b) < head+size {
		return 0, nil, 0
	}
	return first, b[head : head+size], head + size
}

func (c *client) handle(first byte, payload []byte) error {
	switch {
	case c.p == nil:
		c.took(payload)
	case first == whole|opPing:
		return c.write(opPong, payload)
	case first == whole|opClose:
		return errEnded
	case first&whole == 0:
		return errors.New("a message in pieces")
	case !c.begun:
		ready, err := c.p.begin(c, payload)
		if ready || err != nil {
			c.begun = true
			c.ready <- err
		}
	case len(payload) == 9 && payload[0] == byte(wire.RelayRestarting):
		if f, err := wire.ParseRelay(payload); err == nil {
			c.told.Store(f.ReconnectIn)
		}
	default:
		c.p.unwrap(payload, c.took)
	}
	return nil
}

// bufferMost is how large the buffer becomes in which messages come that are smaller: so that what reading costs does not depend on
// whether a server packs many into one frame.
const bufferMost = 64 << 10

// read reads until the connection ends or reading is made to.
func (c *client) read() {
	defer close(c.ended)
	buf := make([]byte, max(2<<10, len(c.rest)))
	n := copy(buf, c.rest)
	for {
		full := n == len(buf) && len(buf) < bufferMost
		taken, err := c.take(buf[:n])
		n = copy(buf, buf[taken:n])
		if err == nil {
			if full || n == len(buf) {
				buf = slices.Grow(buf, len(buf))[:2*len(buf)]
			}
			var got int
			got, err = c.conn.Read(buf[n:])
			n += got
		}
		if err != nil {
			c.rest = slices.Clone(buf[:n])
			select {
			case c.ready <- err:
			default:
			}
			return
		}
	}
}

// detach ends the goroutine that reads.
func (c *client) detach() {
	c.conn.SetReadDeadline(time.Now())
	<-c.ended
}

func (c *client) close() {
	if c.conn != nil {
		c.conn.Close()
	}
}

const patience = 30 * time.Second

// connect connects and waits until the client is ready.
func connect(p protocol, took func([]byte)) (*client, error) {
	c := &client{p: p, ready: make(chan error, 2), took: took, ended: make(chan struct{})}
	if took == nil {
		c.took = func([]byte) {}
	}
	if err := c.shake(); err != nil {
		return nil, err
	}
	go c.read()
	var err error
	late := time.NewTimer(patience)
	defer late.Stop()
	select {
	case err = <-c.ready:
	case <-late.C:
		err = errors.New("a client does not get ready")
	}
	if err != nil {
		c.close()
		return nil, err
	}
	return c, nil
}

// shake makes a WebSocket of a new connection.
func (c *client) shake() error {
	address, header := c.p.address()
	u, err := url.Parse(address)
	if err != nil {
		return err
	}
	if c.conn, err = net.DialTimeout("tcp", u.Host, patience); err != nil {
		return err
	}
	c.conn.SetDeadline(time.Now().Add(patience))
	fmt.Fprintf(c.conn, "GET %s HTTP/1.1\r\nHost: %s\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"+
		"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n%s\r\n", u.RequestURI(), u.Host, header)
	r := bufio.NewReader(c.conn)
	resp, err := http.ReadResponse(r, nil)
	if err == nil && resp.StatusCode != http.StatusSwitchingProtocols {
		err = errors.New(resp.Status)
	}
	if err != nil {
		c.conn.Close()
		return err
	}
	c.rest = make([]byte, r.Buffered())
	io.ReadFull(r, c.rest)
	return c.conn.SetDeadline(time.Time{})
}

// plain is a client of no WebSocket, which is ready as it is.
func plain(conn net.Conn, took func([]byte)) *client {
	c := &client{conn: conn, took: took, ready: make(chan error, 2), ended: make(chan struct{})}
	go c.read()
	return c
}
