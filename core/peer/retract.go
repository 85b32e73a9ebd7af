package peer

// retract ends what the sessions that stand are about the namespace: they were told a vector that is no longer true, for this device has given up
// what it claimed there. What others go by it to leave out is lacking here. So no END of these sessions is joined, and no cursor stays from before.
// They begin anew once what this device claims now is in storage.
func (n *namespace) retract() {
	n.distrust()
	n.e.after(func() {
		n.distrust()
		n.e.resync(func(d *device) bool { return d.shares(n) })
	})
}

func (n *namespace) distrust() {
	n.begunAnew()
	for _, d := range n.e.devices {
		if f := d.flow(n); f != nil {
			f.retracted, f.lacking = true, true
		}
		if key := d.cursorIn(n.num); len(n.e.led.Meta(key)) != 0 {
			n.e.led.SetMeta(key, nil)
		}
	}
}
