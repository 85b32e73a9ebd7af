package compact

import (
	"bytes"
	"encoding/hex"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/masqdev/masq/core/wire"
)

// ample are limits that no test's sequence comes near.
var ample = Limits{Records: 1 << 20, Bytes: 1 << 30, Places: true}

const block = 1 << wire.BlockBits

func rec(writer, seq uint64, key string, change ...func(*Record)) Record {
	r := Record{Record: wire.Record{Dot: wire.Dot{Writer: writer, Seq: seq}, Time: 1000, Key: key, Kind: wire.JSON, Value: []byte("1")}}
	for _, f := range change {
		f(&r)
	}
	return r
}

func at(time uint64) func(*Record)           { return func(r *Record) { r.Time = time } }
func seen(context ...wire.Dot) func(*Record) { return func(r *Record) { r.Context = context } }
func gone(r *Record)                         { r.Kind, r.Value = wire.Deleted, nil }
func heard(r *Record)                        { r.Hearsay = true }
func cut(r *Record)                          { r.Abridged = true }
func value(v string) func(*Record) {
	return func(r *Record) { r.Kind, r.Value = wire.Bytes, []byte(v) }
}
func extra(v string) func(*Record) { return func(r *Record) { r.Extra = []byte(v) } }
func lies(block uint64, offset, length uint32) func(*Record) {
	return func(r *Record) {
		r.Value, r.Place = nil, Place{Block: block, Offset: offset, Length: length, Term: [16]byte{1, 2, 3}}
	}
}

func encode(recs []Record) []byte {
	var e Encoder
	for i := range recs {
		e.Add(&recs[i])
	}
	return e.Append(nil)
}

func decode(b []byte, l Limits) ([]Record, error) {
	return all(NewDecoder(b, l, wire.NewRoom(Measure(b, l))))
}

func all(d *Decoder) (out []Record, err error) {
	for rec := (Record{}); d.Next(&rec); {
		out = append(out, rec)
	}
	return out, d.Err()
}

func samples() map[string][]Record {
	many := make([]wire.Dot, wire.MaxContext)
	for i := range many {
		many[i] = wire.Dot{Writer: uint64(i), Seq: block + uint64(i)}
	}
	return map[string][]Record{
		"none":          nil,
		"one":           {rec(1, block, "a")},
		"a batch":       {rec(1, block, "a1"), rec(1, block, "a2"), rec(1, block, "b", gone)},
		"unlike times":  {rec(1, block, "a", at(5)), rec(1, block, "b", at(6)), rec(1, block, "b", at(5))},
		"backwards":     {rec(1, 9*block, "b", at(1<<64-1)), rec(1, block, "a", at(0)), rec(1, wire.BlockOnly-1, "c")},
		"two writers":   {rec(9, block, "k"), rec(1, 7*block, "k", seen(wire.Dot{Writer: 9, Seq: block})), rec(9, block+1, "k")},
		"flags":         {rec(1, block, "a", heard), rec(1, block, "b", cut), rec(1, block, "c", gone, heard, cut)},
		"values":        {rec(1, block, "a", value("")), rec(1, block, "b", value("\x00\xff")), rec(1, block, "c", value(strings.Repeat("v", wire.MaxValue)))},
		"keys":          {rec(1, block, "über/日本"), rec(1, block, "über"), rec(1, block, strings.Repeat("k", wire.MaxKey)), rec(1, block, "k")},
		"extra":         {rec(1, block, "a", extra("x")), rec(1, block, "b", gone, extra(strings.Repeat("x", MaxExtra)))},
		"places":        {rec(1, block, "a", lies(5, 0, 1)), rec(1, block, "b", lies(MaxBlockNumber, 1<<32-1, wire.MaxValue)), rec(1, block, "c", lies(0, 7, 2000))},
		"long context":  {rec(3, 5000, "k", seen(many...)), rec(3, 5001, "k", seen(many...))},
		"block pairs":   {rec(2, 5000, "k", seen(wire.Dot{Writer: 1, Seq: block}, wire.Dot{Writer: 2, Seq: 4999}, wire.Dot{Writer: 2, Seq: wire.BlockOnly | 8192}))},
		"fifty writers": fifty(),
	}
}

func fifty() (out []Record) {
	for i := range uint64(100) {
		out = append(out, rec(i%50*7919, block+i, "k", seen(wire.Dot{Writer: i + 1, Seq: block + i})))
	}
	return out
}

// TestRoundTrip: what was encoded comes back, with whatever room, and so does what shares its writers with another sequence.
func TestRoundTrip(t *testing.T) {
	var writers Writers
	shared := NewEncoder(&writers)
	for name, recs := range samples() {
		b := encode(recs)
		shared.Reset()
		for i := range recs {
			shared.Add(&recs[i])
		}
		body := slices.Clone(shared.Body())
		for room, d := range map[string]*Decoder{
			"no":            NewDecoder(b, ample, nil),
			"all":           NewDecoder(b, ample, wire.NewRoom(Measure(b, ample))),
			"little":        NewDecoder(b, ample, wire.NewRoom(wire.Measure{KeyBytes: 1, Pairs: 1})),
			"a body's, all": NewBodyDecoder(writers.List(), body, ample, wire.NewRoom(MeasureBody(body, ample))),
		} {
			if got, err := all(d); err != nil || !equal(got, recs) {
				t.Errorf("%s, %s room: %d records of %d, %v", name, room, len(got), len(recs), err)
			}
		}
	}
}

func equal(a, b []Record) bool {
	return slices.EqualFunc(a, b, func(x, y Record) bool {
		same := bytes.Equal(x.Value, y.Value) && bytes.Equal(x.Extra, y.Extra)
		x.Value, y.Value, x.Extra, y.Extra = nil, nil, nil, nil
		return same && reflect.DeepEqual(x, y)
	})
}

func TestKnownBytes(t *testing.T) {
	for name, c := range map[string]struct {
		recs []Record
		want string
	}{
		"none": {nil, "00"},
		"one":  {[]Record{rec(1, block, "key", at(3))}, "01 0000000000000001 | 01 00 8040 06 00 03 6b6579 01 31"},
		"a batch": {
			[]Record{rec(1, block, "key1", at(3)), rec(1, block, "key2", at(3), gone)},
			"01 0000000000000001 | 01 00 8040 06 00 04 6b657931 01 31 | 04 03 01 32",
		},
		"the next write": {
			[]Record{rec(1, block, "key1", at(3)), rec(1, block+1, "key1", at(1), seen(wire.Dot{Writer: 1, Seq: block}, wire.Dot{Writer: 2, Seq: block | wire.BlockOnly}))},
			"02 0000000000000001 0000000000000002 | 01 00 8040 06 00 04 6b657931 01 31 | 09 00 02 03 04 00 02 00 01 03 8040 01 31",
		},
		"elsewhere": {
			[]Record{rec(1, block, "k", at(3), extra("x"), lies(2, 5, 2000))},
			"01 0000000000000001 | c1 00 8040 06 00 01 6b 01 78 04 05 d00f 01020300000000000000000000000000",
		},
	} {
		want := strings.NewReplacer(" ", "", "|", "").Replace(c.want)
		if got := hex.EncodeToString(encode(c.recs)); got != want {
			t.Errorf("%s:\n%s, want\n%s", name, got, want)
		}
	}
}

func TestMalformed(t *testing.T) {
	const w = "01 0000000000000001 "
	for name, s := range map[string]string{
		"nothing at all":                "",
		"a writer that is not used":     w,
		"writers cut off":               "02 0000000000000001 01 00 8040 06 00 01 6b 01 31",
		"more writers than bytes":       "ffffffffffffffff7f",
		"a writer twice":                "02 0000000000000001 0000000000000001 01 00 8040 06 00 01 6b 01 31 01 01 8240 00 00 01 6c 01 31",
		"writers not as they are used":  "02 0000000000000001 0000000000000002 01 01 8040 06 00 01 6b 01 31 01 01 02 00 00 01 6c 01 31 01 00 8040 00 00 01 6d 01 31",
		"no such writer":                w + "01 01 8040 06 00 01 6b 01 31",
		"a long varint":                 w + "01 8000 8040 06 00 01 6b 01 31",
		"a varint above 64 bits":        w + "01 00 80808080808080808002 06 00 01 6b 01 31",
		"a varint without end":          w + "01 00 ffffffffffffffffffff01 06 00 01 6b 01 31",
		"kind 3":                        w + "03 00 8040 06 00 01 6b 01 31",
		"the first as the one before":   w + "05 00 01 6b 01 31",
		"the same dot and time in full": w + "01 00 8040 06 00 01 6b 01 31 01 00 00 00 00 01 6c 01 31",
		"seq of block 0":                w + "01 00 fe3f 06 00 01 6b 01 31",
		"seq as of a pair":              w + "01 00 ffffffffffffffffff01 06 00 01 6b 01 31",
		"no key":                        w + "01 00 8040 06 00 00 01 31",
		"key not UTF-8":                 w + "01 00 8040 06 00 01 ff 01 31",
		"key with U+0000":               w + "01 00 8040 06 00 01 00 01 31",
		"more shared than there is":     w + "01 00 8040 06 01 01 6b 01 31",
		"less shared than there is":     w + "01 00 8040 06 00 02 6b6b 01 31 05 01 02 6b6c 01 31",
		"empty context":                 w + "09 00 8040 06 00 01 6b 00 01 31",
		"context of block 0":            w + "09 00 8040 06 00 01 6b 01 00 01 01 31",
		"context descending":            w + "09 00 8040 06 00 01 6b 02 00 00 00 02 01 31",
		"context cut off":               w + "09 00 8040 06 00 01 6b 9f20 00 00",
		"empty extra":                   w + "41 00 8040 06 00 01 6b 00 01 31",
		"extra too long":                w + "41 00 8040 06 00 01 6b 8108" + strings.Repeat("78", MaxExtra+1) + "01 31",
		"value too long":                w + "01 00 8040 06 00 01 6b 818040" + strings.Repeat("78", wire.MaxValue+1),
		"value cut off":                 w + "01 00 8040 06 00 01 6b 02 31",
		"deleted with a place":          w + "80 00 8040 06 00 01 6b 04 05 02 01020300000000000000000000000000",
		"place of no bytes":             w + "81 00 8040 06 00 01 6b 04 05 00 01020300000000000000000000000000",
		"place in no block":             w + "81 00 8040 06 00 01 6b 01 05 02 01020300000000000000000000000000",
		"a byte too many":               w + "01 00 8040 06 00 01 6b 01 31 00",
	} {
		b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
		if err != nil {
			t.Fatal(name, err)
		}
		if got, err := decode(b, ample); err == nil {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

func TestLimits(t *testing.T) {
	recs := []Record{rec(1, block, "a"), rec(1, block, "b", extra("xyz"), seen(wire.Dot{Writer: 2, Seq: block}))}
	size := Size(&recs[0]) + Size(&recs[1])
	batch := func(n int) []Record { return slices.Repeat([]Record{rec(1, block, "k")}, n) }
	other := append(batch(wire.MaxBatchOps), rec(1, block+1, "k"))
	for _, c := range []struct {
		name string
		recs []Record
		l    Limits
		ok   bool
	}{
		{"as many as may be", recs, Limits{Records: 2, Bytes: size}, true},
		{"one record too many", recs, Limits{Records: 1, Bytes: size}, false},
		{"one byte too many", recs, Limits{Records: 2, Bytes: size - 1}, false},
		{"a place where there may be none", []Record{rec(1, block, "a", lies(1, 2, 3))}, Limits{Records: 1, Bytes: size}, false},
		{"the largest batch", batch(wire.MaxBatchOps), Limits{Records: 9999, Bytes: 1 << 20, Batches: true}, true},
		{"a batch too large", batch(wire.MaxBatchOps + 1), Limits{Records: 9999, Bytes: 1 << 20, Batches: true}, false},
		{"no batch", batch(wire.MaxBatchOps + 1), Limits{Records: 9999, Bytes: 1 << 20}, true},
		{"two batches", other, Limits{Records: 9999, Bytes: 1 << 20, Batches: true}, true},
	} {
		if got, err := decode(encode(c.recs), c.l); c.ok != (err == nil) || c.ok && len(got) != len(c.recs) {
			t.Errorf("%s: %d records, %v", c.name, len(got), err)
		}
	}
}

// TestBatches: More is set as package wire has it.
func TestBatches(t *testing.T) {
	l := ample
	l.Batches = true
	recs := []Record{rec(1, block, "a"), rec(1, block, "b", at(7)), rec(1, block+1, "c"), rec(2, block+1, "c"), rec(2, block+1, "d"), rec(1, block+1, "e")}
	got, err := decode(encode(recs), l)
	var more []bool
	for _, r := range got {
		more = append(more, r.More)
	}
	if want := []bool{true, false, false, true, false, false}; err != nil || !slices.Equal(more, want) {
		t.Errorf("%v, %v, want %v", more, err, want)
	}
}

// TestMemory: neither keys that share much nor what is claimed only takes memory beyond the limits.
func TestMemory(t *testing.T) {
	long := rec(1, block, strings.Repeat("k", wire.MaxKey))
	b := encode(slices.Repeat([]Record{long}, 10_000))
	l := Limits{Records: 10_000, Bytes: 100 << 10}
	if m := Measure(b, l); m.KeyBytes > l.Bytes {
		t.Errorf("room for %d bytes of keys", m.KeyBytes)
	}
	if got, err := decode(b, l); err == nil {
		t.Errorf("%d records", len(got))
	}
}

// TestAllocations: with room, what is allocated does not depend on how many records there are.
func TestAllocations(t *testing.T) {
	recs := overwrites(1000)
	b := encode(recs)
	if n := testing.AllocsPerRun(10, func() {
		d := NewDecoder(b, ample, wire.NewRoom(Measure(b, ample)))
		for rec := (Record{}); d.Next(&rec); {
		}
	}); n > 12 {
		t.Errorf("decoding: %v allocations", n)
	}
	var e Encoder
	if n := testing.AllocsPerRun(10, func() {
		e.Reset()
		for i := range recs {
			e.Add(&recs[i])
		}
	}); n > 0 {
		t.Errorf("encoding: %v allocations", n)
	}
}

func TestCut(t *testing.T) {
	var w Writers
	for round := range 3 {
		for _, n := range []int{20, 9, 8, 3, 0} {
			for i := range 20 {
				if got := w.number(uint64(100 + i)); got != i {
					t.Fatalf("round %d: writer %d has number %d", round, i, got)
				}
			}
			w.Cut(n)
		}
	}
}
