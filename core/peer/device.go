package peer

import (
	"encoding/base64"
	"slices"

	"github.com/masqdev/masq/core/roster"
	"github.com/masqdev/masq/core/session"
	"github.com/masqdev/masq/core/wire"
)

// device is another device of a domain: how to reach it, and how far it has got.
type device struct {
	e      *Engine
	domain *domain
	ik     [32]byte
	nk     [32]byte
	kind   uint8
	name   string
	pair   *session.Pair
	adds   *pendingAdd // it is being paired: its ADD is signed when the first session stands

	lines []*line      // at most two: today's channel and, near the change of day, its neighbour
	repl  *replication // while one of the lines has a session

	progress  []*progress // for each namespace that something is known of
	lastHeard Millis
	unsaved   bool
}

// progress is how far a device has got with a namespace.
type progress struct {
	namespace *namespace
	have      wire.Vector // what it is known to have durably
	acked     uint64      // position in this device's log up to which it has everything durably
	heard     bool        // it has sent all that it has since this start
	theirs    bool        // it syncs it with this device, as it said last
	unsaved   bool
}

// openDevices makes a device of every other member of every roster.
func (e *Engine) openDevices() {
	e.moveData()
	e.loadPending()
	for _, dom := range e.domains() {
		e.refreshDevices(dom)
		dom.told = dom.roster.Heads()
		if dom.out() {
			e.shutOut()
		}
	}
	for _, n := range e.namespaces {
		n.settleIfHeard()
	}
}

// domains are the circle and those of the namespaces' application peers.
func (e *Engine) domains() []*domain {
	var out []*domain
	if e.circle != nil {
		out = append(out, e.circle)
	}
	for _, n := range e.namespaces {
		if n.peers != nil {
			out = append(out, n.peers)
		}
	}
	return out
}

// refreshDevices brings the list of devices up to a domain's roster. In a namespace's, the full devices are met as the circle's: also one
// that an application peer has told of before the circle did.
func (e *Engine) refreshDevices(dom *domain) {
	me := e.publicIK()
	for _, m := range dom.roster.Members() {
		if m.IK == me || dom.namespace != nil && e.circle != nil && e.circle.member(m.IK) {
			continue
		}
		d := e.deviceOf(m.NK)
		if d != nil && d.domain != dom && dom == e.circle {
			e.lose(d)
			d = nil
		}
		if d == nil {
			d = e.addDevice(dom, m.IK, m.NK, m.Kind, m.Name)
		}
		if d != nil && d.adds != nil {
			d.adds = nil
			e.savePending()
		}
	}
	for _, m := range dom.roster.RevokedMembers() {
		if m.IK != me && e.deviceOf(m.NK) == nil && e.mindful(m.IK) {
			e.addDevice(dom, m.IK, m.NK, m.Kind, m.Name)
		}
	}
	e.devices = slices.DeleteFunc(e.devices, func(d *device) bool {
		if d.domain != dom || d.adds != nil || d.member() || dom.roster.Revoked(d.ik) && e.mindful(d.ik) {
			return false
		}
		d.drop()
		d.forget()
		return true
	})
	for _, d := range e.devices {
		if d.domain == dom && d.repl != nil && dom.roster.Revoked(d.ik) {
			d.repl.notice(nil)
		}
	}
	e.statusDirty = true
}

// lose ends what there is with a device in one domain, because it is met in another. What is known of it stays.
func (e *Engine) lose(d *device) {
	d.save()
	d.drop()
	e.devices = slices.DeleteFunc(e.devices, func(x *device) bool { return x == d })
}

// mindful reports whether a device that was shut out is still to be told so. It notes since when it is out.
func (e *Engine) mindful(ik [32]byte) bool {
	key := metaRevoked + string(ik[:])
	saved := e.led.Meta(key)
	if len(saved) != 8 {
		e.led.SetMeta(key, wire.AppendU64(nil, e.wall))
		return true
	}
	r := wire.NewReader(saved)
	return e.wall < r.U64()+noticeFor
}

func (e *Engine) deviceOf(nk [32]byte) *device {
	for _, d := range e.devices {
		if d.nk == nk {
			return d
		}
	}
	return nil
}

func (e *Engine) deviceByID(id string) *device {
	for _, d := range e.devices {
		if d.id() == id {
			return d
		}
	}
	return nil
}

func (e *Engine) addDevice(dom *domain, ik, nk [32]byte, kind uint8, name string) *device {
	pair, err := session.NewPair(session.Keys{Self: e.self.nk, Peer: nk, Secret: dom.secret})
	if err != nil {
		return nil // a key that no exchange can be made with; the roster refuses those
	}
	d := &device{e: e, domain: dom, ik: ik, nk: nk, kind: kind, name: name, pair: pair}
	d.load()
	e.devices = append(e.devices, d)
	return d
}

// shares reports whether the device has to do with the namespace: those of the circle have with all.
func (d *device) shares(n *namespace) bool {
	return d.domain.namespace == nil || d.domain.namespace == n
}

// in returns how far the device has got with a namespace.
func (d *device) in(n *namespace) *progress {
	for _, p := range d.progress {
		if p.namespace == n {
			return p
		}
	}
	p := &progress{namespace: n}
	p.load(d.e.led.Meta(d.metaIn(n)))
	d.progress = append(d.progress, p)
	return p
}

// metaPeer and the device's nk name what is known of it: lv8(name) ‖ time last heard. With the namespace's number behind, how far
// it has got: position u64 ‖ vector.
const metaPeer = "peer/"

func (d *device) meta() string                 { return metaPeer + string(d.nk[:]) }
func (d *device) metaIn(n *namespace) string   { return d.meta() + "/" + n.number() }
func (d *device) cursorIn(n *namespace) string { return "cursor/" + n.number() + "/" + string(d.nk[:]) }

// load reads what was known. It is a memory of another device's state: what cannot be read the next session brings again.
func (d *device) load() {
	r := wire.NewReader(d.e.led.Meta(d.meta()))
	name, last := string(r.LV8(255)), r.U64()
	if r.Done() == nil {
		d.name, d.lastHeard = name, last
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

func (d *device) save() {
	if d.unsaved {
		d.unsaved = false
		d.e.led.SetMeta(d.meta(), wire.AppendU64(wire.AppendLV8(nil, []byte(d.name)), d.lastHeard))
	}
	for _, p := range d.progress {
		if p.unsaved {
			p.unsaved = false
			d.e.led.SetMeta(d.metaIn(p.namespace), wire.AppendVector(wire.AppendU64(nil, p.acked), p.have))
		}
	}
}

// forget deletes what was known of the device.
func (d *device) forget() {
	d.e.led.SetMeta(d.meta(), nil)
	for _, n := range d.e.namespaces {
		d.forgetNamespace(n)
	}
}

func (d *device) forgetNamespace(n *namespace) {
	for _, key := range []string{d.metaIn(n), d.cursorIn(n)} {
		if d.e.led.Meta(key) != nil {
			d.e.led.SetMeta(key, nil)
		}
	}
	d.progress = slices.DeleteFunc(d.progress, func(p *progress) bool { return p.namespace == n })
}

func (p *progress) has(v wire.Vector) {
	if p.have.CoversAll(v) {
		return
	}
	p.have = p.have.Join(v)
	p.unsaved = true
}

// reached notes that the device has everything up to a position.
func (p *progress) reached(pos uint64) {
	if pos > p.acked {
		p.acked, p.unsaved = pos, true
	}
}

// startsAnew forgets how far a device had got that lacks now what it once had: it dropped its data, or was put back to an older state.
func (p *progress) startsAnew(v wire.Vector) {
	if !v.CoversAll(p.have) {
		p.have, p.acked, p.unsaved = nil, 0, true
	}
}

func (d *device) member() bool { return d.domain.member(d.ik) }

func (d *device) id() string { return deviceID(d.ik) }

func deviceID(ik [32]byte) string { return base64.RawURLEncoding.EncodeToString(ik[:]) }

// drop ends the device's session and hangs its lines up.
func (d *device) drop() {
	if d.repl != nil {
		d.repl.dead = true
		d.repl = nil
	}
	d.dropLines(func(*line) bool { return false })
}

// revoke shuts a device out, for good, wherever it is listed.
func (e *Engine) revoke(op *Op) {
	do := op.Do.(Revoke)
	d := e.deviceByID(do.Device)
	switch {
	case d == nil || !d.member():
		e.reply(Reply{Op: op.ID, Err: EValue})
		return
	case d.domain.revoke(d.ik) != nil: // an application peer may shut out only those that it let in
		e.reply(Reply{Op: op.ID, Err: EDenied})
		return
	}
	e.tend(true)
	e.statusDirty = true
	e.answer(op)
}

func (dom *domain) revoke(ik [32]byte) error {
	if _, err := dom.roster.SignRevoke(dom.e.self.ik, ik); err != nil {
		return err
	}
	dom.changed(nil)
	return nil
}

// revokeOf shuts out an application's peers.
func (e *Engine) revokeOf(op *Op) {
	n := e.namespaceOf(op.App)
	if n == nil {
		e.reply(Reply{Op: op.ID, Err: EApp})
		return
	}
	if dom := n.peers; dom != nil {
		for _, m := range dom.roster.Members() {
			if m.Kind == roster.Embedded && dom.revoke(m.IK) != nil {
				e.reply(Reply{Op: op.ID, Err: EBusy})
				return
			}
		}
	}
	e.statusDirty = true
	e.answer(op)
}
