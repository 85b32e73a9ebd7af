package compact

import (
	"github.com/masqdev/masq/core/wire"
)

// Writers are the writers of one sequence, or of several that share them, in the order of their first use. The zero Writers are none.
type Writers struct {
	list  []uint64
	index map[uint64]int // nil while there are few
}

// fewWriters are looked for one by one.
const fewWriters = 8

// List returns the writers. It must not be changed.
func (w *Writers) List() []uint64 { return w.list }

// Append appends the list, as ReadWriters reads it.
func (w *Writers) Append(b []byte) []byte {
	b = wire.AppendVarint(b, uint64(len(w.list)))
	for _, id := range w.list {
		b = wire.AppendU64(b, id)
	}
	return b
}

// Cut drops all but the first n.
func (w *Writers) Cut(n int) {
	for _, id := range w.list[n:] {
		delete(w.index, id)
	}
	w.list = w.list[:n]
}

// number is a writer's number. It adds the writer if it is new.
func (w *Writers) number(id uint64) int {
	if w.index != nil {
		if i, ok := w.index[id]; ok {
			return i
		}
		w.index[id] = len(w.list)
	} else {
		for i, x := range w.list {
			if x == id {
				return i
			}
		}
		if len(w.list) == fewWriters {
			w.index = make(map[uint64]int, 2*fewWriters)
			for i, x := range w.list {
				w.index[x] = i
			}
			w.index[id] = fewWriters
		}
	}
	w.list = append(w.list, id)
	return len(w.list) - 1
}

// An Encoder encodes one sequence after the other. The zero Encoder is ready.
type Encoder struct {
	shared *Writers
	own    Writers
	body   []byte
	n      int
	lasts  []last
	dot    wire.Dot // of the record before, as what follows
	time   uint64
	key    string
	block  uint64
}

// NewEncoder returns an Encoder of bodies that share writers.
func NewEncoder(w *Writers) *Encoder { return &Encoder{shared: w} }

func (e *Encoder) writers() *Writers {
	if e.shared != nil {
		return e.shared
	}
	return &e.own
}

// Reset begins a new sequence. Writers that are shared stay.
func (e *Encoder) Reset() {
	e.own.Cut(0)
	e.body, e.n, e.lasts = e.body[:0], 0, e.lasts[:0]
	e.dot, e.time, e.key, e.block = wire.Dot{}, 0, "", 0
}

// Len is the length of the body so far, in bytes.
func (e *Encoder) Len() int { return len(e.body) }

// Size is how many bytes Append appends.
func (e *Encoder) Size() int {
	n := len(e.own.list)
	return varintSize(uint64(n)) + 8*n + len(e.body)
}

// Body returns the body so far, which stays as it is until Reset. Where the writers are shared it goes without them.
func (e *Encoder) Body() []byte { return e.body }

// Append appends the sequence so far, its writers first.
func (e *Encoder) Append(b []byte) []byte {
	return append(e.own.Append(b), e.body...)
}

// Add encodes one more record. Whether it keeps the limits is the caller's to see to: what does not is encoded all the same, but not read again.
// It keeps r.Key.
func (e *Encoder) Add(r *Record) {
	same := e.n > 0 && r.Dot == e.dot && r.Time == e.time
	b := append(e.body, flagsOf(r, same))
	if !same {
		b = e.appendDot(b, r)
	}
	shared := common(e.key, r.Key)
	b = wire.AppendVarint(wire.AppendVarint(b, uint64(shared)), uint64(len(r.Key)-shared))
	b = append(b, r.Key[shared:]...)
	if len(r.Context) > 0 {
		b = e.appendContext(b, r.Context)
	}
	if len(r.Extra) > 0 {
		b = wire.AppendVarBytes(b, r.Extra)
	}
	switch {
	case r.Place.Length > 0:
		b = wire.AppendVarint(b, zigzag(r.Place.Block-e.block))
		b = wire.AppendVarint(wire.AppendVarint(b, uint64(r.Place.Offset)), uint64(r.Place.Length))
		b = append(b, r.Place.Term[:]...)
		e.block = r.Place.Block
	case r.Kind != wire.Deleted:
		b = wire.AppendVarBytes(b, r.Value)
	}
	e.body, e.key, e.n = b, r.Key, e.n+1
}

func flagsOf(r *Record, same bool) byte {
	flags := byte(r.Kind)
	if same {
		flags |= sameFlag
	}
	if len(r.Context) > 0 {
		flags |= contextFlag
	}
	if r.Hearsay {
		flags |= hearsayFlag
	}
	if r.Abridged {
		flags |= abridgedFlag
	}
	if len(r.Extra) > 0 {
		flags |= extraFlag
	}
	if r.Place.Length > 0 {
		flags |= placeFlag
	}
	return flags
}

func (e *Encoder) appendDot(b []byte, r *Record) []byte {
	i, l := e.last(r.Dot.Writer)
	b = wire.AppendVarint(wire.AppendVarint(b, uint64(i)), zigzag(r.Dot.Seq-l.dot))
	b = wire.AppendVarint(b, zigzag(r.Time-e.time))
	l.dot, e.dot, e.time = r.Dot.Seq, r.Dot, r.Time
	return b
}

func (e *Encoder) appendContext(b []byte, context []wire.Dot) []byte {
	b = wire.AppendVarint(b, uint64(len(context)))
	for _, p := range context {
		i, l := e.last(p.Writer)
		number := p.Seq &^ wire.BlockOnly
		b = wire.AppendVarint(b, uint64(i)<<1|p.Seq>>63)
		b = wire.AppendVarint(b, zigzag(number-l.base()))
		l.pair = number
	}
	return b
}

// last is a writer's number, and what was said last of it.
func (e *Encoder) last(writer uint64) (int, *last) {
	i := e.writers().number(writer)
	for len(e.lasts) <= i {
		e.lasts = append(e.lasts, last{})
	}
	return i, &e.lasts[i]
}

// common is how many bytes a and b have in common at their front.
func common(a, b string) int {
	n := min(len(a), len(b))
	for i := range n {
		if a[i] != b[i] {
			return i
		}
	}
	return n
}

func varintSize(v uint64) int {
	n := 1
	for ; v >= 0x80; v >>= 7 {
		n++
	}
	return n
}
