package peer

import "slices"

// dayTime is the time that days are reckoned by: the device's own, until a Sync Server says another. The zero value is the device's own.
//
// A device's clock may be dead or wrong, so a Sync Server may set the time. It may also lie, or two of its nodes may differ: then each
// HELLO would make the device dial again, and show the names of other days' channels. So it may do that twice in a day, and in between
// the time runs on by itself.
type dayTime struct {
	said  Millis // what a Sync Server said; 0: nothing
	since Millis // when, in engine time
	sets  []daySet
	again Millis // when the Sync Server is asked again, which said another time and could not set it; 0: need not
}

// daySet is one time that a Sync Server has set.
type daySet struct {
	relay string
	at    Millis // in engine time
}

const (
	clockTolerance = 5 * 60_000
	daySetsMost    = 2 // by one Sync Server within daySetsIn
	daySetsIn      = 24 * 3600_000
	dayTimeMost    = 1 << 50 // beyond the year 30,000
)

// dayTime is now.
func (e *Engine) dayTime() Millis {
	if t := &e.days; t.said != 0 {
		return t.said + e.clock.Now() - t.since
	}
	return e.clock.Wall()
}

// hear takes in what HELLO says, and reports whether that has set the time.
func (e *Engine) hear(relay string, said Millis) bool {
	t := &e.days
	if said > dayTimeMost {
		return false
	}
	if off := int64(said) - int64(e.dayTime()); -clockTolerance <= off && off <= clockTolerance {
		return false
	}
	now := e.clock.Now()
	t.sets = slices.DeleteFunc(t.sets, func(s daySet) bool { return now >= s.at+daySetsIn })
	by := 0
	for _, s := range t.sets {
		if s.relay == relay {
			by++
		}
	}
	if by >= daySetsMost {
		t.again = t.sets[0].at + daySetsIn
		return false
	}
	t.said, t.since, t.again = said, now, 0
	t.sets = append(t.sets, daySet{relay, now})
	return true
}

// askTime dials again where a Sync Server said another time that could not be set then.
func (e *Engine) askTime() {
	if !e.clock.Due(e.days.again) {
		return
	}
	e.days.again = 0
	for _, d := range e.devices {
		if d.repl == nil {
			d.dropChannels(func(*channel) bool { return false })
		}
	}
}
