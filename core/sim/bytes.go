package sim

// What a disk may hold besides what is there: of each application the log until its next checkpoint, and what its segments and pages keep of what is
// not there any more.
const (
	storeRoom  = 256 << 10
	appRoom    = 5 << 18
	recordRoom = 120 // of a record, besides its key, its value and what it has seen
)

// checkBytes has no disk hold more than that, however often something was written and deleted and the device was started.
func (w *simulation) checkBytes() {
	if w.opt.Backups || w.hostile != nil {
		return
	}
	for _, d := range w.devices {
		room := storeRoom
		for _, app := range append([]string{notes}, w.profile.apps...) {
			if h, err := d.holding(app); err == nil && h != nil {
				room += appRoom + 2*h.size()
			}
		}
		w.did("bytes")
		if all := d.disk.seen.bytes(); all > room {
			w.failf("%s has grown: its disk holds %d bytes, where %d are allowed", d.name, all, room)
		}
	}
}

// size is about what the records take on a disk, which has each key twice.
func (h *holding) size() (n int) {
	for i := range h.recs {
		rec := &h.recs[i]
		n += recordRoom + 2*len(rec.Key) + len(rec.Value) + 16*len(rec.Context)
	}
	return n
}
