package main

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/lxzan/gws"

	"github.com/masqdev/masq/core/roster"
	"github.com/masqdev/masq/core/wire"
)

const (
	maxNodes     = 8
	checkTimeout = 10 * time.Second
)

// parseNodes reads -sync.
func parseNodes(text string) (nodes []*url.URL, err error) {
	if text == "" {
		return nil, nil
	}
	for address := range strings.SplitSeq(text, ",") {
		u, err := url.Parse(address)
		if err != nil || !roster.SafeRelay(address) || len(nodes) == maxNodes {
			return nil, fmt.Errorf("%q is no address of a Sync Server\nhint: up to %d, each like wss://sync.example.org, or ws:// on this computer", address, maxNodes)
		}
		nodes = append(nodes, u)
	}
	return nodes, nil
}

// check looks whether a node is a Sync Server that takes devices which dial host.
func check(ctx context.Context, node *url.URL, host string) error {
	ctx, stop := context.WithTimeout(ctx, checkTimeout)
	defer stop()
	_, key, _ := ed25519.GenerateKey(rand.Reader) // a channel of nobody's
	path := wire.ChannelPath([32]byte(key.Public().(ed25519.PublicKey)))
	c := &caller{frames: make(chan wire.RelayFrame, 8), ended: make(chan struct{})}
	refused, err := c.dial(c, node.String()+path, host, http.Header{"Sec-Websocket-Protocol": {wire.Subprotocol}})
	if err != nil {
		if refused != nil {
			err = errors.New("HTTP " + refused.Status)
		}
		return fmt.Errorf("no Sync Server is at %s: %v\nhint: start one there, or check the address", node, err)
	}
	defer c.conn.Close()
	go c.run()
	f, err := c.next(ctx)
	if err == nil && (f.Type != wire.RelayHello || f.Version != wire.RelayVersion) {
		err = errors.New("the first frame is no HELLO of this version")
	}
	if err == nil {
		join := wire.RelayFrame{Type: wire.RelayJoin, Sig: wire.SignJoin(key, host, f.Nonce, 0)}
		c.ws.WriteMessage(gws.OpcodeBinary, wire.AppendRelay(nil, &join))
		f, err = c.next(ctx)
	}
	switch {
	case err != nil:
		return fmt.Errorf("%s does not answer as a Sync Server: %v\nhint: masq doctor --sync %[1]s looks closer", node, err)
	case f.Type == wire.RelayErr && f.Code == wire.RelayEAuth:
		return fmt.Errorf("the Sync Server at %s takes only devices that dial a name of its own, and those of a test dial %s\n"+
			"hint: start it without --host, or with --host localhost too (a Worker: MASQ_HOSTS)", node, host)
	case f.Type != wire.RelayJoined:
		return fmt.Errorf("%s lets no device in: %v\nhint: masq doctor --sync %[1]s looks closer", node, f.Code)
	}
	return nil
}

// caller is a device that takes what it gets one by one.
type caller struct {
	leg
	frames chan wire.RelayFrame
	ended  chan struct{}
}

func (c *caller) OnOpen(*gws.Conn) {}

func (c *caller) OnPing(ws *gws.Conn, b []byte) { ws.WritePong(b) }

func (c *caller) OnPong(*gws.Conn, []byte) {}

func (c *caller) OnMessage(_ *gws.Conn, m *gws.Message) {
	defer m.Close()
	f, err := wire.ParseRelay(bytes.Clone(m.Bytes()))
	if err != nil {
		f.Type = wire.RelayData // which is not waited for
	}
	select {
	case c.frames <- f:
	default:
	}
}

func (c *caller) OnClose(*gws.Conn, error) { close(c.ended) }

func (c *caller) next(ctx context.Context) (wire.RelayFrame, error) {
	select {
	case f := <-c.frames:
		return f, nil
	case <-ctx.Done():
		return wire.RelayFrame{}, fmt.Errorf("nothing came in %v", checkTimeout)
	case <-c.ended:
	}
	select {
	case f := <-c.frames: // that came with the end
		return f, nil
	default:
		return wire.RelayFrame{}, errors.New("the connection ended")
	}
}
