package roster

import "crypto/ed25519"

// revokeAnew puts a device out when a REVOKE that has seen what is to stay has no place. One that stands behind introductions alone comes
// early in its row, and strikes all that its target has signed. It is of the device itself, or once more of one that is out and let it in, so
// one entry is enough for a crowd. Nobody must come back because another REVOKE of this device loses its place.
func (r *Roster) revokeAnew(ik ed25519.PrivateKey, who [32]byte) (raw []byte, ok bool) {
	me := public(ik)
	for target, more := who, true; more; target, more = r.outAbove(me, target) {
		if raw, ok := r.revokes(ik, who, append(appendPrev(nil, r.heads(r.first(me, target))), target[:]...)); ok {
			return raw, true
		}
	}
	return nil, false
}

// revokes takes a REVOKE with this body if it puts a device out and nobody comes back.
func (r *Roster) revokes(ik ed25519.PrivateKey, who [32]byte, body []byte) (raw []byte, ok bool) {
	trial := *r
	trial.forget(r.all) // now it shares nothing with r that changes
	raw, err := trial.signed(ik, typeRevoke, body)
	if err != nil || trial.seenBy(public(ik), who).Has(who) || !trial.within(r) {
		return nil, false
	}
	*r = trial
	return raw, true
}

// revokesFull reports whether all places of REVOKEs are taken.
func (r *Roster) revokesFull() bool {
	n := 0
	for i := range r.entries {
		if r.entries[i].typ == typeRevoke && r.counting.has(i) {
			n++
		}
	}
	return n >= places
}

// madeUp are the FULLs by a device of devices that were never in the circle, as far as this one knows. A REVOKE of it does not stand behind
// them, so they go with it.
func (r *Roster) madeUp(who [32]byte) (list set) {
	for i := range r.entries {
		if e := &r.entries[i]; e.typ == typeFull && e.signer == who && !r.isRoot(e.member.IK) {
			list.add(i)
		}
	}
	return list
}

// seenBy is the roster in which a device looks for whom it may revoke: if nobody else has it in, that of those that trust the device alone.
func (r *Roster) seenBy(me, who [32]byte) *Roster {
	if r.namespace && !r.Has(who) {
		return r.alone(me)
	}
	return r
}

// outAbove is who let a device in, if that one is out.
func (r *Roster) outAbove(me, who [32]byte) (by [32]byte, ok bool) {
	seen := r.seenBy(me, who)
	in := seen.first(who)
	if len(in) == 0 {
		return by, false
	}
	by = seen.entries[in[0]].signer
	return by, by != who && seen.Revoked(by)
}

// first are the first entries that introduce devices and count.
func (r *Roster) first(devices ...[32]byte) (list []int) {
	live := r.current().live
	for _, ik := range devices {
		first := -1
		for i := range r.entries {
			e := &r.entries[i]
			if e.introduces() && e.member.IK == ik && live.has(i) && (first < 0 || r.before(i, first)) {
				first = i
			}
		}
		if first >= 0 {
			list = append(list, first)
		}
	}
	return list
}

// within reports whether all members are members of another roster, too.
func (r *Roster) within(o *Roster) bool {
	for _, m := range r.current().members {
		if !o.Has(m.IK) {
			return false
		}
	}
	return true
}
