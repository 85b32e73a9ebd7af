package wire

import (
	"bytes"
	"reflect"
	"slices"
	"strings"
	"testing"
)

func sampleRecords() []Record {
	many := make([]Dot, MaxContext)
	for i := range many {
		many[i] = Dot{uint64(i), testBlock + uint64(i)}
	}
	return []Record{
		{Dot: Dot{1, testBlock}, Key: "a", Value: []byte{}},
		{Dot: Dot{1<<64 - 1, BlockOnly - 1}, Time: 1<<64 - 1, Key: "über/日本", Kind: JSON, Value: []byte(`{"a":1}`)},
		{Dot: Dot{2, 5000}, Time: 1, Context: []Dot{{1, 4096}, {2, 4999}, {2, BlockOnly | 8192}, {9, BlockOnly | 7000}}, Key: "k", Kind: Bytes, Value: []byte{0, 255}},
		{Dot: Dot{3, 5000}, Context: many, Key: strings.Repeat("k", MaxKey), Kind: Bytes, Value: make([]byte, MaxValue)},
		{Dot: Dot{4, 5000}, Key: "b1", Kind: JSON, Value: []byte("1"), More: true},
		{Dot: Dot{4, 5000}, Key: "b2", Value: []byte{}, More: true},
		{Dot: Dot{4, 5000}, Key: "b3", Kind: JSON, Value: []byte("3")},
	}
}

func appendRecords(recs []Record) []byte {
	var b []byte
	for i := range recs {
		b = AppendRecord(b, &recs[i])
	}
	return b
}

func TestRecordsRoundTrip(t *testing.T) {
	recs := sampleRecords()
	for i := range recs {
		b := AppendRecord([]byte("front"), &recs[i])
		if len(b)-5 != RecordSize(&recs[i]) {
			t.Errorf("record %d: %d bytes, RecordSize says %d", i, len(b)-5, RecordSize(&recs[i]))
		}
		r := NewReader(b[5:])
		if got := ReadRecord(&r); r.Done() != nil || !reflect.DeepEqual(got, recs[i]) {
			t.Errorf("record %d: %v", i, r.Done())
		}
		r = NewReader(b[5:])
		if got := ReadValue(&r); r.Done() != nil || !bytes.Equal(got, recs[i].Value) {
			t.Errorf("record %d: another value", i)
		}
	}
	if got, err := ParseRecords(appendRecords(recs)); err != nil || !reflect.DeepEqual(got, recs) {
		t.Error("all together:", err)
	}
	if got, err := ParseRecords(nil); err != nil || len(got) != 0 {
		t.Error("none:", err)
	}
}

func TestRecordBytes(t *testing.T) {
	rec := Record{Dot: Dot{1, 0x1002}, Time: 3, Context: []Dot{{4, 0x1005}}, Key: "key", Kind: JSON, Value: []byte("42"), More: true}
	want := "\x05" +
		"\x00\x00\x00\x00\x00\x00\x00\x01" + "\x00\x00\x00\x00\x00\x00\x10\x02" + "\x00\x00\x00\x00\x00\x00\x00\x03" +
		"\x00\x01" + "\x00\x00\x00\x00\x00\x00\x00\x04" + "\x00\x00\x00\x00\x00\x00\x10\x05" +
		"\x00\x03key" + "\x00\x00\x00\x0242"
	if got := AppendRecord(nil, &rec); string(got) != want {
		t.Errorf("%x", got)
	}
}

type recordsCase struct {
	name string
	in   []byte
	ok   bool
}

func malformedRecords() []recordsCase {
	good := Record{Dot: Dot{1, 5000}, Context: []Dot{{1, 4096}, {3, 4096}}, Key: "key", Kind: JSON, Value: []byte("1")}
	with := func(change func(r *Record)) []byte {
		r := good
		change(&r)
		return AppendRecord(nil, &r)
	}
	flags := func(f byte) []byte { b := AppendRecord(nil, &good); b[0] = f; return b }
	batch := func(n int) []byte {
		recs := slices.Repeat([]Record{{Dot: Dot{1, 5000}, Key: "k", More: true}}, n)
		recs[n-1].More = false
		return appendRecords(recs)
	}
	first := with(func(r *Record) { r.More = true })
	return []recordsCase{
		{"good", AppendRecord(nil, &good), true},
		{"kind 3", flags(3), false},
		{"hearsay", flags(8 | 1), true},
		{"abridged", flags(16 | 1), true},
		{"another flag", flags(32 | 1), false},
		{"deleted with a value", flags(0), false},
		{"deleted", with(func(r *Record) { r.Kind, r.Value = Deleted, nil }), true},
		{"empty value", with(func(r *Record) { r.Kind, r.Value = Bytes, nil }), true},
		{"block 0", with(func(r *Record) { r.Dot.Seq = 4095 }), false},
		{"seq of a pair", with(func(r *Record) { r.Dot.Seq |= BlockOnly }), false},
		{"seq 0", with(func(r *Record) { r.Dot.Seq = 0 }), false},
		{"context of block 0", with(func(r *Record) { r.Context = []Dot{{1, 4095}} }), false},
		{"context descending", with(func(r *Record) { r.Context = []Dot{{3, 4096}, {1, 4096}} }), false},
		{"context with a writer twice", with(func(r *Record) { r.Context = []Dot{{1, 4096}, {1, 4097}} }), false},
		{"context with a block twice", with(func(r *Record) { r.Context = []Dot{{1, BlockOnly | 8192}, {1, BlockOnly | 8193}} }), false},
		{"context with a block of the pair before", with(func(r *Record) { r.Context = []Dot{{1, 8192}, {1, BlockOnly | 8193}} }), false},
		{"context with blocks descending", with(func(r *Record) { r.Context = []Dot{{1, BlockOnly | 8192}, {1, BlockOnly | 4096}} }), false},
		{"context with a pair of all last", with(func(r *Record) { r.Context = []Dot{{1, BlockOnly | 4096}, {1, 8192}} }), false},
		{"context of block 0 only", with(func(r *Record) { r.Context = []Dot{{1, BlockOnly | 4095}} }), false},
		{"context with blocks", with(func(r *Record) { r.Context = []Dot{{1, 5000}, {1, BlockOnly | 8192}, {1, BlockOnly | 12288}} }), true},
		{"context too long", with(func(r *Record) {
			r.Context = nil
			for w := range uint64(MaxContext + 1) {
				r.Context = append(r.Context, Dot{w, 4096})
			}
		}), false},
		{"no key", with(func(r *Record) { r.Key = "" }), false},
		{"longest key", with(func(r *Record) { r.Key = strings.Repeat("k", MaxKey) }), true},
		{"key too long", with(func(r *Record) { r.Key = strings.Repeat("k", MaxKey+1) }), false},
		{"key not UTF-8", with(func(r *Record) { r.Key = "\xff" }), false},
		{"key with U+0000", with(func(r *Record) { r.Key = "a\x00" }), false},
		{"value too long", with(func(r *Record) { r.Value = make([]byte, MaxValue+1) }), false},
		{"batch of two", append(bytes.Clone(first), AppendRecord(nil, &good)...), true},
		{"batch not whole", first, false},
		{"batch with another dot", append(bytes.Clone(first), with(func(r *Record) { r.Dot.Seq++ })...), false},
		{"batch with another writer", append(bytes.Clone(first), with(func(r *Record) { r.Dot.Writer++ })...), false},
		{"longest batch", batch(MaxBatchOps), true},
		{"two longest batches", append(batch(MaxBatchOps), batch(MaxBatchOps)...), true},
		{"batch too long", batch(MaxBatchOps + 1), false},
		{"left over", append(AppendRecord(nil, &good), 1), false},
	}
}

func TestMalformedRecords(t *testing.T) {
	for _, c := range malformedRecords() {
		if recs, err := ParseRecords(c.in); c.ok != (err == nil) || err != nil && (err != ErrMalformed || recs != nil) {
			t.Errorf("%s: %d records, %v", c.name, len(recs), err)
		}
	}
	whole := malformedRecords()[0].in
	for i := 1; i < len(whole); i++ {
		if _, err := ParseRecords(whole[:i]); err == nil {
			t.Errorf("cut to %d bytes", i)
		}
	}
}

// TestReadRecordAfterFailure: a record that is not there is a zero one, and the Reader says so.
func TestReadRecordAfterFailure(t *testing.T) {
	for _, in := range []string{"", "\x01", strings.Repeat("\xff", 100)} {
		r := NewReader([]byte(in))
		if got := ReadRecord(&r); r.Err() == nil || !reflect.DeepEqual(got, Record{}) {
			t.Errorf("%d bytes: %+v, %v", len(in), got, r.Err())
		}
	}
}

func TestValidKey(t *testing.T) {
	for k, want := range map[string]bool{
		"":                              false,
		"a":                             true,
		" ":                             true,
		"\x01\n\x7f":                    true,
		"\x00":                          false,
		"a\x00b":                        false,
		"日本/ü":                          true,
		"\uffff\U0010ffff":              true,
		"\xff":                          false,
		"\xed\xa0\x80":                  false, // half of a surrogate pair
		"\xc0\x80":                      false, // U+0000 in two bytes
		strings.Repeat("k", MaxKey):     true,
		strings.Repeat("k", MaxKey+1):   false,
		strings.Repeat("é", MaxKey/2):   true,
		strings.Repeat("é", MaxKey/2+1): false,
	} {
		if ValidKey(k) != want {
			t.Errorf("%.20q: %v", k, !want)
		}
	}
}

func TestSees(t *testing.T) {
	context := []Dot{
		{1, 5000}, {3, 4096}, {5, BlockOnly | 8200}, {7, 4100}, {7, BlockOnly | 12290}, {7, BlockOnly | 16390}, {9, BlockOnly - 1},
	}
	for d, want := range map[Dot]bool{
		{1, 4999}: true, {1, 5000}: true, {1, 5001}: false,
		{2, 4096}: false, {0, 4096}: false, {10, 4096}: false,
		{3, 4096}: true, {3, 4097}: false, {9, BlockOnly - 1}: true,
		{5, 4096}: false, {5, 8191}: false, {5, 8192}: true, {5, 8200}: true, {5, 8201}: false, {5, 12288}: false,
		{7, 4096}: true, {7, 4101}: false, {7, 8192}: false, {7, 12288}: true, {7, 12290}: true, {7, 12291}: false,
		{7, 16390}: true, {7, 16391}: false,
	} {
		if Sees(context, d) != want {
			t.Errorf("%v: %v", d, !want)
		}
	}
	if Sees(nil, Dot{1, 4096}) {
		t.Error("an empty context has seen something")
	}
}

// FuzzParseRecords: no bytes make it panic, and what parses has one form.
func FuzzParseRecords(f *testing.F) {
	recs := sampleRecords()
	f.Add([]byte{})
	f.Add(appendRecords(recs[:3]))
	f.Add(appendRecords(recs[4:]))
	f.Fuzz(func(t *testing.T, b []byte) {
		recs, err := ParseRecords(b)
		if err != nil {
			return
		}
		if !bytes.Equal(appendRecords(recs), b) {
			t.Fatalf("%x became %x", b, appendRecords(recs))
		}
		size := 0
		for i := range recs {
			size += RecordSize(&recs[i])
			if !ValidKey(recs[i].Key) || len(recs[i].Value) > MaxValue || len(recs[i].Context) > MaxContext {
				t.Fatalf("%+v is over the limits", recs[i])
			}
		}
		if size != len(b) {
			t.Fatalf("RecordSize says %d of %d bytes", size, len(b))
		}
	})
}

func BenchmarkParseRecords(b *testing.B) {
	rec := Record{Dot: Dot{1, 5000}, Context: []Dot{{1, 4999}}, Key: "note/1234", Kind: JSON, Value: make([]byte, 100)}
	in := bytes.Repeat(AppendRecord(nil, &rec), 400)
	b.SetBytes(int64(len(in)))
	for b.Loop() {
		if _, err := ParseRecords(in); err != nil {
			b.Fatal(err)
		}
	}
}
