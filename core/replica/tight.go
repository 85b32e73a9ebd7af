package replica

// Tight has checkpoints come sooner and write less, because there is little room for what they write before what that replaces goes.
func (r *Replica) Tight(yes bool) { r.tight = yes }

// tightly is how much of what a checkpoint has at most it has now.
func (r *Replica) tightly(most int) int {
	if r.tight {
		return most / 8
	}
	return most
}
