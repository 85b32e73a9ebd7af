package replica

// Work counts what merging has cost since the replica was opened. It only grows. The simulator bounds what one step may add to it.
type Work struct {
	Versions uint64 // versions that a record, or a version in a page, was compared with
	Pairs    uint64 // pairs of contexts that were walked to make another context
	Elements uint64 // elements of vectors that were copied to make the own one
}

// Work returns the counts.
func (r *Replica) Work() Work { return r.work }
