package roster

import (
	"bytes"
	"sort"

	"github.com/masqdev/masq/core/wire"
)

// A roster has places for a bounded number of entries. What has none is forgotten, so who gets one must follow from the set alone,
// and forgetting must never change who gets one later.
//
// Entries form a tree: what a device signs hangs on the entry that let it in, its door. Places are given out in turns: at each door
// the device itself and each of those that it let in have a turn, and what one lets in takes its turns from its own. So nobody gets more
// turns by letting in more, and what others sign takes no place from a device that has not had its share. The order in which a device's own
// entries have their turns follows from these alone.
const (
	places     = wire.MaxRoster     // of REVOKEs, and as many of the other entries
	strangers  = wire.MaxRoster / 4 // entries by devices that nobody has let in, with what they stand behind
	maxKept    = 4 * wire.MaxRoster // entries with a place and what they stand behind
	maxHeld    = maxKept + strangers + 2*wire.MaxRoster
	near       = 16 // the most that Left returns
	fullsLeast = 16 // FULLs of a row that no ADD goes before
)

// outside is the door of strangers' entries; below it are those of devices that are trusted without an entry.
const outside = -1

// A phantom stands for an entry that a device might sign: a FULL, or another one.
const (
	phantom     = -1
	phantomFull = -2
)

// A branch is what came in through one door.
type branch struct {
	door int
	own  []int // what its device signed, in the order in which it gets places
	kids []*branch
	cost int // of what got a place, here and in kids
	mine int // of own's part
}

// turn gives the next entry of the branch its turn: the one of whoever has had least. give returns what it cost.
func (b *branch) turn(give func(i int) int) int {
	next, least := -1, b.mine
	for k, kid := range b.kids {
		if next < 0 && len(b.own) == 0 || kid.cost < least {
			next, least = k, kid.cost
		}
	}
	var cost int
	if next < 0 {
		cost = give(b.own[0])
		b.own, b.mine = b.own[1:], b.mine+cost
	} else {
		kid := b.kids[next]
		if cost = kid.turn(give); kid.done() {
			b.kids = append(b.kids[:next:next], b.kids[next+1:]...)
		}
	}
	b.cost += cost
	return cost
}

func (b *branch) done() bool { return len(b.own) == 0 && len(b.kids) == 0 }

// settle gives out the places, forgets what has none, and reports whether that changed anything but what had none before. The
// entries from the had-th on are new.
func (r *Roster) settle(had int) bool {
	keep := r.place()
	changed := false
	for i := range r.entries {
		changed = changed || keep.has(i) != (i < had)
	}
	if keep != r.all {
		r.forget(keep)
	}
	r.now = nil
	return changed
}

// place gives out the places. It notes in r.counting which entries have one or belong to a REVOKE that has, and returns those with
// all that they stand behind.
func (r *Roster) place() (keep set) {
	doors := r.doors()
	revokes, others := r.sorts(doors)
	revokes, _ = share(r.tree(doors, &revokes))
	others, _ = share(r.tree(doors, &others))
	r.counting, keep = revokes, others
	r.close(doors, &r.counting)
	r.close(doors, &keep)
	keep.join(&r.counting)
	if keep.count() > maxKept {
		keep = set{}
		r.shareWhole(doors, &revokes, &keep, maxKept/2)
		r.counting = keep
		others = r.shareWhole(doors, &others, &keep, maxKept)
	}
	r.counting.join(&others)
	r.placeStrangers(doors, &keep)
	return keep
}

// sorts are the two sorts of entries that have places of their own, but strangers'.
func (r *Roster) sorts(doors []int) (revokes, others set) {
	for i := range r.entries {
		switch {
		case doors[i] == outside:
		case r.entries[i].typ == typeRevoke:
			revokes.add(i)
		default:
			others.add(i)
		}
	}
	return revokes, others
}

// share gives the places to the entries of a tree, one at a turn. It also returns how many went to phantoms.
func share(b *branch) (has set, phantoms int) {
	for n := places; n > 0 && !b.done(); n-- {
		b.turn(func(i int) int {
			if i < 0 {
				phantoms++
			} else {
				has.add(i)
			}
			return 1
		})
	}
	return has, phantoms
}

// shareWhole gives places to entries together with all that they stand behind, until keep has n. A turn costs as many as that takes.
func (r *Roster) shareWhole(doors []int, in, keep *set, n int) (has set) {
	b := r.tree(doors, in)
	for left := n - keep.count(); !b.done(); {
		b.turn(func(i int) int {
			whole := *keep
			whole.add(i)
			r.close(doors, &whole)
			cost := whole.count() - keep.count()
			if cost <= left {
				*keep = whole
				left -= cost
				has.add(i)
			}
			return max(cost, 1)
		})
	}
	return has
}

// placeStrangers keeps the first of the entries by devices that nobody has let in: roots may come to be known later.
func (r *Roster) placeStrangers(doors []int, keep *set) {
	var list []int
	for i := range r.entries {
		if doors[i] == outside {
			list = append(list, i)
		}
	}
	sort.Slice(list, func(a, b int) bool { return r.before(list[a], list[b]) })
	for left, n := strangers, 0; n < len(list) && left > 0; n++ {
		whole := *keep
		whole.join(&r.entries[list[n]].past)
		whole.add(list[n])
		if cost := whole.count() - keep.count(); cost <= left {
			*keep = whole
			left -= cost
			r.counting.add(list[n])
		}
	}
}

// close adds to a set all that its entries stand behind, and the doors of all: a FULL may be a door and not in the past.
func (r *Roster) close(doors []int, s *set) {
	for had := -1; had != s.count(); {
		had = s.count()
		for i := s.next(0); i >= 0; i = s.next(i + 1) {
			s.join(&r.entries[i].past)
			if doors[i] >= 0 {
				s.add(doors[i])
			}
		}
	}
}

// before is the order of a device's entries: one is never behind another that stands behind it.
func (r *Roster) before(i, j int) bool {
	a, b := &r.entries[i], &r.entries[j]
	if a.size != b.size {
		return a.size < b.size
	}
	return bytes.Compare(a.id[:], b.id[:]) < 0
}

// tree hangs entries on their doors.
func (r *Roster) tree(doors []int, in *set) *branch { return r.treeWith(doors, in, outside, 0) }

// treeWith hangs as many phantoms as Left counts on one door besides; on none if it is outside.
func (r *Roster) treeWith(doors []int, in *set, door, phantom int) *branch {
	root := &branch{door: outside}
	all := []*branch{root}
	for i := range r.entries {
		if in.has(i) {
			b := branchOf(&all, doors, doors[i])
			b.own = append(b.own, i)
		}
	}
	if door != outside {
		b := branchOf(&all, doors, door)
		for range near {
			b.own = append(b.own, phantom)
		}
	}
	for _, b := range all {
		r.arrange(b.own)
		sort.Slice(b.kids, func(i, j int) bool { return r.doorBefore(b.kids[i].door, b.kids[j].door) })
	}
	return root
}

func branchOf(all *[]*branch, doors []int, door int) *branch {
	for _, b := range *all {
		if b.door == door {
			return b
		}
	}
	b := &branch{door: door}
	*all = append(*all, b)
	above := (*all)[0]
	if door >= 0 {
		above = branchOf(all, doors, doors[door])
	}
	above.kids = append(above.kids, b)
	return b
}

func (r *Roster) doorBefore(a, b int) bool {
	if a < 0 && b < 0 {
		ika, ikb := &r.roots[outside-1-a], &r.roots[outside-1-b]
		return bytes.Compare(ika[:], ikb[:]) < 0
	}
	return a < b && a < 0 || a >= 0 && b >= 0 && r.before(a, b)
}

// arrange puts a device's entries in their order: the RELAYS that would hold first, the other RELAYS last, the highest version first. FULLs come
// behind ADDs, but for the first: a device signs one of each full device, and so do others that it does not hear of meanwhile, so what is left
// between them for who is let in could not be kept free.
func (r *Roster) arrange(own []int) {
	top := -1
	for _, i := range own {
		if i >= 0 && r.entries[i].typ == typeRelays && (top < 0 || r.newer(i, top)) {
			top = i
		}
	}
	late := r.lateFulls(own)
	class := func(i int) int {
		switch {
		case i == phantom:
			return 2
		case i == phantomFull:
			return 4
		case i == top:
			return 0
		case r.entries[i].typ == typeRelays:
			return 6
		case r.entries[i].typ == typeNote:
			return 5
		case late.has(i):
			return 3
		}
		return 1
	}
	sort.Slice(own, func(a, b int) bool {
		i, j := own[a], own[b]
		switch x, y := class(i), class(j); {
		case x != y:
			return x < y
		case i < 0:
			return false
		case x == 6:
			return r.newer(i, j)
		case r.entries[i].aim != r.entries[j].aim:
			return r.before(r.entries[i].aim, r.entries[j].aim)
		}
		return r.before(i, j)
	})
}

// aimOf is the first entry in the past of a circle's REVOKE that introduces its target, 0 of any other entry. REVOKEs have their turns by it: that
// of a device comes before those of all that the device has let in, so when there are fewer places, these lose theirs first.
func (r *Roster) aimOf(e *entry) (aim int) {
	if r.namespace || e.typ != typeRevoke {
		return 0
	}
	for i := e.past.next(0); i >= 0; i = e.past.next(i + 1) {
		if o := &r.entries[i]; o.introduces() && o.member.IK == e.target && (aim == 0 || r.before(i, aim)) {
			aim = i
		}
	}
	return aim
}

// lateFulls are a device's FULLs but the first.
func (r *Roster) lateFulls(own []int) (late set) {
	var fulls []int
	for _, i := range own {
		if i >= 0 && r.entries[i].typ == typeFull {
			fulls = append(fulls, i)
		}
	}
	sort.Slice(fulls, func(a, b int) bool { return r.before(fulls[a], fulls[b]) })
	for n := fullsLeast; n < len(fulls); n++ {
		late.add(fulls[n])
	}
	return late
}

// newer reports whether the RELAYS i hold rather than j.
func (r *Roster) newer(i, j int) bool {
	a, b := &r.entries[i], &r.entries[j]
	if a.version != b.version {
		return a.version > b.version
	}
	return bytes.Compare(a.id[:], b.id[:]) > 0
}

// doors are the doors of all entries.
func (r *Roster) doors() []int {
	doors := make([]int, len(r.entries))
	full := r.fullDoors()
	var adds set
	for i := range r.entries {
		e := &r.entries[i]
		door := full[e.who]
		switch {
		case door != outside:
		case e.typ == typeGenesis:
			door = rootDoor(0)
		default:
			door = r.firstOf(e, &adds)
		}
		doors[i] = door
		if e.introduces() && (!r.namespace || e.typ == typeAdd && door != outside && !e.idle) {
			adds.add(i)
		}
	}
	return doors
}

// firstOf is the first of those that introduce an entry's signer in its past and are in let, outside if there is none.
func (r *Roster) firstOf(e *entry, let *set) int {
	door := outside
	for i := e.by.next(0); i >= 0; i = e.by.next(i + 1) {
		if let.has(i) && (door == outside || r.before(i, door)) {
			door = i
		}
	}
	return door
}

// fullDoors are the doors of the full devices of a namespace's roster, by their numbers: roots have one without an entry, the others
// the first FULL by one that is as few FULLs away from a root as can be. Other devices' are outside.
func (r *Roster) fullDoors() []int {
	full, away := make([]int, len(r.devices)), make([]int, len(r.devices)) // away: one more than the FULLs between, 0 if not full
	for n := range full {
		full[n] = outside
	}
	for k, ik := range r.roots {
		if n := r.number(ik); n >= 0 {
			full[n], away[n] = rootDoor(k), 1
		}
	}
	for level, again := 1, true; again; level++ {
		again = false
		for i := range r.entries {
			e := &r.entries[i]
			if e.typ != typeFull || e.idle || away[e.who] != level || away[e.whom] != 0 && away[e.whom] != level+1 {
				continue
			}
			if again = true; away[e.whom] == 0 || r.before(i, full[e.whom]) {
				full[e.whom], away[e.whom] = i, level+1
			}
		}
	}
	return full
}

// rootDoor is the door of the k-th root, or of the first device of a circle.
func rootDoor(k int) int { return outside - 1 - k }

// forget drops all entries but those in keep, which has with each entry its past.
func (r *Roster) forget(keep set) {
	had, counting := r.entries, r.counting
	r.entries, r.all, r.covered, r.counting = nil, set{}, set{}, set{}
	r.index, r.devices = make(map[ID]int), make(map[[32]byte]int)
	for i := range had {
		if !keep.has(i) {
			continue
		}
		e := had[i]
		r.look(&e) // it cannot fail: what it stands behind is kept
		if counting.has(i) {
			r.counting.add(len(r.entries))
		}
		r.take(e)
	}
}

// Left is how many more entries of its own, REVOKEs and FULLs apart, a member has places for: at most 16.
func (r *Roster) Left(ik [32]byte) int { return r.leftOf(leftKey{ik, phantom}) }

// LeftFulls is how many more FULLs it has places for: at most 16.
func (r *Roster) LeftFulls(ik [32]byte) int { return r.leftOf(leftKey{ik, phantomFull}) }

// leftFor is Left or LeftFulls, by an entry's type.
func (r *Roster) leftFor(typ uint8, ik [32]byte) int {
	if typ == typeFull {
		return r.LeftFulls(ik)
	}
	return r.Left(ik)
}

func (r *Roster) leftOf(key leftKey) int {
	now := r.current()
	left, ok := now.left[key]
	if !ok {
		left = r.countLeft(r.doorOf(key.ik), key.phantom)
		now.left[key] = left
	}
	return left
}

func (r *Roster) countLeft(door, phantom int) int {
	if door == outside {
		return 0
	}
	doors := r.doors()
	_, others := r.sorts(doors)
	_, left := share(r.treeWith(doors, &others, door, phantom))
	return left
}

// doorOf is the door of what a member would sign, outside if it is none.
func (r *Roster) doorOf(ik [32]byte) int {
	if r.namespace {
		for k := range r.roots {
			if r.roots[k] == ik {
				return rootDoor(k)
			}
		}
		if n := r.number(ik); n >= 0 && r.fullDoors()[n] != outside {
			return r.fullDoors()[n]
		}
	}
	in, door := r.introductions(ik), outside
	for i := range r.entries {
		if in.has(i) && (door == outside || r.before(i, door)) {
			door = i
		}
	}
	return door
}
