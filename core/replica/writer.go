package replica

import (
	"crypto/sha256"
	"slices"

	"github.com/masqdev/masq/core/wire"
)

// positionBits is the size of a reserved block of positions: 1<<positionBits of them.
const positionBits = 16

// writerState is this replica as a writer: its id, and the blocks of sequence numbers that are its to use.
type writerState struct {
	id       uint64
	nonce    uint64 // of which it is made; 0: it is from before writers were bound to devices
	reserved uint64 // blocks below may have been used

	// Of this run.
	ran      bool                 // it has written
	block    uint64               // the block in use, 0 before the first write
	next     uint64               // the next sequence number in it
	ahead    bool                 // the block behind it is reserved too
	history  []wire.Hash          // by number within the block: the hash at its opening, then after each dot
	openings map[uint64]wire.Hash // of every block of this run
}

// newWriter takes a writer that nobody knows. Import, RecoverFork and Reissue write as one of their own.
func (r *Replica) newWriter() {
	if r.writer.id != 0 {
		if e := r.vector.Of(r.writer.id); e.Settled > 0 { // a start settles blocks of the writer that it goes on as, and does not log that
			r.logJoin(wire.Vector{{Writer: e.Writer, Settled: e.Settled}})
		}
		r.CloseWriter()
		r.past[r.writer.id] = true
		r.leave()
	}
	r.runs, r.agreed = nil, 0
	var b [8]byte
	for {
		r.random(b[:])
		rd := wire.NewReader(b[:])
		nonce := rd.U64()
		if id := wire.WriterID(r.cfg.Owner, nonce); id != 0 && nonce != 0 {
			r.writer = writerState{id: id, nonce: nonce, reserved: 1}
			return
		}
	}
}

// CloseWriter announces the own writer, of which nothing more is to be written, up to the last number that it may have used: others take no record of it
// beyond that. The announcement is signed when it is told, see SignOwn.
func (r *Replica) CloseWriter() {
	if w := r.announcement(r.writer.reserved); w != nil {
		r.Announce(w)
	}
}

// announcement is what there is to say of the own writer with these blocks reserved; nil if it has written nothing.
func (r *Replica) announcement(reserved uint64) *wire.Writer {
	if len(r.runs) == 0 || r.writer.nonce == 0 || reserved <= r.runs[len(r.runs)-1].block {
		return nil
	}
	last := r.runs[len(r.runs)-1]
	return &wire.Writer{
		ID: r.writer.id, NK: r.cfg.Owner, Nonce: r.writer.nonce, Block: last.block, Opening: last.opening, Reserved: reserved,
	}
}

// SignOwn has the announcements of earlier own writers signed that are not.
func (r *Replica) SignOwn(sign func(*wire.Writer)) {
	for _, a := range r.writers {
		if a.NK == r.cfg.Owner && a.Sig == [64]byte{} {
			w := *a.Writer
			sign(&w)
			r.keepWriter(&w)
		}
	}
}

// Renewing reports whether this replica has taken another writer, and that is not in storage for good. Until then no other device may learn of
// what the one before has reserved.
func (r *Replica) Renewing() bool { return len(r.past) > 0 && r.seen.now.writer != r.writer.id }

// nextDot gives the next dot to use. It opens and reserves blocks, in the ledger's next commit, as they are needed.
func (r *Replica) nextDot() wire.Dot {
	w := &r.writer
	switch {
	case w.block == 0:
		r.leap()
	case w.next>>wire.BlockBits != w.block:
		w.block++
		w.ahead = false
		r.openBlock()
	case !w.ahead && w.next&(1<<wire.BlockBits-1) >= 1<<(wire.BlockBits-1):
		w.ahead = true
		w.reserved++
		r.logReserved()
	}
	d := wire.Dot{Writer: w.id, Seq: w.next}
	w.next++
	return d
}

// leap goes on in a block of numbers that nobody knows of.
func (r *Replica) leap() {
	w := &r.writer
	w.block = w.reserved
	w.reserved++
	w.ahead = false
	r.openBlock()
	if !w.ran {
		w.ran = true
		r.ran(run{w.block, opening(w.openings[w.block])})
		r.logRun()
	}
	r.logReserved()
}

// ran notes a run of the own writer.
func (r *Replica) ran(x run) {
	if len(r.runs) == maxRuns {
		copy(r.runs, r.runs[1:])
		r.runs = r.runs[:maxRuns-1]
	}
	r.runs = append(r.runs, x)
}

func (r *Replica) openBlock() {
	w := &r.writer
	w.next = w.block << wire.BlockBits
	var h wire.Hash
	r.random(h[:])
	w.history = append(make([]wire.Hash, 0, 64), h)
	if w.openings == nil {
		w.openings = map[uint64]wire.Hash{}
	}
	w.openings[w.block] = h
}

// wrote brings the vector and the block's hash up to a dot just written, whose encoded records are given.
func (r *Replica) wrote(d wire.Dot, records []byte) *wire.Hash {
	w := &r.writer
	h := w.history[len(w.history)-1]
	sum := sha256.New()
	sum.Write(h[:])
	sum.Write(records)
	var full [sha256.Size]byte
	copy(h[len(opening(h)):], sum.Sum(full[:0]))
	w.history = append(w.history, h)
	r.setTail(d, h)
	return &h
}

// setTail says that the own writer's records are here up to d.
func (r *Replica) setTail(d wire.Dot, h wire.Hash) {
	r.work.Elements += uint64(len(r.vector))
	r.vector = r.vector.WithTail(d.Writer, wire.Tail{Seq: d.Seq, Hash: h})
}

// newPos gives the next position, reserving more in the ledger's next commit as needed.
func (r *Replica) newPos() uint64 {
	if r.nextPos+1<<(positionBits-1) > r.reservedPos {
		r.reservedPos = (r.nextPos>>positionBits + 2) << positionBits
		r.logReserved()
	}
	if !r.begun {
		r.begin()
	}
	p := r.nextPos
	r.nextPos++
	r.stretch().end = r.nextPos
	return p
}

// leave notes a writer from before writers were bound to devices when another takes its place. What it wrote left this device before it was in
// storage for good.
func (r *Replica) leave() {
	if w := &r.writer; w.nonce == 0 && len(r.vector.Of(w.id).Tails) > 0 {
		r.old = append(r.old, w.id)
	}
}

// HasOld reports whether there are own blocks from before a record waited for storage. They wait for SettleOld.
func (r *Replica) HasOld() bool { return len(r.old) > 0 }

// SettleOld says that every device has sent all that it has since this start: what a crash has taken of these blocks here has come back.
func (r *Replica) SettleOld() {
	var v wire.Vector
	for _, id := range r.old {
		if e := r.vector.Of(id); len(e.Tails) > 0 {
			v = v.Set(wire.Element{Writer: id, Settled: e.Last()})
		}
	}
	if r.old = nil; len(v) > 0 {
		r.logJoin(v)
		r.joined(r.vector.Join(v))
	}
}

// settleEarlier settles the own blocks of earlier runs when the replica is opened. No record left this device before it was in storage for good, so
// all of them that are anywhere are here. It is not logged: another start comes to the same.
func (r *Replica) settleEarlier() {
	if v := r.finished(r.writer.reserved); v != nil {
		r.joined(r.vector.Join(v))
	}
}

// settleLeft settles the own blocks that this run has left, once what was written in them is in storage for good.
func (r *Replica) settleLeft() {
	v := r.finished(r.unused())
	if v != nil && r.seen.now.vector.Covers(wire.Dot{Writer: v[0].Writer, Seq: v[0].Settled}) {
		r.logJoin(v)
		r.joined(r.vector.Join(v))
	}
}

// finished is what the own writer can settle: the blocks below one up to the last number that is used in them. It is nil if they are settled.
func (r *Replica) finished(block uint64) wire.Vector {
	e := r.vector.Of(r.writer.id)
	last := uint64(0)
	for _, t := range e.Tails {
		if t.Seq>>wire.BlockBits < block {
			last = t.Seq
		}
	}
	if last == 0 {
		return nil
	}
	return wire.Vector{{Writer: r.writer.id, Settled: last}}
}

// Heard checks what another device says of this replica's own writing. It returns true when that cannot be: then this replica was copied
// or put back, or the other lies.
func (r *Replica) Heard(v wire.Vector) (copied bool) {
	w := &r.writer
	e, mine := v.Of(w.id), r.vector.Of(w.id)
	limit := w.reserved // blocks from limit on were never used by this replica
	if w.block != 0 {
		limit = w.block + 1
	}
	if e.Settled > mine.Settled && (e.Settled>>wire.BlockBits >= r.unused() || !mine.Covers(e.Settled)) {
		return true
	}
	return slices.ContainsFunc(e.Tails, func(t wire.Tail) bool {
		block := t.Seq >> wire.BlockBits
		return r.contradicts(t) || block >= limit || block == w.block && !r.wroteSo(t)
	})
}

// wroteSo reports whether this replica's hash was t's at that number of the current block.
func (r *Replica) wroteSo(t wire.Tail) bool {
	return t.Seq < r.writer.next && r.writer.history[t.Seq&(1<<wire.BlockBits-1)+1] == t.Hash
}

// contradicts reports whether the block was opened by another than this replica, as far as it remembers, or has another hash at the
// same number.
func (r *Replica) contradicts(t wire.Tail) bool {
	block := t.Seq >> wire.BlockBits
	if h, ok := r.writer.openings[block]; ok && opening(h) != opening(t.Hash) {
		return true
	}
	mine := r.Marks(r.writer.id)
	i, ok := placeOfBlock(mine, block)
	return ok && (opening(mine[i].Hash) != opening(t.Hash) || mine[i].Seq == t.Seq && mine[i].Hash != t.Hash)
}

// opening is the part of a hash that is the same in all of a block, and in no other.
func opening(h wire.Hash) [4]byte { return [4]byte(h[:4]) }
