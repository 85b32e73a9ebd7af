// Command tap is the Sync Server for end-to-end tests: the real one, with the pages next to it, whose traffic can be looked at
// and disturbed. It is not for anything else.
//
//	go run ./core/relay/tap -listen 127.0.0.1:0 -control 127.0.0.1:0 -frames FILE -sync URL,URL
//
// With -sync it is in front of another Sync Server, or of several nodes of one, which take turns. Devices then dial it as localhost,
// and that server has to take this name, with any port.
//
// It prints one line, "relay=ws://ADDR page=http://ADDR control=http://ADDR", and runs until SIGINT or SIGTERM. FILE gets the body of
// every DATA frame that arrives: its length as 32 bits, big-endian, and the body. The control address takes, by GET or POST:
//
//	/counts   {"frames":0,"bytes":0,"flipped":0,"listening":true,"joined":0}
//	/flip?n=1 flips one bit in the n-th DATA frame from now on, in the middle of its body
//	/stop     an outage: cuts every connection and stops listening
//	/start    ends the outage, on the same address
//
// Each returns the counts, when it is done.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"log"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/signal"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/masqdev/masq/core/relay"
	"github.com/masqdev/masq/core/relay/native"
	"github.com/masqdev/masq/web"
	"github.com/masqdev/masq/web/static"
)

func main() {
	log.SetFlags(0)
	log.SetPrefix("tap: ")
	listen := flag.String("listen", "127.0.0.1:0", "address of the Sync Server")
	control := flag.String("control", "127.0.0.1:0", "address of the controls")
	frames := flag.String("frames", "", "file that the bodies are appended to; none if empty")
	sync := flag.String("sync", "", "URLs of a Sync Server to be in front of, by commas; its own if empty")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	nodes, err := parseNodes(*sync)
	if err == nil {
		err = run(ctx, *listen, *control, *frames, nodes)
	}
	if err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, listen, control, frames string, nodes []*url.URL) error {
	r := &recorder{}
	if frames != "" {
		f, err := os.OpenFile(frames, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
		if err != nil {
			return err
		}
		defer f.Close()
		r.file = f
	}
	page, err := static.Handler(web.FS())
	if err != nil {
		return err
	}
	s := &outage{addr: listen, make: func() server {
		if len(nodes) > 0 {
			return newForwarder(nodes, page, r.tap)
		}
		return native.New(native.Options{
			Loopback: native.AddressLimits{Waiting: 1_000, Joined: 10_000, NewPerMinute: 100_000}, Page: page, Tap: r.tap,
		})
	}}
	if err := s.start(); err != nil {
		return err
	}
	defer s.stop()
	for _, node := range nodes {
		if err := check(ctx, node, net.JoinHostPort("localhost", port(s.addr))); err != nil {
			return err
		}
	}
	l, err := net.Listen("tcp", control)
	if err != nil {
		return err
	}
	fmt.Printf("relay=ws://%s page=http://%s control=http://%s\n", s.addr, s.addr, l.Addr())
	srv := &http.Server{Handler: controls(r, s), ReadHeaderTimeout: 5 * time.Second}
	context.AfterFunc(ctx, func() { srv.Close() })
	if err := srv.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

func controls(r *recorder, s *outage) http.Handler {
	mux := http.NewServeMux()
	answer := func(w http.ResponseWriter) {
		c := r.counts()
		c.Listening, c.Joined = s.state()
		w.Header().Set("Content-Type", "application/json")
		json.NewEncoder(w).Encode(c)
	}
	mux.HandleFunc("/counts", func(w http.ResponseWriter, _ *http.Request) { answer(w) })
	mux.HandleFunc("/flip", func(w http.ResponseWriter, q *http.Request) {
		n := 1
		if v := q.FormValue("n"); v != "" {
			var err error
			if n, err = strconv.Atoi(v); err != nil || n < 1 {
				http.Error(w, "n is a number from 1 on", http.StatusBadRequest)
				return
			}
		}
		r.flipIn(n)
		answer(w)
	})
	mux.HandleFunc("/stop", func(w http.ResponseWriter, _ *http.Request) { s.stop(); answer(w) })
	mux.HandleFunc("/start", func(w http.ResponseWriter, _ *http.Request) {
		if err := s.start(); err != nil {
			http.Error(w, "cannot listen again", http.StatusConflict)
			return
		}
		answer(w)
	})
	return mux
}

func port(addr string) string {
	_, port, _ := net.SplitHostPort(addr)
	return port
}

// server is the Sync Server, a native.Server, or what is in front of one.
type server interface {
	Serve(context.Context, ...net.Listener) error
	Stats() relay.Stats
}

// outage is a server that can be switched off and on.
type outage struct {
	make func() server // a new one each time

	mu     sync.Mutex // guards all below
	addr   string
	server server // nil while it is off
	end    func() // ends it and waits
}

// start listens, unless it does already.
func (o *outage) start() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.server != nil {
		return nil
	}
	l, err := net.Listen("tcp", o.addr)
	if err != nil {
		return err
	}
	o.addr = l.Addr().String() // the same one again after an outage
	cut := &cutter{Listener: l, open: map[net.Conn]bool{}}
	ctx, cancel := context.WithCancel(context.Background())
	server, ended := o.make(), make(chan struct{})
	go func() {
		defer close(ended)
		if err := server.Serve(ctx, cut); err != nil && !errors.Is(err, net.ErrClosed) {
			log.Print("serving failed")
		}
	}()
	o.server, o.end = server, func() {
		cut.cut() // first: an outage says no goodbye
		cancel()
		<-ended
	}
	return nil
}

// stop cuts every connection.
func (o *outage) stop() {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.server != nil {
		o.end()
		o.server = nil
	}
}

func (o *outage) state() (listening bool, joined int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.server == nil {
		return false, 0
	}
	return true, o.server.Stats().Joined
}

// cutter is a listener that can cut all that it has accepted.
type cutter struct {
	net.Listener
	over atomic.Bool // nothing goes out any more
	mu   sync.Mutex
	open map[net.Conn]bool
}

func (c *cutter) Accept() (net.Conn, error) {
	conn, err := c.Listener.Accept()
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	k := &cuttable{TCPConn: conn.(*net.TCPConn), of: c}
	c.open[k] = true
	return k, nil
}

// cut is sudden: nobody hears a goodbye, or that the other side was cut off before.
func (c *cutter) cut() {
	c.over.Store(true)
	c.Close()
	c.mu.Lock()
	defer c.mu.Unlock()
	for k := range c.open {
		k.(*cuttable).TCPConn.Close()
	}
}

// cuttable keeps what TCP can do, closing by halves above all.
type cuttable struct {
	*net.TCPConn
	of *cutter
}

func (k *cuttable) Write(p []byte) (int, error) {
	if k.of.over.Load() {
		return 0, net.ErrClosed
	}
	return k.TCPConn.Write(p)
}

func (k *cuttable) Close() error {
	k.of.mu.Lock()
	delete(k.of.open, k)
	k.of.mu.Unlock()
	return k.TCPConn.Close()
}
