package peer

import (
	"encoding/binary"
	"errors"
	"io"

	"github.com/masqdev/masq/core/ledger"
	"github.com/masqdev/masq/core/storage"
	"github.com/masqdev/masq/core/vault"
)

// Suspect is the nk of the device whose messages the engine was about when its last Step panicked, if it was about any.
func (e *Engine) Suspect() (nk [32]byte, known bool) {
	if e.suspect == nil {
		return nk, false
	}
	return e.suspect.nk, true
}

func (e *Engine) reply(r Reply) {
	e.out.add(r)
	e.replied = true
}

// answer replies to op when everything logged so far is durable.
func (e *Engine) answer(op *Op) {
	e.commits.next.strict = true
	e.commits.next.ops = append(e.commits.next.ops, op)
}

// after has f done when everything logged so far is durable.
func (e *Engine) after(f func()) {
	e.commits.next.strict = true
	e.commits.next.then = append(e.commits.next.then, f)
}

// strictly has everything logged so far committed strictly, though nobody waits for it.
func (e *Engine) strictly() { e.commits.next.strict = true }

// dial opens a connection for u.
func (e *Engine) dial(url string, u connUser) uint32 {
	e.lastConn++
	e.conns[e.lastConn] = u
	e.out.add(Dial{Conn: e.lastConn, URL: url})
	return e.lastConn
}

func (e *Engine) hangup(conn uint32) {
	if conn != 0 && e.conns[conn] != nil {
		delete(e.conns, conn)
		e.out.add(Hangup{Conn: conn})
	}
}

// spread is a random span from low to high.
func (e *Engine) spread(low, high Millis) Millis {
	var r [2]byte
	e.random(r[:])
	return low + Millis(binary.BigEndian.Uint16(r[:]))*(high-low)/65535
}

func (e *Engine) random(b []byte) {
	if _, err := io.ReadFull(e.rand, b); err != nil {
		panic("peer: no randomness") // crypto/rand never fails; a device without randomness must not go on
	}
}

// fail stops the engine for good: whatever waits is answered, every connection is hung up.
func (e *Engine) fail(code Code) {
	if e.state == failed {
		return
	}
	e.state, e.err = failed, code
	for _, op := range e.early {
		e.turnDown(op, code)
	}
	e.early = nil
	for _, n := range e.namespaces {
		for _, t := range n.queue {
			t.fail(forReads(code, t.reads))
		}
		n.queue = nil
	}
	e.commits.fail(e, code)
	e.trouble.fail(e, code)
	e.fullness.fail(e, code)
	if p := e.pairing; p != nil {
		p.end(code)
	}
	for _, d := range e.devices {
		d.drop()
	}
	e.devices = nil
	clear(e.conns)
}

// turnDown refuses an operation because the engine has stopped.
func (e *Engine) turnDown(op *Op, code Code) {
	e.reply(Reply{Op: op.ID, Err: forReads(code, op.Do.ID().reads())})
}

// forReads is why something is refused when the engine has stopped with code. Who reads needs no room: the last commit of an engine that was
// shut down did.
func forReads(code Code, reads bool) Code {
	if reads && code == EQuota {
		return EClosed
	}
	return code
}

func storageCode(err error) Code {
	switch {
	case errors.Is(err, storage.ErrExists):
		return EFenced
	case errors.Is(err, storage.ErrQuota):
		return EQuota
	case errors.Is(err, storage.ErrClosed):
		return EClosed
	case errors.Is(err, vault.ErrVersion), errors.Is(err, ledger.ErrVersion):
		return EVersion
	case errors.Is(err, vault.ErrDamaged), errors.Is(err, ledger.ErrDamaged):
		return EDamaged
	}
	return EStorage
}
