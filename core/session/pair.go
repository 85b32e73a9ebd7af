package session

import (
	"bytes"
	"crypto/ecdh"
	"crypto/ed25519"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/binary"
	"errors"
)

// Keys is what two devices of a circle need to speak to each other.
type Keys struct {
	Self   *ecdh.PrivateKey // this device's nk, an X25519 key
	Peer   [32]byte         // the other device's nk
	Secret [32]byte         // circle_secret
}

// ErrKeys is what NewPair returns for keys that no session can be built on: a missing or foreign key, a peer's key that is
// this device's own, or a point of low order.
var ErrKeys = errors.New("session: unusable keys")

// A Pair is two devices as one of them sees it, with what only the two can compute. All its Conns are for one goroutine.
type Pair struct {
	self      *ecdh.PrivateKey
	peer      [32]byte
	shared    []byte   // X25519 of the two static keys: Noise's "ss", the same in every handshake
	auth      [32]byte // k_auth
	rdv       [32]byte // k_rdv
	offset    uint64   // seconds by which this pair's day begins earlier than UTC's
	initiator bool
	guard     guard // on what the initiator is answered
}

const (
	daySeconds = 86_400
	nearMillis = 10 * 60 * 1000 // this close to the change of the day a pair holds both days' channels
)

// NewPair derives what core/PROTOCOL.md, "Keys", gives a pair.
func NewPair(k Keys) (*Pair, error) {
	if k.Self == nil || k.Self.Curve() != ecdh.X25519() {
		return nil, ErrKeys
	}
	own := k.Self.PublicKey().Bytes()
	peer, err := ecdh.X25519().NewPublicKey(k.Peer[:])
	if err != nil || bytes.Equal(own, k.Peer[:]) {
		return nil, ErrKeys
	}
	shared, err := k.Self.ECDH(peer) // fails on points of low order
	if err != nil {
		return nil, ErrKeys
	}
	p := &Pair{self: k.Self, peer: k.Peer, shared: shared, initiator: bytes.Compare(own, k.Peer[:]) < 0}
	secret := append(append(make([]byte, 0, 64), shared...), k.Secret[:]...)
	defer clear(secret)
	derive(p.auth[:], secret, nil, "masq/1 auth")
	derive(p.rdv[:], secret, nil, "masq/1 rdv")
	var offset [4]byte
	derive(offset[:], p.rdv[:], nil, "masq/1 day-offset")
	p.offset = uint64(binary.BigEndian.Uint32(offset[:])) % daySeconds
	return p, nil
}

// derive fills out by HKDF-SHA256 (RFC 5869), which cannot fail for the lengths used here.
func derive(out, secret, salt []byte, info string) {
	key, err := hkdf.Key(sha256.New, secret, salt, info, len(out))
	if err != nil {
		panic("session: HKDF failed: " + err.Error())
	}
	copy(out, key)
	clear(key)
}

// Initiator reports whether this device begins handshakes: the one with the bytewise smaller nk does.
func (p *Pair) Initiator() bool { return p.initiator }

// Side is this device's side of a relay channel: 0 for the initiator, 1 for the other.
func (p *Pair) Side() uint8 {
	if p.initiator {
		return 0
	}
	return 1
}

// Day numbers the pair's day at a time in Unix milliseconds.
func (p *Pair) Day(now uint64) uint64 { return (now/1000 + p.offset) / daySeconds }

// OtherDay returns the neighbouring day whose channel a pair without a session holds as well, if now (Unix milliseconds) is
// less than ten minutes away from it.
func (p *Pair) OtherDay(now uint64) (day uint64, near bool) {
	today := p.Day(now)
	if next := p.Day(now + nearMillis); next != today {
		return next, true
	}
	if now >= nearMillis && p.Day(now-nearMillis) != today {
		return today - 1, true
	}
	return 0, false
}

// Turn is a number that both devices of a pair know, and nobody else: those with the smallest numbers of a turn meet in it.
func (p *Pair) Turn(turn uint64) uint64 {
	var out [8]byte
	derive(out[:], p.rdv[:], nil, string(binary.BigEndian.AppendUint64([]byte("masq/1 turn"), turn)))
	return binary.BigEndian.Uint64(out[:])
}

// ChannelKey is the key that names a day's channel (by its public half) and signs JOIN.
func (p *Pair) ChannelKey(day uint64) ed25519.PrivateKey {
	var seed [ed25519.SeedSize]byte
	defer clear(seed[:])
	derive(seed[:], p.rdv[:], nil, string(binary.BigEndian.AppendUint64([]byte("chan"), day)))
	return ed25519.NewKeyFromSeed(seed[:])
}
