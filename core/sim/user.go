package sim

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"github.com/masqdev/masq/core/peer"
	"github.com/masqdev/masq/core/wire"
)

// user writes on one device, and watches everything there.
type user struct {
	d    *device
	w    *simulation
	name string // what the user calls the device

	anyName bool     // its disk lost some of them
	maybe   []string // names given since, of which it is not known whether they were kept

	mirror    map[string]entry // what the watch has told so far
	whole     bool             // the mirror has been filled
	position  uint64           // of the last Changed
	since     uint64           // where the next watch goes on, 0: the mirror is filled anew
	filled    bool             // bulk data was written
	discards  bool             // gives up the data that is here by joining: writes nothing meanwhile
	tried     bool             // it has been in a pairing
	paired    bool             // is in a circle with others
	apps      map[string]bool  // of the many: those that it has asked for
	wroteLong bool             // see runLong
	fell      bool             // the last engine ended without a word
	watchers  []*watcher
}

type entry struct {
	kind  wire.Kind
	value []byte
}

func newUser(d *device) *user {
	u := &user{d: d, w: d.w, name: "Device " + d.name}
	u.watchers = newWatchers(u)
	return u
}

// me is the Op.Client of everything that users do.
const me = 7

// opened watches everything on a fresh engine.
func (u *user) opened(p *proc) {
	since := u.since
	u.since, u.position = 0, 0
	if since == 0 {
		u.mirror, u.whole = map[string]entry{}, false
	}
	catchUp := since != 0 // the first Changed tells what came while nobody watched
	u.w.did("watch")
	watch := call{op: &peer.Op{Client: me, Do: peer.Watch{Since: since}}, reply: func(r peer.Reply) {
		if u.refused(r.Err) || p != u.d.run {
			return
		}
		u.position = max(u.position, r.Number)
		if since != 0 {
			u.w.log(u.d.name, "watch on", r.Number-since)
			u.w.did("watch on")
		}
	}}
	before := uint64(0)
	if u.d.isStore() {
		before = 2 // what comes first
	}
	p.watches[p.lastOp+before+1] = func(c peer.Changed) {
		if p == u.d.run {
			u.changed(c, catchUp)
		}
		catchUp = false
	}
	if u.d.isStore() {
		p.do(u.add(notes), u.add(aside))
	}
	crashed := u.fell && since != 0
	u.fell = false
	p.do(watch, u.page(p, "", func() {
		if crashed {
			u.w.did("mirror after crash")
		}
	}))
	u.watchOn(p)
}

// add asks for an application in a local store.
func (u *user) add(app string) call {
	return call{op: &peer.Op{App: app, Do: peer.AddApp{Name: app}}, reply: func(r peer.Reply) { u.refused(r.Err) }}
}

// page compares the mirror with a page of List, or fills it, and goes on to the next page; then is called behind the last.
func (u *user) page(p *proc, after string, then func()) call {
	u.w.did("list")
	return call{op: &peer.Op{Client: me, Do: peer.List{After: after}}, reply: func(r peer.Reply) {
		if u.refused(r.Err) || p != u.d.run {
			return
		}
		last := ""
		if r.More && len(r.Entries) > 0 {
			last = r.Entries[len(r.Entries)-1].Key
		}
		inside := func(key string) bool { return key > after && (last == "" || key <= last) }
		if u.whole {
			u.compare(r.Entries, inside)
		} else {
			u.fill(r.Entries, inside)
		}
		if last != "" {
			p.do(u.page(p, last, then))
			return
		}
		u.whole = true
		then()
	}}
}

func (u *user) fill(entries []peer.Entry, inside func(string) bool) {
	for key := range u.mirror {
		if inside(key) {
			delete(u.mirror, key)
		}
	}
	for _, e := range entries {
		u.genuine(e.Key, e.Kind, e.Value)
		u.mirror[e.Key] = entry{e.Kind, e.Value}
	}
}

func (u *user) compare(entries []peer.Entry, inside func(string) bool) {
	u.w.did("mirror")
	n := 0
	for key := range u.mirror {
		if inside(key) && !u.d.loses(key) {
			n++
		}
	}
	for _, e := range entries {
		m, ok := u.mirror[e.Key]
		if u.d.loses(e.Key) {
			n++
		} else if !ok || m.kind != e.Kind || !bytes.Equal(m.value, e.Value) {
			u.w.failf("%s: List shows %s, the watch did not tell", u.d.name, u.describe(e.Key, e.Kind, e.Value))
			return
		}
	}
	if n != len(entries) {
		u.w.failf("%s: the watch told of %d keys where List shows %d", u.d.name, n, len(entries))
	}
}

// changed brings the mirror up to date, and has it agree with what the change says was there before.
func (u *user) changed(c peer.Changed, catchUp bool) {
	if c.Position < u.position && !c.Reset {
		u.w.failf("%s: Changed went back from position %d to %d", u.d.name, u.position, c.Position)
	}
	u.position = c.Position
	if c.Reset { // which only who comes back is told, first
		if !catchUp && !u.d.mayReset() {
			u.w.failf("%s: a watch was reset on the way", u.d.name)
		}
		if !catchUp {
			u.w.did("mended device")
		}
		u.w.log(u.d.name, "reset", uint64(len(u.mirror)))
		u.w.did("reset")
		u.mirror = map[string]entry{}
	}
	u.w.counted("change", len(c.Changes))
	for _, x := range c.Changes {
		before, had := u.mirror[x.Key]
		if u.whole && !catchUp && !u.d.loses(x.Key) && (had != x.HadValue || had && (before.kind != x.PrevKind || !bytes.Equal(before.value, x.Previous))) {
			u.w.failf("%s: Changed says of %s that it had %v %s, the mirror %v %s", u.d.name, x.Key,
				x.HadValue, u.describe(x.Key, x.PrevKind, x.Previous), had, u.describe(x.Key, before.kind, before.value))
		}
		if x.Kind == wire.Deleted {
			delete(u.mirror, x.Key)
			continue
		}
		u.genuine(x.Key, x.Kind, x.Value)
		u.mirror[x.Key] = entry{x.Kind, x.Value}
	}
}

// genuine returns whose value it is; that nobody wrote it is the worst that can happen.
func (u *user) genuine(key string, kind wire.Kind, value []byte) *write {
	x := u.w.book.find(key, kind, value)
	if x == nil {
		u.w.failf("%s: %q has a value that nobody wrote", u.d.name, key)
	}
	return x
}

func (u *user) describe(key string, kind wire.Kind, value []byte) string {
	if x := u.w.book.find(key, kind, value); x != nil {
		return x.String()
	}
	return fmt.Sprintf("%d bytes that nobody wrote to %s", len(value), key)
}

// refused reports whether an operation failed. Only an engine that has stopped may refuse one.
func (u *user) refused(code peer.Code) bool {
	switch code {
	case peer.OK:
		return false
	case peer.EDamaged:
		if u.d.stray == nil && !u.d.hostile() && u.d.hurt == nil {
			u.w.stopf("%s: an operation was refused with %s", u.d.name, code)
		}
	case peer.EClosed, peer.EFenced, peer.EQuota, peer.EStorage:
	default:
		u.w.stopf("%s: an operation was refused with %s", u.d.name, code)
	}
	return true
}

// live is one thing that the user does, and the next in a while.
func (u *user) live() {
	if u.w.calm || u.d.hostile() {
		return
	}
	u.w.after(max(u.w.dawn, u.w.now)-u.w.now+u.w.around(u.w.profile.pause), u.live)
	p := u.d.run
	if p == nil || p.closing || u.discards || u.w.now < u.w.dawn {
		return
	}
	switch r := u.w.rng.Float64(); {
	case !u.filled && u.w.profile.bulk > 0:
		u.filled = true
		u.fillIn(p)
	case u.w.profile.moves > 0 && u.w.chance(u.w.profile.moves):
		u.moveCircle(p)
	case !u.wroteLong && u.w.profile.longRun && u.d.n == 0 && u.w.chance(0.05):
		u.wroteLong = true
		u.runLong(p)
	case u.w.chance(0.015):
		u.bring(p)
	case u.filled && u.w.chance(0.03):
		u.clearOut(p)
	case u.w.chance(0.04):
		u.ranges(p)
	case r < 0.15 && (u.w.profile.keys <= 20 || u.w.chance(0.1)):
		u.look(p)
	case r < u.w.profile.aside && u.d.isStore():
		u.writeAside(p)
	case u.w.chance(0.05):
		u.rewatch(p)
	case r < u.w.profile.aside+0.015 && u.d != u.w.twin:
		u.rename(p)
	case r < u.w.profile.aside+0.045:
		u.w.did("burst")
		for range u.w.between(5, 60) {
			u.write(p, 1)
		}
	case r < 0.35:
		u.write(p, int(u.w.between(2, 6)))
	default:
		u.write(p, 1)
	}
}

// fillIn writes keys of the user's own, a batch after the other.
func (u *user) fillIn(p *proc) {
	for i := 0; i < u.w.profile.bulk; i += 250 {
		var batch []*write
		for n := range 250 {
			batch = append(batch, u.w.book.add(u.d, u.bulkKey(i+n), wire.JSON, int(u.w.between(40, 800))))
		}
		u.w.did("bulk")
		u.put(p, notes, batch, nil, true)
	}
	u.fillInHeavy(p)
}

// write writes n keys as one batch. In the same breath it reads what they had: that is what the write has seen.
func (u *user) write(p *proc, n int) {
	all := u.w.profile.keys
	if u.w.hostile != nil {
		all += wildKeys
	}
	var keys []string
	for _, i := range u.w.rng.Perm(all)[:min(n, all)] {
		keys = append(keys, u.w.key(i))
	}
	u.writeKeys(p, notes, keys, func(*write) {})
}

// key is the name of the i-th key that users fight over. Wild ones come last.
func (w *simulation) key(i int) string {
	if n := i - w.profile.keys; n >= 0 {
		return fmt.Sprintf("h/%02d", n)
	}
	return fmt.Sprintf("k/%02d", i)
}

// writeKeys writes the keys as one batch. mark is told each write.
func (u *user) writeKeys(p *proc, app string, keys []string, mark func(*write)) {
	u.writeAs(p, app, keys, u.kind, mark)
}

// kind is the kind of a write.
func (u *user) kind() wire.Kind {
	kind := wire.JSON
	if u.w.chance(0.1) {
		kind = wire.Bytes
	}
	if u.w.chance(u.w.profile.deletes) {
		kind = wire.Deleted
		u.w.did("delete")
	}
	return kind
}

// writeAs is writeKeys with writes of these kinds.
func (u *user) writeAs(p *proc, app string, keys []string, kind func() wire.Kind, mark func(*write)) {
	var batch []*write
	var calls []call
	for _, key := range keys {
		x := u.w.book.add(u.d, key, kind(), u.size())
		mark(x)
		batch = append(batch, x)
		calls = append(calls, u.reads(app, x)...)
	}
	u.put(p, app, batch, calls, u.w.chance(0.7))
}

// reads are the calls that read what a write has seen.
func (u *user) reads(app string, x *write) []call {
	see := func(r peer.Reply, conflicts bool) {
		if r.Err == peer.EDamaged {
			u.d.unread(x, conflicts)
		}
		for _, e := range r.Entries {
			if s := u.genuine(e.Key, e.Kind, e.Value); s != nil && r.Err == "" {
				x.sees(s)
			}
		}
	}
	return []call{
		{op: &peer.Op{App: app, Client: me, Do: peer.Get{Key: x.key}}, reply: func(r peer.Reply) { see(r, false) }},
		{op: &peer.Op{App: app, Client: me, Do: peer.Conflicts{Key: x.key}}, reply: func(r peer.Reply) { see(r, true) }},
	}
}

func (u *user) size() int {
	if u.w.chance(u.w.profile.large) {
		u.w.did("large value")
		return int(u.w.between(10<<10, 300<<10))
	}
	return int(u.w.between(0, 300))
}

// writeAside writes in another application, which only local stores have.
func (u *user) writeAside(p *proc) {
	app := u.someApp(p)
	var keys []string
	for _, i := range u.w.rng.Perm(50)[:u.w.between(1, 20)] {
		keys = append(keys, fmt.Sprintf("a%d/%d", slices.Index(u.w.profile.apps, app), i))
	}
	u.w.did("aside")
	u.writeKeys(p, app, keys, func(*write) {})
}

// put asks for a batch, behind what is to be read before.
func (u *user) put(p *proc, app string, batch []*write, before []call, strict bool) {
	do := peer.Batch{Relaxed: !strict, Writes: asked(batch)}
	u.w.did(map[bool]string{false: "write", true: "batch"}[len(batch) > 1])
	u.w.log(u.d.name, "write", uint64(len(batch)), "first ", batch[0], ", strict ", strict)
	fullness := p.fullness()
	ask := u.asks(app, batch, do, strict)
	reply := ask.reply
	ask.reply = func(r peer.Reply) {
		p.checkFull(fullness, batch, r.Err)
		reply(r)
	}
	calls := append(before, ask)
	if u.w.chance(0.3) { // who reads behind a write that is refused is answered all the same
		calls = append(calls, call{op: &peer.Op{App: app, Client: me, Do: peer.Get{Key: batch[0].key}}, reply: func(r peer.Reply) { u.refused(r.Err) }})
	}
	p.do(calls...)
}

// asked is a batch as the engine is asked for it.
func asked(batch []*write) (out []peer.Write) {
	for _, x := range batch {
		out = append(out, peer.Write{Key: x.key, Kind: x.kind, Value: slices.Clone(x.value)})
	}
	return out
}

// asks is the call that writes a batch.
func (u *user) asks(app string, batch []*write, do peer.Verb, strict bool) call {
	for _, x := range batch {
		x.app, x.batch, x.strict = app, batch, strict
	}
	return call{op: &peer.Op{App: app, Client: me, Do: do}, reply: func(r peer.Reply) {
		if !u.refused(r.Err) {
			for _, x := range batch {
				x.acked = true
			}
			u.w.log(u.d.name, "written", uint64(batch[0].id), batch[0])
		}
	}}
}

// look compares what the device shows, conflicts included, with the mirror and with what may be seen together.
func (u *user) look(p *proc) {
	u.w.did("look")
	c := content{lost: u.d.hurt}
	calls := []call{{op: &peer.Op{Client: me, Do: peer.List{Prefix: "k/"}}, reply: func(r peer.Reply) {
		if u.refused(r.Err) || r.More || p != u.d.run {
			c.values = nil
			return
		}
		if u.whole {
			u.compare(r.Entries, func(key string) bool { return strings.HasPrefix(key, "k/") })
		}
		u.take(&c, r.Entries)
	}}}
	for i := range u.w.profile.keys {
		op := &peer.Op{Client: me, Do: peer.Conflicts{Key: fmt.Sprintf("k/%02d", i)}}
		calls = append(calls, call{op: op, reply: func(r peer.Reply) {
			if c.values != nil {
				u.take(&c, r.Entries)
			}
			if what := c.inconsistent(); i == u.w.profile.keys-1 && c.values != nil && what != "" {
				u.w.failf("%s %s", u.d.name, what)
			}
		}})
	}
	p.do(calls...)
}

func (u *user) take(c *content, entries []peer.Entry) {
	for _, e := range entries {
		if x := u.genuine(e.Key, e.Kind, e.Value); x != nil {
			if c.has(x) {
				u.w.failf("%s shows %s twice", u.d.name, x)
			}
			c.add(e.Key, x)
		}
	}
}

func (u *user) rename(p *proc) {
	name := fmt.Sprintf("Device %s, the %d.", u.d.name, u.w.rng.IntN(100))
	u.maybe = append(u.maybe, name)
	u.w.did("new name")
	p.do(call{op: &peer.Op{Client: me, Do: peer.Rename{Name: name}}, reply: func(r peer.Reply) {
		if !u.refused(r.Err) {
			u.name, u.maybe = name, u.maybe[slices.Index(u.maybe, name)+1:]
		}
	}})
}

// leave shuts the engine down, as closing the page does.
func (u *user) leave(p *proc) {
	if p == nil || p.closing {
		return
	}
	p.closing = true
	u.w.log(u.d.name, "shutdown", 0)
	u.w.did("leave")
	p.do(call{op: &peer.Op{Client: me, Do: peer.Shutdown{}}, reply: func(r peer.Reply) {
		if !u.refused(r.Err) && u.whole && u.w.chance(0.5) && u.d.stray == nil {
			u.since = u.position
		}
	}})
	u.w.after(p.asleep-min(p.asleep, u.w.now)+minute, func() {
		if !p.dead && u.w.now >= p.asleep+minute { // else it has fallen asleep since
			u.w.failf("%s does not shut down", u.d.name)
		}
	})
}

// stopped: the engine ended by itself; the user opens another in a while.
func (u *user) stopped(p *proc) {
	if !p.stray {
		u.comeBack()
	}
}

func (u *user) comeBack() {
	wait := u.w.around(10 * second)
	if u.w.chance(0.15) {
		wait = u.w.around(10 * minute)
	}
	u.w.after(wait, func() {
		if !u.w.calm && (u.d == u.w.twin || slices.Contains(u.w.devices, u.d)) {
			u.d.open()
		}
	})
}

// closed: p has ended, one way or another.
func (u *user) closed(p *proc) {
	if t := u.w.pairing; t != nil {
		t.closed(p)
	}
}
