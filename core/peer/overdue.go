package peer

import "github.com/masqdev/masq/core/wire"

// A device that never comes back holds things up: what is deleted leaves its tombstone until every device has it. Nobody but the user knows
// whether it comes back. So no timer removes a device: the status names those that were not heard for long, and the user may remove them.
//
// Long is 30 days by the clock that people see, of which this device ran on 7. A clock that jumps, or a device that is switched on after
// months, counts one day at most. Who was away itself says nothing of others.

const (
	day          = 24 * 3600_000 // in ms
	overdueAfter = 30 * day
	overdueRuns  = 7 // days on which this device ran meanwhile
)

// metaDays says on how many days this device has run, and the wall time when the last was counted. metaUnheard and a device's nk say how many
// those were when it was last heard, and the wall time when this was first written. They stand beside metaPeer, not in it: who reads that
// takes no longer one.
const (
	metaDays    = "days"
	metaUnheard = "unheard/"
)

// runningDays are the days on which this device has run. One is counted when 24 h have passed since the last, however many they were.
type runningDays struct {
	count uint64
	at    Millis // engine time when the last was counted; 0: none is yet to be
}

// loadDays reads how many there were. A last one that is still to come was counted by a clock that was wrong: the next is a day from now.
func (e *Engine) loadDays() {
	e.ran = runningDays{}
	r := wire.NewReader(e.led.Meta(metaDays))
	count, at := r.U64(), r.U64()
	if r.Done() != nil {
		return
	}
	e.ran = runningDays{count: count, at: e.clock.Now()}
	if wall := e.clock.Wall(); at > wall {
		e.saveDays()
	} else {
		e.ran.at -= wall - at
	}
}

func (e *Engine) saveDays() {
	e.led.SetMeta(metaDays, wire.AppendU64(wire.AppendU64(nil, e.ran.count), e.clock.Wall()))
}

// absences counts the days, and finds who is overdue.
func (e *Engine) absences() {
	if e.trouble.code == OK && e.closing == nil {
		e.countDay()
	}
	e.findOverdue()
}

// countDay counts a day when it has come. Who knows no other device counts none.
func (e *Engine) countDay() {
	switch d := &e.ran; {
	case len(e.devices) == 0:
	case d.at == 0:
		d.at = e.clock.Now()
		e.saveDays()
	case e.clock.Due(d.at + day):
		d.count++
		d.at = e.clock.Now()
		e.clock.Need(d.at + day)
		e.saveDays()
	}
}

// loadUnheard reads since when the device is not heard. If nothing is known of that, it is from now.
func (d *device) loadUnheard() {
	r := wire.NewReader(d.e.led.Meta(metaUnheard + string(d.nk[:])))
	run, known := r.U64(), r.U64()
	if r.Done() != nil {
		d.run, d.known, d.uncounted = d.e.ran.count, d.e.clock.Wall(), true
		return
	}
	d.run, d.known = min(run, d.e.ran.count), known
}

// saveUnheard leaves out a joiner, which may never come.
func (d *device) saveUnheard() {
	if d.uncounted && d.adds == nil {
		d.uncounted = false
		d.e.led.SetMeta(metaUnheard+string(d.nk[:]), wire.AppendU64(wire.AppendU64(nil, d.run), d.known))
	}
}

// heard notes that the device is there.
func (d *device) heard() {
	d.lastHeard = d.e.clock.Wall()
	if d.run != d.e.ran.count {
		d.run, d.uncounted, d.unsaved = d.e.ran.count, true, true
	}
}

// findOverdue looks which devices were not heard for long.
func (e *Engine) findOverdue() {
	for _, d := range e.devices {
		if late := d.isOverdue(); late != d.overdue {
			d.overdue = late
			e.touch()
		}
	}
}

// isOverdue reports whether the device was not heard for long. Where the clock was set back, 30 days on which this one ran are 30 days, too.
func (d *device) isOverdue() bool {
	runs := d.e.ran.count - d.run
	if d.repl != nil || runs < overdueRuns {
		return false
	}
	since := d.lastHeard
	if since == 0 {
		since = d.known
	}
	wall, clock := d.e.clock.Wall(), &d.e.clock
	if wall < since+overdueAfter && runs < overdueAfter/day {
		clock.Need(clock.In(since + overdueAfter - wall))
		return false
	}
	return true
}
