// Package sim runs a whole mesh in one process from one seed: several engines (core/peer), a Sync Server (core/relay), and
// between and below them a simulated network, disks, clocks and users.
//
//	res := sim.Run(42, sim.Options{})
//	if !res.OK() { fmt.Println(res.Failures) }
//
// Nothing in it runs by itself: there is no goroutine, no real time and no randomness but the seed's, so a seed replays
// exactly. (ML-KEM draws bytes of its own; they change what is sent, never when, how much or in which order. Result.Digest
// shows it.) After some time of trouble everything is healed, and the oracle (oracle.go) says what did not hold.
//
// With Options.Hostile one of the devices lies (hostile.go), and in half of the seeds the Sync Server does, too. What is told stands in
// one table (lies.go). No engine is changed for that, and none has a way in: a liar has the device's disk and its store key, reads the keys
// there (secrets.go) and speaks the protocol with them itself (liar.go).
package sim

import (
	"fmt"
	"io"
	"math/rand/v2"
	"runtime/debug"
	"slices"
)

// Result is what became of one seed.
type Result struct {
	Seed     uint64
	Profile  string   // what kind of trouble the seed brought
	Kinds    []string // with Options.Hostile: the kinds of lies that the seed drew
	Lost     int      // writes that were acknowledged as durable and are neither there nor replaced by one that saw them
	Diverged int      // devices whose content differs from the first's
	Stopped  int      // engines that ended, operations that were refused, and meshes that do not come to rest
	Failures []string // every check that did not hold, Lost and Diverged included; the first maxFailures of them

	Counts Counts // of operations, faults and checks

	Writes    int    // values written and deleted by users
	Events    int    // simulated events
	Simulated uint64 // simulated time, ms
	Digest    uint64 // over all events; the same seed gives the same

	Sealed int    // bytes of blocks and frames of all honest engines in all
	Most   Step   // the highest of each count that one step of an honest engine reached
	Heap   uint64 // bytes in use after a collection, all devices together, at the most; 0 without Options.CPU
}

// OK reports whether everything held.
func (r *Result) OK() bool { return len(r.Failures) == 0 }

// Options of a simulation. The zero value is good.
type Options struct {
	Trace io.Writer // every event is written to it; nil: none is
	// Backups has disks go back to an older state, or copied and run beside the original. Until those concerned notice, what
	// they write has the same names: rarely something is lost, which Masq does not promise against.
	Backups bool
	// Hostile has one of the devices turn once it is in, and say anything; see hostile.go. Often the Sync Server lies with it.
	Hostile bool
	Lies    []string     // with Hostile: the only kinds of lies that are told, of those that Lies returns; none: all
	CPU     func() int64 // the CPU time that this thread has used, in ns; nil: steps are not timed, and the heap is not measured
}

// givenUp ends a seed that has failed for good: what follows might take for ever.
type givenUp struct{}

const (
	maxFailures = 20
	maxEvents   = 3_000_000 // of one seed; more means that something never comes to rest
)

// simulation is one simulated mesh.
type simulation struct {
	schedule
	rng     *rand.Rand
	opt     Options
	profile profile
	net     network
	servers []*server
	devices []*device
	hurt    *device      // one of them, of which a block was damaged
	twin    *device      // a copy of one of them that runs beside it
	copied  map[int]bool // by their numbers, of which one ever ran
	hostile *hostile     // the one of them that lies; nil: none does
	book    book
	pairing *pairing
	lost    []string // the ids of devices that are never heard again
	out     []string // and of those that somebody meant to shut out
	revoked []string // of these: who is out
	starts  int      // of devices that start over and over
	dawn    uint64   // until when everybody sleeps
	truth   uint64   // from when on a Sync Server that lies does not, when trouble is over
	calm    bool     // trouble is over: no more faults, no more writes
	trace   io.Writer
	digest  uint64
	res     Result
}

// Run simulates one seed. A panic of the engine is a failure.
func Run(seed uint64, opt Options) (res Result) {
	w := newSimulation(seed, opt)
	defer func() {
		if p := recover(); p != nil && p != any(givenUp{}) {
			w.stopf("panic: %v\n%s", p, debug.Stack())
		}
		res = w.result()
	}()
	w.live()
	w.verify()
	return
}

func newSimulation(seed uint64, opt Options) *simulation {
	w := &simulation{rng: rand.New(rand.NewPCG(seed, 0x6d617371)), opt: opt, trace: opt.Trace, digest: 14695981039346656037}
	w.res.Seed = seed
	w.profile = w.newProfile()
	w.addRare(&w.profile)
	w.net.init(w)
	for _, host := range serverHosts[:w.profile.servers] {
		w.servers = append(w.servers, newServer(w, host))
	}
	for n := range w.profile.devices {
		w.devices = append(w.devices, newDevice(w, n))
	}
	if opt.Hostile {
		w.hostile = w.newHostile()
	}
	return w
}

func (w *simulation) result() Result {
	if w.hostile != nil {
		w.res.Kinds = w.hostile.kinds
	}
	w.res.Profile, w.res.Events, w.res.Simulated, w.res.Digest = w.profile.name, w.events, w.now/ms, w.digest
	w.res.Writes = len(w.book.writes)
	return w.res
}

// live is the time of trouble.
func (w *simulation) live() {
	for _, d := range w.devices {
		w.after(w.upTo(20*second), d.open)
		w.after(w.upTo(30*second), d.user.live)
	}
	if w.hostile != nil {
		w.after(minute, w.hostile.live)
	}
	w.after(minute, w.pairSomebody)
	w.after(w.upTo(minute), w.disturb)
	w.after(w.profile.trouble/w.sumLooks(), w.watchSums)
	w.runWhile(func() bool { return w.queue[0].at <= w.profile.trouble })
}

// failf notes that a check did not hold.
func (w *simulation) failf(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	w.log("oracle", "FAILED", 0, text)
	if len(w.res.Failures) < maxFailures && !slices.Contains(w.res.Failures, text) {
		w.res.Failures = append(w.res.Failures, text)
	}
}

// stopf is failf for what has stopped.
func (w *simulation) stopf(format string, args ...any) {
	w.res.Stopped++
	w.failf(format, args...)
}

// log notes an event: who, what and a number (a length, a count) go into the digest; extra is for the reader of a trace.
func (w *simulation) log(who, what string, n uint64, extra ...any) {
	const prime = 1099511628211
	h := (w.digest ^ w.now) * prime
	for i := range len(who) {
		h = (h ^ uint64(who[i])) * prime
	}
	for i := range len(what) {
		h = (h ^ uint64(what[i])) * prime
	}
	w.digest = (h ^ n) * prime
	if w.trace != nil {
		fmt.Fprintf(w.trace, "%10d.%03d %-7s %-14s %d %s\n", w.now/second, w.now/ms%1000, who, what, n, fmt.Sprint(extra...))
	}
}

// chance is true with probability p.
func (w *simulation) chance(p float64) bool { return p > 0 && w.rng.Float64() < p }

// upTo is a random span below limit, which may be 0.
func (w *simulation) upTo(limit uint64) uint64 {
	if limit == 0 {
		return 0
	}
	return w.rng.Uint64N(limit)
}

// between is a random number in [low, high].
func (w *simulation) between(low, high uint64) uint64 { return low + w.rng.Uint64N(high-low+1) }

// around is a random span whose mean is mean: mostly shorter, sometimes much longer.
func (w *simulation) around(mean uint64) uint64 { return uint64(w.rng.ExpFloat64()*float64(mean)) + 1 }

// pick chooses one of list, which is not empty.
func pick[T any](w *simulation, list []T) T { return list[w.rng.IntN(len(list))] }
