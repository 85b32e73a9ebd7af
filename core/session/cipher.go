package session

import (
	"crypto/cipher"
	"encoding/binary"
	"math"
	"unsafe"

	"golang.org/x/crypto/chacha20poly1305"
)

// oneWay is Noise's CipherState for one direction, with a rekey behind every frame (sections 5.1, 11.3 and 4.2, REKEY, of the
// Noise specification, revision 34). The counter goes on over rekeys. It is written out here, and not the library's, because
// that allocates five times a frame.
type oneWay struct {
	aead  cipher.AEAD
	n     uint64
	nonce [chacha20poly1305.NonceSize]byte
	next  [chacha20poly1305.KeySize + chacha20poly1305.Overhead]byte
}

var zeros [chacha20poly1305.KeySize]byte

func newOneWay(key [32]byte) oneWay {
	var c oneWay
	c.setKey(key[:])
	clear(key[:])
	return c
}

// setKey overwrites the key before.
func (c *oneWay) setKey(key []byte) {
	erase(c.aead)
	c.aead = newAEAD(key)
}

func newAEAD(key []byte) cipher.AEAD {
	aead, err := chacha20poly1305.New(key)
	if err != nil {
		panic("session: key of a wrong length")
	}
	return aead
}

// erase overwrites the key that a cipher of newAEAD keeps inside: its package has no way to do that. The cipher must not be used again.
func erase(aead cipher.AEAD) {
	if aead != nil {
		clear((*keyed)(unsafe.Pointer(&aead)).key[:])
	}
}

// keyed is a cipher of newAEAD in memory: an interface whose value is a pointer to one field, the key. TestErasedKey tests that it is.
// Package reflect would say so, too, but nothing else in the browser's client needs it.
type keyed struct {
	_   unsafe.Pointer
	key *[chacha20poly1305.KeySize]byte
}

// erase overwrites the key. c must not be used again.
func (c *oneWay) erase() { erase(c.aead) }

func (c *oneWay) at(n uint64) []byte {
	binary.LittleEndian.PutUint64(c.nonce[4:], n)
	return c.nonce[:]
}

// seal appends the ciphertext of plain to dst and moves on to the next key. dst and plain may share memory in place.
func (c *oneWay) seal(dst, plain, ad []byte) []byte {
	out := c.aead.Seal(dst, c.at(c.n), plain, ad)
	c.rekey()
	return out
}

// open appends the plaintext to dst and moves on to the next key. After an error c must not be used again.
func (c *oneWay) open(dst, sealed, ad []byte) ([]byte, error) {
	out, err := c.aead.Open(dst, c.at(c.n), sealed, ad)
	if err != nil {
		return nil, ErrSession
	}
	c.rekey()
	return out, nil
}

func (c *oneWay) rekey() {
	c.n++
	c.aead.Seal(c.next[:0], c.at(math.MaxUint64), zeros[:], nil)
	c.setKey(c.next[:chacha20poly1305.KeySize])
	clear(c.next[:])
}
