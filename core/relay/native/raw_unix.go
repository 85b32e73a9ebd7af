//go:build unix

package native

import (
	"net"
	"syscall"
)

// rawConn returns a connection's file descriptor to wait for, nil if there is none or if more lies between.
func rawConn(c net.Conn) syscall.RawConn {
	tcp, ok := c.(*net.TCPConn)
	if !ok {
		return nil
	}
	raw, err := tcp.SyscallConn()
	if err != nil {
		return nil
	}
	return raw
}

// readNow reads without waiting. It fails with EAGAIN if nothing is there.
func readNow(fd uintptr, p []byte) (n int, err error) {
	for {
		if n, err = syscall.Read(int(fd), p); err != syscall.EINTR {
			return n, err
		}
	}
}

// writeNow writes what is taken without waiting. Of errors it says nothing: the next write has them again.
func writeNow(fd uintptr, p []byte) (n int) {
	for n < len(p) {
		m, err := syscall.Write(int(fd), p[n:])
		switch {
		case err == nil:
			n += m
		case err != syscall.EINTR:
			return n
		}
	}
	return n
}
