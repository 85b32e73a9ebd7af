package replica

import (
	"slices"

	"github.com/masqdev/masq/core/wire"
)

// Tombstones that every device has go at the next checkpoint: those in memory, and those in pages of which it looks through sweepBytes, if it
// has not done so by what everyone has now. So pages are read once for each change of what everyone has, and only those are written anew that
// something goes from.
var sweepBytes = 4 << 20 // a variable for the tests

// Collect says what every other device has durably. Tombstones that all have may go.
func (r *Replica) Collect(all wire.Vector) {
	all = all.Meet(r.vector)
	if !r.alone && all.Same(r.everyone) {
		return
	}
	r.everyone, r.alone = all, false
	r.lookAgain()
}

// CollectAll says that there is no other device, and nothing is on its way from one. Every tombstone may go.
func (r *Replica) CollectAll() {
	if !r.alone {
		r.everyone, r.alone = nil, true
		r.lookAgain()
	}
}

func (r *Replica) lookAgain() {
	for i := range r.pages {
		r.pages[i].looked = false
	}
}

// Tombstones is how many there are.
func (r *Replica) Tombstones() (n int) {
	for i := range r.pages {
		n += int(r.pages[i].tombs)
	}
	for _, v := range r.arrivals {
		if v.dead == 0 && v.kind == wire.Deleted {
			n++
		}
	}
	return n
}

// Collectable is how many tombstones may go, at most: those of pages that were not looked through all count.
func (r *Replica) Collectable() (n int) {
	for i := range r.pages {
		if !r.pages[i].looked {
			n += int(r.pages[i].tombs)
		}
	}
	for _, v := range r.arrivals {
		if v.dead == 0 && r.collectable(v) {
			n++
		}
	}
	return n
}

// Sweep makes a checkpoint due, to have tombstones go.
func (r *Replica) Sweep() { r.sweep = true }

// collectable reports whether v is a tombstone that may go: everyone has it, and nobody takes in any more what it had seen. Such a thing
// could still be on its way, from a device that did not have the tombstone when it sent it.
func (r *Replica) collectable(v *version) bool {
	if v.kind != wire.Deleted || v.hearsay || !r.alone && len(r.everyone) == 0 {
		return false
	}
	known := func(d wire.Dot) bool {
		d.Seq &^= wire.BlockOnly
		return r.everyone.Covers(d) && r.vector.Covers(d)
	}
	return r.alone || known(v.dot) && !slices.ContainsFunc(v.ctx, func(d wire.Dot) bool { return !known(d) })
}

// sweep touches pages with tombstones that may go.
func (c *checkpoint) sweep() (missing error) {
	r, total := c.r, 0
	c.looked = nil
	for i := range r.pages {
		ref := &r.pages[i]
		if _, ok := c.touched[i]; ok || ref.looked || ref.tombs == 0 {
			continue
		}
		if total += int(ref.bytes); total > r.tightly(sweepBytes) {
			return missing
		}
		p, err := r.page(i)
		if missing = worse(missing, err); err != nil {
			continue
		}
		c.looked = append(c.looked, i)
		if slices.ContainsFunc(p.versions, func(vs []*version) bool { return slices.ContainsFunc(vs, r.collectable) }) {
			c.touched[i] = struct{}{}
		}
	}
	return missing
}

// see notes of the pages that were looked through what was seen: one that an earlier version has written does not say how many keys have a value.
func (c *checkpoint) see() {
	for _, i := range c.looked {
		if p, err := c.r.page(i); err == nil {
			c.r.pages[i].looked, c.r.pages[i].values = true, p.values()
		}
	}
}

// values is how many keys have a version that is no deletion.
func (p *page) values() (n uint32) {
	for _, vs := range p.versions {
		if slices.ContainsFunc(vs, func(v *version) bool { return v.kind != wire.Deleted }) {
			n++
		}
	}
	return n
}

// collected reports whether v goes as a tombstone that everyone has.
func (c *checkpoint) collected(v *version) bool {
	yes := c.r.collectable(v)
	if yes {
		c.r.forgot = max(c.r.forgot, v.pos+1)
	}
	return yes
}

func (r *Replica) appendValues(b []byte) []byte {
	for i := range r.pages {
		b = wire.AppendU32(b, r.pages[i].values)
	}
	return b
}

func (r *Replica) readValues(in *wire.Reader) {
	for i := range r.pages {
		r.pages[i].values = in.U32()
	}
}
