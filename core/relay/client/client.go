// Package client speaks to a Sync Server as a device does, for tools and tests. An application's device does not use it: core/peer
// speaks to the Sync Server without I/O of its own.
//
//	key := client.NewKey()
//	c, err := client.Dial(ctx, "wss://sync.example.org", client.ChannelPath(key), client.Options{})
//	present, err := c.Join(ctx, key, 0)
//	err = c.Data([]byte("hello"))
//	m, err := c.Next(ctx)
//
// Every call blocks. One goroutine at a time calls Join, Pair, Ping and Next; any may write. What has come waits in the network
// until it is asked for, so a caller that does not read slows the other side down, and the server drops it when that lasts.
package client

import (
	"bytes"
	"cmp"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/lxzan/gws"

	"github.com/masqdev/masq/core/internal/wsock"
	"github.com/masqdev/masq/core/wire"
)

// Options of Dial. The zero value is what a device uses.
type Options struct {
	Host         string        // the Host to ask for, which JOIN is signed for; default: that of the relay URL
	Origin       string        // of the page that asks; default: none
	Subprotocols []string      // to offer; default: wire.Subprotocol; empty but not nil: none
	Timeout      time.Duration // for each step: the dial with HELLO, a write that makes no progress, an expected reply; default: 10 s
	// Dial makes the network connection. Default: net.Dialer's DialContext.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
}

// defaultTimeout is that of Options. A busy server answers in it, even one far away.
const defaultTimeout = 10 * time.Second

// linger is how long a connection with a close frame sent waits for the server's.
const linger = 2 * time.Second

// maxKept is how many messages are kept that come while Join, Pair or Ping waits for another.
const maxKept = 64

// Kind says what a Message is.
type Kind uint8

// The kinds of messages.
const (
	FrameMessage Kind = iota + 1 // one of the relay's frames
	TextMessage                  // of a server only wire.PongText
	PongMessage                  // a WebSocket pong, which PingFrame asks for
)

// Message is one thing that came.
type Message struct {
	Kind  Kind
	Frame wire.RelayFrame // of a FrameMessage; its Body is the receiver's to keep
	Text  string          // of a TextMessage or a PongMessage
}

// Conn is a connection to a Sync Server that has said HELLO. Close or Leave ends it.
type Conn struct {
	Hello wire.RelayFrame // what the server said first

	host    string
	timeout time.Duration
	ws      *gws.Conn
	raw     net.Conn // below everything
	kept    []Message

	in     chan received // one by one, as they are asked for
	closed chan struct{} // by Close: the reader must not wait for anybody
	close  func()
	ended  chan struct{} // behind the last message
	err    error         // then, why
}

// received is a message, or that it is malformed.
type received struct {
	m   Message
	err error
}

// Dial connects to path below a relay URL and waits for HELLO. Its errors are a *DialError when there is no WebSocket, a
// *VersionError, a *RestartingError, or ErrNoHello.
func Dial(ctx context.Context, relayURL, path string, o Options) (*Conn, error) {
	u, err := url.Parse(relayURL)
	if err != nil {
		return nil, &DialError{Err: err}
	}
	c := &Conn{
		host: cmp.Or(o.Host, u.Host), timeout: cmp.Or(o.Timeout, defaultTimeout),
		in: make(chan received), closed: make(chan struct{}), ended: make(chan struct{}),
	}
	c.close = sync.OnceFunc(func() { close(c.closed) })
	ctx, stop := c.within(ctx)
	defer stop()
	if err := c.open(ctx, relayURL+path, o); err != nil {
		return nil, err
	}
	if err := c.greeting(ctx); err != nil {
		c.Close()
		return nil, err
	}
	return c, nil
}

// within limits a context to the connection's timeout.
func (c *Conn) within(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeoutCause(ctx, c.timeout, &silenceError{c.timeout})
}

// open makes the WebSocket and begins to read.
func (c *Conn) open(ctx context.Context, address string, o Options) error {
	header := http.Header{}
	header.Set("Host", c.host)
	if o.Subprotocols == nil {
		o.Subprotocols = []string{wire.Subprotocol}
	}
	if len(o.Subprotocols) > 0 { // by Set: gws looks under the canonical name for what it has to find in the reply
		header.Set("Sec-WebSocket-Protocol", strings.Join(o.Subprotocols, ", "))
	}
	if o.Origin != "" {
		header.Set("Origin", o.Origin)
	}
	d := &dialer{ctx: ctx, c: c, dial: o.Dial}
	if d.dial == nil {
		d.dial = (&net.Dialer{}).DialContext
	}
	ws, resp, err := gws.NewClient(events{c}, &gws.ClientOption{
		Addr: address, RequestHeader: header, HandshakeTimeout: c.timeout, ReadMaxPayloadSize: wire.MaxFrame, Logger: quiet{},
		NewDialer: func() (gws.Dialer, error) { return d, nil },
	})
	if d.unwatch != nil && !d.unwatch() && err == nil {
		err = context.Cause(ctx)
	}
	if err != nil {
		if c.raw != nil {
			c.raw.Close()
		}
		if resp != nil && resp.StatusCode != http.StatusSwitchingProtocols {
			return &DialError{StatusCode: resp.StatusCode, Status: resp.Status, Err: err}
		}
		return &DialError{Err: err}
	}
	c.ws = ws
	go c.read()
	return nil
}

// read reads until the end. It closes the connection when the other end has, or after linger.
func (c *Conn) read() {
	c.ws.ReadLoop()
	io.Copy(io.Discard, c.raw)
	c.raw.Close()
}

// greeting waits for HELLO.
func (c *Conn) greeting(ctx context.Context) error {
	m, err := c.receive(ctx)
	f := m.Frame
	switch {
	case err != nil:
		return fmt.Errorf("%w: %w", ErrNoHello, err)
	case f.Type == wire.RelayRestarting:
		return restarting(&f)
	case m.Kind == FrameMessage && f.Type == wire.RelayErr:
		return fmt.Errorf("%w: %w", ErrNoHello, f.Code)
	case f.Type != wire.RelayHello:
		return fmt.Errorf("%w: the first message is another", ErrNoHello)
	case f.Version != wire.RelayVersion:
		return &VersionError{Version: f.Version}
	}
	c.Hello = f
	return nil
}

// Host is the Host that was dialled, which JOIN is signed for.
func (c *Conn) Host() string { return c.host }

// Subprotocol is the subprotocol that the server took.
func (c *Conn) Subprotocol() string { return c.ws.SubProtocol() }

// NetConn is the connection below the WebSocket, for tests of what a WebSocket's client would not send.
func (c *Conn) NetConn() net.Conn { return c.raw }

// Limits are those that HELLO announces, in the units of wire.RelayLimitID. A limit that is not announced is 0.
func (c *Conn) Limits() map[wire.RelayLimitID]uint32 {
	limits := map[wire.RelayLimitID]uint32{}
	for _, l := range c.Hello.Limits {
		limits[l.ID] = l.Value
	}
	return limits
}

// SendJoin sends JOIN. Unlike Join it does not wait for the reply.
func (c *Conn) SendJoin(key ed25519.PrivateKey, side uint8) error {
	return c.Send(wire.JoinFrame(key, c.host, c.Hello.Nonce, side))
}

// Join joins the channel of a key and returns whether the other side is there. An error is the server's wire.RelayCode, a
// *RestartingError, or a *CloseError.
func (c *Conn) Join(ctx context.Context, key ed25519.PrivateKey, side uint8) (present bool, err error) {
	c.SendJoin(key, side) // a write that fails ends the connection, and reading says why
	return c.joined(ctx)
}

// SendPair sends PAIR. Unlike Pair it does not wait for the reply.
func (c *Conn) SendPair(side uint8) error {
	return c.Send(wire.RelayFrame{Type: wire.RelayPair, Side: side})
}

// Pair takes a side of a mailbox, 0 for the host and 1 for the joiner, and returns what Join does.
func (c *Conn) Pair(ctx context.Context, side uint8) (present bool, err error) {
	c.SendPair(side) // a write that fails ends the connection, and reading says why
	return c.joined(ctx)
}

// joined waits for JOINED.
func (c *Conn) joined(ctx context.Context) (present bool, err error) {
	m, err := c.await(ctx, func(m *Message) bool { return m.Kind == FrameMessage })
	if err != nil {
		return false, err
	}
	switch f := &m.Frame; f.Type {
	case wire.RelayJoined:
		return f.Present, nil
	case wire.RelayErr:
		return false, f.Code
	case wire.RelayRestarting:
		return false, restarting(f)
	}
	return false, fmt.Errorf("a frame of type %d came where JOINED was expected", m.Frame.Type)
}

// Ping returns how long the server takes to return a text frame. What else comes meanwhile is kept for Next.
func (c *Conn) Ping(ctx context.Context) (time.Duration, error) {
	start := time.Now()
	c.Text(wire.PingText)
	_, err := c.await(ctx, func(m *Message) bool { return m.Kind == TextMessage && m.Text == wire.PongText })
	return time.Since(start), err
}

// await waits for a message, at most for the timeout, and keeps what comes before it.
func (c *Conn) await(ctx context.Context, wanted func(*Message) bool) (Message, error) {
	ctx, stop := c.within(ctx)
	defer stop()
	for {
		m, err := c.receive(ctx)
		switch {
		case err != nil, wanted(&m):
			return m, err
		case len(c.kept) == maxKept:
			return Message{}, fmt.Errorf("%d other messages came first", maxKept+1)
		}
		c.kept = append(c.kept, m)
	}
}

// Next returns the next message, and waits for it as long as ctx lasts. An error is a *CloseError at the end of the connection,
// wire.ErrMalformed for a frame that is none, or ctx's cause.
func (c *Conn) Next(ctx context.Context) (Message, error) {
	if len(c.kept) > 0 {
		m := c.kept[0]
		c.kept = c.kept[1:]
		return m, nil
	}
	return c.receive(ctx)
}

func (c *Conn) receive(ctx context.Context) (Message, error) {
	select {
	case r := <-c.in:
		return r.m, r.err
	case <-c.ended:
		return Message{}, c.err
	case <-ctx.Done():
		return Message{}, context.Cause(ctx)
	}
}

// Send sends a frame.
func (c *Conn) Send(f wire.RelayFrame) error { return c.Binary(wire.AppendRelay(nil, &f)) }

// Data sends DATA to the other side. It panics on a body over wire.MaxFrame-1 bytes.
func (c *Conn) Data(body []byte) error {
	return c.Send(wire.RelayFrame{Type: wire.RelayData, Body: body})
}

// Binary sends a binary message, a frame or not.
func (c *Conn) Binary(b []byte) error { return c.ws.WriteMessage(gws.OpcodeBinary, b) }

// Text sends a text message. The server knows wire.PingText alone.
func (c *Conn) Text(s string) error { return c.ws.WriteString(s) }

// PingFrame sends a WebSocket ping of at most 125 bytes. A PongMessage is the reply.
func (c *Conn) PingFrame(b []byte) error { return c.ws.WritePing(b) }

// SendClose sends a close frame. Nothing can be written afterwards, and Next ends when the server has closed too, within 2 s.
func (c *Conn) SendClose() error { return c.ws.WriteClose(1000, nil) }

// Leave sends a close frame and waits until the server has closed too, or ctx ends.
func (c *Conn) Leave(ctx context.Context) {
	c.SendClose()
	for {
		if _, err := c.receive(ctx); err != nil && !errors.Is(err, wire.ErrMalformed) {
			c.Close()
			return
		}
	}
}

// Close cuts the connection. It may be called again, and by any goroutine.
func (c *Conn) Close() {
	c.close()
	c.raw.Close()
}

// NewKey is the key of a channel that nobody else has.
func NewKey() ed25519.PrivateKey {
	_, key, _ := ed25519.GenerateKey(rand.Reader) // crypto/rand never fails
	return key
}

// ChannelPath is the path of a key's channel below a relay URL.
func ChannelPath(key ed25519.PrivateKey) string {
	return wire.ChannelPath([32]byte(key.Public().(ed25519.PublicKey)))
}

// dialer is a gws.Dialer that a context ends, until the WebSocket is made.
type dialer struct {
	ctx     context.Context
	c       *Conn
	dial    func(ctx context.Context, network, address string) (net.Conn, error)
	unwatch func() bool
}

func (d *dialer) Dial(network, address string) (net.Conn, error) {
	raw, err := d.dial(d.ctx, network, address)
	if err != nil {
		return nil, err
	}
	d.c.raw = raw
	d.unwatch = context.AfterFunc(d.ctx, func() { raw.Close() })
	return patient{raw, d.c.timeout}, nil
}

// patient is a network connection whose writes end when nothing of them is taken, and whose close waits for the other end's.
type patient struct {
	net.Conn
	timeout time.Duration
}

func (p patient) Write(b []byte) (int, error) { return wsock.WriteAll(p.Conn, b, p.timeout) }

func (p patient) Close() error { return wsock.Finish(p.Conn, linger) }

// events takes what gws reads.
type events struct{ c *Conn }

func (events) OnOpen(*gws.Conn)              {}
func (events) OnPing(ws *gws.Conn, b []byte) { ws.WritePong(b) }

func (e events) OnPong(_ *gws.Conn, b []byte) {
	e.pass(received{m: Message{Kind: PongMessage, Text: string(b)}})
}

func (e events) OnMessage(_ *gws.Conn, m *gws.Message) {
	defer m.Close()
	if m.Opcode == gws.OpcodeText {
		e.pass(received{m: Message{Kind: TextMessage, Text: string(m.Bytes())}})
		return
	}
	f, err := wire.ParseRelay(bytes.Clone(m.Bytes()))
	e.pass(received{Message{Kind: FrameMessage, Frame: f}, err})
}

// pass waits until somebody asks for what has come.
func (e events) pass(r received) {
	select {
	case e.c.in <- r:
	case <-e.c.closed:
	}
}

func (e events) OnClose(_ *gws.Conn, err error) {
	e.c.err = &CloseError{Err: err}
	if ce := (*gws.CloseError)(nil); errors.As(err, &ce) {
		e.c.err = &CloseError{Code: ce.Code}
	}
	close(e.c.ended)
}

// quiet drops what gws logs: the caller gets it as an error.
type quiet struct{}

func (quiet) Error(...any) {}
