package peer

import (
	"fmt"
	"runtime"
	"testing"

	"github.com/masqdev/masq/core/wire"
)

// What one engine does, on storage in memory, and two of them through a relay without a network: all that is left of the times is
// the engine's own work.

const benchKeys = 10_000

func benchWrites(first, n int) []Write {
	writes := make([]Write, n)
	for i := range writes {
		writes[i] = Write{Key: fmt.Sprintf("note/%06d", (first+i)%benchKeys), Kind: wire.Bytes, Value: make([]byte, 100)}
	}
	return writes
}

// filledHarness is a harness whose first device has all of the keys.
func filledHarness(b *testing.B) *harness {
	b.Helper()
	h := newHarness(b, "Laptop")
	for first := 0; first < benchKeys; first += 1000 {
		h.nodes[0].must(Op{Do: Batch{Writes: benchWrites(first, 1000)}})
	}
	return h
}

func BenchmarkPut(b *testing.B) {
	n := filledHarness(b).nodes[0]
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		n.must(Op{Do: Batch{Writes: benchWrites(i*7919, 1)}})
	}
}

func BenchmarkBatchOf100(b *testing.B) {
	n := filledHarness(b).nodes[0]
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		n.must(Op{Do: Batch{Writes: benchWrites(i*100, 100)}})
	}
}

func BenchmarkGet(b *testing.B) {
	n := filledHarness(b).nodes[0]
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		n.must(Op{Do: Get{Key: benchWrites(i*7919, 1)[0].Key}})
	}
}

func BenchmarkRangeOf1000(b *testing.B) {
	n := filledHarness(b).nodes[0]
	b.ReportAllocs()
	for b.Loop() {
		if r := n.must(Op{Do: List{Gte: "note/005000", Limit: 1000}}); len(r.Entries) != 1000 {
			b.Fatal(len(r.Entries))
		}
	}
}

// BenchmarkOpen opens all of the keys and reads one; what the engine has in memory then is heap-B.
func BenchmarkOpen(b *testing.B) {
	h := filledHarness(b)
	n := h.nodes[0]
	for b.Loop() {
		n.crash()
		n.must(Op{Do: Get{Key: "note/007777"}})
	}
	with := heap()
	n.e = nil
	b.ReportMetric(float64(with)-float64(heap()), "heap-B")
}

func heap() uint64 {
	var stats runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&stats)
	return stats.HeapAlloc
}

// BenchmarkFirstCopy pairs a device that has nothing with one that has all of the keys, until it has them too.
func BenchmarkFirstCopy(b *testing.B) {
	for b.Loop() {
		b.StopTimer()
		h := filledHarness(b)
		phone := h.add("Phone", testApp)
		b.StartTimer()
		h.pair(h.nodes[0], phone)
		h.until("all is there", func() bool { return phone.status.Entries == benchKeys })
	}
}

// BenchmarkCatchUp has two devices each change a hundredth of the keys while they are apart, and brings them together.
func BenchmarkCatchUp(b *testing.B) {
	h := filledHarness(b)
	laptop, phone := h.nodes[0], h.add("Phone", testApp)
	h.pair(laptop, phone)
	h.until("first copy", func() bool { return phone.status.Entries == benchKeys })
	for i := 0; b.Loop(); i++ {
		b.StopTimer()
		h.offline(phone, true)
		laptop.must(Op{Do: Batch{Writes: benchWrites(0, benchKeys/100)}})
		laptop.put("laptop", fmt.Sprint(i))
		phone.must(Op{Do: Batch{Writes: benchWrites(benchKeys/2, benchKeys/100)}})
		phone.put("phone", fmt.Sprint(i))
		b.StartTimer()
		h.offline(phone, false)
		h.until("both have both", func() bool { return laptop.get("phone") == fmt.Sprint(i) && phone.get("laptop") == fmt.Sprint(i) })
	}
}
