// Command masqsim simulates meshes of devices and reports what did not hold; see package sim.
//
//	masqsim -seeds 50 -first 1    seeds 1 to 50
//	masqsim -seed 7 [-v]          one seed; -v: step by step
//	masqsim -backups              with restored and copied disks, which is beyond what is promised
//	masqsim -hostile              with a member that lies; -lies end-known,ack: only so; -lies list: what there is
//
// Its last line counts seeds, lost writes, diverged devices and what has stopped. It exits with 1 when any check failed. With -hostile
// it also says what the steps of the engines took at most, and how much memory all devices of a seed.
package main

import (
	"bufio"
	"cmp"
	"flag"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/masqdev/masq/core/sim"
)

func main() {
	seeds := flag.Uint64("seeds", 50, "how many `seeds` to simulate")
	first := flag.Uint64("first", 1, "the first `seed`")
	seed := flag.Uint64("seed", 0, "simulate only this `seed`")
	backups := flag.Bool("backups", false, "bring disks back to what they were, or copy them and run the copies")
	hostile := flag.Bool("hostile", false, "have a member lie")
	lies := flag.String("lies", "", "with -hostile: only these `kinds` of lies; list: say which there are")
	verbose := flag.Bool("v", false, "with -seed: write every step")
	flag.Parse()

	opt := sim.Options{Backups: *backups, Hostile: *hostile}
	if opt.Hostile {
		runtime.LockOSThread()
		opt.CPU = threadCPU
		opt.Lies = kinds(*lies)
	}
	done := func() {}
	if *seed != 0 {
		*first, *seeds = *seed, 1
		if *verbose {
			out := bufio.NewWriter(os.Stdout)
			opt.Trace, done = out, func() { out.Flush() }
		}
	}
	r := runner{opt: opt, done: done}
	if !r.run(*first, *seeds) {
		os.Exit(1)
	}
}

// kinds are the lies that the flag names.
func kinds(list string) []string {
	if list == "" {
		return nil
	}
	if list == "list" {
		fmt.Println(strings.Join(sim.Lies(), "\n"))
		os.Exit(0)
	}
	out := strings.Split(list, ",")
	for _, name := range out {
		if !slices.Contains(sim.Lies(), name) {
			fmt.Fprintf(os.Stderr, "masqsim: no kind of lie is called %q; see -lies list\n", name)
			os.Exit(2)
		}
	}
	return out
}

// runner runs seeds and adds up what came of them.
type runner struct {
	opt  sim.Options
	done func() // after each seed

	failed, lost, diverged, stopped int
	sums, pairs                     int

	slowest []sim.Result // by their slowest step
	most    sim.Step
	heap    uint64
	sealed  int
}

// run simulates n seeds and reports whether all held.
func (r *runner) run(first, n uint64) bool {
	said := time.Now()
	for i := range n {
		res := sim.Run(first+i, r.opt)
		r.done()
		r.add(&res)
		if n == 1 {
			fmt.Printf("seed %d (%s): %d writes, %d events, %d minutes, digest %016x\n",
				res.Seed, res.Profile, res.Writes, res.Events, res.Simulated/60_000, res.Digest)
		}
		if time.Since(said) > 2*time.Second {
			said = time.Now()
			fmt.Printf("%d of %d seeds\n", i+1, n)
		}
	}
	if r.opt.CPU != nil {
		r.costs()
	}
	if r.failed > 0 {
		fmt.Printf("%d of %d seeds failed\n", r.failed, n)
	}
	fmt.Printf("%d sums, %d pairs of devices with equal vectors\n", r.sums, r.pairs)
	fmt.Printf("%d seeds, %d lost, %d diverged, %d stopped\n", n, r.lost, r.diverged, r.stopped)
	return r.failed == 0
}

func (r *runner) add(res *sim.Result) {
	r.lost, r.diverged, r.stopped = r.lost+res.Lost, r.diverged+res.Diverged, r.stopped+res.Stopped
	r.sums, r.pairs = r.sums+res.Sums, r.pairs+res.Pairs
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
	for _, was := range r.slowest {
		again := sim.Run(was.Seed, r.opt)
		r.done()
		took := min(was.Most.CPU, again.Most.CPU)
		slowest = max(slowest, took)
		fmt.Printf("slow: seed %d, %s in event %d; again %s in event %d\n",
			was.Seed, millis(was.Most.CPU), was.Most.Event, millis(again.Most.CPU), again.Most.Event)
	}
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
