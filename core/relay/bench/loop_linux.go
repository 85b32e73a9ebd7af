package main

import (
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"
	"unsafe"
)

// waitNanos is epoll_pwait2, which waits for less than a millisecond too. Its number is the same everywhere.
const waitNanos = 441

// poller is an epoll of all clients.
type poller struct {
	fd      int
	events  [256]syscall.EpollEvent
	buf     [64 << 10]byte
	clients []*client
}

// newPoller takes clients over from their goroutines and from Go's own poller, which would hear of each message too.
func newPoller(clients []*client) (*poller, error) {
	fd, err := syscall.EpollCreate1(syscall.EPOLL_CLOEXEC)
	if err != nil {
		return nil, err
	}
	p := &poller{fd: fd, clients: clients}
	for i, c := range clients {
		c.detach()
		if err := c.dup(); err != nil {
			return p, err
		}
		if err := syscall.EpollCtl(fd, syscall.EPOLL_CTL_ADD, c.fd, &syscall.EpollEvent{Events: syscall.EPOLLIN, Fd: int32(i)}); err != nil {
			return p, err
		}
	}
	return p, nil
}

// dup makes the client's file descriptor its own.
func (c *client) dup() (err error) {
	raw, err := c.conn.(syscall.Conn).SyscallConn()
	if err != nil {
		return err
	}
	raw.Control(func(fd uintptr) {
		var n uintptr
		var no syscall.Errno
		if n, _, no = syscall.Syscall(syscall.SYS_FCNTL, fd, syscall.F_DUPFD_CLOEXEC, 0); no != 0 {
			err = no
		}
		c.fd = int(n)
	})
	c.conn.Close()
	c.conn = nil
	return err
}

// poll waits until something has come, at most for so long, and hands it to its clients.
func (p *poller) poll(most time.Duration) error {
	ts := syscall.NsecToTimespec(int64(max(most, 0)))
	n, _, no := syscall.Syscall6(waitNanos, uintptr(p.fd), uintptr(unsafe.Pointer(&p.events)), uintptr(len(p.events)), uintptr(unsafe.Pointer(&ts)), 0, 0)
	switch {
	case no == syscall.EINTR:
		return nil
	case no != 0:
		return fmt.Errorf("epoll_pwait2: %w", no)
	}
	for _, e := range p.events[:n] {
		if err := p.read(p.clients[e.Fd]); err != nil {
			return err
		}
	}
	return nil
}

func (p *poller) read(c *client) error {
	had := copy(p.buf[:], c.rest)
	n, err := syscall.Read(c.fd, p.buf[had:])
	switch {
	case err == syscall.EAGAIN || err == syscall.EINTR:
		return nil
	case err != nil:
		return err
	case n == 0:
		return errEnded
	}
	taken, err := c.take(p.buf[:had+n])
	c.rest = append(c.rest[:0], p.buf[taken:had+n]...)
	return err
}

// putNow writes without waiting: at the rates at which latency is measured there is room, or the server has stopped reading.
func putNow(fd int, b []byte) error {
	n, err := syscall.Write(fd, b)
	if err == nil && n < len(b) {
		err = errors.New("the server does not take more")
	}
	return os.NewSyscallError("write", err)
}

func (p *poller) close() {
	for _, c := range p.clients {
		if c.conn == nil {
			syscall.Close(c.fd)
		}
	}
	syscall.Close(p.fd)
}

// ownCPU is the CPU time that this process has used.
func ownCPU() time.Duration {
	var u syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
