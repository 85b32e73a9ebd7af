package native

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/masqdev/masq/core/relay"
	"github.com/masqdev/masq/core/wire"
)

// tightBuffer is a socket's buffer that holds little, so that a write is seldom taken whole.
const tightBuffer = 32 << 10

// tight is a TCP listener whose connections have tight buffers.
type tight struct{ net.Listener }

func (l tight) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err == nil {
		c.(*net.TCPConn).SetWriteBuffer(tightBuffer)
	}
	return c, err
}

// connected is a socket and its other end.
func connected(t *testing.T, s *Server) (*socket, net.Conn) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	other, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	other.(*net.TCPConn).SetReadBuffer(tightBuffer)
	conn, err := tight{l}.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close(); other.Close() })
	return &socket{stream: newStream(conn, &s.limits), from: new(address)}, other
}

// pushAll queues messages in a turn.
func (s *Server) pushAll(turn *turn, k *socket, all []message) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.turn, s.borrowed = turn, true
	for _, m := range all {
		s.push(k, m)
	}
	s.turn, s.borrowed = nil, false
}

// TestTurns: what a turn has for a socket arrives whole and in order, whether or not it is taken at once.
func TestTurns(t *testing.T) {
	const frameSize = 1000
	messages := func(from, n int) (all []message, sent []byte) {
		for i := range n {
			m := message{op: opBinary, data: bytes.Repeat([]byte(fmt.Sprintf("%04d", from+i)), frameSize/4)}
			all = append(all, m)
			sent = appendFrame(sent, m.op, m.data)
		}
		return all, sent
	}
	for name, c := range map[string]struct {
		full        bool // before
		first, then int  // messages of this turn, and of a later one
		closes      bool // with a close frame behind the later ones
		atOnce      bool
	}{
		"one, taken at once":                   {first: 1, atOnce: true},
		"taken at once, then again":            {first: 2, then: 2, atOnce: true},
		"closed at once":                       {first: 1, then: 1, closes: true, atOnce: true},
		"a part is taken":                      {first: 4000},
		"a part is taken, then more by others": {first: 4000, then: 100},
		"closed behind a part":                 {first: 4000, then: 1, closes: true},
		"nothing is taken":                     {full: true, first: 4000},
		"nothing is taken, then closed":        {full: true, first: 4000, then: 1, closes: true},
	} {
		t.Run(name, func(t *testing.T) {
			s := New(Options{Limits: relay.Limits{QueueBytes: 64 << 20}})
			k, other := connected(t, s)
			var want []byte
			if c.full {
				want = fill(t, k.stream)
			}
			turn := s.beginTurn()
			for i, n := range []int{c.first, c.then} {
				all, sent := messages(i*10_000, n)
				if want = append(want, sent...); i == 1 && c.closes {
					all, want = append(all, message{op: opClose, code: 4006}), appendClose(want, 4006)
				}
				s.pushAll(turn, k, all)
				turn.flush()
				for _, m := range all { // borrowed memory is used again after the turn
					clear(m.data)
				}
				s.mu.Lock()
				if k.writing == c.atOnce {
					t.Errorf("behind turn %d somebody writes: %v", i, k.writing)
				}
				s.mu.Unlock()
			}
			turn.end()
			got := make([]byte, len(want))
			if _, err := io.ReadFull(other, got); err != nil || !bytes.Equal(got, want) {
				t.Errorf("%v; the first difference is at byte %d of %d", err, firstDifference(got, want), len(want))
			}
			s.wg.Wait()
			if k.writing || k.queue != nil || k.bytes != 0 || k.turn != nil {
				t.Errorf("left: writing %v, %d messages, %d bytes", k.writing, len(k.queue), k.bytes)
			}
			if c.closes {
				k.stream.heardLast()
			} else {
				k.stream.Conn.Close()
			}
			if n, err := other.Read(got); n != 0 || err != io.EOF {
				t.Errorf("and then %d bytes, %v", n, err)
			}
		})
	}
}

// fill writes until nothing more is taken.
func fill(t *testing.T, c *stream) (sent []byte) {
	piece := bytes.Repeat([]byte("x"), 1<<10)
	for n := len(piece); n == len(piece); {
		if err := c.raw.Control(func(fd uintptr) { n = writeNow(fd, piece) }); err != nil {
			t.Fatal(err)
		}
		sent = append(sent, piece[:n]...)
	}
	return sent
}

func firstDifference(a, b []byte) int {
	for i := range a {
		if a[i] != b[i] {
			return i
		}
	}
	return len(a)
}

// TestTurnMeetsSlowReceiver: a receiver that takes nothing of what a turn left is dropped after limits.Slow, one that is gone at once.
func TestTurnMeetsSlowReceiver(t *testing.T) {
	for name, gone := range map[string]bool{"slow": false, "gone": true} {
		t.Run(name, func(t *testing.T) {
			s := New(Options{Limits: relay.Limits{QueueBytes: 64 << 20, Slow: 50}})
			k, other := connected(t, s)
			k.id = 1
			s.sockets[1] = k
			s.core.Step(nowMillis(), relay.Open{Conn: 1, Path: channelPath(key(1)), Host: host}, &s.out)
			s.out.Reset()
			fill(t, k.stream)
			if gone {
				other.Close()
			}
			turn := s.beginTurn()
			s.pushAll(turn, k, slices.Repeat([]message{{op: opBinary, data: make([]byte, 1000)}}, 4000))
			turn.end()
			s.wg.Wait()
			if slow := s.Stats().Ended[relay.Slow]; !k.dead || k.bytes != 0 || slow != 1 && !gone {
				t.Errorf("dead %v, %d bytes are left, %d were slow", k.dead, k.bytes, slow)
			}
		})
	}
}

// TestTurnIsOne: while a turn has a socket, what others have for it is queued behind and written with it.
func TestTurnIsOne(t *testing.T) {
	s := New(Options{})
	k, other := connected(t, s)
	one, two := s.beginTurn(), s.beginTurn()
	buffer := []byte("second")
	s.pushAll(one, k, []message{{op: opBinary, data: []byte("first")}})
	s.pushAll(two, k, []message{{op: opBinary, data: buffer}})
	two.end() // has nothing to write, and its buffer is used again
	copy(buffer, "XXXXXX")
	s.pushAll(nil, k, []message{{op: opText, data: []byte("third")}})
	one.end()
	s.wg.Wait()
	got := make([]byte, 22)
	if _, err := io.ReadFull(other, got); string(got) != "\x82\x05first\x82\x06second\x81\x05third" {
		t.Errorf("%q, %v", got, err)
	}
}

// TestNothingAllocated: what fills a reader's buffer and is passed on from one connection to another at once takes no memory.
func TestNothingAllocated(t *testing.T) {
	s := New(Options{})
	k, other := connected(t, s)
	turn := s.beginTurn()
	defer turn.end()
	all := slices.Repeat([]message{{op: opBinary, data: make([]byte, 256)}}, sharedBuffer/(4+256))
	got := make([]byte, len(all)*(4+256))
	pass := func() {
		s.pushAll(turn, k, all)
		turn.flush()
		if n, err := io.ReadFull(other, got); err != nil {
			t.Fatal(n, err)
		}
	}
	least := testing.AllocsPerRun(1, pass)
	for range 20 { // the race detector has pools forget now and then
		least = min(least, testing.AllocsPerRun(1, pass))
	}
	if least > 0 {
		t.Errorf("%.0f allocations", least)
	}
}

// TestBurst: many small messages that come at once, with heads and payloads over the ends of the buffers they are read into.
func TestBurst(t *testing.T) {
	for name, where := range map[string]func(*testing.T, Options, func(*harness)){"bubble": inBubble, "loopback": onLoopback} {
		t.Run(name, func(t *testing.T) {
			where(t, Options{}, func(b *harness) {
				x, y := b.couple(key(1))
				var burst strings.Builder
				var sent []string
				for i := range 2000 {
					sent = append(sent, "DATA "+fmt.Sprint(i)+strings.Repeat("x", i%119))
					burst.WriteString(frame(0x82, "\x00"+sent[i][5:]))
				}
				go io.WriteString(x.conn.NetConn(), burst.String())
				y.want(sent...)
			})
		})
	}
}

// TestOrder: messages and returns in both directions of many channels at once arrive as they were sent, over connections of each
// kind. Where buffers are tight, some are written by turns, others by goroutines, and some by both.
func TestOrder(t *testing.T) {
	raised := Options{Loopback: AddressLimits{Waiting: 1000, Joined: 1000, NewPerMinute: 100_000}, Limits: relay.Limits{QueueBytes: 100_000}}
	cert := httptest.NewTLSServer(nil)
	defer cert.Close()
	for name, kind := range map[string]struct {
		listen func(net.Listener) net.Listener
		dial   func(net.Conn) net.Conn
	}{
		"wide":  {func(l net.Listener) net.Listener { return l }, func(c net.Conn) net.Conn { return c }},
		"tight": {func(l net.Listener) net.Listener { return tight{l} }, func(c net.Conn) net.Conn { c.(*net.TCPConn).SetReadBuffer(tightBuffer); return c }},
		"TLS": {
			func(l net.Listener) net.Listener {
				return tls.NewListener(l, &tls.Config{Certificates: cert.TLS.Certificates})
			},
			func(c net.Conn) net.Conn { return tls.Client(c, &tls.Config{InsecureSkipVerify: true}) },
		},
	} {
		t.Run(name, func(t *testing.T) {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			b := newHarness(t, raised, kind.listen(l), func() net.Conn {
				c, err := net.Dial("tcp", l.Addr().String())
				if err != nil {
					t.Fatal(err)
				}
				return kind.dial(c)
			})
			defer b.end()
			var wg sync.WaitGroup
			for i := range 8 {
				x, y := b.couple(key(byte(i)))
				sent := someBodies(uint64(i))
				for _, way := range [][2]*client{{x, y}, {y, x}} {
					wg.Go(func() { way[0].sendAll(sent) })
					wg.Go(func() { way[1].wantAll(sent) })
				}
			}
			wg.Wait()
		})
	}
}

// someBodies are of sizes that are treated differently.
func someBodies(seed uint64) (all []string) {
	r := rand.New(rand.NewPCG(seed, 1))
	for j := range 60 {
		n := []int{r.IntN(200), r.IntN(5000), lendOver - 3 + r.IntN(6), wire.MaxFrame - 1 - r.IntN(3)}[r.IntN(4)]
		all = append(all, (fmt.Sprint(j) + strings.Repeat(string(rune('a'+r.IntN(26))), n))[:max(n, 2)])
	}
	return all
}

// sendAll sends bodies, and a ping behind each.
func (c *client) sendAll(bodies []string) {
	for _, body := range bodies {
		c.data(body)
		c.conn.Text("ping")
	}
}

// wantAll waits for bodies, and as many pongs, which come as they like.
func (c *client) wantAll(bodies []string) {
	var got []string
	for pongs := 0; pongs < len(bodies) || len(got) < len(bodies); {
		switch next := c.next(); next {
		case "pong":
			pongs++
		default:
			got = append(got, strings.TrimPrefix(next, "DATA "))
		}
	}
	if !slices.Equal(got, bodies) {
		c.t.Errorf("other bodies came, or in another order")
	}
}
