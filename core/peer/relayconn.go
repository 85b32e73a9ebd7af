package peer

import (
	"strings"

	"github.com/masqdev/masq/core/roster"
	"github.com/masqdev/masq/core/wire"
)

// relayConn is a connection to a Sync Server, at a relay channel or a mailbox. It dials, asks to be let in, keeps the connection alive,
// notices one that died silently, and dials again. What comes is its user's.
type relayConn struct {
	e     *Engine
	user  relayUser
	relay string // the Sync Server's URL
	path  string
	most  Millis // between two dials

	conn       uint32
	phase      relayPhase
	over       bool   // it is not dialled again
	failed     int    // dials or sessions that failed in a row
	retryAt    Millis // down: when to dial again; before relayJoined: when to give up
	restartIn  Millis // what RESTARTING said, until the close that follows it; 0: nothing
	restarts   int    // that were heeded since a connection stood for long
	joinedAt   Millis
	restarting Millis // until when failures are the restart's, and the waits do not grow
	pingAt     Millis
	pongBy     Millis
}

// relayUser is whom a relayConn is for.
type relayUser interface {
	// greeting is JOIN or PAIR; nil: the user has ended the connection.
	greeting(hello *wire.RelayFrame) []byte
	joined()
	// peer is called when the other side comes or goes, behind joined in any case.
	peer(present bool)
	body(data []byte)
	// tick does what is due while the connection stands.
	tick()
	// lost is called when the connection has ended, or could not be made; code is the close code, 0 if there is none. It reports
	// whether to dial again.
	lost(code uint16, stood bool) bool
	// slack is how much longer than pongTimeout a pong may take.
	slack() Millis
}

type relayPhase uint8

const (
	relayDown relayPhase = iota
	relayDialling
	relayHello   // waiting for HELLO
	relayJoining // waiting for JOINED
	relayJoined
)

// Times of core/PROTOCOL.md, in ms.
const (
	dialTimeout  = 15_000
	pingEvery    = 30_000
	pongTimeout  = 10_000
	replacedWait = 60_000
	retryFirst   = 1_000
	retryMost    = 60_000
	tryForMost   = 600_000 // of what RESTARTING says
	restartsMost = 4       // heeded in a row
)

func (r *relayConn) timers() {
	e := r.e
	switch {
	case r.over:
	case r.phase == relayDown:
		if r.retryAt == 0 || e.clock.Due(r.retryAt) {
			r.dial()
		}
	case r.phase < relayJoined:
		if e.clock.Due(r.retryAt) {
			r.fail()
		}
	case e.clock.Due(r.pongBy):
		r.fail()
	default:
		if r.user.tick(); r.phase == relayJoined {
			r.keepAlive()
		}
	}
}

func (r *relayConn) keepAlive() {
	e := r.e
	if e.clock.Due(r.pingAt) {
		e.out.add(Ping{Conn: r.conn})
		r.pingAt, r.pongBy = e.clock.In(pingEvery), e.clock.Now()+pongTimeout+r.user.slack()
		e.clock.Need(r.pongBy)
	}
	e.clock.Need(r.pingAt)
}

func (r *relayConn) dial() {
	e := r.e
	r.phase, r.retryAt = relayDialling, e.clock.In(dialTimeout)
	r.conn = e.dial(r.relay+r.path, r)
	e.clock.Need(r.retryAt)
	e.touch()
}

func (r *relayConn) opened() {
	if r.phase == relayDialling {
		r.phase = relayHello
	}
}

func (r *relayConn) pong() { r.pongBy = 0 }

func (r *relayConn) closed(code uint16) {
	r.conn = 0
	r.end(code)
}

// fail ends a connection that is of no use, and dials again later.
func (r *relayConn) fail() { r.end(0) }

// end goes on after the connection has ended, or ends it.
func (r *relayConn) end(code uint16) {
	e, was := r.e, r.phase
	r.hangup()
	if was == relayJoined && e.clock.Now() >= r.joinedAt+goodSession {
		r.restarts = 0
	}
	again := r.user.lost(code, was == relayJoined)
	e.touch()
	if r.over = !again; r.over {
		return
	}
	switch {
	case code == wire.RelayEReplaced.CloseCode():
		r.dialIn(replacedWait)
	case r.restartIn != 0:
		r.failed = 0
		r.restarts++
		r.dialIn(r.restartIn)
	case was == relayDialling && e.away(r.relay): // that it cannot be reached is no news, and counts for nothing when it can
		r.dialIn(e.spread(r.most*7/10, r.most))
	default:
		r.backOff()
	}
	r.restartIn = 0
}

// backOff waits longer each time, unless the Sync Server has said that it restarts.
func (r *relayConn) backOff() {
	e := r.e
	wait := Millis(retryFirst)
	if e.clock.Now() >= r.restarting {
		for range r.failed {
			wait = min(wait*3/2, r.most)
		}
		r.failed++
	}
	r.dialIn(e.spread(wait*7/10, wait*13/10))
}

// dialIn dials after wait, or again after wait.
func (r *relayConn) dialIn(wait Millis) {
	r.hangup()
	r.retryAt = r.e.clock.Now() + wait
	r.e.clock.Need(r.retryAt)
}

func (r *relayConn) hangup() {
	r.e.hangup(r.conn)
	r.conn, r.phase, r.pongBy = 0, relayDown, 0
}

// network goes on after the driver has said whether there is one.
func (r *relayConn) network(yes bool) {
	switch {
	case r.phase == relayJoined && r.pongBy == 0: // the network may have changed below it
		r.pingAt = r.e.clock.Now()
	case r.phase == relayDown && yes:
		r.retryAt = r.e.clock.Now()
	}
}

func (r *relayConn) frame(data []byte) {
	r.pongBy = 0 // a pong waits behind what comes
	f, err := wire.ParseRelay(data)
	if err != nil {
		r.fail()
		return
	}
	switch {
	case f.Type == wire.RelayHello && r.phase == relayHello && f.Version == wire.RelayVersion:
		if greeting := r.user.greeting(&f); greeting != nil {
			r.phase = relayJoining
			r.send(greeting)
		}
	case f.Type == wire.RelayJoined && r.phase == relayJoining:
		r.phase, r.joinedAt, r.pingAt = relayJoined, r.e.clock.Now(), r.e.clock.In(pingEvery)
		r.e.touch()
		if r.user.joined(); r.phase == relayJoined {
			r.user.peer(f.Present)
		}
	case f.Type == wire.RelayPeer && r.phase == relayJoined:
		r.user.peer(f.Present)
	case f.Type == wire.RelayData && r.phase == relayJoined:
		r.user.body(f.Body)
	case f.Type == wire.RelayRestarting && r.restarts < restartsMost:
		r.restartIn = min(max(Millis(f.ReconnectIn), 1), retryMost)
		r.restarting = r.e.clock.Now() + r.restartIn + min(Millis(f.TryFor), tryForMost)
	case f.Type == wire.RelayErr, f.Type == wire.RelayPeer, f.Type == wire.RelayData, f.Type == wire.RelayRestarting:
		// Behind ERR comes a close, which says it too. Of what is not joined nothing counts, nor does one restart too many.
	default:
		r.fail()
	}
}

// send sends a whole relay frame.
func (r *relayConn) send(frame []byte) {
	if r.conn != 0 {
		r.e.out.add(Send{Conn: r.conn, Data: frame})
	}
}

// away reports whether this device is said to be offline and a Sync Server at url is not on it.
func (e *Engine) away(url string) bool { return e.offline && !onLoopback(url) }

// onLoopback reports whether url leads to this computer, which no network is needed for.
func onLoopback(url string) bool {
	_, host, _, ok := roster.SplitURL(url)
	return ok && wire.IsLoopbackHost(host)
}

// hostOf is URL.host of a relay's URL: what stands between "//" and the next "/".
func hostOf(url string) string {
	_, rest, _ := strings.Cut(url, "//")
	host, _, _ := strings.Cut(rest, "/")
	return host
}
