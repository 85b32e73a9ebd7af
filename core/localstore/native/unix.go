package native

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"syscall"

	"github.com/masqdev/masq/core/internal/wsock"
	"github.com/masqdev/masq/core/localstore"
)

// SocketName is the Unix socket in the data directory, on which masq itself speaks to the store: JSON-RPC, one text a line.
// Whoever may open it may do everything.
const SocketName = "masq.sock"

// ErrSocketPath: the system does not take a path as long as that of the Unix socket would be.
var ErrSocketPath = errors.New("the data directory's path is too long for the socket in it")

// maxSocketPath is how many bytes a Unix socket's path may have: 107 on Linux, 103 on macOS and BSD.
const maxSocketPath = len(syscall.RawSockaddrUnix{}.Path) - 1

// SocketPath returns where the Unix socket of a data directory is.
func SocketPath(dir string) (string, error) {
	path := filepath.Join(dir, SocketName)
	if len(path) > maxSocketPath {
		return "", fmt.Errorf("%w: %d bytes of at most %d", ErrSocketPath, len(path), maxSocketPath)
	}
	return path, nil
}

// listenUnix opens the Unix socket, in place of what a store that was killed has left. Call it only while the database is
// locked: then no other store uses it.
func listenUnix(dir string) (net.Listener, error) {
	path, err := SocketPath(dir)
	if err != nil {
		return nil, err
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	l, err := net.Listen("unix", path)
	if err != nil {
		return nil, err
	}
	if err := os.Chmod(path, 0o600); err != nil { // until then the directory's mode keeps others out
		l.Close()
		return nil, err
	}
	return l, nil
}

// acceptUnix serves connections on the Unix socket until that closes.
func (s *Server) acceptUnix() {
	for {
		conn, err := s.unix.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			s.log.Warn("cannot accept on the Unix socket", "err", err)
			if !s.pause() {
				return
			}
			continue
		}
		who := localstore.Who{Kind: localstore.Admin}
		p := s.clients.admit(who)
		if p == nil || p.crowded {
			conn.Close()
			if p != nil {
				s.clients.leave(p)
			}
			continue
		}
		go func() {
			defer s.clients.leave(p)
			s.runLocal(local{conn}, p)
		}()
	}
}

// runLocal reads a connection of the Unix socket until it ends.
func (s *Server) runLocal(l local, p *place) {
	defer l.Close()
	c := s.open(p, localstore.Agent{}, l)
	defer s.closed(c)
	lines := bufio.NewScanner(l)
	lines.Buffer(nil, maxMessage+2) // and its end
	for lines.Scan() {
		if text := bytes.TrimSpace(lines.Bytes()); len(text) > 0 {
			s.received(c, bytes.Clone(text))
		}
	}
}

// local is a connection on the Unix socket as a transport.
type local struct{ net.Conn }

func (l local) write(text []byte) error {
	_, err := wsock.WriteAll(l.Conn, slices.Concat(text, []byte{'\n'}), takeTimeout)
	return err
}

func (l local) ping() error        { return nil } // the system tells when the other end is gone
func (l local) end(uint16, string) { l.Close() }
func (l local) drop()              { l.Close() }
