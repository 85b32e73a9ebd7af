package peer

import "github.com/masqdev/masq/core/wire"

// A device whose profile or data directory was copied runs twice. The two have one set of keys: each JOIN replaces the other's socket, and they take
// turns. Both go on, and keep what they have. Which of the two is to go nobody but the user can say, so all that follows is that the status says so.
//
// There are two signs, and it takes both. The Sync Server says E_REPLACED; but it may lie, and a frozen tab that thaws has it, too. A full device
// brings what this device's keys have written elsewhere; but so it does after a restore. See core/PROTOCOL.md, R6.47.

const copiedFor = 3600_000 // ms that a sign counts

// copies are the signs of this run.
type copies struct {
	replaced Millis // when a socket was replaced once more; 0: that was not so
	wrote    Millis // when there was news of what this device's keys have written elsewhere; 0: there was none
	shown    bool
}

// find looks whether the signs are there. Once shown, one of them is enough.
func (c *copies) find(e *Engine) {
	r, w := c.counts(e, c.replaced), c.counts(e, c.wrote)
	if shown := r && w || c.shown && (r || w); shown != c.shown {
		c.shown = shown
		e.touch()
	}
}

func (c *copies) counts(e *Engine, sign Millis) bool {
	return sign != 0 && !e.clock.Due(sign+copiedFor)
}

// replaced notes that a socket to the device was replaced. The first time it may have been by an engine that another one has taken over from.
func (d *device) replaced() {
	now, last := d.e.clock.Now(), d.replacedAt
	switch {
	case last != 0 && now < last+replacedWait: // on another day's channel
		return
	case last != 0 && now < last+copiedFor:
		d.e.copies.replaced = now
	}
	d.replacedAt = now
}

// elsewhere notes that the other side has brought news of what this device's keys have written elsewhere, if that is news there, too: it has sent
// all that it had since this device has the writer that it has. It counts once what follows from it is stored: an engine that another one has taken
// over from hears of that one's writing, and can store nothing.
func (f *flow) elsewhere() {
	if !f.p.whole || !f.repl.d.full() {
		return
	}
	e := f.repl.e
	f.later(func() error {
		e.after(func() { e.copies.wrote = e.clock.Now() })
		return nil
	})
}

// begunAnew notes that this device has forgotten what it has written in the namespace, or part of it: it comes back from the others, and is no news.
func (n *namespace) begunAnew() {
	for _, d := range n.e.devices {
		if p := d.byName[n]; p != nil {
			p.whole = false
		}
	}
}

// ownElsewhere reports whether one of these records is of a writer of this device, and not here.
func (n *namespace) ownElsewhere(recs []wire.Record) bool {
	nk, last, own := n.e.publicNK(), uint64(0), false
	for i := range recs {
		rec := &recs[i]
		if rec.Dot.Writer != last {
			w := n.rep.Writer(rec.Dot.Writer)
			last, own = rec.Dot.Writer, w != nil && w.NK == nk
		}
		if own && !rec.Hearsay && !n.rep.Vector().Covers(rec.Dot) {
			return true
		}
	}
	return false
}
