package compact

import (
	"slices"
	"sort"

	"github.com/masqdev/masq/core/wire"
)

// A Decoder reads records one behind the other.
type Decoder struct {
	in      wire.Reader
	limits  Limits
	room    *wire.Room
	writers []uint64
	used    int // of them, so far; all, where they stand elsewhere
	lasts   []last

	n     int      // records so far
	size  int      // of them
	dot   wire.Dot // of the record before, as what follows
	time  uint64
	key   []byte
	block uint64
	batch int // records of the current batch so far
}

// NewDecoder reads the sequence b. Keys and contexts go into room; nil: each has memory of its own.
func NewDecoder(b []byte, l Limits, room *wire.Room) *Decoder {
	d := &Decoder{in: wire.NewReader(b), limits: l, room: room}
	d.writers = ReadWriters(&d.in)
	d.lasts = make([]last, len(d.writers))
	return d
}

// NewBodyDecoder reads a body whose writers stand elsewhere: see NewEncoder. It does not check that they are all used, nor that they differ.
func NewBodyDecoder(writers []uint64, b []byte, l Limits, room *wire.Room) *Decoder {
	return &Decoder{in: wire.NewReader(b), limits: l, room: room, writers: writers, used: len(writers), lasts: make([]last, len(writers))}
}

// ReadWriters takes writers off r, which are to differ.
func ReadWriters(r *wire.Reader) []uint64 {
	n := r.Varint()
	if n > uint64(r.Len())/8 {
		r.Fail()
		return nil
	}
	list := make([]uint64, n)
	for i := range list {
		list[i] = r.U64()
	}
	if !differ(list) {
		r.Fail()
	}
	return list
}

func differ(ids []uint64) bool {
	if len(ids) < 2 {
		return true
	}
	ids = slices.Clone(ids)
	sort.Slice(ids, func(i, j int) bool { return ids[i] < ids[j] })
	for i, id := range ids[1:] {
		if id == ids[i] {
			return false
		}
	}
	return true
}

// Err returns wire.ErrMalformed if Next has met what is malformed, or beyond the limits.
func (d *Decoder) Err() error { return d.in.Err() }

// Next reads the next record. It returns false at the end and where the sequence is malformed: Err tells which. Value and Extra alias the
// input.
func (d *Decoder) Next(rec *Record) bool {
	if d.in.Len() == 0 {
		if d.used < len(d.writers) {
			d.in.Fail()
		}
		return false
	}
	flags := d.in.U8()
	*rec = Record{}
	rec.Kind, rec.Hearsay, rec.Abridged = wire.Kind(flags&kindBits), flags&hearsayFlag != 0, flags&abridgedFlag != 0
	if d.n++; d.n > d.limits.Records || rec.Kind > wire.Bytes || flags&placeFlag != 0 && (rec.Kind == wire.Deleted || !d.limits.Places) {
		d.in.Fail()
	}
	d.readDot(rec, flags&sameFlag != 0)
	d.readKey(rec)
	if flags&contextFlag != 0 {
		d.readContext(rec)
	}
	if flags&extraFlag != 0 {
		if rec.Extra = d.in.VarBytes(MaxExtra); len(rec.Extra) == 0 {
			d.in.Fail()
		}
	}
	switch {
	case flags&placeFlag != 0:
		d.readPlace(&rec.Place)
	case rec.Kind != wire.Deleted:
		rec.Value = d.in.VarBytes(wire.MaxValue)
	}
	if d.size += Size(rec); d.size > d.limits.Bytes {
		d.in.Fail()
	}
	if d.limits.Batches {
		d.readBatch(rec)
	}
	return d.in.Err() == nil
}

func (d *Decoder) readDot(rec *Record, same bool) {
	if same {
		if d.n == 1 {
			d.in.Fail()
		}
		rec.Dot, rec.Time = d.dot, d.time
		return
	}
	i := d.writer(d.in.Varint())
	seq, time := unzigzag(d.in.Varint()), d.time+unzigzag(d.in.Varint())
	if d.in.Err() != nil {
		return
	}
	rec.Dot, rec.Time = wire.Dot{Writer: d.writers[i], Seq: d.lasts[i].dot + seq}, time
	if !isNumber(rec.Dot.Seq) || d.n > 1 && rec.Dot == d.dot && time == d.time {
		d.in.Fail()
	}
	d.lasts[i].dot, d.dot, d.time = rec.Dot.Seq, rec.Dot, time
}

// isNumber reports whether a writer can have used a number.
func isNumber(seq uint64) bool { return seq>>wire.BlockBits > 0 && seq < wire.BlockOnly }

// writer is the i-th writer's index. The first use of each is in the order of the list.
func (d *Decoder) writer(i uint64) int {
	switch {
	case i < uint64(d.used):
	case i == uint64(d.used) && d.used < len(d.writers):
		d.used++
	default:
		d.in.Fail()
		return 0
	}
	return int(i)
}

func (d *Decoder) readKey(rec *Record) {
	shared := d.upTo(uint64(len(d.key)))
	rest := d.in.VarBytes(wire.MaxKey - int(shared))
	if len(rest) > 0 && shared < uint64(len(d.key)) && rest[0] == d.key[shared] {
		d.in.Fail() // one more is shared
	}
	if d.key = append(d.key[:shared], rest...); !d.fits(len(d.key)) {
		return
	}
	if rec.Key = d.room.Text(d.key); !wire.ValidKey(rec.Key) {
		d.in.Fail()
	}
}

// fits reports whether n more bytes are within the limits, before there is memory for them.
func (d *Decoder) fits(n int) bool {
	if n > d.limits.Bytes-d.size {
		d.in.Fail()
	}
	return d.in.Err() == nil
}

func (d *Decoder) readContext(rec *Record) {
	n := int(d.upTo(wire.MaxContext))
	if n == 0 || 2*n > d.in.Len() {
		d.in.Fail()
	}
	if !d.fits(16 * n) {
		return
	}
	rec.Context = d.room.Context(n)
	for k := range n {
		x := d.in.Varint()
		i, delta := d.writer(x>>1), unzigzag(d.in.Varint())
		if d.in.Err() != nil {
			return
		}
		l := &d.lasts[i]
		l.pair = l.base() + delta
		p := wire.Dot{Writer: d.writers[i], Seq: l.pair | x<<63}
		if !isNumber(l.pair) || k > 0 && !wire.Follows(rec.Context[k-1], p) {
			d.in.Fail()
			return
		}
		rec.Context = append(rec.Context, p)
	}
}

func (d *Decoder) readPlace(p *Place) {
	p.Block = d.block + unzigzag(d.in.Varint())
	p.Offset, p.Length = uint32(d.upTo(1<<32-1)), uint32(d.upTo(wire.MaxValue))
	copy(p.Term[:], d.in.Bytes(len(p.Term)))
	if p.Block > MaxBlockNumber || p.Length == 0 {
		d.in.Fail()
	}
	d.block = p.Block
}

// readBatch sees whether the next record belongs to the same batch.
func (d *Decoder) readBatch(rec *Record) {
	if d.batch++; d.batch > wire.MaxBatchOps {
		d.in.Fail()
	}
	if rec.More = d.continues(); !rec.More {
		d.batch = 0
	}
}

// continues reports whether the next record has the dot of the one before.
func (d *Decoder) continues() bool {
	if d.in.Len() == 0 {
		return false
	}
	next := d.in
	if next.U8()&sameFlag != 0 {
		return true
	}
	i, delta := next.Varint(), next.Varint()
	return next.Err() == nil && delta == 0 && i < uint64(d.used) && d.writers[i] == d.dot.Writer
}

func (d *Decoder) upTo(limit uint64) uint64 {
	n := d.in.Varint()
	if n > limit {
		d.in.Fail()
		return 0
	}
	return n
}

// Measure is how much there is in the sequence b, as far as it keeps the limits and is not cut off. It checks no other rule, and what it
// counts has room in the limits.
func Measure(b []byte, l Limits) wire.Measure {
	in := wire.NewReader(b)
	in.Bytes(8 * int(min(in.Varint(), uint64(len(b)))))
	return measure(in, l)
}

// MeasureBody is Measure for a body whose writers stand elsewhere.
func MeasureBody(b []byte, l Limits) wire.Measure { return measure(wire.NewReader(b), l) }

func measure(in wire.Reader, l Limits) (m wire.Measure) {
	key := uint64(0)
	for in.Len() > 0 && m.Records < l.Records {
		flags := in.U8()
		if flags&sameFlag == 0 {
			skip(&in, 3)
		}
		shared, rest := in.Varint(), len(in.VarBytes(wire.MaxKey))
		if shared > key {
			return m
		}
		key = shared + uint64(rest)
		pairs := uint64(0)
		if flags&contextFlag != 0 {
			pairs = min(in.Varint(), uint64(in.Len()))
			skip(&in, 2*pairs)
		}
		if flags&extraFlag != 0 {
			in.VarBytes(wire.MaxValue)
		}
		switch {
		case flags&placeFlag != 0:
			skip(&in, 3)
			in.Bytes(16)
		case flags&kindBits != byte(wire.Deleted):
			in.VarBytes(wire.MaxValue)
		}
		if in.Err() != nil || key > wire.MaxKey || m.KeyBytes+16*m.Pairs+int(key)+16*int(pairs) > l.Bytes {
			return m
		}
		m.Records++
		m.KeyBytes += int(key)
		m.Pairs += int(pairs)
	}
	return m
}

// skip skips n numbers.
func skip(in *wire.Reader, n uint64) {
	for ; n > 0 && in.Err() == nil; n-- {
		in.Varint()
	}
}
