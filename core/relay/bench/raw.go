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

// rawPairs is a connector.
func rawPairs(s *server, n int, took func(pair int) func([]byte)) (send []func([]byte) error, close func(), err error) {
	var all []net.Conn
	close = func() {
		for _, c := range all {
			c.Close()
		}
	}
	for i := range n {
		var pair [2]net.Conn
		for side := range pair {
			if pair[side], err = net.Dial("tcp", fmt.Sprint("127.0.0.1:", s.port)); err != nil {
				return nil, close, err
			}
			all = append(all, pair[side])
			pair[side].Write(binary.BigEndian.AppendUint32(nil, uint32(i)))
		}
		send = append(send, func(b []byte) error { _, err := pair[0].Write(b); return err })
		f := took(i)
		go func() {
			b := make([]byte, messageSize)
			for {
				if _, err := io.ReadFull(pair[1], b); err != nil {
					return
				}
				f(b)
			}
		}()
	}
	return send, close, nil
}
