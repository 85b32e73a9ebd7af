package wire

import (
	"bytes"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
)

const testBlock = 1 << BlockBits

// tails makes tails without a hash.
func tails(seqs ...uint64) []Tail {
	var out []Tail
	for _, s := range seqs {
		out = append(out, Tail{Seq: s})
	}
	return out
}

func TestElementCovers(t *testing.T) {
	e := Element{Writer: 1, Settled: 5000, Tails: tails(5100, 3*testBlock+7, 9*testBlock-1)}
	for _, c := range []struct {
		seq  uint64
		want bool
	}{
		{0, true}, {4096, true}, {5000, true},
		{5001, true}, {5100, true}, {5101, false}, // a tail in the block where settled ends
		{2 * testBlock, false}, {3*testBlock - 1, false},
		{3 * testBlock, true}, {3*testBlock + 7, true}, {3*testBlock + 8, false},
		{8 * testBlock, true}, {9*testBlock - 1, true}, {9 * testBlock, false},
		{1<<64 - 1, false},
	} {
		v := Vector{{Writer: 0, Settled: 1 << 63}, e}
		if e.Covers(c.seq) != c.want || v.Covers(Dot{1, c.seq}) != c.want {
			t.Errorf("%d: %v", c.seq, !c.want)
		}
	}
	if (Element{}).Covers(testBlock) || (Vector)(nil).Covers(Dot{1, testBlock}) || (Vector{e}).Covers(Dot{2, testBlock}) {
		t.Error("what nobody has is covered")
	}
	all := Element{Settled: 1<<64 - 1}
	if !all.Covers(1<<64 - 1) {
		t.Error("the last number of all")
	}
}

type joinCase struct {
	name             string
	a, b, join, meet Vector
}

func joinsAndMeets() []joinCase {
	one := func(settled uint64, seqs ...uint64) Vector {
		return Vector{{Writer: 7, Settled: settled, Tails: tails(seqs...)}}
	}
	return []joinCase{
		{"nothing", nil, nil, nil, nil},
		{"one is empty", nil, one(5000), one(5000), nil},
		{"the same", one(5000, 9000), one(5000, 9000), one(5000, 9000), one(5000, 9000)},
		{"other writers", Vector{{Writer: 1, Settled: 5000}, {Writer: 3, Settled: 6000}}, Vector{{Writer: 2, Settled: 7000}},
			Vector{{Writer: 1, Settled: 5000}, {Writer: 2, Settled: 7000}, {Writer: 3, Settled: 6000}}, nil},
		{"settled", one(5000), one(9000), one(9000), one(5000)},
		{"tails of one block", one(0, 5000), one(0, 5100), one(0, 5100), one(0, 5000)},
		{"tails of two blocks", one(0, 5000), one(0, 9000), one(0, 5000, 9000), nil},
		{"a tail that the other has settled", one(0, 5000), one(9000), one(9000), one(0, 5000)},
		{"a tail that the other has settled, even block", one(0, 9000), one(13000), one(13000), one(0, 9000)},
		{"a tail beyond what the other has settled", one(0, 5100), one(5000), one(5000, 5100), one(0, 5000)},
		{"the same, even block", one(0, 9100), one(9000), one(9000, 9100), one(0, 9000)},
		{"a tail on top of both", one(5000, 5100), one(5050), one(5050, 5100), one(5000, 5050)},
		{"a tail of a block that the other lacks", one(4200, 9000), one(5000), one(5000, 9000), one(4200)},
	}
}

func TestJoinAndMeet(t *testing.T) {
	for _, c := range joinsAndMeets() {
		for _, x := range [][2]Vector{{c.a, c.b}, {c.b, c.a}} {
			if got := x[0].Join(x[1]); !reflect.DeepEqual(got, c.join) {
				t.Errorf("%s: %v joined with %v is %v", c.name, x[0], x[1], got)
			}
			if got := x[0].Meet(x[1]); !reflect.DeepEqual(got, c.meet) {
				t.Errorf("%s: %v met with %v is %v", c.name, x[0], x[1], got)
			}
		}
	}
}

// TestJoinAndMeetExactly compares random vectors with what they say of each number: Join has what either has, Meet what both
// have, neither changes its operands, and both stay in the one form that is parsed.
func TestJoinAndMeetExactly(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 1000 {
		a, b := randomVector(r), randomVector(r)
		beforeA, beforeB := AppendVector(nil, a), AppendVector(nil, b)
		join, meet := a.Join(b), a.Meet(b)
		for w := range uint64(4) {
			for _, seq := range interesting(a.Of(w), b.Of(w)) {
				d := Dot{w, seq}
				inA, inB := a.Covers(d), b.Covers(d)
				if join.Covers(d) != (inA || inB) || meet.Covers(d) != (inA && inB) {
					t.Fatalf("%v of\n%v and\n%v: join %v, meet %v", d, a, b, join.Covers(d), meet.Covers(d))
				}
				if inB && !inA && a.CoversAll(b) {
					t.Fatalf("%v has all of %v, but not %v", a, b, d)
				}
			}
		}
		if !join.CoversAll(a) || !join.CoversAll(b) || !a.CoversAll(meet) || !b.CoversAll(meet) {
			t.Fatalf("%v and %v: join %v, meet %v do not cover", a, b, join, meet)
		}
		for _, v := range []Vector{join, meet} {
			if again, err := ParseVector(AppendVector(nil, v)); err != nil || !bytes.Equal(AppendVector(nil, again), AppendVector(nil, v)) {
				t.Fatalf("%v and %v made %v: %v", a, b, v, err)
			}
		}
		if !bytes.Equal(AppendVector(nil, a), beforeA) || !bytes.Equal(AppendVector(nil, b), beforeB) {
			t.Fatal("an operand has changed")
		}
	}
}

// TestWithTail: it is a Join, and changes nothing.
func TestWithTail(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for range 5000 {
		v := randomVector(r)
		before := AppendVector(nil, v)
		writer, tail := r.Uint64N(4), Tail{Seq: randomSeq(r, 1+r.Uint64N(6)), Hash: Hash{byte(r.IntN(256))}}
		got, want := v.WithTail(writer, tail), v.Join(Vector{{Writer: writer, Tails: []Tail{tail}}})
		if !bytes.Equal(AppendVector(nil, got), AppendVector(nil, want)) {
			t.Fatalf("%v with %v of %d: %v, want %v", v, tail, writer, got, want)
		}
		if !bytes.Equal(AppendVector(nil, v), before) {
			t.Fatal("the operand has changed")
		}
	}
}

// randomVector is of writers 0 to 3, in blocks 1 to 6.
func randomVector(r *rand.Rand) Vector {
	var v Vector
	for w := range uint64(4) {
		if r.IntN(3) == 0 {
			continue
		}
		e := Element{Writer: w}
		if r.IntN(2) == 0 {
			e.Settled = randomSeq(r, 1+r.Uint64N(3))
		}
		for block := uint64(1); block <= 6; block++ {
			if seq := randomSeq(r, block); r.IntN(2) == 0 && seq > e.Settled {
				e.Tails = append(e.Tails, Tail{Seq: seq, Hash: Hash{byte(r.IntN(256))}})
			}
		}
		v = append(v, e)
	}
	return v
}

// randomSeq is in a block, often at one of its ends.
func randomSeq(r *rand.Rand, block uint64) uint64 {
	return block*testBlock + []uint64{0, 1, r.Uint64N(testBlock), testBlock - 1}[r.IntN(4)]
}

// interesting are the numbers at which one of the elements may change its answer; below block 1 there are none.
func interesting(es ...Element) []uint64 {
	var out []uint64
	for block := range uint64(8) {
		out = append(out, block*testBlock, block*testBlock+testBlock-1)
	}
	for _, e := range es {
		for _, s := range append(tails(e.Settled), e.Tails...) {
			out = append(out, s.Seq-1, s.Seq, s.Seq+1)
		}
	}
	return slices.DeleteFunc(out, func(s uint64) bool { return s < testBlock || s == 1<<64-1 })
}

func TestMeetAtTheLastBlock(t *testing.T) {
	last := uint64(1<<64 - 1)
	a, b := Vector{{Writer: 1, Settled: last}}, Vector{{Writer: 1, Tails: tails(last)}}
	if got := a.Meet(b); !got.Covers(Dot{1, last}) || got.Covers(Dot{1, testBlock}) {
		t.Error(got)
	}
}

// TestJoinKeepsHash: a tail's hash goes with its number.
func TestJoinKeepsHash(t *testing.T) {
	short := Vector{{Writer: 1, Tails: []Tail{{5000, Hash{1}}}}}
	long := Vector{{Writer: 1, Tails: []Tail{{5001, Hash{2}}}}}
	for _, got := range []Vector{short.Join(long), long.Join(short)} {
		if !reflect.DeepEqual(got, long) {
			t.Error(got)
		}
	}
}

func TestCoversAll(t *testing.T) {
	v := Vector{{Writer: 1, Settled: 5000, Tails: tails(9000)}, {Writer: 2, Tails: tails(5000)}}
	for _, c := range []struct {
		name string
		o    Vector
		want bool
	}{
		{"nothing", nil, true},
		{"itself", v, true},
		{"less", Vector{{Writer: 1, Settled: 4999, Tails: tails(8192)}}, true},
		{"a tail that is settled here", Vector{{Writer: 1, Tails: tails(4500)}}, true},
		{"more settled", Vector{{Writer: 1, Settled: 5001}}, false},
		{"settled, not only a tail", Vector{{Writer: 2, Settled: 5000}}, false},
		{"a longer tail", Vector{{Writer: 1, Tails: tails(9001)}}, false},
		{"another block", Vector{{Writer: 2, Tails: tails(5000, 8192)}}, false},
		{"another writer", Vector{{Writer: 3, Tails: tails(5000)}}, false},
	} {
		if v.CoversAll(c.o) != c.want {
			t.Errorf("%s: %v", c.name, !c.want)
		}
	}
}

func TestSet(t *testing.T) {
	v := Vector{{Writer: 2, Settled: 5000}, {Writer: 4, Settled: 5000}}
	for _, w := range []uint64{1, 2, 3, 4, 5} {
		got := v.Set(Element{Writer: w, Settled: 6000})
		if got.Of(w).Settled != 6000 || !slices.IsSortedFunc(got, func(a, b Element) int { return cmpU64(a.Writer, b.Writer) }) {
			t.Errorf("writer %d: %v", w, got)
		}
		if v.Of(w).Settled == 6000 || len(v) != 2 {
			t.Errorf("writer %d: the vector itself has changed", w)
		}
	}
	if got := v.Of(3); got.Writer != 3 || got.Settled != 0 || got.Tails != nil {
		t.Error(got)
	}
}

func TestVectorBytes(t *testing.T) {
	v := Vector{{Writer: 1, Settled: 2}, {Writer: 3, Tails: []Tail{{0x1004, Hash{5}}}}}
	want := "\x00\x02" +
		"\x00\x00\x00\x00\x00\x00\x00\x01" + "\x00\x00\x00\x00\x00\x00\x00\x02" + "\x00\x00" +
		"\x00\x00\x00\x00\x00\x00\x00\x03" + "\x00\x00\x00\x00\x00\x00\x00\x00" + "\x00\x01" +
		"\x00\x00\x00\x00\x00\x00\x10\x04" + "\x05\x00\x00\x00\x00\x00\x00\x00"
	if got := AppendVector([]byte("front"), v); string(got) != "front"+want {
		t.Errorf("%x", got)
	}
	if got, err := ParseVector([]byte(want)); err != nil || !reflect.DeepEqual(got, v) {
		t.Error(got, err)
	}
}

type vectorCase struct {
	name string
	in   []byte
	ok   bool
}

func malformedVectors() []vectorCase {
	enc := func(v Vector) []byte { return AppendVector(nil, v) }
	good := enc(Vector{{Writer: 1, Settled: 5000, Tails: tails(9000)}})
	return []vectorCase{
		{"empty", []byte{0, 0}, true},
		{"good", good, true},
		{"nothing", nil, false},
		{"count cut", []byte{0}, false},
		{"more than there are", append([]byte{0, 2}, good[2:]...), false},
		{"fewer than there are", append([]byte{0, 0}, good[2:]...), false},
		{"count without elements", []byte{0xff, 0xff}, false},
		{"left over", append(bytes.Clone(good), 0), false},
		{"a tail too few", good[:len(good)-16], false},
		{"tails beyond the end", append(bytes.Clone(good[:18]), 0xff, 0xff), false},
		{"writers descending", enc(Vector{{Writer: 2}, {Writer: 1}}), false},
		{"a writer twice", enc(Vector{{Writer: 2}, {Writer: 2}}), false},
		{"a writer twice, with tails", enc(Vector{{Writer: 2, Tails: tails(5000)}, {Writer: 2, Tails: tails(5000)}}), false},
		{"tail in block 0", enc(Vector{{Tails: tails(4095)}}), false},
		{"tail is settled", enc(Vector{{Settled: 5000, Tails: tails(5000)}}), false},
		{"tail above settled, same block", enc(Vector{{Settled: 5000, Tails: tails(5001)}}), true},
		{"a block twice", enc(Vector{{Tails: tails(5000, 5001)}}), false},
		{"blocks descending", enc(Vector{{Tails: tails(9000, 5000)}}), false},
		{"too long", make([]byte, MaxVector+1), false},
	}
}

func TestMalformedVectors(t *testing.T) {
	for _, c := range malformedVectors() {
		if v, err := ParseVector(c.in); c.ok != (err == nil) || err != nil && (err != ErrMalformed || v != nil) {
			t.Errorf("%s: %v, %v", c.name, v, err)
		}
	}
	good := malformedVectors()[1].in
	for i := range good {
		if _, err := ParseVector(good[:i]); err == nil {
			t.Errorf("cut to %d bytes", i)
		}
	}
}

// TestHugeVectors: what another device may send at most is joined and met in a moment.
func TestHugeVectors(t *testing.T) {
	var writers, others Vector
	for i := range uint64(1<<16 - 1) {
		writers = append(writers, Element{Writer: 2*i + 2, Settled: 5000})
		others = append(others, Element{Writer: 2*i + 1, Settled: 5000})
	}
	if got := writers.Join(others); len(got) != 2*len(writers) || len(writers.Meet(others)) != 0 {
		t.Error(len(got))
	}
	var e, f Element
	for i := range uint64(1<<16 - 1) {
		e.Tails = append(e.Tails, Tail{Seq: (2*i + 2) * testBlock})
		f.Tails = append(f.Tails, Tail{Seq: (i + 1) * testBlock})
	}
	a, b := Vector{e}, Vector{f}
	join, meet := a.Join(b), a.Meet(b)
	if len(join[0].Tails) != 3<<15-1 || len(meet[0].Tails) != 1<<15-1 || !join.CoversAll(a) || !b.CoversAll(meet) {
		t.Error(len(join[0].Tails), len(meet[0].Tails))
	}
}

// FuzzParseVector: no bytes make it panic, what parses has one form, and it can be joined and met with any other.
func FuzzParseVector(f *testing.F) {
	f.Add([]byte{0, 0}, []byte{0, 0})
	f.Add(AppendVector(nil, sampleVector), AppendVector(nil, Vector{{Writer: 3, Settled: 5000, Tails: tails(8200)}}))
	f.Add(AppendVector(nil, Vector{{Settled: 1<<64 - 1}}), AppendVector(nil, Vector{{Tails: tails(5000, 1<<64-1)}}))
	f.Fuzz(func(t *testing.T, x, y []byte) {
		a, err := ParseVector(x)
		if err != nil {
			return
		}
		if !bytes.Equal(AppendVector(nil, a), x) {
			t.Fatalf("%x became %x", x, AppendVector(nil, a))
		}
		b, err := ParseVector(y)
		if err != nil {
			return
		}
		join, meet := a.Join(b), a.Meet(b)
		if !join.CoversAll(a) || !join.CoversAll(b) || !a.CoversAll(meet) || !b.CoversAll(meet) {
			t.Fatalf("%v and %v: join %v, meet %v", a, b, join, meet)
		}
	})
}
