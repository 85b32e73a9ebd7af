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

// Of answers the element of a writer, a zero one if there is none.
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
func (e Element) Covers(seq uint64) bool {
	if seq <= e.Settled {
		return true
	}
	for _, t := range e.Tails {
		if t.Seq>>BlockBits == seq>>BlockBits {
			return seq <= t.Seq
		}
	}
	return false
}

// CoversAll reports whether v has everything that o has.
func (v Vector) CoversAll(o Vector) bool {
	for _, e := range o {
		mine := v.Of(e.Writer)
		if e.Settled > mine.Settled {
			return false
		}
		for _, t := range e.Tails {
			if !mine.Covers(t.Seq) {
				return false
			}
		}
	}
	return true
}

// Join returns what v and o have together. Neither is changed.
func (v Vector) Join(o Vector) Vector {
	if len(o) == 0 {
		return v
	}
	out := slices.Clone(v)
	for _, e := range o {
		i, ok := out.find(e.Writer)
		if !ok {
			out = slices.Insert(out, i, e)
			continue
		}
		out[i] = join(out[i], e)
	}
	return out
}

func join(a, b Element) Element {
	out := Element{Writer: a.Writer, Settled: max(a.Settled, b.Settled)}
	add := func(t Tail) {
		if t.Seq <= out.Settled {
			return
		}
		for i := range out.Tails {
			if out.Tails[i].Seq>>BlockBits == t.Seq>>BlockBits {
				if t.Seq > out.Tails[i].Seq {
					out.Tails[i] = t
				}
				return
			}
		}
		out.Tails = append(out.Tails, t)
	}
	for _, t := range a.Tails {
		add(t)
	}
	for _, t := range b.Tails {
		add(t)
	}
	slices.SortFunc(out.Tails, func(x, y Tail) int { return cmpU64(x.Seq, y.Seq) })
	return out
}

// Meet returns what v and o each have. Neither is changed. The hashes of its tails mean nothing: it is for Covers.
func (v Vector) Meet(o Vector) Vector {
	var out Vector
	for _, a := range v {
		i, ok := o.find(a.Writer)
		if !ok {
			continue
		}
		e := Element{Writer: a.Writer, Settled: min(a.Settled, o[i].Settled)}
		e = meetTails(meetTails(e, a, o[i]), o[i], a)
		if e.Settled > 0 || len(e.Tails) > 0 {
			out = append(out, e)
		}
	}
	return out
}

// meetTails adds to e, for each block that a names, how far both a and b reach in it.
func meetTails(e, a, b Element) Element {
	for _, t := range a.Tails {
		if t.Seq = min(t.Seq, b.reach(t.Seq>>BlockBits)); t.Seq > e.Settled {
			e = join(e, Element{Tails: []Tail{t}})
		}
	}
	return e
}

// reach is the highest sequence number of a block that e has, 0 if it has none of it.
func (e Element) reach(block uint64) uint64 {
	for _, t := range e.Tails {
		if t.Seq>>BlockBits == block {
			return t.Seq
		}
	}
	if last := block<<BlockBits | 1<<BlockBits - 1; e.Settled >= last {
		return last
	}
	if e.Settled>>BlockBits == block {
		return e.Settled
	}
	return 0
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
