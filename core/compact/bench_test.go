package compact

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/masqdev/masq/core/wire"
)

// data is records as applications write them, with values of 100 bytes.
type data struct {
	name string
	recs []Record
	most float64 // bytes a record besides key and value, at most
}

const (
	writerA, writerB = 0x8000_0000_1111_2222, 0x1000_0000_3333_4444
	firstSeq         = 37 << wire.BlockBits
	firstTime        = 1_790_000_000_000
)

func realistic() []data {
	batches := batched(numbers(10_000))
	shuffled := batched(rand.New(rand.NewPCG(1, 2)).Perm(10_000))
	sorted := slices.Clone(shuffled)
	slices.SortFunc(sorted, func(a, b Record) int { return strings.Compare(a.Key, b.Key) })
	return []data{
		{"batches, in order", batches, -5.8},
		{"batches, random order", shuffled, -3},
		{"batches, random order, sorted", sorted, -2.2},
		{"single puts", singles(10_000), -2.8},
		{"overwrites by two", overwrites(10_000), 5},
	}
}

func numbers(n int) []int {
	out := make([]int, n)
	for i := range out {
		out[i] = i
	}
	return out
}

func record(writer, seq, time uint64, key int) Record {
	value := make([]byte, 100)
	for i := range value {
		value[i] = byte(key + i)
	}
	return Record{Record: wire.Record{Dot: wire.Dot{Writer: writer, Seq: seq}, Time: time, Key: fmt.Sprintf("key-%07d", key), Kind: wire.JSON, Value: value}}
}

func batched(keys []int) (out []Record) {
	for i, k := range keys {
		n := uint64(i / 1000)
		out = append(out, record(writerA, firstSeq+n, firstTime+n*130, k))
	}
	return out
}

func singles(n int) (out []Record) {
	for i := range n {
		out = append(out, record(writerA, firstSeq+uint64(i), firstTime+uint64(i)*10, i))
	}
	return out
}

// overwrites are of 100 keys, by two writers that see each other's.
func overwrites(n int) (out []Record) {
	random := rand.New(rand.NewPCG(3, 4))
	wrote := map[int]map[uint64]uint64{} // by key and writer
	next := map[uint64]uint64{writerA: firstSeq, writerB: firstSeq * 2}
	for i := range n {
		k, w := random.IntN(100), []uint64{writerA, writerB}[random.IntN(2)]
		rec := record(w, next[w], firstTime+uint64(i)*400, k)
		for _, of := range []uint64{writerB, writerA} { // ascending
			if seq := wrote[k][of]; seq > 0 {
				rec.Context = append(rec.Context, wire.Dot{Writer: of, Seq: seq})
			}
		}
		if wrote[k] == nil {
			wrote[k] = map[uint64]uint64{}
		}
		wrote[k][w] = next[w]
		next[w]++
		out = append(out, rec)
	}
	return out
}

func plain(recs []Record) (n int) {
	for i := range recs {
		n += len(recs[i].Key) + len(recs[i].Value)
	}
	return n
}

// TestBytes: how many bytes a record takes besides its key and value does not grow.
func TestBytes(t *testing.T) {
	for _, c := range realistic() {
		var e Encoder
		old := 0
		for i := range c.recs {
			e.Add(&c.recs[i])
			old += wire.RecordSize(&c.recs[i].Record)
		}
		n := float64(len(c.recs))
		each := float64(e.Size()-plain(c.recs)) / n
		t.Logf("%-30s %5.2f bytes a record, package wire %5.2f", c.name, each, float64(old-plain(c.recs))/n)
		if each > c.most {
			t.Errorf("%s: %.2f bytes a record besides key and value, want at most %.2f", c.name, each, c.most)
		}
	}
}

func BenchmarkEncode(b *testing.B) {
	for _, c := range realistic() {
		b.Run("compact/"+c.name, func(b *testing.B) {
			var e Encoder
			perRecord(b, len(c.recs), func() {
				e.Reset()
				for i := range c.recs {
					e.Add(&c.recs[i])
				}
			})
		})
		b.Run("wire/"+c.name, func(b *testing.B) {
			var out []byte
			perRecord(b, len(c.recs), func() {
				out = out[:0]
				for i := range c.recs {
					out = wire.AppendRecord(out, &c.recs[i].Record)
				}
			})
		})
	}
}

func BenchmarkDecode(b *testing.B) {
	for _, c := range realistic() {
		var e Encoder
		var old []byte
		for i := range c.recs {
			e.Add(&c.recs[i])
			old = wire.AppendRecord(old, &c.recs[i].Record)
		}
		seq := e.Append(nil)
		b.Run("compact/"+c.name, func(b *testing.B) {
			perRecord(b, len(c.recs), func() {
				d := NewDecoder(seq, ample, wire.NewRoom(Measure(seq, ample)))
				for rec := (Record{}); d.Next(&rec); {
				}
				if d.Err() != nil {
					b.Fatal(d.Err())
				}
			})
		})
		b.Run("wire/"+c.name, func(b *testing.B) {
			perRecord(b, len(c.recs), func() {
				var m wire.Measure
				m.Add(old)
				d := wire.ReadRecords(old, wire.NewRoom(m))
				for rec := (wire.Record{}); d.Next(&rec); {
				}
			})
		})
	}
}

func perRecord(b *testing.B, n int, f func()) {
	b.ReportAllocs()
	for b.Loop() {
		f()
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/record")
}
