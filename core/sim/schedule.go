package sim

import "container/heap"

// Simulated time is in µs since the seed's start; the engine's times are ms.
const (
	ms     = 1000
	second = 1000 * ms
	minute = 60 * second
	hour   = 60 * minute
	year   = 365 * 24 * hour
)

// schedule holds what is going to happen, in order of time, and of being scheduled where times are equal.
type schedule struct {
	now    uint64
	seq    uint64
	events int
	queue  happenings
}

type happening struct {
	at, seq uint64
	do      func()
}

// after has f done in d.
func (s *schedule) after(d uint64, f func()) {
	s.seq++
	heap.Push(&s.queue, happening{at: s.now + d, seq: s.seq, do: f})
}

// runUntil lets time pass until then.
func (s *schedule) runUntil(then uint64) {
	s.runWhile(func() bool { return len(s.queue) > 0 && s.queue[0].at <= then })
	s.now = max(s.now, then)
}

// runWhile lets things happen while more is true.
func (s *schedule) runWhile(more func() bool) {
	for len(s.queue) > 0 && more() {
		if s.events++; s.events > maxEvents {
			panic("the mesh does not come to rest")
		}
		next := heap.Pop(&s.queue).(happening)
		s.now = next.at
		next.do()
	}
}

// happenings is a heap.
type happenings []happening

func (h happenings) Len() int { return len(h) }
func (h happenings) Less(i, j int) bool {
	return h[i].at < h[j].at || h[i].at == h[j].at && h[i].seq < h[j].seq
}
func (h happenings) Swap(i, j int) { h[i], h[j] = h[j], h[i] }
func (h *happenings) Push(x any)   { *h = append(*h, x.(happening)) }
func (h *happenings) Pop() any {
	old := *h
	n := len(old) - 1
	x := old[n]
	old[n] = happening{}
	*h = old[:n]
	return x
}
