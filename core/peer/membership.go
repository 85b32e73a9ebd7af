package peer

import (
	"bytes"
	"slices"

	"github.com/masqdev/masq/core/roster"
	"github.com/masqdev/masq/core/wire"
)

// noticeFor is how long a device that is out is still met, to be told so, in ms.
const noticeFor = 30 * 24 * 3600_000

// refreshDevices brings the list of devices up to a domain's roster. A full device is always met in the circle, even if an application
// peer has told of it first.
func (e *Engine) refreshDevices(dom *domain) {
	e.tallied()
	me := e.publicIK()
	for _, m := range dom.roster.Members() {
		if m.IK == me || dom.namespace != nil && e.circle != nil && e.circle.member(m.IK) {
			continue
		}
		d := e.deviceOf(m.NK)
		if d != nil && d.domain != dom && dom == e.circle {
			e.lose(d)
			d = nil
		}
		if d == nil {
			d = e.addDevice(dom, m.IK, m.NK, m.Kind, m.Name)
		}
		if d != nil && d.adds != nil {
			d.adds = nil
			e.savePending()
		}
	}
	for _, m := range dom.roster.RevokedMembers() {
		if m.IK != me && e.deviceOf(m.NK) == nil && e.mindful(m.IK) {
			e.addDevice(dom, m.IK, m.NK, m.Kind, m.Name)
		}
	}
	e.devices = slices.DeleteFunc(e.devices, func(d *device) bool {
		if d.domain != dom || d.adds != nil || d.member() || dom.roster.Revoked(d.ik) && e.mindful(d.ik) {
			return false
		}
		d.drop()
		d.forget()
		return true
	})
	for _, d := range e.devices {
		if d.domain == dom && d.repl != nil && dom.roster.Revoked(d.ik) {
			d.repl.notice(nil)
		}
	}
	e.touch()
}

// lose drops a device from one domain because it is met in another. What is known of it stays.
func (e *Engine) lose(d *device) {
	d.save(true)
	d.drop()
	e.devices = slices.DeleteFunc(e.devices, func(x *device) bool { return x == d })
	e.tallied()
}

// mindful reports whether a device that was shut out is still to be told so. It notes since when it is out.
func (e *Engine) mindful(ik [32]byte) bool {
	key := metaRevoked + string(ik[:])
	saved := e.led.Meta(key)
	if len(saved) != 8 {
		e.led.SetMeta(key, wire.AppendU64(nil, e.clock.Wall()))
		return true
	}
	r := wire.NewReader(saved)
	return e.clock.Wall() < r.U64()+noticeFor
}

// tend keeps the rosters of the namespaces' application peers up to the circle's, at the end of the step, once for all that has changed in it.
//
// Every member of the circle needs a FULL. Each device signs the missing ones, because a peer that it let in trusts only it. Every
// revoked device needs a REVOKE. The device that revoked it signs that. What it leaves out, because it does not know of a FULL or has ended,
// the member with the smallest ik signs, reliefAfter, and then any other: a second REVOKE of the same device takes a place from another one's. They
// also revoke who was revoked by a device that the circle's know to be full, and peers do not: each for the peers that it has let in.
func (e *Engine) tend() {
	e.tendAt = e.clock.Now()
	e.relieve()
}

// relieve has this device look later for what others should have signed.
func (e *Engine) relieve() {
	if e.reliefAt == 0 && e.circle != nil {
		e.reliefAt, e.relief = e.clock.In(reliefAfter), first
	}
}

// relief is whether, and in which turn, what others should have signed is signed in their place.
type relief uint8

const (
	none  relief = iota
	first        // by the device with the smallest ik
	last         // by every device
)

const (
	mostTended  = 8      // entries that are signed in a step, so that a member that adds many devices does not hold this one up
	reliefAfter = 10_000 // in ms
)

// tendNow tends the rosters if that is due.
func (e *Engine) tendNow() {
	now, turn := e.clock.Due(e.tendAt), none
	if e.clock.Due(e.reliefAt) {
		turn = e.relief
	}
	if !now && turn == none {
		return
	}
	e.tendAt = 0
	if turn != none {
		e.reliefAt = 0
	}
	if e.circle == nil || !e.circle.in() {
		return
	}
	left := mostTended
	for _, n := range e.namespaces {
		if n.peers == nil {
			continue
		}
		if left -= n.peers.tend(turn, left); left == 0 { // there may be more
			e.tendAt = e.clock.In(1)
			if turn != none {
				e.reliefAt = e.tendAt
			}
			e.clock.Need(e.tendAt)
			return
		}
	}
	if turn == first {
		e.reliefAt, e.relief = e.clock.In(reliefAfter), last
		e.clock.Need(e.reliefAt)
	}
}

// tend signs what the domain's roster lacks, at most so many entries, in its turn also what another device should have signed. It returns how
// many it has signed.
func (dom *domain) tend(turn relief, most int) (signed int) {
	e, before := dom.e, dom.roster.Heads()
	members := e.metMembers()
	iks := make([][32]byte, len(members))
	for i := range members {
		iks[i] = members[i].IK
	}
	dom.roster.Trust(iks...)
	sign := func(f func() ([]byte, error)) {
		if had := dom.roster.Len(); signed < most {
			if _, _ = f(); dom.roster.Len() != had { // it fails when this device has no place for another entry
				signed++
			}
		}
	}
	relief := turn == last || turn == first && dom.smallest()
	for _, m := range e.circle.roster.RevokedMembers() {
		if dom.has(m.IK) && (relief || e.circle.roster.RevokedBy(m.IK, e.publicIK())) {
			sign(func() ([]byte, error) { return dom.roster.SignRevoke(e.self.ik, m.IK) })
		}
	}
	for _, m := range dom.roster.RevokedMembers() {
		if relief && dom.has(m.IK) && !e.circle.member(m.IK) {
			sign(func() ([]byte, error) { return dom.roster.SignRevoke(e.self.ik, m.IK) })
		}
	}
	full := func(m roster.Member) {
		if dom.roster.LeftFulls(e.publicIK()) > 0 { // else new devices do not meet the old peers
			sign(func() ([]byte, error) { return dom.roster.SignFull(e.self.ik, m) })
		}
	}
	for _, m := range members {
		full(m)
	}
	if !slices.Equal(dom.roster.Heads(), before) {
		dom.changed(nil)
	}
	return signed
}

// metMembers are this device, first, for whom it lets in has to know it, and the members of the circle that it has met. A member can name any number of others
// that do not exist.
func (e *Engine) metMembers() (list []roster.Member) {
	if me, ok := e.circle.roster.Member(e.publicIK()); ok {
		list = append(list, me)
	}
	for _, d := range e.devices {
		if d.domain != e.circle || d.lastHeard == 0 {
			continue
		}
		if m, ok := e.circle.roster.Member(d.ik); ok {
			list = append(list, m)
		}
	}
	return list
}

// has reports whether a device is in, also if only for the application peers that this device let in: these may know fewer full devices,
// and so count fewer REVOKEs.
func (dom *domain) has(ik [32]byte) bool {
	return dom.member(ik) || dom.roster.HasFor(dom.e.publicIK(), ik)
}

// smallest reports whether no full device that is in has a smaller ik.
func (dom *domain) smallest() bool {
	me := dom.e.publicIK()
	for _, m := range dom.e.circle.roster.Members() {
		if dom.member(m.IK) && bytes.Compare(m.IK[:], me[:]) < 0 {
			return false
		}
	}
	return true
}

// changed saves the roster, goes by it, and sends the news to every session that wants it once it is durable. from has brought it.
func (dom *domain) changed(from *replication) {
	e := dom.e
	dom.saveRoster()
	e.refreshDevices(dom)
	e.after(func() {
		news := dom.roster.Batches(dom.told)
		dom.told = dom.roster.Heads()
		for _, entries := range news {
			dom.tell(entries, from)
		}
	})
	if dom.out() {
		e.shutOut()
	}
}

// tell sends entries to every session that wants them, but from, which has brought them.
func (dom *domain) tell(entries [][]byte, from *replication) {
	for _, d := range dom.e.devices {
		r := d.repl
		switch {
		case r == nil || r == from || !d.member():
		case d.domain == dom && r.sentDone:
			r.send(wire.AppendRosterEntries(nil, entries))
		case dom.namespace != nil && d.domain == dom.e.circle && r.lists(dom.namespace):
			r.send(wire.AppendNamespaceEntries(nil, &wire.NamespaceRoster{Number: dom.namespace.num, Entries: entries}))
		}
	}
}

// shutOut stops syncing because this device is no longer one of its circle.
func (e *Engine) shutOut() {
	e.syncErr = ERevoked
	e.touch()
	for _, d := range e.devices {
		d.drop()
	}
}

func (dom *domain) revoke(ik [32]byte) error {
	if _, err := dom.roster.SignRevoke(dom.e.self.ik, ik); err != nil {
		return err
	}
	if !slices.Contains(dom.e.stale, dom) {
		dom.e.stale = append(dom.e.stale, dom)
	}
	return nil
}

// refreshStale goes by the rosters in which this device has revoked others, once for all of those that were revoked together. It comes before anything
// else is done.
func (e *Engine) refreshStale() {
	for _, dom := range e.stale {
		dom.changed(nil)
	}
	e.stale = e.stale[:0]
}

// leave forgets the domain that this device is in, and every device, so that it can found or join another one.
func (e *Engine) leave() {
	for _, d := range e.devices {
		d.drop()
		d.forget()
	}
	e.devices = nil
	e.tallied()
	for _, name := range []string{metaCircle, metaRoster, metaGuest, metaGuestRelays, metaPending} {
		e.led.SetMeta(name, nil)
	}
	for _, n := range e.namespaces {
		e.led.SetMeta(metaPeers+n.number(), nil)
		n.peers = nil
	}
	e.circle, e.syncErr = nil, OK
	e.touch()
}
