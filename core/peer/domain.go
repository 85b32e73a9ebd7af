package peer

import (
	"bytes"
	"crypto/ed25519"
	"crypto/hkdf"
	"crypto/sha256"
	"errors"

	"github.com/masqdev/masq/core/ledger"
	"github.com/masqdev/masq/core/roster"
	"github.com/masqdev/masq/core/wire"
)

// domain is a trust domain: the devices that go by one roster, and have one secret to find each other by. It is the circle, whose devices have every namespace, or
// a namespace's application peers with the full devices. A local store is in its circle, and in a domain for each namespace that has
// application peers; an application peer is in one domain and no circle.
type domain struct {
	e         *Engine
	namespace *namespace // nil: the circle
	secret    [32]byte
	root      []byte   // the entropy behind the recovery key, on the device that founded the circle; else empty
	ns        [32]byte // in an application peer: the namespace's name, which it cannot compute
	roster    *roster.Roster
	told      [][32]byte // the roster's heads when the sessions that stand were last told what is new
}

// The names of the settings that the ledger keeps for domains.
const (
	metaCircle  = "circle"
	metaRoster  = "roster"
	metaGuest   = "guest"  // in an application peer: ns(32) ‖ secret(32)
	metaPeers   = "peers/" // and the namespace's number: its roster
	metaRevoked = "revoked/"
)

// noticeFor is how long a device that is out is still met, to be told so, in ms.
const noticeFor = 30 * 24 * 3600_000

// home is the domain that this device belongs to: its circle, or, in an application peer, its namespace's. Nil: it is by itself.
func (e *Engine) home() *domain {
	if e.circle != nil || e.isStore() || len(e.namespaces) == 0 {
		return e.circle
	}
	return e.namespaces[0].peers
}

func (e *Engine) isStore() bool { return e.cfg.App == "" }

func (e *Engine) kind() uint8 {
	if e.isStore() {
		return roster.Store
	}
	return roster.Embedded
}

// out reports whether this device was shut out of the domain.
func (dom *domain) out() bool { return dom.roster.Revoked(dom.e.publicIK()) }

// in reports whether this device is a member; else it was granted the domain and not added yet, or it is out.
func (dom *domain) in() bool { return dom.member(dom.e.publicIK()) }

func (dom *domain) member(ik [32]byte) bool {
	_, ok := dom.roster.Member(ik)
	return ok
}

// foundCircle makes this device the first of a circle, if it is in none.
func (e *Engine) foundCircle() error {
	if e.home() != nil {
		return nil
	}
	c := &domain{e: e, root: make([]byte, 16)}
	e.random(c.secret[:])
	e.random(c.root)
	seed, err := hkdf.Key(sha256.New, c.root, nil, "masq/1 root", 32)
	if err != nil {
		return err
	}
	root := ed25519.NewKeyFromSeed(seed).Public().(ed25519.PublicKey)
	clear(seed)
	me := roster.Member{IK: e.publicIK(), NK: e.publicNK(), Kind: e.kind(), Name: e.self.name}
	c.roster, err = roster.New(e.self.ik, [32]byte(root), me, e.cfg.Sync)
	if err != nil {
		return err
	}
	e.circle = c
	c.save()
	return nil
}

// save writes down the domain whole.
func (dom *domain) save() {
	switch {
	case dom.namespace == nil:
		dom.e.led.SetMeta(metaCircle, wire.AppendLV8(bytes.Clone(dom.secret[:]), dom.root))
	case dom.guest():
		dom.e.led.SetMeta(metaGuest, append(bytes.Clone(dom.ns[:]), dom.secret[:]...))
	}
	dom.saveRoster()
}

// guest reports whether this device is in the domain as an application peer.
func (dom *domain) guest() bool { return dom.ns != [32]byte{} }

// saveRoster is strict: what others have been told of the domain must not be forgotten here.
func (dom *domain) saveRoster() {
	name := metaRoster
	if dom.namespace != nil {
		name = metaPeers + dom.namespace.number()
	}
	dom.e.led.SetMeta(name, dom.roster.Encode())
	dom.e.strictly()
}

func (e *Engine) loadCircle() error {
	saved := e.led.Meta(metaCircle)
	if len(saved) == 0 {
		return nil
	}
	r := wire.NewReader(saved)
	c := &domain{e: e}
	copy(c.secret[:], r.Bytes(32))
	c.root = bytes.Clone(r.LV8(255))
	if r.Done() != nil {
		return errDamagedSelf
	}
	var err error
	c.roster, err = roster.Load(e.led.Meta(metaRoster))
	if err != nil {
		return rosterDamage(err)
	}
	e.circle = c
	return nil
}

// loadPeers reads the domain of a namespace's application peers, if it has any.
func (n *namespace) loadPeers() error {
	saved := n.e.led.Meta(metaPeers + n.number())
	if len(saved) == 0 {
		return nil
	}
	dom := &domain{e: n.e, namespace: n}
	var err error
	if dom.roster, err = roster.LoadNamespace(saved); err != nil {
		return rosterDamage(err)
	}
	if guest := n.e.led.Meta(metaGuest); len(guest) == 64 && n.e.circle == nil {
		dom.ns, dom.secret = [32]byte(guest[:32]), [32]byte(guest[32:])
	} else if n.e.circle != nil {
		dom.secret = n.e.circle.derive("masq/1 ns-secret" + n.app)
	} else {
		return errDamagedSelf
	}
	n.peers = dom
	return nil
}

func rosterDamage(err error) error {
	if errors.Is(err, roster.ErrVersion) {
		return ledger.ErrVersion
	}
	return errDamagedSelf
}

// derive makes something of the circle's secret that only its members can compute.
func (dom *domain) derive(info string) [32]byte {
	out, err := hkdf.Key(sha256.New, dom.secret[:], nil, info, 32)
	if err != nil {
		panic("peer: hkdf of 32 bytes cannot fail")
	}
	return [32]byte(out)
}

// ns is the namespace's name among devices that may know it; zero while this device is by itself.
func (n *namespace) ns() [32]byte {
	switch c := n.e.circle; {
	case c != nil:
		if n.namedBy != c {
			n.namedBy, n.named = c, c.derive("masq/1 ns"+n.app)
		}
		return n.named
	case n.peers != nil:
		return n.peers.ns
	}
	return [32]byte{}
}

// haveDomain makes the domain of the namespace's application peers, if it has none. This device must be in a circle.
func (n *namespace) haveDomain() *domain {
	if n.peers != nil {
		return n.peers
	}
	dom := &domain{e: n.e, namespace: n, secret: n.e.circle.derive("masq/1 ns-secret" + n.app)}
	dom.roster = roster.OpenNamespace(n.ns(), n.e.publicIK())
	for _, m := range n.e.circle.roster.Members() {
		dom.roster.Trust(m.IK)
	}
	n.peers = dom
	return dom
}

// tend keeps the rosters of the namespaces' application peers up to the circle's. Every full device that is in has a FULL, for those too
// who trust this device alone, because it let them in: so each device sees to that, and signs nothing where it holds already. Who is out has a
// REVOKE: by the device that shut it out and, because two changes may not have known of each other, by the one with the smallest ik.
func (e *Engine) tend(changed bool) {
	c := e.circle
	if c == nil || !c.in() {
		return
	}
	for _, n := range e.namespaces {
		if n.peers != nil {
			n.peers.tend(changed)
		}
	}
}

func (dom *domain) tend(changed bool) {
	ik, before := dom.e.self.ik, dom.roster.Len()
	for _, m := range dom.e.circle.roster.Members() {
		dom.roster.Trust(m.IK)
		_, _ = dom.roster.SignFull(ik, m) // it fails when the roster is full: then new devices do not meet the old peers
	}
	for _, m := range dom.e.circle.roster.RevokedMembers() {
		if dom.member(m.IK) && (changed || dom.smallest()) {
			_, _ = dom.roster.SignRevoke(ik, m.IK)
		}
	}
	if dom.roster.Len() != before {
		dom.changed(nil)
	}
}

// smallest reports whether no full device that is in has a smaller ik.
func (dom *domain) smallest() bool {
	me := dom.e.publicIK()
	for _, m := range dom.e.circle.roster.Members() {
		if dom.member(m.IK) && bytes.Compare(m.IK[:], me[:]) < 0 {
			return false
		}
	}
	return true
}

// changed saves the roster, goes by it, and sends the news to every session that wants it once it is durable. from has brought it.
func (dom *domain) changed(from *replication) {
	e := dom.e
	dom.saveRoster()
	e.refreshDevices(dom)
	e.after(func() {
		news := dom.roster.Behind(dom.told)
		dom.told = dom.roster.Heads()
		if len(news) == 0 {
			return
		}
		for _, d := range e.devices {
			r := d.repl
			switch {
			case r == nil || r == from || !d.member():
			case d.domain == dom && r.sentDone:
				r.send(wire.AppendRosterEntries(nil, news))
			case dom.namespace != nil && d.domain == e.circle && r.lists(dom.namespace):
				r.send(wire.AppendNamespaceEntries(nil, &wire.NamespaceRoster{Number: dom.namespace.num, Entries: news}))
			}
		}
	})
	if dom.out() {
		e.shutOut()
	}
}

// shutOut stops syncing because this device is no longer one of its circle.
func (e *Engine) shutOut() {
	e.syncErr, e.statusDirty = ERevoked, true
	for _, d := range e.devices {
		d.drop()
	}
}

// relay is the Sync Server that this device meets others at; "" if there is none.
func (e *Engine) relay() string {
	if urls := e.relays(); len(urls) > 0 {
		return urls[0]
	}
	return ""
}

func (e *Engine) relays() []string {
	if dom := e.home(); dom != nil {
		if agreed := dom.relays(); len(agreed) > 0 {
			return agreed
		}
	}
	return e.cfg.Sync
}

// relays are those that the domain has agreed on. An application peer has been told its stores' in pairing.
func (dom *domain) relays() []string {
	if !dom.guest() {
		return dom.roster.Relays()
	}
	var out []string
	r := wire.NewReader(dom.e.led.Meta(metaGuestRelays))
	for r.Len() > 0 {
		out = append(out, string(r.LV(roster.MaxRelayURL)))
	}
	return out
}

const metaGuestRelays = "guest/relays"

func (e *Engine) saveGuestRelays(urls []string) {
	var b []byte
	for _, u := range urls {
		b = wire.AppendLV(b, []byte(u))
	}
	e.led.SetMeta(metaGuestRelays, b)
}

// setRelays changes the Sync Servers that the circle meets at.
func (e *Engine) setRelays(op *Op) {
	do := op.Do.(SetRelays)
	if err := e.foundCircle(); err != nil {
		e.reply(Reply{Op: op.ID, Err: ESync})
		return
	}
	for _, u := range do.URLs {
		if !roster.SafeRelay(u) {
			e.reply(Reply{Op: op.ID, Err: ESync})
			return
		}
	}
	if _, err := e.circle.roster.SignRelays(e.self.ik, do.URLs); err != nil {
		e.reply(Reply{Op: op.ID, Err: EValue})
		return
	}
	e.circle.changed(nil)
	e.statusDirty = true
	e.answer(op)
}

// leave forgets the domain that this device is in, and every device, so that it can found or join another one.
func (e *Engine) leave() {
	for _, d := range e.devices {
		d.drop()
		d.forget()
	}
	e.devices = nil
	for _, name := range []string{metaCircle, metaRoster, metaGuest, metaGuestRelays, metaPending} {
		e.led.SetMeta(name, nil)
	}
	for _, n := range e.namespaces {
		e.led.SetMeta(metaPeers+n.number(), nil)
		n.peers = nil
	}
	e.circle, e.syncErr, e.statusDirty = nil, OK, true
}

// renewSelf takes new keys, because the old ones are out for good.
func (e *Engine) renewSelf() {
	name := e.self.name
	e.newSelf()
	e.self.name = name
	e.saveName()
}
