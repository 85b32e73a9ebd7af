package sim

import (
	"io"
	"math/rand/v2"
	"strconv"

	"github.com/masqdev/masq/core/peer"
)

// device is a user's device: what outlives the programs that run on it.
type device struct {
	w     *simulation
	n     int
	name  string
	app   string   // "": a local store
	key   [32]byte // the store key
	disk  Disk
	clock Clock
	user  *user
	run   *proc // the engine that runs now, nil when none does
	stray *proc // an older one that was frozen and does not know that another took over

	opens   int
	filled  int  // how often its disk was filled
	cutOff  bool // no network
	offline bool // it says that it has none, which need not be so
	shaky   bool // its disk was brought back to an older state: what it wrote since may be lost or come again
	backup  *Snapshot
	id      string              // as others know it, once it is known
	dropped bool                // its data of the application was deleted
	copies  int                 // how often it was asked to take a fresh copy
	mends   bool                // it takes a fresh copy
	lost    bool                // it is never heard again
	diary   *diary              // while months pass
	hurt    map[string][]*write // keys whose values were damaged, with what they had
}

func newDevice(w *simulation, n int) *device {
	d := &device{w: w, n: n, name: "dev" + strconv.Itoa(n), app: notes, clock: w.newClock()}
	if w.profile.stores && (n == 0 || w.profile.servers > 1 || w.chance(0.5)) {
		d.app = ""
	}
	fill(w, d.key[:])
	d.user = newUser(d)
	return d
}

// fill draws bytes from the seed.
func fill(w *simulation, b []byte) {
	for i := range b {
		b[i] = byte(w.rng.Uint32())
	}
}

// newRand is randomness for an engine, from the seed.
func newRand(seed [32]byte) io.Reader { return rand.NewChaCha8(seed) }

// open starts an engine on the device's disk, unless one runs.
func (d *device) open() {
	if d.run != nil {
		return
	}
	d.opens++
	ids, err := d.disk.List()
	if err != nil {
		d.w.failf("%s: List: %v", d.name, err)
	}
	d.w.did("open")
	d.w.log(d.name, "open", uint64(len(ids)))
	d.checkBelieved()
	var seed [32]byte
	fill(d.w, seed[:])
	p := &proc{
		w: d.w, d: d, n: d.opens, links: map[uint32]*link{}, calls: map[uint64]*call{}, watches: map[uint64]func(peer.Changed){},
		engine: peer.New(peer.Config{
			Key: d.key, App: d.app, Name: d.user.name, Sync: []string{relayURL}, URL: d.url(), Rand: newRand(seed),
		}),
	}
	d.run, p.rival = p, d.stray != nil
	p.event(peer.Start{Blocks: ids})
	p.tellRoom(false)
	if d.offline {
		p.event(peer.Offline{})
	}
	d.user.opened(p)
}

// The applications: all that users do and the oracle checks is in the first; local stores have another one besides.
const (
	notes  = "https://notes.example"
	aside  = "org.example.aside"
	manage = "http://localhost:6277/"
)

func (d *device) isStore() bool { return d.app == "" }

func (d *device) url() string {
	if d.isStore() {
		return ""
	}
	return d.app + "/app"
}

// others are the devices that the status shows: a local store's circle and the peers of its application.
func (p *proc) others() []peer.Device {
	out := p.status.Devices
	for _, a := range p.status.Apps {
		if a.App == notes {
			out = append(out[:len(out):len(out)], a.Peers...)
		}
	}
	return p.w.present(out)
}

// kill ends the running engine without a word. With a power cut, relaxed commits may be lost.
func (d *device) kill(power bool) {
	p := d.run
	if p == nil {
		return
	}
	d.w.did(map[bool]string{false: "kill", true: "power cut"}[power])
	d.w.log(d.name, "kill", uint64(d.disk.Loose()), "power cut ", power)
	if d.stray != nil {
		d.stray.end()
		d.stray = nil
	}
	p.end()
	d.user.crashed()
	lost := 0
	if power {
		lost = int(d.w.upTo(uint64(d.disk.Loose()) + 1))
	}
	if p.flight != nil && lost == 0 && d.w.chance(0.5) { // the commit in flight got through, but for its answer
		d.w.did("commit got through")
		_ = d.disk.Commit(p.flight.Changes, p.flight.Durability)
	}
	if power {
		d.w.counted("lost commits", lost)
		d.disk.PowerCut(lost)
	}
	d.run = nil
	d.checkBelieved()
}

// takeOver starts a second engine on the same data while the first is frozen, as a browser does with a tab. The first thaws later and
// must stop without changing anything.
func (d *device) takeOver() {
	if d.run == nil || d.stray != nil || d.run.closing {
		return
	}
	d.w.did("take over")
	d.w.log(d.name, "take over", 0)
	d.stray, d.run = d.run, nil
	d.stray.stray = true
	d.stray.sleep(d.w.around(20 * second))
	d.open()
}
