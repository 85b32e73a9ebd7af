package pairing

import (
	"crypto/ecdh"
	"io"

	"github.com/flynn/noise"
)

// ephemeral does X25519 for one handshake that has no static keys. The library names private keys by their bytes and would
// have them parsed for every product, which costs another multiplication each; here it gets only a name.
type ephemeral struct{ key *ecdh.PrivateKey }

func (*ephemeral) DHLen() int     { return 32 }
func (*ephemeral) DHName() string { return "25519" }

func (e *ephemeral) GenerateKeypair(rand io.Reader) (noise.DHKey, error) {
	var seed [32]byte
	defer clear(seed[:])
	if _, err := io.ReadFull(rand, seed[:]); err != nil {
		return noise.DHKey{}, err
	}
	key, err := ecdh.X25519().NewPrivateKey(seed[:])
	if err != nil {
		return noise.DHKey{}, err
	}
	e.key = key
	return noise.DHKey{Private: []byte("e"), Public: key.PublicKey().Bytes()}, nil
}

func (e *ephemeral) DH(_, public []byte) ([]byte, error) {
	if e.key == nil {
		return nil, ErrAuth
	}
	peer, err := ecdh.X25519().NewPublicKey(public)
	if err != nil {
		return nil, err
	}
	return e.key.ECDH(peer) // fails on points of low order
}

// newNoise begins Noise_NNpsk0_25519_ChaChaPoly_SHA256. A handshake state is never used again after an error.
func newNoise(initiator bool, psk []byte, rand io.Reader) (*noise.HandshakeState, error) {
	return noise.NewHandshakeState(noiseConfig(initiator, psk, rand))
}

func noiseConfig(initiator bool, psk []byte, rand io.Reader) noise.Config {
	return noise.Config{
		CipherSuite:           noise.NewCipherSuite(&ephemeral{}, noise.CipherChaChaPoly, noise.HashSHA256),
		Random:                rand,
		Pattern:               noise.HandshakeNN,
		Initiator:             initiator,
		Prologue:              []byte(label),
		PresharedKey:          psk,
		PresharedKeyPlacement: 0,
	}
}
