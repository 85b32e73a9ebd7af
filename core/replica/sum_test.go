package replica

import (
	"crypto/sha256"
	"fmt"
	"math/big"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/masqdev/masq/core/storage"
	"github.com/masqdev/masq/core/wire"
)

// scratch is the sum of what a replica shows, reckoned anew from what can be read, and not as sum.go does it. Versions that are hearsay are
// left out, and what they hide is not.
func (g *harness) scratch() (out wire.Sum) {
	g.t.Helper()
	total := new(big.Int)
	add := func(v *version, value []byte) {
		b := append([]byte("masq-sum/1"), wire.AppendU64(wire.AppendU64(wire.AppendU64(nil, v.dot.Writer), v.dot.Seq), v.time)...)
		h := sha256.Sum256(append(append(append(b, byte(v.kind), byte(len(v.key)>>8), byte(len(v.key))), v.key...), value...))
		total.Add(total, new(big.Int).SetBytes(h[:16]))
	}
	keys := map[string]struct{}{}
	for i := range g.pages {
		g.do(func() error {
			p, err := g.page(i)
			if err == nil {
				for _, k := range p.keys {
					keys[k] = struct{}{}
				}
			}
			return err
		})
	}
	for k := range g.mem {
		keys[k] = struct{}{}
	}
	for _, k := range sorted(keys) {
		g.do(func() error {
			vs, err := g.lookup(k)
			if err != nil {
				return err
			}
			var counted []*version
			for _, v := range vs {
				if v.kind != wire.Deleted && !v.hearsay {
					counted = append(counted, v)
				}
			}
			recs, _, err := g.records(counted, false)
			if err != nil {
				return err
			}
			for i, v := range counted {
				add(v, recs[i].Value)
			}
			return nil
		})
	}
	total.Mod(total, new(big.Int).Lsh(big.NewInt(1), 128)).FillBytes(out[:])
	return out
}

// checkSum compares the sum with one from scratch, if it is known.
func (g *harness) checkSum(when string) {
	g.t.Helper()
	if !g.sum.unsummed.empty() {
		return
	}
	if got, want := g.sum.bytes(), g.scratch(); got != want {
		g.t.Fatalf("%s: the sum is %x, and what is there has %x", when, got, want)
	}
}

// wantSum has the sum be known, and right, as it is, committed and opened again, after a checkpoint and opened again.
func (g *harness) wantSum(when string) {
	g.t.Helper()
	known := func(when string) {
		g.t.Helper()
		if !g.sum.unsummed.empty() {
			g.t.Fatalf("%s: the sum is not known", when)
		}
		g.checkSum(when)
	}
	known(when)
	before := g.sum.bytes()
	same := func(when string) {
		g.t.Helper()
		known(when)
		if g.sum.bytes() != before {
			g.t.Fatalf("%s: the sum is another one", when)
		}
	}
	g.commit()
	g.reopen()
	same(when + ", opened again")
	g.save()
	same(when + ", after a checkpoint")
	g.reopen()
	same(when + ", after a checkpoint and opened again")
}

// foreign is a record of a writer that nobody has announced.
func foreign(writer, seq uint64, key, value string, seen ...wire.Dot) wire.Record {
	r := wire.Record{Dot: wire.Dot{Writer: writer, Seq: block + seq}, Time: seq, Key: key, Kind: wire.JSON, Value: []byte(value), Context: seen}
	if value == "" {
		r.Kind, r.Value = wire.Deleted, nil
	}
	return r
}

// Every way in which a version comes to count, or to count no more.
func TestSumPaths(t *testing.T) {
	small(t, 300)
	for _, c := range []struct {
		name string
		do   func(g *harness)
	}{
		{"nothing", func(*harness) {}},
		{"written", func(g *harness) { g.put(1, "k", "value") }},
		{"written at once", func(g *harness) { g.write(1, set("a", "1"), set("b", "2"), Write{Key: "c"}) }},
		{"replaced in memory", func(g *harness) { g.put(1, "k", "1"); g.put(2, "k", "2") }},
		{"replaced in a page", func(g *harness) { g.put(1, "k", "1"); g.save(); g.put(2, "k", "2") }},
		{"replaced after a restart", func(g *harness) { g.put(1, "k", "1"); g.commit(); g.reopen(); g.put(2, "k", "2") }},
		{"deleted", func(g *harness) { g.put(1, "k", "1"); g.del(2, "k") }},
		{"deleted in a page", func(g *harness) { g.put(1, "k", "1"); g.save(); g.del(2, "k") }},
		{"deleted and collected", func(g *harness) {
			g.put(1, "k", "1")
			g.del(2, "k")
			g.Collect(g.Vector())
		}},
		{"imported beside", func(g *harness) {
			g.put(1, "k", "1")
			for i := range 6 {
				g.do(func() error { _, err := g.Import(2, []Write{set("k", fmt.Sprint("other", i))}); return err })
			}
		}},
		{"applied", func(g *harness) { g.apply(1, foreign(9, 0, "k", "1"), foreign(9, 1, "l", "2")) }},
		{"applied and superseded in one message", func(g *harness) {
			g.apply(1, foreign(9, 0, "k", "1"), foreign(9, 1, "k", "2", wire.Dot{Writer: 9, Seq: block}))
		}},
		{"applied beside, then superseded", func(g *harness) {
			g.put(1, "k", "1")
			g.save()
			g.apply(1, foreign(9, 0, "k", "1"))
			g.put(3, "k", "both")
		}},
		{"hearsay that hides", func(g *harness) {
			g.put(1, "k", "1")
			own := g.arrivals[0].dot
			g.applyFrom(Source{Session: 1}, foreign(9, 0, "k", "made up", own))
		}},
		{"hearsay that is true", func(g *harness) {
			g.put(1, "k", "1")
			own := g.arrivals[0].dot
			g.applyFrom(Source{Session: 1}, foreign(9, 0, "k", "2", own))
			g.save()
			g.apply(2, foreign(9, 0, "k", "2", own))
		}},
		{"hearsay that is void", func(g *harness) {
			g.put(1, "k", "1")
			own := g.arrivals[0].dot
			g.applyFrom(Source{Session: 1}, foreign(9, 0, "k", "made up", own))
			g.save()
			g.join(wire.Vector{{Writer: 9, Settled: block}})
		}},
		{"written over hearsay", func(g *harness) {
			g.put(1, "k", "1")
			g.applyFrom(Source{Session: 1}, foreign(9, 0, "k", "made up"))
			g.put(2, "k", "2")
		}},
		{"issued anew after a lie", func(g *harness) {
			g.put(1, "k", "1")
			g.apply(1, foreign(9, 0, "k", "x", wire.Dot{Writer: g.writer.id, Seq: g.arrivals[0].dot.Seq + 100}))
		}},
		{"a fork", func(g *harness) {
			g.put(1, "a", "1")
			g.save()
			g.put(2, "a", "2")
			g.put(2, "b", "1")
			g.del(3, "b")
			g.put(3, "c", "1")
			g.do(func() error { _, err := g.RecoverFork(elsewhere(g.Replica), byAnother(g.Replica)); return err })
		}},
		{"a fork of what is stored", func(g *harness) {
			g.put(1, "a", "1")
			g.put(2, "b", "1")
			g.save()
			g.put(3, "b", "2")
			g.do(func() error { _, err := g.RecoverFork(elsewhere(g.Replica), byAnother(g.Replica)); return err })
		}},
		{"entering another circle", func(g *harness) {
			g.put(1, "a", "1")
			g.apply(1, foreign(9, 0, "a", "2"))
			g.put(2, "b", "1")
			g.del(3, "b")
			g.do(g.Reissue)
		}},
		{"dropped", func(g *harness) {
			g.put(1, "a", "1")
			g.save()
			g.do(func() error { _, err := g.Drop(); return err })
			g.checkpoint()
			g.put(2, "c", "1")
		}},
		{"compacted", func(g *harness) {
			for i := range 40 {
				g.put(1, fmt.Sprintf("%02d", i), strings.Repeat("v", 40))
			}
			g.save()
			for i := range 40 {
				if i%5 != 0 {
					g.put(2, fmt.Sprintf("%02d", i), "new")
				}
			}
			g.save()
			g.save()
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			g := newHarness(t, 1, true)
			c.do(g)
			g.wantSum(c.name)
		})
	}
}

// The sum says something of all that a version is.
func TestSumTellsApart(t *testing.T) {
	base := foreign(9, 1, "key", "value")
	seen := map[wire.Sum]string{}
	for name, change := range map[string]func(*wire.Record){
		"as it is":  func(*wire.Record) {},
		"value":     func(r *wire.Record) { r.Value = []byte("valuf") },
		"kind":      func(r *wire.Record) { r.Kind = wire.Bytes },
		"key":       func(r *wire.Record) { r.Key = "kez" },
		"key end":   func(r *wire.Record) { r.Key, r.Value = "keyv", []byte("alue") },
		"time":      func(r *wire.Record) { r.Time++ },
		"number":    func(r *wire.Record) { r.Dot.Seq++ },
		"writer":    func(r *wire.Record) { r.Dot.Writer++ },
		"a sibling": nil,
		"deletion":  func(r *wire.Record) { r.Kind, r.Value = wire.Deleted, nil },
	} {
		g := newHarness(t, 1, false)
		rec := base
		if change == nil {
			g.apply(1, base)
			rec = foreign(10, 1, "key", "value")
		} else {
			change(&rec)
		}
		g.apply(1, rec)
		if other, ok := seen[g.sum.bytes()]; ok {
			t.Errorf("%s and %s have the same sum", name, other)
		}
		seen[g.sum.bytes()] = name
	}
}

// A sum is told of what is durable, and only if the vector says all of it.
func TestSumToldWithItsVector(t *testing.T) {
	g := newHarness(t, 1, true)
	told := func(when string, want bool) {
		t.Helper()
		if got := g.DurableSum(); (got != nil) != want {
			t.Fatalf("%s: the sum is %x", when, got)
		}
	}
	g.commit()
	told("empty", true)
	g.put(1, "k", "1")
	before := *g.DurableSum()
	g.commit()
	if told("written", true); *g.DurableSum() == before {
		t.Fatal("the sum is not that of the durable vector")
	}
	g.apply(1, foreign(9, 0, "x", "1"), foreign(9, 1, "y", "2"))
	g.commit()
	told("applied and not covered", false)
	g.reopen()
	g.commit()
	told("opened again", false)
	g.save()
	g.reopen()
	g.commit()
	told("opened again after a checkpoint", false)
	g.join(wire.Vector{{Writer: 9, Tails: []wire.Tail{{Seq: block}}}})
	g.commit()
	told("half of it covered", false)
	g.join(wire.Vector{{Writer: 9, Tails: []wire.Tail{{Seq: block + 1}}}})
	g.commit()
	told("covered", true)
	g.applyFrom(Source{Session: 1}, foreign(10, 0, "k", "made up"))
	g.commit()
	told("hearsay", true)
	g.checkSum("hearsay")
	g.do(func() error { _, err := g.RecoverFork(elsewhere(g.Replica), byAnother(g.Replica)); return err })
	told("a fork, not durable", false)
	g.commit()
	told("a fork", true)
}

// Records of very many blocks that no vector covers take little room, and are covered in the end.
func TestSumOpenStaysSmall(t *testing.T) {
	g := newHarness(t, 1, false)
	for i := range uint64(10_000) {
		v := versionOf(&wire.Record{Dot: wire.Dot{Writer: 9 + i%2, Seq: (i + 1) * block}})
		if g.opens([]*version{v}); i%1000 == 0 && wire.VectorSize(g.sum.open) > maxOpen {
			t.Fatalf("%d bytes", wire.VectorSize(g.sum.open))
		}
	}
	g.vector = wire.Vector{{Writer: 9, Settled: 30_000 * block}}
	if g.Summed() != nil {
		t.Error("half of it is open")
	}
	if g.vector = append(g.vector, wire.Element{Writer: 10, Settled: 30_000 * block}); g.Summed() == nil {
		t.Error("nothing is open any more")
	}
}

// forgetTerms has all pages and the part be of a version that knew of no sum.
func (g *harness) forgetTerms() {
	g.save()
	for i := range g.pages {
		var p *page
		g.do(func() (err error) { p, err = g.page(i); return err })
		g.led.DelBlock(g.pages[i].id)
		g.pages[i].id = g.led.AddBlock(storage.Page, p.old())
	}
	g.sum.forget(g.reservedPos)
	g.HandIn()
	g.led.Checkpoint()
	g.commit()
	g.reopen()
}

// old is a page in format 2.
func (p *page) old() []byte {
	b := wire.AppendU32([]byte{2}, uint32(len(p.keys)))
	for i, k := range p.keys {
		b = wire.AppendU32(wire.AppendLV(b, []byte(k)), uint32(len(p.versions[i])))
		for _, v := range p.versions[i] {
			one := appendVersions(nil, k, []*version{v})[2+len(k)+4:]
			if v.counted() {
				one = one[:len(one)-len(v.term)]
			}
			b = append(b, one...)
		}
	}
	return b
}

// What was stored without a sum gets one, in steps, whatever happens meanwhile.
func TestSumOfOldData(t *testing.T) {
	small(t, 300)
	limit := scanBytes
	scanBytes = 500
	defer func() { scanBytes = limit }()
	for seed := range uint64(8) {
		g := newHarness(t, byte(seed), seed%4 == 0)
		rng := rand.New(rand.NewPCG(seed, 2))
		key := func() string { return fmt.Sprintf("%03d", rng.IntN(150)) }
		for range 100 {
			g.put(1, key(), strings.Repeat("v", rng.IntN(60)))
		}
		g.forgetTerms()
		if g.Summed() != nil {
			t.Fatal("a sum, of what is not known")
		}
		steps := 0
		for ; !g.sum.unsummed.empty(); steps++ {
			if steps > 400 {
				t.Fatal("it does not end")
			}
			switch rng.IntN(4) {
			case 0:
				g.del(uint64(steps), key())
			case 1:
				g.commit()
				g.reopen()
			case 2:
				g.put(uint64(steps), key(), "new")
				g.save()
			default:
				g.put(uint64(steps), key(), "new")
			}
		}
		if steps < 5 {
			t.Fatalf("all in %d steps", steps)
		}
		for range 50 {
			g.put(uint64(steps), key(), "newer")
			g.checkSum("afterwards")
		}
		g.wantSum("afterwards")
	}
}

// Of old data of which something is damaged there is no sum until that is gone, and all else goes on.
func TestSumOfDamagedOldData(t *testing.T) {
	small(t, 300)
	for _, scanned := range []bool{false, true} { // before it was damaged
		g := newHarness(t, 1, false)
		key := func(i int) string { return fmt.Sprintf("%02d", i) }
		for i := range 20 {
			g.put(1, key(i), strings.Repeat("v", 40))
		}
		g.forgetTerms()
		known := func(when string, want bool) {
			t.Helper()
			if got := g.Summed() != nil; got != want {
				t.Fatalf("scanned %v, %s: the sum is known: %v", scanned, when, got)
			}
		}
		if known("old", false); scanned {
			g.save()
			g.reopen()
			known("added up", true)
		}
		if err := g.store.Commit(storage.Commit{Dels: []storage.ID{g.segs[1].id}}, storage.Strict); err != nil {
			t.Fatal(err)
		}
		g.cfg.Watched = func(string) bool { return false }
		put := func(keys ...int) {
			for _, i := range keys {
				g.put(2, key(i), "new")
			}
			g.do(g.Checkpoint)
			g.led.Checkpoint()
			g.commit()
		}
		put(19)
		known("damaged elsewhere", scanned)
		put(4)
		known("damaged", false)
		for i := range 20 {
			put(i)
		}
		known("written anew", true)
		g.checkSum("written anew")
	}
}

// Whatever happens, in any order, the sum is that of what is there.
func TestSumOfAnything(t *testing.T) {
	small(t, 400)
	limit := scanBytes
	scanBytes = 600
	defer func() { scanBytes = limit }()
	for seed := range uint64(60) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) { sumOfAnything(t, seed) })
	}
}

func sumOfAnything(t *testing.T, seed uint64) {
	g := newHarness(t, byte(seed), false)
	rng := rand.New(rand.NewPCG(seed, 3))
	key := func() string { return fmt.Sprint("k", rng.IntN(8)) }
	next := map[uint64]uint64{} // by writer
	known := []wire.Dot{}       // that a context may name
	clock := uint64(0)
	context := func() (out []wire.Dot) {
		for range rng.IntN(3) {
			if len(known) > 0 {
				d := known[rng.IntN(len(known))]
				if rng.IntN(2) == 0 {
					d.Seq |= wire.BlockOnly
				}
				out = append(out, d)
			}
		}
		return mergePairs(out)
	}
	record := func() wire.Record {
		w := 9 + rng.Uint64N(3)
		if rng.IntN(12) == 0 {
			next[w] = (next[w]>>12 + 1) << 12
		}
		r := foreign(w, next[w], key(), fmt.Sprint(seed, rng.IntN(100)), context()...)
		if rng.IntN(5) == 0 {
			r.Kind, r.Value = wire.Deleted, nil
		}
		next[w]++
		known = append(known, r.Dot)
		return r
	}
	for step := range 150 {
		clock += rng.Uint64N(3)
		var what string
		switch n := rng.IntN(100); {
		case n < 25:
			what = "put"
			g.put(clock, key(), fmt.Sprint(step))
			known = append(known, g.arrivals[len(g.arrivals)-1].dot)
		case n < 32:
			what = "del"
			g.del(clock, key())
			known = append(known, g.arrivals[len(g.arrivals)-1].dot)
		case n < 37:
			what = "import"
			g.do(func() error { _, err := g.Import(clock, []Write{set(key(), fmt.Sprint(step))}); return err })
		case n < 62:
			what = "apply"
			recs := []wire.Record{record()}
			for range rng.IntN(3) {
				recs = append(recs, record())
			}
			g.apply(1, recs...)
		case n < 67:
			what = "hearsay"
			g.applyFrom(Source{Session: 1}, record())
		case n < 72:
			what = "join"
			w := 9 + rng.Uint64N(3)
			if next[w] > 0 {
				g.join(wire.Vector{{Writer: w, Tails: []wire.Tail{{Seq: block + rng.Uint64N(next[w])}}}})
			}
		case n < 82:
			what = "commit"
			g.commit()
		case n < 88:
			what = "checkpoint"
			g.checkpoint()
		case n < 92:
			what = "reopen"
			g.reopen()
		case n < 94:
			what = "collect"
			g.Collect(g.Vector())
		case n == 94:
			what = "old"
			g.forgetTerms()
		case n < 98:
			what = "fork"
			if g.writer.block != 0 {
				from := g.writer.block<<wire.BlockBits + rng.Uint64N(g.writer.next&(1<<wire.BlockBits-1)+1)
				proof := byAnother(g.Replica)
				marks := wire.Marks{Writer: g.writer.id, Tails: []wire.Tail{{Seq: from, Hash: wire.Hash{1}}}}
				if rng.IntN(2) == 0 {
					marks.Tails = g.vector.Of(g.writer.id).Tails // all until now is the same
				}
				g.do(func() error { _, err := g.RecoverFork(marks, proof); return err })
			}
		default:
			what = "reissue"
			g.do(g.Reissue)
			g.checkpoint()
		}
		g.checkSum(fmt.Sprint(step, " ", what))
	}
	for n := 0; g.Summed() == nil && !g.sum.unsummed.empty(); n++ {
		if g.save(); n > 100 {
			t.Fatal("the sum does not become known")
		}
		g.checkSum("in the end")
	}
	g.wantSum("in the end")
}

// BenchmarkTerm is what the sum costs a write: the hash of a record with a value of 100 bytes.
func BenchmarkTerm(b *testing.B) {
	v := &version{key: benchKey(1), dot: wire.Dot{Writer: 7, Seq: block}, time: 1, kind: wire.Bytes}
	b.ReportAllocs()
	for b.Loop() {
		v.term = v.termOf(benchValue)
	}
}
