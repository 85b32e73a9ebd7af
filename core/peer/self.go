package peer

import (
	"bytes"
	"crypto/ecdh"
	"crypto/ed25519"

	"github.com/masqdev/masq/core/ledger"
	"github.com/masqdev/masq/core/roster"
	"github.com/masqdev/masq/core/wire"
)

// metaSelf has ik(64) ‖ nk(32) ‖ lv8(name). The public half of ik is kept, too: computing it takes longer than opening a few thousand
// keys, because Go first makes a table of multiples, and a browser runs new code slowly.
const metaSelf = "self"

const keyBytes = ed25519.PrivateKeySize + 32

var errDamagedSelf = ledger.ErrDamaged

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
	e.setSelf(keys, roster.ShownName(name))
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

func (e *Engine) saveName() {
	saved := bytes.Clone(e.led.Meta(metaSelf)[:keyBytes])
	e.led.SetMeta(metaSelf, wire.AppendLV8(saved, []byte(e.self.name)))
}

// renewSelf takes new keys, because the old ones are out for good.
func (e *Engine) renewSelf() {
	name := e.self.name
	e.newSelf()
	e.self.name = name
	e.saveName()
	for _, n := range e.namespaces {
		n.stopMending()
		n.rep.SetOwner(e.publicNK())
		n.wake()
	}
}
