package mixed

import (
	"bufio"
	"flag"
	"fmt"
	"io"
	"os"
	"time"
)

// Main is the program that make mixed builds:
//
//	mixed -seeds 50 -first 1    seeds 1 to 50
//	mixed -seed 7 [-v]          one seed; -v: step by step
//	mixed -together             with two versions that sync with each other
//
// Its last line counts seeds and those that failed. It exits with 1 when any did.
func Main(old, new Version) {
	seeds := flag.Uint64("seeds", 50, "how many `seeds` to run")
	first := flag.Uint64("first", 1, "the first `seed`")
	seed := flag.Uint64("seed", 0, "run only this `seed`")
	together := flag.Bool("together", false, "both versions speak the same: nothing keeps devices apart")
	verbose := flag.Bool("v", false, "with -seed: write every step")
	flag.Parse()

	opt := Options{Together: *together}
	out := bufio.NewWriter(os.Stdout)
	if *seed != 0 {
		*first, *seeds = *seed, 1
		if *verbose {
			opt.Trace = out
		}
	}
	failed := runAll(out, *first, *seeds, func(seed uint64) Result { return Run(seed, old, new, opt) })
	out.Flush()
	if failed > 0 {
		os.Exit(1)
	}
}

// runAll returns how many of n seeds failed.
func runAll(out *bufio.Writer, first, n uint64, run func(uint64) Result) (failed int) {
	var all Counts
	said := time.Now()
	for i := range n {
		res := run(first + i)
		all.add(res.Counts)
		if !res.OK() {
			failed++
			report(out, &res)
		}
		if n == 1 {
			fmt.Fprintf(out, "seed %d: %d steps, digest %016x\n", res.Seed, res.Steps, res.Digest)
		}
		if time.Since(said) > 2*time.Second {
			said = time.Now()
			fmt.Fprintf(out, "%d of %d seeds\n", i+1, n)
			out.Flush()
		}
	}
	fmt.Fprintf(out, "%d writes; %d times two versions met, %d joiners and %d disks were refused\n", all.Writes, all.Apart, all.Refused, all.Kept)
	fmt.Fprintf(out, "%d seeds, %d failed\n", n, failed)
	return failed
}

func report(out io.Writer, res *Result) {
	fmt.Fprintf(out, "seed %d failed; see it step by step: make mixed SEED=%d\n", res.Seed, res.Seed)
	for _, what := range res.Failures {
		fmt.Fprintf(out, "  %s\n", what)
	}
}
