package wire

import (
	"slices"
	"unicode/utf8"
)

// A Dot names one write: the seq-th of a writer. The zero Dot names none.
type Dot struct {
	Writer uint64 // random, of one replica
	Seq    uint64 // reserved in blocks of 1<<BlockBits
}

// Kind says what a record's value is.
type Kind uint8

// The kinds of a value, as they stand in a record's flags.
const (
	Deleted Kind = 0 // no value: a tombstone
	JSON    Kind = 1 // UTF-8 JSON text, opaque to the engine
	Bytes   Kind = 2
)

// A Record is one write to one key. Records of a batch share a Dot and stand next to each other.
type Record struct {
	Dot     Dot
	Time    uint64 // Unix ms, as its writer saw it
	Context []Dot  // what the write had seen of this key, in pairs; see BlockOnly
	Key     string // 1 to MaxKey bytes of UTF-8, no U+0000
	Kind    Kind
	Value   []byte // at most MaxValue; empty when Deleted
	More    bool   // the next record belongs to the same batch
	Hearsay bool   // whoever has it got it neither from its writer's device nor from a full one

	Abridged bool // Context leaves out writers that the write had seen
}

const (
	moreFlag     = 1 << 2
	hearsayFlag  = 1 << 3
	abridgedFlag = 1 << 4
	allFlags     = 1<<5 - 1
)

// BlockOnly is set in the Seq of a pair of a context that speaks only of its own block of numbers: from the block's first up to Seq.
// Without it a pair speaks of everything up to Seq. A context has for each writer at most one pair without BlockOnly, then one for
// each block behind that pair's, ascending.
//
// The difference matters where blocks are not settled: who names a later number may not have seen all of them.
const BlockOnly = 1 << 63

// usualRecord is about how long most records are, encoded.
const usualRecord = 128

// RecordSize is how many bytes AppendRecord appends for r.
func RecordSize(r *Record) int {
	return 1 + 16 + 8 + 2 + 16*len(r.Context) + 2 + len(r.Key) + 4 + len(r.Value)
}

// AppendRecord appends r in its one form. Whether r keeps the limits is the caller's to see to: what does not is appended all
// the same, but not read again.
func AppendRecord(b []byte, r *Record) []byte {
	flags := byte(r.Kind)
	if r.More {
		flags |= moreFlag
	}
	if r.Hearsay {
		flags |= hearsayFlag
	}
	if r.Abridged {
		flags |= abridgedFlag
	}
	b = appendDot(append(b, flags), r.Dot)
	b = AppendU64(b, r.Time)
	b = AppendU16(b, uint16(len(r.Context)))
	for _, d := range r.Context {
		b = appendDot(b, d)
	}
	b = AppendLV(b, []byte(r.Key))
	return AppendLV32(b, r.Value)
}

// ReadRecord takes one record off r. Its Value aliases the input.
func ReadRecord(r *Reader) Record { return readRecord(r, nil) }

func readRecord(r *Reader, room *Room) Record {
	var rec Record
	flags := r.U8()
	rec.Kind, rec.More, rec.Hearsay, rec.Abridged = Kind(flags&3), flags&moreFlag != 0, flags&hearsayFlag != 0, flags&abridgedFlag != 0
	rec.Dot = readDot(r)
	rec.Time = r.U64()
	n := int(r.U16())
	if flags > allFlags || rec.Kind > Bytes || rec.Dot.Seq>>BlockBits == 0 || rec.Dot.Seq >= BlockOnly || n > MaxContext {
		r.Fail()
		return Record{}
	}
	if n > 0 && r.Len() >= 16*n {
		rec.Context = room.Context(n)
	}
	for i := 0; i < n && r.Err() == nil; i++ {
		d := readDot(r)
		if block(d) == 0 || i > 0 && !Follows(rec.Context[i-1], d) {
			r.Fail()
			return Record{}
		}
		rec.Context = append(rec.Context, d)
	}
	rec.Key = room.Text(r.LV(MaxKey))
	rec.Value = r.LV32(MaxValue)
	if !ValidKey(rec.Key) || rec.Kind == Deleted && len(rec.Value) > 0 {
		r.Fail()
		return Record{}
	}
	return rec
}

// ReadValue reads a record and returns its value alone, of which it aliases the bytes. It looks at nothing else: for records that
// were read before they were kept.
func ReadValue(r *Reader) []byte {
	r.Bytes(1 + 16 + 8)
	r.Bytes(16 * int(r.U16()))
	r.LV(MaxKey)
	return r.LV32(MaxValue)
}

// ParseRecords parses records one behind the other. The last one's More is false. Values alias b.
func ParseRecords(b []byte) ([]Record, error) {
	out := make([]Record, 0, len(b)/usualRecord+1)
	in := ReadRecords(b, nil)
	for rec := (Record{}); in.Next(&rec); {
		out = append(out, rec)
	}
	if in.Err() != nil {
		return nil, ErrMalformed
	}
	return out, nil
}

// ValidKey reports whether k may be a key: 1 to MaxKey bytes of UTF-8 without U+0000.
func ValidKey(k string) bool {
	if len(k) == 0 || len(k) > MaxKey || !utf8.ValidString(k) {
		return false
	}
	for i := range len(k) {
		if k[i] == 0 {
			return false
		}
	}
	return true
}

// Sees reports whether context reaches d: whether a write with it had seen d.
func Sees(context []Dot, d Dot) bool {
	for i := placeOf(context, d.Writer); i < len(context) && context[i].Writer == d.Writer; i++ {
		p := context[i]
		if p.Seq&^BlockOnly >= d.Seq && (p.Seq < BlockOnly || block(p) == block(d)) {
			return true
		}
	}
	return false
}

// block is the block of a dot's number, or of a pair's.
func block(d Dot) uint64 { return (d.Seq &^ BlockOnly) >> BlockBits }

// Follows reports whether the pair d may stand behind the pair p in a context.
func Follows(p, d Dot) bool {
	if p.Writer != d.Writer {
		return p.Writer < d.Writer
	}
	return d.Seq >= BlockOnly && block(d) > block(p)
}

func appendDot(b []byte, d Dot) []byte { return AppendU64(AppendU64(b, d.Writer), d.Seq) }

// ContextReaches reports whether a context reaches all that another one does: whether who wrote with it had seen all that the other's
// writer had.
func ContextReaches(context, other []Dot) bool {
	for _, p := range other {
		if !reachesPair(context, p) {
			return false
		}
	}
	return true
}

// ReachesNamed is ContextReaches for a context that is abridged: of writers that it does not name, the other one may say anything.
func ReachesNamed(context, other []Dot) bool {
	for _, p := range other {
		if i := placeOf(context, p.Writer); i < len(context) && context[i].Writer == p.Writer && !reachesPair(context, p) {
			return false
		}
	}
	return true
}

// NamesAll reports whether a context names every writer that another one does.
func NamesAll(context, other []Dot) bool {
	for _, p := range other {
		if i := placeOf(context, p.Writer); i == len(context) || context[i].Writer != p.Writer {
			return false
		}
	}
	return true
}

// placeOf is where the pairs of a writer begin in a context.
func placeOf(context []Dot, writer uint64) int {
	i, _ := slices.BinarySearchFunc(context, writer, func(a Dot, w uint64) int { return cmpU64(a.Writer, w) })
	return i
}

func reachesPair(context []Dot, p Dot) bool {
	if p.Seq >= BlockOnly {
		return Sees(context, Dot{Writer: p.Writer, Seq: p.Seq &^ BlockOnly})
	}
	i := placeOf(context, p.Writer)
	return i < len(context) && context[i].Writer == p.Writer && context[i].Seq < BlockOnly && context[i].Seq >= p.Seq
}

func readDot(r *Reader) Dot { return Dot{Writer: r.U64(), Seq: r.U64()} }

func cmpU64(a, b uint64) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}
