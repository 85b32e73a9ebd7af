package native

import (
	"net"
	"sync"
	"testing"
	"testing/synctest"
	"time"
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
func (p *pipes) Addr() net.Addr { return &net.TCPAddr{Port: 6277} }

func (p *pipes) dial() net.Conn {
	here, there := net.Pipe()
	p.conns <- there
	return here
}

// inBubble runs a test against a store whose time is virtual. tcp and unix are the ways to it.
func inBubble(t *testing.T, test func(b *harness, tcp, unix *pipes)) {
	dir := shortDir(t)
	synctest.Test(t, func(t *testing.T) {
		s, err := New(Options{Dir: dir, NoKeyring: true})
		if err != nil {
			t.Fatal(err)
		}
		s.unix.Close()
		tcp, unix := newPipes(), newPipes()
		s.unix = unix
		b := &harness{t: t, s: s, dir: dir, port: 6277}
		b.serve(tcp)
		defer b.stop()
		test(b, tcp, unix)
	})
}

func TestHalfOpen(t *testing.T) {
	inBubble(t, func(b *harness, tcp, unix *pipes) {
		start := time.Now()
		idle := b.dialOver(tcp.dial(), true)
		if code := idle.end(); code != 4003 || time.Since(start) < 10*time.Second || time.Since(start) > 15*time.Second {
			t.Errorf("who did not come in was closed with %d after %v", code, time.Since(start))
		}

		asks := func(answers bool) *rpc {
			r := b.dialOver(tcp.dial(), answers)
			id, _ := r.ask("org.example.a", b.port, object{"id": "org.example.a", "app": object{"name": "A"}})
			b.allowBy(b.adminOver(unix.dial()), "org.example.a")
			r.answer(id, nil)
			return r
		}
		alive, dead := asks(true), asks(false)
		start = time.Now()
		if dead.end(); time.Since(start) < deadAfter-time.Second || time.Since(start) > deadAfter+10*time.Second {
			t.Errorf("who does not answer was closed after %v", time.Since(start))
		}
		time.Sleep(10 * time.Minute)
		if code := alive.call("get", object{"key": "a"}, nil); code != "" {
			t.Errorf("who answers is closed: %s", code)
		}
	})
}

func TestSilentHandshake(t *testing.T) {
	inBubble(t, func(b *harness, tcp, _ *pipes) {
		start, conn := time.Now(), tcp.dial()
		conn.Write([]byte("GET /v1 HTTP/1.1\r\n"))
		if _, err := conn.Read(make([]byte, 1)); err == nil || time.Since(start) > 2*headerTimeout {
			t.Errorf("%v after %v", err, time.Since(start))
		}
	})
}
