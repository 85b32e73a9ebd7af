package peer

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/masqdev/masq/core/wire"
)

func batchOf(key, value string) Op {
	w := Write{Key: key}
	if value != "" {
		w.Kind, w.Value = wire.JSON, []byte(value)
	}
	return Op{Do: Batch{Relaxed: true, Writes: []Write{w}}}
}

// dies ends the engine with what it was just asked for: storage gets nothing of it, and the engine hears nothing more.
func (n *node) dies(do ...Op) {
	f := &failing{Store: n.store, err: errTorn}
	n.store = f
	for _, op := range do {
		n.lastOp++
		op.ID, op.Client = n.lastOp, 1
		n.step(&op)
	}
	n.store = f.Store
}

// What a crash took is taken back from who watches on: it is told all that there is. Who was told of nothing that is not stored is told the rest.
func TestSinceAfterACrash(t *testing.T) {
	for _, c := range []struct {
		name   string
		do     func(n *node, w *watching)
		resets int
	}{
		{"nothing happened", func(n *node, _ *watching) { n.crash() }, 0},
		{"nothing happened, twice", func(n *node, w *watching) { n.crash(); w.again(); w.check("once"); n.crash() }, 0},
		{"all of it was stored", func(n *node, _ *watching) { n.put("a", `1`); n.crash() }, 0},
		{"something came meanwhile", func(n *node, w *watching) {
			n.put("a", `1`)
			w.follow()
			n.put("b", `1`)
			n.del("k")
			n.crash()
		}, 0},
		{"a new key was not stored", func(n *node, _ *watching) { n.dies(batchOf("a", `1`)); n.crash() }, 1},
		{"another value was not stored", func(n *node, _ *watching) { n.dies(batchOf("k", `2`)); n.crash() }, 1},
		{"a deletion was not stored", func(n *node, _ *watching) { n.dies(batchOf("k", "")); n.crash() }, 1},
		{"and more came in the next run", func(n *node, _ *watching) {
			n.dies(batchOf("a", `1`), batchOf("b", `1`))
			n.crash()
			for i := range 5 {
				n.put(fmt.Sprint("next/", i), `1`)
			}
		}, 1},
		{"and in ten", func(n *node, _ *watching) {
			n.dies(batchOf("a", `1`), batchOf("b", `1`))
			for i := range 10 {
				n.crash()
				n.put(fmt.Sprint("next/", i), `1`)
			}
		}, 1},
		{"a power cut took a relaxed write", func(n *node, w *watching) {
			n.do(batchOf("a", `1`))
			w.check("before")
			n.powerCut()
		}, 1},
		{"a power cut took what the second run read", func(n *node, w *watching) {
			n.do(batchOf("a", `1`))
			w.check("before")
			n.store.(*forgetful).lose = true
			n.crash()
			w.again()
			w.check("in the second run")
			n.powerCut()
		}, 1},
		{"it was written down", func(n *node, _ *watching) {
			for i := range 9 {
				n.must(Op{Do: writes(2, func(j int) string { return fmt.Sprint(i, "/", j) }, big(100_000))})
			}
			n.crash()
		}, 0},
		{"it was written down, and then something lost", func(n *node, _ *watching) {
			for i := range 9 {
				n.must(Op{Do: writes(2, func(j int) string { return fmt.Sprint(i, "/", j) }, big(100_000))})
			}
			n.dies(batchOf("a", `1`))
			n.crash()
			n.put("b", `1`)
		}, 1},
		{"more than 64 runs ago", func(n *node, _ *watching) {
			n.put("a", `1`)
			for i := range 70 {
				n.crash()
				n.put("b", fmt.Sprint(i))
			}
		}, 1},
		{"fewer", func(n *node, _ *watching) {
			n.put("a", `1`)
			for i := range 60 {
				n.crash()
				n.put("b", fmt.Sprint(i))
			}
		}, 0},
		{"more than goes into one page", func(n *node, _ *watching) {
			for i := range 10 {
				n.must(Op{Do: writes(1000, func(j int) string { return fmt.Sprintf("%d/%03d", i, j) }, `1`)})
			}
			n.dies(batchOf("a", `1`))
			n.crash()
		}, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := newHarness(t, "Laptop")
			n := h.nodes[0]
			n.store = newForgetful()
			n.crash()
			n.put("k", `1`)
			n.put("p/k", `1`)
			w, none, some := n.watch("", 0), n.watch("zzz", 0), n.watch("p/", 0)
			c.do(n, w)
			for _, w := range []*watching{w, none, some} {
				w.resets = 0
				w.again()
				w.check("after a restart")
				if w == some && (c.resets == 0) && w.resets != 0 || w.resets > c.resets || w.prefix == "" && w.resets != c.resets {
					t.Errorf("%q: %d resets, want %d", w.prefix, w.resets, c.resets)
				}
				if w.pos == nowhere {
					t.Errorf("%q has no position to come back with", w.prefix)
				}
			}
			n.put("p/last", `1`)
			for _, w := range []*watching{w, some} {
				w.check("goes on")
			}
		})
	}
}

// A watch that is told of all that there is, a page at a time, is told of what happens meanwhile behind it.
func TestResetWhileMuchIsRead(t *testing.T) {
	h := newHarness(t, "Laptop")
	n := h.nodes[0]
	for i := range 30 {
		n.must(Op{Do: writes(10, func(j int) string { return fmt.Sprintf("%02d/%d", i, j) }, big(40_000))})
	}
	n.crash()
	w := &watching{n: n, mirror: map[string]string{}, op: n.lastOp + 1}
	var all Events
	for _, op := range []Op{{Do: Watch{Since: 7}}, batchOf("00/0", ""), batchOf("29/9", `1`), batchOf("new", `1`)} {
		n.lastOp++
		op.ID = n.lastOp
		all = append(all, &op)
	}
	n.step(all)
	h.run()
	w.check("at the end")
	pages := 0
	for i, a := range n.told {
		if a.Reset != (i == 0) {
			t.Errorf("action %d: reset %v", i, a.Reset)
		}
		if a.Position == nowhere && len(a.Changes) > 0 {
			pages++
		}
	}
	if pages < 8 {
		t.Errorf("%d pages and the last", pages)
	}
}

// Whatever is lost and whenever, who watches on has in the end what list shows.
func TestSinceAtRandom(t *testing.T) {
	for seed := range uint64(40) {
		rng := rand.New(rand.NewPCG(seed, 1))
		h := newHarness(t, "Laptop")
		n := h.nodes[0]
		n.store = newForgetful()
		n.crash()
		watches := []*watching{n.watch("", 0), n.watch("1", 0), n.watch("2", 0)}
		op := func() Op {
			value := fmt.Sprint(rng.IntN(1000))
			if rng.IntN(4) == 0 {
				value = ""
			}
			if rng.IntN(20) == 0 {
				value = big(300_000)
			}
			return batchOf(fmt.Sprint(rng.IntN(40)), value)
		}
		for round := range 30 {
			for range rng.IntN(6) {
				o := op()
				b := o.Do.(Batch)
				b.Relaxed = rng.IntN(2) == 0
				o.Do = b
				n.do(o)
			}
			f := n.store.(*forgetful)
			switch what := rng.IntN(5); what {
			case 0, 1:
				fails := &failing{Store: f, err: errTorn, landed: rng.IntN(3) == 0}
				n.store = fails
				for range rng.IntN(4) {
					n.do(op())
				}
				fails.err = nil
				n.store = f
				h.now += 3_000
				h.wait(1)
				if what == 0 {
					break
				}
				fallthrough
			case 2:
				f.lose = rng.IntN(2) == 0
				n.dies(op(), op())
				n.crash()
				for _, w := range watches {
					w.again()
				}
				f.lose = false
			case 3:
				n.powerCut()
				for _, w := range watches {
					w.again()
				}
			}
			for _, w := range watches {
				w.check(fmt.Sprintf("seed %d, round %d", seed, round))
			}
			if t.Failed() {
				return
			}
		}
	}
}
