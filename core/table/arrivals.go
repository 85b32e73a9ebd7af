package table

import (
	"math/bits"
	"sort"

	"github.com/masqdev/masq/core/wire"
)

// arrivals are the positions of a block's records, ascending, and which record in the order of keys has each.
type arrivals struct {
	positions []uint64
	order     []uint32 // nil: the order of keys is that of the positions
}

// arrivalsOf takes the positions in the order of keys. It panics when there is one twice: a caller's bug.
func arrivalsOf(positions []uint64) arrivals {
	if isSorted(positions) {
		return arrivals{positions: positions}.mustDiffer()
	}
	a := arrivals{order: make([]uint32, len(positions)), positions: make([]uint64, len(positions))}
	for i := range a.order {
		a.order[i] = uint32(i)
	}
	sort.Slice(a.order, func(i, j int) bool { return positions[a.order[i]] < positions[a.order[j]] })
	for i, ord := range a.order {
		a.positions[i] = positions[ord]
	}
	return a.mustDiffer()
}

func isSorted[T uint32 | uint64](list []T) bool {
	for i := range len(list) - 1 {
		if list[i] > list[i+1] {
			return false
		}
	}
	return true
}

func (a arrivals) mustDiffer() arrivals {
	for i := range a.positions[1:] {
		if a.positions[i] == a.positions[i+1] {
			panic("table: two records at one position")
		}
	}
	return a
}

// ordinal is which record in the order of keys has the i-th position.
func (a *arrivals) ordinal(i int) int {
	if a.order == nil {
		return i
	}
	return int(a.order[i])
}

// byOrdinal are the positions in the order of keys.
func (a *arrivals) byOrdinal() []uint64 {
	if a.order == nil {
		return a.positions
	}
	out := make([]uint64, len(a.positions))
	for i, ord := range a.order {
		out[ord] = a.positions[i]
	}
	return out
}

// rice is the parameter of the code of n − 1 gaps, less 1 each, that come to extra: the logarithm of their mean.
func rice(n int, extra uint64) int { return max(bits.Len64(extra/uint64(n-1))-1, 0) }

func (a *arrivals) append(b []byte) []byte {
	n := len(a.positions)
	b = wire.AppendVarint(b, a.positions[0])
	if n > 1 {
		span := a.positions[n-1] - a.positions[0]
		b = wire.AppendVarint(b, span)
		w, k := newBitWriter(b), rice(n, span-uint64(n-1))
		for i := range n - 1 {
			gap := a.positions[i+1] - a.positions[i] - 1
			w.unary(gap >> k)
			w.put(gap, k)
		}
		b = w.b
	}
	if a.order == nil {
		return append(b, 0)
	}
	w := newBitWriter(append(b, 1))
	for _, ord := range a.order {
		w.put(uint64(ord), bits.Len(uint(n-1)))
	}
	return w.b
}

// readArrivals takes those of n records off b, which ends with them.
func readArrivals(r *wire.Reader, n int) (a arrivals) {
	low := r.Varint()
	if n-1 > 8*r.Len() {
		r.Fail()
	}
	if r.Err() != nil {
		return a
	}
	a.positions = append(make([]uint64, 0, n), low)
	if n > 1 {
		a.readGaps(r, n)
	}
	switch shuffled := r.U8(); {
	case shuffled > 1:
		r.Fail()
	case shuffled == 1:
		a.readOrder(r, n)
	}
	return a
}

func (a *arrivals) readGaps(r *wire.Reader, n int) {
	span, pos := r.Varint(), a.positions[0]
	if r.Err() != nil || span < uint64(n-1) || pos+span < pos {
		r.Fail()
		return
	}
	rest := *r
	in, k, high := bitReader{b: rest.Bytes(r.Len())}, rice(n, span-uint64(n-1)), pos+span
	for range n - 1 {
		q := in.unary()
		if q > (high-pos)>>k {
			in.bad = true
			break
		}
		gap := q<<k | in.take(k)
		if gap >= high-pos {
			in.bad = true
			break
		}
		pos += gap + 1
		a.positions = append(a.positions, pos)
	}
	r.Bytes(in.end())
	if in.bad || pos != high {
		r.Fail()
	}
}

func (a *arrivals) readOrder(r *wire.Reader, n int) {
	in, width := bitReader{b: r.Bytes(r.Len())}, bits.Len(uint(n-1))
	if n*width > in.left() {
		r.Fail()
		return
	}
	a.order = make([]uint32, n)
	seen := make([]bool, n)
	for i := range a.order {
		ord := in.take(width)
		if ord >= uint64(n) || seen[ord] {
			r.Fail()
			return
		}
		a.order[i], seen[ord] = uint32(ord), true
	}
	if in.end() != len(in.b) || in.bad || isSorted(a.order) {
		r.Fail()
	}
}

// spread is what the length of arrivals depends on.
type spread struct {
	n               int
	low, high, last uint64
	shuffled        bool
}

func (s *spread) add(pos uint64) {
	if s.n == 0 {
		s.low, s.high = pos, pos
	}
	s.shuffled = s.shuffled || s.n > 0 && pos < s.last
	s.n, s.low, s.high, s.last = s.n+1, min(s.low, pos), max(s.high, pos), pos
}

// bytes is how long the arrivals are at most: they may be shorter by one bit a record.
func (s *spread) bytes() int {
	n := varintSize(s.low) + 1
	if s.n > 1 {
		extra := s.high - s.low - uint64(s.n-1)
		k := rice(s.n, extra)
		n += varintSize(s.high-s.low) + ((s.n-1)*(k+1)+int(extra>>k)+7)/8
	}
	if s.shuffled {
		n += (s.n*bits.Len(uint(s.n-1)) + 7) / 8
	}
	return n
}

func varintSize(v uint64) int { return (bits.Len64(v|1) + 6) / 7 }
