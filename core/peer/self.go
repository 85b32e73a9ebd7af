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

// metaSelf has ik(64) ‖ nk(32) ‖ lv8(name). ik's public half is kept with it: to compute it takes longer than all else that opening a
// few thousand keys does, as Go makes its table of multiples for that, and a browser runs code that is new to it slowly.
const metaSelf = "self"

const keyBytes = ed25519.PrivateKeySize + 32

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
	return e.openNamespaces()
}

func (e *Engine) newSelf() {
	var seeds [64]byte
	e.random(seeds[:])
	keys := append(ed25519.NewKeyFromSeed(seeds[:32]), seeds[32:]...)
	clear(seeds[:])
	name := roster.CleanName(e.cfg.Name)
	e.led.SetMeta(metaSelf, wire.AppendLV8(bytes.Clone(keys), []byte(name)))
	e.setSelf(keys, name)
}

func (e *Engine) loadSelf(saved []byte) error {
	r := wire.NewReader(saved)
	keys := bytes.Clone(r.Bytes(keyBytes))
	name := string(r.LV8(255))
	if r.Done() != nil {
		return errDamagedSelf
	}
	e.setSelf(keys, name)
	return nil
}

// setSelf keeps keys.
func (e *Engine) setSelf(keys []byte, name string) {
	ik, seed := keys[:ed25519.PrivateKeySize:ed25519.PrivateKeySize], keys[ed25519.PrivateKeySize:]
	nk, err := ecdh.X25519().NewPrivateKey(seed)
	if err != nil {
		panic("peer: 32 bytes are always an X25519 key")
	}
	clear(seed)
	e.self = self{ik: ik, nk: nk, name: name}
}

func (e *Engine) publicIK() [32]byte { return [32]byte(e.self.ik.Public().(ed25519.PublicKey)) }
func (e *Engine) publicNK() [32]byte { return [32]byte(e.self.nk.PublicKey().Bytes()) }

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
	e.statusDirty = true
	e.answer(op)
}

func (e *Engine) saveName() {
	saved := bytes.Clone(e.led.Meta(metaSelf)[:keyBytes])
	e.led.SetMeta(metaSelf, wire.AppendLV8(saved, []byte(e.self.name)))
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
