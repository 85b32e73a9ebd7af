package sim

import (
	"github.com/masqdev/masq/core/peer"
	"github.com/masqdev/masq/core/replica"
	"github.com/masqdev/masq/core/wire"
)

// What a device is taken to have must be on its disk, whatever happens to it: others forget deletions for that, and send nothing again. It is
// looked at when a device has died, with what its disk has kept, and when it opens again: word may have been on the way.

// checkBelieved has the disk have all that other devices take it to have.
func (d *device) checkBelieved() {
	w := d.w
	if w.hostile != nil || w.opt.Backups || d.shaky || d.dropped || d.id == "" {
		return // a liar is believed about itself; who was put back, or dropped the data, tells others when they meet
	}
	stored := map[string]wire.Vector{}
	for _, o := range w.devices {
		if o == d || o.run == nil {
			continue
		}
		e, ok := o.run.engine.(*peer.Engine)
		if !ok {
			continue
		}
		for _, b := range e.Beliefs() {
			if b.ID == d.id && len(b.Have) > 0 {
				d.checkBelief(o, &b, stored)
			}
		}
	}
}

func (d *device) checkBelief(o *device, b *peer.Belief, stored map[string]wire.Vector) {
	v, known := stored[b.App]
	if !known {
		var err error
		if v, err = d.stored(b.App); err != nil {
			d.w.failf("%s: its disk cannot be read: %v", d.name, err)
		}
		stored[b.App] = v
	}
	if v == nil {
		return // it has not asked for the application again since its circle was another one
	}
	if d.w.did("believed"); !v.CoversAll(b.Have) {
		d.w.failf("%s takes %s to have %v of %s, which has %v", o.name, d.name, b.Have.Lacking(v), b.App, v)
	}
}

// stored is the vector of an application on the disk; nil if it is not there.
func (d *device) stored(app string) (wire.Vector, error) {
	l, num, err := d.namespace(app)
	if l == nil || err != nil {
		return nil, err
	}
	r, err := replica.Open(l, num, replica.Config{Rand: ones{}})
	if err != nil {
		return nil, err
	}
	return r.Vector(), nil
}
