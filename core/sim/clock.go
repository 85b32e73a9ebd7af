package sim

// epoch is when every seed begins, in Unix ms: 2026-03-01 00:00 UTC.
const epoch = 1_772_323_200_000

// Clock is a device's own: off by some time, too fast or too slow, and set now and then. The zero Clock is right.
type Clock struct {
	Offset int64 // ms that it is ahead
	Drift  int64 // ms that it gains in 1,000,000 ms
}

// At returns what the clock shows, in Unix ms, at a simulated time in µs.
func (c *Clock) At(now uint64) uint64 {
	passed := int64(now / ms)
	return uint64(epoch + passed + passed*c.Drift/1_000_000 + c.Offset)
}

// newClock is wrong by as much as the profile allows.
func (w *simulation) newClock() Clock {
	var c Clock
	if w.profile.clocks {
		c.Drift = int64(w.between(0, 400)) - 200
		c.Offset = w.error(2 * minute / ms)
		if w.chance(0.3) {
			c.Offset = w.error(3 * hour / ms)
		}
		if w.profile.years && w.chance(0.5) {
			c.Offset = w.error(10 * year / ms)
		}
	}
	return c
}

// error is a random number from -most to most.
func (w *simulation) error(most uint64) int64 { return int64(w.between(0, 2*most)) - int64(most) }

// jump sets a device's clock.
func (d *device) jump() {
	d.w.did("jump")
	by := d.w.error(4 * minute / ms)
	if d.w.chance(0.25) {
		by = d.w.error(5 * hour / ms)
	}
	if d.w.profile.years && d.w.chance(0.5) {
		d.w.did("jump by years")
		by = d.w.error(10 * year / ms)
	}
	d.clock.Offset += by
	if d.w.chance(0.3) {
		d.clock.Offset = d.w.error(second / ms) // somebody set it right
	}
	d.w.log(d.name, "clock", 0, "is ahead by ", d.clock.Offset, " ms")
}
