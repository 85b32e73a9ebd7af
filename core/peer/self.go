package peer

import (
	"bytes"
	"crypto/ecdh"
	"crypto/ed25519"
	"crypto/hkdf"
	"crypto/sha256"
	"errors"

	"github.com/masqdev/masq/core/ledger"
	"github.com/masqdev/masq/core/replica"
	"github.com/masqdev/masq/core/roster"
	"github.com/masqdev/masq/core/wire"
)

// self is this device: its keys, its name, and the circle that it is in, if any.
type self struct {
	ik     ed25519.PrivateKey
	nk     *ecdh.PrivateKey
	name   string
	circle *circle
}

// circle is one user's devices, as this one knows them.
type circle struct {
	secret [32]byte
	root   []byte // the entropy behind the recovery key, on the device that founded the circle; else empty
	roster *roster.Roster
}

// The names of the settings that the ledger keeps.
const (
	metaSelf   = "self"
	metaCircle = "circle"
	metaRoster = "roster"
	metaApp    = "ns/1"
	metaPeer   = "peer/" // and the device's nk
)

// appSpace numbers the one namespace of an embedded store.
const appSpace = 1

var errDamagedSelf = ledger.ErrDamaged

// openSelf reads who this device is, or makes it up at the first start.
func (e *Engine) openSelf() error {
	if e.space == nil {
		s := &space{e: e, num: appSpace, app: e.cfg.App}
		rep, err := replica.Open(e.led, appSpace, replica.Config{Rand: e.rand, Watched: s.watched})
		if err != nil {
			return err
		}
		s.rep, e.space = rep, s
	}
	saved := e.led.Meta(metaSelf)
	if saved == nil {
		e.newSelf()
		return nil
	}
	if err := e.loadSelf(saved); err != nil {
		return err
	}
	return e.loadCircle()
}

func (e *Engine) newSelf() {
	var seeds [64]byte
	e.random(seeds[:])
	name := roster.CleanName(e.cfg.Name)
	e.led.SetMeta(metaSelf, wire.AppendLV8(bytes.Clone(seeds[:]), []byte(name)))
	e.led.SetMeta(metaApp, []byte(e.cfg.App))
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

func (e *Engine) loadCircle() error {
	saved := e.led.Meta(metaCircle)
	if len(saved) == 0 {
		return nil
	}
	r := wire.NewReader(saved)
	c := &circle{}
	copy(c.secret[:], r.Bytes(32))
	c.root = bytes.Clone(r.LV8(255))
	if r.Done() != nil {
		return errDamagedSelf
	}
	ros, err := roster.Load(e.led.Meta(metaRoster))
	if errors.Is(err, roster.ErrVersion) {
		return ledger.ErrVersion
	}
	if err != nil {
		return errDamagedSelf
	}
	c.roster = ros
	e.self.circle = c
	return nil
}

func (e *Engine) saveCircle() {
	c := e.self.circle
	e.led.SetMeta(metaCircle, wire.AppendLV8(bytes.Clone(c.secret[:]), c.root))
	e.saveRoster()
}

// saveRoster is strict: what others have been told of the circle must not be forgotten here.
func (e *Engine) saveRoster() {
	e.led.SetMeta(metaRoster, e.self.circle.roster.Encode())
	e.strictly()
}

func (e *Engine) publicIK() [32]byte { return [32]byte(e.self.ik.Public().(ed25519.PublicKey)) }
func (e *Engine) publicNK() [32]byte { return [32]byte(e.self.nk.PublicKey().Bytes()) }

// foundCircle makes this device the first of a circle, if it is in none.
func (e *Engine) foundCircle() error {
	if e.self.circle != nil {
		return nil
	}
	c := &circle{root: make([]byte, 16)}
	e.random(c.secret[:])
	e.random(c.root)
	seed, err := hkdf.Key(sha256.New, c.root, nil, "masq/1 root", 32)
	if err != nil {
		return err
	}
	root := ed25519.NewKeyFromSeed(seed).Public().(ed25519.PublicKey)
	clear(seed)
	me := roster.Member{IK: e.publicIK(), NK: e.publicNK(), Kind: roster.Embedded, Name: e.self.name}
	c.roster, err = roster.New(e.self.ik, [32]byte(root), me, e.cfg.Sync)
	if err != nil {
		return err
	}
	e.self.circle = c
	e.saveCircle()
	return nil
}

// nsName is the namespace's name in this circle; only its members can compute it.
func (c *circle) nsName(app string) [32]byte {
	name, err := hkdf.Key(sha256.New, c.secret[:], nil, "masq/1 ns"+app, 32)
	if err != nil {
		panic("peer: hkdf of 32 bytes cannot fail")
	}
	return [32]byte(name)
}

// relay is the Sync Server that this device meets others at; "" if there is none.
func (e *Engine) relay() string {
	urls := e.cfg.Sync
	if c := e.self.circle; c != nil {
		if agreed := c.roster.Relays(); len(agreed) > 0 {
			urls = agreed
		}
	}
	if len(urls) == 0 {
		return ""
	}
	return urls[0]
}

func (e *Engine) rename(op *Op) {
	if !roster.ValidName(op.Key) {
		e.reply(Reply{Op: op.ID, Err: EValue})
		return
	}
	e.self.name = op.Key
	saved := bytes.Clone(e.led.Meta(metaSelf)[:64])
	e.led.SetMeta(metaSelf, wire.AppendLV8(saved, []byte(op.Key)))
	for _, d := range e.devices {
		if d.sess != nil {
			d.sess.sendHeads()
		}
	}
	e.statusDirty = true
	e.answer(op)
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
