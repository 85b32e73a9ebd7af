package mixed

import "slices"

const (
	notes   = "https://notes.example"
	todo    = "https://todo.example"
	manager = "http://localhost:6277/"
)

// live is what happens in a seed.
func (r *run) live() {
	r.alike()
	r.apart()
	r.reunite()
}

// alike: all devices are old. They pair, write and sync.
func (r *run) alike() {
	r.apps = []string{notes}
	stores := r.chance(0.6)
	if stores && r.chance(0.5) {
		r.apps = append(r.apps, todo)
	}
	for i := range r.between(2, 4) {
		app := notes
		if stores && (i == 0 || r.chance(0.4)) {
			app = ""
		}
		d := r.add(app, older)
		r.pass(r.between(0, 5*second))
		if i > 0 {
			r.pair(pick(r, r.hosts(d)), d)
		}
	}
	if r.chance(0.3) { // enough for checkpoints
		for range 1500 {
			pick(r, r.devices).write()
			r.pass(r.between(0, 50))
		}
	}
	r.unrest(r.between(minute, 3*minute))
	r.calm(second)
	if !r.until(5*minute, func() bool { return r.agree(r.devices) == "" }) {
		r.failf("before any update %s", r.agree(r.devices))
	}
	r.lookAll()
}

// apart: some are updated, at times of their own; later the others.
func (r *run) apart() {
	order := r.rng.Perm(len(r.devices))
	some := int(r.between(1, uint64(len(order)-1)))
	r.watchOver()
	r.updates(order[:some])
	r.calm(4 * minute)
	r.checkApart()
	if r.chance(0.5) {
		r.stranger()
	}
	r.updates(order[some:])
	for _, d := range r.devices {
		d.update()
	}
	r.calm(minute)
}

// updates has devices updated within some minutes of unrest.
func (r *run) updates(which []int) {
	for _, i := range which {
		d := r.devices[i]
		r.after(r.between(0, 5*minute), d.update)
	}
	r.unrest(6 * minute)
	for _, i := range which {
		r.devices[i].update()
	}
}

// reunite: all devices are new, and what was written is everywhere.
func (r *run) reunite() {
	for _, d := range r.devices {
		if d.version != newer || !d.running {
			r.failf("%s was not updated", d.name)
		}
		r.rejoin(d)
	}
	same := func() bool {
		return r.agree(r.devices) == "" && !slices.ContainsFunc(r.devices, func(d *device) bool { return d.status.Err != "" })
	}
	if !r.until(20*minute, same) {
		r.failf("after all updates %s", r.agree(r.devices))
	}
	r.lookAll()
	r.verify()
	for _, d := range r.devices {
		d.downgrade()
	}
}

// unrest lets time pass in which users write, and devices crash and lose their network.
func (r *run) unrest(d uint64) {
	r.trouble = true
	for _, d := range slices.Clone(r.devices) {
		r.keepBusy(d)
	}
	r.pass(d)
	r.trouble = false
}

func (r *run) keepBusy(d *device) {
	r.after(r.between(100, 8*second), func() {
		if !r.trouble {
			return
		}
		switch p := r.rng.Float64(); {
		case p < 0.03:
			d.crash()
			r.after(r.between(0, 30*second), d.open)
		case p < 0.06:
			d.reach(true)
		case p < 0.12:
			d.reach(false)
		case p < 0.14:
			d.downgrade()
		case d.running:
			d.write()
		}
		r.keepBusy(d)
	})
}

// calm switches everything on and lets time pass in which nobody writes.
func (r *run) calm(d uint64) {
	for _, d := range r.devices {
		d.reach(false)
	}
	r.pass(30 * second) // what crashed comes back
	r.pass(d)
}

// hosts are the devices that may let d in: a store only those that are stores.
func (r *run) hosts(d *device) (out []*device) {
	for _, h := range r.devices {
		if h != d && (d.app != "" || h.app == "") {
			out = append(out, h)
		}
	}
	return out
}

// pair has joiner join host, with two users who say yes, and checks what they see in the end. A joiner of the other version ends with
// E_VERSION, and the link stays good.
func (r *run) pair(host, joiner *device) {
	alike, lives := host.side() == joiner.side(), [2]int{host.life, joiner.life}
	a, b := r.meet(host, joiner)
	switch {
	case lives != [2]int{host.life, joiner.life}: // one of the two was updated meanwhile
	case alike && a.Step == done && b.Step == done:
	case !alike && a.Step == waiting && b.Err == eVersion:
		r.res.Refused++
	default:
		r.failf("%s (version %d) pairs with %s (version %d): %+v, %+v", joiner.name, joiner.version, host.name, host.version, b, a)
	}
}

// meet returns what host and joiner show when both are done, or the joiner has failed.
func (r *run) meet(host, joiner *device) (a, b Pairing) {
	invite := call{do: Invite{URL: notes + "/"}}
	switch {
	case joiner.app == "":
		invite.do = Invite{URL: manager}
	case host.app == "":
		invite.app = joiner.app
	}
	var link string
	invite.reply = func(reply Reply) { link = reply.Text }
	ask := host.ask(invite)
	r.until(10*second, func() bool { return link != "" })
	join := joiner.ask(call{do: Join{Link: link}, reply: unheard})
	lives := [2]int{host.life, joiner.life}
	seen := func(step uint8) func() bool {
		return func() bool {
			a, b = host.screen[ask], joiner.screen[join]
			return a.Step >= step && b.Step >= step || b.Step == pairFailed || lives != [2]int{host.life, joiner.life}
		}
	}
	r.until(30*second, seen(compare))
	if a.Step == compare && b.Step == compare {
		host.ask(call{do: Confirm{Target: ask, Digits: b.Digits}, reply: unheard})
		joiner.ask(call{do: Confirm{Target: join, Bring: b.HasData}, reply: unheard})
	}
	r.until(15*minute, seen(done))
	host.ask(call{do: Cancel{Target: ask}, reply: unheard})
	return a, b
}

func unheard(Reply) {}

// stranger has a device of the one version or the other, with data of its own, try to join. One of the two may be updated in the middle.
func (r *run) stranger() {
	app := notes
	if r.devices[0].app == "" && r.chance(0.5) {
		app = ""
	}
	d := r.add(app, r.rng.IntN(2))
	r.pass(2 * second)
	for range 3 {
		d.write()
	}
	r.pass(second)
	host := pick(r, r.hosts(d))
	if r.chance(0.3) {
		r.after(r.between(0, 5*second), pick(r, []*device{host, d}).update)
	}
	r.pair(host, d)
	r.calm(minute)
}

// rejoin pairs a stranger that did not get in.
func (r *run) rejoin(d *device) {
	in := func() bool {
		return slices.ContainsFunc(r.devices, func(o *device) bool { return d.knows(o) && o.knows(d) })
	}
	if !in() {
		r.pair(pick(r, r.hosts(d)), d)
	}
}
