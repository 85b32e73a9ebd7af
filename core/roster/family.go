package roster

// Family is the application peer through which a device came in: itself if a full device let it in, else the peer at the beginning of its
// line of invitations. A full device, or one that is not listed, is by itself.
func (r *Roster) Family(ik [32]byte) [32]byte {
	now := r.current()
	for range r.entries { // each turn goes back to an earlier one
		by := r.letInBy(ik, &now.verdict)
		if by == ik {
			break
		}
		ik = by
	}
	return ik
}

// letInBy is the peer that let a device in first, or the device itself if a full device did, or nobody. Where nothing that lets it in
// counts any more, it is of the family that it was of: it fell with a peer, and is as many with it as before.
func (r *Roster) letInBy(ik [32]byte, v *verdict) [32]byte {
	by, counts := ik, false
	for i := range r.entries {
		e := &r.entries[i]
		if e.typ != typeAdd || e.member.IK != ik || !v.able.has(i) {
			continue
		}
		live := v.live.has(i)
		if live && r.full(e, v) {
			return ik
		}
		if by == ik || live && !counts {
			by, counts = e.signer, live
		}
	}
	return by
}
