package replica

// Where there is little room, a checkpoint must not need much of it: what it writes is there beside what that replaces, until that goes. A page is
// written as a whole for each key of it that has changed, so that few changes can need much.

const (
	tightBytes = 128 << 10 // in memory, with the pages to be written for it: then a checkpoint is due
	tightRest  = 128 << 10 // of segments, and of pages, that a checkpoint rewrites besides
)

// TightAll is how many bytes a checkpoint rewrites at most where there is little room, together with Strain. If that is more, it rewrites nothing besides.
const TightAll = 640 << 10

// Tight has checkpoints come sooner, and rewrite nothing besides what Spare lets them.
func (r *Replica) Tight(yes bool) { r.tight, r.spare = yes, 0 }

// Spare is how many bytes of segments, and of pages, the next checkpoint may rewrite besides what it has to write, if there is little room.
func (r *Replica) Spare(bytes int) { r.spare = bytes }

// tightly is how much of what a checkpoint has at most it has now.
func (r *Replica) tightly(most int) int {
	if r.tight {
		return min(most, tightRest, r.spare)
	}
	return most
}

// strained reports whether enough is in memory for a checkpoint where there is little room.
func (r *Replica) strained() bool { return r.tight && r.memBytes+r.owes.bytes > tightBytes }

// owes is which pages the next checkpoint has to write for what is in memory.
type owes struct {
	pages map[int]struct{}
	bytes int
}

// owe notes that a key is in memory.
func (r *Replica) owe(key string) {
	i := r.pageOf(key)
	if _, ok := r.owes.pages[i]; ok || i < 0 {
		return
	}
	if r.owes.pages == nil {
		r.owes.pages = map[int]struct{}{}
	}
	r.owes.pages[i] = struct{}{}
	r.owes.bytes += int(r.pages[i].bytes)
}

// Strain is how much room is needed for what is in memory, most of it by the next checkpoint, and for deletions of these keys: the log has it, the
// checkpoint writes it once more, and it writes the pages.
func (r *Replica) Strain(keys ...string) int {
	return 2*r.memBytes + r.owes.bytes + r.strainOf(keys, r.owes.pages)
}

// StrainAlone is how much room is needed for deletions of these keys if nothing is in memory.
func (r *Replica) StrainAlone(keys ...string) int { return r.strainOf(keys, nil) }

// strainOf is how much room deletions of these keys need besides what is in memory, for which these pages are owed.
func (r *Replica) strainOf(keys []string, owed map[int]struct{}) (need int) {
	pages := map[int]struct{}{}
	for _, key := range keys {
		need += 2 * (len(key) + versionBytes)
		i := r.pageOf(key)
		if _, ok := owed[i]; ok || i < 0 {
			continue
		}
		if _, ok := pages[i]; !ok {
			pages[i] = struct{}{}
			need += int(r.pages[i].bytes)
		}
	}
	return need
}

// Owes is how many bytes of pages the next checkpoint writes for what is in memory.
func (r *Replica) Owes() int { return r.owes.bytes }
