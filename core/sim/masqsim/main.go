// Command masqsim simulates meshes of devices and reports what did not hold; see package sim.
//
//	masqsim -seeds 50 -first 1    seeds 1 to 50
//	masqsim -seed 7 [-v]          one seed; -v: step by step
//	masqsim -backups              with restored and copied disks, which is beyond what is promised
//	masqsim -hostile              with a member that lies; -lies end-known,ack: only so; -lies list: what there is
//	masqsim -jobs 4 -failfast     four seeds at a time, each in a process of its own; until one fails
//
// It says how often each operation, fault and check happened. Over 200 seeds each has to. Its last line counts seeds, lost writes, diverged
// devices and what has stopped. It exits with 1 when any check failed. With -hostile it also says what the steps of the engines took at
// most, and how much memory all devices of a seed.
package main

import (
	"flag"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"

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
	jobs := flag.Int("jobs", runtime.NumCPU(), "how many seeds are simulated at a time")
	failFast := flag.Bool("failfast", false, "stop at the first seed that fails")
	worker := flag.Bool("worker", false, "simulate the seeds that standard input names; for masqsim itself")
	flag.Parse()

	opt := sim.Options{Backups: *backups, Hostile: *hostile}
	if opt.Hostile {
		runtime.LockOSThread()
		opt.CPU = threadCPU
		opt.Lies = kinds(*lies)
	}
	if *worker {
		serve(opt)
		return
	}
	if *seed != 0 {
		*first, *seeds, *jobs = *seed, 1, 1
	}
	r := runner{opt: opt, counts: sim.Counts{}, failFast: *failFast, simulate: here(opt, *verbose && *seed != 0)}
	if *jobs > 1 {
		r.simulate = workers(min(*jobs, int(*seeds)), append(os.Args[1:], "-worker"))
	}
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
