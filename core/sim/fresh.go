package sim

import "github.com/masqdev/masq/core/peer"

// Fresh copies, in a seed in three, and where disks go back to an older state. A user asks for one whatever there is to mend: nothing is lost by it,
// and what was deleted stays deleted. Often the copy is cut.

// takesCopies reports whether users of this seed ask for fresh copies.
func (w *simulation) takesCopies() bool {
	return (w.res.Seed%3 == 0 || w.opt.Backups) && !w.opt.Hostile
}

// askForCopy has a device take a fresh copy.
var askForCopy = onRunning(func(d *device) {
	if d.w.pairing != nil || len(d.run.others()) == 0 {
		return
	}
	d.copies++
	d.w.did("fresh copy")
	d.w.log(d.name, "fresh copy", 0)
	ask := &peer.Op{App: notes, Client: me, Do: peer.Mend{}}
	d.run.do(call{op: ask, reply: func(r peer.Reply) {
		if r.Err != peer.EValue { // there is nobody to take it from
			d.user.refused(r.Err)
		}
	}})
	if d.w.chance(0.4) {
		d.w.after(d.w.around(2*second), d.cutCopy)
	}
})

// mendRestored has users accept what they are offered where devices hold something else, because a disk was put back to before a deletion that all have
// forgotten: a fresh copy, on the one of these whose disk was, and that most others differ from.
func (w *simulation) mendRestored() {
	for range w.devices {
		if !w.opt.Backups {
			return
		}
		w.runUntil(w.now + 2*minute) // a difference is shown when it has lasted for one
		var worst *device
		for _, d := range w.honest() {
			if d.run != nil && d.shaky && d.differing() > 0 && (worst == nil || d.differing() > worst.differing()) {
				worst = d
			}
		}
		if worst == nil {
			return
		}
		worst.copies++
		w.did("restored device")
		w.log(worst.name, "accepts a copy", uint64(worst.differing()))
		ask := &peer.Op{App: notes, Client: me, Do: peer.Mend{}}
		worst.run.do(call{op: ask, reply: func(r peer.Reply) { worst.user.refused(r.Err) }})
		w.waitQuiet()
	}
}

// differing is how many others are said to hold something else.
func (d *device) differing() (n int) {
	for _, x := range d.run.others() {
		if x.Differs {
			n++
		}
	}
	return n
}

// cutCopy ends a device, or its network, while it takes a fresh copy.
func (d *device) cutCopy() {
	switch p := d.run; {
	case d.w.calm || p == nil || p.closing || !p.mending():
	case d.w.chance(0.3):
		d.w.did("copy cut off")
		for _, l := range d.w.net.standing() {
			if l.p == p {
				l.drop()
			}
		}
	default:
		d.w.did("copy killed")
		d.kill(d.w.chance(0.5))
		d.user.comeBack()
	}
}

// writeAmid has the user write while a fresh copy is taken, whose source does not hear of that before the copy takes its place.
func (d *device) writeAmid() {
	mends := d.run != nil && d.run.mending()
	if mends && !d.mends && !d.w.calm && !d.run.closing && !d.user.discards && d.w.chance(0.7) {
		d.w.did("write amid a copy")
		for range d.w.between(1, 4) {
			d.user.write(d.run, int(d.w.between(1, 5)))
		}
	}
	d.mends = mends
}

// mending reports whether a fresh copy is being taken.
func (p *proc) mending() bool {
	e, ok := p.engine.(*peer.Engine)
	return ok && e.Mending() > 0
}

// mayReset reports whether a watch may be reset on the way: a fresh copy has taken the namespace's place.
func (d *device) mayReset() bool { return d.copies > 0 || d.hurt != nil }
