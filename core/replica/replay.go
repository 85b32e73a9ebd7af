package replica

import (
	"github.com/masqdev/masq/core/ledger"
	"github.com/masqdev/masq/core/wire"
)

// replaying takes the items of the log's tail in. What their records become in memory is made for all of them at once: versions, keys
// and contexts. Values stay parts of the opened log records. The next checkpoint lets go of all of that, and nothing else does: a version that is
// superseded stays until then anyway.
type replaying struct {
	r    *Replica
	mem  versions
	room *wire.Room
	tail wire.Tail // of the own writer, newer than the one in the vector; zero: none is
	own  uint64    // that writer
}

// replay takes the items in, in their order.
func (r *Replica) replay(items [][]byte) error {
	var m wire.Measure
	for _, it := range items {
		if len(it) > itemHead && it[0] == itemRecords {
			m.Add(it[itemHead:])
		}
	}
	x := replaying{r: r, mem: make(versions, 0, m.Records), room: wire.NewRoom(m)}
	r.expect(m.Records)
	for _, it := range items {
		if err := x.item(it); err != nil {
			return err
		}
	}
	x.takeTail()
	return nil
}

// expect makes room in memory for n versions, of which there are none yet.
func (r *Replica) expect(n int) {
	r.mem = make(map[string][]*version, n)
	r.late, r.arrivals = make([]string, 0, n), make([]*version, 0, n)
}

func (x *replaying) item(item []byte) error {
	in := wire.NewReader(item)
	switch kind := in.U8(); kind {
	case itemRecords:
		x.records(&in)
	case itemReserved, itemRun, itemSum, itemStretch: // they do not look at the vector
		x.r.replayOther(kind, &in)
	default:
		x.takeTail()
		x.r.replayOther(kind, &in)
	}
	if in.Done() != nil {
		return ledger.ErrDamaged
	}
	return nil
}

func (x *replaying) records(in *wire.Reader) {
	r := x.r
	pos, count, own := in.U64(), in.U64(), in.U8()
	var h wire.Hash
	copy(h[:], in.Bytes(len(h)))
	recs, first := wire.ReadRecords(in.Bytes(in.Len()), x.room), len(r.arrivals)
	r.nextPos = pos
	for rec := (wire.Record{}); recs.Next(&rec); r.nextPos++ {
		v := x.mem.new()
		v.take(&rec)
		v.pos, v.more = r.nextPos, rec.More
		r.remember(v)
	}
	came := r.arrivals[first:]
	if recs.Err() != nil || in.Err() != nil || len(came) == 0 {
		in.Fail()
		return
	}
	r.stored(pos, r.nextPos)
	r.count = count
	r.sum.unlogged = true
	switch own {
	case 0:
		r.opens(came)
	case 1:
		x.setTail(came[0].dot, h)
	}
}

// setTail is the replica's, which copies the vector, but for tails that the next one takes the place of.
func (x *replaying) setTail(d wire.Dot, h wire.Hash) {
	if x.own != d.Writer || x.tail.Seq>>wire.BlockBits != d.Seq>>wire.BlockBits || x.tail.Seq > d.Seq {
		x.takeTail()
	}
	x.own, x.tail = d.Writer, wire.Tail{Seq: d.Seq, Hash: h}
}

// takeTail brings the vector up to the tail.
func (x *replaying) takeTail() {
	if x.tail.Seq != 0 {
		x.r.setTail(wire.Dot{Writer: x.own, Seq: x.tail.Seq}, x.tail.Hash)
		x.tail = wire.Tail{}
	}
}

// replayOther takes in an item that is not of records.
func (r *Replica) replayOther(kind uint8, in *wire.Reader) {
	switch kind {
	case itemJoin:
		v, err := wire.ParseVector(in.Bytes(in.Len()))
		if err != nil {
			in.Fail()
			return
		}
		r.joined(r.vector.Join(v))
	case itemReserved:
		id, blocks, pos := in.U64(), in.U64(), in.U64()
		if in.Done() != nil || id != r.writer.id {
			in.Fail()
			return
		}
		r.writer.reserved, r.reservedPos = blocks, pos
	case itemReset:
		r.state = state{nextPos: 1 << positionBits, reservedPos: 1 << positionBits}
		copy(r.incarnation[:], in.Bytes(8))
		r.writer = writerState{id: in.U64(), reserved: 1, nonce: laterNonce(in)}
		r.pages = nil
		r.setSegments(nil)
		if len(r.arrivals) > 0 { // else the room that is made for what follows would go
			r.forgetMemory()
		}
		r.sum = sum{unlogged: true}
	case itemFork:
		x := void{in.U64(), in.U64(), in.U64()}
		r.runs, r.agreed, r.writer = nil, 0, writerState{id: in.U64(), reserved: 1}
		copy(r.incarnation[:], in.Bytes(8))
		r.writer.nonce = laterNonce(in)
		r.lost = append(r.lost, x.writer)
		r.voidFrom(x)
	case itemWriter:
		w := wire.ReadWriter(in)
		r.noteLost(w)
		r.setWriter(w)
	case itemStray:
		r.addStray(in.U64())
	case itemRun:
		r.ran(readRun(in))
	case itemDenial:
		r.setDenied(in.U64(), in.U64())
	case itemSum:
		r.sum.read(in)
	case itemStretch:
		s := readStretch(in)
		if n := len(r.stretches); s.end < s.first || n > 0 && s.first < r.stretch().end {
			in.Fail()
		}
		r.addStretch(s)
	case itemForgot:
		r.setForgot(in.U64())
	case itemOwn:
		r.leave()
		r.runs, r.agreed, r.writer = nil, 0, writerState{id: in.U64(), reserved: 1, nonce: in.U64()}
	default:
		in.Fail()
	}
}

// laterNonce is a nonce that stands at the end, where format 1 has none.
func laterNonce(in *wire.Reader) uint64 {
	if in.Len() == 0 {
		return 0
	}
	return in.U64()
}
