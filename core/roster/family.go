package roster

// Families says of each application peer in a namespace's roster through whom it came in: itself if a full device let it in, else the
// peer at the beginning of its line of invitations. Full devices are not among them.
func (r *Roster) Families() map[[32]byte][32]byte {
	now := r.current()
	out := map[[32]byte][32]byte{}
	for i := range r.entries { // who invites stands before whom it invites
		e := &r.entries[i]
		switch {
		case e.typ != typeAdd || !now.live.has(i):
		case r.full(e, &now.verdict):
			out[e.member.IK] = e.member.IK
		default:
			if _, known := out[e.member.IK]; !known {
				out[e.member.IK] = out[e.signer]
			}
		}
	}
	return out
}
