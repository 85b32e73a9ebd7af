package main

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/masqdev/masq/core/sim"
)

// runner runs seeds and adds up what came of them.
type runner struct {
	opt      sim.Options
	failFast bool
	simulate simulator

	failed, lost, diverged, stopped int
	sums, pairs, overdue            int
	full, fullDeletes, fullPuts     int

	slowest []sim.Result // by their slowest step
	most    sim.Step
	heap    uint64
	sealed  int
}

// run simulates n seeds and reports whether all held.
func (r *runner) run(first, n uint64) bool {
	said, done := time.Now(), uint64(0)
	seeds := make([]uint64, n)
	for i := range seeds {
		seeds[i] = first + uint64(i)
	}
	r.simulate(seeds, func(res *sim.Result) bool {
		r.add(res)
		if done++; n == 1 {
			fmt.Printf("seed %d (%s): %d writes, %d events, %d minutes, digest %016x\n",
				res.Seed, res.Profile, res.Writes, res.Events, res.Simulated/60_000, res.Digest)
		}
		if time.Since(said) > 2*time.Second {
			said = time.Now()
			fmt.Printf("%d of %d seeds\n", done, n)
		}
		return !(r.failFast && r.failed > 0)
	})
	if r.opt.CPU != nil {
		r.costs()
	}
	if r.failed > 0 {
		fmt.Printf("%d of %d seeds failed\n", r.failed, done)
	}
	fmt.Printf("%d sums, %d pairs of devices with equal vectors, %d times a device not heard for long\n", r.sums, r.pairs, r.overdue)
	fmt.Printf("%d disks were full: %d deletions, %d writes refused\n", r.full, r.fullDeletes, r.fullPuts)
	fmt.Printf("%d seeds, %d lost, %d diverged, %d stopped\n", done, r.lost, r.diverged, r.stopped)
	return r.failed == 0
}

func (r *runner) add(res *sim.Result) {
	r.lost, r.diverged, r.stopped = r.lost+res.Lost, r.diverged+res.Diverged, r.stopped+res.Stopped
	r.sums, r.pairs, r.overdue = r.sums+res.Sums, r.pairs+res.Pairs, r.overdue+res.Overdue
	r.full, r.fullDeletes, r.fullPuts = r.full+res.Full, r.fullDeletes+res.FullDeletes, r.fullPuts+res.FullPuts
	if !res.OK() {
		r.failed++
		r.report(res)
	}
	m := &r.most
	m.Work.Versions = max(m.Work.Versions, res.Most.Work.Versions)
	m.Work.Pairs = max(m.Work.Pairs, res.Most.Work.Pairs)
	m.Work.Elements = max(m.Work.Elements, res.Most.Work.Elements)
	m.Work.Resolved = max(m.Work.Resolved, res.Most.Work.Resolved)
	m.Sealed = max(m.Sealed, res.Most.Sealed)
	r.heap, r.sealed = max(r.heap, res.Heap), max(r.sealed, res.Sealed)
	r.slowest = append(r.slowest, *res)
	slices.SortFunc(r.slowest, func(a, b sim.Result) int { return cmp.Compare(b.Most.CPU, a.Most.CPU) })
	r.slowest = r.slowest[:min(len(r.slowest), 3)]
}

// costs prints what a step took. A step was slow only if it is so again: the computer may have been busy. So the three slowest are
// repeated, and the faster time of each counts.
func (r *runner) costs() {
	slowest := int64(0)
	var seeds []uint64
	for i := range r.slowest {
		seeds = append(seeds, r.slowest[i].Seed)
	}
	r.simulate(seeds, func(again *sim.Result) bool {
		was := r.slowest[slices.Index(seeds, again.Seed)]
		slowest = max(slowest, min(was.Most.CPU, again.Most.CPU))
		fmt.Printf("slow: seed %d, %s in event %d; again %s in event %d\n",
			was.Seed, millis(was.Most.CPU), was.Most.Event, millis(again.Most.CPU), again.Most.Event)
		return true
	})
	fmt.Printf("slowest step %s of CPU time, heap %.1f MB\n", millis(slowest), float64(r.heap)/1e6)
	fmt.Printf("most in one step: %d versions, %d pairs, %d elements, %d entries, %d bytes sealed; in one seed: %d bytes\n",
		r.most.Work.Versions, r.most.Work.Pairs, r.most.Work.Elements, r.most.Work.Resolved, r.most.Sealed, r.sealed)
}

func millis(ns int64) string { return fmt.Sprintf("%.1f ms", float64(ns)/1e6) }

func (r *runner) report(res *sim.Result) {
	again := fmt.Sprintf("make sim SEED=%d", res.Seed)
	if r.opt.Hostile {
		again += " HOSTILE=1"
	}
	if len(r.opt.Lies) > 0 {
		again += " LIES=" + strings.Join(r.opt.Lies, ",")
	}
	fmt.Printf("seed %d (%s) failed; see it step by step: %s\n", res.Seed, res.Profile, again)
	if len(res.Kinds) > 0 && len(r.opt.Lies) == 0 {
		fmt.Printf("  lies: %s\n", strings.Join(res.Kinds, ","))
	}
	for _, what := range res.Failures {
		fmt.Printf("  %s\n", what)
	}
}
