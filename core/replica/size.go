package replica

import "github.com/masqdev/masq/core/wire"

// VersionRoom is about how many bytes a version takes in storage beside its key and value.
const VersionRoom = 64

// room is about how many bytes a version takes in storage. A deletion counts nothing: it must always be possible.
func (v *version) room() int {
	switch {
	case v.kind == wire.Deleted:
		return 0
	case v.loc.seg != 0:
		return VersionRoom + len(v.key) + int(v.loc.size)
	}
	return VersionRoom + len(v.key) + len(v.value)
}

func roomOf(vs []*version) (n int) {
	for _, v := range vs {
		n += v.room()
	}
	return n
}

// Stored is about how many bytes the namespace takes in storage, without what was superseded and is yet to be cleared away. Since
// the last checkpoint it is only near that: Tidy asks for one.
func (r *Replica) Stored() uint64 {
	n := uint64(r.memBytes)
	for _, s := range r.segs {
		n += uint64(s.live)
	}
	for i := range r.pages {
		n += uint64(r.pages[i].bytes)
	}
	return n - min(n, uint64(r.freed))
}

// Tidy makes a checkpoint due, if that would clear anything away.
func (r *Replica) Tidy() { r.tidy = len(r.arrivals) > 0 }

// RoomFor is how many bytes Stored would grow by at most if writes were written, less than 0 if it would shrink. Unless they
// replace what is there, as an import does not, all of it counts.
func (r *Replica) RoomFor(writes []Write, replaces bool) (int, error) {
	st, add := r.stage(len(writes)), 0
	for i := range writes {
		w := &writes[i]
		if w.Kind != wire.Deleted {
			add += VersionRoom + len(w.Key) + len(w.Value)
		}
		if replaces {
			st.before(w.Key)
			add -= roomOf(st.after(w.Key))
		}
	}
	return add, st.err
}

// RoomForRecords is how many bytes Stored would grow by if records were applied.
func (r *Replica) RoomForRecords(recs []wire.Record, src Source) (int, error) {
	a := arrivals{r: r, src: &src, st: r.stage(len(recs)), all: true}
	if err := a.look(recs); err != nil {
		return 0, err
	}
	for i := 0; i < len(a.recs) && !a.lied; i++ {
		a.take(a.recs[i])
	}
	return a.st.growth(), nil
}

// growth is how many bytes more the keys take as they will be.
func (s *stage) growth() (n int) {
	for i := range s.keys {
		n += roomOf(s.keys[i].after) - roomOf(s.keys[i].was)
	}
	return n
}

// freed is how many bytes of what is there are superseded.
func (s *stage) freed() (n int) {
	for i := range s.keys {
		n += roomOf(s.keys[i].dropped())
	}
	return n
}
