package peer

import (
	"encoding/base64"

	"github.com/masqdev/masq/core/channel"
	"github.com/masqdev/masq/core/wire"
)

// device is another device of the circle: how to reach it, and how far it has got.
type device struct {
	e    *Engine
	ik   [32]byte
	nk   [32]byte
	name string
	pair *channel.Pair
	adds *pendingAdd // it is being paired: its ADD is signed when the first session stands

	lines []*line  // at most two: today's channel and, near the change of day, its neighbour
	sess  *session // while one of the lines has a session

	have      wire.Vector // what it is known to have durably
	acked     uint64      // position in this device's log up to which it has everything durably
	heard     bool        // it has sent all that it has since this start
	lastHeard Millis
	unsaved   bool
}

// openDevices makes a device of every other member of the roster.
func (e *Engine) openDevices() {
	if e.self.circle == nil {
		e.space.rep.SettleOwn()
		return
	}
	if len(e.led.Meta(metaMoving)) != 0 {
		e.moveData()
	}
	e.loadPending()
	e.refreshDevices()
	if len(e.devices) == 0 {
		e.space.rep.SettleOwn()
	}
}

// refreshDevices brings the list of devices up to the roster.
func (e *Engine) refreshDevices() {
	me := e.publicIK()
	for _, m := range e.self.circle.roster.Members() {
		if m.IK == me {
			continue
		}
		d := e.deviceOf(m.NK)
		if d == nil {
			d = e.addDevice(m.IK, m.NK, m.Name)
		}
		if d != nil && d.adds != nil {
			d.adds = nil
			e.savePending()
		}
	}
	e.statusDirty = true
}

func (e *Engine) deviceOf(nk [32]byte) *device {
	for _, d := range e.devices {
		if d.nk == nk {
			return d
		}
	}
	return nil
}

func (e *Engine) addDevice(ik, nk [32]byte, name string) *device {
	pair, err := channel.NewPair(channel.Keys{Self: e.self.nk, Peer: nk, Secret: e.self.circle.secret})
	if err != nil {
		return nil // a key that no exchange can be made with; the roster refuses those
	}
	d := &device{e: e, ik: ik, nk: nk, name: name, pair: pair}
	d.load()
	e.devices = append(e.devices, d)
	return d
}

// load reads what was known of the device: name u8, time, acknowledged position, vector.
func (d *device) load() {
	saved := d.e.led.Meta(metaPeer + string(d.nk[:]))
	if saved == nil {
		return
	}
	r := wire.NewReader(saved)
	name := string(r.LV8(255))
	last, acked := r.U64(), r.U64()
	vec, err := wire.ParseVector(r.LV32(wire.MaxVector))
	if r.Done() != nil || err != nil {
		return // it is a memory of another device's state; the next session brings it again
	}
	d.name, d.lastHeard, d.acked, d.have = name, last, acked, vec
}

func (d *device) save() {
	if !d.unsaved {
		return
	}
	d.unsaved = false
	b := wire.AppendLV8(nil, []byte(d.name))
	b = wire.AppendU64(wire.AppendU64(b, d.lastHeard), d.acked)
	d.e.led.SetMeta(metaPeer+string(d.nk[:]), wire.AppendLV32(b, wire.AppendVector(nil, d.have)))
}

func (d *device) has(v wire.Vector) {
	if d.have.CoversAll(v) {
		return
	}
	d.have = d.have.Join(v)
	d.unsaved = true
}

func (d *device) member() bool { return d.e.isMember(d.ik) }

func (e *Engine) isMember(ik [32]byte) bool {
	_, ok := e.self.circle.roster.Member(ik)
	return ok
}

func (d *device) id() string { return base64.RawURLEncoding.EncodeToString(d.ik[:]) }

// settleIfHeard settles the own writer's earlier blocks once every device has sent all that it has since this start.
func (e *Engine) settleIfHeard() {
	for _, d := range e.devices {
		if !d.heard {
			return
		}
	}
	e.space.rep.SettleOwn()
}

// collect lets the tombstones go that every device has.
func (e *Engine) collect() {
	if len(e.devices) == 0 {
		return
	}
	all := e.devices[0].have
	for _, d := range e.devices[1:] {
		all = all.Meet(d.have)
	}
	e.space.rep.Collect(all)
}

// drop ends the device's session and hangs its lines up.
func (d *device) drop() {
	if d.sess != nil {
		d.sess.dead = true
		d.sess = nil
	}
	d.dropLines(func(*line) bool { return false })
}

func (e *Engine) redialAll() {
	for _, d := range e.devices {
		for _, l := range d.lines {
			if l.phase == lineDown {
				l.retryAt = e.now
			}
		}
	}
}
