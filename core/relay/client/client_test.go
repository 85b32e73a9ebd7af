package client_test

import (
	"context"
	"crypto/rand"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/lxzan/gws"

	"github.com/masqdev/masq/core/relay/client"
	"github.com/masqdev/masq/core/relay/native"
	"github.com/masqdev/masq/core/wire"
)

// serve runs a real Sync Server and returns its URL with what stops it.
func serve(t *testing.T, opt native.Options) (url string, stop func()) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- native.New(opt).Serve(ctx, l) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return "ws://" + l.Addr().String(), stop
}

func dial(t *testing.T, url, path string, o client.Options) *client.Conn {
	t.Helper()
	c, err := client.Dial(t.Context(), url, path, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// frame checks that the next message is a frame and returns it.
func frame(t *testing.T, c *client.Conn) wire.RelayFrame {
	t.Helper()
	m, err := c.Next(t.Context())
	if err != nil || m.Kind != client.FrameMessage {
		t.Fatalf("%+v, %v", m, err)
	}
	return m.Frame
}

func TestChannelAndMailbox(t *testing.T) {
	url, _ := serve(t, native.Options{})
	key := client.NewKey()
	var mailbox [16]byte
	rand.Read(mailbox[:])
	for _, c := range []struct {
		name, path string
		enter      func(c *client.Conn, side uint8) (bool, error)
	}{
		{"channel", client.ChannelPath(key), func(c *client.Conn, side uint8) (bool, error) { return c.Join(t.Context(), key, side) }},
		{"mailbox", wire.PairPath(mailbox), func(c *client.Conn, side uint8) (bool, error) { return c.Pair(t.Context(), side) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			x, y := dial(t, url, c.path, client.Options{}), dial(t, url, c.path, client.Options{})
			if present, err := c.enter(x, 0); err != nil || present {
				t.Fatalf("first: %v, %v", present, err)
			}
			if present, err := c.enter(y, 1); err != nil || !present {
				t.Fatalf("second: %v, %v", present, err)
			}
			if f := frame(t, x); f.Type != wire.RelayPeer || !f.Present {
				t.Errorf("%+v", f)
			}
			if err := errors.Join(y.Data([]byte("one")), y.Data(nil)); err != nil {
				t.Error(err)
			}
			if f := frame(t, x); f.Type != wire.RelayData || string(f.Body) != "one" {
				t.Errorf("%+v", f)
			}
			if f := frame(t, x); f.Type != wire.RelayData || len(f.Body) != 0 {
				t.Errorf("%+v", f)
			}
			if f := x.Limits()[wire.LimitFrameBytes]; f != wire.MaxFrame {
				t.Errorf("frames of %d bytes", f)
			}
			y.Leave(t.Context())
			if f := frame(t, x); f.Type != wire.RelayPeer || f.Present {
				t.Errorf("%+v", f)
			}
		})
	}
}

// TestPingKeeps: what comes before the reply to a ping is there afterwards, in order.
func TestPingKeeps(t *testing.T) {
	url, _ := serve(t, native.Options{})
	key := client.NewKey()
	x, y := dial(t, url, client.ChannelPath(key), client.Options{}), dial(t, url, client.ChannelPath(key), client.Options{})
	x.Join(t.Context(), key, 0)
	y.Join(t.Context(), key, 1)
	y.Data([]byte("a"))
	y.Data([]byte("b"))
	if _, err := y.Ping(t.Context()); err != nil { // so that the server has passed both on
		t.Fatal(err)
	}
	if took, err := x.Ping(t.Context()); err != nil || took <= 0 {
		t.Fatal(took, err)
	}
	var got []string
	for range 3 {
		f := frame(t, x)
		got = append(got, string(f.Body))
	}
	if s := strings.Join(got, ","); s != ",a,b" { // PEER has no body
		t.Errorf("got %q", s)
	}
}

// script is a server of WebSockets that sends these messages, and ends with a close code if it has one.
func script(t *testing.T, code uint16, messages ...string) string {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		up := gws.NewUpgrader(gws.BuiltinEventHandler{}, &gws.ServerOption{SubProtocols: []string{wire.Subprotocol}})
		ws, err := up.Upgrade(w, r)
		if err != nil {
			return
		}
		for _, m := range messages {
			ws.WriteMessage(gws.OpcodeBinary, []byte(m))
		}
		if code != 0 {
			ws.WriteClose(code, nil)
		}
		ws.ReadLoop()
	}))
	t.Cleanup(srv.Close)
	return "ws" + strings.TrimPrefix(srv.URL, "http")
}

func bytesOf(f wire.RelayFrame) string { return string(wire.AppendRelay(nil, &f)) }

// TestErrors: what goes wrong can be told apart.
func TestErrors(t *testing.T) {
	named, _ := serve(t, native.Options{Hosts: []string{"sync.example.org"}})
	open, _ := serve(t, native.Options{})
	hello := bytesOf(wire.RelayFrame{Type: wire.RelayHello, Version: wire.RelayVersion})
	restarting := bytesOf(wire.RelayFrame{Type: wire.RelayRestarting, ReconnectIn: 1500, TryFor: 60_000})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	key := client.NewKey()
	channel := client.ChannelPath(key)
	for _, c := range []struct {
		name, url, path string
		options         client.Options
		is              error  // that errors.Is finds; nil: any
		text            string // part of it
	}{
		{"nobody listens", "ws://" + l.Addr().String(), channel, client.Options{}, nil, "refused"},
		{"no channel", open, "/v1/channel/x", client.Options{}, nil, "HTTP 404 Not Found"},
		{"another subprotocol", open, channel, client.Options{Subprotocols: []string{"masq.relay.v2"}}, nil, "HTTP 400 Bad Request"},
		{"silence", script(t, 0), channel, client.Options{Timeout: 50 * time.Millisecond}, client.ErrNoHello, "nothing came in 50ms"},
		{"another first frame", script(t, 0, bytesOf(wire.RelayFrame{Type: wire.RelayJoined})), channel, client.Options{}, client.ErrNoHello, "another"},
		{"a first frame that is none", script(t, 0, "\xff"), channel, client.Options{}, wire.ErrMalformed, "no HELLO"},
		{"ERR at once", script(t, 4005, bytesOf(wire.RelayFrame{Type: wire.RelayErr, Code: wire.RelayERate})), channel, client.Options{}, wire.RelayERate, "no HELLO"},
		{"closed at once", script(t, 4003), channel, client.Options{}, wire.RelayEExpired, "E_EXPIRED"},
		{"another version", script(t, 0, "\x01\x02"), channel, client.Options{}, wire.RelayEVersion, "version 2"},
		{"restarting before HELLO", script(t, 1012, restarting), channel, client.Options{}, nil, "reconnect in 1.5s"},
		{"restarting before JOINED", script(t, 1012, hello, restarting), channel, client.Options{}, nil, "reconnect in 1.5s"},
		{"closed before JOINED", script(t, 1011, hello), channel, client.Options{}, nil, "code 1011"},
		{"DATA before JOINED", script(t, 0, hello, "\x00x"), channel, client.Options{}, nil, "type 0"},
		{"another name", named, channel, client.Options{}, wire.RelayEAuth, ""},
		{"its own name", named, channel, client.Options{Host: "sync.example.org"}, nil, ""},
	} {
		t.Run(strings.ReplaceAll(c.name, " ", "-"), func(t *testing.T) {
			conn, err := client.Dial(t.Context(), c.url, c.path, c.options)
			if err == nil {
				defer conn.Close()
				_, err = conn.Join(t.Context(), key, 0)
			}
			switch {
			case c.is == nil && c.text == "":
				if err != nil {
					t.Error(err)
				}
			case err == nil || c.is != nil && !errors.Is(err, c.is) || !strings.Contains(err.Error(), c.text):
				t.Errorf("%v", err)
			}
		})
	}
}

// TestEnds: a call that waits ends with its context, with Close, and with the server, and says by which.
func TestEnds(t *testing.T) {
	url, stop := serve(t, native.Options{})
	var closed *client.CloseError
	c := dial(t, url, client.ChannelPath(client.NewKey()), client.Options{})
	short, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	if _, err := c.Next(short); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("context: %v", err)
	}
	go c.Close()
	if _, err := c.Next(t.Context()); !errors.As(err, &closed) || closed.Code != 0 {
		t.Errorf("Close: %v", err)
	}
	c.Close()
	d := dial(t, url, client.ChannelPath(client.NewKey()), client.Options{})
	stop()
	if f := frame(t, d); f.Type != wire.RelayRestarting || f.ReconnectIn == 0 {
		t.Errorf("%+v", f)
	}
	if _, err := d.Next(t.Context()); !errors.As(err, &closed) || closed.Code != 1012 {
		t.Errorf("the server: %v", err)
	}
}

// TestSlow: a write ends when the other end takes nothing.
func TestSlow(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		up := gws.NewUpgrader(gws.BuiltinEventHandler{}, &gws.ServerOption{SubProtocols: []string{wire.Subprotocol}})
		if ws, err := up.Upgrade(w, r); err == nil {
			ws.WriteMessage(gws.OpcodeBinary, []byte(bytesOf(wire.RelayFrame{Type: wire.RelayHello, Version: wire.RelayVersion})))
		}
	}))
	defer srv.Close()
	c := dial(t, "ws"+strings.TrimPrefix(srv.URL, "http"), client.ChannelPath(client.NewKey()), client.Options{Timeout: 100 * time.Millisecond})
	body, failed := make([]byte, wire.MaxFrame-1), false
	for range 1000 {
		if failed = c.Data(body) != nil; failed {
			break
		}
	}
	if !failed {
		t.Error("writes 64 MB to somebody who reads none")
	}
}
