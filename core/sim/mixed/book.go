package mixed

import (
	"fmt"
	"slices"
	"strings"
)

// keys is how many an application has: few, so that devices write the same.
const keys = 5

// place is a key of an application.
type place struct{ app, key string }

func (p place) String() string { return p.app + " " + p.key }

// book is what the users wrote, and what each write had seen.
type book struct {
	writes []*write
	had    [2]map[*write]bool // by side: what a device has had while it was there
}

// side is the device's version, by which it is kept apart from those of the other one.
func (d *device) side() int {
	if d.r.together {
		return older
	}
	return d.version
}

// write is a put or a deletion. Its number stands in its value.
type write struct {
	n        int
	at       place
	by       *device
	version  int // the device's
	deletion bool
	acked    bool
	saw      []*write // what was there when it was written
	after    []*write // the writes that saw it
}

func (x *write) String() string {
	return fmt.Sprintf("write %d of %s (version %d) to %s", x.n, x.by.name, x.version, x.at)
}

func (b *book) add(d *device, at place, deletion bool) *write {
	x := &write{n: len(b.writes), at: at, by: d, version: d.version, deletion: deletion}
	b.writes = append(b.writes, x)
	b.has(d, x)
	return x
}

func (x *write) value(size int) string {
	if x.deletion {
		return ""
	}
	return fmt.Sprintf(`{"w":%d,"x":"%s"}`, x.n, strings.Repeat("x", size))
}

// find returns the write of a value.
func (b *book) find(at place, value string) *write {
	var n int
	if _, err := fmt.Sscanf(value, `{"w":%d,`, &n); err != nil || n < 0 || n >= len(b.writes) || b.writes[n].at != at {
		return nil
	}
	return b.writes[n]
}

// has notes that d has x.
func (b *book) has(d *device, x *write) {
	d.ever[x] = true
	if b.had[d.side()] == nil {
		b.had[d.side()] = map[*write]bool{}
	}
	b.had[d.side()][x] = true
}

// carry notes what an update brings along: all that the device ever had, what that was written over, and the deletions whose effect it
// may have.
func (b *book) carry(d *device) {
	for _, x := range b.writes {
		if d.ever[x] || x.deletion && b.had[older][x] {
			b.has(d, x)
			for _, s := range x.ancestors() {
				b.has(d, s)
			}
		}
	}
}

// ancestors are the writes that x, or what it saw, has seen.
func (x *write) ancestors() (out []*write) {
	seen := map[*write]bool{}
	var walk func(x *write)
	walk = func(x *write) {
		for _, s := range x.saw {
			if !seen[s] {
				seen[s] = true
				out = append(out, s)
				walk(s)
			}
		}
	}
	walk(x)
	return out
}

// write writes to a place. In the same breath it reads what is there: that is what the write has seen.
func (d *device) write() {
	r := d.r
	at := pick(r, d.places())
	x := r.book.add(d, at, r.chance(0.2))
	size := int(r.between(0, 300))
	if r.chance(0.05) {
		size = int(r.between(1000, 60_000))
	}
	see := func(reply Reply) {
		for _, v := range reply.Values {
			if s := r.book.find(at, v); s != nil && !slices.Contains(x.saw, s) {
				x.saw, s.after = append(x.saw, s), append(s.after, x)
			}
		}
	}
	r.log(d.name, "write", x)
	d.ask(
		call{at.app, Get{at.key}, see}, call{at.app, Conflicts{at.key}, see},
		call{at.app, Put{at.key, x.value(size)}, func(reply Reply) {
			d.granted(reply)
			x.acked = reply.Err == ""
			r.log(d.name, "written", x)
		}})
}

// look reads what is at these places, and checks that it may be here.
func (d *device) look(places []place) {
	for _, at := range places {
		var got []*write
		take := func(reply Reply) {
			for _, v := range reply.Values {
				if x := d.r.book.find(at, v); x == nil {
					d.r.failf("%s has a value at %s that nobody wrote", d.name, at)
				} else if !slices.Contains(got, x) {
					got = append(got, x)
				}
			}
		}
		d.ask(call{at.app, Get{at.key}, take}, call{at.app, Conflicts{at.key}, func(reply Reply) {
			if take(reply); reply.Err == "" {
				d.found(at, got)
			}
		}})
	}
}

// found: what a device of one version has, another one of that version has had before it, or wrote.
func (d *device) found(at place, got []*write) {
	b := &d.r.book
	for _, x := range got {
		if !d.ever[x] {
			d.r.log(d.name, "has", x)
		}
		if !b.had[d.side()][x] {
			d.r.failf("%s (version %d) has %s, which only the other version had", d.name, d.version, x)
		}
		b.has(d, x)
	}
	deleted := func(x *write) bool { return x.deletion && x.at == at && b.had[d.side()][x] }
	if len(got) == 0 && len(d.shown[at.String()]) > 0 && !slices.ContainsFunc(b.writes, deleted) {
		d.r.failf("%s (version %d) has nothing at %s, which only the other version deleted", d.name, d.version, at)
	}
	slices.SortFunc(got, func(x, y *write) int { return x.n - y.n })
	d.shown[at.String()] = got
}
