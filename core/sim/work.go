package sim

import (
	"runtime"

	"github.com/masqdev/masq/core/peer"
)

// What one step of an engine may do at most. The counts are the bound: they are the same on every computer, and what they allow takes
// well under a quarter of a second.
const (
	maxVersions = 2_000_000 // versions compared
	maxPairs    = 4_000_000 // pairs of contexts walked
	maxElements = 1_000_000 // elements of vectors copied
	maxResolved = 2_000_000 // entries of rosters
	maxSealed   = 24 << 20  // bytes of blocks and frames: what may be in memory, and one message more, as values and as pages
)

// How many bytes all engines may seal in a seed. Where a member lies, users write a fraction of that.
const maxTotal = 400 << 20

// Where no member lies, some users write 25 MB, and ask for a fresh copy of it eleven times. That is a second replica, with as much in memory.
const (
	maxTotalCopied  = 1 << 30
	maxSealedCopied = 2 * maxSealed
)

// Step is the cost of one step of an engine.
type Step struct {
	CPU    int64 // ns, by Options.CPU; 0 without
	Event  int   // the simulated event in which it was
	Work   peer.Work
	Sealed int // bytes of blocks and frames that it asked to be written and sent
}

// timed has an honest engine take a step, and counts it. That is all that is done to others.
func (p *proc) timed(now peer.Millis, ev peer.Event, out *peer.Actions) {
	e, ok := p.engine.(*peer.Engine)
	if !ok || p.d.hostile() {
		p.engine.Step(now, ev, out)
		return
	}
	s, before := Step{Event: p.w.events}, e.Work()
	start := p.w.cpu()
	e.Step(now, ev, out)
	s.CPU = p.w.cpu() - start
	after := e.Work()
	s.Work.Versions = grown(before.Versions, after.Versions)
	s.Work.Pairs = grown(before.Pairs, after.Pairs)
	s.Work.Elements = grown(before.Elements, after.Elements)
	s.Work.Resolved = grown(before.Resolved, after.Resolved)
	s.Sealed = sealed(out)
	p.w.count(p.name(), &s)
}

// grown is 0 where a count begins anew.
func grown(before, after uint64) uint64 {
	if after < before {
		return 0
	}
	return after - before
}

func sealed(out *peer.Actions) (n int) {
	for _, a := range out.List {
		switch a := a.(type) {
		case peer.Send:
			n += len(a.Data)
		case peer.Commit:
			for _, b := range append(a.Changes.Adds[:len(a.Changes.Adds):len(a.Changes.Adds)], a.Changes.Puts...) {
				n += len(b.Data)
			}
		}
	}
	return n
}

func (w *simulation) cpu() int64 {
	if w.opt.CPU == nil {
		return 0
	}
	return w.opt.CPU()
}

// count keeps the highest of each, and fails the seed at the first step that exceeds a bound.
func (w *simulation) count(who string, s *Step) {
	most := &w.res.Most
	if s.CPU > most.CPU {
		most.CPU, most.Event = s.CPU, s.Event
	}
	for _, c := range []struct {
		what     string
		n, limit uint64
		highest  *uint64
	}{
		{"versions compared", s.Work.Versions, maxVersions, &most.Work.Versions},
		{"pairs of contexts", s.Work.Pairs, maxPairs, &most.Work.Pairs},
		{"elements of vectors", s.Work.Elements, maxElements, &most.Work.Elements},
		{"entries of rosters", s.Work.Resolved, maxResolved, &most.Work.Resolved},
	} {
		*c.highest = max(*c.highest, c.n)
		if c.n > c.limit {
			w.failf("%s: one step took %d %s, more than %d", who, c.n, c.what, c.limit)
			panic(givenUp{})
		}
	}
	most.Sealed = max(most.Sealed, s.Sealed)
	total, step := maxTotal, maxSealed
	if w.hostile == nil {
		total, step = maxTotalCopied, maxSealedCopied
	}
	if w.res.Sealed += s.Sealed; w.res.Sealed > total {
		w.failf("%s: more than %d bytes have been sealed", who, total)
		panic(givenUp{})
	}
	if s.Sealed > step {
		w.failf("%s: one step sealed %d bytes, more than %d", who, s.Sealed, step)
		panic(givenUp{})
	}
}

// measureHeap notes how much memory all devices take together.
func (w *simulation) measureHeap() {
	if w.opt.CPU == nil {
		return
	}
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	w.res.Heap = max(w.res.Heap, m.HeapAlloc)
}
