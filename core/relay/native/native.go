// Package native is the Sync Server's front: HTTP and WebSockets around package relay.
//
//	s := native.New(native.Options{Hosts: []string{"sync.example.org"}})
//	listeners, err := native.Listen("localhost:6280")
//	err = s.Serve(ctx, listeners...) // until ctx ends
//
// It speaks plain HTTP on the listeners that it is given; tls.NewListener with Certificate makes that HTTPS, and so does a proxy in
// front of it. Next to the channels it serves POST /v1/pair/new, GET /livez and one page. ServeAdmin is for the operator alone.
// Several servers share channels over NATS; README.md says how to run one and many.
package native

import (
	"cmp"
	"context"
	"errors"
	"io"
	"log"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"runtime"
	"strings"
	"sync"
	"time"

	"github.com/lxzan/gws"
	"github.com/nats-io/nats.go"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/masqdev/masq/core/relay"
	"github.com/masqdev/masq/core/wire"
)

// Options are what a Server may be told. The zero value is a server for loopback names with the default limits.
type Options struct {
	Hosts  []string     // names by which devices may dial; empty: loopback names. See relay.Config.
	Limits relay.Limits // zero fields: the defaults

	PerAddress AddressLimits // for each IPv4 address or IPv6 /64; zero fields: the defaults
	Loopback   AddressLimits // for loopback addresses; zero fields: PerAddress's
	// Proxies are trusted to say in X-Forwarded-For whom a connection comes from.
	Proxies         []netip.Prefix
	MaxSockets      int // sockets in all; 0: as many as the machine has
	AcceptPerSecond int // new connections a second, on each listener; the others wait. 0: no limit

	NATS      string      // URLs of a NATS cluster, by commas, over which to share channels with other servers; empty: none
	NATSAuth  nats.Option // how to log in there; nil: with what the URL says
	NATSTopic string      // what subjects begin with; masq.1
	// DrainDelay is the time between not being ready and sending devices away, for whatever is in front to notice.
	DrainDelay time.Duration

	Page http.Handler // answers every other path; nil: a line on what this is at /
	// Log gets no channel's name and no nameplate, and no address unless LogAddresses says so. nil: silent.
	Log          *slog.Logger
	LogAddresses bool

	// Tap, for tests only, sees the body of every DATA frame that arrives, with its sender's side, and returns the body to
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

// Server is a Sync Server. Use New; it serves once.
type Server struct {
	opt      Options
	limits   relay.Limits
	upgrader *gws.Upgrader
	page     http.Handler
	log      *slog.Logger
	bus      *bus // nil: no other nodes
	metrics  *prometheus.Registry
	refused  refused
	accepts  pace
	come     chan *socket   // those that something has come for
	ended    chan struct{}  // closed when nothing is served any more
	wg       sync.WaitGroup // the goroutines of sockets; a socket's first is added under mu and before stopped

	// mu guards all below and the fields of socket that say so. It is held for one step of the core and for putting what
	// follows into the queues, never while anything is read or written.
	mu        sync.Mutex
	core      *relay.Server
	out       relay.Actions
	full      *socket     // a socket whose queue this step has filled
	frame     relay.Frame // this step's
	lent      *body       // what it is in, until a Send takes it
	turn      *turn       // who writes what this step has for idle sockets; nil: a goroutine for each
	borrowed  bool        // it is in memory that is the turn's, and used again after it
	queues    queues
	sockets   map[uint64]*socket
	last      uint64 // the newest socket's number
	addresses map[netip.Addr]*address
	held      int      // bytes of messages, by all sockets
	over      *address // one with which a budget is exceeded; nil: none is
	draining  bool     // not ready: everybody is sent away
	stopped   bool     // no new sockets

	reserving   map[uint64]chan<- string // who waits for a nameplate
	lastReserve uint64
}

// New makes a Server.
func New(opt Options) *Server {
	s := &Server{
		opt: opt, page: opt.Page, log: opt.Log,
		sockets:   map[uint64]*socket{},
		addresses: map[netip.Addr]*address{},
		reserving: map[uint64]chan<- string{},
		come:      make(chan *socket),
		ended:     make(chan struct{}),
	}
	cfg := relay.Config{Hosts: opt.Hosts, Limits: opt.Limits}
	if opt.NATS != "" {
		s.bus = newBus(s)
		cfg.Node, cfg.Topics = randomNode(), topics(opt)
	}
	s.core = relay.New(cfg)
	s.metrics = newMetrics(s)
	s.opt.PerAddress.setDefaults(AddressLimits{Handshakes: 64, Waiting: 16, Joined: 4096, NewPerMinute: 600, NameplatesPerMinute: 10})
	s.opt.Loopback.setDefaults(s.opt.PerAddress)
	if s.page == nil {
		s.page = http.HandlerFunc(about)
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	s.limits = s.core.Limits()
	s.upgrader = gws.NewUpgrader(nil, &gws.ServerOption{HandshakeTimeout: headerTimeout, SubProtocols: []string{wire.Subprotocol}})
	return s
}

// Stats returns the counters as they are.
func (s *Server) Stats() relay.Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.core.Stats()
}

// Serve serves on the listeners, which it closes, until ctx ends or a listener fails. At the end it tells every device that the
// server restarts, some at a time, and is done within 30 s (and DrainDelay). It returns nil when ctx has ended.
func (s *Server) Serve(ctx context.Context, listeners ...net.Listener) error {
	srv := &http.Server{
		Handler:           s,
		ReadHeaderTimeout: headerTimeout,
		ReadTimeout:       pageTimeout,
		WriteTimeout:      pageTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		ConnState:         s.connState,
		ErrorLog:          log.New(io.Discard, "", 0), // it would log addresses
	}
	if s.bus != nil {
		if err := s.bus.connect(); err != nil {
			return err
		}
		defer s.bus.close()
	}
	failed := make(chan error, len(listeners))
	var running sync.WaitGroup
	for _, l := range listeners {
		running.Go(func() { failed <- srv.Serve(limited{l, s}) })
	}
	stop := make(chan struct{})
	running.Go(func() { s.tick(stop) })
	for range 2 * runtime.GOMAXPROCS(0) {
		running.Go(func() { s.reader(stop) })
	}
	var err error
	select {
	case <-ctx.Done():
	case err = <-failed:
	}
	s.log.Info("stopping", "why", cmp.Or(err, context.Cause(ctx)))
	s.shutDown(srv)
	close(stop)
	running.Wait()
	if errors.Is(err, http.ErrServerClosed) {
		err = nil
	}
	return err
}

// tick lets time pass for the core, and for addresses once a second.
func (s *Server) tick(stop <-chan struct{}) {
	t := time.NewTicker(100 * time.Millisecond)
	defer t.Stop()
	warned := false
	for n := 0; ; n++ {
		select {
		case <-stop:
			return
		case <-t.C:
		}
		s.mu.Lock()
		if at, ok := s.core.Next(); ok && at <= nowMillis() {
			s.stepLocked(relay.Tick{})
		}
		badHosts := uint64(0)
		if n%10 == 0 {
			s.sweep(time.Now())
			badHosts = s.core.Stats().Ended[relay.BadHost]
		}
		s.mu.Unlock()
		if n%10 == 0 && s.bus != nil {
			s.bus.report()
		}
		if badHosts > 0 && !warned {
			warned = true // once: it says enough, and anybody can cause it
			s.log.Warn("refused a device that dialled a host name which is not among those allowed")
		}
	}
}

func nowMillis() uint64 { return uint64(time.Now().UnixMilli()) }

// ServeHTTP upgrades the channels' paths and hands the others to the page. Serve uses it.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	kind, _ := wire.ParseRelayPath(r.URL.Path)
	switch {
	case kind != 0:
		s.upgrade(w, r, kind)
	case strings.HasSuffix(r.URL.Path, wire.NewNameplatePath):
		s.newNameplate(w, r)
	case r.URL.Path == "/livez":
		say(w, http.StatusOK, "ok")
	case strings.Contains(r.URL.Path, "/v1/"):
		s.refuse(w, noSuchPath)
	default:
		s.page.ServeHTTP(w, r)
	}
}

func say(w http.ResponseWriter, status int, what string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	io.WriteString(w, what+"\n")
}

func about(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path != "/" {
		http.NotFound(w, r)
		return
	}
	say(w, http.StatusOK, "This is a Masq Sync Server. It passes sealed messages between a user's own devices and stores nothing.\n"+
		"There is nothing to see here: applications that use Masq connect to it by WebSocket.")
}
