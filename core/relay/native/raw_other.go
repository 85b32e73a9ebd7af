//go:build !unix

package native

import (
	"net"
	"syscall"
)

func rawConn(net.Conn) syscall.RawConn { return nil }

func readNow(uintptr, []byte) (int, error) { return 0, syscall.EAGAIN }

func writeNow(uintptr, []byte) int { return 0 }
