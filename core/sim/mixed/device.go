package mixed

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/masqdev/masq/core/sim"
	"github.com/masqdev/masq/core/storage"
)

// device is a user's device: its disk, and the engine that runs on it.
type device struct {
	r       *run
	name    string
	app     string // "": a local store
	key     [32]byte
	disk    *sim.Disk
	version int  // older or newer
	renewed bool // the newer one has written to the disk
	engine  Engine
	life    int // counts the engines; what was going to happen to an earlier one does not
	running bool
	closing bool // Shutdown was asked for
	offline bool
	since   uint64 // when it was last switched on or got its network back
	links   map[uint32]*link
	flight  *Commit
	timer   uint64

	lastOp  uint64
	calls   map[uint64]call
	watches map[uint64]string // the applications
	screen  map[uint64]Pairing
	status  Status
	shown   map[string][]*write // of each place: the versions that are there
	ever    map[*write]bool     // what it has shown, or written
}

// call is an operation that waits for its reply.
type call struct {
	app   string
	do    any
	reply func(Reply)
}

func (r *run) add(app string, version int) *device {
	d := &device{r: r, name: fmt.Sprintf("dev%d", len(r.devices)), app: app, disk: new(sim.Disk), version: version, ever: map[*write]bool{}}
	for i := range d.key {
		d.key[i] = byte(r.rng.Uint32())
	}
	r.devices = append(r.devices, d)
	d.open()
	return d
}

func (d *device) config() Config {
	c := Config{Key: d.key, App: d.app, Name: d.name, Sync: []string{relayURL}, Rand: d.r.random()}
	if d.app != "" {
		c.URL = d.app + "/"
	}
	return c
}

// places are where the device can have data: a key of an application.
func (d *device) places() (out []place) {
	for _, app := range d.r.apps {
		if d.app != "" && d.app != app {
			continue
		}
		for i := range keys {
			out = append(out, place{app, fmt.Sprint("k", i)})
		}
	}
	return out
}

func (d *device) open() {
	if d.running {
		return
	}
	d.life++
	d.running, d.closing, d.since, d.flight = true, false, d.r.now, nil
	d.links, d.calls, d.watches, d.screen = map[uint32]*link{}, map[uint64]call{}, map[uint64]string{}, map[uint64]Pairing{}
	d.status, d.shown = Status{}, map[string][]*write{}
	d.r.log(d.name, "open", d.version)
	d.engine = d.r.versions[d.version].Engine(d.config())
	d.step(Start{Blocks: listed(d.disk)})
	if d.offline {
		d.step(Offline{})
	}
	var calls []call
	for _, app := range d.r.apps {
		if d.app == "" {
			calls = append(calls, call{app, AddApp{Name: app}, d.granted})
		}
		if d.app == "" || d.app == app {
			calls = append(calls, call{app, Watch{}, d.granted})
		}
	}
	d.ask(calls...)
	d.look(d.places())
}

func (d *device) granted(r Reply) {
	if r.Err != "" && !(d.closing && r.Err == eClosed) {
		d.r.failf("%s refuses with %s", d.name, r.Err)
	}
}

// crash ends the engine without a word. A power cut may lose relaxed commits; the one in flight may get through.
func (d *device) crash() {
	if !d.running {
		return
	}
	d.r.log(d.name, "crash")
	if d.flight != nil && d.r.chance(0.5) {
		d.commit(d.flight)
	}
	if n := d.disk.Loose(); d.r.chance(0.3) {
		d.disk.PowerCut(int(d.r.between(0, uint64(n))))
	}
	d.off()
}

func (d *device) off() {
	d.life++
	d.running = false
	d.cut()
}

// cut ends all connections.
func (d *device) cut() {
	for _, conn := range slices.Sorted(maps.Keys(d.links)) {
		d.r.net.drop(d.links[conn])
	}
}

// reach takes the network away, or gives it back.
func (d *device) reach(offline bool) {
	if d.offline == offline {
		return
	}
	d.r.log(d.name, "offline", offline)
	d.offline, d.since = offline, d.r.now
	conns := slices.Sorted(maps.Keys(d.links))
	d.cut()
	if !d.running {
		return
	}
	for _, conn := range conns {
		d.step(Closed{Conn: conn, Code: 1006})
	}
	if offline {
		d.step(Offline{})
	} else {
		d.step(Online{})
	}
}

// update replaces the engine by one of this version, on the same disk.
func (d *device) update() {
	if d.version == newer || d.closing {
		return
	}
	d.r.log(d.name, "update")
	replace := func() {
		d.crash()
		d.version = newer
		d.r.book.carry(d)
		d.r.mixed = true
		d.r.after(d.r.between(0, 20*second), d.open)
	}
	if !d.running || d.r.chance(0.5) {
		replace()
		return
	}
	life := d.life
	d.closing = true
	d.ask(call{do: Shutdown{}, reply: func(Reply) {
		if life == d.life {
			replace()
		}
	}})
}

// event has the engine take in ev, if it is still the one that it is for.
func (d *device) event(life int, ev any) {
	if d.life == life {
		d.step(ev)
	}
}

func (d *device) step(ev any) {
	life := d.life
	var changed []place
	for _, a := range d.engine.Step(epoch+d.r.now, ev) {
		if c, ok := a.(Changed); ok {
			for _, key := range c.Keys {
				changed = append(changed, place{d.watches[c.Watch], key})
			}
			continue
		}
		if d.life == life {
			d.act(a)
		}
	}
	if len(changed) > 0 && d.life == life {
		d.look(changed)
	}
}

// ask has the engine take in these operations at once, and returns the number of the last; 0 if none runs.
func (d *device) ask(calls ...call) uint64 {
	if !d.running {
		return 0
	}
	var ops Ops
	for _, c := range calls {
		d.lastOp++
		d.calls[d.lastOp] = c
		if _, ok := c.do.(Watch); ok {
			d.watches[d.lastOp] = c.app
		}
		ops = append(ops, Op{ID: d.lastOp, App: c.app, Do: c.do})
	}
	last := d.lastOp
	d.step(ops)
	return last
}

func (d *device) act(a any) {
	switch a := a.(type) {
	case Reply:
		if c, ok := d.calls[a.Op]; ok {
			delete(d.calls, a.Op)
			c.reply(a)
		}
	case Pairing:
		d.r.log(d.name, "pairing", a.Step, " ", a.Err)
		d.screen[a.Op] = a
	case Status:
		d.told(a)
	case Dial:
		d.r.net.dial(d, a)
	case Send:
		if l := d.links[a.Conn]; l != nil {
			d.r.net.send(l, a)
		}
	case Hangup:
		if l := d.links[a.Conn]; l != nil {
			d.r.net.drop(l)
		}
	case Commit:
		d.begin(a)
	case Load:
		blocks, life := loaded(d.disk, a.IDs), d.life
		d.r.after(d.r.between(0, 5), func() { d.event(life, Loaded{blocks}) })
	case WakeAt:
		d.wakeAt(a.At)
	case Failed:
		d.r.failf("%s has stopped with %s", d.name, a.Err)
	}
}

func (d *device) told(s Status) {
	if s.Err != d.status.Err {
		d.r.log(d.name, "says", s.Err)
	}
	if s.Err != "" && (!d.r.mixed || d.r.together || s.Err != eVersion) {
		d.r.failf("%s says %s", d.name, s.Err)
	}
	d.status = s
}

func (d *device) wakeAt(at uint64) {
	d.timer++
	if at == 0 {
		return
	}
	mine, life := d.timer, d.life
	d.r.after(max(at, epoch+d.r.now)-epoch-d.r.now+1, func() {
		if mine == d.timer {
			d.event(life, Tick{})
		}
	})
}

func (d *device) begin(c Commit) {
	d.flight = &c
	life := d.life
	d.r.after(d.r.between(0, 15), func() {
		if d.life == life {
			d.flight = nil
			d.step(Committed{Exists: d.commit(&c)})
		}
	})
}

// commit reports whether a block was there already.
func (d *device) commit(c *Commit) (exists bool) {
	g := storage.Commit{Adds: stored(c.Adds), Puts: stored(c.Puts)}
	for _, id := range c.Dels {
		g.Dels = append(g.Dels, storage.ID(id))
	}
	durability := storage.Relaxed
	if c.Strict {
		durability = storage.Strict
	}
	d.renewed = d.renewed || d.version == newer
	return errors.Is(d.disk.Commit(g, durability), storage.ErrExists)
}

func stored(in []Block) (out []storage.Block) {
	for _, b := range in {
		out = append(out, storage.Block{ID: storage.ID(b.ID), Data: b.Data})
	}
	return out
}

func listed(disk *sim.Disk) (out []uint64) {
	ids, _ := disk.List() // it fails only when it is closed
	for _, id := range ids {
		out = append(out, uint64(id))
	}
	return out
}

func loaded(disk *sim.Disk, ids []uint64) (out []Block) {
	for _, id := range ids {
		blocks, _ := disk.Load([]storage.ID{storage.ID(id)})
		out = append(out, Block{ID: id, Data: blocks[0].Data})
	}
	return out
}
