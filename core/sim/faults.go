package sim

import (
	"errors"

	"github.com/masqdev/masq/core/peer"
	"github.com/masqdev/masq/core/storage"
)

// profile is what a seed brings.
type profile struct {
	name      string
	devices   int
	trouble   uint64   // how long things go wrong
	calamity  uint64   // mean time between faults
	pause     uint64   // mean time between what a user does
	pairing   uint64   // mean time between pairings
	aside     float64  // how much of what users do in local stores, but for looking, is in the other application: this less 0.15
	keys      int      // that users fight over
	bulk      int      // keys that each user has besides
	heavy     int      // and values of 100 to 300 KiB
	newcomer  bool     // the last device comes late, and meets a damaged one first
	longRun   bool     // somebody writes more in one run than a block has numbers
	apps      []string // that local stores have besides
	servers   int      // Sync Servers
	moves     float64  // how often a user moves the circle to another of these, of all that users do
	large     float64  // how many of the values are large
	deletes   float64  // how many of the writes are deletions
	latency   uint64   // of the network, one way
	jitter    uint64
	bandwidth uint64  // bytes a second
	twice     float64 // how many of the frames between two devices come twice
	late      float64 // and behind later ones
	loss      float64 // how many of the frames between two devices are lost
	disk      uint64  // disks are slower by this
	clocks    bool    // clocks are wrong
	years     bool    // by years
	stores    bool    // some devices are local stores, and others application peers
	faults    []fault
}

// A fault is something that goes wrong.
type fault func(w *simulation)

// errDisk is what a disk fails with.
var errDisk = errors.New("sim: the disk failed")

func (w *simulation) newProfile() (p profile) {
	p = profile{
		name: "calm", devices: int(w.between(2, 5)), trouble: w.between(6, 20) * minute, calamity: 15 * second, pause: 4 * second, pairing: 40 * second, aside: 0.155,
		keys: int(w.between(3, 20)), large: 0.02, deletes: 0.2,
		latency: w.between(1, 80) * ms, jitter: w.between(0, 40) * ms, bandwidth: w.between(50, 5000) << 10, disk: 1,
	}
	if w.res.Seed%10 == 7 {
		p.loss = 0.01
	}
	network := []fault{dropLink, dropLink, silenceLink, cutOff, cutOff, sayOffline, restartServer, slowDown, flipBit}
	programs := []fault{doom, doom, kill, kill, powerCut, powerCut, shutDown, shutDown, sleep, takeOver}
	disks := []fault{doom, loseAlone, powerCut, powerCut, diskFull, diskError, fullDisk, takeOver}
	kind := w.rng.IntN(9)
	if w.opt.Backups {
		kind = 6
	}
	if w.longLived() {
		defer func() {
			p.faults, p.devices = append(p.faults, startOver, startOver, loseDevice, loseDevice), max(p.devices, 3)
		}()
	}
	if w.opt.Hostile {
		return w.hostileProfile(p, network, programs)
	}
	switch kind {
	case 0: // nothing goes wrong
		p.calamity = hour
	case 1:
		p.name, p.faults = "network", network
	case 2:
		p.name, p.faults = "programs", programs
	case 3:
		p.name, p.faults, p.disk = "disks", disks, w.between(1, 30)
	case 4:
		p.name, p.faults, p.clocks = "clocks", []fault{jump, jump, sleep, dropLink, night}, true
	case 5:
		p.name, p.bulk, p.large = "bulk", int(w.between(1, 8))*250, 0.1
		p.bandwidth = w.between(20, 500) << 10
		p.faults, p.calamity = append(network, programs...), 30*second
	case 6:
		if !w.opt.Backups {
			p.name, p.clocks = "nights", true
			p.faults = append(append(network, programs...), jump, night, night)
			break
		}
		p.name = "backups"
		if w.res.Seed%2 == 0 { // what comes back is not deleted again
			p.deletes = 0
		}
		p.faults = append([]fault{restoreBackup, restoreBackup, makeBackup, makeBackup, makeBackup, makeBackup, copyDisk, loseStrict}, programs...)
	case 7:
		p.name, p.stores = "stores", true
		p.faults = append(append(append(network, programs...), disks...), switchOff, switchOff, switchOff, dropApplication)
	default:
		p.name, p.clocks = "everything", true
		p.faults = append(append(append(network, programs...), disks...), jump, jump, night)
		p.calamity = 10 * second
	}
	return p
}

// hostileProfile is for a mesh with a member that lies. The last device is that one.
func (w *simulation) hostileProfile(p profile, network, programs []fault) profile {
	p.name, p.stores, p.devices = "hostile", true, int(w.between(3, 5))
	p.trouble, p.pairing, p.aside = w.between(6, 15)*minute, 15*second, 0.2
	switch w.rng.IntN(3) {
	case 0:
		p.faults = []fault{cutOff, sleep, shutDown}
	case 1:
		p.faults = append(network, programs...)
	default: // somebody is away for long, and much is deleted meanwhile
		p.faults, p.calamity = []fault{goAway}, 2*minute
		p.pause, p.deletes, p.keys, p.large = 600*ms, 0.4, int(w.between(100, 400)), 0
		return p
	}
	p.calamity = 40 * second
	return p
}

// disturb has something go wrong, and again in a while.
func (w *simulation) disturb() {
	if w.calm || len(w.profile.faults) == 0 {
		return
	}
	if w.now < w.dawn {
		w.after(w.dawn-w.now, w.disturb)
		return
	}
	pick(w, w.profile.faults)(w)
	w.after(w.around(w.profile.calamity), w.disturb)
}

// running picks a device whose engine runs, or returns nil.
func (w *simulation) running() *device {
	if d := pick(w, w.devices); d.run != nil && !d.run.closing && !d.hostile() {
		return d
	}
	return nil
}

func onRunning(f func(d *device)) fault {
	return func(w *simulation) {
		if d := w.running(); d != nil {
			f(d)
		}
	}
}

func onLink(f func(l *link)) fault {
	return func(w *simulation) {
		if links := w.net.standing(); len(links) > 0 {
			f(pick(w, links))
		}
	}
}

var (
	dropLink    = onLink((*link).drop)
	silenceLink = onLink((*link).silence)

	kill     = onRunning(func(d *device) { d.kill(false); d.user.comeBack() })
	powerCut = onRunning(func(d *device) { d.kill(true); d.user.comeBack() })
	shutDown = onRunning(func(d *device) { d.user.leave(d.run) })
	takeOver = onRunning((*device).takeOver)
	jump     = onRunning((*device).jump)

	sleep = onRunning(func(d *device) {
		d.w.did("sleep")
		long := d.w.around(30 * second)
		if d.w.chance(0.2) {
			long = d.w.around(20 * minute)
		}
		d.w.log(d.name, "sleep", long/ms)
		d.run.sleep(long)
	})
	diskFull   = onRunning(func(d *device) { d.w.did("disk full"); d.run.fails(storage.ErrQuota) })
	diskError  = onRunning(func(d *device) { d.w.did("disk error"); d.run.fails(errDisk) })
	makeBackup = onRunning(func(d *device) {
		s := d.disk.Snapshot()
		d.backup = &s
		d.w.did("backup")
		d.w.log(d.name, "backup", 0)
	})
)

// doom has an engine die at one of its next commits: before it, or before it hears that it is done.
var doom = onRunning(func(d *device) { d.run.doom = int(d.w.between(1, 12)) })

func (p *proc) doomed() bool {
	if p.doom == 0 || p != p.d.run || p.w.calm {
		return false
	}
	p.doom--
	return p.doom == 0
}

// loseStrict has a disk lose the last of what it said was on stable storage, as some do when their power fails.
func loseStrict(w *simulation) {
	d := w.running()
	if d == nil || w.pairing != nil {
		return
	}
	w.did("lost strict commits")
	d.loseStrict()
	d.shaky = true
}

// loseAlone does so to a device that has never met another one: it has to go on from what is left.
func loseAlone(w *simulation) {
	d := w.running()
	if d == nil || d.user.tried || d.user.joined() {
		return
	}
	w.did("lost strict commits, alone")
	d.loseStrict()
}

func (d *device) loseStrict() {
	d.kill(true)
	d.user.comeBack()
	d.user.anyName, d.user.apps = true, nil
	n := d.disk.LoseStrict(int(d.w.between(1, undone)))
	d.w.book.excuse(d)
	d.w.log(d.name, "loses", uint64(n))
}

// restoreBackup kills an engine, and its disk is what it was some time ago.
func restoreBackup(w *simulation) {
	d := w.running()
	if d == nil || d.backup == nil {
		return
	}
	d.kill(false)
	d.user.comeBack()
	if d.backup == nil { // it was inviting another device
		return
	}
	d.disk.Restore(*d.backup)
	d.shaky = true
	w.book.excuse(d)
	w.did("restore")
	w.log(d.name, "restore", 0)
}

// copyDisk starts a second device from a copy of one's disk: two that have the same keys, and write.
func copyDisk(w *simulation) {
	d := w.running()
	if d == nil || w.twin != nil {
		return
	}
	twin := &device{w: w, n: d.n, name: "twin" + d.name[3:], key: d.key, clock: w.newClock(), shaky: true}
	twin.user = newUser(twin)
	twin.user.filled = true
	twin.disk.Restore(d.disk.Snapshot())
	w.twin, d.shaky = twin, true
	if w.copied == nil {
		w.copied = map[int]bool{}
	}
	w.copied[d.n] = true
	w.did("copy")
	w.log(twin.name, "copied", 0)
	twin.open()
	w.after(w.around(5*second), twin.user.live)
	w.after(w.around(4*minute), twin.vanish)
}

// vanish ends a copy. What it wrote may go with it.
func (d *device) vanish() {
	if d.w.twin != d {
		return
	}
	d.w.twin = nil
	d.kill(false)
	d.w.book.excuse(d)
}

// switchOff has a local store not sync the application, with another one or at all, for some time.
var switchOff = onStore(func(d *device) {
	var off peer.Prefer
	if others := d.run.status.Devices; len(others) > 0 && d.w.chance(0.7) {
		off.Device = pick(d.w, others).ID
	}
	d.w.did("switch off")
	d.w.log(d.name, "switch off", uint64(len(off.Device)))
	d.prefer(off)
	d.w.after(d.w.around(minute), d.switchOn)
})

// switchOn ends that. It may be lost, as all that is done to a program that is about to be killed.
func (d *device) switchOn() {
	if d.run == nil || d.run.closing || !d.isStore() {
		return
	}
	d.prefer(peer.Prefer{On: true})
	for _, x := range d.run.status.Devices {
		d.prefer(peer.Prefer{Device: x.ID, On: true})
	}
}

func (d *device) prefer(do peer.Prefer) {
	d.run.do(call{op: &peer.Op{App: notes, Client: me, Do: do}, reply: func(r peer.Reply) {
		if r.Err != peer.EValue { // that device was not known after all
			d.user.refused(r.Err)
		}
	}})
}

// dropApplication deletes the application's data from a local store, and asks for it again: not what a damaged device lacks and only this one has.
var dropApplication = onStore(func(d *device) {
	if d.w.hurt != nil {
		return
	}
	d.w.did("drop application")
	d.dropped = true
	d.w.log(d.name, "drop", 0)
	d.w.book.excuse(d)
	p := d.run
	p.drops++
	drop := call{op: &peer.Op{App: notes, Client: me, Do: peer.DropApp{}}, reply: func(r peer.Reply) {
		p.drops--
		d.user.refused(r.Err)
	}}
	p.do(drop, d.user.add(notes))
})

func onStore(f func(d *device)) fault {
	return onRunning(func(d *device) {
		if d.isStore() {
			f(d)
		}
	})
}

// say tells a device's engine what the system says of its network.
func (d *device) say(online bool) {
	d.offline = !online
	d.w.log(d.name, "says online", 0, online)
	switch {
	case d.run == nil: // the next one is told
	case online:
		d.run.event(peer.Online{})
	default:
		d.run.event(peer.Offline{})
	}
}

// sayOffline has a device say that it is offline, which it is not. Some never say that they are online again.
func sayOffline(w *simulation) {
	d := w.running()
	if d == nil || d.offline {
		return
	}
	w.did("say offline")
	d.say(false)
	if w.chance(0.5) {
		w.after(w.around(minute), func() { d.say(true) })
	}
}

// cutOff takes a device's network away. The system may say so, and may say so when it is back.
func cutOff(w *simulation) { w.cutOff(w.around(40 * second)) }

// goAway does so for long.
func goAway(w *simulation) { w.cutOff(w.between(3*minute, 8*minute)) }

func (w *simulation) cutOff(long uint64) {
	if d := w.running(); d != nil {
		d.cut(long)
	}
}

func (d *device) cut(long uint64) {
	w := d.w
	if d.cutOff {
		return
	}
	d.cutOff = true
	w.did("cut off")
	w.log(d.name, "cut off", 0)
	for _, l := range w.net.standing() {
		if l.p.d == d {
			l.silence()
		}
	}
	if w.chance(0.5) {
		d.say(false)
	}
	w.after(long, d.reconnect)
}

func (d *device) reconnect() {
	if !d.cutOff {
		return
	}
	d.cutOff = false
	d.w.log(d.name, "back on", 0)
	if d.offline && d.w.chance(0.7) {
		d.say(true)
	}
}

func restartServer(w *simulation) { pick(w, w.servers).restart() }

func flipBit(w *simulation) { w.net.flips++ }

// slowDown makes the network slow for some time.
func slowDown(w *simulation) {
	w.net.slow = w.between(2, 50)
	w.did("slow")
	w.log("network", "slow", w.net.slow)
	w.after(w.around(20*second), func() { w.net.slow = 1 })
}

// night lets hours pass in which everybody's devices mostly sleep: channels change their names, sessions end.
func night(w *simulation) {
	if w.profile.trouble > 40*hour {
		return
	}
	long := w.between(2*hour, 26*hour)
	w.did("night")
	w.log("everybody", "night", long/ms)
	w.profile.trouble += long
	for _, d := range w.devices {
		if d.run != nil && !d.run.closing && w.chance(0.8) {
			d.run.sleep(long)
		}
	}
	w.dawn = w.now + long
}
