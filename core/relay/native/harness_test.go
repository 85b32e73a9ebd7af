package native

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"net"
	"reflect"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	relayclient "github.com/masqdev/masq/core/relay/client"
	"github.com/masqdev/masq/core/wire"
)

// pipes is a network without a network: a listener whose connections are net.Pipes, for synctest.
type pipes struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func newPipes() *pipes { return &pipes{conns: make(chan net.Conn), closed: make(chan struct{})} }

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error   { p.once.Do(func() { close(p.closed) }); return nil }
func (p *pipes) Addr() net.Addr { return &net.TCPAddr{} }

func (p *pipes) dial(t *testing.T) net.Conn {
	here, there := net.Pipe()
	select {
	case p.conns <- there:
	case <-p.closed:
		t.Fatal("the server does not listen")
	}
	return here
}

// harness is a server with a way to it.
type harness struct {
	t    *testing.T
	s    *Server
	dial func() net.Conn
	stop func()

	blocked []func() // unblock the clients that are to be at the end
}

// inBubble runs a test against a server in a synctest bubble: time is virtual. At the end it stops the server and checks that
// nothing is left in it.
func inBubble(t *testing.T, opt Options, test func(*harness)) {
	synctest.Test(t, func(t *testing.T) {
		p := newPipes()
		b := newHarness(t, opt, p, func() net.Conn { return p.dial(t) })
		defer func() {
			b.stop()
			synctest.Wait() // net/http is told of the ends of connections behind Serve
			b.end()
		}()
		test(b)
	})
}

// onLoopback does the same over TCP, in real time.
func onLoopback(t *testing.T, opt Options, test func(*harness)) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	b := newHarness(t, opt, l, func() net.Conn {
		c, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		return c
	})
	defer b.end()
	test(b)
}

func newHarness(t *testing.T, opt Options, l net.Listener, dial func() net.Conn) *harness {
	ctx, cancel := context.WithCancel(t.Context())
	b := &harness{t: t, s: New(opt), dial: dial}
	served := make(chan error)
	go func() { served <- b.s.Serve(ctx, l) }()
	b.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-served; err != nil {
			t.Errorf("Serve: %v", err)
		}
	})
	return b
}

func (b *harness) end() {
	b.stop()
	st := b.s.Stats()
	b.s.mu.Lock()
	defer b.s.mu.Unlock()
	b.s.sweep(time.Now().Add(time.Hour))
	if n := len(b.s.sockets) + len(b.s.addresses) + b.s.held + st.Waiting + st.Joined + st.Channels + st.Mailboxes; n != 0 {
		b.t.Errorf("%d things are left: %+v", n, st)
	}
}

// client is a relay client that writes down what it gets.
type client struct {
	t        *testing.T
	conn     *relayclient.Conn
	end      chan struct{} // closed when the socket is
	mu       sync.Mutex
	news     *sync.Cond
	got      []string      // messages not yet wanted
	closedAt time.Time     // when the end came
	gate     chan struct{} // when not nil, the reader waits here behind each message
}

// block makes the client read no more than two messages further, until the answer is called.
func (c *client) block() (unblock func()) {
	gate := make(chan struct{})
	c.mu.Lock()
	c.gate = gate
	c.mu.Unlock()
	return func() {
		c.mu.Lock()
		c.gate = nil
		c.mu.Unlock()
		close(gate)
	}
}

// read writes down what comes until the end.
func (c *client) read() {
	defer close(c.end)
	for {
		m, err := c.conn.Next(context.Background())
		if end := (*relayclient.CloseError)(nil); errors.As(err, &end) {
			c.closedAt = time.Now()
			c.note(fmt.Sprint("closed ", end.Code))
			return
		}
		c.note(inWords(m, err))
	}
}

func inWords(m relayclient.Message, err error) string {
	f := m.Frame
	switch {
	case err != nil:
		return err.Error()
	case m.Kind == relayclient.TextMessage:
		return m.Text
	case m.Kind == relayclient.PongMessage:
		return "pong frame " + m.Text
	case f.Type == wire.RelayData:
		return "DATA " + string(f.Body)
	case f.Type == wire.RelayJoined:
		return fmt.Sprint("JOINED ", f.Present)
	case f.Type == wire.RelayPeer:
		return fmt.Sprint("PEER ", f.Present)
	case f.Type == wire.RelayErr:
		return f.Code.String()
	case f.Type == wire.RelayRestarting:
		return "RESTARTING"
	}
	return fmt.Sprint("frame of type ", f.Type)
}

func (c *client) note(what string) {
	c.mu.Lock()
	c.got = append(c.got, what)
	c.news.Broadcast()
	gate := c.gate
	c.mu.Unlock()
	if gate != nil {
		<-gate
	}
}

// want waits until so many frames have come and compares them.
func (c *client) want(what ...string) {
	c.t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	late := time.AfterFunc(20*time.Second, func() { c.note("(and then nothing for 20 s)") })
	defer late.Stop()
	for len(c.got) < len(what) {
		c.news.Wait()
	}
	if got := c.got[:len(what)]; !reflect.DeepEqual(got, what) {
		c.t.Fatalf("got %.200q, want %.200q", c.got, what)
	}
	c.got = c.got[len(what):]
}

// next waits for a frame.
func (c *client) next() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	late := time.AfterFunc(20*time.Second, func() { c.note("(and then nothing for 20 s)") })
	defer late.Stop()
	for len(c.got) == 0 {
		c.news.Wait()
	}
	one := c.got[0]
	c.got = c.got[1:]
	return one
}

// none checks that nothing has come, in a bubble.
func (c *client) none() {
	c.t.Helper()
	synctest.Wait()
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.got) > 0 {
		c.t.Fatalf("got %q", c.got)
	}
}

const host = "localhost:6280"

func (b *harness) open(path string) *client {
	b.t.Helper()
	c, err := b.tryOpen(path, wire.Subprotocol)
	if err != nil {
		b.t.Fatal(err)
	}
	return c
}

// patience is for what a client waits for: longer than what a server under test takes to give somebody up.
const patience = 20 * time.Second

func (b *harness) tryOpen(path string, subprotocols ...string) (*client, error) {
	conn, err := relayclient.Dial(context.Background(), "ws://"+host, path, relayclient.Options{
		Origin: "https://notes.example", Subprotocols: append([]string{}, subprotocols...), Timeout: patience,
		Dial: func(context.Context, string, string) (net.Conn, error) { return b.dial(), nil },
	})
	if err != nil {
		return nil, err
	}
	c := &client{t: b.t, conn: conn, end: make(chan struct{})}
	c.news = sync.NewCond(&c.mu)
	go c.read()
	return c, nil
}

// refusedWith is the HTTP status in the place of a WebSocket, 0: there was none.
func refusedWith(err error) int {
	if refused := (*relayclient.DialError)(nil); errors.As(err, &refused) {
		return refused.StatusCode
	}
	return 0
}

func (c *client) send(f wire.RelayFrame) { c.conn.Send(f) }

func (c *client) data(body string) { c.conn.Data([]byte(body)) }

func (c *client) leave() {
	c.conn.SendClose()
	<-c.end
}

func key(n byte) ed25519.PrivateKey { return ed25519.NewKeyFromSeed(bytes.Repeat([]byte{n}, 32)) }

func channelPath(k ed25519.PrivateKey) string { return relayclient.ChannelPath(k) }

func (b *harness) join(k ed25519.PrivateKey, side uint8) *client {
	b.t.Helper()
	c := b.open("/some/prefix" + channelPath(k))
	c.conn.SendJoin(k, side)
	return c
}

func (b *harness) pair(mailbox byte, side uint8) *client {
	b.t.Helper()
	c := b.open(wire.PairPath([16]byte{mailbox}))
	c.conn.SendPair(side)
	return c
}

// couple is two clients on one channel.
func (b *harness) couple(k ed25519.PrivateKey) (x, y *client) {
	b.t.Helper()
	x = b.join(k, 0)
	x.want("JOINED false")
	y = b.join(k, 1)
	y.want("JOINED true")
	x.want("PEER true")
	return x, y
}
