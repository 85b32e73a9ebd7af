package peer

import (
	"crypto/rand"
	"errors"

	"github.com/masqdev/masq/core/ledger"
	"github.com/masqdev/masq/core/storage"
	"github.com/masqdev/masq/core/vault"
)

// Other devices are dialled dialAfter the start, in ms. If operations still wait for blocks, that waits too, until dialAtLast.
const (
	dialAfter  = 30
	dialAtLast = 500
)

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
	e.clock.Step(now)
	e.clock.Clear()
	e.out, e.replied = out, false
	if e.state == open && e.openedAt == 0 {
		e.openedAt = e.clock.Now()
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
			e.turnDown(op, e.err)
		}
		if all, ok := ev.(Events); ok {
			for _, x := range all {
				e.take(x)
			}
		}
		return
	}
	if !more(ev) {
		e.refreshStale()
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
			e.touch()
			u.closed(ev.Code)
		}
	case Committed:
		e.committed(ev.Err)
	case Loaded:
		e.loaded(ev)
	case Disk:
		e.disk(ev.Full)
	case Offline:
		e.setOnline(false)
	case Online:
		e.setOnline(true)
	case Tick:
		e.clock.Ticked()
	}
}

// more reports whether an event may be one more revocation of those that come together.
func more(ev Event) bool {
	switch ev := ev.(type) {
	case Events:
		return true
	case *Op:
		_, ok := ev.Do.(Revoke)
		return ok
	}
	return false
}

func (e *Engine) onConn(conn uint32, f func(connUser)) {
	if u := e.conns[conn]; u != nil {
		f(u)
	}
}

// settle does everything that an event has made possible: operations that waited for blocks, what is to be sent, committed and loaded.
func (e *Engine) settle() {
	if e.state == opening {
		e.tryOpen()
	}
	if e.state == open {
		e.refreshStale()
		e.absences()
		e.copies.find(e)
		e.fullness.timers(e)
		e.runNamespaces()
		e.survey()
		if e.quiet() {
			e.timers()
			e.runNamespaces()
		}
		e.trouble.timers(e)
		e.tendNow()
		for _, d := range e.devices {
			d.pump()
		}
		e.tellOfOthers()
		e.hurry()
		e.idle.timers(e)
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
	if e.state == failed {
		return
	}
	if at, changed := e.clock.Wake(0); changed {
		e.out.add(WakeAt{At: at})
	}
}

// quiet reports whether the first operations are done. A page that was just opened reads what it shows, and somebody waits for that.
// Only then are other devices dialled: their keys take some ms to compute.
func (e *Engine) quiet() bool {
	if e.trouble.code != OK {
		return false
	}
	if e.dialling {
		return true
	}
	switch since := e.clock.Now() - e.openedAt; {
	case e.openedAt == 0: // opening may have taken longer than dialAfter: the time counts from the next Step
		e.clock.Need(e.clock.Now())
	case since < dialAfter:
		e.clock.Need(e.openedAt + dialAfter)
	case since < dialAtLast && e.waiting():
		e.clock.Need(e.openedAt + dialAtLast)
	case since < dialAtLast && e.replied: // which is to be on its way first
		e.clock.Need(e.clock.Now())
	default:
		e.dialling = true
	}
	return e.dialling
}

// timers does what has come due and notes what will.
func (e *Engine) timers() {
	if e.closing != nil {
		return
	}
	e.askTime()
	e.givePlaces()
	for _, d := range e.devices {
		d.keepChannels()
		for _, c := range d.channels {
			c.timers()
		}
		if d.repl != nil {
			d.repl.timers()
		}
	}
	e.pairingTimers()
	e.dropPending()
	for _, n := range e.namespaces {
		n.sweep()
		n.keepCopy()
	}
}

func (e *Engine) start(blocks []storage.ID) {
	if e.state != unopened {
		return
	}
	e.led = ledger.New(vault.New(e.cfg.Key, e.rand), blocks, ledger.Options{})
	e.led.Tight(e.fullness.full)
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
	if e.trouble.code == OK {
		e.led.Fence() // the newest engine is the one that goes on
		e.openDevices()
		e.moveData()
		if len(e.devices) > 0 {
			e.strictly() // what was read at the start may be something that a power cut can take yet, and is sent behind this commit
		}
	} else {
		e.reopened()
	}
	early := e.early
	e.early = nil
	for _, op := range early {
		e.op(op)
	}
}

// openSelf reads who this device is, or makes it up at the first start, and opens its namespaces.
func (e *Engine) openSelf() error {
	if saved := e.led.Meta(metaSelf); saved == nil {
		e.newSelf()
	} else if err := e.loadSelf(saved); err != nil {
		return err
	}
	if err := e.loadCircle(); err != nil {
		return err
	}
	return e.openNamespaces()
}

// openDevices makes a device of every other member of every roster.
func (e *Engine) openDevices() {
	e.loadDays()
	e.loadPending()
	for _, dom := range e.domains() {
		e.refreshDevices(dom)
		dom.told = dom.roster.Heads()
		if dom.out() {
			e.shutOut()
		}
	}
	e.relieve() // what this device left unsigned when it ended, it signs when it has the time
	for _, n := range e.namespaces {
		n.settleOld()
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

// setOnline takes in what the driver is told of the network. It is a hint: a browser may say offline where all works, and may not say
// that the network is back. So it changes how soon the Sync Server is dialled again, never whether.
func (e *Engine) setOnline(yes bool) {
	wasOffline := e.offline
	e.offline = !yes
	e.touch()
	for _, d := range e.devices {
		for _, c := range d.channels {
			c.network(yes)
		}
	}
	if e.pairing != nil {
		e.pairing.network(wasOffline)
	}
}
