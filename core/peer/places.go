package peer

import (
	"slices"
	"sort"

	"github.com/masqdev/masq/core/wire"
)

// places are the relay channels that this device holds at once. Whoever may add devices to a roster would else decide how many sockets
// others open.
type places struct {
	given bool   // for the turn
	turn  uint64 // in units of turnMillis
}

const (
	placesMost = 16
	turnsLeast = 2                 // places for members that were not heard for heardFor, if there are any
	outLeast   = 1                 // places for devices that are out, if there are any
	turnMillis = 10 * 60_000       // how long a device that must share a place has it
	heardFor   = 7 * 24 * 3600_000 // in ms
	circleOf   = 4                 // of so many places the circle has all but one, and the application peers that one
)

// hasPlace reports whether a channel to d may be held.
func (d *device) hasPlace() bool { return len(d.e.devices) <= placesMost || d.place }

// givePlaces gives the places for a turn, if there are more devices than places. All have the same turns, for both sides of a pair
// must have their turn together.
func (e *Engine) givePlaces() {
	if len(e.devices) <= placesMost {
		e.places.given = false
		return
	}
	now := e.dayTime()
	e.clock.Need(e.clock.In(turnMillis - now%turnMillis))
	other := slices.ContainsFunc(e.devices, func(d *device) bool { return d.claims != d.reachable() })
	if turn := now / turnMillis; !e.places.given || turn != e.places.turn || other {
		e.places = places{given: true, turn: turn}
		chosen := e.claims(turn).choose()
		for _, d := range e.devices {
			d.place = slices.Contains(chosen, d)
		}
	}
}

// claims are the devices that have something to say to each other with this one, by how strong their claim is.
type claims struct {
	turn   uint64
	paired []*device // are being paired
	heard  []*device // members, in the last days
	rest   []*device // other members
	out    []*device // are to be told so; whoever lets many in and is shut out must not keep members from meeting
}

func (e *Engine) claims(turn uint64) claims {
	c := claims{turn: turn}
	for _, d := range e.devices {
		d.family = d.domain.roster.Family(d.ik) // who lets many in has no better claim by it
		d.claims = d.reachable()
		switch {
		case !d.claims:
		case d.adds != nil, e.pairing != nil && e.pairing.step == Paired && e.pairing.nk == d.nk:
			c.paired = append(c.paired, d)
		case !d.member():
			c.out = append(c.out, d)
		case e.clock.Wall() < d.lastHeard+heardFor:
			c.heard = append(c.heard, d)
		default:
			c.rest = append(c.rest, d)
		}
	}
	return c
}

// choose returns at most placesMost devices.
func (c claims) choose() []*device {
	skip := int(c.turn % circleOf)
	chosen := c.paired[:min(len(c.paired), placesMost)]
	take := func(row []*device, leave int) {
		left := max(0, placesMost-len(chosen)-leave)
		chosen = append(chosen, row[:min(len(row), left)]...)
	}
	forOut := min(outLeast, len(c.out))
	take(c.inOrder(c.heard, 0), min(turnsLeast, len(c.rest))+forOut)
	take(c.inOrder(c.rest, skip), forOut)
	take(c.inOrder(c.out, skip), 0)
	return chosen
}

// inOrder mixes the devices of the circle with others, so that these do not push them out, however many they are. skip is where to begin
// in the row of circleOf places.
func (c claims) inOrder(devices []*device, skip int) (out []*device) {
	var circle, peers []*device
	for _, d := range c.byTurn(devices) {
		if d.domain.namespace == nil {
			circle = append(circle, d)
		} else {
			peers = append(peers, d)
		}
	}
	for n := skip; len(circle)+len(peers) > 0; n++ {
		from := &circle
		if len(circle) == 0 || n%circleOf == circleOf-1 && len(peers) > 0 {
			from = &peers
		}
		out, *from = append(out, (*from)[0]), (*from)[1:]
	}
	return out
}

// byTurn sorts devices by a number that both of a pair know: who is early here is as a rule early there, and so they meet. It is
// multiplied by the size of the device's family and the number of families in its namespace, so that one of these has no better claim
// by being large: the smallest of n random numbers is 1/n of one in the mean.
func (c claims) byTurn(devices []*device) []*device {
	for _, d := range devices {
		d.crowd = 0
		for _, o := range devices {
			if o.domain == d.domain && o.family == d.family {
				d.crowd++
			}
		}
	}
	for _, d := range devices {
		families := 0.0
		for _, o := range devices {
			if o.domain == d.domain {
				families += 1 / o.crowd
			}
		}
		d.number = float64(d.pair.Turn(c.turn)) * d.crowd * families
	}
	out := slices.Clone(devices)
	sort.Slice(out, func(i, j int) bool { return out[i].number < out[j].number })
	return out
}

// room reports whether d may hold a second channel, the neighbouring day's, besides what others hold or may hold.
func (d *device) room() bool {
	n := 2
	for _, o := range d.e.devices {
		if o != d && o.hasPlace() {
			n += max(1, len(o.channels))
		}
	}
	return n <= placesMost
}

// leave gives d's place up.
func (d *device) leave() {
	if r := d.repl; r != nil {
		r.bye(wire.ByeClosing, 0)
		r.flush()
		d.unsaved = true
	}
	d.drop()
	d.e.touch()
}
