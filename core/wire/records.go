package wire

import "strings"

// A RecordReader reads records one behind the other, without memory for all of them.
type RecordReader struct {
	in    Reader
	room  *Room
	dot   Dot // of the record before
	batch int // records of the current batch so far
}

// ReadRecords reads what ParseRecords parses. Keys and contexts go into room; nil: each has memory of its own.
func ReadRecords(b []byte, room *Room) RecordReader {
	return RecordReader{in: NewReader(b), room: room}
}

// Next reads the next record. It returns false at the end and where the records are malformed: Err tells which. The record's Value aliases the
// input.
func (x *RecordReader) Next(rec *Record) bool {
	if x.in.Len() == 0 {
		if x.batch > 0 {
			x.in.Fail()
		}
		return false
	}
	*rec = readRecord(&x.in, x.room)
	if x.batch > 0 && rec.Dot != x.dot || x.batch == MaxBatchOps {
		x.in.Fail()
	}
	x.dot = rec.Dot
	if x.batch++; !rec.More {
		x.batch = 0
	}
	return x.in.Err() == nil
}

// Err returns ErrMalformed if Next has met what is malformed.
func (x *RecordReader) Err() error { return x.in.Err() }

// Room is memory for the keys and contexts of many records, which are let go of together: as long as one of the keys is in use, all of
// them stay. What does not fit has memory of its own.
type Room struct {
	keys  strings.Builder
	pairs []Dot
}

// NewRoom makes room for all that was measured.
func NewRoom(m Measure) *Room {
	r := &Room{pairs: make([]Dot, 0, m.Pairs)}
	r.keys.Grow(m.KeyBytes)
	return r
}

// Text returns b as a string, in the room if it fits. A nil Room has no room.
func (r *Room) Text(b []byte) string {
	if r == nil || r.keys.Cap()-r.keys.Len() < len(b) {
		return string(b)
	}
	start := r.keys.Len()
	r.keys.Write(b)
	return r.keys.String()[start:]
}

// Context returns an empty context with room for n pairs. A nil Room has none: it is new memory.
func (r *Room) Context(n int) []Dot {
	if r == nil || cap(r.pairs)-len(r.pairs) < n {
		return make([]Dot, 0, n)
	}
	start := len(r.pairs)
	r.pairs = r.pairs[:start+n]
	return r.pairs[start : start : start+n]
}

// A Measure is how much there is in records.
type Measure struct{ Records, KeyBytes, Pairs int }

// Add measures records that stand one behind the other, as far as they are not cut off. It checks no other rule, and what it counts has room
// in b.
func (m *Measure) Add(b []byte) {
	for in := NewReader(b); in.Len() > 0; {
		in.Bytes(1 + 16 + 8)
		pairs := int(in.U16())
		in.Bytes(16 * pairs)
		key := in.LV(MaxKey)
		in.LV32(MaxValue)
		if in.Err() != nil {
			return
		}
		m.Records++
		m.KeyBytes += len(key)
		m.Pairs += pairs
	}
}
