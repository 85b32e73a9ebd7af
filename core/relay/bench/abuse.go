package main

import (
	"bytes"
	"crypto/rand"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"slices"
	"sync/atomic"
	"time"

	"github.com/masqdev/masq/core/wire"
)

// The kinds of floods, and what one of each does.
var floods = []struct {
	name string
	one  func(s *server, n int)
}{
	{"half-open handshakes", func(s *server, n int) {
		if c, err := dialFrom(s, n); err == nil {
			c.Write([]byte("GET /v1/cha"))
			time.AfterFunc(3*time.Second, func() { c.Close() })
		}
	}},
	{"connections", func(s *server, n int) { closeSoon(upgrade(s, n, wire.ChannelPath(randomName()))) }},
	{"wrong signatures", func(s *server, n int) {
		if c := upgrade(s, n, wire.ChannelPath(randomName())); c != nil {
			c.Write(masked(opBinary, wire.AppendRelay(nil, &wire.RelayFrame{Type: wire.RelayJoin})))
			closeSoon(c)
		}
	}},
	{"nameplates", func(s *server, n int) {
		if c := upgrade(s, n, wire.NameplatePath("7K2")); c != nil {
			c.Write(masked(opBinary, wire.AppendRelay(nil, &wire.RelayFrame{Type: wire.RelayPair, Side: 1})))
			closeSoon(c)
		}
	}},
	{"malformed frames", func(s *server, n int) {
		if c := upgrade(s, n, wire.ChannelPath(randomName())); c != nil {
			c.Write(masked(opBinary, []byte{99, 1, 2, 3}))
			closeSoon(c)
		}
	}},
	{"oversized frames", func(s *server, n int) {
		if c := upgrade(s, n, wire.ChannelPath(randomName())); c != nil {
			c.Write(masked(opBinary, make([]byte, 60_000)))
			c.Write([]byte{0x82, 0xff, 0, 0, 0, 0, 0x7f, 0, 0, 0, 0, 0, 0, 0})
			closeSoon(c)
		}
	}},
	{"slow readers", func(s *server, n int) { slowReader(s) }},
}

// A pair's latency is measured in turns, without a flood and in it: what else the machine does meanwhile concerns both. The median of the
// turns counts, as one hiccup of the machine is one turn's 99th percentile, and of the ratio that of each turn to the one before it.
const (
	abuseTurns = 9
	abuseTurn  = 2 * time.Second
	abuseRate  = 500 // messages a second of the pair
)

// abuse measures a well-behaved pair's latency while others do what they should not, each kind for itself. The server has its
// default limits, so whoever floods does so from other loopback addresses than the pair.
func (b *bench) abuse(sys system) {
	sys.start = startDefault
	for kind, f := range floods {
		before := load()
		r, err := beside(sys, kind)
		b.note("flood: "+f.name, "masq", before, r, err)
	}
}

// beside measures beside one kind of flood.
func beside(sys system, kind int) (string, error) {
	s, err := serve(sys)
	if err != nil {
		return "", err
	}
	defer s.end(os.Kill)
	l, err := newLoop(across(s, s), 1, abuseRate)
	if err != nil {
		return "", err
	}
	var usual, flooded []*times
	turn := func() *times {
		t := newTimes(abuseRate, abuseTurn)
		time.Sleep(time.Second) // until it is as it will be
		l.counting.Store(t)
		time.Sleep(abuseTurn)
		l.counting.Store(nil)
		return t
	}
	many := 0
	for range abuseTurns {
		usual = append(usual, turn())
		f, err := startFlood(s, kind)
		if err != nil {
			l.end()
			return "", err
		}
		flooded = append(flooded, turn())
		many += f.end()
	}
	if err := l.end(slices.Concat(usual, flooded)...); err != nil {
		return "", err
	}
	return fmt.Sprintf("p50 %.2f ms, p99 %.2f ms; usually p50 %.2f ms, p99 %.2f ms; p99 × %.1f; %.0f floods a second",
		median(quantiles(flooded, 0.5)), median(quantiles(flooded, 0.99)), median(quantiles(usual, 0.5)), median(quantiles(usual, 0.99)),
		median(ratios(quantiles(flooded, 0.99), quantiles(usual, 0.99))), float64(many)/(abuseTurns*(abuseTurn+time.Second).Seconds())), nil
}

// quantiles are the turns' quantile, in ms.
func quantiles(turns []*times, p float64) (all []float64) {
	for _, t := range turns {
		all = append(all, t.quantile(p))
	}
	return all
}

// ratios are each turn's to that of the turn before it without the flood.
func ratios(is, was []float64) (all []float64) {
	for i := range is {
		all = append(all, is[i]/was[i])
	}
	return all
}

func median(all []float64) float64 {
	slices.Sort(all)
	return all[len(all)/2]
}

// aFlood is a flood: a process of its own that gets the processor when nobody else wants it, as the processor that floods are made
// with is not the server's, and here it is.
type aFlood struct {
	cmd  *exec.Cmd
	stop io.Closer
	out  bytes.Buffer
}

func startFlood(s *server, kind int) (*aFlood, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	f := &aFlood{cmd: exec.Command("chrt", "--idle", "0", self, "-flood", fmt.Sprint(kind), "-at", fmt.Sprint(s.port))}
	f.cmd.Stdout, f.cmd.Stderr = &f.out, os.Stderr
	if f.stop, err = f.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	return f, f.cmd.Start()
}

// end ends a flood and returns how many there were.
func (f *aFlood) end() (n int) {
	f.stop.Close()
	f.cmd.Wait()
	fmt.Sscan(f.out.String(), &n)
	return n
}

// beFlood is that process. It ends when its input does.
func beFlood(kind, port int) {
	s := &server{sys: systems()[0], port: port}
	var n atomic.Int64
	for w := range 4 {
		go func() {
			for i := w; ; i += 4 {
				floods[kind].one(s, i)
				n.Add(1)
				time.Sleep(2 * time.Millisecond)
			}
		}()
	}
	io.Copy(io.Discard, os.Stdin)
	fmt.Println(n.Load())
}

func startDefault(port int, more ...string) (*exec.Cmd, error) {
	return run(programs.masq, append([]string{"sync-server", "--listen", fmt.Sprint("127.0.0.1:", port)}, more...))
}

func randomName() (name [32]byte) {
	rand.Read(name[:])
	return name
}

// dialFrom dials from one of a few loopback addresses, so that the limits of one address do not stop all of it.
func dialFrom(s *server, n int) (net.Conn, error) {
	d := net.Dialer{Timeout: 2 * time.Second, LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 1, byte(n%8))}}
	return d.Dial("tcp", fmt.Sprint("127.0.0.1:", s.port))
}

// upgrade makes a WebSocket handshake and does not look at the answer.
func upgrade(s *server, n int, path string) net.Conn {
	c, err := dialFrom(s, n)
	if err != nil {
		return nil
	}
	fmt.Fprintf(c, "GET %s HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"+
		"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Protocol: %s\r\n\r\n", path, wire.Subprotocol)
	c.SetReadDeadline(time.Now().Add(2 * time.Second))
	c.Read(make([]byte, 512))
	return c
}

func closeSoon(c net.Conn) {
	if c != nil {
		time.AfterFunc(20*time.Millisecond, func() { c.Close() })
	}
}

// masked is a WebSocket frame of a client's, with a mask of zeros.
func masked(op byte, body []byte) []byte {
	head := []byte{0x80 | op, 0x80 | byte(len(body))}
	if len(body) > 125 {
		head = []byte{0x80 | op, 0x80 | 126, byte(len(body) >> 8), byte(len(body))}
	}
	return append(append(head, 0, 0, 0, 0), body...)
}

// slowReader is a pair of which one side sends a lot and the other reads nothing.
func slowReader(s *server) {
	all, err := pairs(s, s, 1, func(int) func([]byte) { return func([]byte) { time.Sleep(time.Second) } })
	if err == nil {
		end := time.AfterFunc(time.Second, func() { closeAll(all) })
		for range 40 {
			if all[0][0].send(make([]byte, 60_000)) != nil {
				break
			}
		}
		end.Stop()
	}
	closeAll(all)
}
