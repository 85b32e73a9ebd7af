package table

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"github.com/masqdev/masq/core/compact"
	"github.com/masqdev/masq/core/wire"
)

// parts are what a head and its sections are made of.
type parts struct {
	label    []byte
	writers  []uint64
	sections []section
	arrivals arrivals
	bodies   [][]Version
}

func goodParts() parts {
	return parts{
		label: []byte("label"), writers: []uint64{1, 2},
		sections: []section{{records: 2, first: "a"}, {records: 1, first: "m"}},
		arrivals: arrivals{positions: []uint64{10, 15, 19}, order: []uint32{1, 2, 0}},
		bodies:   [][]Version{{version("aa", 1, firstSeq, 0), version("b", 1, firstSeq+1, 0)}, {version("n", 2, firstSeq, 0)}},
	}
}

// encode makes a head and the sections' plaintexts.
func (p *parts) encode() (head []byte, plain [][]byte) {
	for i, vs := range p.bodies {
		e := compact.NewEncoder(writersOf([]uint64{1, 2}))
		for j := range vs {
			e.Add(&vs[j].Record)
		}
		plain = append(plain, slices.Clone(e.Body()))
		if p.sections[i].length == 0 {
			p.sections[i].length = len(e.Body())
		}
	}
	head = wire.AppendVarint(wire.AppendVarBytes([]byte{headFormat}, p.label), uint64(len(p.writers)))
	for _, id := range p.writers {
		head = wire.AppendU64(head, id)
	}
	head = wire.AppendVarint(head, uint64(len(p.sections)))
	for i := range p.sections {
		head = p.sections[i].append(head)
	}
	return p.arrivals.append(head), plain
}

func TestHeadRefused(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(p *parts)
		ok     bool
	}{
		{"as it is", func(*parts) {}, true},
		{"the longest label", func(p *parts) { p.label = make([]byte, MaxLabel) }, true},
		{"a label too long", func(p *parts) { p.label = make([]byte, MaxLabel+1) }, false},
		{"a writer twice", func(p *parts) { p.writers[1] = 1 }, false},
		{"no sections", func(p *parts) { p.sections, p.bodies = nil, nil }, false},
		{"a section without records", func(p *parts) { p.sections[0].records, p.sections[1].records = 0, 3 }, false},
		{"a section of no bytes", func(p *parts) { p.bodies, p.sections[0].length = nil, 5 }, false},
		{"a section inflated too long", func(p *parts) { p.sections[0].inflated = maxInflated + 1 }, false},
		{"no first key", func(p *parts) { p.sections[0].first = "" }, false},
		{"first keys that do not ascend", func(p *parts) { p.sections[1].first = "a" }, false},
		{"an order that has one twice", func(p *parts) { p.arrivals.order = []uint32{1, 1, 0} }, false},
		{"an order that has one too many", func(p *parts) { p.arrivals.order = []uint32{1, 3, 0} }, false},
		{"an order that is that of the keys", func(p *parts) { p.arrivals.order = []uint32{0, 1, 2} }, false},
		{"more records than positions", func(p *parts) { p.sections[0].records = 1 << 20 }, false},
		{"positions beyond 64 bits", func(p *parts) { p.arrivals.positions[0], p.arrivals.order = 1<<64-5, nil }, false},
	} {
		p := goodParts()
		c.change(&p)
		head, _ := p.encode()
		if _, err := ParseHead(head); c.ok != (err == nil) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	p := goodParts()
	head, _ := p.encode()
	for n := range head {
		if _, err := ParseHead(head[:n]); err == nil {
			t.Errorf("cut to %d bytes", n)
		}
	}
	if _, err := ParseHead(append(bytes.Clone(head), 0)); err == nil {
		t.Error("a byte too many")
	}
	if head[0]++; true {
		if _, err := ParseHead(head); err == nil {
			t.Error("another format")
		}
	}
}

// TestGapsRefused: gaps have to come to what is said, in their one code, and bits that say nothing are zeros.
func TestGapsRefused(t *testing.T) {
	gaps := func(low, span uint64, k int, gaps ...uint64) []byte {
		w := newBitWriter(wire.AppendVarint(wire.AppendVarint(nil, low), span))
		for _, g := range gaps {
			w.unary(g >> k)
			w.put(g, k)
		}
		return append(w.b, 0)
	}
	for _, c := range []struct {
		name string
		in   []byte
		ok   bool
	}{
		{"as it is", gaps(7, 12, 2, 3, 7), true}, // 10 more than 2 in 2 gaps: 5 each
		{"too little", gaps(7, 12, 2, 3, 6), false},
		{"too much", gaps(7, 12, 2, 3, 8), false},
		{"too much at once", gaps(7, 12, 2, 40, 7), false},
		{"less than one each", gaps(7, 1, 0, 0, 0), false},
		{"beyond 64 bits", gaps(1<<64-3, 12, 2, 3, 7), false},
		{"shuffled 2", append(gaps(7, 12, 2, 3, 7), 0)[1:], false},
		{"bits set behind the end", func() []byte { b := gaps(7, 12, 2, 3, 7); b[2] |= 0x80; return b }(), false},
	} {
		r := wire.NewReader(c.in)
		if a := readArrivals(&r, 3); c.ok != (r.Done() == nil) {
			t.Errorf("%s: %v, %v", c.name, a, r.Done())
		}
	}
}

func TestSectionRefused(t *testing.T) {
	long := strings.Repeat("k", wire.MaxKey-3)
	for _, c := range []struct {
		name   string
		n      int // the section
		change func(p *parts)
		plain  func(b []byte) []byte
		ok     bool
	}{
		{"as it is", 0, nil, nil, true},
		{"the last", 1, nil, nil, true},
		{"zeros behind the last", 1, nil, func(b []byte) []byte { return append(b, 0, 0, 0) }, true},
		{"no zeros behind the last", 1, nil, func(b []byte) []byte { return append(b, 0, 1, 0) }, false},
		{"zeros behind another", 0, nil, func(b []byte) []byte { return append(b, 0) }, false},
		{"cut off", 1, nil, func(b []byte) []byte { return b[:len(b)-1] }, false},
		{"a record too few", 0, func(p *parts) { p.bodies[0] = p.bodies[0][:1] }, nil, false},
		{"a record too many", 1, func(p *parts) { p.bodies[1] = append(p.bodies[1], version("o", 1, firstSeq, 0)) }, nil, false},
		{"keys that descend", 0, func(p *parts) { slices.Reverse(p.bodies[0]) }, nil, false},
		{"two versions", 0, func(p *parts) { p.bodies[0][0] = version("b", 1, firstSeq, 0) }, nil, true},
		{"versions that descend", 0, func(p *parts) { p.bodies[0][0] = version("b", 2, firstSeq, 0) }, nil, false},
		{"a dot twice", 0, func(p *parts) { p.bodies[0][0] = version("b", 1, firstSeq+1, 0) }, nil, false},
		{"a key before the first", 1, func(p *parts) { p.bodies[1][0] = version("lz", 2, firstSeq, 0) }, nil, false},
		{"a key of the next section", 0, func(p *parts) { p.bodies[0][1] = version("m", 1, firstSeq, 0) }, nil, false},
		{"deflated", 0, func(p *parts) { p.sections[0].inflated = 100 }, nil, false},
		{"more than it may be written out", 0, func(p *parts) {
			p.bodies[0], p.sections[0].records = nil, 80
			for i := range uint64(80) {
				p.bodies[0] = append(p.bodies[0], version("b"+long+string(rune('0'+i%40))+string(rune('0'+i/40)), 1, firstSeq+i, 0))
			}
			slices.SortFunc(p.bodies[0], func(a, b Version) int { return strings.Compare(a.Key, b.Key) })
			p.arrivals = arrivals{}
			for i := range uint64(81) {
				p.arrivals.positions = append(p.arrivals.positions, i)
			}
		}, nil, false},
	} {
		p := goodParts()
		if c.change != nil {
			c.change(&p)
		}
		head, plain := p.encode()
		if c.plain != nil {
			plain[c.n] = c.plain(plain[c.n])
		}
		h, err := ParseHead(head)
		if err != nil {
			t.Errorf("%s: the head: %v", c.name, err)
			continue
		}
		if s, err := h.Section(c.n, plain[c.n], Compression{}); c.ok != (err == nil) {
			t.Errorf("%s: %v, %v", c.name, s, err)
		}
	}
}

// TestInflated: what a Compression returns has to be as long as the head says.
func TestInflated(t *testing.T) {
	p := goodParts()
	p.sections[0].inflated = 1
	_, plain := p.encode()
	p.sections[0].inflated, p.sections[0].length = len(plain[0]), 4
	head, _ := p.encode()
	h, err := ParseHead(head)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		out []byte
		err error
		ok  bool
	}{
		"as it is": {plain[0], nil, true}, "shorter": {plain[0][1:], nil, false}, "an error": {plain[0], errWait, false},
	} {
		inflate := func([]byte, int) ([]byte, error) { return c.out, c.err }
		if _, err := h.Section(0, []byte("four"), Compression{Inflate: inflate}); c.ok != (err == nil) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestDirectoryRefused(t *testing.T) {
	one := func(change func(e *Entry)) []byte {
		e := Entry{
			Block: 7, First: "a", Behind: "c", Keys: 2, Live: 1, Tombstones: 1, Low: 3, High: 9, Writers: []WriterRange{{1, 5, 6}, {2, 5, 5}},
			filter: newFilter([]uint64{Hash("a"), Hash("b")}),
		}
		change(&e)
		return wire.AppendVarBytes(nil, e.append(nil))
	}
	second := one(func(e *Entry) { e.First, e.Behind = "c", "d" })
	for _, c := range []struct {
		name    string
		entries []byte
		ok      bool
	}{
		{"as it is", slices.Concat(one(func(*Entry) {}), second), true},
		{"writers not known", one(func(e *Entry) { e.Writers = nil }), true},
		{"none", nil, false},
		{"a byte too many", append(one(func(*Entry) {}), 0), false},
		{"in another order", slices.Concat(second, one(func(*Entry) {})), false},
		{"one that overlaps", slices.Concat(one(func(e *Entry) { e.Behind = "cc" }), second), false},
		{"no keys in its range", one(func(e *Entry) { e.Behind = "a" }), false},
		{"no first key", one(func(e *Entry) { e.First = "" }), false},
		{"more live keys than keys", one(func(e *Entry) { e.Live = 3 }), false},
		{"no keys", one(func(e *Entry) { e.Keys, e.Live, e.filter = 0, 0, nil }), false},
		{"too many keys", one(func(e *Entry) { e.Keys, e.filter = maxKeys+1, make(filter, filterSize(maxKeys+1)) }), false},
		{"a filter too short", one(func(e *Entry) { e.filter = e.filter[1:] }), false},
		{"no such block", one(func(e *Entry) { e.Block = compact.MaxBlockNumber + 1 }), false},
		{"positions beyond 64 bits", one(func(e *Entry) { e.Low, e.High = 1<<64-1, 0 }), false},
		{"numbers beyond 64 bits", one(func(e *Entry) { e.Writers[0] = WriterRange{1, 1<<64 - 1, 0} }), false},
		{"writers that do not ascend", one(func(e *Entry) { e.Writers[1].Writer = 1 }), false},
		{"too many writers", one(func(e *Entry) {
			for i := range uint64(MaxRanges - 1) {
				e.Writers = append(e.Writers, WriterRange{3 + i, 5, 5})
			}
		}), false},
		{"longer than a directory", bytes.Repeat([]byte{0}, MaxDirectory), false},
	} {
		d, err := ParseDirectory(append([]byte{directoryFormat}, c.entries...))
		if c.ok != (err == nil) {
			t.Errorf("%s: %v, %v", c.name, d, err)
		}
	}
	if _, err := ParseDirectory(append([]byte{directoryFormat + 1}, second...)); err == nil {
		t.Error("another format")
	}
}
