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
	all := e.look()
	s := e.overall()
	if all {
		s.Apps = e.lookedAt()
	} else {
		s.Apps = e.status.Apps
	}
	switch d := e.news(&s); {
	case e.sent && d == same:
		e.reported = e.revision
		e.told(nil)
		return
	case e.sent && d == inCounts && !e.clock.Due(e.statusAt+statusEvery):
		return
	}
	e.told(&s)
	e.status, e.statusAt, e.reported, e.sent = s, e.clock.Now(), e.revision, true
	e.out.add(StatusChanged{Status: s})
}

// overall is the status without applications.
func (e *Engine) overall() Status {
	s := Status{Self: Device{ID: deviceID(e.publicIK()), Name: e.self.name, Kind: e.kind(), Online: true}}
	s.Sync, s.Err = e.syncState(), e.syncErr
	if e.fullness.full {
		s.Err = EQuota
	}
	if e.trouble.code != OK {
		s.Err = e.trouble.code
	}
	if s.Err == OK && slices.ContainsFunc(e.devices, func(d *device) bool { return d.outdated && d.member() }) {
		s.Err = EVersion
	}
	s.Entries = e.looks.entries
	if !e.isStore() {
		s.Damaged = e.namespaces[0].looked.damaged
	}
	home := e.home()
	s.Copied = e.copies.shown
	if s.Left = EnoughLeft; home != nil {
		s.Left = home.roster.Left(e.publicIK())
	}
	if home != nil && home.in() { // else this device was granted the circle, and not added yet
		for _, d := range e.devices {
			if d.domain == home && d.member() {
				s.Devices = append(s.Devices, d.status(&d.standing))
			}
		}
	}
	if e.isStore() {
		s.Relays = e.relays()
	}
	return s
}

// status is the device with how it stands in one namespace, or in all.
func (d *device) status(s *standing) Device {
	return Device{
		ID: d.id(), Name: d.name, Kind: d.kind, Online: d.repl != nil, LastHeard: d.lastHeard,
		ToSend: s.toSend, ToReceive: s.receiving > 0, Full: s.full > 0, Differs: s.differs > 0, Overdue: d.overdue,
	}
}

func (n *namespace) status() AppStatus {
	out := AppStatus{App: n.app, Name: n.name, On: n.on, Entries: n.rep.Count(), Bytes: n.rep.Bytes(), Stored: n.rep.Stored(), Quota: n.quota(), Full: n.full(),
		Mending: n.copy != nil, Restored: n.restored(), Damaged: n.looked.damaged}
	for _, d := range n.e.devices {
		switch {
		case !d.member():
		case d.domain == n.peers:
			out.Peers = append(out.Peers, d.status(&d.in(n).standing))
		case d.domain == n.e.circle:
			p := d.in(n)
			out.Devices = append(out.Devices, AppDevice{
				ID: d.id(), On: n.wanted(d), Theirs: p.theirs, ToSend: p.standing.toSend, ToReceive: d.receiving(n), Full: p.full,
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
	f := d.flow(n)
	return f != nil && f.receiving
}

// difference is in what two statuses differ.
type difference uint8

const (
	same     difference = iota
	inCounts            // counts and times at most
	inState
)

// differs compares two statuses without their applications.
func (s *Status) differs(o *Status) difference {
	switch {
	case s.Sync != o.Sync || s.Err != o.Err || s.Copied != o.Copied || !s.Damaged.same(&o.Damaged) || s.Left != o.Left ||
		s.RecoverySet != o.RecoverySet || s.Self != o.Self ||
		!slices.EqualFunc(s.Devices, o.Devices, sameDevice) || !slices.Equal(s.Relays, o.Relays):
		return inState
	case s.Entries != o.Entries || !slices.Equal(s.Devices, o.Devices):
		return inCounts
	}
	return same
}

func (s *AppStatus) differs(o *AppStatus) difference {
	switch {
	case !s.sameState(o):
		return inState
	case s.Entries != o.Entries || s.Bytes != o.Bytes || s.Stored != o.Stored || !slices.Equal(s.Devices, o.Devices) || !slices.Equal(s.Peers, o.Peers):
		return inCounts
	}
	return same
}

func sameDevice(a, b Device) bool {
	return a.ID == b.ID && a.Name == b.Name && a.Online == b.Online && (a.ToSend == 0) == (b.ToSend == 0) && a.ToReceive == b.ToReceive && a.Full == b.Full &&
		a.Differs == b.Differs && a.Overdue == b.Overdue
}

func (s *AppStatus) sameState(o *AppStatus) bool {
	return s.App == o.App && s.Name == o.Name && s.Damaged.same(&o.Damaged) && s.On == o.On && s.Quota == o.Quota && s.Full == o.Full &&
		s.Mending == o.Mending && s.Restored == o.Restored && slices.EqualFunc(s.Peers, o.Peers, sameDevice) &&
		slices.EqualFunc(s.Devices, o.Devices, func(a, b AppDevice) bool {
			return a.ID == b.ID && a.On == b.On && a.Theirs == b.Theirs && (a.ToSend == 0) == (b.ToSend == 0) && a.ToReceive == b.ToReceive && a.Full == b.Full &&
				a.Differs == b.Differs
		})
}
