package native

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/masqdev/masq/core/relay"
	"github.com/masqdev/masq/core/wire"
)

func TestChannel(t *testing.T) {
	inBubble(t, Options{}, func(b *harness) {
		x, y := b.couple(key(1))
		large := strings.Repeat("x", wire.MaxFrame-1)
		x.data("one")
		x.data("")
		x.data(large)
		y.want("DATA one", "DATA ", "DATA "+large)
		y.data("two")
		x.want("DATA two")
		x.conn.Text("ping")
		x.want("pong")
		x.conn.PingFrame([]byte("p"))
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
	inBubble(t, Options{}, func(b *harness) {
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
		return func(c *client) { c.conn.Binary(b) }
	}
	cases := []struct {
		name string
		do   func(*client)
		want []string
	}{
		{"text", func(c *client) { c.conn.Text("hello") }, []string{"E_FRAME", "closed 4009"}},
		{"garbage", binary(99), []string{"E_FRAME", "closed 4009"}},
		{"empty", binary(), []string{"E_FRAME", "closed 4009"}},
		{"DATA before JOIN", binary(0, 1), []string{"E_FRAME", "closed 4009"}},
		{"bad signature", func(c *client) { c.send(wire.RelayFrame{Type: wire.RelayJoin}) }, []string{"E_AUTH", "closed 4002"}},
		{"signed for another host", func(c *client) {
			c.send(wire.JoinFrame(k, "localhost", c.conn.Hello.Nonce, 0))
		}, []string{"E_AUTH", "closed 4002"}},
		{"replayed", func(c *client) {
			c.send(wire.JoinFrame(k, host, [32]byte{1}, 0))
		}, []string{"E_AUTH", "closed 4002"}},
	}
	for name, where := range map[string]func(*testing.T, Options, func(*harness)){"bubble": inBubble, "loopback": onLoopback} {
		for _, c := range cases {
			t.Run(name+"/"+c.name, func(t *testing.T) {
				where(t, Options{}, func(b *harness) {
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
		onLoopback(t, Options{}, func(b *harness) {
			x, y := b.couple(key(2))
			z := b.join(key(1), 0)
			z.want("JOINED false")
			go z.conn.Binary(make([]byte, size)) // it may block: nobody reads all of it
			z.want("E_TOOBIG", "closed 4006")
			x.data("still here")
			y.want("DATA still here")
			if n := b.s.Stats().Ended[relay.TooBig]; n != 1 {
				t.Errorf("counted %d", n)
			}
		})
	}
}

// TestLastWord: the connection stands until the other end has said its last, else a proxy in between would lose the close frame.
func TestLastWord(t *testing.T) {
	const masked = 0x80
	none := []byte{0, 0, 0, 0} // the mask
	size := wire.MaxFrame + 1
	big := append([]byte{0x82, masked | 127, 0, 0, 0, 0, byte(size >> 24), byte(size >> 16), byte(size >> 8), byte(size)}, none...)
	bye := append([]byte{0x88, masked | 2}, append(none, 4006>>8, 4006&0xff)...)
	for name, c := range map[string]struct{ first, rest []byte }{
		"too big":   {append(slices.Clone(big), 1), append(make([]byte, size-1), bye...)},
		"no frames": {append([]byte{0x82, masked | 1}, append(none, 99)...), append(slices.Clone(big), append(make([]byte, size), bye...)...)},
	} {
		t.Run(name, func(t *testing.T) {
			onLoopback(t, Options{}, func(b *harness) {
				conn := b.raw(channelPath(key(1)))
				if _, err := conn.Write(c.first); err != nil {
					t.Fatal(err)
				}
				got := make([]byte, 1<<10)
				n := 0
				for !bytes.Contains(got[:n], []byte{0x88, 2}) {
					m, err := conn.Read(got[n:])
					if err != nil {
						t.Fatalf("%x: %v", got[:n], err)
					}
					n += m
				}
				conn.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
				if _, err := conn.Read(got); !errors.Is(err, os.ErrDeadlineExceeded) {
					t.Errorf("before this end has said its last: %v", err)
				}
				conn.SetReadDeadline(time.Time{})
				if _, err := conn.Write(c.rest); err != nil {
					t.Fatal(err)
				}
				if n, err := conn.Read(got); err != io.EOF {
					t.Errorf("then: %x, %v", got[:n], err)
				}
			})
		})
	}
}

// raw is a WebSocket handshake without a client behind it.
func (b *harness) raw(path string) net.Conn {
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
			inBubble(t, Options{}, func(b *harness) {
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
	inBubble(t, Options{}, func(b *harness) {
		x, y := b.couple(key(1))
		late := b.open(channelPath(key(2)))
		start := time.Now()
		late.want("E_EXPIRED", "closed 4003")
		if d := time.Since(start); d < 5*time.Second || d > 7*time.Second {
			t.Errorf("a connection without a JOIN ended after %v", d)
		}
		for range 3 { // y pings, x is silent
			time.Sleep(25 * time.Second)
			y.conn.Text("ping")
			y.want("pong")
		}
		time.Sleep(20 * time.Second)
		x.want("E_EXPIRED", "closed 4003")
		y.want("PEER false")
	})
}

func TestSlowReceiverIsDropped(t *testing.T) {
	inBubble(t, Options{}, func(b *harness) {
		k := key(1)
		x := b.join(k, 0)
		x.want("JOINED false")
		y := b.join(k, 1)
		y.want("JOINED true")
		x.want("PEER true")
		unblock := y.block()
		start := time.Now()
		for _, body := range []string{"a", "b"} {
			x.data(body)
			synctest.Wait() // y has read it, and reads no more than both; else the next ones might come with it
		}
		x.data("c")
		x.data("d")
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
	inBubble(t, Options{Limits: relay.Limits{QueueBytes: 1000, SlowBytes: 200}}, func(b *harness) {
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
	inBubble(t, Options{Limits: relay.Limits{BytesPerSecond: 10_000}}, func(b *harness) {
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
	inBubble(t, Options{PerAddress: AddressLimits{Waiting: 2, Joined: 3, NewPerMinute: 10}}, func(b *harness) {
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
	at := func(remote string) *address { return s.address(parseRemote(remote)) }
	same := func(a, b string) bool { return at(a) == at(b) }
	if !same("[2001:db8::1]:1", "[2001:db8::ffff:2]:2") || same("[2001:db8::1]:1", "[2001:db8:0:1::1]:1") {
		t.Error("an IPv6 /64 counts as one")
	}
	if !same("192.0.2.1:1", "[::ffff:192.0.2.1]:9") || same("192.0.2.1:1", "192.0.2.2:1") {
		t.Error("an IPv4 address counts as one, however it is written")
	}
	if at("192.0.2.1:1").limits != (AddressLimits{64, 5, 4096, 600, 10}) || at("[::1]:1").limits != (AddressLimits{64, 50, 4096, 600, 10}) {
		t.Error("limits")
	}
	a := at("192.0.2.1:1")
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

// TestWildcards: a channel's name that NATS would take for many names, or for part of another, is none.
func TestWildcards(t *testing.T) {
	inBubble(t, Options{}, func(b *harness) {
		good := strings.TrimPrefix(channelPath(key(1)), "/v1/channel/")
		names := []string{
			"*", ">", "*.>", good[:42] + "*", good[:42] + ">", good[:42] + ".", "%2A", good[:40] + "%2A", good + ".*", good + "/>", good[:42] + "%00", good[:42] + "%0A",
		}
		for _, name := range names {
			if _, err := b.tryOpen("/v1/channel/"+name, wire.Subprotocol); refusedWith(err) != 404 {
				t.Errorf("%s: %v", name, err)
			}
		}
		if n := b.s.refused[noSuchPath].Load(); n != uint64(len(names)) {
			t.Errorf("%d of %d are counted", n, len(names))
		}
	})
}

func TestRequests(t *testing.T) {
	inBubble(t, Options{}, func(b *harness) {
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
		for _, sub := range [][]string{{}, {"masq.relay.v2"}} {
			if _, err := b.tryOpen(channelPath(key(1)), sub...); refusedWith(err) != 400 {
				t.Errorf("subprotocol %q: %v", sub, err)
			}
		}
		c, err := b.tryOpen(channelPath(key(1)), "other", wire.Subprotocol)
		if err != nil || c.conn.Subprotocol() != wire.Subprotocol {
			t.Errorf("subprotocol among others: %v", err)
		}
	})
}

func TestShutdownSaysRestarting(t *testing.T) {
	inBubble(t, Options{}, func(b *harness) {
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
	inBubble(t, Options{Tap: tap}, func(b *harness) {
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
	onLoopback(t, Options{Loopback: raised}, func(b *harness) {
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
