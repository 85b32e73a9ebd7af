package main

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"net/http"
	"time"

	"github.com/lxzan/gws"

	"github.com/masqdev/masq/core/session"
	"github.com/masqdev/masq/core/wire"
)

// A peer is the Go side of a session: the handshake, and the exchange of rosters. It runs in its socket's reader.
type peer struct {
	gws.BuiltinEventHandler
	circle *circle
	pair   *session.Pair
	key    ed25519.PrivateKey // the channel's
	host   string
	conn   *session.Conn
	socket *gws.Conn
	ended  chan error // one value, at the end
}

func (p *peer) dial() error {
	channel := [32]byte(p.key.Public().(ed25519.PublicKey))
	p.conn = session.NewConn(p.pair, channel, rand.Reader)
	var err error
	p.socket, _, err = gws.NewClient(p, &gws.ClientOption{
		Addr: "ws://" + p.host + wire.ChannelPath(channel), HandshakeTimeout: patience, ReadMaxPayloadSize: wire.MaxFrame,
		RequestHeader: http.Header{"Sec-WebSocket-Protocol": {wire.Subprotocol}},
	})
	if err == nil {
		go p.socket.ReadLoop()
	}
	return err
}

func (p *peer) OnClose(_ *gws.Conn, err error) {
	p.end(errors.Join(errors.New("the socket was closed"), err))
}

func (p *peer) OnMessage(_ *gws.Conn, m *gws.Message) {
	defer m.Close()
	f, err := wire.ParseRelay(bytes.Clone(m.Bytes()))
	switch {
	case err != nil:
	case f.Type == wire.RelayHello:
		sig := wire.SignJoin(p.key, p.host, f.Nonce, p.pair.Side())
		err = p.write(wire.AppendRelay(nil, &wire.RelayFrame{Type: wire.RelayJoin, Side: p.pair.Side(), Sig: sig}))
	case f.Type == wire.RelayErr:
		err = f.Code
	case f.Present:
		err = p.begin()
	case f.Type == wire.RelayData:
		err = p.take(p.conn.Receive(now(), f.Body))
	}
	if err != nil {
		p.end(err)
	}
}

func now() uint64 { return uint64(time.Now().UnixMilli()) }

func (p *peer) begin() error {
	m1, err := p.conn.Begin(now())
	if err != nil || m1 == nil {
		return err
	}
	return p.write(m1)
}

func (p *peer) take(r session.Result) error {
	if r.Err != nil {
		return r.Err
	}
	if r.Send != nil {
		return p.write(r.Send)
	}
	if r.Up {
		heads := wire.RosterHeads{Heads: p.circle.roster.Heads(), Name: p.circle.own.Name}
		if err := p.say(wire.AppendRosterHeads(nil, &heads)); err != nil {
			return err
		}
	}
	for b := r.Messages; len(b) > 0; {
		typ, fields, rest, err := wire.NextMessage(b)
		if err == nil {
			err = p.message(typ, fields)
		}
		if err != nil {
			return err
		}
		b = rest
	}
	return nil
}

func (p *peer) message(typ wire.MessageType, fields []byte) error {
	switch typ {
	case wire.MsgRosterHeads:
		m, err := wire.ParseRosterHeads(fields)
		if err != nil {
			return err
		}
		return p.say(wire.AppendRosterEntries(nil, p.circle.roster.Behind(m.Heads)), wire.AppendRosterDone(nil))
	case wire.MsgRosterEntries:
		entries, err := wire.ParseRosterEntries(fields)
		for i := 0; err == nil && i < len(entries); i++ {
			err = p.circle.roster.Add(entries[i])
		}
		return err
	case wire.MsgBye: // answered, so that nothing is lost behind a socket that closes
		err := p.say(wire.AppendBye(nil, wire.Bye{Reason: wire.ByeClosing}))
		p.end(err)
		return err
	}
	return nil
}

func (p *peer) say(msgs ...[]byte) error {
	frames, err := p.conn.Seal(now(), nil, msgs...)
	for i := 0; err == nil && i < len(frames); i++ {
		err = p.write(frames[i])
	}
	return err
}

func (p *peer) write(frame []byte) error { return p.socket.WriteMessage(gws.OpcodeBinary, frame) }

func (p *peer) end(err error) {
	select {
	case p.ended <- err:
	default:
	}
}
