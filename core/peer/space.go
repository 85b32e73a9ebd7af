package peer

import (
	"bytes"
	"slices"
	"sort"
	"strconv"

	"github.com/masqdev/masq/core/replica"
	"github.com/masqdev/masq/core/roster"
	"github.com/masqdev/masq/core/storage"
	"github.com/masqdev/masq/core/wire"
)

// space is a namespace on this device: its replica, what waits to be done to it, and who watches it.
type space struct {
	e     *Engine
	num   uint16
	app   string
	name  string     // the application's, for people
	on    bool       // it is synced at all
	gone  bool       // it was dropped: there is no data, and nothing is synced until the application is added again
	off   [][32]byte // the iks of devices of the circle that it is not synced with
	rep   *replica.Replica
	peers *group // its application peers; nil if there never were any

	named   [32]byte // its name among devices of the circle namedBy
	namedBy *group

	queue   []task // in order: what waits for blocks holds back what comes after it, so operations on a key keep their order
	watches []*watch
	foreign Millis // when a record of another device last arrived
	own     uint64 // position after the last record written here
	moving  bool   // it is being made another circle's: no sync until that is done
}

const (
	metaSpace = "ns/" // and the namespace's number: flags u8 ‖ lv8(application id) ‖ lv8(its name) ‖ ik(32)*
	flagOn    = 1
	flagGone  = 2

	embeddedSpace = 1    // the number of an embedded store's one namespace
	maxSpaces     = 1000 // in a local store
)

func (s *space) number() string { return strconv.Itoa(int(s.num)) }

func (s *space) save() {
	flags := byte(0)
	if s.on {
		flags |= flagOn
	}
	if s.gone {
		flags |= flagGone
	}
	b := wire.AppendLV8(wire.AppendLV8([]byte{flags}, []byte(s.app)), []byte(s.name))
	for _, ik := range s.off {
		b = append(b, ik[:]...)
	}
	s.e.led.SetMeta(metaSpace+s.number(), b)
}

// openSpaces opens every namespace; in an embedded store, which has one, it makes it.
func (e *Engine) openSpaces() error {
	for _, key := range e.led.MetaKeys(metaSpace) {
		num, err := strconv.ParseUint(key[len(metaSpace):], 10, 16)
		if err != nil {
			return errDamagedSelf
		}
		r := wire.NewReader(e.led.Meta(key))
		s := &space{e: e, num: uint16(num)}
		flags := r.U8()
		s.on, s.gone = flags&flagOn != 0, flags&flagGone != 0
		s.app, s.name = string(r.LV8(255)), string(r.LV8(255))
		for r.Len() >= 32 {
			s.off = append(s.off, [32]byte(r.Bytes(32)))
		}
		if r.Done() != nil {
			return errDamagedSelf
		}
		if err := e.openSpace(s); err != nil {
			return err
		}
	}
	if !e.isStore() && len(e.spaces) == 0 {
		return e.makeSpace(&space{e: e, num: embeddedSpace, app: e.cfg.App, on: true})
	}
	return nil
}

func (e *Engine) makeSpace(s *space) error {
	s.save()
	return e.openSpace(s)
}

func (e *Engine) openSpace(s *space) error {
	var err error
	s.rep, err = replica.Open(e.led, s.num, replica.Config{Rand: e.rand, Watched: s.watched})
	if err != nil {
		return err
	}
	e.spaces = append(e.spaces, s)
	sort.Slice(e.spaces, func(i, j int) bool { return e.spaces[i].num < e.spaces[j].num })
	return s.loadPeers()
}

// spaceOf is the namespace of an application, nil if there is none; an embedded store has one for everything.
func (e *Engine) spaceOf(app string) *space {
	for _, s := range e.spaces {
		if !e.isStore() || s.app == app {
			return s
		}
	}
	return nil
}

// newSpace makes the namespace of an application that is new here.
func (e *Engine) newSpace(app, name string) (*space, Code) {
	switch {
	case app == "" || len(app) > 255 || !roster.PlainText(app):
		return nil, EValue
	case len(e.spaces) >= maxSpaces:
		return nil, EBusy
	}
	if name == "" {
		name = app
	}
	s := &space{e: e, num: 1, app: app, name: roster.CleanName(name), on: true}
	for slices.ContainsFunc(e.spaces, func(o *space) bool { return o.num == s.num }) {
		s.num++
	}
	if err := e.makeSpace(s); err != nil {
		return nil, storageCode(err)
	}
	if len(e.devices) == 0 {
		s.rep.SettleOwn()
	}
	e.statusDirty = true
	return s, OK
}

// addApp sees to it that an application has a namespace here.
func (e *Engine) addApp(op *Op) {
	s := e.spaceOf(op.App)
	switch {
	case s == nil:
		var code Code
		if s, code = e.newSpace(op.App, op.Key); code != OK {
			e.reply(Reply{Op: op.ID, Err: code})
			return
		}
		e.announce(s)
	case s.gone:
		s.gone, s.on, s.off, s.name = false, true, nil, roster.CleanName(op.Key)
		s.save()
		e.resync(func(*device) bool { return true })
	case op.Key != "" && s.name != roster.CleanName(op.Key):
		s.name = roster.CleanName(op.Key)
		s.save()
	}
	e.statusDirty = true
	e.answer(op)
}

// dropApp deletes an application's data from this device. Its number stays its own, and its roster: other devices may still
// have to be told who is out.
func (e *Engine) dropApp(op *Op) {
	s := e.spaceOf(op.App)
	if s == nil || s.gone {
		e.reply(Reply{Op: op.ID, Err: EApp})
		return
	}
	s.gone = true
	s.save()
	e.resync(func(*device) bool { return true })
	for _, d := range e.devices {
		d.forgetSpace(s)
	}
	s.enqueue(task{fail: func(c Code) { s.refuse(op, c) }, run: func() error {
		changes, err := s.rep.Drop()
		if err != nil {
			return err
		}
		s.notify(changes, op.Client, "")
		e.statusDirty = true
		e.answer(op)
		return nil
	}})
}

// prefer says whether an application is synced, with one device or at all.
func (e *Engine) prefer(op *Op) {
	s := e.spaceOf(op.App)
	if s == nil || s.gone {
		e.reply(Reply{Op: op.ID, Err: EApp})
		return
	}
	if op.Key == "" {
		s.on = op.On
		e.resync(func(*device) bool { return true })
	} else {
		d := e.deviceByID(op.Key)
		if d == nil || d.g != e.circle {
			e.reply(Reply{Op: op.ID, Err: EValue})
			return
		}
		s.off = slices.DeleteFunc(s.off, func(ik [32]byte) bool { return ik == d.ik })
		if !op.On {
			s.off = append(s.off, d.ik)
		}
		e.resync(func(o *device) bool { return o == d })
	}
	s.save()
	e.statusDirty = true
	e.answer(op)
}

// resync begins the sessions with some devices anew: what is synced with them is another thing now, and what is on its way in the
// old sessions belongs to what was.
func (e *Engine) resync(with func(*device) bool) {
	for _, d := range e.devices {
		if d.sess != nil && with(d) {
			d.sess.l.renew()
		}
	}
}

// announce lists a namespace that is new here in the sessions that stand.
func (e *Engine) announce(s *space) {
	for _, d := range e.devices {
		if d.sess != nil && d.sess.listed && d.shares(s) {
			d.sess.list(s)
			d.sess.match(s)
		}
	}
}

// wanted reports whether this device syncs the namespace with d.
func (s *space) wanted(d *device) bool {
	return s.on && !s.gone && !slices.Contains(s.off, d.ik)
}

// heldBy calls f for every other device that has the namespace, or is to have it.
func (s *space) heldBy(f func(*device, *progress)) {
	for _, d := range s.e.devices {
		if d.shares(s) && d.member() {
			f(d, d.in(s))
		}
	}
}

// settleIfHeard settles the own writer's earlier blocks once every device has sent all that it has since this start.
func (s *space) settleIfHeard() {
	all := true
	s.heldBy(func(_ *device, p *progress) { all = all && p.heard })
	if all {
		s.rep.SettleOwn()
	}
}

// collect lets the tombstones go that every device has.
func (s *space) collect() {
	var all wire.Vector
	first := true
	s.heldBy(func(_ *device, p *progress) {
		if first {
			all, first = p.have, false
		} else {
			all = all.Meet(p.have)
		}
	})
	if !first {
		s.rep.Collect(all)
	}
}

// metaKeep names the settings that the driver keeps.
const (
	metaKeep = "keep/"
	maxKept  = 64 << 10 // bytes in one
	// They all stand in the manifest, which is one block.
	maxKeptAll = storage.MaxBlock / 2
)

func (e *Engine) keep(op *Op) {
	if op.Key == "" || len(op.Key) > wire.MaxKey || len(op.Value) > maxKept || len(op.Value) > 0 && e.keptBytes(op) > maxKeptAll {
		e.reply(Reply{Op: op.ID, Err: ETooBig})
		return
	}
	e.led.SetMeta(metaKeep+op.Key, op.Value)
	e.answer(op)
}

// keptBytes is how much the settings take with that of op.
func (e *Engine) keptBytes(op *Op) int {
	n := len(op.Key) + len(op.Value)
	for _, key := range e.led.MetaKeys(metaKeep) {
		if key != metaKeep+op.Key {
			n += len(key) + len(e.led.Meta(key))
		}
	}
	return n
}

func (e *Engine) kept(op *Op) {
	r := Reply{Op: op.ID}
	for _, key := range e.led.MetaKeys(metaKeep + op.Range.Prefix) {
		r.Entries = append(r.Entries, Entry{Key: key[len(metaKeep):], Kind: wire.Bytes, Value: bytes.Clone(e.led.Meta(key))})
	}
	e.reply(r)
}
