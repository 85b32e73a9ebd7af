package peer

import (
	"slices"

	"github.com/masqdev/masq/core/wire"
)

// Among n devices, one write would bring a HAVE from each device that has taken it to each other one: (n-1)(n-2) frames, and as many sessions to be
// renewed because something was said. The writer's device hears of it from all of them, by ACK. So it tells each one of all others in one frame. Who
// hears that of another device, and has sent the writer's an ACK itself, knows that the other hears the same of it, and spares its own HAVE. See
// core/PROTOCOL.md, R5.15 and R5.18.

const (
	crowdLeast = 3     // devices that make a crowd; with fewer nothing is saved
	tellAfter  = 500   // ms after an ACK, at the latest, that others are told of it
	tellMost   = 64    // elements of what an ACK says; more, from a session's first END, the device says itself
	spareFor   = 1_000 // ms that a HAVE waits for what the writer's device tells. Nobody forwards before forwardAfter
	lagMost    = 2_000 // ms longer that a device waits at most in a crowd before it forwards, so that not all forward the same
)

// hearing is what devices have said by ACK and the others were not told yet.
type hearing struct {
	of    []heardOf
	since Millis // when the first of it came
	told  Millis // when others were last told
}

type heardOf struct {
	d    *device
	news wire.Vector
}

// crowded reports whether so many devices are in session about the namespace that they are told of each other.
func (n *namespace) crowded() bool {
	count := 0
	for _, d := range n.e.devices {
		if f := d.flow(n); f != nil && f.ready {
			count++
		}
	}
	return count >= crowdLeast
}

// said is what the other side was told in some session that others have of a namespace, since it came to the channel. When a session is only
// renewed, it still knows that, unless it was told so lately that this may have been lost with the session.
type said struct {
	of   map[*namespace]map[*device]wire.Vector
	last Millis // when it was told something
}

const saidSurely = 60_000 // ms after which what was said has come, for else the session would be over

// renewed leaves what the other side must know at the start of a session.
func (s *said) renewed(now Millis) {
	if now < s.last+saidSurely {
		s.of = nil
	}
}

// listOthers tells what is known of how far others have got with a namespace.
func (r *replication) listOthers(n *namespace) {
	if r.e.guest() || !n.wanted(r.d) {
		delete(r.via.said.of, n)
		return
	}
	n.heldBy(func(d *device, p *progress) {
		if d == r.d {
			return
		}
		if of := r.via.said.of[n]; !p.have.CoversAll(of[d]) { // it was put back
			delete(of, d)
		}
		r.sayOf(n, d, p.have)
	})
}

// sayOf tells the other side that a third device has v, as far as that is news.
func (r *replication) sayOf(n *namespace, d *device, v wire.Vector) {
	s := &r.via.said
	of := s.of[n]
	news := v.Lacking(of[d])
	if len(news) == 0 {
		return
	}
	if s.of == nil { // the other side came anew, and its old session stands yet
		s.of = map[*namespace]map[*device]wire.Vector{}
	}
	if of == nil {
		of = map[*device]wire.Vector{}
		s.of[n] = of
	}
	of[d], s.last = of[d].Join(news), r.e.clock.Now()
	r.send(wire.AppendHave(nil, &wire.Have{Number: n.num, Vector: news, NK: d.nk}))
}

// acked notes what the other side has said by ACK to have durably. The others are told what is new of it to them.
func (f *flow) acked(v wire.Vector) {
	n, news := f.namespace, v.Lacking(f.spread)
	f.p.has(v)
	f.spread = f.spread.Join(news)
	own := n.rep.Own()
	if own == nil || !news.Has(own.ID) || len(news) > tellMost || n.e.guest() || !n.crowded() {
		return
	}
	h := &n.hearing
	if len(h.of) == 0 {
		h.since = n.e.clock.Now()
		n.e.hearing = append(n.e.hearing, n)
	}
	if i := slices.IndexFunc(h.of, func(o heardOf) bool { return o.d == f.repl.d }); i >= 0 {
		h.of[i].news = h.of[i].news.Join(news)
	} else {
		h.of = append(h.of, heardOf{f.repl.d, news})
	}
}

// guest reports whether this device is an application peer: what it says of others is ignored.
func (e *Engine) guest() bool { return e.home() != nil && e.home().guest() }

// tellOfOthers has each device that has taken what was sent told of the others that have. Those that have not would not know what it is about.
func (e *Engine) tellOfOthers() {
	e.hearing = slices.DeleteFunc(e.hearing, func(n *namespace) bool {
		h := &n.hearing
		if !e.clock.Due(h.told+haveEvery) || n.awaitsAck() && !e.clock.Due(h.since+tellAfter) {
			return false
		}
		if len(h.of) >= crowdLeast {
			for _, o := range h.of {
				if f := o.d.flow(n); f != nil && f.ready {
					f.tellOf(h.of)
				}
			}
		}
		*h = hearing{told: e.clock.Now()}
		return true
	})
}

// awaitsAck reports whether some device has not said yet that it has what it was sent.
func (n *namespace) awaitsAck() bool {
	return slices.ContainsFunc(n.e.devices, func(d *device) bool {
		f := d.flow(n)
		return f != nil && len(f.ends) > 0
	})
}

func (f *flow) tellOf(others []heardOf) {
	for _, o := range others {
		if o.d != f.repl.d {
			f.repl.sayOf(f.namespace, o.d, o.news)
		}
	}
}

// hearOf takes in what the other side, a full device, says of a third one that this device is in session with, too.
func (f *flow) hearOf(third *flow, v wire.Vector) {
	if third == nil || !third.ready || third == f {
		return
	}
	if third.by != f {
		third.by, third.byHas = f, nil
	}
	third.byHas = third.byHas.Join(v)
	if third.begun { // else it may be a fresh copy, which others know nothing of
		third.peer = third.peer.Join(third.fresh(v))
	}
}

// fresh are the elements of v that are not older than the other side's VECTOR: it had what this device had then, and they say more. An older
// one may be of before the other side was put back.
func (f *flow) fresh(v wire.Vector) (out wire.Vector) {
	for _, e := range v {
		if then := f.base.Of(e.Writer); f.peer.CoversAll(wire.Vector{then}) && !f.base.CoversAll(wire.Vector{e}) {
			out = append(out, e)
		}
	}
	return out
}

// spare notes what the other side is told of this device by a third one, because that has an ACK of both.
func (f *flow) spare() {
	if f.by == nil || f.by.repl.dead {
		f.by, f.byHas = nil, nil
		return
	}
	for _, e := range f.byHas {
		if one := (wire.Vector{e}); f.by.given.CoversAll(one) && !f.told.CoversAll(one) {
			f.told, f.owing = f.told.Join(one), 0
		}
	}
}

// mayBeSpared reports whether the writer's device may yet tell the other side that this one has its news. It does if it is believed.
func (f *flow) mayBeSpared(news wire.Vector) bool {
	n, clock := f.namespace, &f.repl.e.clock
	if own := n.rep.Own(); f.toldAt == 0 || f.p.differing != 0 || own != nil && news.Has(own.ID) || !n.crowded() {
		return false
	}
	if f.owing == 0 {
		if n.brought == 0 || clock.Now() >= n.brought+spareFor {
			return false
		}
		f.owing = clock.Now()
	}
	return !clock.Due(f.owing + spareFor)
}

// vouched reports whether a third device has compared its sum with this one's, and does with the other side's.
func (f *flow) vouched(own *wire.Sum) bool {
	return f.by != nil && !f.by.repl.dead && f.by.saidSum == *own
}

// credit notes what the other side takes ACK to say.
func (f *flow) credit(v wire.Vector) {
	f.told, f.given = f.told.Join(v), f.given.Join(v)
}

// came notes that records have come from d.
func (n *namespace) came(d *device, recs []wire.Record) {
	now := n.e.clock.Now()
	switch {
	case !n.crowded():
		n.lag = 0
	case now >= n.foreign+forwardAfter:
		n.lag = n.e.spread(0, lagMost)
	}
	n.foreign, n.brought = now, 0
	if len(recs) > 0 && d.full() {
		if w := n.rep.Writer(recs[0].Dot.Writer); w != nil && w.NK == d.nk {
			n.brought = now
		}
	}
}
