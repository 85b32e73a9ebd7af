package peer

import (
	"slices"
)

// statusEvery is the least time between two statuses that differ in nothing but counts, in ms.
const statusEvery = 250

// reportStatus sends the status if something in it has changed.
func (e *Engine) reportStatus() {
	if e.state != open || e.revision == e.reported && e.sent {
		return
	}
	s := e.currentStatus()
	if e.sent && s.equal(&e.status) {
		e.reported = e.revision
		return
	}
	if e.sent && s.sameState(&e.status) && !e.clock.Due(e.statusAt+statusEvery) {
		return
	}
	e.status, e.statusAt, e.reported, e.sent = s, e.clock.Now(), e.revision, true
	e.out.add(StatusChanged{Status: s})
}

func (e *Engine) currentStatus() Status {
	s := Status{Self: Device{ID: deviceID(e.publicIK()), Name: e.self.name, Kind: e.kind(), Online: true}}
	s.Sync, s.Err = e.syncState(), e.syncErr
	if e.trouble.code != OK {
		s.Err = e.trouble.code
	}
	if s.Err == OK && slices.ContainsFunc(e.devices, func(d *device) bool { return d.outdated && d.member() }) {
		s.Err = EVersion
	}
	for _, n := range e.namespaces {
		if !n.gone {
			s.Entries += n.rep.Count()
		}
	}
	home := e.home()
	if s.Left = EnoughLeft; home != nil {
		s.Left = home.roster.Left(e.publicIK())
	}
	if home != nil && home.in() { // else this device was granted the circle, and not added yet
		for _, d := range e.devices {
			if d.domain == home && d.member() {
				s.Devices = append(s.Devices, d.status(e.namespaces...))
			}
		}
	}
	if e.isStore() {
		s.Relays = e.relays()
		for _, n := range e.namespaces {
			if !n.gone {
				s.Apps = append(s.Apps, n.status())
			}
		}
	}
	return s
}

// status is how the device stands, with these of its namespaces taken together.
func (d *device) status(namespaces ...*namespace) Device {
	out := Device{ID: d.id(), Name: d.name, Kind: d.kind, Online: d.repl != nil, LastHeard: d.lastHeard, Overdue: d.overdue}
	for _, n := range namespaces {
		if d.shares(n) && n.wanted(d) {
			out.Full = out.Full || d.in(n).full
			out.Differs = out.Differs || d.in(n).differs
			out.ToSend += n.rep.CountAfter(d.in(n).acked)
			out.ToReceive = out.ToReceive || d.receiving(n)
		}
	}
	return out
}

func (n *namespace) status() AppStatus {
	out := AppStatus{App: n.app, Name: n.name, On: n.on, Entries: n.rep.Count(), Bytes: n.rep.Bytes(), Stored: n.rep.Stored(), Quota: n.quota(), Full: n.full()}
	for _, d := range n.e.devices {
		switch {
		case !d.member():
		case d.domain == n.peers:
			out.Peers = append(out.Peers, d.status(n))
		case d.domain == n.e.circle:
			p := d.in(n)
			out.Devices = append(out.Devices, AppDevice{
				ID: d.id(), On: n.wanted(d), Theirs: p.theirs, ToSend: n.rep.CountAfter(p.acked), ToReceive: d.receiving(n), Full: p.full,
				Differs: p.differs,
			})
		}
	}
	return out
}

func (e *Engine) syncState() Sync {
	if e.relay() == "" || len(e.devices) == 0 || e.syncErr == ERevoked {
		return SyncOff
	}
	best := SyncConnecting
	if e.saysOffline() {
		best = SyncOffline
	}
	for _, d := range e.devices {
		if d.repl != nil {
			return SyncOnline
		}
		for _, c := range d.channels {
			if c.phase == relayJoined {
				best = SyncWaiting
			}
		}
	}
	return best
}

// saysOffline reports whether being offline explains that nothing is reached. It does not if a Sync Server is on this computer.
func (e *Engine) saysOffline() bool { return e.offline && !slices.ContainsFunc(e.relays(), onLoopback) }

func (d *device) receiving(n *namespace) bool {
	return d.repl != nil && slices.ContainsFunc(d.repl.flows, func(f *flow) bool { return f.namespace == n && f.receiving })
}

func (s *Status) equal(o *Status) bool {
	return s.sameState(o) && s.Entries == o.Entries && slices.Equal(s.Devices, o.Devices) &&
		slices.EqualFunc(s.Apps, o.Apps, func(a, b AppStatus) bool {
			return a.sameState(&b) && a.Entries == b.Entries && a.Bytes == b.Bytes && a.Stored == b.Stored &&
				slices.Equal(a.Devices, b.Devices) && slices.Equal(a.Peers, b.Peers)
		})
}

// sameState reports whether s and o differ in counts and times at most.
func (s *Status) sameState(o *Status) bool {
	return s.Sync == o.Sync && s.Err == o.Err && s.Left == o.Left && s.RecoverySet == o.RecoverySet && s.Self == o.Self &&
		slices.EqualFunc(s.Devices, o.Devices, sameDevice) && slices.Equal(s.Relays, o.Relays) &&
		slices.EqualFunc(s.Apps, o.Apps, func(a, b AppStatus) bool { return a.sameState(&b) })
}

func sameDevice(a, b Device) bool {
	return a.ID == b.ID && a.Name == b.Name && a.Online == b.Online && (a.ToSend == 0) == (b.ToSend == 0) && a.ToReceive == b.ToReceive && a.Full == b.Full &&
		a.Differs == b.Differs && a.Overdue == b.Overdue
}

func (s *AppStatus) sameState(o *AppStatus) bool {
	return s.App == o.App && s.Name == o.Name && s.On == o.On && s.Quota == o.Quota && s.Full == o.Full && slices.EqualFunc(s.Peers, o.Peers, sameDevice) &&
		slices.EqualFunc(s.Devices, o.Devices, func(a, b AppDevice) bool {
			return a.ID == b.ID && a.On == b.On && a.Theirs == b.Theirs && (a.ToSend == 0) == (b.ToSend == 0) && a.ToReceive == b.ToReceive && a.Full == b.Full &&
				a.Differs == b.Differs
		})
}
