package peer

import "slices"

// statusEvery is the least time between two statuses that differ in nothing but counts, in ms.
const statusEvery = 250

// reportStatus sends the status if something in it has changed.
func (e *Engine) reportStatus() {
	if e.state != open || !e.statusDirty && e.sent {
		return
	}
	s := e.currentStatus()
	if e.sent && s.equal(&e.status) {
		e.statusDirty = false
		return
	}
	if e.sent && s.sameState(&e.status) && !e.due(e.statusAt+statusEvery) {
		return
	}
	e.status, e.statusAt, e.statusDirty, e.sent = s, e.now, false, true
	e.out.add(StatusChanged{Status: s})
}

func (e *Engine) currentStatus() Status {
	s := Status{Entries: e.space.rep.Count(), Self: Device{Name: e.self.name, Online: true}}
	s.Self.ID = (&device{ik: e.publicIK()}).id()
	s.Sync, s.Err = e.syncState(), e.syncErr
	in := len(e.devices) > 0 && e.isMember(e.publicIK()) // else this device was granted the circle, and not added yet
	for _, d := range e.devices {
		if !in || !d.member() {
			continue
		}
		s.Devices = append(s.Devices, Device{
			ID: d.id(), Name: d.name, Online: d.sess != nil, LastHeard: d.lastHeard,
			ToSend: e.space.rep.CountAfter(d.acked), ToReceive: d.receiving(),
		})
	}
	return s
}

func (e *Engine) syncState() Sync {
	if e.relay() == "" || len(e.devices) == 0 {
		return SyncOff
	}
	best := SyncConnecting
	for _, d := range e.devices {
		if d.sess != nil {
			return SyncOnline
		}
		for _, l := range d.lines {
			if l.phase == lineJoined {
				best = SyncWaiting
			}
		}
	}
	return best
}

func (d *device) receiving() bool {
	return d.sess != nil && slices.ContainsFunc(d.sess.flows, func(f *flow) bool { return f.receiving })
}

func (s *Status) equal(o *Status) bool {
	return s.sameState(o) && s.Entries == o.Entries && slices.Equal(s.Devices, o.Devices)
}

// sameState reports whether s and o differ in counts and times at most.
func (s *Status) sameState(o *Status) bool {
	return s.Sync == o.Sync && s.Err == o.Err && s.RecoverySet == o.RecoverySet && s.Self == o.Self &&
		slices.EqualFunc(s.Devices, o.Devices, func(a, b Device) bool {
			return a.ID == b.ID && a.Name == b.Name && a.Online == b.Online && (a.ToSend == 0) == (b.ToSend == 0) && a.ToReceive == b.ToReceive
		})
}
