package sim

import (
	"fmt"
	"strconv"

	"github.com/masqdev/masq/core/peer"
	"github.com/masqdev/masq/core/storage"
)

// proc is a running engine with what drives it.
type proc struct {
	w       *simulation
	d       *device
	n       int // the device's n-th
	engine  machine
	dead    bool // killed, or stopped by itself
	closing bool // Shutdown was asked for
	stray   bool // another took over while it was frozen
	rival   bool // it took over

	inbox  []peer.Event
	drains bool   // the inbox is going to be emptied
	asleep uint64 // until when it takes nothing
	timer  uint64 // the newest timer; older ones do nothing
	flight *peer.Commit
	fault  error  // what the next commit fails with
	mends  uint64 // and those that follow until then
	spare  int    // a commit of no more bytes goes through; 0: none does
	doom   int    // it dies at this one of its next commits; 0: at none
	last   bool   // the last commit failed, of an engine that shuts down
	drops  int    // how often it was told to delete the application's data, and has not answered yet
	full   bool   // it has been told that its disk is full
	fullAt uint64 // and when

	lastOp  uint64
	calls   map[uint64]*call
	watches map[uint64]func(peer.Changed)
	links   map[uint32]*link
	status  peer.Status
	apart   uint64 // since when the status says that it does not reach the Sync Server; 0: it does not say so
	failed  peer.Code
}

// asked marks the operations among what the engine takes in.
func (p *proc) asked(ev peer.Event) {
	switch ev := ev.(type) {
	case peer.Events:
		for _, x := range ev {
			p.asked(x)
		}
	case *peer.Op:
		p.calls[ev.ID].asked = true
	}
}

// call is an operation that waits for its reply.
type call struct {
	op    *peer.Op
	asked bool // the engine has taken it in
	reply func(peer.Reply)
	pair  func(peer.PairingState)
}

func (p *proc) name() string { return p.d.name }

// end kills p: nothing that was going to happen to it does.
func (p *proc) end() {
	p.dead = true
	p.inbox = nil
	for _, l := range p.w.net.links {
		if l.p == p && l.phase != ended {
			l.phase = ended
			l.down.cut = true
			l.leave(p.w.around(second))
		}
	}
	p.d.user.closed(p)
}

// sleep takes nothing in for a time; what arrives meanwhile waits.
func (p *proc) sleep(d uint64) { p.asleep = max(p.asleep, p.w.now+d) }

// wake ends the sleep.
func (p *proc) wake() {
	if p.asleep > p.w.now {
		p.asleep = p.w.now
		p.w.after(0, p.drain)
	}
}

// event has the engine take in ev soon. Events that come close together are handed over at once.
func (p *proc) event(ev peer.Event) {
	if p.dead {
		return
	}
	p.inbox = append(p.inbox, ev)
	if !p.drains {
		p.drains = true
		p.w.after(p.w.upTo(ms), p.drain)
	}
}

func (p *proc) drain() {
	if p.dead {
		return
	}
	if p.asleep > p.w.now {
		p.w.after(p.asleep-p.w.now, p.drain)
		return
	}
	p.drains = false
	events := p.inbox
	p.inbox = nil
	if len(events) == 0 {
		return
	}
	if len(events) == 1 || p.w.chance(0.5) {
		for _, ev := range events {
			p.step(ev)
		}
		return
	}
	p.step(peer.Events(events))
}

func (p *proc) step(ev peer.Event) {
	if p.dead {
		return
	}
	p.asked(ev)
	var out peer.Actions
	p.timed(p.d.clock.At(p.w.now), ev, &out)
	for _, a := range out.List {
		p.act(a)
	}
	if p == p.d.run {
		p.d.writeAmid()
	}
}

func (p *proc) illegal(what string) {
	p.w.failf("%s: the engine asked for something illegal: %s", p.name(), what)
}

func (p *proc) act(a peer.Action) {
	if wake, ok := a.(peer.WakeAt); p.failed != "" && !(ok && wake.At == 0) {
		p.illegal(fmt.Sprintf("%T after Failed", a))
	}
	switch a := a.(type) {
	case peer.Reply:
		p.replied(a)
	case peer.Changed:
		f := p.watches[a.Watch]
		if f == nil {
			p.illegal("Changed for no watch")
			return
		}
		f(a)
	case peer.StatusChanged:
		p.took(a.Status)
		p.w.log(p.name(), "status", a.Status.Entries, a.Status.Sync, " ", len(a.Status.Devices))
	case peer.PairingState:
		p.w.log(p.name(), "pairing", uint64(a.Step), a.Name, " ", a.Err)
		if c := p.calls[a.Op]; c != nil && c.pair != nil {
			c.pair(a)
		} else if c == nil {
			p.illegal("PairingState for no pairing")
		}
	case peer.Dial:
		if p.links[a.Conn] != nil {
			p.illegal("Dial with a number used before")
		}
		p.w.log(p.name(), "dial", uint64(a.Conn))
		p.links[a.Conn] = p.w.net.dial(p, a.Conn, a.URL)
	case peer.Send:
		p.w.log(p.name(), "send", uint64(len(a.Data)), "on ", a.Conn)
		p.onLink(a.Conn, func(l *link) { l.send(a.Data, false) })
	case peer.Ping:
		p.onLink(a.Conn, func(l *link) { l.send([]byte("ping"), true) })
	case peer.Hangup:
		p.hangup(a.Conn)
	case peer.Commit:
		p.commit(a)
	case peer.Load:
		p.load(a)
	case peer.Room:
		p.room()
	case peer.WakeAt:
		p.wakeAt(a.At)
	case peer.Failed:
		p.stopped(a.Err)
	}
}

func (p *proc) took(s peer.Status) {
	p.checkCopied(&s)
	p.status = s
	p.checkAlike()
	if p == p.d.run && s.Self.ID != "" {
		p.d.id = s.Self.ID
	}
	if g := p.d.diary; g != nil {
		g.take(p.d, s, false)
	}
	switch {
	case s.Sync != peer.SyncConnecting && s.Sync != peer.SyncOffline:
		p.apart = 0
	case p.apart == 0:
		p.apart = p.w.now
	}
}

// onLink sends on a connection that was opened; it is legal on one that has ended meanwhile.
func (p *proc) onLink(conn uint32, send func(*link)) {
	switch l := p.links[conn]; {
	case l == nil:
		p.illegal("Send on a connection never dialled")
	case l.phase == dialling:
		p.illegal("Send on a connection not opened")
	case l.phase == standing:
		send(l)
	}
}

func (p *proc) hangup(conn uint32) {
	if l := p.links[conn]; l == nil {
		p.illegal("Hangup of a connection never dialled")
	} else {
		l.hangup()
	}
}

// wakeAt is the simplest timer that a driver may have: it waits by its own measure of time, not by the clock, and ticks once.
func (p *proc) wakeAt(at uint64) {
	p.timer++
	if at == 0 {
		return
	}
	mine, in := p.timer, uint64(0)
	if now := p.d.clock.At(p.w.now); at > now {
		in = (at - now) * ms
	}
	p.w.after(in+p.w.upTo(2*ms), func() {
		if mine == p.timer {
			p.event(peer.Tick{})
		}
	})
}

func (p *proc) commit(c peer.Commit) {
	if p.flight != nil {
		p.illegal("two commits at once")
	}
	if c.Changes.Empty() {
		p.illegal("a commit of nothing")
	}
	p.flight = &c
	took := p.w.around(3 * ms)
	if c.Durability == storage.Relaxed {
		took = p.w.around(ms)
	}
	took *= p.w.profile.disk
	if p.w.chance(0.01) {
		took += p.w.upTo(3*second) * min(p.w.profile.disk, 6) // engines have a minute to shut down
		p.w.did("slow commit")
	}
	p.w.after(took, func() { p.committed(c) })
}

func (p *proc) committed(c peer.Commit) {
	if p.dead {
		return
	}
	if p.doomed() {
		p.w.did("death at a commit")
		p.d.kill(p.w.chance(0.3))
		p.d.user.comeBack()
		return
	}
	err := p.fault
	if sizeOf(c.Changes) <= p.spare {
		err = nil
	}
	if err == nil || err == errDisk && p.w.chance(0.5) { // an error may also come after the fact
		if e := p.d.disk.Commit(c.Changes, c.Durability); e != nil {
			err = e
		}
	}
	p.flight = nil
	if p.w.now >= p.mends {
		p.fault = nil
	}
	p.w.log(p.name(), "committed", uint64(len(c.Changes.Adds)+len(c.Changes.Puts)), commitText(c.Changes), err)
	p.tellRoom(false)
	p.event(peer.Committed{Err: err})
	p.last = err != nil && p.closing
	if err != nil && p == p.d.run && !p.closing {
		p.d.user.checkWatches(p)
	}
}

// fails has commits fail: the next one, or all for some time, or those that are large.
func (p *proc) fails(err error) {
	if p.d.disk.Reserve != 0 { // which is trouble enough
		return
	}
	p.fault, p.mends, p.spare = err, p.w.now, 0
	if p.w.chance(0.5) {
		p.mends += p.w.around(30 * second)
	}
	if err == storage.ErrQuota && p.w.chance(0.3) {
		p.spare = int(p.w.between(100, 5000))
	}
	p.w.log(p.name(), "disk fails", (p.mends-p.w.now)/ms, err, " ", p.spare)
}

func sizeOf(g storage.Commit) (n int) {
	for _, list := range [][]storage.Block{g.Adds, g.Puts} {
		for _, b := range list {
			n += len(b.Data)
		}
	}
	return n
}

func (p *proc) load(a peer.Load) {
	if len(a.IDs) == 0 {
		p.illegal("a load of nothing")
	}
	ids := append([]storage.ID(nil), a.IDs...)
	p.w.after(p.w.around(ms)*p.w.profile.disk, func() {
		if p.dead {
			return
		}
		found, err := p.d.disk.Load(ids)
		p.w.log(p.name(), "loaded", uint64(len(ids)))
		p.event(peer.Loaded{Blocks: found, Err: err})
	})
}

// do asks the engine for something. Operations of one call stand next to each other: nothing comes between them.
func (p *proc) do(calls ...call) {
	var all peer.Events
	for _, c := range calls {
		p.lastOp++
		c.op.ID = p.lastOp
		if c.op.App == "" && onData(c.op.Do) {
			c.op.App = notes
		}
		p.calls[c.op.ID] = &c
		all = append(all, c.op)
	}
	p.event(all)
}

// onData reports whether a verb is about the data of one application.
func onData(v peer.Verb) bool {
	switch v.(type) {
	case peer.Get, peer.Batch, peer.List, peer.Conflicts, peer.Watch, peer.Unwatch:
		return true
	}
	return false
}

// reads reports whether a verb needs no room.
func reads(v peer.Verb) bool {
	switch v.(type) {
	case peer.Get, peer.List, peer.Conflicts, peer.Count, peer.Watch, peer.Unwatch:
		return true
	}
	return false
}

func (p *proc) replied(r peer.Reply) {
	c := p.calls[r.Op]
	if c == nil || c.reply == nil {
		p.illegal("a second Reply, or one to nothing")
		return
	}
	if r.Err == peer.EQuota && reads(c.op.Do) {
		p.w.failf("%s: %T is refused with %q", p.name(), c.op.Do, r.Err)
	}
	p.checkNamed(c, r)
	f := c.reply
	c.reply = nil
	if c.pair == nil || r.Err != "" {
		delete(p.calls, r.Op)
	}
	f(r)
}

// stopped is Failed: the engine has ended by itself. Its user opens another in a while.
func (p *proc) stopped(code peer.Code) {
	p.failed = code
	p.w.log(p.name(), "stopped", 0, code)
	fine := p.closing && code == peer.EClosed ||
		(p.stray || p.rival) && code == peer.EFenced ||
		p.stray && code == peer.EDamaged || // it looked for a block that its successor has deleted
		p.last && (code == peer.EQuota || code == peer.EStorage) || p.d.hostile()
	if !fine {
		p.w.stopf("%s stopped with %s", p.name(), code)
	}
	if n := p.waiting(true); n > 0 {
		p.w.failf("%s stopped with %d operations not answered", p.name(), n)
	}
	p.end()
	if p.d.stray == p {
		p.d.stray = nil
	}
	if p.d.run == p {
		p.d.run = nil
	}
	p.d.user.stopped(p)
}

// waiting counts the operations that have no reply, all of them or those that the engine has taken in.
func (p *proc) waiting(asked bool) (n int) {
	for _, c := range p.calls {
		if c.reply != nil && (c.asked || !asked) {
			n++
		}
	}
	return n
}

// commitText is a commit for the reader of a trace: added blocks by class and number, then the first and last deleted.
func commitText(g storage.Commit) string {
	text := func(id storage.ID) string { return " MLSP"[id.Class()>>48+1:][:1] + strconv.FormatUint(id.N(), 10) }
	var out string
	for _, b := range append(g.Adds, g.Puts...) {
		out += text(b.ID) + " "
	}
	if len(g.Dels) > 0 {
		out += "deletes "
	}
	for _, id := range g.Dels {
		if id.Class() != storage.Log {
			out += text(id) + " "
		}
	}
	return out
}
