package sim

import (
	"slices"
	"strings"

	"github.com/masqdev/masq/core/peer"
	"github.com/masqdev/masq/core/roster"
)

// How long things may take once nothing goes wrong any more.
const (
	reachTime  = 150 * second // until everybody is at the Sync Server, also who still says that it is offline
	healTime   = 5 * minute   // until everybody is in session with everybody
	pairTime   = 4 * minute   // for each device that was not paired yet
	quietTime  = 15 * minute  // until all have the same
	forgetTime = 4 * minute   // until the Sync Server has forgotten everybody
	// A session that is renewed stands again and has nothing left to do: the handshake takes at most 10 s (R4.9). Then all that is sent are heads,
	// lists and vectors, a VECTOR and an END each way. Liars can have put 256 KiB into a vector (R6.28), which the slowest line here carries in 5 s.
	renewTime = 10*second + 2*5*second + 5*second
	// For so long at least a session that was renewed stands. By R4.13 it does for 120 s; but others may come to be renewed meanwhile.
	staysTime = 10 * second
)

// verify heals everything, waits until the mesh is quiet and checks what has to hold then.
func (w *simulation) verify() {
	w.heal()
	w.pairRest()
	w.askForAll()
	if w.hostile != nil {
		w.hostile.shutOut()
	}
	w.passMonths()
	w.waitQuiet()
	w.mendRestored()
	w.checkSwept()
	all := w.contents()
	w.compareAll(all)
	w.checkWinners(all)
	w.compareAside()
	w.checkSums()
	w.compareWatches()
	w.checkWrites(w.sound(all), notes)
	w.checkStatus()
	w.checkShutOut()
	w.checkGrowth()
	w.checkBytes()
	w.leaveAll()
	w.reopenAlone(all)
}

// heal ends all trouble.
func (w *simulation) heal() {
	w.log("everybody", "heal", 0)
	w.calm, w.truth = true, w.now+45*second
	w.net.slow, w.net.flips = 1, 0
	w.startServers()
	if w.twin != nil {
		w.twin.vanish()
	}
	for _, d := range w.devices {
		if d.stray != nil {
			d.stray.end()
			d.stray = nil
		}
		d.reconnect()
		d.makeRoom()
		if p := d.run; p != nil {
			p.fault = nil
			p.wake()
			if !p.closing {
				continue
			}
			end := w.now + 2*minute
			w.runWhile(func() bool { return !p.dead && w.now < end })
			d.kill(false)
		}
		d.open()
	}
	w.runUntil(w.now + 30*second)
	for _, d := range w.devices {
		d.switchOn()
	}
	w.agreeOnServer()
	w.runUntil(w.now + reachTime)
	w.checkReached()
	w.runUntil(w.now + healTime - reachTime)
}

// checkReached has every device that has others be at the Sync Server. That it says that it is offline is no excuse.
func (w *simulation) checkReached() {
	for _, d := range w.honest() {
		if p := d.run; p != nil && p.apart != 0 && p.apart+reachTime <= w.now {
			w.stopf("%s does not reach the Sync Server, and says offline: %v", d.name, d.offline)
		}
	}
}

// pairRest pairs who is not paired yet.
func (w *simulation) pairRest() {
	for tries := 0; w.pairNext(); tries++ {
		if tries > 3*len(w.devices) {
			w.stopf("devices are left that cannot be paired")
			return
		}
		w.runUntil(w.now + pairTime)
	}
}

// waitQuiet lets time pass until nothing is left to do.
func (w *simulation) waitQuiet() {
	end := w.now + quietTime
	for w.now < end {
		w.runUntil(w.now + 5*second)
		if w.quiet() == "" {
			w.runUntil(w.now + 10*second)
			return
		}
	}
}

// unrest returns what is left to do once waitQuiet has found that nothing is. Sessions go on being renewed (R4.13), at any moment: that is over
// within renewTime, and then the session stays. Each pair may be renewed once in this time, and something be committed behind that.
func (w *simulation) unrest() (what string) {
	n := len(w.honest())
	for range n*(n-1) + 1 {
		end := w.now + renewTime
		w.runWhile(func() bool { what = w.quiet(); return what != "" && w.now < end })
		if what != "" {
			return what
		}
		end = w.now + staysTime
		w.runWhile(func() bool { what = w.quiet(); return what == "" && w.now < end })
		if what == "" {
			return ""
		}
	}
	return what + ", again and again"
}

// quiet returns what is left to do, "" if nothing is.
func (w *simulation) quiet() string {
	for _, d := range w.honest() {
		p := d.run
		switch {
		case p == nil:
			return d.name + " does not run"
		case p.waiting(false) > 0:
			return d.name + " has not answered everything"
		case p.flight != nil:
			return d.name + " is committing"
		case len(w.honest()) > 1 && p.mending():
			return d.name + " takes a fresh copy"
		case len(w.honest()) > 1 && p.status.Sync != peer.SyncOnline:
			return d.name + " is not online"
		case len(p.others()) != len(w.honest())-1:
			return d.name + " does not know all devices"
		}
		for _, x := range p.others() {
			switch {
			case !x.Online:
				return d.name + " is not in session with " + x.Name
			case x.ToSend != 0:
				return d.name + " has something to send to " + x.Name
			case x.ToReceive:
				return d.name + " receives from " + x.Name
			}
		}
	}
	return ""
}

// contents asks every device for all that it has.
func (w *simulation) contents() []*content {
	var all []*content
	for _, d := range w.honest() {
		all = append(all, d.content())
	}
	return all
}

func (d *device) content() *content {
	c, p := &content{lost: d.hurt}, d.run
	if p == nil {
		d.w.stopf("%s does not run", d.name)
		return c
	}
	var all []peer.Entry
	var page func(after string)
	waits := true
	page = func(after string) {
		p.do(call{op: &peer.Op{Client: me, Do: peer.List{After: after}}, reply: func(r peer.Reply) {
			if d.user.refused(r.Err) {
				waits = false
				return
			}
			all = append(all, r.Entries...)
			if r.More {
				page(all[len(all)-1].Key)
				return
			}
			waits = false
		}})
	}
	p.do(d.user.count(p, peer.Count{}), d.user.count(p, peer.Count{Prefix: "k/"}), d.user.count(p, peer.Count{Gte: "k/02", Lt: "k/04"}))
	page("") // which is answered behind the counts
	end := d.w.now + minute
	d.w.runWhile(func() bool { return waits && d.w.now < end })
	d.user.compare(all, func(string) bool { return true })
	d.user.take(c, all)
	d.conflicts(notes, c, p)
	return c
}

// count compares Count with what the watch has told.
func (u *user) count(p *proc, do peer.Count) call {
	return call{op: &peer.Op{App: notes, Client: me, Do: do}, reply: func(r peer.Reply) {
		if u.refused(r.Err) || p != u.d.run || !u.whole || u.d.hurt != nil {
			return
		}
		n := uint64(0)
		for key := range u.mirror {
			if strings.HasPrefix(key, do.Prefix) && key >= do.Gte && (do.Lt == "" || key < do.Lt) {
				n++
			}
		}
		u.w.did("count")
		if r.Number != n {
			u.w.failf("%s: Count says %d of %+v where the watch told of %d", u.d.name, r.Number, do, n)
		}
	}}
}

// conflicts adds what List does not show.
func (d *device) conflicts(app string, c *content, p *proc) {
	keys := slices.Clone(c.keys)
	left := len(keys)
	d.w.counted("conflicts", len(keys))
	for _, key := range keys {
		p.do(call{op: &peer.Op{App: app, Client: me, Do: peer.Conflicts{Key: key}}, reply: func(r peer.Reply) {
			left--
			if !d.user.refused(r.Err) {
				d.user.take(c, r.Entries)
			}
		}})
	}
	end := d.w.now + minute
	d.w.runWhile(func() bool { return left > 0 && d.w.now < end })
}

// compareAll counts who has not what the first has.
func (w *simulation) compareAll(all []*content) {
	for i, c := range all {
		first := w.sound(all)
		if c == first {
			continue
		}
		w.did("content")
		if what := difference(first, c); what != "" {
			w.res.Diverged++
			w.failf("diverged: %s from the first: %s", w.honest()[i].name, what)
		}
	}
	for i, c := range all {
		w.counted("conflicting content", c.conflicting())
		if what := c.inconsistent(); what != "" {
			w.failf("%s %s", w.honest()[i].name, what)
		}
	}
}

// compareWatches has everybody who watches know what is there.
func (w *simulation) compareWatches() {
	for _, d := range w.honest() {
		d.user.checkWatches(d.run)
	}
	w.runUntil(w.now + 10*second)
}

// compareAside has all local stores have the same of the other applications, with nothing lost.
func (w *simulation) compareAside() {
	for _, app := range w.profile.apps {
		w.compareApp(app)
	}
}

func (w *simulation) compareApp(app string) {
	var first *content
	for _, d := range w.honest() {
		if !d.isStore() || d.run == nil {
			continue
		}
		c := d.asideContent(app)
		if first == nil {
			first = c
			w.checkWrites(c, app)
		}
		w.did("content aside")
		if what := difference(first, c); what != "" {
			w.res.Diverged++
			w.failf("diverged: %s, in %s: %s", d.name, app, what)
		}
		if what := c.inconsistent(); what != "" {
			w.failf("%s %s", d.name, what)
		}
	}
}

func (d *device) asideContent(app string) *content {
	c, waits := &content{}, true
	var page func(after string)
	page = func(after string) {
		d.run.do(call{op: &peer.Op{App: app, Client: me, Do: peer.List{After: after}}, reply: func(r peer.Reply) {
			if waits = !d.user.refused(r.Err) && r.More; !waits && r.Err != "" {
				return
			}
			if d.user.take(c, r.Entries); waits {
				page(r.Entries[len(r.Entries)-1].Key)
			}
		}})
	}
	page("")
	end := d.w.now + minute
	d.w.runWhile(func() bool { return waits && d.w.now < end })
	d.conflicts(app, c, d.run)
	return c
}

// difference returns the first difference between what two devices show.
func difference(a, b *content) string {
	for _, pair := range [][2]*content{{a, b}, {b, a}} {
		for _, key := range pair[0].keys {
			if x, y := pair[0].values[key], pair[1].values[key]; !slices.Equal(x, y) && !a.loses(key) && !b.loses(key) {
				return key + ": " + list(a.values[key]) + " against " + list(b.values[key])
			}
		}
	}
	return ""
}

func list(writes []*write) string {
	out := "["
	for _, x := range writes {
		out += " " + x.String()
	}
	return out + " ]"
}

// checkWrites has every write of an application that was acknowledged as durable be there, or be replaced by one that saw it.
func (w *simulation) checkWrites(c *content, app string) {
	known := map[*write]bool{}
	for _, x := range slices.Backward(w.book.writes) { // what saw a write comes after it
		known[x] = c.has(x) || len(x.value) == 0 || slices.ContainsFunc(x.after, func(y *write) bool { return known[y] })
		if !x.acked || !x.strict || x.excused || !x.exact() || x.app != app {
			continue
		}
		w.did("durable write")
		if !known[x] {
			w.res.Lost++
			w.failf("lost: %s; seen by %s", x, list(x.after))
		}
		if s := c.replacedBy(x); s != nil {
			w.res.Lost++
			w.failf("lost: %s, for %s is back, which it had replaced", x, s)
		}
	}
}

// checkStatus has every device know that all is well, and the others by their names.
func (w *simulation) checkStatus() {
	w.waitQuiet()
	if what := w.unrest(); what != "" {
		w.stopf("the mesh is not quiet: %s", what)
		return
	}
	for _, d := range w.honest() {
		d.checkTold(true)
		d.checkDiffering()
		s := d.run.status
		w.did("status")
		entries := s.Entries
		for _, x := range d.run.others() {
			if x.Overdue {
				w.failf("%s: the status says that %s was not heard for long", d.name, x.Name)
			}
		}
		for _, a := range s.Apps {
			if a.App == notes {
				entries = a.Entries
			}
			if w.did("never put back"); a.Restored && !d.shaky && w.hostile == nil {
				w.failf("%s: the status says that %s was put back to an older state, and its disk was not", d.name, a.App)
			}
		}
		if int(entries) != len(d.user.mirror) && d.hurt == nil {
			w.failf("%s: the status counts %d entries of %d", d.name, entries, len(d.user.mirror))
		}
		var shown, names []string
		for _, x := range append(d.run.others(), s.Self) {
			if d.isStore() || x.Kind == roster.Embedded { // an application peer does not learn what the stores are called
				shown = append(shown, x.Name)
			}
		}
		for _, x := range w.honest() {
			if d.isStore() || !x.isStore() {
				names = append(names, x.run.status.Self.Name)
			}
		}
		if name := s.Self.Name; name != d.user.name && !d.shaky && !d.user.anyName && !slices.Contains(d.user.maybe, name) {
			w.failf("%s is called %q, not %q", d.name, name, d.user.name)
		}
		slices.Sort(shown)
		slices.Sort(names)
		if !slices.Equal(shown, names) {
			w.failf("%s: the status shows the names %q of %q", d.name, shown, names)
		}
	}
}

// leaveAll closes every engine. Then the Sync Server has nothing left of them.
func (w *simulation) leaveAll() {
	if h := w.hostile; h != nil && h.d.run != nil {
		h.d.run.end()
		h.d.run = nil
	}
	for _, d := range w.honest() {
		d.user.leave(d.run)
	}
	w.runUntil(w.now + forgetTime)
	w.did("forgotten by server")
	for _, server := range w.servers {
		if s := server.core.Stats(); s.Waiting+s.Joined+s.Channels+s.Mailboxes != 0 {
			w.failf("%s still has %d connections, %d channels and %d mailboxes", server.host, s.Waiting+s.Joined, s.Channels, s.Mailboxes)
		}
	}
}

// reopenAlone opens every device once more, without a network: all that it showed is on its disk.
func (w *simulation) reopenAlone(all []*content) {
	for _, s := range w.servers {
		s.up = false
	}
	for i, d := range w.honest() {
		d.disk.PowerCut(0)
		d.open()
		w.runUntil(w.now + 30*second)
		w.did("reopened")
		if what := difference(all[i], d.content()); what != "" {
			w.failf("%s shows something else after a restart: %s", d.name, what)
		}
	}
}

// checkAlike has nobody be said to hold something else: nobody does, but a disk that was put back, and who was told something else by a liar. See
// checkDiffering.
func (p *proc) checkAlike() {
	if p.w.opt.Backups || p.w.hostile != nil {
		return
	}
	for _, x := range p.others() {
		if x.Differs {
			p.w.failf("%s: the status says that %s holds something else", p.name(), x.Name)
		}
	}
}
