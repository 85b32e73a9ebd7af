package peer

// dayTime is the time that days are reckoned by. It begins with the device's clock at the first HELLO and runs on in engine time, so that
// somebody who sets the clock does not change it.
//
// The clock may be dead or wrong, so a Sync Server may set the time. It may also lie, or two of its nodes may differ: then each HELLO
// would have the device dial again, and show the names of other days' channels. So it may do that twice in a day. But engine time runs
// along when the clock is set forward; a HELLO between what was last taken and what has become of it since only takes that back, and is
// not counted. That does not go further than time itself does.
type dayTime struct {
	taken Millis // the time that was last taken; 0: none yet
	since Millis // when that was, in engine time
	sets  []daySet
	again Millis // when the Sync Server is asked again, which could not set the time; 0: need not be
}

// daySet is one time that a Sync Server has set.
type daySet struct {
	relay string
	at    Millis // in engine time
}

const (
	clockTolerance = 5 * 60_000
	daySetsMost    = 2 // by one Sync Server within daySetsIn
	daySetsAll     = 8 // by all of them
	daySetsIn      = 24 * 3600_000
	dayTimeMost    = 1 << 50 // beyond the year 30,000
)

// dayTime is now.
func (e *Engine) dayTime() Millis {
	if t := &e.day; t.taken != 0 {
		return t.taken + e.clock.Now() - t.since
	}
	return e.clock.Wall()
}

// hear takes in what HELLO says.
func (e *Engine) hear(relay string, said Millis) {
	t := &e.day
	if t.taken == 0 {
		t.take(e.clock.Wall(), e.clock.Now())
	}
	switch now := e.dayTime(); {
	case said == 0 || said > dayTimeMost: // no time
	case said+clockTolerance < now && said >= t.taken:
		t.take(said, e.clock.Now())
	case said+clockTolerance < now || said > now+clockTolerance:
		t.set(relay, said, e.clock.Now())
	}
}

func (t *dayTime) take(said, now Millis) { t.taken, t.since = said, now }

// set takes what a Sync Server says if it may set the time.
func (t *dayTime) set(relay string, said, now Millis) {
	by, all := 0, 0
	t.again = 0
	for _, s := range t.sets {
		if over := s.at + daySetsIn; now < over {
			if all++; s.relay == relay {
				by++
			}
			if t.again == 0 {
				t.again = over
			}
		}
	}
	if by >= daySetsMost || all >= daySetsAll {
		return
	}
	t.take(said, now)
	t.again = 0
	t.sets = append(t.sets[max(0, len(t.sets)+1-daySetsAll):], daySet{relay, now})
}

// askTime dials again where a Sync Server could not set the time and may do so now.
func (e *Engine) askTime() {
	if !e.clock.Due(e.day.again) {
		return
	}
	e.day.again = 0
	for _, d := range e.devices {
		if d.repl == nil {
			d.dropChannels(func(*channel) bool { return false })
		}
	}
}
