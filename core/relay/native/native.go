// Package native is the Sync Server's front: HTTP and WebSockets around package relay.
//
//	s := native.New(native.Options{Hosts: []string{"sync.example.org"}})
//	listeners, err := native.Listen("localhost:6280")
//	err = s.Serve(ctx, listeners...) // until ctx ends
//
// It speaks plain HTTP; TLS is for a proxy in front of it. Next to the channels it serves GET /livez and one page.
package native

import (
	"context"
	"errors"
	"io"
	"log"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"syscall"
	"time"

	"github.com/lxzan/gws"

	"github.com/masqdev/masq/core/relay"
	"github.com/masqdev/masq/core/wire"
)

// Options are what a Server may be told. The zero value is a server for loopback names with the default limits.
type Options struct {
	Hosts  []string     // names by which devices may dial; empty: loopback names. See relay.Config.
	Limits relay.Limits // zero fields: the defaults

	PerAddress AddressLimits // for each IPv4 address or IPv6 /64; zero fields: the defaults
	Loopback   AddressLimits // for loopback addresses; zero fields: PerAddress's

	Page http.Handler // answers every other path; nil: a line on what this is at /
	Log  *slog.Logger // nil: silent. No channel's name and no address is ever logged.

	// Tap, for tests only, sees the body of every DATA frame that arrives, with its sender's side, and answers the body to
	// pass on. It may be called from several goroutines at once.
	Tap func(side byte, body []byte) []byte
}

// What Serve waits for.
const (
	headerTimeout   = 5 * time.Second  // for a request's header
	idleTimeout     = 60 * time.Second // between requests
	pageTimeout     = 60 * time.Second // for a page to be taken
	lingerTimeout   = 2 * time.Second  // for the other end to see why a connection was closed
	shutdownTimeout = 3 * time.Second
	maxHeaderBytes  = 8 << 10
)

// What RESTARTING says at a shutdown, in ms.
const (
	reconnectIn = 1_000
	tryFor      = 60_000
)

// Server is a Sync Server. Use New; it serves once.
type Server struct {
	opt      Options
	limits   relay.Limits
	upgrader *gws.Upgrader
	page     http.Handler
	log      *slog.Logger
	wg       sync.WaitGroup // the goroutines of sockets; a socket's first is added under mu and before stopped

	// mu guards all below and the fields of socket that say so. It is held for one step of the core and for putting what
	// follows into the queues, never while anything is read or written.
	mu        sync.Mutex
	core      *relay.Server
	out       relay.Actions
	full      *socket // a socket whose queue this step has filled
	sockets   map[uint64]*socket
	last      uint64 // the newest socket's number
	addresses map[netip.Addr]*address
	stopped   bool // no new sockets
}

// New makes a Server.
func New(opt Options) *Server {
	s := &Server{
		opt: opt, page: opt.Page, log: opt.Log,
		core:      relay.New(relay.Config{Hosts: opt.Hosts, Limits: opt.Limits}),
		sockets:   map[uint64]*socket{},
		addresses: map[netip.Addr]*address{},
	}
	s.opt.PerAddress.setDefaults(AddressLimits{Waiting: 16, Joined: 4096, NewPerMinute: 600})
	s.opt.Loopback.setDefaults(s.opt.PerAddress)
	if s.page == nil {
		s.page = http.HandlerFunc(about)
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	s.limits = s.core.Limits()
	s.upgrader = gws.NewUpgrader(handler{s}, &gws.ServerOption{
		ReadMaxPayloadSize: int(s.limits.FrameBytes),
		HandshakeTimeout:   headerTimeout,
		SubProtocols:       []string{wire.Subprotocol},
		NewSession:         func() gws.SessionStorage { return new(session) },
		Logger:             quiet{},
	})
	return s
}

// Stats answers the counters as they are.
func (s *Server) Stats() relay.Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.core.Stats()
}

// Serve serves on the listeners, which it closes, until ctx ends or a listener fails. At the end it tells every device that the
// server restarts and waits a few seconds for them to hear it. It answers nil when ctx has ended.
func (s *Server) Serve(ctx context.Context, listeners ...net.Listener) error {
	srv := &http.Server{
		Handler:           s,
		ReadHeaderTimeout: headerTimeout,
		ReadTimeout:       pageTimeout,
		WriteTimeout:      pageTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		ErrorLog:          log.New(io.Discard, "", 0), // it would log addresses
	}
	failed := make(chan error, len(listeners))
	var running sync.WaitGroup
	for _, l := range listeners {
		running.Go(func() { failed <- srv.Serve(l) })
	}
	stopTicks := make(chan struct{})
	running.Go(func() { s.tick(stopTicks) })
	var err error
	select {
	case <-ctx.Done():
	case err = <-failed:
	}
	s.shutDown(srv)
	close(stopTicks)
	running.Wait()
	if errors.Is(err, http.ErrServerClosed) {
		err = nil
	}
	return err
}

func (s *Server) shutDown(srv *http.Server) {
	s.mu.Lock()
	s.stopped = true
	s.stepLocked(relay.Drain{ReconnectIn: reconnectIn, TryFor: tryFor})
	s.mu.Unlock()

	ctx, cancel := context.WithTimeout(context.Background(), shutdownTimeout)
	defer cancel()
	if srv.Shutdown(ctx) != nil {
		srv.Close()
	}
	over := make(chan struct{})
	go func() { s.wg.Wait(); close(over) }()
	select {
	case <-over:
		return
	case <-ctx.Done():
	}
	s.mu.Lock()
	for _, k := range s.sockets {
		k.stream.Conn.Close()
	}
	s.mu.Unlock()
	<-over
}

// tick lets time pass for the core and for addresses, once a second.
func (s *Server) tick(stop <-chan struct{}) {
	t := time.NewTicker(time.Second)
	defer t.Stop()
	warned := false
	for {
		select {
		case <-stop:
			return
		case <-t.C:
		}
		s.mu.Lock()
		s.stepLocked(relay.Tick{})
		s.sweep(time.Now())
		badHosts := s.core.Stats().Ended[relay.BadHost]
		s.mu.Unlock()
		if badHosts > 0 && !warned {
			warned = true // once: it says enough, and anybody can cause it
			s.log.Warn("refused a device that dialled a host name which is not among those allowed")
		}
	}
}

// ServeHTTP upgrades the channels' paths and hands the others to the page. Serve uses it.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if kind, _ := wire.ParseRelayPath(r.URL.Path); kind != 0 {
		s.upgrade(w, r)
		return
	}
	if r.URL.Path == "/livez" {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		io.WriteString(w, "ok\n")
		return
	}
	s.page.ServeHTTP(w, r)
}

func about(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path != "/" {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	io.WriteString(w, "This is a Masq Sync Server. It passes sealed messages between a user's own devices and stores nothing.\n"+
		"There is nothing to see here: applications that use Masq connect to it by WebSocket.\n")
}

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
