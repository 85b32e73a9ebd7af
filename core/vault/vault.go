// Package vault seals the blocks that go to storage and opens those that come back.
//
//	v := vault.New(storeKey, rand.Reader)
//	block := v.Seal(id, plaintext)
//	plaintext, err := v.Open(id, block)
//
// A block may also be sealed in sections, each of which opens without the others: see SealSections.
//
// A block is bound to its number: under another it does not open. What the vault cannot see is an older block put back
// in the place of a newer one with the same number. core/PROTOCOL.md, "At rest", specifies the bytes.
package vault

import (
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"io"

	"golang.org/x/crypto/chacha20poly1305"

	"github.com/masqdev/masq/core/storage"
)

const (
	format  = 1 // the first byte of a block
	header  = 1 + chacha20poly1305.NonceSizeX
	adLabel = "masq-block/1"

	// Overhead is by how many bytes a sealed block is longer than its plaintext.
	Overhead = header + chacha20poly1305.Overhead
)

// Errors of Open.
var (
	ErrDamaged = errors.New("vault: block is damaged, or sealed with another key")
	ErrVersion = errors.New("vault: block was written by a newer version")
)

// A Vault seals and opens with one store key. It is for one goroutine at a time, as its source of randomness is.
type Vault struct {
	aead cipher.AEAD // XChaCha20-Poly1305 (draft-irtf-cfrg-xchacha): its nonce is long enough to be random
	rand io.Reader

	sections [chacha20poly1305.KeySize]byte // what the keys of blocks of sections are made of
}

// New returns a Vault for a store key, from which it derives a key of its own. rand must be of cryptographic quality: nonces
// are read from it.
func New(key [32]byte, rand io.Reader) *Vault {
	v := &Vault{rand: rand}
	blockKey := derive(&key, "masq/1 blocks")
	sectionsKey := derive(&key, "masq/2 blocks")
	clear(key[:])
	copy(v.sections[:], sectionsKey)
	clear(sectionsKey)
	aead, err := chacha20poly1305.NewX(blockKey)
	clear(blockKey)
	if err != nil {
		panic(err) // only for lengths that derive does not have
	}
	v.aead = aead
	return v
}

func derive(key *[32]byte, label string) []byte {
	out, err := hkdf.Key(sha256.New, key[:], nil, label, chacha20poly1305.KeySize)
	if err != nil {
		panic(err) // only for lengths that the line above does not have
	}
	return out
}

// Seal returns plaintext as the block to store under id, Overhead bytes longer and in new memory. It panics when the source
// of randomness fails: nothing may be sealed then.
func (v *Vault) Seal(id storage.ID, plaintext []byte) []byte {
	block := make([]byte, header, Overhead+len(plaintext))
	block[0] = format
	v.random(block[1:])
	ad := associated(id)
	return v.aead.Seal(block, block[1:header], plaintext, ad[:])
}

func (v *Vault) random(b []byte) {
	if _, err := io.ReadFull(v.rand, b); err != nil {
		panic("vault: no randomness")
	}
}

// Open returns the plaintext of a block that was stored under id, in new memory. It returns ErrVersion for a format that is
// newer than this package, and ErrDamaged for whatever else it cannot open.
func (v *Vault) Open(id storage.ID, block []byte) ([]byte, error) {
	if len(block) > 0 && block[0] > format {
		return nil, ErrVersion
	}
	if len(block) < Overhead || block[0] != format {
		return nil, ErrDamaged
	}
	ad := associated(id)
	plaintext, err := v.aead.Open(nil, block[1:header], block[header:], ad[:])
	if err != nil {
		return nil, ErrDamaged
	}
	return plaintext, nil
}

// associated is the associated data that binds a block to its number.
func associated(id storage.ID) (ad [len(adLabel) + 8]byte) {
	copy(ad[:], adLabel)
	binary.BigEndian.PutUint64(ad[len(adLabel):], uint64(id))
	return ad
}
