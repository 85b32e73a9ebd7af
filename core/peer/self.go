package peer

import (
	"bytes"
	"crypto/ecdh"
	"crypto/ed25519"

	"github.com/masqdev/masq/core/ledger"
	"github.com/masqdev/masq/core/roster"
	"github.com/masqdev/masq/core/wire"
)

// self is this device: its keys and its name.
type self struct {
	ik   ed25519.PrivateKey
	nk   *ecdh.PrivateKey
	name string
}

const metaSelf = "self" // two seeds ‖ lv8(name)

var errDamagedSelf = ledger.ErrDamaged

// openSelf reads who this device is, or makes it up at the first start, and opens its namespaces.
func (e *Engine) openSelf() error {
	if saved := e.led.Meta(metaSelf); saved == nil {
		e.newSelf()
	} else if err := e.loadSelf(saved); err != nil {
		return err
	}
	if err := e.loadCircle(); err != nil {
		return err
	}
	return e.openSpaces()
}

func (e *Engine) newSelf() {
	var seeds [64]byte
	e.random(seeds[:])
	name := roster.CleanName(e.cfg.Name)
	e.led.SetMeta(metaSelf, wire.AppendLV8(bytes.Clone(seeds[:]), []byte(name)))
	e.setSelf(seeds, name)
	clear(seeds[:])
}

func (e *Engine) loadSelf(saved []byte) error {
	r := wire.NewReader(saved)
	raw := r.Bytes(64)
	name := string(r.LV8(255))
	if r.Done() != nil {
		return errDamagedSelf
	}
	e.setSelf([64]byte(raw), name)
	return nil
}

func (e *Engine) setSelf(seeds [64]byte, name string) {
	e.self.ik = ed25519.NewKeyFromSeed(seeds[:32])
	nk, err := ecdh.X25519().NewPrivateKey(seeds[32:])
	if err != nil {
		panic("peer: 32 bytes are always an X25519 key")
	}
	e.self.nk, e.self.name = nk, name
}

func (e *Engine) publicIK() [32]byte { return [32]byte(e.self.ik.Public().(ed25519.PublicKey)) }
func (e *Engine) publicNK() [32]byte { return [32]byte(e.self.nk.PublicKey().Bytes()) }

func (e *Engine) rename(op *Op) {
	if !roster.ValidName(op.Key) {
		e.reply(Reply{Op: op.ID, Err: EValue})
		return
	}
	e.self.name = op.Key
	e.saveName()
	for _, d := range e.devices {
		if d.sess != nil {
			d.sess.sendHeads()
		}
	}
	e.statusDirty = true
	e.answer(op)
}

func (e *Engine) saveName() {
	saved := bytes.Clone(e.led.Meta(metaSelf)[:64])
	e.led.SetMeta(metaSelf, wire.AppendLV8(saved, []byte(e.self.name)))
}

// shutdown says BYE to everybody and has what is left committed.
func (e *Engine) shutdown(op *Op) {
	e.closing = op
	if p := e.pairing; p != nil {
		p.end(EClosed)
	}
	for _, d := range e.devices {
		if d.sess != nil {
			d.sess.bye(wire.ByeClosing, 0)
		}
	}
	e.flushFrames()
	for _, d := range e.devices {
		d.drop()
	}
}
