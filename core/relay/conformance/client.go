package conformance

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/lxzan/gws"

	"github.com/masqdev/masq/core/wire"
)

// Patience is how long the suite waits for what has to come.
const Patience = 20 * time.Second

// Client is a WebSocket to a Sync Server that gives what it gets one by one.
type Client struct {
	Host  string // as dialled
	Nonce [32]byte
	Hello wire.RelayFrame

	Reconnect time.Duration // what RESTARTING said, once that has come

	t     testing.TB
	ws    *gws.Conn
	got   chan string
	begun bool // HELLO has come; the reader's alone
}

type handler struct {
	gws.BuiltinEventHandler
	c     *Client
	hello chan wire.RelayFrame
	early chan string // what comes before HELLO
}

// say is what is got, in the order in which it came: HELLO may come at once with what follows it.
func (h handler) say(what string) {
	if h.c.begun {
		h.c.got <- what
	} else {
		h.early <- what
	}
}

func (h handler) OnClose(_ *gws.Conn, err error) {
	code := uint16(0)
	if ce := (*gws.CloseError)(nil); errors.As(err, &ce) {
		code = ce.Code
	}
	h.say(fmt.Sprint("closed ", code))
}

func (h handler) OnPong(_ *gws.Conn, p []byte) { h.say("pong frame " + string(p)) }

func (h handler) OnMessage(_ *gws.Conn, m *gws.Message) {
	defer m.Close()
	if m.Opcode == gws.OpcodeText {
		h.say("text " + string(m.Bytes()))
		return
	}
	f, err := wire.ParseRelay(bytes.Clone(m.Bytes()))
	switch {
	case err != nil:
		h.say(err.Error())
	case f.Type == wire.RelayHello:
		h.c.begun = true
		h.hello <- f
	case f.Type == wire.RelayData:
		h.say("DATA " + string(f.Body))
	case f.Type == wire.RelayJoined:
		h.say(fmt.Sprint("JOINED ", f.Present))
	case f.Type == wire.RelayPeer:
		h.say(fmt.Sprint("PEER ", f.Present))
	case f.Type == wire.RelayErr:
		h.say(f.Code.String())
	case f.Type == wire.RelayRestarting:
		h.c.Reconnect = time.Duration(f.ReconnectIn) * time.Millisecond
		h.say("RESTARTING")
	default:
		h.say(fmt.Sprint("frame of type ", f.Type))
	}
}

type quiet struct{}

func (quiet) Error(...any) {}

// TryDial opens a WebSocket below a relay URL, with the subprotocols given.
func TryDial(t testing.TB, relayURL, path, subprotocols string) (*Client, *http.Response, error) {
	u, err := url.Parse(relayURL)
	if err != nil {
		t.Fatal(err)
	}
	c := &Client{Host: u.Host, t: t, got: make(chan string, 4096)}
	h := handler{c: c, hello: make(chan wire.RelayFrame, 4), early: make(chan string, 4)}
	header := http.Header{"Origin": {"https://notes.example"}}
	if subprotocols != "" {
		header.Set("Sec-WebSocket-Protocol", subprotocols)
	}
	ws, resp, err := gws.NewClient(h, &gws.ClientOption{
		Addr: relayURL + path, RequestHeader: header, HandshakeTimeout: Patience, ReadMaxPayloadSize: 1 << 20, Logger: quiet{},
		NewDialer: func() (gws.Dialer, error) { return &net.Dialer{Timeout: Patience}, nil },
	})
	if err != nil {
		return nil, resp, err
	}
	c.ws = ws
	t.Cleanup(func() { ws.NetConn().Close() })
	go ws.ReadLoop()
	select {
	case c.Hello = <-h.hello:
		c.Nonce = c.Hello.Nonce
		return c, resp, nil
	case what := <-h.early:
		err = errors.New(what + " where HELLO was to come")
	case <-time.After(Patience):
		err = errors.New("no HELLO")
	}
	ws.NetConn().Close()
	return nil, resp, err
}

// Dial opens a WebSocket and takes HELLO.
func Dial(t testing.TB, relayURL, path string) *Client {
	t.Helper()
	c, resp, err := TryDial(t, relayURL, path, wire.Subprotocol)
	if err != nil {
		t.Fatalf("%v: %v", err, resp)
	}
	return c
}

// Key is a channel's key that nobody else has.
func Key() ed25519.PrivateKey {
	_, k, _ := ed25519.GenerateKey(rand.Reader)
	return k
}

// ChannelPath is the path of a key's channel.
func ChannelPath(k ed25519.PrivateKey) string {
	return wire.ChannelPath([32]byte(k.Public().(ed25519.PublicKey)))
}

// Join dials and joins a channel.
func Join(t testing.TB, relayURL string, k ed25519.PrivateKey, side uint8) *Client {
	t.Helper()
	c := Dial(t, relayURL, ChannelPath(k))
	c.Send(wire.RelayFrame{Type: wire.RelayJoin, Side: side, Sig: wire.SignJoin(k, c.Host, c.Nonce, side)})
	return c
}

// Pair dials and takes a side of a mailbox.
func Pair(t testing.TB, relayURL, path string, side uint8) *Client {
	t.Helper()
	c := Dial(t, relayURL, path)
	c.Send(wire.RelayFrame{Type: wire.RelayPair, Side: side})
	return c
}

// Send sends a frame.
func (c *Client) Send(f wire.RelayFrame) { c.Raw(wire.AppendRelay(nil, &f)) }

// Raw sends a binary WebSocket frame.
func (c *Client) Raw(b []byte) { c.ws.WriteMessage(gws.OpcodeBinary, b) }

// Text sends a text frame.
func (c *Client) Text(s string) { c.ws.WriteString(s) }

// Data sends DATA.
func (c *Client) Data(body string) {
	c.Send(wire.RelayFrame{Type: wire.RelayData, Body: []byte(body)})
}

// Next is what comes next.
func (c *Client) Next() string {
	select {
	case s := <-c.got:
		return s
	case <-time.After(Patience):
		return fmt.Sprint("nothing for ", Patience)
	}
}

// Want checks what comes next.
func (c *Client) Want(what ...string) {
	c.t.Helper()
	for _, w := range what {
		if got := c.Next(); got != w {
			c.t.Fatalf("got %.200q, want %.200q", got, w)
		}
	}
}

// None checks that nothing has come, by a round trip to the server.
func (c *Client) None() {
	c.t.Helper()
	c.Text(wire.PingText)
	c.Want("text " + wire.PongText)
}

// Leave closes the socket and waits until the server knows.
func (c *Client) Leave() {
	c.ws.WriteClose(1000, nil)
	for {
		if s := c.Next(); strings.HasPrefix(s, "closed") || strings.HasPrefix(s, "nothing") {
			return
		}
	}
}

// met waits until c has been told that the other side is there, however that came about.
func (c *Client) met(first string) {
	c.t.Helper()
	switch {
	case first == "JOINED true", first == "PEER true":
		return
	case first == "JOINED false":
		c.Want("PEER true")
	default:
		c.t.Fatalf("got %.200q where the other side was to come", first)
	}
}

// request is a plain HTTP request to a Sync Server.
func request(t testing.TB, method, relayURL, path string) *http.Response {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), Patience)
	t.Cleanup(cancel)
	r, err := http.NewRequestWithContext(ctx, method, "http"+strings.TrimPrefix(relayURL, "ws")+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Origin", "https://notes.example")
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { resp.Body.Close() })
	return resp
}
