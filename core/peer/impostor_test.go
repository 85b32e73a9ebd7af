package peer

import (
	"crypto/ed25519"

	"github.com/masqdev/masq/core/relay"
	"github.com/masqdev/masq/core/session"
	"github.com/masqdev/masq/core/wire"
)

// impostor is a program that has a node's keys, and meets the node's one other device at today's channel with them. It says what it is told
// to when the session stands, and nothing else.
type impostor struct {
	h    *harness
	n    *node
	says []func(*node) []byte
	id   uint64
	key  ed25519.PrivateKey
	conn *session.Conn
}

func (h *harness) impersonate(n *node, says ...func(*node) []byte) *impostor {
	pair := n.e.devices[0].pair
	h.last++
	imp := &impostor{h: h, n: n, says: says, id: h.last, key: pair.ChannelKey(pair.Day(h.now))}
	channel := [32]byte(imp.key.Public().(ed25519.PublicKey))
	imp.conn = session.NewConn(pair, channel, h.rand)
	h.conns[imp.id] = &socket{imp: imp}
	h.relayStep(relay.Open{Conn: imp.id, Path: wire.ChannelPath(channel), Host: hostOf(h.urls[0])})
	return imp
}

func (imp *impostor) send(frame []byte) {
	imp.h.later(func() { imp.h.relayStep(&relay.Frame{Conn: imp.id, Data: frame}) })
}

func (imp *impostor) frame(data []byte) {
	f, err := wire.ParseRelay(data)
	switch {
	case err != nil:
		imp.h.t.Fatal(err)
	case f.Type == wire.RelayHello:
		side := imp.n.e.devices[0].pair.Side()
		sig := wire.SignJoin(imp.key, hostOf(imp.h.urls[0]), f.Nonce, side)
		imp.send(wire.AppendRelay(nil, &wire.RelayFrame{Type: wire.RelayJoin, Side: side, Sig: sig}))
	case (f.Type == wire.RelayJoined || f.Type == wire.RelayPeer) && f.Present:
		if m1, err := imp.conn.Begin(imp.h.now); err == nil && m1 != nil {
			imp.send(m1)
		}
	case f.Type == wire.RelayData:
		imp.take(imp.conn.Receive(imp.h.now, f.Body))
	}
}

func (imp *impostor) take(r session.Result) {
	if r.Send != nil {
		imp.send(r.Send)
	}
	if !r.Up {
		return
	}
	var msgs [][]byte
	for _, say := range imp.says {
		msgs = append(msgs, say(imp.n))
	}
	imp.seal(msgs...)
}

func (imp *impostor) seal(msgs ...[]byte) {
	frames, err := imp.conn.Seal(imp.h.now, nil, msgs...)
	if err != nil {
		imp.h.t.Fatal(err)
	}
	for _, f := range frames {
		imp.send(f)
	}
}

// tick keeps the socket alive, and the session, which nothing is said in.
func (imp *impostor) tick() {
	imp.h.relayStep(&relay.Frame{Conn: imp.id, Data: []byte("ping"), Text: true})
	if imp.conn.Up() {
		imp.seal(wire.AppendCredit(nil, 0))
	}
}
