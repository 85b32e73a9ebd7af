package sim

import (
	"slices"

	"github.com/masqdev/masq/core/peer"
)

// A device that is started and writes, over and over, and one that is never heard again. What they cost must not grow.

// longLived has a seed in ten see that, besides what its profile brings.
func (w *simulation) longLived() bool {
	return w.res.Seed%10 == 3 && !w.opt.Backups && !w.opt.Hostile
}

// maxStarts is how many starts of this kind a seed has.
const maxStarts = 2000

// startOver starts a device many times without a network. Each time it writes, and is killed or loses its power soon.
func startOver(w *simulation) {
	d := w.running()
	if d == nil || d.cutOff || d.stray != nil || w.pairing != nil || w.starts >= maxStarts {
		return
	}
	n := int(w.between(50, 500))
	w.log(d.name, "start over", uint64(n))
	w.did("start over")
	d.cutOff = true
	d.kill(false)
	d.startAgain(n)
}

func (d *device) startAgain(n int) {
	w := d.w
	if n == 0 || w.calm || d.lost {
		d.reconnect()
		d.user.comeBack()
		return
	}
	w.starts++
	d.open()
	if p := d.run; p != nil && !p.closing {
		d.user.write(p, 1)
	}
	w.after(w.upTo(60*ms), func() {
		if !w.calm { // else trouble is over, and it runs
			d.kill(w.chance(0.3))
		}
		d.startAgain(n - 1)
	})
}

// loseDevice takes the device that came in last away for good. Nobody removes it from the roster.
func loseDevice(w *simulation) {
	if len(w.lost) > 0 || len(w.devices) < 3 || w.pairing != nil || w.profile.stores {
		return
	}
	d := w.devices[len(w.devices)-1]
	if d.run == nil || d.run.closing || d.stray != nil || !d.user.joined() {
		return
	}
	if !w.acquainted() {
		return // it might be the only one that knows of another
	}
	w.log(d.name, "lost for good", 0)
	w.did("lose device")
	w.lost = append(w.lost, d.run.status.Self.ID)
	d.lost = true
	d.kill(false)
	w.devices = slices.Delete(w.devices, len(w.devices)-1, len(w.devices))
	w.book.excuse(d)
}

// acquainted reports whether all devices run and know all others.
func (w *simulation) acquainted() bool {
	return !slices.ContainsFunc(w.devices, func(o *device) bool { return o.run == nil || len(o.run.others()) != len(w.devices)-1 })
}

// present are the devices of a list that are neither lost nor shut out.
func (w *simulation) present(list []peer.Device) []peer.Device {
	gone := append(w.lost[:len(w.lost):len(w.lost)], w.out...)
	if len(gone) == 0 {
		return list
	}
	return slices.DeleteFunc(slices.Clone(list), func(x peer.Device) bool { return slices.Contains(gone, x.ID) })
}

// Bounds of what a namespace keeps, for each writer and for each block that holds its keys; see package replica.
const (
	mostTails  = 2 // the block in use, and the one before it until that is settled
	mostPairs  = 2
	partRoom   = 256 + 64*18 // with the stretches of positions of the last runs
	writerRoom = 800         // its element, its announcement, its marks
	blockRoom  = 1400
)

// checkGrowth has no device keep more for having been started often, or for a device that is never heard.
func (w *simulation) checkGrowth() {
	if w.opt.Backups {
		return // where a disk was put back, what was never settled stays
	}
	for _, d := range w.honest() {
		if d.run == nil || w.hostile != nil {
			continue
		}
		e, ok := d.run.engine.(*peer.Engine)
		if !ok {
			continue
		}
		for _, g := range e.Growth() {
			w.did("growth")
			if room := partRoom + writerRoom*(g.Writers+1) + blockRoom*g.Blocks; g.Tails > mostTails || g.Pairs > mostPairs || g.Part > room {
				w.failf("%s has grown: %+v, where %d bytes of the part are allowed", d.name, g, room)
			}
		}
	}
}
