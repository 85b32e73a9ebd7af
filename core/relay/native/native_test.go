package native

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"reflect"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lxzan/gws"

	"github.com/masqdev/masq/core/relay"
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

// bed is a server with a way to it.
type bed struct {
	t    *testing.T
	s    *Server
	dial func() net.Conn
	stop func()
}

// inBubble runs a test against a server in a synctest bubble: time is virtual. At the end it stops the server and checks that
// nothing is left in it.
func inBubble(t *testing.T, opt Options, test func(*bed)) {
	synctest.Test(t, func(t *testing.T) {
		p := newPipes()
		b := newBed(t, opt, p, func() net.Conn { return p.dial(t) })
		defer b.end()
		test(b)
	})
}

// onLoopback does the same over TCP, in real time.
func onLoopback(t *testing.T, opt Options, test func(*bed)) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	b := newBed(t, opt, l, func() net.Conn {
		c, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		return c
	})
	defer b.end()
	test(b)
}

func newBed(t *testing.T, opt Options, l net.Listener, dial func() net.Conn) *bed {
	ctx, cancel := context.WithCancel(t.Context())
	b := &bed{t: t, s: New(opt), dial: dial}
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

func (b *bed) end() {
	b.stop()
	b.s.sweep(time.Now().Add(time.Hour))
	st := b.s.Stats()
	if n := len(b.s.sockets) + len(b.s.addresses) + st.Waiting + st.Joined + st.Channels + st.Mailboxes; n != 0 {
		b.t.Errorf("%d things are left: %+v", n, st)
	}
}

// client is a WebSocket client that writes down what it gets.
type client struct {
	t     *testing.T
	ws    *gws.Conn
	end   chan struct{} // closed when the socket is
	mu    sync.Mutex
	news  *sync.Cond
	got   []string // frames not yet wanted
	nonce [32]byte
	code  uint16
	gate  chan struct{} // when not nil, the reader waits here behind each frame
}

// block makes the client read no more than one frame further, until the answer is called.
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

func (c *client) OnOpen(*gws.Conn)         {}
func (c *client) OnPing(*gws.Conn, []byte) {}
func (c *client) OnPong(_ *gws.Conn, p []byte) {
	c.note("pong frame " + string(p))
}

func (c *client) OnClose(_ *gws.Conn, err error) {
	var ce *gws.CloseError
	if errors.As(err, &ce) {
		c.code = ce.Code
	}
	c.note(fmt.Sprint("closed ", c.code))
	close(c.end)
}

func (c *client) OnMessage(_ *gws.Conn, m *gws.Message) {
	defer m.Close()
	if m.Opcode == gws.OpcodeText {
		c.note(string(m.Bytes()))
		return
	}
	f, err := wire.ParseRelay(m.Bytes())
	switch {
	case err != nil:
		c.note(err.Error())
	case f.Type == wire.RelayHello:
		c.mu.Lock()
		c.nonce = f.Nonce
		c.mu.Unlock()
		c.note("HELLO")
	case f.Type == wire.RelayData:
		c.note("DATA " + string(f.Body))
	case f.Type == wire.RelayJoined:
		c.note(fmt.Sprint("JOINED ", f.Present))
	case f.Type == wire.RelayPeer:
		c.note(fmt.Sprint("PEER ", f.Present))
	case f.Type == wire.RelayErr:
		c.note(f.Code.String())
	case f.Type == wire.RelayRestarting:
		c.note("RESTARTING")
	}
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

func (b *bed) open(path string) *client {
	b.t.Helper()
	c, resp, err := b.tryOpen(path, wire.Subprotocol)
	if err != nil {
		b.t.Fatalf("%v: %v", err, resp)
	}
	c.want("HELLO")
	return c
}

func (b *bed) tryOpen(path, subprotocol string) (*client, *http.Response, error) {
	c := &client{t: b.t, end: make(chan struct{})}
	c.news = sync.NewCond(&c.mu)
	header := http.Header{"Origin": {"https://notes.example"}}
	if subprotocol != "" {
		header.Set("Sec-WebSocket-Protocol", subprotocol)
	}
	ws, resp, err := gws.NewClientFromConn(c, &gws.ClientOption{Addr: "ws://" + host + path, RequestHeader: header}, b.dial())
	if err != nil {
		return nil, resp, err
	}
	c.ws = ws
	go ws.ReadLoop()
	return c, resp, nil
}

func (c *client) send(f wire.RelayFrame) {
	c.ws.WriteMessage(gws.OpcodeBinary, wire.AppendRelay(nil, &f))
}

func (c *client) data(body string) { c.send(wire.RelayFrame{Type: wire.RelayData, Body: []byte(body)}) }

func (c *client) leave() {
	c.ws.WriteClose(1000, nil)
	<-c.end
}

func key(n byte) ed25519.PrivateKey { return ed25519.NewKeyFromSeed(bytes.Repeat([]byte{n}, 32)) }

func channelPath(k ed25519.PrivateKey) string {
	return wire.ChannelPath([32]byte(k.Public().(ed25519.PublicKey)))
}

func (b *bed) join(k ed25519.PrivateKey, side uint8) *client {
	b.t.Helper()
	c := b.open("/some/prefix" + channelPath(k))
	c.send(wire.RelayFrame{Type: wire.RelayJoin, Side: side, Sig: wire.SignJoin(k, host, c.nonce, side)})
	return c
}

func (b *bed) pair(mailbox byte, side uint8) *client {
	b.t.Helper()
	c := b.open(wire.PairPath([16]byte{mailbox}))
	c.send(wire.RelayFrame{Type: wire.RelayPair, Side: side})
	return c
}

// couple is two clients on one channel.
func (b *bed) couple(k ed25519.PrivateKey) (x, y *client) {
	b.t.Helper()
	x = b.join(k, 0)
	x.want("JOINED false")
	y = b.join(k, 1)
	y.want("JOINED true")
	x.want("PEER true")
	return x, y
}

func TestChannel(t *testing.T) {
	inBubble(t, Options{}, func(b *bed) {
		x, y := b.couple(key(1))
		large := strings.Repeat("x", wire.MaxFrame-1)
		x.data("one")
		x.data("")
		x.data(large)
		y.want("DATA one", "DATA ", "DATA "+large)
		y.data("two")
		x.want("DATA two")
		x.ws.WriteString("ping")
		x.want("pong")
		x.ws.WritePing([]byte("p"))
		x.want("pong frame p")

		z := b.join(key(1), 0)
		x.want("E_REPLACED", "closed 4008")
		z.want("JOINED true")
		y.want("PEER true")
		y.leave()
		z.want("PEER false")
		z.leave()
		synctest.Wait()
		if st := b.s.Stats(); st.Frames != 4 || st.Joined != 0 || st.Channels != 0 {
			t.Errorf("counted %+v", st)
		}
	})
}

func TestMailboxOfTwo(t *testing.T) {
	inBubble(t, Options{}, func(b *bed) {
		x := b.pair(1, 0)
		x.want("JOINED false")
		y := b.pair(1, 1)
		y.want("JOINED true")
		x.want("PEER true")
		third := b.pair(1, 1)
		third.want("E_CROWDED", "closed 4004")
		x.none()
		y.none()
		x.data("H0")
		y.want("DATA H0")
		y.leave()
		x.want("PEER false", "closed 1000")
	})
}

// TestAbuse runs over TCP too: there, closing too early makes the other end lose why.
func TestAbuse(t *testing.T) {
	k := key(1)
	binary := func(b ...byte) func(*client) {
		return func(c *client) { c.ws.WriteMessage(gws.OpcodeBinary, b) }
	}
	cases := []struct {
		name string
		do   func(*client)
		want []string
	}{
		{"text", func(c *client) { c.ws.WriteString("hello") }, []string{"E_FRAME", "closed 4009"}},
		{"garbage", binary(99), []string{"E_FRAME", "closed 4009"}},
		{"empty", binary(), []string{"E_FRAME", "closed 4009"}},
		{"DATA before JOIN", binary(0, 1), []string{"E_FRAME", "closed 4009"}},
		{"bad signature", func(c *client) { c.send(wire.RelayFrame{Type: wire.RelayJoin}) }, []string{"E_AUTH", "closed 4002"}},
		{"signed for another host", func(c *client) {
			c.send(wire.RelayFrame{Type: wire.RelayJoin, Sig: wire.SignJoin(k, "localhost", c.nonce, 0)})
		}, []string{"E_AUTH", "closed 4002"}},
		{"replayed", func(c *client) {
			c.send(wire.RelayFrame{Type: wire.RelayJoin, Sig: wire.SignJoin(k, host, [32]byte{1}, 0)})
		}, []string{"E_AUTH", "closed 4002"}},
	}
	for name, where := range map[string]func(*testing.T, Options, func(*bed)){"bubble": inBubble, "loopback": onLoopback} {
		for _, c := range cases {
			t.Run(name+"/"+c.name, func(t *testing.T) {
				where(t, Options{}, func(b *bed) {
					x, y := b.couple(key(2)) // who is not disturbed
					z := b.open(channelPath(k))
					c.do(z)
					z.want(c.want...)
					x.data("still here")
					y.want("DATA still here")
				})
			})
		}
	}
}

// TestTooBig runs over TCP only: a pipe has no half-close, and what is still being written fails before the close frame is read.
func TestTooBig(t *testing.T) {
	for _, size := range []int{wire.MaxFrame + 1, 1 << 20, 8 << 20} {
		onLoopback(t, Options{}, func(b *bed) {
			x, y := b.couple(key(2))
			z := b.join(key(1), 0)
			z.want("JOINED false")
			go z.ws.WriteMessage(gws.OpcodeBinary, make([]byte, size)) // it may block: nobody reads all of it
			z.want("E_TOOBIG", "closed 4006")
			x.data("still here")
			y.want("DATA still here")
			if n := b.s.Stats().Ended[relay.TooBig]; n != 1 {
				t.Errorf("counted %d", n)
			}
		})
	}
}

// raw is a WebSocket handshake without a client behind it.
func (b *bed) raw(path string) net.Conn {
	b.t.Helper()
	c := b.dial()
	fmt.Fprintf(c, "GET %s HTTP/1.1\r\nHost: %s\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"+
		"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Protocol: %s\r\n\r\n", path, host, wire.Subprotocol)
	var header []byte
	for !bytes.HasSuffix(header, []byte("\r\n\r\n")) {
		var one [1]byte
		if _, err := c.Read(one[:]); err != nil {
			b.t.Fatal(err)
		}
		header = append(header, one[0])
	}
	if !bytes.HasPrefix(header, []byte("HTTP/1.1 101 ")) {
		b.t.Fatalf("%s", header)
	}
	return c
}

func TestBrokenFrames(t *testing.T) {
	for name, frame := range map[string]string{
		"negative length":     "\x82\xff\xff\xff\xff\xff\xff\xff\xff\xff0000",
		"unmasked":            "\x82\x01\x00",
		"reserved bits":       "\xf2\x80\x00\x00\x00\x00",
		"reserved opcode":     "\x83\x80\x00\x00\x00\x00",
		"a lone continuation": "\x80\x80\x00\x00\x00\x00",
		"a long ping":         "\x89\xfe\x00\xff\x00\x00\x00\x00",
		"a cut header":        "\x82",
		"not WebSocket":       "GET / HTTP/1.1\r\n\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, Options{}, func(b *bed) {
				x, y := b.couple(key(2))
				c := b.raw(channelPath(key(1)))
				go func() { io.WriteString(c, frame) }()
				io.Copy(io.Discard, c) // the server closes, at the latest when no JOIN came
				x.data("still here")
				y.want("DATA still here")
			})
		})
	}
}

func TestHalfOpen(t *testing.T) {
	inBubble(t, Options{}, func(b *bed) {
		x, y := b.couple(key(1))
		late := b.open(channelPath(key(2)))
		start := time.Now()
		late.want("E_EXPIRED", "closed 4003")
		if d := time.Since(start); d < 5*time.Second || d > 7*time.Second {
			t.Errorf("a connection without a JOIN ended after %v", d)
		}
		for range 3 { // y pings, x is silent
			time.Sleep(25 * time.Second)
			y.ws.WriteString("ping")
			y.want("pong")
		}
		time.Sleep(20 * time.Second)
		x.want("E_EXPIRED", "closed 4003")
		y.want("PEER false")
	})
}

func TestSlowReceiverIsDropped(t *testing.T) {
	inBubble(t, Options{}, func(b *bed) {
		k := key(1)
		x := b.join(k, 0)
		x.want("JOINED false")
		y := b.join(k, 1)
		y.want("JOINED true")
		x.want("PEER true")
		unblock := y.block()
		start := time.Now()
		x.data("a")
		x.data("b")
		x.data("c")
		x.want("PEER false")
		unblock()
		if d := time.Since(start); d < 10*time.Second || d > 12*time.Second {
			t.Errorf("dropped after %v", d)
		}
		<-y.end
		synctest.Wait()
		if n := b.s.Stats().Ended[relay.Slow]; n != 1 {
			t.Errorf("counted %d slow ones", n)
		}
	})
}

// TestSlowReceiverSlowsItsSender: more than the queue holds goes through to a receiver that takes a little now and then.
func TestSlowReceiverSlowsItsSender(t *testing.T) {
	inBubble(t, Options{Limits: relay.Limits{QueueBytes: 1000}}, func(b *bed) {
		x, y := b.couple(key(1))
		const frames = 60
		sent := make(chan struct{})
		go func() {
			for i := range frames {
				x.data(fmt.Sprint(i, strings.Repeat(".", 100)))
			}
			close(sent)
		}()
		for i := range frames {
			unblock := y.block()
			time.Sleep(time.Second)
			unblock()
			y.want("DATA " + fmt.Sprint(i, strings.Repeat(".", 100)))
		}
		<-sent
	})
}

func TestRateDelaysReading(t *testing.T) {
	inBubble(t, Options{Limits: relay.Limits{BytesPerSecond: 10_000}}, func(b *bed) {
		x, y := b.couple(key(1))
		start := time.Now()
		for range 60 {
			x.data(strings.Repeat("x", 1000))
		}
		for range 60 {
			y.want("DATA " + strings.Repeat("x", 1000))
		}
		if d := time.Since(start); d < 4*time.Second || d > 7*time.Second {
			t.Errorf("60 kB at 10 kB/s took %v", d)
		}
	})
}

func TestAddressLimits(t *testing.T) {
	inBubble(t, Options{PerAddress: AddressLimits{Waiting: 2, Joined: 3, NewPerMinute: 10}}, func(b *bed) {
		path := channelPath(key(1))
		one, two := b.open(path), b.open(path)
		for range 2 { // told, and not even waited for
			c := b.open(path)
			c.want("E_RATE", "closed 4005")
		}
		one.leave()
		two.leave()
		synctest.Wait()
		var all []*client
		for i := range 3 {
			c := b.join(key(byte(10+i)), 0)
			c.want("JOINED false")
			all = append(all, c)
		}
		c := b.open(path)
		c.want("E_RATE", "closed 4005")
		for _, c := range all {
			c.leave()
		}
		synctest.Wait()
		for range 5 { // five are left of the minute's ten
			b.open(path).leave()
			synctest.Wait()
		}
		b.open(path).want("E_RATE", "closed 4005")
		time.Sleep(7 * time.Second)
		b.open(path).leave()
	})
}

func TestAddressesAreGrouped(t *testing.T) {
	s := New(Options{PerAddress: AddressLimits{Waiting: 5}, Loopback: AddressLimits{Waiting: 50}})
	same := func(a, b string) bool { return s.address(a) == s.address(b) }
	if !same("[2001:db8::1]:1", "[2001:db8::ffff:2]:2") || same("[2001:db8::1]:1", "[2001:db8:0:1::1]:1") {
		t.Error("an IPv6 /64 counts as one")
	}
	if !same("192.0.2.1:1", "[::ffff:192.0.2.1]:9") || same("192.0.2.1:1", "192.0.2.2:1") {
		t.Error("an IPv4 address counts as one, however it is written")
	}
	if s.address("192.0.2.1:1").limits != (AddressLimits{5, 4096, 600}) || s.address("[::1]:1").limits != (AddressLimits{50, 4096, 600}) {
		t.Error("limits")
	}
	a := s.address("192.0.2.1:1")
	for range 2 * 5 {
		a.admit(time.Now())
	}
	if a.admit(time.Now()) != turnedAway {
		t.Error("turned away when twice as many wait as may")
	}
	for range 2 * 5 {
		a.leave(false)
	}
	s.sweep(time.Now().Add(time.Minute))
	if len(s.addresses) != 0 {
		t.Errorf("%d addresses are kept", len(s.addresses))
	}
}

func TestRequests(t *testing.T) {
	inBubble(t, Options{}, func(b *bed) {
		h := http.Client{Transport: &http.Transport{
			DialContext:       func(context.Context, string, string) (net.Conn, error) { return b.dial(), nil },
			DisableKeepAlives: true,
		}}
		for _, c := range []struct {
			method, path string
			status       int
			body         string
		}{
			{"GET", "/", 200, "Sync Server"},
			{"GET", "/livez", 200, "ok"},
			{"GET", "/other", 404, ""},
			{"GET", "/v1/channel/short", 404, ""},
			{"GET", channelPath(key(1)), 426, ""},
			{"POST", channelPath(key(1)), 426, ""},
		} {
			req, _ := http.NewRequest(c.method, "http://"+host+c.path, nil)
			resp, err := h.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			body, _ := io.ReadAll(resp.Body)
			resp.Body.Close()
			if resp.StatusCode != c.status || !strings.Contains(string(body), c.body) {
				t.Errorf("%s %s: %d %s", c.method, c.path, resp.StatusCode, body)
			}
		}
		for _, sub := range []string{"", "masq.relay.v2"} {
			if _, resp, err := b.tryOpen(channelPath(key(1)), sub); err == nil || resp.StatusCode != 400 {
				t.Errorf("subprotocol %q: %v, %v", sub, resp, err)
			}
		}
		c, _, err := b.tryOpen(channelPath(key(1)), "other, "+wire.Subprotocol)
		if err != nil || c.ws.SubProtocol() != wire.Subprotocol {
			t.Errorf("subprotocol among others: %v", err)
		}
	})
}

func TestShutdownSaysRestarting(t *testing.T) {
	inBubble(t, Options{}, func(b *bed) {
		x, y := b.couple(key(1))
		stuck := b.raw(channelPath(key(2))) // reads nothing, so it has to be cut
		start := time.Now()
		b.stop()
		if d := time.Since(start); d > 4*time.Second {
			t.Errorf("stopping took %v", d)
		}
		for _, c := range []*client{x, y} {
			c.want("RESTARTING", "closed 1012")
		}
		stuck.Close()
	})
}

func TestTapSeesBodies(t *testing.T) {
	var seen []string
	tap := func(side byte, body []byte) []byte {
		seen = append(seen, fmt.Sprint(side, string(body)))
		return bytes.ToUpper(body)
	}
	inBubble(t, Options{Tap: tap}, func(b *bed) {
		x, y := b.couple(key(1))
		x.data("a")
		y.want("DATA A")
		y.data("b")
		x.want("DATA B")
	})
	if want := []string{"0a", "1b"}; !reflect.DeepEqual(seen, want) {
		t.Errorf("saw %q", seen)
	}
}

func TestListenOnLocalhost(t *testing.T) {
	ls, err := Listen("localhost:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		for _, l := range ls {
			l.Close()
		}
	}()
	ports := map[int]bool{}
	for _, l := range ls {
		a := l.Addr().(*net.TCPAddr)
		if !a.IP.IsLoopback() {
			t.Errorf("listens on %v", a)
		}
		ports[a.Port] = true
	}
	if len(ports) != 1 {
		t.Errorf("ports %v", ports)
	}
	if again, err := Listen(ls[0].Addr().String()); err == nil {
		again[0].Close()
		t.Error("a port in use was taken")
	}
	if _, err := Listen("nonsense"); err == nil {
		t.Error("an address without a port was taken")
	}
}

// TestManyComeAndGo is for the race detector, over TCP.
func TestManyComeAndGo(t *testing.T) {
	raised := AddressLimits{Waiting: 1000, Joined: 1000, NewPerMinute: 100_000}
	onLoopback(t, Options{Loopback: raised}, func(b *bed) {
		var wg sync.WaitGroup
		for i := range 16 {
			wg.Go(func() {
				for j := range 5 {
					x, y := b.couple(key(byte(5*i + j)))
					for range 20 {
						x.data("x")
						y.data("y")
					}
					for range 20 {
						y.want("DATA x")
						x.want("DATA y")
					}
					x.leave()
					y.want("PEER false")
					y.leave()
				}
			})
		}
		wg.Wait()
	})
}
