// Package native is the local store's front: HTTP, WebSockets and a Unix socket around package localstore, with its data in a
// directory.
//
//	s, err := native.New(native.Options{Dir: dir}) // opens the data: from here on no other store can
//	listeners, err := relay.Listen("localhost:6277")
//	err = s.Serve(ctx, listeners...) // until ctx ends
//
// Pages and programs come by WebSocket at /v1, and are asked for their tokens; masq itself comes by the Unix socket in the
// directory, and may do everything. Nothing of what applications keep is logged, and no origin but at level Debug.
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
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/lxzan/gws"

	"github.com/masqdev/masq/core/localstore"
	"github.com/masqdev/masq/core/peer"
	"github.com/masqdev/masq/core/roster"
	"github.com/masqdev/masq/core/storage/bolt"
)

// Options are what a Server is told.
type Options struct {
	Dir       string   // the data directory; made if it is not there
	Name      string   // this device's name, 1 to 40 characters, at first; empty: the computer's
	Sync      []string // Sync Servers that a new circle starts with, at most 8
	NoKeyring bool     // keep the store's key in a file, not in the system's keyring
	Version   string   // of this program, for people
	PagePort  uint16   // where pages reach the store, if another program passes its port on; 0: where it listens

	Page http.Handler // the Store manager; nil: a line on what this is at /
	Log  *slog.Logger // nil: silent
}

// What Serve waits for.
const (
	headerTimeout   = 5 * time.Second  // for a request's header
	idleTimeout     = 60 * time.Second // between requests
	pageTimeout     = 60 * time.Second // for a page to be taken
	takeTimeout     = 30 * time.Second // for a client to take one byte of what it is sent
	lingerTimeout   = 2 * time.Second  // for the other end to see why a connection was closed
	pingEvery       = 30 * time.Second
	deadAfter       = 90 * time.Second // without a sign of life
	shutdownTimeout = 3 * time.Second
	maxHeaderBytes  = 16 << 10
	maxMessage      = localstore.MaxMessage
	readBuffer      = 4 << 10
)

// Server is a local store. Use New, then Serve, once; or Close instead.
type Server struct {
	opt      Options
	page     http.Handler
	log      *slog.Logger
	upgrader *gws.Upgrader
	clients  clients
	key      [32]byte
	db       *bolt.Store
	unix     net.Listener

	// Set by Serve.
	port     uint16
	drive    *drive
	stopping chan struct{} // closed when nobody new is let in
	ended    chan struct{} // closed when the engine has stopped
	why      peer.Code     // why it has; E_CLOSED when it was told to
	ending   sync.Once
	closing  sync.Once
}

// New opens the data directory, which no other store can do until this one has ended.
func New(opt Options) (*Server, error) {
	dir, err := prepareDir(opt.Dir)
	if err != nil {
		return nil, err
	}
	if _, err := SocketPath(dir); err != nil {
		return nil, err
	}
	opt.Dir = dir
	s := &Server{
		opt: opt, page: opt.Page, log: opt.Log,
		clients:  clients{all: map[uint32]*client{}, counts: map[string]int{}, held: map[string]int{}},
		stopping: make(chan struct{}), ended: make(chan struct{}),
	}
	if s.page == nil {
		s.page = http.HandlerFunc(about)
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	s.upgrader = s.newUpgrader()
	var ring keys
	if !opt.NoKeyring {
		ring = systemKeyring()
	}
	if s.key, err = storeKey(dir, ring); err != nil {
		return nil, err
	}
	if s.db, err = bolt.Open(filepath.Join(dir, databaseName)); err != nil {
		return nil, err
	}
	if s.unix, err = listenUnix(dir); err != nil {
		s.db.Close()
		return nil, err
	}
	return s, nil
}

// Close gives up what New has opened. After Serve it does nothing.
func (s *Server) Close() error {
	var err error
	s.closing.Do(func() { err = errors.Join(s.unix.Close(), s.db.Close()) })
	return err
}

// EngineError is why the store has stopped by itself.
type EngineError struct{ Code peer.Code }

func (e *EngineError) Error() string { return "the store has stopped with " + string(e.Code) }

// Serve serves on the listeners, which have one port and which it closes, until ctx ends or the store fails. At the end it
// tells everybody, writes what is left, and takes a few seconds for that. It returns nil when ctx has ended.
func (s *Server) Serve(ctx context.Context, listeners ...net.Listener) error {
	s.closing.Do(func() {}) // from here on the data is the drive's
	s.port = uint16(listeners[0].Addr().(*net.TCPAddr).Port)
	var err error
	if s.drive, err = startDrive(s.driveOptions()); err != nil {
		s.unix.Close()
		for _, l := range listeners {
			l.Close()
		}
		return err
	}
	srv := &http.Server{
		Handler:           s,
		ReadHeaderTimeout: headerTimeout,
		ReadTimeout:       pageTimeout,
		WriteTimeout:      pageTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		ErrorLog:          log.New(io.Discard, "", 0), // it would log what clients send
	}
	broken := make(chan error, len(listeners))
	var running sync.WaitGroup
	for _, l := range listeners {
		running.Go(func() { broken <- srv.Serve(l) })
	}
	running.Go(func() { s.acceptUnix() })
	running.Go(s.ping)
	select {
	case <-ctx.Done():
	case err = <-broken:
	case <-s.ended:
		err = &EngineError{s.why}
	}
	s.log.Info("stopping", "why", cmp.Or(err, context.Cause(ctx)))
	s.shutDown(srv)
	running.Wait()
	return errors.Join(err, s.drive.close())
}

// shutDown lets nobody new in, has the engine say goodbye, and waits for all who are there to hear it.
func (s *Server) shutDown(srv *http.Server) {
	ctx, cancel := context.WithTimeout(context.Background(), shutdownTimeout)
	defer cancel()
	close(s.stopping)
	s.unix.Close() // and the socket is gone, while the data is still this store's
	s.drive.put(localstore.Stop{}, 0)
	if srv.Shutdown(ctx) != nil {
		srv.Close()
	}
	select {
	case <-s.ended:
	case <-ctx.Done():
		s.log.Warn("the engine has not ended in time")
	}
	s.clients.stop()
	over := make(chan struct{})
	go func() { s.clients.wg.Wait(); close(over) }()
	select {
	case <-over:
		return
	case <-ctx.Done():
	}
	s.clients.drop()
	<-over
}

// driveOptions make a drive of the store.
func (s *Server) driveOptions() driveOptions {
	name := s.opt.Name
	if name == "" {
		name = hostName()
	}
	machine := localstore.New(localstore.Config{
		Peer: peer.Config{Key: s.key, Name: name, Sync: s.opt.Sync},
		Port: s.port, Pages: s.opt.PagePort, Version: s.opt.Version,
	})
	var out localstore.Actions
	return driveOptions{
		Store: s.db,
		Disk:  func(bytes uint64) any { return localstore.Disk{Bytes: bytes} },
		Other: s.carryOut,
		Step: func(now peer.Millis, events []any, act func(any)) {
			machine.Step(now, eventsOf(events), &out)
			for _, a := range out.List {
				act(a)
			}
			out.Reset()
		},
	}
}

// eventsOf makes of the drive's events one of the store's.
func eventsOf(events []any) localstore.Event {
	all := make(localstore.Events, 0, len(events))
	for _, ev := range events {
		switch ev := ev.(type) {
		case localstore.Event:
			all = append(all, ev)
		case peer.Event:
			all = append(all, localstore.Peer{Event: ev})
		}
	}
	return all
}

// carryOut does what the store asks of its front.
func (s *Server) carryOut(action any) {
	switch a := action.(type) {
	case localstore.ClientSend:
		s.clients.send(a.Client, a.Data)
	case localstore.ClientStands:
		s.clients.stands(a.Client, a.As)
	case localstore.ClientClose:
		s.clients.end(a.Client, a.Code, a.Reason)
	case localstore.Bug:
		s.log.Error("a bug in Masq; going on without the device that it came from, if that is known", "where", a.Where)
	case peer.Failed:
		s.ending.Do(func() { s.why = a.Err; close(s.ended) })
	}
}

// hostName is what the computer calls itself, as far as it is a name for a device.
func hostName() string {
	name, _ := os.Hostname()
	name, _, _ = strings.Cut(name, ".")
	if !roster.ValidName(name) {
		return ""
	}
	return name
}

// open lets a client speak with the store.
func (s *Server) open(p *place, by localstore.Agent, t transport) *client {
	c := s.clients.add(p, t)
	s.hand(c, localstore.ClientOpened{Client: c.id, Who: p.who, Agent: by}, 0)
	return c
}

// hand has an event of a client wait for its turn.
func (s *Server) hand(c *client, ev localstore.Event, size int) {
	s.drive.putFor(c.place.domain, c.id, ev, size)
}

// received hands on what a client says. It waits while the store has too much to do.
func (s *Server) received(c *client, text []byte) {
	s.hand(c, localstore.ClientMessage{Client: c.id, Data: text}, len(text))
}

func (s *Server) closed(c *client) {
	s.clients.remove(c)
	s.hand(c, localstore.ClientClosed{Client: c.id}, 0)
}

// pause waits a moment, and reports whether the server goes on.
func (s *Server) pause() bool {
	select {
	case <-time.After(time.Second):
		return true
	case <-s.stopping:
		return false
	}
}

// ping asks all clients every so often whether they are there.
func (s *Server) ping() {
	t := time.NewTicker(pingEvery)
	defer t.Stop()
	for {
		select {
		case <-t.C:
			s.clients.ping()
		case <-s.stopping:
			return
		}
	}
}
