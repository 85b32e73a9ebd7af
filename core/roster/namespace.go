package roster

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"slices"

	"github.com/masqdev/masq/core/wire"
)

// NamespaceGenesis is what the entries of a namespace's roster are signed over instead of a GENESIS entry's id.
func NamespaceGenesis(ns [32]byte) ID {
	return sha256.Sum256(append([]byte("masq-ns/1"), ns[:]...))
}

// OpenNamespace begins the empty roster of a namespace's application peers. roots are trusted as full devices: all of the own
// circle's, or, in an application peer, the one that let it in.
func OpenNamespace(ns [32]byte, roots ...[32]byte) *Roster {
	return openNamespace(NamespaceGenesis(ns), roots)
}

func openNamespace(genesis ID, roots [][32]byte) *Roster {
	r := &Roster{namespace: true, genesis: genesis, index: make(map[ID]int), devices: make(map[[32]byte]int)}
	r.Trust(roots...)
	return r
}

// Trust makes devices full ones of a namespace's roster, without an entry; for good. Of a circle's roster it does nothing.
func (r *Roster) Trust(iks ...[32]byte) {
	had := len(r.roots)
	for _, ik := range iks {
		if r.namespace && !r.isRoot(ik) {
			r.roots = append(r.roots, ik)
		}
	}
	if len(r.roots) > had {
		r.reweigh(nil)
		r.settle(len(r.entries))
	}
}

// Roots are the identities that this roster trusts without an entry.
func (r *Roster) Roots() [][32]byte { return slices.Clone(r.roots) }

func (r *Roster) isRoot(ik [32]byte) bool {
	for i := range r.roots {
		if r.roots[i] == ik {
			return true
		}
	}
	return false
}

// reweigh works out again which entries count by their own past. Of those that a roster with the same roots has weighed, that is known: it is a
// matter of the entry and the roots.
func (r *Roster) reweigh(was *Roster) {
	for i := range r.entries {
		e := &r.entries[i]
		if j := was.weighed(e.id); j >= 0 {
			e.idle = was.entries[j].idle
		} else {
			r.weigh(e)
		}
		e.line = r.lineOf(e)
	}
	r.now = nil
}

// weighed is the place of an entry, -1 if it is not here. What alone made shares its index with a roster that has more by now.
func (r *Roster) weighed(id ID) int {
	if r == nil {
		return -1
	}
	if i, ok := r.index[id]; ok && i < len(r.entries) {
		return i
	}
	return -1
}

// SignFull introduces a full device of the circle, m.IK with m.NK, to a namespace's application peers. The device of ik must be a full
// one. The new entry is taken, and answered for the other devices. If whoever trusts this device alone counts m already,
// nothing is signed, and the entry that says so is answered.
func (r *Roster) SignFull(ik ed25519.PrivateKey, m Member) ([]byte, error) {
	if !r.namespace {
		return nil, ErrEntry
	}
	if had, ok := r.alone(public(ik)).Member(m.IK); ok && had.Kind == Store && had.NK == m.NK {
		return bytes.Clone(r.entries[r.index[had.Entry]].raw), nil
	}
	body := append(append(appendPrev(nil, r.prevOf(typeFull, public(ik))), m.IK[:]...), m.NK[:]...)
	return r.signed(ik, typeFull, body)
}

// HasFor reports whether a device is a member for whoever trusts another one alone, as the application peers do that it let in.
func (r *Roster) HasFor(trusted, ik [32]byte) bool { return r.alone(trusted).Has(ik) }

// alone is the roster as whoever trusts one device alone has it. It is kept until the roster changes.
func (r *Roster) alone(ik [32]byte) *Roster {
	was := r.seen.roster
	if r.seen.by != ik {
		was = nil
	}
	if now := r.current(); was == nil || r.seen.at != now {
		r.seen.roster = nil // else each would hold the one before
		alone := *r
		alone.entries, alone.roots = slices.Clone(r.entries), [][32]byte{ik}
		alone.reweigh(was)
		r.seen.by, r.seen.at, r.seen.roster = ik, now, &alone
	}
	return r.seen.roster
}

// The formats of Encode's bytes, as there are of a circle's.
const (
	formatNamespace      = 2
	formatNamespaceLarge = 4
)

// encodeNamespace writes format u8 ‖ genesis id(32) ‖ k u16 ‖ root ik(32)*k.
func (r *Roster) encodeNamespace() []byte {
	b := append([]byte{formatNamespace}, r.genesis[:]...)
	b = wire.AppendU16(b, uint16(len(r.roots)))
	for _, ik := range r.roots {
		b = append(b, ik[:]...)
	}
	return b
}

// LoadNamespace is Load for what Encode wrote of a namespace's roster.
func LoadNamespace(b []byte) (*Roster, error) {
	in := wire.NewReader(b)
	f := in.U8()
	if f != formatNamespace && f != formatNamespaceLarge && in.Err() == nil {
		return nil, ErrVersion
	}
	var genesis ID
	copy(genesis[:], in.Bytes(32))
	r := openNamespace(genesis, nil)
	k := int(in.U16())
	for range k {
		ik := in.Bytes(32)
		if ik == nil {
			return nil, ErrEntry
		}
		r.Trust([32]byte(ik))
	}
	if len(r.roots) != k {
		return nil, ErrEntry
	}
	return r.load(&in, 0, f == formatNamespaceLarge)
}
