package mixed

import "container/heap"

// Simulated time is in ms since the seed's start.
const (
	second = 1000
	minute = 60 * second

	epoch = 1_800_000_000_000 // what the clocks show at the start
)

const maxSteps = 5_000_000 // of one seed; more means that something never comes to rest

// schedule holds what is going to happen, in order of time, and of being scheduled where times are equal.
type schedule struct {
	now, last uint64
	steps     int
	queue     happenings
}

type happening struct {
	at, seq uint64
	do      func()
}

// after has f done in d.
func (s *schedule) after(d uint64, f func()) {
	s.last++
	heap.Push(&s.queue, happening{s.now + d, s.last, f})
}

// pass lets time pass.
func (s *schedule) pass(d uint64) {
	end := s.now + d
	for len(s.queue) > 0 && s.queue[0].at <= end {
		if s.steps++; s.steps > maxSteps {
			panic("the devices do not come to rest")
		}
		next := heap.Pop(&s.queue).(happening)
		s.now = next.at
		next.do()
	}
	s.now = end
}

// until lets time pass until ok holds, at most limit, and reports whether it does.
func (s *schedule) until(limit uint64, ok func() bool) bool {
	for end := s.now + limit; s.now < end; s.pass(second) {
		if ok() {
			return true
		}
	}
	return ok()
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
	last := len(*h) - 1
	x := (*h)[last]
	(*h)[last] = happening{}
	*h = (*h)[:last]
	return x
}
