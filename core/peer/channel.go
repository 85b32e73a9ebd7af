package peer

import (
	"crypto/ed25519"
	"slices"

	"github.com/masqdev/masq/core/session"
	"github.com/masqdev/masq/core/wire"
)

// Times of core/PROTOCOL.md, in ms.
const (
	goodSession = 30_000
	dayCheck    = 60_000
	m1Within    = 60_000 // of when the other device is there
)

func newChannel(d *device, day uint64, relay string) *channel {
	c := &channel{d: d, day: day, key: d.pair.ChannelKey(day)}
	c.relayConn = relayConn{e: d.e, user: c, relay: relay, path: wire.ChannelPath(c.chanID()), most: retryMost}
	return c
}

// keepChannels connects to today's channel. Near the change of day it also connects to the neighbouring day's, until there is a session.
func (d *device) keepChannels() {
	relay := d.e.relay()
	if relay == "" || !d.reachable() {
		d.dropChannels(func(*channel) bool { return d.repl != nil }) // a session that stands ends itself
		return
	}
	if !d.hasPlace() {
		if d.repl != nil || len(d.channels) > 0 {
			d.leave()
		}
		return
	}
	if d.repl != nil { // the session’s channel stays whatever its day; the others go
		d.dropChannels(func(c *channel) bool { return c == d.repl.via })
		return
	}
	days := d.days()
	d.dropChannels(func(c *channel) bool { return c.relay == relay && slices.Contains(days, c.day) })
	for _, day := range days {
		if !slices.ContainsFunc(d.channels, func(c *channel) bool { return c.day == day }) {
			d.channels = append(d.channels, newChannel(d, day, relay))
		}
	}
	d.e.clock.Need(d.e.clock.Now() + dayCheck)
	d.beginSomewhere()
}

// reachable reports whether there is anything to say to the device.
func (d *device) reachable() bool {
	switch n := d.domain.namespace; {
	case slices.Contains(d.e.cfg.Shun, d.nk), d.domain.out(), slices.ContainsFunc(d.e.namespaces, func(n *namespace) bool { return n.moving }):
		return false
	case n != nil && (n.gone || !n.on):
		return false
	}
	return true // a member, one that is being added, or one that is to be told that it is out
}

// busy reports whether a channel has an attempt under way.
func (d *device) busy() bool {
	return d.repl != nil || slices.ContainsFunc(d.channels, func(c *channel) bool { return c.sess != nil && c.sess.Pending() })
}

func (d *device) busyElsewhere(c *channel) bool {
	return d.repl != nil && d.repl.via != c ||
		slices.ContainsFunc(d.channels, func(o *channel) bool { return o != c && o.sess != nil && o.sess.Pending() })
}

// beginSomewhere has the initiator begin on a channel where the other device is. There is one attempt at a time: with two, on
// the channels of two days, each side might keep another one.
func (d *device) beginSomewhere() {
	if !d.pair.Initiator() || d.busy() {
		return
	}
	for _, c := range d.channels {
		if c.phase == relayJoined && c.present {
			c.begin()
			return
		}
	}
}

// days are the days whose channels the pair holds while it has no session, today first.
func (d *device) days() []uint64 {
	now := d.e.dayTime()
	days := []uint64{d.pair.Day(now)}
	if other, near := d.pair.OtherDay(now); near && d.room() {
		days = append(days, other)
	}
	return days
}

func (d *device) dropChannels(keep func(*channel) bool) {
	d.channels = slices.DeleteFunc(d.channels, func(c *channel) bool {
		if keep(c) {
			return false
		}
		c.hangup()
		return true
	})
}

// drop ends the device's session and hangs its channels up.
func (d *device) drop() {
	if d.repl != nil {
		d.repl.dead = true
		d.repl = nil
	}
	d.dropChannels(func(*channel) bool { return false })
}

func (c *channel) chanID() [32]byte { return [32]byte(c.key.Public().(ed25519.PublicKey)) }

func (c *channel) greeting(hello *wire.RelayFrame) []byte {
	c.e.hear(c.relay, hello.Time)
	if !slices.Contains(c.d.days(), c.day) { // it was reckoned by another time: keepChannels opens the right one
		c.dialIn(1)
		return nil
	}
	side := c.d.pair.Side()
	sig := wire.SignJoin(c.key, hostOf(c.relay), hello.Nonce, side)
	return wire.AppendRelay(nil, &wire.RelayFrame{Type: wire.RelayJoin, Side: side, Sig: sig})
}

func (c *channel) joined() { c.sess = session.NewConn(c.d.pair, c.chanID(), c.e.rand) }

func (c *channel) peer(present bool) {
	c.present, c.said = present, said{}
	switch {
	case !present:
		c.sessionDown()
		c.sess.Drop()
	case !c.d.pair.Initiator():
		c.awaitM1()
	case !c.d.busyElsewhere(c):
		c.begin()
	}
}

// awaitM1 has the initiator, which is there, begin within some time.
func (c *channel) awaitM1() {
	c.m1By = c.e.clock.In(m1Within)
	c.e.clock.Need(c.m1By)
}

// unmet reports whether the other device is there and nothing comes of it. The initiator tries again and again; so it was told something else.
func (c *channel) unmet() bool {
	return !c.d.pair.Initiator() && c.present && c.d.repl == nil && !c.sess.Pending() && c.e.clock.Due(c.m1By)
}

// begin starts a handshake. The session that stands stays until the new one does.
func (c *channel) begin() {
	m1, err := c.sess.Begin(c.e.clock.Now())
	if err != nil {
		c.fail()
		return
	}
	if m1 != nil {
		c.send(m1)
	}
	c.e.clock.Need(c.sess.Deadline())
}

// body takes one from the other device.
func (c *channel) body(body []byte) {
	c.e.suspect = c.d
	c.heed(body)
	c.e.suspect = nil
}

func (c *channel) heed(body []byte) {
	res := c.sess.Receive(c.e.clock.Now(), body)
	if r := c.d.repl; res.Taken && r != nil && r.via == c {
		r.heard(len(body))
	}
	if c.result(res) {
		c.e.clock.Need(c.sess.Deadline())
	}
}

// tick does what is due in the session.
func (c *channel) tick() {
	if c.unmet() {
		c.fail() // both are told anew who is there
		return
	}
	if c.result(c.sess.Tick(c.e.clock.Now())) {
		c.e.clock.Need(c.sess.Deadline())
	}
}

// slack: data that is on its way holds a pong back.
func (c *channel) slack() Millis {
	if r := c.d.repl; r != nil && r.via == c {
		return r.credit.allowance()
	}
	return 0
}

func (c *channel) lost(code uint16, stood bool) bool {
	if stood && code == wire.RelayEReplaced.CloseCode() {
		c.d.replaced()
	}
	c.sessionDown()
	c.endSession()
	return true
}

// hangup leaves the channel.
func (c *channel) hangup() {
	c.relayConn.hangup()
	c.endSession()
}

func (c *channel) endSession() {
	if c.sess != nil {
		c.sess.Drop()
	}
	c.sess, c.present, c.m1By = nil, false, 0
}

// result carries out what the session returned. It returns false when the channel is down.
func (c *channel) result(res session.Result) bool {
	if res.Up || res.Down {
		c.sessionDown()
	}
	if res.Send != nil {
		c.send(res.Send)
	}
	if res.Up {
		c.sessionUp()
	}
	c.messages(res.Messages)
	if c.phase != relayJoined {
		return false
	}
	if res.Err != nil {
		c.fail()
		return false
	}
	if res.Renew {
		c.renew()
	}
	return c.phase == relayJoined
}

func (c *channel) messages(b []byte) {
	for len(b) > 0 {
		r := c.d.repl
		if r == nil || r.via != c {
			return
		}
		typ, fields, rest, err := wire.NextMessage(b)
		if err == nil {
			err = r.handle(typ, fields)
		}
		if err != nil {
			if !r.dead {
				c.fail()
			}
			return
		}
		b = rest
	}
}

func (c *channel) sessionUp() {
	d := c.d
	if d.repl != nil { // on another day's channel
		d.repl.via.sessionDown()
	}
	c.upAt, c.moved = d.e.clock.Now(), false
	if d.lastHeard == 0 {
		d.e.tend()
	}
	d.heard()
	d.unsaved = true
	d.e.lastReplication++
	c.said.renewed(d.e.clock.Now())
	d.repl = newReplication(c, d.e.lastReplication)
	d.e.touch()
	d.repl.begin()
}

func (c *channel) sessionDown() {
	r := c.d.repl
	if r == nil || r.via != c {
		return
	}
	if c.moved || c.e.clock.Now()-c.upAt >= goodSession {
		c.failed = 0
	}
	r.dead = true
	c.d.repl = nil
	c.d.unsaved = true
	c.awaitM1()
	c.e.touch()
}

// renew ends the session at its limits. The initiator begins the next at once; the responder's BYE asks for that.
func (c *channel) renew() {
	if r := c.d.repl; r != nil && r.via == c {
		r.bye(wire.ByeRenew, 0)
		r.flush()
	}
	c.renewed()
}

// renewed goes on after either side's BYE{renew}.
func (c *channel) renewed() {
	c.sessionDown()
	c.sess.Drop()
	if c.present && c.phase == relayJoined {
		c.begin()
	}
}

// resync starts new sessions with some devices, because what is synced with them has changed. What is on its way in the old sessions
// no longer applies.
func (e *Engine) resync(with func(*device) bool) {
	for _, d := range e.devices {
		if d.repl != nil && with(d) {
			d.repl.via.renew()
		}
	}
}
