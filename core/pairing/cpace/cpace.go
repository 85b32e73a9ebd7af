// Package cpace is CPace-X25519-SHA512 in its initiator-responder form, a balanced password-authenticated key exchange
// (draft-irtf-cfrg-cpace): two sides that know the same secret get the same key, and whoever does not know it gets one
// guess for each exchange.
//
//	x, err := cpace.New(secret, ci, sid, rand)   // both sides; each sends x.Share() and its associated data
//	isk, err := x.Initiator(ad, peerShare, peerAD)
//	isk, err := x.Responder(ad, peerShare, peerAD)
//
// Nothing is confirmed: only the use of the key shows whether the other side had the secret. An Exchange is used once.
package cpace

import (
	"crypto/ecdh"
	"crypto/sha512"
	"errors"
	"io"

	"filippo.io/edwards25519/field"
)

// Sizes in bytes.
const (
	ShareSize = 32
	KeySize   = sha512.Size
)

// ErrShare is answered to a share that an honest side never sends: of low order, or not in canonical form. The exchange
// has to end.
var ErrShare = errors.New("cpace: bad share")

const (
	dsi       = "CPace255"
	dsiISK    = "CPace255_ISK"
	hashBlock = 128 // SHA-512's input block
)

// An Exchange is one side of one run.
type Exchange struct {
	scalar *ecdh.PrivateKey
	share  []byte
	sid    []byte
}

// New begins an exchange over secret, for a channel identifier ci and a session id sid on which both sides agree. It
// reads 32 bytes of rand.
func New(secret, ci, sid []byte, rand io.Reader) (*Exchange, error) {
	y := make([]byte, 32)
	if _, err := io.ReadFull(rand, y); err != nil {
		return nil, err
	}
	scalar, err := ecdh.X25519().NewPrivateKey(y)
	clear(y)
	if err != nil {
		return nil, err
	}
	g, err := ecdh.X25519().NewPublicKey(generator(secret, ci, sid))
	if err != nil {
		return nil, err
	}
	share, err := scalar.ECDH(g)
	if err != nil {
		return nil, err
	}
	return &Exchange{scalar: scalar, share: share, sid: sid}, nil
}

// Share is what the other side has to get, 32 bytes.
func (x *Exchange) Share() []byte { return x.share }

// Initiator returns the key, 64 bytes, of the side whose share and associated data come first.
func (x *Exchange) Initiator(ad, peerShare, peerAD []byte) ([]byte, error) {
	return x.key(peerShare, lvCat(x.share, ad, peerShare, peerAD))
}

// Responder returns the key, 64 bytes, of the other side.
func (x *Exchange) Responder(ad, peerShare, peerAD []byte) ([]byte, error) {
	return x.key(peerShare, lvCat(peerShare, peerAD, x.share, ad))
}

func (x *Exchange) key(peerShare, transcript []byte) ([]byte, error) {
	// X25519 ignores bit 255, so that with it each point would have a second form.
	if len(peerShare) != ShareSize || peerShare[31]&0x80 != 0 {
		return nil, ErrShare
	}
	peer, err := ecdh.X25519().NewPublicKey(peerShare)
	if err != nil {
		return nil, ErrShare
	}
	k, err := x.scalar.ECDH(peer) // fails on the neutral element
	if err != nil {
		return nil, ErrShare
	}
	in := append(lvCat([]byte(dsiISK), x.sid, k), transcript...)
	isk := sha512.Sum512(in)
	clear(k)
	clear(in)
	return isk[:], nil
}

// generator maps secret, ci and sid to a point's u-coordinate.
func generator(secret, ci, sid []byte) []byte {
	in := generatorString(secret, ci, sid)
	h := sha512.Sum512(in)
	clear(in)
	return elligator2(h[:32])
}

// generatorString pads the secret to a hash block of its own, so that the time of hashing does not depend on the rest.
func generatorString(secret, ci, sid []byte) []byte {
	head := lvCat([]byte(dsi), secret)
	pad := max(0, hashBlock-1-len(head))
	return append(head, lvCat(make([]byte, pad), ci, sid)...)
}

// elligator2 maps 32 bytes to the u-coordinate of a point on Curve25519, in constant time:
// RFC 9380, section 6.7.1, with Z = 2, leaving out the other coordinate. Bit 255 is ignored.
func elligator2(b []byte) []byte {
	u, err := new(field.Element).SetBytes(b)
	if err != nil {
		panic("cpace: field element of a wrong length") // not reached: b is 32 bytes of a hash
	}
	one := new(field.Element).One()
	a := new(field.Element).Mult32(one, 486662)

	// x1 = -A / (1 + 2u²). The divisor is never zero: -1/2 is not a square.
	d := new(field.Element).Square(u)
	d.Add(d, d).Add(d, one).Invert(d)
	x1 := new(field.Element).Multiply(a, d)
	x1.Negate(x1)

	// gx1 = x1³ + A·x1² + x1 = ((x1 + A)·x1 + 1)·x1
	gx1 := new(field.Element).Add(x1, a)
	gx1.Multiply(gx1, x1).Add(gx1, one).Multiply(gx1, x1)

	// Where that is no square, x2 = -x1 - A gives one.
	_, square := new(field.Element).SqrtRatio(gx1, one)
	x2 := new(field.Element).Negate(x1)
	x2.Subtract(x2, a)
	return new(field.Element).Select(x1, x2, square).Bytes()
}

// lvCat joins the parts, each behind its length in LEB128.
func lvCat(parts ...[]byte) []byte {
	n := 0
	for _, p := range parts {
		n += len(p) + 4
	}
	out := make([]byte, 0, n)
	for _, p := range parts {
		l := len(p)
		for ; l >= 0x80; l >>= 7 {
			out = append(out, byte(l)|0x80)
		}
		out = append(append(out, byte(l)), p...)
	}
	return out
}
