package peer

import (
	"crypto/rand"
	"encoding/binary"
	"errors"
	"io"
	"slices"

	"github.com/masqdev/masq/core/ledger"
	"github.com/masqdev/masq/core/storage"
	"github.com/masqdev/masq/core/vault"
)

// Engine is one device. The zero value is not ready: use New.
type Engine struct {
	cfg     Config
	rand    io.Reader
	now     Millis   // of the Step that runs: never goes back, whatever the clock does; all timers are in it
	wall    Millis   // the clock's time of the Step that runs
	out     *Actions // of the Step that runs
	replied bool     // in the Step that runs
	wake    Millis   // the earliest time that something waits for, gathered anew in each Step
	woke    Millis   // the last WakeAt

	led   *ledger.Ledger
	state state
	err   Code  // why state is failed
	over  bool  // and Failed has been asked for
	early []*Op // operations that came before the engine was open

	openedAt Millis // when the first Step after opening was
	dialling bool   // others are dialled; see quiet

	commits    commits
	self       self
	circle     *domain      // nil: this device is by itself, or an application peer
	namespaces []*namespace // by number
	devices    []*device    // of all domains
	pairing    *pairingRun
	invites    inviteGuard

	conns           map[uint32]connUser
	lastConn        uint32
	lastReplication uint32
	offline         bool  // the driver says so
	clockSkew       int64 // ms that the relay's clock is ahead, when more than five minutes; else 0
	syncErr         Code  // why sync has stopped for good, if it has
	closing         *Op   // Shutdown, waiting for its commit

	status      Status
	statusAt    Millis
	statusDirty bool
	sent        bool // a status has been sent
}

// The others are dialled dialAfter the start, in ms, or as soon after that as no operation waits for blocks, dialAtLast at the latest.
const (
	dialAfter  = 30
	dialAtLast = 500
)

type state uint8

const (
	unopened state = iota
	opening
	open
	failed
)

// connUser is what stands behind a connection: a channel to a device, or a pairing.
type connUser interface {
	opened()
	frame(data []byte)
	pong()
	closed(code uint16)
}

// New makes an engine. Start opens it.
func New(cfg Config) *Engine {
	e := &Engine{cfg: cfg, rand: cfg.Rand, conns: map[uint32]connUser{}, lastConn: cfg.Conn}
	if e.rand == nil {
		e.rand = rand.Reader
	}
	return e
}

// Step takes in what happened at now and appends to out what is to be done. It never blocks.
func (e *Engine) Step(now Millis, ev Event, out *Actions) {
	if e.wall == 0 {
		e.now = now
	} else if now > e.wall {
		e.now += now - e.wall
	}
	e.wall = now
	e.out, e.wake, e.replied = out, 0, false
	if e.state == open && e.openedAt == 0 {
		e.openedAt = e.now
	}
	e.take(ev)
	e.settle()
	if e.state == failed && !e.over { // the last that is asked for, behind the answers to all that came with what it failed of
		e.over = true
		e.out.add(Failed{Err: e.err})
	}
	e.out = nil
}

func (e *Engine) take(ev Event) {
	if e.state == failed {
		if op, ok := ev.(*Op); ok {
			e.reply(Reply{Op: op.ID, Err: e.err})
		}
		if all, ok := ev.(Events); ok {
			for _, x := range all {
				e.take(x)
			}
		}
		return
	}
	switch ev := ev.(type) {
	case Events:
		for _, x := range ev {
			e.take(x)
		}
	case Start:
		e.start(ev.Blocks)
	case *Op:
		e.op(ev)
	case Opened:
		e.onConn(ev.Conn, connUser.opened)
	case Frame:
		e.onConn(ev.Conn, func(u connUser) { u.frame(ev.Data) })
	case Pong:
		e.onConn(ev.Conn, connUser.pong)
	case Closed:
		if u := e.conns[ev.Conn]; u != nil {
			delete(e.conns, ev.Conn)
			e.statusDirty = true
			u.closed(ev.Code)
		}
	case Committed:
		e.committed(ev.Err)
	case Loaded:
		e.loaded(ev)
	case Offline:
		e.setOnline(false)
	case Online:
		e.setOnline(true)
	case Tick:
		e.woke = 0 // it may have come a little early: then it is asked for again
	}
}

func (e *Engine) onConn(conn uint32, f func(connUser)) {
	if u := e.conns[conn]; u != nil {
		f(u)
	}
}

// settle carries on with everything that can go on after an event: what waited for blocks, what is to be sent, committed and loaded.
func (e *Engine) settle() {
	if e.state == opening {
		e.tryOpen()
	}
	if e.state == open {
		e.runNamespaces()
		if e.quiet() {
			e.timers()
			e.runNamespaces()
		}
		for _, d := range e.devices {
			d.pump()
		}
		e.maintain()
		e.commit()
		e.flushFrames()
		e.reportStatus()
		if !e.waiting() && !e.commits.gathering {
			e.led.Trim()
		}
	}
	if e.state == opening || e.state == open {
		if ids := e.led.Wanted(); len(ids) > 0 {
			e.out.add(Load{IDs: ids})
		}
	}
	if at := e.toWall(e.wake); at != e.woke && e.state != failed {
		e.woke = at
		e.out.add(WakeAt{At: at})
	}
}

// quiet reports whether the first operations are answered, for which somebody waits: a page that was just opened reads what it
// shows. Only then are the others dialled, which needs keys that take some ms to compute.
func (e *Engine) quiet() bool {
	if e.dialling {
		return true
	}
	switch since := e.now - e.openedAt; {
	case e.openedAt == 0: // opening may have taken longer than dialAfter: the time counts from the next Step
		e.need(e.now)
	case since < dialAfter:
		e.need(e.openedAt + dialAfter)
	case since < dialAtLast && e.waiting():
		e.need(e.openedAt + dialAtLast)
	case since < dialAtLast && e.replied: // which is to be on its way first
		e.need(e.now)
	default:
		e.dialling = true
	}
	return e.dialling
}

func (e *Engine) runNamespaces() {
	for _, n := range e.namespaces {
		n.run()
	}
}

// waiting reports whether an operation waits for blocks.
func (e *Engine) waiting() bool {
	return slices.ContainsFunc(e.namespaces, func(n *namespace) bool { return len(n.queue) > 0 })
}

// toWall is a time of the engine's own as the clock will show it. 0 stays 0.
func (e *Engine) toWall(t Millis) Millis {
	if t == 0 {
		return 0
	}
	return uint64(int64(e.wall) + int64(t-e.now))
}

// need asks for a Tick at t, or earlier.
func (e *Engine) need(t Millis) {
	if t != 0 && (e.wake == 0 || t < e.wake) {
		e.wake = max(t, e.now+1)
	}
}

// due reports whether t has come; if it has not, a Tick will come at t. 0 never comes.
func (e *Engine) due(t Millis) bool {
	if t != 0 && e.now >= t {
		return true
	}
	e.need(t)
	return false
}

func (e *Engine) start(blocks []storage.ID) {
	if e.state != unopened {
		return
	}
	e.led = ledger.New(vault.New(e.cfg.Key, e.rand), blocks, ledger.Options{})
	e.state = opening
}

func (e *Engine) tryOpen() {
	err := e.led.Open()
	if err == nil {
		err = e.openSelf()
	}
	if errors.Is(err, ledger.ErrWait) {
		return
	}
	if err != nil {
		e.fail(storageCode(err))
		return
	}
	e.state = open
	e.led.Fence() // the newest engine is the one that goes on
	e.openDevices()
	early := e.early
	e.early = nil
	for _, op := range early {
		e.op(op)
	}
}

func (e *Engine) loaded(ev Loaded) {
	err := ev.Err
	if err == nil {
		err = e.led.Loaded(ev.Blocks)
	}
	if err != nil {
		e.fail(storageCode(err))
	}
}

// fail stops the engine for good: whatever waits is answered, every connection is hung up.
func (e *Engine) fail(code Code) {
	if e.state == failed {
		return
	}
	e.state, e.err = failed, code
	for _, op := range e.early {
		e.reply(Reply{Op: op.ID, Err: code})
	}
	e.early = nil
	for _, n := range e.namespaces {
		for _, t := range n.queue {
			t.fail(code)
		}
		n.queue = nil
	}
	e.commits.fail(e, code)
	if p := e.pairing; p != nil {
		p.end(code)
	}
	for _, d := range e.devices {
		d.drop()
	}
	e.devices = nil
	clear(e.conns)
}

func (e *Engine) reply(r Reply) {
	e.out.add(r)
	e.replied = true
}

// dial opens a connection for u.
func (e *Engine) dial(url string, u connUser) uint32 {
	e.lastConn++
	e.conns[e.lastConn] = u
	e.out.add(Dial{Conn: e.lastConn, URL: url})
	return e.lastConn
}

func (e *Engine) hangup(conn uint32) {
	if conn != 0 && e.conns[conn] != nil {
		delete(e.conns, conn)
		e.out.add(Hangup{Conn: conn})
	}
}

// spread is a random span from low to high.
func (e *Engine) spread(low, high Millis) Millis {
	var r [2]byte
	e.random(r[:])
	return low + Millis(binary.BigEndian.Uint16(r[:]))*(high-low)/65535
}

func (e *Engine) random(b []byte) {
	if _, err := io.ReadFull(e.rand, b); err != nil {
		panic("peer: no randomness") // crypto/rand never fails; a device without randomness must not go on
	}
}

func storageCode(err error) Code {
	switch {
	case errors.Is(err, storage.ErrExists):
		return EFenced
	case errors.Is(err, storage.ErrQuota):
		return EQuota
	case errors.Is(err, storage.ErrClosed):
		return EClosed
	case errors.Is(err, vault.ErrVersion), errors.Is(err, ledger.ErrVersion):
		return EVersion
	case errors.Is(err, vault.ErrDamaged), errors.Is(err, ledger.ErrDamaged):
		return EDamaged
	}
	return EStorage
}
