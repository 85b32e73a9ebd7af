package replica

import "testing"

// emptied is a replica of n keys, written in key order and deleted. The tombstones are gone if collect is true, else another device lacks them.
func emptied(b *testing.B, n int, collect bool) *harness {
	b.Helper()
	g := filled(b, n)
	if collect {
		g.CollectAll()
	}
	for i := range n {
		if g.del(2, benchKey(i)); g.NeedsCheckpoint() {
			g.do(g.Checkpoint)
			g.led.Checkpoint()
			g.commit()
			g.led.Trim()
		}
	}
	g.commit()
	return g
}

// BenchmarkRangeOverDeleted lists, opened anew, what is left where everything was deleted.
func BenchmarkRangeOverDeleted(b *testing.B) {
	for _, c := range []struct {
		name    string
		n       int
		collect bool
		q       Query
	}{
		{"60,000, alone", 60_000, true, Query{KeysOnly: true}},
		{"60,000, another lacks them", 60_000, false, Query{KeysOnly: true}},
		{"a limit of 100 over 100,000, alone", 100_000, true, Query{KeysOnly: true, Limit: 100}},
		{"a limit of 100 over 100,000, another lacks them", 100_000, false, Query{KeysOnly: true, Limit: 100}},
	} {
		b.Run(c.name, func(b *testing.B) {
			g := emptied(b, c.n, c.collect)
			rounds, blocks := 0, 0
			for b.Loop() {
				b.StopTimer()
				g.reopen()
				before := g.fetched
				b.StartTimer()
				g.do(func() error { rounds++; _, _, err := g.Range(c.q); return err })
				blocks += g.fetched - before
			}
			b.ReportMetric(float64(rounds)/float64(b.N), "rounds/op")
			b.ReportMetric(float64(blocks)/float64(b.N), "blocks/op")
			b.ReportMetric(float64(g.Tombstones()), "tombstones")
		})
	}
}
