package sim

import "bytes"

// An application peer is sent nothing of other applications: neither data nor what tells that there are any. A member that lies reads all that it is
// sent, so it is the one that can say.

// hide gathers what an application peer must not see: the other application by both its names, its devices' secret, and the circle's.
func (h *hostile) hide() {
	h.hidden = nil
	if h.full {
		return
	}
	for _, d := range h.w.honest() {
		s, err := d.secrets()
		if err != nil || !d.isStore() {
			continue
		}
		for _, in := range s.domains {
			if !in.circle {
				continue
			}
			id := in.roster.ID()
			h.hidden = append(h.hidden, bytes.Clone(in.secret[:]), bytes.Clone(id[:]))
			for _, n := range in.namespaces {
				if n.app != notes {
					secret := in.derive("masq/1 ns-secret" + n.app)
					h.hidden = append(h.hidden, bytes.Clone(n.ns[:]), secret[:], []byte(n.app))
				}
			}
		}
	}
}

// overhears looks through a message that it was sent.
func (h *hostile) overhears(msg []byte) {
	if len(h.hidden) > 0 {
		h.w.did("overheard message")
	}
	for i, x := range h.hidden {
		if bytes.Contains(msg, x) {
			h.w.failf("%s was sent the %d. thing that is hidden from it, in a message %d of %d bytes", h.d.name, i, msg[0], len(msg))
		}
	}
}
