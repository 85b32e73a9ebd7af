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

// The names of the settings that the ledger keeps for domains.
const (
	metaCircle  = "circle"
	metaRoster  = "roster"
	metaGuest   = "guest"  // in an application peer: ns(32) ‖ secret(32)
	metaPeers   = "peers/" // and the namespace's number: its roster
	metaRevoked = "revoked/"
)

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

// saveRoster has the roster written with the next commit. That is strict: what others have been told of the domain must not be forgotten here.
func (dom *domain) saveRoster() {
	dom.unsaved, dom.e.unsavedRosters = true, true
	dom.e.strictly()
}

// saveRosters writes the rosters that have changed. It is done when a commit begins: a roster is written whole, and may have changed often
// since the last one.
func (e *Engine) saveRosters() {
	if !e.unsavedRosters {
		return
	}
	e.unsavedRosters = false
	for _, dom := range e.domains() {
		if !dom.unsaved {
			continue
		}
		name := metaRoster
		if dom.namespace != nil {
			name = metaPeers + dom.namespace.number()
		}
		dom.unsaved = false
		e.led.SetMeta(name, dom.roster.Encode())
	}
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
	n.peers = dom
	return dom
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
