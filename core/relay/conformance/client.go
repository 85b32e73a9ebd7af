package conformance

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/masqdev/masq/core/relay/client"
	"github.com/masqdev/masq/core/wire"
)

// Patience is how long the suite waits for what has to come.
const Patience = 20 * time.Second

// Client is a connection to a Sync Server that gives what it gets one by one, as text.
type Client struct {
	Reconnect time.Duration // what RESTARTING said, once that has come

	t    testing.TB
	conn *client.Conn
	got  chan string
}

// unread is how many messages a client holds for the test before it reads no more.
const unread = 4096

// TryDial opens a WebSocket below a relay URL, with the subprotocols given, and takes HELLO.
func TryDial(t testing.TB, relayURL, path string, subprotocols ...string) (*Client, error) {
	conn, err := client.Dial(context.Background(), relayURL, path, client.Options{
		Origin: "https://notes.example", Subprotocols: append([]string{}, subprotocols...), Timeout: Patience,
	})
	if err != nil {
		return nil, err
	}
	c := &Client{t: t, conn: conn, got: make(chan string, unread)}
	t.Cleanup(conn.Close)
	go c.read()
	return c, nil
}

// read writes down what comes until the end.
func (c *Client) read() {
	for {
		m, err := c.conn.Next(context.Background())
		if end := (*client.CloseError)(nil); errors.As(err, &end) {
			c.got <- fmt.Sprint("closed ", end.Code)
			return
		}
		c.got <- c.describe(m, err)
	}
}

func (c *Client) describe(m client.Message, err error) string {
	f := m.Frame
	switch {
	case err != nil:
		return err.Error()
	case m.Kind == client.TextMessage:
		return "text " + m.Text
	case m.Kind == client.PongMessage:
		return "pong frame " + m.Text
	case f.Type == wire.RelayData:
		return "DATA " + string(f.Body)
	case f.Type == wire.RelayJoined:
		return fmt.Sprint("JOINED ", f.Present)
	case f.Type == wire.RelayPeer:
		return fmt.Sprint("PEER ", f.Present)
	case f.Type == wire.RelayErr:
		return f.Code.String()
	case f.Type == wire.RelayRestarting:
		c.Reconnect = time.Duration(f.ReconnectIn) * time.Millisecond
		return "RESTARTING"
	}
	return fmt.Sprint("frame of type ", f.Type)
}

// refusedWith is the HTTP status in the place of a WebSocket, 0: there was none.
func refusedWith(err error) int {
	if refused := (*client.DialError)(nil); errors.As(err, &refused) {
		return refused.StatusCode
	}
	return 0
}

// Dial opens a WebSocket and takes HELLO.
func Dial(t testing.TB, relayURL, path string) *Client {
	t.Helper()
	c, err := TryDial(t, relayURL, path, wire.Subprotocol)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// Join dials and joins a channel.
func Join(t testing.TB, relayURL string, k ed25519.PrivateKey, side uint8) *Client {
	t.Helper()
	c := Dial(t, relayURL, client.ChannelPath(k))
	c.conn.SendJoin(k, side)
	return c
}

// Pair dials and takes a side of a mailbox.
func Pair(t testing.TB, relayURL, path string, side uint8) *Client {
	t.Helper()
	c := Dial(t, relayURL, path)
	c.conn.SendPair(side)
	return c
}

// Text sends a text frame.
func (c *Client) Text(s string) { c.conn.Text(s) }

// Data sends DATA.
func (c *Client) Data(body string) { c.conn.Data([]byte(body)) }

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
	c.conn.SendClose()
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
