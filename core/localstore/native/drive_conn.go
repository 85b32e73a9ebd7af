package native

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/lxzan/gws"

	"github.com/masqdev/masq/core/internal/wsock"
	"github.com/masqdev/masq/core/peer"
	"github.com/masqdev/masq/core/wire"
)

const (
	dialTimeout   = 15 * time.Second
	maxUnsent     = 4 << 20  // bytes that wait for a Sync Server to take them
	maxHandshake  = 64 << 10 // bytes that a Sync Server may say before the WebSocket stands
	maxRelayFrame = 64 << 10 // core/PROTOCOL.md, "The Sync Server"
	closeNormal   = 1000
)

// conn is a connection to a Sync Server. A goroutine dials and then reads; another writes while something is queued.
type conn struct {
	d      *drive
	id     uint32
	ctx    context.Context // ends the dialling
	cancel context.CancelFunc

	mu      sync.Mutex // guards all below
	ws      *gws.Conn  // nil before it stands
	link    *link      // below ws
	queue   []outgoing
	bytes   int
	writing bool
	ended   bool // nothing more is told to the machine, nor taken from it
}

// outgoing is something to write: a frame, a ping, or the end.
type outgoing struct {
	data []byte
	ping bool
	end  bool
}

func (o outgoing) size() int { return len(o.data) + 64 }

// dial opens a connection; peer.Opened or peer.Closed follows.
func (d *drive) dial(a peer.Dial) *conn {
	c := &conn{d: d, id: a.Conn}
	c.ctx, c.cancel = context.WithCancel(context.Background())
	d.talking.Go(func() { c.run(a.URL) })
	return c
}

// run is a connection's whole life.
func (c *conn) run(address string) {
	defer c.cancel()
	h := &reader{c: c}
	ws, l, err := c.connect(address, h)
	if err != nil {
		c.over(0)
		return
	}
	c.d.hold(l)
	defer c.d.release(l)
	if !c.stands(ws, l) {
		return
	}
	h.read(ws)
	c.over(h.code)
	l.SetReadDeadline(time.Now().Add(lingerTimeout))
	io.Copy(io.Discard, l) // until the other end closes too
}

func (d *drive) hold(l *link) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.links[l] = struct{}{}
}

func (d *drive) release(l *link) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.links, l)
	l.Conn.Close()
}

// connect makes a WebSocket at an address that the machine has checked.
func (c *conn) connect(address string, h *reader) (*gws.Conn, *link, error) {
	u, err := url.Parse(address)
	if err != nil {
		return nil, nil, err
	}
	ctx, cancel := context.WithTimeout(c.ctx, dialTimeout)
	defer cancel()
	tcp, err := dialHost(ctx, u, c.d.opt.TLS)
	if err != nil {
		return nil, nil, err
	}
	defer context.AfterFunc(ctx, func() { tcp.Close() })()
	l := &link{Conn: tcp, left: maxHandshake}
	ws, _, err := gws.NewClientFromConn(h, &gws.ClientOption{
		Addr:               address,
		RequestHeader:      http.Header{"Sec-WebSocket-Protocol": {wire.Subprotocol}},
		ReadMaxPayloadSize: maxRelayFrame,
		HandshakeTimeout:   dialTimeout,
		Logger:             quiet{},
	}, l)
	if err == nil {
		err = ctx.Err()
	}
	if err != nil {
		tcp.Close()
		return nil, nil, err
	}
	l.left = -1
	return ws, l, nil
}

// dialHost connects to a URL's host, with TLS for wss:.
func dialHost(ctx context.Context, u *url.URL, cfg *tls.Config) (net.Conn, error) {
	port := u.Port()
	switch {
	case u.Scheme != "ws" && u.Scheme != "wss":
		return nil, errors.New("not the address of a WebSocket")
	case port == "" && u.Scheme == "ws":
		port = "80"
	case port == "":
		port = "443"
	}
	host := net.JoinHostPort(u.Hostname(), port)
	if u.Scheme == "wss" {
		return (&tls.Dialer{Config: cfg}).DialContext(ctx, "tcp", host)
	}
	return (&net.Dialer{}).DialContext(ctx, "tcp", host)
}

// stands says that the connection is open, unless it was hung up meanwhile.
func (c *conn) stands(ws *gws.Conn, l *link) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ended {
		return false
	}
	c.ws, c.link = ws, l
	c.d.tell(peer.Opened{Conn: c.id})
	return true
}

// over says that the connection has ended, unless the machine knows.
func (c *conn) over(code uint16) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.ended {
		c.ended, c.queue = true, nil
		c.d.tell(peer.Closed{Conn: c.id, Code: code})
	}
}

// send queues a message. What a Sync Server does not take does not hold up the machine: it is hung up on.
func (c *conn) send(m outgoing) {
	if c == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ended || c.ws == nil {
		return
	}
	if c.bytes += m.size(); c.bytes > maxUnsent {
		c.ended, c.queue = true, nil
		c.link.Conn.Close()
		c.d.tell(peer.Closed{Conn: c.id})
		return
	}
	c.push(m)
}

// push is called with mu held.
func (c *conn) push(m outgoing) {
	c.queue = append(c.queue, m)
	if !c.writing {
		c.writing = true
		c.d.talking.Go(c.write)
	}
}

// hangup closes the connection behind what was sent before, for which the other end has lingerTimeout. Nothing more is told
// of it.
func (c *conn) hangup() {
	if c == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.cancel()
	if !c.ended && c.ws != nil {
		c.push(outgoing{end: true})
		time.AfterFunc(lingerTimeout, func() { c.link.Conn.Close() })
	}
	c.ended = true
}

// write writes what is queued and ends.
func (c *conn) write() {
	for {
		c.mu.Lock()
		if len(c.queue) == 0 {
			c.queue, c.writing = nil, false
			c.mu.Unlock()
			return
		}
		m := c.queue[0]
		c.queue[0] = outgoing{}
		c.queue = c.queue[1:]
		c.mu.Unlock()

		var err error
		switch {
		case m.end:
			c.ws.WriteClose(closeNormal, nil)
		case m.ping:
			err = c.ws.WriteMessage(gws.OpcodeText, []byte("ping"))
		default:
			err = c.ws.WriteMessage(gws.OpcodeBinary, m.data)
		}
		if err != nil && !errors.Is(err, gws.ErrConnClosed) {
			c.link.Conn.Close() // the reader ends
		}
		c.mu.Lock()
		c.bytes -= m.size()
		c.mu.Unlock()
	}
}

// fail ends a connection whose other end does not keep to the protocol.
func (c *conn) fail() {
	c.over(0)
	c.link.Conn.Close()
}

// reader takes what the WebSocket package reads.
type reader struct {
	c        *conn
	handling bool // what was read is being handled
	code     uint16
}

// read reads until the connection ends.
func (r *reader) read(ws *gws.Conn) {
	defer func() {
		// The WebSocket package panics at a frame whose length is negative; that must not end the program. A panic of
		// our own, while handling, goes on.
		if !r.handling {
			recover()
		}
	}()
	ws.ReadLoop()
}

func (r *reader) OnOpen(*gws.Conn)         {}
func (r *reader) OnPong(*gws.Conn, []byte) {}

func (r *reader) OnPing(ws *gws.Conn, payload []byte) { ws.WritePong(payload) }

func (r *reader) OnClose(_ *gws.Conn, err error) {
	var closed *gws.CloseError
	if errors.As(err, &closed) {
		r.code = closed.Code
	}
}

func (r *reader) OnMessage(_ *gws.Conn, m *gws.Message) {
	r.handling = true
	switch {
	case m.Opcode == gws.OpcodeBinary:
		data := bytes.Clone(m.Bytes()) // the package uses its buffer again
		r.c.tell(peer.Frame{Conn: r.c.id, Data: data}, len(data))
	case m.Opcode == gws.OpcodeText && string(m.Bytes()) == "pong":
		r.c.tell(peer.Pong{Conn: r.c.id}, 0)
	default:
		r.c.fail()
	}
	m.Close()
	r.handling = false
}

// tell hands an event to the machine when there is room, which holds up the reader, and with it the other end.
func (c *conn) tell(ev peer.Event, size int) {
	c.mu.Lock()
	ended := c.ended
	c.mu.Unlock()
	if !ended {
		c.d.put(ev, size+64)
	}
}

// link is the network connection below a WebSocket.
type link struct {
	net.Conn
	left int // bytes that may still be read; negative: any number
}

var errTooLong = errors.New("the answer is too long")

func (l *link) Read(p []byte) (int, error) {
	if l.left < 0 {
		return l.Conn.Read(p)
	}
	if l.left == 0 {
		return 0, errTooLong
	}
	n, err := l.Conn.Read(p[:min(len(p), l.left)])
	l.left -= n
	return n, err
}

// Write fails when the other end takes not one byte for takeTimeout.
func (l *link) Write(p []byte) (int, error) { return wsock.WriteAll(l.Conn, p, takeTimeout) }

// Close leaves the other end a moment to see why.
func (l *link) Close() error { return wsock.Finish(l.Conn, lingerTimeout) }
