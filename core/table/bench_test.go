package table

import (
	"testing"

	"github.com/masqdev/masq/core/vault"
)

func perRecord(b *testing.B, n int, f func()) {
	b.ReportAllocs()
	for b.Loop() {
		f()
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/record")
}

func BenchmarkBuild(b *testing.B) {
	for name, perm := range map[string][]int{"in order": inOrder(10_000), "shuffled": shuffled(10_000)} {
		all := keyed(versions(perm))
		b.Run(name, func(b *testing.B) {
			perRecord(b, len(all), func() {
				x := NewBuilder(Options{})
				for _, k := range all {
					x.Add(k.Key, k.Versions)
					x.Take()
				}
				x.Finish()
			})
		})
	}
}

// BenchmarkRead reads the parts of one full block: its head, one section, one key of that.
func BenchmarkRead(b *testing.B) {
	d := newDisk(b)
	entries := d.build(Options{}, versions(shuffled(10_000)))
	tab, s := d.table(entries), d.sections(b, entries[3].Block)
	h, err := ParseHead(s.Head)
	if err != nil {
		b.Fatal(err)
	}
	plain, err := s.Open(2)
	if err != nil {
		b.Fatal(err)
	}
	key := h.First(2)
	b.Run("head", func(b *testing.B) {
		perRecord(b, h.Records(), func() { ParseHead(s.Head) })
	})
	b.Run("section", func(b *testing.B) {
		perRecord(b, h.sections[2].records, func() { h.Section(2, plain, Compression{}) })
	})
	b.Run("lookup", func(b *testing.B) {
		perRecord(b, 1, func() { tab.Lookup(key, Hash(key)) })
	})
}

func (d *disk) sections(b *testing.B, block uint64) *vault.Sections {
	s, err := d.open(block)
	if err != nil {
		b.Fatal(err)
	}
	return s
}

func BenchmarkHash(b *testing.B) {
	h := uint64(0)
	for b.Loop() {
		for range 1000 {
			h += Hash("key-0000017")
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/11_000, "ns/byte")
	if h == 0 {
		b.Error("never")
	}
}
