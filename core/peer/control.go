package peer

import (
	"bytes"
	"errors"
	"slices"

	"github.com/masqdev/masq/core/roster"
	"github.com/masqdev/masq/core/storage"
	"github.com/masqdev/masq/core/wire"
)

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
	case n.gone && !e.roomForApp():
		e.reply(Reply{Op: op.ID, Err: EApps})
		return
	case n.gone:
		n.gone, n.on, n.off, n.name = false, true, nil, roster.CleanName(do.Name)
		n.save()
		e.resync(func(*device) bool { return true })
	case do.Name != "" && n.name != roster.CleanName(do.Name):
		n.name = roster.CleanName(do.Name)
		n.save()
	}
	e.touch()
	e.answer(op)
}

// dropApp deletes an application's data from this device. It keeps the namespace's number and roster: other devices may still have to
// be told who is revoked.
func (e *Engine) dropApp(op *Op) {
	n := e.namespaceOf(op.App)
	if n == nil || n.gone {
		e.reply(Reply{Op: op.ID, Err: EApp})
		return
	}
	n.leave()
	n.enqueue(task{op: op, fail: func(c Code) { n.refuse(op, c) }, run: func() error {
		changes, err := n.rep.Drop()
		if err != nil {
			return err
		}
		n.begunAnew()
		if !n.gone { // it was added again meanwhile
			n.retract()
		}
		n.notify(changes, op.Client, "")
		e.touch()
		e.answer(op)
		return nil
	}})
}

// leave has nobody sync the namespace any more.
func (n *namespace) leave() {
	e := n.e
	n.stopMending()
	n.gone = true
	n.save()
	n.setRestored(false)
	e.resync(func(*device) bool { return true })
	for _, d := range e.devices {
		d.forgetNamespace(n)
	}
}

// prefer sets whether an application is synced, with one device or at all.
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
	e.touch()
	e.answer(op)
}

// revoke shuts a device out, for good, wherever it is listed.
func (e *Engine) revoke(op *Op) {
	do := op.Do.(Revoke)
	d := e.deviceByID(do.Device)
	switch {
	case d == nil || !d.member():
		e.reply(Reply{Op: op.ID, Err: EValue})
		return
	}
	if err := d.domain.revoke(d.ik); err != nil { // an application peer may shut out only those that it let in
		e.reply(Reply{Op: op.ID, Err: rosterCode(err, EDenied)})
		return
	}
	e.tend()
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
			if m.Kind != roster.Embedded {
				continue
			}
			if err := dom.revoke(m.IK); err != nil {
				e.reply(Reply{Op: op.ID, Err: rosterCode(err, EBusy)})
				return
			}
		}
	}
	e.touch()
	e.answer(op)
}

// setRelays changes the Sync Servers that the circle meets at.
func (e *Engine) setRelays(op *Op) {
	do := op.Do.(SetRelays)
	if err := e.foundCircle(); err != nil {
		e.reply(Reply{Op: op.ID, Err: ESync})
		return
	}
	for _, u := range do.URLs {
		if !roster.SafeRelay(u) {
			e.reply(Reply{Op: op.ID, Err: ESync})
			return
		}
	}
	if _, err := e.circle.roster.SignRelays(e.self.ik, do.URLs); err != nil {
		e.reply(Reply{Op: op.ID, Err: rosterCode(err, EValue)})
		return
	}
	e.circle.changed(nil)
	e.touch()
	e.answer(op)
}

// rosterCode is the code of an error in signing an entry: EQuota without a place for it, else other.
func rosterCode(err error, other Code) Code {
	if errors.Is(err, roster.ErrFull) {
		return EQuota
	}
	return other
}

func (e *Engine) rename(op *Op) {
	name := op.Do.(Rename).Name
	if !roster.ValidName(name) {
		e.reply(Reply{Op: op.ID, Err: EValue})
		return
	}
	e.self.name = name
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
