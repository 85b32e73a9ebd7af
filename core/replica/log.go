package replica

import (
	"github.com/masqdev/masq/core/ledger"
	"github.com/masqdev/masq/core/storage"
	"github.com/masqdev/masq/core/wire"
)

// The items of the ledger's log, each behind a byte that says which it is:
//
//	1 records   first position u64 ‖ keys with a value, afterwards u64 ‖ own u8 ‖ hash(8) ‖ record*
//	2 join      vector
//	3 reserved  writer u64 ‖ blocks u64 ‖ positions u64
//	4 reset     incarnation(8) ‖ writer u64 ‖ nonce u64
//	5 fork      void: writer u64 ‖ from u64 ‖ before u64, then the new writer u64 ‖ incarnation(8) ‖ nonce u64
//	6 writer    an announcement
//	7 stray     writer u64
//	8 run       block u64 ‖ opening(4)
//	9 own       the new writer u64 ‖ nonce u64
//	10 denial   writer u64 ‖ before u64
//	11 sum      sum(16), and, if there are versions that are not in it, the positions from u64 ‖ to u64 where they lie
//	15 forgot   position u64
//	17 stretch  first u64 ‖ end u64 ‖ mark u16
//
// The manifest's part:
//
//	format u8 = 4, or 5 with field 6 ‖ incarnation(8) ‖ writer u64 ‖ blocks u64 ‖ positions u64 ‖ count u64 ‖ lv32(vector)
//	‖ nonce u64 ‖ n u8 ‖ (block u64 ‖ opening(4))*n ‖ n u16 ‖ (announcement ‖ denied u64)*n ‖ n u16 ‖ stray u64*n
//	‖ n u32 ‖ page*n      page    = block u64 ‖ bytes u32 ‖ keys u32 ‖ tombstones u32 ‖ hearsay u32 ‖ lv(first key)
//	‖ n u32 ‖ segment*n   segment = block u64 ‖ first u64 ‖ behind u64 ‖ records u32 ‖ bytes u32 ‖ live bytes u32
//	                                ‖ lv32(dead, a bit a record) ‖ m u16 ‖ (writer u64 ‖ lowest u64 ‖ highest u64)*m
//	‖ (tag u8 ‖ lv32(field))*   tags ascending:
//	                            1 sum        lv32(vector of what is open) ‖ what item 11 has
//	                            2 marks      see appendMarks
//	                            3 forgot     position u64; left out if it is 0
//	                            4 values     keys with a value u32, of each page; left out if there are no pages
//	                            5 stretches  (first u64 ‖ end u64 ‖ mark u16)*; left out if there are none
//	                            6 lost       writer u64*: own ones of which it may lack what they wrote; left out if there are none
//
// What came in format 2 is not in format 1: a nonce in the items 4 and 5, the second line of the part, and hearsay in a page.
// Fields came with format 3. The fields 3 and 4 came with format 4, and segments whose numbers do not ascend.
const (
	itemRecords  = 1
	itemJoin     = 2
	itemReserved = 3
	itemReset    = 4
	itemFork     = 5
	itemWriter   = 6
	itemStray    = 7
	itemRun      = 8
	itemOwn      = 9
	itemDenial   = 10
	itemSum      = 11
	itemForgot   = 15
	itemStretch  = 17

	partFormat = 5

	fieldSum       = 1
	fieldMarks     = 2
	fieldForgot    = 3
	fieldValues    = 4
	fieldStretches = 5
	fieldLost      = 6
)

// itemHead is how long what stands before the records in their item is.
const itemHead = 1 + 8 + 8 + 1 + 8

// logRecords logs an item of arrive's. own is the hash behind what this replica wrote; nil: another did.
func (r *Replica) logRecords(item []byte, first uint64, own *wire.Hash) {
	b := wire.AppendU64(wire.AppendU64(append(item[:0], itemRecords), first), r.count)
	if own == nil {
		b = append(b, 0)
		own = &wire.Hash{}
	} else {
		b = append(b, 1)
	}
	copy(item[len(b):itemHead], own[:])
	r.led.Append(r.ns, item)
}

func (r *Replica) logJoin(v wire.Vector) {
	r.led.Append(r.ns, wire.AppendVector([]byte{itemJoin}, v))
}

func (r *Replica) logReserved() {
	b := wire.AppendU64([]byte{itemReserved}, r.writer.id)
	r.led.Append(r.ns, wire.AppendU64(wire.AppendU64(b, r.writer.reserved), r.reservedPos))
}

func (r *Replica) logReset() {
	b := wire.AppendU64(append([]byte{itemReset}, r.incarnation[:]...), r.writer.id)
	r.led.Append(r.ns, wire.AppendU64(b, r.writer.nonce))
}

func (r *Replica) logWriter() {
	r.led.Append(r.ns, wire.AppendU64(wire.AppendU64([]byte{itemOwn}, r.writer.id), r.writer.nonce))
}

func (r *Replica) logRun() { r.led.Append(r.ns, r.runs[len(r.runs)-1].append([]byte{itemRun})) }

func (x run) append(b []byte) []byte { return append(wire.AppendU64(b, x.block), x.opening[:]...) }

func readRun(in *wire.Reader) (x run) {
	x.block = in.U64()
	copy(x.opening[:], in.Bytes(len(x.opening)))
	return x
}

func (r *Replica) logFork(x void) {
	b := wire.AppendU64(wire.AppendU64(wire.AppendU64([]byte{itemFork}, x.writer), x.from), x.before)
	r.led.Append(r.ns, wire.AppendU64(append(wire.AppendU64(b, r.writer.id), r.incarnation[:]...), r.writer.nonce))
}

func (r *Replica) appendPart(b []byte) []byte {
	format := byte(partFormat)
	if len(r.lost) == 0 {
		format-- // which it then is, and who knows no other can read it
	}
	b = append(append(b, format), r.incarnation[:]...)
	b = wire.AppendU64(wire.AppendU64(b, r.writer.id), r.writer.reserved)
	b = wire.AppendU64(wire.AppendU64(b, r.reservedPos), r.count)
	b = wire.AppendLV32(b, wire.AppendVector(nil, r.vector))
	b = r.appendWriters(b)
	b = wire.AppendU32(b, uint32(len(r.pages)))
	for _, p := range r.pages {
		b = wire.AppendU32(wire.AppendU64(b, uint64(p.id)), p.bytes)
		b = wire.AppendU32(wire.AppendU32(wire.AppendU32(b, p.keys), p.tombs), p.hearsay)
		b = wire.AppendLV(b, []byte(p.first))
	}
	b = wire.AppendU32(b, uint32(len(r.segs)))
	for _, s := range r.segs {
		b = s.append(b)
	}
	return r.appendFields(b)
}

// appendFields appends what the part has besides: each field as a tag and its value.
func (r *Replica) appendFields(b []byte) []byte {
	b = wire.AppendLV32(append(b, fieldSum), r.sum.appendField(nil))
	b = wire.AppendLV32(append(b, fieldMarks), r.appendMarks(nil))
	if r.forgot > 0 {
		b = wire.AppendLV32(append(b, fieldForgot), wire.AppendU64(nil, r.forgot))
	}
	if len(r.pages) > 0 {
		b = wire.AppendLV32(append(b, fieldValues), r.appendValues(nil))
	}
	if len(r.stretches) > 0 {
		b = wire.AppendLV32(append(b, fieldStretches), r.appendStretches(nil))
	}
	if len(r.lost) > 0 {
		b = wire.AppendU32(append(b, fieldLost), uint32(8*len(r.lost)))
		for _, id := range r.lost {
			b = wire.AppendU64(b, id)
		}
	}
	return b
}

func (r *Replica) readFields(in *wire.Reader) {
	for last := uint8(0); in.Len() > 0 && in.Err() == nil; {
		tag := in.U8()
		if tag <= last {
			in.Fail()
		}
		last = tag
		field := wire.NewReader(in.LV32(wire.MaxVector))
		switch tag {
		case fieldSum:
			if r.sum.readField(field.Bytes(field.Len())) != nil {
				in.Fail()
			}
		case fieldMarks:
			if !r.readMarks(field.Bytes(field.Len())) {
				in.Fail()
			}
		case fieldForgot:
			r.forgot = field.U64()
		case fieldValues:
			r.readValues(&field)
		case fieldStretches:
			r.readStretches(&field)
		case fieldLost:
			for field.Len() > 0 && field.Err() == nil && len(r.lost) < wire.MaxWriters {
				r.lost = append(r.lost, field.U64())
			}
		default:
			in.Fail()
		}
		if field.Done() != nil {
			in.Fail()
		}
	}
	if r.sum.unlogged || r.marks == nil { // these two are always there
		in.Fail()
	}
}

func (r *Replica) appendWriters(b []byte) []byte {
	b = append(wire.AppendU64(b, r.writer.nonce), byte(len(r.runs)))
	for _, x := range r.runs {
		b = x.append(b)
	}
	b = wire.AppendU16(b, uint16(len(r.writers)))
	for _, a := range r.writers {
		b = wire.AppendU64(wire.AppendWriter(b, a.Writer), a.denied)
	}
	b = wire.AppendU16(b, uint16(len(r.strays)))
	for _, id := range r.strays {
		b = wire.AppendU64(b, id)
	}
	return b
}

func (r *Replica) readWriters(in *wire.Reader) {
	r.writer.nonce = in.U64()
	for n := in.U8(); n > 0 && in.Err() == nil; n-- {
		r.runs = append(r.runs, readRun(in))
	}
	for n := in.U16(); n > 0 && in.Err() == nil; n-- {
		w := wire.ReadWriter(in)
		r.setWriter(w)
		r.setDenied(w.ID, in.U64())
	}
	for n := in.U16(); n > 0 && in.Err() == nil; n-- {
		r.strays = append(r.strays, in.U64())
	}
}

func (r *Replica) readPart(b []byte) error {
	in := wire.NewReader(b)
	format := in.U8()
	if err := checkFormat(format, partFormat); err != nil {
		return err
	}
	copy(r.incarnation[:], in.Bytes(8))
	r.writer = writerState{id: in.U64(), reserved: in.U64()}
	r.reservedPos, r.count = in.U64(), in.U64()
	v, err := wire.ParseVector(in.LV32(wire.MaxVector))
	if err != nil {
		return ledger.ErrDamaged
	}
	r.vector, r.stretches = v, nil
	r.sum.unlogged = true
	if format > 1 {
		r.readWriters(&in)
	}
	for n := in.U32(); n > 0 && in.Err() == nil; n-- {
		p := pageRef{id: storage.ID(in.U64()), bytes: in.U32(), keys: in.U32(), tombs: in.U32()}
		p.values = p.keys // unless it is said below
		if format > 1 {
			p.hearsay = in.U32()
		}
		p.first = string(in.LV(wire.MaxKey))
		r.pages = append(r.pages, p)
	}
	for n := in.U32(); n > 0 && in.Err() == nil; n-- {
		r.segs = append(r.segs, readSegment(&in))
	}
	r.setSegments(r.segs)
	if format > 2 {
		r.readFields(&in)
	} else {
		r.agreed = r.vector.Of(r.writer.id).Settled
	}
	if in.Done() != nil || !r.sound() {
		return ledger.ErrDamaged
	}
	r.nextPos = r.reservedPos
	return nil
}

// checkFormat tells a newer format than newest from damage. Those from 1 on can be read.
func checkFormat(got, newest uint8) error {
	switch {
	case got > newest:
		return ledger.ErrVersion
	case got == 0:
		return ledger.ErrDamaged
	}
	return nil
}

// sound checks that what the directories say is in order.
func (r *Replica) sound() bool {
	for i, p := range r.pages {
		if p.id.Class() != storage.Page || i > 0 && p.first <= r.pages[i-1].first {
			return false
		}
	}
	for i, s := range r.segs {
		if s.id.Class() != storage.Segment || s.first >= s.behind || len(s.dead) != (int(s.records)+7)/8 {
			return false
		}
		if i > 0 && s.first < r.segs[i-1].behind {
			return false
		}
	}
	if len(r.places) != len(r.segs) {
		return false
	}
	return r.writer.id != 0 && r.writer.reserved != 0
}
