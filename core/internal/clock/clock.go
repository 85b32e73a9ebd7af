// Package clock is the time of a state machine whose driver hands the time in, and the wake-up call that it wants in return.
//
// There are two times, both in milliseconds. Wall time is the driver's Unix clock: people see it, and it jumps when somebody sets
// the clock. Engine time never goes back, and is what all timers are in. When wall time goes forward, engine time goes as
// far; when wall time goes back, engine time stands still and then goes on at once. 0 is no time in either.
//
//	c.Step(wall)                  // once for each event
//	c.Clear()                     // when every timer is asked for again in each Step
//	if c.Due(t) { … }             // or else it is asked for
//	if at, changed := c.Wake(0); changed { … } // tell the driver
//
// The zero Clock is ready. It is for one goroutine.
package clock

// Clock is the time of the Step that runs, and the earliest time that something waits for.
type Clock struct {
	now  uint64 // engine time
	wall uint64
	wake uint64 // engine time, later than the now at which it was asked for; 0: nothing waits
	told uint64 // wall time, what Wake returned last; 0: the driver will not come back by itself
}

// Step takes in the driver's time, Unix milliseconds.
func (c *Clock) Step(wall uint64) {
	if c.wall == 0 {
		c.now = wall
	} else if wall > c.wall {
		c.now += wall - c.wall
	}
	c.wall = wall
}

// Now is the engine time of this Step.
func (c *Clock) Now() uint64 { return c.now }

// Wall is the wall time of this Step.
func (c *Clock) Wall() uint64 { return c.wall }

// In is the engine time in ms from now.
func (c *Clock) In(ms uint64) uint64 { return c.now + ms }

// ToWall is an engine time as the driver's clock will show it, if nobody sets that. 0 stays 0.
func (c *Clock) ToWall(t uint64) uint64 {
	if t == 0 {
		return 0
	}
	return uint64(int64(c.wall) + int64(t-c.now))
}

// Need asks for a wake-up at the engine time t, or earlier. A time that has come is asked for in a millisecond; 0 asks for none.
func (c *Clock) Need(t uint64) {
	if t != 0 && (c.wake == 0 || t < c.wake) {
		c.wake = max(t, c.now+1)
	}
}

// Due reports whether the engine time t has come. If it has not, a wake-up at t is asked for. 0 never comes.
func (c *Clock) Due(t uint64) bool {
	if t != 0 && c.now >= t {
		return true
	}
	c.Need(t)
	return false
}

// Rang reports whether the earliest time that was asked for has come: without it, no timer is due.
func (c *Clock) Rang() bool { return c.wake != 0 && c.now >= c.wake }

// Clear forgets what was asked for.
func (c *Clock) Clear() { c.wake = 0 }

// Ticked is that the driver came back as it was told, maybe a little early: from now on it has to be told again.
func (c *Clock) Ticked() { c.told = 0 }

// Wake returns the wall time at which the driver has to come back, 0 for never, and whether that is another than it was told
// last. It counts as told then. also is a wall time at which it has to come back anyway, 0 for none.
func (c *Clock) Wake(also uint64) (at uint64, changed bool) {
	at = c.ToWall(c.wake)
	if at == 0 || also != 0 && also < at {
		at = also
	}
	changed = at != c.told
	c.told = at
	return at, changed
}
