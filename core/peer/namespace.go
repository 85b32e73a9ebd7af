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

// namespace is a namespace on this device: its replica, what waits to be done to it, and who watches it.
type namespace struct {
	e     *Engine
	num   uint16
	app   string
	name  string     // the application's, for people
	on    bool       // it is synced at all
	gone  bool       // it was dropped: there is no data, and nothing is synced until the application is added again
	off   [][32]byte // the iks of devices of the circle that it is not synced with
	rep   *replica.Replica
	peers *domain // its application peers; nil if there never were any

	named   [32]byte // its name among devices of the circle namedBy
	namedBy *domain

	queue   []task // in order: what waits for blocks holds back what comes after it, so operations on a key keep their order
	watches []*watch
	foreign Millis // when a record of another device last arrived
	own     uint64 // position after the last record written here
	moving  bool   // it is being made another circle's: no sync until that is done
}

const (
	metaNamespace = "ns/" // and the namespace's number: flags u8 ‖ lv8(application id) ‖ lv8(its name) ‖ ik(32)*
	flagOn        = 1
	flagGone      = 2

	embeddedNamespace = 1    // the number of an embedded store's one namespace
	maxNamespaces     = 1000 // in a local store
)

func (n *namespace) number() string { return strconv.Itoa(int(n.num)) }

func (n *namespace) save() {
	flags := byte(0)
	if n.on {
		flags |= flagOn
	}
	if n.gone {
		flags |= flagGone
	}
	b := wire.AppendLV8(wire.AppendLV8([]byte{flags}, []byte(n.app)), []byte(n.name))
	for _, ik := range n.off {
		b = append(b, ik[:]...)
	}
	n.e.led.SetMeta(metaNamespace+n.number(), b)
}

// openNamespaces opens every namespace; in an embedded store, which has one, it makes it.
func (e *Engine) openNamespaces() error {
	for _, key := range e.led.MetaKeys(metaNamespace) {
		num, err := strconv.ParseUint(key[len(metaNamespace):], 10, 16)
		if err != nil {
			return errDamagedSelf
		}
		r := wire.NewReader(e.led.Meta(key))
		n := &namespace{e: e, num: uint16(num)}
		flags := r.U8()
		n.on, n.gone = flags&flagOn != 0, flags&flagGone != 0
		n.app, n.name = string(r.LV8(255)), string(r.LV8(255))
		for r.Len() >= 32 {
			n.off = append(n.off, [32]byte(r.Bytes(32)))
		}
		if r.Done() != nil {
			return errDamagedSelf
		}
		if err := e.openNamespace(n); err != nil {
			return err
		}
	}
	if !e.isStore() && len(e.namespaces) == 0 {
		return e.makeNamespace(&namespace{e: e, num: embeddedNamespace, app: e.cfg.App, on: true})
	}
	return nil
}

func (e *Engine) makeNamespace(n *namespace) error {
	n.save()
	return e.openNamespace(n)
}

func (e *Engine) openNamespace(n *namespace) error {
	var err error
	n.rep, err = replica.Open(e.led, n.num, replica.Config{Rand: e.rand, Watched: n.watched})
	if err != nil {
		return err
	}
	e.namespaces = append(e.namespaces, n)
	sort.Slice(e.namespaces, func(i, j int) bool { return e.namespaces[i].num < e.namespaces[j].num })
	return n.loadPeers()
}

// namespaceOf is the namespace of an application, nil if there is none; an embedded store has one for everything.
func (e *Engine) namespaceOf(app string) *namespace {
	for _, n := range e.namespaces {
		if !e.isStore() || n.app == app {
			return n
		}
	}
	return nil
}

// newNamespace makes the namespace of an application that is new here.
func (e *Engine) newNamespace(app, name string) (*namespace, Code) {
	switch {
	case app == "" || len(app) > 255 || !roster.PlainText(app):
		return nil, EValue
	case len(e.namespaces) >= maxNamespaces:
		return nil, EBusy
	}
	if name == "" {
		name = app
	}
	n := &namespace{e: e, num: 1, app: app, name: roster.CleanName(name), on: true}
	for slices.ContainsFunc(e.namespaces, func(o *namespace) bool { return o.num == n.num }) {
		n.num++
	}
	if err := e.makeNamespace(n); err != nil {
		return nil, storageCode(err)
	}
	if len(e.devices) == 0 {
		n.rep.SettleOwn()
	}
	e.statusDirty = true
	return n, OK
}

// addApp sees to it that an application has a namespace here.
func (e *Engine) addApp(op *Op) {
	do := op.Do.(AddApp)
	n := e.namespaceOf(op.App)
	switch {
	case n == nil:
		var code Code
		if n, code = e.newNamespace(op.App, do.Name); code != OK {
			e.reply(Reply{Op: op.ID, Err: code})
			return
		}
		e.announce(n)
	case n.gone:
		n.gone, n.on, n.off, n.name = false, true, nil, roster.CleanName(do.Name)
		n.save()
		e.resync(func(*device) bool { return true })
	case do.Name != "" && n.name != roster.CleanName(do.Name):
		n.name = roster.CleanName(do.Name)
		n.save()
	}
	e.statusDirty = true
	e.answer(op)
}

// dropApp deletes an application's data from this device. Its number stays its own, and its roster: other devices may still
// have to be told who is out.
func (e *Engine) dropApp(op *Op) {
	n := e.namespaceOf(op.App)
	if n == nil || n.gone {
		e.reply(Reply{Op: op.ID, Err: EApp})
		return
	}
	n.gone = true
	n.save()
	e.resync(func(*device) bool { return true })
	for _, d := range e.devices {
		d.forgetNamespace(n)
	}
	n.enqueue(task{fail: func(c Code) { n.refuse(op, c) }, run: func() error {
		changes, err := n.rep.Drop()
		if err != nil {
			return err
		}
		n.notify(changes, op.Client, "")
		e.statusDirty = true
		e.answer(op)
		return nil
	}})
}

// prefer says whether an application is synced, with one device or at all.
func (e *Engine) prefer(op *Op) {
	do := op.Do.(Prefer)
	n := e.namespaceOf(op.App)
	if n == nil || n.gone {
		e.reply(Reply{Op: op.ID, Err: EApp})
		return
	}
	if do.Device == "" {
		n.on = do.On
		e.resync(func(*device) bool { return true })
	} else {
		d := e.deviceByID(do.Device)
		if d == nil || d.domain != e.circle {
			e.reply(Reply{Op: op.ID, Err: EValue})
			return
		}
		n.off = slices.DeleteFunc(n.off, func(ik [32]byte) bool { return ik == d.ik })
		if !do.On {
			n.off = append(n.off, d.ik)
		}
		e.resync(func(o *device) bool { return o == d })
	}
	n.save()
	e.statusDirty = true
	e.answer(op)
}

// resync begins the sessions with some devices anew: what is synced with them is another thing now, and what is on its way in the
// old sessions belongs to what was.
func (e *Engine) resync(with func(*device) bool) {
	for _, d := range e.devices {
		if d.repl != nil && with(d) {
			d.repl.l.renew()
		}
	}
}

// announce lists a namespace that is new here in the sessions that stand.
func (e *Engine) announce(n *namespace) {
	for _, d := range e.devices {
		if d.repl != nil && d.repl.listed && d.shares(n) {
			d.repl.list(n)
			d.repl.match(n)
		}
	}
}

// wanted reports whether this device syncs the namespace with d.
func (n *namespace) wanted(d *device) bool {
	return n.on && !n.gone && !slices.Contains(n.off, d.ik)
}

// heldBy calls f for every other device that has the namespace, or is to have it.
func (n *namespace) heldBy(f func(*device, *progress)) {
	for _, d := range n.e.devices {
		if d.shares(n) && d.member() {
			f(d, d.in(n))
		}
	}
}

// settleIfHeard settles the own writer's earlier blocks once every device has sent all that it has since this start.
func (n *namespace) settleIfHeard() {
	all := true
	n.heldBy(func(_ *device, p *progress) { all = all && p.heard })
	if all {
		n.rep.SettleOwn()
	}
}

// collect lets the tombstones go that every device has.
func (n *namespace) collect() {
	var all wire.Vector
	first := true
	n.heldBy(func(_ *device, p *progress) {
		if first {
			all, first = p.have, false
		} else {
			all = all.Meet(p.have)
		}
	})
	if !first {
		n.rep.Collect(all)
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
	do := op.Do.(Keep)
	if do.Key == "" || len(do.Key) > wire.MaxKey || len(do.Value) > maxKept || len(do.Value) > 0 && e.keptBytes(do) > maxKeptAll {
		e.reply(Reply{Op: op.ID, Err: ETooBig})
		return
	}
	e.led.SetMeta(metaKeep+do.Key, do.Value)
	e.answer(op)
}

// keptBytes is how much the settings take with that of do.
func (e *Engine) keptBytes(do Keep) int {
	n := len(do.Key) + len(do.Value)
	for _, key := range e.led.MetaKeys(metaKeep) {
		if key != metaKeep+do.Key {
			n += len(key) + len(e.led.Meta(key))
		}
	}
	return n
}

func (e *Engine) kept(op *Op) {
	do := op.Do.(Kept)
	r := Reply{Op: op.ID}
	for _, key := range e.led.MetaKeys(metaKeep + do.Prefix) {
		r.Entries = append(r.Entries, Entry{Key: key[len(metaKeep):], Kind: wire.Bytes, Value: bytes.Clone(e.led.Meta(key))})
	}
	e.reply(r)
}
