package roster

import (
	"bytes"
	"sort"

	"github.com/masqdev/masq/core/wire"
)

// What counts is worked out anew from the whole set, so that it never depends on the order in which entries came.
//
// A REVOKE strikes what its target signed unseen by it. Two REVOKEs can strike each other, or in a ring: then neither is
// first, and all count. So REVOKEs are edges of a graph, from signer to target. So are ADDs and FULLs that a REVOKE may strike,
// because what their member signed falls with them: else somebody who was revoked could add a device in the past, which revokes the
// revoker. Where a path leads back, a REVOKE counts; the others are decided from those on whom nobody has a say.

// A verdict says what counts in a set of entries.
type verdict struct {
	able    set   // the entries that would count if nobody had been revoked
	live    set   // the entries that count
	revokes set   // the REVOKEs among them
	list    []int // the same
}

// resolve works out the verdict on a set that has with each entry its past.
func (r *Roster) resolve(in set) verdict {
	var v verdict
	r.resolved += uint64(len(r.entries))
	for i := range r.entries {
		if in.has(i) && !r.entries[i].idle {
			v.able.add(i)
		}
	}
	v.live = v.able
	if r.namespace {
		r.strike(&v)
		v.able = v.live
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
	for level := 1; level <= len(g.reach); level++ {
		for _, ring := range []bool{true, false} {
			had := v.revokes
			for n, i := range revokes {
				if g.level[g.from[n]] == level && g.ring(n) == ring &&
					(ring && r.entitled(&r.entries[i], &v) || !ring && v.live.has(i)) {
					v.live.add(i)
					v.revokes.add(i)
					v.list = append(v.list, i)
				}
			}
			if v.revokes != had {
				r.strike(&v)
			}
		}
	}
	return v
}

// strike takes away what doesn't count because of v's REVOKEs, and what falls with that.
func (r *Roster) strike(v *verdict) {
	r.strikeFull(v)
	for i := range r.entries {
		e := &r.entries[i]
		if v.live.has(i) && e.typ != typeFull && !v.revokes.has(i) && (!r.entitled(e, v) || r.striker(i, v) >= 0) {
			v.live.drop(i)
		}
	}
}

// strikeFull is strike for FULLs. Two devices may introduce each other, so it begins with the roots, and adds what follows from them.
func (r *Roster) strikeFull(v *verdict) {
	if !r.namespace {
		return
	}
	for i := range r.entries {
		if r.entries[i].typ == typeFull {
			v.live.drop(i)
		}
	}
	for again := true; again; {
		again = false
		for i := range r.entries {
			e := &r.entries[i]
			if e.typ == typeFull && v.able.has(i) && !v.live.has(i) && r.full(e, v) && r.striker(i, v) < 0 {
				v.live.add(i)
				again = true
			}
		}
	}
}

// striker is the place of a REVOKE of v that strikes entry i, -1 if there is none: one of i's signer that has not seen i, or,
// where an application peer signed an ADD, any of it.
func (r *Roster) striker(i int, v *verdict) int {
	e := &r.entries[i]
	for _, j := range v.list {
		if o := &r.entries[j]; i != j && o.target == e.signer && (!o.past.has(i) || r.namespace && e.typ == typeAdd && !r.full(e, v)) {
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
	for _, i := range e.by {
		if v.live.has(i) {
			return true
		}
	}
	return false
}

// full reports whether an entry's signer is a full device. In a circle all are whose introduction the entry stands behind. In a
// namespace's roster a FULL may come later than what it is good for: two devices may have begun one apart.
func (r *Roster) full(e *entry, v *verdict) bool {
	if !r.namespace {
		for _, i := range e.by {
			if v.live.has(i) {
				return true
			}
		}
		return false
	}
	for i := range r.entries {
		if o := &r.entries[i]; o.typ == typeFull && v.live.has(i) && o.member.IK == e.signer {
			return true
		}
	}
	return r.isRoot(e.signer)
}

// invited reports whether peer invited who, or invited whoever did, and nobody else has. A peer is among those itself.
func (r *Roster) invited(who, peer [32]byte, in set) bool {
	found := false
	for i := range r.entries {
		e := &r.entries[i]
		if !in.has(i) || !e.introduces() || e.member.IK != who {
			continue
		}
		if found = e.line.has(r.place(peer)); !found {
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
	for _, i := range e.by {
		o := &r.entries[i]
		switch {
		case o.idle:
		case !known:
			line, known = o.line, true
		default:
			line.meet(o.line) // of a FULL: nobody
		}
	}
	if known {
		line.add(r.place(e.signer))
	}
	return line
}

// place stands for a device in entry.line: it is that of the first entry here that introduces it.
func (r *Roster) place(ik [32]byte) int {
	for i := range r.entries {
		if e := &r.entries[i]; e.introduces() && e.member.IK == ik {
			return i
		}
	}
	return 0 // never asked for
}

// nodes is a set of places in graph.reach. An entry has at most two devices.
type nodes [2 * wire.MaxRoster / 64]uint64

func (s *nodes) add(i int)      { s[i/64] |= 1 << (i % 64) }
func (s *nodes) has(i int) bool { return s[i/64]&(1<<(i%64)) != 0 }

// graph says who has a say on whom.
type graph struct {
	nodes    map[[32]byte]int
	from, to []int   // of the REVOKEs
	reach    []nodes // the devices that a device has a say on, over any way; itself too
	level    []int   // how many have a say on a device: on a way that does not lead back, always more
}

// ring reports whether a way leads back from the target of the n-th REVOKE to its signer. Who leaves by itself makes none.
func (g *graph) ring(n int) bool { return g.from[n] != g.to[n] && g.reach[g.to[n]].has(g.from[n]) }

func (r *Roster) graph(in set, revokes []int) graph {
	g := graph{nodes: make(map[[32]byte]int)}
	for _, i := range revokes {
		e := &r.entries[i]
		g.from, g.to = append(g.from, g.node(e.signer)), append(g.to, g.node(e.target))
		g.reach[g.node(e.signer)].add(g.node(e.target))
	}
	r.expose(&g, in, revokes)
	for k := range g.reach {
		for i := range g.reach {
			if g.reach[i].has(k) {
				for w := range g.reach[i] {
					g.reach[i][w] |= g.reach[k][w]
				}
			}
		}
	}
	g.level = make([]int, len(g.reach))
	for i := range g.reach {
		for j := range g.level {
			if g.reach[i].has(j) {
				g.level[j]++
			}
		}
	}
	return g
}

// expose makes edges of the introductions that might fall: those that one of revokes might strike, and those by a device that has
// such a one.
func (r *Roster) expose(g *graph, in set, revokes []int) {
	var devices nodes
	var done set
	for again := true; again; {
		again = false
		for i := range r.entries {
			e := &r.entries[i]
			if !in.has(i) || done.has(i) || !e.introduces() || !devices.has(g.node(e.signer)) && !r.strikable(i, revokes) {
				continue
			}
			from, to := g.node(e.signer), g.node(e.member.IK)
			g.reach[from].add(to)
			devices.add(to)
			done.add(i)
			again = true
		}
	}
}

// strikable is striker before it is known which of revokes count.
func (r *Roster) strikable(i int, revokes []int) bool {
	e := &r.entries[i]
	for _, j := range revokes {
		if o := &r.entries[j]; o.target == e.signer && (!o.past.has(i) || r.namespace && e.typ == typeAdd) {
			return true
		}
	}
	return false
}

func (g *graph) node(ik [32]byte) int {
	n, ok := g.nodes[ik]
	if !ok {
		n = len(g.reach)
		g.nodes[ik] = n
		g.reach = append(g.reach, nodes{})
		g.reach[n].add(n)
	}
	return n
}

// rightful reports whether an entry counts as far as its own past can tell, of which v is the verdict, and its signer is entitled.
func (r *Roster) rightful(e *entry, v *verdict) bool {
	ok := e.typ != typeRevoke
	for i := range r.entries {
		o := &r.entries[i]
		if !e.past.has(i) || o.idle {
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

func (r *Roster) verdictOn(in set) verdict {
	if in == r.all {
		return r.current().verdict
	}
	return r.resolve(in)
}

// outcome is what a roster says.
type outcome struct {
	verdict
	members []Member
	out     []Member // were members
	relays  int      // the entry of the RELAYS that hold, 0 if there is none
}

// current is what the roster says now. It is worked out when it is asked for.
func (r *Roster) current() *outcome {
	if r.now != nil {
		return r.now
	}
	now := &outcome{verdict: r.resolve(r.all)}
	r.now = now
	r.count(now)
	for i := range r.entries {
		e, top := &r.entries[i], &r.entries[now.relays]
		if e.typ == typeRelays && now.live.has(i) && (now.relays == 0 || e.version > top.version ||
			e.version == top.version && bytes.Compare(e.id[:], top.id[:]) > 0) {
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
	for i := range list {
		c := &list[i]
		member := c.live && !c.revoked
		for j := range list {
			o := &list[j]
			same := o.IK == c.IK || o.NK == c.NK
			member = member && (!same || !o.live || !(o.revoked && o.rank <= c.rank))
		}
		for _, m := range now.members {
			member = member && m.IK != c.IK && m.NK != c.NK
		}
		if member {
			now.members = append(now.members, c.Member)
		}
	}
	for i := range list {
		if c := &list[i]; !c.live || c.revoked {
			if find(now.members, c.IK) < 0 && find(now.out, c.IK) < 0 {
				now.out = append(now.out, c.Member)
			}
		}
	}
}

func (r *Roster) candidates(now *outcome) []candidate {
	var list []candidate
	var rank [wire.MaxRoster]int
	for i := range r.entries {
		e := &r.entries[i]
		if !now.able.has(i) || !e.introduces() {
			continue
		}
		if r.namespace && e.typ == typeAdd {
			rank[i] = 1
			if !r.full(e, &now.verdict) {
				for _, j := range e.by {
					rank[i] = max(rank[i], rank[j]+1)
				}
			}
		}
		c := candidate{Member: e.member, rank: rank[i], live: now.live.has(i)}
		for j := range r.entries {
			c.revoked = c.revoked || now.revokes.has(j) && r.entries[j].target == c.IK
		}
		list = append(list, c)
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

func find(list []Member, ik [32]byte) int {
	for i := range list {
		if list[i].IK == ik {
			return i
		}
	}
	return -1
}
