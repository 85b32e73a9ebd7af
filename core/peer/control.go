package peer

import (
	"bytes"
	"slices"

	"github.com/masqdev/masq/core/roster"
	"github.com/masqdev/masq/core/storage"
	"github.com/masqdev/masq/core/wire"
)

// addApp sees to it that an application has a namespace here.
func (e *Engine) addApp(op *Op) {
	n := e.namespaceOf(op.App)
	switch {
	case n == nil:
		var code Code
		if n, code = e.newNamespace(op.App, op.Key); code != OK {
			e.reply(Reply{Op: op.ID, Err: code})
			return
		}
		e.announce(n)
	case n.gone:
		n.gone, n.on, n.off, n.name = false, true, nil, roster.CleanName(op.Key)
		n.save()
		e.resync(func(*device) bool { return true })
	case op.Key != "" && n.name != roster.CleanName(op.Key):
		n.name = roster.CleanName(op.Key)
		n.save()
	}
	e.touch()
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
		e.touch()
		e.answer(op)
		return nil
	}})
}

// prefer says whether an application is synced, with one device or at all.
func (e *Engine) prefer(op *Op) {
	n := e.namespaceOf(op.App)
	if n == nil || n.gone {
		e.reply(Reply{Op: op.ID, Err: EApp})
		return
	}
	if op.Key == "" {
		n.on = op.On
		e.resync(func(*device) bool { return true })
	} else {
		d := e.deviceByID(op.Key)
		if d == nil || d.domain != e.circle {
			e.reply(Reply{Op: op.ID, Err: EValue})
			return
		}
		n.off = slices.DeleteFunc(n.off, func(ik [32]byte) bool { return ik == d.ik })
		if !op.On {
			n.off = append(n.off, d.ik)
		}
		e.resync(func(o *device) bool { return o == d })
	}
	n.save()
	e.touch()
	e.answer(op)
}

// revoke shuts a device out, for good, wherever it is listed.
func (e *Engine) revoke(op *Op) {
	d := e.deviceByID(op.Key)
	switch {
	case d == nil || !d.member():
		e.reply(Reply{Op: op.ID, Err: EValue})
		return
	case d.domain.revoke(d.ik) != nil: // an application peer may shut out only those that it let in
		e.reply(Reply{Op: op.ID, Err: EDenied})
		return
	}
	e.tend(true)
	e.touch()
	e.answer(op)
}

// revokeOf shuts out an application's peers.
func (e *Engine) revokeOf(op *Op) {
	n := e.namespaceOf(op.App)
	if n == nil {
		e.reply(Reply{Op: op.ID, Err: EApp})
		return
	}
	if dom := n.peers; dom != nil {
		for _, m := range dom.roster.Members() {
			if m.Kind == roster.Embedded && dom.revoke(m.IK) != nil {
				e.reply(Reply{Op: op.ID, Err: EBusy})
				return
			}
		}
	}
	e.touch()
	e.answer(op)
}

// setRelays changes the Sync Servers that the circle meets at.
func (e *Engine) setRelays(op *Op) {
	if err := e.foundCircle(); err != nil {
		e.reply(Reply{Op: op.ID, Err: ESync})
		return
	}
	for _, u := range op.List {
		if !roster.SafeRelay(u) {
			e.reply(Reply{Op: op.ID, Err: ESync})
			return
		}
	}
	if _, err := e.circle.roster.SignRelays(e.self.ik, op.List); err != nil {
		e.reply(Reply{Op: op.ID, Err: EValue})
		return
	}
	e.circle.changed(nil)
	e.touch()
	e.answer(op)
}

func (e *Engine) rename(op *Op) {
	if !roster.ValidName(op.Key) {
		e.reply(Reply{Op: op.ID, Err: EValue})
		return
	}
	e.self.name = op.Key
	e.saveName()
	for _, d := range e.devices {
		if d.repl != nil {
			d.repl.sendHeads()
		}
	}
	e.touch()
	e.answer(op)
}

// shutdown says BYE to everybody and has what is left committed.
func (e *Engine) shutdown(op *Op) {
	e.closing = op
	if p := e.pairing; p != nil {
		p.end(EClosed)
	}
	for _, d := range e.devices {
		if d.repl != nil {
			d.repl.bye(wire.ByeClosing, 0)
		}
	}
	e.flushFrames()
	for _, d := range e.devices {
		d.drop()
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
