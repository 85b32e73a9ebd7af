package replica

import (
	"slices"

	"github.com/masqdev/masq/core/storage"
	"github.com/masqdev/masq/core/wire"
)

// location is where a record lies: in a segment, at an offset, as the ord-th of its records.
type location struct {
	seg  storage.ID
	off  uint32
	size uint32
	ord  uint32
}

// voided reports whether a void takes the version away.
func (r *Replica) voided(v *version) bool {
	for _, x := range r.voids {
		if v.dot.Writer == x.writer && v.dot.Seq >= x.from && v.pos < x.before {
			return true
		}
	}
	return false
}

// lookup answers the versions of a key, none of which another one's context reaches.
func (r *Replica) lookup(key string) ([]*version, error) {
	mem := r.mem[key]
	stored, err := r.storedVersions(key)
	if err != nil || len(stored) == 0 {
		return mem, err
	}
	out := slices.Clip(mem)
	for _, v := range stored {
		if !r.voided(v) && !seenByAny(mem, v.dot) {
			out = append(out, v)
		}
	}
	return out, nil
}

func seenByAny(vs []*version, d wire.Dot) bool {
	return slices.ContainsFunc(vs, func(v *version) bool { return wire.Sees(v.ctx, d) })
}

// winner is the version that Get answers: the one with the highest (time, writer) that is not a deletion; nil if there is none.
func winner(vs []*version) *version {
	var best *version
	for _, v := range vs {
		if v.kind != wire.Deleted && (best == nil || later(v, best)) {
			best = v
		}
	}
	return best
}

func later(a, b *version) bool {
	switch {
	case a.time != b.time:
		return a.time > b.time
	case a.dot.Writer != b.dot.Writer:
		return a.dot.Writer > b.dot.Writer
	}
	return a.dot.Seq > b.dot.Seq
}

// contextOf is what a write that sees vs has seen of the key.
func contextOf(vs []*version) []wire.Dot {
	var out []wire.Dot
	add := func(d wire.Dot) {
		i, ok := slices.BinarySearchFunc(out, d.Writer, func(a wire.Dot, w uint64) int {
			switch {
			case a.Writer < w:
				return -1
			case a.Writer > w:
				return 1
			}
			return 0
		})
		switch {
		case !ok:
			out = slices.Insert(out, i, d)
		case d.Seq > out[i].Seq:
			out[i] = d
		}
	}
	for _, v := range vs {
		for _, d := range v.ctx {
			add(d)
		}
		add(v.dot)
	}
	return out
}

// valueOf answers a version's value; ledger.ErrWait if its segment is not loaded.
func (r *Replica) valueOf(v *version) ([]byte, error) {
	if v == nil || v.kind == wire.Deleted {
		return nil, nil
	}
	if v.loc.seg == 0 {
		return v.value, nil
	}
	rec, err := r.recordAt(v.loc)
	return rec.Value, err
}

// record is v as it goes to others, with its value.
func (v *version) record(value []byte) wire.Record {
	return wire.Record{Dot: v.dot, Time: v.time, Context: v.ctx, Key: v.key, Kind: v.kind, Value: value, More: v.more}
}
