package wire

import "slices"

// A Hash runs over one reserved block of a writer's sequence numbers; see core/PROTOCOL.md, "Data".
type Hash [8]byte

// A Tail says "in this block, up to Seq".
type Tail struct {
	Seq  uint64
	Hash Hash
}

// An Element is what a vector says of one writer.
type Element struct {
	Writer  uint64
	Settled uint64 // everything up to here
	Tails   []Tail // and in each of these blocks up to Seq; blocks ascending, all above Settled's
}

// A Vector says "I have every record of these writers up to here". Writers ascend. The zero Vector has nothing. Its
// elements are shared between copies: Join and Set replace an element's Tails and never write into them.
type Vector []Element

func (v Vector) find(writer uint64) (int, bool) {
	return slices.BinarySearchFunc(v, writer, func(e Element, w uint64) int { return cmpU64(e.Writer, w) })
}

// Of returns the element of a writer, a zero one if there is none.
func (v Vector) Of(writer uint64) Element {
	if i, ok := v.find(writer); ok {
		return v[i]
	}
	return Element{Writer: writer}
}

// Covers reports whether d is among what v has.
func (v Vector) Covers(d Dot) bool {
	i, ok := v.find(d.Writer)
	return ok && v[i].Covers(d.Seq)
}

// Covers reports whether seq is among what e has.
func (e Element) Covers(seq uint64) bool { return seq <= e.Settled || seq <= e.tail(seq>>BlockBits) }

// tail is how far e's tail in a block reaches, 0 if it has none there.
func (e Element) tail(block uint64) uint64 {
	i, ok := slices.BinarySearchFunc(e.Tails, block, func(t Tail, b uint64) int { return cmpU64(t.Seq>>BlockBits, b) })
	if !ok {
		return 0
	}
	return e.Tails[i].Seq
}

// Reach is the highest sequence number of a block that e has, less than the block's first if it has none of it.
func (e Element) Reach(block uint64) uint64 {
	last := (block+1)<<BlockBits - 1 // of the last block of all, too: the sum wraps around
	return max(min(e.Settled, last), e.tail(block))
}

// CoversAll reports whether v has everything that o has: joining o would change nothing of what v covers. What o has settled
// must be settled in v, too.
func (v Vector) CoversAll(o Vector) bool {
	for _, e := range o {
		if mine := v.Of(e.Writer); !mine.coversAll(&e) {
			return false
		}
	}
	return true
}

// Same reports whether v and o cover the same.
func (v Vector) Same(o Vector) bool { return v.CoversAll(o) && o.CoversAll(v) }

func (e *Element) coversAll(o *Element) bool {
	if o.Settled > e.Settled {
		return false
	}
	tails := e.Tails
	for _, t := range o.Tails {
		for len(tails) > 0 && tails[0].Seq>>BlockBits < t.Seq>>BlockBits {
			tails = tails[1:]
		}
		if t.Seq > e.Settled && (len(tails) == 0 || tails[0].Seq>>BlockBits != t.Seq>>BlockBits || tails[0].Seq < t.Seq) {
			return false
		}
	}
	return true
}

// Join returns what v and o have together. Neither is changed. Where both have a tail of one length, the hash is v's.
func (v Vector) Join(o Vector) Vector {
	if len(o) == 0 {
		return v
	}
	out := make(Vector, 0, max(len(v), len(o)))
	for len(v) > 0 && len(o) > 0 {
		switch a, b := v[0], o[0]; cmpU64(a.Writer, b.Writer) {
		case -1:
			out, v = append(out, a), v[1:]
		case 1:
			out, o = append(out, b), o[1:]
		default:
			out, v, o = append(out, join(a, b)), v[1:], o[1:]
		}
	}
	return append(append(out, v...), o...)
}

// WithTail is v joined with one tail of one writer.
func (v Vector) WithTail(writer uint64, t Tail) Vector {
	i, ok := v.find(writer)
	if !ok {
		return slices.Insert(slices.Clone(v), i, Element{Writer: writer, Tails: []Tail{t}})
	}
	e := v[i]
	last := len(e.Tails) - 1
	if last < 0 || t.Seq <= e.Tails[last].Seq || e.Tails[last].Seq>>BlockBits != t.Seq>>BlockBits {
		return v.Join(Vector{{Writer: writer, Tails: []Tail{t}}})
	}
	out := slices.Clone(v)
	out[i].Tails = slices.Clone(e.Tails)
	out[i].Tails[last] = t
	return out
}

// Since returns the elements of v that say something else than those of old.
func (v Vector) Since(old Vector) (out Vector) {
	for i := range v {
		for len(old) > 0 && old[0].Writer < v[i].Writer {
			old = old[1:]
		}
		if len(old) == 0 || !v[i].equal(&old[0]) {
			out = append(out, v[i])
		}
	}
	return out
}

func (e *Element) equal(o *Element) bool {
	return e.Writer == o.Writer && e.Settled == o.Settled && slices.Equal(e.Tails, o.Tails)
}

// Lacking returns the elements of v of which o lacks something.
func (v Vector) Lacking(o Vector) (out Vector) {
	for i := range v {
		if !o.CoversAll(v[i : i+1]) {
			out = append(out, v[i])
		}
	}
	return out
}

func join(a, b Element) Element {
	out := Element{Writer: a.Writer, Settled: max(a.Settled, b.Settled)}
	for _, t := range longest(a.Tails, b.Tails) {
		if t.Seq > out.Settled {
			out.Tails = append(out.Tails, t)
		}
	}
	return out
}

// longest returns, for each block of which a or b has a tail, the longer one; blocks ascending.
func longest(a, b []Tail) []Tail {
	var out []Tail
	for len(a) > 0 && len(b) > 0 {
		switch x, y := a[0], b[0]; cmpU64(x.Seq>>BlockBits, y.Seq>>BlockBits) {
		case -1:
			out, a = append(out, x), a[1:]
		case 1:
			out, b = append(out, y), b[1:]
		default:
			if y.Seq > x.Seq {
				x = y
			}
			out, a, b = append(out, x), a[1:], b[1:]
		}
	}
	return append(append(out, a...), b...)
}

// Meet returns what v and o each have. Neither is changed. Its tails have no hash: it is for Covers.
func (v Vector) Meet(o Vector) Vector {
	var out Vector
	for _, a := range v {
		if i, ok := o.find(a.Writer); ok {
			if e := meet(a, o[i]); e.Settled > 0 || len(e.Tails) > 0 {
				out = append(out, e)
			}
		}
	}
	return out
}

func meet(a, b Element) Element {
	out := Element{Writer: a.Writer, Settled: min(a.Settled, b.Settled)}
	for _, t := range longest(a.Tails, b.Tails) {
		block := t.Seq >> BlockBits
		seq := min(a.Reach(block), b.Reach(block))
		if seq > out.Settled && seq>>BlockBits == block {
			out.Tails = append(out.Tails, Tail{Seq: seq})
		}
	}
	return out
}

// Set returns v with e in the place of its writer's element. v is not changed.
func (v Vector) Set(e Element) Vector {
	out := slices.Clone(v)
	i, ok := out.find(e.Writer)
	if ok {
		out[i] = e
		return out
	}
	return slices.Insert(out, i, e)
}

// AppendVector appends v in its one form. It panics on more than 65,535 writers.
func AppendVector(b []byte, v Vector) []byte {
	mustFit(len(v), 1<<16-1)
	b = AppendU16(b, uint16(len(v)))
	for _, e := range v {
		b = AppendU64(AppendU64(b, e.Writer), e.Settled)
		mustFit(len(e.Tails), 1<<16-1)
		b = AppendU16(b, uint16(len(e.Tails)))
		for _, t := range e.Tails {
			b = append(AppendU64(b, t.Seq), t.Hash[:]...)
		}
	}
	return b
}

// ParseVector parses what AppendVector appends, with nothing behind it.
func ParseVector(b []byte) (Vector, error) {
	if len(b) > MaxVector {
		return nil, ErrMalformed
	}
	r := NewReader(b)
	n := int(r.U16())
	if r.Len() < n*18 {
		return nil, ErrMalformed
	}
	v := make(Vector, 0, n)
	for range n {
		e := Element{Writer: r.U64(), Settled: r.U64()}
		if k := len(v); k > 0 && v[k-1].Writer >= e.Writer {
			r.Fail()
		}
		m := int(r.U16())
		if r.Err() != nil || r.Len() < m*16 {
			return nil, ErrMalformed
		}
		for range m {
			t := Tail{Seq: r.U64(), Hash: Hash(r.Bytes(8))}
			if t.Seq <= e.Settled || t.Seq>>BlockBits == 0 || len(e.Tails) > 0 && e.Tails[len(e.Tails)-1].Seq>>BlockBits >= t.Seq>>BlockBits {
				return nil, ErrMalformed
			}
			e.Tails = append(e.Tails, t)
		}
		v = append(v, e)
	}
	if r.Done() != nil {
		return nil, ErrMalformed
	}
	return v, nil
}

// Has reports whether v says anything of a writer.
func (v Vector) Has(writer uint64) bool {
	_, ok := v.find(writer)
	return ok
}

// Last is the highest sequence number that e has.
func (e Element) Last() uint64 {
	if n := len(e.Tails); n > 0 {
		return e.Tails[n-1].Seq
	}
	return e.Settled
}

// VectorSize is how many bytes AppendVector appends for v.
func VectorSize(v Vector) int {
	n := 2
	for i := range v {
		n += ElementSize(&v[i])
	}
	return n
}

// ElementSize is how many of these are e's.
func ElementSize(e *Element) int { return 18 + 16*len(e.Tails) }
