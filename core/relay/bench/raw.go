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

// The raw limit: a program that copies between pairs of TCP connections and knows nothing of WebSockets, channels or signatures.
// Every message has messageSize bytes. A connection begins with its pair's number, 4 bytes.
const messageSize = 256

var raw = system{name: "raw TCP", start: func(port int, _ ...string) (*exec.Cmd, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	return run(self, []string{"-raw", fmt.Sprint(port)})
}}

// beRaw is that program.
func beRaw(port int) error {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err == nil {
		limit.Cur = limit.Max
		syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit)
	}
	l, err := net.Listen("tcp", fmt.Sprint("127.0.0.1:", port))
	if err != nil {
		return err
	}
	var mu sync.Mutex
	waiting := map[[4]byte]net.Conn{}
	for {
		c, err := l.Accept()
		if err != nil {
			return err
		}
		go func() {
			var pair [4]byte
			if _, err := io.ReadFull(c, pair[:]); err != nil {
				c.Close()
				return
			}
			mu.Lock()
			other := waiting[pair]
			if other == nil {
				waiting[pair] = c
			} else {
				delete(waiting, pair)
			}
			mu.Unlock()
			if other != nil {
				go forward(c, other)
				forward(other, c)
			}
		}()
	}
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

// rawPairs is a connector to it.
func rawPairs(s *server) connector {
	return func(n int, took func([]byte)) (all [][2]*client, err error) {
		for i := range n {
			var pair [2]*client
			for side, f := range []func([]byte){func([]byte) {}, took} {
				conn, err := net.Dial("tcp", fmt.Sprint("127.0.0.1:", s.port))
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
