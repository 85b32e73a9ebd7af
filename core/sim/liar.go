package sim

import (
	"bytes"
	"crypto/ed25519"
	"io"

	"github.com/masqdev/masq/core/peer"
	"github.com/masqdev/masq/core/roster"
	"github.com/masqdev/masq/core/session"
	"github.com/masqdev/masq/core/wire"
)

// liar runs on a hostile member in the place of the engine. It pairs with nobody: it has the keys that the engine has got, meets every
// other member on its channel, shakes hands and takes part in the protocol as far as it takes to be listened to. Between that it
// says what the lies (lies.go) make up.
type liar struct {
	h       *hostile
	w       *simulation
	now     peer.Millis
	out     *peer.Actions
	secrets *secrets
	rand    io.Reader
	talks   []*talk
	conns   map[uint32]*talk
	last    uint32
}

// machine is what a proc drives: an engine, or a liar.
type machine interface {
	Step(now peer.Millis, ev peer.Event, out *peer.Actions)
}

// talk is how the liar stands with one other device.
type talk struct {
	l    *liar
	in   *trust
	with roster.Member
	pair *session.Pair

	conn   uint32 // 0: none stands
	redial peer.Millis
	day    uint64
	key    ed25519.PrivateKey
	sess   *session.Conn // once it has joined
	m1     []byte        // the last one that it sent

	up       bool
	mood     mood
	sentDone bool
	gotDone  bool
	listed   bool
	flows    []*liarFlow
	queue    [][]byte
	owes     uint32 // bytes of DATA and END that came and were not given back
	out      int    // bytes of DATA and END that it has sent and not got back
}

// liarFlow is a namespace that both have listed.
type liarFlow struct {
	*claim
	theirs uint16 // the other's number
}

// mood is what the liar leaves out in a session.
type mood struct {
	mute         int // says nothing from this many messages on; 0: never
	said         int
	noAck, noHas bool
	noCredit     bool
}

func newLiar(h *hostile) (*liar, error) {
	s, err := h.d.secrets()
	if err != nil {
		return nil, err
	}
	var seed [32]byte
	fill(h.w, seed[:])
	return &liar{h: h, w: h.w, secrets: s, rand: newRand(seed), conns: map[uint32]*talk{}}, nil
}

// Step implements machine.
func (l *liar) Step(now peer.Millis, ev peer.Event, out *peer.Actions) {
	l.now, l.out = now, out
	l.take(ev)
	for _, t := range l.talks {
		t.flush()
	}
	l.out = nil
}

func (l *liar) do(a peer.Action) { l.out.List = append(l.out.List, a) }

func (l *liar) take(ev peer.Event) {
	switch ev := ev.(type) {
	case peer.Events:
		for _, x := range ev {
			l.take(x)
		}
	case peer.Frame:
		if t := l.conns[ev.Conn]; t != nil {
			t.frame(ev.Data)
		}
	case peer.Closed:
		if t := l.conns[ev.Conn]; t != nil {
			t.closed()
		}
	case peer.Start, peer.Tick:
		l.tick()
	}
}

// tick meets who is new, dials again and lies.
func (l *liar) tick() {
	for _, in := range l.secrets.domains {
		for _, m := range in.roster.Members() {
			l.meet(in, m)
		}
	}
	for _, t := range l.talks {
		t.tick()
	}
	l.do(peer.WakeAt{At: l.now + l.w.between(200, 4000)})
}

// meet begins to talk to a member, unless it is made up, or is met elsewhere.
func (l *liar) meet(in *trust, m roster.Member) {
	if bytes.Equal(m.IK[:], public(l.secrets.ik)) || in.peersOf && m.Kind == roster.Store || l.h.isMadeUp(m.IK) {
		return
	}
	for _, t := range l.talks {
		if t.with.NK == m.NK {
			return
		}
	}
	pair, err := session.NewPair(session.Keys{Self: l.secrets.nk, Peer: m.NK, Secret: in.secret})
	if err == nil {
		l.talks = append(l.talks, &talk{l: l, in: in, with: m, pair: pair})
	}
}

func (t *talk) tick() {
	l := t.l
	if day := t.pair.Day(l.now); t.conn == 0 && l.now >= t.redial || t.conn != 0 && !t.up && t.day != day {
		t.hangup()
		t.dial(day)
		return
	}
	if t.sess != nil {
		t.result(t.sess.Tick(l.now))
	}
	if t.sess != nil && l.w.chance(0.5) {
		t.lie()
	}
}

func (t *talk) dial(day uint64) {
	l := t.l
	l.last++
	t.conn, t.day, t.key = l.last, day, t.pair.ChannelKey(day)
	l.conns[t.conn] = t
	l.do(peer.Dial{Conn: t.conn, URL: relayURL + wire.ChannelPath(t.channel())})
}

func (t *talk) channel() [32]byte { return [32]byte(public(t.key)) }

func (t *talk) hangup() {
	if t.conn != 0 {
		t.l.do(peer.Hangup{Conn: t.conn})
		t.closed()
	}
}

func (t *talk) closed() {
	delete(t.l.conns, t.conn)
	t.down()
	t.conn, t.sess, t.redial = 0, nil, t.l.now+t.l.w.between(500, 20_000)
}

func (t *talk) down() {
	t.up = false
	*t = talk{l: t.l, in: t.in, with: t.with, pair: t.pair, conn: t.conn, redial: t.redial, day: t.day, key: t.key, sess: t.sess, m1: t.m1}
}

func (t *talk) sendRaw(frame []byte) {
	if t.conn != 0 {
		t.l.do(peer.Send{Conn: t.conn, Data: bytes.Clone(frame)})
	}
}

func (t *talk) frame(data []byte) {
	f, err := wire.ParseRelay(data)
	if err != nil {
		return
	}
	switch f.Type {
	case wire.RelayHello:
		join := wire.JoinFrame(t.key, relayHost, f.Nonce, t.pair.Side())
		t.sendRaw(wire.AppendRelay(nil, &join))
	case wire.RelayJoined, wire.RelayPeer:
		if f.Type == wire.RelayJoined {
			t.sess = session.NewConn(t.pair, t.channel(), t.l.rand)
		}
		if t.sess == nil {
			return
		}
		if f.Present {
			t.begin()
		} else {
			t.down()
			t.sess.Drop()
		}
	case wire.RelayData:
		if t.sess != nil {
			t.result(t.sess.Receive(t.l.now, f.Body))
		}
	}
}

func (t *talk) begin() {
	if m1, err := t.sess.Begin(t.l.now); err == nil && m1 != nil {
		t.m1 = bytes.Clone(m1)
		t.sendRaw(m1)
	}
}

func (t *talk) result(res session.Result) {
	if res.Up || res.Down {
		t.down()
	}
	if res.Send != nil {
		t.sendRaw(res.Send)
	}
	if res.Up {
		t.up, t.mood = true, t.l.h.newMood()
		t.say(t.heads())
		t.flush()
	}
	for b := res.Messages; len(b) > 0 && t.sess != nil; {
		typ, fields, rest, err := wire.NextMessage(b)
		if err != nil {
			break
		}
		if !t.foreign(typ, fields) {
			t.l.h.remember(b[:len(b)-len(rest)])
		}
		t.l.h.overhears(b[:len(b)-len(rest)])
		t.heard(typ, fields)
		b = rest
	}
	switch {
	case res.Err != nil:
		t.hangup()
	case res.Renew:
		t.say(wire.AppendBye(nil, wire.Bye{Reason: wire.ByeRenew}))
		t.flush()
		t.renew()
	}
}

func (t *talk) renew() {
	t.down()
	t.sess.Drop()
	t.begin()
}

// say queues a message, unless the mood is against it.
func (t *talk) say(msg []byte) {
	m := &t.mood
	m.said++
	if t.up && msg != nil && (m.mute == 0 || m.said < m.mute) {
		t.queue = append(t.queue, msg)
		t.l.h.remember(msg)
	}
}

func (t *talk) flush() {
	if !t.up || t.sess == nil {
		return
	}
	if t.owes > 0 && !t.mood.noCredit {
		t.queue = append(t.queue, wire.AppendCredit(nil, t.owes))
		t.owes = 0
	}
	if len(t.queue) == 0 && t.mood.said > 1 {
		return
	}
	t.mood.said = max(t.mood.said, 2) // the first frame confirms the handshake, also if it carries nothing
	frames, err := t.sess.Seal(t.l.now, nil, t.queue...)
	t.queue = nil
	for _, f := range frames {
		t.sendRaw(f)
	}
	if err != nil {
		t.hangup()
	}
}

func (t *talk) heads() []byte {
	m := wire.RosterHeads{Heads: t.in.roster.Heads(), Name: t.l.h.d.user.name, Version: wire.SessionVersion}
	return wire.AppendRosterHeads(nil, &m)
}

// heard goes on with the protocol, and learns.
func (t *talk) heard(typ wire.MessageType, fields []byte) {
	switch typ {
	case wire.MsgRosterHeads:
		t.onHeads(fields)
	case wire.MsgRosterEntries:
		entries, _ := wire.ParseRosterEntries(fields)
		for _, e := range entries {
			_ = t.in.roster.Add(e)
		}
	case wire.MsgRosterDone:
		t.gotDone = true
		t.list()
	case wire.MsgNamespaces:
		t.onNamespaces(fields)
	case wire.MsgVector:
		if m, err := wire.ParseVectorMsg(fields); err == nil {
			t.learn(m.Number, m.Vector)
		}
	case wire.MsgHave:
		if m, err := wire.ParseHave(fields); err == nil {
			t.learn(m.Number, m.Vector)
		}
	case wire.MsgWriters:
		t.onWriters(fields)
	case wire.MsgData:
		t.onData(fields)
	case wire.MsgEnd:
		t.onEnd(fields)
	case wire.MsgCredit:
		n, _ := wire.ParseCredit(fields)
		t.out = max(0, t.out-int(n))
	case wire.MsgBye:
		if m, _ := wire.ParseBye(fields); m.Reason == wire.ByeRenew {
			t.renew()
			return
		}
		t.hangup()
	}
}

func (t *talk) onHeads(fields []byte) {
	m, err := wire.ParseRosterHeads(fields)
	if err != nil || t.sentDone {
		return
	}
	if lacks := t.in.roster.Behind(m.Heads); len(lacks) > 0 {
		t.say(wire.AppendRosterEntries(nil, lacks))
	}
	t.say(wire.AppendRosterDone(nil))
	t.sentDone = true
	t.list()
}

func (t *talk) list() {
	if !t.sentDone || !t.gotDone || t.listed {
		return
	}
	t.listed = true
	var list []wire.Namespace
	for _, c := range t.in.namespaces {
		list = append(list, wire.Namespace{Number: c.number, NS: c.ns, On: true, App: c.app, Name: "Notes"})
	}
	t.say(wire.AppendNamespaces(nil, list))
}

func (t *talk) onNamespaces(fields []byte) {
	list, err := wire.ParseNamespaces(fields)
	if err != nil {
		return
	}
	for _, theirs := range list {
		for _, c := range t.in.namespaces {
			if theirs.NS == c.ns && theirs.On {
				f := &liarFlow{claim: c, theirs: theirs.Number}
				t.flows = append(t.flows, f)
				t.say(t.vector(f))
				t.say(t.writers(f, t.l.own(f.claim)))
			}
		}
	}
}

// flow is the namespace behind the other's number.
func (t *talk) flow(number uint16) *liarFlow {
	for _, f := range t.flows {
		if f.theirs == number {
			return f
		}
	}
	return nil
}

// foreign reports whether a message has records of a namespace that has another number here: said again, they would be another's.
func (t *talk) foreign(typ wire.MessageType, fields []byte) bool {
	if typ != wire.MsgData {
		return false
	}
	m, _ := wire.ParseData(fields)
	f := t.flow(m.Number)
	return f == nil || f.number != f.theirs
}

func (t *talk) learn(number uint16, v wire.Vector) {
	if f := t.flow(number); f != nil {
		t.l.h.of(f.claim).learn(v)
	}
}

func (t *talk) onData(fields []byte) {
	m, err := wire.ParseData(fields)
	f := t.flow(m.Number)
	if err != nil || f == nil {
		return
	}
	t.owes += uint32(len(fields) + wire.MessageHeader)
	recs, _ := wire.ParseRecords(m.Records)
	for i := range recs {
		t.l.h.saw(t, f.claim, &recs[i])
	}
	if !t.mood.noAck {
		t.say(wire.AppendAck(nil, &wire.Ack{Number: f.number, Position: m.Position}))
	}
}

func (t *talk) onEnd(fields []byte) {
	m, err := wire.ParseEnd(fields)
	f := t.flow(m.Number)
	if err != nil || f == nil {
		return
	}
	t.owes += uint32(len(fields) + wire.MessageHeader)
	k := t.l.h.of(f.claim)
	k.learn(m.Vector)
	if len(m.Vector) < maxKnown { // not what liars have made of it
		k.has = k.has.Join(m.Vector)
	}
	if !t.mood.noAck {
		t.say(wire.AppendAck(nil, &wire.Ack{Number: f.number, Position: m.Position}))
	}
	if !t.mood.noHas {
		t.say(wire.AppendHave(nil, &wire.Have{Number: f.number, Vector: k.has, NK: t.l.nk()}))
	}
}

// own is the announcement of the writer that it uses as itself.
func (l *liar) own(c *claim) *wire.Writer {
	k := l.h.of(c)
	if k.writer == nil {
		k.writer = l.announce(c, l.w.rng.Uint64()|1, 1<<20)
		k.own = wire.Dot{Writer: k.writer.ID, Seq: 1<<wire.BlockBits - 1}
		k.mine = append(k.mine, k.writer)
	}
	return k.writer
}

// announce makes a writer of the liar's, with numbers below a block.
func (l *liar) announce(c *claim, nonce, reserved uint64) *wire.Writer {
	w := &wire.Writer{NK: l.nk(), Nonce: nonce, Block: 1, Reserved: reserved}
	fill(l.w, w.Opening[:])
	w.ID = wire.WriterID(w.NK, w.Nonce)
	l.sign(c, w)
	return w
}

func (l *liar) sign(c *claim, w *wire.Writer) {
	w.Sig = [64]byte(ed25519.Sign(l.secrets.ik, w.Signed(c.ns)))
}

func (t *talk) writers(f *liarFlow, list ...*wire.Writer) []byte {
	return wire.AppendWriters(nil, &wire.Writers{Number: f.number, List: list})
}

func (t *talk) onWriters(fields []byte) {
	m, err := wire.ParseWriters(fields)
	f := t.flow(m.Number)
	if err != nil || f == nil {
		return
	}
	k := t.l.h.of(f.claim)
	for _, w := range m.List {
		if w.NK != t.l.nk() && len(k.theirs) < maxKnown {
			k.theirs = append(k.theirs, w)
		}
	}
}

func (l *liar) nk() [32]byte { return [32]byte(l.secrets.nk.PublicKey().Bytes()) }
