// Command masqsim simulates meshes of devices and reports what did not hold; see package sim.
//
//	masqsim -seeds 50 -first 1    seeds 1 to 50
//	masqsim -seed 7 [-v]          one seed; -v: step by step
//	masqsim -backups              with restored and copied disks, which is beyond what is promised
//
// Its last line counts seeds, lost writes and diverged devices. It exits with 1 when any check failed.
package main

import (
	"bufio"
	"flag"
	"fmt"
	"os"
	"time"

	"github.com/masqdev/masq/core/sim"
)

func main() {
	seeds := flag.Uint64("seeds", 50, "how many `seeds` to simulate")
	first := flag.Uint64("first", 1, "the first `seed`")
	seed := flag.Uint64("seed", 0, "simulate only this `seed`")
	backups := flag.Bool("backups", false, "bring disks back to what they were, or copy them and run the copies")
	verbose := flag.Bool("v", false, "with -seed: write every step")
	flag.Parse()

	opt := sim.Options{Backups: *backups}
	done := func() {}
	if *seed != 0 {
		*first, *seeds = *seed, 1
		if *verbose {
			out := bufio.NewWriter(os.Stdout)
			opt.Trace, done = out, func() { out.Flush() }
		}
	}
	if !run(*first, *seeds, opt, done) {
		os.Exit(1)
	}
}

// run simulates n seeds and reports whether all held. done is called after each.
func run(first, n uint64, opt sim.Options, done func()) bool {
	var lost, diverged, failed int
	said := time.Now()
	for i := range n {
		res := sim.Run(first+i, opt)
		done()
		lost, diverged = lost+res.Lost, diverged+res.Diverged
		if !res.OK() {
			failed++
			report(&res)
		}
		if n == 1 {
			fmt.Printf("seed %d (%s): %d writes, %d events, %d minutes, digest %016x\n",
				res.Seed, res.Profile, res.Writes, res.Events, res.Simulated/60_000, res.Digest)
		}
		if time.Since(said) > 2*time.Second {
			said = time.Now()
			fmt.Printf("%d of %d seeds\n", i+1, n)
		}
	}
	if failed > 0 {
		fmt.Printf("%d of %d seeds failed\n", failed, n)
	}
	fmt.Printf("%d seeds, %d lost, %d diverged\n", n, lost, diverged)
	return failed == 0
}

func report(res *sim.Result) {
	fmt.Printf("seed %d (%s) failed; see it step by step: make sim SEED=%d\n", res.Seed, res.Profile, res.Seed)
	for _, what := range res.Failures {
		fmt.Printf("  %s\n", what)
	}
}
