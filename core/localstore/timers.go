package localstore

import "github.com/masqdev/masq/core/peer"

// wake tells the front when to come back, if that has changed: for the store's first timer, or for the engine.
func (s *Store) wake() {
	if at, changed := s.clock.Wake(s.engineAt); changed {
		s.out.add(peer.WakeAt{At: at})
	}
}

// timers does what has become due. It looks at everything that waits, but only when the first of it is due.
func (s *Store) timers() {
	if !s.clock.Rang() {
		return
	}
	s.clock.Clear()
	if s.reopen != 0 && s.clock.Due(s.reopen) {
		s.reopen = 0
		s.out.add(Reopen{})
	}
	s.eachClient(func(c *client) {
		if !c.in && c.asking == nil && s.clock.Due(c.until) {
			c.close(CloseExpired, peer.EExpired)
		}
	})
	s.sendCodes()
	for _, r := range append([]*request(nil), s.pending...) {
		if s.clock.Due(r.until) {
			s.expire(r)
		}
	}
}
