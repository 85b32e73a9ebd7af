package main

import (
	"crypto/rand"
	"fmt"
	"net"
	"os"
	"os/exec"
	"sync"
	"time"

	"github.com/masqdev/masq/core/wire"
)

// abuse measures a well-behaved pair's latency while others do what they should not, each kind for itself. The server has its
// default limits, so whoever floods does so from other loopback addresses than the pair.
func (b *bench) abuse(sys system) {
	sys.start = startDefault
	for _, a := range []struct {
		name  string
		flood func(s *server, n int) // once; it is called again and again
	}{
		{"nobody", nil},
		{"half-open handshakes", func(s *server, n int) {
			if c, err := dialFrom(s, n); err == nil {
				c.Write([]byte("GET /v1/cha"))
				time.AfterFunc(3*time.Second, func() { c.Close() })
			}
		}},
		{"connections", func(s *server, n int) { closeSoon(upgrade(s, n, wire.ChannelPath(randomName()))) }},
		{"wrong signatures", func(s *server, n int) {
			if c := upgrade(s, n, wire.ChannelPath(randomName())); c != nil {
				c.Write(masked(2, append([]byte{byte(wire.RelayJoin), 0}, make([]byte, 64)...)))
				closeSoon(c)
			}
		}},
		{"nameplates", func(s *server, n int) {
			if c := upgrade(s, n, wire.NameplatePath("7K2")); c != nil {
				c.Write(masked(2, []byte{byte(wire.RelayPair), 1}))
				closeSoon(c)
			}
		}},
		{"malformed frames", func(s *server, n int) {
			if c := upgrade(s, n, wire.ChannelPath(randomName())); c != nil {
				c.Write(masked(2, []byte{99, 1, 2, 3}))
				closeSoon(c)
			}
		}},
		{"oversized frames", func(s *server, n int) {
			if c := upgrade(s, n, wire.ChannelPath(randomName())); c != nil {
				c.Write(masked(2, make([]byte, 60_000)))
				c.Write([]byte{0x82, 0xff, 0, 0, 0, 0, 0x7f, 0, 0, 0, 0, 0, 0, 0})
				closeSoon(c)
			}
		}},
		{"slow readers", func(s *server, n int) { slowReader(sys, s) }},
	} {
		before := load()
		r, err := func() (string, error) {
			s, err := serve(sys)
			if err != nil {
				return "", err
			}
			defer s.end(os.Kill)
			stop := make(chan struct{})
			var wg sync.WaitGroup
			floods := 0
			var mu sync.Mutex
			if a.flood != nil {
				for w := range 4 {
					wg.Go(func() {
						for n := w; ; n += 4 {
							select {
							case <-stop:
								return
							default:
							}
							a.flood(s, n)
							mu.Lock()
							floods++
							mu.Unlock()
							time.Sleep(2 * time.Millisecond) // the machine's other core is the flood's
						}
					})
				}
			}
			begin := time.Now()
			r, err := latency(across(s, s), 1, 200, b.long, s)
			close(stop)
			wg.Wait()
			return fmt.Sprintf("%s; %.0f floods a second", r, float64(floods)/time.Since(begin).Seconds()), err
		}()
		b.note("flood: "+a.name, "masq", before, r, err)
	}
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
func slowReader(sys system, s *server) {
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
