package native

import "time"

// sayAgain is how often what goes on failing is logged.
const sayAgain = time.Minute

// outage decides what is logged of something that cannot be reached: a line at first, then one every minute, and one when it is
// back. What comes and goes many times a minute is one outage's worth of lines.
type outage struct {
	since time.Time // since when it is not reached; zero: it is
	said  time.Time // when that was logged last
}

// down takes that it is not reached, for the first time or still, and reports whether to say so.
func (o *outage) down(now time.Time) bool {
	if o.since.IsZero() {
		o.since = now
	}
	if !o.said.IsZero() && now.Sub(o.said) < sayAgain {
		return false
	}
	o.said = now
	return true
}

// up takes that it is reached, and reports whether to say so, and for how long it was not.
func (o *outage) up(now time.Time) (say bool, after time.Duration) {
	if o.since.IsZero() {
		return false, 0
	}
	say, after = !o.said.Before(o.since), now.Sub(o.since)
	o.since = time.Time{}
	return say, after
}

// rarely lets something be said once a minute, and counts how often it was to be.
type rarely struct {
	said  time.Time
	times int
}

// say reports whether to say it now, and how many times it has happened since it was said last.
func (r *rarely) say(now time.Time) (times int, say bool) {
	r.times++
	if !r.said.IsZero() && now.Sub(r.said) < sayAgain {
		return 0, false
	}
	times, r.said, r.times = r.times, now, 0
	return times, true
}
