package peer

import (
	"slices"
	"sort"
	"strconv"

	"github.com/masqdev/masq/core/replica"
	"github.com/masqdev/masq/core/roster"
	"github.com/masqdev/masq/core/wire"
)

const (
	metaNamespace = "ns/" // and the namespace's number: flags u8 ‖ lv8(application id) ‖ lv8(its name) ‖ ik(32)*
	flagOn        = 1
	flagGone      = 2

	embeddedNamespace = 1    // the number of an embedded store's one namespace
	maxNamespaces     = 1000 // in a local store that are not gone
	maxNumbers        = 2000 // and with those that are: what others are to be told of them stays
)

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
		n := e.bare(uint16(num))
		flags := r.U8()
		n.on, n.gone = flags&flagOn != 0, flags&flagGone != 0
		n.app, n.name = string(r.LV8(255)), string(r.LV8(255))
		n.loadQuota()
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
		n := e.bare(embeddedNamespace)
		n.app, n.on = e.cfg.App, true
		return e.makeNamespace(n)
	}
	return nil
}

func (e *Engine) makeNamespace(n *namespace) error {
	n.save()
	return e.openNamespace(n)
}

func (e *Engine) openNamespace(n *namespace) error {
	if e.apps == nil {
		e.apps = map[string]*namespace{}
	}
	e.namespaces, e.apps[n.app] = append(e.namespaces, n), n
	n.wake()
	var err error
	was := n.was
	n.was = nil
	n.rep, err = replica.Open(e.led, n.num, replica.Config{Owner: e.publicNK(), Rand: e.rand, Was: was, Watched: n.watched, Hurt: n.hurt})
	if err != nil {
		return err
	}
	n.rep.Tight(e.fullness.full)
	if err := n.openCopy(was); err != nil {
		return err
	}
	sort.Slice(e.namespaces, func(i, j int) bool { return e.namespaces[i].num < e.namespaces[j].num })
	return n.loadPeers()
}

// roomForApp reports whether another application may have a namespace.
func (e *Engine) roomForApp() bool {
	count := 0
	for _, n := range e.namespaces {
		if !n.gone {
			count++
		}
	}
	return count < maxNamespaces
}

// newNamespace makes the namespace of an application that is new here.
func (e *Engine) newNamespace(app, name string) (*namespace, Code) {
	switch {
	case app == "" || len(app) > 255 || !roster.PlainText(app):
		return nil, EValue
	case !e.roomForApp() || len(e.namespaces) >= maxNumbers:
		return nil, EApps
	}
	if name == "" {
		name = app
	}
	n := e.bareWhere(func(n *namespace) bool { return n.app == app }) // in trouble one that was never stored
	n.num, n.app, n.name, n.on = 1, app, roster.CleanName(name), true
	for _, o := range e.namespaces { // by number: the first that is free
		if o.num == n.num {
			n.num++
		}
	}
	if err := e.makeNamespace(n); err != nil {
		return nil, storageCode(err)
	}
	e.touch()
	return n, OK
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

// settleOld settles what this device wrote before a record waited for storage, once every device has sent all that it has since this start.
func (n *namespace) settleOld() {
	if !n.rep.HasOld() {
		return
	}
	all := true
	n.heldBy(func(_ *device, p *progress) { all = all && p.heard })
	if all {
		n.rep.SettleOld()
		n.wake()
	}
}
