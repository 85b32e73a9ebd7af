package main

import (
	"bytes"
	"crypto/ed25519"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"

	relayclient "github.com/masqdev/masq/core/relay/client"
	"github.com/masqdev/masq/core/wire"
)

// system is a server to measure, and how its clients speak. Of each pair one side's messages go to the other.
type system struct {
	name string
	// start runs a server on a port; more arguments say more.
	start func(port int, more ...string) (*exec.Cmd, error)
	// open returns a client that is not connected yet.
	open func(url string, key ed25519.PrivateKey, side uint8) protocol
}

// protocol is what a client of a system says.
type protocol interface {
	// address returns its URL and further lines for the request's header.
	address() (url, header string)
	// begin takes messages until it reports that the client is ready to send and receive.
	begin(c *client, m []byte) (ready bool, err error)
	// wrap appends a message to the other side with a body.
	wrap(to, body []byte) []byte
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

func (m *masq) address() (url, header string) {
	return m.url + relayclient.ChannelPath(m.key), "Sec-WebSocket-Protocol: " + wire.Subprotocol + "\r\n"
}

func (m *masq) begin(c *client, b []byte) (bool, error) {
	f, err := wire.ParseRelay(b)
	switch {
	case err != nil:
		return false, err
	case f.Type == wire.RelayHello:
		host := strings.TrimPrefix(m.url, "ws://")
		join := wire.JoinFrame(m.key, host, f.Nonce, m.side)
		return false, c.write(opBinary, wire.AppendRelay(nil, &join))
	case f.Type == wire.RelayErr:
		return false, f.Code
	}
	return f.Type == wire.RelayJoined, nil
}

func (*masq) wrap(to, body []byte) []byte { return append(append(to, byte(wire.RelayData)), body...) }

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
	update    []byte // memory for one
}

func (y *yjs) address() (url, header string) { return y.url + "/" + y.room, "" }

func (*yjs) begin(_ *client, m []byte) (bool, error) { return len(m) > 0 && m[0] == 0, nil }

func (y *yjs) wrap(to, body []byte) []byte {
	y.clock++
	u := binary.AppendUvarint(y.update[:0], 1)
	u = binary.AppendUvarint(u, uint64(y.id))
	u = binary.AppendUvarint(u, y.clock)
	u = binary.AppendUvarint(u, uint64(len(body)+2))
	u = append(append(append(u, '"'), body...), '"')
	y.update = u
	return append(binary.AppendUvarint(append(to, 1), uint64(len(u))), u...)
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

func (n *natsws) address() (url, header string) { return n.url, "" }

func (n *natsws) begin(c *client, m []byte) (bool, error) {
	switch {
	case bytes.HasPrefix(m, []byte("INFO")):
		return false, c.write(opBinary, []byte("CONNECT {\"verbose\":false,\"pedantic\":false,\"echo\":false,\"lang\":\"go\",\"version\":\"1\",\"protocol\":1}\r\nSUB "+n.own+" 1\r\nPING\r\n"))
	case bytes.HasPrefix(m, []byte("-ERR")):
		return false, errors.New(string(m))
	}
	return bytes.Contains(m, []byte("PONG")), nil
}

func (n *natsws) wrap(to, body []byte) []byte {
	to = append(append(append(to, "PUB "...), n.other...), ' ')
	to = append(strconv.AppendInt(to, int64(len(body)), 10), "\r\n"...)
	return append(append(to, body...), "\r\n"...)
}

func (n *natsws) unwrap(m []byte, took func([]byte)) {
	if len(n.rest) > 0 {
		n.rest = append(n.rest, m...)
		m = n.rest
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
	n.rest = append(n.rest[:0], m...)
}
