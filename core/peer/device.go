package peer

import (
	"slices"
	"strconv"

	"github.com/masqdev/masq/core/roster"
	"github.com/masqdev/masq/core/session"
	"github.com/masqdev/masq/core/wire"
)

func (e *Engine) addDevice(dom *domain, ik, nk [32]byte, kind uint8, name string) *device {
	pair, err := session.NewPair(session.Keys{Self: e.self.nk, Peer: nk, Secret: dom.secret})
	if err != nil {
		return nil // a key that no exchange can be made with; the roster refuses those
	}
	d := &device{e: e, domain: dom, ik: ik, nk: nk, kind: kind, name: name, pair: pair}
	d.load()
	d.loadUnheard()
	e.devices, e.places.given = append(e.devices, d), false
	e.tallied()
	return d
}

// in returns how far the device has got with a namespace.
func (d *device) in(n *namespace) *progress {
	if p := d.byName[n]; p != nil {
		return p
	}
	p := &progress{namespace: n}
	p.load(d.e.led.Meta(d.metaIn(n)))
	p.declined = d.e.led.Meta(d.metaDeclined(n)) != nil
	if d.byName == nil {
		d.byName = map[*namespace]*progress{}
	}
	d.progress, d.byName[n] = append(d.progress, p), p
	return p
}

// metaPeer and the device's nk name what is known of it: lv8(name) ‖ time last heard. With the namespace's number behind, how far
// it has got: position u64 ‖ vector.
const metaPeer = "peer/"

func (d *device) meta() string { return metaPeer + string(d.nk[:]) }

func (d *device) metaIn(n *namespace) string { return d.meta() + "/" + n.number() }

// metaDeclined is there if the device does not sync the namespace with this one, as it said last.
func (d *device) metaDeclined(n *namespace) string { return d.metaIn(n) + "/declined" }

// syncs notes whether the device syncs a namespace with this one, as it says.
func (d *device) syncs(n *namespace, on bool) {
	p := d.in(n)
	p.theirs, p.full = on, false
	switch {
	case p.declined != on:
	case on:
		d.e.led.SetMeta(d.metaDeclined(n), nil)
	default:
		d.e.led.SetMeta(d.metaDeclined(n), []byte{1})
	}
	p.declined = !on
	n.touch()
}

func (d *device) cursorIn(num uint16) string { return cursorsIn(num) + string(d.nk[:]) }

func cursorsIn(num uint16) string { return "cursor/" + strconv.Itoa(int(num)) + "/" }

// load reads what was known. If that cannot be read, the next session brings it again.
func (d *device) load() {
	r := wire.NewReader(d.e.led.Meta(d.meta()))
	name, last := string(r.LV8(255)), r.U64()
	if r.Done() == nil {
		d.name, d.lastHeard = roster.ShownName(name), last
	}
}

func (p *progress) load(saved []byte) {
	r := wire.NewReader(saved)
	acked := r.U64()
	vec, err := wire.ParseVector(r.Bytes(r.Len()))
	if r.Done() == nil && err == nil {
		p.acked, p.have = acked, vec
	}
}

// saveProgressEvery is how long what a device has need not be saved again while it changes: it comes with each write, from each device, and is as
// long as a vector. What is lost of it in a crash the next session brings.
const saveProgressEvery = 10_000

// save writes what has changed, as far as it is due, or all of it.
func (d *device) save(all bool) {
	d.saveUnheard()
	if d.unsaved {
		d.unsaved = false
		d.e.led.SetMeta(d.meta(), wire.AppendU64(wire.AppendLV8(nil, []byte(d.name)), d.lastHeard))
	}
	for _, p := range d.progress {
		if all || p.savedAt == 0 || d.e.clock.Now()-p.savedAt >= saveProgressEvery {
			p.save(d)
		}
	}
}

func (p *progress) save(d *device) {
	if p.unsaved {
		p.unsaved, p.savedAt = false, d.e.clock.Now()
		d.e.led.SetMeta(d.metaIn(p.namespace), wire.AppendVector(wire.AppendU64(nil, p.acked), p.have))
	}
}

// forget deletes what was known of the device.
func (d *device) forget() {
	d.e.led.SetMeta(d.meta(), nil)
	d.e.led.SetMeta(metaUnheard+string(d.nk[:]), nil)
	for _, n := range d.e.namespaces {
		d.forgetNamespace(n)
	}
}

func (d *device) forgetNamespace(n *namespace) {
	for _, key := range []string{d.metaIn(n), d.metaDeclined(n), d.cursorIn(n.num)} {
		if d.e.led.Meta(key) != nil {
			d.e.led.SetMeta(key, nil)
		}
	}
	d.progress = slices.DeleteFunc(d.progress, func(p *progress) bool { return p.namespace == n })
	delete(d.byName, n)
}

func (p *progress) has(v wire.Vector) {
	if p.have.CoversAll(v) {
		return
	}
	p.have = p.have.Join(v)
	p.unsaved = true
	p.namespace.e.tallied()
}

// reached notes that the device has everything up to a position.
func (p *progress) reached(pos uint64) {
	if pos > p.acked {
		p.acked, p.unsaved = pos, true
	}
}

// startsAnew forgets how far a device had got if it now lacks what it once had: it dropped its data, or an older state was restored.
func (p *progress) startsAnew(v wire.Vector) bool {
	if v.CoversAll(p.have) {
		return false
	}
	p.have, p.acked, p.unsaved = nil, 0, true
	p.namespace.e.tallied()
	p.differing, p.differs = 0, false
	return true
}
