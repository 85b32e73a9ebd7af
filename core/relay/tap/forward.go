package main

import (
	"bufio"
	"context"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/lxzan/gws"

	"github.com/masqdev/masq/core/internal/wsock"
	"github.com/masqdev/masq/core/relay"
	"github.com/masqdev/masq/core/wire"
)

// What the forwarder waits for and takes.
const (
	dialTimeout   = 10 * time.Second // for a node to answer
	slowTimeout   = 15 * time.Second // without one byte taken: longer than a Sync Server waits itself
	lingerTimeout = 2 * time.Second  // for the other end to see why a connection was closed
	maxMessage    = 1 << 20          // above wire.MaxFrame, so that it is the Sync Server that refuses
	maxBody       = 64 << 10         // of a plain request and its answer
	maxSockets    = 1_000
)

// forwarder is in front of a Sync Server in the place of the tap's own, or of several nodes of one. A device notices nothing: each
// of its WebSockets is one to a node, to which it says the same Host, and messages, pings and close codes pass both ways. It
// serves once.
type forwarder struct {
	nodes []*url.URL // at least one, in the form ws://host or wss://host
	page  http.Handler
	tap   func(side byte, body []byte) []byte
	proxy http.Handler

	mu      sync.Mutex // guards all below
	stopped bool
	open    map[string][]int // how many WebSockets each path has at each node
	sockets int
	first   int            // the node at which the next new path begins
	joined  int            // WebSockets that the Sync Server has let in
	running sync.WaitGroup // its first Add of a WebSocket is under mu and before stopped
}

func newForwarder(nodes []*url.URL, page http.Handler, tap func(side byte, body []byte) []byte) *forwarder {
	f := &forwarder{nodes: nodes, page: page, tap: tap, open: map[string][]int{}}
	f.proxy = &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			node := *f.nodes[f.turn()]
			node.Scheme = strings.Replace(node.Scheme, "ws", "http", 1)
			r.SetURL(&node)
			r.Out.Host = r.In.Host
		},
		ModifyResponse: func(r *http.Response) error {
			if r.StatusCode != http.StatusSwitchingProtocols { // which needs its body as it is
				r.Body = http.MaxBytesReader(nil, r.Body, maxBody)
			}
			return nil
		},
		Transport: &http.Transport{
			DialContext: (&net.Dialer{Timeout: dialTimeout}).DialContext, TLSHandshakeTimeout: dialTimeout, ResponseHeaderTimeout: dialTimeout,
			MaxResponseHeaderBytes: maxBody, DisableKeepAlives: true, // or it would hold connections through an outage
		},
		ErrorLog: log.New(io.Discard, "", 0),
	}
	return f
}

// Serve serves on listeners, which it closes, until ctx ends. Whoever calls it cuts the connections.
func (f *forwarder) Serve(ctx context.Context, listeners ...net.Listener) error {
	srv := &http.Server{
		Handler: http.MaxBytesHandler(f, maxBody), ReadHeaderTimeout: 5 * time.Second, ReadTimeout: time.Minute, WriteTimeout: time.Minute,
		MaxHeaderBytes: 8 << 10, ErrorLog: log.New(io.Discard, "", 0),
	}
	failed := make(chan error, len(listeners))
	for _, l := range listeners {
		go func() { failed <- srv.Serve(l) }()
	}
	var err error
	select {
	case <-ctx.Done():
	case err = <-failed:
	}
	srv.Close()
	f.mu.Lock()
	f.stopped = true
	f.mu.Unlock()
	f.running.Wait()
	return err
}

// Stats returns how many have joined.
func (f *forwarder) Stats() relay.Stats {
	f.mu.Lock()
	defer f.mu.Unlock()
	return relay.Stats{Joined: f.joined}
}

// ServeHTTP forwards all that is the Sync Server's.
func (f *forwarder) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	kind, _ := wire.ParseRelayPath(r.URL.Path)
	switch {
	case kind != 0 && r.Method == http.MethodGet && strings.EqualFold(r.Header.Get("Upgrade"), "websocket"):
		f.webSocket(w, r)
	case strings.Contains(r.URL.Path, "/v1/"), r.URL.Path == "/livez":
		f.proxy.ServeHTTP(w, r)
	default:
		f.page.ServeHTTP(w, r)
	}
}

// turn is the next node.
func (f *forwarder) turn() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.first = (f.first + 1) % len(f.nodes)
	return f.first
}

// choose picks a node for a WebSocket: one that has the fewest of its path, so that the two sides of a channel come to be on different
// nodes, whichever of them dials again. It is given back with leave. false: there are too many.
func (f *forwarder) choose(path string) (node int, ok bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.stopped || f.sockets >= maxSockets {
		return 0, false
	}
	open := f.open[path]
	if open == nil {
		open = make([]int, len(f.nodes))
		f.open[path] = open
		f.first = (f.first + 1) % len(f.nodes)
	}
	node = f.first
	for i := range open {
		if open[i] < open[node] {
			node = i
		}
	}
	open[node]++
	f.sockets++
	f.running.Add(1)
	return node, true
}

func (f *forwarder) leave(path string, node int, joined bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	open, left := f.open[path], 0
	open[node]--
	for _, n := range open {
		left += n
	}
	if left == 0 {
		delete(f.open, path)
	}
	if joined {
		f.joined--
	}
	f.sockets--
	f.running.Done()
}

// webSocket is a WebSocket's whole life.
func (f *forwarder) webSocket(w http.ResponseWriter, r *http.Request) {
	path := r.URL.Path
	node, ok := f.choose(path)
	if !ok {
		http.Error(w, "the tap takes no more", http.StatusServiceUnavailable)
		return
	}
	device, server := &leg{}, &leg{}
	defer func() { f.leave(path, node, server.joined) }()
	header := http.Header{}
	for _, name := range []string{"Origin", "Sec-WebSocket-Protocol", "User-Agent"} {
		if v := r.Header.Values(name); len(v) > 0 {
			header[http.CanonicalHeaderKey(name)] = v
		}
	}
	refused, err := server.dial(f.nodes[node].String()+r.URL.EscapedPath(), r.Host, header)
	if err != nil {
		refuse(w, refused)
		return
	}
	defer server.conn.Close()
	if !device.accept(w, r, server.ws.SubProtocol()) {
		return
	}
	defer device.conn.Close()
	device.other, server.other = server, device
	device.alter, server.alter = f.fromDevice(), f.fromServer(server)
	var both sync.WaitGroup
	both.Go(server.run)
	device.run()
	both.Wait()
}

// refuse passes on why a node does not take a WebSocket; refused is nil when it cannot be reached.
func refuse(w http.ResponseWriter, refused *http.Response) {
	status := http.StatusBadGateway
	if refused != nil && refused.StatusCode >= 400 {
		status = refused.StatusCode
		if v := refused.Header.Get("Retry-After"); v != "" {
			w.Header().Set("Retry-After", v)
		}
	}
	http.Error(w, http.StatusText(status), status)
}

// fromDevice has the tap look at DATA, as native.Options.Tap does.
func (f *forwarder) fromDevice() func([]byte) []byte {
	side := byte(0)
	return func(data []byte) []byte {
		if len(data) < 2 {
			return data
		}
		switch wire.RelayType(data[0]) {
		case wire.RelayJoin, wire.RelayPair:
			side = data[1]
		case wire.RelayData:
			return append(data[:1:1], f.tap(side, data[1:])...)
		}
		return data
	}
}

// fromServer counts who is let in.
func (f *forwarder) fromServer(server *leg) func([]byte) []byte {
	return func(data []byte) []byte {
		if len(data) > 0 && wire.RelayType(data[0]) == wire.RelayJoined && !server.joined {
			f.mu.Lock()
			defer f.mu.Unlock()
			server.joined = true
			f.joined++
		}
		return data
	}
}

// leg is one of the two WebSockets of a connection, the device's or the one to the node. What it gets goes out on the other before it
// reads on, so that whoever is slow slows the sender down.
type leg struct {
	conn   net.Conn // below everything
	ws     *gws.Conn
	other  *leg
	alter  func([]byte) []byte // makes of a binary message the one to pass on
	joined bool
	closed atomic.Bool // the other has had its close frame, which goes out here
}

// dial connects to a node. When that refuses, the answer comes with the error.
func (l *leg) dial(address, host string, header http.Header) (refused *http.Response, err error) {
	header.Set("Host", host) // the package takes it from there
	l.ws, refused, err = gws.NewClient(l, &gws.ClientOption{
		Addr: address, RequestHeader: header, HandshakeTimeout: dialTimeout, ReadMaxPayloadSize: maxMessage, Logger: quiet{},
		NewDialer: func() (gws.Dialer, error) { return l, nil },
	})
	if err != nil && l.conn != nil {
		l.conn.Close()
	}
	return refused, err
}

// Dial is gws.Dialer's.
func (l *leg) Dial(network, addr string) (net.Conn, error) {
	c, err := net.DialTimeout(network, addr, dialTimeout)
	if err != nil {
		return nil, err
	}
	l.conn = c
	return patient{c}, nil
}

// accept returns a device.
func (l *leg) accept(w http.ResponseWriter, r *http.Request, subprotocol string) bool {
	conn, buffered, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return false
	}
	l.conn = conn
	up := gws.NewUpgrader(l, &gws.ServerOption{
		SubProtocols: []string{subprotocol}, HandshakeTimeout: dialTimeout, ReadMaxPayloadSize: maxMessage, Logger: quiet{},
	})
	if l.ws, err = up.UpgradeFromConn(patient{conn}, bufio.NewReader(buffered.Reader), r); err != nil {
		conn.Close()
	}
	return err == nil
}

// run reads until the end.
func (l *leg) run() {
	l.ws.ReadLoop()
	io.Copy(io.Discard, l.conn) // until the other end closes too, or lingerTimeout
}

func (l *leg) OnOpen(*gws.Conn) {}

func (l *leg) OnPing(_ *gws.Conn, b []byte) { l.other.ws.WritePing(b) }

func (l *leg) OnPong(_ *gws.Conn, b []byte) { l.other.ws.WritePong(b) }

// OnMessage passes a message on. That it cannot be written is no business of this leg: the other's reader ends by itself, and may
// have to say why.
func (l *leg) OnMessage(_ *gws.Conn, m *gws.Message) {
	defer m.Close()
	data := m.Bytes()
	if m.Opcode == gws.OpcodeBinary {
		data = l.alter(data)
	}
	l.other.ws.WriteMessage(m.Opcode, data)
}

// OnClose passes a close frame on; a connection that was cut is cut on the other side too.
func (l *leg) OnClose(_ *gws.Conn, err error) {
	closed := (*gws.CloseError)(nil)
	switch {
	case l.closed.Load(): // what came is the answer to a close frame
	case errors.As(err, &closed):
		l.other.closed.Store(true)
		l.other.ws.WriteClose(closed.Code, closed.Reason)
	default:
		l.other.conn.Close()
	}
}

// patient is the network connection below a WebSocket.
type patient struct{ net.Conn }

func (c patient) Write(p []byte) (int, error) { return wsock.WriteAll(c.Conn, p, slowTimeout) }

func (c patient) Close() error { return wsock.Finish(c.Conn, lingerTimeout) }

type quiet struct{}

func (quiet) Error(...any) {}
