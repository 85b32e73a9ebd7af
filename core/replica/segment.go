package replica

import (
	"errors"
	"math/bits"
	"slices"

	"github.com/masqdev/masq/core/ledger"
	"github.com/masqdev/masq/core/storage"
	"github.com/masqdev/masq/core/wire"
)

// segmentBytes is about how long a value segment is. A batch is never split, so that one may be longer. Together with its head and
// what goes beyond, a segment is mostly below 64 KiB: Chromium keeps larger values in files of their own, which makes them take
// more than twice as long to write and to read.
var segmentBytes = 52 << 10 // a variable for the tests, which want many

// segment is a value segment as its directory has it. The block is:
//
//	format u8 = 1 ‖ n u32 ‖ (position − first) u32*n ‖ record*n
type segment struct {
	id            storage.ID
	first, behind uint64 // positions of its records
	records       uint32
	bytes         uint32 // of the records
	live          uint32 // of those, what is not superseded
	count         uint32 // and how many those are; not stored
	dead          []byte // a bit a record
	writers       []writerRange

	hurt bool           // it was found damaged: see damage
	ruin *parsedSegment // what the index says of it then, once it was surveyed
}

// writerRange is which of a writer's sequence numbers a segment has, at most.
type writerRange struct{ writer, low, high uint64 }

const (
	segmentFormat = 1
	minRecord     = 1 + 16 + 8 + 2 + 2 + 1 + 4 // bytes of a record
)

func (s *segment) isDead(ord uint32) bool { return s.dead[ord/8]&(1<<(ord%8)) != 0 }

func (s *segment) kill(ord, size uint32) {
	if ord < s.records && !s.isDead(ord) {
		s.dead[ord/8] |= 1 << (ord % 8)
		s.live -= min(size, s.live)
		s.count--
	}
}

// countAfter estimates how many of the records that count lie at pos or behind it.
func (s *segment) countAfter(pos uint64) uint64 {
	switch n := uint64(s.count); {
	case pos <= s.first:
		return n
	case pos >= s.behind || n == 0:
		return 0
	default:
		return max(1, n*(s.behind-pos)/(s.behind-s.first))
	}
}

// lackedBy reports whether a device with this vector may lack records of the segment.
func (s *segment) lackedBy(v wire.Vector) bool {
	return slices.ContainsFunc(s.writers, func(w writerRange) bool { return w.lackedBy(v) })
}

func (w writerRange) lackedBy(v wire.Vector) bool {
	e := v.Of(w.writer)
	return e.Settled < w.high && (w.low>>wire.BlockBits != w.high>>wire.BlockBits || !e.Covers(w.high))
}

func (s *segment) append(b []byte) []byte {
	b = wire.AppendU64(wire.AppendU64(wire.AppendU64(b, uint64(s.id)), s.first), s.behind)
	b = wire.AppendU32(wire.AppendU32(wire.AppendU32(b, s.records), s.bytes), s.live)
	b = wire.AppendLV32(b, s.dead)
	b = wire.AppendU16(b, uint16(len(s.writers)))
	for _, w := range s.writers {
		b = wire.AppendU64(wire.AppendU64(wire.AppendU64(b, w.writer), w.low), w.high)
	}
	return b
}

func readSegment(in *wire.Reader) *segment {
	s := &segment{id: storage.ID(in.U64()), first: in.U64(), behind: in.U64()}
	s.records, s.bytes, s.live = in.U32(), in.U32(), in.U32()
	s.dead = slices.Clone(in.LV32(storage.MaxBlock))
	s.count = s.records
	for _, b := range s.dead {
		s.count -= min(s.count, uint32(bits.OnesCount8(b)))
	}
	for n := in.U16(); n > 0 && in.Err() == nil; n-- {
		s.writers = append(s.writers, writerRange{in.U64(), in.U64(), in.U64()})
	}
	return s
}

// segmentOf finds a segment.
func (r *Replica) segmentOf(id storage.ID) *segment { return r.places[id] }

// setSegments goes over to other segments, by position.
func (r *Replica) setSegments(segs []*segment) {
	r.segs, r.places = segs, make(map[storage.ID]*segment, len(segs))
	for _, s := range segs {
		r.places[s.id] = s
	}
	r.damage.recount(segs)
}

// segmentWriter gathers records into segments.
type segmentWriter struct {
	r    *Replica
	out  []*segment
	seg  *segment
	pos  []uint64
	body []byte
	vs   []*version // whose loc is set when the segment is written
}

// add takes one record, its version at a new place. It keeps its position. The last of a batch may close the segment.
func (w *segmentWriter) add(v *version, value []byte) {
	if w.seg == nil {
		w.seg = &segment{first: v.pos}
	}
	v.setTerm(value)
	rec := v.record(value)
	off := len(w.body)
	w.body = wire.AppendRecord(w.body, &rec)
	v.loc = location{off: uint32(off), size: uint32(len(w.body) - off), ord: uint32(len(w.pos))}
	w.pos = append(w.pos, v.pos)
	w.vs = append(w.vs, v)
	w.seg.note(v.dot)
	if len(w.body) >= segmentBytes && !v.more {
		w.close()
	}
}

func (s *segment) note(d wire.Dot) {
	for i := range s.writers {
		if x := &s.writers[i]; x.writer == d.Writer {
			x.low, x.high = min(x.low, d.Seq), max(x.high, d.Seq)
			return
		}
	}
	s.writers = append(s.writers, writerRange{d.Writer, d.Seq, d.Seq})
}

func (w *segmentWriter) close() {
	s := w.seg
	if s == nil {
		return
	}
	n := len(w.pos)
	s.behind = w.pos[n-1] + 1
	s.records, s.count, s.bytes, s.live = uint32(n), uint32(n), uint32(len(w.body)), uint32(len(w.body))
	s.dead = make([]byte, (n+7)/8)
	head := wire.AppendU32([]byte{segmentFormat}, uint32(n))
	for _, p := range w.pos {
		head = wire.AppendU32(head, uint32(p-s.first))
	}
	s.id = w.r.led.AddBlock(storage.Segment, append(head, w.body...))
	for _, v := range w.vs {
		v.loc.seg = s.id
		v.value = nil
		v.loc.off += uint32(len(head))
	}
	*w = segmentWriter{r: w.r, out: append(w.out, s)}
}

// segmentBlock returns a segment's block, in a format that is known.
func (r *Replica) segmentBlock(id storage.ID) (*ledger.Block, error) {
	b, err := r.led.Block(id)
	if err != nil {
		return nil, err
	}
	if len(b.Data) == 0 {
		return nil, ledger.ErrDamaged
	}
	return b, checkFormat(b.Data[0], segmentFormat)
}

// value reads the record's value from its segment's block.
func (l location) value(b *ledger.Block) ([]byte, error) {
	if uint64(l.off)+uint64(l.size) > uint64(len(b.Data)) {
		return nil, ledger.ErrDamaged
	}
	in := wire.NewReader(b.Data[l.off : l.off+l.size])
	value := wire.ReadValue(&in)
	if in.Done() != nil {
		return nil, ledger.ErrDamaged
	}
	return value, nil
}

// parsedSegment is a segment's records, with their positions.
type parsedSegment struct {
	pos  []uint64
	recs []wire.Record
	ords []uint32 // which of the segment's they are; nil: all
	lost []bool   // their values cannot be read; nil: they all can
}

func (p *parsedSegment) ord(i int) uint32 {
	if p.ords == nil {
		return uint32(i)
	}
	return p.ords[i]
}

func (p *parsedSegment) isLost(i int) bool { return p.lost != nil && p.lost[i] }

// wholeOf reads all records of a segment.
func (r *Replica) wholeOf(s *segment) (*parsedSegment, error) {
	b, err := r.led.Block(s.id)
	if err != nil {
		return nil, err
	}
	if p, ok := b.Parsed.(*parsedSegment); ok {
		return p, nil
	}
	p, err := parseSegment(b.Data, s.first)
	if err != nil {
		return nil, err
	}
	if len(p.recs) != int(s.records) {
		return nil, ledger.ErrDamaged
	}
	r.led.Keep(b, p, 128*len(p.recs))
	return p, nil
}

// segmentError is err as it is about a segment: damage is noted.
func (r *Replica) segmentError(id storage.ID, err error) error {
	if !errors.Is(err, ledger.ErrDamaged) {
		return err
	}
	if s := r.segmentOf(id); s != nil {
		r.hurts(s)
	}
	return ErrLost
}

func parseSegment(b []byte, first uint64) (*parsedSegment, error) {
	in := wire.NewReader(b)
	if err := checkFormat(in.U8(), segmentFormat); err != nil {
		return nil, err
	}
	n := int(in.U32())
	if in.Len() < n*(4+minRecord) {
		return nil, ledger.ErrDamaged
	}
	p := &parsedSegment{pos: make([]uint64, n), recs: make([]wire.Record, 0, n)}
	for i := range p.pos {
		p.pos[i] = first + uint64(in.U32())
		if i > 0 && p.pos[i] <= p.pos[i-1] {
			return nil, ledger.ErrDamaged
		}
	}
	for range n {
		rec := wire.ReadRecord(&in)
		if in.Err() != nil {
			return nil, ledger.ErrDamaged
		}
		p.recs = append(p.recs, rec)
	}
	if in.Done() != nil {
		return nil, ledger.ErrDamaged
	}
	return p, nil
}
