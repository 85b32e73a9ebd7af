package peer

import "github.com/masqdev/masq/core/wire"

// A tombstone that everyone has goes with the next checkpoint. When there are many of these, one is taken for them, and when there are few, in a
// while. What everyone has is worked out anew whenever something may have changed it: what another device has, which devices there are, or what
// this one has.
const (
	sweepAfter = 10_000   // ms after such a change
	sweepMany  = 256      // tombstones
	sweepFew   = 3600_000 // ms that fewer wait
)

// sweeping is when tombstones are to be looked for.
type sweeping struct {
	at       Millis // when what everyone has is to be worked out; 0: nothing has changed
	few      Millis // when few are swept; 0: there are none
	revision uint64 // of the engine's tally when it was last worked out
	position uint64 // the replica's then
	known    bool   // it was worked out since the start
}

// tallied notes that what everyone has may be something else.
func (e *Engine) tallied() { e.tally++ }

// sweep looks for tombstones that may go, when it is time.
func (n *namespace) sweep() {
	s, clock := &n.sweeping, &n.e.clock
	if s.at == 0 && (!s.known || s.revision != n.e.tally || s.position != n.rep.Position()) {
		s.at = clock.Now() + sweepAfter
	}
	if s.at != 0 && clock.Due(s.at) {
		n.collect()
		s.at = 0
		switch left := n.rep.Collectable(); {
		case left >= sweepMany:
			n.sweepNow()
		case left == 0:
			s.few = 0
		case s.few == 0:
			s.few = clock.Now() + sweepFew
		}
	}
	if s.few != 0 && clock.Due(s.few) {
		s.few = 0
		n.sweepNow()
	}
}

func (n *namespace) sweepNow() {
	n.rep.Sweep()
	n.wake() // for the checkpoint
}

// collect works out what everyone has.
func (n *namespace) collect() {
	s := &n.sweeping
	s.known, s.revision, s.position = true, n.e.tally, n.rep.Position()
	if n.rep.Tombstones() == 0 {
		return
	}
	if n.copy != nil { // which may have been sent what they delete, and not them
		n.rep.Collect(nil)
		return
	}
	var all wire.Vector
	first := true
	for _, d := range n.e.devices {
		switch {
		case !d.shares(n) || !d.member() && d.adds == nil:
		case first:
			all, first = d.in(n).have, false
		default:
			all = all.Meet(d.in(n).have)
		}
	}
	if first && n.e.pairing == nil && !n.moving {
		n.rep.CollectAll()
	} else {
		n.rep.Collect(all)
	}
}
