package main

import (
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"sync"
	"syscall"
)

// The raw limit: programs that copy between TCP connections and know nothing of WebSockets, channels or signatures. Every message has
// messageSize bytes. A connection begins with its pair's number, 4 bytes.
//
// One program copies between the two connections of a pair. Three of them are what two nodes with a server between are: the first
// numbers what comes and passes it on by one connection, its trunk; the second copies from trunk to trunk; the third has the other
// half of each pair.
const (
	messageSize = 256
	trunkNumber = 1<<32 - 1 // a trunk's, which is no pair's
)

var raw = system{name: "raw TCP", start: func(port int, more ...string) (*exec.Cmd, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	return run(self, append([]string{"-raw", fmt.Sprint(port)}, more...))
}}

// serveChain runs three of them; clients connect to the first and to the last.
func serveChain() (all []*server, err error) {
	more := []string{}
	for range 3 {
		s, err := serve(raw, more...)
		if err != nil {
			return all, err
		}
		all = append([]*server{s}, all...)
		more = []string{"-next", fmt.Sprint(s.port)}
	}
	return all, nil
}

// copier is such a program.
type copier struct {
	trunk *trunk // nil: it is the last, or the only one

	mu      sync.Mutex // guards waiting
	waiting map[uint32]net.Conn
}

// beRaw is it; next is the port of the one that follows, or 0.
func beRaw(port, next int) error {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err == nil {
		limit.Cur = limit.Max
		syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit)
	}
	l, err := net.Listen("tcp", fmt.Sprint("127.0.0.1:", port))
	if err != nil {
		return err
	}
	c := &copier{waiting: map[uint32]net.Conn{}}
	if next != 0 {
		if c.trunk, err = openTrunk(next); err != nil {
			return err
		}
	}
	for {
		conn, err := l.Accept()
		if err != nil {
			return err
		}
		go c.serve(conn)
	}
}

func (c *copier) serve(conn net.Conn) {
	var head [4]byte
	if _, err := io.ReadFull(conn, head[:]); err != nil {
		conn.Close()
		return
	}
	switch number := binary.BigEndian.Uint32(head[:]); {
	case number == trunkNumber && c.trunk != nil:
		io.Copy(c.trunk.conn, conn)
	case number == trunkNumber:
		c.deal(conn)
	case c.trunk != nil:
		c.number(conn, number)
	default:
		c.pair(conn, number)
	}
}

// pair copies to and from the other connection of the pair; the first waits for the second. It is what deal writes to if none comes.
func (c *copier) pair(conn net.Conn, number uint32) {
	c.mu.Lock()
	other := c.waiting[number]
	if other == nil {
		c.waiting[number] = conn
	} else {
		delete(c.waiting, number)
	}
	c.mu.Unlock()
	if other == nil {
		return
	}
	go forward(conn, other)
	forward(other, conn)
}

func forward(from, to net.Conn) {
	defer to.Close()
	b := make([]byte, 2<<10)
	for {
		n, err := from.Read(b)
		if err != nil {
			return
		}
		if _, err := to.Write(b[:n]); err != nil {
			return
		}
	}
}

// number passes what comes on by the trunk.
func (c *copier) number(conn net.Conn, number uint32) {
	defer conn.Close()
	b := make([]byte, 4+messageSize)
	binary.BigEndian.PutUint32(b, number)
	for {
		if _, err := io.ReadFull(conn, b[4:]); err != nil {
			return
		}
		c.trunk.send(b)
	}
}

// deal passes what comes by a trunk on to whom it is for.
func (c *copier) deal(conn net.Conn) {
	defer conn.Close()
	b := make([]byte, 64<<10)
	for n := 0; ; {
		got, err := conn.Read(b[n:])
		if err != nil {
			return
		}
		n += got
		all := b[:n]
		for ; len(all) >= 4+messageSize; all = all[4+messageSize:] {
			c.mu.Lock()
			to := c.waiting[binary.BigEndian.Uint32(all)]
			c.mu.Unlock()
			if to != nil {
				to.Write(all[4 : 4+messageSize])
			}
		}
		n = copy(b, all)
	}
}

// trunk is the connection to the next program. What is sent while it is written goes with the next write.
type trunk struct {
	conn net.Conn
	wake chan struct{}

	mu  sync.Mutex // guards out
	out []byte
}

func openTrunk(port int) (*trunk, error) {
	conn, err := net.Dial("tcp", fmt.Sprint("127.0.0.1:", port))
	if err != nil {
		return nil, err
	}
	t := &trunk{conn: conn, wake: make(chan struct{}, 1)}
	if _, err := conn.Write(binary.BigEndian.AppendUint32(nil, trunkNumber)); err != nil {
		return nil, err
	}
	go t.write()
	return t, nil
}

func (t *trunk) send(b []byte) {
	t.mu.Lock()
	t.out = append(t.out, b...)
	t.mu.Unlock()
	select {
	case t.wake <- struct{}{}:
	default:
	}
}

func (t *trunk) write() {
	var spare []byte
	for range t.wake {
		t.mu.Lock()
		b := t.out
		t.out = spare[:0]
		t.mu.Unlock()
		if _, err := t.conn.Write(b); err != nil {
			return
		}
		spare = b
	}
}

// rawPairs is a connector to the only program, twice the same, or to the first and the last.
func rawPairs(s, other *server) connector {
	return func(n int, took func([]byte)) (all [][2]*client, err error) {
		for i := range n {
			var pair [2]*client
			for side, f := range []func([]byte){func([]byte) {}, took} {
				conn, err := net.Dial("tcp", fmt.Sprint("127.0.0.1:", []*server{s, other}[side].port))
				if err != nil {
					return all, err
				}
				conn.Write(binary.BigEndian.AppendUint32(nil, uint32(i)))
				pair[side] = plain(conn, f)
			}
			all = append(all, pair)
		}
		return all, nil
	}
}
