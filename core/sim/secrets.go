package sim

import (
	"bytes"
	"crypto/ecdh"
	"crypto/ed25519"
	"crypto/hkdf"
	"crypto/sha256"
	"errors"
	"slices"

	"github.com/masqdev/masq/core/ledger"
	"github.com/masqdev/masq/core/roster"
	"github.com/masqdev/masq/core/vault"
	"github.com/masqdev/masq/core/wire"
)

// secrets are the keys and rosters that a device has. Whoever has its disk and its store key has them, and needs no engine.
type secrets struct {
	ik      ed25519.PrivateKey
	nk      *ecdh.PrivateKey
	domains []*trust
}

// trust is a domain that the device is in: its circle, or a namespace's.
type trust struct {
	secret     [32]byte
	roster     *roster.Roster
	namespaces []*claim
	peersOf    bool // a full device's domain of a namespace's application peers: it meets the full devices in the circle
	circle     bool
}

// claim is a namespace that the device may speak about.
type claim struct {
	ns     [32]byte
	number uint16 // the device's own for it
	app    string
}

// secrets reads what is on the disk.
func (d *device) secrets() (*secrets, error) {
	meta, err := d.settings()
	if err != nil {
		return nil, err
	}
	r := wire.NewReader(meta.Meta("self"))
	s := &secrets{ik: bytes.Clone(r.Bytes(ed25519.PrivateKeySize))}
	if s.nk, err = ecdh.X25519().NewPrivateKey(r.Bytes(32)); err != nil {
		return nil, err
	}
	if guest := meta.Meta("guest"); len(guest) == 64 && d.app != "" {
		return s, s.readGuest(meta, [32]byte(guest[:32]), [32]byte(guest[32:]))
	}
	return s, s.readCircle(meta)
}

// settings opens the ledger.
func (d *device) settings() (*ledger.Ledger, error) {
	ids, err := d.disk.List()
	if err != nil {
		return nil, err
	}
	l := ledger.New(vault.New(d.key, zeros{}), ids, ledger.Options{})
	for {
		err := l.Open()
		if !errors.Is(err, ledger.ErrWait) {
			return l, err
		}
		blocks, err := d.disk.Load(l.Wanted())
		if err == nil {
			err = l.Loaded(blocks)
		}
		if err != nil {
			return nil, err
		}
	}
}

// readGuest reads an application peer's one domain.
func (s *secrets) readGuest(meta *ledger.Ledger, ns, secret [32]byte) error {
	for _, key := range meta.MetaKeys("peers/") {
		list, err := roster.LoadNamespace(meta.Meta(key))
		if err != nil {
			return err
		}
		s.domains = append(s.domains, &trust{secret: secret, roster: list, namespaces: []*claim{{ns, 1, notes}}})
	}
	return nil
}

// readCircle reads a full device's circle, and the domains of the application peers in it.
func (s *secrets) readCircle(meta *ledger.Ledger) error {
	saved := meta.Meta("circle")
	if len(saved) < 32 {
		return nil // in no circle
	}
	list, err := roster.Load(meta.Meta("roster"))
	if err != nil {
		return err
	}
	c := &trust{secret: [32]byte(saved[:32]), roster: list, circle: true}
	for i, app := range []string{notes, aside} {
		c.namespaces = append(c.namespaces, &claim{c.derive("masq/1 ns" + app), uint16(i + 1), app})
	}
	s.domains = append(s.domains, c)
	for _, key := range meta.MetaKeys("peers/") {
		list, err := roster.LoadNamespace(meta.Meta(key))
		if err != nil {
			return err
		}
		for _, n := range c.namespaces {
			if roster.NamespaceGenesis(n.ns) == list.ID() {
				peers := &trust{secret: c.derive("masq/1 ns-secret" + n.app), roster: list, namespaces: []*claim{n}, peersOf: true}
				s.domains = append(s.domains, peers)
			}
		}
	}
	return nil
}

func (t *trust) derive(info string) [32]byte {
	key, err := hkdf.Key(sha256.New, t.secret[:], nil, info, 32)
	if err != nil {
		panic(err) // of 32 bytes it cannot fail
	}
	return [32]byte(key)
}

// The types of roster entry; core/PROTOCOL.md, section 8.
const (
	entryAdd    = 2
	entryRelays = 3
	entryRevoke = 4
	entryFull   = 5
	entryBlank  = 6
)

// entry signs a roster entry of any type and content, which stands behind prev.
func (t *trust) entry(ik ed25519.PrivateKey, typ uint8, prev [][32]byte, content []byte) []byte {
	prev = slices.Clone(prev[:min(len(prev), 16)])
	slices.SortFunc(prev, func(a, b [32]byte) int { return bytes.Compare(a[:], b[:]) })
	body := []byte{byte(len(prev))}
	for _, id := range prev {
		body = append(body, id[:]...)
	}
	raw := wire.AppendLV([]byte{typ}, append(body, content...))
	genesis := t.roster.ID()
	sig := ed25519.Sign(ik, append(append([]byte("masq-roster/1"), genesis[:]...), raw...))
	return append(append(raw, public(ik)...), sig...)
}

func public(ik ed25519.PrivateKey) []byte { return ik.Public().(ed25519.PublicKey) }
