package sim

import (
	"maps"
	"slices"

	"github.com/masqdev/masq/core/peer"
	"github.com/masqdev/masq/core/storage"
	"github.com/masqdev/masq/core/wire"
)

// A value segment is damaged at rest, on a device that others can mend: they have all that lies in it. What it has lost is named there, and may be
// unreadable for good. All else holds, and nobody else loses anything by it: a device that takes its data from the damaged one alone must not believe to
// have the rest.

// damageBlock does it, once in a seed.
func damageBlock(w *simulation) {
	d := w.running()
	if d == nil || w.hurt != nil || w.pairing != nil || d.stray != nil || !d.user.joined() {
		return
	}
	var segments []storage.ID
	for _, id := range slices.Sorted(maps.Keys(d.disk.seen)) {
		if id.Class() == storage.Segment {
			segments = append(segments, id)
		}
	}
	if len(segments) == 0 {
		return
	}
	d.kill(false)
	d.user.comeBack()
	d.damage(pick(w, segments))
}

// damage damages a segment, unless it is gone, or others have not all of it.
func (d *device) damage(id storage.ID) {
	w, whole := d.w, d.disk.Snapshot()
	data, there := whole.blocks[id]
	before, _ := d.holding(notes)
	if !there || before == nil {
		return
	}
	harmed := Snapshot{maps.Clone(whole.blocks)}
	switch w.rng.IntN(3) {
	case 0:
		delete(harmed.blocks, id)
	case 1:
		harmed.blocks[id] = data[:w.upTo(uint64(len(data)))]
	default:
		flipped := slices.Clone(data)
		flipped[w.upTo(uint64(len(data)))] ^= 1 << w.upTo(8)
		harmed.blocks[id] = flipped
	}
	d.disk.Restore(harmed)
	after, err := d.holding(notes)
	lost := before.without(after)
	if err != nil || len(lost) == 0 || !w.othersHave(d, lost) {
		d.disk.Restore(whole)
		return
	}
	w.hurt, d.hurt = d, map[string][]*write{}
	for i := range lost {
		d.hurt[lost[i].Key] = nil
	}
	for i := range before.recs {
		rec := &before.recs[i]
		if _, yes := d.hurt[rec.Key]; yes && rec.Kind != wire.Deleted {
			d.hurt[rec.Key] = append(d.hurt[rec.Key], w.book.find(rec.Key, rec.Kind, rec.Value))
		}
	}
	for _, o := range w.devices {
		if w.profile.newcomer && o != d && o.user.joined() {
			o.cut(w.between(2*minute, 4*minute))
		}
	}
	w.did("damaged block")
	w.log(d.name, "damaged", uint64(len(lost)), uint64(id))
}

// isNewcomer reports whether it is the device that meets a damaged one first, while those are away that could tell it the rest.
func (w *simulation) isNewcomer(d *device) bool {
	return w.profile.newcomer && d == w.devices[len(w.devices)-1]
}

// comesLate reports whether the device is not to be paired yet.
func (w *simulation) comesLate(d *device) bool {
	return w.isNewcomer(d) && w.hurt == nil && !w.calm && w.now < w.profile.trouble*3/4
}

// without is what h has and o has not.
func (h *holding) without(o *holding) (lost []wire.Record) {
	have := map[wire.Dot]map[string]bool{}
	for i := range o.recs {
		rec := &o.recs[i]
		if have[rec.Dot] == nil {
			have[rec.Dot] = map[string]bool{}
		}
		have[rec.Dot][rec.Key] = true
	}
	for _, rec := range h.recs {
		if !have[rec.Dot][rec.Key] {
			lost = append(lost, rec)
		}
	}
	return lost
}

// othersHave reports whether everybody else who has met others has these records for good, and knows that there are no others before them: the damaged
// device can neither send what it has lost nor say then that it has sent all.
func (w *simulation) othersHave(d *device, recs []wire.Record) bool {
	n := 0
	for _, o := range w.devices {
		if o == d || !o.user.joined() {
			continue
		}
		h, err := o.holding(notes)
		if err != nil || h == nil || o.disk.Loose() > 0 || o.run != nil && o.run.flight != nil || !h.covers(recs) {
			return false
		}
		n++
	}
	return n > 0
}

func (h *holding) covers(recs []wire.Record) bool {
	return !slices.ContainsFunc(recs, func(rec wire.Record) bool { return !h.vector.Covers(rec.Dot) })
}

// loses reports whether the value of a key may be unreadable on the device.
func (d *device) loses(key string) bool { _, yes := d.hurt[key]; return yes }

// checkNamed has who is told that a value cannot be read be told of one that was damaged.
func (p *proc) checkNamed(c *call, r peer.Reply) {
	keys := r.Damaged
	switch do := c.op.Do.(type) {
	case peer.Get:
		if r.Err == peer.EDamaged {
			keys = append(keys, do.Key)
		}
	case peer.Conflicts:
		if r.Err == peer.EDamaged {
			keys = append(keys, do.Key)
		}
	}
	for _, key := range keys {
		if p.w.did("named"); !p.d.loses(key) {
			p.w.failf("%s: %q is said to be damaged", p.name(), key)
		}
	}
}

// unread notes that x is written on a damaged device, where what the key has cannot be read and is superseded all the same. What stands beside it is not
// shown either.
func (d *device) unread(x *write, conflicts bool) {
	for _, s := range d.hurt[x.key] {
		if s != nil {
			x.sees(s)
		}
	}
	for _, y := range d.w.book.writes[:x.id] {
		if conflicts && y.key == x.key {
			y.excused = true
		}
	}
}

// sound is a device that was not damaged: what the others have is compared with it.
func (w *simulation) sound(all []*content) *content {
	for i, d := range w.honest() {
		if d.hurt == nil {
			return all[i]
		}
	}
	return all[0]
}
