package peer

import "github.com/masqdev/masq/core/wire"

// Two full devices with equal vectors have equal sums; see core/PROTOCOL.md, "The sum". END and HAVE carry the sum where the vector says all
// that its device holds. A difference that lasts is shown: nothing that is sent between the two would ever mend it.

const (
	differsAfter = 60_000 // ms that a difference must last before it is shown
	sumAfter     = 10_000 // ms without a change after which the sum is told, if the two were not compared until then
)

// compared reports whether the sums of this device and the other one are compared: between full devices.
func (f *flow) compared() bool {
	home := f.namespace.e.home()
	return f.repl.d.full() && (home == nil || !home.guest())
}

// claimsSum notes what END says. Its vector is one of what is stored there only if it comes with a sum; what earlier ENDs said is then, too.
func (f *flow) claimsSum(v wire.Vector, s *wire.Sum) {
	f.theirClaims = f.theirClaims.Join(f.rep.Within(v))
	if s != nil {
		f.theirSaid = f.theirSaid.Join(f.theirClaims)
		f.heardSum(v, s)
	}
}

// heardSum notes the other side's sum, and of which vector it is: what HAVE or END says, and all that was said before. One with writers that
// are not known here is not this device's. It is noted in the order in which it comes, though END waits for the records before it: HAVE and ACK do
// not, and say more.
func (f *flow) heardSum(v wire.Vector, s *wire.Sum) {
	known := f.rep.Within(v)
	f.asked = f.asked || s != nil && len(v) == 0
	if f.theirSaid = f.theirSaid.Join(known); s == nil || !f.compared() || len(known) != len(v) {
		return
	}
	f.theirSum, f.theirSumOf, f.theirSumSaid, f.weighed = s, f.p.have.Join(f.theirSaid), f.theirSaid, false
}

// compare compares what both hold, when both have the same durably.
func (f *flow) compare() {
	p, own := f.p, f.rep.DurableSum()
	if own != f.ownSum {
		f.ownSum, f.ownSumAt, f.weighed = own, f.repl.e.clock.Now(), false
	}
	if own != nil && f.theirSum != nil && !f.weighed {
		v := f.rep.DurableVector()
		same := *own == *f.theirSum
		// Of what a third device said, the other's sum may have been before: then the two only seem to differ.
		if f.weighed = true; f.theirSumOf.Same(v) && (same || f.theirSumSaid.CoversAll(v)) {
			f.verdict(same)
		}
	}
	switch clock := &f.repl.e.clock; {
	case p.differing == 0:
	case own == nil && clock.Due(f.ownSumAt+differsAfter): // and what was found is no longer known
		p.differing, p.differs = 0, false
		f.namespace.touch()
	case !p.differs && clock.Due(p.differing+differsAfter):
		p.differs = true
		f.namespace.touch()
	}
}

// verdict notes whether both hold the same. The other side is told of a difference at once, so that it knows, too.
func (f *flow) verdict(same bool) {
	p := f.p
	switch {
	case same && p.differing != 0:
		p.differing, p.differs = 0, false
		f.namespace.touch()
		f.saidSum = wire.Sum{} // the other side may not know
		return
	case !same && p.differing == 0:
		p.differing = f.repl.e.clock.Now()
	}
	if same {
		f.saidSum = *f.ownSum
	}
}

// owesSum reports whether the other side is to be told the sum though it knows the vector. It asks for that by telling its own again: it may have
// heard from a third device what this one has before it heard an older sum, and so take that for another's.
func (f *flow) owesSum() bool {
	own := f.ownSum
	switch {
	case own == nil || !f.compared():
		return false
	case f.asked && *own != f.toldSum:
		return true
	case *own == f.saidSum:
		return false
	}
	if f.p.differing == 0 && f.vouched(own) {
		f.saidSum = *own
		return false
	}
	return f.p.differing != 0 || f.repl.e.clock.Due(f.ownSumAt+sumAfter)
}

// sumOf is the sum that is told with a vector, nil if there is none of just that.
func (f *flow) sumOf(v wire.Vector) *wire.Sum {
	s := f.rep.DurableSum()
	if s == nil || !f.compared() || !v.Same(f.rep.DurableVector()) {
		return nil
	}
	f.saidSum, f.toldSum, f.asked = *s, *s, false
	return s
}
