package peer

import (
	"errors"
	"slices"

	"github.com/masqdev/masq/core/ledger"
	"github.com/masqdev/masq/core/replica"
	"github.com/masqdev/masq/core/wire"
)

// A fresh copy mends a namespace of which something is damaged, or which was put back to an older state: a second replica, empty at first, takes
// all that another device has. The session with that device, the copy's source, speaks for the copy; reads, writes and all other sessions go on in
// the old replica. When the copy has reached END it takes what only the old one has, and its place. See core/PROTOCOL.md, "The fresh copy".

const (
	// metaMend and the namespace's number: the source's nk(32), zeros if there is none yet. It is there while a copy is taken.
	metaMend = "mend/"

	// metaRestored and the namespace's number are there if its replica proved to have been put back, and nothing has mended it since.
	metaRestored = "restored/"

	freshPart = 1 << 15 // and the namespace's number is the number of the copy's replica in the ledger

	sourceAway = 60_000 // ms after which a copy begins again from another device

	restLeast, restMost = 1_000, 60_000 // ms for which a copy rests when its source turned out to take one
)

// freshCopy is the copy that is being taken of a namespace.
type freshCopy struct {
	n      *namespace
	rep    *replica.Replica // nil: there is no source yet
	source [32]byte         // its nk
	seen   Millis           // when the source was last there
	rests  Millis           // until when none is looked for
	ended  bool             // all that the source had is here: nothing more is taken from it
}

// mend begins a fresh copy unless one is being taken.
func (n *namespace) mend() {
	if n.copy != nil || n.gone || n.moving {
		return
	}
	n.copy = &freshCopy{n: n}
	n.copy.save()
	n.touch()
}

// asksToMend begins a fresh copy because the user wants one.
func (n *namespace) asksToMend(op *Op) {
	if !n.mendable() {
		n.refuse(op, EValue)
		return
	}
	n.mend()
	n.e.answer(op)
}

// mendable reports whether there is a device to take a fresh copy from, be it online or not.
func (n *namespace) mendable() bool { return slices.ContainsFunc(n.e.devices, n.mayMend) }

// mayMend reports whether a device is one to take a copy from: a full one, in an application peer any.
func (n *namespace) mayMend(d *device) bool {
	return d.member() && d.shares(n) && n.wanted(d) && (d.full() || n.e.guest())
}

func (c *freshCopy) save() { c.n.e.led.SetMeta(metaMend+c.n.number(), slices.Clone(c.source[:])) }

// openCopy opens the copy that was being taken when the engine ended. One that is damaged is begun again.
func (n *namespace) openCopy(was []*replica.Replica) error {
	in := wire.NewReader(n.e.led.Meta(metaMend + n.number()))
	c := &freshCopy{n: n, seen: n.e.clock.Now()}
	copy(c.source[:], in.Bytes(32))
	if in.Done() != nil {
		n.e.led.Forget(c.num())
		return nil
	}
	n.copy = c
	if c.source == [32]byte{} {
		n.e.led.Forget(c.num())
		return nil
	}
	err := c.open(was)
	if errors.Is(err, ledger.ErrDamaged) {
		c.forget()
		return nil
	}
	return err
}

func (c *freshCopy) num() uint16 { return c.n.num | freshPart }

func (c *freshCopy) open(was []*replica.Replica) (err error) {
	e := c.n.e
	c.rep, err = replica.Open(e.led, c.num(), replica.Config{Owner: e.publicNK(), Rand: e.rand, Was: was})
	if err == nil {
		c.rep.Tight(e.fullness.full)
	}
	return err
}

// forget leaves the copy without a source, and with nothing.
func (c *freshCopy) forget() {
	if c.rep != nil {
		c.rep.Discard()
	} else {
		c.n.e.led.Forget(c.num())
	}
	c.n.e.forgetCursors(c.num())
	c.rep, c.source, c.ended = nil, [32]byte{}, false
	c.save()
}

// stopMending gives the copy up.
func (n *namespace) stopMending() {
	if n.copy != nil {
		n.copy.forget()
		n.copy = nil
		n.e.led.SetMeta(metaMend+n.number(), nil)
		n.touch()
	}
}

// each calls f for the namespace's replica, and for the copy that is being taken.
func (n *namespace) each(f func(*replica.Replica)) {
	f(n.rep)
	if n.copy != nil && n.copy.rep != nil {
		f(n.copy.rep)
	}
}

// some reports whether f is true for one of them.
func (n *namespace) some(f func(*replica.Replica) bool) bool {
	return f(n.rep) || n.copy != nil && n.copy.rep != nil && f(n.copy.rep)
}

// hadReplicas are those that the namespace has had in this run.
func (n *namespace) hadReplicas() (out []*replica.Replica) {
	if n.rep != nil {
		n.each(func(r *replica.Replica) { out = append(out, r) })
	}
	if n.retired != nil {
		out = append(out, n.retired)
	}
	return out
}

// keepCopy begins a copy where values cannot be read and a device that has them is online, and finds a source for it. It stays with one while that is
// there, and a minute longer. From another one the copy begins again: a deletion may have been forgotten meanwhile that the first had not sent.
func (n *namespace) keepCopy() {
	if n.copy == nil && n.rep.Hurt() && slices.ContainsFunc(n.e.devices, func(d *device) bool { return d.repl != nil && n.mayMend(d) && n.hasLost(d) }) {
		n.mend()
	}
	c := n.copy
	if c == nil || n.gone || n.moving || c.ended {
		return
	}
	clock := &n.e.clock
	switch {
	case !n.mendable():
		n.stopMending()
		return
	case c.rests != 0 && !clock.Due(c.rests):
		return
	}
	if c.rep != nil {
		if d := n.e.deviceOf(c.source); d != nil && c.serves(d) {
			c.seen = clock.Now()
			return
		}
		if !clock.Due(c.seen + sourceAway) {
			return
		}
	}
	var best *device
	for _, d := range n.e.devices {
		if c.serves(d) && (best == nil || c.rank(d) > c.rank(best)) {
			best = d
		}
	}
	if best != nil {
		c.takeFrom(best)
	}
}

// serves reports whether the device is there to take the copy from, and does not take one itself.
func (c *freshCopy) serves(d *device) bool {
	f := d.flow(c.n)
	return c.n.mayMend(d) && f != nil && !f.anew && c.n.hasLost(d)
}

// hasLost reports whether a device has all that cannot be read here.
func (n *namespace) hasLost(d *device) bool { return n.rep.Unsendable(d.in(n).have) == 0 }

// part leaves a source that lacks what it was known to have: it may take a copy itself, from this device.
func (c *freshCopy) part(d *device) {
	e := c.n.e
	c.forget()
	c.rests = e.clock.Now() + e.spread(restLeast, restMost)
	e.after(func() { e.resync(func(o *device) bool { return o == d }) })
}

// rank says how good a source a device is: a full one, that holds something else.
func (c *freshCopy) rank(d *device) (n int) {
	if d.full() {
		n += 2
	}
	if d.in(c.n).differs {
		n++
	}
	return n
}

func (c *freshCopy) takeFrom(d *device) {
	n, e := c.n, c.n.e
	c.forget()
	c.source, c.seen = d.nk, e.clock.Now()
	c.save()
	if err := c.open(nil); err != nil {
		e.fail(storageCode(err))
		return
	}
	n.wake()
	e.after(func() { e.resync(func(o *device) bool { return o == d }) })
}

// replicaFor is the replica that a session with the device speaks for.
func (n *namespace) replicaFor(d *device) *replica.Replica {
	if c := n.copy; c != nil && c.rep != nil && c.source == d.nk {
		return c.rep
	}
	return n.rep
}

// copying reports whether the flow is the copy's.
func (f *flow) copying() bool { return f.namespace.copy != nil && f.rep == f.namespace.copy.rep }

// stale reports whether the flow speaks for a replica that is none any more: the session is about to begin anew.
func (f *flow) stale() bool { return f.rep != f.namespace.rep && !f.copying() }

// closed reports whether nothing more is taken by the flow.
func (f *flow) closed() bool { return f.stale() || f.copying() && f.namespace.copy.ended }

// endCopy notes that the copy has all that its source had.
func (f *flow) endCopy() {
	n := f.namespace
	n.copy.ended = true
	taken, reset := false, func() error { return nil }
	n.enqueue(task{fail: func(Code) {}, run: func() error {
		if !taken {
			if done, err := n.takeOver(); err != nil || !done {
				return err
			}
			taken, reset = true, n.reset()
		}
		return reset() // before anything else is read or told
	}})
}

// takeOver has the copy take the namespace's place, and restarts every session once that is in storage: each was told another vector.
func (n *namespace) takeOver() (done bool, err error) {
	c, e := n.copy, n.e
	if c == nil || !c.ended {
		return false, nil
	}
	n.rep.CloseWriter() // which tells what contexts may name
	if err := c.rep.TakeOver(n.rep); err != nil {
		return false, err
	}
	n.retired, n.rep, n.copy = n.rep, c.rep, nil
	n.own, n.foreign, n.lag, n.hearing, n.sweeping = n.rep.Position(), 0, 0, hearing{}, sweeping{}
	e.led.SetMeta(metaMend+n.number(), nil)
	n.setRestored(false)
	e.forgetCursors(n.num)
	e.forgetCursors(c.num())
	for _, d := range e.devices {
		if p := d.byName[n]; p != nil {
			p.acked, p.differing, p.differs, p.unsaved = 0, 0, false, true
		}
	}
	n.begunAnew()
	e.tallied()
	e.after(func() {
		n.retired = nil
		e.resync(func(d *device) bool { return d.shares(n) })
	})
	n.touch()
	n.wake()
	return true, nil
}

// reset returns what tells each watch all that there is. How far that has got outlives a wait for blocks.
func (n *namespace) reset() func() error {
	left, begun, all := slices.Clone(n.watches), false, replica.Query{}
	return func() error {
		for ; len(left) > 0; left, begun = left[1:], false {
			w := left[0]
			if !begun {
				begun, all = true, replica.Query{Prefix: w.prefix, Limit: listEntries, MaxBytes: listBytes}
				n.e.out.add(Changed{Watch: w.id, Position: nowhere, Reset: true})
			}
			if err := n.tellAll(w, &all); err != nil {
				return err
			}
		}
		return nil
	}
}

// forgetCursors forgets how far the logs of others were taken into a replica.
func (e *Engine) forgetCursors(num uint16) {
	for _, key := range e.led.MetaKeys(cursorsIn(num)) {
		e.led.SetMeta(key, nil)
	}
}

// restored reports whether the namespace's replica proved to have been put back.
func (n *namespace) restored() bool { return n.e.led.Meta(metaRestored+n.number()) != nil }

func (n *namespace) setRestored(yes bool) {
	switch {
	case yes == n.restored():
	case yes:
		n.e.led.SetMeta(metaRestored+n.number(), []byte{1})
	default:
		n.e.led.SetMeta(metaRestored+n.number(), nil)
	}
}
