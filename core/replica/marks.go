package replica

import (
	"cmp"
	"math/bits"
	"slices"

	"github.com/masqdev/masq/core/wire"
)

// A mark is the tail that a block had here when it was settled. It tells, long after the block's hash is in no vector any more, who wrote the block
// and how far: so a replica that was copied or put back finds what it has in common with what others have of its writer. See core/PROTOCOL.md, R6.35.

const (
	maxMarks = 32 // of a writer
	newMarks = 8  // of them are those of the newest blocks
)

// markSettled keeps marks of the tails that are in the vector and not in the one that takes its place.
func (r *Replica) markSettled(v wire.Vector) {
	old := r.vector
	for i := range v {
		for len(old) > 0 && old[0].Writer < v[i].Writer {
			old = old[1:]
		}
		if len(old) == 0 || old[0].Writer != v[i].Writer || old[0].Settled == v[i].Settled {
			continue
		}
		for _, t := range old[0].Tails {
			if t.Seq <= v[i].Settled {
				r.mark(v[i].Writer, t)
			}
		}
	}
}

// mark keeps a mark of a writer whose device is known, in the place of a shorter one of the same block.
func (r *Replica) mark(writer uint64, t wire.Tail) {
	if writer != r.writer.id && r.announced(writer) == nil {
		return
	}
	if r.marks == nil {
		r.marks = map[uint64][]wire.Tail{}
	}
	list := r.marks[writer]
	i, ok := placeOfBlock(list, t.Seq>>wire.BlockBits)
	switch {
	case !ok:
		list = slices.Insert(slices.Clone(list), i, t)
	case list[i].Seq < t.Seq:
		list = slices.Clone(list)
		list[i] = t
	}
	if len(list) > maxMarks {
		i := leastMark(list)
		list = slices.Delete(list, i, i+1)
	}
	r.marks[writer] = list
}

func placeOfBlock(list []wire.Tail, block uint64) (int, bool) {
	return slices.BinarySearchFunc(list, block, func(t wire.Tail, b uint64) int { return cmp.Compare(t.Seq>>wire.BlockBits, b) })
}

// leastMark is the mark to go: of the older ones, but for the oldest, the first whose block's number has the fewest zeros at its end. So those that stay
// get rarer with age, and devices keep marks of the same blocks.
func leastMark(list []wire.Tail) int {
	least := 1
	for i := 1; i < len(list)-newMarks; i++ {
		if rarity(list[i]) < rarity(list[least]) {
			least = i
		}
	}
	return least
}

func rarity(t wire.Tail) int { return bits.TrailingZeros64(t.Seq >> wire.BlockBits) }

// Marks are the marks of a writer, and its tails, blocks ascending.
func (r *Replica) Marks(writer uint64) []wire.Tail {
	all := withTails(r.marks[writer], r.vector.Of(writer).Tails)
	return all[max(0, len(all)-wire.MaxMarks):]
}

// withTails puts tails among marks. Of two about the same block the longer one counts.
func withTails(marks, tails []wire.Tail) []wire.Tail {
	if len(marks) == 0 {
		return tails
	}
	out := slices.Clone(marks)
	for _, t := range tails {
		i, ok := placeOfBlock(out, t.Seq>>wire.BlockBits)
		switch {
		case !ok:
			out = slices.Insert(out, i, t)
		case out[i].Seq < t.Seq:
			out[i] = t
		}
	}
	return out
}

// common is the own number up to which the own writer's records are known to be the same here and where these marks and tails come from. Who has a
// block of the same opening has all before that block from the same past, unless an earlier one shows that the pasts part there.
func (r *Replica) common(theirs []wire.Tail) uint64 {
	mine, same := r.Marks(r.writer.id), r.agreed
	for _, t := range theirs {
		i, ok := placeOfBlock(mine, t.Seq>>wire.BlockBits)
		if !ok {
			continue
		}
		if !r.sameBlock(mine[i], t) {
			break
		}
		if same = max(same, min(mine[i].Seq, t.Seq)); t.Seq > mine[i].Seq {
			break
		}
	}
	return same
}

// sameBlock reports whether the one who opened a block, as this replica knows it, wrote it as another has it.
func (r *Replica) sameBlock(mine, theirs wire.Tail) bool {
	switch {
	case opening(mine.Hash) != opening(theirs.Hash), mine.Seq == theirs.Seq && mine.Hash != theirs.Hash:
		return false
	case theirs.Seq>>wire.BlockBits == r.writer.block && theirs.Seq < r.writer.next:
		return r.wroteSo(theirs)
	}
	return true
}

// Behind reports whether marks of the own writer, as another device has them, show that it has more of a block than this replica, which takes the block
// to be settled: then this replica was put back.
func (r *Replica) Behind(marks wire.Marks) bool {
	mine := r.marks[r.writer.id]
	return marks.Writer == r.writer.id && slices.ContainsFunc(marks.Tails, func(t wire.Tail) bool {
		i, ok := placeOfBlock(mine, t.Seq>>wire.BlockBits)
		return ok && mine[i].Seq < t.Seq && opening(mine[i].Hash) == opening(t.Hash) && r.vector.Of(r.writer.id).Settled >= t.Seq
	})
}

// appendMarks appends agreed u64 ‖ n u8 ‖ old writer u64*n ‖ (writer u64 ‖ n u8 ‖ (number u64 ‖ hash(8))*n)*, writers ascending.
func (r *Replica) appendMarks(b []byte) []byte {
	b = append(wire.AppendU64(b, r.agreed), byte(len(r.old)))
	for _, id := range r.old {
		b = wire.AppendU64(b, id)
	}
	writers := make([]uint64, 0, len(r.marks))
	for id := range r.marks {
		writers = append(writers, id)
	}
	slices.Sort(writers)
	for _, id := range writers {
		b = append(wire.AppendU64(b, id), byte(len(r.marks[id])))
		for _, t := range r.marks[id] {
			b = append(wire.AppendU64(b, t.Seq), t.Hash[:]...)
		}
	}
	return b
}

func (r *Replica) readMarks(b []byte) (ok bool) {
	in := wire.NewReader(b)
	r.agreed = in.U64()
	for n := in.U8(); n > 0 && in.Err() == nil; n-- {
		r.old = append(r.old, in.U64())
	}
	r.marks = map[uint64][]wire.Tail{}
	for in.Len() > 0 && in.Err() == nil {
		id, n := in.U64(), int(in.U8())
		for ; n > 0 && in.Err() == nil; n-- {
			r.marks[id] = append(r.marks[id], wire.Tail{Seq: in.U64(), Hash: wire.Hash(in.Bytes(8))})
		}
	}
	return in.Done() == nil
}
