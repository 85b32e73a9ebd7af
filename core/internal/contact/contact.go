// Package contact is the exchange of first contact between the local store and whoever asks to be let in: core/PROTOCOL.md,
// "The local store". The asker commits to its share, the store shows its own, the asker reveals. Both then know six digits and
// a key, and have them in common only if nobody stands in between, but for one chance in a million.
//
//	a, err := contact.NewAsker(owner, port, rand)
//	b, err := contact.NewStore(owner, port, a.Commitment(), rand)
//	its, err := a.Take(b.Share())
//	ours, err := b.Open(a.Reveal()) // ours.Digits == its.Digits
//	token, err := its.Open(ours.Seal(token))
package contact

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdh"
	"crypto/hkdf"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"io"

	"github.com/masqdev/masq/core/pairing"
	"github.com/masqdev/masq/core/wire"
)

// Sizes, in bytes.
const (
	ShareSize      = 65 // a point of P-256, uncompressed
	NonceSize      = 32
	CommitmentSize = sha256.Size
	keySize        = 32
)

const (
	label      = "masq-contact/1"
	labelToken = "masq-contact/1 token"
)

// ErrAuth: the other side said something else than it should have, or means another owner or port.
var ErrAuth = errors.New("contact: the exchange is not what the other side committed to")

// side is what both sides have.
type side struct {
	owner string // who asks
	port  uint16 // where the asker looks for the store, and the store is
	own   *ecdh.PrivateKey
}

func newSide(owner string, port uint16, rand io.Reader) (side, error) {
	var seed [keySize]byte
	defer clear(seed[:])
	for {
		if _, err := io.ReadFull(rand, seed[:]); err != nil {
			return side{}, err
		}
		if own, err := ecdh.P256().NewPrivateKey(seed[:]); err == nil { // but for one seed in 2^32
			return side{owner, port, own}, nil
		}
	}
}

// Share is the public half of this side's key.
func (s *side) Share() []byte { return s.own.PublicKey().Bytes() }

// hash is SHA-256 over what the exchange is about, then parts.
func (s *side) hash(parts ...[]byte) []byte {
	b := wire.AppendLV(wire.AppendLV(nil, []byte(label)), []byte(s.owner))
	b = append(b, byte(s.port>>8), byte(s.port))
	for _, p := range parts {
		b = append(b, p...)
	}
	sum := sha256.Sum256(b)
	return sum[:]
}

// agree makes what both sides have in common.
func (s *side) agree(other, commitment, store, asker, nonce []byte) (*Keys, error) {
	point, err := ecdh.P256().NewPublicKey(other)
	if err != nil {
		return nil, ErrAuth
	}
	shared, err := s.own.ECDH(point)
	if err != nil {
		return nil, ErrAuth
	}
	transcript := s.hash(commitment, store, asker, nonce)
	key, err := hkdf.Key(sha256.New, shared, transcript, labelToken, keySize)
	if err != nil {
		return nil, err
	}
	return &Keys{pairing.Digits([sha256.Size]byte(transcript)), key}, nil
}

// Store is the store's side. It is good for one exchange.
type Store struct {
	side
	commitment []byte
}

// NewStore begins the store's side with the asker's commitment, CommitmentSize bytes. The only error is rand's.
func NewStore(owner string, port uint16, commitment []byte, rand io.Reader) (*Store, error) {
	s, err := newSide(owner, port, rand)
	return &Store{s, commitment}, err
}

// Open takes in what the asker reveals. It fails with ErrAuth if that is not what the asker has committed to.
func (s *Store) Open(share, nonce []byte) (*Keys, error) {
	if subtle.ConstantTimeCompare(s.hash(share, nonce), s.commitment) != 1 {
		return nil, ErrAuth
	}
	return s.agree(share, s.commitment, s.Share(), share, nonce)
}

// Asker is the side of a program that asks. It is good for one exchange.
type Asker struct {
	side
	nonce [NonceSize]byte
}

// NewAsker begins the asker's side. The only error is rand's.
func NewAsker(owner string, port uint16, rand io.Reader) (*Asker, error) {
	s, err := newSide(owner, port, rand)
	a := &Asker{side: s}
	if err == nil {
		_, err = io.ReadFull(rand, a.nonce[:])
	}
	return a, err
}

// Reveal is what the store is to be told once it has shown its share, and not before.
func (a *Asker) Reveal() (share, nonce []byte) { return a.Share(), a.nonce[:] }

// Commitment is what the store is told first.
func (a *Asker) Commitment() []byte { return Commitment(a.owner, a.port, a.Share(), a.nonce[:]) }

// Commitment is what an owner that looks for the store at port commits to its share and nonce by.
func Commitment(owner string, port uint16, share, nonce []byte) []byte {
	return (&side{owner: owner, port: port}).hash(share, nonce)
}

// Take takes in the store's share. It fails with ErrAuth if that is none.
func (a *Asker) Take(store []byte) (*Keys, error) {
	return a.agree(store, a.Commitment(), store, a.Share(), a.nonce[:])
}

// Keys is what both sides have in common at the end.
type Keys struct {
	Digits string // six, for the user to compare
	key    []byte
}

// Seal seals the token for the asker. The key is for this one message, so its nonce is zero: Seal twice panics.
func (k *Keys) Seal(token []byte) []byte {
	return k.aead().Seal(nil, make([]byte, 12), token, nil)
}

// Open opens what Seal has made. It fails with ErrAuth.
func (k *Keys) Open(sealed []byte) ([]byte, error) {
	token, err := k.aead().Open(nil, make([]byte, 12), sealed, nil)
	if err != nil {
		return nil, ErrAuth
	}
	return token, nil
}

// aead spends the key.
func (k *Keys) aead() cipher.AEAD {
	block, err := aes.NewCipher(k.key)
	if err != nil {
		panic("contact: the key is spent")
	}
	clear(k.key)
	k.key = nil
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		panic(err) // not reached: the block is AES's
	}
	return gcm
}
