// Package roster is the signed list of a circle's devices, and of a namespace's application peers.
//
// A roster is a set of entries, each of which names by hash the entries that its signer knew. New makes one for a new
// circle, Open begins one from somebody's genesis entry, and Load takes one from storage. Add takes entries from anywhere:
// whatever the order in which a roster got its entries, the same set says the same. Two devices send each other their
// Heads, and what Batches returns for the other's. A device that SignRevoke has put out stays out; it is shown what Notice names.
//
// OpenNamespace and LoadNamespace are Open and Load for the roster of a namespace, which begins empty and goes by whom a device trusts:
// its Roots. There SignFull introduces the circle's devices, and SignAdd lets application peers in.
//
// core/PROTOCOL.md, "The roster", is the specification. A Roster is for one goroutine. It forgets entries for which there is no place.
package roster

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"math/bits"
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
	ErrFull    = errors.New("roster: no place for another entry by this device")
)

// A Roster is the list of one circle, or of one namespace's application peers. Its zero value is of no use: see New, Open, Load,
// OpenNamespace and LoadNamespace.
type Roster struct {
	namespace bool       // a namespace's
	genesis   ID         // of a circle: the id of the first entry
	roots     [][32]byte // a namespace's: who is full without an entry
	entries   []entry    // each behind all that it refers to; a circle's first is GENESIS
	index     map[ID]int
	devices   map[[32]byte]int // numbers of all that entries name
	all       set              // every entry
	covered   set              // every entry that another one stands behind
	counting  set              // every entry that may count: see place
	now       *outcome         // nil: to be worked out
	resolved  uint64           // see Resolved
	seen      struct {         // see alone
		by     [32]byte
		at     *outcome
		roster *Roster
	}
}

// set is a set of places in Roster.entries. Its methods are not inlined: there are many calls, and each would weigh in a browser.
type set [maxHeld / 64]uint64

//go:noinline
func (s *set) add(i int) { s[i/64] |= 1 << (i % 64) }

//go:noinline
func (s *set) drop(i int) { s[i/64] &^= 1 << (i % 64) }

//go:noinline
func (s *set) has(i int) bool { return s[i/64]&(1<<(i%64)) != 0 }

//go:noinline
func (s *set) meet(o *set) {
	for i := range s {
		s[i] &= o[i]
	}
}

//go:noinline
func (s *set) join(o *set) {
	for i := range s {
		s[i] |= o[i]
	}
}

//go:noinline
func (s *set) cut(o *set) {
	for i := range s {
		s[i] &^= o[i]
	}
}

//go:noinline
func (s *set) meets(o *set) bool {
	for i := range s {
		if s[i]&o[i] != 0 {
			return true
		}
	}
	return false
}

// next is the first in the set from i on, -1 if there is none.
//
//go:noinline
func (s *set) next(i int) int {
	for w := i / 64; w < len(s); w++ {
		if left := s[w] >> (i % 64); left != 0 {
			return i + bits.TrailingZeros64(left)
		}
		i = (w + 1) * 64
	}
	return -1
}

//go:noinline
func (s *set) count() (n int) {
	for _, w := range s {
		n += bits.OnesCount64(w)
	}
	return n
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
	r := &Roster{genesis: e.id, index: make(map[ID]int), devices: make(map[[32]byte]int)}
	e.member.Name = ShownName(e.member.Name)
	r.take(e)
	r.settle(0)
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

// Len is how many entries there are, at most 1,088.
func (r *Roster) Len() int { return len(r.entries) }

// Resolved counts the entries that verdicts were worked out on, each as often as that was done. It only grows.
func (r *Roster) Resolved() uint64 { return r.resolved }

// Add takes an entry, which it checks and copies. One that is here already is no error, nor is one for which there is no place: it is
// forgotten. One that refers to an entry that is not here is refused with ErrMissing: entries are sent in the order of Behind. The others
// are ErrVersion (stop and update), ErrCircle, and ErrEntry for all that is wrong in itself.
//
// An entry's signer must be a member by what the entry stands behind, and an ADD must not stand behind another one of the same
// ik or nk. So whether an entry is taken depends on it alone, and never on what came first. A namespace's roster takes whatever is
// well formed: who counts there depends on whom it trusts. What is taken counts unless a REVOKE strikes it or others take its place.
func (r *Roster) Add(raw []byte) error {
	_, err := r.AddAll([][]byte{raw})
	return err
}

// AddAll is Add for entries that come together, at most 256, such as one of Batches: what some of them stand behind is forgotten only when all
// are in. It reports whether the roster has changed, also if it ends with an error, as it does at the first entry that is refused.
// It is ErrFull if they are too many.
func (r *Roster) AddAll(entries [][]byte) (changed bool, err error) {
	had := len(r.entries)
	for _, raw := range entries {
		if err = r.add(raw, !r.namespace, false); err != nil {
			break
		}
	}
	return len(r.entries) > had && r.settle(had), err
}

// add takes an entry, and gives out no places. If strict, an entry that does not count by its own past is refused; if verified, its
// signatures are known to hold.
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
	case len(r.entries) >= maxHeld:
		return ErrFull
	case !r.look(&e):
		return ErrMissing
	case e.size > maxPast || !verified && (e.size > pastOf(e.typ) || !e.holds(r.ID())):
		return ErrEntry
	}
	if v := r.weigh(&e); strict && (e.idle || !r.entitled(&e, &v)) {
		return ErrEntry
	}
	e.member.Name = ShownName(e.member.Name)
	e.raw, e.acceptance = bytes.Clone(raw), nil
	r.take(e)
	return nil
}

// look finds what an entry stands behind. It reports whether all of that is here.
func (r *Roster) look(e *entry) bool {
	e.past, e.by = set{}, set{}
	for _, id := range e.prev {
		i, ok := r.index[id]
		if !ok {
			return false
		}
		e.past.join(&r.entries[i].past)
		e.past.add(i)
	}
	e.size = e.past.count()
	for i := e.past.next(0); i >= 0; i = e.past.next(i + 1) {
		if o := &r.entries[i]; o.introduces() && o.member.IK == e.signer {
			e.by.add(i)
		}
	}
	e.who, e.line, e.aim = r.number(e.signer), r.lineOf(e), r.aimOf(e)
	return true
}

// number is how a device is called in what is worked out, -1 if no entry names it.
func (r *Roster) number(ik [32]byte) int {
	if n, ok := r.devices[ik]; ok {
		return n
	}
	return -1
}

func (r *Roster) numbered(ik [32]byte) int {
	n, ok := r.devices[ik]
	if !ok {
		n = len(r.devices)
		r.devices[ik] = n
	}
	return n
}

// fits reports whether this roster has entries of that form.
func (r *Roster) fits(e *entry) bool {
	if r.namespace {
		return e.typ != typeRelays && (e.typ != typeAdd || e.member.Kind == Embedded)
	}
	return e.typ != typeFull && len(e.prev) > 0
}

func (r *Roster) take(e entry) {
	e.who = r.numbered(e.signer)
	switch e.whom = e.who; {
	case e.introduces():
		e.whom = r.numbered(e.member.IK)
	case e.typ == typeRevoke:
		e.whom = r.numbered(e.target)
	}
	i := len(r.entries)
	r.index[e.id] = i
	r.all.add(i)
	r.covered.join(&e.past)
	r.entries = append(r.entries, e)
	r.now = nil
}

// Members lists the circle's devices, the same way on each of them; of a namespace's roster first the full devices, as Store
// and without names, then the application peers, as Embedded.
func (r *Roster) Members() []Member { return slices.Clone(r.current().members) }

// Member finds a device by its identity.
func (r *Roster) Member(ik [32]byte) (Member, bool) {
	now := r.current()
	i := now.place[ik]
	if i <= 0 {
		return Member{}, false
	}
	return now.members[i-1], true
}

// Has reports whether a device is a member.
func (r *Roster) Has(ik [32]byte) bool { return r.current().place[ik] > 0 }

// Revoked reports whether a device was a member and is out: it was revoked, or let in by one that was, unseen by its revoker.
func (r *Roster) Revoked(ik [32]byte) bool { return r.current().place[ik] < 0 }

// RevokedBy reports whether a device is Revoked by what another one has signed.
func (r *Roster) RevokedBy(ik, by [32]byte) bool {
	now := r.current()
	for i := range r.entries {
		if e := &r.entries[i]; now.revokes.has(i) && e.target == ik && e.signer == by {
			return true
		}
	}
	i := r.reason(ik)
	return i >= 0 && r.entries[i].signer == by
}

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

// Heads are the ids of the entries that no other stands behind, ascending, the first 256 of them: they say what a roster has.
func (r *Roster) Heads() []ID {
	var out []ID
	for i := range r.entries {
		if !r.covered.has(i) {
			out = append(out, r.entries[i].id)
		}
	}
	sortIDs(out)
	return out[:min(len(out), wire.MaxRoster)]
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
	return r.lacks(r.behind([]ID{r.entries[i].id}), heads)
}

// Batches is Behind in parts of at most 256 entries. Each has also all that its entries stand behind and the other side may lack: that may
// have no place there by itself.
func (r *Roster) Batches(heads []ID) (out [][][]byte) {
	has := r.behind(heads)
	var part, sent set
	for i := range r.entries {
		if has.has(i) || sent.has(i) {
			continue
		}
		more := r.behind([]ID{r.entries[i].id})
		more.cut(&has)
		whole := part
		if whole.join(&more); whole.count() > wire.MaxRoster {
			out = append(out, r.raws(part))
			whole = more
		}
		part = whole
		sent.join(&part)
	}
	if part != (set{}) {
		out = append(out, r.raws(part))
	}
	return out
}

// Grant is what a new device is given: all entries, or, if they are more than 256, what makes the device of ik a member; of a namespace's roster,
// for whoever trusts that device alone if it is a full one, or else the first root alone. The rest follows in the first session.
func (r *Roster) Grant(ik [32]byte) [][]byte {
	if len(r.entries) <= wire.MaxRoster {
		return r.Behind(nil)
	}
	for i := range r.entries {
		if e := &r.entries[i]; e.introduces() && e.member.IK == ik {
			if part := r.raws(r.behind([]ID{e.id})); r.introduces(part, ik) {
				return part
			}
		}
	}
	return nil
}

// introduces reports whether some entries, in their order, are enough to make the device of ik a member, for whom Grant is meant for.
func (r *Roster) introduces(part [][]byte, ik [32]byte) bool {
	var alone *Roster
	switch {
	case !r.namespace:
		alone, _ = begin(part[0], true)
		part = part[1:]
	case r.isRoot(ik):
		alone = openNamespace(r.genesis, [][32]byte{ik})
	default:
		alone = openNamespace(r.genesis, r.roots[:min(1, len(r.roots))])
	}
	for _, raw := range part {
		if alone == nil || alone.add(raw, false, true) != nil {
			return false
		}
	}
	alone.settle(0)
	return alone.Has(ik)
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
	has := r.behind(heads)
	show.cut(&has)
	return r.raws(show)
}

// behind is what a roster with these heads has of this one.
func (r *Roster) behind(heads []ID) (has set) {
	for _, id := range heads {
		if i, ok := r.index[id]; ok {
			has.join(&r.entries[i].past)
			has.add(i)
		}
	}
	return has
}

func (r *Roster) raws(in set) (out [][]byte) {
	for i := range r.entries {
		if in.has(i) {
			out = append(out, r.entries[i].raw)
		}
	}
	return out
}

// SignAdd makes m a member. The device of ik must be one, and acceptance be what m signed (Accept). It returns ErrFull if that device has
// no place left, as SignRelays and SignFull do. The new entry is
// taken, and answered for the other devices.
func (r *Roster) SignAdd(ik ed25519.PrivateKey, m Member, acceptance [64]byte) ([]byte, error) {
	if !ValidName(m.Name) {
		return nil, ErrEntry
	}
	body := appendMember(appendPrev(nil, r.prevOf(typeAdd, public(ik))), &m)
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
	body := wire.AppendU32(appendPrev(nil, r.prevOf(typeRelays, public(ik))), version)
	body = append(body, byte(len(urls)))
	for _, u := range urls {
		body = wire.AppendLV(body, []byte(u))
	}
	return r.signed(ik, typeRelays, body)
}

// SignRevoke puts a member out for good: its own device, or another one. In a namespace's roster an application peer may do so to
// itself and to those that it invited. There who is out already may be put out for those that trust this device alone (HasFor). The device of
// ik must be a member. The new entry is taken, and answered for the other devices.
func (r *Roster) SignRevoke(ik ed25519.PrivateKey, who [32]byte) ([]byte, error) {
	me := public(ik)
	seen := r.seenBy(me, who)
	if !seen.Has(who) {
		return nil, ErrEntry
	}
	body := append(appendPrev(nil, seen.prevBut(r.madeUp(who), typeRevoke, who, me)), who[:]...)
	if r.revokesFull() { // another one takes a place, and whom that shut out may come back
		if raw, ok := r.revokes(ik, who, body); ok {
			return raw, nil
		}
		if raw, ok := r.revokeAnew(ik, who); ok {
			return raw, nil
		}
	}
	raw, err := r.signed(ik, typeRevoke, body)
	if err != nil {
		if anew, ok := r.revokeAnew(ik, who); ok {
			return anew, nil
		}
	}
	return raw, err
}

// signed takes an entry of this device's own. What this device knows must not speak against it, whatever the entry stands behind.
func (r *Roster) signed(ik ed25519.PrivateKey, typ uint8, body []byte) ([]byte, error) {
	raw := sign(ik, r.ID(), typ, body)
	e, err := parse(raw)
	if err != nil || !r.look(&e) {
		return nil, ErrEntry
	}
	now := &r.current().verdict
	if e.past = now.able; !r.rightful(&e, now) || !r.entitled(&e, now) {
		return nil, ErrEntry
	}
	if typ != typeRevoke && r.leftFor(typ, e.signer) == 0 && !(typ == typeRelays && r.hasRelays(e.who)) {
		return nil, ErrFull
	}
	had := len(r.entries)
	if err := r.add(raw, true, true); err != nil {
		return nil, err
	}
	r.settle(had)
	if i, ok := r.index[e.id]; !ok || !r.counting.has(i) {
		return nil, ErrFull
	}
	return raw, nil
}

// hasRelays reports whether RELAYS by a device have a place, which newer ones of its own take.
func (r *Roster) hasRelays(who int) bool {
	for i := range r.entries {
		if e := &r.entries[i]; e.typ == typeRelays && e.who == who && !r.covered.has(i) && r.counting.has(i) {
			return true
		}
	}
	return false
}

func public(ik ed25519.PrivateKey) [32]byte { return [32]byte(ik.Public().(ed25519.PublicKey)) }

// prevOf picks what a new entry refers to: what makes the devices members that it is by and about, and what counts of all that they
// have signed, of RELAYS only those that hold, and only if the entry is a REVOKE, which strikes what it does not stand behind. It is no more, so that
// others' entries can be forgotten, and it is bounded by what an entry may stand behind.
func (r *Roster) prevOf(typ uint8, devices ...[32]byte) []ID {
	return r.prevBut(set{}, typ, devices...)
}

// prevBut is prevOf without what those have signed that is in but. What makes a device a member comes before what makes the next one a member: a REVOKE in a
// namespace's roster needs to stand behind its target's introduction alone.
func (r *Roster) prevBut(but set, typ uint8, devices ...[32]byte) []ID {
	now := r.current()
	var from []set
	var then, past set
	for _, ik := range devices {
		from = append(from, r.introductions(ik))
		for i := range r.entries {
			e := &r.entries[i]
			if e.signer == ik && now.live.has(i) && !but.has(i) && (e.typ != typeRelays || typ == typeRevoke && i == now.relays) {
				then.add(i)
			}
		}
	}
	var prev []int
	for _, in := range append(from, then) {
		for i := len(r.entries) - 1; i >= 0; i-- {
			whole := past
			whole.join(&r.entries[i].past)
			whole.add(i)
			if in.has(i) && !past.has(i) && len(prev) < maxPrev && whole.count() <= pastOf(typ) {
				past, prev = whole, append(prev, i)
			}
		}
	}
	return r.heads(prev)
}

// introductions are the entry that made a device a member; if it is none, all that count of those that introduce it.
func (r *Roster) introductions(ik [32]byte) (in set) {
	if m, ok := r.Member(ik); ok {
		in.add(r.index[m.Entry])
		return in
	}
	for i := range r.entries {
		if e := &r.entries[i]; e.introduces() && e.member.IK == ik && r.now.live.has(i) {
			in.add(i)
		}
	}
	return in
}

// heads are the ids of those entries of a list that none of the others stands behind, ascending.
func (r *Roster) heads(list []int) (ids []ID) {
	var covered set
	for _, i := range list {
		covered.join(&r.entries[i].past)
	}
	for _, i := range list {
		if !covered.has(i) {
			ids = append(ids, r.entries[i].id)
		}
	}
	sortIDs(ids)
	return ids
}

// The formats of Encode's bytes. A roster has the large one if it has more than 256 entries.
const (
	format      = 1
	formatLarge = 3
)

// Encode writes the roster for storage: format u8 (and what encodeNamespace adds) ‖ n u16 ‖ lv(entry)*n, in an order in which they
// can be added.
func (r *Roster) Encode() []byte {
	b := []byte{format}
	if r.namespace {
		b = r.encodeNamespace()
	}
	if len(r.entries) > wire.MaxRoster {
		b[0] += formatLarge - format
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
	f := in.U8()
	if f != format && f != formatLarge && in.Err() == nil {
		return nil, ErrVersion
	}
	n := int(in.U16())
	r, err := begin(in.LV(wire.MaxRosterEntry), true)
	if err != nil {
		return nil, err
	}
	return r.load(&in, n, f == formatLarge)
}

// load adds the entries up to the n-th. Of a namespace's roster their number comes first.
func (r *Roster) load(in *wire.Reader, n int, large bool) (*Roster, error) {
	if r.namespace {
		n = int(in.U16())
	}
	for i := len(r.entries); i < n; i++ {
		if err := r.add(in.LV(wire.MaxRosterEntry), !r.namespace, true); err != nil {
			return nil, err
		}
	}
	if in.Done() != nil || len(r.entries) != n || large != (n > wire.MaxRoster) {
		return nil, ErrEntry
	}
	r.settle(n)
	return r, nil
}
