package peer

import (
	"slices"

	"github.com/masqdev/masq/core/session"
	"github.com/masqdev/masq/core/wire"
)

// speaker speaks for a device with the keys that are its own, in the place of its engine. It says what a test wants, and keeps
// what it is told.
type speaker struct {
	n    *node
	c    *channel // names the channel, and has its key
	conn uint32
	sess *session.Conn
	over bool // the other side has ended the session: nothing more is said or heard
	got  []message
}

type message struct {
	typ    wire.MessageType
	fields []byte
}

// speaker has one speak for n with another device. The session stands when it returns.
func (n *node) speaker(with *node) *speaker {
	h := n.m
	h.t.Helper()
	d := n.e.deviceOf(with.e.publicNK())
	i := &speaker{n: n, c: newChannel(d, d.days()[0], h.urls[0]), conn: 1 << 20}
	h.silence(n)
	n.life++
	n.wakeAt, n.cut, n.play = 0, false, i.event
	h.run()
	n.dial(n.life, Dial{Conn: i.conn, URL: i.c.relay + i.c.path})
	h.until("a session with the speaker", func() bool {
		d := with.e.deviceOf(n.e.publicNK())
		if i.sess != nil && i.sess.Up() && d != nil && d.repl == nil {
			i.say() // confirms the handshake
		}
		return i.sess != nil && i.sess.Up() && (len(i.got) > 0 || d != nil && d.repl != nil)
	})
	return i
}

func (i *speaker) event(ev Event) {
	f, ok := ev.(Frame)
	if !ok || i.over {
		return
	}
	r, err := wire.ParseRelay(f.Data)
	if err != nil {
		i.n.m.t.Fatal(err)
	}
	pair := i.c.d.pair
	switch r.Type {
	case wire.RelayHello:
		sig := wire.SignJoin(i.c.key, hostOf(i.c.relay), r.Nonce, pair.Side())
		i.send(wire.AppendRelay(nil, &wire.RelayFrame{Type: wire.RelayJoin, Side: pair.Side(), Sig: sig}))
	case wire.RelayJoined, wire.RelayPeer:
		if i.over = i.sess != nil && i.sess.Up() && !r.Present; i.over {
			return
		}
		i.sess = session.NewConn(pair, i.c.chanID(), i.n.m.rand)
		if m1, _ := i.sess.Begin(i.n.m.now); m1 != nil && r.Present {
			i.send(m1)
		}
	case wire.RelayData:
		res := i.sess.Receive(i.n.m.now, r.Body)
		if res.Send != nil {
			i.send(res.Send)
		}
		i.keep(res.Messages)
	}
}

func (i *speaker) keep(b []byte) {
	for len(b) > 0 {
		typ, fields, rest, err := wire.NextMessage(b)
		if err != nil {
			i.n.m.t.Fatal(err)
		}
		i.got = append(i.got, message{typ, slices.Clone(fields)})
		b = rest
	}
}

func (i *speaker) send(frame []byte) { i.n.act(i.n.life, Send{Conn: i.conn, Data: frame}) }

// say says messages, if the session still stands, and lets the other side answer.
func (i *speaker) say(msgs ...[]byte) {
	if i.sess != nil && i.sess.Up() && !i.over {
		frames, err := i.sess.Seal(i.n.m.now, nil, msgs...)
		if err != nil {
			i.n.m.t.Fatal(err)
		}
		for _, f := range frames {
			i.send(f)
		}
	}
	i.n.m.wait(1000)
}

// of are the messages of a type that it was told.
func (i *speaker) of(typ wire.MessageType) (out [][]byte) {
	for _, m := range i.got {
		if m.typ == typ {
			out = append(out, m.fields)
		}
	}
	return out
}

// enter does what an honest member does up to the vectors: the rosters are equal, and one namespace is listed on both sides.
func (i *speaker) enter(n *namespace) {
	i.heads()
	i.say(wire.AppendRosterDone(nil))
	i.say(wire.AppendNamespaces(nil, []wire.Namespace{{Number: 1, NS: n.ns(), On: true, App: n.app}}))
}

// heads says the heads that the device has, under another name.
func (i *speaker) heads() {
	i.say(wire.AppendRosterHeads(nil, &wire.RosterHeads{Heads: i.c.d.domain.roster.Heads(), Name: "Somebody", Version: wire.SessionVersion}))
}
