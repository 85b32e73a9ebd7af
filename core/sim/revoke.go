package sim

import (
	"slices"

	"github.com/masqdev/masq/core/peer"
)

// shutOut has a user shut out the device that came in last, which goes on for a while. What it wrote and nobody has yet may go with it.
func shutOut(w *simulation) {
	by, d := w.running(), w.devices[len(w.devices)-1]
	if by == nil || by == d || len(w.out) > 0 || len(w.devices) < 3 || w.pairing != nil || d.run == nil || d.stray != nil || !w.acquainted() ||
		w.profile.stores && !by.isStore() {
		return
	}
	w.log(by.name, "revoke", 0, d.name)
	w.out = append(w.out, d.id)
	w.devices = slices.Delete(w.devices, len(w.devices)-1, len(w.devices))
	by.run.do(call{op: &peer.Op{Client: me, Do: peer.Revoke{Device: d.id}}, reply: func(r peer.Reply) {
		if by.user.refused(r.Err) { // perhaps it is a member still
			w.lost = append(w.lost, d.id)
			return
		}
		w.did("revoke")
		w.revoked = append(w.revoked, d.id)
	}})
	w.after(w.upTo(2*minute), func() {
		d.kill(false)
		w.book.excuse(d)
	})
}

// checkShutOut has nobody know a device that was shut out.
func (w *simulation) checkShutOut() {
	for _, d := range w.honest() {
		if d.run == nil {
			continue
		}
		all := d.run.status.Devices
		for _, a := range d.run.status.Apps {
			all = append(all[:len(all):len(all)], a.Peers...)
		}
		for _, id := range w.revoked {
			w.did("shut out")
			if slices.ContainsFunc(all, func(x peer.Device) bool { return x.ID == id }) {
				w.failf("%s still has a device that was shut out", d.name)
			}
		}
	}
}
