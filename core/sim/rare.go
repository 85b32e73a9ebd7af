package sim

import (
	"fmt"

	"github.com/masqdev/masq/core/peer"
	"github.com/masqdev/masq/core/wire"
)

// What only some of the seeds have, beside what their profile brings, because it takes long or hides other things: many applications, many
// devices, one that is shut out, two Sync Servers whose nodes mix frames up, clocks that are off by years, more data than a cache holds, more writes in
// one run than a block of numbers has.

// addRare adds it, by the seed's last digits.
func (w *simulation) addRare(p *profile) {
	p.apps, p.servers = []string{aside}, 1
	if w.takesCopies() {
		p.faults = append(p.faults, askForCopy, askForCopy, askForCopy)
	}
	if w.opt.Hostile || w.opt.Backups {
		return
	}
	switch w.res.Seed % 20 {
	case 1, 11:
		p.stores, p.aside = true, 0.3
		for i := range int(w.between(5, 40)) {
			p.apps = append(p.apps, fmt.Sprintf("org.example.app%02d", i))
		}
	case 2:
		p.devices, p.pairing, p.bulk, p.large = 8, 15*second, min(p.bulk, 250), min(p.large, 0.02)
	case 12, 17:
		p.devices, p.pairing, p.calamity = max(p.devices, 3), 15*second, min(p.calamity, 15*second)
		p.faults = append(p.faults, shutOut, shutOut, shutOut, shutOut)
	case 4, 14:
		p.stores, p.servers, p.moves = true, len(serverHosts), 0.01
	case 6, 16:
		p.twice, p.late = 0.003, 0.003
	case 8, 18:
		p.clocks, p.years = true, true
		p.faults = append(p.faults, jump, jump)
	case 9:
		p.longRun = true
	case 5, 15:
		p.devices, p.bulk, p.large, p.pairing = min(max(p.devices, 3), 4), max(p.bulk, 250), 0.05, 20*second
		p.newcomer = true
		p.calamity, p.faults = min(p.calamity, 20*second), append(p.faults, damageBlock, damageBlock, damageBlock, damageBlock)
	case 19:
		p.devices, p.bulk, p.heavy, p.bandwidth = 2, max(p.bulk, 250), 60, max(p.bandwidth, 500<<10)
	}
}

// someApp picks one of the applications that a store has besides. Of many it has those that its user has asked for, in an order of its own.
func (u *user) someApp(p *proc) string {
	app := pick(u.w, u.w.profile.apps)
	if app == aside || u.apps[app] {
		return app
	}
	u.w.did("other application")
	p.do(u.addApp(app))
	return aside
}

// askForAll has every store's user ask for all of them, each in another order.
func (w *simulation) askForAll() {
	for _, d := range w.honest() {
		if !d.isStore() || d.run == nil {
			continue
		}
		for _, i := range w.rng.Perm(len(w.profile.apps)) {
			d.run.do(d.user.addApp(w.profile.apps[i]))
		}
	}
}

// addApp asks for one of the many.
func (u *user) addApp(app string) call {
	return call{op: &peer.Op{App: app, Do: peer.AddApp{Name: app}}, reply: func(r peer.Reply) {
		if !u.refused(r.Err) {
			if u.apps == nil {
				u.apps = map[string]bool{}
			}
			u.apps[app] = true
		}
	}}
}

// lookedAt are the applications whose sums are checked: all of them at the end, and else some of many.
func (w *simulation) lookedAt() []string {
	others := w.profile.apps
	if !w.calm && len(others) > 3 {
		others = []string{aside, pick(w, others[1:])}
	}
	return append([]string{notes}, others...)
}

// bring imports values that were written elsewhere: they stand beside what is there. What is imported again changes nothing.
func (u *user) bring(p *proc) {
	var batch []*write
	for _, i := range u.w.rng.Perm(u.w.profile.keys)[:min(3, u.w.profile.keys)] {
		batch = append(batch, u.w.book.add(u.d, u.w.key(i), wire.JSON, int(u.w.between(0, 300))))
	}
	u.w.did("import")
	p.do(u.asks(notes, batch, peer.Import{Writes: asked(batch)}, true))
	if !u.w.chance(0.5) {
		return
	}
	u.w.did("import again")
	p.do(call{op: &peer.Op{App: notes, Client: me, Do: peer.Import{Writes: asked(batch)}}, reply: func(r peer.Reply) { u.refused(r.Err) }})
}

// fillInHeavy writes more than the engine keeps in memory.
func (u *user) fillInHeavy(p *proc) {
	for i := 0; i < u.w.profile.heavy; i += 4 {
		var batch []*write
		for n := range 4 {
			key := fmt.Sprintf("bulk/%s/heavy/%03d", u.d.name, i+n)
			batch = append(batch, u.w.book.add(u.d, key, wire.Bytes, int(u.w.between(100<<10, 300<<10))))
		}
		u.w.did("heavy")
		u.put(p, notes, batch, nil, true)
	}
}

// runLong writes so often that the engine opens a second block of numbers in one run.
func (u *user) runLong(p *proc) {
	const keys, most = 20, 1<<wire.BlockBits + 100
	var last *write
	for range most {
		last = u.w.book.add(u.d, fmt.Sprintf("long/%02d", u.w.rng.IntN(keys)), wire.JSON, 0)
		u.put(p, notes, []*write{last}, u.reads(notes, last), false)
	}
	u.w.log(u.d.name, "long run", most)
	p.do(call{op: &peer.Op{App: notes, Client: me, Do: peer.Batch{}}, reply: func(r peer.Reply) {
		if !u.refused(r.Err) && last.acked {
			u.w.did("second block")
		}
	}})
}

// moveCircle has the user choose another Sync Server for the circle. Whoever does not hear of it goes on waiting at the one before.
func (u *user) moveCircle(p *proc) {
	if !u.joined() {
		return
	}
	u.w.did("move circle")
	u.setServer(p, pick(u.w, u.w.servers).host)
}

func (u *user) setServer(p *proc, host string) {
	u.w.log(u.d.name, "move circle", 0, host)
	p.do(call{op: &peer.Op{Client: me, Do: peer.SetRelays{URLs: []string{serverURL(host)}}}, reply: func(r peer.Reply) { u.refused(r.Err) }})
}

// agreeOnServer has every user enter the same Sync Server in the end: a device that was away when the circle moved meets nobody.
func (w *simulation) agreeOnServer() {
	if len(w.servers) < 2 {
		return
	}
	host := pick(w, w.servers).host
	for _, d := range w.devices {
		if d.run != nil && !d.run.closing && d.user.joined() {
			d.user.setServer(d.run, host)
		}
	}
}
