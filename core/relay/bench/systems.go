package main

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/lxzan/gws"

	"github.com/masqdev/masq/core/wire"
)

// system is a server to measure, and how its clients speak. Of each pair one side's messages go to the other.
type system struct {
	name string
	// start runs a server on a port; more arguments say more.
	start func(port int, more ...string) (*exec.Cmd, error)
	// open answers a client that is not connected yet.
	open func(url string, key ed25519.PrivateKey, side uint8) protocol
}

// protocol is what a client of a system says.
type protocol interface {
	address() (url string, header http.Header)
	// begin takes messages until it reports that the client is ready to send and receive.
	begin(c *client, m []byte) (ready bool, err error)
	// wrap makes a message to the other side of a body.
	wrap(body []byte) []byte
	// unwrap calls took with each body of the other side's in a message.
	unwrap(m []byte, took func(body []byte))
}

var programs struct{ masq, node, yjs, nats string }

func systems() []system {
	return []system{
		{"masq", startMasq, func(url string, key ed25519.PrivateKey, side uint8) protocol { return &masq{url, key, side} }},
		{"y-websocket", startYjs, func(url string, key ed25519.PrivateKey, side uint8) protocol {
			return &yjs{url: url, room: room(key), id: 2*binary.BigEndian.Uint32(key) | uint32(side)}
		}},
		{"NATS websocket", startNATS, func(url string, key ed25519.PrivateKey, side uint8) protocol {
			return &natsws{url: url, own: fmt.Sprint(room(key), ".", side), other: fmt.Sprint(room(key), ".", 1-side)}
		}},
	}
}

func room(key ed25519.PrivateKey) string {
	return fmt.Sprintf("%x", key.Public().(ed25519.PublicKey)[:16])
}

func run(name string, args []string, env ...string) (*exec.Cmd, error) {
	cmd := exec.Command(name, args...)
	cmd.Env = append(os.Environ(), env...)
	cmd.Stderr = os.Stderr
	return cmd, cmd.Start()
}

// startMasq starts it without limits on what one address or one connection may send, as the others have none.
func startMasq(port int, more ...string) (*exec.Cmd, error) {
	most := "1000000"
	return run(programs.masq, append([]string{
		"sync-server", "--listen", fmt.Sprint("127.0.0.1:", port), "--address-handshakes", most, "--address-waiting", most, "--address-joined", most,
		"--address-new-per-minute", most, "--limit-bytes-per-second", "1000000000",
	}, more...))
}

type masq struct {
	url  string
	key  ed25519.PrivateKey
	side uint8
}

func (m *masq) address() (string, http.Header) {
	return m.url + wire.ChannelPath([32]byte(m.key.Public().(ed25519.PublicKey))), http.Header{"Sec-WebSocket-Protocol": {wire.Subprotocol}}
}

func (m *masq) begin(c *client, b []byte) (bool, error) {
	f, err := wire.ParseRelay(b)
	switch {
	case err != nil:
		return false, err
	case f.Type == wire.RelayHello:
		host := strings.TrimPrefix(m.url, "ws://")
		join := wire.RelayFrame{Type: wire.RelayJoin, Side: m.side, Sig: wire.SignJoin(m.key, host, f.Nonce, m.side)}
		return false, c.write(wire.AppendRelay(nil, &join))
	case f.Type == wire.RelayErr:
		return false, f.Code
	}
	return f.Type == wire.RelayJoined, nil
}

func (*masq) wrap(body []byte) []byte { return append([]byte{byte(wire.RelayData)}, body...) }

func (*masq) unwrap(m []byte, took func([]byte)) {
	if len(m) > 0 && m[0] == byte(wire.RelayData) {
		took(m[1:])
	}
}

func startYjs(port int, _ ...string) (*exec.Cmd, error) {
	return run(programs.node, []string{programs.yjs}, "HOST=127.0.0.1", fmt.Sprint("PORT=", port))
}

// yjs speaks y-websocket with awareness messages: what the server passes on with the least work, to all in the room, the sender
// too. A body goes as a JSON string.
type yjs struct {
	url, room string
	id        uint32
	clock     uint64
}

func (y *yjs) address() (string, http.Header) { return y.url + "/" + y.room, nil }

func (*yjs) begin(_ *client, m []byte) (bool, error) { return len(m) > 0 && m[0] == 0, nil }

func (y *yjs) wrap(body []byte) []byte {
	y.clock++
	update := binary.AppendUvarint(nil, 1)
	update = binary.AppendUvarint(update, uint64(y.id))
	update = binary.AppendUvarint(update, y.clock)
	update = binary.AppendUvarint(update, uint64(len(body)+2))
	update = append(append(append(update, '"'), body...), '"')
	return append(binary.AppendUvarint([]byte{1}, uint64(len(update))), update...)
}

func (y *yjs) unwrap(m []byte, took func([]byte)) {
	if len(m) == 0 || m[0] != 1 {
		return
	}
	m = m[1:]
	next := func() uint64 {
		v, n := binary.Uvarint(m)
		m = m[max(n, 0):]
		return v
	}
	next() // length
	for range next() {
		id := next()
		next() // clock
		n := next()
		if uint64(len(m)) < n {
			return
		}
		state := m[:n]
		m = m[n:]
		if uint32(id) != y.id && n > 2 && state[0] == '"' {
			took(state[1 : n-1])
		}
	}
}

func startNATS(port int, _ ...string) (*exec.Cmd, error) {
	conf := filepath.Join(os.TempDir(), fmt.Sprintf("masq-bench-nats-%d.conf", port))
	text := fmt.Sprintf("listen: 127.0.0.1:%d\nmax_connections: 100000\nmax_payload: 1048576\nwebsocket { listen: \"127.0.0.1:%d\", no_tls: true, compression: false }\n", port+1000, port)
	if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
		return nil, err
	}
	return run(programs.nats, []string{"-c", conf, "-l", os.DevNull})
}

// natsws speaks NATS inside of WebSocket frames; a message may end in a later one.
type natsws struct {
	url, own, other string
	rest            []byte
}

func (n *natsws) address() (string, http.Header) { return n.url, nil }

func (n *natsws) begin(c *client, m []byte) (bool, error) {
	switch {
	case bytes.HasPrefix(m, []byte("INFO")):
		return false, c.write([]byte("CONNECT {\"verbose\":false,\"pedantic\":false,\"echo\":false,\"lang\":\"go\",\"version\":\"1\",\"protocol\":1}\r\nSUB " + n.own + " 1\r\nPING\r\n"))
	case bytes.HasPrefix(m, []byte("-ERR")):
		return false, errors.New(string(m))
	}
	return bytes.Contains(m, []byte("PONG")), nil
}

func (n *natsws) wrap(body []byte) []byte {
	b := fmt.Appendf(make([]byte, 0, len(body)+64), "PUB %s %d\r\n", n.other, len(body))
	return append(append(b, body...), '\r', '\n')
}

func (n *natsws) unwrap(m []byte, took func([]byte)) {
	if len(n.rest) > 0 {
		m = append(n.rest, m...)
	}
	for {
		line, after, ok := bytes.Cut(m, []byte("\r\n"))
		if !ok {
			break
		}
		if !bytes.HasPrefix(line, []byte("MSG ")) {
			m = after
			continue
		}
		size, _ := strconv.Atoi(string(line[bytes.LastIndexByte(line, ' ')+1:]))
		if len(after) < size+2 {
			break
		}
		took(after[:size])
		m = after[size+2:]
	}
	n.rest = bytes.Clone(m)
}

// client is a WebSocket of a system's.
type client struct {
	gws.BuiltinEventHandler
	p     protocol
	ws    *gws.Conn
	ready chan error // gets one value
	begun bool
	took  func(body []byte) // called by the reader; set before connecting
	ended chan struct{}
	told  atomic.Uint32 // what RESTARTING said, in ms
}

type quiet struct{}

func (quiet) Error(...any) {}

func (c *client) OnClose(_ *gws.Conn, err error) {
	select {
	case c.ready <- err:
	default:
	}
	close(c.ended)
}

func (c *client) OnMessage(_ *gws.Conn, m *gws.Message) {
	defer m.Close()
	if c.begun {
		if b := m.Bytes(); len(b) == 9 && b[0] == byte(wire.RelayRestarting) {
			if f, err := wire.ParseRelay(b); err == nil {
				c.told.Store(f.ReconnectIn)
				return
			}
		}
		c.p.unwrap(m.Bytes(), c.took)
		return
	}
	ready, err := c.p.begin(c, m.Bytes())
	if ready || err != nil {
		c.begun = true
		c.ready <- err
	}
}

func (c *client) write(b []byte) error { return c.ws.WriteMessage(gws.OpcodeBinary, b) }

func (c *client) send(body []byte) error { return c.write(c.p.wrap(body)) }

func (c *client) close() { c.ws.NetConn().Close() }

// connect connects and waits until the client is ready.
func connect(p protocol, took func([]byte)) (*client, error) {
	c := &client{p: p, ready: make(chan error, 2), took: took, ended: make(chan struct{})}
	if took == nil {
		c.took = func([]byte) {}
	}
	url, header := p.address()
	ws, _, err := gws.NewClient(c, &gws.ClientOption{
		Addr: url, RequestHeader: header, HandshakeTimeout: 30 * time.Second, ReadMaxPayloadSize: 16 << 20, ReadBufferSize: 2 << 10, Logger: quiet{},
		NewDialer: func() (gws.Dialer, error) { return &net.Dialer{Timeout: 30 * time.Second}, nil },
	})
	if err != nil {
		return nil, err
	}
	c.ws = ws
	go ws.ReadLoop()
	select {
	case err = <-c.ready:
	case <-time.After(30 * time.Second):
		err = errors.New("a client does not get ready")
	}
	if err != nil {
		c.close()
		return nil, err
	}
	return c, nil
}

func newKey() ed25519.PrivateKey {
	_, k, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		panic(err)
	}
	return k
}
