// Package roster is the signed list of a circle's devices.
//
// A roster is a set of entries, each of which names by hash the entries that its signer knew. New makes one for a new
// circle, Open begins one from somebody's genesis entry, and Load takes one from storage. Add takes entries from anywhere:
// whatever the order in which a roster got its entries, the same set says the same. Two devices send each other their
// Heads, and the entries that Behind names. core/PROTOCOL.md, "The roster", is the specification.
//
// A Roster is for one goroutine. It never forgets an entry.
package roster

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"slices"
	"sort"

	"github.com/masqdev/masq/core/wire"
)

// What Add, Open, Load and the Sign functions answer.
var (
	ErrEntry   = errors.New("roster: entry malformed, or not signed by a member")
	ErrMissing = errors.New("roster: an entry that this one refers to is not here")
	ErrCircle  = errors.New("roster: entry of another circle")
	ErrVersion = errors.New("roster: entry of a newer version: update Masq")
	ErrFull    = errors.New("roster: no room for another entry")
)

// A Roster is the list of one circle. Its zero value is of no use: see New, Open and Load.
type Roster struct {
	entries []entry // each behind all that it refers to; the first is GENESIS
	index   map[ID]int
	covered set // every entry that another one stands behind
	members []Member
	relays  int // the entry of the RELAYS that hold, 0 if there is none
}

// set is a set of places in Roster.entries.
type set [wire.MaxRoster / 64]uint64

func (s *set) add(i int)     { s[i/64] |= 1 << (i % 64) }
func (s set) has(i int) bool { return s[i/64]&(1<<(i%64)) != 0 }
func (s *set) join(o set) {
	for i := range s {
		s[i] |= o[i]
	}
}

// New makes the roster of a new circle whose only device is self, with a GENESIS entry and, if there are relays (at most
// 8, each as ValidRelay has it), a RELAYS entry. root is the public key that a recovery phrase spells.
func New(ik ed25519.PrivateKey, root [32]byte, self Member, relays []string) (*Roster, error) {
	if !bytes.Equal(self.IK[:], ik.Public().(ed25519.PublicKey)) || !ValidName(self.Name) {
		return nil, ErrEntry
	}
	r, err := Open(sign(ik, ID{}, typeGenesis, appendMember(root[:], &self)))
	if err != nil || len(relays) == 0 {
		return r, err
	}
	_, err = r.SignRelays(ik, relays)
	return r, err
}

// Open begins a roster from a GENESIS entry alone.
func Open(genesis []byte) (*Roster, error) {
	e, err := parse(bytes.Clone(genesis))
	switch {
	case err != nil:
		return nil, err
	case e.typ != typeGenesis || e.signer != e.member.IK || !e.verified(ID{}):
		return nil, ErrEntry
	}
	r := &Roster{index: make(map[ID]int)}
	r.take(e)
	return r, nil
}

// ID is the id of the circle: that of its GENESIS entry.
func (r *Roster) ID() ID { return r.entries[0].id }

// Genesis is the GENESIS entry.
func (r *Roster) Genesis() []byte { return bytes.Clone(r.entries[0].raw) }

// Root is the public key of the circle's recovery phrase.
func (r *Roster) Root() [32]byte { return r.entries[0].root }

// Len is how many entries there are, at most wire.MaxRoster.
func (r *Roster) Len() int { return len(r.entries) }

// Add takes an entry, which it checks and copies. One that is here already is no error. One that refers to an entry that is
// not here is refused with ErrMissing and not kept: entries are sent in the order of Behind. The others are ErrVersion
// (stop and update), ErrCircle, ErrFull, and ErrEntry for all that is wrong in itself.
//
// An entry's signer must be a member by an entry that it stands behind, and an ADD must not stand behind another one of
// the same ik or nk. So whether an entry counts depends on it alone, and never on what came first.
func (r *Roster) Add(raw []byte) error {
	e, err := parse(raw)
	if err != nil {
		return err
	}
	if _, ok := r.index[e.id]; ok {
		return nil
	}
	switch {
	case e.typ == typeGenesis:
		return ErrCircle
	case !e.known():
		if _, ok := r.Member(e.signer); ok && e.verified(r.ID()) {
			return ErrVersion
		}
		return ErrEntry
	case len(r.entries) >= wire.MaxRoster:
		return ErrFull
	}
	for _, id := range e.prev {
		i, ok := r.index[id]
		if !ok {
			return ErrMissing
		}
		e.past.join(r.entries[i].past)
		e.past.add(i)
	}
	if !r.counts(&e) || !e.verified(r.ID()) {
		return ErrEntry
	}
	e.raw, e.acceptance = bytes.Clone(raw), nil
	r.take(e)
	return nil
}

// counts checks all but the signature of an entry whose past is known.
func (r *Roster) counts(e *entry) bool {
	signer := false
	for i := range r.entries {
		o := &r.entries[i]
		if !e.past.has(i) || o.typ == typeRelays {
			continue
		}
		signer = signer || o.member.IK == e.signer
		if e.typ == typeAdd && (o.member.IK == e.member.IK || o.member.NK == e.member.NK) {
			return false
		}
	}
	return signer && (e.typ != typeAdd || Accepted(r.ID(), e.member, e.acceptance))
}

func (r *Roster) take(e entry) {
	i := len(r.entries)
	r.index[e.id] = i
	r.covered.join(e.past)
	r.entries = append(r.entries, e)
	if e.typ != typeRelays {
		r.members = r.count()
		return
	}
	if top := &r.entries[r.relays]; r.relays == 0 || e.version > top.version ||
		e.version == top.version && bytes.Compare(e.id[:], top.id[:]) > 0 {
		r.relays = i
	}
}

// count lists the members: GENESIS' first, then by the id of their ADD. Where two ADDs that did not know of each other
// name the same ik or nk, only the one with the smaller id counts, so that all devices choose the same.
func (r *Roster) count() []Member {
	var out []Member
	for i := range r.entries {
		if e := &r.entries[i]; e.typ == typeGenesis || e.typ == typeAdd {
			out = append(out, e.member)
		}
	}
	added := out[1:]
	sort.Slice(added, func(i, j int) bool { return bytes.Compare(added[i].Entry[:], added[j].Entry[:]) < 0 })
	kept := out[:0]
	for _, m := range out {
		if !slices.ContainsFunc(kept, func(k Member) bool { return k.IK == m.IK || k.NK == m.NK }) {
			kept = append(kept, m)
		}
	}
	return kept
}

// Members lists the circle's devices, the same way on each of them.
func (r *Roster) Members() []Member { return slices.Clone(r.members) }

// Member finds a device by its identity.
func (r *Roster) Member(ik [32]byte) (Member, bool) {
	i := slices.IndexFunc(r.members, func(m Member) bool { return m.IK == ik })
	if i < 0 {
		return Member{}, false
	}
	return r.members[i], true
}

// Relays answers the Sync Servers' URLs that hold: those of the RELAYS entry with the highest (version, id). None: nil.
func (r *Roster) Relays() []string {
	if r.relays == 0 {
		return nil
	}
	return slices.Clone(r.entries[r.relays].relays)
}

// sortIDs is sort.Slice, here and elsewhere in the engine, because each type that slices.Sort is used with weighs 5 kB in a browser.
func sortIDs(ids []ID) {
	sort.Slice(ids, func(i, j int) bool { return bytes.Compare(ids[i][:], ids[j][:]) < 0 })
}

// Heads are the ids of the entries that no other stands behind, ascending: they say what a roster has.
func (r *Roster) Heads() []ID {
	var out []ID
	for i := range r.entries {
		if !r.covered.has(i) {
			out = append(out, r.entries[i].id)
		}
	}
	sortIDs(out)
	return out
}

// Behind answers the entries that a roster with these heads lacks, in an order in which it can Add them: those that are
// not among or behind the heads; all of them if none of the heads is known. The entries must not be changed.
func (r *Roster) Behind(heads []ID) [][]byte {
	var has set
	for _, id := range heads {
		if i, ok := r.index[id]; ok {
			has.join(r.entries[i].past)
			has.add(i)
		}
	}
	var out [][]byte
	for i := range r.entries {
		if !has.has(i) {
			out = append(out, r.entries[i].raw)
		}
	}
	return out
}

// SignAdd makes m a member. The device of ik must be one, and acceptance be what m signed (Accept). The new entry is
// taken, and answered for the other devices.
func (r *Roster) SignAdd(ik ed25519.PrivateKey, m Member, acceptance [64]byte) ([]byte, error) {
	if !ValidName(m.Name) {
		return nil, ErrEntry
	}
	body := appendMember(appendPrev(nil, r.prevOf(ik)), &m)
	return r.signed(ik, typeAdd, append(body, acceptance[:]...))
}

// SignRelays makes urls, at most 8, the Sync Servers of the circle. The device of ik must be a member. The new entry is
// taken, and answered for the other devices.
func (r *Roster) SignRelays(ik ed25519.PrivateKey, urls []string) ([]byte, error) {
	version := uint32(1)
	if r.relays != 0 {
		version = r.entries[r.relays].version + 1
	}
	switch {
	case version == 0:
		return nil, ErrFull
	case len(urls) > maxRelays || slices.ContainsFunc(urls, func(u string) bool { return !ValidRelay(u) }):
		return nil, ErrEntry
	}
	body := wire.AppendU32(appendPrev(nil, r.prevOf(ik)), version)
	body = append(body, byte(len(urls)))
	for _, u := range urls {
		body = wire.AppendLV(body, []byte(u))
	}
	return r.signed(ik, typeRelays, body)
}

func (r *Roster) signed(ik ed25519.PrivateKey, typ uint8, body []byte) ([]byte, error) {
	raw := sign(ik, r.ID(), typ, body)
	return raw, r.Add(raw)
}

// prevOf picks the heads that a new entry of ik refers to. With more than fit, one that stands behind the signer's own
// membership is among them, without which the entry would not count.
func (r *Roster) prevOf(ik ed25519.PrivateKey) []ID {
	heads := r.Heads()
	if len(heads) <= maxPrev {
		return heads
	}
	self, _ := r.Member([32]byte(ik.Public().(ed25519.PublicKey)))
	for i, id := range heads {
		at, own := r.index[id], r.index[self.Entry]
		if at == own || r.entries[at].past.has(own) {
			heads[0], heads[i] = heads[i], heads[0]
			break
		}
	}
	heads = heads[:maxPrev]
	sortIDs(heads)
	return heads
}

const format = 1 // of Encode's bytes

// Encode writes the roster for storage: format u8 ‖ n u16 ‖ lv(entry)*n, in an order in which they can be added.
func (r *Roster) Encode() []byte {
	b := wire.AppendU16([]byte{format}, uint16(len(r.entries)))
	for i := range r.entries {
		b = wire.AppendLV(b, r.entries[i].raw)
	}
	return b
}

// Load reads what Encode wrote, and checks all of it again. It answers ErrVersion for what a newer Masq wrote.
func Load(b []byte) (*Roster, error) {
	in := wire.NewReader(b)
	if in.U8() != format && in.Err() == nil {
		return nil, ErrVersion
	}
	n := int(in.U16())
	r, err := Open(in.LV(wire.MaxRosterEntry))
	if err != nil {
		return nil, err
	}
	for i := 1; i < n; i++ {
		if err := r.Add(in.LV(wire.MaxRosterEntry)); err != nil {
			return nil, err
		}
	}
	if in.Done() != nil || len(r.entries) != n {
		return nil, ErrEntry
	}
	return r, nil
}
