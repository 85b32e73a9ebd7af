// Package roster is the signed list of a circle's devices, and of a namespace's application peers.
//
// A roster is a set of entries, each of which names by hash the entries that its signer knew. New makes one for a new
// circle, Open begins one from somebody's genesis entry, and Load takes one from storage. Add takes entries from anywhere:
// whatever the order in which a roster got its entries, the same set says the same. Two devices send each other their
// Heads, and the entries that Behind names. A device that SignRevoke has put out stays out; it is shown what Notice names.
//
// OpenNamespace and LoadNamespace are Open and Load for the roster of a namespace, which begins empty and goes by whom a device trusts:
// its Roots. There SignFull introduces the circle's devices, and SignAdd lets application peers in.
//
// core/PROTOCOL.md, "The roster", is the specification. A Roster is for one goroutine. It never forgets an entry.
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

// A Roster is the list of one circle, or of one namespace's application peers. Its zero value is of no use: see New, Open, Load,
// OpenNamespace and LoadNamespace.
type Roster struct {
	namespace bool       // a namespace's
	genesis   ID         // of a circle: the id of the first entry
	roots     [][32]byte // a namespace's: who is full without an entry
	entries   []entry    // each behind all that it refers to; a circle's first is GENESIS
	index     map[ID]int
	all       set      // every entry
	covered   set      // every entry that another one stands behind
	now       *outcome // nil: to be worked out
	resolved  uint64   // see Resolved
}

// set is a set of places in Roster.entries.
type set [wire.MaxRoster / 64]uint64

func (s *set) add(i int)      { s[i/64] |= 1 << (i % 64) }
func (s *set) drop(i int)     { s[i/64] &^= 1 << (i % 64) }
func (s *set) has(i int) bool { return s[i/64]&(1<<(i%64)) != 0 }
func (s *set) meet(o set) {
	for i := range s {
		s[i] &= o[i]
	}
}
func (s *set) join(o set) {
	for i := range s {
		s[i] |= o[i]
	}
}

// New makes the roster of a new circle whose only device is self, with a GENESIS entry and, if there are relays (at most
// 8, each as ValidRelay has it), a RELAYS entry. root is the public key that a recovery phrase spells.
func New(ik ed25519.PrivateKey, root [32]byte, self Member, relays []string) (*Roster, error) {
	if self.IK != public(ik) || !ValidName(self.Name) {
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
func Open(genesis []byte) (*Roster, error) { return begin(genesis, false) }

func begin(genesis []byte, verified bool) (*Roster, error) {
	e, err := parse(bytes.Clone(genesis))
	switch {
	case err != nil:
		return nil, err
	case e.typ != typeGenesis || e.signer != e.member.IK || !verified && !e.verified(ID{}):
		return nil, ErrEntry
	}
	r := &Roster{genesis: e.id, index: make(map[ID]int)}
	r.take(e)
	return r, nil
}

// ID is the id of the circle: that of its GENESIS entry. Of a namespace's roster it is NamespaceGenesis.
func (r *Roster) ID() ID { return r.genesis }

// Genesis is the GENESIS entry; nil in a namespace's roster.
func (r *Roster) Genesis() []byte {
	if r.namespace {
		return nil
	}
	return bytes.Clone(r.entries[0].raw)
}

// Root is the public key of the circle's recovery phrase.
func (r *Roster) Root() (root [32]byte) {
	if !r.namespace {
		root = r.entries[0].root
	}
	return root
}

// Len is how many entries there are, at most wire.MaxRoster.
func (r *Roster) Len() int { return len(r.entries) }

// Resolved counts the entries that verdicts were worked out on, each as often as that was done. It only grows.
func (r *Roster) Resolved() uint64 { return r.resolved }

// Add takes an entry, which it checks and copies. One that is here already is no error. One that refers to an entry that is
// not here is refused with ErrMissing and not kept: entries are sent in the order of Behind. The others are ErrVersion
// (stop and update), ErrCircle, ErrFull, and ErrEntry for all that is wrong in itself.
//
// An entry's signer must be a member by what the entry stands behind, and an ADD must not stand behind another one of the same
// ik or nk. So whether an entry is taken depends on it alone, and never on what came first. A namespace's roster takes whatever is
// well formed: who counts there depends on whom it trusts. What is taken counts unless a REVOKE strikes it.
func (r *Roster) Add(raw []byte) error { return r.add(raw, !r.namespace, false) }

// add is Add. If strict, an entry that does not count by its own past is refused; if verified, its signatures are known to hold.
func (r *Roster) add(raw []byte, strict, verified bool) error {
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
		if _, ok := r.Member(e.signer); (ok || r.isRoot(e.signer)) && e.verified(r.ID()) {
			return ErrVersion
		}
		return ErrEntry
	case !r.fits(&e):
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
	for i := range r.entries {
		if o := &r.entries[i]; e.past.has(i) && o.introduces() && o.member.IK == e.signer {
			e.by = append(e.by, i)
		}
	}
	v := r.verdictOn(e.past)
	e.idle, e.line = !r.rightful(&e, &v), r.lineOf(&e)
	if strict && (e.idle || !r.entitled(&e, &v)) || !verified && !e.holds(r.ID()) {
		return ErrEntry
	}
	e.raw, e.acceptance = bytes.Clone(raw), nil
	r.take(e)
	return nil
}

// fits reports whether this roster has entries of that form.
func (r *Roster) fits(e *entry) bool {
	if r.namespace {
		return e.typ != typeRelays && (e.typ != typeAdd || e.member.Kind == Embedded)
	}
	return e.typ != typeFull && len(e.prev) > 0
}

func (r *Roster) take(e entry) {
	i := len(r.entries)
	r.index[e.id] = i
	r.all.add(i)
	r.covered.join(e.past)
	r.entries = append(r.entries, e)
	r.now = nil
}

// Members lists the circle's devices, the same way on each of them; of a namespace's roster first the full devices, as Store
// and without names, then the application peers, as Embedded.
func (r *Roster) Members() []Member { return slices.Clone(r.current().members) }

// Member finds a device by its identity.
func (r *Roster) Member(ik [32]byte) (Member, bool) {
	members := r.current().members
	i := find(members, ik)
	if i < 0 {
		return Member{}, false
	}
	return members[i], true
}

// Revoked reports whether a device was a member and is out: it was revoked, or let in by one that was, unseen by its revoker.
func (r *Roster) Revoked(ik [32]byte) bool { return find(r.current().out, ik) >= 0 }

// RevokedMembers lists the devices that are Revoked.
func (r *Roster) RevokedMembers() []Member { return slices.Clone(r.current().out) }

// Relays returns the Sync Servers' URLs that hold: of the RELAYS entries that count, those of the one with the highest
// (version, id). None: nil.
func (r *Roster) Relays() []string {
	i := r.current().relays
	if i == 0 {
		return nil
	}
	return slices.Clone(r.entries[i].relays)
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

// Behind returns the entries that a roster with these heads lacks, in an order in which it can Add them: those that are
// not among or behind the heads; all of them if none of the heads is known. The entries must not be changed.
func (r *Roster) Behind(heads []ID) [][]byte { return r.lacks(r.all, heads) }

// Notice returns what a device that is Revoked is shown, which has these heads: a REVOKE that put it out and that entry's past, less
// what is among or behind the heads. It is nothing newer, so that the device learns of no later member. Nil for any other device.
func (r *Roster) Notice(ik [32]byte, heads []ID) [][]byte {
	i := r.reason(ik)
	if i < 0 {
		return nil
	}
	show := r.entries[i].past
	show.add(i)
	return r.lacks(show, heads)
}

// reason is the place of a REVOKE that put a device out, -1 if it isn't out.
func (r *Roster) reason(ik [32]byte) int {
	now := r.current()
	for i := range r.entries {
		if now.revokes.has(i) && r.entries[i].target == ik {
			return i
		}
	}
	for i := range r.entries {
		e := &r.entries[i]
		if !now.able.has(i) || !e.introduces() || e.member.IK != ik || now.live.has(i) || !r.Revoked(ik) {
			continue
		}
		if j := r.striker(i, &now.verdict); j >= 0 {
			return j
		}
		return r.reason(e.signer) // whose own introduction, further back, was struck
	}
	return -1
}

func (r *Roster) lacks(show set, heads []ID) [][]byte {
	var has set
	for _, id := range heads {
		if i, ok := r.index[id]; ok {
			has.join(r.entries[i].past)
			has.add(i)
		}
	}
	var out [][]byte
	for i := range r.entries {
		if show.has(i) && !has.has(i) {
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
	body := appendMember(appendPrev(nil, r.prevOf(public(ik))), &m)
	return r.signed(ik, typeAdd, append(body, acceptance[:]...))
}

// SignRelays makes urls, at most 8, the Sync Servers of the circle. The device of ik must be a member. The new entry is
// taken, and answered for the other devices.
func (r *Roster) SignRelays(ik ed25519.PrivateKey, urls []string) ([]byte, error) {
	version := uint32(1)
	if i := r.current().relays; i != 0 {
		version = r.entries[i].version + 1
	}
	switch {
	case version == 0:
		return nil, ErrFull
	case len(urls) > maxRelays || slices.ContainsFunc(urls, func(u string) bool { return !ValidRelay(u) }):
		return nil, ErrEntry
	}
	body := wire.AppendU32(appendPrev(nil, r.prevOf(public(ik))), version)
	body = append(body, byte(len(urls)))
	for _, u := range urls {
		body = wire.AppendLV(body, []byte(u))
	}
	return r.signed(ik, typeRelays, body)
}

// SignRevoke puts a member out for good: its own device, or another one. In a namespace's roster an application peer may do so to
// itself and to those that it invited. The device of ik must be a member. The new entry is taken, and answered for the
// other devices.
func (r *Roster) SignRevoke(ik ed25519.PrivateKey, who [32]byte) ([]byte, error) {
	if _, ok := r.Member(who); !ok {
		return nil, ErrEntry
	}
	return r.signed(ik, typeRevoke, append(appendPrev(nil, r.prevOf(public(ik), who)), who[:]...))
}

func (r *Roster) signed(ik ed25519.PrivateKey, typ uint8, body []byte) ([]byte, error) {
	raw := sign(ik, r.ID(), typ, body)
	if err := r.add(raw, true, false); err != nil {
		return nil, err
	}
	return raw, nil
}

func public(ik ed25519.PrivateKey) [32]byte { return [32]byte(ik.Public().(ed25519.PublicKey)) }

// prevOf picks the heads that a new entry refers to. With more than fit, some are among them that stand behind the membership of
// the devices that the entry is by and about, without which it would not count.
func (r *Roster) prevOf(devices ...[32]byte) []ID {
	heads := r.Heads()
	if len(heads) <= maxPrev {
		return heads
	}
	for n, ik := range devices {
		m, _ := r.Member(ik)
		own := r.index[m.Entry]
		for i, id := range heads {
			if at := r.index[id]; at == own || r.entries[at].past.has(own) {
				i = max(i, n)
				heads[n], heads[i] = heads[i], heads[n]
				break
			}
		}
	}
	heads = heads[:maxPrev]
	sortIDs(heads)
	return heads
}

const format = 1 // of Encode's bytes

// Encode writes the roster for storage: format u8 (and what encodeNamespace adds) ‖ n u16 ‖ lv(entry)*n, in an order in which they
// can be added.
func (r *Roster) Encode() []byte {
	b := []byte{format}
	if r.namespace {
		b = r.encodeNamespace()
	}
	b = wire.AppendU16(b, uint16(len(r.entries)))
	for i := range r.entries {
		b = wire.AppendLV(b, r.entries[i].raw)
	}
	return b
}

// Load reads what Encode wrote of a circle's roster. It checks all of it again but the signatures, for which the page that a user
// has just opened would wait: b has to come from storage that nobody else can write to. It returns ErrVersion for what a newer Masq
// wrote.
func Load(b []byte) (*Roster, error) {
	in := wire.NewReader(b)
	if in.U8() != format && in.Err() == nil {
		return nil, ErrVersion
	}
	n := int(in.U16())
	r, err := begin(in.LV(wire.MaxRosterEntry), true)
	if err != nil {
		return nil, err
	}
	return r.load(&in, n)
}

// load adds the entries up to the n-th. Of a namespace's roster their number comes first.
func (r *Roster) load(in *wire.Reader, n int) (*Roster, error) {
	if r.namespace {
		n = int(in.U16())
	}
	for i := len(r.entries); i < n; i++ {
		if err := r.add(in.LV(wire.MaxRosterEntry), !r.namespace, true); err != nil {
			return nil, err
		}
	}
	if in.Done() != nil || len(r.entries) != n {
		return nil, ErrEntry
	}
	return r, nil
}
