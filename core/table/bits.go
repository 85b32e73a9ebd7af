package table

import "math/bits"

// bitWriter appends bits to bytes, lowest first.
type bitWriter struct {
	b    []byte
	used int // bits of the last byte; 8: all
}

func newBitWriter(b []byte) *bitWriter { return &bitWriter{b: b, used: 8} }

func (w *bitWriter) put(v uint64, width int) {
	for width > 0 {
		if w.used == 8 {
			w.b, w.used = append(w.b, 0), 0
		}
		n := min(8-w.used, width)
		w.b[len(w.b)-1] |= byte(v&(1<<n-1)) << w.used
		v, width, w.used = v>>n, width-n, w.used+n
	}
}

// unary puts q ones and a zero.
func (w *bitWriter) unary(q uint64) {
	for ; q >= 32; q -= 32 {
		w.put(1<<32-1, 32)
	}
	w.put(1<<q-1, int(q)+1)
}

// bitReader takes bits off bytes. Behind the end it reads zeros and is bad.
type bitReader struct {
	b   []byte
	at  int // bits
	bad bool
}

func (r *bitReader) left() int { return 8*len(r.b) - r.at }

func (r *bitReader) take(width int) (v uint64) {
	if width > r.left() {
		r.bad = true
		return 0
	}
	for got := 0; got < width; {
		n := min(8-r.at%8, width-got)
		v |= uint64(r.b[r.at/8]>>(r.at%8)&(1<<n-1)) << got
		got, r.at = got+n, r.at+n
	}
	return v
}

func (r *bitReader) unary() (q uint64) {
	for r.left() > 0 {
		rest := r.b[r.at/8] >> (r.at % 8)
		ones := min(bits.TrailingZeros8(^rest), 8-r.at%8)
		q, r.at = q+uint64(ones), r.at+ones
		if r.at%8 != 0 || ones == 0 {
			r.at++ // the zero
			return q
		}
	}
	r.bad = true
	return 0
}

// end skips to the next whole byte and returns how many there were. What is skipped has to be zeros.
func (r *bitReader) end() int {
	if n := (8 - r.at%8) % 8; r.take(n) != 0 {
		r.bad = true
	}
	return r.at / 8
}
