package sim

import (
	"slices"

	"github.com/masqdev/masq/core/peer"
	"github.com/masqdev/masq/core/storage"
	"github.com/masqdev/masq/core/wire"
)

// A disk that another program fills, and that stays full for some time. It has a reserve then. Meanwhile whoever deletes must be able to, whoever writes
// must be told, and reads go on, in engines that run on or begin anew.

const (
	reserve = 1 << 20
	small   = 128 << 10 // of a commit that may use the reserve though it deletes no block
)

// fullDisk has another program fill a device's disk, up to all but the reserve or a part of that.
var fullDisk = onRunning(func(d *device) {
	p := d.run
	if d.disk.Reserve != 0 || d.stray != nil || p.fault != nil || p.status.Err == peer.EQuota || p.status.Err == peer.EStorage || d == d.w.twin {
		return
	}
	d.disk.Fill(reserve - int(d.w.upTo(reserve/4)))
	d.filled++
	d.w.did("full disk")
	long := 10*second + d.w.around(minute)
	d.w.log(d.name, "disk full", long/ms)
	d.w.after(long, d.makeRoom)
	d.whileFull(d.filled)
})

// whileFull has the user write and delete from time to time.
func (d *device) whileFull(n int) {
	if d.disk.Reserve == 0 || d.filled != n || d.w.calm {
		return
	}
	if p := d.run; p != nil && !p.closing && !d.user.discards && d.w.now >= d.w.dawn {
		kind := wire.Deleted
		if d.w.chance(0.3) {
			kind = wire.JSON
		}
		key := d.w.key(d.w.rng.IntN(d.w.profile.keys))
		d.user.writeAs(p, notes, []string{key}, func() wire.Kind { return kind }, func(*write) {})
		d.user.look(p)
	}
	d.w.after(d.w.around(5*second), func() { d.whileFull(n) })
}

// makeRoom has the disk not be full any more. Nobody tells the engine: it asks.
func (d *device) makeRoom() {
	if d.disk.Reserve == 0 {
		return
	}
	if p := d.run; p != nil && p.full && p.fullAt+5*second < d.w.now && p.asleep < p.fullAt && p.status.Err != peer.EQuota && !p.closing {
		d.w.failf("%s: the status says %q while the disk is full", d.name, p.status.Err)
	}
	d.disk.Room, d.disk.Reserve = 0, 0
	d.w.log(d.name, "disk has room", 0)
}

// tellRoom tells the engine whether its disk has no room but the reserve, where that has changed or was asked.
func (p *proc) tellRoom(asked bool) {
	full := p.d.disk.Full()
	if full == p.full && !asked {
		return
	}
	if full && !p.full {
		p.fullAt = p.w.now
	}
	p.full = full
	p.event(peer.Disk{Full: full})
}

// room answers Room.
func (p *proc) room() {
	p.w.after(p.w.around(ms)*p.w.profile.disk, func() {
		if !p.dead {
			p.tellRoom(true)
		}
	})
}

// fullness is how full a device's disk is as an operation begins.
type fullness struct {
	filled int
	full   bool // it is
	told   bool // and the engine has been told
}

func (p *proc) fullness() fullness {
	return fullness{p.d.filled, p.d.disk.Reserve != 0, p.full && p.d.disk.Full()}
}

// checkFull has a batch be refused or not as it has to on a disk that was full since it was asked for.
func (p *proc) checkFull(before fullness, batch []*write, code peer.Code) {
	now := p.fullness()
	if before.filled != now.filled || !before.full || !now.full || p != p.d.run || p.closing || p.dead || p.fault != nil {
		return
	}
	deletes := !slices.ContainsFunc(batch, func(x *write) bool { return x.kind != wire.Deleted })
	switch {
	case deletes:
		p.w.did("deletion on a full disk")
		if code != peer.OK {
			p.w.failf("%s: a deletion is refused with %q while the disk is full", p.name(), code)
		}
	case before.told && now.told:
		p.w.did("write on a full disk")
		if code != peer.EQuota {
			p.w.failf("%s: a write is answered with %q while the disk is full", p.name(), code)
		}
	}
}

// Fill has the disk have no room but so many bytes, and what a reserve needs besides: what the next checkpoint writes.
func (d *Disk) Fill(left int) {
	d.Reserve = reserve
	d.Room = d.seen.bytes() + d.due() + left
}

// due is how many bytes the next checkpoint writes: as much as the log has, and what is owed.
func (d *Disk) due() int { return d.seen.log() + d.owed }

// Full reports whether there is no room but the reserve, or a part of it.
func (d *Disk) Full() bool { return d.Reserve != 0 && d.seen.bytes()+d.due()+d.Reserve > d.Room }

// refuses reports whether there is no room for a commit. What it replaces and deletes goes when the rest is there.
func (d *Disk) refuses(g storage.Commit) bool {
	needs := d.seen.bytes() + sizeOf(g)
	if sizeOf(g) > small && len(g.Dels) == 0 && !g.Frees {
		needs += d.due() + d.Reserve
	}
	return needs > d.Room
}

// log is how many bytes the log has.
func (b blocks) log() (n int) {
	for id, data := range b {
		if id.Class() == storage.Log {
			n += len(data)
		}
	}
	return n
}
