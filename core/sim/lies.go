package sim

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/masqdev/masq/core/roster"
	"github.com/masqdev/masq/core/wire"
)

// A lie is something that a hostile member says, or the Sync Server that is with it does.
type lie struct {
	name   string
	weight int                                 // how often it is told, compared with the others
	who    liars                               // who can tell it
	data   func(t *talk, f *liarFlow) [][]byte // messages about a namespace that both have
	member func(t *talk) [][]byte              // messages about members and sessions
	frames bool                                // it is frames that are no messages: member has sent them
}

type liars uint8

const (
	anyMember  liars = iota
	fullDevice       // it would be no lie of an application peer's: the other side cuts that off at once
	appPeer          // a full device is believed that
	relayOnly        // hostile_relay.go
	inPassing        // it is told where the protocol asks for something: see newMood and vector
)

// lies are all kinds. A kind that is added here is told from then on.
var lies = []lie{
	{name: "end-crowd", weight: 1, data: endCrowd},
	{name: "end-known", weight: 6, who: appPeer, data: endKnown},
	{name: "end-tails", weight: 2, data: endTails},
	{name: "writers", weight: 4, data: falseWriters},
	{name: "have-self", weight: 4, who: appPeer, data: haveSelf},
	{name: "have-other", weight: 6, who: appPeer, data: haveOther},
	{name: "have-absent", weight: 6, who: appPeer, data: haveAbsent},
	{name: "data-plain", weight: 6, data: dataPlain},
	{name: "data-many", weight: 2, data: dataMany},
	{name: "data-long", weight: 2, who: appPeer, data: dataLong},
	{name: "data-reach", weight: 6, data: dataReach},
	{name: "data-forged", weight: 6, who: appPeer, data: dataForged},
	{name: "ack", weight: 3, who: appPeer, data: falseAck},
	{name: "credit", weight: 1, member: falseCredit},
	{name: "roster-add", weight: 2, member: rosterAdds},
	{name: "roster-full", weight: 2, member: rosterFulls},
	{name: "roster-revoke", weight: 2, member: rosterRevokes},
	{name: "roster-relays", weight: 2, who: fullDevice, member: rosterRelays},
	{name: "roster-blank", weight: 2, member: rosterBlanks},
	{name: "roster-unknown", weight: 1, member: rosterUnknown},
	{name: "roster-stranger", weight: 2, member: rosterStrangers},
	{name: "namespaces", weight: 2, member: oddNamespaces},
	{name: "namespace-entries", weight: 2, who: fullDevice, member: namespaceEntries},
	{name: "rename", weight: 2, member: rename},
	{name: "replay", weight: 3, member: replay},
	{name: "unknown", weight: 1, member: unknownMessage},
	{name: "bye", weight: 1, member: bye},
	{name: "handshakes", weight: 1, member: handshakes, frames: true},
	{name: "vector", who: inPassing},
	{name: "silence", who: inPassing},
	{name: "relay-drop", who: relayOnly},
	{name: "relay-double", who: relayOnly},
	{name: "relay-replay", who: relayOnly},
	{name: "relay-flip", who: relayOnly},
	{name: "relay-peer", who: relayOnly},
	{name: "relay-close", who: relayOnly},
	{name: "relay-restart", who: relayOnly},
}

// Lies are the names of the kinds of lies that Options.Lies may have.
func Lies() (names []string) {
	for i := range lies {
		names = append(names, lies[i].name)
	}
	return names
}

// tells reports whether a kind of lie is told in this run: those that are asked for, or else those that the seed drew. Each seed has a
// few kinds, because some hide others: they end the session.
func (w *simulation) tells(name string) bool {
	if w.hostile == nil {
		return false
	}
	if len(w.opt.Lies) > 0 {
		return slices.Contains(w.opt.Lies, name)
	}
	return slices.Contains(w.hostile.kinds, name)
}

// drawKinds draws the kinds of a seed.
func (h *hostile) drawKinds() {
	for i := range lies {
		if h.w.chance(0.3) {
			h.kinds = append(h.kinds, lies[i].name)
		}
	}
}

// onlyRelay reports whether nobody but the Sync Server is to lie.
func (w *simulation) onlyRelay() bool {
	return len(w.opt.Lies) > 0 && !slices.ContainsFunc(w.opt.Lies, func(name string) bool { return !strings.HasPrefix(name, "relay-") })
}

// lie says something that is made up.
func (t *talk) lie() {
	l := pick(t.l.w, t.l.h.told())
	var msgs [][]byte
	switch {
	case l.member != nil:
		msgs = l.member(t)
	case l.data != nil && len(t.flows) > 0 && t.out < wire.CreditWindow:
		msgs = l.data(t, pick(t.l.w, t.flows))
	}
	if len(msgs) > 0 || l.frames {
		t.l.w.did(l.name)
		t.l.w.log(t.l.h.d.name, "lies", uint64(len(msgs)), l.name, " to ", t.with.Name)
	}
	for _, m := range msgs {
		if typ := wire.MessageType(m[0]); typ == wire.MsgData || typ == wire.MsgEnd {
			t.out += len(m)
		}
		t.say(m)
	}
}

// told are the lies that this member can tell, each as often as its weight.
func (h *hostile) told() []*lie {
	if h.list == nil {
		for i := range lies {
			l := &lies[i]
			if h.w.tells(l.name) && l.who <= appPeer && !(l.who == fullDevice && !h.full) && !(l.who == appPeer && h.full) {
				h.list = append(h.list, slices.Repeat([]*lie{l}, l.weight)...)
			}
		}
		if h.list == nil {
			h.list = []*lie{{name: "none"}}
		}
	}
	return h.list
}

// newMood draws what the liar leaves out in a session.
func (h *hostile) newMood() (m mood) {
	if !h.w.tells("silence") {
		return mood{}
	}
	if h.w.chance(0.15) {
		m.mute = int(h.w.between(1, 12))
	}
	m.noAck, m.noHas, m.noCredit = h.w.chance(0.15), h.w.chance(0.15), h.w.chance(0.05)
	if m != (mood{}) {
		h.w.did("silence")
	}
	return m
}

// vector is the VECTOR with which the liar asks for data.
func (t *talk) vector(f *liarFlow) []byte {
	w, k := t.l.w, t.l.h.of(f.claim)
	m := wire.VectorMsg{Number: f.number, Vector: k.has}
	fill(w, m.Incarnation[:])
	if w.tells("vector") && w.chance(0.4) {
		w.did("vector")
		m.Vector = t.falseVector(f)
		if w.chance(0.3) {
			fill(w, m.Cursor.Incarnation[:])
			m.Cursor.Position = w.rng.Uint64() >> w.rng.IntN(64)
		}
	}
	return wire.AppendVectorMsg(nil, &m)
}

func (t *talk) falseVector(f *liarFlow) wire.Vector {
	if t.l.w.chance(0.1) {
		return t.l.h.writers(int(t.l.w.between(1, 4000)))
	}
	return t.l.h.beyond(f.claim)
}

// writers is a vector of made-up writers.
func (h *hostile) writers(n int) wire.Vector {
	v := make(wire.Vector, 0, n)
	step := ^uint64(0) / uint64(n+1)
	for i := range n {
		e := wire.Element{Writer: uint64(i)*step + h.w.rng.Uint64N(step), Settled: h.number()}
		if h.w.chance(0.3) {
			e.Tails = h.tails(e.Settled + 1)
		}
		v = append(v, e)
	}
	return v
}

// number is any that a writer may have, mostly a low one.
func (h *hostile) number() uint64 {
	if h.w.chance(0.2) {
		return h.w.rng.Uint64N(1 << 60)
	}
	return h.w.between(1, 3) << wire.BlockBits
}

func (h *hostile) tails(above uint64) []wire.Tail {
	var out []wire.Tail
	seq := max(above, 1<<wire.BlockBits) + h.w.upTo(100)
	for range h.w.between(1, 3) {
		t := wire.Tail{Seq: seq}
		fill(h.w, t.Hash[:])
		out = append(out, t)
		seq = (seq>>wire.BlockBits+1)<<wire.BlockBits + h.w.upTo(1<<wire.BlockBits)
	}
	return out
}

// beyond is a vector that names writers who exist up to where they have not got.
func (h *hostile) beyond(c *claim) wire.Vector {
	var v wire.Vector
	for _, e := range h.of(c).writers {
		if h.w.chance(0.3) {
			continue
		}
		e.Settled = h.ahead(e.Settled)
		if h.w.chance(0.4) { // not settled: tails of a block to come, or of its last one with another hash
			e.Tails, e.Settled = h.tails(e.Settled), 0
		}
		v = append(v, e)
	}
	return v
}

// ahead is a number that is higher, by a little or by all that there are.
func (h *hostile) ahead(seq uint64) uint64 {
	switch h.w.rng.IntN(4) {
	case 0:
		return 1 << 60
	case 1:
		return seq + h.w.between(1, 20)
	case 2:
		return seq + h.w.between(1<<wire.BlockBits, 1<<20)
	}
	return seq
}

func (t *talk) end(f *liarFlow, v wire.Vector) [][]byte {
	return [][]byte{wire.AppendEnd(nil, &wire.End{Number: f.number, Position: t.l.w.rng.Uint64() >> t.l.w.rng.IntN(64), Vector: v})}
}

func endCrowd(t *talk, f *liarFlow) [][]byte {
	return t.end(f, t.l.h.writers(pick(t.l.w, []int{50, 1000, 20_000, 65_535})))
}

// endTails says that writers of the liar's own wrote in many blocks of which none is settled. All of it may be so, and has to be kept with each.
func endTails(t *talk, f *liarFlow) [][]byte {
	var list []*wire.Writer
	for range 20 {
		list = append(list, t.l.announce(f.claim, t.l.w.rng.Uint64()|1, 1<<51))
	}
	slices.SortFunc(list, func(a, b *wire.Writer) int { return cmp.Compare(a.ID, b.ID) })
	v := make(wire.Vector, len(list))
	for i, own := range list {
		v[i].Writer = own.ID
		for range 300 {
			v[i].Tails = append(v[i].Tails, t.l.h.tails(v[i].Last()+1<<wire.BlockBits)...)
		}
	}
	return append([][]byte{t.writers(f, list...)}, t.end(f, v)...)
}

func endKnown(t *talk, f *liarFlow) [][]byte { return t.end(f, t.l.h.beyond(f.claim)) }

// falseWriters announces many writers, or one in another way than before, or others' with something changed.
func falseWriters(t *talk, f *liarFlow) [][]byte {
	w, k := t.l.w, t.l.h.of(f.claim)
	var list []*wire.Writer
	for range w.between(1, 200) {
		switch own := pick(w, k.mine); {
		case w.chance(0.7):
			own = t.l.announce(f.claim, w.rng.Uint64()|1, w.between(2, 1<<uint(w.between(2, 51))))
			if k.mine = append(k.mine, own); len(k.mine) > 1000 {
				k.mine = k.mine[:1000]
			}
			list = append(list, own)
		case w.chance(0.5) || len(k.theirs) == 0:
			list = append(list, t.l.announce(f.claim, own.Nonce, own.Reserved))
		default:
			theirs := *pick(w, k.theirs)
			theirs.Reserved = 1 << 51
			if w.chance(0.5) {
				t.l.sign(f.claim, &theirs)
			}
			list = append(list, &theirs)
		}
	}
	return [][]byte{t.writers(f, list...)}
}

func (t *talk) have(f *liarFlow, nk [32]byte, v wire.Vector) [][]byte {
	return [][]byte{wire.AppendHave(nil, &wire.Have{Number: f.number, Vector: v, NK: nk})}
}

func haveSelf(t *talk, f *liarFlow) [][]byte { return t.have(f, t.l.nk(), t.falseVector(f)) }

// haveOther speaks for other devices: that they have more than there is.
func haveOther(t *talk, f *liarFlow) [][]byte {
	return t.haveAll(f, func() wire.Vector { return t.falseVector(f) })
}

// haveAbsent says that all have what the liar has, also those that have been away.
func haveAbsent(t *talk, f *liarFlow) [][]byte {
	return t.haveAll(f, func() wire.Vector { return t.l.h.of(f.claim).has })
}

func (t *talk) haveAll(f *liarFlow, v func() wire.Vector) (out [][]byte) {
	for _, m := range t.in.roster.Members() {
		out = append(out, t.have(f, m.NK, v())...)
	}
	return out
}

// value makes up what a record holds. The oracle knows it.
func (t *talk) value(rec *wire.Record) {
	w := t.l.w
	rec.Kind = pick(w, []wire.Kind{wire.JSON, wire.JSON, wire.Bytes, wire.Deleted})
	rec.Key = fmt.Sprintf("h/%02d", w.rng.IntN(wildKeys))
	x := w.book.add(t.l.h.d, rec.Key, rec.Kind, int(w.between(0, 200)))
	if rec.Kind == wire.JSON && w.chance(0.1) {
		x.value = x.value[:len(x.value)-1] // no JSON
	}
	rec.Value = x.value
	rec.Time = t.l.now + w.between(0, 20*60_000) - 10*60_000
	if w.chance(0.1) {
		rec.Time = w.rng.Uint64()
	}
}

func (t *talk) data(f *liarFlow, recs ...wire.Record) [][]byte {
	var b []byte
	for i := range recs {
		b = wire.AppendRecord(b, &recs[i])
	}
	return [][]byte{wire.AppendData(nil, &wire.Data{Number: f.number, Position: t.l.w.rng.Uint64() >> t.l.w.rng.IntN(64), Records: b})}
}

// nextDot is one that is the liar's own to use.
func (k *knowledge) nextDot() wire.Dot {
	k.own.Seq++
	return k.own
}

// dataPlain is an honest write over what it has seen, said to nobody else.
func dataPlain(t *talk, f *liarFlow) [][]byte {
	k := t.l.h.of(f.claim)
	rec := wire.Record{Dot: k.nextDot()}
	t.value(&rec)
	for i := range k.records {
		if r := &k.records[i]; r.Key == rec.Key {
			rec.Context = append(rec.Context, wire.Dot{Writer: r.Dot.Writer, Seq: r.Dot.Seq | wire.BlockOnly})
		}
	}
	rec.Context = inOrder(rec.Context)
	return t.data(f, rec)
}

// inOrder brings pairs into the form that a context has.
func inOrder(pairs []wire.Dot) []wire.Dot {
	slices.SortFunc(pairs, func(a, b wire.Dot) int {
		switch {
		case a.Writer != b.Writer && a.Writer < b.Writer, a.Writer == b.Writer && a.Seq < b.Seq:
			return -1
		case a == b:
			return 0
		}
		return 1
	})
	var out []wire.Dot
	for _, p := range pairs {
		block := func(d wire.Dot) uint64 { return d.Seq &^ wire.BlockOnly >> wire.BlockBits }
		if n := len(out); n > 0 && out[n-1].Writer == p.Writer {
			if block(p) == block(out[n-1]) {
				out[n-1] = p
				continue
			}
			if p.Seq < wire.BlockOnly || block(p) < block(out[n-1]) {
				continue
			}
		}
		out = append(out, p)
	}
	return out[:min(len(out), wire.MaxContext)]
}

// dataMany is many versions of one key, each by a writer of its own.
func dataMany(t *talk, f *liarFlow) [][]byte {
	first := wire.Record{}
	t.value(&first)
	var recs []wire.Record
	for range t.l.w.between(10, 1500) {
		first.Dot = wire.Dot{Writer: t.l.w.rng.Uint64(), Seq: 1<<wire.BlockBits + t.l.w.upTo(3)}
		if t.l.w.chance(0.7) {
			first.Dot = wire.Dot{Writer: pick(t.l.w, t.l.h.of(f.claim).mine).ID, Seq: 1<<wire.BlockBits + t.l.w.upTo(100)}
		}
		recs = append(recs, first)
	}
	return t.data(f, recs...)
}

// dataLong is records with long contexts, of writers that nobody knows.
func dataLong(t *talk, f *liarFlow) [][]byte {
	var recs []wire.Record
	for range t.l.w.between(1, 14) {
		rec := wire.Record{Dot: t.l.h.of(f.claim).nextDot()}
		if t.l.w.chance(0.5) {
			rec.Dot.Writer = t.l.w.rng.Uint64()
		}
		t.value(&rec)
		for range t.l.w.between(1, wire.MaxContext) {
			rec.Context = append(rec.Context, wire.Dot{Writer: t.l.w.rng.Uint64(), Seq: t.l.h.number() + 1<<wire.BlockBits})
		}
		rec.Context = inOrder(rec.Context)
		recs = append(recs, rec)
	}
	return t.data(f, recs...)
}

// dataReach is a write, often a deletion, that says that it has seen what is still to come.
func dataReach(t *talk, f *liarFlow) [][]byte {
	k := t.l.h.of(f.claim)
	rec := wire.Record{Dot: k.nextDot()}
	t.value(&rec)
	for _, e := range k.writers {
		if seq := max(t.l.h.ahead(e.Settled), 1<<wire.BlockBits); t.l.w.chance(0.7) {
			rec.Context = append(rec.Context, wire.Dot{Writer: e.Writer, Seq: seq | uint64(t.l.w.rng.IntN(2))<<63})
		}
	}
	rec.Context = inOrder(rec.Context)
	return t.data(f, rec)
}

// dataForged is a record in somebody else's name, often the receiver's own.
func dataForged(t *talk, f *liarFlow) [][]byte {
	k := t.l.h.of(f.claim)
	if len(k.writers) == 0 {
		return nil
	}
	e := pick(t.l.w, k.writers)
	rec := wire.Record{Dot: wire.Dot{Writer: e.Writer, Seq: max(1<<wire.BlockBits, t.l.h.ahead(e.Settled))}}
	t.value(&rec)
	if len(k.records) > 0 && t.l.w.chance(0.5) { // another content under a name that is taken
		rec.Dot = pick(t.l.w, k.records).Dot
	}
	return t.data(f, rec)
}

func falseAck(t *talk, f *liarFlow) [][]byte {
	return [][]byte{wire.AppendAck(nil, &wire.Ack{Number: f.number, Position: t.l.w.rng.Uint64() >> t.l.w.rng.IntN(64)})}
}

func falseCredit(t *talk) [][]byte {
	return [][]byte{wire.AppendCredit(nil, t.l.w.rng.Uint32()>>t.l.w.rng.IntN(32))}
}

// prev is what an entry stands behind: all that is known, one entry, or nothing.
func (t *talk) prev() [][32]byte {
	heads := t.in.roster.Heads()
	t.l.w.rng.Shuffle(len(heads), func(i, j int) { heads[i], heads[j] = heads[j], heads[i] })
	switch {
	case t.l.w.chance(0.3) && len(heads) > 1:
		return heads[:1]
	case t.l.w.chance(0.1) && !t.in.circle:
		return nil
	}
	return heads
}

// sign signs an entry, and has the liar's own roster take it, so that the next one stands behind it. Many are left out there: a
// roster that is full of entries is slow.
func (t *talk) sign(typ uint8, content []byte) []byte {
	raw := t.in.entry(t.l.secrets.ik, typ, t.prev(), content)
	if t.in.roster.Len() < maxOwn {
		_ = t.in.roster.Add(raw)
	}
	return raw
}

const maxOwn = 100

func entries(list [][]byte) [][]byte { return [][]byte{wire.AppendRosterEntries(nil, list)} }

func rosterAdds(t *talk) [][]byte {
	h, kind := t.l.h, uint8(roster.Embedded)
	if t.in.circle {
		kind = roster.Store
	}
	var list [][]byte
	for range h.w.between(1, 40) {
		x := h.madeUp()
		m := roster.Member{IK: x.id, NK: x.nk, Kind: kind, Name: "Made up"}
		ok := roster.Accept(x.ik, t.in.roster.ID(), m)
		body := append(append(append([]byte{}, m.IK[:]...), m.NK[:]...), kind)
		list = append(list, t.sign(entryAdd, append(wire.AppendLV8(body, []byte(m.Name)), ok[:]...)))
	}
	return entries(list)
}

// fullOf is the content of a FULL of a made-up device.
func (h *hostile) fullOf() []byte {
	x := h.madeUp()
	return append(append([]byte{}, x.id[:]...), x.nk[:]...)
}

func rosterFulls(t *talk) [][]byte {
	if t.in.circle {
		return nil
	}
	var list [][]byte
	for range t.l.w.between(1, 40) {
		list = append(list, t.sign(entryFull, t.l.h.fullOf()))
	}
	return entries(list)
}

// rosterRevokes shuts out who it may shut out, and an application peer anybody.
func rosterRevokes(t *talk) [][]byte {
	var list [][]byte
	for range t.l.w.between(1, 10) {
		m := pick(t.l.w, t.in.roster.Members())
		if t.l.h.full && !t.l.h.isMadeUp(m.IK) || m.NK == t.l.nk() {
			continue // not itself, or it would be out too soon
		}
		list = append(list, t.sign(entryRevoke, m.IK[:]))
	}
	if list == nil {
		return nil
	}
	return entries(list)
}

// rosterRelays names the Sync Server that there is, again and again, and others behind it.
func rosterRelays(t *talk) [][]byte {
	if !t.in.circle {
		return nil
	}
	var list [][]byte
	for range t.l.w.between(1, 60) {
		urls := []string{relayURL, fmt.Sprintf("wss://r%d.example", t.l.w.rng.IntN(1000))}
		body := append(wire.AppendU32(nil, t.l.w.rng.Uint32()>>t.l.w.rng.IntN(32)), byte(len(urls)))
		for _, u := range urls {
			body = wire.AppendLV(body, []byte(u))
		}
		list = append(list, t.sign(entryRelays, body))
	}
	return entries(list)
}

// rosterBlanks are well formed, of the type that means nothing yet.
func rosterBlanks(t *talk) [][]byte {
	var list [][]byte
	for range t.l.w.between(1, 60) {
		body := make([]byte, t.l.w.between(0, 300))
		fill(t.l.w, body)
		list = append(list, t.in.entry(t.l.secrets.ik, entryBlank, t.prev(), body))
	}
	return entries(list)
}

func rosterUnknown(t *talk) [][]byte {
	body := make([]byte, t.l.w.between(0, 3000))
	fill(t.l.w, body)
	typ := uint8(t.l.w.between(entryBlank+1, 255))
	return entries([][]byte{t.in.entry(t.l.secrets.ik, typ, nil, body)})
}

// rosterStrangers are signed by devices that the liar has made up. Some of them it lets in, at times later, and then what they have signed
// may count: of a full device's they have the right to shut out others. So none of those shuts out an honest device. Only one does that
// nobody ever lets in.
func rosterStrangers(t *talk) [][]byte {
	h := t.l.h
	var list [][]byte
	for range h.w.between(1, 40) {
		by := h.madeUp()
		m := pick(h.w, t.in.roster.Members())
		if !h.w.chance(0.5) {
			list = append(list, t.in.entry(by.ik, entryFull, t.prev(), h.fullOf()))
			continue
		}
		if h.full && !h.isMadeUp(m.IK) {
			by = h.someone()
		}
		list = append(list, t.in.entry(by.ik, entryRevoke, t.prev(), m.IK[:]))
	}
	return entries(list)
}

// oddNamespaces lists what there is under other numbers, and what there is not.
func oddNamespaces(t *talk) [][]byte {
	w := t.l.w
	var list []wire.Namespace
	for range w.between(1, 20) {
		c := pick(w, t.in.namespaces)
		n := wire.Namespace{Number: 0x100 | uint16(w.rng.Uint32()), NS: c.ns, On: w.chance(0.8), App: c.app, Name: oddName(w)}
		if w.chance(0.5) {
			n.App = fmt.Sprintf("org.example.made-up.%d", w.rng.IntN(100))
			fill(w, n.NS[:])
			if t.in.circle {
				n.NS = t.in.derive("masq/1 ns" + n.App)
			}
		}
		list = append(list, n)
	}
	return [][]byte{wire.AppendNamespaces(nil, list)}
}

// namespaceEntries are of a namespace's roster, told within the circle.
func namespaceEntries(t *talk) [][]byte {
	if !t.in.circle {
		return nil
	}
	for _, in := range t.l.secrets.domains {
		if in.peersOf {
			c := in.namespaces[0]
			as := &talk{l: t.l, in: in}
			var list [][]byte
			for range t.l.w.between(1, 40) {
				list = append(list, in.entry(t.l.secrets.ik, entryFull, as.prev(), t.l.h.fullOf()))
			}
			return [][]byte{wire.AppendNamespaceEntries(nil, &wire.NamespaceRoster{Number: c.number, Entries: list})}
		}
	}
	return nil
}

func oddName(w *simulation) string {
	return pick(w, []string{"Notes", "\u200b", "\u202eNotes", "", "Device dev0", strings.Repeat("é", wire.MaxNameRunes), "\t"})
}

func rename(t *talk) [][]byte {
	return [][]byte{wire.AppendRosterHeads(nil, &wire.RosterHeads{
		Heads: t.in.roster.Heads(), Name: oddName(t.l.w), Version: wire.SessionVersion,
	})}
}

// replay says once more what it, or another, has said.
func replay(t *talk) [][]byte {
	if len(t.l.h.past) == 0 {
		return nil
	}
	return [][]byte{slices.Clone(pick(t.l.w, t.l.h.past))}
}

func unknownMessage(t *talk) [][]byte {
	body := make([]byte, t.l.w.upTo(100_000))
	fill(t.l.w, body[:min(len(body), 100)])
	return [][]byte{append(wire.AppendU32([]byte{byte(t.l.w.between(14, 255))}, uint32(len(body))), body...)}
}

func bye(t *talk) [][]byte {
	return [][]byte{wire.AppendBye(nil, wire.Bye{Reason: wire.ByeReason(t.l.w.upTo(6)), Code: uint8(t.l.w.upTo(30))})}
}

// handshakes are bodies outside of any session: an M1 again and again, and what is none.
func handshakes(t *talk) [][]byte {
	for range t.l.w.between(1, 30) {
		frame := t.m1
		if frame == nil || t.l.w.chance(0.3) {
			frame = make([]byte, t.l.w.between(2, 2000))
			fill(t.l.w, frame)
			frame[0] = byte(wire.RelayData)
		}
		t.sendRaw(frame)
	}
	return nil
}
