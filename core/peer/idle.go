package peer

// A small store gets nowhere near the amounts that make a checkpoint due, and each start would read again all that was ever written. So one is
// taken when the engine has nothing to do, if the log has got long enough for a start to be slower. A burst of writes is followed by one checkpoint, and by
// none if it was small.
//
// Who writes a little now and then has nothing to do in between, and must not write everything twice because of that. So a checkpoint that writes more
// than half as much as the log has is taken only behind a burst that makes the log long by itself, and only if the rest of what it writes, which is not
// new, is less than that half.
const (
	idleAfter = 5_000     // ms in which nothing was written or asked for
	idleMost  = 60_000    // ms that who only asks holds it up
	idleRest  = 3_600_000 // ms until the next one if one fails

	idleRecords = 256      // since the last checkpoint
	idleBytes   = 64 << 10 // or of the log since then
	idleTail    = 32       // or log records

	idleHalf = 2 // what a checkpoint writes, or behind a burst what of that is not new, is at most so small a part of what the log has
)

// idle is when a checkpoint is taken because there is nothing to do.
type idle struct {
	records int    // since the last checkpoint, in all namespaces
	writes  int    // bytes that the next one writes, but for the manifest
	wrote   Millis // when something was last written
	before  logged // the log as it was before the burst that this was part of
	since   Millis // since when there is nothing to do, and a checkpoint is worth it; 0: it is not so
	at      Millis // when one is due
	due     bool   // it is
	rest    Millis // until when none is taken, because one failed
}

// logged is how much there is in the log.
type logged struct{ tail, records, bytes int }

// timers makes a checkpoint due if there was nothing to do for long enough.
func (x *idle) timers(e *Engine) {
	switch {
	case x.due:
		return
	case e.working() || !x.worth(e):
		x.since = 0
		return
	case x.since == 0:
		x.since, x.at = e.clock.Now(), max(e.clock.In(idleAfter), x.rest)
	case e.replied:
		x.at = max(min(e.clock.In(idleAfter), x.since+idleMost), x.rest)
	}
	if e.clock.Due(x.at) {
		x.since, x.due = 0, !e.transferring() // else it is looked at again when something has happened
	}
}

// writing notes that something is written. It belongs to the burst before it, unless there was a pause. A burst that is worth a checkpoint goes on until
// it has one: a transfer may have held that up.
func (x *idle) writing(e *Engine) {
	switch now := e.clock.Now(); {
	case e.led.Tail() == 0: // a checkpoint
		x.before, x.wrote = logged{}, now
	case x.wrote != 0 && now >= x.wrote+idleAfter && !x.worth(e):
		x.before, x.wrote = x.log(e), now
	default:
		x.wrote = now
	}
}

// takeBack begins anew, as the engine does. A checkpoint that has failed was not needed yet.
func (x *idle) takeBack(e *Engine) {
	*x = idle{rest: x.rest}
	if e.led.Checkpointing() {
		x.rest = e.clock.In(idleRest)
	}
}

func (x *idle) log(e *Engine) logged { return logged{e.led.Tail(), x.records, e.led.LogBytes()} }

// worth reports whether the log is long and a checkpoint writes little beside what it has.
func (x *idle) worth(e *Engine) bool {
	log, again := x.log(e), e.led.ManifestBytes()
	return log.long() && idleHalf*(x.writes+again) <= log.bytes ||
		log.less(x.before).long() && idleHalf*(e.fullness.owed+again) <= log.bytes
}

func (l logged) less(o logged) logged {
	return logged{l.tail - o.tail, l.records - o.records, l.bytes - o.bytes}
}

// long reports whether it is so much that a start is slower for it.
func (l logged) long() bool {
	return l.tail >= idleTail || l.bytes >= idleBytes || l.records >= idleRecords
}

// working reports whether something is to be done or written, or there is no room for a checkpoint that can wait.
func (e *Engine) working() bool {
	c := &e.commits
	return c.flying || c.gathering || e.led.Pending() || e.closing != nil || e.trouble.code != OK || e.fullness.full || e.waiting()
}

// transferring reports whether a session has data on its way.
func (e *Engine) transferring() bool {
	for _, n := range e.namespaces {
		if n.copy != nil || n.moving {
			return true
		}
	}
	for _, d := range e.devices {
		if d.repl == nil {
			continue
		}
		for _, f := range d.repl.flows {
			if f.receiving || f.sending() {
				return true
			}
		}
	}
	return false
}

// sending reports whether the other side is to be sent something, or has not said that it has all that it was sent.
func (f *flow) sending() bool {
	return f.ready && !f.stopped && (!f.begun || f.dirty || len(f.ends) > 0)
}
