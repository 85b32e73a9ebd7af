package peer

import (
	"crypto/ed25519"
	"slices"
	"strings"

	"github.com/masqdev/masq/core/session"
	"github.com/masqdev/masq/core/wire"
)

// line is one relay channel to a device: a socket, and on it the attempts and the session of one session.Conn.
type line struct {
	d       *device
	day     uint64
	key     ed25519.PrivateKey
	relay   string
	conn    uint32
	phase   linePhase
	link    *session.Conn
	failed  int    // dials or sessions that failed in a row
	retryAt Millis // when to dial again
	present bool   // the other side is at the channel
	upAt    Millis // when the session came up
	moved   bool   // the session has moved data
	pingAt  Millis
	pongBy  Millis
}

type linePhase uint8

const (
	lineDown linePhase = iota
	lineDialling
	lineHello   // waiting for HELLO
	lineJoining // waiting for JOINED
	lineJoined
)

// Times of core/PROTOCOL.md, in ms.
const (
	dialTimeout    = 15_000
	pingEvery      = 30_000
	pongTimeout    = 10_000
	ackTimeout     = 10_000
	clockTolerance = 5 * 60_000
	replacedWait   = 60_000
	retryFirst     = 1_000
	retryMost      = 60_000
	goodSession    = 30_000
	dayCheck       = 60_000
)

// timers does what has come due and notes what will.
func (e *Engine) timers() {
	if e.closing != nil {
		return
	}
	for _, d := range e.devices {
		d.keepLines()
		for _, l := range d.lines {
			l.timers()
		}
		if d.repl != nil {
			d.repl.timers()
		}
	}
	e.pairingTimers()
	e.dropPending()
}

// keepLines has a line on today's channel, and near the change of day without a session on its neighbour's.
func (d *device) keepLines() {
	relay := d.e.relay()
	if relay == "" || !d.reachable() {
		d.dropLines(func(*line) bool { return d.repl != nil }) // a session that stands ends itself
		return
	}
	if d.repl != nil { // the session's line stays whatever its day; the others go
		d.dropLines(func(l *line) bool { return l == d.repl.l })
		return
	}
	days := d.days()
	d.dropLines(func(l *line) bool { return l.relay == relay && slices.Contains(days, l.day) })
	for _, day := range days {
		if !slices.ContainsFunc(d.lines, func(l *line) bool { return l.day == day }) {
			d.lines = append(d.lines, &line{d: d, day: day, relay: relay, key: d.pair.ChannelKey(day)})
		}
	}
	d.e.need(d.e.now + dayCheck)
	d.beginSomewhere()
}

// reachable reports whether there is anything to say to the device.
func (d *device) reachable() bool {
	switch n := d.domain.namespace; {
	case d.domain.out(), slices.ContainsFunc(d.e.namespaces, func(n *namespace) bool { return n.moving }):
		return false
	case n != nil && (n.gone || !n.on):
		return false
	}
	return true // a member, one that is being added, or one that is to be told that it is out
}

// busy reports whether a line has an attempt under way.
func (d *device) busy() bool {
	return d.repl != nil || slices.ContainsFunc(d.lines, func(l *line) bool { return l.link != nil && l.link.Pending() })
}

func (d *device) busyElsewhere(l *line) bool {
	return d.repl != nil && d.repl.l != l ||
		slices.ContainsFunc(d.lines, func(o *line) bool { return o != l && o.link != nil && o.link.Pending() })
}

// beginSomewhere has the initiator begin on a line where the other device is. There is one attempt at a time: with two, on
// the channels of two days, each side might keep another one.
func (d *device) beginSomewhere() {
	if !d.pair.Initiator() || d.busy() {
		return
	}
	for _, l := range d.lines {
		if l.phase == lineJoined && l.present {
			l.begin()
			return
		}
	}
}

// days are the days whose channels the pair holds while it has no session.
func (d *device) days() []uint64 {
	now := d.e.relayTime()
	days := []uint64{d.pair.Day(now)}
	if other, near := d.pair.OtherDay(now); near {
		days = append(days, other)
	}
	return days
}

func (d *device) dropLines(keep func(*line) bool) {
	d.lines = slices.DeleteFunc(d.lines, func(l *line) bool {
		if keep(l) {
			return false
		}
		l.hangup()
		return true
	})
}

// relayTime is the time, by the relay's clock when the two are more than five minutes apart.
func (e *Engine) relayTime() Millis { return uint64(int64(e.wall) + e.clockSkew) }

func (l *line) chanID() [32]byte { return [32]byte(l.key.Public().(ed25519.PublicKey)) }

func (l *line) timers() {
	e := l.d.e
	switch l.phase {
	case lineDown:
		if l.retryAt == 0 || e.due(l.retryAt) {
			l.dial()
		}
	case lineDialling, lineHello, lineJoining:
		if e.due(l.retryAt) {
			l.fail()
		}
	case lineJoined:
		l.joinedTimers()
	}
}

func (l *line) joinedTimers() {
	e := l.d.e
	if e.due(l.pongBy) {
		l.fail()
		return
	}
	if !l.result(l.link.Tick(e.now)) {
		return
	}
	e.need(l.link.Deadline())
	if e.due(l.pingAt) {
		e.out.add(Ping{Conn: l.conn})
		l.pingAt, l.pongBy = e.now+pingEvery, e.now+pongTimeout
		if r := l.d.repl; r != nil && r.l == l {
			l.pongBy += r.allowance()
		}
		e.need(l.pongBy)
	}
	e.need(l.pingAt)
}

func (l *line) dial() {
	e := l.d.e
	l.phase, l.retryAt = lineDialling, e.now+dialTimeout
	l.conn = e.dial(l.relay+wire.ChannelPath(l.chanID()), l)
	e.need(l.retryAt)
	e.statusDirty = true
}

func (l *line) opened() {
	if l.phase == lineDialling {
		l.phase = lineHello
	}
}

func (l *line) pong() { l.pongBy = 0 }

func (l *line) closed(code uint16) {
	l.conn = 0
	if code == wire.RelayEReplaced.CloseCode() {
		l.down(replacedWait)
		return
	}
	l.fail()
}

// fail ends the socket and whatever stood on it, and dials again later.
func (l *line) fail() {
	e := l.d.e
	if l.phase == lineDialling && e.away(l.relay) { // that it cannot be reached is no news, and counts for nothing when it can
		l.down(e.spread(retryMost*7/10, retryMost))
		return
	}
	wait := Millis(retryFirst)
	for range l.failed {
		wait = min(wait*3/2, retryMost)
	}
	l.failed++
	l.down(e.spread(wait*7/10, wait*13/10))
}

func (l *line) down(wait Millis) {
	e := l.d.e
	l.sessionDown()
	l.hangup()
	l.retryAt = e.now + wait
	e.need(l.retryAt)
	e.statusDirty = true
}

func (l *line) hangup() {
	l.d.e.hangup(l.conn)
	if l.link != nil {
		l.link.Drop()
	}
	l.conn, l.phase, l.link, l.present, l.pongBy = 0, lineDown, nil, false, 0
}

func (l *line) frame(data []byte) {
	l.pongBy = 0 // a pong waits behind what comes
	f, err := wire.ParseRelay(data)
	if err != nil {
		l.fail()
		return
	}
	switch f.Type {
	case wire.RelayHello:
		l.hello(f)
	case wire.RelayJoined:
		l.joined(f.Present)
	case wire.RelayPeer:
		l.peer(f.Present)
	case wire.RelayData:
		if l.phase == lineJoined {
			l.data(f.Body)
		}
	case wire.RelayErr, wire.RelayRestarting:
		// The close that follows says it too.
	default:
		l.fail()
	}
}

func (l *line) hello(f wire.RelayFrame) {
	e := l.d.e
	if l.phase != lineHello || f.Version != wire.RelayVersion {
		l.fail()
		return
	}
	skew := int64(f.Time) - int64(e.wall)
	if -clockTolerance <= skew && skew <= clockTolerance {
		skew = 0
	}
	if off := skew - e.clockSkew; off < -clockTolerance || off > clockTolerance {
		e.clockSkew = skew
		l.down(1) // the channel's day was reckoned by the wrong clock
		return
	}
	sig := wire.SignJoin(l.key, hostOf(l.relay), f.Nonce, l.d.pair.Side())
	l.send(wire.AppendRelay(nil, &wire.RelayFrame{Type: wire.RelayJoin, Side: l.d.pair.Side(), Sig: sig}))
	l.phase = lineJoining
}

func (l *line) joined(present bool) {
	if l.phase != lineJoining {
		l.fail()
		return
	}
	e := l.d.e
	l.phase = lineJoined
	l.link = session.NewConn(l.d.pair, l.chanID(), e.rand)
	l.pingAt = e.now + pingEvery
	e.statusDirty = true
	if present {
		l.peer(true)
	}
}

func (l *line) peer(present bool) {
	if l.phase != lineJoined {
		return
	}
	l.present = present
	if !present {
		l.sessionDown()
		l.link.Drop()
		return
	}
	if l.d.pair.Initiator() && l.d.busyElsewhere(l) {
		return
	}
	l.begin()
}

// begin starts a handshake. The session that stands stays until the new one does.
func (l *line) begin() {
	m1, err := l.link.Begin(l.d.e.now)
	if err != nil {
		l.fail()
		return
	}
	if m1 != nil {
		l.send(m1)
	}
	l.d.e.need(l.link.Deadline())
}

// send sends a whole relay frame.
func (l *line) send(frame []byte) { l.d.e.out.add(Send{Conn: l.conn, Data: frame}) }

// data takes one body from the other device.
func (l *line) data(body []byte) {
	res := l.link.Receive(l.d.e.now, body)
	if r := l.d.repl; res.Taken && r != nil && r.l == l {
		r.progress = l.d.e.now
	}
	if l.result(res) {
		l.d.e.need(l.link.Deadline())
	}
}

// result carries out what the link answered. It returns false when the line is down.
func (l *line) result(res session.Result) bool {
	if res.Up || res.Down {
		l.sessionDown()
	}
	if res.Send != nil {
		l.send(res.Send)
	}
	if res.Up {
		l.sessionUp()
	}
	l.messages(res.Messages)
	if l.phase != lineJoined {
		return false
	}
	if res.Err != nil {
		l.fail()
		return false
	}
	if res.Renew {
		l.renew()
	}
	return l.phase == lineJoined
}

func (l *line) messages(b []byte) {
	for len(b) > 0 {
		r := l.d.repl
		if r == nil || r.l != l {
			return
		}
		typ, fields, rest, err := wire.NextMessage(b)
		if err == nil {
			err = r.handle(typ, fields)
		}
		if err != nil {
			if !r.dead {
				l.fail()
			}
			return
		}
		b = rest
	}
}

func (l *line) sessionUp() {
	d := l.d
	if d.repl != nil { // on another day's channel
		d.repl.l.sessionDown()
	}
	l.upAt, l.moved = d.e.now, false
	d.lastHeard, d.unsaved = d.e.wall, true
	d.e.lastReplication++
	d.repl = newReplication(l, d.e.lastReplication)
	d.e.statusDirty = true
	d.repl.begin()
}

func (l *line) sessionDown() {
	r := l.d.repl
	if r == nil || r.l != l {
		return
	}
	if l.moved || l.d.e.now-l.upAt >= goodSession {
		l.failed = 0
	}
	r.dead = true
	l.d.repl = nil
	l.d.lastHeard, l.d.unsaved = l.d.e.wall, true
	l.d.e.statusDirty = true
}

// renew ends the session at its limits. The initiator begins the next at once; the responder's BYE asks for that.
func (l *line) renew() {
	if r := l.d.repl; r != nil && r.l == l {
		r.bye(wire.ByeRenew, 0)
		r.flush()
	}
	l.renewed()
}

// renewed goes on after either side's BYE{renew}.
func (l *line) renewed() {
	l.sessionDown()
	l.link.Drop()
	if l.present && l.phase == lineJoined {
		l.begin()
	}
}

// hostOf is URL.host of a relay's URL: what stands between "//" and the next "/".
func hostOf(url string) string {
	_, rest, _ := strings.Cut(url, "//")
	host, _, _ := strings.Cut(rest, "/")
	return host
}
