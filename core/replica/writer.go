package replica

import (
	"crypto/sha256"

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
	settled  bool                 // all blocks of earlier runs are settled
}

// newWriter takes a writer that nobody knows. Import, RecoverFork and Reissue write as one of their own.
func (r *Replica) newWriter() {
	if r.writer.id != 0 {
		r.past[r.writer.id] = true
	}
	r.runs = nil
	var b [8]byte
	for {
		r.random(b[:])
		rd := wire.NewReader(b[:])
		nonce := rd.U64()
		if id := wire.WriterID(r.cfg.Owner, nonce); id != 0 && nonce != 0 {
			r.writer = writerState{id: id, nonce: nonce, reserved: 1, settled: true}
			return
		}
	}
}

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

// SettleOwn says that every device of the roster has sent all that it has since this start: what the earlier blocks of the own writer
// lacked here has come back, and nothing more of them exists.
func (r *Replica) SettleOwn() {
	if !r.writer.settled {
		r.writer.settled = true
		r.settleFinished()
	}
}

// settleFinished settles the own blocks before the one in use, up to the last number that was used in them, when all of that is committed.
func (r *Replica) settleFinished() {
	w := &r.writer
	first := w.block // the first block that is not finished
	if first == 0 {
		first = w.reserved
	}
	var last uint64
	for _, t := range r.vector.Of(w.id).Tails {
		if t.Seq>>wire.BlockBits < first {
			last = t.Seq
			if !r.seen.now.vector.Covers(wire.Dot{Writer: w.id, Seq: t.Seq}) {
				return
			}
		}
	}
	if v := (wire.Vector{{Writer: w.id, Settled: last}}); w.settled && last != 0 && !r.vector.CoversAll(v) {
		r.logJoin(v)
		r.vector = r.vector.Join(v)
	}
}

// Heard checks what another device says of this replica's own writing. It returns true when that cannot be: then this replica was copied
// or put back, or the other lies.
func (r *Replica) Heard(v wire.Vector) (copied bool) { return r.conflict(v) != 0 }

// conflict returns from which number on what this replica wrote is not known to be its own alone, when v shows that another writes as
// the same writer; 0 if v does not.
func (r *Replica) conflict(v wire.Vector) (from uint64) {
	w := &r.writer
	e, mine := v.Of(w.id), r.vector.Of(w.id)
	limit, current := w.reserved, w.reserved // blocks from limit on were never used by this replica
	if w.block != 0 {
		limit, current = w.block+1, w.block
	}
	found := func(seq uint64) {
		if from == 0 || seq < from {
			from = seq
		}
	}
	further := e.Settled > mine.Settled
	if further && (e.Settled>>wire.BlockBits >= current || !mine.Covers(e.Settled)) {
		found(current << wire.BlockBits)
	}
	for _, t := range e.Tails {
		switch block := t.Seq >> wire.BlockBits; {
		case r.contradicts(t):
			found(block << wire.BlockBits)
		case block >= limit || block == w.block && !r.wroteSo(t):
			found(current << wire.BlockBits)
		}
	}
	switch {
	case from == 0:
		return 0
	case further: // nobody takes any more what the other settled, and this replica wrote
		found(mine.Settled + 1)
	}
	for _, t := range mine.Tails { // what v lacks of it the other may come to settle, too
		if block := t.Seq >> wire.BlockBits; !e.Covers(t.Seq) {
			found(max(e.Reach(block)+1, block<<wire.BlockBits))
		}
	}
	return min(from, current<<wire.BlockBits)
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
	for _, mine := range r.vector.Of(r.writer.id).Tails {
		if mine.Seq>>wire.BlockBits == block {
			return opening(mine.Hash) != opening(t.Hash) || mine.Seq == t.Seq && mine.Hash != t.Hash
		}
	}
	return false
}

// opening is the part of a hash that is the same in all of a block, and in no other.
func opening(h wire.Hash) [4]byte { return [4]byte(h[:4]) }
