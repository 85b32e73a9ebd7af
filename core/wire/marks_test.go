package wire

import (
	"reflect"
	"testing"
)

func TestMarks(t *testing.T) {
	tail := func(block, n uint64) Tail { return Tail{Seq: block<<BlockBits + n, Hash: Hash{byte(block)}} }
	var most []Tail
	for i := range uint64(MaxMarks) {
		most = append(most, tail(i+1, 0))
	}
	for _, c := range []struct {
		name  string
		tails []Tail
		valid bool
	}{
		{"none", nil, true},
		{"some", []Tail{tail(1, 5), tail(2, 0), tail(9, 4095)}, true},
		{"most", most, true},
		{"too many", append(most, tail(9999, 1)), false},
		{"of block 0", []Tail{tail(0, 5)}, false},
		{"one block twice", []Tail{tail(1, 5), tail(1, 6)}, false},
		{"descending", []Tail{tail(2, 5), tail(1, 6)}, false},
		{"no number", []Tail{{Seq: BlockOnly}}, false},
	} {
		m := Writers{Number: 7, Marks: []Marks{{Writer: 3, Tails: c.tails}, {Writer: 4}}}
		got, err := ParseWriters(AppendWriters(nil, &m)[MessageHeader:])
		if (err == nil) != c.valid || c.valid && !reflect.DeepEqual(got, m) {
			t.Errorf("%s: %v, %v", c.name, got, err)
		}
	}
	cut := AppendTLV(AppendTLV(nil, 1, []byte{0, 7}), 3, make([]byte, 8+15))
	if _, err := ParseWriters(cut); err == nil {
		t.Error("cut: no error")
	}
}

func TestSince(t *testing.T) {
	one := func(writer, seq uint64) Element { return Element{Writer: writer, Tails: []Tail{{Seq: seq}}} }
	old, now := Vector{one(2, 5000), one(4, 5000), one(5, 6000)}, Vector{one(1, 5000), one(2, 5000), one(4, 5001), {Writer: 5, Settled: 6000}}
	if got, want := now.Since(old), (Vector{now[0], now[2], now[3]}); !reflect.DeepEqual(got, want) {
		t.Errorf("since: %v, want %v", got, want)
	}
	if got := now.Lacking(Vector{one(1, 5000), one(2, 6000), one(4, 5001)}); !reflect.DeepEqual(got, now[3:]) {
		t.Errorf("lacking: %v", got)
	}
	if got := now.Since(now); len(got) != 0 {
		t.Errorf("of itself: %v", got)
	}
}
