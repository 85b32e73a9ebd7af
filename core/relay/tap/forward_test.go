package main

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	nats "github.com/nats-io/nats-server/v2/server"

	"github.com/masqdev/masq/core/relay/client"
	"github.com/masqdev/masq/core/relay/conformance"
	"github.com/masqdev/masq/core/relay/native"
)

// serve runs a Sync Server and returns where it is.
func serve(t *testing.T, opt native.Options) (*native.Server, *url.URL) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	opt.Loopback.Waiting = 1_000 // all the tests come from one address
	s, ended := native.New(opt), make(chan error, 1)
	ctx, stop := context.WithCancel(context.Background())
	go func() { ended <- s.Serve(ctx, l) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	until(t, "it is ready", s.Ready)
	return s, &url.URL{Scheme: "ws", Host: l.Addr().String()}
}

func until(t *testing.T, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(conformance.Patience); !is(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited in vain until %s", what)
		}
	}
}

// nodes runs two Sync Servers that share their channels.
func nodes(t *testing.T) (servers []*native.Server, urls []*url.URL) {
	n, err := nats.NewServer(&nats.Options{Host: "127.0.0.1", Port: nats.RANDOM_PORT, NoLog: true, NoSigs: true})
	if err != nil {
		t.Fatal(err)
	}
	n.Start()
	t.Cleanup(n.Shutdown)
	if !n.ReadyForConnections(conformance.Patience) {
		t.Fatal("NATS does not start")
	}
	for range 2 {
		s, u := serve(t, native.Options{NATS: n.ClientURL()})
		servers, urls = append(servers, s), append(urls, u)
	}
	return servers, urls
}

// inFront runs a forwarder and returns its URL.
func inFront(t *testing.T, r *recorder, nodes ...*url.URL) (*outage, string) {
	page := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte("the page")) })
	o := &outage{addr: "127.0.0.1:0", make: func() server { return newForwarder(nodes, page, r.tap) }}
	if err := o.start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(o.stop)
	return o, "ws://" + o.addr
}

// TestForwarder: what is true of a Sync Server is true through a forwarder.
func TestForwarder(t *testing.T) {
	t.Run("one-node", func(t *testing.T) {
		t.Parallel()
		_, node := serve(t, native.Options{})
		_, at := inFront(t, &recorder{}, node)
		conformance.Run(t, conformance.Target{URL: at})
	})
	t.Run("two-nodes", func(t *testing.T) {
		t.Parallel()
		_, nodes := nodes(t)
		_, at := inFront(t, &recorder{}, nodes...)
		conformance.Run(t, conformance.Target{URL: at, NoCaps: true}) // each node counts its own half
	})
}

func TestForwarderTaps(t *testing.T) {
	servers, nodes := nodes(t)
	r := &recorder{}
	o, at := inFront(t, r, nodes...)
	k := client.NewKey()
	x := conformance.Join(t, at, k, 0)
	x.Want("JOINED false")
	y := conformance.Join(t, at, k, 1)
	if y.Next() == "JOINED false" { // the nodes tell each other
		y.Want("PEER true")
	}
	x.Want("PEER true")
	for i, s := range servers {
		if n := s.Stats().Joined; n != 1 {
			t.Errorf("%d of the two sides are on node %d", n, i)
		}
	}
	r.flipIn(2)
	x.Data("abc")
	y.Want("DATA abc")
	y.Data("abc")
	x.Want("DATA acc")
	x.Text("ping")
	x.Want("text pong")
	if c := r.counts(); c.Frames != 2 || c.Bytes != 6 || c.Flipped != 1 {
		t.Errorf("%+v", c)
	}
	if _, joined := o.state(); joined != 2 {
		t.Errorf("%d have joined", joined)
	}

	o.stop()
	x.Want("closed 0") // an outage says no goodbye
	y.Want("closed 0")
	until(t, "both nodes know", func() bool { return servers[0].Stats().Joined+servers[1].Stats().Joined == 0 })
	if err := o.start(); err != nil {
		t.Fatal(err)
	}
	conformance.Join(t, at, k, 0).Want("JOINED false")
	if _, joined := o.state(); joined != 1 {
		t.Errorf("%d have joined after the outage", joined)
	}
}

func TestForwarderPages(t *testing.T) {
	_, node := serve(t, native.Options{})
	_, at := inFront(t, &recorder{}, node)
	for path, status := range map[string]int{"/": 200, "/livez": 200, "/v1/pair/new": 405, "/v1/x": 404} {
		resp, err := http.Get("http" + strings.TrimPrefix(at, "ws") + path)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != status {
			t.Errorf("%s: %d", path, resp.StatusCode)
		}
	}
}

func TestForwarderTakesTurns(t *testing.T) {
	f := newForwarder(make([]*url.URL, 2), nil, nil)
	for i, c := range []struct {
		path  string
		leave bool
		node  int
	}{
		{"a", false, 1}, {"a", false, 0}, // the two sides
		{"b", false, 0}, {"b", false, 1},
		{"a", true, 1}, {"a", false, 1}, // either of them dials again
		{"a", true, 0}, {"a", false, 0},
		{"a", true, 0}, {"a", true, 1}, {"a", false, 1}, // both do
	} {
		if c.leave {
			f.leave(c.path, c.node, false)
		} else if node, ok := f.choose(c.path); !ok || node != c.node {
			t.Errorf("%d: %s is at node %d, %v", i, c.path, node, ok)
		}
	}
	for range maxSockets - f.sockets {
		f.choose("more")
	}
	if _, ok := f.choose("too many"); ok {
		t.Error("there is no limit")
	}
}

func TestParseNodes(t *testing.T) {
	for text, want := range map[string]int{
		"": 0, "ws://localhost:6280": 1, "wss://a.example,wss://b.example/sync": 2,
		"http://localhost": -1, "ws://a.example": -1, "wss://a.example/": -1, "wss://a.example,": -1, "x": -1,
		strings.Repeat("wss://a.example,", maxNodes) + "wss://a.example": -1,
	} {
		nodes, err := parseNodes(text)
		if (err == nil) != (want >= 0) || err == nil && len(nodes) != want {
			t.Errorf("%q: %v, %v", text, nodes, err)
		}
	}
}

func TestCheck(t *testing.T) {
	_, any := serve(t, native.Options{})
	_, strict := serve(t, native.Options{Hosts: []string{"sync.example.org"}})
	_, named := serve(t, native.Options{Hosts: []string{"sync.example.org", "localhost"}})
	web := httptest.NewServer(http.NotFoundHandler())
	defer web.Close()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	for _, c := range []struct {
		name string
		node *url.URL
		want string // part of the error, with its hint; empty: none
	}{
		{"any loopback name", any, ""},
		{"localhost among its names", named, ""},
		{"a name of its own", strict, "those of a test dial localhost:7\nhint: start it without --host"},
		{"another web server", &url.URL{Scheme: "ws", Host: web.Listener.Addr().String()}, "HTTP 404 Not Found\nhint: start one there"},
		{"nothing", &url.URL{Scheme: "ws", Host: l.Addr().String()}, "connection refused\nhint: start one there"},
	} {
		err := check(t.Context(), c.node, "localhost:7")
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}
