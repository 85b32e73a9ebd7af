package sim

import (
	"slices"

	"github.com/masqdev/masq/core/peer"
)

// pairing is two users who pair their devices: one shows a link, the other opens it, both compare and say yes.
type pairing struct {
	w     *simulation
	sides [2]*side // 0: the one with the invite
	asked uint64   // when the invite was
	shown uint64   // when its link was
	set   int64    // how far the clock was ahead by which its time counts, from when it was asked for
}

// inviteLives is for how long a link that nobody opens is good.
const inviteLives = 5 * minute

// side is one of the two, with the screen in front of it.
type side struct {
	t      *pairing
	other  *side
	p      *proc
	op     uint64
	screen peer.PairingState
	met    bool // it has shown digits
	over   bool
	done   bool
}

// pairSomebody has a device that is in no circle join one that is, if both run, and tries again later for the next one.
func (w *simulation) pairSomebody() {
	if !w.calm {
		w.after(w.around(w.profile.pairing), w.pairSomebody)
	}
	w.pairNext()
}

// pairNext returns false when nobody is left to be paired.
func (w *simulation) pairNext() bool {
	var in, out []*device
	left := 0
	for _, d := range w.devices {
		joined := d.user.joined()
		if !joined {
			left++
		}
		if d.run == nil || d.run.closing || d.run.asleep > w.now || w.comesLate(d) {
			continue
		}
		if joined {
			in = append(in, d)
		} else {
			out = append(out, d)
		}
	}
	if w.pairing != nil || len(out) == 0 || w.now < w.dawn {
		return left > 0
	}
	n := w.rng.IntN(len(out))
	joiner := out[n]
	if len(in) == 0 && left == len(w.devices) { // the first two
		in = append(append(in, out[:n]...), out[n+1:]...)
	}
	if joiner.isStore() { // only a store lets in another one
		in = slices.DeleteFunc(in, func(d *device) bool { return !d.isStore() })
	} else if w.profile.stores && left == len(w.devices) { // the first one is in a store's circle, or there would be two
		in = slices.DeleteFunc(in, func(d *device) bool { return !d.isStore() })
	}
	in = slices.DeleteFunc(in, (*device).hostile) // whom that lets in is not honest either
	if len(in) > 0 && w.isNewcomer(joiner) && slices.Contains(in, w.hurt) {
		w.pair(w.hurt, joiner)
	} else if len(in) > 0 {
		w.pair(pick(w, in), joiner)
	}
	return true
}

// joined reports whether the device is in a circle with others, as far as its user can tell.
func (u *user) joined() bool {
	if p := u.d.run; p != nil && p.status.Self.ID != "" {
		u.paired = len(p.others()) > 0
	}
	return u.paired
}

func (w *simulation) pair(host, joiner *device) {
	t := &pairing{w: w, asked: w.now, set: host.clock.Offset}
	a, b := &side{t: t, p: host.run}, &side{t: t, p: joiner.run}
	a.other, b.other = b, a
	t.sides, w.pairing = [2]*side{a, b}, t
	joiner.user.discards = w.chance(0.3)
	host.user.tried, joiner.user.tried = true, true
	w.log(host.name, "invite", 0, "for ", joiner.name)
	w.did("invite")
	invite := &peer.Op{Client: me, Do: peer.Invite{}}
	switch {
	case host.isStore() && joiner.isStore():
		invite.Do = peer.Invite{URL: manage}
	case host.isStore():
		invite.App, invite.Do = notes, peer.Invite{URL: notes + "/app"}
	}
	a.ask(invite, func(r peer.Reply) {
		if r.Err != "" || b.over {
			a.end(r.Err)
			return
		}
		t.shown = w.now
		w.after(w.between(second, 15*second), func() {
			w.did("join")
			b.ask(&peer.Op{Client: me, Do: peer.Join{Link: r.Text}}, func(r peer.Reply) {
				if r.Err != "" {
					b.end(r.Err)
				}
			})
		})
	})
	w.after(20*minute, func() {
		if w.pairing != t {
			return
		}
		if a.p.asleep+20*minute < w.now && b.p.asleep+20*minute < w.now {
			w.failf("pairing %s with %s does not end", host.name, joiner.name)
		}
		t.finish()
	})
}

func (s *side) ask(op *peer.Op, reply func(peer.Reply)) {
	if s.over {
		return
	}
	s.p.do(call{op: op, reply: reply, pair: s.see})
	s.op = op.ID
}

// see is a new picture on the screen.
func (s *side) see(state peer.PairingState) {
	before := s.screen.Step
	s.screen = state
	switch state.Step {
	case peer.Compare:
		s.met = true
		if before != peer.Compare {
			s.t.w.after(s.t.w.between(second, 12*second), s.decide)
		}
	case peer.Done:
		s.done = true
		if s == s.t.sides[0] {
			s.t.w.did("pair")
		}
		s.end("")
	case peer.PairFailed:
		s.end(state.Err)
	}
	if state.Err != "" && !s.over {
		s.t.w.failf("%s: a pairing with an error that goes on", s.p.name())
	}
}

// decide is the user's look at both screens.
func (s *side) decide() {
	w := s.t.w
	if s.over || s.p.dead {
		return
	}
	theirs := s.other.screen
	if theirs.Step < peer.Compare && !s.other.over {
		w.after(second, s.decide)
		return
	}
	hidden := s.p.d.isStore() && s.other.p.d.isStore()
	if theirs.Step <= peer.Confirmed && !s.other.over && !hidden && (s.screen.Digits != theirs.Digits || len(s.screen.Digits) != 6) {
		w.failf("pairing: %s shows %q, %s shows %q", s.p.name(), s.screen.Digits, s.other.p.name(), theirs.Digits)
	}
	var say peer.Verb
	if !w.calm && w.chance(0.05) {
		say = peer.Cancel{Target: s.op}
	} else {
		say = s.yes(theirs.Digits)
	}
	s.p.do(call{op: &peer.Op{Client: me, Do: say}, reply: func(r peer.Reply) {
		w.log(s.p.name(), "said", uint64(say.ID()), r.Err)
	}})
}

func (s *side) yes(digits string) peer.Confirm {
	yes := peer.Confirm{Target: s.op, Digits: digits}
	if s == s.t.sides[1] && s.screen.HasData {
		yes.Discard = s.p.d.user.discards
		yes.Bring = !yes.Discard
		s.t.w.did(map[bool]string{false: "bring", true: "discard"}[yes.Discard])
		if yes.Discard {
			s.t.w.book.excuse(s.p.d)
		}
	}
	return yes
}

func (s *side) end(why peer.Code) {
	if s.over {
		return
	}
	s.over = true
	delete(s.p.calls, s.op)
	s.t.w.log(s.p.name(), "pairing ends", 0, why)
	if s == s.t.sides[0] && s.t.endsEarly(why) {
		s.t.w.failf("%s: an invite that nobody has opened ends early: %s", s.p.name(), why)
	}
	switch {
	case s.op == 0 || s.other.op == 0: // it did not get further than the invite
		if s.other.op != 0 && !s.other.over {
			s.other.p.do(call{op: &peer.Op{Client: me, Do: peer.Cancel{Target: s.other.op}}, reply: func(peer.Reply) {}})
		}
		s.other.over = true
		s.t.finish()
	case s.other.over:
		s.t.finish()
	}
}

// endsEarly reports whether the invite is over before its time although nobody has opened it: whatever becomes of the Sync Server and of
// sockets, it is as good as before.
func (t *pairing) endsEarly(why peer.Code) bool {
	host := t.sides[0]
	if t.shown == 0 || host.met {
		return false
	}
	opened := host.other.op != 0                                 // an exchange that has begun has a time of its own
	slept := host.p.asleep > t.asked && host.p.asleep <= t.shown // the link was there before its device woke up
	early := t.w.now-t.shown < inviteLives*99/100 && host.p.d.clock.Offset == t.set && !slept
	return why == peer.ESync || why == peer.EExpired && early && !opened
}

func (t *pairing) finish() {
	for _, s := range t.sides {
		s.p.d.user.discards = false
		if s.done {
			s.p.d.user.paired = true
		}
	}
	t.sides[0].p.d.backup = nil // if the only one that knows of the new device forgets it, that is out, and nothing can be done
	if t.w.pairing == t {
		t.w.pairing = nil
	}
}

// closed: one of the two may have gone.
func (t *pairing) closed(p *proc) {
	for _, s := range t.sides {
		if s.p == p {
			if s.screen.Step == peer.Paired { // it may have the other in, which only it can tell: nobody is paired with others meanwhile
				p.d.user.paired = true
			}
			s.end("gone")
		}
	}
}

// excuse lets go of everything that a device has written so far.
func (b *book) excuse(d *device) {
	for _, x := range b.writes {
		if x.by == d {
			x.excused = true
		}
	}
}
