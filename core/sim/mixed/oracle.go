package mixed

import (
	"fmt"
	"maps"
	"slices"
)

const (
	eVersion = "E_VERSION"
	eClosed  = "E_CLOSED"
)

// noticed is within which two devices of different versions that are both connected have to say so, in ms: twice the longest wait between
// two attempts to reach each other.
const noticed = 2 * minute

// pair is two devices: a new one, and an old one.
type pair struct{ a, b *device }

// meeting is a pair with the engines that run.
type meeting struct {
	pair
	lifeA, lifeB int
}

// knows reports whether d has o among the devices that it shares anything with.
func (d *device) knows(o *device) bool {
	for _, list := range d.status.Members {
		if o.status.Self != "" && slices.Contains(list, o.status.Self) {
			return true
		}
	}
	return false
}

func (d *device) shares(o *device, app string) bool {
	return slices.Contains(d.status.Members[app], o.status.Self) && slices.Contains(o.status.Members[app], d.status.Self)
}

// watchOver checks once a second that whoever has been together with another version says E_VERSION, unless the two sync.
func (r *run) watchOver() {
	for _, a := range r.devices {
		for _, b := range r.devices {
			p := pair{a, b}
			if a.version == newer && b.version == older && a.connected() && b.connected() && a.knows(b) && b.knows(a) {
				r.meets(p)
			} else {
				delete(r.since, p)
			}
		}
	}
	r.after(second, r.watchOver)
}

func (d *device) connected() bool { return d.running && !d.offline }

func (r *run) meets(p pair) {
	if r.since[p] == 0 {
		r.since[p] = r.now
	}
	if r.together { // device.told sees to it that nobody says anything
		r.met[meeting{p, p.a.life, p.b.life}] = true
	} else if p.a.status.Err == eVersion && p.b.status.Err == eVersion {
		r.met[meeting{p, p.a.life, p.b.life}] = true
	} else if r.now > max(r.since[p], p.a.since, p.b.since)+noticed {
		r.failf("%s (new) says %q, %s (old) %q", p.a.name, p.a.status.Err, p.b.name, p.b.status.Err)
	}
}

// checkApart: after a while of calm the new ones among themselves have the same; all have, where the two versions sync.
func (r *run) checkApart() {
	r.lookAll()
	var in [2][]*device
	for _, d := range r.devices {
		in[d.version] = append(in[d.version], d)
		if !d.running {
			r.failf("%s does not run", d.name)
		}
	}
	alike := in[newer]
	if r.together {
		alike = r.devices
	}
	if what := r.agree(alike); what != "" {
		r.failf("while old ones are there %s", what)
	}
}

// agree says which two devices that share an application differ in it; "" if none do.
func (r *run) agree(devices []*device) string {
	for i, a := range devices {
		for _, b := range devices[:i] {
			for _, at := range a.places() {
				if x, y := a.shown[at.String()], b.shown[at.String()]; a.shares(b, at.app) && !slices.Equal(x, y) {
					return fmt.Sprintf("%s has %v, %s has %v", a.name, x, b.name, y)
				}
			}
		}
	}
	return ""
}

// lookAll has every device say what it has at every place: the same as what was told of changes.
func (r *run) lookAll() {
	for _, d := range r.devices {
		if !d.running {
			continue
		}
		before := maps.Clone(d.shown)
		d.look(d.places())
		r.pass(second)
		for _, at := range d.places() {
			if x, y := before[at.String()], d.shown[at.String()]; !slices.Equal(x, y) {
				r.failf("%s was told of %v at %s, and has %v", d.name, x, at, y)
			}
		}
	}
}

// verify checks what all devices have in the end: all are connected, nothing is lost, and only what was concurrent is in conflict.
func (r *run) verify() {
	for _, d := range r.devices {
		for _, o := range r.devices {
			if d != o && !d.knows(o) {
				r.failf("%s does not know %s in the end", d.name, o.name)
			}
		}
	}
	for _, d := range r.devices {
		for _, at := range d.places() {
			r.verifyAt(at, d)
		}
	}
}

func (r *run) verifyAt(at place, d *device) {
	got := d.shown[at.String()]
	for _, x := range got {
		for _, y := range x.ancestors() {
			if slices.Contains(got, y) {
				r.failf("%s has %s in conflict with %s, which saw it", d.name, y, x)
			}
		}
	}
	for _, x := range r.book.writes {
		if x.at == at && x.acked && !x.survives(got) {
			r.failf("%s lost %s", d.name, x)
		}
		if x.at == at && x.acked && x.deletion && slices.ContainsFunc(x.saw, func(s *write) bool { return slices.Contains(got, s) }) {
			r.failf("%s has what %s deleted", d.name, x)
		}
	}
}

// survives reports whether x is there, or a write that saw it, or may be gone by a deletion.
func (x *write) survives(got []*write) bool {
	return x.deletion || slices.Contains(got, x) || slices.ContainsFunc(x.after, func(y *write) bool { return y.survives(got) })
}

// downgrade opens a copy of a new device's disk with the old engine, without a network: it must say E_VERSION and change nothing.
func (d *device) downgrade() {
	if !d.renewed || d.r.same {
		return
	}
	before := d.disk.Snapshot()
	copied := &device{r: d.r, name: d.name + "'", app: d.app, key: d.key, disk: d.disk.Reopen()}
	copied.disk.Restore(before)
	engine := d.r.versions[older].Engine(copied.config())
	events := []any{Start{Blocks: listed(copied.disk)}}
	code, commits := "", 0
	for i := 0; len(events) > 0 && code == ""; i++ {
		ev := events[0]
		events = events[1:]
		for _, a := range engine.Step(epoch+d.r.now+uint64(i), ev) {
			switch a := a.(type) {
			case Load:
				events = append(events, Loaded{loaded(copied.disk, a.IDs)})
			case Commit:
				commits++
			case Failed:
				code = a.Err
			}
		}
	}
	if code == eVersion && commits == 0 {
		d.r.res.Kept++
	} else {
		d.r.failf("the old version opens the disk of %s: %q, %d commits", d.name, code, commits)
	}
}
