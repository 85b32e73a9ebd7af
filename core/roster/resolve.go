package roster

import (
	"bytes"
	"math/bits"
	"sort"
)

// What counts is worked out anew from the whole set, so that it never depends on the order in which entries came.
//
// A REVOKE strikes what its target signed unseen by it. Two REVOKEs can strike each other, or in a ring: then neither is
// first, and all count. So REVOKEs are edges of a graph, from signer to target. So are ADDs and FULLs that a REVOKE may strike,
// because what their member signed falls with them: else somebody who was revoked could add a device in the past, which revokes the
// revoker. Where a path leads back, a REVOKE counts; the others are decided from those on whom nobody has a say.

// A verdict says what counts in a set of entries.
type verdict struct {
	able    set     // the entries that would count if nobody had been revoked
	live    set     // the entries that count
	revokes set     // the REVOKEs among them
	against [][]int // the same, by the numbers of their targets
	full    []bool  // a namespace's full devices, by their numbers
}

// resolve works out the verdict on a set that has with each entry its past.
func (r *Roster) resolve(in set) verdict {
	r.resolved += uint64(len(r.entries))
	v := verdict{against: make([][]int, len(r.devices))}
	for i := range r.entries {
		if in.has(i) && !r.entries[i].idle {
			v.able.add(i)
		}
	}
	v.live = v.able
	if r.namespace {
		r.enable(&v)
	}
	var revokes []int
	for i := range r.entries {
		if v.able.has(i) && r.entries[i].typ == typeRevoke {
			revokes = append(revokes, i)
		}
	}
	if revokes == nil {
		return v
	}
	g := r.graph(v.able, revokes)
	due := make([][]int, len(g.reach)+1) // by level
	for n := range revokes {
		level := g.level[g.from[n]]
		due[level] = append(due[level], n)
	}
	for _, list := range due {
		for _, ring := range []bool{true, false} {
			had := v.revokes
			for _, n := range list {
				i := revokes[n]
				if g.ring(n) == ring && (ring && r.entitled(&r.entries[i], &v) || !ring && v.live.has(i)) {
					v.count(i, r.entries[i].whom)
				}
			}
			if v.revokes != had {
				r.strike(&v)
			}
		}
	}
	return v
}

func (v *verdict) count(i, target int) {
	v.live.add(i)
	v.revokes.add(i)
	v.against[target] = append(v.against[target], i)
}

// enable takes from v what nobody was entitled to sign: REVOKEs last, because what a peer may revoke is up to the ADDs that remain.
func (r *Roster) enable(v *verdict) {
	r.strikeFull(v)
	for _, revokes := range []bool{false, true} {
		v.able = v.live
		for i := range r.entries {
			e := &r.entries[i]
			if v.live.has(i) && e.typ != typeFull && (e.typ == typeRevoke) == revokes && !r.entitled(e, v) {
				v.live.drop(i)
			}
		}
	}
	v.able = v.live
}

// strike takes away what doesn't count because of v's REVOKEs, and what falls with that.
func (r *Roster) strike(v *verdict) {
	r.strikeFull(v)
	for i := range r.entries {
		e := &r.entries[i]
		if v.live.has(i) && e.typ != typeFull && !v.revokes.has(i) && (r.striker(i, v) >= 0 || !r.entitled(e, v)) {
			v.live.drop(i)
		}
	}
}

// strikeFull is strike for FULLs. Two devices may introduce each other, so it begins with the roots, and adds what follows from them.
func (r *Roster) strikeFull(v *verdict) {
	if !r.namespace {
		return
	}
	v.full = make([]bool, len(r.devices))
	var found []int
	for _, ik := range r.roots {
		if n := r.number(ik); n >= 0 {
			v.full[n], found = true, append(found, n)
		}
	}
	by := make([][]int, len(r.devices))
	for i := range r.entries {
		if e := &r.entries[i]; e.typ == typeFull {
			v.live.drop(i)
			if v.able.has(i) {
				by[e.who] = append(by[e.who], i)
			}
		}
	}
	for len(found) > 0 {
		n := found[0]
		found = found[1:]
		for _, i := range by[n] {
			if r.striker(i, v) >= 0 {
				continue
			}
			v.live.add(i)
			if who := r.entries[i].whom; !v.full[who] {
				v.full[who], found = true, append(found, who)
			}
		}
	}
}

// striker is the place of a REVOKE of v that strikes entry i, -1 if there is none: one of i's signer that has not seen i, or,
// where an application peer signed an ADD, any of it.
func (r *Roster) striker(i int, v *verdict) int {
	e := &r.entries[i]
	for _, j := range v.against[e.who] {
		if i != j && (!r.entries[j].past.has(i) || r.namespace && e.typ == typeAdd && !r.full(e, v)) {
			return j
		}
	}
	return -1
}

// entitled reports whether an entry's signer may sign it, if the introductions in v.live are those that count.
func (r *Roster) entitled(e *entry, v *verdict) bool {
	switch {
	case e.typ == typeGenesis || r.full(e, v):
		return true
	case e.typ == typeFull || e.typ == typeRevoke && !r.invited(e.target, e.signer, v.able):
		return false
	}
	return e.by.meets(&v.live)
}

// full reports whether an entry's signer is a full device. In a circle all are whose introduction the entry stands behind. In a
// namespace's roster a FULL may come later than what it is good for: two devices may have begun one apart.
func (r *Roster) full(e *entry, v *verdict) bool {
	if !r.namespace {
		return e.by.meets(&v.live)
	}
	return e.who >= 0 && e.who < len(v.full) && v.full[e.who] || r.isRoot(e.signer)
}

// invited reports whether peer invited who, or invited whoever did, and nobody else has who was entitled to. A peer is among those itself.
func (r *Roster) invited(who, peer [32]byte, in set) bool {
	found, at, whom := false, r.introduced(peer), r.number(who)
	for i := range r.entries {
		e := &r.entries[i]
		if e.whom != whom || !in.has(i) || !e.introduces() {
			continue
		}
		if found = e.line.has(at); !found {
			break
		}
	}
	return found || who == peer
}

// lineOf is who invited the device of an ADD, and who invited those, as places: the application peers alone, and only who
// is on every way to a full device.
func (r *Roster) lineOf(e *entry) (line set) {
	if e.typ != typeAdd || r.isRoot(e.signer) {
		return set{}
	}
	known := false
	for i := e.by.next(0); i >= 0; i = e.by.next(i + 1) {
		o := &r.entries[i]
		switch {
		case o.idle:
		case !known:
			line, known = o.line, true
		default:
			line.meet(&o.line) // of a FULL: nobody
		}
	}
	if known {
		line.add(r.introduced(e.signer))
	}
	return line
}

// introduced stands for a device in entry.line: it is the first entry here that introduces it.
func (r *Roster) introduced(ik [32]byte) int {
	whom := r.number(ik)
	for i := range r.entries {
		if e := &r.entries[i]; e.whom == whom && e.introduces() {
			return i
		}
	}
	return 0 // never asked for
}

// graph says who has a say on whom.
type graph struct {
	nodes    []int // by devices' numbers: one more than the node, 0 if there is none
	n        int
	from, to []int      // of the REVOKEs
	reach    [][]uint64 // sets of the devices that a device has a say on, over any way; itself too
	level    []int      // how many have a say on a device: on a way that does not lead back, always more
}

//go:noinline
func (g *graph) has(from, to int) bool { return g.reach[from][to/64]&(1<<(to%64)) != 0 }

//go:noinline
func (g *graph) edge(from, to int) { g.reach[from][to/64] |= 1 << (to % 64) }

// ring reports whether a way leads back from the target of the n-th REVOKE to its signer. Who leaves by itself makes none.
func (g *graph) ring(n int) bool { return g.from[n] != g.to[n] && g.has(g.to[n], g.from[n]) }

func (r *Roster) graph(in set, revokes []int) graph {
	g := graph{nodes: make([]int, len(r.devices))}
	for _, i := range revokes {
		e := &r.entries[i]
		g.from, g.to = append(g.from, g.node(e.who)), append(g.to, g.node(e.whom))
	}
	exposed := r.exposed(&g, in, revokes)
	for range g.n {
		g.reach = append(g.reach, make([]uint64, (g.n+63)/64))
	}
	for n := range g.reach {
		g.edge(n, n)
	}
	for n := range g.from {
		g.edge(g.from[n], g.to[n])
	}
	for _, i := range exposed {
		g.edge(g.node(r.entries[i].who), g.node(r.entries[i].whom))
	}
	g.close()
	return g
}

// close adds to reach what follows from it, and works out the levels.
func (g *graph) close() {
	for k, of := range g.reach {
		for i, row := range g.reach {
			if i != k && row[k/64]&(1<<(k%64)) != 0 {
				for w, some := range of {
					row[w] |= some
				}
			}
		}
	}
	g.level = make([]int, len(g.reach))
	for _, row := range g.reach {
		for w, left := range row {
			for ; left != 0; left &= left - 1 {
				g.level[w*64+bits.TrailingZeros64(left)]++
			}
		}
	}
}

// exposed are the introductions that might fall: those that one of revokes might strike, and those by a device that has such a one.
func (r *Roster) exposed(g *graph, in set, revokes []int) (list []int) {
	by, against := make([][]int, len(r.devices)), make([][]int, len(r.devices))
	for _, j := range revokes {
		n := r.entries[j].whom
		against[n] = append(against[n], j)
	}
	var done set
	expose := func(i int) {
		if !done.has(i) {
			done.add(i)
			list = append(list, i)
		}
	}
	for i := range r.entries {
		e := &r.entries[i]
		if !in.has(i) || !e.introduces() {
			continue
		}
		by[e.who] = append(by[e.who], i)
		for _, j := range against[e.who] {
			if !r.entries[j].past.has(i) || r.namespace && e.typ == typeAdd {
				expose(i)
				break
			}
		}
	}
	for n := 0; n < len(list); n++ {
		e := &r.entries[list[n]]
		g.node(e.who)
		g.node(e.whom)
		for _, i := range by[e.whom] {
			expose(i)
		}
	}
	return list
}

//go:noinline
func (g *graph) node(device int) int {
	if g.nodes[device] == 0 {
		g.n++
		g.nodes[device] = g.n
	}
	return g.nodes[device] - 1
}

// rightful reports whether an entry counts as far as its own past can tell, of which v is the verdict, and its signer is entitled.
func (r *Roster) rightful(e *entry, v *verdict) bool {
	ok := e.typ != typeRevoke
	for i := e.past.next(0); i >= 0; i = e.past.next(i + 1) {
		o := &r.entries[i]
		if o.idle {
			continue
		}
		ik, nk := o.member.IK == e.member.IK, o.member.NK == e.member.NK
		switch {
		case v.revokes.has(i) && (o.target == e.signer || e.typ == typeFull && o.target == e.member.IK),
			o.introduces() && e.typ == typeAdd && (ik || nk),
			o.typ == typeAdd && e.typ == typeFull && ik,
			o.typ == typeFull && e.typ == typeFull && v.live.has(i) && ik != nk:
			return false
		}
		ok = ok || o.introduces() && o.member.IK == e.target
	}
	return ok
}

// weigh works out what an entry's own past says of it: idle, and the verdict as far as that is asked for.
func (r *Roster) weigh(e *entry) verdict {
	var v verdict
	for i := e.past.next(0); i >= 0; i = e.past.next(i + 1) {
		if !r.entries[i].idle {
			v.able.add(i)
		}
	}
	v.live = v.able
	for i := v.able.next(0); i >= 0; i = v.able.next(i + 1) {
		if r.decides(&r.entries[i], e) {
			v = r.resolve(e.past)
			break
		}
	}
	e.idle = !r.rightful(e, &v)
	return v
}

// decides reports whether o, which e stands behind, makes the verdict on e's past matter to e. In a circle e's signer must be a member by it.
func (r *Roster) decides(o, e *entry) bool {
	if o.typ == typeRevoke {
		return !r.namespace || o.target == e.signer || e.typ == typeFull && o.target == e.member.IK
	}
	return o.typ == typeFull && e.typ == typeFull && (o.member.IK == e.member.IK) != (o.member.NK == e.member.NK)
}

// outcome is what a roster says.
type outcome struct {
	verdict
	members []Member
	out     []Member         // were members
	relays  int              // the entry of the RELAYS that hold, 0 if there is none
	left    map[leftKey]int  // what leftOf returns
	place   map[[32]byte]int // by ik: in members, from 1, or in out, from -1 down
}

// leftKey is a device, and what it might sign.
type leftKey struct {
	ik      [32]byte
	phantom int
}

// current is what the roster says now. It is worked out when it is asked for.
func (r *Roster) current() *outcome {
	if r.now != nil {
		return r.now
	}
	now := &outcome{verdict: r.resolve(r.counting), left: make(map[leftKey]int)}
	r.now = now
	r.count(now)
	for i := range r.entries {
		if r.entries[i].typ == typeRelays && now.live.has(i) && (now.relays == 0 || r.newer(i, now.relays)) {
			now.relays = i
		}
	}
	return now
}

// A candidate is a device that an entry introduces.
type candidate struct {
	Member
	rank    int // how many invitations it is away from a full device
	live    bool
	revoked bool
}

// count lists the members: GENESIS' first, then by rank and the id of the entry. Where two that did not know of each other name
// the same ik or nk, only the first one counts, so that all devices choose the same. What was revoked keeps its ik and nk, but an
// application peer must not take anything from those above it by adding a device with the same nk.
func (r *Roster) count(now *outcome) {
	list := r.candidates(now)
	now.place = make(map[[32]byte]int, len(list))
	iks, nks, taken := bars{}, bars{}, bars{}
	for i := range list {
		if c := &list[i]; c.live && c.revoked {
			iks.add(c.IK, c.rank)
			nks.add(c.NK, c.rank)
		}
	}
	for i := range list {
		c := &list[i]
		if !c.live || c.revoked || iks.bar(c.IK, c.rank) || nks.bar(c.NK, c.rank) || now.place[c.IK] != 0 || taken.bar(c.NK, 0) {
			continue
		}
		now.members = append(now.members, c.Member)
		now.place[c.IK] = len(now.members)
		taken.add(c.NK, 0)
	}
	for i := range list {
		if c := &list[i]; (!c.live || c.revoked) && now.place[c.IK] == 0 {
			now.out = append(now.out, c.Member)
			now.place[c.IK] = -len(now.out)
		}
	}
}

// bars has by key the lowest rank of who bars others from it.
type bars map[[32]byte]int

func (b bars) add(key [32]byte, rank int) {
	if had, ok := b[key]; !ok || rank < had {
		b[key] = rank
	}
}

func (b bars) bar(key [32]byte, rank int) bool {
	low, ok := b[key]
	return ok && low <= rank
}

func (r *Roster) candidates(now *outcome) []candidate {
	var list []candidate
	var rank [maxHeld]int
	for i := range r.entries {
		e := &r.entries[i]
		if !now.able.has(i) || !e.introduces() {
			continue
		}
		if r.namespace && e.typ == typeAdd {
			rank[i] = 1
			if !r.full(e, &now.verdict) {
				for j := range i {
					if e.by.has(j) {
						rank[i] = max(rank[i], rank[j]+1)
					}
				}
			}
		}
		list = append(list, candidate{Member: e.member, rank: rank[i], live: now.live.has(i), revoked: now.against[e.whom] != nil})
	}
	sort.Slice(list, func(i, j int) bool {
		a, b := &list[i], &list[j]
		if first := a.Entry == r.genesis; first || b.Entry == r.genesis {
			return first
		}
		if a.rank != b.rank {
			return a.rank < b.rank
		}
		return bytes.Compare(a.Entry[:], b.Entry[:]) < 0
	})
	return list
}
