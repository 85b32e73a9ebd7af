package main

import (
	"crypto/ed25519"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	relayclient "github.com/masqdev/masq/core/relay/client"
)

// server is a server that runs.
type server struct {
	sys  system
	cmd  *exec.Cmd
	port int
	more []string
	at   string // its URL, if it runs already
}

func (s *server) url() string {
	if s.at != "" {
		return s.at
	}
	return fmt.Sprint("ws://127.0.0.1:", s.port)
}

func serve(sys system, more ...string) (*server, error) {
	s := &server{sys: sys, port: freePort(), more: more}
	return s, s.start()
}

func (s *server) start() (err error) {
	if s.cmd, err = s.sys.start(s.port, s.more...); err != nil {
		return err
	}
	for range 300 {
		if c, err := net.Dial("tcp", fmt.Sprint("127.0.0.1:", s.port)); err == nil {
			c.Close()
			return nil
		}
		time.Sleep(100 * time.Millisecond)
	}
	return errors.New(s.sys.name + " does not listen")
}

func (s *server) end(sig os.Signal) {
	s.cmd.Process.Signal(sig)
	s.cmd.Wait()
}

var lastPort atomic.Int32

// freePort is a port below those that connections get by themselves.
func freePort() int {
	for {
		port := int(20_000 + lastPort.Add(1))
		if l, err := net.Listen("tcp", fmt.Sprint("127.0.0.1:", port)); err == nil {
			l.Close()
			return port
		}
	}
}

// usage is what a process has used.
type usage struct {
	resident uint64
	cpu      time.Duration
}

func (s *server) usage() (u usage) {
	pid := s.cmd.Process.Pid
	status, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	for line := range strings.Lines(string(status)) {
		if f := strings.Fields(line); f[0] == "VmRSS:" {
			kib, _ := strconv.ParseUint(f[1], 10, 64)
			u.resident = kib << 10
		}
	}
	stat, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if _, after, ok := strings.Cut(string(stat), ") "); ok {
		f := strings.Fields(after)
		user, _ := strconv.ParseInt(f[11], 10, 64)
		system, _ := strconv.ParseInt(f[12], 10, 64)
		u.cpu = time.Duration(user+system) * time.Second / 100
	}
	return u
}

// pairs connects so many pairs, some at a time. The second of each calls took. With other the second is on another server.
func pairs(s, other *server, n int, took func(pair int) func([]byte)) ([][2]*client, error) {
	all := make([][2]*client, n)
	var failed atomic.Pointer[error]
	var wg sync.WaitGroup
	const workers = 32
	for w := range workers {
		wg.Go(func() {
			for i := w; i < n && failed.Load() == nil; i += workers {
				key := relayclient.NewKey()
				for side, at := range []*server{s, other} {
					var f func([]byte)
					if side == 1 && took != nil {
						f = took(i)
					}
					c, err := connect(s.sys.open(at.url(), key, uint8(side)), f)
					if err != nil {
						err = fmt.Errorf("pair %d: %w", i, err)
						failed.CompareAndSwap(nil, &err)
						return
					}
					all[i][side] = c
				}
			}
		})
	}
	wg.Wait()
	if err := failed.Load(); err != nil {
		return all, *err
	}
	return all, nil
}

func closeAll(all [][2]*client) {
	for _, p := range all {
		for _, c := range p {
			if c != nil {
				c.close()
			}
		}
	}
}

// keepAwake pings as devices do, until stop is closed.
func keepAwake(all func() [][2]*client, stop <-chan struct{}) {
	t := time.NewTicker(30 * time.Second)
	defer t.Stop()
	for {
		select {
		case <-stop:
			return
		case <-t.C:
			for _, p := range all() {
				for _, c := range p {
					if c != nil {
						c.write(opText, []byte("ping"))
					}
				}
			}
		}
	}
}

// idle returns the resident bytes for each connection, as the slope between two numbers of them, and the CPU time of a connection's
// coming.
func idle(sys system, low, high int) (string, error) {
	s, err := serve(sys)
	if err != nil {
		return "", err
	}
	defer s.end(os.Kill)
	var mu sync.Mutex
	var all [][2]*client
	get := func() [][2]*client { mu.Lock(); defer mu.Unlock(); return all }
	stop := make(chan struct{})
	defer close(stop)
	if sys.name == "masq" {
		go keepAwake(get, stop)
	}
	defer func() { closeAll(get()) }()
	more := func(n int) (usage, error) {
		p, err := pairs(s, s, n/2, nil)
		mu.Lock()
		all = append(all, p...)
		mu.Unlock()
		time.Sleep(10 * time.Second)
		return s.usage(), err
	}
	first, err := more(low)
	if err != nil {
		return "", err
	}
	second, err := more(high - low)
	if err != nil {
		return "", err
	}
	n := uint64(high - low)
	return fmt.Sprintf("%.1f KiB a connection (%d to %d), %.2f ms CPU for each that comes",
		float64(second.resident-first.resident)/float64(n)/1024, low, high, (second.cpu-first.cpu).Seconds()*1000/float64(n)), nil
}

// throughput has one side of each pair send as much as it can, at most window messages ahead of the other.
func throughput(sys system, other *server, s *server, n, size, window int, long time.Duration) (string, error) {
	var got atomic.Int64
	room := make([]chan struct{}, n)
	for i := range room {
		room[i] = make(chan struct{}, window)
	}
	all, err := pairs(s, other, n, func(i int) func([]byte) {
		return func(body []byte) {
			if len(body) == size {
				got.Add(1)
				<-room[i]
			}
		}
	})
	defer closeAll(all)
	if err != nil {
		return "", err
	}
	time.Sleep(time.Second) // across nodes the sides have to hear of each other
	body := []byte(strings.Repeat("x", size))
	stop := make(chan struct{})
	var wg sync.WaitGroup
	for i, p := range all {
		wg.Go(func() {
			for {
				select {
				case <-stop:
					return
				case room[i] <- struct{}{}:
				}
				if p[0].send(body) != nil {
					return
				}
			}
		})
	}
	time.Sleep(time.Second)
	before, begin, from := s.usage(), time.Now(), got.Load()
	time.Sleep(long)
	messages, spent, after := got.Load()-from, time.Since(begin), s.usage()
	close(stop)
	wg.Wait()
	return fmt.Sprintf("%.0f messages a second, %.0f MB/s, %.1f µs of the server's CPU each", float64(messages)/spent.Seconds(),
		float64(messages)*float64(size)/spent.Seconds()/1e6, (after.cpu-before.cpu).Seconds()*1e6/float64(max(1, messages))), nil
}

// restart ends a server with n clients by SIGTERM and starts it again, and returns how long it takes until all are back.
func restart(sys system, n int) (string, error) {
	s, err := serve(sys)
	if err != nil {
		return "", err
	}
	defer func() { s.end(os.Kill) }()
	keys := make([]ed25519.PrivateKey, n/2)
	all, err := pairs(s, s, n/2, nil)
	defer func() { closeAll(all) }()
	if err != nil {
		return "", err
	}
	for i, p := range all {
		keys[i] = p[0].p.(*masq).key
	}
	var back, unannounced, tries atomic.Int64
	var last atomic.Int64
	begin := time.Now()
	var wg sync.WaitGroup
	for i := range all {
		for side := range 2 {
			wg.Go(func() {
				c := all[i][side]
				<-c.ended
				if c.told.Load() == 0 {
					unannounced.Add(1)
				}
				time.Sleep(time.Duration(c.told.Load()) * time.Millisecond)
				for time.Since(begin) < 90*time.Second {
					if next, err := connect(sys.open(s.url(), keys[i], uint8(side)), nil); err == nil {
						all[i][side] = next
						back.Add(1)
						last.Store(int64(time.Since(begin)))
						return
					}
					tries.Add(1)
					time.Sleep(time.Second)
				}
			})
		}
	}
	s.end(syscall.SIGTERM)
	down := time.Since(begin)
	if err := s.start(); err != nil {
		return "", err
	}
	wg.Wait()
	return fmt.Sprintf("%d of %d back %.1f s after SIGTERM (the server was gone after %.1f s and then started), %d closes without RESTARTING, %d dials while nobody listened",
		back.Load(), n, time.Duration(last.Load()).Seconds(), down.Seconds(), unannounced.Load(), tries.Load()), nil
}
