package clock

import "testing"

const start = 1_772_323_200_000 // wall time, Unix ms

// TestStep: engine time never goes back, and goes as far as wall time goes forward.
func TestStep(t *testing.T) {
	var c Clock
	for _, s := range []struct {
		name      string
		wall, now uint64
	}{
		{"the first", start, start},
		{"the same", start, start},
		{"a second later", start + 1000, start + 1000},
		{"set back an hour", start - 3_599_000, start + 1000},
		{"goes on at once", start - 3_598_000, start + 2000},
		{"set forward an hour", start + 2000, start + 3_602_000},
		{"later still", start + 3000, start + 3_603_000},
	} {
		c.Step(s.wall)
		if c.Now() != s.now || c.Wall() != s.wall {
			t.Errorf("%s: %d, want %d; wall %d", s.name, c.Now()-start, s.now-start, c.Wall()-start)
		}
		if c.ToWall(c.In(500)) != s.wall+500 || c.ToWall(c.Now()-500) != s.wall-500 || c.ToWall(0) != 0 {
			t.Errorf("%s: in half a second it is %d", s.name, c.ToWall(c.In(500)))
		}
	}
}

// TestWake: the driver is told the earliest time, and only when it is another.
func TestWake(t *testing.T) {
	for _, c := range []struct {
		name    string
		do      func(c *Clock)
		also    uint64
		at      uint64 // after start; 0: never
		changed bool
	}{
		{"nothing", func(*Clock) {}, 0, 0, false},
		{"one", func(c *Clock) { c.Need(c.In(300)) }, 0, 300, true},
		{"the earliest", func(c *Clock) { c.Need(c.In(300)); c.Need(c.In(100)); c.Need(c.In(200)) }, 0, 100, true},
		{"never", func(c *Clock) { c.Need(0) }, 0, 0, false},
		{"what has come", func(c *Clock) { c.Need(c.Now() - 5) }, 0, 1, true},
		{"not due", func(c *Clock) { c.Due(c.In(40)) }, 0, 40, true},
		{"due", func(c *Clock) { c.Due(c.Now()) }, 0, 0, false},
		{"another's alone", func(*Clock) {}, start + 70, 70, true},
		{"another's first", func(c *Clock) { c.Need(c.In(300)) }, start + 70, 70, true},
		{"another's last", func(c *Clock) { c.Need(c.In(30)) }, start + 70, 30, true},
		{"cleared", func(c *Clock) { c.Need(c.In(300)); c.Clear() }, 0, 0, false},
		{"told already", func(c *Clock) { c.Need(c.In(300)); c.Wake(0) }, 0, 300, false},
		{"told and back", func(c *Clock) { c.Need(c.In(300)); c.Wake(0); c.Ticked() }, 0, 300, true},
		{"no more", func(c *Clock) { c.Need(c.In(300)); c.Wake(0); c.Clear() }, 0, 0, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			var k Clock
			k.Step(start + 1000)
			k.Step(start) // set back: engine time is a second ahead
			c.do(&k)
			at, changed := k.Wake(c.also)
			if want := start + c.at; changed != c.changed || c.at == 0 && at != 0 || c.at != 0 && at != want {
				t.Errorf("in %d ms, %v", int64(at-start), changed)
			}
		})
	}
}

// TestDue: what is not due is asked for, and Rang says when to look again.
func TestDue(t *testing.T) {
	var c Clock
	c.Step(start)
	at := c.In(100)
	if c.Due(at) || c.Rang() || c.Due(0) {
		t.Error("due too early")
	}
	c.Step(start + 99)
	if c.Rang() {
		t.Error("rang too early")
	}
	c.Step(start + 100)
	if !c.Rang() || !c.Due(at) {
		t.Error("not due")
	}
	c.Clear()
	if c.Rang() {
		t.Error("rang without a timer")
	}
}
