package sim

import (
	"crypto/ecdh"
	"crypto/ed25519"
	"slices"
	"strings"

	"github.com/masqdev/masq/core/peer"
	"github.com/masqdev/masq/core/wire"
)

// hostile is a member that lies: a device that was let in as any other, and turns. Whoever has turned it has its disk and its store key, so
// all its keys and rights, and runs a program of its own in the engine's place: liar.go. The engine needs no way in for that, and
// what is tested is the engine that is shipped. Now and then the engine runs again on what it had, and is honest.
//
// It is an application peer or, with full, a full device. What it may do is not held against it: it may write and delete in the
// namespaces that it has. So that it can be seen what it does beside that, its records are all of keys that begin with "h/"
// (wild); of every other key nothing may be lost, whatever it says. Keys below h/ must be the same everywhere, and whole again as soon as
// it is shut out. A full device may also shut out others, by the protocol: that lie it does not tell.
type hostile struct {
	w      *simulation
	d      *device
	full   bool
	relay  bool // the Sync Server lies, too, until trouble is over
	turned bool // it has lied
	crowd  []*someone
	known  map[string]*knowledge // of each application
	past   [][]byte              // messages, its own and others'
	secret int                   // writes from this one on were made when it had been shut out; 0: it has not been
	hidden [][]byte              // see overhears
	leaked bool                  // that it got one of these has been noted
	kinds  []string              // see tells
	list   []*lie                // see told
}

// knowledge is what it has learned of a namespace.
type knowledge struct {
	writers []wire.Element // by writer; Settled is the highest number that was heard of
	has     wire.Vector
	records []wire.Record  // of wild keys
	own     wire.Dot       // the last dot that it used as itself
	writer  *wire.Writer   // whose dot that is
	mine    []*wire.Writer // all that it has announced as its own
	theirs  []*wire.Writer // announcements of others'
}

const (
	maxKnown = 64 // writers, records and messages that it keeps in mind
	lieTime  = 4 * minute
	banTime  = 2 * minute // until a device that was shut out is out everywhere
	click    = second / 5 // from one device that a user removes to the next
)

// wildKeys is how many keys the hostile member writes to.
const wildKeys = 4

// wild reports whether the hostile member may have written a key.
func (w *simulation) wild(key string) bool { return w.hostile != nil && strings.HasPrefix(key, "h/") }

// honest are the devices that do not lie.
func (w *simulation) honest() []*device {
	if w.hostile == nil {
		return w.devices
	}
	return slices.DeleteFunc(slices.Clone(w.devices), (*device).hostile)
}

func (d *device) hostile() bool { return d.w.hostile != nil && d.w.hostile.d == d }

// newHostile makes the last device the hostile one: a full device in every other seed, and with the Sync Server in two of four.
func (w *simulation) newHostile() *hostile {
	h := &hostile{w: w, d: w.devices[len(w.devices)-1], full: w.res.Seed%2 == 0, relay: w.res.Seed%4 >= 2 || w.onlyRelay()}
	h.known = map[string]*knowledge{}
	h.drawKinds()
	h.d.app, h.d.shaky = notes, true
	if h.full {
		h.d.app = ""
	}
	return h
}

// live turns the member as soon as it is in, and an application peer back for a while. A full device that turned back would be one whose disk was put back:
// that lacks deletions which it has acknowledged, and brings back to newcomers what they deleted (R6.21). masqsim -backups is about such disks.
func (h *hostile) live() {
	if h.w.calm {
		return
	}
	h.w.after(h.w.around(minute), h.live)
	d := h.d
	switch p := d.run; {
	case p == nil || h.pairing():
	case !h.lying() && d.user.joined():
		h.turn()
	case h.lying() && !h.full && h.w.chance(0.2):
		d.run.end()
		d.run = nil
		d.open()
	}
}

func (h *hostile) lying() bool {
	if h.d.run == nil {
		return false
	}
	_, ok := h.d.run.engine.(*liar)
	return ok
}

// pairing reports whether it is being paired: until that is over it is honest.
func (h *hostile) pairing() bool {
	t := h.w.pairing
	return t != nil && (t.sides[0].p.d == h.d || t.sides[1].p.d == h.d)
}

// turn has the liar run in the engine's place.
func (h *hostile) turn() {
	h.d.kill(false)
	l, err := newLiar(h)
	if err != nil {
		h.w.failf("%s: its own disk cannot be read: %v", h.d.name, err)
		return
	}
	h.w.log(h.d.name, "turns", 0, "full ", h.full, ", with the relay ", h.relay)
	h.turned = true
	h.hide()
	h.d.opens++
	h.d.run = &proc{
		w: h.w, d: h.d, n: h.d.opens, links: map[uint32]*link{}, calls: map[uint64]*call{},
		watches: map[uint64]func(peer.Changed){}, engine: l,
	}
	h.d.run.event(peer.Start{})
}

// shutOut lets it lie for a while in a network where nothing else goes wrong, and has an honest store shut it out, with all that it
// has let in. That has to work.
func (h *hostile) shutOut() {
	w := h.w
	if !h.lying() {
		h.turn()
	}
	w.runUntil(w.now + lieTime)
	w.measureHeap()
	left, refused := "", map[string]string{}
	for range 5 {
		left = ""
		for _, d := range w.honest() {
			for _, x := range d.strangers() {
				left = d.name + " still has " + x.Name
			}
		}
		if left == "" {
			break
		}
		refused = w.devices[0].revokeStrangers(refused)
		w.runUntil(w.now + banTime)
	}
	if left != "" {
		w.stopf("the hostile member cannot be shut out: %s", left)
		panic(givenUp{})
	}
	w.waitQuiet()
	h.secret = len(w.book.writes)
	h.probe(false)
	h.probe(true)
}

// strangers are the devices that the status shows and that are not honest ones.
func (d *device) strangers() []peer.Device {
	if d.run == nil {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(d.run.others()), func(x peer.Device) bool {
		return slices.ContainsFunc(d.w.honest(), func(o *device) bool { return o.run != nil && o.run.status.Self.ID == x.ID })
	})
}

// revokeStrangers has a device shut out who is no honest one. One may be refused as long as whoever let it in is there: there may be no place. refused are
// those that were, with the error; which of them that may be the next time is returned.
func (d *device) revokeStrangers(refused map[string]string) map[string]string {
	again := map[string]string{}
	if d.run == nil {
		return again
	}
	for i, x := range d.strangers() {
		d.w.after(uint64(i)*click, func() {
			if d.run == nil {
				return
			}
			d.run.do(call{op: &peer.Op{Client: me, Do: peer.Revoke{Device: x.ID}}, reply: func(r peer.Reply) {
				switch {
				case r.Err == "", r.Err == peer.EValue: // it went with another
				case refused[x.ID] != "":
					d.w.failf("%s cannot shut out %q: %s, and again %s", d.name, x.Name, refused[x.ID], r.Err)
				default:
					again[x.ID] = string(r.Err)
				}
			}})
		})
	}
	return again
}

// probe has every user write every wild key once more. Honest writes have taken numbers over that the lies named and nobody has written yet:
// a device that finds such ones of its own issues its version anew, once, though the write has replaced it (R6.33). So the first round only
// has them found. What comes behind it holds as any other.
func (h *hostile) probe(holds bool) {
	for _, d := range h.w.honest() {
		if d.run == nil || d.run.closing {
			continue
		}
		var keys []string
		for i := range wildKeys {
			keys = append(keys, h.w.key(h.w.profile.keys+i))
		}
		d.user.writeKeys(d.run, notes, keys, func(x *write) { x.probe = holds })
		if d.isStore() { // the book has one list of keys, and these stand in it for the other application's too: they only make that whole
			d.user.writeKeys(d.run, aside, keys, func(*write) {})
		}
		h.w.waitQuiet()
	}
}

// of is what is known of a namespace.
func (h *hostile) of(c *claim) *knowledge {
	k := h.known[c.app]
	if k == nil {
		k = &knowledge{}
		h.known[c.app] = k
	}
	return k
}

func (k *knowledge) learn(v wire.Vector) {
	if len(v) > maxKnown {
		return
	}
	for _, e := range v {
		reach := e.Settled
		for _, t := range e.Tails {
			reach = max(reach, t.Seq)
		}
		k.met(e.Writer, reach)
	}
}

// met notes a writer. Numbers that only lies can have brought about are left out.
func (k *knowledge) met(writer, reach uint64) {
	if reach >= 1<<32 {
		return
	}
	i, ok := slices.BinarySearchFunc(k.writers, writer, func(e wire.Element, w uint64) int {
		switch {
		case e.Writer < w:
			return -1
		case e.Writer > w:
			return 1
		}
		return 0
	})
	switch {
	case ok:
		k.writers[i].Settled = max(k.writers[i].Settled, reach)
	case len(k.writers) < maxKnown:
		k.writers = slices.Insert(k.writers, i, wire.Element{Writer: writer, Settled: reach})
	}
}

// saw takes in a record that it was sent.
func (h *hostile) saw(t *talk, c *claim, rec *wire.Record) {
	k := h.of(c)
	k.met(rec.Dot.Writer, rec.Dot.Seq)
	if strings.HasPrefix(rec.Key, "h/") && len(rec.Value) < 1<<10 {
		kept := *rec
		kept.Value = slices.Clone(rec.Value)
		k.records = append(k.records[max(0, len(k.records)-maxKnown):], kept)
	}
	x := h.w.book.find(rec.Key, rec.Kind, rec.Value)
	if x != nil && x.by != h.d && x.app != c.app {
		h.w.failf("%s was sent %s as one of %s", h.d.name, x, c.app)
	}
	if h.secret > 0 && x != nil && x.id >= h.secret && x.by != h.d && !h.leaked {
		h.leaked = true
		h.w.failf("%s was shut out and got %s", h.d.name, x)
	}
}

// remember keeps a message, so that it may be said again. Another's END or HAVE from a full device is end-known or have-other, which that
// does not tell. Nor does it say again what has been deleted since: a newcomer believes it.
func (h *hostile) remember(msg []byte) {
	typ := wire.MessageType(msg[0])
	if len(msg) < 100<<10 && !(h.full && (typ == wire.MsgEnd || typ == wire.MsgHave || typ == wire.MsgData)) {
		h.past = append(h.past[max(0, len(h.past)-maxKnown):], slices.Clone(msg))
	}
}

// someone is a made-up device.
type someone struct {
	ik     ed25519.PrivateKey
	id, nk [32]byte
}

// crowdSize is how many it makes up. Then they come again.
const crowdSize = 300

// madeUp makes up a device that it may let in.
func (h *hostile) madeUp() *someone {
	if len(h.crowd) == crowdSize {
		return pick(h.w, h.crowd)
	}
	x := h.someone()
	h.crowd = append(h.crowd, x)
	return x
}

// someone makes up a device that nobody ever lets in, unless it is made one of the crowd.
func (h *hostile) someone() *someone {
	var seed [32]byte
	fill(h.w, seed[:])
	x := &someone{ik: ed25519.NewKeyFromSeed(seed[:])}
	fill(h.w, seed[:])
	nk, err := ecdh.X25519().NewPrivateKey(seed[:])
	if err != nil {
		panic(err) // 32 bytes are always a key
	}
	x.id, x.nk = [32]byte(public(x.ik)), [32]byte(nk.PublicKey().Bytes())
	return x
}

func (h *hostile) isMadeUp(ik [32]byte) bool {
	return slices.ContainsFunc(h.crowd, func(x *someone) bool { return x.id == ik })
}
