package native

import (
	"errors"
	"net"
	"net/http"
	"sync"
	"syscall"
	"time"
)

// Listen listens on addr, a host and a port. For the host localhost it listens on 127.0.0.1 and [::1], as far as the
// machine has them, on the same port.
func Listen(addr string) ([]net.Listener, error) {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, err
	}
	if host != "localhost" {
		l, err := net.Listen("tcp", addr)
		if err != nil {
			return nil, err
		}
		return []net.Listener{l}, nil
	}
	var all []net.Listener
	for _, h := range []string{"127.0.0.1", "::1"} {
		l, lerr := net.Listen("tcp", net.JoinHostPort(h, port))
		if NoSuchAddress(lerr) {
			err = lerr
			continue
		}
		if lerr != nil {
			for _, l := range all {
				l.Close()
			}
			return nil, lerr
		}
		all = append(all, l)
		_, port, _ = net.SplitHostPort(l.Addr().String()) // the second takes the first's, if that was chosen freely
	}
	if len(all) == 0 {
		return nil, err
	}
	return all, nil
}

// NoSuchAddress reports whether an error of net.Listen says that the machine has no such address at all, as one without IPv6 has
// no ::1.
func NoSuchAddress(err error) bool {
	return errors.Is(err, syscall.EADDRNOTAVAIL) || errors.Is(err, syscall.EAFNOSUPPORT)
}

// limited is a listener that accepts so many a second, after a burst of as many. The others wait in the operating system's queue. It
// drops those of addresses that have spent what they may: a flood costs little, and keeps nobody else waiting.
type limited struct {
	net.Listener
	s *Server
}

func (l limited) Accept() (net.Conn, error) {
	if l.s.opt.AcceptPerSecond > 0 {
		l.s.accepts.wait(l.s.opt.AcceptPerSecond, l.s.ended)
	}
	for {
		c, err := l.Listener.Accept()
		if errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE) {
			l.s.refused[noFile].Add(1) // net/http waits before it tries again, longer each time up to a second
		}
		if err != nil || !l.s.spent(c) {
			return c, err
		}
		l.s.refused[tooManyNew].Add(1)
		if tcp, ok := c.(*net.TCPConn); ok {
			tcp.SetLinger(0) // nothing of it is to stay here
		}
		c.Close()
	}
}

// spent reports whether the address of a new connection has spent what it may. A trusted proxy's spends nothing.
func (s *Server) spent(c net.Conn) bool {
	ip := parseRemote(c.RemoteAddr().String())
	if s.trusts(ip) {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.address(ip).spent(time.Now())
}

// pace lets so many a second pass, from several goroutines.
type pace struct {
	mu   sync.Mutex // guards next
	next time.Time
}

func (p *pace) wait(perSecond int, stop <-chan struct{}) {
	p.mu.Lock()
	now := time.Now()
	if start := now.Add(-time.Second); p.next.Before(start) {
		p.next = start
	}
	p.next = p.next.Add(time.Second / time.Duration(perSecond))
	wait := p.next.Sub(now)
	p.mu.Unlock()
	if wait <= 0 {
		return
	}
	t := time.NewTimer(wait)
	defer t.Stop()
	select {
	case <-t.C:
	case <-stop:
	}
}

// connState counts the connections of each address that are no WebSockets yet, and closes those that are too many. Those of
// a trusted proxy are its own business.
func (s *Server) connState(c net.Conn, state http.ConnState) {
	ip := parseRemote(c.RemoteAddr().String())
	if s.trusts(ip) {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	a := s.address(ip)
	switch state {
	case http.StateNew:
		if a.handshakes++; a.handshakes > a.limits.Handshakes {
			s.refused[tooManyShakes].Add(1)
			go c.Close() // not here: with TLS it says goodbye first
		}
	case http.StateHijacked, http.StateClosed:
		a.handshakes--
	}
}
