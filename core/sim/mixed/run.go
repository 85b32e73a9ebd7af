package mixed

import (
	"fmt"
	"io"
	"math/rand/v2"
	"runtime/debug"
)

// Result is what became of one seed.
type Result struct {
	Seed     uint64
	Failures []string // the checks that did not hold; of each kind the first maxFailures

	Steps  int    // simulated events
	Digest uint64 // over all events; the same seed gives the same
	Counts
}

// Counts say how much a seed, or several, have checked.
type Counts struct {
	Writes  int // values written and deleted by users
	Apart   int // times that two devices of different versions were together, and both said E_VERSION; or that they were to sync
	Refused int // joiners that ended with E_VERSION
	Kept    int // copies of a new device's disk that the old version left alone
}

func (c *Counts) add(o Counts) {
	c.Writes, c.Apart, c.Refused, c.Kept = c.Writes+o.Writes, c.Apart+o.Apart, c.Refused+o.Refused, c.Kept+o.Kept
}

// OK reports whether everything held.
func (r *Result) OK() bool { return len(r.Failures) == 0 }

// maxFailures is how many of one kind are kept.
const maxFailures = 3

// The two versions.
const (
	older = 0
	newer = 1
)

// run is one seed.
type run struct {
	schedule
	rng      *rand.Rand
	versions [2]Version
	trace    io.Writer
	together bool // nothing keeps devices of the two versions apart
	same     bool // the two versions are one
	net      network
	devices  []*device
	book     book
	apps     []string // those that stores have; application peers have the first
	trouble  bool     // users write, devices crash and lose their network
	mixed    bool     // a device has been updated
	met      map[meeting]bool
	since    map[pair]uint64 // when the two came together
	failed   map[string]int  // by kind
	res      Result
}

// Options of a run. The zero value is good.
type Options struct {
	Trace    io.Writer // every event is written to it; nil: none is
	Together bool      // the two versions sync with each other: all devices do, throughout
	Same     bool      // and are one, so that each opens the other's disk, too: a test of the run itself
}

// Run runs one seed. A panic is a failure.
func Run(seed uint64, old, new Version, opt Options) (res Result) {
	r := &run{
		rng: rand.New(rand.NewPCG(seed, 0x6d69786564)), versions: [2]Version{old, new}, trace: opt.Trace,
		together: opt.Together || opt.Same, same: opt.Same,
		met: map[meeting]bool{}, since: map[pair]uint64{}, failed: map[string]int{},
	}
	r.res = Result{Seed: seed, Digest: 14695981039346656037}
	defer func() {
		if p := recover(); p != nil {
			r.failf("panic: %v\n%s", p, debug.Stack())
		}
		r.res.Writes, r.res.Steps, r.res.Apart = len(r.book.writes), r.steps, len(r.met)
		res = r.res
	}()
	r.net.init(r)
	r.live()
	return
}

// failf notes that a check did not hold.
func (r *run) failf(format string, args ...any) {
	text := fmt.Sprintf("at %d s: ", r.now/second) + fmt.Sprintf(format, args...)
	r.log("run", "FAILED", text)
	if r.failed[format]++; r.failed[format] <= maxFailures {
		r.res.Failures = append(r.res.Failures, text)
	}
}

// log notes an event, for the digest and the trace.
func (r *run) log(who, what string, extra ...any) {
	h := r.res.Digest ^ r.now
	for _, text := range []string{who, what} {
		for i := range len(text) {
			h = (h ^ uint64(text[i])) * 1099511628211
		}
	}
	r.res.Digest = h
	if r.trace != nil {
		fmt.Fprintf(r.trace, "%8d.%03d %-6s %-10s %s\n", r.now/second, r.now%second, who, what, fmt.Sprint(extra...))
	}
}

func (r *run) chance(p float64) bool { return r.rng.Float64() < p }

// between is a random number in [low, high].
func (r *run) between(low, high uint64) uint64 { return low + r.rng.Uint64N(high-low+1) }

// random is randomness for an engine or a server.
func (r *run) random() io.Reader {
	var seed [32]byte
	for i := range seed {
		seed[i] = byte(r.rng.Uint32())
	}
	return rand.NewChaCha8(seed)
}

func pick[T any](r *run, list []T) T { return list[r.rng.IntN(len(list))] }
