package table

import (
	"sort"

	"github.com/masqdev/masq/core/compact"
	"github.com/masqdev/masq/core/wire"
)

const headFormat = 1

// A Head is a block's head, parsed: where each key and each position of the block is.
type Head struct {
	Label []byte // as Options had it

	writers  []uint64
	sections []section
	arrivals
	byKey []uint64 // positions in the order of keys; nil: not made yet
}

// section is what the head says of one.
type section struct {
	start    int // how many records the sections before have
	records  int
	length   int // of what is in it
	inflated int // 0: it is not deflated
	first    string
}

// Place is where a record of a block is: the i-th version of a section.
type Place struct {
	Pos        uint64
	Section, I int
}

func appendHead(b []byte, label []byte, writers *compact.Writers, sections []section, a *arrivals) []byte {
	b = wire.AppendVarBytes(append(b, headFormat), label)
	b = wire.AppendVarint(writers.Append(b), uint64(len(sections)))
	for _, s := range sections {
		b = s.append(b)
	}
	return a.append(b)
}

func (s *section) append(b []byte) []byte {
	b = wire.AppendVarint(wire.AppendVarint(b, uint64(s.records)), uint64(s.length))
	return wire.AppendVarBytes(wire.AppendVarint(b, uint64(s.inflated)), []byte(s.first))
}

// size is how many bytes append appends at most.
func (s *section) size() int { return 3 + 5 + 3 + 2 + len(s.first) }

// ParseHead parses a block's head. It keeps b.
func ParseHead(b []byte) (*Head, error) {
	r := wire.NewReader(b)
	if r.U8() != headFormat {
		r.Fail()
	}
	h := &Head{Label: r.VarBytes(MaxLabel)}
	h.writers = compact.ReadWriters(&r)
	n := r.Varint()
	if n == 0 || n > uint64(r.Len())/4 {
		return nil, ErrMalformed
	}
	h.sections = make([]section, n)
	records := 0
	for i := range h.sections {
		s := &h.sections[i]
		s.start = records
		s.read(&r, 8*len(b)-records)
		records += s.records
		if i > 0 && s.first <= h.sections[i-1].first {
			r.Fail()
		}
	}
	if r.Err() != nil {
		return nil, ErrMalformed
	}
	h.arrivals = readArrivals(&r, records)
	return h, r.Done()
}

// read takes a section off r. It has at most limit records.
func (s *section) read(r *wire.Reader, limit int) {
	s.records, s.length, s.inflated = number(r, limit), number(r, maxBlock), number(r, maxInflated)
	s.first = string(r.VarBytes(wire.MaxKey))
	if s.records == 0 || s.length == 0 || s.first == "" {
		r.Fail()
	}
}

// number takes a number that is at most limit.
func number(r *wire.Reader, limit int) int {
	n := r.Varint()
	if limit < 0 || n > uint64(limit) {
		r.Fail()
		return 0
	}
	return int(n)
}

// Sections is how many sections there are, at least one.
func (h *Head) Sections() int { return len(h.sections) }

// Records is how many records there are.
func (h *Head) Records() int { return len(h.positions) }

// First is what no key of the i-th section is before, and every key of earlier ones.
func (h *Head) First(i int) string { return h.sections[i].first }

// Find is the section that may have a key; the first, if the key is before all.
func (h *Head) Find(key string) int {
	return max(sort.Search(len(h.sections), func(i int) bool { return h.sections[i].first > key })-1, 0)
}

// Arrivals appends where the records with a position from low on and below high are, positions ascending.
func (h *Head) Arrivals(out []Place, low, high uint64) []Place {
	i := sort.Search(len(h.positions), func(i int) bool { return h.positions[i] >= low })
	for ; i < len(h.positions) && h.positions[i] < high; i++ {
		ord := h.ordinal(i)
		n := sort.Search(len(h.sections), func(n int) bool { return h.sections[n].start > ord }) - 1
		out = append(out, Place{Pos: h.positions[i], Section: n, I: ord - h.sections[n].start})
	}
	return out
}

// positionsOf are the positions of a section's records.
func (h *Head) positionsOf(s *section) []uint64 {
	if h.byKey == nil {
		h.byKey = h.byOrdinal()
	}
	return h.byKey[s.start : s.start+s.records]
}
