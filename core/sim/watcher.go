package sim

import (
	"bytes"
	"strings"

	"github.com/masqdev/masq/core/peer"
	"github.com/masqdev/masq/core/wire"
)

// watcher is a part of a program that follows the keys with a prefix. It knows nothing but what it is told, over crashes and failed commits, and
// comes back with the position that it was told last.
type watcher struct {
	u        *user
	prefix   string
	mirror   map[string]entry
	position uint64 // of the last Changed, to come back with
	op       uint64 // of its Watch; 0: it does not watch
}

// anew is a position that was never told: who comes with it is told all.
const anew = 1

func newWatchers(u *user) []*watcher {
	var all []*watcher
	for _, prefix := range []string{"k/0", "k/1", "bulk/", "none"} {
		all = append(all, &watcher{u: u, prefix: prefix, mirror: map[string]entry{}, position: anew})
	}
	return all
}

// begin watches on in an engine, from where it was, or sometimes from the beginning.
func (x *watcher) begin(p *proc) {
	if x.u.w.chance(0.2) {
		x.position = anew
	}
	if x.position != anew {
		x.u.w.did("watch on")
	}
	x.op = p.lastOp + 1
	op, first := x.op, true
	p.watches[op] = func(c peer.Changed) {
		if p == x.u.d.run && op == x.op {
			x.changed(c, first)
		}
		first = false
	}
	p.do(call{op: &peer.Op{Client: me, Do: peer.Watch{Prefix: x.prefix, Since: x.position}}, reply: func(r peer.Reply) {
		if x.u.refused(r.Err) && op == x.op {
			x.op = 0
		}
	}})
}

// end stops watching for some time.
func (x *watcher) end(p *proc) {
	target := x.op
	x.op = 0
	p.do(call{op: &peer.Op{Client: me, Do: peer.Unwatch{Target: target}}, reply: func(r peer.Reply) { x.u.refused(r.Err) }})
}

func (x *watcher) changed(c peer.Changed, first bool) {
	w := x.u.w
	if c.Reset {
		if !first && !x.u.d.mayReset() {
			w.failf("%s: a watch of %q was reset on the way", x.u.d.name, x.prefix)
		}
		w.log(x.u.d.name, "reset", uint64(len(x.mirror)), x.prefix)
		w.did("reset")
		x.mirror = map[string]entry{}
	}
	if c.Position < x.position && !first && !c.Reset {
		w.failf("%s: a watch of %q went back from position %d to %d", x.u.d.name, x.prefix, x.position, c.Position)
	}
	x.position = c.Position
	w.counted("prefix change", len(c.Changes))
	for _, y := range c.Changes {
		if !strings.HasPrefix(y.Key, x.prefix) {
			w.failf("%s: a watch of %q is told of %q", x.u.d.name, x.prefix, y.Key)
		}
		if y.Kind == wire.Deleted {
			delete(x.mirror, y.Key)
			continue
		}
		x.u.genuine(y.Key, y.Kind, y.Value)
		x.mirror[y.Key] = entry{y.Kind, y.Value}
	}
}

// check compares what the watcher has with what List shows behind a key.
func (x *watcher) check(p *proc, after string) {
	op := x.op
	p.do(call{op: &peer.Op{Client: me, Do: peer.List{Prefix: x.prefix, After: after}}, reply: func(r peer.Reply) {
		if x.u.refused(r.Err) || p != x.u.d.run || op == 0 || op != x.op {
			return
		}
		last := ""
		if r.More && len(r.Entries) > 0 {
			last = r.Entries[len(r.Entries)-1].Key
		}
		x.compare(r.Entries, func(key string) bool { return key > after && (last == "" || key <= last) })
		if last != "" {
			x.check(p, last)
		}
	}})
}

func (x *watcher) compare(entries []peer.Entry, inside func(string) bool) {
	x.u.w.did("prefix mirror")
	n := 0
	for key := range x.mirror {
		if inside(key) && !x.u.d.loses(key) {
			n++
		}
	}
	for _, e := range entries {
		if m, ok := x.mirror[e.Key]; x.u.d.loses(e.Key) {
			n++
		} else if !ok || m.kind != e.Kind || !bytes.Equal(m.value, e.Value) {
			x.u.w.failf("%s: List shows %s, the watch of %q does not", x.u.d.name, x.u.describe(e.Key, e.Kind, e.Value), x.prefix)
			return
		}
	}
	if n != len(entries) {
		x.u.w.failf("%s: the watch of %q has %d keys where List shows %d", x.u.d.name, x.prefix, n, len(entries))
	}
}

// watchOn has everything that the user's programs watch watched in a fresh engine.
func (u *user) watchOn(p *proc) {
	for _, x := range u.watchers {
		x.begin(p)
		x.check(p, "")
	}
}

// rewatch ends one of the watches, or begins it again.
func (u *user) rewatch(p *proc) {
	x := pick(u.w, u.watchers)
	if x.op != 0 {
		x.end(p)
		u.w.did("unwatch")
		u.w.log(u.d.name, "unwatch", 0, x.prefix)
		return
	}
	x.begin(p)
	x.check(p, "")
	u.w.log(u.d.name, "watch again", 0, x.prefix)
}

// checkWatches compares all that is watched with what List shows.
func (u *user) checkWatches(p *proc) {
	if u.whole {
		p.do(u.page(p, "", func() {}))
	}
	for _, x := range u.watchers {
		x.check(p, "")
	}
}

// crashed: the engine has ended without a word. What watches comes back with what it was told last, if it outlives that.
func (u *user) crashed() {
	u.fell = true
	if u.since = 0; u.whole && u.position != 0 && u.w.chance(0.7) {
		u.since = u.position
	}
}
