package sim

import (
	"cmp"
	"fmt"
	"reflect"
	"slices"

	"github.com/masqdev/masq/core/peer"
	"github.com/masqdev/masq/core/wire"
)

// What a status says has to be so at every moment, also while it changes: what is delivered, and everything that it would say if it were made anew.

// checkDelivered has who is said to need nothing more have all that is here, durably, or what has replaced it. While the application's data is deleted
// here, the disk still has what the status does not speak of any more.
func (w *simulation) checkDelivered(held map[*device]*holding) {
	if w.hostile != nil || w.opt.Backups {
		return // a liar says that it has what it has not, and a disk that was put back has lost what was delivered
	}
	for _, a := range w.devices {
		for _, b := range w.devices {
			if p := a.run; a != b && p != nil && !p.closing && held[a] != nil && held[b] != nil && !b.dropped && p.drops == 0 && p.says(b) {
				w.did("delivered")
				if rec := held[b].lacks(held[a]); rec != nil {
					w.failf("%s says that %s has everything, which lacks %s", a.name, b.name, a.user.describe(rec.Key, rec.Kind, rec.Value))
				}
			}
		}
	}
}

// says reports whether the status says that b has everything.
func (p *proc) says(b *device) bool {
	same := func(x peer.Device) bool { return b.id != "" && x.ID == b.id }
	for _, app := range p.status.Apps {
		if app.App != notes || !app.On {
			continue
		}
		in := func(x peer.AppDevice) bool { return x.ID == b.id && x.On && x.Theirs && x.ToSend == 0 }
		return slices.ContainsFunc(app.Devices, in) || slices.ContainsFunc(app.Peers, func(x peer.Device) bool { return same(x) && x.ToSend == 0 })
	}
	return !p.d.isStore() && slices.ContainsFunc(p.status.Devices, func(x peer.Device) bool { return same(x) && x.ToSend == 0 })
}

// lacks returns a record that o has, and h neither has nor had.
func (h *holding) lacks(o *holding) *wire.Record {
	have, seen := map[wire.Dot]bool{}, map[string][]wire.Dot{}
	for i := range h.recs {
		rec := &h.recs[i]
		have[rec.Dot] = true
		seen[rec.Key] = append(seen[rec.Key], rec.Context...)
	}
	for i := range o.recs {
		rec := &o.recs[i]
		replaced := func(d wire.Dot) bool { return d.Writer == rec.Dot.Writer && d.Seq&^wire.BlockOnly >= rec.Dot.Seq }
		if !rec.Hearsay && !have[rec.Dot] && !h.vector.Covers(rec.Dot) && !slices.ContainsFunc(seen[rec.Key], replaced) {
			return rec
		}
	}
	return nil
}

// checkWinners has get return, of the values that a key has on the disk and hearsay does not hide, the one with the highest time, writer and number,
// and Conflicts all others.
func (w *simulation) checkWinners(all []*content) {
	for i, d := range w.honest() {
		h, err := d.holding(notes)
		if err != nil || h == nil {
			continue // which checkSums tells
		}
		held := map[string][]*wire.Record{}
		for _, key := range all[i].keys {
			held[key] = nil
		}
		for n := range h.recs {
			held[h.recs[n].Key] = append(held[h.recs[n].Key], &h.recs[n])
		}
		for key, recs := range held {
			if !w.wild(key) && !d.loses(key) {
				w.checkWinner(d, key, recs, all[i].values[key])
			}
		}
	}
}

// checkWinner is given all records of a key, deletions among them: these hide, too.
func (w *simulation) checkWinner(d *device, key string, recs []*wire.Record, shown []*write) {
	values := visible(recs)
	slices.SortFunc(values, func(a, b *wire.Record) int {
		return -cmp.Or(cmp.Compare(a.Time, b.Time), cmp.Compare(a.Dot.Writer, b.Dot.Writer), cmp.Compare(a.Dot.Seq, b.Dot.Seq))
	})
	if len(values) > 1 {
		w.did("winner")
	}
	same := len(shown) == len(values)
	want := "["
	for i, rec := range values {
		x := w.book.find(key, rec.Kind, rec.Value)
		same = same && slices.Contains(shown, x) && (i > 0 || shown[0] == x)
		want += " " + d.user.describe(key, rec.Kind, rec.Value)
	}
	if !same {
		w.failf("%s shows %s of %s, where its disk has, in this order, %s ]", d.name, list(shown), key, want)
	}
}

// visible are the values among a key's records that hearsay does not hide; core/PROTOCOL.md, R6.31. It may do so for good: of what a device that was
// shut out wrote last, an application peer may be the only one that got it from that device itself.
func visible(recs []*wire.Record) (out []*wire.Record) {
	for _, rec := range recs {
		hides := func(o *wire.Record) bool { return o.Hearsay && supersedes(o, rec) }
		if rec.Kind != wire.Deleted && !slices.ContainsFunc(recs, hides) {
			out = append(out, rec)
		}
	}
	return out
}

// supersedes reports whether a has seen b and all that b has seen; core/PROTOCOL.md, R6.9. Hearsay is taken to have seen nothing.
func supersedes(a, b *wire.Record) bool {
	saw := b.Context
	if b.Hearsay {
		saw = nil
	}
	return wire.Sees(a.Context, b.Dot) &&
		(wire.ContextReaches(a.Context, saw) || a.Abridged && wire.ReachesNamed(a.Context, saw) && !wire.Sees(saw, a.Dot))
}

// checkTold has what a status said last be what it says if everything is looked at anew. Counts may be late for a moment.
func (d *device) checkTold(atRest bool) {
	p := d.run
	if p == nil || d.hostile() {
		return
	}
	e, ok := p.engine.(*peer.Engine)
	if !ok || e.Opening() || p.closing || p.status.Self.ID == "" || p.failed != "" {
		return
	}
	d.w.did("status made anew")
	told, now := plain(p.status, atRest), plain(e.LookAnew(), atRest)
	if what := firstDifference(told, now); what != "" {
		d.w.failf("%s: the status told is not what it is: %s", d.name, what)
	}
}

// plain is a status without what may change and be no reason to tell another one: when devices were heard, and, unless the mesh is at rest, counts.
func plain(s peer.Status, atRest bool) peer.Status {
	count := func(n uint64) uint64 {
		if atRest || n == 0 {
			return n
		}
		return 1
	}
	devices := func(list []peer.Device) (out []peer.Device) {
		for _, x := range list {
			x.LastHeard, x.ToSend = 0, count(x.ToSend)
			out = append(out, x)
		}
		return out
	}
	s.Devices, s.Apps = devices(s.Devices), slices.Clone(s.Apps)
	for i := range s.Apps {
		a := &s.Apps[i]
		a.Peers, a.Devices = devices(a.Peers), slices.Clone(a.Devices)
		for n := range a.Devices {
			a.Devices[n].ToSend = count(a.Devices[n].ToSend)
		}
		if !atRest {
			a.Entries, a.Bytes, a.Stored = 0, 0, 0
		}
	}
	if !atRest {
		s.Entries = 0
	}
	return s
}

// firstDifference says in what two statuses differ first; "" if they do not.
func firstDifference(told, now peer.Status) string {
	if len(told.Apps) == len(now.Apps) {
		for i := range told.Apps {
			if !reflect.DeepEqual(told.Apps[i], now.Apps[i]) {
				return fmt.Sprintf("%+v, it is %+v", told.Apps[i], now.Apps[i])
			}
		}
	}
	told.Apps, now.Apps = nil, nil
	if !reflect.DeepEqual(told, now) {
		return fmt.Sprintf("%+v, it is %+v", told, now)
	}
	return ""
}
