package localstore

import "github.com/masqdev/masq/core/peer"

// clock is the time of the Step that runs, and when the next is wanted.
type clock struct {
	wall uint64 // the clock's time, for people
	now  uint64 // never goes back, whatever the clock does: all timers are in it
	next uint64 // the store's first timer, 0: none
	// Both in the clock's time:
	engine uint64 // when the engine wants to be woken
	woke   uint64 // what the front was told
}

func (c *clock) step(now uint64) {
	if c.wall == 0 {
		c.now = now
	} else if now > c.wall {
		c.now += now - c.wall
	}
	c.wall = now
}

// ticked forgets the timers that the front does not have any more. The engine asks again for what it still waits for.
func (c *clock) ticked() { c.engine, c.woke = 0, 0 }

// in is the time in ms from now.
func (c *clock) in(ms uint64) uint64 { return c.now + ms }

// need asks for a Tick at t, or earlier.
func (c *clock) need(t uint64) {
	if c.next == 0 || t < c.next {
		c.next = t
	}
}

// due reports whether t has come; if it has not, a Tick will come at t.
func (c *clock) due(t uint64) bool {
	if c.now >= t {
		return true
	}
	c.need(t)
	return false
}

// at is when the front has to come back, in its time.
func (c *clock) at() uint64 {
	if c.next == 0 {
		return c.engine
	}
	at := c.wall + (max(c.next, c.now+1) - c.now)
	if c.engine != 0 {
		at = min(at, c.engine)
	}
	return at
}

// wake tells the front when to come back, if that has changed.
func (s *Store) wake() {
	if at := s.clock.at(); at != s.clock.woke {
		s.clock.woke = at
		s.out.add(peer.WakeAt{At: at})
	}
}

// timers does what has become due. It looks at everything that waits, but only when the first of it is due.
func (s *Store) timers() {
	if s.clock.next == 0 || s.clock.now < s.clock.next {
		return
	}
	s.clock.next = 0
	if s.reopen != 0 && s.clock.due(s.reopen) {
		s.reopen = 0
		s.out.add(Reopen{})
	}
	s.eachClient(func(c *client) {
		if !c.in && c.asking == nil && s.clock.due(c.until) {
			c.close(CloseExpired, peer.EExpired)
		}
	})
	for _, r := range append([]*request(nil), s.pending...) {
		if s.clock.due(r.until) {
			s.drop(r)
			r.over(peer.EExpired)
		}
	}
}
